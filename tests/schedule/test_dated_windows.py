"""Windows with a name and with days before and after which they do not start."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.schedule.windows import (
    TimeWindow,
    contains,
    in_window,
    next_boundary,
    next_end,
    next_start,
    only_during,
)
from switchbot_automation.settings.read import check_settings, parse_settings

PARIS = ZoneInfo("Europe/Paris")
EVERY_DAY = frozenset(range(7))
NIGHT = TimeWindow(
    EVERY_DAY, time(22), time(6), "winter nights", date(2026, 11, 1), date(2027, 2, 28)
)


def test_a_night_belongs_to_the_day_it_starts_on_also_at_the_ends():
    assert not contains(NIGHT, datetime(2026, 11, 1, 3, tzinfo=PARIS))
    assert contains(NIGHT, datetime(2026, 11, 1, 23, tzinfo=PARIS))
    assert contains(NIGHT, datetime(2027, 3, 1, 3, tzinfo=PARIS))
    assert not contains(NIGHT, datetime(2027, 3, 1, 22, tzinfo=PARIS))


def test_the_start_of_a_season_far_away_is_found():
    summer = datetime(2026, 6, 1, tzinfo=UTC)
    starts = datetime(2026, 11, 1, 22, tzinfo=PARIS)
    assert next_start([NIGHT], summer, PARIS) == starts
    assert next_boundary([NIGHT], summer, PARIS) == starts
    assert next_end([NIGHT], summer, PARIS) == datetime(2026, 11, 2, 6, tzinfo=PARIS)


def test_after_the_last_night_nothing_comes():
    over = datetime(2027, 3, 1, 12, tzinfo=UTC)
    assert next_start([NIGHT], over, PARIS) is None


@given(
    first=st.dates(date(2026, 1, 1), date(2026, 12, 31)),
    days=st.integers(0, 60),
    weekdays=st.frozensets(st.integers(0, 6), min_size=1),
    start=st.integers(0, 23),
    length=st.integers(1, 23),
    ahead=st.integers(1, 100),
)
def test_the_next_boundary_is_where_a_walk_by_hours_finds_it(
    first, days, weekdays, start, length, ahead
):
    last = first + timedelta(days=days)
    end = time((start + length) % 24)
    window = TimeWindow(weekdays, time(start), end, "", first, last)
    now = datetime.combine(first, time(), UTC) - timedelta(days=ahead)
    found = next_boundary([window], now, UTC)
    hour = now
    while hour <= datetime.combine(last, time(), UTC) + timedelta(days=3):
        if in_window([window], hour, UTC):
            assert found == hour
            return
        hour += timedelta(hours=1)
    assert found is None


def test_the_settings_name_and_date_a_window():
    document = {
        "time_windows": [
            {
                "id": "winter nights",
                "days": [0, 1, 2, 3, 4, 5, 6],
                "start": "22:00",
                "end": "06:00",
                "from": "2026-11-01",
                "until": "2027-02-28",
            }
        ]
    }
    assert parse_settings(document).default.time_windows == (NIGHT,)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"from": "2026-02-31"}, "time_windows[0].from"),
        ({"until": 20260101}, "time_windows[0].until"),
        ({"from": "2026-05-02", "until": "2026-05-01"}, "time_windows[0]"),
        ({"id": "a/b"}, "time_windows[0].id"),
    ],
)
def test_a_window_whose_days_make_no_sense_is_refused(changes, path):
    window = {"days": [0], "start": "22:00", "end": "06:00"} | changes
    (error,) = check_settings({"time_windows": [window]})
    assert error.path == path


def test_a_window_that_ends_before_it_begins_is_refused():
    with pytest.raises(ValueError, match="last day"):
        TimeWindow(EVERY_DAY, time(1), time(2), "", date(2026, 2, 2), date(2026, 2, 1))


NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
moments = st.timedeltas(timedelta(), timedelta(365)).map(NEW_YEAR.__add__)


@given(
    moments,
    st.integers(1, 60 * 86400),
    st.lists(st.integers(-70 * 86400, 70 * 86400), min_size=1, max_size=6),
)
def test_a_window_that_a_person_opened_is_in_force_once(begin, seconds, looks):
    end = begin + timedelta(seconds=seconds)
    once = only_during(begin, end, PARIS, name="wish")
    for look in looks:
        now = begin + timedelta(seconds=look)
        inside = begin <= now < end
        assert (in_window([once], now, PARIS) is once) is inside
        # Beside the windows of the settings, it changes what is open and nothing else.
        assert (in_window([once, NIGHT], now, PARIS) is None) is (
            not inside and in_window([NIGHT], now, PARIS) is None
        )
        following = next_boundary([once], now, PARIS)
        assert following == (begin if now < begin else end if inside else None)


def test_a_window_that_a_person_opened_needs_an_end_after_its_beginning():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="end after it begins"):
        only_during(now, now, PARIS)


def test_the_window_in_force_is_one_of_those_that_were_handed_in():
    begin = datetime(2026, 8, 23, 19, tzinfo=UTC)
    first, again = (
        only_during(begin, begin + timedelta(hours=1), PARIS, name="wish") for _ in "ab"
    )
    assert first == again
    assert in_window([first], begin, PARIS) is first
    assert in_window([again], begin, PARIS) is again


def test_the_second_reading_of_a_repeated_hour_is_another_instant():
    first, second = (
        datetime(2026, 10, 25, 2, 30, tzinfo=PARIS, fold=fold) for fold in (0, 1)
    )
    begin = first.astimezone(UTC)
    once = only_during(begin, begin + timedelta(minutes=20), PARIS, name="wish")
    assert in_window([once], first, PARIS) is once
    assert in_window([once], second, PARIS) is None
