"""Where a test's files may lie so that no disk is waited for.

On a disk each durable write waits for it, ten milliseconds and more, while the processors
idle; what a test says of files is the same in memory, but for a power cut.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - who makes something there makes it private
_ROOM_BYTES: Final = 4 * 2**30
"""Less may be what a container has by default, or what the machine needs itself."""


def directory_in_memory() -> Path | None:
    """Return a directory that lies in memory, has room and lets programs run, if any.

    >>> place = directory_in_memory()
    >>> place is None or place.is_dir()
    True
    """
    if not (_MEMORY.is_dir() and os.access(_MEMORY, os.W_OK | os.X_OK)):
        return None
    if os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC:
        return None
    return _MEMORY if shutil.disk_usage(_MEMORY).free > _ROOM_BYTES else None
