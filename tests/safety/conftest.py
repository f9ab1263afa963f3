"""A flat with thermometers and a unit that somebody else breaks, and engines on it."""

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.errors import CloudTimeoutError
from switchbot_automation.model import CommandResult, DeviceList, DeviceStatus, Remote
from switchbot_automation.simulation import SimulatedClock
from switchbot_store import MemoryStore

NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)

FLAT: dict[str, Any] = {
    "automation_enabled": True,
    "mode": "winter",
    "poll_interval_seconds": 60,
    "command_cooldown_seconds": 0,
    "timezone": "UTC",
    "meter_device_id": "METER",
    "aircon_device_id": "02-202008110034-13",
    "winter": {"min_temp": 20.0, "max_temp": 22.0, "target_temp": 24.0},
    "summer": {"min_temp": 23.0, "max_temp": 26.0, "target_temp": 24.0},
    "time_windows": [
        {"days": [0, 1, 2, 3, 4, 5, 6], "start": "00:00", "end": "12:00"},
        {"days": [0, 1, 2, 3, 4, 5, 6], "start": "12:00", "end": "00:00"},
    ],
}


class Cloud:
    """A `CloudApi` over a table of answers; an exception in it is raised.

    `sent` is everything that was accepted, with its instant; `moments` are the seconds
    that really passed until then, whatever the wall clock says.
    """

    def __init__(self, clock: SimulatedClock) -> None:
        self.clock = clock
        self.answers: dict[str, Any] = {"METER": 21.0}
        self.remotes: tuple[Remote, ...] = ()
        self.refusals: dict[str, Exception] = {}
        self.sent: list[tuple[datetime, str]] = []
        self.moments: list[float] = []
        self.asked: list[str] = []
        self.latency_seconds = 0.0
        self.on_command = lambda _word: None

    @property
    def words(self) -> list[str]:
        return [word for _at, word in self.sent]

    @property
    def starts(self) -> list[datetime]:
        return [at for at, word in self.sent if word.startswith("setAll")]

    async def devices(self) -> DeviceList:
        return DeviceList((), self.remotes)

    async def status(self, device_id: str) -> DeviceStatus:
        self.asked.append(device_id)
        answer = self.answers.get(device_id, CloudTimeoutError("silence"))
        if isinstance(answer, Exception):
            raise answer
        fields = (
            answer
            if isinstance(answer, dict)
            else {"temperature": answer, "humidity": 50, "battery": 90}
        )
        return DeviceStatus(device_id, "Meter", fields, self.clock.now())

    async def command(
        self,
        device_id: str,
        command: str,
        parameter: Any = "default",
        command_type: str = "command",
    ) -> CommandResult:
        word = command if parameter == "default" else f"{command} {parameter}"
        if command_type != "command":
            word = f"{command_type} {word}"
        if self.latency_seconds:
            await self.clock.sleep(self.latency_seconds)
        error = self.refusals.get(command)
        if error is not None:
            raise error
        self.sent.append((self.clock.now(), word))
        self.moments.append(self.clock.monotonic())
        self.on_command(word)
        return CommandResult(device_id, self.clock.now())

    async def scenes(self) -> list[Any]:
        return []

    async def run_scene(self, scene_id: str) -> CommandResult:
        return await self.command(scene_id, f"scene {scene_id}")


class Flat:
    """A cloud, a store, a clock and an engine on them."""

    def __init__(self) -> None:
        self.clock = SimulatedClock(NOON)
        self.cloud = Cloud(self.clock)
        self.store: Any = MemoryStore(now=self.clock.now)
        self.events: list[Any] = []
        self.configure()
        self.engine = self.started()

    def configure(self, **settings: Any) -> None:
        document = deepcopy(FLAT) | settings
        self.store.set("settings", document)

    def started(self) -> AutomationEngine:
        """Return a new engine on the same cloud and store, as after a restart."""
        self.engine = AutomationEngine(self.cloud, self.store, clock=self.clock)
        self.engine.subscribe(self.events.append)
        return self.engine

    @property
    def state(self) -> dict[str, Any]:
        return self.store.get("state")

    def reads(self, value: Any, meter: str = "METER") -> None:
        """Let a meter answer with this from now on; None: it does not answer."""
        self.cloud.answers[meter] = (
            CloudTimeoutError("silence") if value is None else value
        )

    async def tick(self, value: Any = ..., *, after: float = 0.0):
        """Let `after` seconds pass, set what the meter says, run one tick."""
        self.clock.advance(after)
        if value is not ...:
            self.reads(value)
        return await self.engine.run_once()

    async def live(self, seconds: float) -> list[Any]:
        """Tick at every wake-up the engine asks for."""
        until = self.clock.now().timestamp() + seconds
        reports = []
        while self.engine.next_wakeup.timestamp() < until:
            self.clock.advance_to(self.engine.next_wakeup)
            reports.append(await self.engine.run_once())
        self.clock.advance(max(0.0, until - self.clock.now().timestamp()))
        return reports

    async def push(self, temperature: Any, meter: str = "METER") -> None:
        """Let the cloud push what a meter says."""
        context = {
            "deviceType": "WoMeter",
            "deviceMac": meter,
            "temperature": temperature,
            "humidity": 50,
            "scale": "CELSIUS",
            "timeOfSample": round(self.clock.now().timestamp() * 1000),
        }
        await self.engine.handle_webhook(
            {"eventType": "changeReport", "eventVersion": "1", "context": context}
        )

    def minutes_of(self, word: str) -> list[float]:
        """Return when something was sent, in minutes after noon."""
        return [
            (at - NOON).total_seconds() / 60.0
            for at, sent in self.cloud.sent
            if sent.startswith(word)
        ]


@pytest.fixture
def flat() -> Flat:
    return Flat()


def codes(report: Any) -> list[str]:
    return [str(reason.code) for reason in report.decisions[0].reasons]
