"""The local side of a `FailoverStore`: mirror, journal, conflicts and plain files."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from switchbot_store.codec import encode, is_internal
from switchbot_store.errors import StoreUnavailableError
from switchbot_store.failover.conflicts import ConflictLog
from switchbot_store.failover.journal import DIRECTORY, Journal
from switchbot_store.failover.mirror import Mirror, Mirrored
from switchbot_store.files.durable import write_temporary
from switchbot_store.files.store import JsonStore
from switchbot_store.handover import PendingWrite
from switchbot_store.model import Entry

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime

    from switchbot_store.model import DocumentProblem

_LOGGER = logging.getLogger(__name__)
_FILES = "files"
"""The origin of what was seen in no database but in a plain file."""


class LocalCopy:
    """What is known here without asking the primary.

    `paths` are those of `JsonStore`; its files are read while the mirror is empty.
    """

    def __init__(
        self,
        directory: Path,
        paths: Mapping[str, str | os.PathLike[str]],
        now: Callable[[], datetime],
    ) -> None:
        self.directory = directory
        self.journal = Journal(directory)
        self.mirror = Mirror(directory)
        self.conflicts = ConflictLog(directory)
        self.distrusted: set[str] = set()
        """Keys of which the mirror is known to be behind the primary."""
        self._plain = JsonStore(directory, paths=paths)
        self._now = now

    @property
    def empty(self) -> bool:
        """Whether nothing at all is known."""
        return self.mirror.empty and not self.journal.pending and not self._plain.keys()

    def open(self) -> None:
        """Take the directory and read it.

        Raises StoreConfigError when another process has it, StoreUnavailableError.
        """
        self.journal.open()
        try:
            self.conflicts.open()
            self.mirror.open()
        except BaseException:
            self.conflicts.close()
            self.journal.close()
            raise

    def close(self) -> None:
        """Write what the mirror still has in memory, and let the directory go."""
        try:
            self.mirror.close()
        except StoreUnavailableError as error:
            _LOGGER.warning("%s; it stays as it was", error)
        self.conflicts.close()
        self.journal.close()

    def entry(self, key: str, *, stale: bool) -> Entry:
        """Return the newest document known here. Raises StoreUnavailableError."""
        # In this order: what leaves the journal is in the mirror before.
        write = self.journal.pending.get(key)
        return self._entry(key, write, self.mirror.get(key), stale=stale)

    def entries(self, keys: list[str], *, stale: bool) -> dict[str, Entry]:
        """Return several, as of one moment. Raises StoreUnavailableError."""
        with self.journal.view:
            writes = {key: self.journal.pending.get(key) for key in keys}
            known = self.mirror.get_many(keys)
        return {
            key: self._entry(key, writes[key], known[key], stale=stale) for key in keys
        }

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
        if self.mirror.empty:
            return replace(self._plain.get_entry(key), stale=stale)
        return Entry({}, "", None, stale)

    @property
    def problems(self) -> tuple[DocumentProblem, ...]:
        """What is wrong with the plain files, while they are what is read."""
        return self._plain.status().problems if self.mirror.empty else ()

    def keys(self) -> list[str]:
        """Return the sorted keys, without the internal ones."""
        found = set(self.mirror.keys() or self._plain.keys())
        for key, write in list(self.journal.pending.items()):
            (found.discard if write.encoded is None else found.add)(key)
        return sorted(key for key in found if not is_internal(key))

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
        self.journal.record(
            self._pending(key, encoded, revisions[key], at, tried=tried)
            for key, encoded in documents.items()
        )

    def can_write(self) -> bool:
        """Tell whether the journal could take a line now, by writing a file."""
        place = self.directory / DIRECTORY / "health"
        with suppress(OSError):
            Path(write_temporary(str(place), b"{}\n")).unlink()
            return True
        return False

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
        )
