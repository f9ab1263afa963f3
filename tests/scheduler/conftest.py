"""A clock moved by hand and a small engine that behaves as the real one promises."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

START = datetime(2026, 1, 12, tzinfo=UTC)


class HandClock:
    """Stands still until `advance`, which wakes those whose time has come."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.wall_offset = 0.0
        self.sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return START + timedelta(seconds=self.elapsed + self.wall_offset)

    def monotonic(self) -> float:
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        self.sleepers.append((self.elapsed + seconds, future))
        await future

    async def advance(self, seconds: float) -> None:
        """Let time pass from one due sleeper to the next."""
        end = self.elapsed + seconds
        await settle()
        while True:
            self.sleepers = [each for each in self.sleepers if not each[1].done()]
            due = min((at for at, _ in self.sleepers if at <= end), default=None)
            if due is None:
                break
            self.elapsed = max(self.elapsed, due)
            for at, future in self.sleepers:
                if at <= self.elapsed:
                    future.set_result(None)
            await settle()
        self.elapsed = end


async def settle() -> None:
    """Let every task go on until it waits for something that does not come by itself."""
    for _ in range(30):
        await asyncio.sleep(0)


@dataclass(frozen=True)
class Event:
    kind: str


class SmallEngine:
    """Counts its ticks, asks to be called again, tells listeners of a sooner wake-up."""

    def __init__(self, clock, interval_seconds: float = 120.0) -> None:
        self.clock = clock
        self.interval_seconds = interval_seconds
        self.next_wakeup = clock.now()
        self.ticks: list[float] = []
        self.triggers: list[str] = []
        self.failures: list[Exception] = []
        self.tick_seconds = 0.0
        self.gate: asyncio.Event | None = None
        self.finished = 0
        self.open = False
        self.listeners = []

    async def __aenter__(self):
        self.open = True
        return self

    async def __aexit__(self, *exc_info):
        self.open = False

    def subscribe(self, listener):
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def want_sooner(self, at: datetime) -> None:
        self.next_wakeup = at
        for listener in list(self.listeners):
            listener(Event("next_wakeup_changed"))

    async def run_once(self, trigger: str = "scheduler") -> str:
        self.ticks.append(self.clock.monotonic())
        self.triggers.append(trigger)
        if self.gate is not None:
            await self.gate.wait()
        if self.tick_seconds:
            await self.clock.sleep(self.tick_seconds)
        if self.failures:
            raise self.failures.pop(0)
        self.next_wakeup = self.clock.now() + timedelta(seconds=self.interval_seconds)
        self.finished += 1
        return trigger


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def engine(clock) -> SmallEngine:
    return SmallEngine(clock)


@pytest.fixture
def settled():
    return settle
