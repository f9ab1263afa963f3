"""A room of any kind of equipment in a storm of days: hands, outages, clocks, restarts, edits.

Drawn at random: what strikes, and when, for a few hours each. Whatever it was:

- no tick ends in an error, and health can always be asked;
- a unit is told 36 times a day at most, by its own zone's hand;
- once the storm is over for twelve hours, what is believed of the unit is true, and health
  says nothing any more of what is over; what the cloud said no to, and nothing was sent of
  since, is over after a day.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from switchbot_automation.simulation import Fault
from switchbot_automation.simulation.home import METER_ID
from tests.adversaries.invariants import ACCEPTED_A_DAY, most_within
from tests.adversaries.life import WINDOWS
from tests.adversaries.test_every_kind import FIRST, MORNING, PLACES, works
from tests.equipment.homes import AIRCON, DEVICE, Home, roomed

CALM_HOURS, FORGIVEN_HOURS = 12, 13
STRIKES = (
    *("nothing", "hand", "restart", "lost", "answer lost", "refused"),
    *("cloud down", "meter gone", "unit offline", "hub offline", "too many"),
    *("clock on", "clock back", "asleep", "edited", "taken out", "person"),
)
# What health may not say any more once it is over: the air may still want what it cannot get.
OF_COMMANDS = {"commands_fail"}
OF_A_STORM = {
    *("command_refused", "device_not_found", "device_unresponsive"),
    *("belief_contradicted", "belief_uncertain", "reading_too_old", "no_reading"),
    *(
        "meter_unreachable",
        "cloud_unreachable",
        "hub_offline",
        "sensor_frozen",
        "humidity_unknown",
        "co2_unknown",
    ),
}
OF_CLOUD = {
    "lost": (Fault.LOST, "unit"),
    "answer lost": (Fault.ANSWER_LOST, "unit"),
    "refused": (Fault.DEVICE_ERROR, "unit"),
    "unit offline": (Fault.OFFLINE, "unit"),
    "meter gone": (Fault.OFFLINE, "meter"),
    "cloud down": (Fault.DROPPED, None),
    "hub offline": (Fault.HUB_OFFLINE, None),
    "too many": (Fault.TOO_MANY_429, None),
}


class Storm(Home):
    """A room with such equipment; the unit it is about is `device`."""

    def __init__(self, kind, seed):
        place = dict(PLACES[kind])
        self.season = place.get("season", "winter")
        self.device = AIRCON["device_id"] if kind == "aircon" else DEVICE
        entry = {"kind": kind, "device_id": self.device}
        entries = [entry] if kind in FIRST else [AIRCON, entry]
        place["time_windows"] = WINDOWS["always"]
        super().__init__(roomed(*entries, **place), season=self.season, seed=seed)
        honest = self.cloud.status

        async def status(device_id):
            found = await honest(device_id)
            if device_id == METER_ID and "air" in place:
                # A real one says no number for hours, however still the room is.
                noise = int(self.clock.monotonic()) // 60 % 7 - 3
                fields = dict(
                    found.fields, CO2=round(self.cloud.room.house.co2) + noise
                )
                found = replace(found, fields=fields)
            return found

        self.cloud.status = status
        self.zone = "default" if kind in FIRST else "default 2"
        self.mine = []

    async def hours(self, hours):
        """Live on by the time that passes, whatever the clock on the wall says."""
        began = self.clock.monotonic()
        while (left := hours * 3600.0 - (self.clock.monotonic() - began)) > 0.0:
            at = self.clock.monotonic()
            report = await self.engine.run_once()
            self.mine += [
                (one.zone, at)
                for one in report.commands
                if one.rungs and one.status == "accepted"
            ]
            wait = (self.engine.next_wakeup - self.clock.now()).total_seconds()
            self.clock.advance(min(left, max(1.0, wait)))
        await self.engine.health()

    async def struck(self, strike, hours):
        if strike in OF_CLOUD:
            fault, whom = OF_CLOUD[strike]
            device = {"unit": self.device, "meter": METER_ID}.get(whom)
            injected = self.cloud.faults.inject(fault, device_id=device)
            await self.hours(hours)
            injected.clear()
            return
        if strike == "restart":
            self.restart()
        elif strike == "hand":
            self.by_hand()
        elif strike.startswith("clock"):
            self.clock.jump(5400.0 if strike == "clock on" else -5400.0)
        elif strike == "asleep":
            self.clock.advance(hours * 3600.0)
        elif strike == "person":
            hold = timedelta(hours=1)
            await self.engine.act(self.zone, "off", hold)
        elif strike == "edited":
            slower = self.store.get("settings")["poll_interval_seconds"] == 120
            self.edited(poll_interval_seconds=180 if slower else 120)
        elif strike == "taken out":
            # Something pends with it, perhaps; and it is put back later.
            whole = self.store.get("settings")["equipment"]
            self.edited(equipment=whole[:1])
            await self.hours(hours)
            self.edited(equipment=whole)
            return
        await self.hours(hours)

    def by_hand(self):
        """Somebody turns it to what it was not, at the device itself."""
        device = self.cloud.account.devices[self.device]
        state = getattr(device, "state", {})
        if "slidePosition" in state:
            device.change({"slidePosition": 100 - state["slidePosition"]})
        elif "mode" in state and "power" not in state:
            device.change({"mode": 2 if state["mode"] != 2 else 1})
        elif "switchStatus" in state:
            # `power` is watts there.
            device.change({"switchStatus": 1 - state["switchStatus"]})
        elif "power" in state:
            device.change({"power": "off" if state["power"] == "on" else "on"})

    def edited(self, **changes):
        self.store.set("settings", self.store.get("settings") | changes)


async def lived(kind, seed, strikes):
    home = Storm(kind, seed)
    await home.hours(6)
    for strike, hours in strikes:
        await home.struck(strike, hours)
    await home.hours(CALM_HOURS)
    by_zone = {}
    for zone, at in home.mine:
        by_zone.setdefault(zone, []).append(at)
    for zone, instants in by_zone.items():
        # A relay heats by going on and off.
        if kind != "heater" or zone != "default":
            assert most_within(instants, 86400.0) <= ACCEPTED_A_DAY, (zone, strikes)
    health = await home.engine.health()
    drawn = (kind, seed, strikes, health)
    assert not said_in(health) & OF_A_STORM, drawn
    assert not health["settings_error"]
    assert not health["left_units"]
    believed = health["zones"][home.zone]["unit"]["believed"]
    if kind != "aircon":
        assert believed == ("on" if works(home) else "off"), drawn
    if said_in(health) & OF_COMMANDS:
        await home.hours(FORGIVEN_HOURS)
        health = await home.engine.health()
        assert not said_in(health) & (OF_COMMANDS | OF_A_STORM), (*drawn, health)


def said_in(health):
    """Every reason that health gives of any room."""
    return {
        reason
        for each in health["zones"].values()
        for reason in each["room"]["reasons"]
    }


@pytest.mark.parametrize("kind", ["heater", "dehumidifier"])
async def test_a_hand_at_a_relay_moves_what_hangs_on_it(kind):
    """Only the relay's word changed, and its watts stayed: a storm like no real one."""
    home = Storm(kind, 1)
    await home.hours(MORNING)
    while not works(home):
        await home.hours(0.1)
    home.by_hand()
    assert not works(home)
    fields = home.cloud.account.devices[home.device].fields()
    assert (fields["switchStatus"], fields["power"]) == (0, 0.0)
    home.by_hand()
    assert home.cloud.account.devices[home.device].fields()["power"] > 0.0


async def test_a_hand_at_a_thermostat_moves_its_valve():
    """Only its word changed, and it heated on: what was believed of it was right."""
    home = Storm("thermostat", 1)
    await home.hours(MORNING)
    while not works(home):
        await home.hours(0.1)
    home.by_hand()
    assert not works(home)
    home.by_hand()
    assert works(home)


@pytest.mark.slow
def test_any_kind_in_any_storm():
    @settings(
        max_examples=60,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.sampled_from(sorted(PLACES)),
        st.integers(0, 99),
        st.lists(
            st.tuples(st.sampled_from(STRIKES), st.sampled_from((0.25, 0.5, 1, 2, 4))),
            max_size=24,
        ),
    )
    def any_storm(kind, seed, strikes):
        asyncio.run(lived(kind, seed, strikes))

    any_storm()
