"""Two readings of one minute, told from one that the file has twice.

The app leaves the seconds out, and rows change places: what else a minute said may stand
some lines before. Pure.
"""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta
from itertools import islice
from operator import gt, lt
from typing import TYPE_CHECKING, Final

from switchbot_store.history.meter_columns import ReadingColumns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from switchbot_store.history.model import Reading

Row = tuple[datetime, "Reading"]

_REMEMBERED: Final = 20_000
"""So many minutes back a second reading of one is found: two weeks of a file."""
_MOST_AT_ONCE: Final = 60
"""Readings of one minute: as many lines with another value each are no app's."""
_MICROSECOND: Final = timedelta(microseconds=1)


class DistinctRows:
    """Gives each row an instant of its own; `repeated` counts those left out.

    What another row of the same minute said comes a microsecond after it, so that the
    same file gives the same instants each time.
    """

    def __init__(self) -> None:
        self.repeated: int = 0
        self._readings: dict[datetime, list[Reading]] = {}
        # Rows that nobody looked up yet: most files never need it.
        self._unlisted: deque[list[Row] | ReadingColumns] = deque()
        self._unlisted_count = 0
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
                self._keep_for_later(chunk)
                rows = chunk
            else:
                self._list()
                rows = [each for row in chunk for each in self._apart(row)]
                self._forget()
            self._first, self._last = min(self._first, low), max(self._last, high)
            if rows:
                yield rows

    def _apart(self, row: Row) -> tuple[Row, ...]:
        moment, reading = row
        same = self._readings.setdefault(moment, [])
        if reading in same or len(same) >= _MOST_AT_ONCE:
            self.repeated += 1
            return ()
        same.append(reading)
        return ((moment + (len(same) - 1) * _MICROSECOND, reading),)

    def _keep_for_later(self, chunk: list[Row] | ReadingColumns) -> None:
        self._unlisted.append(chunk)
        self._unlisted_count += len(chunk)
        while self._unlisted_count - len(self._unlisted[0]) > _REMEMBERED:
            self._unlisted_count -= len(self._unlisted.popleft())

    def _list(self) -> None:
        for chunk in self._unlisted:
            for moment, reading in chunk:
                self._readings[moment] = [reading]
        self._unlisted.clear()
        self._unlisted_count = 0

    def _forget(self) -> None:
        surplus = len(self._readings) - 2 * _REMEMBERED
        if surplus > 0:
            for moment in list(islice(self._readings, surplus + _REMEMBERED)):
                del self._readings[moment]


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
