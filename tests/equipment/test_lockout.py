"""A compressor that must not heat: how cold it is outdoors, known or not, and what is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from switchbot_automation.core.control.band import after_observation, helps_lately
from switchbot_automation.core.control.overshoot import Softening
from switchbot_automation.core.control.warm_up import Pace, Paces, WarmUp
from switchbot_automation.core.decide import decide
from switchbot_automation.core.home import Snapshot, ZoneSnapshot
from switchbot_automation.core.protect.stages import locked_out, within_outdoor_limit
from switchbot_automation.core.state.around import after_outdoor
from switchbot_automation.core.state.kept import after_look, room_health
from switchbot_automation.core.state.meter import Reading
from switchbot_automation.core.state.zone import (
    Excursion,
    Keeping,
    Learned,
    Surroundings,
    ZoneState,
)
from switchbot_automation.explain.words import advice_words
from switchbot_automation.model import (
    Action,
    Outcome,
    Power,
    ReasonCode,
    ZoneDecision,
)
from switchbot_automation.settings.findings import home_errors
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation import Fault
from tests.equipment.homes import (
    AIRCON,
    COLD,
    DEVICE,
    OUTDOORS,
    SECOND,
    STARTS,
    Home,
    roomed,
)

HEATER = {"kind": "heater", "device_id": DEVICE}
OTHER = {"kind": "aircon", "device_id": "02-202008110034-14"}
NOW = STARTS["winter"].replace(hour=12)
LIMIT = -5.0


def units(*equipment, **more):
    more = {"outdoor_device_id": OUTDOORS} | more
    document = roomed(*equipment, heat_pump_min_outdoor_celsius=LIMIT, **more)
    return tuple(parse_settings(document).zones.values())


def silent(last, *, hours=4.0, heats=False):
    """Nobody has heard for so long how cold it is; `last` was said then."""
    at = None if last is None else NOW - timedelta(hours=hours)
    around = Surroundings(outdoor=last, outdoor_at=at)
    if not heats:
        return ZoneState(power=Power.OFF, surroundings=around)
    return ZoneState(
        power=Power.ON,
        action=Action.WINTER,
        compressor_started_at=NOW - timedelta(hours=5),
        surroundings=around,
    )


# --- who heats where nobody knows -------------------------------------------------------


@pytest.mark.parametrize("last", [None, -20.0, 10.0])
@pytest.mark.parametrize("heats", [False, True])
def test_another_unit_heats_where_nobody_knows(last, heats):
    pump, panel = units(AIRCON, HEATER)
    why = locked_out(pump, silent(last, heats=heats), NOW)
    assert why is not None
    assert why.code is ReasonCode.OUTDOOR_UNKNOWN
    assert locked_out(panel, silent(last), NOW) is None
    # In whatever order they stand.
    assert locked_out(units(HEATER, AIRCON)[1], silent(last), NOW) is not None


@pytest.mark.parametrize(
    ("last", "heats", "locked"),
    [
        # The cold may well be what silenced the meter.
        (-5.1, True, True),
        (-4.1, False, True),
        (-4.0, False, False),
        (-5.0, True, False),
        (None, False, False),
    ],
)
@pytest.mark.parametrize("equipment", [(AIRCON,), (AIRCON, OTHER)])
def test_a_room_of_compressors_goes_by_what_was_heard_last(
    last, heats, locked, equipment
):
    for pump in units(*equipment):
        assert pump.backed_up is False
        assert (locked_out(pump, silent(last, heats=heats), NOW) is not None) is locked


def test_what_heats_all_the_same_says_so():
    pump = units(AIRCON)[0]
    heat = ZoneDecision("default", Outcome.WINTER_ON, Action.WINTER)
    said = within_outdoor_limit(pump, silent(3.0), heat, NOW)
    assert (said.action, said.reasons[-1].code) == (
        Action.WINTER,
        ReasonCode.OUTDOOR_UNKNOWN,
    )
    assert said.reasons[-1].detail == {
        "limit_celsius": LIMIT,
        "since": (NOW - timedelta(hours=1)).isoformat(),
        "last_celsius": 3.0,
    }
    rests = ZoneDecision("default", Outcome.NO_ACTION)
    assert within_outdoor_limit(pump, silent(3.0), rests, NOW) == rests


def test_three_hours_are_no_silence_and_summer_asks_nothing():
    pump = units(AIRCON, HEATER)[0]
    assert locked_out(pump, silent(3.0, hours=3.0), NOW) is None
    summer = units(AIRCON, HEATER, mode="summer")[0]
    assert locked_out(summer, silent(None), NOW) is None


def test_without_a_meter_outdoors_nothing_is_locked():
    pump = units(AIRCON, HEATER, outdoor_device_id="")[0]
    assert locked_out(pump, silent(None), NOW) is None


# --- what the room's health says --------------------------------------------------------


def lost(state):
    """The room has been too cold for hours."""
    since = NOW - timedelta(hours=8)
    out = Excursion(since, low=True, furthest=3.0, turned=17.0, moved_at=since)
    keeping = Keeping(status="not_kept", since=since, excursion=out._replace(lost=17.0))
    return state._replace(keeping=keeping, last_temperature=17.0)


def test_a_lone_unit_that_is_locked_out_says_so_and_not_that_it_is_kept_off():
    pump = units(AIRCON)[0]
    around = Surroundings(outdoor=-9.0, outdoor_at=NOW)
    room = room_health(pump, lost(silent(None)._replace(surroundings=around)), NOW)
    assert room.status == "not_kept"
    assert room.advice is ReasonCode.OUTDOOR_TOO_COLD
    assert "equipment" in advice_words(room.advice)
    warm = Surroundings(outdoor=9.0, outdoor_at=NOW)
    room = room_health(pump, lost(silent(None)._replace(surroundings=warm)), NOW)
    assert room.advice is ReasonCode.UNIT_KEPT_OFF


def test_what_is_unknown_of_the_outdoors_is_advised_also_while_the_room_is_kept():
    pump = units(AIRCON, HEATER)[0]
    state = silent(3.0)._replace(
        keeping=Keeping(status="kept", since=NOW), last_temperature=20.5
    )
    room = room_health(pump, state, NOW)
    assert (room.status, room.advice) == ("kept", ReasonCode.OUTDOOR_UNKNOWN)
    assert after_look(pump, state, None, NOW).tells
    heard = state._replace(surroundings=Surroundings(outdoor=3.0, outdoor_at=NOW))
    assert room_health(pump, heard, NOW).advice is None


def test_what_was_never_heard_is_waited_for_before_it_is_told():
    pump = units(AIRCON, HEATER)[0]
    begun = silent(None)._replace(last_temperature=20.5)
    for minutes, advice in ((9, None), (10, ReasonCode.OUTDOOR_UNKNOWN)):
        since = NOW - timedelta(minutes=minutes)
        state = begun._replace(keeping=Keeping(status="kept", since=since))
        assert room_health(pump, state, NOW).advice is advice


def test_a_unit_that_is_asked_no_more_is_not_said_to_give_all_it_has():
    document = roomed(AIRCON) | {"control": "switch"}
    zone = parse_settings(document).default
    running = lost(silent(None, heats=True))

    def health(softening, profile=zone):
        state = running._replace(learned=Learned(softening=softening))
        return room_health(profile, state, NOW).advice

    assert health(Softening(heating=-6.0)) is ReasonCode.SETPOINT_AT_LIMIT
    assert health(Softening(heating=-5.0)) is ReasonCode.ROOM_DOES_NOT_FOLLOW
    # Asked for all that a unit takes, it gives all it has.
    winter = {"min_temp": 24.0, "max_temp": 26.0, "target_temp": 25.0}
    hot = parse_settings(document | {"winter": winter}).default
    assert health(Softening(heating=-6.0), hot) is ReasonCode.UNIT_AT_CAPACITY


# --- a room that has no summer ----------------------------------------------------------


@pytest.mark.parametrize("equipment", [(HEATER,), (HEATER, AIRCON), (AIRCON, HEATER)])
def test_what_heats_alone_is_no_fault_in_mode_auto(equipment):
    zone = parse_settings(roomed(*equipment, mode="auto")).default
    assert zone.without_way == ()


def test_a_mode_that_nothing_in_the_room_can_do_is_said_by_check_config():
    document = roomed(HEATER, mode="summer")
    settings = parse_settings(document)
    assert settings.default.without_way == (Action.SUMMER,)
    found = list(home_errors(document, settings))
    assert any("change `mode`" in str(each) for each in found)


def test_a_way_that_somebody_forgot_is_a_fault():
    document = roomed() | {"mode": "auto", "aircon_scenes": {"winter": "S1"}}
    document |= {"cascade": ["scene"]}
    zone = parse_settings({k: v for k, v in document.items() if k != "equipment"})
    assert zone.default.without_way == (Action.SUMMER, Action.OFF)


async def test_a_heater_alone_is_well_in_summer():
    summer = {"min_temp": 21.0, "max_temp": 22.0, "target_temp": 21.5}
    home = Home(roomed(HEATER, mode="auto", summer=summer), season="summer")
    await home.live(30)
    assert home.house.air > 22.5
    room = (await home.engine.health())["zones"]["default"]["room"]
    assert (room["status"], room["reasons"]) == ("off", ["stage_cannot"])
    assert room["advice"] == ""


# --- in a house -------------------------------------------------------------------------


async def test_a_meter_outdoors_that_dies_is_told_of_and_the_panel_takes_over():
    home = Home(
        roomed(
            AIRCON,
            HEATER,
            heat_pump_min_outdoor_celsius=-30,
            outdoor_device_id=OUTDOORS,
        ),
        climate=COLD,
    )
    await home.live(4)
    assert "outdoor_unknown" not in home.said["default"]
    with home.cloud.faults.inject(Fault.DEVICE_ERROR, device_id=OUTDOORS):
        await home.live(5)
    assert "outdoor_unknown" in home.said["default"]
    assert "stage_takes_over" in home.said[SECOND]
    assert not home.unit(AIRCON["device_id"]).settings.power
    room = (await home.engine.health())["zones"]["default"]["room"]
    assert "battery" in room["advice"]
    assert "outdoor_unknown" in room["reasons"]
    await home.live(2)
    room = (await home.engine.health())["zones"]["default"]["room"]
    assert "outdoor_unknown" not in room["reasons"]
    assert home.house.air > 15.0


async def test_a_meter_outdoors_in_wind_and_sun_does_not_set_both_units_to_and_fro():
    home = Home(
        roomed(
            AIRCON,
            HEATER,
            heat_pump_min_outdoor_celsius=LIMIT,
            outdoor_device_id=OUTDOORS,
            time_windows=[
                {"days": list(range(7)), "start": "00:00", "end": "12:00"},
                {"days": list(range(7)), "start": "12:00", "end": "00:00"},
            ],
        ),
        climate=COLD,
    )
    chance, truly = Random(4), home.cloud.status

    async def status(device_id):
        said = await truly(device_id)
        if device_id != OUTDOORS:
            return said
        celsius = LIMIT + chance.choice([-1.5, 1.5])
        return replace(said, fields={**said.fields, "temperature": celsius})

    home.cloud.status = status
    await home.live(10)
    starts = [
        each
        for each in home.sent
        if each.zone == "default" and each.action is Action.WINTER
    ]
    assert len(starts) <= 4
    assert home.house.air > 18.0


@example([(-6.0, 60.0), (-6.0, 61.0), (0.0, 3540.0)])
@given(
    st.lists(st.tuples(st.floats(-12, 5), st.floats(60, 7200)), min_size=1, max_size=30)
)
def test_a_heat_pump_begins_an_hour_after_it_was_too_cold_where_another_heats(heard):
    both, alone = units(AIRCON, HEATER)[0], units(AIRCON)[0]
    around, at = Surroundings(), NOW
    said = []
    for celsius, seconds in heard:
        at += timedelta(seconds=seconds)
        around = after_outdoor(around, celsius, at)
        said.append((at, celsius))
    rests = ZoneState(power=Power.OFF, surroundings=around)
    warm = around.outdoor >= LIMIT + 1.0
    assert (locked_out(alone, rests, at) is None) is warm
    if locked_out(both, rests, at) is None:
        assert warm
        # What is no news is not taken in for half an hour, so that the hour may have begun
        # so much before the last of it.
        lately = [each for when, each in said if at - when <= timedelta(minutes=29)]
        assert min(lately) >= LIMIT - 0.2 or len(lately) == 1
    assert Surroundings.from_document(around.to_document()) == around


# --- brought up for a window in place of another ----------------------------------------


OPENS = NOW.replace(hour=21)


def decided(pace, hours, *, outdoor=-20.0, temperature=17.0):
    """What both units do so many hours before a window, a kelvin taking `pace` seconds."""
    windows = [{"days": list(range(7)), "start": "21:00", "end": "23:30"}]
    document = roomed(
        AIRCON,
        HEATER,
        heat_pump_min_outdoor_celsius=LIMIT,
        outdoor_device_id=OUTDOORS,
        time_windows=windows,
        timezone="UTC",
    )
    settings = parse_settings(document)
    now = OPENS - timedelta(hours=hours)
    around = Surroundings(outdoor=outdoor, outdoor_at=now)
    warm_up = WarmUp(heating=Paces(Pace(pace, 0.0, 9)), walls=20.0)
    state = ZoneState(
        power=Power.OFF,
        last_temperature=temperature,
        surroundings=around,
        learned=Learned(warm_up=warm_up),
    )
    # What the heat pump knows of itself says nothing of the panel.
    quick = WarmUp(heating=Paces(Pace(60.0, 0.0, 9)), walls=20.0)
    first = state._replace(learned=Learned(warm_up=quick))
    reading = Reading(temperature, received_at=now)
    snapshot = Snapshot(
        {
            "default": ZoneSnapshot(reading, first),
            SECOND: ZoneSnapshot(reading, state),
        }
    )
    return {each.zone: each for each in decide(snapshot, settings, now).zones}


@pytest.mark.parametrize(
    ("pace", "hours", "begins"),
    [(7000.0, 5.0, True), (7000.0, 8.0, False), (1200.0, 5.0, False)],
)
def test_what_takes_over_begins_as_early_as_it_needs_itself(pace, hours, begins):
    both = decided(pace, hours)
    assert both["default"].action is None
    assert (both[SECOND].action is Action.WINTER) is begins
    if begins:
        assert both[SECOND].reasons[0].code is ReasonCode.OPTIMUM_START


def test_where_the_first_may_heat_it_is_its_pace_that_counts():
    both = decided(7000.0, 5.0, outdoor=5.0)
    assert {each.action for each in both.values()} == {None}


def test_a_room_in_doubt_is_not_begun_for_by_a_blind_unit():
    assert decided(7000.0, 5.0, temperature=None)[SECOND].action is None


@pytest.mark.parametrize("helped", [False, True])
def test_what_another_unit_does_to_the_room_teaches_nothing_of_this_one(helped):
    pump = units(AIRCON, HEATER)[0]
    state = ZoneState(power=Power.OFF)
    for minutes in range(0, 181, 30):
        at = NOW + timedelta(minutes=minutes)
        state = state._replace(last_temperature=17.0 + minutes / 60.0)
        state = after_observation(pump, state, at, helped=helped)
    room = state.learned.warm_up.heated_room
    assert (room.rest > 2.0) is not helped


def test_a_unit_helps_until_its_heat_is_no_more_felt():
    stopped = ZoneState(
        power=Power.OFF, compressor_stopped_at=NOW - timedelta(minutes=39)
    )
    assert helps_lately(stopped, NOW)
    assert not helps_lately(stopped, NOW + timedelta(minutes=1))
    assert not helps_lately(ZoneState(power=Power.OFF), NOW)
    assert helps_lately(silent(None, heats=True), NOW)
