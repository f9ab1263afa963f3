"""What is wrong in code is told from what is wrong with a server; other psycopgs too."""

import threading
from functools import partial

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from switchbot_store import (
    PostgresHistory,
    PostgresStore,
    StoreConfigError,
    StoreUnavailableError,
)
from switchbot_store.postgres.connections import Connections
from switchbot_store.postgres.schema.migrations import migrate
from switchbot_store.postgres.wire import OwnConnection, fetch

WRONG = {
    "too few values": lambda connection: connection.execute("SELECT %s, %s", (1,)),
    "a placeholder of another kind": lambda connection: connection.execute(
        "SELECT %q", (1,)
    ),
    "no such type": lambda connection: connection.execute("SELECT %s", (object(),)),
    "no SQL": lambda connection: fetch(connection, b"SELEKT 1", ()),
    "an undefined parameter": lambda connection: connection.execute("SELECT $7"),
    "an ungrouped column": lambda connection: connection.execute(
        "SELECT relname, count(*) FROM pg_class"
    ),
}


@pytest.fixture
def connections(database_url):
    connections = Connections(database_url, prepare=migrate)
    yield connections
    connections.close()


class TestMistakes:
    @pytest.mark.parametrize("name", WRONG)
    @pytest.mark.parametrize("way", ["call", "probe", "prepare"])
    def test_a_wrong_statement_is_raised_as_it_is(self, database_url, name, way):
        work = WRONG[name]
        connections = Connections(
            database_url, prepare=work if way == "prepare" else None
        )
        call = connections.call
        if way == "probe":
            call = partial(connections.probe, timeout_seconds=5)
        try:
            with pytest.raises(psycopg.ProgrammingError):
                call(work)
        finally:
            connections.close()

    @pytest.mark.parametrize("error", [TypeError, AttributeError, NameError, KeyError])
    def test_wrong_code_is_raised_as_it_is(self, connections, error):
        asked = []

        def work(connection):
            asked.append(connection)
            raise error("wrong")

        with pytest.raises(error, match="wrong"):
            connections.call(work)
        assert len(asked) == 1  # another attempt would be as wrong
        assert connections.call(lambda each: fetch(each, b"SELECT 1", ())).value

    def test_what_a_server_lacks_is_no_mistake(self, database_url, beside):
        with PostgresStore(database_url) as store:
            store.set("a", {"n": 1})
            beside.execute("ALTER TABLE json_store RENAME data TO elsewhere")
            with pytest.raises(StoreUnavailableError):
                store.set("a", {"n": 2})
            beside.execute("ALTER TABLE json_store RENAME elsewhere TO data")
            store.set("a", {"n": 3})

    def test_a_call_that_cannot_connect_for_a_mistake_says_so(
        self, database_url, monkeypatch
    ):
        with PostgresStore(database_url) as store:
            store.open()
            with monkeypatch.context() as patch:

                def make(*_arguments, **_options):
                    raise TypeError("unexpected keyword argument")

                patch.setattr(OwnConnection, "__init__", make)
                for _ in range(2):
                    with pytest.raises(TypeError, match="unexpected keyword"):
                        store.set("a", {"n": 1})
            store.set("a", {"n": 1})

    def test_a_time_that_is_no_number_is_a_setting(self, database_url):
        url = psycopg.conninfo.make_conninfo(database_url, connect_timeout="soon")
        for call in (PostgresStore, PostgresHistory, migrate):
            with pytest.raises(StoreConfigError, match="connect_timeout; accepted"):
                call(url)

    def test_health_never_raises_and_tells_why(self, database_url, monkeypatch, caplog):
        def refuse(*_arguments):
            raise TypeError("Expected list, got tuple")

        with PostgresStore(database_url) as store:
            monkeypatch.setattr("switchbot_store.postgres.store.fetch", refuse)
            assert not store.health_check()
            assert store.status().last_error == "TypeError: Expected list, got tuple"
        assert "Expected list" in caplog.text


class TestOlderDrivers:
    @pytest.mark.parametrize("kind", [list, tuple, iter])
    def test_parameters_may_be_any_sequence(self, connections, kind):
        for _ in range(8):  # prepared on the way
            rows = connections.call(
                lambda each: fetch(
                    each, b"SELECT $1::text, $2::text", kind([b"a", b"b"])
                )
            ).value
            assert rows == [(b"a", b"b")]

    def test_parameters_reach_a_pool_in_another_encoding(self, database_url):
        options = {"options": "-c client_encoding=LATIN1", "autocommit": True}
        with ConnectionPool(database_url, kwargs=options, open=True) as pool:
            connections = Connections(pool=pool)
            statement = b"SELECT $1::text"
            answer = connections.call(
                lambda each: fetch(each, statement, ("ä".encode(),))
            )
            assert answer.value == [("ä".encode(),)]

    @pytest.mark.parametrize("together", [1, 4])
    def test_a_pool_that_cannot_drain_recovers_as_well(
        self, database_url, beside, monkeypatch, together
    ):
        monkeypatch.delattr(ConnectionPool, "drain", raising=False)
        with PostgresStore(database_url) as store:
            store.set("a", {"n": 0})
            for number in range(1, 4):
                gate = threading.Barrier(together)
                failed = []

                def write(number=number, gate=gate, failed=failed):
                    try:
                        gate.wait()
                        store.set("a", {"n": number})
                    except Exception as error:  # noqa: BLE001 - asserted below
                        failed.append(error)

                beside.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE pid <> pg_backend_pid() AND datname = current_database()"
                )
                threads = [threading.Thread(target=write) for _ in range(together)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                assert failed == []
                assert store.get("a") == {"n": number}

    def test_the_history_recovers_with_it_too(self, database_url, beside, monkeypatch):
        monkeypatch.delattr(ConnectionPool, "drain", raising=False)
        history = PostgresHistory(database_url)
        history.open()
        try:
            assert history.latest(1) == []
            beside.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
            assert history.latest(1) == []
        finally:
            history.close()
