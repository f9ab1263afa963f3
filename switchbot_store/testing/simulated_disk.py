"""A disk in memory that knows what of it is durable; see `power_cut`."""

from __future__ import annotations

import hashlib
import itertools
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_FREE: Final = 10
"""Beyond this many changes of one directory only prefixes and single gaps are tried."""

_MAX_FREE_WRITES: Final = 2
"""Beyond this many writes of one file only one of them is torn or lost at a time."""

_MAX_TORN_FILES: Final = 2
"""Beyond this many files of one directory that were not synced, any two of them are torn
or lost at a time, in every way, while the others are whole."""


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
        for changes in _remainders(self.since):
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


def play(disk: Directory, kind: str, values: Any) -> None:
    """Let the disk do what was recorded."""
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


def _remainders(
    changes: list[tuple[int, bytes | None]],
) -> Iterator[tuple[tuple[int, bytes | None] | None, ...]]:
    if len(changes) <= _MAX_FREE_WRITES:
        yield from itertools.product(*map(_left_of, changes))
        return
    yield ()
    for size, last in enumerate(changes):
        for left in _left_of(last):
            yield (*changes[:size], left)
            yield (*changes[:size], left, *changes[size + 1 :])


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


def trees(disk: Directory) -> Iterator[dict[str, Any]]:
    """Yield what a power cut may leave: names to bytes, or to such trees."""
    for names in disk.remains():
        for contents in _contents(list(names.values())):
            for choice in itertools.product(*contents):
                yield dict(zip(names, choice, strict=True))


def _contents(nodes: list[File | Directory]) -> Iterator[list[list[Any]]]:
    """Yield, for each node, what may be left of it together with those of the others."""
    free = [
        list(node.remains() if isinstance(node, File) else trees(node))
        for node in nodes
    ]
    whole = {
        at: [node.content()]
        for at, node in enumerate(nodes)
        if isinstance(node, File) and len(free[at]) > 1
    }
    if len(whole) <= _MAX_TORN_FILES:
        yield free
        return
    for torn in itertools.combinations(whole, _MAX_TORN_FILES):
        yield [
            each if at in torn else whole.get(at, each) for at, each in enumerate(free)
        ]


def tree_digest(tree: dict[str, Any]) -> bytes:
    """Return a hash by which equal trees are known."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(tree):
        content = tree[name]
        value = tree_digest(content) if isinstance(content, dict) else content
        digest.update(f"{name}\0{type(content).__name__}\0{len(value)}\0".encode())
        digest.update(value)
    return digest.digest()
