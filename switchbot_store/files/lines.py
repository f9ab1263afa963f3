"""A file of lines that were acknowledged one by one, readable after a power cut.

Each line is eight hexadecimal digits, the CRC-32 of the rest, a blank, and JSON. It is
durable when `append` returns. What a crash left behind the last durable line, torn,
empty or full of NUL bytes, does not carry its checksum and is recognised by that.

A line that is whole and does not carry its checksum is no crash's: it was acknowledged,
and the disk, or somebody, changed it since.
"""

from __future__ import annotations

import errno
import logging
import os
import zlib
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from switchbot_store.errors import StoreUnavailableError
from switchbot_store.files.durable import (
    directory_of,
    make_directory,
    opened_file,
    read_content,
    replace,
    sync_directory,
    wrapped_os_errors,
    write_durably,
    write_temporary,
)
from switchbot_store.files.portable import NO_LINK
from switchbot_store.languages import worded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_LOGGER = logging.getLogger(__name__)
_FLAGS: Final = os.O_RDWR | os.O_APPEND | NO_LINK
_PREFIX_LENGTH: Final = 9
_BUFFER_BYTES: Final = 256 * 1024


class Lines(NamedTuple):
    """What a file held.

    `total` good lines; `payloads` are theirs where nobody took them one by one. `torn`:
    its end was never acknowledged and is left out. `damaged`: so were lines that had
    been acknowledged.
    """

    payloads: list[bytes]
    total: int
    torn: bool
    damaged: bool


class LineFile:
    """Appends lines durably. Not thread-safe: its user holds a lock.

    Operating-system errors leave as StoreUnavailableError; then nothing was written,
    as far as the disk allows to tell. `on_damage` is called, and may raise OSError, before
    damaged lines leave the file.
    """

    def __init__(self, path: str, on_damage: Callable[[], None] | None = None) -> None:
        self.path = path
        self._on_damage = on_damage
        self.size: int = 0
        self._descriptor: int | None = None
        self._wanted = False
        self._uncertain = False
        self._named = True
        """Whether the file's name is durable, since it was put in another's place."""
        self._damaged = False
        """The file has damaged lines that no copy keeps yet."""

    def open(self, take: Callable[[bytes], object] | None = None) -> Lines:
        """Create the file if there is none, and return its lines.

        With `take` they are handed to it one by one instead: a file may be longer than
        the memory that there is.

        Damage is no torn end: the file is kept as evidence beside this one, and every
        good line is returned. Of a read-only disk the lines are returned too, and the
        file is opened, and kept if damaged, when it can first be written.
        """
        payloads: list[bytes] = []
        with wrapped_os_errors(f"cannot open {self.path}"):
            found = _read(self.path, take or payloads.append)
            self.size = 0 if found is None else found.size
            good_until = 0 if found is None else found.good_until
            self._damaged = damaged = found is not None and found.damaged
            torn = good_until < self.size
            try:
                self._prepare(good_until, is_new=found is None)
            except OSError as error:
                if found is None or error.errno != errno.EROFS:
                    self._close_descriptor()
                    raise
                # Written when it can be: after the last good line.
                self.size, self._uncertain = good_until, torn
            self._wanted = True
        return Lines(payloads, found.total if found else 0, torn, damaged)

    def _prepare(self, good_until: int, *, is_new: bool) -> None:
        if is_new:
            make_directory(directory_of(self.path))
            write_durably(self.path, b"")
        kept_aside = self._damaged
        self._keep_evidence()
        self._descriptor = opened_file(self.path, _FLAGS)
        if good_until < self.size:
            if not kept_aside:
                _LOGGER.warning(
                    "%s: %d bytes at its end were never acknowledged and are removed",
                    self.path,
                    self.size - good_until,
                )
            self._truncate(good_until)

    def append(self, *payloads: bytes, durable: bool = True) -> None:
        """Add a line each; durable when it returns. No payload has a line break.

        What is not `durable` outlives the process, though not a power cut.
        """
        lines = b"".join(map(_line, payloads))
        begun = False
        try:
            descriptor = self._writable()
            begun = True
            _write_all(descriptor, lines)
            if durable:
                os.fsync(descriptor)
        except OSError as error:
            if begun:
                # The next line must not follow half of this one.
                self._uncertain = True
                with suppress(OSError):
                    self._truncate(self.size)
            raise StoreUnavailableError(
                worded("cannot write {path}: {error}", path=self.path, error=error)
            ) from error
        self.size += len(lines)

    def sync(self) -> None:
        """Make durable what was appended without that."""
        with wrapped_os_errors(f"cannot write {self.path}"):
            os.fsync(self._writable())

    def replace(self, payloads: Iterable[bytes]) -> None:
        """Put other lines in the place of all; a crash leaves the old or the new."""
        with wrapped_os_errors(f"cannot write {self.path}"):
            self._keep_evidence()
            temporary = write_temporary(self.path, map(_line, payloads))
            size = Path(temporary).stat().st_size
            replace(temporary, self.path)
            # Whatever fails from here on, what is open is not at that name any more:
            # a line that were added to it would be nowhere.
            self._named = self._uncertain = False
            self.size = size
            self._close_descriptor()
            self._make_name_durable()
            self._descriptor = opened_file(self.path, _FLAGS)

    def clear(self, *, durable: bool = True) -> None:
        """Remove every line; durably, if so asked."""
        if self.size or self._uncertain:
            with wrapped_os_errors(f"cannot write {self.path}"):
                self._truncate(0, durable=durable)

    def close(self) -> None:
        """Close the file."""
        with wrapped_os_errors(f"cannot close {self.path}"):
            self._wanted = False
            self._close_descriptor()

    def _writable(self) -> int:
        if self._uncertain:
            self._truncate(self.size)
        return self._opened()

    def _truncate(self, size: int, *, durable: bool = True) -> None:
        self._keep_evidence()
        descriptor = self._opened()
        os.ftruncate(descriptor, size)
        self.size, self._uncertain = size, durable
        if durable:
            os.fsync(descriptor)
        self._uncertain = False

    def _make_name_durable(self) -> None:
        if not self._named:
            sync_directory(directory_of(self.path))
            self._named = True

    def _opened(self) -> int:
        self._make_name_durable()
        if self._descriptor is None:
            if not self._wanted:
                raise OSError(f"{self.path} is not open")
            self._descriptor = opened_file(self.path, _FLAGS)
        return self._descriptor

    def _close_descriptor(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _keep_evidence(self) -> None:
        """Keep all of a damaged file beside it, before anything of it goes."""
        if not self._damaged:
            return
        content = read_content(self.path)
        data = b"" if content is None else content.data
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        evidence = f"{self.path}.corrupt-{stamp}"
        write_durably(evidence, data)
        if self._on_damage is not None:
            self._on_damage()
        self._damaged = False
        _LOGGER.error(
            "%s is damaged; its good lines are used and all of it is kept as %s",
            self.path,
            evidence,
        )


def read_lines(path: str) -> list[bytes]:
    """Return the good lines of a file that another process may be writing."""
    payloads: list[bytes] = []
    take_lines(path, payloads.append)
    return payloads


def take_lines(path: str, take: Callable[[bytes], object]) -> bool:
    """Hand on the good lines of a file that another process may be writing.

    Tells whether others of it are damaged.
    """
    with wrapped_os_errors(f"cannot read {path}"):
        found = _read(path, take)
        return found is not None and found.damaged


class _Read(NamedTuple):
    """How a file was: its `size` and where its last good line ends.

    `damaged`: some line was changed since it was acknowledged.
    """

    size: int
    good_until: int
    total: int
    damaged: bool


def _read(path: str, take: Callable[[bytes], object]) -> _Read | None:
    """Hand on the good lines, one in memory at a time; None where there is no file."""
    position = good_until = total = 0
    bad = damaged = False
    try:
        descriptor = opened_file(path, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    with os.fdopen(descriptor, "rb", buffering=_BUFFER_BYTES) as file:
        for line in file:
            position += len(line)
            payload = line[_PREFIX_LENGTH:-1]
            good = line[:_PREFIX_LENGTH] == _prefix(payload)
            if not line.endswith(b"\n"):
                # Unfinished, and the last; or whole, with its end changed.
                damaged = damaged or (good and not line.endswith(b"\0"))
                break
            if not good:
                bad = True
                damaged = damaged or not _is_crashed(line)
                continue
            damaged = damaged or bad
            take(payload)
            total += 1
            good_until = position
    return _Read(position, good_until, total, damaged)


def _is_crashed(line: bytes) -> bool:
    """Tell whether a crash lost a part of a line that has its end.

    It leaves NUL bytes in the place of blocks, from where the file ended or from one
    block's beginning to another's: never one alone amid what was written, which is what
    a changed bit makes of a blank.
    """
    return line.startswith(b"\0") or b"\0\0" in line


def _line(payload: bytes) -> bytes:
    return b"%b%b\n" % (_prefix(payload), payload)


def _prefix(payload: bytes) -> bytes:
    return b"%08x " % zlib.crc32(payload)


def framed(payload: bytes) -> bytes:
    """Return a whole line of such a file."""
    return _line(payload)


def unframed(line: bytes) -> bytes | None:
    """Return what a line holds, None for one that is damaged."""
    payload = line[_PREFIX_LENGTH:-1]
    return payload if line == _line(payload) else None


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
