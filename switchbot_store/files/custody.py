"""Files that hold secrets: read without waiting for anybody, and who may touch them.

Who reads one decides what follows: a warning, or that it is not believed. On Windows
nobody looks at whose file it is.
"""

from __future__ import annotations

import errno
import os
import stat
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

from switchbot_store.files.portable import OPEN_FLAGS

MOST_BYTES: Final = 8 * 1024 * 1024
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
# Not waiting: in a file's place there may be a pipe that nobody writes to.
_READING: Final = os.O_RDONLY | OPEN_FLAGS | getattr(os, "O_NONBLOCK", 0)


class Custody(NamedTuple):
    """What a file holds, and what others may do to it.

    `others_may_touch`: its permissions let others than its owner read, write or run it.
    `planted`: somebody else may have put it there, or may put another in its place.
    `foreign`: planted, and of somebody else's, who is not root.
    """

    data: bytes
    others_may_touch: bool = False
    planted: bool = False
    foreign: bool = False


def read_in_custody(
    path: str | os.PathLike[str],
    *,
    most_bytes: int = MOST_BYTES,
    pipes: bool = False,
) -> Custody:
    """Read a file and look at who may touch it.

    `pipes`: a pipe is read too, until its end, as `<(...)` of a shell gives one; else it is
    refused. Raises OSError, also for what is no file and for more than `most_bytes`.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:  # of one's own, for oneself
    ...     custody = read_in_custody(file.name)
    >>> custody.others_may_touch, custody.foreign
    (False, False)
    """
    descriptor = os.open(path, _READING)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
        is_pipe = stat.S_ISFIFO(status.st_mode)
        if not (stat.S_ISREG(status.st_mode) or (pipes and is_pipe)):
            raise OSError(
                errno.EINVAL, "this is a pipe or a device and no file", os.fspath(path)
            )
        if is_pipe:
            os.set_blocking(descriptor, True)
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), os.fspath(path))
    return _judged(path, status, data)


def custody_of(path: str | os.PathLike[str]) -> Custody:
    """Look at who may touch a file, without reading it. Raises OSError.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     custody_of(file.name).others_may_touch
    False
    """
    return _judged(path, Path(path).stat(), b"")


def _judged(
    path: str | os.PathLike[str], status: os.stat_result, data: bytes
) -> Custody:
    if stat.S_ISFIFO(status.st_mode) or not hasattr(os, "geteuid"):
        return Custody(data)
    # By the way it was named, and by where links lead.
    planted = any(map(_is_planted, {Path(path).absolute(), Path(path).resolve()}))
    return Custody(
        data,
        others_may_touch=bool(status.st_mode & _OTHERS),
        planted=planted,
        foreign=planted and not _is_ours(Path(path).lstat(), status),
    )


def _is_ours(*found: os.stat_result) -> bool:
    return all(each.st_uid in {0, os.geteuid()} for each in found)


def _is_planted(path: Path) -> bool:
    """Tell whether somebody else may have put what is there, or a directory above it.

    Whoever owns such a directory is trusted with what lies in it.
    """
    for here, above in pairwise((path, *path.parents)):
        status = above.stat()
        mode = status.st_mode
        shared = mode & stat.S_IWOTH or (mode & stat.S_IWGRP and _has_others(status))
        # Where the sticky bit is set, what lies there is its owner's alone to replace.
        if shared and not (mode & stat.S_ISVTX and _is_ours(here.lstat())):
            return True
    return False


def _has_others(directory: os.stat_result) -> bool:
    """Tell whether somebody else is in a directory's group.

    Where each user has a group of their own, as on most of Linux, a directory that its group
    may write is nobody else's. A number that is no known group's has no known member.
    """
    import grp  # noqa: PLC0415 - absent on Windows
    import pwd  # noqa: PLC0415 - likewise

    if not directory.st_gid:
        return False
    ours = {0, os.geteuid(), directory.st_uid}
    users = pwd.getpwall()
    if any(
        each.pw_gid == directory.st_gid and each.pw_uid not in ours for each in users
    ):
        return True
    try:
        names = grp.getgrgid(directory.st_gid).gr_mem
    except KeyError:
        return False
    return any(each.pw_name in names and each.pw_uid not in ours for each in users)
