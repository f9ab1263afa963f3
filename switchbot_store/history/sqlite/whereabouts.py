"""Are the files that a connection has open still those at their names?

SQLite does not ask in WAL mode: rows go on into a file that was moved, replaced or
deleted, are acknowledged, and whoever opens the name next finds none of them.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from switchbot_store.files.places import nearest_existing

_Identity = tuple[int, int]


class Whereabouts:
    """A database, its log and the log's index, as they are found now.

    Made once a connection has opened them. What could not be found is not asked for.
    """

    def __init__(self, path: Path) -> None:
        real = os.path.realpath(path)  # SQLite puts the log beside what a link leads to
        self._names = (str(path), f"{real}-wal", f"{real}-shm")
        self._found = tuple(map(_identity, self._names))
        self._content = self._content_now()

    def note(self) -> None:
        """Take what is in the database now for what this process left there."""
        self._content = self._content_now()

    def is_changed(self) -> bool:
        """Tell whether somebody else wrote to the database itself since the last note.

        Another process that moved its log into it, or who copied a file over it.
        """
        now = self._content_now()
        return now is not None and now != self._content

    def _content_now(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._names[0])  # noqa: PTH116 - as below
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size

    def missing(self) -> str | None:
        """Return the first name that leads elsewhere or nowhere, None while all hold.

        Where the whole disk is away, as after `umount -l`, nobody moved a file.
        """
        for name, found in zip(self._names, self._found, strict=True):
            if found is None:
                continue
            try:
                now = _identity(name)
                if now == found:
                    continue
                if now is None and nearest_existing(name).stat().st_dev != found[0]:
                    continue
            except OSError:
                continue  # not known
            return name
        return None

    def stale_log(self) -> list[Path]:
        """Return the log and its index where they stayed behind and the database is gone."""
        with contextlib.suppress(OSError):
            if _identity(self._names[0]) != self._found[0]:
                return [
                    Path(name)
                    for name, found in zip(
                        self._names[1:], self._found[1:], strict=True
                    )
                    if found is not None and _identity(name) == found
                ]
        return []


def _identity(name: str) -> _Identity | None:
    """Return which file a name leads to, None where there is none. Raises OSError."""
    try:
        found = os.stat(name)  # noqa: PTH116 - twice in each transaction
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino
