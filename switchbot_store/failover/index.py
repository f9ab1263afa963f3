"""Which documents the mirror's files hold, written down apart from these.

A repair of the disk may take a file away and leave nothing that says so: its document would
read as one that was never set. So ``<directory>/.journal/copies.jsonl`` has a line for each
that gets a file, before it is there, and for each whose file is about to go; a document that
has its file costs none. What is listed and not there is unknown
(`switchbot_store.failover.unread`). The mirror's own mark says that there is such a list:
where the list is gone too, nobody knows what else is.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson

from switchbot_store.errors import StoreUnavailableError
from switchbot_store.failover.unread import note_gap
from switchbot_store.files.lines import LineFile, take_lines

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_PLACE: Final = Path(".journal", "copies.jsonl")
_THERE: Final = "there"
_GONE: Final = "gone"
_SPARE_LINES: Final = 1000


class Index:
    """The list of one directory. Not thread-safe; only for who holds the journal's lock.

    Errors of the disk leave as StoreUnavailableError.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file = LineFile(
            str(directory / _PLACE), on_damage=lambda: note_gap(directory)
        )
        self._keys: set[str] = set()
        self._lines = 0

    def open(self) -> tuple[set[str], bool]:
        """Return the keys of the list, and whether lines of it are damaged.

        These are left out from then on: what has a file is to be listed anew.
        """
        keys: set[str] = set()
        lines = self._file.open(lambda line: _apply(keys, line))
        self._keys, self._lines = keys, lines.total
        if lines.damaged:
            with suppress(StoreUnavailableError):  # they are found by the next one too
                self._shorten()
        return set(keys), lines.damaged

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def change(self, *, there: Iterable[str] = (), gone: Iterable[str] = ()) -> None:
        """List what will have a file, and no more what will have none; durably."""
        entering = sorted(set(there) - self._keys)
        leaving = sorted(self._keys.intersection(gone))
        if not (entering or leaving):
            return
        self._file.append(_line(entering, leaving))
        self._keys.update(entering)
        self._keys.difference_update(leaving)
        self._lines += 1
        if self._lines > _SPARE_LINES:
            self._shorten()

    def _shorten(self) -> None:
        self._file.replace([_line(sorted(self._keys), ())])
        self._lines = 1


def is_listing(directory: Path) -> bool:
    """Tell whether a directory has such a list."""
    return (directory / _PLACE).exists()


def look_at_index(directory: Path) -> tuple[set[str], bool]:
    """Return what `Index.open` does, for looking on. Raises StoreUnavailableError."""
    keys: set[str] = set()
    return keys, take_lines(str(directory / _PLACE), lambda line: _apply(keys, line))


def _line(there: Collection[str], gone: Collection[str]) -> bytes:
    return orjson.dumps({_THERE: there, _GONE: gone})


def _apply(keys: set[str], line: bytes) -> None:
    row = orjson.loads(line)
    keys.update(row[_THERE])
    keys.difference_update(row[_GONE])
