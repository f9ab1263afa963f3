"""What a home of 1,000 zones costs: files, its API, a person's word, those who listen."""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
from contextlib import suppress
from math import log10
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

import aiohttp
from measuring import Figure
from zones import START, ZONES, InstantCloud, settings

from switchbot_automation import AutomationEngine
from switchbot_automation.cloud.talk.quota import QuotaLedger
from switchbot_automation.simulation import SimulatedClock
from switchbot_automation.web import serve
from switchbot_store import (
    HistoryService,
    JsonStore,
    MemoryStore,
    SqliteHistory,
    ThreadedStore,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from switchbot_automation.model import CommandResult, DeviceStatus

CALL_SECONDS = 0.1
READS_AT_ONCE = 100
LISTENERS = 500


class SlowCloud(InstantCloud):
    """A cloud whose every call takes 0.1 s, and that takes 100 at once."""

    reads_at_once = READS_AT_ONCE

    async def status(self, device_id: str) -> DeviceStatus:
        await asyncio.sleep(CALL_SECONDS)
        return await super().status(device_id)

    async def command(self, device_id: str, *_: Any) -> CommandResult:
        await asyncio.sleep(CALL_SECONDS)
        return await super().command(device_id)


def measure(*, quick: bool) -> list[Figure]:
    ticks = 3 if quick else 7
    return [
        *asyncio.run(_on_files(ticks)),
        *asyncio.run(_asked(10 if quick else 40)),
        *_listeners(ticks),
    ]


def _listeners(ticks: int) -> list[Figure]:
    """What those cost who listen: few and many of them, few zones and many."""
    few, _ = asyncio.run(_heard(65, ticks, LISTENERS // 10))
    many, figures = asyncio.run(_heard(65, ticks, LISTENERS))
    zones, of_zones = asyncio.run(_heard(ZONES, ticks, LISTENERS))
    more = log10(many / few)
    by_zones = log10(zones / many) / log10(ZONES / 65)
    return [
        *figures,
        Figure("CPU of 65 zones, exponent from 50 to 500 listeners", more, "", 1.1),
        *of_zones,
        Figure("CPU of 500 listeners, exponent from 65 zones", by_zones, "", 1.1),
    ]


def _engine(
    cloud: InstantCloud, store: Any, clock: SimulatedClock, **parts: Any
) -> AutomationEngine:
    quota = QuotaLedger(limit=10**9, clock=clock)
    return AutomationEngine(cloud, store, clock=clock, quota=quota, **parts)


def _of(zones: int) -> dict[str, Any]:
    document = settings(predictive=False)
    return document | {"zones": dict(list(document["zones"].items())[:zones])}


async def _on_files(ticks: int) -> list[Figure]:
    """A tick with files, a history and a cloud that takes its time; and that time alone."""
    clock = SimulatedClock(START)
    cloud = SlowCloud(clock)
    took, floor, cpu = [], [], []
    with TemporaryDirectory() as directory:
        files = JsonStore(Path(directory) / "documents").open()
        files.set("settings", settings(predictive=False))
        rows = HistoryService(
            SqliteHistory(Path(directory) / "history.sqlite3"), now=clock.now
        )
        with rows.open():
            engine = _engine(cloud, ThreadedStore(files), clock, history=rows)
            async with engine:
                for number in range(ticks + 1):
                    cloud.temperature = 21.0 + number % 3 / 10
                    began, spent = perf_counter(), process_time()
                    await engine.run_once()
                    took.append(perf_counter() - began)
                    cpu.append(process_time() - spent)
                    clock.advance_to(engine.next_wakeup)
                    began = perf_counter()
                    for _ in range(ZONES // READS_AT_ONCE):
                        await asyncio.sleep(CALL_SECONDS)
                    floor.append(perf_counter() - began)
    name = f"tick of {ZONES} zones, files, history, 0.1 s a call"
    return [
        Figure(
            f"{ZONES} calls of 0.1 s, {READS_AT_ONCE} at once, alone",
            median(floor),
            "s",
        ),
        Figure(f"{name}, p50", median(took[1:]), "s", 1.5),
        Figure("... CPU of it, all threads", median(cpu[1:]), "s"),
    ]


async def _asked(rounds: int) -> list[Figure]:
    """A room, a person's word and an event, in a home of 10 zones and of 1,000."""
    found: dict[int, dict[str, float]] = {}
    for count in (10, ZONES):
        clock = SimulatedClock(START)
        store = MemoryStore()
        store.set("settings", _of(count))
        engine = _engine(InstantCloud(clock), store, clock)
        async with engine:
            await engine.run_once()
            found[count] = await _costs(engine, clock, rounds)
    few, many = found[10], found[ZONES]
    goals = {
        "GET /api/zones/{zone}, server and client": 1.0,
        "act": 2.0,
        "handle_webhook of a meter": 0.06,
    }
    figures = []
    for what, goal in goals.items():
        figures += [
            Figure(f"{what}, {ZONES} zones, CPU", many[what], "ms", goal),
            Figure("... with 100 times the zones", many[what] / few[what], "x"),
        ]
    return figures


async def _costs(
    engine: AutomationEngine, clock: SimulatedClock, rounds: int
) -> dict[str, float]:
    number = iter(range(10**6))

    async def spoken(_url: str) -> None:
        action = "off" if next(number) % 2 else "winter"
        await engine.act("room 5", action)
        clock.advance(600)

    async def pushed(_url: str) -> None:
        at = int(clock.now().timestamp() * 1000) + next(number)
        context = {
            "deviceType": "WoMeter",
            "deviceMac": "C00000000005",
            "temperature": 21.0 + at % 7 / 10,
            "scale": "CELSIUS",
            "humidity": 50,
            "timeOfSample": at,
        }
        event = {"eventType": "changeReport", "eventVersion": "1", "context": context}
        await engine.handle_webhook(event)

    async with serve(engine, port=0) as url, aiohttp.ClientSession() as session:

        async def asked(url: str) -> None:
            async with session.get(f"{url}api/zones/room 5") as answer:
                await answer.read()

        ways: dict[str, Callable[[str], Awaitable[None]]] = {
            "GET /api/zones/{zone}, server and client": asked,
            "act": spoken,
            "handle_webhook of a meter": pushed,
        }
        costs = {}
        for what, way in ways.items():
            spent = []
            for _ in range(rounds):
                began = process_time()
                await way(url)
                spent.append(process_time() - began)
            # The least: neighbours on the machine can only add to it.
            costs[what] = min(spent) * 1000
        return costs


async def _heard(zones: int, ticks: int, listeners: int) -> tuple[float, list[Figure]]:
    """Every tick told to listeners in another process, which read all of it.

    Return the CPU that it takes more by that, in ms and at least 0.1, and the figures.
    """
    clock = SimulatedClock(START)
    cloud = InstantCloud(clock)
    store = MemoryStore()
    store.set("settings", _of(zones))
    engine = _engine(cloud, store, clock)
    told = []
    async with engine:
        plain = [await _ticked(engine, cloud, clock, each) for each in range(ticks)]
        async with serve(engine, port=0) as url:
            arguments = (__file__, url, str(listeners), str(ticks))
            others = await asyncio.create_subprocess_exec(
                sys.executable, *arguments, stdout=asyncio.subprocess.PIPE
            )
            assert others.stdout is not None
            gc.collect()
            alone = _resident()
            await others.stdout.readline()
            memory = (_resident() - alone) / listeners
            for number in range(ticks):
                began = process_time()
                await _ticked(engine, cloud, clock, number)
                await others.stdout.readline()
                told.append(process_time() - began)
            heard = json.loads(await others.stdout.readline())
            await others.wait()
    # The least of each: neighbours on the machine can only add to it.
    more = (min(told) - min(plain)) * 1000
    name = f"{listeners} listeners, {zones} zones"
    return max(more, 0.1), [
        Figure(f"{name}, lost", listeners - heard["listeners"], "", 0),
        Figure(f"{name}, homes told a tick", heard["homes"] / ticks, "", 1),
        Figure(f"{name}, told to each a tick", heard["bytes"] / ticks / 1024, "KB"),
        Figure(f"{name}, CPU of a tick over that unheard", more, "ms", 40),
        Figure("... over a tick that nobody hears", min(told) / min(plain), "x"),
        Figure(f"{name}, memory of the server for each", memory, "KB"),
    ]


def _resident() -> float:
    """Return the memory of this process in KB, 0 where the system does not tell it."""
    with suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * resource.getpagesize() / 1024
    return 0.0


async def _ticked(
    engine: AutomationEngine, cloud: InstantCloud, clock: SimulatedClock, number: int
) -> float:
    cloud.temperature = 21.0 + number % 3 / 10
    began = process_time()
    await engine.run_once()
    clock.advance_to(engine.next_wakeup)
    return process_time() - began


async def _listen(url: str, count: int, ticks: int) -> None:
    """Hold so many streams, and say a line when all have heard of a tick."""
    heard = asyncio.Semaphore(0)
    homes = [0] * count
    sizes = [0] * count

    async def one(session: aiohttp.ClientSession, place: int) -> None:
        kept = b""
        async with session.get(f"{url}api/events?changes=1") as answer:
            async for chunk in answer.content.iter_any():
                sizes[place] += len(chunk)
                kept = kept[-20:] + chunk
                # Both as long, so that what is kept holds neither whole.
                for _ in range(kept.count(b"event: home") + kept.count(b"nt: changes")):
                    homes[place] += 1
                    heard.release()
                kept = kept[-10:]

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        streams = [asyncio.ensure_future(one(session, each)) for each in range(count)]
        for number in range(ticks + 1):
            with suppress(TimeoutError):
                async with asyncio.timeout(60):
                    for _ in range(count):
                        await heard.acquire()
            if number == 0:
                first = sum(sizes) / count
            print(number, flush=True)
        there = sum(not each.done() for each in streams)
        told = {
            "listeners": there,
            "homes": max(homes) - 1,
            "bytes": sum(sizes) / count - first,
        }
        print(json.dumps(told), flush=True)
        for each in streams:
            each.cancel()


if __name__ == "__main__":
    asyncio.run(_listen(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
