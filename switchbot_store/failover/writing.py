"""Writing of a `FailoverStore`: the primary, else one line of the journal.

The writers of one key are kept in order by locks, a few for all keys.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, TypeVar

from switchbot_store.deadlines import limited, time_limit
from switchbot_store.errors import (
    SlowConnectionError,
    StoreClosedError,
    StoreConflictError,
    StoreError,
    StoreUnavailableError,
)
from switchbot_store.failover.mirror import Mirrored
from switchbot_store.failover.primary import CONNECT_SECONDS
from switchbot_store.handover import PendingWrite
from switchbot_store.languages import worded

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from datetime import datetime

    from switchbot_store.failover.keeper import Keeper
    from switchbot_store.failover.local import LocalCopy
    from switchbot_store.failover.primary import Given, Primary


T = TypeVar("T")

_LOCKS: Final = 64
CALL_SECONDS: Final = 5.0
"""What a write may take, by default, until it is acknowledged or refused."""
_MOST_ASKS: Final = 2
"""How often the primary is asked for one write that the journal does not take."""


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
    is not ours, or takes nothing, every write does, and is refused while the primary is
    away.
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

        def at_primary(_error: StoreError | None) -> None:
            told = self._local.beside.size
            self._primary.set(given, revisions)
            at = self._now()
            self._keeper.took(
                {
                    key: Mirrored(each, revisions[key], at)
                    for key, each in encoded.items()
                },
                told,
            )

        def locally(error: StoreError | None) -> None:
            self._record(encoded, revisions, error)

        with self._locks.held(encoded):
            self._acknowledged(encoded, at_primary, locally)

    def compare_and_set(self, key: str, given: Given, revision: str) -> str:
        """Write only if the stored revision equals `revision`; return the new one.

        While the primary is away the mirror and the journal are what is compared with,
        unless they may be old. Raises StoreUnavailableError where a journal that is not
        ours has a write of it pending: that is the newest, and the primary knows nothing
        of it.
        """
        encoded = given.encoded
        new = self._primary.new_revision(encoded, self._local.journal.signature)

        def at_primary(error: StoreError | None) -> str:
            expected, told = self._there(key, revision), self._local.beside.size
            try:
                if error is None:
                    made = self._primary.compare_and_set(key, given, expected, new)
                else:
                    made = self._compared_again(key, encoded, expected, new)
            except StoreConflictError:
                # The mirror is behind; the next read asks the primary.
                self._local.distrusted.add(key)
                raise
            self._keeper.took({key: Mirrored(encoded, made, self._now())}, told)
            return made

        def locally(error: StoreError | None) -> str:
            self._check_current()
            found = self._local.entry(key, stale=True).revision
            if found != revision and (error is None or found != new):
                # After a try before, what is found may be that one's.
                raise error or StoreConflictError(key, found)
            self._record({key: encoded}, {key: new}, error)
            return new

        with self._locks.held([key]):
            if self._local.in_force_elsewhere(key):
                raise StoreUnavailableError(
                    worded(
                        "not compared: the journal of {directory} has a write of {key!r} "
                        "that the primary has yet to get ({trouble}); try again then",
                        directory=self._local.directory,
                        key=key,
                        trouble=self._local.trouble,
                    )
                )
            return self._acknowledged([key], at_primary, locally, compared=revision)

    def delete(self, key: str) -> bool:
        """Remove the document; tell whether there was one, as far as is known here.

        Raises StoreUnavailableError where a journal that is not ours has a write of it
        pending: what was deleted leaves no trace that would keep that from coming after.
        """
        leaving = self._keeper.lineage.leaving
        tried = False

        def at_primary(_error: StoreError | None) -> bool:
            nonlocal tried
            known = self._local.mirror.get(key)
            # Another database had it, or a try before may have removed it.
            was_there = tried or self._local.mirror.left_over(key) is not None
            tried = tried or known is not None
            # A reader who finds it gone must not take it for another's doing.
            leaving.add(key)
            told = self._local.beside.size
            existed = self._primary.delete(key, known.revision if known else "")
            self._keeper.took({key: None}, told)
            return existed or was_there

        def locally(error: StoreError | None) -> bool:
            # The primary may have what was never seen here: others write to it, too.
            existed = self._local.may_have(key)
            self._record({key: None}, {key: ""}, error)
            return existed

        with self._locks.held([key]):
            if self._local.others_pending([key]):
                raise StoreUnavailableError(
                    worded(
                        "not deleted: the journal of {directory} has a write of {key!r} "
                        "that the primary has yet to get ({trouble}); try again then",
                        directory=self._local.directory,
                        key=key,
                        trouble=self._local.trouble,
                    )
                )
            try:
                return self._acknowledged([key], at_primary, locally)
            finally:
                leaving.discard(key)

    # inside

    def _acknowledged(
        self,
        keys: Collection[str],
        at_primary: Callable[[StoreError | None], T],
        locally: Callable[[StoreError | None], T],
        *,
        compared: str | None = None,
    ) -> T:
        """Let the primary take a write, else the journal; who calls holds the keys' locks.

        Both get the error of a try before, which may have worked. Where the journal takes
        nothing the primary is asked again, however it was a moment ago. `compared` is
        the revision of a write that depends on one.
        """
        until = self._keeper.monotonic() + limited(CALL_SECONDS)
        error: StoreError | None = None
        spares = compared is None and self._economy
        asks = 0
        while True:
            if self._keeper.healthy and not spares and self._is_carried(keys, compared):
                older = self._local.others_pending(keys)
                try:
                    with time_limit(self._left(until) if asks else None):
                        answer = at_primary(error)
                except StoreUnavailableError as raised:
                    error = raised
                else:
                    self._local.overtake(older)
                    return answer
            try:
                with self._local.journal.lock:
                    if self._may_journal(error, spares=spares):
                        return locally(error)
            except StoreUnavailableError:
                if asks == _MOST_ASKS or not self._keeper.is_there(self._left(until)):
                    raise
                asks, spares = asks + 1, False

    def _left(self, until: float) -> float:
        return max(0.0, until - self._keeper.monotonic())

    def _compared_again(self, key: str, encoded: bytes, expected: str, new: str) -> str:
        """Write what may have been written: then it is no conflict, though it is there."""
        write = PendingWrite(key, encoded, new, expected, self._now(), tried=(new,))
        (outcome,) = self._primary.replay([write])
        if not outcome.done:
            raise StoreConflictError(key, outcome.revision)
        # Where somebody wrote on top of it, that is nothing who calls has seen.
        return new if outcome.found else outcome.revision

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

    def _is_carried(self, keys: Collection[str], compared: str | None) -> bool:
        """Bring what is pending of the keys to the primary, before they are written there.

        Only where that was seen by who compares; else StoreConflictError.
        """
        pending = self._local.journal.pending
        older = [pending[key] for key in keys if key in pending]
        for write in older:
            if compared not in {None, write.revision}:
                raise StoreConflictError(write.key, write.revision)
        if older:
            self._keeper.carry(timeout_seconds=CONNECT_SECONDS)
        return self._keeper.healthy

    def _there(self, key: str, revision: str) -> str:
        """Return what the primary has where a reader was shown `revision`.

        What is left over from another database is shown, and is not there.
        """
        document = self._local.mirror.left_over(key)
        shown = document is not None and document.revision == revision
        return "" if shown else revision

    def _may_journal(self, error: StoreError | None, *, spares: bool) -> bool:
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
        if error is None and self._keeper.healthy and not spares:
            return False
        if not self._local.take():
            raise StoreUnavailableError(
                worded(
                    "not written: the primary is away ({last_error}), and {trouble}",
                    last_error=self._keeper.last_error,
                    trouble=self._local.trouble,
                )
            ) from error
        return not self._keeper.healthy or spares

    def _record(
        self,
        documents: Mapping[str, bytes | None],
        revisions: Mapping[str, str],
        error: StoreError | None,
    ) -> None:
        self._local.record(documents, revisions, tried=error is not None)
        self._keeper.journal_grew()
