"""A note in memory that the files of a mirror lack nothing.

A disk that turned read-only takes no mark that its files lack something, and afterwards
looks as after a kill. So whoever has the files also keeps a note in the memory of this
host, under a name that only their mark tells, and removes it before the first write that
they lack. Found by the next process, it says that the one before was killed and no more.
Gone, as with the power, or where there is no such memory, it says nothing. It holds which
file the mark is: one that was brought back from elsewhere is another.
"""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - the names are secret
_NAME: Final = re.compile(r"[0-9a-f]{32}")
_LONGEST: Final = 100


def new_name() -> str:
    """Return a name for a note."""
    return secrets.token_hex(16)


def leave(name: str, mark: Path) -> None:
    """Leave a note for a mark, where that can be.

    Beside files that lie in memory themselves it would tell no more than they do.
    """
    with suppress(OSError):
        if _MEMORY.stat().st_dev == mark.stat().st_dev:
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        descriptor = os.open(_place(name), flags, 0o600)
        try:
            os.write(descriptor, _identity(mark))
        finally:
            os.close(descriptor)


def speaks_for(name: str, mark: Path) -> bool:
    """Tell whether there is a note for this very mark."""
    if not _NAME.fullmatch(name):
        return False
    try:
        descriptor = os.open(_place(name), os.O_RDONLY)
        try:
            return os.read(descriptor, _LONGEST) == _identity(mark)
        finally:
            os.close(descriptor)
    except OSError:
        return False


def remove(name: str) -> None:
    """Take a note back. Raises OSError where it stays."""
    if _NAME.fullmatch(name):
        with suppress(FileNotFoundError, NotADirectoryError):
            _place(name).unlink()


def _identity(mark: Path) -> bytes:
    status = mark.stat()
    return b"%d %d" % (status.st_dev, status.st_ino)


def _place(name: str) -> Path:
    return _MEMORY / f"switchbot-mirror-{name}"
