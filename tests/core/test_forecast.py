"""A forecast of the weather: a room begins earlier for a colder night, never later."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchbot_automation.core.control.band import aim_of, plan
from switchbot_automation.core.forecast import after_forecast, change_ahead
from switchbot_automation.core.overlay import after_surroundings
from switchbot_automation.core.requests import Around
from switchbot_automation.core.state.zone import Surroundings, ZoneState
from switchbot_automation.series import Series
from switchbot_automation.settings import parse_settings

START = datetime(2026, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ZONE = parse_settings(
    {
        "timezone": "UTC",
        "control": "auto",
        "outdoor_forecast": "weather",
        "winter": {"min_temp": 20.0, "max_temp": 22.0, "target_temp": 22.0},
        "time_windows": [{"days": list(range(7)), "start": "07:00", "end": "23:00"}],
    }
).default
AIM = aim_of(ZONE)


def steady(celsius, at=START, days=2):
    return Series(((at, celsius),), ends=at + days * DAY, issued_at=at)


def lived(*said, every=6 * HOUR):
    """Return what is believed after such forecasts, one after the other, and when."""
    found, at = None, START
    for celsius in said:
        found = after_forecast(found, steady(celsius, at), at)
        at += every
    return found, at - every


def lead(forecast, now):
    around = Surroundings(forecast=forecast)
    opens = now + 10 * HOUR
    state = ZoneState(surroundings=around)
    return plan(AIM, state, 17.0, now, opens, since=None).lead_seconds


def test_a_night_that_gets_colder_than_of_late_is_begun_for_earlier():
    usual, at = lived(*[5.0] * 20)
    colder, then = lived(*[5.0] * 20, -10.0)
    assert change_ahead(usual, at, heating=True) is None
    assert change_ahead(colder, then, heating=True).extreme == -10.0
    assert lead(usual, at) == lead(None, at)
    assert lead(colder, then) > 1.2 * lead(None, then)


@pytest.mark.parametrize("wrong", [10.0, -10.0])
def test_a_forecast_that_is_always_wrong_by_ten_kelvin_moves_nothing(wrong):
    found, at = lived(*[5.0 + wrong] * 20)
    assert lead(found, at) == lead(None, at)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-50, 50), min_size=1, max_size=12))
def test_whatever_is_forecast_a_room_begins_no_later_than_without(said):
    found, at = lived(*said)
    without = lead(None, at)
    assert without <= lead(found, at) <= 14 * 3600


@pytest.mark.parametrize(
    "series",
    [
        None,
        steady(-200.0),
        steady(-10.0, START - 3 * DAY, days=6),
        steady(-10.0, START + 2 * HOUR),
    ],
    ids=["missing", "no weather", "old", "of the future"],
)
def test_what_is_no_forecast_is_none(series):
    assert after_forecast(None, series, START) is None


def test_one_that_is_not_renewed_is_forgotten():
    found, at = lived(*[5.0] * 8, -10.0)
    assert change_ahead(found, at + 2 * HOUR, heating=True) is not None
    assert change_ahead(found, at + 3 * HOUR, heating=True) is None


def test_a_room_that_is_cooled_minds_the_heat():
    found, at = lived(*[20.0] * 8, 35.0)
    assert change_ahead(found, at, heating=False).extreme == 35.0
    assert change_ahead(found, at, heating=True) is None


def test_it_is_kept_with_the_surroundings_and_read_back():
    around = Around(series={"weather": steady(3.0)})
    state = after_surroundings(ZONE, ZoneState(), None, around, START)
    kept = state.surroundings
    assert kept.forecast.coldest == 3.0
    assert Surroundings.from_document(kept.to_document()) == kept
    damaged = {"forecast": {"at": "never", "coldest": "cold"}}
    assert Surroundings.from_document(damaged).forecast is None
