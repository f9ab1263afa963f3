"""What the sun does to a resting room: learned once OFF was told again in vain, for its hours."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from switchbot_automation.core.doubt import attend
from switchbot_automation.core.state.evidence import (
    NONE,
    agreed,
    doubted,
    overran,
    overrun_kelvin,
    overruns,
    undoubted,
)
from switchbot_automation.core.state.zone import ZoneState
from switchbot_automation.model import Action, Power
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation import default_settings

NOON = datetime(2026, 3, 12, 12, tzinfo=UTC)
AFTERNOON = NOON + timedelta(hours=3)


def in_vain():
    state = doubted(ZoneState(), "room", Action.OFF, NOON)
    return overran(state, 4.0, NOON + timedelta(minutes=45))


def known(state, at):
    return overrun_kelvin(undoubted(state).evidence, at)


def test_what_the_afternoon_adds_is_learned_as_well():
    """The next day, as sunny, OFF was told again for what noon had not shown."""
    state = overruns(in_vain(), 9.0, AFTERNOON)
    assert known(state, AFTERNOON + timedelta(days=1)) == 9.0
    assert known(overruns(state, 6.0, AFTERNOON), AFTERNOON) == 9.0


@pytest.mark.parametrize(
    "state", [ZoneState(), doubted(ZoneState(), "room", Action.OFF, NOON)]
)
def test_nothing_is_learned_where_off_was_not_told_in_vain(state):
    assert overruns(state, 9.0, AFTERNOON) is state


def test_nor_of_a_doubt_that_came_later():
    again = doubted(undoubted(in_vain()), "room", Action.OFF, NOON + timedelta(days=1))
    assert overruns(again, 9.0, NOON + timedelta(days=1, hours=1)) is again


@pytest.mark.parametrize(
    ("hours", "kelvin"), [(24, 9.0), (19, 9.0), (29, 9.0), (12, 1.5), (34, 1.5)]
)
def test_what_the_sun_did_shows_nothing_of_a_night(hours, kelvin):
    state = overruns(in_vain(), 9.0, AFTERNOON)
    assert known(state, AFTERNOON + timedelta(hours=hours)) == kelvin


def test_it_is_forgotten_after_a_week():
    state = overruns(in_vain(), 9.0, AFTERNOON)
    assert known(state, AFTERNOON + timedelta(days=7)) == 9.0
    assert known(state, AFTERNOON + timedelta(days=8)) == 1.5
    assert overrun_kelvin(agreed(ZoneState(), NOON).evidence or NONE, NOON) == 1.5


@pytest.mark.parametrize(("power", "kelvin"), [(Power.OFF, 5.8), (Power.ON, 4.0)])
def test_what_another_unit_of_the_room_warms_is_none_of_the_sun_s(power, kelvin):
    """Each learned the other's work as the sun's, and did not notice its own lost OFF."""
    zone = parse_settings(default_settings("winter")).zones["default"]
    zone = replace(zone, power_meter_device_id="")
    own = in_vain()._replace(
        power=Power.OFF,
        action=Action.OFF,
        last_action_at=NOON,
        last_temperature=zone.winter.max_temp + 3.5,
        last_read_at=AFTERNOON,
    )
    beside = ZoneState(power=power, action=Action.WINTER, compressor_started_at=NOON)
    states = {zone.name: own, "stove": beside}
    with pytest.raises(StopIteration):
        next(attend(zone, states, AFTERNOON, None, ["stove"]))
    assert states[zone.name].evidence.overrun == kelvin
