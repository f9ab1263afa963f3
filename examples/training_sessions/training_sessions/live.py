# From one who sends to all who watch, none of whom can hold up the others.
#
# A watcher holds at most one message that it has not been sent: newer values take the
# place of older ones. Who is slow therefore sees fewer values, never outdated ones, and
# costs no memory.
import asyncio
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from uuid import UUID

from training_sessions.model import Event, SessionFullError


class Watcher:
    def __init__(self) -> None:
        self._waiting: Event | None = None
        self._ended: str | None = None
        self._news = asyncio.Event()

    async def next(self) -> Event | str:
        """Wait for values, or for why there will be no more."""
        await self._news.wait()
        if self._waiting is not None:
            event, self._waiting = self._waiting, None
            if self._ended is None:
                self._news.clear()
            return event
        return self._ended or ""

    def tell(self, event: Event) -> None:
        # Two connections of one trainer may overtake each other on the way here.
        if self._waiting is None or event.sequence > self._waiting.sequence:
            self._waiting = event
            self._news.set()

    def end(self, reason: str) -> None:
        self._ended = self._ended or reason
        self._news.set()


class Live:
    def __init__(self) -> None:
        self._watchers: dict[UUID, set[Watcher]] = {}

    @property
    def session_ids(self) -> Collection[UUID]:
        return list(self._watchers)

    @contextmanager
    def watching(self, session_id: UUID, at_most: int) -> Iterator[Watcher]:
        watchers = self._watchers.setdefault(session_id, set())
        if len(watchers) >= at_most:
            raise SessionFullError(f"{at_most} watch this session already")
        watcher = Watcher()
        watchers.add(watcher)
        try:
            yield watcher
        finally:
            watchers.discard(watcher)
            if not watchers and self._watchers.get(session_id) is watchers:
                del self._watchers[session_id]

    def tell(self, event: Event) -> None:
        for watcher in self._watchers.get(event.session_id, ()):
            watcher.tell(event)

    def end(self, session_id: UUID, reason: str) -> None:
        for watcher in self._watchers.get(session_id, ()):
            watcher.end(reason)

    def end_all(self, reason: str) -> None:
        for session_id in self.session_ids:
            self.end(session_id, reason)
