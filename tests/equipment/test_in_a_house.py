"""Rooms that are heated by something else than an air conditioner, with all that goes wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from switchbot_automation import AutomationEngine, ManualAction
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation import (
    Fault,
    SimulatedClock,
    default_settings,
    simulate,
)
from switchbot_automation.simulation.comfort import most_starts_in_an_hour
from switchbot_automation.simulation.run import build_home
from switchbot_automation.simulation.scenarios import HOUSES
from switchbot_store import MemoryStore

DEVICE = "B0E9FE000001"
MIDNIGHT = datetime(2026, 1, 12, tzinfo=UTC)
KINDS = {
    "thermostat": {"kind": "thermostat", "device_id": DEVICE},
    "plug": {"kind": "heater", "device_id": DEVICE},
    "relay channel": {"kind": "heater", "device_id": DEVICE, "channel": 2},
}


def heated(kind, **more):
    document = default_settings("winter")
    for key in ("aircon_device_id", "command_cooldown_seconds"):
        del document[key]
    for key in ("min_on_seconds", "min_off_seconds", "hysteresis_celsius"):
        del document[key]
    winter = {"min_temp": 20.0, "max_temp": 21.0, "target_temp": 20.5}
    return document | {"winter": winter, "equipment": [KINDS[kind]]} | more


@pytest.mark.parametrize("kind", ["thermostat", "plug"])
async def test_a_room_is_kept_better_than_by_a_plain_hysteresis(kind):
    plain = await simulate(
        heated(kind, control="switch", optimum_start=True), seed=2, days=3
    )
    ours = await simulate(heated(kind), seed=2, days=3)
    assert ours.degree_minutes_per_day <= plain.degree_minutes_per_day / 3
    assert ours.max_starts_in_an_hour <= 3  # each is two switches of the relay


class Home:
    """A simulated home with one room, and an engine that can be started anew."""

    def __init__(self, kind, **more):
        document = heated(kind, **more)
        settings = parse_settings(document)
        self.clock = SimulatedClock(MIDNIGHT)
        self.cloud = build_home(self.clock, settings, house=HOUSES["default"], seed=3)
        self.store = MemoryStore(now=self.clock.now)
        self.store.set("settings", document)
        self.restart()

    def restart(self):
        self.engine = AutomationEngine(self.cloud, self.store, clock=self.clock)

    @property
    def unit(self):
        self.cloud.advance()
        return self.cloud.room.unit

    @property
    def air(self):
        self.cloud.advance()
        return self.cloud.room.house.air

    async def live(self, hours):
        until, commands = self.clock.now() + timedelta(hours=hours), []
        while self.clock.now() < until:
            report = await self.engine.run_once()
            commands += report.commands
            self.clock.advance_to(min(until, self.engine.next_wakeup))
        return commands


@pytest.fixture(params=KINDS)
def home(request):
    return Home(request.param)


async def test_a_lost_command_is_seen_and_sent_again(home):
    with home.cloud.faults.inject(Fault.LOST, device_id=DEVICE, times=1):
        await home.live(9)
    assert home.unit.conditioning or home.unit.starts
    assert home.air > 19.5


async def test_a_restart_in_the_middle_forgets_nothing(home):
    await home.live(9)
    before = home.store.get("state")
    starts = len(home.unit.starts)
    home.restart()
    await home.engine.run_once()
    after = home.store.get("state")
    assert after["assumed_aircon_power"] == before["assumed_aircon_power"]
    # The setpoint that the cloud does not tell is known all the same.
    assert after.get("assumed_aircon_parameter") == before.get(
        "assumed_aircon_parameter"
    )
    assert len(home.unit.starts) - starts <= 1
    await home.live(3)
    assert home.air > 19.5


async def test_a_refused_command_is_not_repeated_without_end(home):
    with home.cloud.faults.inject(Fault.OFFLINE, device_id=DEVICE):
        commands = await home.live(10)
        health = await home.engine.health()
    assert len([each for each in commands if each.rungs]) <= 60
    assert health["status"] != "ok"
    await home.live(8)
    assert home.air > 19.0


async def test_a_dead_meter_ends_in_what_is_safe(home):
    await home.live(9)
    meter = home.cloud.room.spec.meter_id
    with home.cloud.faults.inject(Fault.OFFLINE, device_id=meter):
        await home.live(6)
        unit = home.unit
        # Of a valve its own thermometer keeps frost off, a heater on a plug is off.
        assert getattr(unit, "setpoint", 7.0) == 7.0
        assert not getattr(unit, "on", False)


async def test_the_relay_is_spared_over_a_week_of_days():
    home = Home("plug")
    await home.live(48)
    switches = home.unit.switches
    assert len(switches) > 20
    assert most_starts_in_an_hour(switches) <= 6


async def test_a_heater_that_draws_nothing_is_seen_by_its_plug():
    home = Home("plug")
    home.cloud.room.unit.broken = True
    commands = await home.live(10)
    codes = {reason.code for each in commands for reason in each.reasons}
    assert "device_unresponsive" in codes


async def test_what_somebody_sets_at_the_valve_is_a_person_s_word():
    home = Home("thermostat", manual_hold_seconds=7200)
    await home.live(9)
    await home.cloud.command(DEVICE, "setMode", 5)
    commands = await home.live(1)
    assert commands == []
    assert home.store.get("state")["hold_until"]
    # Nobody knows its setpoint now, so once the hold is over it is told again.
    commands = await home.live(3)
    assert any(each.action == "winter" for each in commands)
    await home.engine.act("default", ManualAction.OFF)
    home.clock.advance(60)
    assert home.unit.setpoint is None


@pytest.mark.parametrize("kind", ["plug", "relay channel"])
@pytest.mark.parametrize("end", ["22:20", "22:24", "22:28", "22:32", "22:36"])
async def test_a_heater_is_off_all_night_though_no_setting_says_so(kind, end):
    """Its window ends in the midst of a share, and it has no thermostat of its own."""
    window = {"days": list(range(7)), "start": "06:30", "end": end}
    document = heated(kind, time_windows=[window], timezone="UTC")
    del document["turn_off_outside_windows"]
    home = Home(kind)
    home.store.set("settings", document)
    home.restart()
    await home.live(22.7)
    assert home.unit.starts
    for _ in range(8):
        await home.live(0.5)
        assert not home.unit.conditioning


async def test_a_radiator_in_another_mode_is_told_the_one_in_which_it_takes_a_setpoint():
    """Off it would take the setpoint and stay off, as in the schedule of its app."""
    home = Home("thermostat")
    await home.live(9)
    device = home.cloud.account.devices[DEVICE]
    assert device.state["mode"] == 1
    assert home.air > 19.5
    for mode in (0, 3):
        device.change({"mode": mode})
        home.restart()
        await home.live(4)
        assert device.state["mode"] == 1
    assert home.air > 19.5
