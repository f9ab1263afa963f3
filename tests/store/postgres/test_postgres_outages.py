"""PostgresStore when the server is away, silent, wrong or read-only."""

import asyncio
import contextlib
import logging
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from switchbot_store import (
    HistorySample,
    PostgresHistory,
    PostgresStore,
    SlowConnectionError,
    StoreClosedError,
    StoreConfigError,
    StoreUnavailableError,
    ThreadedStore,
    time_limit,
)
from switchbot_store.postgres.connecting import connected
from switchbot_store.postgres.connections import (
    REST_SECONDS,
    Connections,
    RestingConnections,
)
from switchbot_store.postgres.location import connection_options, connection_string
from switchbot_store.postgres.schema.migrations import migrate_documents

WAIT_SECONDS = 120


def until(condition):
    """Wait for what happens in other threads and processes."""
    give_up_at = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < give_up_at
        threading.Event().wait(0.005)


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
        with PostgresStore(server.url()) as store:
            store.set("a", {"n": 1})
            server.stop()
            with time_limit(0.5):
                for call in (lambda: store.get("a"), lambda: store.set("a", {"n": 2})):
                    with pytest.raises(StoreUnavailableError):
                        call()
                assert store.health_check() is False
            assert "refused" in store.status().last_error
            server.start()
            with PostgresStore(server.url()) as fresh:
                assert fresh.get("a") == {"n": 1}
            until(store.health_check)
            assert store.get("a") == {"n": 1}

    def test_a_silent_server_is_slow_not_for_ever(self, postgres_server_factory):
        server = postgres_server_factory()
        with PostgresStore(server.url()) as store:
            store.set("a", {"n": 1})
            server.freeze()
            with time_limit(0.3):
                for _ in range(2):  # on an old connection, then on a new one
                    with pytest.raises(SlowConnectionError):
                        store.get("a")
                assert store.health_check() is False
            server.thaw()
            until(store.health_check)
            assert store.get("a") == {"n": 1}

    def test_callers_who_wait_for_the_same_first_connection_wait_once(
        self, postgres_server_factory, bounded
    ):
        server = postgres_server_factory()
        server.freeze()
        store = PostgresStore(
            server.url(), timeout_seconds=60, connect_timeout_seconds=60
        )

        def hurried(_number):
            with (
                bounded.of_this_thread() as mine,
                time_limit(0.3),
                pytest.raises(SlowConnectionError),
            ):
                store.get("a")
            return mine

        with ThreadPoolExecutor(6) as pool:
            first = pool.submit(store.get, "a")
            assert bounded.armed.wait(WAIT_SECONDS)
            # Each gives up when its own time is up, and nobody connects beside the first.
            assert list(pool.map(hurried, range(4))) == [[]] * 4
            assert not first.done()
            store.close()
            assert not first.done()
            server.thaw()
            with suppress(StoreUnavailableError, StoreClosedError):
                assert first.result(WAIT_SECONDS) == {}

    def test_a_time_limit_bounds_the_first_connection_too(
        self, postgres_server_factory, bounded
    ):
        server = postgres_server_factory()
        server.freeze()
        store = PostgresStore(server.url())
        with (
            bounded.of_this_thread() as connecting,
            time_limit(2),
            pytest.raises(SlowConnectionError),
        ):
            store.get("a")
        assert max(left for _, left in connecting) <= 2

    async def test_a_silent_server_does_not_stop_the_event_loop(
        self, postgres_server_factory, bounded
    ):
        server = postgres_server_factory()
        async with ThreadedStore(
            PostgresStore(server.url(), timeout_seconds=60)
        ) as store:
            await store.set("a", {"n": 1})
            server.freeze()
            bounded.armed.clear()
            reading = asyncio.create_task(store.get("a"))
            assert await asyncio.to_thread(bounded.armed.wait, WAIT_SECONDS)
            for _ in range(20):
                await asyncio.sleep(0.001)
            # It waits as long as this loop wants: nobody holds the interpreter's lock.
            assert not reading.done()
            server.thaw()
            assert await reading == {"n": 1}

    def test_a_swallowed_connection_attempt_ends_by_its_deadline(
        self, proxied_url, proxy
    ):
        store = PostgresStore(proxied_url, connect_timeout_seconds=1)
        proxy.black_hole()
        with pytest.raises(SlowConnectionError):
            store.open()
        proxy.pass_through()
        # Making the tables takes forty round trips: on a busy machine more than a second.
        with time_limit(WAIT_SECONDS), store:
            assert store.get("a") == {}

    @pytest.mark.parametrize("given", [False, True], ids=["own", "given pool"])
    def test_tables_that_are_not_made_in_time_are_no_server_that_ended(
        self, proxied_url, proxy, given
    ):
        def prepare(connection):
            proxy.black_hole()
            migrate_documents(connection)

        with contextlib.ExitStack() as stack:
            source = {"conninfo": proxied_url}
            if given:
                pool = ConnectionPool(proxied_url, min_size=1, open=True)
                source = {"pool": stack.enter_context(pool)}
            connections = Connections(
                **source, prepare=prepare, connect_timeout_seconds=1
            )
            with pytest.raises(SlowConnectionError):
                connections.open()

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

    def test_a_closed_port_is_an_outage(self, proxied_url, proxy):
        proxy.refuse()
        with pytest.raises(StoreUnavailableError, match="refused"):
            PostgresStore(proxied_url).open()

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

    def test_nothing_is_prepared_where_a_pooler_is_told_of(self):
        assert connection_options("host=h", pooler=True)["prepare_threshold"] is None
        for pooler in (None, False):
            assert "prepare_threshold" not in connection_options(
                "host=h", pooler=pooler
            )

    def test_a_call_waiting_at_close_hears_that_the_store_was_closed(
        self, proxied_url, proxy
    ):
        store = PostgresStore(proxied_url).open()
        proxy.black_hole()
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(store.get, "a")
            until(reading.running)
            store.close()  # no answer came before, and none can come after
            proxy.reset()
            assert isinstance(reading.exception(WAIT_SECONDS), StoreClosedError)


def asked(connection):
    return connection.execute("SELECT 1").fetchone()


class TestDeadConnections:
    """A fault before a call kills every older connection, wherever the pool has it."""

    @pytest.fixture
    def connections(self, proxied_url):
        connections = Connections(proxied_url, timeout_seconds=WAIT_SECONDS).open()
        yield connections
        connections.close()

    @pytest.fixture
    def counted(self):
        attempts = []

        def work(connection):
            attempts.append(connection)
            return asked(connection)

        work.attempts = attempts
        return work

    @pytest.mark.parametrize("fault", ["reset", "half_close"])
    @pytest.mark.parametrize("count", [1, 2, 4])
    def test_all_that_are_idle(self, connections, proxy, counted, fault, count):
        def nested(connection, more=count - 1):
            if more:
                connections.call(lambda each: nested(each, more - 1))
            return asked(connection)

        connections.call(nested)
        assert proxy.connections == count
        getattr(proxy, fault)()
        assert connections.call(counted).repeated
        assert len(counted.attempts) == 2


@pytest.fixture
def silent_port():
    """A port of every loopback address that takes connections and says nothing."""
    with socket.create_server(("0.0.0.0", 0)) as listener:
        yield listener.getsockname()[1]


class TestOneDeadline:
    """Name, addresses, connection and call together take what a call may take."""

    @pytest.fixture
    def resolve(self, monkeypatch):
        """Let a made-up name be resolved by a function of the test."""
        known = socket.getaddrinfo

        def use(answer):
            def getaddrinfo(host, port, *arguments, **options):
                if host != "db.example.com":
                    return known(host, port, *arguments, **options)
                found = []
                for address in answer():
                    found += known(address, port, *arguments, **options)
                return found

            monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

        return use

    def elapsed(self, call):
        began = time.monotonic()
        with pytest.raises(SlowConnectionError):
            call()
        return time.monotonic() - began

    def test_a_name_with_three_silent_addresses(self, resolve, silent_port):
        resolve(lambda: ["127.0.0.1", "127.0.0.2", "127.0.0.3"])
        url = f"postgresql://db.example.com:{silent_port}/home"
        store = PostgresStore(url, connect_timeout_seconds=2)
        # One after the other they would take three times as long.
        assert self.elapsed(store.open) < 3 * 2

    @pytest.mark.parametrize("seconds", [0.3, 1])
    def test_a_silent_name_server(self, resolve, seconds):
        ended, answered = threading.Event(), threading.Event()

        def never():
            ended.wait(WAIT_SECONDS)
            answered.set()
            return []

        resolve(never)
        store = PostgresStore("postgresql://db.example.com/home")
        try:
            with time_limit(seconds):
                with pytest.raises(SlowConnectionError):
                    store.open()
                assert not store.health_check()
            assert not answered.is_set()
        finally:
            ended.set()

    def test_a_name_server_that_falls_silent_while_it_runs(self, resolve, database_url):
        ended, answered = threading.Event(), threading.Event()
        answers = [["127.0.0.1"]] * 2

        def seldom():
            if answers:
                return answers.pop()
            ended.wait(WAIT_SECONDS)
            answered.set()
            return []

        resolve(seldom)
        url = psycopg.conninfo.make_conninfo(database_url, host="db.example.com")
        with PostgresStore(url) as store:
            store.set("a", {"n": 1})
            store.renew()
            with time_limit(0.3), pytest.raises(SlowConnectionError):
                store.get("a")
            assert not answered.is_set()
            ended.set()

    def test_a_silent_address_does_not_keep_from_the_next(
        self, resolve, silent_port, postgres_server
    ):
        resolve(lambda: ["127.0.0.1"])
        url = (
            f"host=127.0.0.1,db.example.com port={silent_port},{postgres_server.port}"
            f" user={postgres_server.user} dbname=postgres"
        )
        connections = Connections(url, connect_timeout_seconds=WAIT_SECONDS)
        with connections.direct() as connection:
            assert asked(connection) == (1,)

    def test_a_name_that_nobody_knows_is_an_outage(self):
        with pytest.raises(StoreUnavailableError, match="not resolved"):
            PostgresStore("postgresql://no-such-name.invalid/home").open()


class TestAtRest:
    """Sessions that nobody needs are closed, and none is opened for its own sake."""

    @pytest.fixture
    def sessions(self, beside):
        def count():
            query = (
                "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                " AND backend_type = 'client backend'"
                " AND datname = current_database()"
            )
            return beside.execute(query).fetchone()[0]

        return count

    def opened(self, database_url, rest_seconds, count):
        options = connection_options(database_url, pooler=None)
        pool = RestingConnections(
            lambda seconds: connected(database_url, options, seconds),
            max_size=count,
            rest_seconds=rest_seconds,
        )
        give_up_at = time.monotonic() + WAIT_SECONDS
        lent = [pool.lend(give_up_at) for _ in range(count)]
        for connection in lent:
            pool.give_back(connection)
        return pool

    def test_within_five_minutes_all_are_gone(self, database_url, sessions):
        assert REST_SECONDS < 300 / 2
        pool = self.opened(database_url, 0.2, 4)
        until(lambda: sessions() == 0)
        connection = pool.lend(time.monotonic() + WAIT_SECONDS)
        assert asked(connection) == (1,)
        pool.give_back(connection)
        until(lambda: sessions() == 0)
        pool.close()

    def test_what_is_given_up_is_not_opened_again(self, database_url, sessions, proxy):
        url = psycopg.conninfo.make_conninfo(database_url, port=proxy.port)
        pool = self.opened(url, 100.0, 3)
        assert (sessions(), proxy.connections) == (3, 3)
        lent = pool.lend(time.monotonic() + WAIT_SECONDS)
        pool.renew()
        until(lambda: sessions() == 1)
        pool.give_back(lent)
        until(lambda: sessions() == 0)
        assert proxy.connections == 3
        pool.close()
        with pytest.raises(StoreClosedError):
            pool.lend(time.monotonic() + WAIT_SECONDS)

    def test_one_thread_watches_for_as_long_as_there_are_sessions(
        self, database_url, sessions
    ):
        def watchers():
            named = "store connections at rest"
            return {each for each in threading.enumerate() if each.name == named}

        others = watchers()
        pool = self.opened(database_url, 100.0, 1)
        watching = watchers() - others
        assert len(watching) == 1
        for _ in range(200):  # each lends the only one, so that none rests meanwhile
            connection = pool.lend(time.monotonic() + WAIT_SECONDS)
            assert asked(connection) == (1,)
            pool.give_back(connection)
        assert watching <= watchers()
        pool.close()
        until(lambda: sessions() == 0)
        until(lambda: not watchers() & watching)

    def test_a_session_that_is_lent_for_long_rests_its_time_afterwards(
        self, database_url, sessions
    ):
        pool = self.opened(database_url, 0.2, 1)
        connection = pool.lend(time.monotonic() + WAIT_SECONDS)
        assert connection.execute("SELECT pg_sleep(0.5)").fetchone() is not None
        assert asked(connection) == (1,)
        pool.give_back(connection)
        until(lambda: sessions() == 0)
        pool.close()

    def test_a_call_that_fails_tried_once_and_says_nothing_else(
        self, proxied_url, proxy, caplog
    ):
        caplog.set_level(logging.WARNING)
        with PostgresStore(proxied_url, patient=False) as store:
            store.set("a", {"n": 1})
            store.renew()
            proxy.clear()
            proxy.refuse()
            with pytest.raises(StoreUnavailableError, match="refused"):
                store.get("a")
        assert proxy.connections <= 1
        assert caplog.records == []


class TestClosedWhileAtRest:
    """A server may close what rests; that costs one try on a new connection."""

    @pytest.fixture
    def database(self, database_url, beside):
        name = beside.info.dbname

        def role_setting(text):
            beside.execute(f"ALTER DATABASE {name} SET {text}")

        yield role_setting
        beside.execute(f"ALTER DATABASE {name} RESET ALL")

    @pytest.fixture
    def alone(self, beside):
        """Tell whether the server closed every session of the database but this one."""
        query = (
            "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
            " AND datname = current_database()"
        )
        return lambda: beside.execute(query).fetchone() == (0,)

    @pytest.mark.parametrize("count", [1, 2])
    def test_reads_of_a_history_do_not_notice(
        self, database_url, database, alone, count
    ):
        database("idle_session_timeout = '200ms'")
        history = PostgresHistory(database_url, max_size=count)
        history.open()
        gate = threading.Barrier(count)

        def at_once(_number):
            gate.wait(WAIT_SECONDS)
            return history.latest(1)

        with ThreadPoolExecutor(count) as pool:
            for _ in range(3):
                assert list(pool.map(at_once, range(count))) == [[]] * count
                until(alone)
        history.close()

    def test_nor_does_a_store(self, database_url, database, alone):
        database("idle_session_timeout = '200ms'")
        with PostgresStore(database_url) as store:
            for number in range(3):
                store.set("a", {"n": number})
                assert store.get("a") == {"n": number}
                until(alone)

    def test_a_plan_of_an_older_table_is_let_go(self, database_url, beside):
        history = PostgresHistory(database_url)
        history.open()
        now = datetime(2026, 5, 4, tzinfo=UTC)
        history.write([HistorySample(now, temperature=20.0)], now=now)
        for _ in range(8):  # prepared on the way
            assert len(history.latest(1)) == 1
        for kind in ("real", "double precision"):
            beside.execute(
                f"ALTER TABLE state_history ALTER COLUMN humidity TYPE {kind}"
            )
            for _ in range(8):
                assert len(history.latest(1)) == 1
        history.close()
