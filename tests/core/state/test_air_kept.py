"""Is the air kept that a humidifier, dehumidifier, fan or purifier is there for? Pure."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.core.state.kept import (
    after_look,
    after_thorough_look,
    room_health,
    thorough_health,
)
from switchbot_automation.core.state.zone import (
    Excursion,
    Keeping,
    SensorRecord,
    ZoneState,
)
from switchbot_automation.model import Action, Power, ReasonCode
from switchbot_automation.settings.read import parse_settings
from tests.core.state.test_room_kept import ALWAYS, NOON, ROOM

LOOK = timedelta(minutes=10)
STALLS = timedelta(minutes=90)
WANTED = {
    "humidity": {"min_percent": 45, "max_percent": 60},
    "air": {"max_co2_ppm": 1000},
}
# What each is there for: its own action, what is beside its limit, what is within, and how
# much nearer is nearer.
KINDS = {
    "humidifier": (Action.HUMIDIFY, 30.0, 50.0, 2.0),
    "dehumidifier": (Action.DRY, 75.0, 50.0, 2.0),
    "fan": (Action.VENTILATE, 1500.0, 600.0, 75.0),
    "purifier": (Action.PURIFY, 1500.0, 600.0, 75.0),
}


def zone_of(kind):
    entries = [
        {"kind": "aircon", "device_id": "02-1"},
        {"kind": kind, "device_id": "B0E9FE000002"},
    ]
    document = {k: v for k, v in ROOM.items() if k != "aircon_device_id"}
    document |= {"equipment": entries, "time_windows": ALWAYS} | WANTED
    return parse_settings(document).zones["default 2"]


def state_of(kind, value, now, *, runs, before):
    """The state of the unit in air of that value."""
    of_air = {"last_co2": value} if value > 100 else {"last_humidity": value}
    action = KINDS[kind][0]
    return before._replace(
        last_temperature=21.0,
        last_read_at=now,
        sensing=SensorRecord(21.0, now),
        power=Power.ON if runs else Power.OFF,
        action=action if runs else Action.OFF,
        compressor_started_at=(before.compressor_started_at or now) if runs else None,
        **of_air,
    )


def lived(kind, values, *, runs=True):
    """The health after each look at these values, one every ten minutes."""
    zone, state, found = zone_of(kind), ZoneState(keeping=Keeping()), []
    for number, value in enumerate(values):
        now = NOON + number * LOOK
        running = runs if isinstance(runs, bool) else runs[number]
        state = state_of(kind, value, now, runs=running, before=state)
        looked = after_look(zone, state, None, now)
        assert looked == after_thorough_look(zone, state, None, now)
        state = looked.state
        found.append(room_health(zone, state, now))
        assert found[-1] == thorough_health(zone, state, now)
    return found


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


# What it works on is what its room is judged by: a purifier takes no CO2.
CHANGES = [kind for kind in KINDS if kind != "purifier"]


def test_air_that_is_as_it_is_wanted_is_kept(kind):
    within = KINDS[kind][2]
    assert {each.status for each in lived(kind, [within] * 12)} == {"kept"}


@pytest.mark.parametrize("kind", CHANGES)
def test_an_empty_tank_is_told_of_and_a_filled_one_ends_it(kind):
    _action, beside, within, step = KINDS[kind]
    sign = 1.0 if within > beside else -1.0
    nearer, coming = beside + sign * step, beside + 2.0 * sign * step
    found = lived(kind, [beside] * 10 + [nearer, coming, within])
    assert [each.status for each in found[:9]] == ["recovering"] * 9
    assert found[9].status == "not_kept"
    assert found[9].advice is ReasonCode.AIR_DOES_NOT_FOLLOW
    assert found[10].status == "not_kept"
    assert found[11].status == "recovering"
    assert found[12].status == "kept"
    assert found[12].advice is None


@pytest.mark.parametrize("drift", [0.0, -0.1])
@pytest.mark.parametrize("kind", CHANGES)
def test_an_empty_tank_is_told_of_once(kind, drift):
    """A meter's digit to and fro, and a shower at times, ended it every other hour."""
    _action, beside, within, step = KINDS[kind]
    sign = step if within > beside else -step
    stalls = [beside] * 9
    swing = [beside + sign * (drift * n + (n % 9 == 5)) for n in range(72)]
    found = lived(kind, stalls + swing)
    assert {each.status for each in found[10:]} == {"not_kept"}


@pytest.mark.parametrize("hours", [2, 6])
def test_a_purifier_is_not_to_blame_for_the_co2_that_makes_it_work(hours):
    """It was told of twice a day in a room that people lived in, and nothing was wrong."""
    found = lived("purifier", [1500.0] * 6 * hours + [1600.0, 600.0])
    assert {each.status for each in found[:-1]} == {"recovering"}
    assert not any(each.degraded for each in found)
    assert found[-1].status == "kept"


def test_nor_is_one_that_was_told_of_before():
    zone = zone_of("purifier")
    told = Excursion(NOON, low=False, furthest=500.0, turned=1500.0, moved_at=NOON)
    told = told._replace(lost=1500.0)
    state = ZoneState(keeping=Keeping(excursion=told))
    state = state_of("purifier", 1500.0, NOON + LOOK, runs=True, before=state)
    state = after_look(zone, state, None, NOON + LOOK).state
    assert not room_health(zone, state, NOON + LOOK).degraded


def test_a_unit_that_rests_is_not_to_blame(kind):
    beside = KINDS[kind][1]
    found = lived(kind, [beside] * 20, runs=False)
    assert {each.status for each in found} == {"recovering"}
    assert not any(each.degraded for each in found)


@pytest.mark.parametrize("kind", CHANGES)
def test_one_that_begins_after_a_day_s_outage_has_its_time(kind):
    """Half a day in which nobody could tell it anything is none in which it did nothing."""
    _action, beside, within, step = KINDS[kind]
    sign = 0.6 if within > beside else -0.6
    values = [beside + sign * (number % 3) * step for number in range(200)]
    began = 80
    found = lived(kind, values, runs=[number >= began for number in range(200)])
    assert {each.status for each in found[: began + 9]} == {"recovering"}
    assert found[-1].advice is ReasonCode.AIR_DOES_NOT_FOLLOW


def test_a_room_is_blind_whose_meter_does_not_tell_the_air(kind):
    zone = zone_of(kind)
    state = ZoneState(last_temperature=21.0, last_read_at=NOON)
    state = state._replace(sensing=SensorRecord(21.0, NOON))
    room = room_health(zone, after_look(zone, state, None, NOON).state, NOON)
    assert room.status == "blind"
    unknown = {ReasonCode.HUMIDITY_UNKNOWN, ReasonCode.CO2_UNKNOWN}
    assert room.reasons[0] in unknown


@given(
    kind=st.sampled_from(sorted(CHANGES)),
    steps=st.lists(st.floats(-3.0, 3.0), min_size=2, max_size=40),
    runs=st.lists(st.booleans(), min_size=40, max_size=40),
)
def test_what_is_not_kept_is_said_and_blamed_on_what_ran_in_vain_alone(
    kind, steps, runs
):
    _action, beside, within, step = KINDS[kind]
    values = [beside]
    low, high = (1.0, 100.0) if beside < 100 else (420.0, 3000.0)
    for each in steps:
        values.append(min(high, max(low, values[-1] + each * step)))
    found = lived(kind, values, runs=runs[: len(values)] + [True] * len(values))
    limit = {True: 45.0, False: 60.0}[within > beside] if beside < 100 else 1000.0
    for number, (value, health) in enumerate(zip(values, found, strict=True)):
        out = value < limit if within > beside else value > limit
        assert (health.status != "kept") is out
        if health.status == "not_kept":
            assert health.advice is ReasonCode.AIR_DOES_NOT_FOLLOW
            assert number * LOOK >= STALLS
        if health.degraded:
            assert health.status == "not_kept"
