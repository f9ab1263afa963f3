"""Whether the engine ticks on time while 200 clients look at the page."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import aiohttp
from measuring import Figure

from switchbot_automation import AutomationEngine, SystemClock
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation import default_settings
from switchbot_automation.simulation.run import build_home
from switchbot_automation.simulation.scenarios import HOUSES
from switchbot_automation.web import serve
from switchbot_automation.web.page import NAMES
from switchbot_store import HistorySample, HistoryService, MemoryStore, SqliteHistory

CLIENTS = 200
# Fifteen times as often as settings allow.
EVERY_SECONDS = 1.0
# What an open page asks for, but a hundred times as often.
PAUSE_SECONDS = 2.0
ASKED = ("zones", "zones/{}/history", "zones/{}/decisions", "zones/{}/explain")


@dataclass
class Ticks:
    """How late ticks began and how long they took, in seconds."""

    late: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


async def tick_on_time(engine: AutomationEngine, seconds: float) -> Ticks:
    """Tick every second, by the clock and not by the last one's end."""
    ticks = Ticks()
    begin = perf_counter()
    for number in range(int(seconds / EVERY_SECONDS)):
        due = begin + number * EVERY_SECONDS
        await asyncio.sleep(due - perf_counter())
        began = perf_counter()
        await engine.run_once("manual")
        ticks.late.append(began - due)
        ticks.took.append(perf_counter() - began)
    return ticks


async def measured(*, quick: bool) -> list[Figure]:
    seconds = 8.0 if quick else 40.0
    document = default_settings("winter")
    clock = SystemClock()
    home = build_home(clock, parse_settings(document), house=HOUSES["default"], seed=0)
    store = MemoryStore()
    store.set("settings", document)
    with (
        tempfile.TemporaryDirectory() as directory,
        HistoryService(SqliteHistory(Path(directory) / "history.sqlite3")) as history,
    ):
        remember_a_day(history)
        async with (
            AutomationEngine(home, store, history=history) as engine,
            serve(engine, port=0, history=history) as url,
        ):
            await engine.run_once()
            wire = await over_the_wire(url)
            alone = await tick_on_time(engine, seconds)
            clients = await asyncio.create_subprocess_exec(
                *(sys.executable, __file__, url, str(CLIENTS)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            if clients.stdout is None:
                raise RuntimeError("the clients have no output")
            await clients.stdout.readline()  # all of them listen
            beside = await tick_on_time(engine, seconds)
            out, _ = await clients.communicate(b"\n")
    told = json.loads(out)
    return [
        *wire,
        Figure("tick begins late, nobody looks, p99", ms(alone.late, 0.99), "ms"),
        Figure("tick begins late, 200 clients, p50", ms(beside.late, 0.5), "ms"),
        Figure("tick begins late, 200 clients, p99", ms(beside.late, 0.99), "ms", 250),
        Figure("tick takes, nobody looks, p50", ms(alone.took, 0.5), "ms"),
        Figure("tick takes, 200 clients, p50", ms(beside.took, 0.5), "ms"),
        Figure("answers to them", told["answers"] / told["seconds"], "a second"),
        Figure("events to them", told["events"] / told["seconds"], "a second"),
        Figure("an answer, p50", told["p50"] * 1000, "ms"),
        Figure("an answer, p99", told["p99"] * 1000, "ms"),
        Figure("requests and streams that failed", told["failed"], "", 0),
    ]


async def over_the_wire(url: str) -> list[Figure]:
    """Ask as a browser does; what comes is counted as it came."""
    room = "api/zones/default"
    chart = f"{room}/history?hours=24&points=288&shape=columns"
    asked = ("", "api/zones", chart, f"{room}/decisions?limit=200")
    drawn = [name for name in NAMES if name.endswith((".js", ".css", ".svg"))]
    took: list[float] = []
    sizes: dict[str, int] = {}
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        for path in (*asked, *(f"static/{name}" for name in drawn), *[chart] * 20):
            began = perf_counter()
            async with session.get(
                f"{url}{path}", headers={"Accept-Encoding": "gzip"}
            ) as answer:
                answer.raise_for_status()
                sizes[path] = len(await answer.read())
            took.append(perf_counter() - began)
    return [
        Figure("first load of the page, gzip", sum(sizes.values()) / 1000, "KB", 60),
        Figure("day chart, gzip", sizes[chart] / 1000, "KB", 4),
        Figure(
            "every request of a first load, one by one", sum(took[:-20]) * 1000, "ms"
        ),
        Figure("day chart asked again, p50", ms(took[-20:], 0.5), "ms"),
    ]


def ms(values: list[float], share: float) -> float:
    return percentile(values, share) * 1000


def remember_a_day(history: HistoryService) -> None:
    """Put a day of readings before the present, one every two minutes."""
    now = SystemClock().now()
    # Air is never as even as a saw; what repeats itself would be compressed to nothing.
    noise = random.Random(0)
    for minute in range(0, 24 * 60, 2):
        history.record(
            HistorySample(
                timestamp=now - timedelta(minutes=24 * 60 - minute),
                temperature=round(20 + minute % 40 / 20 + noise.gauss(0, 0.15), 1),
                humidity=round(45 + noise.gauss(0, 3)),
                assumed_aircon_power="on" if minute % 40 < 20 else "off",
                metadata={"outcome": "no_action", "reasons": [{"code": "in_window"}]},
            )
        )
    history.flush()


def measure(*, quick: bool = False) -> list[Figure]:
    return asyncio.run(measured(quick=quick))


# --- the clients, in a process of their own ----------------------------------------


class Crowd:
    """Clients that each keep a stream open and ask for something again and again."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.took: list[float] = []
        self.events = 0
        self.failed = 0
        self.listening = 0
        self.all_listen = asyncio.Event()

    async def look(self, session: aiohttp.ClientSession, number: int) -> None:
        """Be one open page."""
        await asyncio.gather(self._listen(session), self._ask(session, number))

    async def _listen(self, session: aiohttp.ClientSession) -> None:
        try:
            async with session.get(f"{self._url}api/events") as answer:
                answer.raise_for_status()
                self.listening += 1
                if self.listening == CLIENTS:
                    self.all_listen.set()
                async for line in answer.content:
                    self.events += line.startswith(b"event:")
        except aiohttp.ClientError:
            pass
        self.failed += 1  # streams are ended by us alone

    async def _ask(self, session: aiohttp.ClientSession, number: int) -> None:
        await self.all_listen.wait()
        await asyncio.sleep(PAUSE_SECONDS * number / CLIENTS)
        while True:
            path = ASKED[number % len(ASKED)].format("default")
            began = perf_counter()
            try:
                async with session.get(f"{self._url}api/{path}") as answer:
                    await answer.read()
                    self.failed += answer.status != 200
            except aiohttp.ClientError:
                self.failed += 1
            self.took.append(perf_counter() - began)
            number += 1
            await asyncio.sleep(PAUSE_SECONDS)


async def crowd(url: str, clients: int) -> dict[str, Any]:
    """Look until a line comes in, and tell how it went."""
    found = Crowd(url)
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        tasks = [
            asyncio.create_task(found.look(session, number))
            for number in range(clients)
        ]
        await found.all_listen.wait()
        print("all listen", flush=True)
        began = perf_counter()
        await asyncio.to_thread(sys.stdin.readline)
        seconds = perf_counter() - began
        told = {
            "seconds": seconds,
            "answers": len(found.took),
            "events": found.events,
            "failed": found.failed,
            "p50": percentile(found.took, 0.5),
            "p99": percentile(found.took, 0.99),
        }
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)
    return told


if __name__ == "__main__":
    print(json.dumps(asyncio.run(crowd(sys.argv[1], int(sys.argv[2])))))
