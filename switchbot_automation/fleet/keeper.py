"""Many homes in one process, without a queue: those due together are visited together.

No home has a thread, a session or an engine of its own between its visits: of a home that
rests nothing is in memory but when it wants to be visited again. Homes that are due within
the same fraction of a second share a statement to read and one to write, where the store
of the `Place` is a `GatheringStore`.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from zlib import crc32

from switchbot_automation.errors import UnknownHomeError
from switchbot_automation.fleet.visit import log_failure, tick_home, wait_after
from switchbot_store import checked_home

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchbot_automation.fleet.errands import Errand
    from switchbot_automation.fleet.visit import Place, Visit

_LOGGER = logging.getLogger(__name__)

_TOGETHER_SECONDS: Final = 0.25
_IDLE_SECONDS: Final = 60.0


class _Waiting:
    """What is kept of a home that rests."""

    __slots__ = ("due", "failures", "zones")

    def __init__(self, due: datetime) -> None:
        self.due = due
        self.failures = 0
        self.zones: tuple[str, ...] = ()


class HomeKeeper:
    """Visits the homes that were added to it when they want it, for as long as it runs.

    A home that fails is visited later and later, one that hangs only makes itself wait.
    `together_seconds` is how much a visit may be late so that others go along. `on_visit`
    is told of every visit.

    >>> import asyncio
    >>> from switchbot_automation.fleet.keeper import HomeKeeper
    >>> from switchbot_automation.fleet.visit import Place
    >>> from switchbot_automation.simulation import SimulatedHome, default_settings
    >>> from switchbot_store import GatheringStore, HomeStore, MemoryStore
    >>> async def once() -> list[str]:
    ...     store, home = MemoryStore(), SimulatedHome(season="winter")
    ...     for name in ("1", "2"):
    ...         HomeStore(store, name).set("settings", default_settings("winter"))
    ...     place = Place(GatheringStore(store), lambda name: home, clock=home.clock)
    ...     keeper = HomeKeeper(place)
    ...     for name in ("1", "2"):
    ...         keeper.add(name)
    ...     found = await keeper.visit_due()
    ...     await place.store.close()
    ...     return sorted(visit.home for visit in found)
    >>> asyncio.run(once())
    ['1', '2']
    """

    def __init__(
        self,
        place: Place,
        *,
        together_seconds: float = _TOGETHER_SECONDS,
        on_visit: Callable[[Visit], object] = lambda _visit: None,
    ) -> None:
        self._place = place
        self._together = timedelta(seconds=together_seconds)
        self._on_visit = on_visit
        self._homes: dict[str, _Waiting] = {}
        self._queue: list[tuple[datetime, str]] = []
        self._visiting: set[str] = set()
        self._tasks: set[asyncio.Task[Visit | None]] = set()
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._homes)

    def add(self, home: str, *, spread_seconds: float = 0.0) -> None:
        """Visit a home from now on, first at its share of so many seconds."""
        if checked_home(home) not in self._homes:
            share = crc32(home.encode()) / 2**32
            now = self._place.clock.now()
            self._homes[home] = _Waiting(now)
            self._wait(home, now + timedelta(seconds=share * spread_seconds))

    def remove(self, home: str) -> None:
        """Visit a home no more; a visit under way ends by itself."""
        self._homes.pop(home, None)

    @property
    def next_wakeup(self) -> datetime | None:
        """When the next home is due, None while none waits."""
        while self._queue:
            due, home = self._queue[0]
            waiting = self._homes.get(home)
            if waiting is not None and waiting.due == due:
                return due
            heapq.heappop(self._queue)  # gone, or due at another instant by now
        return None

    async def visit_due(self) -> list[Visit]:
        """Visit all that are due, at once; return the visits that came about."""
        found = await asyncio.gather(*self._begin_due())
        return [visit for visit in found if visit is not None]

    async def ask(self, home: str, errand: Errand) -> Visit:
        """Visit a home now for an errand; see `tick_home`, which raises what this does."""
        visit = await tick_home(
            home, self._place.clock.now(), self._place, errand=errand
        )
        self._on_visit(visit)
        if home in self._homes:
            self._wait(home, min(self._homes[home].due, visit.next_wakeup))
        return visit

    async def run(self) -> None:
        """Visit whoever is due until it is cancelled; then let visits come to an end."""
        clock = self._place.clock
        try:
            while True:
                self._begin_due()
                due = self.next_wakeup
                seconds = _IDLE_SECONDS
                if due is not None:
                    seconds = min(seconds, (due - clock.now()).total_seconds())
                self._changed.clear()
                waits = asyncio.ensure_future(self._changed.wait())
                sleeps = asyncio.ensure_future(
                    clock.sleep(max(seconds, self._together.total_seconds()))
                )
                try:
                    await asyncio.wait(
                        {waits, sleeps}, return_when=asyncio.FIRST_COMPLETED
                    )
                finally:
                    waits.cancel()
                    sleeps.cancel()
        finally:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin_due(self) -> list[asyncio.Task[Visit | None]]:
        now = self._place.clock.now()
        begun = []
        while (due := self.next_wakeup) is not None and due <= now:
            home = heapq.heappop(self._queue)[1]
            if home in self._visiting:
                continue  # it says itself when again
            self._visiting.add(home)
            task = asyncio.create_task(self._visit(home, due))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            begun.append(task)
        return begun

    async def _visit(self, home: str, due: datetime) -> Visit | None:
        waiting = self._homes.get(home)
        if waiting is None:  # removed before this began
            self._visiting.discard(home)
            return None
        try:
            visit = await tick_home(home, due, self._place, zones=waiting.zones)
        except UnknownHomeError as error:
            _LOGGER.warning("%s: it is visited no more", error)
            self.remove(home)
            return None
        except Exception as error:  # noqa: BLE001 - told, and the home is visited again
            wait = wait_after(waiting.failures)
            log_failure(
                _LOGGER,
                error,
                f"the home {home} could not be looked after",
                then=f"it is visited again in {wait.total_seconds():.0f} s",
            )
            waiting.failures += 1
            self._wait(home, self._place.clock.now() + wait)
            return None
        finally:
            self._visiting.discard(home)
        waiting.failures, waiting.zones = 0, visit.zones
        self._wait(home, visit.next_wakeup)
        self._on_visit(visit)
        return visit

    def _wait(self, home: str, due: datetime) -> None:
        waiting = self._homes.get(home)
        if waiting is None:
            return
        waiting.due = due
        first = not self._queue or due < self._queue[0][0]
        heapq.heappush(self._queue, (due, home))
        if first:
            self._changed.set()
