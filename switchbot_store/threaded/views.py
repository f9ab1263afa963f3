"""The asyncio view of a synchronous store or history: one private thread each.

One thread keeps the order of the calls, and one that hangs cannot stop name resolution
on the loop's shared executor.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import logging
import os
import threading
from collections import deque
from copy import copy
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from weakref import WeakKeyDictionary, WeakSet

from switchbot_store.codec import checked_documents, checked_keys, checked_revisions
from switchbot_store.errors import (
    StoreClosedError,
    StoreDataError,
    StoreUnavailableError,
)
from switchbot_store.history.model import HistoryResult
from switchbot_store.interface import checked_store
from switchbot_store.languages import worded
from switchbot_store.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from types import TracebackType

    from switchbot_store.history.model import (
        HistoryRow,
        HistorySample,
        HistoryStatus,
    )
    from switchbot_store.history.query.export import Target
    from switchbot_store.history.readings.model import DeviceReading
    from switchbot_store.history.readings.service import DeviceHistory
    from switchbot_store.history.service import HistoryService
    from switchbot_store.interface import StoreInterface
    from switchbot_store.lease import Lease
    from switchbot_store.model import Change, Document, Entry, StoreStatus

T = TypeVar("T")

_LOGGER = logging.getLogger(__name__)

_JOIN_SECONDS: Final = 1.0


class ThreadedStore:
    """An `AsyncStore` over any `StoreInterface`.

    Calls run in the order they were made. `change` of `update` runs on the private
    thread. Cancelling an awaiting task does not undo its call: a write may happen
    still. A plain `MemoryStore` never blocks and is called in place, without a thread.

    >>> import asyncio
    >>> from switchbot_store import JsonStore, ThreadedStore
    >>> async def written() -> dict:
    ...     async with ThreadedStore(JsonStore("config")) as store:
    ...         await store.set("settings", {"mode": "winter"})
    ...         return await store.get("settings")
    >>> asyncio.run(written())
    {'mode': 'winter'}
    """

    def __init__(self, store: StoreInterface) -> None:
        self.store: StoreInterface = checked_store(store, "store")
        # Not subclasses: those may well block.
        self._thread = (
            None
            if type(store) is MemoryStore
            else PrivateThread(f"{type(store).__name__} calls")
        )
        if self._thread is not None:
            _tell_of_second(self)

    async def get_entry(self, key: str) -> Entry:
        """Return the document, its revision and time; see `StoreInterface`."""
        return await self._run(self.store.get_entry, key)

    async def get(self, key: str) -> Document:
        """Return the document, ``{}`` if it was never set."""
        return await self._run(self.store.get, key)

    async def get_many(self, keys: Iterable[str]) -> dict[str, Entry]:
        """Return an Entry for each key."""
        if self._thread is not None:
            # Before its turn comes: called in place, the store itself does that.
            keys = checked_keys(keys)
        return await self._run(self.store.get_many, keys)

    async def set(self, key: str, data: Document) -> None:
        """Write the document; durable when it returns."""
        await self._run(self.store.set, key, data)

    async def set_many(
        self, documents: Mapping[str, Document]
    ) -> Mapping[str, str] | None:
        """Write several documents, all or nothing; their revisions where known."""
        if self._thread is not None:
            documents = checked_documents(documents)
        return await self._run(self.store.set_many, documents)

    async def set_many_if(
        self, documents: Mapping[str, Document], revisions: Mapping[str, str]
    ) -> None:
        """Write several documents if each of `revisions` is still that of its key."""
        if self._thread is not None:
            documents = checked_documents(documents)
            revisions = checked_revisions(revisions)
        await self._run(self.store.set_many_if, documents, revisions)

    async def compare_and_set(self, key: str, data: Document, revision: str) -> str:
        """Write only if the stored revision equals `revision`; return the new one."""
        return await self._run(self.store.compare_and_set, key, data, revision)

    async def update(self, key: str, change: Change) -> Document:
        """Apply a pure change until no other writer came between."""
        return await self._run(self.store.update, key, change)

    async def lease(self, name: str, ttl_seconds: float) -> ThreadedLease | None:
        """Return the lease, or None while somebody else holds it; never waits."""
        lease = await self._run(self.store.lease, name, ttl_seconds)
        return None if lease is None else ThreadedLease(lease, self._run)

    async def delete(self, key: str) -> bool:
        """Remove the document; tell whether there was one."""
        return await self._run(self.store.delete, key)

    async def forget(self, prefix: str) -> int:
        """Delete every document whose key begins so; see `StoreInterface.forget`."""
        return await self._run(self.store.forget, prefix)

    async def keys(self) -> list[str]:
        """Return the sorted keys, without the internal ones."""
        return await self._run(self.store.keys)

    async def health_check(self) -> bool:
        """Tell whether a write would be acknowledged now. Never raises."""
        try:
            return await self._run(self.store.health_check)
        except StoreClosedError:
            return False

    def status(self) -> StoreStatus:
        """Describe the store without waiting for the thread."""
        return self.store.status()

    async def open(self) -> Self:
        """Open the store behind."""
        await self._run(self.store.open)
        return self

    async def close(self) -> None:
        """Finish the calls already made, close the store behind, end the thread."""
        if self._thread is None:
            self.store.close()
            return
        try:
            await self._thread.run(self.store.close)
        except StoreClosedError:
            return
        await self._thread.close()

    @property
    def ended(self) -> bool:
        """Whether its thread was ended, by `close` or `detach`."""
        return self._thread is not None and self._thread.closed

    async def detach(self) -> None:
        """Finish the calls already made and end the thread; the store stays open.

        For who was handed an open store and only wants to be done with it.
        """
        if self._thread is not None:
            await self._thread.close()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _run(self, function: Callable[..., T], *args: object) -> T:
        if self._thread is None:
            return function(*args)
        return await self._thread.run(function, *args)


_WRAPPERS: Final[WeakKeyDictionary[StoreInterface, WeakSet[ThreadedStore]]] = (
    WeakKeyDictionary()
)


def _tell_of_second(wrapper: ThreadedStore) -> None:
    """Warn of a thread more on a store that has one already in this process."""
    others = _WRAPPERS.setdefault(wrapper.store, WeakSet())
    if any(not each.ended for each in others):
        _LOGGER.warning(
            "a second ThreadedStore wraps %r: share one, it is a thread less",
            wrapper.store,
        )
    others.add(wrapper)


class ThreadedLease:
    """The asyncio view of a `Lease`; its calls run among those of its store."""

    def __init__(
        self, lease: Lease, run: Callable[[Callable[[], Any]], Awaitable[Any]]
    ) -> None:
        self.lease = lease
        self._run = run

    @property
    def token(self) -> int:
        """Greater than that of every earlier holder."""
        return self.lease.token

    async def renew(self) -> bool:
        """Hold it for another time to live; False if it was lost."""
        return bool(await self._run(self.lease.renew))

    async def release(self) -> None:
        """Let the next one have it at once."""
        await self._run(self.lease.release)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.release()


class ThreadedHistory:
    """The asyncio view of a `HistoryService`.

    `record` takes microseconds and is called in place; only with a journal, which is a
    write to the disk, it goes through the private thread, as all else does. A query
    that takes long delays those after it, never the loop.

    >>> import asyncio
    >>> from datetime import UTC, datetime
    >>> from switchbot_store import HistorySample, HistoryService, SqliteHistory
    >>> from switchbot_store import ThreadedHistory
    >>> async def recorded() -> float:
    ...     service = HistoryService(SqliteHistory("rows.sqlite"))
    ...     async with ThreadedHistory(service) as history:
    ...         at = datetime(2026, 1, 12, tzinfo=UTC)
    ...         await history.record(HistorySample(at, temperature=21.5))
    ...         return (await history.latest())[0].temperature
    >>> asyncio.run(recorded())
    21.5
    """

    def __init__(self, service: HistoryService) -> None:
        self.service = service
        self._thread = PrivateThread("history calls")
        self._shared = False

    @property
    def home(self) -> str | None:
        """The home whose rows these are, None for all that there are."""
        return self.service.home

    def of_home(self, home: str) -> ThreadedHistory:
        """Return this history as one home sees it, on the same thread.

        See `HistoryService.of_home`. Closing the view leaves both as they are.
        """
        if self.home == home:
            return self
        view = copy(self)
        view.service = self.service.of_home(home)
        view._shared = True  # noqa: SLF001 - a copy of this very object
        return view

    async def record(self, sample: HistorySample) -> None:
        """Take a sample; see `HistoryService.record`."""
        if self.service.journal:
            await self._thread.run(self.service.record, sample)
        else:
            self.service.record(sample)

    async def flush(self) -> None:
        """Write everything now; see `HistoryService.flush`."""
        await self._thread.run(self.service.flush)

    @property
    def readings(self) -> DeviceHistory | None:
        """What devices said, whose calls may wait; None where nobody keeps it."""
        return self.service.readings

    async def record_readings(self, readings: Iterable[DeviceReading]) -> None:
        """Take readings of devices; they are written when that is due.

        One that no place can keep is passed over with a warning. Raises
        StoreUnavailableError where they can only wait in memory.
        """
        place = self.service.readings
        if place is None:
            return
        for reading in readings:
            try:
                place.record(reading)
            except StoreDataError as error:
                _LOGGER.warning(
                    "%s of %s is not kept: %s",
                    reading.attribute,
                    reading.device_id,
                    error,
                )
        if place.due:
            await self._thread.run(place.flush)

    async def query_readings(
        self,
        start: datetime,
        end: datetime,
        device_id: str,
        attribute: str,
        *,
        points: int | None = None,
        bucket: str | None = None,
        timezone: str = "UTC",
    ) -> HistoryResult:
        """Return what a device said; see `DeviceHistory.query`. Empty without a place."""
        place = self.service.readings
        if place is None:
            return HistoryResult([], "raw")
        return await self._thread.run(
            place.query,
            start,
            end,
            device_id,
            attribute,
            points=points,
            bucket=bucket,
            timezone=timezone,
        )

    async def latest_readings(self) -> list[HistoryRow]:
        """Return the newest reading of every device; see `DeviceHistory.latest`."""
        place = self.service.readings
        return [] if place is None else await self._thread.run(place.latest)

    async def export_readings(
        self,
        target: Target,
        start: datetime,
        end: datetime,
        *,
        device_id: str | None = None,
        attribute: str | None = None,
        format: str | None = None,  # noqa: A002 - as in `HistoryService`
        spreadsheet: bool = False,
    ) -> int:
        """Write readings to a file; see `DeviceHistory.export`. 0 without a place."""
        place = self.service.readings
        if place is None:
            return 0
        return await self._thread.run(
            place.export,
            target,
            start,
            end,
            device_id=device_id,
            attribute=attribute,
            format=format,
            spreadsheet=spreadsheet,
        )

    async def query(
        self,
        start: datetime,
        end: datetime,
        *,
        zone: str | None = None,
        fields: Sequence[str] | None = None,
        points: int | None = None,
        bucket: str | None = None,
        timezone: str | None = None,
    ) -> HistoryResult:
        """Return what happened in ``[start, end)``; see `HistoryService.query`."""
        return await self._thread.run(
            self.service.query,
            start,
            end,
            zone=zone,
            fields=fields,
            points=points,
            bucket=bucket,
            timezone=timezone,
        )

    async def latest(self, n: int = 1, *, zone: str | None = None) -> list[HistoryRow]:
        """Return the newest `n` rows, ascending."""
        return await self._thread.run(self.service.latest, n, zone=zone)

    async def aggregates(
        self, hours: float, *, zone: str | None = None
    ) -> dict[str, int | float | str | None]:
        """Summarise the last `hours`; see `HistoryService.aggregates`."""
        return await self._thread.run(self.service.aggregates, hours, zone=zone)

    async def export(
        self,
        target: Target,
        start: datetime,
        end: datetime,
        *,
        zone: str | None = None,
        fields: Sequence[str] | None = None,
        format: str | None = None,  # noqa: A002 - as in `HistoryService`
        spreadsheet: bool = False,
    ) -> int:
        """Write the rows of a range to a file; see `HistoryService.export`."""
        return await self._thread.run(
            self.service.export,
            target,
            start,
            end,
            zone=zone,
            fields=fields,
            format=format,
            spreadsheet=spreadsheet,
        )

    async def cleanup(self) -> int:
        """Delete what is older than the retention; see `HistoryService.cleanup`."""
        return await self._thread.run(self.service.cleanup)

    def status(self) -> HistoryStatus:
        """Describe the service without waiting for the thread."""
        return self.service.status()

    async def open(self) -> Self:
        """Open the service behind."""
        await self._thread.run(self.service.open)
        return self

    async def close(self) -> None:
        """Finish the calls already made, close the service behind, end the thread."""
        if self._shared:
            return
        try:
            await self._thread.run(self.service.close)
        except StoreClosedError:
            return
        finally:
            await self._thread.close()

    async def detach(self) -> None:
        """Finish the calls already made and end the thread; the service stays open."""
        if not self._shared:
            await self._thread.close()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()


class _Call:
    """One call on its way through the thread; the future belongs to `loop`."""

    __slots__ = ("function", "future", "loop")

    def __init__(
        self,
        function: Callable[[], Any],
        loop: asyncio.AbstractEventLoop,
        future: asyncio.Future[Any],
    ) -> None:
        self.function = function
        self.loop = loop
        self.future = future

    def execute(self) -> None:
        result: Any = None
        error: BaseException | None = None
        try:
            result = self.function()
        except BaseException as raised:  # noqa: BLE001 - it is the caller's, in the loop
            error = raised
        try:
            self.loop.call_soon_threadsafe(self._settle, result, error)
        except RuntimeError:
            # The loop was closed meanwhile: nobody is left to be told.
            return

    def _settle(self, result: object, error: BaseException | None) -> None:
        if self.future.done():  # the awaiting task was cancelled
            return
        if error is None:
            self.future.set_result(result)
        elif isinstance(error, StopIteration):
            # A future refuses to carry this one.
            wrapped = RuntimeError("the call raised StopIteration")
            wrapped.__cause__ = error
            self.future.set_exception(wrapped)
        else:
            self.future.set_exception(error)


class PrivateThread:
    """Runs blocking calls one after the other on a thread of its own.

    The thread starts with the first call, and is a daemon: a call that hangs for ever
    does not keep the process from ending. Cancelling a task that awaits a call does
    not take the call back; it keeps its place and the next ones wait for it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._condition = threading.Condition()
        self._calls: deque[_Call] = deque()
        self._thread: threading.Thread | None = None
        self._process_id = os.getpid()
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether it takes no calls any more."""
        return self._closed

    async def run(
        self, function: Callable[..., T], /, *args: object, **kwargs: object
    ) -> T:
        """Call `function` on the thread and return what it returns or raises.

        Raises StoreClosedError after `close`, StoreUnavailableError where the system has
        no thread left.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        # In the caller's context, for `time_limit`.
        context = contextvars.copy_context()
        call = functools.partial(context.run, function, *args, **kwargs)
        self._submit(_Call(call, loop, future))
        return await future

    async def close(self) -> None:
        """Finish the calls already made, then end the thread."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        with self._condition:
            # Under one lock with the last call: a thread that just finished another
            # would see the end alone, leave, and let us wait for ever.
            self._closed = True
            thread = self._thread
            if thread is None or self._process_id != os.getpid():
                return
            self._calls.append(_Call(lambda: None, loop, ended))
            self._condition.notify()
        await ended
        thread.join(_JOIN_SECONDS)

    def _submit(self, call: _Call) -> None:
        if self._process_id != os.getpid():
            self._forget_parent()
        with self._condition:
            if self._closed:
                raise StoreClosedError(worded("{name} was closed", name=self.name))
            if self._thread is None:
                thread = threading.Thread(
                    target=self._work, name=self.name, daemon=True
                )
                try:
                    thread.start()
                except RuntimeError as error:
                    raise StoreUnavailableError(
                        worded("{name}: {error}", name=self.name, error=error)
                    ) from error
                self._thread = thread
            self._calls.append(call)
            self._condition.notify()

    def _forget_parent(self) -> None:
        """Start afresh in a forked child, which has no such thread."""
        self._condition = threading.Condition()
        self._calls = deque()
        self._thread = None
        self._process_id = os.getpid()

    def _work(self) -> None:
        while True:
            with self._condition:
                while not self._calls and not self._closed:
                    self._condition.wait()
                if not self._calls:
                    self._thread = None
                    return
                call = self._calls.popleft()
            call.execute()
            del call  # or else it lives on until the next one
