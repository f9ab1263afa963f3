"""What is on the wire at once: many commands of a tick, a silent cloud, a person's OFF."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from measuring import Figure

from switchbot_automation import AutomationEngine
from switchbot_automation.cloud.quota import QuotaLedger
from switchbot_automation.errors import CloudTimeoutError
from switchbot_automation.model import CommandResult, DeviceList, DeviceStatus
from switchbot_automation.simulation import SimulatedClock
from switchbot_store import JsonStore, MemoryStore

if TYPE_CHECKING:
    from switchbot_store import StoreInterface

START = datetime(2026, 1, 12, 7, tzinfo=UTC)
DEADLINE_SECONDS = 2.0


class SlowCloud:
    """A cloud of cold rooms that takes its time for a command, or says nothing to it."""

    def __init__(self, clock: SimulatedClock, seconds: float, *, silent: bool) -> None:
        self._clock = clock
        self._seconds = seconds
        self._silent = silent
        self.asked = asyncio.Event()

    async def devices(self) -> DeviceList:
        return DeviceList((), ())

    async def status(self, device_id: str) -> DeviceStatus:
        return DeviceStatus(device_id, "Meter", {"temperature": 18}, self._clock.now())

    async def command(self, device_id: str, *_: Any) -> CommandResult:
        self.asked.set()
        await asyncio.sleep(self._seconds)
        if self._silent:
            raise CloudTimeoutError("no answer", maybe_sent=True)
        return CommandResult(device_id, self._clock.now())

    async def scenes(self) -> list[Any]:
        return []

    async def run_scene(self, scene_id: str) -> CommandResult:
        return CommandResult(scene_id, self._clock.now())


def settings(zones: int) -> dict[str, Any]:
    return {
        "automation_enabled": True,
        "mode": "winter",
        "timezone": "UTC",
        "winter": {"min_temp": 20, "max_temp": 22, "target_temp": 23},
        "time_windows": [{"days": list(range(7)), "start": "06:00", "end": "23:00"}],
        "zones": {
            f"room {number}": {
                "meter_device_id": f"C{number:011}",
                "aircon_device_id": f"02-{number:012}-13",
            }
            for number in range(zones)
        },
    }


def measure(*, quick: bool) -> list[Figure]:
    return asyncio.run(_measure(1 if quick else 5))


async def _measure(runs: int) -> list[Figure]:
    floor = [await _floor(50, 0.1) for _ in range(runs)]
    figures = [Figure("50 calls of 0.1 s, 8 at once, alone", median(floor), "s")]
    for name in ("memory", "files"):
        many = [await _tick(name, 50, 0.1) for _ in range(runs)]
        offs = [await _off(name, 20, 0.4) for _ in range(runs)]
        figures += [
            Figure(
                f"tick of 50 commands, 0.1 s a call, {name}", median(many), "s", 0.9
            ),
            Figure(
                f"a person's OFF meanwhile, 20 commands, 0.4 s, {name}",
                median(offs),
                "s",
                0.5,
            ),
        ]
    for zones in (4, 40):
        silent = await _tick("memory", zones, DEADLINE_SECONDS, silent=True)
        figures.append(
            Figure(
                f"tick of {zones} zones, no command answered within"
                f" {DEADLINE_SECONDS:g} s",
                silent,
                "s",
                DEADLINE_SECONDS + 1,
            )
        )
    return figures


async def _floor(calls: int, seconds: float) -> float:
    few = asyncio.Semaphore(8)

    async def call() -> None:
        async with few:
            await asyncio.sleep(seconds)

    began = perf_counter()
    await asyncio.gather(*(call() for _ in range(calls)))
    return perf_counter() - began


async def _tick(
    store: str, zones: int, seconds: float, *, silent: bool = False
) -> float:
    with ExitStack() as stack:
        engine, _cloud = _engine(stack, store, zones, seconds, silent=silent)
        async with engine:
            began = perf_counter()
            await engine.run_once()
            return perf_counter() - began


async def _off(store: str, zones: int, seconds: float) -> float:
    """Return how long a person's OFF of the last zone takes, with 8 on the wire."""
    with ExitStack() as stack:
        engine, cloud = _engine(stack, store, zones, seconds, silent=False)
        async with engine:
            tick = asyncio.ensure_future(engine.run_once())
            await cloud.asked.wait()
            began = perf_counter()
            await engine.act(f"room {zones - 1}", "off")
            spent = perf_counter() - began
            await tick
    return spent


def _engine(
    stack: ExitStack, name: str, zones: int, seconds: float, *, silent: bool
) -> tuple[AutomationEngine, SlowCloud]:
    clock = SimulatedClock(START)
    cloud = SlowCloud(clock, seconds, silent=silent)
    store: StoreInterface = MemoryStore()
    if name == "files":
        store = JsonStore(stack.enter_context(tempfile.TemporaryDirectory()))
    stack.enter_context(store)
    store.set("settings", settings(zones))
    quota = QuotaLedger(limit=10**9, clock=clock)
    return AutomationEngine(cloud, store, clock=clock, quota=quota), cloud
