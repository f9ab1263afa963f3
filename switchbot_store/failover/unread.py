"""What of a local copy cannot be read, and is therefore unknown and not absent.

A document whose file is damaged, or gone though it is listed, is known to be one. Where a
line of the journal, of ``.mirror/recent.jsonl`` or of that list is damaged, where one of these
is gone whole, or a folder cannot be looked into, nobody can say whose document is missing or
old: that is a *gap*. Damaged lines leave their files as soon as these are written again, so a
gap is also noted in ``<directory>/.journal/lost``, until all that the primary holds was seen.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from switchbot_store.errors import StoreUnavailableError
from switchbot_store.files.durable import (
    directory_of,
    make_directory,
    sync_directory,
    write_durably,
)
from switchbot_store.languages import worded

_PLACE: Final = Path(".journal", "lost")
LOST_LINES: Final[str] = worded(
    "lines were damaged, or are gone, that tell which documents changed last; what is left"
    " of them was set aside"
)


class UnreadCopy:
    """`documents` says of which keys the file cannot be read, and why.

    `gap` is why any other document may be missing or old, ``""`` where none is.
    """

    def __init__(self) -> None:
        self.documents: dict[str, str] = {}
        self.gap: str = ""

    def __bool__(self) -> bool:
        return bool(self.documents or self.gap)

    def check(self, key: str, gap: str = "") -> None:
        """Raise StoreUnavailableError where it is unknown whether there is a document.

        For one that is not among those that could be read; `gap` is one more.
        """
        why = self.documents.get(key) or self.gap or gap
        if why:
            raise StoreUnavailableError(
                worded(
                    "{key!r} is unknown: the primary is away, and of the local copy "
                    "this cannot be read: {why}",
                    key=key,
                    why=why,
                )
            )

    def clear(self) -> None:
        """Forget all of it: what the primary holds was seen."""
        self.documents, self.gap = {}, ""

    @property
    def words(self) -> tuple[str, ...]:
        """What cannot be read, for people."""
        found = (*self.documents.values(), self.gap)
        return tuple(dict.fromkeys(each for each in found if each))


def check_folder(path: Path) -> None:
    """Raise OSError where something else than a folder is in the place of one."""
    try:
        os.scandir(path).close()
    except FileNotFoundError:
        if path.is_symlink():
            raise  # to a disk that is not mounted
    except NotADirectoryError:
        # Of what lies below a file nothing is there; that is told elsewhere.
        if os.path.lexists(path):
            raise OSError(
                errno.ENOTDIR, "this is in the place of a folder", str(path)
            ) from None


def note_gap(directory: Path) -> None:
    """Let later processes know of a gap, durably. Raises OSError."""
    path = str(directory / _PLACE)
    make_directory(directory_of(path))
    write_durably(path, b"")


def has_gap(directory: Path) -> bool:
    """Tell whether a gap was noted and what the primary holds not seen since."""
    return os.path.lexists(directory / _PLACE)


def forget_gap(directory: Path) -> None:
    """Take the note back, durably. Raises OSError."""
    path = directory / _PLACE
    if os.path.lexists(path):
        with suppress(FileNotFoundError):
            path.unlink()
        sync_directory(str(path.parent))
