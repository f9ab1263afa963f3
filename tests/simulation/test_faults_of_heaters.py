"""What is wrong with a heater itself: each fault is set, does what it says, and can end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from switchbot_automation.simulation import SimulatedClock, SimulatedHome
from switchbot_automation.simulation.home import RoomSpec
from switchbot_automation.simulation.house.heaters import Radiator, RadiatorParameters

HEATER = "B0E9FE000002"
STEP = 20.0
HOUR = 3600.0


@pytest.fixture
def home():
    spec = RoomSpec(aircon_id=HEATER, equipment="heater", plug_type="Plug Mini (US)")
    return SimulatedHome(
        SimulatedClock(datetime(2026, 1, 12, tzinfo=UTC)), rooms=[spec]
    )


async def told(home, command):
    await home.command(HEATER, command)
    home.clock.advance_to(home.clock.now() + timedelta(minutes=2))
    home.advance()
    return (await home.status(HEATER)).fields["power"]


def hot_hours(radiator, hours):
    """The hours in which it gave more heat than in the hour before, or its most."""
    found, before = [], 0.0
    for hour in range(hours):
        for step in range(int(HOUR / STEP)):
            radiator.step(hour * HOUR + step * STEP, 15.0)
        if radiator.heat >= max(before, 1.0):
            found.append(hour)
        before = radiator.heat
    return found


@pytest.mark.parametrize(("fault", "says"), [("deaf", "off"), ("welded", "on")])
async def test_a_relay_that_does_not_move(home, fault, says):
    panel = home.room.unit
    setattr(panel, fault, True)
    assert await told(home, "turnOn") == says
    assert (panel.on, panel.power_draw) == (False, 0.0)
    setattr(panel, fault, False)
    await told(home, "turnOff")
    assert await told(home, "turnOn") == "on"
    assert panel.on


async def test_a_worn_relay_obeys_one_order_of_so_many_and_tells_all_of_them(home):
    panel = home.room.unit
    panel.obeys_every = 3
    stood = []
    for command in ("turnOn", "turnOn", "turnOn", "turnOff", "turnOff", "turnOff"):
        assert await told(home, command) == command.removeprefix("turn").lower()
        stood.append(panel.on)
    assert stood == [False, False, True, True, True, False]


async def test_a_plug_that_measures_something_else_than_is_drawn(home):
    plug = home.account.devices[HEATER]
    await told(home, "turnOn")
    drawn = home.room.unit.power_draw
    plug.misread = 60.0
    assert (await home.status(HEATER)).fields["weight"] == 60.0
    plug.misread = lambda hours: 100.0 * hours
    home.clock.advance_to(datetime(2026, 1, 12, 3, tzinfo=UTC))
    assert (await home.status(HEATER)).fields["weight"] == pytest.approx(300.0)
    plug.misread = None
    assert (await home.status(HEATER)).fields["weight"] == drawn > 0.0


async def test_a_heater_that_its_own_thermostat_keeps_off(home):
    panel = home.room.unit
    await told(home, "turnOn")
    for limit, draws in ((5.0, False), (30.0, True)):
        panel.parameters = replace(panel.parameters, own_limit=limit)
        panel.step(0.0, 18.0)
        assert bool(panel.power_draw) is draws


@pytest.mark.parametrize(
    ("rests", "cold"),
    [((22.0, 5.0), {0, 1, 2, 3, 4, 22, 23}), ((9.0, 12.0), {9, 10, 11}), (None, set())],
)
def test_a_boiler_that_rests_does_so_in_its_hours_of_each_day(rests, cold):
    radiator = Radiator(RadiatorParameters(boiler_rests=rests), STEP)
    radiator.turn(0.0, 25.0)
    hot = set(hot_hours(radiator, 48))
    assert {hour % 24 for hour in range(48) if hour not in hot} == cold


def test_a_seized_valve_stays_where_it_is():
    radiator = Radiator(RadiatorParameters(), STEP)
    radiator.turn(0.0, 25.0)
    radiator.seized = 0.0
    radiator.step(0.0, 15.0)
    assert radiator.opening == 0.0
    radiator.seized = None
    radiator.step(HOUR, 15.0)
    assert radiator.opening == 1.0
