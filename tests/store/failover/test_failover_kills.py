"""kill -9 of the database and of its writers: nothing acknowledged is lost."""

import importlib.util
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from switchbot_store import PostgresStore
from tests.cases import slow_after

WRITERS = 4


@pytest.fixture(scope="module")
def chaos():
    path = Path(__file__).with_name("chaos.py")
    spec = importlib.util.spec_from_file_location("failover_chaos", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("writes", slow_after(1, [2_000, 20_000]))
def test_killed_writers_and_killed_servers_lose_nothing(
    chaos, server, tmp_path, writes
):
    report = chaos.run(server, tmp_path, writes=writes)

    assert report.lost == []
    assert report.applied_twice == []
    assert report.acknowledged >= writes
    assert report.server_kills + report.writer_kills >= 4


def test_a_slow_machine_ends_no_chaos_and_one_that_stands_still_does(chaos):
    now = 0.0
    progress = chaos.Progress(lambda: now)
    for writes in range(1, 100):  # one in almost ten minutes, for most of a day
        now += chaos.PATIENCE_SECONDS - 1
        progress.look(writes)
    now += chaos.PATIENCE_SECONDS
    progress.look(99)
    now += 1
    with pytest.raises(RuntimeError, match="after 99 of them"):
        progress.look(99)


@pytest.mark.slow
def test_whatever_befalls_at_once_loses_nothing(chaos, tmp_path):
    """Switch-overs, a pooler, a full disk, dropped tables, jumping clocks and kills."""
    with chaos.all_means(tmp_path) as (server, means):
        report = chaos.run(server, tmp_path, writes=20_000, kills=8, **means)
    assert report.wrong == [], str(report)
    assert report.named > 0


def test_a_server_killed_under_four_writers_loses_nothing(
    server, on_postgres, until_back
):
    store = on_postgres(server.url()).open()
    stop = threading.Event()
    acknowledged = [0] * WRITERS

    def count(writer):
        while not stop.is_set():
            done = store.update(
                f"counter/{writer}", lambda old: {"n": old.get("n", 0) + 1}
            )
            acknowledged[writer] += 1
            assert done["n"] == acknowledged[writer]

    kills = 0
    with ThreadPoolExecutor(WRITERS) as pool:
        writing = [pool.submit(count, writer) for writer in range(WRITERS)]
        try:
            while sum(acknowledged) < 4_000 or kills < 4:
                stop.wait(0.5)
                for each in writing:
                    if each.done():
                        each.result()
                server.kill()
                kills += 1
                server.start()
        finally:
            stop.set()
        for each in writing:
            each.result(30)
    until_back(store)
    assert kills >= 4
    assert store.conflicts() == []
    with PostgresStore(server.url()) as direct:
        found = [direct.get(f"counter/{writer}")["n"] for writer in range(WRITERS)]
    assert found == acknowledged
