"""A room with a thermometer somebody else holds, and an engine that looks after it."""

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.model import (
    CommandResult,
    DeviceList,
    DeviceStatus,
    Remote,
)
from switchbot_automation.simulation import SimulatedClock
from switchbot_store import MemoryStore

MONDAY_NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)
AIRCON = "02-202008110034-13"
METER = "C271111EC0AB"

WINTER_ROOM: dict[str, Any] = {
    "automation_enabled": True,
    "mode": "winter",
    "poll_interval_seconds": 60,
    "hysteresis_celsius": 0.3,
    "command_cooldown_seconds": 0,
    "timezone": "UTC",
    "meter_device_id": METER,
    "aircon_device_id": AIRCON,
    "winter": {"min_temp": 20.0, "max_temp": 22.0, "target_temp": 23.0},
    "summer": {"min_temp": 23.0, "max_temp": 26.0, "target_temp": 24.0},
    "time_windows": [{"days": [0, 1, 2, 3, 4, 5, 6], "start": "06:00", "end": "23:00"}],
}


class PretendCloud:
    """A `CloudApi` that answers what a test says and remembers what it was sent."""

    def __init__(self, clock: SimulatedClock) -> None:
        self.clock = clock
        self.temperature: Any = 21.0
        self.temperatures: dict[str, Any] = {}
        self.humidity: Any = 50
        self.aircon: dict[str, Any] | None = None
        self.remotes: tuple[Remote, ...] = ()
        self.calls: list[str] = []
        self.sent: list[tuple[datetime, str]] = []
        self.broken: dict[str, Exception] = {}
        self.latency_seconds = 0.0
        self.on_send = lambda: None

    @property
    def words(self) -> list[str]:
        """What was sent, without the instants."""
        return [what for _at, what in self.sent]

    async def _answer(self, call: str) -> None:
        self.calls.append(call)
        if self.latency_seconds:
            await self.clock.sleep(self.latency_seconds)
        error = self.broken.get(call) or self.broken.get(call.partition(" ")[0])
        if error is not None:
            raise error

    async def devices(self) -> DeviceList:
        await self._answer("devices")
        return DeviceList((), self.remotes)

    async def status(self, device_id: str) -> DeviceStatus:
        await self._answer(f"status {device_id}")
        if self.aircon is not None and device_id not in (METER, *self.temperatures):
            fields = self.aircon
        else:
            temperature = self.temperatures.get(device_id, self.temperature)
            fields = {"temperature": temperature, "humidity": self.humidity}
        return DeviceStatus(device_id, "Meter", fields, self.clock.now())

    async def command(
        self,
        device_id: str,
        command: str,
        parameter: Any = "default",
        command_type: str = "command",
    ) -> CommandResult:
        await self._answer("command")
        return self._accept(
            device_id, command if parameter == "default" else f"{command} {parameter}"
        )

    async def scenes(self) -> list[Any]:
        return []

    async def run_scene(self, scene_id: str) -> CommandResult:
        await self._answer("run_scene")
        return self._accept(scene_id, f"scene {scene_id}")

    def _accept(self, target: str, what: str) -> CommandResult:
        self.on_send()
        self.sent.append((self.clock.now(), what))
        return CommandResult(target, self.clock.now())


class PretendWebhooks:
    """A webhook sender that remembers; `error` makes it fail."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, frozenset[str]]] = []
        self.error: Exception | None = None

    async def send(self, url: str, *, allowed_hosts: frozenset[str]) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append((url, allowed_hosts))


class House:
    """A cloud, a store and a clock; `engine()` starts an engine on them."""

    def __init__(self) -> None:
        self.clock = SimulatedClock(MONDAY_NOON)
        self.cloud = PretendCloud(self.clock)
        self.store: Any = MemoryStore(now=self.clock.now)
        self.webhooks: PretendWebhooks | None = None
        self.engine = self.restarted()

    def configure(self, **settings: Any) -> None:
        """Store the winter room's settings with these in place of its own."""
        document = deepcopy(WINTER_ROOM) | settings
        kept = {key: value for key, value in document.items() if value is not None}
        self.store.set("settings", kept)

    def remember(self, **state: Any) -> None:
        """Store a state document."""
        self.store.set("state", state)

    @property
    def state(self) -> dict[str, Any]:
        return self.store.get("state")

    def restarted(self, **options: Any) -> AutomationEngine:
        """Return a new engine on the same cloud and store, as after a restart."""
        self.engine = AutomationEngine(
            self.cloud,
            self.store,
            clock=self.clock,
            webhook_sender=self.webhooks,
            **options,
        )
        return self.engine

    async def tick(self, temperature: Any = None, after: float = 0.0):
        """Let `after` seconds pass, set the room's temperature, run one tick."""
        self.clock.advance(after)
        if temperature is not None:
            self.cloud.temperature = temperature
        return await self.engine.run_once()

    async def live(self, *, until: datetime) -> list[Any]:
        """Tick at every wake-up the engine asks for."""
        reports = []
        while self.engine.next_wakeup < until:
            self.clock.advance_to(self.engine.next_wakeup)
            reports.append(await self.engine.run_once())
        self.clock.advance_to(until)
        return reports


@pytest.fixture(scope="session")
def new_house() -> type[House]:
    """How a test that is run with many inputs gets a house for each."""
    return House


@pytest.fixture
def house() -> House:
    made = House()
    made.configure()
    return made


@pytest.fixture
def webhooks(house) -> PretendWebhooks:
    """Give the house's engine a webhook sender; without it the rung does not exist."""
    house.webhooks = PretendWebhooks()
    house.restarted()
    return house.webhooks
