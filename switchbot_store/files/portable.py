"""What Linux, macOS and Windows do differently with files: a lock, and how one is opened.

The kernel holds the lock for an open file and frees it when the process dies. It is the
standard library's on each: libraries for it open the file themselves or empty it, while
here the file says whose it is and may lie where nothing can be written.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from types import ModuleType

OPEN_FLAGS: Final[int] = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"""For every `os.open`: no child inherits it, and Windows leaves the bytes as they are."""

NO_LINK: Final[int] = getattr(os, "O_NOFOLLOW", 0)
"""For what is made, or added to, where it is missing: a link that somebody else put in its
place, in a directory that others may write, would have it done to another file."""

# Windows keeps others from reading what is locked, so that a byte far behind all is.
_FAR_BEHIND: Final = 2**30


def _module(name: str) -> Any:
    try:
        module: ModuleType = __import__(name)
    except ImportError:
        return None
    return module


_FCNTL, _MSVCRT = _module("fcntl"), _module("msvcrt")


def lock(descriptor: int) -> None:
    """Take the lock of an open file, at once. Raises BlockingIOError for another's.

    OSError where this system has none; no two processes are kept apart without.

    >>> import tempfile
    >>> with tempfile.TemporaryFile() as file:
    ...     lock(file.fileno())
    ...     unlock(file.fileno())
    """
    if _FCNTL is not None:
        _FCNTL.flock(descriptor, _FCNTL.LOCK_EX | _FCNTL.LOCK_NB)
        return
    if _MSVCRT is None:
        raise OSError(errno.ENOTSUP, "this system has no locks of files")
    try:
        _locking(descriptor, _MSVCRT.LK_NBLCK)
    except OSError as error:
        if error.errno not in {errno.EACCES, errno.EAGAIN}:
            raise
        raise BlockingIOError(errno.EAGAIN, "another process has the lock") from error


def unlock(descriptor: int) -> None:
    """Let the lock of an open file go. Raises OSError."""
    if _FCNTL is not None:
        _FCNTL.flock(descriptor, _FCNTL.LOCK_UN)
    else:
        _locking(descriptor, _MSVCRT.LK_UNLCK)


def _locking(descriptor: int, mode: int) -> None:
    """Lock or unlock one byte; what is written next goes where it would have gone."""
    before = os.lseek(descriptor, 0, os.SEEK_CUR)
    os.lseek(descriptor, _FAR_BEHIND, os.SEEK_SET)
    try:
        _MSVCRT.locking(descriptor, mode, 1)
    finally:
        os.lseek(descriptor, before, os.SEEK_SET)
