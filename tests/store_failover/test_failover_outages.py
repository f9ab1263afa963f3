"""What a host notices when PostgreSQL goes away and comes back: only the status."""

import logging
import threading
import time

import psycopg
import pytest

from switchbot_store import (
    FailoverStore,
    PostgresStore,
    StoreConfigError,
    StoreConflictError,
    StoreUnavailableError,
    ThreadedStore,
)
from switchbot_store.testing import TcpProxy


@pytest.fixture
def proxy(postgres_server):
    with TcpProxy(postgres_server.port) as running:
        yield running


@pytest.fixture
def through_proxy(database_url, proxy):
    return psycopg.conninfo.make_conninfo(database_url, port=proxy.port)


def timed(call, *arguments):
    began = time.monotonic()
    result = call(*arguments)
    return result, time.monotonic() - began


class TestAnOutage:
    def test_only_the_status_tells(self, server, on_postgres, until_back):
        store = on_postgres(server.url())
        store.set("settings", {"n": 1})
        healthy = store.status()
        assert (healthy.degraded_since, healthy.pending) == (None, 0)
        assert "commit" in healthy.acknowledged_by
        server.stop("immediate")

        entry, seconds = timed(store.get_entry, "settings")
        assert (entry.data, entry.stale) == ({"n": 1}, True)
        assert seconds < 1.5
        _, seconds = timed(store.set, "settings", {"n": 2})
        assert seconds < 0.5
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
        assert until_back(store) < 1.0
        status = store.status()
        assert (status.pending, status.last_resync is not None) == (0, True)
        entry = store.get_entry("settings")
        assert (entry.data, entry.revision, entry.stale) == ({"n": 3}, revision, False)
        with PostgresStore(server.url()) as other:
            assert other.get("settings") == {"n": 3}
            assert other.get("state/office") == {"on": False}
        assert store.conflicts() == []

    def test_the_first_success_comes_within_a_second_after_a_long_one(
        self, server, on_postgres, until_back
    ):
        store = on_postgres(server.url())
        self.endure(server, store, until_back, seconds=6)

    @pytest.mark.slow
    def test_the_first_success_comes_within_a_second_after_36_seconds(
        self, server, on_postgres, until_back
    ):
        store = on_postgres(server.url())
        self.endure(server, store, until_back, seconds=36)

    @staticmethod
    def endure(server, store, until_back, *, seconds):
        store.set("state", {"n": 0})
        server.stop("immediate")
        began = time.monotonic()
        pause, longest, number = threading.Event(), 0.0, 0
        while time.monotonic() - began < seconds:
            number += 1
            _, took = timed(store.set, "state", {"n": number})
            assert store.get("state") == {"n": number}
            longest = max(longest, took)
            pause.wait(0.05)
        assert longest < 5.0
        server.start()
        assert until_back(store) < 1.0
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

    def test_asyncio_hardly_notices(self, server, on_postgres):
        import asyncio  # noqa: PLC0415 - only here

        async def scenario(store):
            lags = []

            async def heart():
                while True:
                    due = time.monotonic() + 0.01
                    await asyncio.sleep(0.01)
                    lags.append(time.monotonic() - due)

            beating = asyncio.create_task(heart())
            view = ThreadedStore(store)
            await view.open()
            await view.set("a", {"n": 1})
            server.freeze()
            assert (await view.get_entry("a")).stale
            await view.set("a", {"n": 2})
            server.thaw()
            beating.cancel()
            await view.close()
            return sorted(lags)

        lags = asyncio.run(scenario(on_postgres(server.url())))
        assert len(lags) > 50
        # The machine itself may stumble once; the store must not.
        assert lags[-2] < 0.05


class TestASilentServer:
    def test_reads_end_within_a_second_and_writes_within_five(
        self, server, on_postgres, until_back
    ):
        store = on_postgres(server.url())
        store.set_many({"a": {"n": 1}, "b": {"n": 1}})
        server.freeze()
        _, seconds = timed(store.set, "a", {"n": 2})
        assert 4.5 < seconds < 5.5
        entry, seconds = timed(store.get_entry, "a")
        assert (entry.data, seconds < 0.1) == ({"n": 2}, True)
        server.thaw()
        assert until_back(store) < 1.5
        server.freeze()
        entry, seconds = timed(store.get_entry, "b")
        assert (entry.data, entry.stale) == ({"n": 1}, True)
        assert 0.9 < seconds < 1.3
        server.thaw()
        until_back(store)
        assert store.get_many(["a", "b"])["a"].data == {"n": 2}
        assert store.conflicts() == []

    def test_a_statement_carried_out_late_does_not_undo_later_writes(
        self, server, on_postgres, until_back
    ):
        store = on_postgres(server.url(), primary={"timeout_seconds": 0.5})
        store.set("a", {"n": 0})
        with PostgresStore(server.url()) as other, server.connect() as locker:
            locker.execute("BEGIN")
            locker.execute("SELECT FROM json_store WHERE kind = 'a' FOR UPDATE")
            # Its backend waits for the lock, long after we gave it up.
            store.set("a", {"n": 1})
            assert store.status().pending == 1
            store.set("a", {"n": 2})
            locker.execute("ROLLBACK")
            until_back(store)
            store.set("a", {"n": 3})
            for _ in range(50):
                assert other.get("a") == {"n": 3}

    def test_a_database_asleep_at_the_start_is_not_waited_for(
        self, server, on_postgres, until_back
    ):
        with on_postgres(server.url()) as store:
            store.set("settings", {"n": 1})
        server.freeze()
        store = on_postgres(server.url())
        entry, seconds = timed(lambda: store.open().get_entry("settings"))
        assert (entry.data, entry.stale) == ({"n": 1}, True)
        assert seconds < 1.5
        store.set("settings", {"n": 2})
        server.thaw()
        assert until_back(store) < 2.0
        with PostgresStore(server.url()) as other:
            assert other.get("settings") == {"n": 2}

    def test_closing_does_not_wait_for_it(self, server, on_postgres):
        store = on_postgres(server.url())
        store.set("a", {"n": 1})
        server.freeze()
        assert store.get_entry("a").stale
        _, seconds = timed(store.close)
        assert seconds < 6
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

    def test_a_black_hole_is_left_soon_after_it_ends(
        self, through_proxy, proxy, on_postgres, until_back, direct
    ):
        store = on_postgres(through_proxy)
        store.set("a", {"n": 1})
        proxy.black_hole()
        entry, seconds = timed(store.get_entry, "a")
        assert entry.stale
        assert seconds < 1.3
        store.set("a", {"n": 2})
        threading.Event().wait(3)
        proxy.pass_through()
        assert until_back(store) < 2.0
        assert direct.get("a") == {"n": 2}

    def test_a_delay_of_20_ms_changes_nothing(self, through_proxy, proxy, on_postgres):
        proxy.delay_seconds = 0.02
        store = on_postgres(through_proxy)
        for number in range(5):
            store.set("a", {"n": number})
            assert not store.get_entry("a").stale
        assert store.status().degraded_since is None


class TestRefusals:
    def test_a_wrong_password_at_the_start_is_an_error(
        self, postgres_server_factory, make
    ):
        server = postgres_server_factory(password="right")
        wrong = server.url().replace("right", "wrong")
        store = make(PostgresStore(wrong))
        with pytest.raises(StoreConfigError, match="password"):
            store.open()
        # and the directory is free for the one that has it right
        make(PostgresStore(server.url())).set("a", {"n": 1})

    def test_a_password_rotated_while_running_degrades_and_says_so(
        self, postgres_server_factory, on_postgres, until, until_back
    ):
        server = postgres_server_factory(password="first")
        store = on_postgres(server.url())
        store.set("a", {"n": 1})
        with server.connect() as admin:
            admin.execute("ALTER USER postgres PASSWORD 'second'")
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND usename = 'postgres'"
            )
            store.set("a", {"n": 2})
            assert store.get_entry("a").data == {"n": 2}
            until(lambda: "password" in (store.status().last_error or ""))
            assert store.status().degraded_since is not None
            assert "first" not in store.status().last_error
            admin.execute("ALTER USER postgres PASSWORD 'first'")
        until_back(store)
        with PostgresStore(server.url()) as other:
            assert other.get("a") == {"n": 2}

    def test_a_second_store_on_the_directory_is_told_who_has_it(
        self, database_url, on_postgres
    ):
        on_postgres(database_url).open()
        second = on_postgres(database_url)
        with pytest.raises(StoreConfigError, match=r"in use by another store.*process"):
            second.open()

    def test_without_a_primary_there_is_no_lease(self, server, on_postgres):
        store = on_postgres(server.url())
        assert store.lease("engine", 30).token == 1
        server.stop("immediate")
        for _ in range(2):
            with pytest.raises(StoreUnavailableError):
                store.lease("other", 30)

    def test_a_read_only_server_takes_no_writes_from_us(
        self, server, on_postgres, until_back, caplog
    ):
        store = on_postgres(server.url())
        store.set("a", {"n": 1})
        with server.connect() as admin:
            admin.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            admin.execute("SELECT pg_reload_conf()")
        with caplog.at_level(logging.CRITICAL):
            threading.Event().wait(0.3)
            store.set("a", {"n": 2})
            assert store.status().pending == 1
            assert store.get_entry("a").data == {"n": 2}
        with server.connect() as admin:
            admin.execute("SET default_transaction_read_only = off")
            admin.execute("ALTER SYSTEM RESET default_transaction_read_only")
            admin.execute("SELECT pg_reload_conf()")
        until_back(store)
        assert store.get("a") == {"n": 2}

    def test_unhealthy_is_what_strict_checks_call_degraded(self, server, tmp_path):
        url = server.url()
        store = FailoverStore(PostgresStore(url), tmp_path, strict_health_checks=True)
        with store:
            assert store.health_check()
            server.stop("immediate")
            store.get("a")
            assert not store.health_check()


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


class TestOddities:
    def test_a_database_with_a_full_disk_is_away(self, server, on_postgres, until_back):
        store = on_postgres(server.url())
        store.set("a", {"n": 1})
        with server.connect() as admin:
            admin.execute(
                """
                CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN RAISE disk_full USING MESSAGE = 'could not extend file'; END $$;
                CREATE TRIGGER fill BEFORE INSERT OR UPDATE ON json_store
                    EXECUTE FUNCTION fill()
                """
            )
            store.set("a", {"n": 2})
            revision = store.get_entry("a").revision
            store.compare_and_set("a", {"n": 3}, revision)
            threading.Event().wait(1)
            status = store.status()
            assert (status.pending, status.degraded_since is None) == (2, False)
            assert "could not extend file" in status.last_error
            admin.execute("DROP TRIGGER fill ON json_store")
        until_back(store)
        assert store.get("a") == {"n": 3}
        assert store.conflicts() == []

    def test_what_others_stored_and_is_no_document_stops_nothing(
        self, server, on_postgres, until_back
    ):
        store = on_postgres(server.url())
        store.set_many({"a": {"n": 1}, "b": {"n": 1}})
        server.stop("immediate")
        store.set("a", {"n": 2})
        store.set("b", {"n": 2})
        server.start()
        with server.connect() as admin:
            admin.execute("UPDATE json_store SET data = '[1]' WHERE kind = 'b'")
            admin.execute("INSERT INTO json_store (kind, data) VALUES ('c', '7')")
            until_back(store)
            assert store.get("a") == {"n": 2}
            (conflict,) = store.conflicts()
            assert conflict.key == "b"
            assert {"n": 2} in (conflict.data, store.get("b")) or conflict.data == {
                "value": [1]
            }
            with pytest.raises(StoreUnavailableError, match="no JSON object"):
                store.get("c")
            assert store.status().degraded_since is None
            store.set("c", {"n": 1})
            assert store.get("c") == {"n": 1}
