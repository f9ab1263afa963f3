"""Weekly windows on the wall clock of a timezone. Pure: no I/O, no clock.

What a window means, everywhere in this package:

- The wall clock decides, instant by instant. A window is in force exactly while the
  local clock reads a time in ``[start, end)`` of one of its days. `contains`,
  `in_window` and the boundaries all follow from this one sentence.
- A window belongs to the day it starts on: Friday 22:00-06:00 also covers Saturday
  before 06:00, and Saturday need not be among its days. ``end`` 00:00 is midnight at
  the end of the day. ``start == end`` lasts until that time of the next day: from 00:00
  to 00:00 is the whole day, on the days of clock changes too.
- Clocks going forward: a start inside the skipped hour takes effect at the transition,
  since the clock then reads a later time; so does an end. A window that lies wholly
  inside the skipped hour does not happen that day.
- Clocks going back: the first time the clock reads ``start`` starts the window. The
  repeated hour is judged by the same sentence, so a window starting or ending inside it
  is in force in both passes of the times it names and not in between, and one that
  covers the whole hour is in force an hour longer.
- A window may differ from that (`Policy`), or start and end by the sun (`SunTime`). It is
  then in force from one instant to another on each of its days, see `spans_of`.
- A window that a person opened is in force once, from one instant to another, whatever the
  clock reads (`only_during`).

Boundaries are instants in UTC, never differences of local times: Python subtracts two
datetimes of one timezone by their wall clocks, which is an hour wrong across a change.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from switchbot_automation.instants import FOR_EVER
from switchbot_automation.languages import worded
from switchbot_automation.schedule.sun import SUNSET, SunTime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import tzinfo

GAPS = ("run_at_transition", "skip", "shift")
OVERLAPS = ("both", "first", "second")
CATCH_UPS = ("current_slot", "within", "none")

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_MIDNIGHT, _NOON = time(), time(12)
_WEEKDAYS = frozenset(range(7))

# A weekly window that falls into a skipped hour comes back a week later, and so does one
# that a person skips: three weeks ahead, and the rest of the one we are in, hold every
# start and every end there is.
_WEEKS_AHEAD = 4
# No zone changes its clock twice within this time.
_PROBE_STEP = timedelta(hours=3)


class Policy(NamedTuple):
    """What becomes of a window in unusual circumstances.

    `dst_gap`, for a time that the clock skips: ``run_at_transition`` takes it for the
    instant of the change; ``shift`` moves it on by as much as was skipped; ``skip``
    leaves a window out that would start there, while one that would end there ends at
    the change.

    `dst_overlap`, for a time that the clock reads twice: ``first`` or ``second`` is the
    reading that counts; ``both`` judges either by what the clock reads, so the window
    is in force in both passes of the times it names.

    `catch_up`, for a window that began before the engine looked: ``current_slot`` joins
    it however late, ``within`` up to `catch_up_seconds` after its start, ``none`` not
    at all. One that was once joined is kept.
    """

    dst_gap: str = GAPS[0]
    dst_overlap: str = OVERLAPS[0]
    catch_up: str = CATCH_UPS[0]
    catch_up_seconds: int = 300

    @property
    def by_clock(self) -> bool:
        """Whether what the clock reads is all that counts at a change."""
        return self.dst_gap == GAPS[0] and self.dst_overlap == OVERLAPS[0]


PLAIN = Policy()


class CurvePoint(NamedTuple):
    """By how much bands are moved at an instant, in kelvin, upwards.

    `at` a time of the zone's clock, or `after_minutes` since the window or preset that has
    the curve came into force.
    """

    at: time | None = None
    after_minutes: float = 0.0
    winter_kelvin: float = 0.0
    summer_kelvin: float = 0.0


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """``[start, end)`` on the wall clock, on the days it starts.

    `days`: 0 is Monday, 6 Sunday. `end` before `start` runs past midnight. It starts on
    no day before `first_day` and none after `last_day`, where they are given, and not on
    `missed`, a day on which it came too late to be caught up with, nor on those `skipped`,
    which a person does without; `id` is what people call it. With `span`, aware UTC, it is in force from its first instant to its second
    and never else. `preset` names the preset that is in force with it, "" for none,
    `quiet_fan` says that the fan runs low in it, `curve` between which points the bands move.
    Raises `ValueError` for no days, days outside 0..6, times with a timezone,
    the same event of the sun at both ends, or a last day before the first.
    """

    days: frozenset[int]
    start: time | SunTime
    end: time | SunTime
    id: str = ""
    first_day: date | None = None
    last_day: date | None = None
    preset: str = ""
    policy: Policy = PLAIN
    missed: date | None = None
    span: tuple[datetime, datetime] | None = None
    skipped: frozenset[date] = frozenset()
    quiet_fan: bool = False
    curve: tuple[CurvePoint, ...] = ()
    by_clock: bool = field(init=False, repr=False, compare=False)
    """Whether the reading of the clock says all: no sun and no policy of its own."""

    def __hash__(self) -> int:
        # Asked at every tick, and these nearly always tell windows apart.
        return hash((self.start, self.end, self.id))

    def __post_init__(self) -> None:
        if not self.days or not self.days <= _WEEKDAYS:
            raise ValueError(worded("days must be some of 0 (Monday) to 6 (Sunday)"))
        for edge in (self.start, self.end):
            if isinstance(edge, time) and edge.tzinfo is not None:
                raise ValueError(
                    worded("start and end are wall-clock times, without a timezone")
                )
        if self.start == self.end and isinstance(self.start, SunTime):
            raise ValueError(
                worded("start and end must not be the same event of the sun")
            )
        if self.first_day and self.last_day and self.last_day < self.first_day:
            raise ValueError(worded("the last day must not be before the first"))
        clock = isinstance(self.start, time) and isinstance(self.end, time)
        by_clock = clock and self.policy.by_clock and self.span is None
        object.__setattr__(self, "by_clock", by_clock)

    def starts_on(self, day: date) -> bool:
        """Return whether it starts on a day, as far as days say."""
        return day.weekday() in self.days and self._may(day)

    def _may(self, day: date) -> bool:
        return not (
            (self.first_day is not None and day < self.first_day)
            or (self.last_day is not None and day > self.last_day)
            or day == self.missed
            or day in self.skipped
        )


_ALL_DAYS = frozenset(range(7))


def only_during(
    begin: datetime, end: datetime, tz: tzinfo, *, name: str = ""
) -> TimeWindow:
    """Return a window that is in force once, from one aware instant to another.

    Its times are what the clock of `tz` reads then, for people. Raises ValueError unless
    `begin` is before `end`.
    """
    if not begin < end:
        raise ValueError(worded("a window has to end after it begins"))
    start, over = (
        at.astimezone(tz).replace(second=0, microsecond=0).time() for at in (begin, end)
    )
    if start == over:
        # Less than a minute, or days to the minute: shown with its last second.
        over = over.replace(second=59)
    span = (begin.astimezone(UTC), end.astimezone(UTC))
    return TimeWindow(_ALL_DAYS, start, over, id=name, span=span)


def start_day(window: TimeWindow, local: datetime) -> date | None:
    """Return the day the window started on, if it is in force at `local`, else None.

    `local` is the wall clock's reading; a timezone it may carry is not looked at.
    Raises ValueError for a window that needs more than that, see `day_in_force`.
    """
    day = _weekly(window, local)
    return day if day is not None and window._may(day) else None  # noqa: SLF001 - one class and its function


def _weekly(window: TimeWindow, local: datetime) -> date | None:
    now = local.time()
    start, end = window.start, window.end
    if not window.by_clock or isinstance(start, SunTime) or isinstance(end, SunTime):
        raise ValueError(worded("not told by a reading of the clock"))
    if start < end:
        inside = start <= now < end
        return local.date() if inside and local.weekday() in window.days else None
    if now >= start and local.weekday() in window.days:
        return local.date()
    if now < end and (local.weekday() - 1) % 7 in window.days:
        return local.date() - _DAY
    return None


def day_in_force(window: TimeWindow, now_utc: datetime, tz: tzinfo) -> date | None:
    """Return the day a window started on, if it is in force at an instant, else None."""
    if window.span is not None:
        begin, end = window.span
        return begin.astimezone(tz).date() if begin <= now_utc < end else None
    local = now_utc.astimezone(tz)
    if window.by_clock:
        return start_day(window, local)
    today = local.date()
    # One by the sun may last into the second day, or begin before its own.
    for day in (today, today - _DAY, today + _DAY, today - 2 * _DAY):
        if window.starts_on(day) and any(
            begin <= now_utc < end for begin, end in spans_of(window, day, tz)
        ):
            return day
    return None


def spans_of(
    window: TimeWindow, day: date, tz: tzinfo
) -> tuple[tuple[datetime, datetime], ...]:
    """Return from when to when, in UTC, a window is in force that starts on a day."""
    if window.span is not None:
        return (window.span,) if window.span[0].astimezone(tz).date() == day else ()
    return _spans(window.start, window.end, window.policy, day, tz)


class _Edge(NamedTuple):
    """An edge of a window: its first and its second instant, and the change between."""

    first: datetime
    second: datetime
    change: datetime | None = None
    skipped: bool = False


@lru_cache(maxsize=4096)
def _spans(
    start: time | SunTime, end: time | SunTime, policy: Policy, day: date, tz: tzinfo
) -> tuple[tuple[datetime, datetime], ...]:
    """Return the spans ``[from, to)``, in UTC, of a window that starts on a day."""
    begin = _edge(start, day, tz, policy)
    if begin.skipped and policy.dst_gap == "skip":
        return ()
    last = day + _DAY if _ends_next_day(start, end) else day
    over = _edge(end, last, tz, policy)
    if policy.dst_overlap == "first":
        found = [(begin.first, over.first)]
    elif policy.dst_overlap == "second":
        found = [(begin.second, over.second)]
    else:
        found = [(begin.first, over.second)]
        if over.change is not None:
            found = _without(found, over.first, over.change)
        if begin.change is not None:
            found = _without(found, begin.change, begin.second)
    return tuple((low, high) for low, high in found if low < high)


def _ends_next_day(start: time | SunTime, end: time | SunTime) -> bool:
    """Return whether a window ends on the day after.

    By the clock alone, where the end is not after the start. With the sun, whose events
    lie in the morning and in the afternoon whatever the season, where the end is of an
    earlier half of the day: from 07:00 to sunrise is never a day long, but nothing, once
    the sun rises before.
    """
    if isinstance(start, time) and isinstance(end, time):
        return end <= start
    return end == _MIDNIGHT or _afternoon(end) < _afternoon(start)


def _afternoon(edge: time | SunTime) -> bool:
    return edge.event == SUNSET if isinstance(edge, SunTime) else edge >= _NOON


def _edge(edge: time | SunTime, day: date, tz: tzinfo, policy: Policy) -> _Edge:
    if isinstance(edge, SunTime):
        at = edge.on(day, tz)
        return _Edge(at, at)
    wall = datetime.combine(day, edge)
    first, second = (
        wall.replace(tzinfo=tz, fold=fold).astimezone(UTC) for fold in (0, 1)
    )
    if first == second:
        return _Edge(first, second)
    low, high = min(first, second), max(first, second)
    if first < second:
        return _Edge(first, second, _first_with_new_offset(tz, low, high))
    # Read by the offset before, a skipped time lies that much behind the change.
    at = first if policy.dst_gap == "shift" else _first_with_new_offset(tz, low, high)
    return _Edge(at, at, skipped=True)


def _without(
    found: list[tuple[datetime, datetime]], low: datetime, high: datetime
) -> list[tuple[datetime, datetime]]:
    left = []
    for begin, end in found:
        left += [(begin, min(end, low)), (max(begin, high), end)]
    return left


def _first_with_new_offset(tz: tzinfo, low: datetime, high: datetime) -> datetime:
    """Return the first second after `low` that has another offset than it."""
    before = low.astimezone(tz).utcoffset()
    while high - low > _SECOND:
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(tz).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def contains(window: TimeWindow, local: datetime) -> bool:
    """Return whether the window is in force when the wall clock reads `local`."""
    return start_day(window, local) is not None


def in_window(
    windows: Sequence[TimeWindow], now_utc: datetime, tz: tzinfo
) -> TimeWindow | None:
    """Return the first window in force at an aware instant, None if there is none."""
    if not windows:
        return None
    # In UTC: of one timezone both readings of a repeated hour count as equal.
    now = now_utc if now_utc.tzinfo is UTC else now_utc.astimezone(UTC)
    asked = _latest.get(in_window)
    if asked is not None and asked.is_of(windows, now, tz):
        return cast("TimeWindow | None", asked.answer)
    place = _place_in_force(tuple(windows), now, tz)
    window = None if place is None else windows[place]
    _keep(in_window, windows, now, tz, window)
    return window


class _Asked(NamedTuple):
    """What was asked last of some windows, and the answer."""

    windows: tuple[TimeWindow, ...]
    now: datetime
    tz: tzinfo
    answer: TimeWindow | datetime | None

    def is_of(self, windows: Sequence[TimeWindow], now: datetime, tz: tzinfo) -> bool:
        return self.windows is windows and self.tz is tz and self.now == now


# The last answer to each question: of a thousand zones that share their windows each asks
# again at the same instant, and to look it up by the windows' values takes far longer.
_latest: dict[Callable[..., Any], _Asked] = {}


def _keep(
    question: Callable[..., Any],
    windows: Sequence[TimeWindow],
    now: datetime,
    tz: tzinfo,
    answer: TimeWindow | datetime | None,
) -> None:
    if isinstance(windows, tuple):  # a list may be another one by the next time
        _latest[question] = _Asked(windows, now, tz, answer)


@lru_cache(maxsize=256)  # a tick asks several times at one instant, also for many zones
def _place_in_force(
    windows: tuple[TimeWindow, ...], now_utc: datetime, tz: tzinfo
) -> int | None:
    local = now_utc.astimezone(tz)
    for place, window in enumerate(windows):
        day = (
            start_day(window, local)
            if window.by_clock
            else day_in_force(window, now_utc, tz)
        )
        if day is not None:
            return place
    return None


def next_start(
    windows: Sequence[TimeWindow], now_utc: datetime, tz: tzinfo
) -> datetime | None:
    """Return the next instant, in UTC, at which some window comes into force.

    Coming into force means that none was just before: the start of a window within
    another, or right after another, is none. None: no windows, or always in force.
    """
    return _next(windows, now_utc, tz, _starts)


def next_end(
    windows: Sequence[TimeWindow], now_utc: datetime, tz: tzinfo
) -> datetime | None:
    """Return the next instant, in UTC, at which the last window in force ends.

    Outside windows that is the end of the next one. None as for `next_start`.
    """
    return _next(windows, now_utc, tz, _ends)


def next_boundary(
    windows: Sequence[TimeWindow], now_utc: datetime, tz: tzinfo
) -> datetime | None:
    """Return the next instant, in UTC, at which being in a window changes."""
    return _next(windows, now_utc, tz, _turns)


def foreseen_boundary(
    windows: Sequence[TimeWindow], now_utc: datetime, tz: tzinfo
) -> datetime | None:
    """Return `next_boundary` for people: None for what lasts until somebody takes it back."""
    found = next_boundary(windows, now_utc, tz)
    return None if found is not None and found >= FOR_EVER else found


def next_wish(
    windows: Sequence[TimeWindow], now_utc: datetime, tz: tzinfo, *, preset: str = ""
) -> datetime | None:
    """Return the next instant, in UTC, at which the schedule wants something else.

    Another preset or curve, too, where one window follows another or lies over it. `preset`
    is the one in force with windows that name none. None as for `next_start`.
    """
    named = [each if each.preset else replace(each, preset=preset) for each in windows]
    return _next(named, now_utc, tz, _any_change)


class Occurrence(NamedTuple):
    """Once that a window is in force: `place` among its windows, the day that it starts on,
    and from when to when, aware UTC. A clock change may leave a gap in between.
    """

    place: int
    day: date
    begins: datetime
    ends: datetime


def next_occurrence(
    windows: Sequence[TimeWindow], now_utc: datetime, tz: tzinfo
) -> Occurrence | None:
    """Return what begins next after an instant, whatever else is in force then.

    Of those that begin together the first counts, as it does in force. None where nothing
    begins within three weeks, or of the first day of a window that has none before.
    """
    now, found = now_utc.astimezone(UTC), None
    today = now.astimezone(tz).date()
    for place, window in enumerate(windows):
        first = max(today - _DAY, window.first_day or today - _DAY)
        for days in range(7 * _WEEKS_AHEAD):
            day = first + days * _DAY
            spans = spans_of(window, day, tz) if window.starts_on(day) else ()
            if not spans or spans[0][0] <= now:
                continue
            if found is None or spans[0][0] < found.begins:
                found = Occurrence(place, day, spans[0][0], spans[-1][1])
            break
    return found


def instant_on(day: date, clock: time, tz: tzinfo) -> datetime:
    """Return when the clock of `tz` first reads a time on a day, in UTC.

    Of a time that is skipped that is the instant of the change.
    """
    return _edge(clock, day, tz, PLAIN).first


def end_of_day(now_utc: datetime, tz: tzinfo) -> datetime:
    """Return when the day ends, in UTC, that the clock of `tz` reads at an instant.

    Where the clock skips midnight that is the instant of the change; where it is set back
    over midnight the first one that is still to come.
    """
    now = now_utc.astimezone(UTC)
    over = _edge(_MIDNIGHT, now.astimezone(tz).date() + _DAY, tz, PLAIN)
    return over.first if over.first > now else over.second


class _Change(NamedTuple):
    """From `at` on being in a window, its preset or its curve, is another than before."""

    at: datetime
    was: bool
    inside: bool


def _starts(change: _Change) -> bool:
    return change.inside and not change.was


def _ends(change: _Change) -> bool:
    return change.was and not change.inside


def _turns(change: _Change) -> bool:
    return change.was is not change.inside


def _any_change(_change: _Change) -> bool:
    return True


class _Changes(NamedTuple):
    """What changes in one week, ascending, and the instants alone, to find one fast."""

    at: tuple[datetime, ...]
    each: tuple[_Change, ...]


def _next(
    windows: Sequence[TimeWindow],
    now_utc: datetime,
    tz: tzinfo,
    wanted: Callable[[_Change], bool],
) -> datetime | None:
    if not windows:
        return None
    now = now_utc if now_utc.tzinfo is UTC else now_utc.astimezone(UTC)
    asked = _latest.get(wanted)
    if asked is not None and asked.windows is windows and asked.tz is tz:
        at = cast("datetime | None", asked.answer)
        # The first change after an instant is that of all instants up to it.
        if asked.now == now or (at is not None and asked.now < now < at):
            return at
    at = _found(windows, now, tz, wanted)
    _keep(wanted, windows, now, tz, at)
    return at


def _found(
    windows: Sequence[TimeWindow],
    now: datetime,
    tz: tzinfo,
    wanted: Callable[[_Change], bool],
) -> datetime | None:
    first_day = now.toordinal() - now.weekday()
    for week in _weeks(windows, first_day):
        changes = _changes_of_week(tuple(windows), tz, week)
        for change in changes.each[bisect_right(changes.at, now) :]:
            if wanted(change):
                return change.at
    return None


def _weeks(windows: Sequence[TimeWindow], first: int) -> Iterator[int]:
    """Yield the weeks that may hold a change, from that of the ordinal day `first` on.

    The next ones, and those about the first days that are still to come.
    """
    yield from range(first, first + 7 * _WEEKS_AHEAD, 7)
    reached = first + 7 * _WEEKS_AHEAD
    spans = [at.date() for each in windows if each.span for at in each.span]
    for day in sorted(
        [*(each.first_day for each in windows if each.first_day), *spans]
    ):
        monday = day.toordinal() - day.weekday() - 7
        for week in range(max(reached, monday), monday + 7 * (_WEEKS_AHEAD + 1), 7):
            yield week
            reached = week + 7


@lru_cache(maxsize=1024)
def _changes_of_week(
    windows: tuple[TimeWindow, ...], tz: tzinfo, first_day: int
) -> _Changes:
    """Return what changes in the seven days from 00:00 UTC of the ordinal day on.

    Remembered: an engine asks at every tick, and the answer holds for a week.
    """
    begin = datetime.combine(date.fromordinal(first_day), time(), UTC)
    end = begin + 7 * _DAY
    instants = {at for at in _edges(windows, tz, begin, end) if begin <= at < end}
    instants.update(_transitions(tz, begin, end))
    before = in_window(windows, begin - timedelta.resolution, tz)
    changes = []
    for at in sorted(instants):
        now = in_window(windows, at, tz)
        if _wanted_in(now) != _wanted_in(before):
            changes.append(_Change(at, before is not None, now is not None))
        before = now
    return _Changes(tuple(each.at for each in changes), tuple(changes))


def _wanted_in(window: TimeWindow | None) -> tuple[Any, ...] | None:
    return (window.preset, window.curve) if window else None


def _edges(
    windows: Sequence[TimeWindow], tz: tzinfo, begin: datetime, end: datetime
) -> Iterator[datetime]:
    """Yield every instant at which the wall clock reads a start or an end."""
    times = {
        edge
        for window in windows
        if window.by_clock
        for edge in (window.start, window.end)
        if isinstance(edge, time)
    }
    for window in windows:
        if window.span is not None:
            yield from window.span
    others = [each for each in windows if not each.by_clock and each.span is None]
    # Zones reach from UTC-12 to UTC+14.
    day, last = begin.date() - _DAY, end.date() + _DAY
    while day <= last:
        for window in others:
            for span in spans_of(window, day - _DAY, tz):
                yield from span
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


def _offset(tz: tzinfo, at: datetime) -> timedelta | None:
    return at.astimezone(tz).utcoffset()
