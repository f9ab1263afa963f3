"""What visits to many homes of one account count in its document is each call once."""

import asyncio

import psycopg
import pytest

from switchbot_automation import QuotaLedger
from switchbot_automation.fleet.accounts import AccountVisit
from switchbot_automation.fleet.errands import Errand
from switchbot_automation.fleet.visit import tick_home
from switchbot_store import (
    HomeStore,
    PostgresStore,
    SqliteHistory,
    StoreUnavailableError,
)
from tests.fleet.conftest import Fleet

ACCOUNT = "0123456789abcdef0123456789abcdef"
KEY = f"accounts/{ACCOUNT}/quota"
WAITING = (
    "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    " AND datname = current_database()"
)


class Shared:
    """What the clients of one account share: the ledger, and what the cloud was asked."""

    def __init__(self, clock):
        self.ledger = QuotaLedger(clock=clock)
        self.asked = 0


def of_account(cloud, shared):
    """Let a pretended cloud be a client of the account, slower or faster than others."""
    answer, turns = cloud._answer, 1 + shared.asked % 3

    async def counted(call):
        shared.ledger.attempt()
        shared.asked += 1
        for _ in range(turns + shared.asked % 5):
            await asyncio.sleep(0)
        await answer(call)

    cloud._answer = counted
    cloud.account, cloud.quota = ACCOUNT, shared.ledger
    return cloud


async def test_64_homes_of_one_account_visited_at_once_count_each_call_once(fleet):
    shared = Shared(fleet.clock)
    homes = [str(number) for number in range(64)]
    for number, home in enumerate(homes):
        # A third of them are cold, and command.
        of_account(fleet.add(home, 21.0 if number % 3 else 18.0), shared)
    asked = []
    for _ in range(3):
        await asyncio.gather(*(fleet.visit(home) for home in homes))
        asked.append(shared.asked)
        assert fleet.store.get(KEY)["api_requests_total"] == shared.asked
        assert shared.ledger.used == shared.asked
        fleet.clock.advance(120)
    assert asked[0] > 64  # they commanded, too
    assert asked[2] > asked[1] > asked[0]
    # Nor does a row tell of more calls than there were.
    fleet.service.flush()
    rows = [fleet.service.of_home(home).latest(9)[0] for home in homes]
    assert max(row.api_requests_today for row in rows) <= shared.asked


async def test_two_processes_with_one_account_count_each_others_calls_once(fleet):
    first, second = Shared(fleet.clock), Shared(fleet.clock)
    homes = [str(number) for number in range(16)]
    for number, home in enumerate(homes):
        of_account(fleet.add(home, 18.0), (first, second)[number % 2])
    for _ in range(4):
        await asyncio.gather(*(fleet.visit(home) for home in homes))
        total = fleet.store.get(KEY)["api_requests_total"]
        assert total == first.asked + second.asked
        fleet.clock.advance(120)


async def test_calls_of_a_visit_that_could_not_be_written_are_written_by_the_next(
    fleet, monkeypatch
):
    shared = Shared(fleet.clock)
    for home in "ab":
        of_account(fleet.add(home), shared)
    set_many_if = fleet.place.store.set_many_if

    async def away(*_):
        raise StoreUnavailableError("away")

    monkeypatch.setattr(fleet.place.store, "set_many_if", away)
    with pytest.raises(StoreUnavailableError):
        await tick_home("a", fleet.clock.now(), fleet.place)
    monkeypatch.setattr(fleet.place.store, "set_many_if", set_many_if)
    assert shared.asked
    assert not fleet.store.get(KEY)
    await fleet.visit("b")
    assert fleet.store.get(KEY)["api_requests_total"] == shared.asked


async def test_calls_are_counted_once_where_another_makes_the_state_meanwhile(
    database_url,
):
    """As a first visit by another process, which notes what it is about to send."""
    with PostgresStore(database_url) as store:
        fleet = Fleet(store, SqliteHistory(":memory:"))
        shared = Shared(fleet.clock)
        for home in "ab":
            of_account(fleet.add(home), shared)
        await fleet.visit("b")
        with psycopg.connect(database_url) as other:
            other.execute(
                "INSERT INTO json_store (kind, data, updated_at)"
                """ VALUES ('homes/a/state', '{"home": "a"}', now())"""
            )
            visit = asyncio.create_task(fleet.visit("a"))
            with psycopg.connect(database_url, autocommit=True) as beside:
                while not beside.execute(WAITING).fetchall():
                    assert not visit.done()
                    await asyncio.sleep(0.01)
            other.commit()
            await visit
        assert store.get(KEY)["api_requests_total"] == shared.asked
        await fleet.place.store.detach()
        await fleet.place.history.detach()
        fleet.service.close()


@pytest.mark.parametrize("others", [0, 8])
async def test_what_is_sent_for_a_person_is_counted_once(fleet, others):
    """Beside visits to other homes of the account, and alone."""
    shared = Shared(fleet.clock)
    homes = ["a", *(str(number) for number in range(others))]
    for home in homes:
        of_account(fleet.add(home), shared)
    for action in ("on", "off", "on"):
        errand = Errand("act", {"zone": "default", "action": action})
        await asyncio.gather(
            fleet.visit("a", errand=errand), *(fleet.visit(home) for home in homes[1:])
        )
        assert fleet.store.get(KEY)["api_requests_total"] == shared.asked
        fleet.clock.advance(600)
    assert len(fleet.clouds["a"].words) == 3


async def test_the_number_that_the_cloud_says_is_not_added_to(fleet):
    shared = Shared(fleet.clock)
    of_account(fleet.add("a"), shared)
    shared.ledger.observe({"x-ratelimit-remaining": "9000"})
    if not shared.ledger.is_told:
        pytest.fail("the headers were not read")
    await fleet.visit("a")
    assert fleet.store.get(KEY)["api_requests_total"] == 1_000 + shared.asked


async def test_a_call_of_yesterday_is_not_given_back_to_today(fleet):
    shared = Shared(fleet.clock)
    cloud = of_account(fleet.add("a"), shared)
    await fleet.visit("a")
    visit = AccountVisit(fleet.place.store, cloud)
    shared.ledger.attempt()
    found = await visit.get(KEY)
    await visit.set(KEY, found)
    visit._calls.claim()
    fleet.clock.advance(86_400)
    visit.end()
    assert shared.ledger.claim() == 0
    assert HomeStore(fleet.store, "a").get("state")
