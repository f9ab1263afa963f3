"""A room that stays where its unit took it after OFF: that may have missed, and is a beep away."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.core.doubt import attend
from switchbot_automation.core.state.zone import Evidence, SensorRecord, ZoneState
from switchbot_automation.model import Action, Power
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation import default_settings

STEP = timedelta(minutes=10)
# Half a kelvin past the end of its band, and in the middle of it.
PAST = MappingProxyType({"winter": 22.8, "summer": 22.2})
WITHIN = MappingProxyType({"winter": 21.0, "summer": 24.5})
# What the weather takes away there and then, so that whatever stays is held.
COLD, HOT = 21, 11


def told_again(season, hour, course, hours=24, **settings):
    """Return after how many hours OFF was told once more to a unit that stopped at `hour`.

    `course` gives how many kelvin the room went on the way back after so many hours.
    """
    document = {"timezone": "UTC", "control": "auto", **settings}
    zone = parse_settings(default_settings(season) | document).default
    zone = replace(zone, power_meter_device_id="")
    stopped = datetime(2026, 1, 14, hour, tzinfo=UTC)
    state = ZoneState(
        power=Power.OFF,
        action=Action.OFF,
        last_action_at=stopped,
        compressor_started_at=stopped - timedelta(hours=3),
        compressor_stopped_at=stopped,
        evidence=Evidence(said=Action.OFF),
    )
    told, sign = [], -1.0 if season == "winter" else 1.0
    for step in range(1, hours * 6 + 1):
        now, at = stopped + step * STEP, step / 6.0
        temperature = round(sign * course(at), 1)
        record = SensorRecord(since=stopped, good_at=now, changed_at=now)
        states = {
            zone.name: state._replace(
                last_temperature=temperature, last_read_at=now, sensing=record
            )
        }
        with pytest.raises(StopIteration):
            next(attend(zone, states, now, None))
        state = states[zone.name]
        if state.pending_repeat is not None:
            told.append(at)
            state = state._replace(pending_repeat=None, last_action_at=now)
    return told


def stays(temperature, season):
    sign = -1.0 if season == "winter" else 1.0
    return lambda hours: sign * temperature + 0.1 * (int(hours * 6) % 2)


def leaves(temperature, season, rate):
    sign = -1.0 if season == "winter" else 1.0
    return lambda hours: sign * temperature + rate * hours


@pytest.mark.parametrize(("season", "hour"), [("winter", COLD), ("summer", HOT)])
def test_past_its_band_off_is_told_after_two_hours_and_once_more(season, hour):
    first, second = told_again(season, hour, stays(PAST[season], season))
    assert first == 2.0
    assert 2.0 <= second - first <= 8.0


@pytest.mark.parametrize(("season", "hour"), [("winter", COLD), ("summer", 10)])
def test_in_its_band_it_is_told_after_a_night_or_a_day(season, hour):
    told = told_again(season, hour, stays(WITHIN[season], season))
    assert len(told) in (1, 2)
    assert 8.0 <= told[0] <= 9.0


@given(st.sampled_from(["winter", "summer"]), st.integers(0, 23), st.floats(0.2, 2.0))
def test_a_room_that_goes_back_is_left_in_peace(season, hour, rate):
    assert told_again(season, hour, leaves(PAST[season], season, rate), 12) == []
    assert told_again(season, hour, leaves(WITHIN[season], season, rate), 12) == []


def test_the_sun_has_a_beep_at_most():
    """It keeps a room up for six hours, which then goes back."""

    def course(hours):
        return -PAST["winter"] + max(0.0, hours - 6.0) * 0.4

    assert len(told_again("winter", 9, course)) <= 1


def test_nobody_is_woken_for_it():
    quiet = {"command_quiet_hours": {"start": "22:00", "end": "07:00"}}
    told = told_again("winter", COLD, stays(PAST["winter"], "winter"), **quiet)
    assert told
    assert all(7 <= (COLD + each) % 24 <= 22 for each in told)


def test_what_is_asked_itself_is_asked_and_not_told():
    readable = {"aircon_device_id": "C0FFEE000001"}
    assert told_again("winter", COLD, stays(PAST["winter"], "winter"), **readable) == []


def test_no_learned_key_is_pressed_on_a_hint():
    """It may be one that turns on what is off, and the unit may well be off."""
    keys = {"buttons": {"winter": "Warm", "off": "Power"}}
    assert told_again("winter", COLD, stays(PAST["winter"], "winter"), **keys) == []
