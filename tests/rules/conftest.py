"""A home with a meter, a lamp and a door, whose engine has rules; and rules by hand."""

from collections import deque
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.model import (
    CommandResult,
    Device,
    DeviceList,
    DeviceStatus,
    Remote,
    Scene,
)
from switchbot_automation.rules.definition.context import Home
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation import SimulatedClock
from switchbot_store import MemoryStore

MONDAY_NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)
METER, DOOR, LAMP = "C271111EC0AB", "D00000000001", "1A0000000002"
LOCK = "10C000000003"
AIRCON = "02-202008110034-13"

ROOM: dict[str, Any] = {
    "timezone": "UTC",
    "meter_device_id": METER,
    "aircon_device_id": AIRCON,
    "poll_interval_seconds": 60,
    "command_cooldown_seconds": 0,
    "winter": {"min_temp": 20.0, "max_temp": 22.0, "target_temp": 23.0},
}


class Account:
    """A `CloudApi` with a meter, a door, a lamp and a learned remote."""

    def __init__(self, clock: SimulatedClock) -> None:
        self.clock = clock
        self.temperature: Any = 21.0
        self.door: Any = "close"
        self.calls: list[str] = []
        self.sent: list[str] = []
        self.broken: dict[str, Exception] = {}
        self.on_send = lambda: None

    def _answer(self, call: str) -> None:
        self.calls.append(call)
        error = self.broken.get(call)
        if error is not None:
            raise error

    async def devices(self) -> DeviceList:
        self._answer("devices")
        return DeviceList(
            (
                Device(METER, "Meter", "Meter", None, cloud_service=True),
                Device(DOOR, "Front door", "Contact Sensor", None, cloud_service=True),
                Device(LAMP, "Lamp", "Color Bulb", None, cloud_service=True),
                Device(LOCK, "Lock", "Smart Lock", None, cloud_service=True),
            ),
            (Remote(AIRCON, "AC", "Air Conditioner", None),),
        )

    async def status(self, device_id: str) -> DeviceStatus:
        self._answer(f"status {device_id}")
        if device_id == DOOR:
            fields = {"openState": self.door, "moveDetected": False}
            return DeviceStatus(DOOR, "Contact Sensor", fields, self.clock.now())
        if device_id == LOCK:
            fields = {"lockState": "locked"}
            return DeviceStatus(LOCK, "Smart Lock", fields, self.clock.now())
        fields = {"temperature": self.temperature, "humidity": 50}
        return DeviceStatus(device_id, "Meter", fields, self.clock.now())

    async def command(
        self,
        device_id: str,
        command: str,
        parameter: Any = "default",
        command_type: str = "command",
    ) -> CommandResult:
        self._answer("command")
        self.on_send()
        more = "" if parameter == "default" else f" {parameter}"
        self.sent.append(f"{command}{more}")
        return CommandResult(device_id, self.clock.now())

    async def scenes(self) -> list[Scene]:
        self._answer("scenes")
        return [Scene("T02-20250101-01", "Good night")]

    async def run_scene(self, scene_id: str) -> CommandResult:
        self._answer("run_scene")
        self.sent.append(f"scene {scene_id}")
        return CommandResult(scene_id, self.clock.now())


class Told:
    """A notifier and webhook sender that remembers."""

    def __init__(self) -> None:
        self.messages: list[tuple[str | None, str]] = []
        self.urls: list[str] = []

    async def notify(self, message: str, *, title: str | None = None) -> None:
        self.messages.append((title, message))

    async def send(self, url: str, *, allowed_hosts: Any) -> None:
        self.urls.append(url)


class RuledHouse:
    """A home; `rules` stores them, `live` ticks at every wake-up that is asked for."""

    def __init__(self) -> None:
        self.clock = SimulatedClock(MONDAY_NOON)
        self.cloud = Account(self.clock)
        self.store = MemoryStore(now=self.clock.now)
        self.told = Told()
        self.ran: deque[Any] = deque()
        self.engine = self.restarted()

    def rules(self, *rules: dict[str, Any], **settings: Any) -> None:
        document = deepcopy(ROOM) | {"rules": list(rules)} | settings
        self.store.set("settings", document)

    def restarted(self) -> AutomationEngine:
        """Return a new engine on the same store, as after a crash."""
        self.engine = AutomationEngine(
            self.cloud,
            self.store,
            clock=self.clock,
            notifier=self.told,
            webhook_sender=self.told,
        )
        self.engine.subscribe(
            lambda event: self.ran.append(event.trace) if event.kind == "rule" else None
        )
        return self.engine

    async def tick(self, *, after: float = 0.0) -> Any:
        self.clock.advance(after)
        return await self.engine.run_once()

    async def live(self, seconds: float) -> None:
        until = self.clock.now().timestamp() + seconds
        while self.engine.next_wakeup.timestamp() <= until:
            self.clock.advance_to(max(self.engine.next_wakeup, self.clock.now()))
            await self.engine.run_once()
        self.clock.advance_to(datetime.fromtimestamp(until, UTC))

    async def push(self, device_id: str, device_type: str, **values: Any) -> Any:
        context = {
            "deviceType": device_type,
            "deviceMac": device_id,
            "timeOfSample": round(self.clock.now().timestamp() * 1000),
            **values,
        }
        body = {"eventType": "changeReport", "eventVersion": "1", "context": context}
        return await self.engine.handle_webhook(body)

    @property
    def document(self) -> dict[str, Any]:
        return self.store.get("rules_state")

    @property
    def outcomes(self) -> list[str]:
        return [trace["outcome"] for trace in self.document["traces"]]


@pytest.fixture
def house() -> RuledHouse:
    return RuledHouse()


@pytest.fixture
def rule():
    """Read one rule as the settings do, in a home with the given zones."""

    def read(**parts: Any) -> Any:
        document = {"id": "it", "actions": [{"action": "notify", "message": "x"}]}
        return parse_settings({"rules": [document | parts]}).rules[0]

    return read


@pytest.fixture
def home():
    """Make what rules see: the default zone's values, devices, and a timezone."""

    def make(tz: str = "UTC", settings: Any = None, event: Any = None, **parts: Any):
        parsed = parse_settings(settings or {"timezone": tz})
        return Home(
            parsed,
            ZoneInfo(tz),
            {"default": parts.pop("zone", {})},
            parts.pop("devices", {}),
            event,
        )

    return make
