"""Many homes in one process: as many statements as instants, and nobody waits for others."""

import asyncio
import gc

import pytest

from switchbot_automation import AutomationEngine
from switchbot_automation.fleet.errands import checked_errand
from switchbot_automation.fleet.keeper import HomeKeeper
from switchbot_automation.fleet.visit import Place
from switchbot_store import GatheringStore, HomeStore


@pytest.fixture
async def street(fleet):
    """Thirty homes that are kept by one."""
    shared = GatheringStore(fleet.store)
    fleet.place = Place(
        shared, fleet.clouds.__getitem__, fleet.place.history, fleet.clock
    )
    fleet.keeper = HomeKeeper(fleet.place)
    for number in range(30):
        fleet.add(str(number))
        fleet.keeper.add(str(number))
    yield fleet
    await shared.detach()


async def test_homes_due_together_are_read_and_written_as_one(street):
    assert len(await street.keeper.visit_due()) == 30
    for _ in range(4):
        street.clock.advance(60)
        before = street.place.store.calls
        assert len(await street.keeper.visit_due()) == 30
        assert street.place.store.calls - before <= 4
    assert await street.keeper.visit_due() == []


async def test_rows_of_many_homes_are_one_batch(street):
    for _ in range(2):
        await street.keeper.visit_due()
        street.clock.advance(60)
    street.service.flush()
    assert len(street.service.backend.zones()) == 30


async def test_a_home_that_fails_or_hangs_delays_no_other(street, caplog):
    """It alone is looked after later, and is again once it can be."""
    await street.keeper.visit_due()
    street.clock.advance(60)
    failing = street.clouds.pop("3")
    hangs = asyncio.Event()
    status = street.clouds["7"].status

    async def hanging(device_id):
        await hangs.wait()
        return await status(device_id)

    street.clouds["7"].status = hanging
    going = asyncio.create_task(street.keeper.visit_due())
    for _ in range(3):
        async with asyncio.timeout(60):
            while street.keeper._visiting != {"7"}:  # noqa: ASYNC110 - of another task
                await asyncio.sleep(0)
        street.clock.advance(60)
        others = await street.keeper.visit_due()
        assert len(others) == 28
        assert {"3", "7"}.isdisjoint(visit.home for visit in others)
    hangs.set()
    street.clouds["3"] = failing
    assert "7" in [visit.home for visit in await going]
    street.clock.advance(120)
    assert len(await street.keeper.visit_due()) == 30


async def test_five_megabytes_of_one_home_delay_no_other(street):
    """What they hold up is their own lane; see the tests of `GatheringStore`."""
    await street.keeper.visit_due()
    HomeStore(street.store, "6").update(
        "state", lambda state: state | {"of_a_host": "x" * 5_000_000}
    )
    for _ in range(3):
        street.clock.advance(60)
        assert len(await street.keeper.visit_due()) == 30
    assert len(HomeStore(street.store, "6").get("state")["of_a_host"]) == 5_000_000


def _engines():
    return [each for each in gc.get_objects() if type(each) is AutomationEngine]


async def test_nothing_of_a_resting_home_stays_in_memory(street):
    """No engine, no task, no thread: a line that says when."""
    # Other tests of this process may have left some of theirs.
    before = {id(each): each for each in _engines()}
    await street.keeper.visit_due()
    gc.collect()
    assert not [each for each in _engines() if id(each) not in before]
    assert street.keeper._tasks == set()


async def test_a_home_that_was_deleted_is_visited_no_more(street):
    street.store.forget("homes/4/")
    assert len(await street.keeper.visit_due()) == 29
    assert len(street.keeper) == 29
    assert street.store.keys_with("homes/4/") == []


async def test_an_errand_is_done_at_once_and_brings_the_next_visit_forward(street):
    await street.keeper.visit_due()
    errand = checked_errand({"kind": "act", "zone": "default", "action": "on"})
    visit = await street.keeper.ask("9", errand)
    assert visit.commands == 1
    assert street.keeper.next_wakeup <= visit.next_wakeup


async def test_it_runs_until_it_is_cancelled(street):
    """On the homes' own clock; first looks are spread over the time that is given."""
    visited = asyncio.Event()
    seen = []

    def note(visit):
        seen.append(visit.home)
        if len(seen) >= 200:
            visited.set()

    keeper = HomeKeeper(street.place, on_visit=note)
    for home in street.clouds:
        keeper.add(home, spread_seconds=60)
    running = asyncio.create_task(keeper.run())
    await asyncio.wait_for(visited.wait(), 60)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(set(seen)) == 30
    assert keeper._tasks == set()


async def test_a_home_that_failed_for_days_is_looked_after_again(street):
    """Its wait has an end however often it failed; others have theirs."""
    whole = street.clouds.pop("3")
    await street.keeper.visit_due()
    street.keeper._homes["3"].failures = 5000
    street.clock.advance(60)
    assert len(await street.keeper.visit_due()) == 29
    street.clouds["3"] = whole
    street.clock.advance(130)
    assert "3" in {visit.home for visit in await street.keeper.visit_due()}


async def test_a_home_removed_as_its_visit_begins_can_come_back(street):
    begun = street.keeper._begin_due()
    street.keeper.remove("3")
    assert len([each for each in await asyncio.gather(*begun) if each]) == 29
    street.keeper.add("3")
    assert [visit.home for visit in await street.keeper.visit_due()] == ["3"]


async def test_a_store_that_dies_is_told_of_in_a_line_a_home(street, caplog):
    await street.keeper.visit_due()
    street.clock.advance(60)
    street.store.close()
    assert await street.keeper.visit_due() == []
    told = [each for each in caplog.records if "looked after" in each.getMessage()]
    assert len(told) == 30
    assert {each.exc_info for each in told} == {None}
    assert {each.getMessage().rpartition("; ")[2] for each in told} == {
        "it is visited again in 5 s"
    }
