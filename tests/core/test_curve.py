"""Curves of presets: where they are at an instant, and when they are elsewhere."""

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from switchbot_automation.core.curve import curve_kelvin
from switchbot_automation.schedule.windows import CurvePoint

PARIS = ZoneInfo("Europe/Paris")
EVENING = datetime(2026, 1, 12, 22, tzinfo=UTC)


def after(*points):
    return tuple(
        CurvePoint(after_minutes=minutes, winter_kelvin=kelvin)
        for minutes, kelvin in points
    )


def by_clock(*points):
    return tuple(
        CurvePoint(at=time.fromisoformat(at), winter_kelvin=kelvin)
        for at, kelvin in points
    )


def walk(points, began, until, tz=UTC, step=1.0):
    """Return what the curve is from instant to instant at which it says it changes."""
    now, found = began, []
    while now is not None and now < until:
        kelvin, changes = curve_kelvin(points, "winter", began, now, tz, step=step)
        found.append((now, kelvin))
        assert changes is None or changes > now
        now = changes
    return found


@pytest.mark.parametrize("step", [1.0, 0.5])
def test_it_has_as_many_changes_as_steps_and_says_when(step):
    night = after((0, 0.0), (180, -3.0), (300, -3.0), (480, 0.5))
    found = walk(night, EVENING, EVENING + timedelta(hours=12), step=step)
    values = [kelvin for _at, kelvin in found]
    assert {abs(one - other) for one, other in pairwise(values)} == {step}
    down, up = 3.0, 3.0 if step == 1.0 else 3.5
    # Of two steps as near the upper one: half a kelvin up is a whole one at the end.
    assert values[-1] == (1.0 if step == 1.0 else 0.5)
    assert len(values) - 1 == (down + up + (step == 1.0)) / step
    # Nothing changes between the instants that it says.
    for minute in range(12 * 60):
        now = EVENING + timedelta(minutes=minute)
        is_now = curve_kelvin(night, "winter", EVENING, now, UTC, step=step)[0]
        assert is_now == [kelvin for at, kelvin in found if at <= now][-1]
        exact = -3 * minute / 180 if minute <= 180 else None
        assert exact is None or abs(is_now - exact) <= step / 2 + 1e-6


def test_a_curve_by_the_clock_begins_anew_each_night_and_keeps_its_last_value():
    night = by_clock(("22:00", 0.0), ("02:00", -2.0))

    def at(hour, began):
        now = EVENING.replace(hour=hour)
        return curve_kelvin(night, "winter", began, now, UTC, step=0.5)

    assert at(21, EVENING.replace(hour=1)) == (-2.0, EVENING)
    # What has begun after the curve of the night before is at the beginning of its own.
    assert at(21, EVENING.replace(hour=20))[0] == 0.0
    assert at(21, None)[0] == -2.0
    assert at(23, EVENING)[0] == -0.5
    assert at(0, None)[0] == -1.0


@pytest.mark.parametrize(
    ("evening", "hours"),
    [
        (datetime(2026, 3, 28, 21, tzinfo=UTC), 7),
        (datetime(2026, 10, 24, 20, tzinfo=UTC), 9),
    ],
)
def test_over_a_clock_change_its_ends_are_those_of_the_clock(evening, hours):
    night = by_clock(("22:00", 0.0), ("06:00", -4.0))
    assert evening.astimezone(PARIS).hour == 22
    ends = evening + timedelta(hours=hours)
    half = evening + (ends - evening) / 2
    for now, kelvin in ((evening, 0.0), (half, -2.0), (ends, -4.0)):
        assert curve_kelvin(night, "winter", evening, now, PARIS, step=0.5)[0] == kelvin
    assert ends.astimezone(PARIS).hour == 6


def test_points_in_the_hour_that_the_clock_skips_are_one():
    evening = datetime(2026, 3, 28, 21, tzinfo=UTC)
    night = by_clock(("22:00", 0.0), ("02:10", -2.0), ("02:50", -4.0), ("03:10", 0.0))
    found = walk(night, evening, evening + timedelta(hours=10), PARIS)
    assert min(kelvin for _at, kelvin in found) >= -4.0
    assert found[-1][1] == 0.0


def test_without_a_beginning_minutes_since_it_stay_at_the_first_point():
    night = after((0, 1.0), (60, -1.0))
    assert curve_kelvin(night, "winter", None, EVENING, UTC, step=1.0) == (1.0, None)
    assert curve_kelvin((), "winter", None, EVENING, UTC, step=1.0) == (0.0, None)
