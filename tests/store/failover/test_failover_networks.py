"""A database that is silent, and a network that loses, delays and resets."""

import math
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from switchbot_store import PostgresStore, time_limit

READ_SECONDS, CALL_SECONDS = 1.0, 5.0


class TestASilentServer:
    def test_reads_end_within_a_second_and_writes_within_five(
        self, server, on_postgres, until_back, bounded
    ):
        store = on_postgres(server.url())
        store.set_many({"a": {"n": 1}, "b": {"n": 1}})
        server.freeze()
        with bounded.of_this_thread() as writing:
            store.set("a", {"n": 2})
        assert {allowed for allowed, _ in writing} == {math.inf}
        assert max(left for _, left in writing) <= CALL_SECONDS
        with bounded.of_this_thread() as knowing:
            assert store.get_entry("a").data == {"n": 2}
        assert knowing == []
        server.thaw()
        until_back(store)
        server.freeze()
        with bounded.of_this_thread() as reading:
            entry = store.get_entry("b")
        assert (entry.data, entry.stale) == ({"n": 1}, True)
        assert {allowed for allowed, _ in reading} == {READ_SECONDS}
        assert max(left for _, left in reading) <= READ_SECONDS
        server.thaw()
        until_back(store)
        assert store.get_many(["a", "b"])["a"].data == {"n": 2}
        assert store.conflicts() == []

    def test_a_statement_carried_out_late_does_not_undo_later_writes(
        self, server, on_postgres, until_back
    ):
        store = on_postgres(server.url())
        store.set("a", {"n": 0})
        with PostgresStore(server.url()) as other, server.connect() as locker:
            locker.execute("BEGIN")
            locker.execute("SELECT FROM json_store WHERE kind = 'a' FOR UPDATE")
            # Its backend waits for the lock, long after we gave it up.
            with time_limit(0.5):
                store.set("a", {"n": 1})
            assert store.status().pending == 1
            store.set("a", {"n": 2})
            locker.execute("ROLLBACK")
            until_back(store)
            store.set("a", {"n": 3})
            for _ in range(50):
                assert other.get("a") == {"n": 3}

    def test_a_database_asleep_at_the_start_is_not_waited_for(
        self, server, on_postgres, until_back, bounded
    ):
        with on_postgres(server.url()) as store:
            store.set("settings", {"n": 1})
        server.freeze()
        store = on_postgres(server.url())
        with bounded.of_this_thread() as reading:
            entry = store.open().get_entry("settings")
        assert (entry.data, entry.stale) == ({"n": 1}, True)
        assert all(left <= READ_SECONDS for _, left in reading)
        store.set("settings", {"n": 2})
        server.thaw()
        until_back(store)
        with PostgresStore(server.url()) as other:
            assert other.get("settings") == {"n": 2}

    def test_closing_does_not_wait_for_it(self, server, on_postgres, bounded):
        store = on_postgres(server.url())
        store.set("a", {"n": 1})
        server.freeze()
        assert store.get_entry("a").stale
        with bounded.of_this_thread() as closing:
            store.close()
        assert all(left <= CALL_SECONDS for _, left in closing)
        server.thaw()


class TestABadNetwork:
    @pytest.mark.parametrize("fault", ["cut_before", "lose_reply_to"])
    @pytest.mark.parametrize(
        ("write", "statement"),
        [
            (lambda store, _: store.set("a", {"n": 2}), "INSERT INTO json_store"),
            (
                lambda store, entry: store.compare_and_set(
                    "a", {"n": 2}, entry.revision
                ),
                "UPDATE json_store",
            ),
            (lambda store, _: store.set_many({"a": {"n": 2}, "b": {}}), "recordset"),
        ],
    )
    def test_a_reset_mid_statement_is_not_seen(
        self, through_proxy, proxy, on_postgres, direct, fault, write, statement
    ):
        store = on_postgres(through_proxy)
        store.set("a", {"n": 1})
        entry = store.get_entry("a")
        getattr(proxy, fault)(statement)
        write(store, entry)
        assert store.get("a") == {"n": 2}
        assert direct.get("a") == {"n": 2}
        assert store.conflicts() == []

    @pytest.mark.parametrize("fault", ["cut_before", "lose_reply_to"])
    def test_counting_goes_on_exactly_when_even_the_second_try_fails(
        self, through_proxy, proxy, on_postgres, direct, until_back, fault
    ):
        store = on_postgres(through_proxy)
        for _ in range(3):
            store.update("n", lambda old: {"n": old.get("n", 0) + 1})
        for _ in range(3):
            getattr(proxy, fault)("json_store")
            proxy.refuse()
            store.update("n", lambda old: {"n": old["n"] + 1})
            store.update("n", lambda old: {"n": old["n"] + 1})
            proxy.accept()
            until_back(store)
        assert direct.get("n") == {"n": 9}
        assert store.conflicts() == []

    def test_half_closed_and_reset_connections_are_replaced(
        self, through_proxy, proxy, on_postgres, direct
    ):
        store = on_postgres(through_proxy)
        for number in range(4):
            (proxy.half_close if number % 2 else proxy.reset)()
            store.set("a", {"n": number})
            assert store.get("a") == {"n": number}
        assert store.status().degraded_since is None
        assert direct.get("a") == {"n": 3}

    @pytest.mark.parametrize("fault", ["reset", "half_close"])
    @pytest.mark.parametrize("count", [2, 4])
    def test_a_whole_pool_of_dead_connections_is_replaced(
        self, make, through_proxy, proxy, direct, fault, count
    ):
        primary = PostgresStore(through_proxy)
        store = make(primary)
        store.set("a", {"n": 0})
        together = threading.Barrier(count)
        with ThreadPoolExecutor(count) as threads:
            for _ in range(count):
                threads.submit(
                    primary._connections.call, lambda _connection: together.wait(30)
                )
        getattr(proxy, fault)()
        proxy.clear()
        store.set("a", {"n": 1})
        # The reset ones' statements never arrive, but half closed ones are read from.
        written = [each for each in proxy.statements if "INSERT" in each]
        assert len(written) <= 2
        assert store.status().degraded_since is None
        assert direct.get("a") == {"n": 1}

    def test_a_black_hole_is_left_soon_after_it_ends(
        self, through_proxy, proxy, on_postgres, until_back, direct, bounded
    ):
        store = on_postgres(through_proxy)
        store.set("a", {"n": 1})
        proxy.black_hole()
        with bounded.of_this_thread() as reading:
            assert store.get_entry("a").stale
        assert {allowed for allowed, _ in reading} == {READ_SECONDS}
        store.set("a", {"n": 2})
        threading.Event().wait(1.5)
        proxy.pass_through()
        until_back(store)
        assert direct.get("a") == {"n": 2}

    def test_a_delay_of_20_ms_changes_nothing(self, through_proxy, proxy, on_postgres):
        proxy.delay_seconds = 0.02
        store = on_postgres(through_proxy)
        for number in range(5):
            store.set("a", {"n": number})
            assert not store.get_entry("a").stale
        assert store.status().degraded_since is None


def test_a_recovery_is_sent_only_what_others_changed(
    make, through_proxy, proxy, direct
):
    sent = []

    class Told(PostgresStore):
        def get_many(self, keys):
            keys = list(keys)
            sent.extend(keys)
            return super().get_many(keys)

    store = make(Told(through_proxy), background=False)
    store.set_many({name: {"n": 1} for name in ("kept", "mine", "theirs", "gone")})

    def cut():
        proxy.refuse()
        proxy.reset()

    cut()
    store.set("mine", {"n": 2})
    direct.set_many({"theirs": {"n": 2}, "new": {"n": 2}})
    direct.delete("gone")
    proxy.accept()
    assert store.resync()
    assert sorted(sent) == ["new", "theirs"]
    cut()
    found = store.get_many(["kept", "mine", "theirs", "new", "gone"])
    assert [each.data.get("n") for each in found.values()] == [1, 2, 2, 2, None]
    assert all(each.stale for each in found.values())
