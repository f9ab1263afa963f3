"""A system that has no thread left for a moment: what it cost is over with the moment."""

import socket
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from switchbot_store import (
    FailoverStore,
    HistorySample,
    HistoryService,
    JsonStore,
    MemoryStore,
    PostgresStore,
    SqliteHistory,
    StoreClosedError,
    StoreUnavailableError,
    ThreadedStore,
)
from switchbot_store.postgres.schema.schema_work import OwnLender, SchemaWork
from switchbot_store.postgres.wire import Watchdog

NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)


@pytest.fixture
def no_threads(monkeypatch):
    @contextmanager
    def no_threads():
        def refuse(_thread):
            raise RuntimeError("can't start new thread")

        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            yield

    return no_threads


async def test_calls_are_refused_and_then_answered(tmp_path, no_threads):
    """None of them waits for a thread that never began."""
    store = ThreadedStore(JsonStore(tmp_path))
    with no_threads():
        for _ in range(2):
            with pytest.raises(StoreUnavailableError, match="new thread"):
                await store.set("settings", {"n": 1})
    await store.set("settings", {"n": 2})
    assert await store.get("settings") == {"n": 2}
    await store.close()


def test_a_call_that_nobody_would_end_is_not_made(no_threads):
    watchdog = Watchdog()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with no_threads(), pytest.raises(StoreUnavailableError, match="new thread"):
            watchdog.guarding(ours.fileno(), 60.0).__enter__()
        with watchdog.guarding(ours.fileno(), 0.0) as guard:
            assert theirs.recv(1) == b""
        assert guard.expired


def test_a_database_is_used_again(database_url, no_threads, monkeypatch):
    with PostgresStore(database_url) as store:
        store.set("settings", {"n": 1})
        monkeypatch.setattr("switchbot_store.postgres.connections.WATCHDOG", Watchdog())
        with no_threads(), pytest.raises(StoreUnavailableError, match="new thread"):
            store.set("settings", {"n": 2})
        store.set("settings", {"n": 3})
        assert store.get("settings") == {"n": 3}


def test_a_store_with_failover_begins_as_soon_as_it_can(
    database_url, tmp_path, no_threads
):
    """And leaves the directory to whoever can begin meanwhile."""
    store = FailoverStore(PostgresStore(database_url), tmp_path)
    with no_threads():
        for _ in range(2):
            with pytest.raises(StoreUnavailableError, match="new thread"):
                store.open()
    with FailoverStore(MemoryStore(), tmp_path, background=False) as other:
        assert other.status().journal == "held"
    store.set("settings", {"n": 1})
    assert store.status().degraded_since is None
    with no_threads():
        store.close()
    with pytest.raises(StoreClosedError):
        store.get("settings")


def test_a_failover_that_cannot_work_beside_does_not_open(tmp_path, monkeypatch):
    """The first thread was the last one that the system had."""
    really = threading.Thread.start

    def refuse(thread):
        if thread.name == "store failover":
            raise RuntimeError("can't start new thread")
        really(thread)

    store = FailoverStore(MemoryStore(), tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(StoreUnavailableError, match="new thread"):
            store.set("settings", {"n": 1})
    store.set("settings", {"n": 2})
    assert store.get("settings") == {"n": 2}
    store.close()


def test_a_schema_is_brought_up_to_date_later(no_threads):
    done = []
    work = SchemaWork(OwnLender(lambda: None), lambda *_: done.append(True))
    with no_threads():
        for _ in range(2):
            with pytest.raises(StoreUnavailableError, match="new thread"):
                work.start()
            assert not work.running
            work.wait(0)  # nothing is waited for
    work.start()
    work.wait(60)
    work.stop()
    assert done == [True]


def test_a_name_that_nobody_looks_up_is_an_outage(no_threads):
    store = PostgresStore("postgresql://nobody@database.invalid/home")
    with no_threads(), pytest.raises(StoreUnavailableError, match="new thread"):
        store.get("settings")
    store.close()


@pytest.mark.parametrize("more", [False, True], ids=["closed", "another row"])
def test_rows_wait_and_are_written(tmp_path, no_threads, caplog, more):
    """With the next row, or at the end; a spill would not have been needed."""
    backend = SqliteHistory(tmp_path / "history.sqlite3")
    service = HistoryService(backend, now=lambda: NOON)
    with no_threads():
        service.record(HistorySample(timestamp=NOON, zone="office", temperature=21.0))
    assert "wait for a thread" in caplog.text
    if more:
        later = NOON + timedelta(minutes=1)
        service.record(HistorySample(timestamp=later, zone="office", temperature=21.5))
        service.flush()
        assert len(service.latest(5, zone="office")) == 2
    service.close()
    with HistoryService(backend, now=lambda: NOON) as again:
        assert len(again.latest(5, zone="office")) == 1 + more
