"""A valve that is closed by its own thermometer, or left open for a boiler that rests."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from switchbot_automation.core.control.band import after_observation, spent
from switchbot_automation.core.control.steer import Steering, Trial
from switchbot_automation.core.doubt import attend
from switchbot_automation.core.state.evidence import (
    NONE,
    beside_radiator,
    doubted,
    is_content,
)
from switchbot_automation.core.state.kept import news_of
from switchbot_automation.core.state.zone import (
    Evidence,
    Excursion,
    Keeping,
    Learned,
    Notice,
    SensorRecord,
    ZoneState,
)
from switchbot_automation.model import Action, Power, ReasonCode
from switchbot_automation.settings.read import parse_settings

MINUTE = timedelta(minutes=1)
TOLD = datetime(2026, 1, 13, 9, tzinfo=UTC)
SETTINGS = parse_settings(
    {
        "automation_enabled": True,
        "mode": "winter",
        "timezone": "UTC",
        "meter_device_id": "AABBCCDDEEFF",
        "equipment": [{"kind": "thermostat", "device_id": "B0E9FE000002"}],
        "winter": {"min_temp": 20.0, "max_temp": 21.0, "target_temp": 20.5},
        "time_windows": [{"days": [*range(7)], "start": "06:30", "end": "22:30"}],
    }
)
ZONE = SETTINGS.default


def open_valve(temperature, *, asked=23.0, told=TOLD, **more):
    """Return a room whose valve was told to open, that far."""
    return ZoneState(
        power=Power.ON,
        action=Action.WINTER,
        parameter=f"{asked},5,1,on",
        last_action_at=told,
        compressor_started_at=told,
        last_temperature=temperature,
        **more,
    )


# --- as warm as it was set, by its own thermometer -----------------------------------------


@pytest.mark.parametrize(
    ("celsius", "content"), [(25.0, True), (22.9, True), (22.7, False), (19.0, False)]
)
def test_a_valve_that_is_as_warm_as_it_was_set_holds_back(celsius, content):
    seen = beside_radiator(open_valve(19.0), celsius, TOLD + 20 * MINUTE)
    assert is_content(seen, TOLD + 25 * MINUTE) is content


def test_what_it_measured_before_it_was_set_higher_or_long_ago_shows_nothing():
    seen = beside_radiator(open_valve(19.0), 25.0, TOLD + 20 * MINUTE)
    raised = seen._replace(last_action_at=TOLD + 30 * MINUTE)
    assert not is_content(raised, TOLD + 31 * MINUTE)
    assert not is_content(seen, TOLD + 66 * MINUTE)


def test_one_that_cools_again_holds_back_no_more():
    seen = beside_radiator(open_valve(19.0), 25.0, TOLD + 20 * MINUTE)
    seen = beside_radiator(seen, 20.5, TOLD + 35 * MINUTE)
    assert not is_content(seen, TOLD + 36 * MINUTE)


def test_nor_is_one_content_that_is_closed_or_in_doubt():
    closed = open_valve(19.0)._replace(power=Power.OFF, action=Action.OFF)
    assert not is_content(
        beside_radiator(closed, 25.0, TOLD + 20 * MINUTE), TOLD + 21 * MINUTE
    )
    unsure = open_valve(19.0)._replace(uncertain=True)
    assert not is_content(
        beside_radiator(unsure, 25.0, TOLD + 20 * MINUTE), TOLD + 21 * MINUTE
    )


@pytest.mark.parametrize(("celsius", "is_spent"), [(25.0, False), (20.0, True)])
def test_one_that_holds_back_in_the_sun_is_not_taken_for_one_that_has_no_more(
    celsius, is_spent
):
    """The room fell to 18 degrees beneath it, and health said that it gave all it had."""
    steering = Steering(
        heating=2.0, full_seconds=72000.0, trial=Trial(22.0, 19.2, 2.0, again=True)
    )
    state = open_valve(19.0, learned=Learned(steering=steering))
    state = beside_radiator(state, celsius, TOLD + 60 * MINUTE)
    state = after_observation(ZONE, state, TOLD + 62 * MINUTE)
    assert spent(ZONE, state) is is_spent
    assert (state.learned.steering.trial is None) is not is_spent


# --- a boiler that rests at night ----------------------------------------------------------


def cooling(now, *, last=17.0):
    """Return a room that lost two kelvin in the last two hours under an open valve."""
    course = tuple(
        ((now - 5 * MINUTE * ago).timestamp(), round(last + ago * 2.0 / 23.0, 2))
        for ago in range(23, -1, -1)
    )
    kept = Evidence(
        course=course,
        said=Action.WINTER,
        room_at=now - timedelta(hours=8),
        best=course[0][1],
    )
    record = SensorRecord(since=now, good_at=now, temperature=last, changed_at=now)
    told = now - timedelta(hours=9)
    return open_valve(last, told=told, last_read_at=now, sensing=record, evidence=kept)


def is_doubted(hour, zone=ZONE, **more):
    now = TOLD.replace(hour=hour)
    states = {zone.name: cooling(now, **more)}
    for _request in attend(zone, states, now, None):
        pytest.fail("nothing is to be asked")
    return (states[zone.name].evidence or NONE).doubt is not None


@pytest.mark.parametrize("hour", [23, 1, 5])
def test_that_a_room_cools_at_night_is_no_doubt_of_the_valve_that_was_left_open(hour):
    assert not is_doubted(hour)


@pytest.mark.parametrize("hour", [7, 15, 22])
def test_where_its_heat_is_wanted_it_is(hour):
    assert is_doubted(hour)


def test_nor_may_the_room_freeze_unseen():
    assert is_doubted(3, last=5.5)
    assert not is_doubted(3, replace(ZONE, frost_floor_celsius=0.0), last=5.5)


def test_a_boiler_that_is_back_is_not_told_of_as_one_more_trouble():
    """Each morning, a quarter of an hour before it was over, another notice was given."""
    lost = Keeping(
        status="not_kept",
        since=TOLD,
        unsure_since=TOLD - timedelta(hours=3),
        excursion=Excursion(TOLD, low=True, furthest=3.0, turned=17.0, moved_at=TOLD),
        told=(Notice(ReasonCode.ROOM_DOES_NOT_FOLLOW, TOLD - timedelta(hours=7)),),
    )
    kept = cooling(TOLD).evidence
    state = cooling(TOLD)._replace(keeping=lost, evidence=kept)
    state = doubted(state, "room", Action.WINTER, TOLD - timedelta(hours=3), told=True)
    state, news = news_of(ZONE, state, TOLD)
    assert news is None
    assert state.keeping.turned.kind is ReasonCode.BELIEF_CONTRADICTED
    # It is, where it lasts.
    _state, news = news_of(ZONE, state, TOLD + 21 * MINUTE)
    assert news.kind is ReasonCode.BELIEF_CONTRADICTED
