"""What can be said of a directory without creating it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from switchbot_store.files.durable import write_temporary
from switchbot_store.languages import worded

_PROBE_BYTES: Final = 4096
"""A block: a file system may have room for less and none for a document."""


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


def is_absent(path: Path) -> bool:
    """Tell whether surely nothing is there; what may not be looked at may well be."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def write_refusal(path: str | os.PathLike[str]) -> str | None:
    """Return why no file can be written in a directory, None if one can be.

    One is written, fsynced and removed, so a full or read-only disk shows. A directory
    that is still to be made is looked for where it would be.
    """
    place = nearest_existing(path)
    link = _broken_link(Path(path).absolute())
    if link is not None:
        return worded(
            "{link} is a link to {target}, which is not there",
            link=link,
            target=link.readlink(),
        )
    if not place.is_dir():
        return worded("{place} is a file, not a directory", place=place)
    try:
        Path(write_temporary(str(place / "health"), b"\n" * _PROBE_BYTES)).unlink()
    except OSError as error:
        return worded(
            "{place}: {error}", place=place, error=error.strerror
        ) + owner_advice(place)
    return None


def _broken_link(path: Path) -> Path | None:
    """Return what of a path links to nothing, as to a disk that is not mounted."""
    for place in (path, *path.parents):
        if is_there(place):
            return None
        if place.is_symlink():
            return place
    return None


def owner_advice(path: str | os.PathLike[str]) -> str:
    """Return what to do about a place of another user, ``""`` where that is not it."""
    place = nearest_existing(path)
    effective = os.access in os.supports_effective_ids
    if os.access(place, os.R_OK | os.W_OK, effective_ids=effective):
        return ""
    if not hasattr(os, "geteuid"):
        return ""  # on Windows rights are not a matter of one owner
    owner, mine = place.stat().st_uid, os.geteuid()
    if owner == mine:
        return ""
    return worded(
        "; {place} belongs to user {owner} and this is user {mine}: run as that user, or "
        "change the owner",
        place=place,
        owner=str(owner),
        mine=str(mine),
    )
