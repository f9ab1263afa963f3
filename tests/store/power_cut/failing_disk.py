"""A disk of which one chosen call fails, or every one from there on."""

import errno
import os
from contextlib import contextmanager
from pathlib import Path

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT

LASTING = {
    "full": (errno.ENOSPC, ("unlink", "ftruncate")),
    "read-only": (errno.EROFS, ()),
}
"""By its word, what a disk says that takes nothing for long, and what it still lets be done."""


class FailingDisk:
    """Counts the calls that change files below a directory, and lets one of them fail.

    `at` is the number of that call, from 1; with `lasting` those after it fail too, as a
    disk that is full goes on to be. Half of what was to be written is, where `torn`. What
    only takes names away or lets a file be opened goes on where `number` says so: a full
    disk has room for that.
    """

    def __init__(self, root, number, *, at, lasting=False, torn=False, spares=()):
        self._root = os.path.realpath(root)
        self._number = number
        self._at = at
        self._lasting = lasting
        self._torn = torn
        self._spares = spares
        self.calls = []
        self.failed = []

    @property
    def reached(self):
        """Whether there was such a call at all."""
        return len(self.calls) >= self._at

    @contextmanager
    def failing(self):
        originals = {name: getattr(os, name) for name in _PLACES}
        for name, original in originals.items():
            setattr(os, name, self._wrapped(name, original))
        try:
            yield self
        finally:
            for name, original in originals.items():
                setattr(os, name, original)

    def _wrapped(self, name, original):
        def call(*arguments, **options):
            place = self._place_of(name, arguments)
            if place is None or name in self._spares:
                return original(*arguments, **options)
            self.calls.append((name, Path(place).name))
            count = len(self.calls)
            if count == self._at or (self._lasting and count > self._at):
                self.failed.append((name, Path(place).name))
                if self._torn and name == "write":
                    data = bytes(arguments[1])
                    if len(data) > 1:
                        original(arguments[0], data[: len(data) // 2])
                raise OSError(self._number, os.strerror(self._number), place)
            return original(*arguments, **options)

        return call

    def _place_of(self, name, arguments):
        if name == "open" and not (len(arguments) > 1 and arguments[1] & _WRITING):
            return None
        what = arguments[0]
        place = f"/proc/self/fd/{what}" if isinstance(what, int) else os.fspath(what)
        if isinstance(what, int):
            place = str(Path(place).readlink())
        below = place == self._root or place.startswith(f"{self._root}/")
        # A lock holds no data; its opening fails on no disk that is full.
        return place if below and not place.endswith("lock") else None


_PLACES = (
    "open",
    "write",
    "fsync",
    "ftruncate",
    "link",
    "replace",
    "unlink",
    "mkdir",
)
