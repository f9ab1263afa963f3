"""Brokers for the tests of MQTT: one of our own, and a real mosquitto where there is one."""

from __future__ import annotations

import asyncio
import math
import os
from datetime import UTC, datetime
from random import Random

import aiohttp
import pytest

from switchbot_automation import AutomationEngine, SwitchBotClient
from switchbot_automation.mqtt import PushStream
from switchbot_automation.simulation import (
    FakeSwitchBotCloud,
    SimulatedClock,
    SimulatedHome,
    default_settings,
)
from switchbot_automation.simulation.server.broker import SimulatedBroker
from switchbot_store import MemoryStore

from .mosquitto import Mosquitto, find_mosquitto
from .plain_amqtt import PlainAmqtt
from .rooms import two_zones


def demand_mosquitto():
    """Pass over without the program, fail where the environment asks for it."""
    if find_mosquitto() is None:
        word = "mosquitto is not installed: apt-get install mosquitto"
        if os.environ.get("SWITCHBOT_TEST_MOSQUITTO"):
            pytest.fail(f"SWITCHBOT_TEST_MOSQUITTO asks for it and {word}")
        pytest.skip(word)


class WaitingClock(SimulatedClock):
    """A clock whose sleepers wait until somebody lets time pass, as real ones do."""

    def __init__(self, start=None):
        super().__init__(start or datetime.now(UTC))
        self._sleepers: list[tuple[float, asyncio.Future]] = []
        self._asleep = asyncio.Condition()
        self.slept: list[float] = []

    async def sleep(self, seconds):
        self.slept.append(seconds)
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        entry = (self.monotonic() + seconds, asyncio.get_running_loop().create_future())
        self._sleepers.append(entry)
        async with self._asleep:
            self._asleep.notify_all()
        try:
            await entry[1]
        finally:
            self._sleepers.remove(entry)

    def advance(self, seconds):
        super().advance(seconds)
        for due, future in self._sleepers:
            if due <= self.monotonic() and not future.done():
                future.set_result(None)

    async def until_sleeping(self, least=0.0, most=math.inf):
        """Wait until somebody sleeps for so long; return for how long."""

        def longest():
            waits = [
                due - self.monotonic()
                for due, each in self._sleepers
                if not each.done()
            ]
            return max((each for each in waits if least <= each <= most), default=None)

        async with asyncio.timeout(30), self._asleep:
            await self._asleep.wait_for(lambda: longest() is not None)
        return longest()


class ImpatientClock:
    """The same time for a client whose waits between two attempts are not waited for."""

    def __init__(self, clock):
        self.now, self.monotonic = clock.now, clock.monotonic

    async def sleep(self, seconds):
        await asyncio.sleep(0)


@pytest.fixture
async def clock():
    return WaitingClock()


@pytest.fixture(params=["simulated", "mosquitto"])
async def broker(request):
    """Give a broker with mutual TLS that `FakeSwitchBotCloud` can push by."""
    if request.param == "simulated":
        async with SimulatedBroker() as broker:
            yield broker
        return
    demand_mosquitto()
    with Mosquitto(tls=True) as broker:
        yield broker


@pytest.fixture
async def own_broker():
    async with SimulatedBroker() as broker:
        yield broker


@pytest.fixture
async def real_broker():
    demand_mosquitto()
    with Mosquitto(tls=True) as broker:
        yield broker


class Setup:
    """A simulated account with a broker, an engine on it, and the stream between."""

    def __init__(self, broker, clock, session):
        self.broker, self.clock = broker, clock
        self.home = SimulatedHome(clock, season="winter")
        self.cloud = FakeSwitchBotCloud(self.home, broker=broker)
        self.session = session
        self.store = MemoryStore()
        self.store.set("settings", default_settings("winter"))
        self.heard: list = []
        self.missed = 0
        self.news = asyncio.Condition()

    async def start(self):
        await self.cloud.start()
        self.client = SwitchBotClient(
            self.session,
            self.cloud.token,
            self.cloud.secret,
            base_url=self.cloud.base_url,
            clock=ImpatientClock(self.clock),
        )
        self.engine = AutomationEngine(self.client, self.store, clock=self.clock)
        await self.engine.__aenter__()
        await self.engine.run_once()

    async def stop(self):
        await self.engine.__aexit__(None, None, None)
        await self.cloud.stop()

    async def take(self, event):
        taken = await self.engine.handle_webhook(event)
        async with self.news:
            self.heard.append(taken)
            self.news.notify_all()
        return taken

    def _note_missed(self):
        self.missed += 1

    def stream(self, **options):
        return PushStream(
            self.client,
            self.take,
            missed=self._note_missed,
            clock=self.clock,
            random=Random(7),
            **options,
        )

    async def until_heard(self, count):
        async with asyncio.timeout(30), self.news:
            await self.news.wait_for(lambda: len(self.heard) >= count)


@pytest.fixture
async def make_setup(clock):
    """Give a function that makes a `Setup` on a broker."""
    made = []
    async with aiohttp.ClientSession() as session:

        async def make(broker):
            made.append(Setup(broker, clock, session))
            await made[-1].start()
            return made[-1]

        yield make
        for each in made:
            await each.stop()


@pytest.fixture
async def running():
    """Give a function that runs a stream or bridge until the test ends."""
    tasks = []

    def start(what):
        tasks.append(asyncio.create_task(what.run()))
        return tasks[-1]

    yield start
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended


@pytest.fixture(params=["amqtt", "mosquitto"])
async def plain_broker(request):
    """Give a broker of one's own, as a home has one."""
    if request.param == "mosquitto":
        demand_mosquitto()
        with Mosquitto() as broker:
            yield broker
        return
    pytest.importorskip("amqtt", reason="amqtt is not there for this Python")
    broker = PlainAmqtt()
    await broker.start()
    yield broker
    await broker.stop()


@pytest.fixture
async def plain_mosquitto():
    demand_mosquitto()
    with Mosquitto() as broker:
        yield broker


@pytest.fixture
async def engine(clock):
    """Keep two rooms, looked at once."""
    home = SimulatedHome(clock, season="winter")
    store = MemoryStore()
    store.set("settings", two_zones())
    async with AutomationEngine(home, store, clock=clock) as engine:
        await engine.run_once()
        yield engine
