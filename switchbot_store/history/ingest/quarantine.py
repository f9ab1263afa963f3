"""Rows that no backend can keep: set aside with the reason, never in the way."""

from __future__ import annotations

import logging
import os
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import orjson

from switchbot_store.arguments import checked_path
from switchbot_store.errors import HistoryError, StoreDataError
from switchbot_store.files.durable import make_directory, sync_directory
from switchbot_store.files.portable import NO_LINK, OPEN_FLAGS
from switchbot_store.history.ingest.codec import as_dict, load
from switchbot_store.history.ingest.samples import normalised
from switchbot_store.languages import worded
from switchbot_store.processes.locks import ProcessLock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from pathlib import Path

    from switchbot_store.history.model import HistorySample

_LOGGER = logging.getLogger(__name__)
_MAX_BYTES: Final = 64 * 1024 * 1024
_MAX_TEXT: Final = 2000
_MAX_UNWRITTEN: Final = 1000
MISDATED: Final = "stamped by a clock from before this program"
"""Why rows are set aside that `HistoryService.move` brings back."""


class Quarantine:
    """A file of JSON lines ``{"at", "reason", "row"}``; without a path, the log.

    Values that JSON cannot hold are written as their `repr`.
    """

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self.path: Path | None = (
            None if path is None else checked_path(path, "quarantine")
        )
        self._changing = ProcessLock()
        self.unwritten: deque[bytes] = deque(maxlen=_MAX_UNWRITTEN)
        """Lines that the disk did not take."""

    def take(
        self,
        reason: str,
        wanted: Callable[[HistorySample], bool],
        keep: Callable[[list[HistorySample]], object],
    ) -> int:
        """Hand rows set aside for a reason to `keep`, then leave them out of the file.

        Returns how many. What `keep` raises is passed on, and no line is lost.
        Raises HistoryError when it cannot be read or written.
        """
        found: list[HistorySample] = []

        def rest(lines: list[bytes]) -> list[bytes]:
            read = [(line, _sample_of(line, reason)) for line in lines]
            found.extend(row for _, row in read if row is not None and wanted(row))
            if found:
                keep(found)
            return [line for line, row in read if row is None or not wanted(row)]

        self._rewrite(rest)
        return len(found)

    def discard(self, belongs: Callable[[str], bool]) -> int:
        """Leave out every row of the zones that belong; return how many.

        Raises HistoryError when the file cannot be read or written.
        """
        gone: list[bytes] = []

        def rest(lines: list[bytes]) -> list[bytes]:
            gone.extend(line for line in lines if belongs(_zone_of(line)))
            return [line for line in lines if line not in gone]

        self._rewrite(rest)
        return len(gone)

    def _rewrite(self, rest: Callable[[list[bytes]], list[bytes]]) -> None:
        """Leave in the file what `rest` leaves of its lines; all, if that raises."""
        if self.path is None:
            return
        # Another process may set rows aside meanwhile: into a file of its own.
        taken = self.path.with_name(f"{self.path.name}.taken")
        with self._changing:
            try:
                if not taken.exists():
                    if not self.path.exists():
                        return
                    self.path.replace(taken)
                lines = taken.read_bytes().splitlines(keepends=True)
                try:
                    lines = rest(lines)
                finally:
                    _append(self.path, b"".join(lines))
                    taken.unlink()
            except OSError as error:
                raise HistoryError(
                    worded("{path}: {error}", path=self.path, error=error)
                ) from error

    def add(
        self,
        row: HistorySample | str,
        reason: str,
        *,
        at: datetime,
        kept_elsewhere: bool = False,
    ) -> bool:
        """Set a row aside; tell whether it is. Never raises.

        One that the disk does not take is kept in memory for the next time, unless it is
        `kept_elsewhere`. Without a path the log has it.
        """
        shown = row if isinstance(row, str) else as_dict(row)
        _LOGGER.error(
            "a row of history cannot be stored: %s: %.500s", reason, _shown(shown)
        )
        line = _line({"at": at, "reason": reason, "row": shown})
        with self._changing:
            if self._kept([*self.unwritten, line]):
                self.unwritten.clear()
                return True
            if not kept_elsewhere:
                self.unwritten.append(line)
        return False

    def write_unwritten(self) -> None:
        """Write the rows that the disk did not take so far, if it does now."""
        with self._changing:
            if self.unwritten and self._kept(self.unwritten):
                self.unwritten.clear()

    def _kept(self, lines: Iterable[bytes]) -> bool:
        path = self.path
        if path is None:
            return True
        try:
            make_directory(str(path.parent))
            _append(path, b"".join(lines), up_to=_MAX_BYTES)
        except OSError as error:
            _LOGGER.error("%s: %s", path, error)  # noqa: TRY400 - the reason is in it
            return False
        return True


def _append(path: Path, lines: bytes, *, up_to: int | None = None) -> None:
    """Add whole lines durably, unless the file would get larger. Raises OSError.

    A full disk takes half a line: the next must not follow that, or both are lost.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | OPEN_FLAGS | NO_LINK
    descriptor = os.open(path, flags, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        if up_to is not None and size + len(lines) > up_to:
            return
        if size:
            os.lseek(descriptor, -1, os.SEEK_END)
            if os.read(descriptor, 1) != b"\n":
                lines = b"\n" + lines
        try:
            view = memoryview(lines)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)
    if not size:
        sync_directory(str(path.parent))


def _sample_of(line: bytes, reason: str) -> HistorySample | None:
    """Return the row of a line that was set aside for a reason, None for another."""
    try:
        entry = orjson.loads(line)
        if not str(entry["reason"]).startswith(reason):
            return None
        return normalised(load(orjson.dumps(entry["row"])))
    except (ValueError, TypeError, KeyError, StoreDataError):
        return None


def _zone_of(line: bytes) -> str:
    """Return the zone of a line's row, an empty text where it names none."""
    try:
        return str(orjson.loads(line)["row"]["zone"])
    except (ValueError, TypeError, KeyError):
        return ""


def _shown(row: object) -> str:
    try:
        return repr(row)
    except RecursionError:
        return f"a {type(row).__name__} of too many levels to be shown"


def _line(entry: dict[str, object]) -> bytes:
    options = orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
    try:
        return orjson.dumps(entry, default=repr, option=options)
    except (orjson.JSONEncodeError, RecursionError):
        # A lone surrogate, a cycle, an integer beyond 64 bits.
        entry["row"] = _shown(entry["row"])[:_MAX_TEXT]
        text = ascii(entry["row"])
        return orjson.dumps({**entry, "row": text}, default=repr, option=options)
