"""What other processes of this host wrote to the primary, told to who has the journal.

In an outage the owner of the journal goes on from its mirror, which has what it saw of the
primary. What a second process wrote there a moment before the outage it has not seen: it
would compare with what was overwritten, and undo it. So who writes through without the
journal adds what the primary took to ``<directory>/.journal/beside.jsonl`` before its own
write is acknowledged, and the owner reads on there before it answers from its mirror.

Not synced: a power cut ends the processes that could read it. A disk that takes no line
holds nothing up; then the owner knows what it saw itself, as before.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from switchbot_store.failover.mirror import Mirrored
from switchbot_store.files.durable import opened_file
from switchbot_store.files.lines import framed, unframed
from switchbot_store.files.portable import NO_LINK, OPEN_FLAGS
from switchbot_store.processes.locks import ProcessLock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_FILE: Final = "beside.jsonl"
_WRITING: Final[int] = os.O_WRONLY | os.O_CREAT | os.O_APPEND | OPEN_FLAGS | NO_LINK
_READING: Final[int] = os.O_RDONLY | OPEN_FLAGS | NO_LINK
_MOST_BYTES: Final = 8 * 1024 * 1024
"""More than that nobody read: begun anew."""


class Heard(NamedTuple):
    """A write of another process; `encoded` is None where it deleted."""

    encoded: bytes | None
    revision: str
    at: datetime

    @property
    def document(self) -> Mirrored | None:
        """Return it as the mirror keeps it."""
        if self.encoded is None:
            return None
        return Mirrored(self.encoded, self.revision, self.at)


class Beside:
    """The file of one directory, for who tells and for who hears.

    Who hears takes what was added since it saw the document itself.
    """

    def __init__(self, journal_directory: Path) -> None:
        self._path = str(journal_directory / _FILE)
        self._lock = ProcessLock()
        self._inode = 0
        self._read_until = 0
        self._seen: dict[str, int] = {}
        """How long the file was when a document was seen or written last."""

    def tell(self, documents: Mapping[str, Mirrored | None], at: datetime) -> None:
        """Add what the primary took just now."""
        line = framed(
            orjson.dumps([_row(key, at, documents[key]) for key in documents])
        )
        with suppress(OSError):
            while not self._added(line):
                pass  # the owner had read it all and removed it meanwhile

    def _added(self, line: bytes) -> bool:
        descriptor = os.open(self._path, _WRITING, 0o600)
        try:
            if os.fstat(descriptor).st_size > _MOST_BYTES:
                os.ftruncate(descriptor, 0)
            os.write(descriptor, line)
            return os.fstat(descriptor).st_nlink > 0
        finally:
            os.close(descriptor)

    @property
    def size(self) -> int:
        """How long it is now, 0 where nobody told anything."""
        with self._lock:
            return self._size()

    def saw(self, keys: Iterable[str], size: int) -> None:
        """Note that these were seen or written after the file was so long.

        What was told until then is older. What was told since may be newer.
        """
        if size:
            with self._lock:
                self._seen |= dict.fromkeys(keys, size)

    def saw_all(self, size: int) -> None:
        """Note that all was seen that was told until the file was so long."""
        with self._lock:
            self._read_until = max(self._read_until, size)
            self._seen = {key: each for key, each in self._seen.items() if each > size}

    def forget(self, size: int) -> None:
        """Remove all that was told, if nothing was since it was so long."""
        with self._lock:
            if size and self._size() == size:
                with suppress(OSError):
                    Path(self._path).unlink()
                self._inode, self._read_until, self._seen = 0, 0, {}

    def hear(self) -> dict[str, Heard]:
        """Return what is new since it was asked last, and newer than what was seen."""
        with self._lock:
            if self._size() <= self._read_until:
                return {}
            found: dict[str, Heard] = {}
            place = self._read_until
            for line in self._rest().splitlines(keepends=True):
                if not line.endswith(b"\n"):
                    break  # it is being written
                payload = unframed(line)
                for row in orjson.loads(payload) if payload is not None else ():
                    if place >= self._seen.get(row["key"], 0):
                        found[row["key"]] = _heard(row)
                place += len(line)
            self._read_until = place
            return found

    def _rest(self) -> bytes:
        try:
            descriptor = opened_file(self._path, _READING)
        except OSError:
            return b""
        with os.fdopen(descriptor, "rb") as file:
            file.seek(self._read_until)
            return file.read()

    def _size(self) -> int:
        """Return how long it is; one that was begun anew is read anew."""
        try:
            status = Path(self._path).stat()
        except OSError:
            return 0
        if status.st_ino != self._inode or status.st_size < self._read_until:
            self._inode, self._read_until, self._seen = status.st_ino, 0, {}
        return status.st_size


def _row(key: str, at: datetime, document: Mirrored | None) -> dict[str, Any]:
    return {
        "key": key,
        "revision": document.revision if document else "",
        "at": at.isoformat(),
        "data": document.encoded.decode() if document else None,
    }


def _heard(row: dict[str, Any]) -> Heard:
    data = row["data"]
    return Heard(
        None if data is None else data.encode(),
        row["revision"],
        datetime.fromisoformat(row["at"]),
    )
