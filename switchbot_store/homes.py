"""One home among many in a store: its documents under names of its own.

A home is a prefix of its keys, ``homes/<home>/``, since the leading part of a key is what
tables are parted by. Here alone is said how names are made; `HomeStore` and
`AsyncHomeStore` are a store as one home sees it, with bare names.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self

from switchbot_store.codec import (
    HOMES,
    UnreadableError,
    checked_documents,
    checked_keys,
    checked_revisions,
    checked_text,
    is_internal,
)
from switchbot_store.errors import StoreConfigError, StoreConflictError
from switchbot_store.interface import StoreInterface, checked_store
from switchbot_store.languages import worded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from switchbot_store.interface import AsyncLease, AsyncStore
    from switchbot_store.lease import Lease
    from switchbot_store.model import Change, Document, Entry, StoreStatus

MAX_HOME_LENGTH: Final = 64
_SHARED: Final = re.compile(r"accounts/[0-9a-f]{32}/quota")
"""What is an account's of the cloud, and so of all its homes."""
_LEASES: Final = "_lease/"
_REFUSED: Final = re.compile(r"[/\s\0\ud800-\udfff]")


def checked_home(home: str) -> str:
    """Return a home's name, or raise StoreConfigError saying why it can be none.

    It has 1 to 64 characters, without white space and ``/``, and begins with no ``_``.

    >>> from switchbot_store import checked_home
    >>> checked_home("42")
    '42'
    """
    if not isinstance(home, str):
        raise StoreConfigError(
            worded("a str, not {name}", name=type(home).__name__), variable="home"
        )
    if not 1 <= len(home) <= MAX_HOME_LENGTH:
        raise StoreConfigError(
            worded(
                "a home's name has 1 to {max_home_length} characters, this one "
                "{number}",
                max_home_length=MAX_HOME_LENGTH,
                number=len(home),
            ),
            variable="home",
        )
    if _REFUSED.search(home) or home.startswith("_"):
        raise StoreConfigError(
            worded(
                "{home!r} names no home: no '/', no white space, no '_' in front",
                home=home,
            ),
            variable="home",
        )
    return home


def prefix_of(home: str) -> str:
    """Return what the keys of all documents of a home begin with."""
    return f"{HOMES}{checked_home(home)}/"


def prefixes_of(home: str) -> tuple[str, ...]:
    """Return what the keys of a home begin with, those of its leases too."""
    return prefix_of(home), f"{_LEASES}{prefix_of(home)}"


def home_of(key: str) -> str | None:
    """Return the home that a document belongs to, None for one of no home.

    >>> home_of("homes/42/_past/settings"), home_of("_lease/homes/7/leader"), home_of("state")
    ('42', '7', None)
    """
    name = key.removeprefix(_LEASES)
    if not name.startswith(HOMES):
        return None
    home, slash, rest = name.removeprefix(HOMES).partition("/")
    return home if home and slash and rest else None


def read_each(
    store: StoreInterface, keys: Sequence[str]
) -> tuple[dict[str, Entry], dict[str, UnreadableError]]:
    """Return what is under each of many keys, and of those that cannot be read why not.

    For documents of many homes: what somebody wrote by hand over one's concerns no other.
    Raises StoreUnavailableError where the store does not answer.
    """
    if not keys:
        return {}, {}
    try:
        return store.get_many(keys), {}
    except UnreadableError as error:
        if len(keys) == 1:
            return {}, {keys[0]: error}
    # By halves: of thousands there are few.
    middle = len(keys) // 2
    entries, problems = read_each(store, keys[:middle])
    others, more = read_each(store, keys[middle:])
    return entries | others, problems | more


class _Names:
    """Between the bare names of a home and the keys of the store."""

    def __init__(self, home: str) -> None:
        self.home = checked_home(home)
        self._prefix = prefix_of(home)

    def key(self, name: str) -> str:
        # No key at all is refused by the store, which says so.
        refused = type(name) is not str or not name
        return name if refused or _SHARED.fullmatch(name) else self._prefix + name

    def keys(self, names: Iterable[str]) -> dict[str, str]:
        return {self.key(name): name for name in checked_keys(names)}

    def revisions(
        self, written: Mapping[str, str] | None, names: Mapping[str, str]
    ) -> dict[str, str] | None:
        """Return the revisions by name of what was written under these keys."""
        if written is None:
            return None
        return {name: written[key] for key, name in names.items()}

    @contextmanager
    def told_bare(self) -> Iterator[None]:
        """Tell of a conflict by the name that the home has for the document."""
        try:
            yield
        except StoreConflictError as error:
            name = error.key.removeprefix(self._prefix)
            raise StoreConflictError(name, error.revision) from error

    def bare(self, keys: Iterable[str]) -> list[str]:
        found = [
            key.removeprefix(self._prefix)
            for key in keys
            if key.startswith(self._prefix)
        ]
        return sorted(name for name in found if not is_internal(name))


class HomeStore(StoreInterface):
    """A store as one home sees it: bare names, and no document of another home.

    Its account's calls (``accounts/<digest>/quota``) alone it shares. `store` is the
    store behind, which `open` and `close` open and close. Raises what it raises, and
    StoreConfigError for a name that no home can have.

    >>> from switchbot_store import HomeStore, MemoryStore
    >>> store = MemoryStore()
    >>> HomeStore(store, "42").set("settings", {"mode": "winter"})
    >>> HomeStore(store, "42").keys(), HomeStore(store, "4").keys(), store.keys()
    (['settings'], [], ['homes/42/settings'])
    """

    def __init__(self, store: StoreInterface, home: str) -> None:
        self.store: StoreInterface = checked_store(store, "store")
        self._names = _Names(home)

    def __repr__(self) -> str:
        return f"<HomeStore {self.home!r} of {self.store!r}>"

    @property
    def home(self) -> str:
        """The home's name."""
        return self._names.home

    def get_entry(self, key: str) -> Entry:
        """Return the document, its revision and time."""
        return self.store.get_entry(self._names.key(key))

    def get_many(self, keys: Iterable[str]) -> dict[str, Entry]:
        """Return an Entry for each key, all as of one moment where the store does so."""
        names = self._names.keys(keys)
        found = self.store.get_many(names)
        return {name: found[key] for key, name in names.items()}

    def set(self, key: str, data: Document) -> None:
        """Write the document; durable when it returns."""
        self.store.set(self._names.key(key), data)

    def set_many(self, documents: Mapping[str, Document]) -> dict[str, str] | None:
        """Write several documents, all or nothing where the store does so."""
        documents = checked_documents(documents)
        names = self._names.keys(documents)
        written = self.store.set_many(
            {key: documents[name] for key, name in names.items()}
        )
        return self._names.revisions(written, names)

    def set_many_if(
        self, documents: Mapping[str, Document], revisions: Mapping[str, str]
    ) -> None:
        """Write several documents if each of `revisions` is still that of its key."""
        key = self._names.key
        documents = checked_documents(documents)
        revisions = checked_revisions(revisions)
        with self._names.told_bare():
            self.store.set_many_if(
                {key(name): data for name, data in documents.items()},
                {key(name): each for name, each in revisions.items()},
            )

    def compare_and_set(self, key: str, data: Document, revision: str) -> str:
        """Write only if the stored revision equals `revision`; return the new one."""
        with self._names.told_bare():
            return self.store.compare_and_set(self._names.key(key), data, revision)

    def update(self, key: str, change: Change) -> Document:
        """Apply a pure change until no other writer came between."""
        return self.store.update(self._names.key(key), change)

    def delete(self, key: str) -> bool:
        """Remove the document; tell whether there was one."""
        return self.store.delete(self._names.key(key))

    def keys(self) -> list[str]:
        """Return the sorted keys of this home, without the internal ones."""
        return self._names.bare(self.store.keys_with(prefix_of(self.home)))

    def keys_with(self, prefix: str) -> list[str]:
        """Return the sorted keys of this home that begin so, the internal ones too."""
        whole = prefix_of(self.home)
        found = self.store.keys_with(whole + checked_text(prefix, "prefix"))
        return sorted(key.removeprefix(whole) for key in found)

    def forget(self, prefix: str) -> int:
        """Delete every document of this home whose key begins so."""
        return self.store.forget(prefix_of(self.home) + checked_text(prefix, "prefix"))

    def lease(self, name: str, ttl_seconds: float) -> Lease | None:
        """Return the home's lease of that name, None while somebody else holds it."""
        return self.store.lease(self._names.key(name), ttl_seconds)

    def health_check(self) -> bool:
        """Tell whether a write would be acknowledged now."""
        return self.store.health_check()

    def status(self) -> StoreStatus:
        """Describe the store behind."""
        return self.store.status()

    def open(self) -> Self:
        """Open the store behind."""
        self.store.open()
        return self

    def close(self) -> None:
        """Close the store behind."""
        self.store.close()


class AsyncHomeStore:
    """An `AsyncStore` as one home sees it; see `HomeStore`.

    Many homes of one process share one `ThreadedStore`, and with it one thread:

    >>> import asyncio
    >>> from switchbot_store import AsyncHomeStore, MemoryStore, ThreadedStore
    >>> async def two_homes() -> list[dict]:
    ...     shared = ThreadedStore(MemoryStore())
    ...     one, two = (AsyncHomeStore(shared, home) for home in ("1", "2"))
    ...     await one.set("settings", {"mode": "winter"})
    ...     return [await one.get("settings"), await two.get("settings")]
    >>> asyncio.run(two_homes())
    [{'mode': 'winter'}, {}]
    """

    def __init__(self, store: AsyncStore, home: str) -> None:
        self.store = store
        self._names = _Names(home)

    def __repr__(self) -> str:
        return f"<AsyncHomeStore {self.home!r} of {self.store!r}>"

    @property
    def home(self) -> str:
        """The home's name."""
        return self._names.home

    async def get_entry(self, key: str) -> Entry:
        """Return the document, its revision and time."""
        return await self.store.get_entry(self._names.key(key))

    async def get(self, key: str) -> Document:
        """Return the document, ``{}`` if it was never set."""
        return await self.store.get(self._names.key(key))

    async def get_many(self, keys: Iterable[str]) -> dict[str, Entry]:
        """Return an Entry for each key."""
        names = self._names.keys(keys)
        found = await self.store.get_many(list(names))
        return {name: found[key] for key, name in names.items()}

    async def set(self, key: str, data: Document) -> None:
        """Write the document; durable when it returns."""
        await self.store.set(self._names.key(key), data)

    async def set_many(
        self, documents: Mapping[str, Document]
    ) -> dict[str, str] | None:
        """Write several documents, all or nothing."""
        documents = checked_documents(documents)
        names = self._names.keys(documents)
        written = await self.store.set_many(
            {key: documents[name] for key, name in names.items()}
        )
        return self._names.revisions(written, names)

    async def compare_and_set(self, key: str, data: Document, revision: str) -> str:
        """Write only if the stored revision equals `revision`; return the new one."""
        with self._names.told_bare():
            return await self.store.compare_and_set(
                self._names.key(key), data, revision
            )

    async def update(self, key: str, change: Change) -> Document:
        """Apply a pure change until no other writer came between."""
        return await self.store.update(self._names.key(key), change)

    async def lease(self, name: str, ttl_seconds: float) -> AsyncLease | None:
        """Return the home's lease of that name, None while somebody else holds it."""
        return await self.store.lease(self._names.key(name), ttl_seconds)

    async def delete(self, key: str) -> bool:
        """Remove the document; tell whether there was one."""
        return await self.store.delete(self._names.key(key))

    async def keys(self) -> list[str]:
        """Return the sorted keys of this home, without the internal ones."""
        return self._names.bare(await self.store.keys())

    async def health_check(self) -> bool:
        """Tell whether a write would be acknowledged now. Never raises."""
        return await self.store.health_check()

    def status(self) -> StoreStatus:
        """Describe the store behind."""
        return self.store.status()

    async def open(self) -> Self:
        """Open the store behind."""
        await self.store.open()
        return self

    async def close(self) -> None:
        """Close the store behind."""
        await self.store.close()
