"""Carrying the journal over to the primary, conflicts included."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from switchbot_store.codec import decode, encode, encode_of_others, is_internal
from switchbot_store.deadlines import time_limit
from switchbot_store.errors import StoreDataError
from switchbot_store.failover.conflicts import Conflict, Policy, Winner, decided
from switchbot_store.failover.mirror import Mirrored
from switchbot_store.failover.primary import came_before
from switchbot_store.model import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from switchbot_store.failover.lineage import Lineage
    from switchbot_store.failover.local import LocalCopy
    from switchbot_store.failover.primary import Primary
    from switchbot_store.failover.safekeeping import Safekeeping
    from switchbot_store.handover import Outcome, PendingWrite

_LOGGER = logging.getLogger(__name__)
_TOGETHER: Final = 1000
_TOGETHER_BYTES: Final = 32 * 1024 * 1024
_CALL_SECONDS: Final = 15.0
"""As long as a database may take to wake up."""
_BYTES_PER_SECOND: Final = 100_000
"""A slow uplink; large replays get more time than a single call."""
_OWN: Final = (
    "an earlier process of this host wrote it, and its local copy does not have it: it was"
    " killed before, or the disk took nothing any more; what this host acknowledged later"
    " is kept"
)


class _Decision(NamedTuple):
    """About one document: who lost, and what is to be written; None for nothing."""

    write: PendingWrite
    remote: Entry
    losers: list[Conflict]
    successor: PendingWrite | None


class Resync:
    """Replays what is pending, newest write of each key, as few statements as fit.

    One round at a time, from whichever thread. Raises what the primary raises; then
    everything that the primary did not confirm is pending still.
    """

    def __init__(
        self,
        primary: Primary,
        local: LocalCopy,
        policy: Policy,
        now: Callable[[], datetime],
        lineage: Lineage,
    ) -> None:
        self.lineage = lineage
        self.safe: Safekeeping = lineage.safe
        self._primary = primary
        self._journal = local.journal
        self._mirror = local.mirror
        self._beside = local.beside
        self._policy = policy
        self._now = now
        self.turn: threading.RLock = threading.RLock()
        """Taken before the journal's lock, by who does several rounds."""

    def round(self, *, timeout_seconds: float | None = None) -> None:
        """Carry over what is pending at this moment.

        A settled conflict may leave its winner pending for the next round.
        """
        with self.turn:
            for writes in _chunks(list(self._journal.pending.values())):
                size = sum(len(write.encoded or b"") for write in writes)
                seconds = timeout_seconds or _CALL_SECONDS + size / _BYTES_PER_SECOND
                with time_limit(seconds, connect_seconds=seconds):
                    self._carry(self._journal.mark_tried(writes))

    def refresh(self) -> None:
        """Let the mirror see all that the primary holds."""
        told = self._beside.size
        before = self._mirror.picture()
        known = {key: each.revision for key, each in before.items()}
        with time_limit(_CALL_SECONDS, connect_seconds=_CALL_SECONDS):
            entries = self._primary.snapshot(known)
            self.lineage.vouch(before, entries)
            self.lineage.absent(
                {
                    key: each
                    for key, each in before.items()
                    if key not in entries and not is_internal(key)
                }
            )
        self.lineage.replaced(entries)
        documents = {
            key: document
            for key, entry in entries.items()
            if (document := _known(before, key) if entry is None else mirrored(entry))
        }
        self._mirror.put_all(documents, before)
        self._mirror.caught_up()
        self._beside.saw_all(told)
        if self._journal.held:
            self._beside.forget(told)
        self.lineage.adopt(entries)

    def _carry(self, writes: Sequence[PendingWrite]) -> None:
        if not writes:
            return
        try:
            outcomes = self._primary.replay(writes)
        except StoreDataError as error:
            # One document that the primary will never take must not stop the others.
            if len(writes) == 1:
                self._refuse(writes[0], str(error))
                return
            middle = len(writes) // 2
            self._carry(writes[:middle])
            self._carry(writes[middle:])
            return
        done = [pair for pair in zip(writes, outcomes, strict=True) if pair[1].done]
        # The mirror first: a reader must not fall between the two.
        self._mirror.put_many(
            {write.key: _there(write, outcome) for write, outcome in done}
        )
        for write, outcome in done:
            self._journal.settle(write, outcome.revision)
        self._decide(
            (write, outcome.found or Entry({}, "", None))
            for write, outcome in zip(writes, outcomes, strict=True)
            if not outcome.done
        )

    def _refuse(self, write: PendingWrite, reason: str) -> None:
        _LOGGER.error("the primary refuses %r: %s", write.key, reason)
        loser = self._loser("local", write.key, _local(write), "none", reason)
        self.safe.keep([loser])
        self._journal.settle(write, write.base)

    def _decide(self, pairs: Iterable[tuple[PendingWrite, Entry]]) -> None:
        """Settle what the primary has otherwise; all of it with two durable lines.

        One by one, a thousand documents would wait for two thousand disk flushes.
        """
        decisions = [each for pair in pairs if (each := self._decision(*pair))]
        # Losers first, and durably: after this nothing else may hold them.
        self.safe.keep(loser for each in decisions for loser in each.losers)
        lost = [each for each in decisions if each.successor is None]
        self._mirror.put_many({each.write.key: mirrored(each.remote) for each in lost})
        for each in lost:
            self._journal.drop(each.write)
        self._journal.replace(
            (each.write, each.successor) for each in decisions if each.successor
        )

    def _decision(self, write: PendingWrite, remote: Entry) -> _Decision | None:
        local = _local(write)
        losers = []
        if local.data == remote.data and bool(write.encoded) == bool(remote.revision):
            winner: Winner = "local"
            encoded = write.encoded or b""
        elif came_before(remote.revision, write, self._journal.signature):
            # No other place: a process before this one was killed, or lost its mirror.
            winner, encoded = "local", write.encoded or b""
            losers.append(self._loser("remote", write.key, remote, winner, _OWN))
        else:
            winner, encoded = self._choice(write, local, remote)
            if winner != "local" and not self._journal.is_newest(write):
                return None  # a newer local write is decided about in the next round
            if winner != "local":
                losers.append(self._loser("local", write.key, local, winner))
            if winner != "remote" and remote.revision:
                losers.append(self._loser("remote", write.key, remote, winner))
        if winner == "remote":
            return _Decision(write, remote, losers, None)
        on_top: dict[str, Any] = {"base": remote.revision}
        if winner == "merged":
            revision = self._primary.new_revision(encoded, self._journal.signature)
            on_top |= {
                "encoded": encoded,
                "revision": revision,
                "written_at": self._now(),
            }
        return _Decision(write, remote, losers, replace(write, **on_top))

    def _choice(
        self, write: PendingWrite, local: Entry, remote: Entry
    ) -> tuple[Winner, bytes]:
        """Return who wins, and what the policy would have written, encoded."""
        if not remote.revision and self._mirror.left_over(write.key) is not None:
            # Nobody deleted it: this database never had it.
            return "local", write.encoded or b""
        winner, data = decided(self._policy, write.key, local, remote)
        try:
            return winner, encode(data)
        except StoreDataError:
            _LOGGER.exception(
                "the conflict policy made a document of %r that cannot be stored; the"
                " local one is kept",
                write.key,
            )
            return "local", write.encoded or b""

    def _loser(
        self,
        origin: Literal["local", "remote"],
        key: str,
        entry: Entry,
        kept: Winner,
        reason: str = "",
    ) -> Conflict:
        return Conflict(
            key=key,
            data=entry.data,
            revision=entry.revision,
            updated_at=entry.updated_at,
            origin=origin,
            kept=kept,
            settled_at=self._now(),
            reason=reason,
        )


def mirrored(entry: Entry) -> Mirrored | None:
    """Return an entry of the primary as the mirror keeps it."""
    if not entry.revision:
        return None
    return Mirrored(encode_of_others(entry.data), entry.revision, entry.updated_at)


def _known(before: Mapping[str, Mirrored], key: str) -> Mirrored | None:
    """Return what the mirror has, as seen in the present database."""
    document = before.get(key)
    return None if document is None else document._replace(origin="")


def _there(write: PendingWrite, outcome: Outcome) -> Mirrored | None:
    """Return what the primary holds after a replay."""
    if outcome.found is not None:
        return mirrored(outcome.found)
    if write.encoded is None:
        return None
    return Mirrored(write.encoded, outcome.revision, write.written_at)


def _local(write: PendingWrite) -> Entry:
    data = {} if write.encoded is None else decode(write.encoded, key=write.key)
    return Entry(data, write.revision, write.written_at)


def _chunks(writes: list[PendingWrite]) -> Iterator[list[PendingWrite]]:
    chunk: list[PendingWrite] = []
    size = 0
    for write in writes:
        length = len(write.encoded or b"")
        if chunk and (len(chunk) == _TOGETHER or size + length > _TOGETHER_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(write)
        size += length
    if chunk:
        yield chunk
