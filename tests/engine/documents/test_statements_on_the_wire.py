"""What a tick costs a database, counted where it cannot be argued with."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from switchbot_store import HistoryService, PostgresHistory, PostgresStore, migrate
from switchbot_store.testing.tcp_proxy import TcpProxy


@pytest.fixture
def proxy(database_url):
    migrate(database_url)
    parts = urlsplit(database_url)
    with TcpProxy(parts.port, target_host=parts.hostname) as made:
        netloc = parts.netloc.replace(f":{parts.port}", f":{made.port}")
        made.url = parts._replace(netloc=netloc).geturl()
        yield made


@pytest.fixture
def served(house, proxy):
    """The house on PostgreSQL, behind the proxy that counts."""
    settings = house.store.get("settings")
    with PostgresStore(proxy.url) as store:
        house.store = store
        store.set("settings", settings)
        yield house


@pytest.mark.parametrize("with_history", [False, True])
async def test_a_tick_takes_at_most_three_statements_and_no_transaction(
    served, proxy, *, with_history
):
    backend = PostgresHistory(proxy.url)
    with HistoryService(
        backend, batch_size=1000, flush_interval_seconds=3600, now=served.clock.now
    ) as history:
        options = {"history": history} if with_history else {}
        async with served.restarted(**options):
            await served.tick(21.0)
            for tenths in range(5):
                proxy.clear()
                await served.tick(21.0 + tenths / 10, after=60)
                assert len(proxy.statements) <= 3, proxy.statements
                assert proxy.transaction_statements == []
            proxy.clear()
            report = await served.tick(19.0, after=60)
            assert report.outcome == "winter_on"
            assert len(proxy.statements) == 3, proxy.statements
            assert proxy.transaction_statements == []


async def test_several_zones_cost_no_more_than_one(served, proxy):
    document = served.store.get("settings")
    zones = {
        f"room {number}": {"meter_device_id": f"M{number}"} for number in range(20)
    }
    served.store.set("settings", {**document, "zones": zones})
    async with served.restarted():
        await served.tick(21.0)
        proxy.clear()
        await served.tick(21.5, after=60)
        assert len(proxy.statements) == 2, proxy.statements


async def test_hours_of_ticks_leave_the_database_as_the_engine_believes_it(served):
    async with served.restarted() as engine:
        end = served.clock.now() + timedelta(hours=3)
        for temperature in (19.0, 21.0, 23.0):
            served.cloud.temperature = temperature
            await served.live(until=served.clock.now() + timedelta(hours=1))
        assert served.clock.now() == end
        assert (await engine.health())["status"] == "ok"
    assert served.state["assumed_aircon_power"] == "off"
    assert served.cloud.words == ["setAll 23,5,3,on", "turnOff"]
