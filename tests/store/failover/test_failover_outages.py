"""What a host notices when PostgreSQL goes away and comes back: only the status."""

import asyncio
import itertools
import threading
import time

import pytest

from switchbot_store import (
    PostgresStore,
    StoreConflictError,
    StoreUnavailableError,
    ThreadedStore,
)
from switchbot_store.failover.keeper import Attempts
from tests.store.failover.conftest import FlakyStore


@pytest.fixture
def pace():
    """The product's own."""


def test_a_system_without_threads_is_asked_for_no_more_than_it_has(monkeypatch):
    """The primary is asked all the same, then and once there are threads again."""
    asked, answers = [], threading.Event()

    def probe(seconds):
        asked.append(threading.current_thread().name)
        if not answers.is_set():
            raise StoreUnavailableError("away")

    woken = threading.Event()
    attempts = Attempts(probe, woken.set)

    def refuse(_thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        for _ in range(20):
            attempts.launch()
    assert len(asked) == 20
    assert str(attempts.last_error) == "away"
    answers.set()
    attempts.launch()
    assert woken.wait(10)
    assert asked[-1] == "store probe"
    assert attempts.answered


class TestAnOutage:
    def test_only_the_status_tells(self, server, on_postgres, until_back, bounded):
        store = on_postgres(server.url())
        store.set("settings", {"n": 1})
        healthy = store.status()
        assert (healthy.degraded_since, healthy.pending) == (None, 0)
        assert "commit" in healthy.acknowledged_by
        server.stop("immediate")

        with bounded.of_this_thread() as reading:
            entry = store.get_entry("settings")
        assert (entry.data, entry.stale) == ({"n": 1}, True)
        assert all(left <= 1.0 for _, left in reading)
        with bounded.of_this_thread() as writing:
            store.set("settings", {"n": 2})
        assert writing == []
        revision = store.get_entry("settings").revision
        revision = store.compare_and_set("settings", {"n": 3}, revision)
        store.set_many({"state": {"on": True}, "state/office": {"on": False}})
        assert store.get("settings") == {"n": 3}
        assert store.keys() == ["settings", "state", "state/office"]

        status = store.status()
        assert status.degraded_since is not None
        assert status.pending == 4
        assert status.last_error
        assert "as durable as" in status.acknowledged_by
        assert str(store.directory) in status.acknowledged_by
        assert store.health_check() is True

        server.start()
        until_back(store)
        status = store.status()
        assert (status.pending, status.last_resync is not None) == (0, True)
        entry = store.get_entry("settings")
        assert (entry.data, entry.revision, entry.stale) == ({"n": 3}, revision, False)
        with PostgresStore(server.url()) as other:
            assert other.get("settings") == {"n": 3}
            assert other.get("state/office") == {"on": False}
        assert store.conflicts() == []

    def test_the_first_success_comes_soon_after_a_long_one(
        self, server, on_postgres, until_back, bounded
    ):
        store = on_postgres(server.url())
        self.endure(server, store, until_back, bounded, seconds=3)

    @pytest.mark.slow
    def test_the_first_success_comes_soon_after_36_seconds(
        self, server, on_postgres, until_back, bounded
    ):
        store = on_postgres(server.url())
        self.endure(server, store, until_back, bounded, seconds=36)

    @staticmethod
    def endure(server, store, until_back, bounded, *, seconds):
        store.set("state", {"n": 0})
        server.stop("immediate")
        began = time.monotonic()
        pause, number = threading.Event(), 0
        with bounded.of_this_thread() as calls:
            while time.monotonic() - began < seconds:
                number += 1
                store.set("state", {"n": number})
                assert store.get("state") == {"n": number}
                pause.wait(0.05)
        assert all(left <= 5.0 for _, left in calls)
        # The first may have found out; none of the others asked.
        assert len(calls) <= 2
        server.start()
        until_back(store)
        store.set("state", {"n": -1})
        assert store.status().pending == 0
        assert not store.get_entry("state").stale

    def test_an_idle_store_asks_the_database_nothing(
        self, through_proxy, proxy, on_postgres
    ):
        store = on_postgres(through_proxy)
        store.set("a", {"n": 1})
        store.get("a")
        proxy.clear()
        threading.Event().wait(1.5)
        assert store.health_check()
        assert store.status().degraded_since is None
        assert (proxy.statements, proxy.connections) == ([], 0)

    def test_healthy_calls_cost_one_round_trip(self, through_proxy, proxy, on_postgres):
        store = on_postgres(through_proxy)
        store.set("a", {"n": 1})
        calls = [
            lambda: store.set("a", {"n": 2}),
            lambda: store.get("a"),
            lambda: store.get_many(["a", "b"]),
            lambda: store.set_many({"a": {"n": 3}, "b": {"n": 3}}),
            lambda: store.compare_and_set("c", {"n": 3}, ""),
            lambda: store.delete("a"),
            store.keys,
        ]
        for call in calls:
            proxy.clear()
            call()
            assert (proxy.round_trips, len(proxy.statements)) == (1, 1)

    async def test_asyncio_does_not_notice(self, server, on_postgres, bounded):
        # The call waits as long as the loop wants: until the loop lets the server go on.
        store = on_postgres(server.url(), primary={"timeout_seconds": 60.0})
        async with ThreadedStore(store) as view:
            await view.set("a", {"n": 1})
            server.freeze()
            bounded.armed.clear()
            writing = asyncio.create_task(view.set("a", {"n": 2}))
            assert await asyncio.to_thread(bounded.armed.wait, 30)
            for _ in range(20):
                await asyncio.sleep(0.001)
            assert not writing.done()
            server.thaw()
            await writing
            assert store.status().pending == 0


class TestRevisions:
    def test_those_handed_out_in_an_outage_stay_valid(
        self, server, on_postgres, until_back
    ):
        store = on_postgres(server.url())
        before = store.compare_and_set("a", {"n": 1}, "")
        server.stop("immediate")
        first = store.compare_and_set("a", {"n": 2}, before)
        with pytest.raises(StoreConflictError) as caught:
            store.compare_and_set("a", {"n": 9}, before)
        assert caught.value.revision == first
        store.set("b", {"n": 1})
        held = store.get_entry("b").revision
        server.start()
        until_back(store)
        assert store.get_entry("a").revision == first
        assert store.compare_and_set("b", {"n": 2}, held) != held
        second = store.compare_and_set("a", {"n": 3}, first)
        assert store.get_entry("a").revision == second

    def test_what_was_deleted_in_an_outage_stays_deleted(
        self, server, on_postgres, until_back
    ):
        store = on_postgres(server.url())
        store.set_many({"a": {"n": 1}, "b": {"n": 1}})
        server.stop("immediate")
        assert store.delete("a")
        assert not store.delete("a")
        assert store.keys() == ["b"]
        assert store.get_entry("a").revision == ""
        store.delete("b")
        store.compare_and_set("b", {"n": 2}, "")
        server.start()
        until_back(store)
        assert store.keys() == ["b"]
        assert store.get("b") == {"n": 2}
        with PostgresStore(server.url()) as other:
            assert other.keys() == ["b"]


@pytest.mark.parametrize("profile", ["interactive", "economy"])
def test_what_the_primary_alone_has_is_deleted_in_an_outage(make, clock, profile):
    """What was never seen here may be there: its deletion is none that is forgotten."""
    flaky = FlakyStore(now=clock.now, monotonic=clock.monotonic)
    store = make(
        flaky,
        background=False,
        now=clock.now,
        monotonic=clock.monotonic,
        profile=profile,
    )
    store.open()
    flaky.set("theirs", {"n": 1})
    flaky.set("later", {"n": 1})
    flaky.away = True
    clock.advance(1)
    assert not store.delete("theirs")
    assert not store.delete("later")
    assert store.status().pending == 2
    clock.advance(1)
    flaky.away = False
    flaky.set("later", {"n": 2})
    assert store.resync()
    assert (flaky.keys(), store.keys()) == (["later"], ["later"])
    assert store.get("later") == {"n": 2}
    lost = {each.key: (each.data, each.origin) for each in store.conflicts()}
    assert lost == {"theirs": ({"n": 1}, "remote"), "later": ({}, "local")}


def test_probes_come_every_second_for_two_minutes_then_ever_slower(
    make, flaky, clock, monkeypatch
):
    store = make(flaky, background=False, now=clock.now, monotonic=clock.monotonic)
    store.open()
    probes = []
    monkeypatch.setattr(
        flaky, "health_check", lambda: probes.append(clock.seconds) or False
    )
    flaky.away = True
    store.get("a")
    began = clock.seconds
    while clock.seconds < began + 3600:
        pause = store.maintain()
        assert pause <= 30.0
        clock.advance(max(pause, 0.001))
    gaps = [after - before for before, after in itertools.pairwise(probes)]
    early = [gap for at, gap in zip(probes, gaps, strict=False) if at < began + 118]
    late = [gap for at, gap in zip(probes, gaps, strict=False) if at > began + 600]
    assert all(0.49 <= gap <= 1.01 for gap in early)
    assert all(10 <= gap <= 30.1 for gap in late)
    assert len(set(late)) > 10  # jitter
