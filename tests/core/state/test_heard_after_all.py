"""An order whose answer was lost: the room shows whether it arrived. Pure."""

from datetime import UTC, datetime, timedelta

import pytest

from switchbot_automation.core.doubt import attend
from switchbot_automation.core.state.evidence import after_no_answer, runs_since
from switchbot_automation.core.state.unit import after_command, after_failure
from switchbot_automation.core.state.zone import Evidence, ZoneState
from switchbot_automation.model import Action, Power, RungResult
from switchbot_automation.settings.read import parse_settings

NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)
ON, OFF = Action.WINTER, Action.OFF
ZONE = parse_settings(
    {
        "automation_enabled": True,
        "mode": "winter",
        "timezone": "UTC",
        "meter_device_id": "C271111EC0AB",
        "aircon_device_id": "02-202008110034-13",
        "winter": {"min_temp": 20.0, "max_temp": 22.0, "target_temp": 23.0},
        "time_windows": [{"days": [0], "start": "00:00", "end": "23:00"}],
    }
).default
HELD = tuple(((NOON + timedelta(minutes=-5 * k)).timestamp(), 20.0) for k in (3, 2, 1))


def running(told):
    """Return a unit that is known to run since eight."""
    rung = RungResult("command", ok=True, parameter=told)
    at = NOON - timedelta(hours=4)
    return after_command(ZoneState(), ZONE, ON, rung, at=at, label="")


def unanswered(state, action, asked=None, at=NOON):
    failed = after_failure(state, action, "no answer", at, maybe=True)
    return after_no_answer(state, failed, action, at, person=False, asked=asked)


def lived(state, *kelvin):
    """Return the state once the room stood so far from 20 degrees, every five minutes."""
    kept = state.evidence or Evidence()
    state = state._replace(evidence=kept._replace(course=HELD))
    for number, each in enumerate((0.0, *kelvin)):
        now = NOON + timedelta(minutes=5 * number)
        read = state._replace(last_temperature=20.0 + each, last_read_at=now)
        states = {ZONE.name: read}
        assert list(attend(ZONE, states, now, None)) == []
        state = states[ZONE.name]
    return state


@pytest.mark.parametrize("restarted", [False, True])
def test_a_start_that_the_room_follows_was_heard_with_its_setpoint(restarted):
    state = unanswered(ZoneState(), ON, "23,5,3,on")
    if restarted:
        kept = Evidence.from_document(state.evidence.to_document())
        assert kept == state.evidence
    state = lived(state, 0.4, 0.8, 0.9)
    assert not state.uncertain
    assert state.setting.temperature == 23.0
    assert state.compressor_started_at == NOON


@pytest.mark.parametrize("kelvin", [(0, 0, 0, 0), (0.8, 0.1, 0.8), (-0.4, -0.8, -0.9)])
def test_a_start_that_the_room_does_not_follow_stays_in_doubt(kelvin):
    state = lived(unanswered(ZoneState(), ON, "23,5,3,on"), *kelvin)
    assert state.uncertain
    assert state.power is Power.UNKNOWN


def test_a_stop_is_shown_by_a_room_that_falls_and_stays_so():
    stopped = unanswered(running("23,5,3,on"), OFF)
    defrosts = lived(stopped, -1.5, -1.2, -0.1)
    assert defrosts.uncertain
    fell = lived(stopped, -0.2, -0.4, -0.6)
    assert (fell.uncertain, fell.power) == (False, Power.OFF)


def test_a_stop_that_is_told_again_is_measured_from_the_first():
    stopped = unanswered(running("23,5,3,on"), OFF)
    stopped = unanswered(stopped, OFF, at=NOON + timedelta(minutes=10))
    assert lived(stopped, -0.6, -0.8, -0.9).power is Power.OFF


@pytest.mark.parametrize(("told", "kelvin"), [("22", -0.5), ("24", 0.5)])
def test_another_setpoint_is_shown_by_where_the_room_goes_and_is_no_start(told, kelvin):
    stepped = unanswered(running("23,5,3,on"), ON, f"{told},5,3,on")
    assert lived(stepped, -kelvin, -kelvin, -kelvin).uncertain
    heard = lived(stepped, kelvin, kelvin, kelvin)
    assert not heard.uncertain
    assert heard.parameter == f"{told},5,3,on"
    assert heard.compressor_started_at == running("23,5,3,on").compressor_started_at


def test_a_unit_told_to_stop_twice_unanswered_is_not_kept_from_a_start_for_ever():
    began = running("23,5,3,on")
    once = unanswered(began, OFF)
    assert runs_since(once) == began.compressor_started_at
    assert runs_since(unanswered(once, OFF)) is None
