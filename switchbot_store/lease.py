"""Leases: one holder at a time, by nothing but `compare_and_set`.

A lease is the document ``_lease/<name>``. Its holder renews it within its time to live;
a challenger takes over only after watching the same revision for that long on its own
monotonic clock, so clocks of different hosts need not agree. The token is a counter in
the document: whoever is told a smaller one than it has seen was told by a past holder.
A promoted standby that never got the newest lease gives it, and its token, once more; who
had it learns so at its next renewal. The server's timeline in the document, which every
role may ask for, would not mend that: of two standbys promoted apart both have the same
one, and the system identifier too.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, Self
from weakref import WeakKeyDictionary

from switchbot_store.codec import checked_text
from switchbot_store.errors import StoreConflictError, StoreDataError
from switchbot_store.languages import worded
from switchbot_store.processes.locks import ProcessLock

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from switchbot_store.model import Document, Entry

_PREFIX: Final = "_lease/"
_LONGEST_SECONDS: Final = 1e9
_GREATEST_TOKEN: Final = 2**53  # what every reader of JSON counts exactly


class LeaseBacking(Protocol):
    """The two methods of a store that leases rest on; see `StoreInterface`."""

    def get_entry(self, key: str, /) -> Entry:
        """Return the document, its revision and time."""

    def compare_and_set(self, key: str, data: Document, revision: str, /) -> str:
        """Write only if the stored revision equals `revision`; return the new one."""


class Lease:
    """Held by who got it from `StoreInterface.lease`, until released or taken over.

    `token` is greater than that of every earlier holder that the store knows of: what a
    promoted standby never got is given once more. As a context manager it releases at the
    end. Thread-safe.

    >>> from switchbot_store import MemoryStore
    >>> store = MemoryStore()
    >>> with store.lease("leader", ttl_seconds=60) as lease:
    ...     lease.renew(), store.lease("leader", ttl_seconds=60)
    (True, None)
    >>> store.lease("leader", ttl_seconds=60).token > lease.token
    True
    """

    def __init__(
        self,
        store: LeaseBacking,
        name: str,
        document: Document,
        revision: str,
    ) -> None:
        self.name = name
        self.token: int = document["token"]
        self.ttl_seconds: float = document["ttl_seconds"]
        self._store = store
        self._document = document
        self._revision = revision
        self._lock = ProcessLock()
        self._lost = False

    def __repr__(self) -> str:
        return f"<Lease {self.name!r} token {self.token}>"

    def renew(self) -> bool:
        """Hold it for another `ttl_seconds`; False if it was lost, which is final.

        Raises StoreUnavailableError; whether it is still held is then unknown, and
        `renew` may be called again.
        """
        with self._lock:
            renewals = self._document["renewals"] + 1
            return self._write({**self._document, "renewals": renewals})

    def release(self) -> None:
        """Let the next one have it at once. Releasing what was lost does nothing.

        Raises StoreUnavailableError; the lease then ends by its time to live.
        """
        with self._lock:
            self._write({**self._document, "held": False})
            self._lost = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def _write(self, document: Document) -> bool:
        if self._lost:
            return False
        key = f"{_PREFIX}{self.name}"
        while True:
            try:
                self._revision = self._store.compare_and_set(
                    key, document, self._revision
                )
            except StoreConflictError:
                entry = self._store.get_entry(key)
                if entry.data.get("holder") != document["holder"]:
                    self._lost = True
                    return False
                # This lease's own write, whose answer got lost.
                self._revision = entry.revision
            else:
                self._document = document
                return True


class _Watched(NamedTuple):
    """A revision of somebody else's lease, and since when it has stood still."""

    revision: str
    since: float


class _Watches:
    """What one store object has seen of the leases of others."""

    def __init__(self) -> None:
        self._lock = ProcessLock()
        self._seen: dict[str, _Watched] = {}

    def is_over(self, name: str, revision: str, ttl: float, now: float) -> bool:
        """Tell whether the lease's time to live was watched from start to end."""
        with self._lock:
            watched = self._seen.get(name)
            if watched is None or watched.revision != revision:
                self._seen[name] = _Watched(revision, now)
                return False
            return now - watched.since >= ttl

    def forget(self, name: str) -> None:
        """Begin anew with the next one."""
        with self._lock:
            self._seen.pop(name, None)


_WATCHES: Final[WeakKeyDictionary[LeaseBacking, _Watches]] = WeakKeyDictionary()
_WATCHES_LOCK: Final = ProcessLock()


def check_lease(name: str, ttl_seconds: float) -> None:
    """Raise StoreDataError for what can be no lease's name or time."""
    if not checked_text(name, "name"):
        raise StoreDataError(worded("a lease has a name"), path="name")
    if not _is_time(ttl_seconds):
        raise StoreDataError(
            worded("a lease does not last {ttl_seconds!r} s", ttl_seconds=ttl_seconds),
            path="ttl_seconds",
        )


def take_lease(
    store: LeaseBacking,
    name: str,
    ttl_seconds: float,
    *,
    monotonic: Callable[[], float],
) -> Lease | None:
    """Return the lease, or None while somebody else holds it; never waits.

    Call it again and again: who holds it and does not renew loses it after its time to
    live, counted from the first of these calls. Raises StoreDataError for a wrong name
    or time, StoreUnavailableError.
    """
    check_lease(name, ttl_seconds)
    key = f"{_PREFIX}{name}"
    with _WATCHES_LOCK:
        watches = _WATCHES.setdefault(store, _Watches())
    entry = store.get_entry(key)
    held = entry.data.get("held") is True
    if held:
        ttl = _told_time(entry.data.get("ttl_seconds"), ttl_seconds)
        if not watches.is_over(name, entry.revision, ttl, monotonic()):
            return None
    document: Document = {
        "token": _told_token(entry.data.get("token")) + 1,
        "holder": uuid.uuid4().hex,
        "ttl_seconds": float(ttl_seconds),
        "renewals": 0,
        "held": True,
    }
    watches.forget(name)
    try:
        revision = store.compare_and_set(key, document, entry.revision)
    except StoreConflictError:
        return None
    return Lease(store, name, document, revision)


def _is_time(seconds: Any) -> bool:
    return type(seconds) in (int, float) and 0 < seconds < _LONGEST_SECONDS


def _told_time(seconds: Any, default: float) -> float:
    """Return for how long the holder asked; what no lease lasts, somebody else wrote."""
    return seconds if _is_time(seconds) else default


def _told_token(token: Any) -> int:
    """Return the last token, 0 for what is none and could not be counted further."""
    return token if type(token) is int and 0 <= token < _GREATEST_TOKEN else 0
