"""Writing files so that a crash or a power cut leaves the old or the new one.

The sequence is: unique temporary file in the same directory, fsync, replace, fsync of
the directory. Anything less lost data in a simulated power cut: without the first
fsync files came back full of NUL bytes, without the second the last acknowledged write
was gone.

Operating-system errors leave as `StoreUnavailableError` with the `OSError` as cause.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from switchbot_store.errors import SlowConnectionError, StoreUnavailableError
from switchbot_store.files.portable import NO_LINK, OPEN_FLAGS, lock, unlock
from switchbot_store.instants import EARLIEST, from_microseconds
from switchbot_store.languages import worded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

_TEMPORARY_SUFFIX: Final = ".tmp"
# A pipe in a file's place is not waited for, until somebody writes into it.
_AT_ONCE: Final[int] = OPEN_FLAGS | getattr(os, "O_NONBLOCK", 0)
_READING: Final = os.O_RDONLY | _AT_ONCE
_TEMPORARY: Final = re.compile(r"\..+\.[0-9a-f]{16}\.tmp")
_NEW_FILE_MODE: Final = 0o600
"""Settings hold webhook addresses, which are secrets."""
_LOCK_FILE_MODE: Final = 0o644
_PIECE_BYTES: Final = 1024 * 1024
_PAGE_BYTES: Final = 4096
"""What a write to a file has whole or not at all, also when its process is killed."""
_AS_IT_STANDS: Final[int] = os.O_WRONLY | _AT_ONCE | NO_LINK
_NO_LINKS: Final = {
    errno.EPERM,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.EMLINK,
    errno.ENOSYS,
}
_HAS_LINKS: Final[dict[int, bool]] = {}
"""Of each device met so far whether its files can have several names."""
_READ_ONLY: Final = {errno.EROFS, errno.EACCES, errno.EPERM}
_ABANDONED_SECONDS: Final = 60.0
_LOCK_POLL_SECONDS: Final = 0.002


class Content(NamedTuple):
    """What a file holds and what `fstat` says of it."""

    data: bytes
    status: os.stat_result

    @property
    def changed_at(self) -> datetime:
        """The time of its last change, aware UTC; of one that can be no instant 1970."""
        return from_microseconds(self.status.st_mtime_ns // 1000) or EARLIEST


@contextmanager
def wrapped_os_errors(action: str) -> Iterator[None]:
    """Turn an OSError inside into StoreUnavailableError: `action` and the reason."""
    try:
        yield
    except OSError as error:
        raise StoreUnavailableError(
            worded("{action}: {error}", action=action, error=error)
        ) from error


def check_is_file(status: os.stat_result, path: str) -> None:
    """Raise OSError for what is read or written without end: a pipe, a device, a socket."""
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise OSError(errno.EINVAL, "this is a pipe or a device and no file", path)


def opened_file(path: str, flags: int) -> int:
    """Open a file that is there, waiting for nobody. Raises OSError, as `check_is_file`."""
    descriptor = os.open(path, flags | _AT_ONCE)
    try:
        check_is_file(os.fstat(descriptor), path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_content(path: str, expected: int | None = None) -> Content | None:
    """Return what the file holds, None if there is no such file. Raises OSError.

    `expected`: how long it is, should it be as it was; one call less if so.
    """
    try:
        descriptor = os.open(path, _READING)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        status = os.fstat(descriptor)
        check_is_file(status, path)
        # One byte more than the size says, and once more: the file may be growing.
        data = os.read(descriptor, status.st_size + 1)
        if len(data) == expected == status.st_size:
            return Content(data, status)
        while chunk := os.read(descriptor, 65536):
            data += chunk
        return Content(data, status)
    finally:
        os.close(descriptor)


def holds(path: str, data: bytes) -> bool:
    """Tell whether the file holds just these bytes; False where it cannot be read."""
    try:
        descriptor = os.open(path, _READING)
    except OSError:
        return False
    try:
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        return regular and os.read(descriptor, len(data) + 1) == data
    except OSError:
        return False
    finally:
        os.close(descriptor)


def temporary_name(path: str) -> str:
    """Return a new name beside `path` for what will replace it."""
    directory, name = os.path.split(path)
    unique = f".{name[:100]}.{os.urandom(8).hex()}{_TEMPORARY_SUFFIX}"
    return f"{directory}/{unique}" if directory else unique


def new_beside(path: str) -> tuple[str, int]:
    """Make a file that will replace `path`; return its name, and it open for writing.

    What processes that were killed at the same left behind goes before: each is as large
    as what they wrote, and one is left by every night's backup that is cut off. Raises
    OSError.
    """
    _remove_abandoned(path)
    temporary = temporary_name(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | OPEN_FLAGS
    descriptor = os.open(temporary, flags, _NEW_FILE_MODE)
    with suppress(OSError):  # a file system without locks: then what is left stays
        lock(descriptor)
    return temporary, descriptor


def _remove_abandoned(path: str) -> None:
    directory, name = os.path.split(path)
    begins = f".{name[:100]}."
    with suppress(OSError):
        for each in os.listdir(directory or os.curdir):
            if each.startswith(begins) and _TEMPORARY.fullmatch(each):
                _discard_abandoned(os.path.join(directory, each))


def _discard_abandoned(path: str) -> None:
    """Remove a file whose writer is gone: the system let its lock go."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDWR | _AT_ONCE)
        try:
            lock(descriptor)
            # Whoever makes one has it locked a moment later.
            is_old = time.time() - os.fstat(descriptor).st_mtime > _ABANDONED_SECONDS
        finally:
            os.close(descriptor)
        if is_old:
            os.unlink(path)


def remove_leftovers(directory: str | os.PathLike[str]) -> None:
    """Remove temporary files of processes that died.

    Only for who has the lock that says they did. What the disk does not let go stays.
    """
    with suppress(OSError):
        for name in os.listdir(directory):
            if _TEMPORARY.fullmatch(name):
                discard(os.path.join(directory, name))


def discard(path: str) -> None:
    """Remove a file that is of no use, if it is there and the disk lets it go."""
    with suppress(OSError):
        os.unlink(path)


def write_temporary(
    path: str,
    data: bytes | Iterable[bytes],
    *,
    like: os.stat_result | None = None,
    durable: bool = True,
) -> str:
    """Write an fsynced temporary file beside `path` and return it. Raises OSError.

    `like` describes the file that it is going to replace: owner and permissions stay.
    Nothing is left behind when the disk is full. Not `durable`: without the fsync, for
    a copy that a power cut may cost. `data` may come in parts, never all in memory.
    """
    temporary = temporary_name(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | OPEN_FLAGS
    descriptor = os.open(temporary, flags, _NEW_FILE_MODE)
    try:
        try:
            if like is not None:
                _imitate(descriptor, like)
            for part in (data,) if isinstance(data, bytes) else _gathered(data):
                written = os.write(descriptor, part)
                while written < len(part):
                    written += os.write(descriptor, memoryview(part)[written:])
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except BaseException:
        discard(temporary)
        raise
    return temporary


def write_over(path: str, data: bytes, like: os.stat_result) -> bool:
    """Write into a small file that is there, and say so; False leaves it as it is.

    Nothing is synced, and a reader may see it half done: for a copy that a power cut may
    cost and that is read under a lock. A new file in its place costs more than the write:
    ext4 looks at all that were removed in the last minute before it makes one. A file that
    has other names, as in a backup of links, or that is not as `like` is left alone, and so
    is one longer than a page, which a killed process could leave half written. Raises OSError.
    """
    if len(data) > _PAGE_BYTES or not hasattr(os, "pwrite"):
        return False
    try:
        descriptor = os.open(path, _AS_IT_STANDS)
    except OSError:
        return False
    try:
        status = os.fstat(descriptor)
        if (
            status.st_nlink != 1
            or status.st_size > _PAGE_BYTES
            or (status.st_mode, status.st_uid, status.st_gid)
            != (like.st_mode, like.st_uid, like.st_gid)
            or os.pwrite(descriptor, data, 0) != len(data)
        ):
            return False
        if status.st_size > len(data):
            os.ftruncate(descriptor, len(data))
    finally:
        os.close(descriptor)
    return True


def _gathered(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the parts joined to pieces that are worth a write each."""
    waiting: list[bytes] = []
    size = 0
    for part in parts:
        waiting.append(part)
        size += len(part)
        if size >= _PIECE_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


def replace(temporary: str, path: str) -> None:
    """Put a temporary file in its place; the directory still wants its fsync."""
    try:
        os.replace(temporary, path)
    except BaseException:
        discard(temporary)
        raise


def write_durably(path: str, data: bytes | Iterable[bytes]) -> None:
    """Replace the file's content; durable when it returns. Raises OSError."""
    replace(write_temporary(path, data), path)
    sync_directory(directory_of(path))


def keep_copy(path: str, copy: str, *, device: int) -> None:
    """Let `copy`, beside it, name what `path` holds now, `path` staying where it is.

    A hard link where the file system has them; the directory still wants its fsync.
    `device` is what `fstat` says of the file. Raises OSError, and then the former `copy`
    is there still, but for a crash or a disk that fails in this moment.
    """
    try:
        if _has_links(path, device):
            # The one before goes first, and not by a rename: that would free its blocks
            # while the whole directory waits.
            with suppress(FileNotFoundError):
                os.unlink(copy)
            os.link(path, copy)
            return
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _HAS_LINKS[device] = False
    content = read_content(path)
    if content is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    replace(write_temporary(copy, content.data, like=content.status), copy)


def _has_links(path: str, device: int) -> bool:
    """Tell whether a file of this device can have a second name; found out once."""
    known = _HAS_LINKS.get(device)
    if known is None:
        link = temporary_name(path)
        os.link(path, link)
        discard(link)
        known = _HAS_LINKS[device] = True
    return known


def directory_of(path: str) -> str:
    """Return the directory in which a file lies."""
    return os.path.dirname(path) or "."


def sync_directory(directory: str) -> None:
    """Make the directory's names durable. Raises OSError."""
    if not hasattr(os, "O_DIRECTORY"):
        return  # Windows opens no directory; its file system keeps a journal of names
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | OPEN_FLAGS)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network and FUSE file systems have no such call; nothing better exists.
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(descriptor)


def make_directory(directory: str) -> None:
    """Create the directory and its parents durably. Raises OSError."""
    missing = []
    while not os.path.isdir(directory):
        missing.append(directory)
        directory = directory_of(directory)
    for each in reversed(missing):
        with suppress(FileExistsError):
            os.mkdir(each, 0o700)
        sync_directory(directory_of(each))


class DirectoryLock:
    """A short exclusive lock between processes and threads: on one file.

    The kernel frees it when the holder dies. `path` is the lock file; it stays.
    """

    def __init__(self, path: str, *, timeout_seconds: float = 5.0) -> None:
        self.path = path
        self._timeout_seconds = timeout_seconds
        self._threads = threading.Lock()
        self._process_id = os.getpid()

    @contextmanager
    def held(self, *, writing: bool) -> Iterator[None]:
        """Hold the lock inside the `with`.

        A reader on a read-only file system goes without when nobody can write there.
        Raises SlowConnectionError when another holder does not let go, OSError.
        """
        # Real time on purpose: another process decides how long this takes.
        give_up_at = time.monotonic() + self._timeout_seconds
        threads = self._own_threads()
        if not threads.acquire(timeout=self._timeout_seconds):
            raise self._too_slow("thread")
        try:
            descriptor = self._opened(writing=writing)
            if descriptor is None:
                yield
                return
            try:
                self._acquire(descriptor, give_up_at)
                try:
                    yield
                finally:
                    # Not by closing alone: a child forked meanwhile has a copy.
                    unlock(descriptor)
            finally:
                os.close(descriptor)
        finally:
            threads.release()

    def check(self) -> None:
        """Raise OSError where a writer could not hold it; nothing is made or awaited."""
        with suppress(FileNotFoundError, NotADirectoryError):
            descriptor = self._opened(writing=True, create=False)
            if descriptor is not None:
                os.close(descriptor)

    def _own_threads(self) -> threading.Lock:
        if self._process_id != os.getpid():
            # A forked child inherits the lock as some other thread held it.
            self._threads, self._process_id = threading.Lock(), os.getpid()
        return self._threads

    def _opened(self, *, writing: bool, create: bool = True) -> int | None:
        flags = os.O_RDWR | OPEN_FLAGS | NO_LINK | (os.O_CREAT if create else 0)
        try:
            return os.open(self.path, flags, _LOCK_FILE_MODE)
        except (FileNotFoundError, NotADirectoryError):
            if writing:
                raise
        except OSError as error:
            if error.errno not in _READ_ONLY:
                raise
            # Another user's lock file, or a read-only file system. What can be read
            # can be locked; where there is no lock file there is no writer.
            with suppress(OSError):
                return os.open(self.path, _READING | NO_LINK)
            if writing:
                raise
        return None

    def _acquire(self, descriptor: int, give_up_at: float) -> None:
        pause = None
        while True:
            try:
                lock(descriptor)
            except BlockingIOError:
                if time.monotonic() >= give_up_at:
                    raise self._too_slow("process") from None
                pause = pause or threading.Event()
                pause.wait(_LOCK_POLL_SECONDS)
            else:
                return

    def _too_slow(self, holder: str) -> SlowConnectionError:
        return SlowConnectionError(
            worded(
                "another {holder} holds {path} for more than {timeout_seconds:g} s",
                holder=holder,
                path=self.path,
                timeout_seconds=self._timeout_seconds,
            )
        )


def _imitate(descriptor: int, like: os.stat_result) -> None:
    if not hasattr(os, "fchown"):
        return  # Windows hands rights down from the directory
    own = os.geteuid(), os.getegid()
    if own != (like.st_uid, like.st_gid):
        with suppress(OSError):
            os.fchown(descriptor, like.st_uid, like.st_gid)
    mode = stat.S_IMODE(like.st_mode)
    if mode != _NEW_FILE_MODE:
        with suppress(OSError):
            os.fchmod(descriptor, mode)
