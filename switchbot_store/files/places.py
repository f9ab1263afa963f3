"""What can be said of a directory without creating it."""

from __future__ import annotations

import os
from pathlib import Path


def nearest_existing(path: str | os.PathLike[str]) -> Path:
    """Return the path itself, or the closest parent that is there."""
    place = Path(path).absolute()
    while not is_there(place):
        place = place.parent
    return place


def is_there(path: Path) -> bool:
    """Tell whether something can be seen there; `Path.exists` raises where it may not."""
    try:
        path.stat()
    except OSError:
        return False
    return True


def is_writable_place(path: str | os.PathLike[str]) -> bool:
    """Tell whether files can be made there, or it can be made."""
    place = nearest_existing(path)
    return place.is_dir() and may_write(place)


def may_write(directory: Path) -> bool:
    """Tell whether this user may make files in a directory."""
    effective = os.access in os.supports_effective_ids
    return os.access(directory, os.W_OK | os.X_OK, effective_ids=effective)
