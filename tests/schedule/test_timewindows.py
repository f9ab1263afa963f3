"""Windows and their boundaries, against the simplest possible oracle.

The oracle writes every minute of the week that a window covers into a set and reads the
wall clock minute by minute; it knows nothing of folds, gaps or intervals.
"""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchbot_automation.schedule.windows import (
    TimeWindow,
    contains,
    in_window,
    next_boundary,
    next_end,
    next_start,
    next_wish,
    start_day,
)

EVERY_DAY = frozenset(range(7))
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
WEEK_MINUTES = 7 * 24 * 60
PARIS = ZoneInfo("Europe/Paris")
# Lord Howe moves by 30 minutes, Santiago at midnight, Dublin's winter is the negative
# one, Casablanca changes for Ramadan, Apia dropped its summer time, Kathmandu is at
# +05:45, Troll moves by two hours.
SAMPLED_ZONES = (
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Casablanca",
    "Europe/Dublin",
    "America/Santiago",
    "Asia/Kathmandu",
    "Antarctica/Troll",
    "Asia/Gaza",
    "Pacific/Kiritimati",
    "UTC",
)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


def window(start: str, end: str, days=EVERY_DAY) -> TimeWindow:
    return TimeWindow(
        frozenset(days), time.fromisoformat(start), time.fromisoformat(end)
    )


# --- the oracle -------------------------------------------------------------------


@cache
def covered_minutes(window: TimeWindow) -> frozenset[int]:
    covered = set()
    for day in window.days:
        first = window.start.hour * 60 + window.start.minute
        last = window.end.hour * 60 + window.end.minute
        if last <= first:
            last += 24 * 60
        covered.update(
            (day * 24 * 60 + minute) % WEEK_MINUTES for minute in range(first, last)
        )
    return frozenset(covered)


def wall_minute(local: datetime) -> int:
    return (local.weekday() * 24 + local.hour) * 60 + local.minute


def assert_matches_the_wall_clock(tz, sets, begin: datetime, minutes: int) -> None:
    """Compare each of the sets of windows at each minute from `begin` on."""
    instants = [begin + index * MINUTE for index in range(minutes)]
    read = [wall_minute(at.astimezone(tz)) for at in instants]
    for windows in sets:
        covered = frozenset().union(*(covered_minutes(each) for each in windows))
        inside = [minute in covered for minute in read]
        change = None
        for index in range(minutes - 1, -1, -1):
            at = instants[index]
            found = in_window(windows, at, tz)
            assert (found is not None) is inside[index], (tz, windows, at)
            boundary = next_boundary(windows, at, tz)
            if change is None:
                assert boundary is None or boundary > instants[-1], (tz, windows, at)
            else:
                assert boundary == change, (tz, windows, at)
            if index and inside[index] is not inside[index - 1]:
                change = at


def transitions(tz, first_year: int, last_year: int) -> list[datetime]:
    found, at = [], datetime(first_year, 1, 1, tzinfo=UTC)
    end = datetime(last_year + 1, 1, 1, tzinfo=UTC)
    offset = at.astimezone(tz).utcoffset()
    while at < end:
        later = at + DAY
        if later.astimezone(tz).utcoffset() != offset:
            while at.astimezone(tz).utcoffset() == offset:
                at += MINUTE
            found.append(at)
            offset = at.astimezone(tz).utcoffset()
        at = later
    return found


def windows_near(rng: random.Random, at: datetime, tz) -> list[TimeWindow]:
    """Three windows with an edge near what the clocks read around the instant."""
    drawn = []
    while len(drawn) < 3:
        local = at.astimezone(tz)
        near = (local.hour * 60 + local.minute + rng.randrange(-150, 150)) % 1440
        far = rng.choice((rng.randrange(1440), (near + rng.randrange(1, 120)) % 1440))
        start, end = (near, far) if rng.random() < 0.5 else (far, near)
        if start != end or rng.random() < 0.5:
            days = rng.sample(range(7), rng.randrange(1, 8))
            drawn.append(
                TimeWindow(
                    frozenset([*days, local.weekday()]),
                    time(*divmod(start, 60)),
                    time(*divmod(end, 60)),
                )
            )
    return drawn


def assert_zone_is_right(name: str, first_year: int, last_year: int) -> None:
    tz = ZoneInfo(name)
    rng = random.Random(name)
    for at in transitions(tz, first_year, last_year):
        drawn = windows_near(rng, at, tz)
        sets = [(drawn[0],), (drawn[1],), tuple(drawn)]
        assert_matches_the_wall_clock(tz, sets, at - DAY, 2 * 1440)
    ordinary = datetime(first_year, 6, 1, 12, tzinfo=UTC)
    drawn = windows_near(rng, ordinary, tz)
    assert_matches_the_wall_clock(tz, [tuple(drawn)], ordinary, WEEK_MINUTES)


@pytest.mark.parametrize("name", SAMPLED_ZONES)
def test_windows_equal_the_oracle_around_the_transitions_of_two_years(name):
    assert_zone_is_right(name, 2026, 2027)


def distinct_zones() -> list[str]:
    """One name for each behaviour of a clock from 2020 to 2037."""
    by_behaviour: dict[tuple, str] = {}
    for name in sorted(available_timezones()):
        tz = ZoneInfo(name)
        instants = [datetime(2020, 1, 1, tzinfo=UTC), *transitions(tz, 2020, 2037)]
        behaviour = tuple((at, at.astimezone(tz).utcoffset()) for at in instants)
        by_behaviour.setdefault(behaviour, name)
    return list(by_behaviour.values())


@pytest.mark.slow
def test_windows_equal_the_oracle_in_every_distinct_zone_from_2020_to_2037():
    names = distinct_zones()
    assert len(names) > 70
    for name in names:
        assert_zone_is_right(name, 2020, 2037)


@given(
    name=st.sampled_from(SAMPLED_ZONES),
    at=st.datetimes(wall("2020-01-01T00:00"), wall("2037-12-01T00:00")),
    drawn=st.lists(
        st.builds(
            lambda days, start, length: TimeWindow(
                days,
                time(*divmod(start, 60)),
                time(*divmod((start + length) % 1440, 60)),
            ),
            st.frozensets(st.integers(0, 6), min_size=1),
            st.integers(0, 1439),
            st.integers(1, 1439),
        ),
        min_size=1,
        max_size=4,
    ),
)
@settings(max_examples=40, deadline=None)
def test_next_start_and_next_end_are_the_first_minutes_that_change(name, at, drawn):
    tz, now, windows = ZoneInfo(name), at.replace(tzinfo=UTC), tuple(drawn)
    covered = frozenset().union(*(covered_minutes(each) for each in windows))
    expected: dict[bool, datetime] = {}
    inside = in_window(windows, now, tz) is not None
    minute = now.replace(second=0, microsecond=0)
    limit = now + 15 * DAY
    while len(expected) < 2 and minute < limit:
        minute += MINUTE
        is_inside = wall_minute(minute.astimezone(tz)) in covered
        if is_inside is not inside:
            inside = is_inside
            expected.setdefault(inside, minute)
    for becomes, function in ((True, next_start), (False, next_end)):
        found = function(windows, now, tz)
        if becomes in expected:
            assert found == expected[becomes]
            assert found.tzinfo is UTC
        else:
            assert found is None or found >= limit


# --- the rules by example ---------------------------------------------------------


def test_the_end_is_not_part_of_the_window():
    office = window("08:00", "18:00")
    assert contains(office, wall("2026-01-05T08:00"))
    assert contains(office, wall("2026-01-05T17:59:59.999999"))
    assert not contains(office, wall("2026-01-05T18:00"))


def test_an_overnight_window_belongs_to_the_day_it_starts_on():
    friday_night = window("22:00", "06:00", days={4})
    assert contains(friday_night, wall("2026-01-09T22:00"))
    assert contains(friday_night, wall("2026-01-10T05:59"))
    assert not contains(friday_night, wall("2026-01-09T05:59"))
    assert not contains(friday_night, wall("2026-01-10T22:00"))
    saturday_morning = wall("2026-01-10T05:00")
    assert start_day(friday_night, saturday_morning) == date(2026, 1, 9)


def test_a_window_to_midnight_ends_with_its_day():
    evening = window("18:00", "00:00", days={0})
    assert contains(evening, wall("2026-01-05T23:59"))
    assert not contains(evening, wall("2026-01-06T00:00"))


@pytest.mark.parametrize(
    ("days", "start", "end"),
    [
        (frozenset(), time(8), time(9)),
        (frozenset({7}), time(8), time(9)),
        (EVERY_DAY, time(8, tzinfo=UTC), time(9)),
    ],
)
def test_a_window_that_means_nothing_is_refused(days, start, end):
    with pytest.raises(ValueError, match=r"days|start"):
        TimeWindow(days, start, end)


def test_a_start_in_the_skipped_hour_takes_effect_at_the_transition():
    early = (window("02:30", "07:00"),)
    assert next_start(early, utc("2026-03-28T20:00"), PARIS) == utc("2026-03-29T01:00")


def test_a_window_inside_the_skipped_hour_does_not_happen_that_day():
    short = (window("02:15", "02:45"),)
    assert next_start(short, utc("2026-03-28T20:00"), PARIS) == utc("2026-03-30T00:15")


def test_a_weekly_window_inside_the_skipped_hour_comes_back_a_week_later():
    sundays = (window("02:15", "02:45", days={6}),)
    assert next_start(sundays, utc("2026-03-23T00:00"), PARIS) == utc(
        "2026-04-05T00:15"
    )


def test_the_first_reading_of_a_repeated_start_starts_the_window():
    early = (window("02:30", "07:00"),)
    assert next_start(early, utc("2026-10-24T20:00"), PARIS) == utc("2026-10-25T00:30")


def test_the_repeated_hour_is_judged_by_what_the_clock_reads():
    early = (window("02:30", "07:00"),)
    assert in_window(early, utc("2026-10-25T00:45"), PARIS)  # 02:45, first pass
    assert next_end(early, utc("2026-10-25T00:45"), PARIS) == utc("2026-10-25T01:00")
    assert not in_window(early, utc("2026-10-25T01:15"), PARIS)  # 02:15 again
    assert next_start(early, utc("2026-10-25T01:15"), PARIS) == utc("2026-10-25T01:30")


def test_defect_f_waits_are_true_seconds_across_both_changes_of_the_clock():
    morning = (window("07:00", "09:00"),)
    spring = utc("2026-03-29T00:45")
    assert (next_start(morning, spring, PARIS) - spring).total_seconds() == 15300
    autumn = utc("2026-10-24T23:45")
    assert (next_start(morning, autumn, PARIS) - autumn).total_seconds() == 22500


def test_windows_that_touch_are_one():
    both = (window("08:00", "10:00"), window("10:00", "12:00"))
    inside = utc("2026-01-05T08:30")
    assert next_boundary(both, inside, UTC) == utc("2026-01-05T12:00")
    assert next_start(both, inside, UTC) == utc("2026-01-06T08:00")
    assert in_window(both, utc("2026-01-05T10:00"), UTC) is both[1]


def test_no_windows_and_windows_without_a_gap_have_no_boundaries():
    always = (window("00:00", "12:00"), window("12:00", "00:00"))
    now = utc("2026-01-05T08:30")
    for windows in ((), always):
        assert next_start(windows, now, PARIS) is None
        assert next_end(windows, now, PARIS) is None
    assert in_window((), now, PARIS) is None
    assert in_window(always, now, PARIS) is always[0]


# --- what the schedule wants ----------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(
    edges=st.lists(
        st.tuples(
            st.integers(0, 95),
            st.integers(0, 95),
            st.sets(st.integers(0, 6), min_size=1),
            st.sampled_from(["", "away", "sleep"]),
        ),
        min_size=1,
        max_size=4,
    ),
    begin=st.sampled_from(["2026-03-27T05:07", "2026-10-24T23:59", "2026-06-01T12:00"]),
    preset=st.sampled_from(["", "away"]),
)
def test_the_next_wish_is_where_another_preset_or_none_is_wanted(edges, begin, preset):
    """Against a look at every quarter of an hour, over a change of the clock."""
    windows = [
        TimeWindow(
            frozenset(days),
            time(start // 4, start % 4 * 15),
            time(end // 4, end % 4 * 15),
            preset=name,
        )
        for start, end, days, name in edges
    ]
    begin = datetime.fromisoformat(begin).replace(tzinfo=UTC)
    floor = begin.replace(minute=begin.minute // 15 * 15)

    def wanted(at):
        found = in_window(windows, at, PARIS)
        return None if found is None else found.preset or preset

    later = (floor + number * 15 * MINUTE for number in range(1, 8 * 96))
    expected = next((at for at in later if wanted(at) != wanted(begin)), None)
    assert next_wish(windows, begin, PARIS, preset=preset) == expected


def test_the_whole_day_is_a_window_on_days_of_23_and_25_hours_too():
    for day, hours in (("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-07", 24)):
        whole = TimeWindow(frozenset({6}), time(), time())
        start = next_start(
            [whole], datetime.fromisoformat(f"{day}T00:00Z") - DAY, PARIS
        )
        assert next_end([whole], start, PARIS) - start == timedelta(hours=hours)
    always = TimeWindow(EVERY_DAY, time(), time())
    assert next_boundary([always], start, PARIS) is None
    assert in_window([always], start, PARIS) is always
