"""Windows that start or end by the sun."""

import sys
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from astral import Observer
from astral.sun import elevation
from hypothesis import given, settings
from hypothesis import strategies as st

from switchbot_automation.schedule.sun import SunTime, sun_event
from switchbot_automation.schedule.windows import in_window, next_boundary
from switchbot_automation.settings.read import check_settings, parse_settings

PARIS = ZoneInfo("Europe/Paris")
EVERY_DAY = list(range(7))
AT_HOME = {"latitude": 48.86, "longitude": 2.35}
TROMSO = {"latitude": 69.65, "longitude": 18.96, "timezone": "Europe/Oslo"}


def windows(start, end, **place):
    document = {"time_windows": [{"days": EVERY_DAY, "start": start, "end": end}]}
    return parse_settings(document | (place or AT_HOME)).default.time_windows


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# --- the sun ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "zone", "day", "rises", "sets"),
    # timeanddate.com, in local time.
    [
        ((48.86, 2.35), "Europe/Paris", "2026-06-21", "05:47", "21:58"),
        ((48.86, 2.35), "Europe/Paris", "2026-12-21", "08:41", "16:56"),
        ((40.71, -74.01), "America/New_York", "2026-03-20", "06:59", "19:08"),
        ((-36.85, 174.76), "Pacific/Auckland", "2026-12-21", "05:58", "20:39"),
        ((39.90, 116.40), "Asia/Shanghai", "2026-01-01", "07:36", "17:00"),
    ],
)
def test_the_sun_rises_and_sets_as_almanacs_say(place, zone, day, rises, sets):
    tz = ZoneInfo(zone)
    for event, said in (("sunrise", rises), ("sunset", sets)):
        at = sun_event(event, date.fromisoformat(day), tz, *place).astimezone(tz)
        expected = datetime.combine(
            date.fromisoformat(day), time.fromisoformat(said), tz
        )
        assert abs(at - expected) < timedelta(minutes=3), (event, at)


@given(
    day=st.dates(date(2020, 1, 1), date(2037, 12, 31)),
    latitude=st.floats(-60, 60),
    longitude=st.floats(-180, 180),
)
@settings(max_examples=60, deadline=None)
def test_the_sun_is_on_the_horizon_then_and_higher_between(day, latitude, longitude):
    """Also where an event lies near midnight UTC, where astral itself gives a wrong day."""
    hours = round(longitude / 15)
    tz = ZoneInfo(f"Etc/GMT{-hours:+d}" if hours else "UTC")
    rises = sun_event("sunrise", day, tz, latitude, longitude)
    sets = sun_event("sunset", day, tz, latitude, longitude)
    observer = Observer(latitude, longitude)
    assert timedelta(hours=4) < sets - rises < timedelta(hours=20)
    assert rises.astimezone(tz).date() == sets.astimezone(tz).date() == day
    for at in (rises, sets):
        assert abs(elevation(observer, at)) < 1.2
    assert elevation(observer, rises + (sets - rises) / 2) > 3


# --- windows ----------------------------------------------------------------------


def test_a_window_moves_with_the_sun_and_its_offset():
    evening = windows("sunset-30", "23:00")
    sets = sun_event("sunset", date(2026, 6, 21), PARIS, 48.86, 2.35)
    noon = utc("2026-06-21T10:00")
    begins = next_boundary(evening, noon, PARIS)
    assert begins == sets - timedelta(minutes=30)
    assert next_boundary(evening, begins, PARIS) == utc("2026-06-21T21:00")


def test_a_night_by_the_sun_belongs_to_the_day_it_starts_on():
    document = {
        **AT_HOME,
        "time_windows": [{"days": [4], "start": "sunset", "end": "sunrise+60"}],
    }
    night = parse_settings(document).default.time_windows
    # 2026-01-09 is a Friday.
    assert in_window(night, utc("2026-01-09T22:00"), PARIS)
    assert in_window(night, utc("2026-01-10T08:30"), PARIS)
    assert not in_window(night, utc("2026-01-10T22:00"), PARIS)


def test_what_ends_at_sunrise_is_nothing_once_the_sun_rises_before_it():
    morning = windows("07:00", "sunrise")
    assert in_window(morning, utc("2026-12-21T06:30"), PARIS)
    at = utc("2026-06-01T00:00")
    assert not any(
        in_window(morning, at + timedelta(minutes=10 * index), PARIS)
        for index in range(144 * 3)
    )


def test_where_the_sun_stays_up_the_day_is_all_and_the_night_nothing():
    oslo = ZoneInfo("Europe/Oslo")
    day, night = (windows(*edges, **TROMSO) for edges in BOTH)
    for hour in range(48):
        at = utc("2026-06-20T00:00") + timedelta(hours=hour)
        assert in_window(day, at, oslo)
        assert not in_window(night, at, oslo)


def test_where_the_sun_stays_down_the_night_is_all_and_the_day_nothing():
    oslo = ZoneInfo("Europe/Oslo")
    day, night = (windows(*edges, **TROMSO) for edges in BOTH)
    for hour in range(48):
        at = utc("2026-12-20T00:00") + timedelta(hours=hour)
        assert not in_window(day, at, oslo)
        assert in_window(night, at, oslo)


BOTH = (("sunrise", "sunset"), ("sunset", "sunrise"))


@pytest.mark.parametrize("place", [AT_HOME, TROMSO])
def test_day_and_night_share_a_year_between_them(place):
    tz = ZoneInfo(place.get("timezone", "Europe/Paris"))
    day, night = (windows(*edges, **place) for edges in BOTH)
    for index in range(0, 365 * 24, 5):
        at = utc("2026-01-01T00:30") + timedelta(hours=index)
        assert (in_window(day, at, tz) is None) is not (
            in_window(night, at, tz) is None
        )


# --- settings ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "path", "said"),
    [
        ({}, "time_windows[0].start", "needs latitude"),
        ({"latitude": 48.0}, "time_windows[0].start", "needs longitude"),
        ({"latitude": 91, "longitude": 2}, "latitude", "-90 to 90"),
    ],
)
def test_sun_times_need_a_place(document, path, said):
    wanted = [{"days": [0], "start": "sunset", "end": "23:00"}]
    errors = check_settings({**document, "time_windows": wanted})
    assert errors[0].path == path
    assert said in str(errors[0])


@pytest.mark.parametrize(
    "text", ["sunup", "sunset - 30", "sunset-721", "sunset+1h", "sunset+"]
)
def test_a_sun_time_that_is_none_is_refused_with_an_example(text):
    wanted = [{"days": [0], "start": text, "end": "23:00"}]
    error = check_settings({**AT_HOME, "time_windows": wanted})[0]
    assert error.path == "time_windows[0].start"
    assert "07:30" in str(error)


def test_without_the_extra_a_sun_time_is_refused_saying_which(monkeypatch):
    monkeypatch.setitem(sys.modules, "astral", None)
    wanted = [{"days": [0], "start": "sunset", "end": "23:00"}]
    error = check_settings({**AT_HOME, "time_windows": wanted})[0]
    assert "switchbot-automation[sun]" in str(error)
    clock_only = [{"days": [0], "start": "07:00", "end": "23:00"}]
    assert not check_settings({**AT_HOME, "time_windows": clock_only})


def test_a_zone_may_lie_elsewhere():
    document = {
        **AT_HOME,
        "time_windows": [{"days": [0], "start": "sunset", "end": "23:00"}],
        "zones": {"here": {}, "north": {"latitude": 60.0}},
    }
    zones = parse_settings(document).zones
    assert zones["here"].time_windows[0].start == SunTime("sunset", 0, 48.86, 2.35)
    assert zones["north"].time_windows[0].start.latitude == 60.0
