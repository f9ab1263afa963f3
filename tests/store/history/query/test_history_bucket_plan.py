"""Which hours a cut reads row by row, and which the hourly summary may answer."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from switchbot_store.history.query.buckets import plan_bucket, plan_points

MAY = datetime(2026, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    "name", ["Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]
)
@pytest.mark.parametrize("bucket", ["hour", "day"])
def test_pieces_cover_each_split_hour_once_and_nothing_beyond_the_range(name, bucket):
    for first in range(0, 120, 7):
        for length in (1, 15, 45, 60, 100, 1500):
            start = MAY + first * MINUTE
            end = start + length * MINUTE
            plan = plan_bucket(start, end, bucket, ZoneInfo(name))
            for hour in plan.split_hours:
                pieces = [each for each in plan.pieces() if each[2] == hour]
                marks = [max(hour, start)]
                for lower, upper, _ in pieces:
                    assert marks[-1] == lower < upper
                    assert not any(lower < edge < upper for edge in plan.edges or ())
                    marks.append(upper)
                assert marks[-1] == min(hour + HOUR, end)


def test_days_of_a_half_hour_zone_split_midnights_and_ends_alone():
    start, end = MAY + 45 * MINUTE, MAY + timedelta(days=3, minutes=10)
    plan = plan_bucket(start, end, "day", ZoneInfo("Asia/Kolkata"))
    midnights = [MAY + timedelta(days=day, hours=18) for day in range(3)]
    assert plan.rollup
    assert plan.split_hours == (MAY, *midnights, MAY + timedelta(days=3))


def test_hours_are_split_only_while_the_offset_has_minutes():
    # Lord Howe is 11 hours ahead until 15:00 UTC of 4 April 2026, then ten and a half.
    change = datetime(2026, 4, 4, 15, tzinfo=UTC)
    plan = plan_bucket(
        change - 5 * HOUR, change + 3 * HOUR, "hour", ZoneInfo("Australia/Lord_Howe")
    )
    assert plan.rollup
    assert plan.split_hours == (change, change + HOUR, change + 2 * HOUR)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Paris", "Asia/Kolkata"])
def test_hours_up_to_the_end_of_the_calendar(zone):
    end = datetime(9999, 12, 31, 23, tzinfo=UTC)
    plan = plan_bucket(end - timedelta(days=40), end, "hour", ZoneInfo(zone))
    assert plan.start < plan.end <= end


@pytest.mark.parametrize("days", [30, 90, 200, 365, 400, 1000, 3650])
@pytest.mark.parametrize("points", [7, 60, 288, 500])
def test_a_bucket_has_as_much_of_the_night_as_its_neighbour(days, points):
    """Or a room that is the same every day would seem to be warmer in every other one."""
    end = MAY + 11 * HOUR + 7 * MINUTE
    plan = plan_points(end - timedelta(days=days), end, points)
    width = timedelta(seconds=plan.width_seconds)
    day = timedelta(days=1)
    if width > day / 2:
        assert not width % day
    buckets = (end - plan.origin) / width
    assert points / 2 - 1 <= buckets <= points
