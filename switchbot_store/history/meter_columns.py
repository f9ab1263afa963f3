"""Rows of one meter as columns of Arrow, for millions on their way from a file to a table.

Making Python's objects of a row takes longer than reading its line or writing it. Only who
makes columns needs pyarrow; `arrow` says whether it is there.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import starmap
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from switchbot_store.history.model import MeterRows
from switchbot_store.languages import worded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from switchbot_store.history.model import HistorySample, Reading

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR_SECONDS = 3600
_FEW_ROWS = 500


def arrow() -> tuple[Any, Any] | None:
    """Return pyarrow and its functions of columns, None without; it is large."""
    try:
        import pyarrow as pa  # noqa: PLC0415 - few need it
        import pyarrow.compute as pc  # noqa: PLC0415 - likewise
    except ImportError:
        return None
    return pa, pc


def _arrow() -> tuple[Any, Any]:
    found = arrow()
    assert found is not None  # noqa: S101 - it made the columns
    return found


def _bytes_of(column: Any) -> bytes:
    """Return what is in a column of eight bytes a row, which has no gaps."""
    first, last = 8 * column.offset, 8 * (column.offset + len(column))
    return bytes(column.buffers()[1].to_pybytes()[first:last])


class Steps(NamedTuple):
    """Steps from row to row that go one way."""

    number: int
    longest_little: timedelta


@dataclass(frozen=True, slots=True)
class ReadingColumns:
    """Instants or what the wall clock said, in whole seconds since 1970, and readings.

    `codes` are places in `readings`: meters tell tenths, so that few differ.
    """

    seconds: Any
    """An array of int64."""
    codes: Any
    """An array of int32, as long."""
    readings: Sequence[Reading]

    def __len__(self) -> int:
        return len(self.seconds)

    def __iter__(self) -> Iterator[tuple[datetime, Reading]]:
        """Yield each with its instant in UTC."""
        pairs = zip(self.seconds.to_pylist(), self.codes.to_pylist(), strict=True)
        for seconds, code in pairs:
            yield _EPOCH + timedelta(seconds=seconds), self.readings[code]

    def parts(self) -> Iterator[ReadingColumns]:
        """Yield some hundred rows at a time."""
        for first in range(0, len(self), _FEW_ROWS):
            yield self.part(first, _FEW_ROWS)

    def and_then(self, more: ReadingColumns) -> ReadingColumns | None:
        """Return both as one, None where they are not of the same text."""
        if more.readings is not self.readings:
            return None
        pa, _ = _arrow()
        return ReadingColumns(
            pa.concat_arrays([self.seconds, more.seconds]),
            pa.concat_arrays([self.codes, more.codes]),
            self.readings,
        )

    def part(self, first: int, count: int) -> ReadingColumns:
        """Return so many rows from that one on."""
        return ReadingColumns(
            self.seconds.slice(first, count),
            self.codes.slice(first, count),
            self.readings,
        )

    def as_arrays(self, of_reading: array[int]) -> tuple[array[float], array[int]]:
        """Return the instants in POSIX seconds, and of each row what its reading has.

        `of_reading` has a number for each of `readings`.
        """
        pa, pc = _arrow()
        numbers = pa.array(of_reading, pa.int64()).take(self.codes)
        return (
            array("d", _bytes_of(pc.cast(self.seconds, pa.float64()))),
            array("q", _bytes_of(numbers)),
        )

    def span(self) -> tuple[datetime, datetime]:
        """Return the least and the greatest instant, in UTC."""
        _, pc = _arrow()
        ends = pc.min_max(self.seconds).as_py()
        return (
            _EPOCH + timedelta(seconds=ends["min"]),
            _EPOCH + timedelta(seconds=ends["max"]),
        )

    def last(self) -> datetime:
        """Return the instant of the last row, in UTC."""
        return _EPOCH + timedelta(seconds=self.seconds[-1].as_py())

    def later_by(self, offset: timedelta) -> ReadingColumns:
        """Return the same rows, moved."""
        pa, pc = _arrow()
        moved = pc.add(self.seconds, pa.scalar(int(offset.total_seconds()), pa.int64()))
        return ReadingColumns(moved, self.codes, self.readings)

    def steps_each_way(
        self, before: datetime | None, little: timedelta
    ) -> tuple[Steps, Steps]:
        """Return the steps to a later and those to an earlier instant.

        First the one from `before`, if there is any; `little` is the longest little one.
        """
        pa, pc = _arrow()
        seconds = self.seconds
        if before is not None:
            first = pa.array([round((before - _EPOCH).total_seconds())], pa.int64())
            seconds = pa.concat_arrays([first, seconds])
        steps = pc.subtract(seconds[1:], seconds[:-1])
        found = []
        for each in (steps, pc.negate(steps)):
            these = each.filter(pc.greater(each, 0))
            most = pc.less_equal(these, int(little.total_seconds()))
            longest = pc.max(these.filter(most)).as_py()
            found.append(Steps(len(these), timedelta(seconds=longest or 0)))
        return found[0], found[1]

    def goes_one_way(self) -> bool:
        """Tell whether every row is later than the one before it, or every one earlier."""
        _, pc = _arrow()
        steps = pc.subtract(self.seconds[1:], self.seconds[:-1])
        ends = pc.min_max(steps).as_py()
        return not len(steps) or ends["min"] > 0 or ends["max"] < 0

    def told(self, before: str, after: str, readings: Sequence[str]) -> bytes:
        """Return a text of all: `before`, the instant, `after`, and what `readings` have.

        The instants are in UTC, as ``2026-01-12 05:30:00``.
        """
        pa, pc = _arrow()
        instants = self.seconds.cast(pa.timestamp("s")).cast(pa.string())
        texts = pa.array(readings, pa.string()).take(self.codes)
        rows = pc.binary_join_element_wise(before, instants, after, texts, "")
        whole: bytes = (
            pc.binary_join(pa.ListArray.from_arrays([0, len(rows)], rows), "")[0]
            .as_buffer()
            .to_pybytes()
        )
        return whole


@dataclass(frozen=True, slots=True)
class MeterColumns(MeterRows):
    """Samples of one zone, normalised; `columns` are in UTC."""

    zone: str
    timezone: str
    columns: ReadingColumns

    def __len__(self) -> int:
        return len(self.columns)

    def __iter__(self) -> Iterator[HistorySample]:
        return starmap(self._sample, self.columns)

    @overload
    def __getitem__(self, index: int) -> HistorySample: ...
    @overload
    def __getitem__(self, index: slice) -> MeterColumns: ...
    def __getitem__(self, index: int | slice) -> HistorySample | MeterColumns:
        """Return a sample, or a part."""
        places = range(len(self))[index]
        if isinstance(places, int):
            (row,) = self.columns.part(places, 1)
            return self._sample(*row)
        if places.step != 1:
            raise ValueError(worded("a part has no gaps"))
        part = self.columns.part(places.start, len(places))
        return MeterColumns(self.zone, self.timezone, part)

    def keys(self) -> Iterator[tuple[str, datetime]]:
        """Yield the zone with the start of each hour that has a row."""
        _, pc = _arrow()
        hours = pc.unique(pc.divide(self.columns.seconds, _HOUR_SECONDS)).to_pylist()
        return ((self.zone, _EPOCH + timedelta(hours=hour)) for hour in hours)
