"""Homes of one store, visited by whoever comes along."""

from copy import deepcopy

import pytest

from switchbot_automation.fleet.visit import Place, tick_home
from switchbot_automation.simulation import SimulatedClock
from switchbot_store import (
    HistoryService,
    HomeStore,
    MemoryStore,
    PostgresHistory,
    PostgresStore,
    SqliteHistory,
    ThreadedHistory,
    ThreadedStore,
)
from tests.engine.conftest import MONDAY_NOON, WINTER_ROOM, PretendCloud
from tests.fleet.working import Working


class Fleet:
    """Homes by name, each with a cloud of its own, on one clock."""

    def __init__(self, store, rows):
        self.clock = SimulatedClock(MONDAY_NOON)
        self.store = store
        self.service = HistoryService(rows, now=self.clock.now)
        self.clouds = {}
        self.zones = {}
        self.place = Place(
            ThreadedStore(store),
            self.clouds.__getitem__,
            ThreadedHistory(self.service),
            self.clock,
        )

    def add(self, home, temperature=21.0, **settings):
        HomeStore(self.store, home).set("settings", deepcopy(WINTER_ROOM) | settings)
        cloud = self.clouds[home] = PretendCloud(self.clock)
        cloud.temperature = temperature
        return cloud

    async def visit(self, home, **options):
        options.setdefault("zones", self.zones.get(home, ()))
        found = await tick_home(home, self.clock.now(), self.place, **options)
        self.zones[home] = found.zones
        return found


@pytest.fixture
def database_url(migrated_database_url):
    """A database that hosts were started on before: none of these tests is about the first."""
    return migrated_database_url


@pytest.fixture(params=["memory", "postgres"])
async def fleet(request, tmp_path):
    if request.param == "memory":
        store, rows = MemoryStore(), SqliteHistory(":memory:")
    else:
        url = request.getfixturevalue("database_url")
        store, rows = PostgresStore(url), PostgresHistory(url)
    made = Fleet(store, rows)
    yield made
    await made.place.store.detach()
    await made.place.history.detach()
    made.service.close()
    store.close()


@pytest.fixture
async def working(database_url):
    made = Working(database_url)
    async with made.queue:
        await made.queue.install()
        await made.queue.install()
        yield made
    await made.place.store.detach()
    made.store.close()
