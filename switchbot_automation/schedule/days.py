"""From when to when a window is in force on one day, where a clock alone does not say. Pure.

`Policy` says what becomes of an edge that the clock skips or reads twice, and of a window
that had begun before anybody looked.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from switchbot_automation.schedule.sun import SUNSET, SunTime

if TYPE_CHECKING:
    from datetime import tzinfo

GAPS = ("run_at_transition", "skip", "shift")
OVERLAPS = ("both", "first", "second")
CATCH_UPS = ("current_slot", "within", "none")

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_MIDNIGHT, _NOON = time(), time(12)


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


class _Edge(NamedTuple):
    """An edge of a window: its first and its second instant, and the change between."""

    first: datetime
    second: datetime
    change: datetime | None = None
    skipped: bool = False


@lru_cache(maxsize=4096)
def spans(
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
        return _Edge(first, second, first_with_new_offset(tz, low, high))
    # Read by the offset before, a skipped time lies that much behind the change.
    at = first if policy.dst_gap == "shift" else first_with_new_offset(tz, low, high)
    return _Edge(at, at, skipped=True)


def _without(
    found: list[tuple[datetime, datetime]], low: datetime, high: datetime
) -> list[tuple[datetime, datetime]]:
    left = []
    for begin, end in found:
        left += [(begin, min(end, low)), (max(begin, high), end)]
    return left


def first_with_new_offset(tz: tzinfo, low: datetime, high: datetime) -> datetime:
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
