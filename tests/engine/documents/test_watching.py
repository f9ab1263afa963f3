"""An engine that is told to watch leaves the lead to the one that has it, and says so."""

import pytest

from switchbot_automation.engine import AutomationEngine


@pytest.fixture
async def watching(house):
    """A second engine, which watches as long as `there` is not empty."""
    there = ["the first"]
    await house.tick(21.0)
    async with AutomationEngine(
        house.cloud, house.store, clock=house.clock, watches_while=lambda: bool(there)
    ) as engine:
        engine.there = there
        yield engine


async def told(engine):
    return (await engine.health())["watches"], engine.overview()["watches"]


async def test_it_only_watches_and_says_so(house, watching):
    leads = house.state["engine"]
    for temperature in (19.0, 19.0):
        house.cloud.temperature = temperature
        house.clock.advance(60)
        assert (await watching.run_once()).commands == ()
    assert house.state["engine"] == leads
    assert await told(watching) == (True, True)
    assert await told(house.engine) == (False, False)
    assert (await house.tick(19.0, after=60)).outcome == "winter_on"


async def test_a_persons_word_is_carried_out_by_either(house, watching):
    await watching.run_once()
    command = await watching.act("default", "off")
    assert command.status == "accepted"
    assert house.cloud.words == ["turnOff"]


async def test_it_leads_once_the_other_is_gone(house, watching):
    await watching.run_once()
    watching.there.clear()
    house.clock.advance(60)
    house.cloud.temperature = 19.0
    await watching.run_once()
    assert await told(watching) == (False, False)
    assert house.cloud.words == ["setAll 23,5,3,on"]


async def test_it_leads_once_the_other_fell_silent(house, watching):
    await watching.run_once()
    silent = house.state["engine"]["silent_seconds"]
    house.clock.advance(silent - 1)
    await watching.run_once()
    assert await told(watching) == (True, True)
    house.clock.advance(2)
    await watching.run_once()
    assert await told(watching) == (False, False)
