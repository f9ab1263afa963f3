"""Two readings of one minute, told from one that the file has twice.

The app leaves the seconds out, and rows change places: what else a minute said may stand
anywhere before, as where exports of several meters or years were laid end to end. Pure.
"""

from __future__ import annotations

import marshal
from array import array
from bisect import bisect_left, bisect_right
from datetime import UTC, datetime, timedelta
from operator import gt, lt
from typing import TYPE_CHECKING, Final, NamedTuple

from switchbot_store.history.meter_columns import ReadingColumns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from switchbot_store.history.model import Reading

Row = tuple[datetime, "Reading"]

_MOST_AT_ONCE: Final = 60
"""Readings of one minute: as many lines with another value each are no app's."""
_MOST_KNOWN: Final = 20_000
_MICROSECOND: Final = timedelta(microseconds=1)


class _Chunk(NamedTuple):
    """What some lines said, by instant: 16 bytes a row, so that a file's are kept."""

    moments: array[float]
    readings: array[int]
    """What `_told` says of each; those of one instant as they came."""

    def of(self, moment: float) -> array[int]:
        first = bisect_left(self.moments, moment)
        return self.readings[first : bisect_right(self.moments, moment, first)]


class DistinctRows:
    """Gives each row an instant of its own; `repeated` counts those left out.

    What another row of the same minute said comes a microsecond after it, so that the
    same file gives the same instants each time.
    """

    def __init__(self) -> None:
        self.repeated: int = 0
        self._chunks: list[_Chunk] = []
        # Meters tell tenths: the same few objects come again and again.
        self._known: dict[int, tuple[Reading, int]] = {}
        self._first = datetime.max.replace(tzinfo=UTC)
        self._last = datetime.min.replace(tzinfo=UTC)

    def of(
        self, chunks: Iterable[list[Row] | ReadingColumns]
    ) -> Iterator[list[Row] | ReadingColumns]:
        """Yield the rows, without those that say again what the same minute said."""
        rows: list[Row] | ReadingColumns
        for chunk in _in_parts(chunks):
            low, high, one_way = _course_of(chunk)
            if (low > self._last or high < self._first) and one_way:
                rows = chunk
                self._keep_all(chunk)
            else:
                rows = self._apart(chunk, low.timestamp(), high.timestamp())
            self._first, self._last = min(self._first, low), max(self._last, high)
            if rows:
                yield rows

    def _keep_all(self, chunk: list[Row] | ReadingColumns) -> None:
        """Keep what rows said that go one way."""
        if isinstance(chunk, ReadingColumns):
            known = array("q", map(self._told, chunk.readings))
            moments, told = chunk.as_arrays(known)
        else:
            moments = array("d", [moment.timestamp() for moment, _ in chunk])
            told = array("q", [self._told(reading) for _, reading in chunk])
        if moments[0] > moments[-1]:
            moments.reverse()
            told.reverse()
        self._chunks.append(_Chunk(moments, told))

    def _apart(
        self, chunk: list[Row] | ReadingColumns, low: float, high: float
    ) -> list[Row]:
        before = [
            each
            for each in self._chunks
            if each.moments[0] <= high and each.moments[-1] >= low
        ]
        said: dict[float, list[int]] = {}
        rows, new = [], []
        for moment, reading in chunk:
            at, told = moment.timestamp(), self._told(reading)
            same = said.get(at)
            if same is None:
                same = said[at] = [each for old in before for each in old.of(at)]
            if told in same or len(same) >= _MOST_AT_ONCE:
                self.repeated += 1
                continue
            rows.append((moment + len(same) * _MICROSECOND, reading))
            same.append(told)
            new.append((at, told))
        self._keep(new)
        return rows

    def _told(self, reading: Reading) -> int:
        """Return what tells a reading from another of the same minute."""
        known = self._known.get(id(reading))
        if known is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            # Of the bytes: -1 and -2 have one hash. By the format that is one for equals.
            known = reading, hash(marshal.dumps(reading, 0))
            self._known[id(reading)] = known
        return known[1]

    def _keep(self, rows: list[tuple[float, int]]) -> None:
        if rows:
            rows.sort(key=_first_of)  # stable: those of one instant as they came
            moments, told = zip(*rows, strict=True)
            self._chunks.append(_Chunk(array("d", moments), array("q", told)))


def _first_of(row: tuple[float, int]) -> float:
    return row[0]


def _in_parts(
    chunks: Iterable[list[Row] | ReadingColumns],
) -> Iterator[list[Row] | ReadingColumns]:
    """Yield columns in which rows go both ways in parts: few of them are slow."""
    for chunk in chunks:
        if isinstance(chunk, ReadingColumns) and not chunk.goes_one_way():
            yield from chunk.parts()
        else:
            yield chunk


def _course_of(chunk: list[Row] | ReadingColumns) -> tuple[datetime, datetime, bool]:
    """Return the first and the last instant, and whether all go one way."""
    if isinstance(chunk, ReadingColumns):
        return *chunk.span(), chunk.goes_one_way()
    moments = [moment for moment, _ in chunk]
    return min(moments), max(moments), _goes_one_way(moments)


def _goes_one_way(moments: list[datetime]) -> bool:
    later = moments[1:]
    return all(map(lt, moments, later)) or all(map(gt, moments, later))
