"""Many callers, few statements: what is asked for together is asked in one.

While one statement is on its way the next calls wait for it anyway; they go out together
once it is back. So a home costs a statement where it is alone, and a share of one among
thousands.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from switchbot_store.codec import (
    UnreadableError,
    checked_documents,
    checked_keys,
    checked_revisions,
    encode,
    validate_key,
)
from switchbot_store.errors import (
    StoreClosedError,
    StoreDataError,
    StoreUnavailableError,
)
from switchbot_store.interface import StoreInterface
from switchbot_store.threaded.views import PrivateThread, ThreadedStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from switchbot_store.model import Document, Entry

C = TypeVar("C")
R = TypeVar("R")
_LARGE: Final = 256 * 1024
"""From so many bytes on a document takes a lane of its own."""
_KNOWN_LARGE: Final = 10_000
_SLOW_SECONDS: Final = 0.1
"""After so long it is looked for a document that is to blame."""


class _Read(NamedTuple):
    keys: tuple[str, ...]
    future: asyncio.Future[dict[str, Entry]]


class _Write(NamedTuple):
    documents: dict[str, Document]
    revisions: dict[str, str]
    future: asyncio.Future[None]


class _LargeError(Exception):
    """No failure: it goes by the other lane."""


class _Lane:
    """Calls that go out one statement after the other, on a thread of their own."""

    def __init__(
        self, store: GatheringStore, thread: PrivateThread, most: int, *, large: bool
    ) -> None:
        self._store = store
        self._thread = thread
        self._most = most
        self._large = large
        self._task: asyncio.Task[None] | None = None
        self.reads: deque[_Read] = deque()
        self.writes: deque[_Write] = deque()

    def go(self, seconds: float) -> None:
        """Let what waits go out in so many seconds, if it does not already."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(seconds))

    async def end(self) -> None:
        """Let what waits go out, and end the thread."""
        if self._task is not None:
            await self._task
        await self._thread.close()

    async def _run(self, seconds: float) -> None:
        # Whoever begins in this turn of the loop goes along.
        await asyncio.sleep(seconds)
        while self.reads or self.writes:
            if writes := self._next_writes():
                await self._write(writes)
            if reads := self._next_reads():
                answers = await self._on_thread(self._store.read, reads)
                for read, answer in zip(reads, answers, strict=True):
                    _tell(read.future, answer)

    async def _write(self, writes: list[_Write]) -> None:
        if not self._large:
            weighed = await self._on_thread(self._store.weigh, writes)
            fine = []
            for write, problem in zip(writes, weighed, strict=True):
                if isinstance(problem, _LargeError):
                    self._store.put(write, large=True)
                elif problem is not None:
                    _tell(write.future, problem)
                else:
                    fine.append(write)
            writes = fine
        if not writes:
            return
        answers = await self._on_thread(self._store.write, writes)
        for write, answer in zip(writes, answers, strict=True):
            _tell(write.future, answer)

    async def _on_thread(
        self, function: Callable[[list[C]], list[R]], calls: list[C]
    ) -> list[R | Exception]:
        try:
            return [*await self._thread.run(function, calls)]
        except Exception as error:  # noqa: BLE001 - whoever waits would wait for ever
            return [error] * len(calls)

    def _next_reads(self) -> list[_Read]:
        taken: list[_Read] = []
        room = self._most
        while self.reads and (not taken or len(self.reads[0].keys) <= room):
            taken.append(self.reads.popleft())
            room -= len(taken[-1].keys)
        return taken

    def _next_writes(self) -> list[_Write]:
        """Take what fits, each document once: two writers of one go one after the other."""
        taken: list[_Write] = []
        keys: set[str] = set()
        while self.writes:
            more = self.writes[0].documents.keys()
            if taken and (
                not keys.isdisjoint(more) or len(keys) + len(more) > self._most
            ):
                break
            keys |= more
            taken.append(self.writes.popleft())
        return taken


def _tell(future: asyncio.Future[Any], answer: object) -> None:
    if future.done():  # whoever waited was cancelled
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)


class GatheringStore(ThreadedStore):
    """A `ThreadedStore` that many homes share: one statement for what is due together.

    `get_many`, `set_many` and `set_many_if` of callers that do not wait for each other
    become one call of the store behind, of at most `most` documents. Each caller hears of
    its own: what cannot be stored, was changed by others, or is large, concerns nobody
    else. `gather_seconds` is how long a call waits for others, 0 for no longer than it
    has to. All other calls are as in `ThreadedStore`. `calls` counts those that went to
    the store behind.

    >>> import asyncio
    >>> from switchbot_store import GatheringStore, JsonStore
    >>> async def together() -> int:
    ...     async with GatheringStore(JsonStore("config")) as store:
    ...         await asyncio.gather(*(store.get_many([f"a{n}"]) for n in range(100)))
    ...         return store.calls
    >>> asyncio.run(together())
    1
    """

    def __init__(
        self, store: StoreInterface, *, gather_seconds: float = 0.0, most: int = 200
    ) -> None:
        super().__init__(store)
        name = type(store).__name__
        self._gather_seconds = gather_seconds
        self._lanes = {
            large: _Lane(self, PrivateThread(f"{name} {word} calls"), most, large=large)
            for large, word in ((False, "gathered"), (True, "large"))
        }
        self._large: OrderedDict[str, None] = OrderedDict()
        self.calls: int = 0
        # What is written one after the other cannot be taken back for one of many.
        self._all_or_none = type(store).set_many_if is not StoreInterface.set_many_if

    async def get_many(self, keys: Iterable[str]) -> dict[str, Entry]:
        """Return an Entry for each key; see `StoreInterface.get_many`."""
        wanted = tuple(checked_keys(keys))
        if not wanted:
            return {}
        future: asyncio.Future[dict[str, Entry]] = (
            asyncio.get_running_loop().create_future()
        )
        large = any(key in self._large for key in wanted)
        self._lanes[large].reads.append(_Read(wanted, future))
        self._lanes[large].go(0.0 if large else self._gather_seconds)
        return await future

    async def get_entry(self, key: str) -> Entry:
        """Return the document, its revision and time; see `StoreInterface`."""
        return (await self.get_many([key]))[key]

    async def get(self, key: str) -> Document:
        """Return the document, ``{}`` if it was never set."""
        return (await self.get_entry(key)).data

    async def set_many(self, documents: Mapping[str, Document]) -> None:
        """Write several documents, all or nothing; see `StoreInterface.set_many`."""
        await self.set_many_if(documents, {})

    async def set(self, key: str, data: Document) -> None:
        """Write the document; durable when it returns."""
        await self.set_many_if({validate_key(key): data}, {})

    async def set_many_if(
        self, documents: Mapping[str, Document], revisions: Mapping[str, str]
    ) -> None:
        """Write several documents if each of `revisions` is still that of its key."""
        documents = checked_documents(documents)
        revisions = checked_revisions(revisions)
        if not documents:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        write = _Write(documents, revisions, future)
        self.put(write, large=any(key in self._large for key in documents))
        await future

    def put(self, write: _Write, *, large: bool) -> None:
        """Let a write go out with the next statement of a lane."""
        lane = self._lanes[large]
        lane.writes.append(write)
        lane.go(0.0 if large else self._gather_seconds)

    async def close(self) -> None:
        """Finish the calls already made, close the store behind, end the threads."""
        for lane in self._lanes.values():
            await lane.end()
        await super().close()

    async def detach(self) -> None:
        """Finish the calls already made and end the threads; the store stays open."""
        for lane in self._lanes.values():
            await lane.end()
        await super().detach()

    # --- large ones ------------------------------------------------------------------

    def note_large(self, key: str) -> None:
        """Let a document have the lane of the large ones from now on."""
        self._large[key] = None
        self._large.move_to_end(key)
        while len(self._large) > _KNOWN_LARGE:
            self._large.popitem(last=False)

    # --- on a lane's thread ----------------------------------------------------------

    def read(self, calls: list[_Read]) -> list[dict[str, Entry] | Exception]:
        """Read for several callers; return each one's own, or why not."""
        keys = list(dict.fromkeys(key for call in calls for key in call.keys))
        began = time.monotonic()
        try:
            self.calls += 1
            found = self.store.get_many(keys)
        except (StoreUnavailableError, StoreClosedError) as error:
            if isinstance(error, UnreadableError) and len(calls) > 1:
                return self._read_by_halves(calls)  # it answers, and one is no document
            return [error] * len(calls)
        except Exception as error:  # noqa: BLE001 - told to its one caller
            if len(calls) == 1:
                return [error]
            return [answer for call in calls for answer in self.read([call])]
        if time.monotonic() - began > _SLOW_SECONDS:
            for key, entry in found.items():
                if len(encode(entry.data)) > _LARGE:
                    self.note_large(key)
        # Callers change what they were given: who shares a document gets his own.
        asked: set[str] = set()
        answers: list[dict[str, Entry] | Exception] = []
        for call in calls:
            if asked.isdisjoint(call.keys):
                answers.append({key: found[key] for key in call.keys})
            else:
                self.calls += 1
                answers.append(self.store.get_many(call.keys))
            asked.update(call.keys)
        return answers

    def _read_by_halves(self, calls: list[_Read]) -> list[dict[str, Entry] | Exception]:
        middle = len(calls) // 2
        return [*self.read(calls[:middle]), *self.read(calls[middle:])]

    def weigh(self, calls: list[_Write]) -> list[Exception | None]:
        """Return for each what is wrong with it; StoreDataError, `_LargeError` or None."""
        found: list[Exception | None] = []
        for call in calls:
            try:
                sizes = {key: len(encode(data)) for key, data in call.documents.items()}
            except StoreDataError as error:
                found.append(error)
                continue
            large = [key for key, size in sizes.items() if size > _LARGE]
            for key in large:
                self.note_large(key)
            found.append(_LargeError() if large else None)
        return found

    def write(self, calls: list[_Write]) -> list[Exception | None]:
        """Write for several callers; return for each None, or why not."""
        if (
            len(calls) > 1
            and not self._all_or_none
            and any(call.revisions for call in calls)
        ):
            return [answer for call in calls for answer in self.write([call])]
        together = {key: data for call in calls for key, data in call.documents.items()}
        revisions = {
            key: each for call in calls for key, each in call.revisions.items()
        }
        try:
            self.calls += 1
            if revisions:
                self.store.set_many_if(together, revisions)
            else:
                self.store.set_many(together)
        except (StoreUnavailableError, StoreClosedError) as error:
            return [error] * len(calls)
        except Exception as error:  # noqa: BLE001 - told to its one caller
            if len(calls) == 1:
                return [error]
            return [answer for call in calls for answer in self.write([call])]
        return [None] * len(calls)
