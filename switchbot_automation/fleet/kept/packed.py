"""Texts of many homes in one piece of memory: a tenth of what objects would take."""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left
from collections.abc import Mapping
from typing import TYPE_CHECKING
from zlib import crc32

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class PackedTexts(Mapping[str, tuple[str, ...]]):
    """A few texts by a name each, as a dict of tuples would have them; nothing is changed.

    A worker knows the account of every home of its fleet, and visits one now and then: as
    objects a hundred thousand would be more than all else that it has. Here each is its
    texts and 8 bytes. Of a name that comes twice the last one counts.

    >>> from switchbot_automation.fleet.kept.packed import PackedTexts
    >>> packed = PackedTexts([("42", ("token", "secret")), ("43", ("another", "one"))])
    >>> packed["43"], sorted(packed), "44" in packed
    (('another', 'one'), ['42', '43'], False)
    """

    def __init__(self, named: Iterable[tuple[str, tuple[str, ...]]]) -> None:
        lines = bytearray()
        # Sorted pile by pile: all at once would hold other threads for as long as it takes.
        piles: list[list[int]] = [[] for _ in range(256)]
        for name, texts in named:
            number = _number(name)
            piles[number >> 24].append(number << 32 | len(lines))
            lines += _line_of([name, *texts])
        self._lines = bytes(lines)
        self._numbers = array("I")
        self._starts = array("I")
        for pile in piles:
            pile.sort()
            self._numbers.extend(each >> 32 for each in pile)
            self._starts.extend(each & 0xFFFF_FFFF for each in pile)
            pile.clear()
        self._drop_earlier_ones()

    def _drop_earlier_ones(self) -> None:
        """Take out of the index what comes again later under the same name."""
        for place in reversed(range(len(self._numbers) - 1)):
            if self._numbers[place] == self._numbers[place + 1]:
                name, start = self._line(self._starts[place])[0], self._starts[place]
                if self._start_of(name) != start:
                    del self._numbers[place], self._starts[place]

    def __repr__(self) -> str:
        return f"<PackedTexts of {len(self)} names>"

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[str]:
        for start in sorted(self._starts):
            yield self._line(start)[0]

    def __getitem__(self, name: str) -> tuple[str, ...]:
        start = self._start_of(name)
        if start is None:
            raise KeyError(name)
        return tuple(self._line(start)[1:])

    def _start_of(self, name: object) -> int | None:
        if not isinstance(name, str):
            return None
        number = _number(name)
        place = bisect_left(self._numbers, number)
        found = None
        while place < len(self._numbers) and self._numbers[place] == number:
            if self._line(self._starts[place])[0] == name:
                found = self._starts[place]
            place += 1
        return found

    def _line(self, start: int) -> list[str]:
        line: list[str] = json.loads(
            self._lines[start : self._lines.index(b"\n", start)]
        )
        return line


def _line_of(texts: list[str]) -> bytes:
    """Return texts as JSON of one line."""
    try:
        return orjson.dumps(texts) + b"\n"
    except TypeError:  # half a character, of which orjson knows nothing
        return json.dumps(texts).encode() + b"\n"


def _number(name: str) -> int:
    return crc32(name.encode(errors="surrogatepass"))
