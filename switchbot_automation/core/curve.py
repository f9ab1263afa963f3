"""How the temperatures of a preset or window move, as in a night. Pure.

Between two points of a curve its value goes in a straight line; it is taken in steps of what
the unit can be set to, so that a running unit is told as often as the curve has steps and no
more. The instants of both are found by computation: nothing is kept, and a replay, a
backtest or a look ahead finds the same.
"""

from __future__ import annotations

import math
from datetime import UTC, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from switchbot_automation.schedule.windows import instant_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, datetime, tzinfo

    from switchbot_automation.schedule.windows import CurvePoint

_DAY = timedelta(days=1)


def curve_kelvin(
    points: Sequence[CurvePoint],
    season: str,
    began: datetime | None,
    now: datetime,
    tz: tzinfo,
    *,
    step: float,
) -> tuple[float, datetime | None]:
    """Return by how much a curve moves a season's band, and when that changes next.

    In kelvin, a whole number of `step`; the instant is aware UTC, None for never. `began` is
    when what has the curve came into force, None where nobody knows: points after so many
    minutes then stay at the first. Before its first point a curve is at that, after its last
    at that one, until its clock time comes again.
    """
    if not points:
        return 0.0, None
    values = [_of(point, season) for point in points]
    began = began.astimezone(UTC) if began else None
    instants, again = _instants(points, began, now.astimezone(UTC), tz)
    if not instants:
        return _stepped(values[0], step), None
    placed = [*zip(instants, values, strict=True)]
    kelvin = _stepped(_at(placed, now), step)
    changes = _first_change(placed, now, step)
    return kelvin, changes or (again if again and again > now else None)


def _of(point: CurvePoint, season: str) -> float:
    return point.summer_kelvin if season == "summer" else point.winter_kelvin


def _stepped(value: float, step: float) -> float:
    """Return the nearest step, of two as near the upper one."""
    return math.floor(round(value / step, 6) + 0.5) * step


def _instants(
    points: Sequence[CurvePoint], began: datetime | None, now: datetime, tz: tzinfo
) -> tuple[list[datetime], datetime | None]:
    """Return when the points are, ascending, and when the first one is again."""
    if points[0].at is None:
        if began is None:
            return [], None
        return [began + timedelta(minutes=each.after_minutes) for each in points], None
    day = now.astimezone(tz).date()
    rounds = [[*_round(points, day + days * _DAY, tz)] for days in (-1, 0, 1)]
    for this, following in pairwise(rounds):
        # What ended before this began is of the night before.
        if now < following[0] and (began is None or this[-1] > began):
            return this, following[0]
    return next(each for each in rounds if each[-1] >= now), None


def _round(points: Sequence[CurvePoint], day: date, tz: tzinfo) -> Iterator[datetime]:
    before = at = None
    for point in points:
        assert point.at is not None  # noqa: S101 - all or none are, as the settings check
        if before is not None and point.at <= before:
            day += _DAY
        found = instant_on(day, point.at, tz)
        # Two that the clock skips are one.
        at = found if at is None else max(at, found)
        before = point.at
        yield at


def _at(placed: Sequence[tuple[datetime, float]], now: datetime) -> float:
    value = placed[0][1]
    for (begins, low), (ends, high) in pairwise(placed):
        if begins <= now:
            share = (now - begins) / (ends - begins) if now < ends else 1.0
            value = low + (high - low) * share
    return value


def _first_change(
    placed: Sequence[tuple[datetime, float]], now: datetime, step: float
) -> datetime | None:
    """Return the first instant after `now` at which another step is the nearest."""
    kept = _stepped(_at(placed, now), step)
    for (begins, low), (ends, high) in pairwise(placed):
        if ends <= now or low == high:
            continue
        border = kept + step / 2 if high > low else kept - step / 2
        share = (border - low) / (high - low)
        if share > 1 or (share == 1 and high < low):
            continue
        passed = round(share * (ends - begins).total_seconds(), 3)
        # In whole seconds; on the way down only what lies beyond the border is nearer.
        whole = math.ceil(passed) if high > low else math.floor(passed) + 1
        at = begins + timedelta(seconds=whole)
        if at > now:
            return at
    return None
