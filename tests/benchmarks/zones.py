"""How long one tick of very many zones takes, the cloud's time excluded."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from statistics import median
from time import perf_counter
from typing import Any

from measuring import Figure

from switchbot_automation import AutomationEngine
from switchbot_automation.cloud.talk.quota import QuotaLedger
from switchbot_automation.model import CommandResult, DeviceList, DeviceStatus
from switchbot_automation.simulation import SimulatedClock
from switchbot_store import MemoryStore

START = datetime(2026, 1, 12, 12, tzinfo=UTC)
ZONES = 1000


class InstantCloud:
    """A `CloudApi` that answers at once, every meter with `temperature`."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self.temperature = 21.0

    async def devices(self) -> DeviceList:
        return DeviceList((), ())

    async def status(self, device_id: str) -> DeviceStatus:
        fields = {"temperature": self.temperature, "humidity": 50}
        return DeviceStatus(device_id, "Meter", fields, self._clock.now())

    async def command(self, device_id: str, *_: Any) -> CommandResult:
        return CommandResult(device_id, self._clock.now())

    async def scenes(self) -> list[Any]:
        return []

    async def run_scene(self, scene_id: str) -> CommandResult:
        return CommandResult(scene_id, self._clock.now())


def settings(*, predictive: bool) -> dict[str, Any]:
    return {
        "automation_enabled": True,
        "mode": "winter",
        "timezone": "UTC",
        "predictive_polling": predictive,
        "winter": {"min_temp": 20, "max_temp": 22, "target_temp": 23},
        "time_windows": [
            {"days": [0, 1, 2, 3, 4, 5, 6], "start": "06:00", "end": "23:00"}
        ],
        "zones": {
            f"room {number}": {
                "meter_device_id": f"C{number:011}",
                "aircon_device_id": f"02-{number:012}-13",
            }
            for number in range(ZONES)
        },
    }


def measure(*, quick: bool) -> list[Figure]:
    ticks = 5 if quick else 25
    return [
        *asyncio.run(_ticks("fixed intervals", ticks, predictive=False)),
        *asyncio.run(_ticks("predictive", ticks, predictive=True)),
    ]


async def _ticks(what: str, ticks: int, *, predictive: bool) -> list[Figure]:
    clock = SimulatedClock(START)
    cloud = InstantCloud(clock)
    store = MemoryStore()
    store.set("settings", settings(predictive=predictive))
    quota = QuotaLedger(limit=10**9, clock=clock)
    engine = AutomationEngine(cloud, store, clock=clock, quota=quota)
    seconds = []

    async def tick(temperature: float) -> None:
        cloud.temperature = temperature
        began = perf_counter()
        await engine.run_once()
        seconds.append(perf_counter() - began)
        clock.advance_to(engine.next_wakeup)

    async with engine:
        await tick(21.0)
        for number in range(ticks):
            await tick(21.0 + number % 3 / 10)
        await tick(19.0)
    first, *usual, all_start = seconds
    name = f"tick of {ZONES} zones, {what}"
    return [
        Figure(f"{name}, the first", first, "s"),
        Figure(f"{name}, p50", median(usual), "s", 1.0),
        Figure(f"{name}, most", max(usual), "s", 1.0),
        Figure(f"{name}, each with a command", all_start, "s"),
    ]
