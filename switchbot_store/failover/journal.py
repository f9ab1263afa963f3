"""Writes that were acknowledged locally and that the primary does not have yet.

``<directory>/.journal/journal.jsonl`` gets one line for each acknowledged call. Of
each key only the newest write matters; its line tells all that a replay needs: the
revision the primary had when the first of them was made (`base`), and the revisions
that may have reached the primary since (`tried`). Before its writes a line tells their
sizes in bytes, so that documents are found without being decoded. The file is emptied when
the primary has committed everything.

One process at a time: a lock on ``.journal/lock`` is held while the journal is open, and
``.journal/host`` counts who had it (`switchbot_store.failover.primary`). A
disk that turned read-only can be locked and read all the same, so what is pending there
still reaches the primary.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import weakref
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from switchbot_store.codec import encode_of_others
from switchbot_store.errors import StoreUnavailableError
from switchbot_store.failover.primary import Signature, next_life, stored_form
from switchbot_store.failover.unread import LOST_LINES, check_folder, note_gap
from switchbot_store.files.durable import (
    directory_of,
    make_directory,
    read_content,
    remove_leftovers,
    wrapped_os_errors,
    write_durably,
)
from switchbot_store.files.lines import LineFile, take_lines
from switchbot_store.files.portable import NO_LINK, OPEN_FLAGS, lock, unlock
from switchbot_store.handover import PendingWrite
from switchbot_store.instants import EARLIEST, stored_instant
from switchbot_store.languages import reworded
from switchbot_store.memory import SortedKeys

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

_LOGGER = logging.getLogger(__name__)
DIRECTORY: Final = ".journal"
FILE: Final = "journal.jsonl"
_LOCK: Final = "lock"
_HOST: Final = "host"
_COMPACT_FROM_BYTES: Final = 1024 * 1024
_COMPACT_FACTOR: Final = 4
_SIZES: Final = b'{"sizes":'
_WRITES: Final = b',"writes":['


class Journal:
    """The pending writes of one directory, durable.

    `pending` may be read at any time; its values never change. Whoever writes holds
    `lock`, which is reentrant. `on_fault` is told the words of a disk that did not take
    what the journal could do without.
    """

    def __init__(
        self, directory: Path, on_fault: Callable[[str], None] = _LOGGER.warning
    ) -> None:
        self.directory = directory
        self._on_fault = on_fault
        self.lock: threading.RLock = threading.RLock()
        self.view: threading.Lock = threading.Lock()
        """Held, never for long, while writes become visible together."""
        self.pending: dict[str, PendingWrite] = {}
        self._live = _Live()
        self._lock_descriptor: int | None = None
        self._lock_path = str(directory / DIRECTORY / _LOCK)
        self._file = LineFile(
            str(directory / DIRECTORY / FILE), lambda: note_gap(directory)
        )
        self.gap: str = ""
        """Why acknowledged writes may be missing in `pending`, ``""`` where none is."""
        self.signature: Signature | None = None
        """What this process signs its revisions with; None until a disk could note it."""
        self.outdated: bool = False
        """The file has lines of writes that the primary has: it could not be cleared."""

    @property
    def held(self) -> bool:
        """Whether the directory's lock is ours."""
        return self._lock_descriptor is not None

    @property
    def displaced(self) -> bool:
        """Whether the directory's place is taken by another: mounted anew, or replaced.

        Raises OSError where there is nothing at its place.
        """
        if self._lock_descriptor is None:
            return False
        mine, there = os.fstat(self._lock_descriptor), Path(self._lock_path).stat()
        return (mine.st_dev, mine.st_ino) != (there.st_dev, there.st_ino)

    @property
    def count(self) -> int:
        """How many acknowledged writes are pending."""
        return self._live.count

    def keys_with(self, prefix: str) -> list[str]:
        """Return the sorted keys of pending writes that begin so."""
        return self._live.keys.beginning(prefix)

    def open(self) -> str:
        """Take the directory's lock and read what an earlier process left.

        Returns ``""``, or which process has the lock, and then nothing is open. Raises
        StoreUnavailableError.
        """
        with self.lock:
            owner = self._take_lock()
            if owner:
                return owner
            try:
                remove_leftovers(self.directory / DIRECTORY)
                pending: dict[str, PendingWrite] = {}
                is_gone = _is_gone(self.directory)
                if is_gone:
                    with wrapped_os_errors(f"cannot write {self.directory}"):
                        note_gap(self.directory)
                lines = self._file.open(lambda line: _apply(pending, line))
                self.pending = pending
                self.gap = LOST_LINES if lines.damaged or is_gone else ""
                self._live = _Live(pending.values())
                if lines.damaged or lines.total > len(pending):
                    self._try_to_compact()
            except BaseException:
                self.close()
                raise
            return ""

    def restore(self, pending: Mapping[str, PendingWrite]) -> None:
        """Have these pending and no others, in the file too.

        Raises StoreUnavailableError, and then nothing changed.
        """
        with self.lock:
            self._file.replace(_line_of([write]) for write in pending.values())
            with self.view:
                self.pending = dict(pending)
                self._live = _Live(pending.values())

    def sign(self) -> None:
        """Get a signature that no process before had, unless there is one.

        One that the disk does not note says so; where the host has none yet, writes go
        without.
        """
        with self.lock:
            noted = self.signature is not None and self.signature.noted
            if noted or not self.held:
                return
            path = str(self.directory / DIRECTORY / _HOST)
            try:
                content = read_content(path)
                signature = next_life(b"" if content is None else content.data)
                if signature.life > 1:
                    self.signature = signature._replace(noted=False)
                write_durably(path, stored_form(signature))
            except OSError as error:
                self._on_fault(f"cannot write {path}: {error}")
            else:
                self.signature = signature

    def record(self, writes: Iterable[PendingWrite]) -> None:
        """Make writes durable, together, and then visible.

        Raises StoreUnavailableError, and then none of them is.
        """
        writes = list(writes)
        with self.lock:
            if self.outdated:
                # Nothing is pending, and the old lines must not come back with these.
                self._file.replace([_line_of(writes)])
                self.outdated = False
            else:
                self._file.append(_line_of(writes))
            with self.view:
                self._put(writes)
            self._compact_if_grown()

    def mark_tried(self, writes: Iterable[PendingWrite]) -> list[PendingWrite]:
        """Write down that these are on their way to the primary; return them marked.

        Whatever happens, a later replay will know their revisions; where the disk does
        not take them, as long as this process lives: after it a replay may find a
        conflict that is none, and keeps both. Those that are not the newest of their key
        any more are left out.
        """
        with self.lock:
            marked = [
                _with_tried(write, write.revision)
                for write in writes
                if self.is_newest(write)
            ]
            news = {
                write.key: write.revision
                for write in marked
                if self.pending[write.key] is not write
            }
            if news:
                try:
                    self._file.append(orjson.dumps({"tried": news}))
                except StoreUnavailableError as error:
                    self._on_fault(reworded(error))
            self._put(marked)
        return marked

    def settle(self, write: PendingWrite, revision: str) -> None:
        """Forget a write that the primary has, there as `revision`.

        A newer write of the same key stays, with `revision` as what lies below it.
        """
        with self.lock:
            newest = self.pending.get(write.key)
            if newest is write:
                self._remove(write)
            elif newest is not None:
                # In memory alone: the file's line names the revision among `tried`.
                below = replace(
                    newest,
                    base=revision,
                    tried=(),
                    count=max(1, newest.count - write.count),
                )
                self._put([below])

    def is_newest(self, write: PendingWrite) -> bool:
        """Tell whether nobody wrote that key since."""
        return self.pending.get(write.key) is write

    def drop(self, write: PendingWrite) -> None:
        """Forget a write that lost, unless a newer one came."""
        with self.lock:
            if self.is_newest(write):
                self._remove(write)

    def replace(self, pairs: Iterable[tuple[PendingWrite, PendingWrite]]) -> None:
        """Put successors in the place of writes of which no newer one came.

        A disk that refuses them keeps the writes, about which is decided again if this
        process ends before they were carried over.
        """
        with self.lock:
            successors = [new for write, new in pairs if self.is_newest(write)]
            if not successors:
                return
            try:
                self.record(successors)
            except StoreUnavailableError as error:
                self._on_fault(reworded(error))
                with self.view:
                    self._put(successors)

    def clear(self) -> bool:
        """Empty the file if nothing is pending; tell whether nothing is.

        A disk that does not let it be emptied is asked again with the next call. A journal
        that is not ours was not read, so what its file has is not ours to forget.
        """
        with self.lock:
            if self.pending:
                return False
            if not self.held:
                return True
            try:
                self._file.clear()
                self.outdated = False
            except StoreUnavailableError as error:
                self.outdated = True
                self._on_fault(reworded(error))
            return True

    def close(self) -> None:
        """Let the directory go. What is pending stays in the file."""
        with self.lock:
            self.signature = None
            self._file.close()
            descriptor, self._lock_descriptor = self._lock_descriptor, None
            if descriptor is not None:
                try:
                    # Not by closing alone: a child forked meanwhile has a copy.
                    unlock(descriptor)
                finally:
                    os.close(descriptor)

    def _take_lock(self) -> str:
        """Return ``""`` with the lock taken, or who has it."""
        with wrapped_os_errors(f"cannot keep a journal in {self.directory}"):
            make_directory(directory_of(self._lock_path))
            descriptor = _opened_lock(self._lock_path)
            try:
                lock(descriptor)
            except BlockingIOError:
                owner = os.read(descriptor, 20).decode(errors="replace").strip()
                os.close(descriptor)
                return f"process {owner or 'unknown'}"
            except BaseException:
                os.close(descriptor)
                raise
            self._lock_descriptor = descriptor
            with suppress(OSError):  # a full disk; who asks is told "unknown"
                os.ftruncate(descriptor, 0)
                os.write(descriptor, b"%d\n" % os.getpid())
        _OPEN.add(self)
        return ""

    def leave_to_parent(self) -> None:
        """Close, in a forked child, the copies that would keep the lock held."""
        self.lock = threading.RLock()
        self.view = threading.Lock()
        self.pending, self._live = {}, _Live()
        self.signature = None
        self._file.close()
        descriptor, self._lock_descriptor = self._lock_descriptor, None
        if descriptor is not None:
            # Without unlocking it: the lock is the parent's as much as this one's.
            os.close(descriptor)

    def _put(self, writes: Iterable[PendingWrite]) -> None:
        for write in writes:
            self._live.leave(self.pending.get(write.key))
            self._live.enter(write)
            self.pending[write.key] = write

    def _remove(self, write: PendingWrite) -> None:
        del self.pending[write.key]
        self._live.leave(write)
        self._live.keys.discard(write.key)

    def _compact(self) -> None:
        self._file.replace(_line_of([write]) for write in list(self.pending.values()))

    def _compact_if_grown(self) -> None:
        if self._file.size < _COMPACT_FROM_BYTES:
            return
        if self._file.size > _COMPACT_FACTOR * (self._live.size + _COMPACT_FROM_BYTES):
            self._try_to_compact()

    def _try_to_compact(self) -> None:
        try:
            self._compact()
        except StoreUnavailableError as error:
            # A full disk is no reason to stop: every line is durable as it is.
            self._on_fault(reworded(error))


class _Live:
    """What is pending, known as it comes and goes: there may be very much."""

    def __init__(self, writes: Collection[PendingWrite] = ()) -> None:
        self.count = 0
        self.size = 0
        self.keys = SortedKeys(write.key for write in writes)
        for write in writes:
            self._count(write)

    def enter(self, write: PendingWrite) -> None:
        self._count(write)
        self.keys.add(write.key)

    def _count(self, write: PendingWrite) -> None:
        self.count += write.count
        self.size += len(write.encoded or b"")

    def leave(self, write: PendingWrite | None) -> None:
        if write is not None:
            self.count -= write.count
            self.size -= len(write.encoded or b"")


def _opened_lock(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | OPEN_FLAGS | NO_LINK, 0o600)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        return os.open(path, os.O_RDONLY | OPEN_FLAGS | NO_LINK)


def read_pending(directory: str | Path) -> dict[str, PendingWrite]:
    """Return what a journal holds, without its lock: for looking on.

    Raises StoreUnavailableError.
    """
    return look_at_journal(directory)[0]


def look_at_journal(directory: str | Path) -> tuple[dict[str, PendingWrite], bool]:
    """Return what `read_pending` does, and whether lines of it are damaged, or all gone."""
    pending: dict[str, PendingWrite] = {}
    place = Path(directory) / DIRECTORY
    with wrapped_os_errors(f"cannot read {place}"):
        check_folder(place)
    damaged = take_lines(str(place / FILE), lambda line: _apply(pending, line))
    return pending, damaged or _is_gone(Path(directory))


def _is_gone(directory: Path) -> bool:
    """Tell whether there was a file, which is made before the first signature, and is none."""
    place = directory / DIRECTORY
    return (place / _HOST).exists() and not os.path.lexists(place / FILE)


def _line_of(writes: Iterable[PendingWrite]) -> bytes:
    rows = [_row_of(write) for write in writes]
    sizes = orjson.dumps([len(row) for row in rows])
    return b"%b%b%b%b]}" % (_SIZES, sizes, _WRITES, b",".join(rows))


def _row_of(write: PendingWrite) -> bytes:
    row: dict[str, Any] = {
        "key": write.key,
        "base": write.base,
        "at": write.written_at.isoformat(),
    }
    if write.tried:
        row["tried"] = write.tried
    if write.count > 1:
        row["count"] = write.count
    if write.encoded is not None:
        row["revision"] = write.revision
        row["data"] = orjson.Fragment(write.encoded)  # the last: see `_write_in`
    elif write.mark:
        row["mark"] = write.mark
    return orjson.dumps(row)


def _apply(pending: dict[str, PendingWrite], payload: bytes) -> None:
    if payload.startswith(_SIZES):
        for write in _writes_in(payload):
            pending[write.key] = write
        return
    line = orjson.loads(payload)
    # As they were written before their sizes were told.
    for row in line.get("writes", ()):
        data = row.get("data")
        encoded = None if data is None else encode_of_others(data)
        pending[row["key"]] = _write_of(row, encoded)
    _apply_tried(pending, line.get("tried", {}))


def _writes_in(payload: bytes) -> Iterator[PendingWrite]:
    """Yield the writes of a line, each found by its size.

    To decode the documents of a long absence, and to encode them again, would take most
    of the time of opening it.
    """
    end = payload.index(b"]") + 1
    place = end + len(_WRITES)
    for size in orjson.loads(payload[len(_SIZES) : end]):
        yield _write_in(payload[place : place + size])
        place += size + 1


def _write_in(row: bytes) -> PendingWrite:
    # Within a text its quotes would be escaped.
    head, found, data = row.partition(b',"data":')
    if not found:
        return _write_of(orjson.loads(row), None)
    return _write_of(orjson.loads(head + b"}"), data[:-1])


def _write_of(row: Mapping[str, Any], encoded: bytes | None) -> PendingWrite:
    return PendingWrite(
        key=row["key"],
        encoded=encoded,
        revision=row.get("revision", ""),
        base=row["base"],
        # A clock that was far off says nothing of when; the write is one all the same.
        written_at=stored_instant(row["at"]) or EARLIEST,
        tried=tuple(row.get("tried", ())),
        count=row.get("count", 1),
        mark=row.get("mark", ""),
    )


def _with_tried(write: PendingWrite, revision: str) -> PendingWrite:
    if revision in write.tried:
        return write
    # Not by `replace`, which takes six times as long: this is done for each of many.
    return PendingWrite(
        write.key,
        write.encoded,
        write.revision,
        write.base,
        write.written_at,
        (*write.tried, revision),
        write.count,
        write.mark,
    )


def _apply_tried(
    pending: dict[str, PendingWrite], revisions: Mapping[str, str]
) -> None:
    for key, revision in revisions.items():
        write = pending.get(key)
        if write is not None:
            pending[key] = _with_tried(write, revision)


_OPEN: Final[weakref.WeakSet[Journal]] = weakref.WeakSet()


def _leave_all_to_parent() -> None:
    for journal in list(_OPEN):
        journal.leave_to_parent()


if hasattr(os, "register_at_fork"):  # Windows has no forks
    os.register_at_fork(after_in_child=_leave_all_to_parent)
