"""Tables that are not as a version's number says: mended, or named."""

import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from switchbot_store import (
    HistorySample,
    MigrationError,
    PostgresHistory,
    PostgresStore,
    migrate,
)
from switchbot_store.postgres.schema.migrations import load_migrations, pending
from switchbot_store.postgres.schema.shape import COLUMNS, looked_at
from tests.cases import slow_after

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
DASHBOARD_DOCUMENTS = """
DROP TABLE json_store;
CREATE TABLE json_store (
    kind varchar(50) PRIMARY KEY, data jsonb NOT NULL, updated_at timestamptz
);
INSERT INTO json_store VALUES ('settings', '{"old": 1}', now())
"""
DASHBOARD_HISTORY = """
DROP TABLE state_history;
CREATE TABLE state_history (
    id serial PRIMARY KEY, "timestamp" timestamptz NOT NULL DEFAULT now(),
    temperature decimal(4,1), humidity decimal(4,1), assumed_aircon_power varchar(10),
    last_action varchar(50), api_requests_today int, error_count int DEFAULT 0,
    last_temperature_stale bool DEFAULT false, timezone varchar(50), metadata jsonb
);
INSERT INTO state_history ("timestamp", temperature)
    SELECT timestamptz '2026-05-04 00:00Z' + n * interval '1 minute', 20.5
    FROM generate_series(1, 500) n
"""
DAMAGE = {
    "documents of a dump": DASHBOARD_DOCUMENTS,
    "history of a dump": DASHBOARD_HISTORY,
    "both": f"{DASHBOARD_DOCUMENTS};{DASHBOARD_HISTORY}",
    "no revision": "ALTER TABLE json_store DROP COLUMN revision CASCADE",
    "no recent": "ALTER TABLE json_store DROP COLUMN recent",
    "no time": "ALTER TABLE json_store DROP COLUMN updated_at",
    "json": "ALTER TABLE json_store ALTER COLUMN data TYPE json",
    "short keys": "ALTER TABLE json_store ALTER COLUMN kind TYPE varchar(50)"
    " USING left(kind, 50)",
    "local times": "ALTER TABLE json_store ALTER COLUMN updated_at TYPE timestamp",
    "text": "DROP TRIGGER json_store_revise ON json_store;"
    " ALTER TABLE json_store ALTER COLUMN revision DROP DEFAULT,"
    " ALTER COLUMN revision TYPE text",
    "no key": "ALTER TABLE json_store DROP CONSTRAINT json_store_pkey",
    "a key of half the rows": "ALTER TABLE json_store DROP CONSTRAINT json_store_pkey;"
    " CREATE UNIQUE INDEX ON json_store (kind) WHERE kind > 'm'",
    "no trigger": "DROP TRIGGER json_store_revise ON json_store",
    "no function": "DROP FUNCTION json_store_revise CASCADE",
    "a trigger that rests": "ALTER TABLE json_store DISABLE TRIGGER json_store_revise",
    "no default": "ALTER TABLE json_store ALTER COLUMN revision DROP DEFAULT",
    "empty ones": "ALTER TABLE json_store ALTER COLUMN recent DROP NOT NULL;"
    " UPDATE json_store SET recent = NULL",
    "no zone": "ALTER TABLE state_history DROP COLUMN zone",
    "no metadata": "ALTER TABLE state_history DROP COLUMN metadata",
    "narrow": "ALTER TABLE state_history ALTER COLUMN temperature TYPE decimal(4,1)",
    "whole seconds": "ALTER TABLE state_history"
    ' ALTER COLUMN "timestamp" TYPE timestamptz(0)',
    "readings of whole seconds": "ALTER TABLE device_readings"
    ' ALTER COLUMN "timestamp" TYPE timestamptz(0)',
    "history without a key": "ALTER TABLE state_history"
    " DROP CONSTRAINT state_history_pkey",
    "a number for a key": "ALTER TABLE state_history"
    " DROP CONSTRAINT state_history_pkey, ADD COLUMN id serial PRIMARY KEY",
    "blocks": "ALTER TABLE state_history_blocks DROP COLUMN last_hour",
    "blocks without a key": "ALTER TABLE state_history_blocks"
    " DROP CONSTRAINT state_history_blocks_pkey",
}
OF_EACH_KIND = {
    *("both", "no revision", "json", "no key", "no trigger", "empty ones"),
    *("a number for a key", "blocks"),
}
every_damage = pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())


@pytest.fixture
def connection(database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def use(store, history, step):
    """Do one of everything that rests on the shape."""
    before = store.get_entry("settings").revision
    store.set("settings", {"step": step})
    entry = store.get_entry("settings")
    assert entry.data == {"step": step}
    assert entry.revision != before
    store.compare_and_set("settings", {"step": -step}, entry.revision)
    store.set("k" * 200, {"long": True})
    moment = NOW - timedelta(hours=3) + timedelta(seconds=step)
    row = HistorySample(moment, f"zone-{step}", temperature=20.25)
    assert history.write([row], now=NOW) == 1
    assert history.latest(1, zone=row.zone)[0].temperature == 20.25
    while history.roll_up(now=NOW):
        pass


def as_it_should_be(connection):
    assert looked_at(connection).wrong == {}
    assert pending(connection, load_migrations()) == []
    # A dashboard goes on writing without a revision, and makes one all the same.
    first = "SELECT revision FROM json_store WHERE kind = 'settings'"
    before = connection.execute(first).fetchone()
    connection.execute("UPDATE json_store SET data = '{}' WHERE kind = 'settings'")
    connection.execute("INSERT INTO json_store (kind, data) VALUES ('new', '{}')")
    assert connection.execute(first).fetchone() != before
    connection.execute("INSERT INTO state_history (temperature) VALUES (20)")


def test_a_new_database_has_the_shape(database_url, connection):
    assert set(looked_at(connection).wrong) == set(COLUMNS)
    migrate(database_url)
    assert looked_at(connection).wrong == {}


@every_damage
def test_the_next_start_mends_it(database_url, connection, damage):
    with PostgresStore(database_url) as store:
        history = PostgresHistory(database_url)
        use(store, history, 1)
        history.close()
    kept = connection.execute("SELECT data FROM json_store").fetchall()
    connection.execute(damage)
    with PostgresStore(database_url) as store:
        history = PostgresHistory(database_url)
        if "old" not in damage:
            found = connection.execute("SELECT data FROM json_store").fetchall()
            assert sorted(map(str, found)) == sorted(map(str, kept))
        use(store, history, 2)
        history.close()
    as_it_should_be(connection)
    if "generate_series" in damage:
        counted = "SELECT count(*) FROM state_history WHERE temperature = 20.5"
        assert connection.execute(counted).fetchone() == (500,)


# The same steps as at a start, which every run has of each.
@pytest.mark.parametrize(
    "damage",
    slow_after(
        8,
        [
            pytest.param(DAMAGE[name], id=name)
            for name in sorted(DAMAGE, key=lambda name: name not in OF_EACH_KIND)
        ],
    ),
)
def test_migrate_mends_it_and_says_so(database_url, connection, damage, caplog):
    migrate(database_url)
    connection.execute("INSERT INTO json_store (kind, data) VALUES ('settings', '{}')")
    connection.execute(damage)
    missing = [each.version for each in pending(connection, load_migrations())]
    assert missing
    assert migrate(database_url) == missing
    assert "not as they were made" in caplog.text
    as_it_should_be(connection)


@pytest.mark.parametrize(
    "damage", [DAMAGE["both"], DAMAGE["no revision"], DAMAGE["no zone"]]
)
def test_a_running_program_mends_what_was_restored_under_it(
    database_url, connection, damage
):
    with PostgresStore(database_url) as store:
        history = PostgresHistory(database_url)
        for step in range(1, 8):  # often enough that statements are prepared
            use(store, history, step)
        connection.execute(damage)
        use(store, history, 8)
        history.close()
    as_it_should_be(connection)


def test_two_that_find_it_at_once_do_not_get_in_each_others_way(
    database_url, connection
):
    stores = [PostgresStore(database_url).open() for _ in range(4)]
    connection.execute(DAMAGE["documents of a dump"])
    start = threading.Barrier(len(stores))
    errors = []

    def work(store):
        try:
            start.wait(30)
            store.update("n", lambda old: {"n": old.get("n", 0) + 1})
        except Exception as error:  # noqa: BLE001 - looked at below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert stores[0].get("n") == {"n": len(stores)}
    for store in stores:
        store.close()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (
            "ALTER TABLE state_history_hourly DROP COLUMN frozen",
            "state_history_hourly has no column frozen",
        ),
        (
            "ALTER TABLE state_history_late DROP CONSTRAINT state_history_late_pkey",
            "state_history_late has no key over bucket, zone",
        ),
        (
            "ALTER TABLE state_history_rollup ALTER COLUMN through TYPE timestamp",
            "state_history_rollup has through as timestamp without time zone",
        ),
        (
            "ALTER TABLE json_store DROP COLUMN data",
            "json_store has no column data",
        ),
        (
            DAMAGE["no key"]
            + "; INSERT INTO json_store (kind, data) VALUES ('a', '{}'), ('a', '{}')",
            r"\(kind\)=\(a\)",
        ),
    ],
)
def test_what_cannot_be_mended_is_named_and_left_as_it_is(
    database_url, connection, damage, words
):
    migrate(database_url)
    connection.execute(damage)
    before = looked_at(connection)
    with pytest.raises(MigrationError, match=words):
        migrate(database_url)
    assert looked_at(connection) == before


def test_a_role_that_may_not_mend_is_told_what_is_wrong(
    postgres_server_factory,
):
    server = postgres_server_factory()
    migrate(server.url())
    with server.connect() as connection:
        connection.execute(
            "CREATE ROLE lodger LOGIN;"
            "GRANT SELECT, INSERT, UPDATE, DELETE ON json_store TO lodger;"
            "GRANT SELECT ON switchbot_store_migrations TO lodger;"
            "DROP TRIGGER json_store_revise ON json_store"
        )
    url = psycopg.conninfo.make_conninfo(server.url(), user="lodger")
    with pytest.raises(MigrationError, match=r"json_store has no trigger.*GRANT"):
        PostgresStore(url).open()
