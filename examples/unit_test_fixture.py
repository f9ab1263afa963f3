# Testing code that embeds the engine: a believable home, and time that obeys.
#
#   pytest examples/unit_test_fixture.py
#
# The home answers in process, so a day takes a blink; `FakeSwitchBotCloud` serves the
# same home over HTTP for hosts that bring their own client.
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from switchbot_automation import AutomationEngine, SwitchBotClient
from switchbot_automation.simulation import (
    FakeSwitchBotCloud,
    SimulatedClock,
    SimulatedHome,
    default_settings,
)
from switchbot_store import MemoryStore

MONDAY_NOON = datetime(2026, 1, 12, 11, tzinfo=UTC)


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(MONDAY_NOON)


@pytest.fixture
def home(clock: SimulatedClock) -> SimulatedHome:
    return SimulatedHome(clock, season="winter", seed=1)


@pytest.fixture
async def engine(
    clock: SimulatedClock, home: SimulatedHome
) -> AsyncIterator[AutomationEngine]:
    store = MemoryStore()
    store.set("settings", default_settings("winter"))
    async with AutomationEngine(home, store, clock=clock) as engine:
        yield engine


async def test_a_cold_room_is_heated(
    engine: AutomationEngine, clock: SimulatedClock, home: SimulatedHome
) -> None:
    report = await engine.run_once()
    assert report.outcome == "winter_on"
    cold = home.room.house.air
    clock.advance(1800)
    home.advance()
    assert home.room.house.air > cold + 1


async def test_a_person_may_switch_it_off(engine: AutomationEngine) -> None:
    await engine.run_once()
    command = await engine.act("default", "off", hold=timedelta(hours=2))
    assert command.status == "accepted"


async def test_the_same_home_over_http() -> None:
    async with FakeSwitchBotCloud() as cloud, aiohttp.ClientSession() as session:
        client = SwitchBotClient(
            session, cloud.token, cloud.secret, base_url=cloud.base_url
        )
        found = await client.devices()
        assert [remote.remote_type for remote in found.remotes] == ["Air Conditioner"]
