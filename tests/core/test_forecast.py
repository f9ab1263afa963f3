"""A forecast of the weather: earlier for a colder night, never later; lower before sun."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchbot_automation.core.control.band import advise, aim_of, plan
from switchbot_automation.core.control.room_model import Model, SunGain, TwoNodes
from switchbot_automation.core.control.steer import Steering
from switchbot_automation.core.control.warm_up import WarmUp
from switchbot_automation.core.forecast import (
    after_forecast,
    after_sun_forecast,
    change_ahead,
    sun_ahead,
    sun_between,
    sunnier_ahead,
)
from switchbot_automation.core.overlay import after_surroundings
from switchbot_automation.core.requests import Around
from switchbot_automation.core.state.zone import (
    Learned,
    Surroundings,
    ZoneState,
)
from switchbot_automation.explain.words import reason_words
from switchbot_automation.model import Action, Power
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


# --- the sun -------------------------------------------------------------------------------


def hourly(*watts, at=START, issued=None):
    points = [(at + number * HOUR, value) for number, value in enumerate(watts)]
    return Series(points, ends=at + len(watts) * HOUR, issued_at=issued or at)


def test_the_sun_of_the_next_hours_is_told_in_kilowatts():
    found = after_sun_forecast(None, hourly(0, 100, 300, 500, 600), START)
    assert sun_ahead(found, START + HOUR, 3) == pytest.approx((0.1, 0.3, 0.5))
    half = START + HOUR / 2
    assert sun_ahead(found, half, 2) == pytest.approx((0.05, 0.2))
    assert sun_between(found, half, half + HOUR) == pytest.approx(0.05)
    # Four hours from then on are more than was said.
    assert sun_ahead(found, START + 2 * HOUR, 4) == ()


@pytest.mark.parametrize(
    "series",
    [
        None,
        hourly(*[-200] * 24),
        hourly(*[5000] * 24),
        hourly(*[300] * 200, at=START - 3 * DAY),
        hourly(*[300] * 24, issued=START + 2 * HOUR),
        hourly(*[300] * 24, at=START + HOUR / 2, issued=START),
    ],
    ids=["missing", "below nothing", "no sun", "old", "of the future", "not of now"],
)
def test_what_is_no_forecast_of_the_sun_is_none(series):
    assert after_sun_forecast(None, series, START) is None
    assert sun_ahead(None, START, 3) == ()
    assert sun_between(None, START, START + HOUR) == 0.0


def test_a_forecast_of_the_sun_that_is_not_renewed_is_forgotten():
    found = after_sun_forecast(None, hourly(*[300] * 12), START)
    assert sun_ahead(found, START + 2 * HOUR, 3)
    assert sun_ahead(found, START + 3 * HOUR, 3) == ()
    assert after_sun_forecast(found, None, START + 3 * HOUR) == found
    # What was before it, or is mostly, is not known.
    assert sun_between(found, START - HOUR, START + HOUR / 2) == 0.0


def test_a_day_is_as_sunny_as_usual_until_forecasts_say_otherwise():
    found, at = None, START
    for _ in range(20):
        found = after_sun_forecast(found, hourly(*[200] * 24, at=at), at)
        assert sunnier_ahead(found, at) == 0.0
        at += 6 * HOUR
    found = after_sun_forecast(found, hourly(*[700] * 24, at=at), at)
    assert sunnier_ahead(found, at) == pytest.approx(0.46, abs=0.03)
    assert sunnier_ahead(found, at + 3 * HOUR) == 0.0


def test_the_sun_is_kept_with_the_surroundings_and_read_back():
    zone = replace(ZONE, outdoor_forecast="", sun_forecast="sky")
    around = Around(series={"sky": hourly(*[300] * 24)})
    kept = after_surroundings(zone, ZoneState(), None, around, START).surroundings
    assert kept.sun.hours == (300.0,) * 12
    assert Surroundings.from_document(kept.to_document()) == kept
    for damaged in ("noon", {"at": "never", "hours": [1]}, {"hours": ["x"]}):
        assert Surroundings.from_document({"sun": damaged}).sun is None


def test_a_room_is_steered_lower_by_the_sun_it_knows_and_explain_says_so():
    zone = replace(ZONE, outdoor_forecast="", sun_forecast="sky")
    numbers = Model(
        1 / 12, 21.0, numbers=(1.0, 5.0, -0.5), sun=SunGain(4.0, 0.2), error=0.01
    )
    room = TwoNodes((numbers,), full=9.0, rest=9.0, air=21.4, at=START.timestamp())
    learned = Learned(steering=Steering(heating=1.6), warm_up=WarmUp(heated_room=room))
    told = START - 2 * HOUR
    state = ZoneState(
        learned=learned,
        power=Power.ON,
        action=Action.WINTER,
        compressor_started_at=told,
        last_action_at=told,
        parameter="23,5,3,on",
    )

    def advised(*watts, zone=zone):
        series = {"sky": hourly(*watts)} if watts else {}
        around = Around(series=series)
        now = after_surroundings(zone, state, None, around, START)
        return advise(zone, aim_of(zone), now, 21.4, START)

    assert advised().setpoint == 23.0
    assert advised(*[0] * 12).setpoint == 23.0
    assert advised(*[800] * 12, zone=ZONE).setpoint == 23.0
    sunny = advised(*[800] * 12)
    assert sunny.setpoint == 22.0
    assert sunny.sunlit > 22.0
    detail = {"setpoint_celsius": 22.0, "settles_celsius": 20.4, "sunlit_celsius": 23.1}
    told = reason_words({"code": "setpoint_steered", **detail}, UTC, None)
    assert "before the sun that is forecast would make it 23.1 °C" in told
