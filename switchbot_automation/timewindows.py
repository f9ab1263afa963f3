"""Weekly windows on the wall clock of a timezone. Pure: no I/O, no clock.

What a window means, everywhere in this package:

- The wall clock decides, instant by instant. A window is in force exactly while the
  local clock reads a time in ``[start, end)`` of one of its days. `contains`,
  `in_window` and the boundaries all follow from this one sentence.
- A window belongs to the day it starts on: Friday 22:00-06:00 also covers Saturday
  before 06:00, and Saturday need not be among its days. ``end`` 00:00 is midnight at
  the end of the day. ``start == end`` is refused, as it could mean all or nothing.
- Clocks going forward: a start inside the skipped hour takes effect at the transition,
  since the clock then reads a later time; so does an end. A window that lies wholly
  inside the skipped hour does not happen that day.
- Clocks going back: the first time the clock reads ``start`` starts the window. The
  repeated hour is judged by the same sentence, so a window starting or ending inside it
  is in force in both passes of the times it names and not in between, and one that
  covers the whole hour is in force an hour longer.

Boundaries are instants in UTC, never differences of local times: Python subtracts two
datetimes of one timezone by their wall clocks, which is an hour wrong across a change.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import tzinfo

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_WEEKDAYS = frozenset(range(7))

# A weekly window that falls into a skipped hour comes back a week later: two weeks
# ahead, and the rest of the one we are in, hold every start and every end there is.
_WEEKS_AHEAD = 3
# No zone changes its clock twice within this time.
_PROBE_STEP = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """``[start, end)`` on the wall clock, on the days it starts.

    `days`: 0 is Monday, 6 Sunday. `end` before `start` runs past midnight. It starts on
    no day before `first_day` and none after `last_day`, where they are given; `id` is
    what people call it.
    Raises `ValueError` for no days, days outside 0..6, times with a timezone,
    ``start == end`` or a last day before the first.
    """

    days: frozenset[int]
    start: time
    end: time
    id: str = ""
    first_day: date | None = None
    last_day: date | None = None

    def __post_init__(self) -> None:
        if not self.days or not self.days <= _WEEKDAYS:
            raise ValueError("days must be some of 0 (Monday) to 6 (Sunday)")
        if self.start.tzinfo is not None or self.end.tzinfo is not None:
            raise ValueError("start and end are wall-clock times, without a timezone")
        if self.start == self.end:
            raise ValueError("start and end must differ")
        if self.first_day and self.last_day and self.last_day < self.first_day:
            raise ValueError("the last day must not be before the first")

    @property
    def overnight(self) -> bool:
        """Whether it runs past midnight."""
        return self.end < self.start


def start_day(window: TimeWindow, local: datetime) -> date | None:
    """Return the day the window started on, if it is in force at `local`, else None.

    `local` is the wall clock's reading; a timezone it may carry is not looked at.
    """
    day = _weekly(window, local)
    if (
        day is None
        or (window.first_day is not None and day < window.first_day)
        or (window.last_day is not None and day > window.last_day)
    ):
        return None
    return day


def _weekly(window: TimeWindow, local: datetime) -> date | None:
    now = local.time()
    if not window.overnight:
        inside = window.start <= now < window.end
        return local.date() if inside and local.weekday() in window.days else None
    if now >= window.start and local.weekday() in window.days:
        return local.date()
    if now < window.end and (local.weekday() - 1) % 7 in window.days:
        return local.date() - _DAY
    return None


def contains(window: TimeWindow, local: datetime) -> bool:
    """Return whether the window is in force when the wall clock reads `local`."""
    return start_day(window, local) is not None


def in_window(
    windows: Sequence[TimeWindow], now_utc: datetime, tz: tzinfo
) -> TimeWindow | None:
    """Return the first window in force at an aware instant, None if there is none."""
    local = now_utc.astimezone(tz) if windows else now_utc
    for window in windows:
        if start_day(window, local) is not None:
            return window
    return None


def next_start(
    windows: Sequence[TimeWindow], now_utc: datetime, tz: tzinfo
) -> datetime | None:
    """Return the next instant, in UTC, at which some window comes into force.

    Coming into force means that none was just before: the start of a window within
    another, or right after another, is none. None: no windows, or always in force.
    """
    return _next(windows, now_utc, tz, becomes=True)


def next_end(
    windows: Sequence[TimeWindow], now_utc: datetime, tz: tzinfo
) -> datetime | None:
    """Return the next instant, in UTC, at which the last window in force ends.

    Outside windows that is the end of the next one. None as for `next_start`.
    """
    return _next(windows, now_utc, tz, becomes=False)


def next_boundary(
    windows: Sequence[TimeWindow], now_utc: datetime, tz: tzinfo
) -> datetime | None:
    """Return the next instant, in UTC, at which being in a window changes."""
    return _next(windows, now_utc, tz, becomes=None)


class _Change(NamedTuple):
    at: datetime
    inside: bool


def _next(
    windows: Sequence[TimeWindow],
    now_utc: datetime,
    tz: tzinfo,
    *,
    becomes: bool | None,
) -> datetime | None:
    if not windows:
        return None
    now = now_utc.astimezone(UTC)
    first_day = now.toordinal() - now.weekday()
    for week in _weeks(windows, first_day):
        changes = _changes_of_week(tuple(windows), tz, week)
        later = bisect_right(changes, now, key=lambda change: change.at)
        for change in changes[later:]:
            if becomes is None or change.inside is becomes:
                return change.at
    return None


def _weeks(windows: Sequence[TimeWindow], first: int) -> Iterator[int]:
    """Yield the weeks that may hold a change, from that of the ordinal day `first` on.

    The next ones, and those about the first days that are still to come.
    """
    yield from range(first, first + 7 * _WEEKS_AHEAD, 7)
    reached = first + 7 * _WEEKS_AHEAD
    for day in sorted(each.first_day for each in windows if each.first_day):
        monday = day.toordinal() - day.weekday() - 7
        for week in range(max(reached, monday), monday + 7 * (_WEEKS_AHEAD + 1), 7):
            yield week
            reached = week + 7


@lru_cache(maxsize=1024)
def _changes_of_week(
    windows: tuple[TimeWindow, ...], tz: tzinfo, first_day: int
) -> tuple[_Change, ...]:
    """Return what changes in the seven days from 00:00 UTC of the ordinal day on.

    Remembered: an engine asks at every tick, and the answer holds for a week.
    """
    begin = datetime.combine(date.fromordinal(first_day), time(), UTC)
    end = begin + 7 * _DAY
    instants = {at for at in _edges(windows, tz, begin, end) if begin <= at < end}
    instants.update(_transitions(tz, begin, end))
    inside = in_window(windows, begin - timedelta.resolution, tz) is not None
    changes = []
    for at in sorted(instants):
        if (in_window(windows, at, tz) is not None) is not inside:
            inside = not inside
            changes.append(_Change(at, inside))
    return tuple(changes)


def _edges(
    windows: Sequence[TimeWindow], tz: tzinfo, begin: datetime, end: datetime
) -> Iterator[datetime]:
    """Yield every instant at which the wall clock reads a start or an end."""
    times = {edge for window in windows for edge in (window.start, window.end)}
    # Zones reach from UTC-12 to UTC+14.
    day, last = begin.date() - _DAY, end.date() + _DAY
    while day <= last:
        for edge in times:
            wall = datetime.combine(day, edge)
            for fold in (0, 1):
                at = wall.replace(tzinfo=tz, fold=fold).astimezone(UTC)
                # A skipped time is not read by any clock; its transition is.
                if at.astimezone(tz).replace(tzinfo=None) == wall:
                    yield at
        day += _DAY


def _transitions(tz: tzinfo, begin: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the instants in ``[begin, end)`` at which the zone's offset changes."""
    low = begin - _PROBE_STEP
    while low < end:
        high = low + _PROBE_STEP
        if _offset(tz, low) != _offset(tz, high):
            at = _first_with_new_offset(tz, low, high)
            if begin <= at < end:
                yield at
        low = high


def _first_with_new_offset(tz: tzinfo, low: datetime, high: datetime) -> datetime:
    before = _offset(tz, low)
    while high - low > _SECOND:
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if _offset(tz, middle) == before:
            low = middle
        else:
            high = middle
    return high


def _offset(tz: tzinfo, at: datetime) -> timedelta | None:
    return at.astimezone(tz).utcoffset()
