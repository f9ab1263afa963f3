"""An engine, a cloud that answers what a test says, and events from its meter."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.model import CommandResult, DeviceList, DeviceStatus
from switchbot_automation.simulation import SimulatedClock
from switchbot_store import MemoryStore

MONDAY_NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)
METER = "C271111EC0AB"

WINTER_ROOM: dict[str, Any] = {
    "automation_enabled": True,
    "mode": "winter",
    "poll_interval_seconds": 60,
    "command_cooldown_seconds": 0,
    "timezone": "UTC",
    "meter_device_id": METER,
    "aircon_device_id": "02-202008110034-13",
    "winter": {
        "min_temp": 20.0,
        "max_temp": 22.0,
        "target_temp": 23.0,
        "fan_speed": 1,
    },
    "time_windows": [{"days": [0, 1, 2, 3, 4, 5, 6], "start": "06:00", "end": "23:00"}],
}


class AnsweringCloud:
    """A `CloudApi` whose meters show what a test says."""

    def __init__(self, clock: SimulatedClock) -> None:
        self.clock = clock
        self.temperature: Any = 21.0
        self.temperatures: dict[str, Any] = {}
        self.calls: list[str] = []
        self.sent: list[str] = []

    @property
    def words(self) -> list[str]:
        return list(self.sent)

    async def devices(self) -> DeviceList:
        return DeviceList((), ())

    async def status(self, device_id: str) -> DeviceStatus:
        self.calls.append(f"status {device_id}")
        temperature = self.temperatures.get(device_id, self.temperature)
        fields = {"temperature": temperature, "humidity": 50}
        return DeviceStatus(device_id, "Meter", fields, self.clock.now())

    async def command(
        self,
        device_id: str,
        command: str,
        parameter: Any = "default",
        command_type: str = "command",
    ) -> CommandResult:
        self.sent.append(
            command if parameter == "default" else f"{command} {parameter}"
        )
        return CommandResult(device_id, self.clock.now())

    async def scenes(self) -> list[Any]:
        return []

    async def run_scene(self, scene_id: str) -> CommandResult:
        self.sent.append(f"scene {scene_id}")
        return CommandResult(scene_id, self.clock.now())


class PushedHouse:
    """One room; `push` lets its meter say something, `tick` runs the engine."""

    def __init__(self) -> None:
        self.clock = SimulatedClock(MONDAY_NOON)
        self.cloud = AnsweringCloud(self.clock)
        self.store = MemoryStore(now=self.clock.now)
        self.configure()
        self.engine = self.restarted()

    def configure(self, **settings: Any) -> None:
        document = deepcopy(WINTER_ROOM) | settings
        kept = {key: value for key, value in document.items() if value is not None}
        self.store.set("settings", kept)

    def restarted(self) -> AutomationEngine:
        self.engine = AutomationEngine(self.cloud, self.store, clock=self.clock)
        return self.engine

    @property
    def state(self) -> dict[str, Any]:
        return self.store.get("state")

    def event(
        self, temperature: Any, *, ago: float = 0.0, humidity: Any = 50, **more: Any
    ) -> dict[str, Any]:
        sampled = self.clock.now() - timedelta(seconds=ago)
        context = {
            "deviceType": "WoMeter",
            "deviceMac": METER,
            "temperature": temperature,
            "scale": "CELSIUS",
            "humidity": humidity,
            "timeOfSample": round(sampled.timestamp() * 1000),
        }
        return {
            "eventType": "changeReport",
            "eventVersion": "1",
            "context": context | more,
        }

    async def push(self, temperature: Any, **more: Any) -> Any:
        return await self.engine.handle_webhook(self.event(temperature, **more))

    async def tick(self, temperature: Any = None, *, after: float = 0.0) -> Any:
        self.clock.advance(after)
        if temperature is not None:
            self.cloud.temperature = temperature
        return await self.engine.run_once()


@pytest.fixture
def house() -> PushedHouse:
    return PushedHouse()
