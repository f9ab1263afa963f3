"""Writing of a `FailoverStore`: the primary, else one line of the journal.

The writers of one key are kept in order by locks, a few for all keys.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from switchbot_store.errors import (
    SlowConnectionError,
    StoreClosedError,
    StoreConflictError,
    StoreError,
    StoreUnavailableError,
)
from switchbot_store.failover.mirror import Mirrored
from switchbot_store.failover.primary import CONNECT_SECONDS
from switchbot_store.languages import worded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from switchbot_store.failover.keeper import Keeper
    from switchbot_store.failover.local import LocalCopy
    from switchbot_store.failover.primary import Given, Primary


_LOCKS: Final = 64


class _Held:
    """Takes some locks at `with`, all or none, and releases them."""

    __slots__ = ("_locks", "_timeout_seconds")

    def __init__(self, locks: list[threading.Lock], timeout_seconds: float) -> None:
        self._locks = locks
        self._timeout_seconds = timeout_seconds

    def __enter__(self) -> None:
        for number, lock in enumerate(self._locks):
            if not lock.acquire(timeout=self._timeout_seconds):
                for taken in self._locks[:number]:
                    taken.release()
                raise SlowConnectionError(
                    worded(
                        "another write did not end within {timeout_seconds:g} s; this "
                        "one did not begin",
                        timeout_seconds=self._timeout_seconds,
                    )
                )

    def __exit__(self, *_: object) -> None:
        for lock in self._locks:
            lock.release()


class KeyLocks:
    """Each key has its lock; some share one."""

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._locks = [threading.Lock() for _ in range(_LOCKS)]

    def held(self, keys: Iterable[str]) -> _Held:
        """Hold the locks of the keys inside the `with`; never nest this.

        Raises SlowConnectionError when another writer does not come to an end.
        """
        # In one order always, or two writers could wait for each other.
        numbers = sorted({hash(key) % _LOCKS for key in keys})
        return _Held([self._locks[each] for each in numbers], self._timeout_seconds)


_TURN_SECONDS: Final = 6.0
"""One more than the writer before may use up."""


class Writer:
    """Acknowledges writes of keys and documents that who calls has checked.

    With `economy` only `compare_and_set` reaches the primary at once. Where the journal
    is not ours every write does, and is refused while the primary is away.
    """

    def __init__(
        self,
        primary: Primary,
        local: LocalCopy,
        keeper: Keeper,
        now: Callable[[], datetime],
        *,
        economy: bool,
    ) -> None:
        self._primary = primary
        self._local = local
        self._keeper = keeper
        self._now = now
        self._sparing = economy
        self._locks = KeyLocks(_TURN_SECONDS)
        self._closed = False

    @property
    def _economy(self) -> bool:
        return self._sparing and self._local.held

    def close(self) -> None:
        """Acknowledge nothing from now on."""
        with self._local.journal.lock:
            self._closed = True

    def set(self, given: Mapping[str, Given]) -> None:
        """Write several documents, all or nothing."""
        encoded = {key: each.encoded for key, each in given.items()}
        signature = self._local.journal.signature
        revisions = {
            key: self._primary.new_revision(each, signature)
            for key, each in encoded.items()
        }
        with self._locks.held(encoded):
            error: StoreError | None = None
            while True:
                if self._keeper.healthy and not self._economy:
                    older = self._local.others_pending(encoded)
                    try:
                        self._primary.set(given, revisions)
                    except StoreUnavailableError as raised:
                        error = raised
                    else:
                        at = self._now()
                        self._keeper.took(
                            {
                                key: Mirrored(each, revisions[key], at)
                                for key, each in encoded.items()
                            }
                        )
                        self._local.overtake(older)
                        return
                with self._local.journal.lock:
                    if self._may_journal(error, plain=True):
                        self._record(encoded, revisions, error)
                        return

    def compare_and_set(self, key: str, given: Given, revision: str) -> str:
        """Write only if the stored revision equals `revision`; return the new one.

        While the primary is away the mirror and the journal are what is compared with,
        unless they may be old.
        """
        encoded = given.encoded
        new = self._primary.new_revision(encoded, self._local.journal.signature)
        with self._locks.held([key]):
            error: StoreError | None = None
            while True:
                if self._keeper.healthy and self._is_carried(key, revision):
                    older = self._local.others_pending([key])
                    try:
                        made = self._primary.compare_and_set(
                            key, given, self._there(key, revision), new
                        )
                    except StoreUnavailableError as raised:
                        error = raised
                    except StoreConflictError:
                        # The mirror is behind; the next read asks the primary.
                        self._local.distrusted.add(key)
                        raise
                    else:
                        self._keeper.took({key: Mirrored(encoded, made, self._now())})
                        self._local.overtake(older)
                        return made
                with self._local.journal.lock:
                    if self._may_journal(error, plain=False):
                        self._check_current()
                        found = self._local.entry(key, stale=True).revision
                        if found != revision:
                            raise StoreConflictError(key, found)
                        self._record({key: encoded}, {key: new}, error)
                        return new

    def delete(self, key: str) -> bool:
        """Remove the document; tell whether there was one, as far as is known here."""
        with self._locks.held([key]):
            error: StoreError | None = None
            while True:
                if self._keeper.healthy and not self._economy:
                    older = self._local.others_pending([key])
                    known = self._local.mirror.get(key)
                    foreign = self._local.mirror.left_over(key) is not None
                    # A reader who finds it gone must not take it for another's doing.
                    self._keeper.lineage.leaving.add(key)
                    try:
                        existed = self._primary.delete(
                            key, known.revision if known else ""
                        )
                    except StoreUnavailableError as raised:
                        error = raised
                    else:
                        self._keeper.took({key: None})
                        self._local.overtake(older)
                        return existed or foreign
                    finally:
                        self._keeper.lineage.leaving.discard(key)
                with self._local.journal.lock:
                    if self._may_journal(error, plain=True):
                        existed = self._local.may_have(key)
                        if existed or error or not self._keeper.seen_primary:
                            self._record({key: None}, {key: ""}, error)
                        return existed

    # inside

    def _check_current(self) -> None:
        """Raise StoreUnavailableError where what is here may be older than what is there."""
        if self._local.mirror.behind:
            raise StoreUnavailableError(
                worded(
                    "not compared: the primary is away, and the local copy may be "
                    "older than what it took, since the disk refused that before the "
                    "last process ended"
                )
            )
        if self._local.may_be_old:
            raise StoreUnavailableError(
                worded(
                    "not compared: the primary is away, and of the local copy this "
                    "cannot be read: {why}",
                    why="; ".join(self._local.unread),
                )
            )

    def _is_carried(self, key: str, revision: str) -> bool:
        """Bring what is pending of a key to the primary, before it is compared with."""
        pending = self._local.journal.pending.get(key)
        if pending is not None:
            if pending.revision != revision:
                raise StoreConflictError(key, pending.revision)
            self._keeper.carry(timeout_seconds=CONNECT_SECONDS)
        return self._keeper.healthy

    def _there(self, key: str, revision: str) -> str:
        """Return what the primary has where a reader was shown `revision`.

        What is left over from another database is shown, and is not there.
        """
        document = self._local.mirror.left_over(key)
        shown = document is not None and document.revision == revision
        return "" if shown else revision

    def _may_journal(self, error: StoreError | None, *, plain: bool) -> bool:
        """Decide, under the journal's lock, whether a write goes there.

        After an `error` of the primary it does, even if the primary is back by now:
        the replay will find out whether the write had happened. Raises a mistake in the
        primary's code: the journal is for outages; and StoreUnavailableError where the
        journal cannot be had: then nobody acknowledges.
        """
        if self._closed:
            raise StoreClosedError(worded("this FailoverStore was closed"))
        if error is not None:
            self._keeper.degrade(error)
        self._keeper.raise_mistake()
        if error is None and self._keeper.healthy and not (plain and self._economy):
            return False
        if not self._local.take():
            raise StoreUnavailableError(
                worded(
                    "not written: the primary is away ({last_error}), and {trouble}",
                    last_error=self._keeper.last_error,
                    trouble=self._local.trouble,
                )
            ) from error
        return not self._keeper.healthy or (plain and self._economy)

    def _record(
        self,
        documents: Mapping[str, bytes | None],
        revisions: Mapping[str, str],
        error: StoreError | None,
    ) -> None:
        self._local.record(documents, revisions, tried=error is not None)
        self._keeper.journal_grew()
