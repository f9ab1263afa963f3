"""The local side of a `FailoverStore`: mirror, journal, conflicts and plain files."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from switchbot_store.codec import encode, is_internal
from switchbot_store.errors import StoreUnavailableError
from switchbot_store.failover.beside import Beside
from switchbot_store.failover.conflicts import ConflictLog
from switchbot_store.failover.journal import DIRECTORY, Journal, look_at_journal
from switchbot_store.failover.journal import FILE as JOURNAL_FILE
from switchbot_store.failover.mirror import DIRECTORY as MIRROR
from switchbot_store.failover.mirror import RECENT as RECENT_FILE
from switchbot_store.failover.mirror import Mirror, Mirrored, look_at_mirror
from switchbot_store.failover.primary import new_revision
from switchbot_store.failover.unread import LOST_LINES, UnreadCopy
from switchbot_store.files.places import nearest_existing, write_refusal
from switchbot_store.files.store import JsonStore
from switchbot_store.handover import PendingWrite
from switchbot_store.languages import reworded, worded
from switchbot_store.model import Entry

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Iterable, Mapping
    from datetime import datetime

    from switchbot_store.model import DocumentProblem

_LOGGER = logging.getLogger(__name__)
_FILES = "files"
"""The origin of what was seen in no database but in a plain file."""


class LocalCopy:
    """What is known here without asking the primary.

    `paths` are those of `JsonStore`; its files are read while the mirror is empty.

    The directory belongs to one process at a time. While another has it, or the disk does
    not let us have it, `held` is false: nothing is written there, and what others
    acknowledged there is read. `trouble` says why, or what the disk refused last, in
    words; None when all is well.
    """

    def __init__(
        self,
        directory: Path,
        paths: Mapping[str, str | os.PathLike[str]],
        now: Callable[[], datetime],
    ) -> None:
        self.directory = directory
        self.journal: Journal = Journal(directory, self.failed)
        self.mirror: Mirror = Mirror(directory, self.failed)
        self.conflicts: ConflictLog = ConflictLog(directory)
        self.beside: Beside = Beside(directory / DIRECTORY)
        self.distrusted: set[str] = set()
        """Keys of which the mirror is known to be behind the primary."""
        self._plain = JsonStore(directory, paths=paths)
        self._now = now
        self.owner: str = ""
        """Which other process has the directory, ``""`` where none has it."""
        self.trouble: str | None = None
        self._elsewhere: dict[str, PendingWrite] = {}
        """What is pending in another process's journal, as read last."""
        self._overtaken: dict[str, str] = {}
        """Which pending write of a key is older than what we wrote to the primary since."""
        self._looked_at: object = None
        self._unseen: str = ""
        """Why another process's journal cannot be read, ``""`` where it can."""
        self._brought: dict[str, PendingWrite] | None = None
        """What was pending in a directory whose place another took."""
        self._closed = False

    @property
    def held(self) -> bool:
        """Whether the directory is ours: journal and mirror can be written."""
        return self.journal.held

    @property
    def empty(self) -> bool:
        """Whether nothing at all is known."""
        known = self.journal.pending or self._elsewhere
        return self.mirror.empty and not known and not self._plain_keys()

    @property
    def state(self) -> Literal["waiting", "broken", "held"]:
        """Say in a word whether an outage's writes could be acknowledged here."""
        if self.owner and not self.held:
            return "waiting"
        if self.held and (self.trouble is None or not self.mirror.held):
            return "held"
        return "broken"

    def open(self) -> None:
        """Take the directory and read it; look on where it cannot be had now."""
        # What was told to another process may be older than what this one finds.
        self.beside.saw_all(self.beside.size)
        if not self.take():
            self._look()

    def take(self) -> bool:
        """Take the directory if it can be had; tell whether it is ours.

        Raises StoreUnavailableError where a file is in the place of a directory.
        """
        with self.journal.lock:
            if self._closed or (self.held and self.mirror.held):
                return self.held
            if not self.held and not self._take_journal():
                return False
            try:
                self.mirror.open(self.journal.gap)
            except StoreUnavailableError as error:
                # What the primary says cannot be kept; what an outage brings can be.
                self._see_mirror()
                self.mirror.unkept = True
                self.failed(reworded(error))
            else:
                self.trouble = None
            self._elsewhere, self._unseen = {}, ""
            self.journal.sign()
            return True

    def _take_journal(self) -> bool:
        try:
            self.owner = self.journal.open()
            if self.owner:
                self.trouble = (
                    f"{self.owner} has the journal of {self.directory}, which"
                    " belongs to one process at a time"
                )
                return False
            self.conflicts.open()
            if self._brought is not None:
                self.journal.restore(self._brought)
                self._brought = None
        except StoreUnavailableError as error:
            self.owner = ""
            self.mirror.unkept = True
            self.conflicts.close()
            self.journal.close()
            if not nearest_existing(self.directory).is_dir():
                raise  # a mistake, and no fault of the disk
            self.failed(reworded(error))
            return False
        return True

    def failed(self, trouble: str) -> None:
        """Note that the disk did not take something that can wait; told once."""
        if self.trouble is None or self.owner:
            _LOGGER.warning(
                "the local disk refuses: %s; what the primary takes is not held up",
                trouble,
            )
        self.trouble = trouble

    def mend(self) -> bool:
        """Look whether the directory can be had and written by now."""
        if not self._take_anew() or not self.take() or not self.can_write():
            return False
        if not self.mirror.held:
            return False
        if self.trouble is not None:
            _LOGGER.warning("%s can be written again", self.directory)
        self.trouble = None
        self.journal.sign()
        if not self.journal.pending:
            self.journal.clear()
        return self.trouble is None

    def _take_anew(self) -> bool:
        """Let a directory go in whose place is another; False where there is none.

        A disk that was mended is mounted anew, and what is open here is still the old.
        """
        journal = self.journal
        with journal.lock:
            try:
                if not journal.displaced:
                    return True
            except OSError as error:
                self.failed(f"cannot keep a journal in {self.directory}: {error}")
                return False
            self._brought = dict(journal.pending)
            self.conflicts.close()
            self.mirror.leave()
            journal.close()
            return True

    def close(self) -> None:
        """Write what the mirror still has in memory, and let the directory go."""
        with self.journal.lock:
            self._closed = True
            try:
                self.mirror.close()
            except StoreUnavailableError as error:
                _LOGGER.warning("%s; it stays as it was", error)
            self.conflicts.close()
            self.journal.close()

    def _look(self) -> None:
        """See what another process acknowledged in the directory, if that changed."""
        if self.held:
            return
        files = (self.directory / DIRECTORY, self.directory / MIRROR)
        changed = [
            (str(path), status.st_ino, status.st_size, status.st_mtime_ns)
            for place in files
            for path in (place, place / JOURNAL_FILE, place / RECENT_FILE)
            if (status := _status(path)) is not None
        ]
        if changed == self._looked_at:
            return
        try:
            self._elsewhere, damaged = look_at_journal(self.directory)
            self._unseen = LOST_LINES if damaged else ""
        except StoreUnavailableError as error:
            self._unseen = reworded(error)
            if not self.owner:
                self.failed(self._unseen)
        if self._see_mirror() and not self._unseen:
            self._looked_at = changed

    def _see_mirror(self) -> bool:
        """See what the mirror's files hold, without having them."""
        try:
            self.mirror.look()
        except StoreUnavailableError as error:
            if not self.owner:
                self.failed(reworded(error))
            return False
        return True

    @property
    def unread(self) -> tuple[str, ...]:
        """What of the local copy cannot be read, in words."""
        found = (*self.mirror.unread.words, self._unseen)
        return tuple(dict.fromkeys(each for each in found if each))

    @property
    def may_be_old(self) -> bool:
        """Whether documents may be older here than what was acknowledged."""
        return bool(self.mirror.behind or self.mirror.unread.gap or self._unseen)

    def may_have(self, key: str) -> bool:
        """Tell whether there is a document, or may be one that cannot be read."""
        try:
            return bool(self.entry(key, stale=True).revision)
        except StoreUnavailableError:
            return True

    def _plain_keys(self) -> list[str]:
        try:
            return self._plain.keys()
        except StoreUnavailableError as error:
            self.failed(reworded(error))
            return []

    def entry(self, key: str, *, stale: bool) -> Entry:
        """Return the newest document known here. Raises StoreUnavailableError."""
        self._hear()
        if stale:
            self._look()
        # In this order: what leaves the journal is in the mirror before.
        write = self._in_force(self._writes().get(key))
        return self._entry(key, write, self.mirror.get(key), stale=stale)

    def entries(self, keys: list[str], *, stale: bool) -> dict[str, Entry]:
        """Return several, as of one moment. Raises StoreUnavailableError."""
        self._hear()
        if stale:
            self._look()
        with self.journal.view:
            pending = self._writes()
            writes = {key: self._in_force(pending.get(key)) for key in keys}
            known = self.mirror.get_many(keys)
        return {
            key: self._entry(key, writes[key], known[key], stale=stale) for key in keys
        }

    def _writes(self) -> dict[str, PendingWrite]:
        return self.journal.pending if self.held else self._elsewhere

    def _in_force(self, write: PendingWrite | None) -> PendingWrite | None:
        """Return the pending write, None where what we wrote since is newer."""
        if write is None or self._overtaken.get(write.key) == _name(write):
            return None
        return write

    def others_pending(self, keys: Iterable[str]) -> dict[str, PendingWrite]:
        """Return what is pending of the keys in a journal that is not ours.

        Who writes to the primary looks before, and tells `overtake` after.
        """
        if self.held:
            return {}
        self._look()
        return {key: self._elsewhere[key] for key in keys if key in self._elsewhere}

    def in_force_elsewhere(self, key: str) -> bool:
        """Tell whether a journal that is not ours has the newest write of the key."""
        write = self.others_pending([key]).get(key)
        return self._in_force(write) is not None

    def overtake(self, writes: Mapping[str, PendingWrite]) -> None:
        """Read over these no longer: the primary took something newer from us.

        They stay pending with whoever has the journal, and are carried over from there.
        """
        self._overtaken.update({key: _name(write) for key, write in writes.items()})

    def took(self, documents: Mapping[str, Mirrored | None], told: int) -> None:
        """Keep what the primary took from this process; tell who has the journal.

        `told` is how much others had told before it was asked.
        """
        self.mirror.put_many(documents)
        if self.owner and not self.held:
            self.beside.tell(documents, self._now())
        self.beside.saw(documents, told)

    def _hear(self) -> None:
        """Take what other processes of this host wrote since this one saw it."""
        for key, heard in self.beside.hear().items():
            known = self.mirror.get(key)
            is_newer = known is None or not (
                known.revision == heard.revision
                or (known.updated_at is not None and known.updated_at > heard.at)
            )
            if is_newer and key not in self.journal.pending:
                self.mirror.put_many({key: heard.document})

    def _entry(
        self,
        key: str,
        write: PendingWrite | None,
        mirrored: Mirrored | None,
        *,
        stale: bool,
    ) -> Entry:
        if write is not None:
            return write.entry(stale=stale)
        if mirrored is not None:
            foreign = mirrored.origin != self.mirror.identity
            return mirrored.entry(key, stale=stale or foreign)
        self.mirror.unread.check(key, self._unseen)
        if self.mirror.empty:
            return replace(self._plain.get_entry(key), stale=stale)
        return Entry({}, "", None, stale)

    @property
    def problems(self) -> tuple[DocumentProblem, ...]:
        """What is wrong with the plain files, while they are what is read."""
        return self._plain.status().problems if self.mirror.empty else ()

    def keys(self) -> list[str]:
        """Return the sorted keys, without the internal ones."""
        return [key for key in self.keys_with("") if not is_internal(key)]

    def keys_with(self, prefix: str) -> list[str]:
        """Return the sorted keys that begin with `prefix`, the internal ones too."""
        self._hear()
        self._look()
        # In this order: what leaves the journal is in the mirror before.
        writes = self._writes_with(prefix)
        place = self._plain if self.mirror.empty else self.mirror
        found = set(place.keys_with(prefix))
        for key, write in writes.items():
            (found.discard if write.encoded is None else found.add)(key)
        if not found and (gap := self.mirror.unread.gap or self._unseen):
            raise StoreUnavailableError(
                worded(
                    "which documents there are is unknown: the primary is away, and of "
                    "the local copy this cannot be read: {why}",
                    why=gap,
                )
            )
        return sorted(found)

    def _writes_with(self, prefix: str) -> dict[str, PendingWrite]:
        if self.held:
            keys = self.journal.keys_with(prefix)
            pending = self.journal.pending
        else:
            pending = self._elsewhere
            keys = [key for key in pending if key.startswith(prefix)]
        return {
            key: write
            for key in keys
            if (write := self._in_force(pending.get(key))) is not None
        }

    def left_over(self) -> list[str]:
        """Return the sorted keys that are in force here and missing in the primary.

        As far as is known here, and without internal ones.
        """
        return sorted(self.mirror.all_left_over().keys() - self.journal.pending.keys())

    def adopt_plain(self, *, present: Collection[str]) -> None:
        """Take the plain files of documents that the primary does not have."""
        try:
            entries = self._plain.get_many(
                sorted(set(self._plain.keys()).difference(present))
            )
        except StoreUnavailableError as error:
            _LOGGER.warning("%s; the database does not have it either", error)
            return
        self.mirror.put_many(
            {
                key: Mirrored(
                    encode(entry.data), entry.revision, entry.updated_at, 0, _FILES
                )
                for key, entry in entries.items()
                if entry.revision and self.mirror.get(key) is None
            }
        )

    def record(
        self,
        documents: Mapping[str, bytes | None],
        revisions: Mapping[str, str],
        *,
        tried: bool,
    ) -> None:
        """Acknowledge writes by one line of the journal; None deletes.

        `tried` says that the primary may have them already. Who calls holds the
        journal's lock. Raises StoreUnavailableError, and then nothing is written.
        """
        at = self._now()
        self._hear()
        try:
            self.journal.record(
                self._pending(key, encoded, revisions[key], at, tried=tried)
                for key, encoded in documents.items()
            )
        except StoreUnavailableError as error:
            self.failed(reworded(error))
            raise
        if self.state == "broken":
            self.mend()  # it took this

    def can_write(self) -> bool:
        """Tell whether the journal could take a line now, by writing a file."""
        if not self.held:
            return False
        return write_refusal(self.directory / DIRECTORY) is None

    def _pending(
        self,
        key: str,
        encoded: bytes | None,
        revision: str,
        at: datetime,
        *,
        tried: bool,
    ) -> PendingWrite:
        before = self.journal.pending.get(key)
        if before is None:
            mirrored = self.mirror.get(key)
            # What is left over from another database, this one does not have.
            foreign = self.mirror.left_over(key) is not None
            base = mirrored.revision if mirrored and not foreign else ""
            attempts: tuple[str, ...] = ()
        else:
            base, attempts = before.base, before.tried
        return PendingWrite(
            key=key,
            encoded=encoded,
            revision=revision,
            base=base,
            written_at=at,
            tried=(*attempts, revision) if tried else attempts,
            count=before.count + 1 if before else 1,
            mark="" if encoded is not None else new_revision(self.journal.signature),
        )


def unread_of(directory: str | Path) -> tuple[str, ...]:
    """Say what of a directory's local copy is damaged, or cannot be looked into."""
    place = Path(directory)
    unread = UnreadCopy()
    try:
        look_at_mirror(place, unread)
        if look_at_journal(place)[1]:
            unread.gap = unread.gap or LOST_LINES
    except StoreUnavailableError as error:
        return (*unread.words, reworded(error))
    return unread.words


def _name(write: PendingWrite) -> str:
    return write.revision or write.mark


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
