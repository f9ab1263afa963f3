"""What the page says of the past while the database is away: what it last knew."""

import asyncio
from datetime import timedelta

import pytest

from switchbot_automation.simulation import SimulatedClock
from switchbot_automation.web.shared import Shared
from switchbot_store import HistoryService, PostgresHistory, StoreUnavailableError
from switchbot_store.testing import TcpProxy

from .conftest import MONDAY, LivedHome

CHART = "api/zones/office/history?hours=6&points=60"
DECISIONS = "api/zones/office/decisions"


@pytest.fixture
def proxy(postgres_server):
    with TcpProxy(postgres_server.port) as proxy:
        yield proxy


@pytest.fixture
async def lived(proxy, postgres_server, migrated_database_url, tmp_path):
    """A home of three hours whose history is in PostgreSQL, behind the proxy."""
    name = migrated_database_url.rpartition("/")[2].partition("?")[0]
    url = postgres_server.url(name, port=proxy.port)
    clock = SimulatedClock(MONDAY + timedelta(hours=3))
    history = HistoryService(
        PostgresHistory(url, timeout_seconds=0.3),
        spill=tmp_path / "spill.sqlite3",
        now=clock.now,
        batch_size=50,
    )
    lived = LivedHome(history, clock)
    with history:
        async with lived.engine:
            await lived.live(3)
            yield lived


def _answers(history):
    """Wait for an answer as long as the history does."""
    try:
        history.latest()
    except StoreUnavailableError:
        return False
    return True


@pytest.mark.parametrize("how", ["refuse", "black_hole"])
async def test_a_chart_outlives_the_database(lived, proxy, get, how):
    async with lived.serve() as url:
        before = await get(f"{url}{CHART}")
        assert before["rows"]
        assert before["unavailable"] is None
        getattr(proxy, how)()
        proxy.reset()
        await lived.live(0.2)
        kept = await get(f"{url}{CHART}")
        assert kept["rows"] == before["rows"]
        assert kept["end"] == before["end"]
        assert kept["unavailable"]
        # Nobody has asked this: there is nothing to show instead.
        told = await get(f"{url}{CHART}0", 503)
        assert told["error"] == "store_unavailable"


@pytest.mark.parametrize("how", ["refuse", "black_hole"])
async def test_decisions_made_while_the_database_is_away_are_told(
    lived, proxy, get, how
):
    async with lived.serve() as url:
        getattr(proxy, how)()
        proxy.reset()
        began = lived.clock.now()
        await lived.live(0.5)
        told = await get(f"{url}{DECISIONS}")
    assert told["unavailable"]
    assert told["decisions"]
    assert all(each["since"] >= began.isoformat() for each in told["decisions"])


async def test_a_silent_database_is_asked_once_at_a_time(lived, proxy, get):
    asked = []
    real = lived.history.backend.buckets

    def counted(*arguments, **options):
        asked.append(arguments)
        return real(*arguments, **options)

    lived.history.backend.buckets = counted
    async with lived.serve() as url:
        await get(f"{url}{CHART}")
        proxy.black_hole()
        proxy.reset()
        await lived.live(0.2)
        asked.clear()
        answers = await asyncio.gather(*(get(f"{url}{CHART}") for _ in range(20)))
    assert all(answer["unavailable"] for answer in answers)
    assert len(asked) == 1


async def test_a_chart_is_of_today_again_once_the_database_is_back(lived, proxy, get):
    async with lived.serve() as url:
        before = await get(f"{url}{CHART}")
        proxy.black_hole()
        proxy.reset()
        await lived.live(0.2)
        assert (await get(f"{url}{CHART}"))["unavailable"]
        proxy.pass_through()
        proxy.reset()
        async with asyncio.timeout(30):
            while not await asyncio.to_thread(_answers, lived.history):
                pass
        await asyncio.to_thread(lived.history.flush)  # else within the minute
        await lived.live(0.2)
        async with asyncio.timeout(30):
            # Of several connections another may still have to learn that it is dead.
            while (after := await get(f"{url}{CHART}"))["unavailable"]:
                pass
    assert after["end"] > before["end"]
    assert after["rows"][-1]["timestamp"] > before["rows"][-1]["timestamp"]


async def test_only_the_first_who_asks_a_silent_database_waits():
    shared = Shared()

    async def known():
        return {"rows": [1]}

    async def silent():
        await asyncio.Event().wait()

    await shared.get_or_last("chart", known)
    shared.forget()
    first = await shared.get_or_last("chart", silent)
    assert first.unavailable
    # Within the second that the first one waited for.
    async with asyncio.timeout(0.5):
        second = await shared.get_or_last("chart", silent)
    assert second.value == {"rows": [1]}


async def test_an_answer_that_came_too_late_is_the_last_one_known():
    shared, arrived = Shared(), asyncio.Event()

    async def known():
        return {"rows": [1]}

    async def slow():
        await arrived.wait()
        return {"rows": [2]}

    async def silent():
        await asyncio.Event().wait()

    await shared.get_or_last("chart", known)
    shared.forget()
    assert (await shared.get_or_last("chart", slow)).value == {"rows": [1]}
    arrived.set()
    await shared.get("chart", slow)
    shared.forget()
    assert (await shared.get_or_last("chart", silent)).value == {"rows": [2]}
