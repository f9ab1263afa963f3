"""A system that has no thread left for a moment: what it cost is over with the moment."""

import socket
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from switchbot_store import (
    HistorySample,
    HistoryService,
    JsonStore,
    PostgresStore,
    SqliteHistory,
    StoreUnavailableError,
    ThreadedStore,
)
from switchbot_store.deadlines import Watchdog

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
