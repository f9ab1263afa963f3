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

import hashlib
import itertools
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MAX_FREE: Final = 10
"""Beyond this many changes of one directory only prefixes and single gaps are tried."""


@dataclass(eq=False)
class File:
    """What is durable of a file, and what was done since."""

    durable: bytes = b""
    since: list[tuple[int, bytes | None]] = field(default_factory=list)
    """(offset, bytes written), or (size, None) for a truncation."""

    def content(self) -> bytes:
        """Return what a reader sees."""
        return _applied(self.durable, self.since)

    def synced(self) -> None:
        """Make everything durable."""
        self.durable, self.since = self.content(), []

    def remains(self) -> Iterator[bytes]:
        """Yield what a power cut may leave."""
        seen = set()
        choices = [_left_of(change) for change in self.since]
        for changes in itertools.product(*choices):
            made = [change for change in changes if change is not None]
            content = _applied(self.durable, made)
            if content not in seen:
                seen.add(content)
                yield content


@dataclass(eq=False)
class Directory:
    """The durable names of a directory, and what happened to names since."""

    durable: dict[str, File | Directory] = field(default_factory=dict)
    since: list[_Change] = field(default_factory=list)

    def names(self) -> dict[str, File | Directory]:
        """Return what a reader sees."""
        return _renamed(self.durable, self.since)

    def synced(self) -> None:
        """Make every name durable."""
        self.durable, self.since = self.names(), []

    def remains(self) -> Iterator[dict[str, File | Directory]]:
        """Yield the names a power cut may leave."""
        seen = set()
        for changes in _choices(self.since):
            names = _renamed(self.durable, changes)
            mark = frozenset((name, id(node)) for name, node in names.items())
            if mark not in seen:
                seen.add(mark)
                yield names


@dataclass(frozen=True)
class _Change:
    """One change of names: `name` gets `node`; or `source` becomes `name`; or goes."""

    name: str
    node: File | Directory | None = None
    source: str | None = None


class RecordedDisk:
    """Records what the code inside `recording` does below `root`.

    Only calls of the module `os` are seen, and renames and links within a directory.
    `note` puts a mark, such as "this was acknowledged", between the calls.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)
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
                _play(disk, kind, value)
            for tree in _trees(disk):
                mark = (len(marks), _digest(tree))
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


# --- what a disk makes of it ----------------------------------------------------------


def _play(disk: Directory, kind: str, values: Any) -> None:
    if kind == "begin":
        return
    head, name = os.path.split(values[0])
    directory = _found(disk, head)
    assert isinstance(directory, Directory)
    if kind == "create":
        directory.since.append(_Change(name, File()))
    elif kind == "mkdir":
        directory.since.append(_Change(name, Directory()))
    elif kind == "unlink":
        directory.since.append(_Change(name))
    elif kind == "link":
        node = directory.names()[name]
        directory.since.append(_Change(Path(values[1]).name, node))
    elif kind == "rename":
        names, target = directory.names(), Path(values[1]).name
        # Renaming one name of a file to another of its names does nothing at all.
        if names[name] is not names.get(target):
            directory.since.append(_Change(target, source=name))
    else:
        _play_on_file(_found(disk, values[0]), kind, values[1:])


def _play_on_file(node: File | Directory, kind: str, values: Any) -> None:
    if kind == "sync":
        node.synced()
        return
    assert isinstance(node, File)
    if kind == "append":
        node.since.append((len(node.content()), values[0]))
    elif kind == "write":
        node.since.append(values)
    else:
        node.since.append((values[0], None))


def _found(disk: Directory, place: str) -> File | Directory:
    node: File | Directory = disk
    for name in filter(None, place.split("/")):
        assert isinstance(node, Directory)
        node = node.names()[name]
    return node


def _applied(content: bytes, changes: list[tuple[int, bytes | None]]) -> bytes:
    for offset, data in changes:
        size = offset if data is None else max(len(content), offset)
        content = content[:size].ljust(size, b"\0")
        if data is not None:
            content = content[:offset] + data + content[offset + len(data) :]
    return content


def _left_of(
    change: tuple[int, bytes | None],
) -> list[tuple[int, bytes | None] | None]:
    offset, data = change
    if data is None:
        return [change, None]
    half = data[: len(data) // 2]
    return [
        change,
        None,
        (offset, half),
        (offset, b"\0" * len(data)),
        (offset, half + b"\0" * (len(data) - len(half))),
        (offset, b"\0" * len(half) + data[len(half) :]),
    ]


def _renamed(
    names: dict[str, File | Directory], changes: list[_Change]
) -> dict[str, File | Directory]:
    names = dict(names)
    for change in changes:
        if change.source is not None:
            # Without the creation of its source a rename cannot have happened.
            if change.source in names:
                names[change.name] = names.pop(change.source)
        elif change.node is not None:
            names[change.name] = change.node
        else:
            names.pop(change.name, None)
    return names


def _choices(changes: list[_Change]) -> Iterator[list[_Change]]:
    if len(changes) <= _MAX_FREE:
        for kept in itertools.product((True, False), repeat=len(changes)):
            yield list(itertools.compress(changes, kept))
        return
    for size in range(len(changes) + 1):
        yield changes[:size]
        yield changes[:size] + changes[size + 1 :]


def _trees(disk: Directory) -> Iterator[dict[str, Any]]:
    for names in disk.remains():
        contents = [
            list(node.remains() if isinstance(node, File) else _trees(node))
            for node in names.values()
        ]
        for choice in itertools.product(*contents):
            yield dict(zip(names, choice, strict=True))


def _digest(tree: dict[str, Any]) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(tree):
        content = tree[name]
        value = _digest(content) if isinstance(content, dict) else content
        digest.update(f"{name}\0{type(content).__name__}\0{len(value)}\0".encode())
        digest.update(value)
    return digest.digest()
