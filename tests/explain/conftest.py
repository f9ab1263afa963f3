"""A room whose thermometer the test holds, an engine, and a history on a real file."""

from datetime import UTC, datetime

import pytest

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.model import CommandResult, DeviceList, DeviceStatus
from switchbot_automation.simulation import SimulatedClock
from switchbot_store import HistoryService, MemoryStore, SqliteHistory

NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)
SETTINGS = {
    "automation_enabled": True,
    "mode": "winter",
    "poll_interval_seconds": 60,
    "command_cooldown_seconds": 180,
    "timezone": "UTC",
    "meter_device_id": "C271111EC0AB",
    "aircon_device_id": "02-202008110034-13",
    "winter": {"min_temp": 20.0, "max_temp": 22.0, "target_temp": 23.0},
    "time_windows": [{"days": list(range(7)), "start": "06:00", "end": "23:00"}],
}


class Room:
    """A `CloudApi` with one meter, a clock, a store, a history and an engine."""

    def __init__(self, directory):
        self.clock = SimulatedClock(NOON)
        self.temperature = 21.0
        self.sent = []
        self.store = MemoryStore(now=self.clock.now)
        self.store.set("settings", SETTINGS)
        self.store.set("state", {"assumed_aircon_power": "off"})
        self.history = HistoryService(
            SqliteHistory(directory / "history.sqlite3"), now=self.clock.now
        )
        self.restart()

    def restart(self):
        self.engine = AutomationEngine(
            self, self.store, history=self.history, clock=self.clock
        )
        return self.engine

    def configure(self, **changes):
        self.store.set("settings", {**SETTINGS, **changes})

    async def tick(self, temperature, after=0.0):
        self.clock.advance(after)
        self.temperature = temperature
        return await self.engine.run_once()

    async def devices(self):
        return DeviceList((), ())

    async def status(self, device_id):
        fields = {"temperature": self.temperature, "humidity": 50}
        return DeviceStatus(device_id, "Meter", fields, self.clock.now())

    async def command(
        self, device_id, command, parameter="default", command_type="command"
    ):
        self.sent.append((self.clock.now(), command, parameter))
        return CommandResult(device_id, self.clock.now())

    async def scenes(self):
        return []

    async def run_scene(self, scene_id):
        return CommandResult(scene_id, self.clock.now())


@pytest.fixture
def room(tmp_path):
    made = Room(tmp_path)
    with made.history:
        yield made
