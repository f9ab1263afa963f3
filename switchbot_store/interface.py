"""The contract of a store: read this first.

A store keeps JSON documents by key. A backend writes the nine abstract methods of
`StoreInterface`; everything else is derived and may be overridden where one statement
can do it. Every backend passes `switchbot_store.testing.StoreContract`.

The words document, key and revision are explained in `switchbot_store.model`.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from switchbot_store.arguments import no_setting
from switchbot_store.codec import (
    checked_change,
    checked_documents,
    checked_keys,
    checked_revisions,
    checked_text,
    validate_key,
)
from switchbot_store.errors import StoreConflictError
from switchbot_store.lease import Lease, take_lease

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    from switchbot_store.model import Change, Document, Entry, StoreStatus


class StoreInterface(ABC):
    """A synchronous, thread-safe store of documents; also a context manager.

    It opens on first use or by `open()`. After `close()` every call raises
    `StoreClosedError`. An argument of a wrong type, as None for documents or a text for
    keys, is StoreDataError by every call, before anything is done. `monotonic` returns
    seconds; leases are watched by it.

    >>> from switchbot_store import MemoryStore, StoreConflictError
    >>> with MemoryStore() as store:  # or JsonStore, PostgresStore, FailoverStore
    ...     store.set("settings", {"mode": "winter"})
    ...     entry = store.get_entry("settings")
    ...     _ = store.update("settings", lambda document: {**document, "mode": "summer"})
    ...     try:
    ...         store.compare_and_set("settings", {}, entry.revision)
    ...     except StoreConflictError as conflict:
    ...         print(conflict)
    ...     with store.lease("engine", ttl_seconds=30) as lease:
    ...         print(lease.token, store.document("settings").read())
    'settings' was changed by somebody else
    1 {'mode': 'summer'}
    """

    monotonic: Callable[[], float] = staticmethod(time.monotonic)

    @abstractmethod
    def get_entry(self, key: str) -> Entry:
        """Return the document, its revision and time; an empty Entry if never set.

        The data is the caller's own copy. Raises StoreUnavailableError.
        """

    @abstractmethod
    def set(self, key: str, data: Document) -> None:
        """Write the document; durable when it returns.

        Raises StoreDataError before anything is written, StoreUnavailableError.
        """

    @abstractmethod
    def compare_and_set(self, key: str, data: Document, revision: str) -> str:
        """Write only if the stored revision equals `revision`; return the new one.

        Raises StoreConflictError, StoreDataError, StoreUnavailableError.
        """

    @abstractmethod
    def delete(self, key: str) -> bool:
        """Remove the document; tell whether there was one."""

    @abstractmethod
    def keys(self) -> list[str]:
        """Return the sorted keys, without the internal ones that begin with ``_``."""

    @abstractmethod
    def health_check(self) -> bool:
        """Tell whether a write would be acknowledged now. Bounded, never raises."""

    @abstractmethod
    def status(self) -> StoreStatus:
        """Describe the store without touching disk or network. Never raises."""

    @abstractmethod
    def open(self) -> Self:
        """Make ready, or raise StoreConfigError, StoreUnavailableError, MigrationError.

        Opening an open store does nothing.
        """

    @abstractmethod
    def close(self) -> None:
        """Release everything the store itself made. Closing twice does nothing."""

    def get(self, key: str) -> Document:
        """Return the document, ``{}`` if it was never set."""
        return self.get_entry(key).data

    def keys_with(self, prefix: str) -> list[str]:
        """Return the sorted keys that begin with `prefix`, the internal ones too.

        A backend that does not override this tells of none that is internal.
        """
        prefix = checked_text(prefix, "prefix")
        return [key for key in self.keys() if key.startswith(prefix)]

    def forget(self, prefix: str) -> int:
        """Delete for good every document whose key begins so; return how many.

        The internal ones too, and what else this store keeps of them. Not all at once:
        after an error call it again.
        """
        return sum(self.delete(key) for key in self.keys_with(prefix))

    def get_many(self, keys: Iterable[str]) -> dict[str, Entry]:
        """Return an Entry for each key, in the order asked."""
        return {key: self.get_entry(key) for key in checked_keys(keys)}

    def set_many(self, documents: Mapping[str, Document]) -> Mapping[str, str] | None:
        """Write several documents, all or nothing.

        Returns their revisions where the backend knows them without asking, else None.
        The derived form cannot promise "all or nothing"; every backend here overrides
        it.
        """
        for key, data in checked_documents(documents).items():
            self.set(key, data)
        return None

    def set_many_if(
        self, documents: Mapping[str, Document], revisions: Mapping[str, str]
    ) -> None:
        """Write several documents if each of `revisions` is still that of its key.

        `revisions` has keys of `documents` with what `get_entry` said of them; "" is a
        document that was never set. The rest are written whatever is there. Raises
        StoreConflictError naming a key of which it is not so. Nothing was written then
        by PostgreSQL and in memory; the derived form may have written those before it.
        """
        documents = checked_documents(documents)
        revisions = checked_revisions(revisions)
        for key, data in documents.items():
            if key in revisions:
                self.compare_and_set(key, data, revisions[key])
        rest = {key: each for key, each in documents.items() if key not in revisions}
        if rest:
            self.set_many(rest)

    def update(self, key: str, change: Change) -> Document:
        """Apply `change` to the document until no other writer came between.

        `change` gets its own copy, must be pure since it may run again, and returns the
        new document or None to leave it. Returns the document now stored.
        """
        change = checked_change(change)
        while True:
            entry = self.get_entry(key)
            changed = change(entry.data)
            if changed is None:
                return self.get(key)
            try:
                self.compare_and_set(key, changed, entry.revision)
            except StoreConflictError:
                continue
            return changed

    def document(self, key: str) -> DocumentView:
        """Return a view bound to one key. Raises StoreDataError for what is none."""
        return DocumentView(self, validate_key(key))

    def lease(self, name: str, ttl_seconds: float) -> Lease | None:
        """Return the lease of that name, or None while somebody else holds it.

        Never waits: call it again. A holder who does not renew loses it once this
        store object has watched it for its time to live. Raises StoreDataError for a
        bad name or time, StoreUnavailableError.
        """
        return take_lease(self, name, ttl_seconds, monotonic=self.monotonic)

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def checked_store(store: StoreInterface, variable: str) -> StoreInterface:
    """Return a store that something is made with; StoreConfigError for what is none."""
    if not isinstance(store, StoreInterface):
        raise no_setting("a store", store, variable)
    return store


@dataclass(frozen=True, slots=True)
class DocumentView:
    """One document of a store, for hosts that pass `settings` and `state` about.

    >>> from switchbot_store import DocumentView, MemoryStore
    >>> settings = DocumentView(MemoryStore(), "settings")
    >>> settings.write({"mode": "winter"})
    >>> settings.update(lambda found: {**found, "mode": "summer"}), settings.read()
    ({'mode': 'summer'}, {'mode': 'summer'})
    """

    store: StoreInterface
    key: str

    def read(self) -> Document:
        """Return the document, ``{}`` if it was never set."""
        return self.store.get(self.key)

    def write(self, data: Document) -> None:
        """Write the document; durable when it returns."""
        self.store.set(self.key, data)

    def update(self, change: Change) -> Document:
        """Apply a pure change; see `StoreInterface.update`."""
        return self.store.update(self.key, change)


class AsyncStore(Protocol):
    """The same store as asyncio code sees it. `ThreadedStore` provides it.

    >>> import asyncio
    >>> from switchbot_store import AsyncStore, MemoryStore, ThreadedStore
    >>> async def rename(store: AsyncStore, name: str) -> str:
    ...     await store.update("settings", lambda settings: {**settings, "name": name})
    ...     return (await store.get("settings"))["name"]
    >>> asyncio.run(rename(ThreadedStore(MemoryStore()), "attic"))
    'attic'
    """

    async def get_entry(self, key: str) -> Entry: ...
    async def set(self, key: str, data: Document) -> None: ...
    async def compare_and_set(self, key: str, data: Document, revision: str) -> str: ...
    async def delete(self, key: str) -> bool: ...
    async def keys(self) -> list[str]: ...
    async def health_check(self) -> bool: ...
    def status(self) -> StoreStatus: ...
    async def open(self) -> Self: ...
    async def close(self) -> None: ...
    async def get(self, key: str) -> Document: ...
    async def get_many(self, keys: Iterable[str]) -> dict[str, Entry]: ...
    async def set_many(
        self, documents: Mapping[str, Document]
    ) -> Mapping[str, str] | None: ...
    async def update(self, key: str, change: Change) -> Document: ...
    async def lease(self, name: str, ttl_seconds: float) -> AsyncLease | None: ...


class AsyncLease(Protocol):
    """A `Lease` as asyncio code sees it.

    >>> import asyncio
    >>> from switchbot_store import AsyncLease, MemoryStore, ThreadedStore
    >>> async def still_leads(lease: AsyncLease | None) -> bool:
    ...     return lease is not None and await lease.renew()
    >>> async def lead() -> list[bool]:
    ...     async with ThreadedStore(MemoryStore()) as store:
    ...         first = await store.lease("leader", ttl_seconds=60)
    ...         second = await store.lease("leader", ttl_seconds=60)
    ...         return [await still_leads(first), await still_leads(second)]
    >>> asyncio.run(lead())
    [True, False]
    """

    @property
    def token(self) -> int: ...
    async def renew(self) -> bool: ...
    async def release(self) -> None: ...
