"""What somebody wrote over one home's document, and is none, concerns no other home."""

import asyncio
import time
from copy import deepcopy
from datetime import timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb

from switchbot_automation.cli.commands.fleet import _having_settings
from switchbot_automation.fleet.events import FleetEvents
from switchbot_automation.fleet.overview import fleet_overview
from switchbot_automation.fleet.rollout import roll_back, roll_out
from switchbot_automation.fleet.spread import backtest_homes, spreading
from switchbot_automation.fleet.summary import LEFT
from switchbot_automation.fleet.visit import Place, tick_home
from switchbot_automation.simulation import SimulatedClock
from switchbot_store import (
    GatheringStore,
    HomeStore,
    PostgresStore,
    StoreClosedError,
    ThreadedStore,
)
from switchbot_store.homes import read_each
from tests.engine.conftest import METER, MONDAY_NOON, WINTER_ROOM, PretendCloud

HOMES = [str(number) for number in range(9)]
BROKEN = "3"


@pytest.fixture
def store(database_url):
    with PostgresStore(database_url) as made:
        for home in HOMES:
            HomeStore(made, home).set("settings", deepcopy(WINTER_ROOM))
        yield made


@pytest.fixture
def overwrite(database_url, store):
    def write(name):
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(
                "UPDATE json_store SET data = %s WHERE kind = %s",
                [Jsonb([1]), f"homes/{BROKEN}/{name}"],
            )

    return write


async def test_homes_that_are_read_with_it_are_visited(store, overwrite):
    overwrite("settings")
    clock = SimulatedClock(MONDAY_NOON)
    clouds = {home: PretendCloud(clock) for home in HOMES}
    gathering = GatheringStore(store)
    place = Place(gathering, clouds.__getitem__, clock=clock)
    found = await asyncio.gather(
        *(tick_home(home, clock.now(), place) for home in HOMES),
        return_exceptions=True,
    )
    failed = [
        home
        for home, visit in zip(HOMES, found, strict=True)
        if isinstance(visit, Exception)
    ]
    await gathering.detach()
    assert failed == [BROKEN]
    assert BROKEN in str(found[HOMES.index(BROKEN)])


async def test_a_store_that_is_away_is_not_asked_by_halves(store):
    """That the place answers makes the difference."""
    gathering = GatheringStore(store)
    store.close()
    asked = await asyncio.gather(
        *(gathering.get(f"homes/{home}/settings") for home in HOMES),
        return_exceptions=True,
    )
    await gathering.detach()
    assert all(isinstance(each, StoreClosedError) for each in asked)
    assert gathering.calls == 1


def test_settings_are_rolled_out_to_the_others_and_go_back(store, overwrite):
    overwrite("settings")
    others = [home for home in HOMES if home != BROKEN]
    assert list(_having_settings(store, HOMES)) == HOMES
    done = list(roll_out(store, "wider", {"hysteresis_celsius": 0.5}, HOMES))
    assert [each.home for each in done if each.what == "applied"] == others
    assert [each.home for each in done if each.what == "failed"] == [BROKEN]
    back = list(roll_back(store, "wider", HOMES))
    assert [each.home for each in back if each.what == "back"] == others
    assert [each.home for each in back if each.what == "failed"] == [BROKEN]
    assert HomeStore(store, "1").get("settings") == WINTER_ROOM


def test_a_candidate_is_tried_over_the_others(
    store, overwrite, database_url, monkeypatch
):
    overwrite("settings")
    monkeypatch.setenv("STORE_BACKEND", "postgres")
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("POSTGRES_URL", database_url)
    with spreading() as alone:
        found = backtest_homes(
            alone,
            HOMES,
            MONDAY_NOON,
            MONDAY_NOON + timedelta(days=4),
            changes={"hysteresis_celsius": 0.5},
        )
    assert [each["home"] for each in found] == HOMES
    for each in found:
        why = "holds no" if each["home"] == BROKEN else "days of readings"
        assert why in each["problem"]


async def test_it_is_told_of_among_the_others(store, overwrite):
    clock = SimulatedClock(MONDAY_NOON)
    place = Place(ThreadedStore(store), lambda _home: PretendCloud(clock), clock=clock)
    for home in HOMES[:-1]:
        await tick_home(home, clock.now(), place)
    await place.store.detach()
    overwrite(LEFT)
    found = fleet_overview(store, clock.now())
    assert found["counts"]["ok"] == len(HOMES) - 2
    (late,) = found["worst"]
    assert (late["home"], late["what"]) == (BROKEN, "late")
    assert "JSON" in late["problem"]


async def test_events_reach_the_other_homes_of_its_account(store, overwrite):
    overwrite("settings")
    woken = []

    async def wake(home, errand):
        woken.append((home, errand["kind"]))

    threaded = ThreadedStore(store)
    events = FleetEvents(wake, store=threaded)
    event = {
        "eventType": "changeReport",
        "eventVersion": "1",
        "context": {
            "deviceType": "WoMeter",
            "deviceMac": METER,
            "temperature": 17.5,
            "humidity": 40,
            "scale": "CELSIUS",
            "timeOfSample": round(time.time() * 1000),
        },
    }
    await events.take(HOMES, event)
    await threaded.detach()
    assert woken == [(home, "webhook") for home in HOMES if home != BROKEN]


def test_of_many_those_that_cannot_be_read_are_named(store, overwrite):
    overwrite("settings")
    keys = [f"homes/{home}/settings" for home in HOMES]
    entries, problems = read_each(store, keys)
    assert list(problems) == [f"homes/{BROKEN}/settings"]
    assert [*entries] == [key for key in keys if key not in problems]
    assert read_each(store, []) == ({}, {})
