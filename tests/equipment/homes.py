"""A simulated home with one room of several units, and an engine that can be started anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from switchbot_automation import AutomationEngine
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation import (
    SimulatedClock,
    SimulatedHome,
    default_settings,
)
from switchbot_automation.simulation.house.weather import Climate
from switchbot_automation.simulation.run import build_home
from switchbot_automation.simulation.scenarios import HOUSES
from switchbot_store import MemoryStore

AIRCON = {"kind": "aircon", "device_id": "02-202008110034-13"}
DEVICE = "B0E9FE000002"
SECOND = "default 2"
OUTDOORS = "D40E84863006"
STARTS = {
    "winter": datetime(2026, 1, 12, tzinfo=UTC),
    "summer": datetime(2026, 7, 6, tzinfo=UTC),
}
BANDS = {
    "winter": {"min_temp": 20.0, "max_temp": 21.0, "target_temp": 20.5},
    "summer": {"min_temp": 23.0, "max_temp": 26.0, "target_temp": 24.5},
}
MILD, COLD = Climate(), Climate(yearly_mean=0.0)
"""Lyon, and a place that is 14 K colder: -10 °C and less on a winter's day."""


def roomed(*equipment, season="winter", **more):
    """Settings of a room with these entries of `equipment`."""
    document = default_settings(season)
    for key in ("aircon_device_id", "command_cooldown_seconds"):
        del document[key]
    for key in ("min_on_seconds", "min_off_seconds", "hysteresis_celsius"):
        del document[key]
    document |= BANDS | {"control": "auto", "mode": season}
    return document | {"equipment": list(equipment)} | more


def house(*, heating_watts=None):
    """The default house, its heat pump as strong as that."""
    parameters = HOUSES["default"]
    if heating_watts is None:
        return parameters
    aircon = replace(parameters.aircon, heating_capacity=heating_watts)
    return replace(parameters, aircon=aircon)


class Home:
    """It lives as its engine says; `sent` is every command that was sent, `said` every word of a
    reason, by zone. `rooms` are those of the settings where they are not given."""

    def __init__(
        self,
        document,
        *,
        season="winter",
        climate=MILD,
        seed=3,
        parameters=None,
        rooms=None,
    ):
        self.clock = SimulatedClock(STARTS[season])
        self.cloud = (
            SimulatedHome(
                self.clock, rooms=rooms, seed=seed, climate=climate, record=True
            )
            if rooms
            else self._as_the_settings_say(document, climate, seed, parameters)
        )
        self.store = MemoryStore(now=self.clock.now)
        self.store.set("settings", document)
        self.sent = []
        self.said = {}
        self.restart()

    def _as_the_settings_say(self, document, climate, seed, parameters):
        return build_home(
            self.clock,
            parse_settings(document),
            house=parameters or HOUSES["default"],
            seed=seed,
            climate=climate,
        )

    def restart(self):
        self.engine = AutomationEngine(self.cloud, self.store, clock=self.clock)

    def unit(self, device_id=DEVICE):
        self.cloud.advance()
        room = self.cloud.room
        return room.units.get(device_id, room.unit)

    @property
    def house(self):
        self.cloud.advance()
        return self.cloud.room.house

    async def live(self, hours, *, each=None):
        """Live on; what was sent meanwhile. `each` is called after every tick."""
        until, sent = self.clock.now() + timedelta(hours=hours), []
        while self.clock.now() < until:
            report = await self.engine.run_once()
            sent += [one for one in report.commands if one.rungs]
            for decided in report.decisions:
                words = {reason.code.value for reason in decided.reasons}
                self.said.setdefault(decided.zone, set()).update(words)
            if each is not None:
                each(self)
            later = self.clock.now() + timedelta(seconds=1)
            self.clock.advance_to(min(until, max(later, self.engine.next_wakeup)))
        self.sent += sent
        return sent


def codes(commands):
    """The codes of the reasons of commands."""
    return {reason.code.value for each in commands for reason in each.reasons}
