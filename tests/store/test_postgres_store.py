"""PostgresStore beyond the contract: the wire, broken connections, other writers."""

import asyncio
import itertools
import logging
import subprocess
import sys
import textwrap
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from switchbot_store import (
    PostgresStore,
    SlowConnectionError,
    StoreClosedError,
    StoreConfigError,
    StoreConflictError,
    StoreUnavailableError,
    ThreadedStore,
)
from switchbot_store.postgres_settings import connection_options, connection_string
from switchbot_store.testing import TcpProxy

WAIT_SECONDS = 30


def with_port(url, port):
    return psycopg.conninfo.make_conninfo(url, host="127.0.0.1", port=port)


@pytest.fixture
def proxy(database_url):
    parameters = psycopg.conninfo.conninfo_to_dict(database_url)
    host = parameters.get("host") or "127.0.0.1"
    with TcpProxy(int(parameters["port"]), target_host=host) as proxy:
        yield proxy


@pytest.fixture
def store(database_url, proxy):
    """A store behind the proxy, open and connected."""
    with PostgresStore(with_port(database_url, proxy.port)) as store:
        store.set("warm", {"up": True})
        proxy.clear()
        yield store


@pytest.fixture
def beside(database_url):
    """Another client of the same database, not behind the proxy."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def bump(document):
    return {"n": document.get("n", 0) + 1}


def revisions(connection, key):
    query = "SELECT revision::text, recent::text[] FROM json_store WHERE kind = %s"
    current, recent = connection.execute(query, (key,)).fetchone()
    return [current, *recent]


OPERATIONS = {
    "get": lambda store: store.get("warm"),
    "get_entry": lambda store: store.get_entry("warm"),
    "get_many": lambda store: store.get_many(["warm", "cold"]),
    "set": lambda store: store.set("a", {"x": 1}),
    "set_many": lambda store: store.set_many({"a": {"x": 1}, "b": {"x": 2}}),
    "create": lambda store: store.compare_and_set("new", {"x": 1}, ""),
    "delete": lambda store: store.delete("warm"),
    "keys": lambda store: store.keys(),
    "health_check": lambda store: store.health_check(),
}


class TestTheWire:
    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_an_operation_is_one_statement_in_one_round_trip(
        self, store, proxy, operation
    ):
        OPERATIONS[operation](store)
        assert len(proxy.statements) == 1, proxy.statements
        assert proxy.transaction_statements == []
        assert proxy.round_trips == 1
        assert proxy.connections == 0

    def test_compare_and_set_is_one_round_trip_and_so_is_its_refusal(
        self, store, proxy
    ):
        revision = store.get_entry("warm").revision
        proxy.clear()
        store.compare_and_set("warm", {"x": 1}, revision)
        assert (len(proxy.statements), proxy.round_trips) == (1, 1)
        with pytest.raises(StoreConflictError):
            store.compare_and_set("warm", {"x": 1}, revision)
        assert (len(proxy.statements), proxy.round_trips) == (2, 2)

    def test_a_given_pool_costs_one_round_trip_too(self, database_url, proxy):
        url = with_port(database_url, proxy.port)
        with (
            ConnectionPool(url, min_size=1, open=True) as pool,
            PostgresStore(pool=pool) as store,
        ):
            store.set("a", {"x": 1})
            proxy.clear()
            store.set("a", {"x": 2})
            assert store.get("a") == {"x": 2}
            assert proxy.transaction_statements == []
            assert proxy.round_trips == 2

    def test_repeated_statements_are_prepared_once(self, store, proxy):
        for _ in range(20):
            store.get("warm")
        assert len(proxy.statements) == 20
        assert proxy.round_trips <= 21

    def test_a_lost_preparation_is_no_error(self, store, beside):
        for _ in range(10):
            store.get("warm")
        store._connections.call(lambda it: it.execute("DEALLOCATE ALL"))
        beside.execute("ALTER TABLE json_store ADD COLUMN remark text")
        for _ in range(10):
            assert store.get("warm") == {"up": True}

    def test_opening_an_up_to_date_database_changes_nothing(self, database_url, proxy):
        url = with_port(database_url, proxy.port)
        PostgresStore(url).open().close()
        proxy.clear()
        PostgresStore(url).open().close()
        assert all(text.lstrip().startswith("SELECT") for text in proxy.statements)
        assert proxy.transaction_statements == []


class TestLostAnswers:
    """The server did it, or did not, and could not say so."""

    @pytest.mark.parametrize("fault", ["lose_reply_to", "cut_before"])
    def test_an_update_counts_once(self, store, proxy, beside, fault):
        store.update("n", bump)
        getattr(proxy, fault)("json_store SET")
        assert store.update("n", bump) == {"n": 2}
        assert store.get("n") == {"n": 2}
        assert len(revisions(beside, "n")) == 2

    @pytest.mark.parametrize("fault", ["lose_reply_to", "cut_before"])
    def test_a_write_happens_once(self, store, proxy, beside, fault):
        getattr(proxy, fault)("INSERT INTO json_store")
        store.set("a", {"x": 1})
        getattr(proxy, fault)("INSERT INTO json_store")
        store.set_many({"a": {"x": 2}, "b": {"x": 2}})
        getattr(proxy, fault)("INSERT INTO json_store")
        created = store.compare_and_set("c", {"x": 3}, "")
        assert store.get_entry("c").revision == created
        assert [len(revisions(beside, key)) for key in "abc"] == [2, 1, 1]

    def test_a_deletion_is_told_as_such(self, store, proxy):
        store.set("a", {"x": 1})
        proxy.lose_reply_to("DELETE")
        assert store.delete("a") is True
        assert store.keys() == ["warm"]

    def _meanwhile(self, proxy, statement, call, work):
        """Do `work` between the loss of an answer and the repetition of `call`."""
        with ThreadPoolExecutor(1) as pool:
            proxy.lose_reply_to(statement)
            # Whoever was cut off cannot come back before `work` is done.
            proxy.refuse()
            calling = pool.submit(call)
            work()
            proxy.accept()
            return calling.result(WAIT_SECONDS)

    def _other_write(self, beside, key, happened, count=1):
        """Write as another host would, once the lost write is there."""
        for _ in range(1000):
            query = "SELECT data FROM json_store WHERE kind = %s"
            if beside.execute(query, (key,)).fetchone()[0] == happened:
                break
        else:
            pytest.fail("the write whose answer is lost never happened")
        for number in range(count):
            beside.execute(
                "UPDATE json_store SET data = %s::jsonb, revision = %s,"
                " recent = (revision || recent)[1:16] WHERE kind = %s",
                (f'{{"n": {100 + number}}}', uuid.uuid4(), key),
            )

    def test_an_update_that_was_overwritten_meanwhile_is_not_repeated(
        self, store, proxy, beside
    ):
        store.set("n", {"n": 1})
        changed = self._meanwhile(
            proxy,
            "json_store SET",
            lambda: store.update("n", bump),
            lambda: self._other_write(beside, "n", {"n": 2}),
        )
        assert changed == {"n": 2}
        assert store.get("n") == {"n": 100}

    def test_a_set_that_was_overwritten_meanwhile_is_not_repeated(
        self, store, proxy, beside
    ):
        store.set("n", {"n": 1})
        self._meanwhile(
            proxy,
            "INSERT INTO",
            lambda: store.set("n", {"n": 2}),
            lambda: self._other_write(beside, "n", {"n": 2}),
        )
        assert store.get("n") == {"n": 100}

    def test_what_cannot_be_told_any_more_is_an_error_not_a_conflict(
        self, store, proxy, beside
    ):
        store.set("n", {"n": 1})
        with pytest.raises(StoreUnavailableError, match="may have been"):
            self._meanwhile(
                proxy,
                "json_store SET",
                lambda: store.update("n", bump),
                lambda: self._other_write(beside, "n", {"n": 2}, count=17),
            )
        assert store.get("n") == {"n": 116}


class TestOutages:
    def test_a_restart_while_idle_is_not_noticed(self, postgres_server_factory):
        server = postgres_server_factory()
        with PostgresStore(server.url()) as store:
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda n: store.set(f"k{n % 4}", {"n": n}), range(40)))
            for mode in ("fast", "immediate"):
                server.restart(mode)
                assert sorted(store.get_many(["k0", "k1"])) == ["k0", "k1"]
                store.set("k0", {"n": mode})
            server.kill()
            server.start()
            assert store.get("k0") == {"n": "immediate"}

    def test_a_server_that_is_away_is_unavailable_until_it_is_back(
        self, postgres_server_factory
    ):
        server = postgres_server_factory()
        with PostgresStore(server.url(), timeout_seconds=0.5) as store:
            store.set("a", {"n": 1})
            server.stop()
            for call in (lambda: store.get("a"), lambda: store.set("a", {"n": 2})):
                with pytest.raises(StoreUnavailableError):
                    call()
            assert store.health_check() is False
            assert "refused" in store.status().last_error
            server.start()
            with PostgresStore(server.url(), timeout_seconds=5) as fresh:
                assert fresh.get("a") == {"n": 1}
            for _ in range(20):  # each waits up to half a second
                if store.health_check():
                    break
            assert store.get("a") == {"n": 1}

    def test_a_silent_server_is_slow_not_for_ever(self, postgres_server_factory):
        server = postgres_server_factory()
        with PostgresStore(server.url(), timeout_seconds=0.3) as store:
            store.set("a", {"n": 1})
            server.freeze()
            for _ in range(2):  # on an old connection, then on a new one
                with pytest.raises(SlowConnectionError):
                    store.get("a")
            assert store.health_check() is False
            server.thaw()
            for _ in range(30):  # each waits up to a third of a second
                if store.health_check():
                    break
            assert store.get("a") == {"n": 1}

    async def test_a_silent_server_does_not_stop_the_event_loop(
        self, postgres_server_factory
    ):
        server = postgres_server_factory()
        async with ThreadedStore(
            PostgresStore(server.url(), timeout_seconds=1)
        ) as store:
            await store.set("a", {"n": 1})
            server.freeze()
            loop = asyncio.get_running_loop()
            reading = asyncio.create_task(store.get("a"))
            beats = [loop.time()]
            while not reading.done():
                await asyncio.sleep(0.005)
                beats.append(loop.time())
            with pytest.raises(SlowConnectionError):
                await reading
            server.thaw()
        lags = [after - before for before, after in itertools.pairwise(beats)]
        assert beats[-1] - beats[0] > 0.9
        assert max(lags) < 0.5, "the interpreter's lock was held"

    def test_a_swallowed_connection_attempt_ends_by_its_deadline(
        self, database_url, proxy
    ):
        store = PostgresStore(
            with_port(database_url, proxy.port), connect_timeout_seconds=1
        )
        proxy.black_hole()
        with pytest.raises(SlowConnectionError):
            store.open()
        proxy.pass_through()
        with store:
            assert store.get("a") == {}

    def test_a_read_only_server_cannot_acknowledge(self, postgres_server_factory):
        server = postgres_server_factory()
        with PostgresStore(server.url()) as store:
            store.set("a", {"n": 1})
            with server.connect() as connection:
                connection.execute("ALTER SYSTEM SET default_transaction_read_only=on")
            server.restart()
            assert store.health_check() is False
            with pytest.raises(StoreUnavailableError):
                store.set("a", {"n": 2})
            assert store.get("a") == {"n": 1}

    def test_writers_in_opposite_order_do_not_wait_for_each_other_for_ever(
        self, database_url
    ):
        with PostgresStore(database_url) as store:

            def write(keys):
                for number in range(30):
                    store.set_many({key: {"n": number} for key in keys})

            with ThreadPoolExecutor(2) as pool:
                for writing in [pool.submit(write, "abcd"), pool.submit(write, "dcba")]:
                    writing.result(WAIT_SECONDS)


class TestOpening:
    def test_a_wrong_password_is_a_mistake_not_an_outage(
        self, postgres_server_factory, caplog
    ):
        caplog.set_level(logging.DEBUG)
        server = postgres_server_factory(password="correct horse")
        url = server.url().replace("correct%20horse", "battery-staple")
        store = PostgresStore(url)
        with pytest.raises(StoreConfigError, match="password") as caught:
            store.open()
        for text in (str(caught.value), repr(store), str(store.status()), caplog.text):
            assert "battery-staple" not in text
        with PostgresStore(server.url()) as right:
            assert right.health_check()

    def test_a_missing_database_is_a_mistake(self, database_url):
        url = psycopg.conninfo.make_conninfo(database_url, dbname="no_such_database")
        with pytest.raises(StoreConfigError, match="no_such_database"):
            PostgresStore(url).open()

    def test_a_closed_port_is_an_outage(self, database_url, proxy):
        proxy.refuse()
        with pytest.raises(StoreUnavailableError, match="refused"):
            PostgresStore(with_port(database_url, proxy.port)).open()

    @pytest.mark.parametrize(
        "conninfo", ["postgresx://u:hunter2@h/db", "hunter2", "host=h hunter2"]
    )
    def test_what_is_no_connection_string_is_not_repeated(self, conninfo):
        with pytest.raises(StoreConfigError) as caught:
            PostgresStore(conninfo)
        assert "hunter2" not in str(caught.value)
        assert caught.value.__cause__ is None

    def test_every_usual_form_of_url_is_understood(self):
        for scheme in ("postgres", "postgresql", "postgresql+psycopg"):
            text = connection_string(f"{scheme}://u:p%40ss@db.example.com:5433/home")
            found = psycopg.conninfo.conninfo_to_dict(text)
            assert (found["host"], found["port"]) == ("db.example.com", "5433")
            assert (found["user"], found["password"]) == ("u", "p@ss")
            assert found["dbname"] == "home"
            assert "options" not in found

    def test_nothing_is_prepared_behind_a_transaction_pooler(self):
        pooled = "host=ep-cool-pooler.eu-central-1.aws.neon.tech"
        assert connection_options(pooled, pooler=None)["prepare_threshold"] is None
        assert "prepare_threshold" not in connection_options(pooled, pooler=False)
        assert connection_options("host=h", pooler=True)["prepare_threshold"] is None
        assert "prepare_threshold" not in connection_options("host=h", pooler=None)

    def test_a_call_waiting_at_close_hears_that_the_store_was_closed(
        self, database_url, proxy
    ):
        store = PostgresStore(with_port(database_url, proxy.port)).open()
        proxy.black_hole()
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(store.get, "a")
            while not store._connections._own_pool.get_stats().get("requests_waiting"):
                threading.Event().wait(0.005)
            proxy.pass_through()
            proxy.reset()
            store.close()
            error = reading.exception(WAIT_SECONDS)
            assert error is None or isinstance(error, StoreClosedError)


class TestGivenPools:
    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"autocommit": True, "row_factory": dict_row},
            {"client_encoding": "LATIN1"},
        ],
        ids=["plain", "autocommit and dict rows", "another encoding"],
    )
    def test_a_pool_of_any_kind_is_used_as_it_is(self, database_url, options):
        with ConnectionPool(
            database_url, kwargs=options, min_size=1, open=True
        ) as pool:
            with PostgresStore(pool=pool) as store:
                store.set("a", {"é": "\xff"})
                store.compare_and_set("ü", {"n": 1}, "")
                assert store.get_many(["a"])["a"].data == {"é": "\xff"}
                assert store.keys() == ["a", "ü"]
                assert store.update("ü", bump) == {"n": 2}
            with pool.connection() as connection:
                assert connection.execute("SELECT 1").fetchone()
            with PostgresStore(database_url) as other:
                assert other.get("a") == {"é": "\xff"}

    def test_dead_connections_of_a_given_pool_are_stepped_over(self, database_url):
        with ConnectionPool(database_url, min_size=3, open=True) as pool:
            pool.wait()
            with PostgresStore(pool=pool) as store:
                store.set("n", {"n": 1})
                with psycopg.connect(database_url, autocommit=True) as killer:
                    killer.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE pid <> pg_backend_pid()"
                        " AND datname = current_database()"
                    )
                assert store.update("n", bump) == {"n": 2}

    def test_a_pool_that_its_owner_closed_is_unavailable(self, database_url):
        pool = ConnectionPool(database_url, min_size=1, open=True)
        with PostgresStore(pool=pool) as store:
            store.set("a", {})
            pool.close()
            with pytest.raises(StoreUnavailableError):
                store.get("a")
            assert store.health_check() is False

    def test_a_pool_and_a_conninfo_together_are_a_mistake(self, database_url):
        with (
            ConnectionPool(database_url, min_size=1, open=True) as pool,
            pytest.raises(StoreConfigError),
        ):
            PostgresStore(database_url, pool=pool)


class TestOtherWriters:
    def test_a_write_that_knows_no_revisions_makes_a_new_one(
        self, database_url, beside
    ):
        with PostgresStore(database_url) as store:
            store.set("settings", {"n": 1})
            old = store.get_entry("settings").revision
            beside.execute(
                "INSERT INTO json_store (kind, data, updated_at)"
                " VALUES ('settings', '{\"n\": 2}', now())"
                " ON CONFLICT (kind) DO UPDATE"
                " SET data = excluded.data, updated_at = now()"
            )
            with pytest.raises(StoreConflictError):
                store.compare_and_set("settings", {"n": 3}, old)
            assert store.update("settings", bump) == {"n": 3}

    def test_what_is_no_object_is_named_and_not_guessed(self, database_url, beside):
        with PostgresStore(database_url) as store:
            store.set("a", {})
            beside.execute("UPDATE json_store SET data = '[1]'")
            with pytest.raises(StoreUnavailableError, match="'a'"):
                store.get("a")


class TestFork:
    def test_a_forked_child_opens_anew_and_leaves_the_parents_session(
        self, database_url
    ):
        program = """
            import os, sys, warnings
            warnings.simplefilter("ignore")
            from switchbot_store import PostgresStore
            with PostgresStore(sys.argv[1]) as store:
                store.set("a", {"by": "parent"})
                def session():
                    return store._connections.call(
                        lambda it: it.execute("SELECT pg_backend_pid()").fetchone()
                    ).value
                before = session()
                child = os.fork()
                if child == 0:
                    assert store.get("a") == {"by": "parent"}
                    assert session() != before
                    store.set("a", {"by": "child"})
                    store.close()
                    os._exit(0)
                _, status = os.waitpid(child, 0)
                assert status == 0
                assert store.get("a") == {"by": "child"}
                assert session() == before
            """
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program), database_url],
            check=True,
            timeout=60,
        )
