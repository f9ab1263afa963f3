"""The runner of numbered SQL files."""

import subprocess
import sys
import textwrap
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from importlib import resources

import psycopg
import pytest

from switchbot_store import (
    HistorySample,
    MigrationError,
    PostgresHistory,
    PostgresStore,
    StoreUnavailableError,
    migrate,
)
from switchbot_store.postgres.schema.migrations import (
    _TABLES,
    OWN_NAMESPACE,
    load_migrations,
)

NEWEST = load_migrations()[-1].version


@pytest.fixture
def connection(database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        (tmp_path / name).write_text(text)
        return tmp_path

    return write


def applied(connection, namespace=OWN_NAMESPACE):
    rows = connection.execute(
        "SELECT version FROM switchbot_store_migrations WHERE namespace = %s"
        " ORDER BY version",
        (namespace,),
    )
    return [version for (version,) in rows.fetchall()]


def tables(connection):
    rows = connection.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    )
    return {name for (name,) in rows.fetchall()}


def test_an_empty_database_gets_every_version_once(database_url, connection):
    versions = [migration.version for migration in load_migrations()]
    assert versions == list(range(1, NEWEST + 1))
    assert migrate(database_url) == versions
    assert migrate(database_url) == []
    assert applied(connection) == versions


def test_ten_processes_may_start_at_once(database_url, connection):
    program = """
        import sys
        from switchbot_store import PostgresStore
        sys.stdin.readline()
        with PostgresStore(sys.argv[1], connect_timeout_seconds=50) as store:
            store.update("n", lambda old: {"n": old.get("n", 0) + 1})
        """
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program), database_url],
            stdin=subprocess.PIPE,
            text=True,
        )
        for _ in range(10)
    ]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert applied(connection) == list(range(1, NEWEST + 1))
    with PostgresStore(database_url) as store:
        assert store.get("n") == {"n": 10}


def test_a_dashboards_table_is_adopted_with_its_rows(database_url, connection):
    connection.execute(
        """
        CREATE TABLE json_store (
            kind varchar(50) PRIMARY KEY,
            data jsonb NOT NULL,
            updated_at timestamptz
        );
        CREATE INDEX idx_json_store_kind ON json_store (kind);
        INSERT INTO json_store VALUES
            ('settings', '{"mode": "winter"}', '2024-01-02T03:04:05Z'),
            ('state', '{"last_temperature": 21.5}', NULL);
        """
    )
    with PostgresStore(database_url) as store:
        found = store.get_many(["settings", "state"])
        assert found["settings"].data == {"mode": "winter"}
        assert found["settings"].updated_at.isoformat() == "2024-01-02T03:04:05+00:00"
        assert found["state"].data == {"last_temperature": 21.5}
        assert found["settings"].revision != found["state"].revision
        store.set("k" * 200, {"long": True})
        store.compare_and_set("settings", {"n": 1}, found["settings"].revision)
        assert store.keys() == ["k" * 200, "settings", "state"]


def test_an_adopted_table_has_the_columns_of_a_new_one(postgres_server_factory):
    def columns(connection):
        return connection.execute(
            "SELECT column_name, data_type, is_nullable, column_default"
            " FROM information_schema.columns WHERE table_name = 'json_store'"
            " ORDER BY column_name"
        ).fetchall()

    server = postgres_server_factory()
    found = []
    dashboards = """
        CREATE TABLE json_store (
            kind varchar(50) PRIMARY KEY, data jsonb NOT NULL, updated_at timestamptz
        )
        """
    for old in ("SELECT 1", dashboards):
        name = server.create_database()
        with server.connect(name) as connection:
            connection.execute(old)
            migrate(connection)
            found.append(columns(connection))
    assert found[0] == found[1]
    assert len(found[0]) == 5


def test_a_newer_database_is_refused(database_url, connection):
    migrate(database_url)
    connection.execute(
        "INSERT INTO switchbot_store_migrations (namespace, version, name)"
        " VALUES (%s, 9000, 'from_the_future')",
        (OWN_NAMESPACE,),
    )
    with pytest.raises(MigrationError, match=r"9000.*upgrade"):
        PostgresStore(database_url).open()


def test_a_failing_file_leaves_the_database_as_it_was(database_url, connection, write):
    write("0001_good.sql", "CREATE TABLE good (x int);")
    directory = write("0002_bad.sql", "CREATE TABLE bad (x int); SELECT 1/0;")
    with pytest.raises(MigrationError, match="0002_bad") as caught:
        migrate(database_url, namespace="host", directory=directory)
    assert isinstance(caught.value.__cause__, psycopg.Error)
    assert not tables(connection) & {"good", "bad"}
    write("0002_bad.sql", "CREATE TABLE mended (x int);")
    assert migrate(database_url, namespace="host", directory=directory) == [1, 2]
    assert tables(connection) >= {"good", "mended"}


def test_hosts_have_namespaces_of_their_own(database_url, connection, write):
    directory = write("0001_mine.sql", "CREATE TABLE mine (p text DEFAULT '100%');")
    (directory / "notes.txt").write_text("no migration")
    assert migrate(connection, namespace="host", directory=directory) == [1]
    assert migrate(database_url) == list(range(1, NEWEST + 1))
    assert applied(connection, "host") == [1]


def test_a_hosts_files_may_lie_in_its_package_even_a_zipped_one(
    connection, tmp_path, monkeypatch
):
    with zipfile.ZipFile(tmp_path / "host.zip", "w") as archive:
        archive.writestr("zipped_host/__init__.py", "")
        archive.writestr("zipped_host/sql/0001_a.sql", "CREATE TABLE a (x int);")
        archive.writestr("zipped_host/sql/0002_b.sql", "CREATE TABLE b (x int);")
    monkeypatch.syspath_prepend(tmp_path / "host.zip")
    directory = resources.files("zipped_host") / "sql"
    assert migrate(connection, namespace="zipped", directory=directory) == [1, 2]
    assert tables(connection) >= {"a", "b"}


def test_two_hosts_that_start_at_once_wait_for_each_other(database_url, write):
    slow = "SELECT pg_sleep(0.2); CREATE TABLE once (x int);"
    directory = write("0001_once.sql", slow)
    starts = threading.Barrier(4)

    def start(_):
        starts.wait()
        return migrate(database_url, namespace="host", directory=directory)

    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(start, range(4)))
    assert sorted(results) == [[], [], [], [1]]


def test_two_files_with_one_number_are_refused(database_url, write):
    write("0001_a.sql", "SELECT 1;")
    directory = write("0001_b.sql", "SELECT 1;")
    with pytest.raises(MigrationError, match="share a number"):
        migrate(database_url, namespace="host", directory=directory)


def test_an_up_to_date_database_needs_no_right_to_change_it(
    postgres_server_factory,
):
    server = postgres_server_factory()
    migrate(server.url())
    with server.connect() as connection:
        connection.execute("CREATE ROLE lodger LOGIN")
        connection.execute(
            "GRANT SELECT, INSERT, UPDATE, DELETE ON json_store TO lodger;"
            "GRANT SELECT ON switchbot_store_migrations TO lodger"
        )
    url = psycopg.conninfo.make_conninfo(server.url(), user="lodger")
    with PostgresStore(url) as store:
        store.set("a", {"n": 1})
        assert store.update("a", lambda old: {"n": old["n"] + 1}) == {"n": 2}


def test_waiting_for_a_busy_table_ends_in_an_error_and_holds_nobody_up(
    database_url, connection, monkeypatch
):
    monkeypatch.setattr(
        "switchbot_store.postgres.schema.migrations._NO_LONG_WAIT",
        "SET LOCAL lock_timeout = '50ms'",
    )
    monkeypatch.setattr(
        "switchbot_store.postgres.schema.migrations._LOCK_PATIENCE_SECONDS", 0.1
    )
    connection.execute(
        "CREATE TABLE json_store (kind varchar(50) PRIMARY KEY, data jsonb NOT NULL,"
        " updated_at timestamptz)"
    )
    with psycopg.connect(database_url) as reader:
        reader.execute("SELECT * FROM json_store")  # and its transaction goes on
        with pytest.raises(MigrationError, match="lock timeout"):
            migrate(database_url)
    assert migrate(database_url) == list(range(1, NEWEST + 1))


def test_a_connection_lost_half_way_is_an_outage_and_nothing_happened(
    database_url, connection, write
):
    directory = write("0001_slow.sql", "CREATE TABLE slow (x int); SELECT pg_sleep(60)")
    errors = []

    def run():
        try:
            migrate(database_url, namespace="host", directory=directory)
        except Exception as error:  # noqa: BLE001 - looked at below
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    killed = False
    while not killed:
        killed = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE query LIKE '%pg_sleep(60)' AND pid <> pg_backend_pid()"
        ).fetchone()
    thread.join()
    assert [type(error).__name__ for error in errors] == ["StoreUnavailableError"]
    assert "slow" not in tables(connection)


@pytest.mark.parametrize("count", [1, None], ids=["each alone", "all"])
def test_tables_dropped_under_a_running_program_are_made_anew(
    connection, database_url, count
):
    tables = [name for names in _TABLES.values() for name in names]
    start = datetime(2026, 5, 4, 12, tzinfo=UTC)
    now = start + timedelta(hours=2)
    with PostgresStore(database_url) as store:
        history = PostgresHistory(database_url)
        for number, name in enumerate(tables):
            # Often enough that the statements are prepared ones.
            for step in range(6):
                store.set("a", {"n": step})
                moment = start + timedelta(minutes=6 * number + step)
                history.write([HistorySample(moment, temperature=20.0)], now=now)
            history.roll_up(now=now)
            dropped = [name] if count else [*tables, "switchbot_store_migrations"]
            connection.execute(f"DROP TABLE {', '.join(dropped)}")
            store.set("a", {"n": number})
            assert store.get("a") == {"n": number}
            row = HistorySample(start + timedelta(minutes=6 * number, seconds=7))
            assert history.write([row], now=now) == 1
            while history.roll_up(now=now):
                pass
            (hours,) = connection.execute(
                "SELECT sum(count) FROM state_history_hourly"
            ).fetchone()
            (rows,) = connection.execute(
                "SELECT count(*) FROM state_history"
            ).fetchone()
            assert hours == rows
        history.close()
    assert applied(connection) == [each.version for each in load_migrations()]


def test_a_role_that_may_make_no_tables_is_told_of_as_an_outage(
    connection, database_url
):
    with PostgresStore(database_url) as store:
        store.set("a", {"n": 1})
        connection.execute("DROP TABLE json_store")
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        connection.execute("CREATE ROLE lodger LOGIN")
        try:
            parts = psycopg.conninfo.make_conninfo(database_url, user="lodger")
            connection.execute("GRANT SELECT ON switchbot_store_migrations TO lodger")
            lodger = PostgresStore(parts)
            lodger._connections._prepared = True
            with pytest.raises(StoreUnavailableError, match="json_store"):
                lodger.set("a", {"n": 2})
            lodger.close()
        finally:
            connection.execute("DROP OWNED BY lodger")
            connection.execute("DROP ROLE lodger")
