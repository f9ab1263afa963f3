"""Instants of rows that tell the wall clock alone, in the order they were written.

Where clocks go back, an hour of the wall clock comes twice, and only the order of the
rows tells which is which. Where they go forward, an hour does not come at all; a row
within it was written by a clock that had not been changed yet. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from operator import sub
from typing import TYPE_CHECKING, Any, Final, Literal

from switchbot_store.history.meter_columns import ReadingColumns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from zoneinfo import ZoneInfo

Row = tuple[datetime, Any]
"""What the wall clock said (naive; an aware one is taken as it is), and anything."""

_MAX_RUN: Final = 20_000
"""Rows of one repeated hour held back until the order is known: bounds memory."""
_DISORDER: Final = timedelta(minutes=10)
"""A step against the file's order up to this size may be two neighbours that changed
places."""
_TELLING_STEPS: Final = 5
"""How many of them tell whether a file begins with its oldest row."""
_DAY: Final = timedelta(days=1)
_LONGEST_CHUNK: Final = timedelta(days=60)
_NONE: Final = timedelta()


@dataclass(slots=True)
class ClockChange:
    """Rows that the clock alone does not place, on one day.

    `earlier` and `later` count the rows of the first and of the second pass through a
    repeated hour; of a ``skipped`` one all rows are `earlier`: before the change.
    """

    date: str
    kind: Literal["repeated", "skipped"]
    earlier: int = 0
    later: int = 0


class LocalTime:
    """Turns wall-clock time of `timezone` into instants; `changes` tells of doubts."""

    def __init__(self, timezone: ZoneInfo) -> None:
        self.changes: dict[tuple[str, str], ClockChange] = {}
        self._timezone = timezone
        # Wall-clock time with one offset: most rows need no look at the timezone.
        self._plain_from = self._plain_until = datetime.min  # noqa: DTZ901 - wall clock
        self._plain_instant = datetime.min.replace(tzinfo=UTC)
        # Which way the file goes shows later: of both, how many steps there were and
        # the longest that may be disorder.
        self._steps_on = self._steps_back = 0
        self._slack_on = self._slack_back = _NONE

    def placed(
        self, chunks: Iterable[list[Row] | ReadingColumns]
    ) -> Iterator[list[Row] | ReadingColumns]:
        """Yield the rows with their instants in UTC in place of the wall clock."""
        run: list[Row] = []
        before: datetime | None = None
        for chunk in self._in_parts(chunks):
            plain = None if run else self._plainly(chunk, before)
            if plain is not None:
                before = _last_of(plain)
                yield plain
                continue
            rows: list[Row] = []
            for row in _by_the_wall_clock(chunk):
                moment = row[0]
                if self._is_repeated(moment):
                    run.append(row)
                    if len(run) >= _MAX_RUN:
                        rows += self._resolved(run, before, None)
                        run, before = [], None
                    continue
                instant = self._instant(moment)
                if run:
                    rows += self._resolved(run, before, instant)
                    run = []
                elif before is not None:
                    self._learn_of_steps([before, instant])
                before = instant
                rows.append((instant, row[1]))
            if rows:
                yield rows
        if run:
            yield self._resolved(run, before, None)

    def _in_parts(
        self, chunks: Iterable[list[Row] | ReadingColumns]
    ) -> Iterator[list[Row] | ReadingColumns]:
        """Yield columns in which a clock was changed in parts: few of them are slow."""
        for chunk in chunks:
            if isinstance(chunk, ReadingColumns):
                first, last = (each.replace(tzinfo=None) for each in chunk.span())
                if not self._is_plain_between(first, last):
                    yield from chunk.parts()
                    continue
            yield chunk

    def _plainly(
        self, chunk: list[Row] | ReadingColumns, before: datetime | None
    ) -> list[Row] | ReadingColumns | None:
        """Return rows between which no clock was changed, placed; else None."""
        if isinstance(chunk, ReadingColumns):
            moved = self._all_moved(chunk)
            if moved is not None:
                self._learn_of_columns(moved, before)
            return moved
        instants = self._all_plain(chunk)
        if instants is None:
            return None
        self._learn_of_steps(instants if before is None else [before, *instants])
        readings = [reading for _, reading in chunk]
        return list(zip(instants, readings, strict=True))

    def _all_plain(self, chunk: list[Row]) -> list[datetime] | None:
        """Return the instants of rows between which no clock was changed, else None."""
        moments = [moment for moment, _ in chunk]
        try:
            first, last = min(moments), max(moments)
        except TypeError:
            return None  # some know their offset, others do not
        if first.tzinfo is not None or not self._is_plain_between(first, last):
            return None
        start, instant = self._plain_from, self._plain_instant
        return [instant + (moment - start) for moment in moments]

    def _all_moved(self, chunk: ReadingColumns) -> ReadingColumns | None:
        """Return columns with their instants, None where a clock was changed within."""
        first, last = (each.replace(tzinfo=None) for each in chunk.span())
        if not self._is_plain_between(first, last):
            return None
        start = self._plain_from.replace(tzinfo=UTC)
        return chunk.later_by(self._plain_instant - start)

    def _is_plain_between(self, first: datetime, last: datetime) -> bool:
        """Tell whether no clock was changed between two times of one."""
        if not self._is_plain(first):
            self._look_at(first)
        while self._is_plain(first) and not self._is_plain(last):
            if last - first > _LONGEST_CHUNK or not self._look_further():
                return False
        return self._is_plain(first)

    def _is_plain(self, moment: datetime) -> bool:
        return self._plain_from <= moment < self._plain_until

    def _look_further(self) -> bool:
        """Take the next day to the plain ones; False where its offset is another."""
        start, until = self._plain_from, self._plain_until
        offset = start.replace(tzinfo=UTC) - self._plain_instant
        for each in (until, until + _DAY):
            if {self._offset_at(each, fold) for fold in (0, 1)} != {offset}:
                return False
        self._plain_until = until + _DAY
        return True

    def _look_at(self, moment: datetime) -> None:
        """Learn the offset of a wall-clock day, if it has but one."""
        start = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        offsets = {
            self._offset_at(each, fold)
            for each in (start, start + _DAY)
            for fold in (0, 1)
        }
        if len(offsets) == 1:
            self._plain_from, self._plain_until = start, start + _DAY
            self._plain_instant = (start - offsets.pop()).replace(tzinfo=UTC)
        else:
            self._plain_from = self._plain_until = start

    def _offset_at(self, moment: datetime, fold: int) -> timedelta:
        aware = moment.replace(tzinfo=self._timezone, fold=fold)
        return aware.utcoffset() or _NONE

    def _is_repeated(self, moment: datetime) -> bool:
        if moment.tzinfo is not None:
            return False
        if not self._is_plain(moment):
            self._look_at(moment)
        if self._is_plain(moment):
            return False
        return self._offset_at(moment, 0) > self._offset_at(moment, 1)

    def _instant(self, moment: datetime) -> datetime:
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
        offset = self._offset_at(moment, 0)
        if offset < self._offset_at(moment, 1):
            self._change(moment, "skipped").earlier += 1
        return (moment - offset).replace(tzinfo=UTC)

    def _change(
        self, moment: datetime, kind: Literal["repeated", "skipped"]
    ) -> ClockChange:
        date = moment.date().isoformat()
        return self.changes.setdefault((date, kind), ClockChange(date, kind))

    def _learn_of_steps(self, instants: Sequence[datetime]) -> None:
        steps = list(map(sub, instants[1:], instants))
        if not steps:
            return
        if min(steps) > _NONE:  # as nearly always
            on, back = steps, []
        else:
            on = [step for step in steps if step > _NONE]
            back = [-step for step in steps if step < _NONE]
        self._steps_on += len(on)
        self._steps_back += len(back)
        self._slack_on = max(self._slack_on, _longest_little(on))
        self._slack_back = max(self._slack_back, _longest_little(back))

    def _learn_of_columns(
        self, columns: ReadingColumns, before: datetime | None
    ) -> None:
        on, back = columns.steps_each_way(before, _DISORDER)
        self._steps_on += on.number
        self._steps_back += back.number
        self._slack_on = max(self._slack_on, on.longest_little)
        self._slack_back = max(self._slack_back, back.longest_little)

    def _resolved(
        self, run: list[Row], before: datetime | None, after: datetime | None
    ) -> list[Row]:
        """Place rows of a repeated hour between the rows before and after them."""
        rising = self._is_rising([moment for moment, _ in run], before, after)
        moments = [moment for moment, _ in (run if rising else reversed(run))]
        first = [
            (each - self._offset_at(each, 0)).replace(tzinfo=UTC) for each in moments
        ]
        second = [
            (each - self._offset_at(each, 1)).replace(tzinfo=UTC) for each in moments
        ]
        start, end = (before, after) if rising else (after, before)
        # In a file that begins with the newest row every step is back, so that only
        # those forward tell of disorder.
        slack = self._slack_back if rising else self._slack_on
        split = _split(first, second, start, end, slack)
        instants = first[:split] + second[split:]
        change = self._change(moments[0], "repeated")
        change.earlier += split
        change.later += len(moments) - split
        placed = instants if rising else instants[::-1]
        return [(moment, row[1]) for moment, row in zip(placed, run, strict=True)]

    def _is_rising(
        self,
        moments: Sequence[datetime],
        before: datetime | None,
        after: datetime | None,
    ) -> bool:
        """Tell whether the file goes from the oldest row to the newest."""
        # Rows of one instant go neither way.
        on, back = self._steps_on, self._steps_back
        if on + back >= _TELLING_STEPS and on != back:
            return on > back
        if before is not None and after is not None:
            return before <= after
        midst = (moments[0] - self._offset_at(moments[0], 1)).replace(tzinfo=UTC)
        if before is not None or after is not None:
            return (before or midst) <= (after or midst)
        steps = [later - earlier for earlier, later in pairwise(moments)]
        return sum((step > _NONE) - (step < _NONE) for step in steps) >= 0


def _last_of(rows: list[Row] | ReadingColumns) -> datetime:
    return rows.last() if isinstance(rows, ReadingColumns) else rows[-1][0]


def _by_the_wall_clock(chunk: list[Row] | ReadingColumns) -> list[Row]:
    """Return rows one by one."""
    if isinstance(chunk, ReadingColumns):
        return [(moment.replace(tzinfo=None), what) for moment, what in chunk]
    return chunk


def _longest_little(steps: list[timedelta]) -> timedelta:
    """Return the longest of them that may be disorder."""
    longest = max(steps, default=_NONE)
    if longest <= _DISORDER:
        return longest
    return max((step for step in steps if step <= _DISORDER), default=_NONE)


def _split(
    first: Sequence[datetime],
    second: Sequence[datetime],
    start: datetime | None,
    end: datetime | None,
    slack: timedelta,
) -> int:
    """Return how many of the rows, oldest first, are of the first pass.

    A step back begins the second pass. Without one, the hour that is missing lies
    where most time passed anyway; at an end without a neighbour that is for ever.
    """
    again = second[0] - first[0]
    widest, split = None, len(first)
    if end is not None and end >= second[-1]:
        widest = end - second[-1]
    previous = start
    step = None
    for place, moment in enumerate(first):
        step_before = step
        if previous is None or moment < previous - again:
            step = None  # nothing, or something unrelated, comes before
        else:
            step = moment - previous
        if place and step is not None:
            if step < -slack:
                return place
            if not step and _is_sparse(first, place, step_before, end, again):
                return place
        if widest is not None and (step is None or step > widest):
            widest, split = step, place
        previous = moment
    return split


def _is_sparse(
    first: Sequence[datetime],
    place: int,
    step_before: timedelta | None,
    end: datetime | None,
    again: timedelta,
) -> bool:
    """Tell whether rows lie so far apart that an equal time of day is an hour later.

    Else it is the same row twice, or two of one minute.
    """
    if place + 1 < len(first):
        step_after = first[place + 1] - first[place]
    elif end is not None:
        step_after = end - again - first[place]
    else:
        step_after = again
    before = again if step_before is None else step_before
    return 2 * before >= again and 2 * step_after >= again
