"""The asyncio view of a synchronous store or history: one private thread each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

from switchbot_store.errors import StoreClosedError
from switchbot_store.memory import MemoryStore
from switchbot_store.threaded.thread import PrivateThread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from types import TracebackType

    from switchbot_store.history.model import (
        HistoryResult,
        HistoryRow,
        HistorySample,
        HistoryStatus,
    )
    from switchbot_store.history.query.export import Target
    from switchbot_store.history.service import HistoryService
    from switchbot_store.interface import StoreInterface
    from switchbot_store.lease import Lease
    from switchbot_store.model import Change, Document, Entry, StoreStatus

T = TypeVar("T")


class ThreadedStore:
    """An `AsyncStore` over any `StoreInterface`.

    Calls run in the order they were made. `change` of `update` runs on the private
    thread. Cancelling an awaiting task does not undo its call: a write may happen
    still. A plain `MemoryStore` never blocks and is called in place, without a thread.
    """

    def __init__(self, store: StoreInterface) -> None:
        self.store = store
        # Not subclasses: those may well block.
        self._thread = (
            None
            if type(store) is MemoryStore
            else PrivateThread(f"{type(store).__name__} calls")
        )

    async def get_entry(self, key: str) -> Entry:
        """Return the document, its revision and time; see `StoreInterface`."""
        return await self._run(self.store.get_entry, key)

    async def get(self, key: str) -> Document:
        """Return the document, ``{}`` if it was never set."""
        return await self._run(self.store.get, key)

    async def get_many(self, keys: Iterable[str]) -> dict[str, Entry]:
        """Return an Entry for each key."""
        return await self._run(self.store.get_many, list(keys))

    async def set(self, key: str, data: Document) -> None:
        """Write the document; durable when it returns."""
        await self._run(self.store.set, key, data)

    async def set_many(self, documents: Mapping[str, Document]) -> None:
        """Write several documents, all or nothing."""
        await self._run(self.store.set_many, dict(documents))

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
    """

    def __init__(self, service: HistoryService) -> None:
        self.service = service
        self._thread = PrivateThread("history calls")

    async def record(self, sample: HistorySample) -> None:
        """Take a sample; see `HistoryService.record`."""
        if self.service.journal:
            await self._thread.run(self.service.record, sample)
        else:
            self.service.record(sample)

    async def flush(self) -> None:
        """Write everything now; see `HistoryService.flush`."""
        await self._thread.run(self.service.flush)

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
        try:
            await self._thread.run(self.service.close)
        except StoreClosedError:
            return
        finally:
            await self._thread.close()

    async def detach(self) -> None:
        """Finish the calls already made and end the thread; the service stays open."""
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
