"""One visit to documents: what is wanted is read once, what changed is written once.

For who comes, does one thing and goes, as a worker that ticks a home: two statements,
however often it asks. What was read is a picture of one moment, and nothing is written
unless every document that was read and changed is still the one that was read.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self, TypeVar

from switchbot_store.codec import (
    checked_change,
    checked_documents,
    checked_keys,
    decode,
    encode,
    validate_key,
)
from switchbot_store.errors import StoreConflictError, StoreError
from switchbot_store.model import Entry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

    from switchbot_store.interface import AsyncLease
    from switchbot_store.model import Change, Document, StoreStatus
    from switchbot_store.threaded.views import ThreadedStore

    Join = Callable[[Document, Document, Document], Document]

T = TypeVar("T")
_JOINS: Final = 1
"""So many others may be first before what can be joined is written by itself."""


class VisitStore:
    """An `AsyncStore` for one visit. Call `leave` at its end: it writes what was set.

    `store` is the whole store, open. `also` are keys that are read with the first ones
    asked for. `joins` says of a key how three documents become one where somebody else
    wrote it meanwhile: as it was read, as it is here, as it is there. Compare and set
    goes through at once, with what was set before it, but for what can be joined. Nothing set is durable before
    `leave` returned, which raises StoreConflictError where another writer was first:
    then nothing of it was written, and the visit is to be made anew.

    >>> import asyncio
    >>> from switchbot_store import MemoryStore, ThreadedStore, VisitStore
    >>> async def visited() -> list[dict]:
    ...     store = ThreadedStore(MemoryStore())
    ...     visit = VisitStore(store)
    ...     await visit.set("state", {"visits": 1})
    ...     seen = [await store.get("state"), await visit.get("state")]
    ...     await visit.leave()
    ...     return [*seen, await store.get("state")]
    >>> asyncio.run(visited())
    [{}, {'visits': 1}, {'visits': 1}]
    """

    def __init__(
        self,
        store: ThreadedStore,
        also: Iterable[str] = (),
        *,
        joins: Mapping[str, Join] | None = None,
    ) -> None:
        self._whole = store
        self._also = tuple(also)
        self._joins = dict(joins or {})
        self._read: dict[str, Entry] = {}
        self._unsaved: dict[str, Document] = {}
        self.made: set[str] = set()
        """The keys that had no document before this visit and have one by it, or may have
        one where the store did not answer."""
        self.statements: int = 0
        """How many calls went to the store behind."""
        self.failure: StoreError | None = None
        """What the store behind said last where it did not answer."""

    def __repr__(self) -> str:
        return f"<VisitStore of {self._whole!r}>"

    async def get_entry(self, key: str) -> Entry:
        """Return the document, its revision and time."""
        return (await self.get_many([key]))[key]

    async def get(self, key: str) -> Document:
        """Return the document, ``{}`` if it was never set."""
        if validate_key(key) in self._unsaved:
            return _copy(self._unsaved[key])
        return (await self.get_entry(key)).data

    async def get_many(self, keys: Iterable[str]) -> dict[str, Entry]:
        """Return an Entry for each key, as of the moment that it was first asked for.

        What was set here is written first: an entry has the store's own revision.
        """
        wanted = checked_keys(keys)
        if any(key in self._unsaved for key in wanted):
            await self._write_midway(asked=wanted)
        missing = [key for key in wanted if key not in self._read]
        if missing:
            more, self._also = self._also, ()
            missing = list(dict.fromkeys([*missing, *more]))
            self._read |= await self._ask(self._whole.get_many(missing))
        return {key: _copied(self._read[key]) for key in wanted}

    async def set(self, key: str, data: Document) -> None:
        """Note what is to be written."""
        await self.set_many({validate_key(key): data})

    async def set_many(self, documents: Mapping[str, Document]) -> None:
        """Note what is to be written. Raises StoreDataError for what cannot be."""
        self._unsaved |= {
            key: _copy(data) for key, data in checked_documents(documents).items()
        }

    async def compare_and_set(self, key: str, data: Document, revision: str) -> str:
        """Write now, if the stored revision equals `revision`; return the new one."""
        if validate_key(key) in self._unsaved:
            await self._write_midway(asked=[key])
        with self._making(() if revision else (key,)):
            new = await self._ask(self._whole.compare_and_set(key, data, revision))
        self._read[key] = Entry(_copy(data), new, None)
        return new

    async def update(self, key: str, change: Change) -> Document:
        """Apply a pure change to the document as it is here; written by `leave`."""
        change = checked_change(change)
        found = await self.get(key)
        changed = change(_copy(found))
        if changed is None:
            return found
        await self.set(key, changed)
        return changed

    async def lease(self, name: str, ttl_seconds: float) -> AsyncLease | None:
        """Return the lease of the store behind."""
        return await self._whole.lease(name, ttl_seconds)

    async def delete(self, key: str) -> bool:
        """Remove the document now; tell whether there was one."""
        self._unsaved.pop(validate_key(key), None)
        self._read.pop(key, None)
        return await self._ask(self._whole.delete(key))

    async def keys(self) -> list[str]:
        """Return the sorted keys of the store behind, without the internal ones."""
        return await self._whole.keys()

    async def health_check(self) -> bool:
        """Tell whether a write would be acknowledged now. Never raises."""
        return await self._whole.health_check()

    def status(self) -> StoreStatus:
        """Describe the store behind."""
        return self._whole.status()

    async def open(self) -> Self:
        """Do nothing: whoever opened the store behind keeps it."""
        return self

    async def close(self) -> None:
        """Do nothing, nor write: that is what `leave` is for."""

    def as_read(self, key: str) -> Document | None:
        """Return a document as it was read here, None where it was not, or was written since."""
        entry = self._read.get(validate_key(key))
        return None if entry is None else _copy(entry.data)

    def unwritten(self) -> dict[str, Document]:
        """Return what was set and is not written, as after a `leave` that raised."""
        return {key: _copy(data) for key, data in self._unsaved.items()}

    async def leave(self) -> None:
        """Write what was set, all or nothing, in one statement.

        What can be joined is written by itself, after the rest, where many others write it:
        the visit is not made anew for it. Raises StoreConflictError, and
        StoreUnavailableError, after which it may be called again.
        """
        for _ in range(_JOINS + 1):
            try:
                await self._write(self._changed())
            except StoreConflictError as error:
                join = self._joins.get(error.key)
                if join is None:
                    raise
                await self._join(error.key, join)
            else:
                self._unsaved = {}
                return
        changed = self._changed()
        alone = changed.keys() & self._joins.keys() & self._read.keys()
        await self._write({key: changed[key] for key in changed.keys() - alone})
        for key in alone:
            await self._ask(self._whole.update(key, self._joining(key)))
            del self._unsaved[key]
            self._read.pop(key, None)
        self._unsaved = {}

    async def _write_midway(self, *, asked: Iterable[str]) -> None:
        """Write what was set but for what can be joined, unless that is `asked` for.

        Written now and set again it would not be known what others wrote in between.
        """
        waiting = {
            key: self._unsaved.pop(key)
            for key in self._joins.keys() & self._unsaved.keys() - set(asked)
        }
        try:
            await self.leave()
        finally:
            self._unsaved |= waiting

    def _changed(self) -> dict[str, Document]:
        # What was only set, never read, is written whatever is there.
        return {
            key: data
            for key, data in self._unsaved.items()
            if key not in self._read or self._read[key].data != data
        }

    async def _write(self, changed: Mapping[str, Document]) -> None:
        if not changed:
            return
        known = {key: self._read[key].revision for key in changed if key in self._read}
        with self._making(key for key, revision in known.items() if not revision):
            await self._ask(self._whole.set_many_if(changed, known))
        for key in changed:
            self._read.pop(key, None)
            del self._unsaved[key]

    @contextmanager
    def _making(self, keys: Iterable[str]) -> Iterator[None]:
        """Note what is made, before: of an answer that does not come nobody knows."""
        new = set(keys) - self.made
        self.made |= new
        try:
            yield
        except StoreConflictError:
            self.made -= new
            raise

    def _joining(self, key: str) -> Change:
        join, before, ours = self._joins[key], self._read[key].data, self._unsaved[key]
        return lambda theirs: join(before, ours, theirs)

    async def _ask(self, call: Awaitable[T]) -> T:
        self.statements += 1
        try:
            return await call
        except StoreConflictError:
            raise
        except StoreError as error:
            self.failure = error
            raise

    async def _join(self, key: str, join: Join) -> None:
        theirs = await self._ask(self._whole.get_entry(key))
        before = self._read[key]
        self._unsaved[key] = join(before.data, self._unsaved[key], theirs.data)
        self._read[key] = theirs


def _copied(entry: Entry) -> Entry:
    # Callers change what they were given.
    return Entry(
        _copy(entry.data),
        entry.revision,
        entry.updated_at,
        entry.stale,
        entry.problem,
        entry.file,
    )


def _copy(data: Document) -> Document:
    return decode(encode(data), key="visit")
