"""What a local disk refuses and must not be lost: the primary keeps it meanwhile.

A disk that is full or read-only takes no loser of a conflict, and a read-only one lets the
journal not be emptied of writes that were carried over. Neither may hold up the primary. So
both are noted in its internal document `KEY`, before anything rests on them, and taken back
once the disk takes them, by this process or a later one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from switchbot_store.errors import StoreDataError, StoreUnavailableError
from switchbot_store.failover.conflicts import conflict_of, line_of
from switchbot_store.failover.journal import read_pending
from switchbot_store.languages import reworded, worded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from switchbot_store.failover.conflicts import Conflict
    from switchbot_store.failover.local import LocalCopy
    from switchbot_store.failover.primary import Primary
    from switchbot_store.handover import PendingWrite
    from switchbot_store.model import Document

KEY: Final = "_kept"
_LOSERS: Final = "conflicts"
_CARRIED: Final = "carried"


class Safekeeping:
    """Keeps what must not be lost, on the disk or else in the primary.

    Methods raise what the primary raises.
    """

    def __init__(self, primary: Primary, local: LocalCopy) -> None:
        self._primary = primary
        self._local = local

    def keep(self, losers: Iterable[Conflict]) -> None:
        """Keep losers durably before something replaces them.

        Where another process has the directory it keeps them: it has the same mirror.
        """
        local = self._local
        if local.owner and not local.held:
            return
        losers = list(losers)
        if local.held:
            try:
                local.conflicts.add(losers)
            except StoreUnavailableError as error:
                local.failed(reworded(error))
            else:
                return
        lines = [line_of(each).decode() for each in losers]
        self._note(_LOSERS, lines)
        local.conflicts.hold(losers)

    def note_carried(self) -> None:
        """Note the writes that a journal which cannot be emptied still has."""
        writes = read_pending(self._local.directory).values()
        self._note(_CARRIED, [_name(write) for write in writes])

    def recover(self) -> None:
        """Forget what the journal has and was carried over; take back what can be."""
        kept = self._primary.store.get_entry(KEY).data
        if not kept:
            return
        journal = self._local.journal
        carried = kept.get(_CARRIED, [])
        with journal.lock:
            for write in list(journal.pending.values()):
                if _name(write) in carried:
                    journal.drop(write)
        self.take_back()

    def take_back(self) -> None:
        """Bring home what the primary keeps, if the disk takes it."""
        local = self._local
        if not local.held or local.trouble is not None:
            return
        kept = self._primary.store.get_entry(KEY).data
        lines = kept.get(_LOSERS, [])
        try:
            local.conflicts.add(conflict_of(line.encode()) for line in lines)
        except StoreUnavailableError as error:
            local.failed(reworded(error))
            return
        if local.journal.pending or not local.journal.clear():
            kept = {_LOSERS: lines}
        if kept:
            self._change(lambda now: _without(now, kept))

    def _note(self, name: str, news: list[Any]) -> None:
        def change(kept: Document) -> Document | None:
            known = kept.get(name, [])
            added = [each for each in news if each not in known]
            return {**kept, name: [*known, *added]} if added else None

        self._change(change)

    def _change(self, change: Callable[[Document], Document | None]) -> None:
        try:
            self._primary.store.update(KEY, change)
        except StoreDataError as error:
            raise StoreUnavailableError(
                worded(
                    "the local disk refuses what must not be lost, and so does the "
                    "primary: {error}",
                    error=error,
                )
            ) from error


def _name(write: PendingWrite) -> list[str]:
    return [write.key, write.revision, write.written_at.isoformat()]


def _without(now: Document, taken: Document) -> Document:
    return {
        name: [each for each in values if each not in taken.get(name, ())]
        for name, values in now.items()
    }
