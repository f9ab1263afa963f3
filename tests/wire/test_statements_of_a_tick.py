"""What a tick costs on a remote database, counted on the wire."""

from datetime import UTC, datetime

import psycopg
import pytest

from switchbot_automation import AutomationEngine
from switchbot_automation.simulation import (
    SimulatedClock,
    SimulatedHome,
    default_settings,
)
from switchbot_store import (
    HistoryService,
    PostgresHistory,
    PostgresStore,
    ThreadedHistory,
)
from switchbot_store.testing import TcpProxy

BEFORE_THE_WINDOW = datetime(2026, 1, 12, 5, tzinfo=UTC)


@pytest.fixture
def proxy(postgres_server):
    with TcpProxy(postgres_server.port) as running:
        yield running


@pytest.fixture
def url(postgres_server, database_url, proxy):
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    return postgres_server.url(name, port=proxy.port)


@pytest.fixture
def store(url):
    with PostgresStore(url) as opened:
        opened.set("settings", default_settings("winter"))
        yield opened


@pytest.fixture
async def history(url, tmp_path):
    # Batches are flushed by the test: a tick that ends a batch is the dearest one.
    backend = PostgresHistory(url)
    with HistoryService(backend, batch_size=1000, spill=tmp_path / "spill") as service:
        made = ThreadedHistory(service)
        yield made
        await made.detach()


async def test_a_tick_without_a_command_takes_three_statements_and_no_transaction(
    store, history, proxy
):
    clock = SimulatedClock(BEFORE_THE_WINDOW)
    home = SimulatedHome(clock, season="winter", seed=3)
    quiet, commanding = [], 0
    async with AutomationEngine(home, store, history=history, clock=clock) as engine:
        await engine.run_once()
        await history.flush()  # the first also looks after the rollup, once an hour
        for number in range(60):
            clock.advance_to(engine.next_wakeup)
            proxy.clear()
            report = await engine.run_once()
            if number % 4 == 3:
                await history.flush()
            if report.commands:
                commanding += 1
            else:
                quiet.append(list(proxy.statements))
                assert proxy.transaction_statements == []
    assert commanding, "the room was too comfortable to prove anything"
    assert len(quiet) > 30
    assert max(len(statements) for statements in quiet) <= 3
