"""Where a tick's time goes, and how many statements it costs."""

from __future__ import annotations

import asyncio
import inspect
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from statistics import mean, median
from time import perf_counter
from typing import Self

import aiohttp
from measuring import Figure

from switchbot_automation import AutomationEngine, SwitchBotClient
from switchbot_automation.simulation import (
    FakeSwitchBotCloud,
    SimulatedClock,
    default_settings,
)
from switchbot_store import (
    HistoryService,
    JsonStore,
    MemoryStore,
    PostgresHistory,
    PostgresStore,
    ThreadedHistory,
    ThreadedStore,
)
from switchbot_store.testing import PostgresServer, TcpProxy

START = datetime(2026, 1, 12, 7, tzinfo=UTC)


class Stopwatch:
    """An `AsyncStore` or `CloudApi` that sums the time its caller waits for it."""

    def __init__(self, inner: object) -> None:
        self.seconds = 0.0
        self._inner = inner
        self._waiting = 0

    def __getattr__(self, name: str) -> object:
        target = getattr(self._inner, name)
        if not inspect.iscoroutinefunction(target):
            return target

        async def timed(*args, **options):
            began = perf_counter()
            self._waiting += 1
            try:
                return await target(*args, **options)
            finally:
                self._waiting -= 1
                if not self._waiting:
                    self.seconds += perf_counter() - began

        return timed


def measure(*, quick: bool) -> list[Figure]:
    ticks = 40 if quick else 400
    figures = []
    with ExitStack() as stack:
        server = stack.enter_context(PostgresServer(fsync=True))
        proxy = stack.enter_context(TcpProxy(server.port))
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        stores = {
            "memory": MemoryStore(),
            "json": JsonStore(directory),
            "postgres": PostgresStore(server.conninfo(server.create_database())),
        }
        for name, store in stores.items():
            figures += asyncio.run(_split(name, store, ticks))
        url = server.url(server.create_database(), port=proxy.port)
        figures += asyncio.run(_statements(url, proxy, directory, ticks))
    return figures


async def _split(name: str, store: object, ticks: int) -> list[Figure]:
    parts: dict[str, list[float]] = {"store": [], "HTTP": [], "own": []}
    async with Bench(store) as bench:
        for _ in range(ticks):
            before = bench.store.seconds, bench.client.seconds
            total = await bench.tick()
            stored = bench.store.seconds - before[0]
            spoken = bench.client.seconds - before[1]
            parts["store"].append(stored)
            parts["HTTP"].append(spoken)
            parts["own"].append(total - stored - spoken)
    return [
        Figure(
            f"tick with {name}, {part}, p50",
            median(times) * 1000,
            "ms",
            1.0 if part == "own" else None,
        )
        for part, times in parts.items()
    ]


async def _statements(
    url: str, proxy: TcpProxy, directory: str, ticks: int
) -> list[Figure]:
    counts = []
    transactions = 0
    backend = PostgresHistory(url)
    spill = f"{directory}/spill"
    with HistoryService(backend, batch_size=ticks, spill=spill) as service:
        history = ThreadedHistory(service)
        async with Bench(PostgresStore(url), history=history) as bench:
            await history.flush()
            for number in range(ticks):
                proxy.clear()
                quiet = await bench.tick(commands_count=False)
                if number % 4 == 3:  # the default batch, in step with the ticks
                    await history.flush()
                if quiet:
                    counts.append(len(proxy.statements))
                    transactions += len(proxy.transaction_statements)
    return [
        Figure("statements in a tick without a command, most", max(counts), "", 3),
        Figure("statements in a tick without a command, mean", mean(counts), ""),
        Figure("BEGIN and COMMIT in all of these ticks", transactions, "", 0),
    ]


class Bench:
    """An engine with one zone, on a real client and the simulated cloud over HTTP."""

    def __init__(self, store: object, history: object = None) -> None:
        self._history = history
        self._clock = SimulatedClock(START)
        self._cloud = FakeSwitchBotCloud(clock=self._clock, season="winter", seed=1)
        self.store = Stopwatch(ThreadedStore(store))

    async def __aenter__(self) -> Self:
        await self._cloud.__aenter__()
        self._session = aiohttp.ClientSession()
        self.client = Stopwatch(
            SwitchBotClient(
                self._session,
                self._cloud.token,
                self._cloud.secret,
                base_url=self._cloud.base_url,
                clock=self._clock,
            )
        )
        await self.store.open()
        await self.store.set("settings", default_settings("winter"))
        self._engine = AutomationEngine(
            self.client, self.store, history=self._history, clock=self._clock
        )
        await self._engine.__aenter__()
        for _ in range(5):
            await self.tick()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._engine.__aexit__(None, None, None)
        await self.store.close()
        await self._session.close()
        await self._cloud.__aexit__(None, None, None)

    async def tick(self, *, commands_count: bool = True) -> float:
        """Run one tick at the instant the engine asked for; return its seconds.

        0.0 for a tick with a command when those do not count.
        """
        began = perf_counter()
        report = await self._engine.run_once()
        spent = perf_counter() - began
        self._clock.advance_to(self._engine.next_wakeup)
        return spent if commands_count or not report.commands else 0.0
