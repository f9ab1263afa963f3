"""Documents in memory, for tests and simulations; a store like any other.

What stores with all their keys in memory share stands here too: the keys in order.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from dataclasses import fields
from datetime import UTC, datetime
from functools import partial
from itertools import islice, takewhile
from typing import TYPE_CHECKING, NamedTuple, Self

from switchbot_store.codec import (
    checked_documents,
    checked_keys,
    checked_revisions,
    checked_text,
    decode,
    encode,
    is_internal,
    validate_key,
)
from switchbot_store.errors import StoreClosedError, StoreConflictError
from switchbot_store.interface import StoreInterface
from switchbot_store.languages import worded
from switchbot_store.model import Document, Entry, StoreStatus
from switchbot_store.processes.locks import ProcessLock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from switchbot_store.model import DocumentProblem


class SortedKeys:
    """Which keys there are, each once.

    What one home among thousands asks for costs what it finds, not what there is. Any
    thread may call.

    >>> from switchbot_store.memory import SortedKeys
    >>> keys = SortedKeys(["homes/2/state", "homes/1/state"])
    >>> keys.add("homes/1/settings")
    >>> keys.beginning("homes/1/")
    ['homes/1/settings', 'homes/1/state']
    """

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self._keys = sorted(set(keys))
        self._lock = ProcessLock()

    def add(self, key: str) -> None:
        """Have this key too."""
        with self._lock:
            place = bisect_left(self._keys, key)
            if self._keys[place : place + 1] != [key]:
                self._keys.insert(place, key)

    def discard(self, key: str) -> None:
        """Have this key no more."""
        with self._lock:
            place = bisect_left(self._keys, key)
            if self._keys[place : place + 1] == [key]:
                del self._keys[place]

    def beginning(self, prefix: str) -> list[str]:
        """Return the sorted keys that begin so."""
        with self._lock:
            if not prefix:
                return self._keys.copy()
            first = bisect_left(self._keys, prefix)
            following = islice(self._keys, first, None)
            return list(takewhile(lambda key: key.startswith(prefix), following))


class UnreadEntry(Entry):
    """An `Entry` whose data is made when it is first asked for.

    Who asks again and again, and sees by the revision that nothing changed, does not pay
    for a document that it knows. Otherwise an `Entry` like any other, equal to it too.
    In place of the data it takes what makes it, which must not fail: only of what is
    known to be a document is one made.

    >>> from switchbot_store import Entry
    >>> from switchbot_store.memory import UnreadEntry
    >>> entry = UnreadEntry(lambda: {"n": 1}, "7", None)
    >>> entry == Entry({"n": 1}, "7", None), entry.data is entry.data
    (True, True)
    """

    __slots__ = ("_data",)
    _data: Document | Callable[[], Document]

    def __init__(  # noqa: PLR0917 - as `Entry` takes them, for `dataclasses.replace`
        self,
        data: Document | Callable[[], Document],
        revision: str,
        updated_at: datetime | None,
        stale: bool = False,
        problem: DocumentProblem | None = None,
        file: str | None = None,
    ) -> None:
        _put_data(self, data)
        _put_revision(self, revision)
        _put_updated_at(self, updated_at)
        _put_stale(self, stale)
        _put_problem(self, problem)
        _put_file(self, file)

    @property
    def data(self) -> Document:
        """The document, one and the same each time."""
        data = self._data
        if callable(data):
            data = data()
            object.__setattr__(self, "_data", data)
        return data

    def read(self) -> Entry:
        """Return the same as a plain `Entry`."""
        return Entry(
            self.data,
            self.revision,
            self.updated_at,
            self.stale,
            self.problem,
            self.file,
        )

    def __eq__(self, other: object) -> bool:
        if isinstance(other, UnreadEntry):
            return self.read() == other.read()
        return self.read() == other if isinstance(other, Entry) else NotImplemented

    __hash__: None = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[object, ...]:
        return Entry, (*(getattr(self, each.name) for each in fields(self)),)


# A thousand are made at a time, and to look each name up anew takes thrice as long.
(
    _put_data,
    _put_revision,
    _put_updated_at,
    _put_stale,
    _put_problem,
    _put_file,
) = (
    getattr(UnreadEntry, name).__set__
    for name in ("_data", "revision", "updated_at", "stale", "problem", "file")
)


class _Stored(NamedTuple):
    encoded: bytes
    revision: str
    updated_at: datetime


class MemoryStore(StoreInterface):
    """A store that ends with its process.

    `now` returns the aware UTC time that entries carry, `monotonic` the seconds by
    which leases are watched.

    >>> from switchbot_store import MemoryStore
    >>> with MemoryStore() as store:
    ...     store.set("state", {"zones": 3})
    ...     store.get("state"), store.get("never set"), store.keys()
    ({'zones': 3}, {}, ['state'])
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.monotonic = monotonic
        self._now = now
        self._lock = ProcessLock()
        self._documents: dict[str, _Stored] = {}
        self._keys = SortedKeys()
        self._writes = 0
        self._closed = False

    def get_entry(self, key: str) -> Entry:
        """Return the document, its revision and time; an empty Entry if never set."""
        key = validate_key(key)
        with self._lock:
            self._check_open()
            stored = self._documents.get(key)
        if stored is None:
            return Entry({}, "", None)
        return _entry(key, stored)

    def get_many(self, keys: Iterable[str]) -> dict[str, Entry]:
        """Return an Entry for each key, all as of one moment."""
        wanted = checked_keys(keys)
        with self._lock:
            self._check_open()
            found = {key: self._documents.get(key) for key in wanted}
        return {
            key: Entry({}, "", None) if stored is None else _entry(key, stored)
            for key, stored in found.items()
        }

    def set(self, key: str, data: Document) -> None:
        """Write the document. Raises StoreDataError before anything is written."""
        key, encoded = validate_key(key), encode(data)
        with self._lock:
            self._check_open()
            self._put(key, encoded)

    def set_many(self, documents: Mapping[str, Document]) -> dict[str, str]:
        """Write several documents, all or nothing; return their revisions."""
        encoded = _encoded(documents)
        with self._lock:
            self._check_open()
            return {key: self._put(key, each) for key, each in encoded.items()}

    def set_many_if(
        self, documents: Mapping[str, Document], revisions: Mapping[str, str]
    ) -> None:
        """Write several documents if each of `revisions` is still there, or none."""
        encoded = _encoded(documents)
        revisions = checked_revisions(revisions)
        with self._lock:
            self._check_open()
            for key in encoded.keys() & revisions.keys():
                stored = self._documents.get(key)
                found = stored.revision if stored else ""
                if found != revisions[key]:
                    raise StoreConflictError(key, found)
            for key, each in encoded.items():
                self._put(key, each)

    def compare_and_set(self, key: str, data: Document, revision: str) -> str:
        """Write only if the stored revision equals `revision`; return the new one."""
        key, encoded = validate_key(key), encode(data)
        revision = checked_text(revision, "revision")
        with self._lock:
            self._check_open()
            stored = self._documents.get(key)
            found = stored.revision if stored else ""
            if found != revision:
                raise StoreConflictError(key, found)
            return self._put(key, encoded)

    def delete(self, key: str) -> bool:
        """Remove the document; tell whether there was one."""
        key = validate_key(key)
        with self._lock:
            self._check_open()
            self._keys.discard(key)
            return self._documents.pop(key, None) is not None

    def keys(self) -> list[str]:
        """Return the sorted keys, without the internal ones."""
        with self._lock:
            self._check_open()
            return [key for key in self._keys.beginning("") if not is_internal(key)]

    def keys_with(self, prefix: str) -> list[str]:
        """Return the sorted keys that begin with `prefix`, the internal ones too."""
        prefix = checked_text(prefix, "prefix")
        with self._lock:
            self._check_open()
            return self._keys.beginning(prefix)

    def health_check(self) -> bool:
        """Tell whether the store is still open."""
        return not self._closed

    def status(self) -> StoreStatus:
        """Describe the store."""
        return StoreStatus(backend="memory", acknowledged_by="this process's memory")

    def open(self) -> Self:
        """Do nothing, unless the store was closed: StoreClosedError."""
        self._check_open()
        return self

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._closed = True
            self._documents.clear()
            self._keys = SortedKeys()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreClosedError(worded("this MemoryStore was closed"))

    def _put(self, key: str, encoded: bytes) -> str:
        # Counted over the whole store: a key deleted and set again is a new revision.
        self._writes += 1
        revision = f"{self._writes:x}"
        if key not in self._documents:
            self._keys.add(key)
        self._documents[key] = _Stored(encoded, revision, self._now())
        return revision


def _encoded(documents: Mapping[str, Document]) -> dict[str, bytes]:
    return {key: encode(each) for key, each in checked_documents(documents).items()}


def _entry(key: str, stored: _Stored) -> Entry:
    # Bytes, not the dict: copying through orjson is ten times as fast as deepcopy. And
    # only when it is looked at: `encode` made them, so they can be read.
    read = partial(decode, stored.encoded, key=key)
    return UnreadEntry(read, stored.revision, stored.updated_at)
