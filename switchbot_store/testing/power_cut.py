"""A simulated power cut: what a disk may hold when it happens at any moment.

`RecordedDisk` notes every call by which a program changes files below a directory, and
`RecordedDisk.crashes` yields what the directory may look like after a power cut at any
point between them. The rules are the weakest that POSIX allows:

- what was written to a file since its last fsync may be there, missing, torn, or
  replaced by NUL bytes, each write by itself;
- what happened to the names in a directory since its last fsync may have happened or
  not, each by itself, though a rename is all or nothing;
- an fsync of a file says nothing about its name.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from switchbot_store.testing.simulated_disk import (
    Directory,
    play,
    tree_digest,
    trees,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CONTENT: Final = frozenset({"append", "write", "truncate"})


class RecordedDisk:
    """Records what the code inside `recording` does below `root`.

    Only calls of the module `os` are seen, and renames and links within a directory.
    What files called as one of `unimportant` hold is left out, to look at fewer cases.
    `note` puts a mark, such as "this was acknowledged", between the calls.
    """

    def __init__(
        self, root: str | os.PathLike[str], *, unimportant: tuple[str, ...] = ()
    ) -> None:
        self.root: Path = Path(root)
        self._unimportant = unimportant
        self.events: list[tuple[str, Any]] = []
        self._descriptors: dict[int, str] = {}

    def note(self, mark: object) -> None:
        """Put a mark at this moment."""
        self.events.append(("note", mark))

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record the calls inside; one thread at a time."""
        originals = {name: getattr(os, name) for name in _RECORDERS}
        try:
            for name, recorder in _RECORDERS.items():
                setattr(os, name, self._wrapped(originals[name], recorder))
            yield
        finally:
            for name, original in originals.items():
                setattr(os, name, original)

    def crashes(self) -> Iterator[tuple[list[Any], dict[str, Any]]]:
        """Yield (marks so far, tree of what may be left), different ones alone.

        A tree maps names to bytes or trees; `written` makes a directory of it.
        """
        seen = set()
        disk, marks = Directory(), []
        for kind, value in [("begin", None), *self.events]:
            if kind == "note":
                marks.append(value)
            else:
                play(disk, kind, value)
            for tree in trees(disk):
                mark = (len(marks), tree_digest(tree))
                if mark not in seen:
                    seen.add(mark)
                    yield list(marks), tree

    def _wrapped(
        self, original: Callable[..., Any], recorder: Callable[..., None]
    ) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            existed = recorder is _opened and os.path.lexists(arguments[0])
            result = original(*arguments, **options)
            recorder(self, result, existed, *arguments)
            return result

        return call

    def place(self, path: Any) -> str | None:
        """Return the path below the root, None if it is elsewhere."""
        absolute = os.path.abspath(os.fspath(path))  # noqa: PTH100 - must not resolve links
        if absolute == str(self.root):
            return ""
        prefix = f"{self.root}/"
        return absolute.removeprefix(prefix) if absolute.startswith(prefix) else None

    def add(self, kind: str, *values: Any) -> None:
        """Record an event."""
        if kind in _CONTENT and Path(values[0]).name in self._unimportant:
            return
        self.events.append((kind, values))

    def remember(self, descriptor: int, place: str | None) -> None:
        """Note what an open descriptor stands for; None forgets it."""
        if place is None:
            self._descriptors.pop(descriptor, None)
        else:
            self._descriptors[descriptor] = place

    def moved(self, source: str, place: str) -> None:
        """Let descriptors that stand for `source` stand for `place`."""
        for descriptor, old in self._descriptors.items():
            if old == source:
                self._descriptors[descriptor] = place

    def behind(self, descriptor: int) -> str | None:
        """Return the place that a descriptor was opened at."""
        return self._descriptors.get(descriptor)


def written(tree: dict[str, Any], directory: Path) -> Path:
    """Make `directory` hold exactly this tree, on the real disk."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for name, content in tree.items():
        if isinstance(content, dict):
            written(content, directory / name)
        else:
            (directory / name).write_bytes(content)
    return directory


# --- what is recorded of each call ----------------------------------------------------


def _opened(
    disk: RecordedDisk, result: int, existed: bool, path: Any, flags: int, *_: Any
) -> None:
    place = disk.place(path)
    disk.remember(result, place)
    if place is not None and flags & os.O_CREAT and not existed:
        disk.add("create", place)


def _closed(disk: RecordedDisk, _result: None, _: bool, descriptor: int) -> None:
    disk.remember(descriptor, None)


def _wrote(
    disk: RecordedDisk, result: int, _: bool, descriptor: int, data: Any
) -> None:
    place = disk.behind(descriptor)
    if place is not None:
        # Every writer here appends, from the start or with O_APPEND.
        disk.add("append", place, bytes(data)[:result])


def _wrote_at(
    disk: RecordedDisk, result: int, _: bool, descriptor: int, data: Any, offset: int
) -> None:
    place = disk.behind(descriptor)
    if place is not None:
        disk.add("write", place, offset, bytes(data)[:result])


def _truncated(
    disk: RecordedDisk, _result: None, _: bool, descriptor: int, size: int
) -> None:
    place = disk.behind(descriptor)
    if place is not None:
        disk.add("truncate", place, size)


def _synced(disk: RecordedDisk, _result: None, _: bool, descriptor: int) -> None:
    place = disk.behind(descriptor)
    if place is not None:
        disk.add("sync", place)


def _linked(disk: RecordedDisk, _result: None, _: bool, source: Any, name: Any) -> None:
    _two(disk, "link", source, name)


def _moved(disk: RecordedDisk, _result: None, _: bool, source: Any, name: Any) -> None:
    _two(disk, "rename", source, name)


def _two(disk: RecordedDisk, kind: str, source: Any, name: Any) -> None:
    places = disk.place(source), disk.place(name)
    if places == (None, None):
        return
    assert None not in places, "renames and links stay below the root"
    heads = {os.path.split(str(place))[0] for place in places}
    assert len(heads) == 1, "renames and links stay within a directory"
    disk.add(kind, *places)
    if kind == "rename":
        disk.moved(str(places[0]), str(places[1]))


def _unlinked(disk: RecordedDisk, _result: None, _: bool, path: Any) -> None:
    place = disk.place(path)
    if place is not None:
        disk.add("unlink", place)


def _made(disk: RecordedDisk, _result: None, _: bool, path: Any, *_mode: Any) -> None:
    place = disk.place(path)
    if place is not None:
        disk.add("mkdir", place)


_RECORDERS: Final[dict[str, Callable[..., None]]] = {
    "open": _opened,
    "close": _closed,
    "write": _wrote,
    "pwrite": _wrote_at,
    "ftruncate": _truncated,
    "fsync": _synced,
    "fdatasync": _synced,
    "link": _linked,
    "replace": _moved,
    "rename": _moved,
    "unlink": _unlinked,
    "mkdir": _made,
}
