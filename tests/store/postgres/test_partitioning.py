"""Tables in hash partitions: before the first migration, and online for those with rows."""

import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from click.testing import CliRunner

from switchbot_store import (
    HistorySample,
    MigrationError,
    PostgresHistory,
    PostgresStore,
    StoreConfigError,
    migrate,
)
from switchbot_store.cli.app import application
from switchbot_store.postgres.schema.migrations import use_trigger
from switchbot_store.postgres.schema.partitioning import KEYS, partition
from switchbot_store.testing import HistoryContract, StoreContract
from tests.cases import one_example_each

NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)


def made_in_parts(url):
    migrate(url)
    partition(url, 4)
    return url


def made_in_parts_without_a_trigger(url):
    use_trigger(made_in_parts(url), wanted=False)


@pytest.mark.slow
class TestDocumentsInParts(StoreContract):
    """With the trigger, which every other way to PostgreSQL has in each run."""

    @pytest.fixture
    def make_store(self, prepared_database_url):
        url = prepared_database_url(made_in_parts)
        return lambda: PostgresStore(url)


@one_example_each
class TestHistoryInParts(HistoryContract):
    @pytest.fixture
    def make_backend(self, prepared_database_url):
        url = prepared_database_url(made_in_parts)
        return lambda: PostgresHistory(url)


class TestDocumentsInPartsWithoutATrigger(StoreContract):
    """As a table that an extension distributes, which takes none."""

    @pytest.fixture
    def make_store(self, prepared_database_url):
        url = prepared_database_url(made_in_parts_without_a_trigger)
        return lambda: PostgresStore(url)


def in_parts(url, table):
    with psycopg.connect(url) as connection:
        return [
            name
            for (name,) in connection.execute(
                "SELECT inhrelid::regclass::text FROM pg_inherits"
                " WHERE inhparent = to_regclass(%s) ORDER BY 1",
                [table],
            )
        ]


def test_migrations_run_on_tables_that_were_made_in_parts(database_url):
    """By who knew beforehand that there would be many homes."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE json_store (kind text PRIMARY KEY, data jsonb NOT NULL,"
            " updated_at timestamptz DEFAULT now()) PARTITION BY HASH (kind)"
        )
        connection.execute(
            "CREATE TABLE state_history (zone text NOT NULL,"
            ' "timestamp" timestamptz NOT NULL, PRIMARY KEY (zone, "timestamp"))'
            " PARTITION BY HASH (zone)"
        )
        for table in ("json_store", "state_history"):
            for number in range(3):
                connection.execute(
                    f"CREATE TABLE {table}_{number} PARTITION OF {table}"
                    f" FOR VALUES WITH (MODULUS 3, REMAINDER {number})"
                )
        connection.execute("""INSERT INTO json_store VALUES ('settings', '{"a": 1}')""")
    with PostgresStore(database_url) as store:
        assert store.get("settings") == {"a": 1}
        store.set("homes/42/" + "x" * 100, {"b": 2})
    rows = PostgresHistory(database_url)
    rows.open()
    rows.write([HistorySample(NOON, "42/living", temperature=17.5)], now=NOON)
    assert rows.zones() == ["42/living"]
    rows.close()
    assert migrate(database_url) == []
    assert len(in_parts(database_url, "json_store")) == 3


def test_a_key_that_no_longer_can_become_wide_enough_is_named(database_url):
    """PostgreSQL changes no column by which a table is parted."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE json_store (kind varchar(50) PRIMARY KEY, data jsonb NOT NULL)"
            " PARTITION BY HASH (kind)"
        )
    with pytest.raises(MigrationError, match=r'"kind".*partition key'):
        migrate(database_url)


def test_rows_move_into_parts_while_others_write(database_url):
    """Nothing written, changed or deleted meanwhile is lost, or comes back."""
    migrate(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO json_store (kind, data) SELECT 'old/' || n, '{}'"
            " FROM generate_series(1, 7000) n"
        )
        connection.execute(
            'INSERT INTO state_history (zone, "timestamp", temperature)'
            " SELECT n % 7 || '/living', '2026-01-01'::timestamptz + n * interval '1 min', 21"
            " FROM generate_series(1, 9000) n"
        )
    ended, failures = threading.Event(), []
    written = {}

    def write(writer):
        try:
            with PostgresStore(database_url) as store:
                turn = 0
                while not ended.is_set():
                    key = f"old/{writer * 100 + turn % 100 + 1}"
                    store.set(key, {"turn": turn})
                    written[key] = {"turn": turn}
                    store.delete(f"old/{5000 + writer * 500 + turn % 500 + 1}")
                    written[f"old/{5000 + writer * 500 + turn % 500 + 1}"] = {}
                    store.set(f"new/{writer}/{turn}", {"turn": turn})
                    written[f"new/{writer}/{turn}"] = {"turn": turn}
                    turn += 1
        except Exception as error:  # noqa: BLE001 - told by the test
            failures.append(error)

    writers = [threading.Thread(target=write, args=(each,)) for each in range(3)]
    for each in writers:
        each.start()
    told = []
    done = partition(database_url, 4, progress=lambda share, what: told.append(share))
    ended.set()
    for each in writers:
        each.join()
    assert failures == []
    assert {each.table: each.parts for each in done} == dict.fromkeys(KEYS, 4)
    assert told == sorted(told)
    assert told[-1] == 1.0
    with PostgresStore(database_url) as store:
        found = store.get_many(written)
        assert {key: entry.data for key, entry in found.items()} == written
        assert len(store.keys_with("old/")) == 7000 - sum(
            not data for data in written.values()
        )
    with psycopg.connect(database_url) as connection:
        count = connection.execute("SELECT count(*) FROM state_history").fetchone()
        left = connection.execute(
            "SELECT count(*) FROM pg_class WHERE relname LIKE '%parting%'"
            " AND relkind IN ('r', 'p')"
        ).fetchone()
    assert (count, left) == ((9000,), (0,))
    assert [each.rows for each in partition(database_url, 4)] == [0] * len(KEYS)
    assert migrate(database_url) == []


def test_indexes_that_a_host_made_are_made_for_the_parts(database_url):
    """What depends on a table's columns is a sequence, or an index of no constraint."""
    migrate(database_url)
    columns = {
        "json_store": "updated_at",
        "state_history": "temperature",
        "device_readings_hourly": "mean",
    }
    with psycopg.connect(database_url, autocommit=True) as connection:
        for table, column in columns.items():
            connection.execute(f"CREATE INDEX {table}_own ON {table} ({column})")
    done = {each.table: each for each in partition(database_url, 2)}
    assert {each.left_out for each in done.values()} == {()}
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "SELECT tablename, indexdef FROM pg_indexes WHERE tablename = ANY (%s)",
            [[*columns, "device_readings"]],
        ).fetchall()
    columns["device_readings"] = '"timestamp"'
    for table, column in columns.items():
        assert any(
            each == table and how.endswith(f"({column})") for each, how in found
        ), table


def test_what_was_interrupted_goes_on(database_url):
    """A copy that is there is completed, with what was written since."""
    migrate(database_url)
    with PostgresStore(database_url) as store:
        store.set_many({f"a/{n}": {"n": n} for n in range(50)})

        class StopError(Exception):
            pass

        def stop(share, what):
            if what == "json_store" and share > 0:
                raise StopError

        with pytest.raises(StopError):
            partition(database_url, 2, progress=stop)
        store.set("a/1", {"n": "since"})
        store.delete("a/2")
        partition(database_url, 2)
        assert store.get("a/1") == {"n": "since"}
        assert len(store.keys()) == 49


def test_hosts_that_write_without_revisions_still_make_them(database_url):
    made_in_parts(database_url)
    with PostgresStore(database_url) as store:
        store.set("a", {"n": 1})
        before = store.get_entry("a").revision
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute("""UPDATE json_store SET data = '{"n": 2}'""")
        assert store.get_entry("a").revision != before


@pytest.mark.parametrize("parts", [False, True])
def test_a_trigger_is_left_out_where_it_is_told_and_comes_back(database_url, parts):
    def found():
        with psycopg.connect(database_url) as connection:
            return connection.execute(
                "SELECT count(*) > 0 FROM pg_trigger WHERE tgname = 'json_store_revise'"
            ).fetchone()[0]

    if parts:
        made_in_parts(database_url)
    use_trigger(database_url, wanted=False)
    for _ in range(2):
        assert migrate(database_url) == []
        with PostgresStore(database_url) as store:
            store.set("a", {"n": 1})
            before = store.get_entry("a").revision
            store.set("a", {"n": 2})
            assert store.get_entry("a").revision != before
        assert not found()
    use_trigger(database_url, wanted=True)
    assert found()


def test_deleting_old_rows_of_one_part_leaves_those_of_the_others(database_url):
    """A row's place is one of each part; see `PURGE`."""
    url = made_in_parts(database_url)
    rows = PostgresHistory(url)
    rows.open()
    zones = [f"{n}/living" for n in range(12)]
    for hour in range(6):
        rows.write(
            [HistorySample(NOON + timedelta(hours=hour), zone) for zone in zones],
            now=NOON + timedelta(hours=hour),
        )
    edge = NOON + timedelta(hours=6)
    while rows.roll_up(now=edge + timedelta(hours=1)):
        pass
    while rows.purge(NOON + timedelta(hours=2), limit=5):
        pass
    with psycopg.connect(url) as connection:
        left = dict(
            connection.execute(
                "SELECT zone, count(*) FROM state_history GROUP BY 1"
            ).fetchall()
        )
    rows.close()
    assert left == dict.fromkeys(zones, 4)


def test_a_view_over_a_table_is_named_before_anything_is_done(database_url):
    migrate(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE VIEW mine AS SELECT kind FROM json_store")
    with pytest.raises(MigrationError, match="mine"):
        partition(database_url, 2)
    assert in_parts(database_url, "json_store") == []


@pytest.mark.parametrize("modulus", [0, 1, 2000])
def test_a_number_of_parts_that_cannot_be_is_refused(modulus):
    with pytest.raises(StoreConfigError):
        partition("host=nowhere", modulus)


def test_the_command_parts_the_tables_and_says_so(database_url, tmp_path):
    migrate(database_url)
    result = CliRunner().invoke(
        application,
        ["partition", "--modulus", "3"],
        env={
            "STORE_BACKEND": "postgres",
            "POSTGRES_URL": database_url,
            "STORE_DIRECTORY": str(tmp_path),
        },
    )
    assert result.exit_code == 0, result.output
    assert "json_store: 3 parts, 0 rows moved" in result.output
    assert len(in_parts(database_url, "state_history_hourly")) == 3
