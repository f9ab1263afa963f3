"""A dashboard's table is adopted beside its writers, and goes on after anything."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import psycopg
import pytest

from switchbot_store import (
    HistorySample,
    HistoryService,
    MigrationError,
    PostgresHistory,
    PostgresStore,
    StoreUnavailableError,
)
from switchbot_store.postgres.schema import adoption
from switchbot_store.postgres.schema.adoption import Adoption
from switchbot_store.postgres.schema.migrations import (
    cannot_be_made,
    load_migrations,
    migrate,
)
from switchbot_store.testing import PostgresServer
from tests.cases import slow_after

ALL = [each.version for each in load_migrations()]
PATIENCE_SECONDS = 120
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)

DASHBOARD_TABLE = """
CREATE TABLE state_history (
    id SERIAL PRIMARY KEY,
    timestamp TIMESTAMP WITH TIME ZONE DEFAULT NOW(),
    temperature DECIMAL(4,1),
    humidity DECIMAL(4,1),
    assumed_aircon_power VARCHAR(10),
    last_action VARCHAR(255),
    api_requests_today INTEGER DEFAULT 0,
    error_count INTEGER DEFAULT 0,
    last_temperature_stale BOOLEAN DEFAULT FALSE,
    timezone VARCHAR(50) DEFAULT 'UTC',
    metadata JSONB DEFAULT '{}'
);
CREATE INDEX idx_state_history_timestamp ON state_history (timestamp DESC);
CREATE INDEX idx_state_history_power ON state_history (assumed_aircon_power);
CREATE INDEX idx_state_history_metadata ON state_history USING GIN (metadata);
"""
YEARS = """
INSERT INTO state_history (timestamp, temperature, humidity, last_action, metadata)
SELECT timestamptz '2026-01-05 12:00Z' - n * interval '30 seconds', 20 + n % 7 * 0.1,
    50, 'none', '{{"reason": "winter on"}}'
FROM generate_series(1, {rows}) AS n
"""
INSERT = """
INSERT INTO state_history (temperature, humidity, assumed_aircon_power, last_action,
    api_requests_today, error_count, last_temperature_stale, timezone, metadata)
VALUES (20.5, 45.5, 'on', 'scene(1)', 12, 0, false, 'Europe/Paris', '{"a": 1}')
"""
PARTS = ("primary key", "rows", "columns", "checking rows", "taking over", "indexes")
HOLDER = "SELECT holder FROM state_history_adoption"


class Dashboard:
    """A program that knows nothing of us, with a connection of its own."""

    def __init__(self, url):
        self.connection = psycopg.connect(url, autocommit=True)
        self.inserts = 0

    def insert(self):
        self.connection.execute(INSERT)
        self.inserts += 1

    def fill(self, rows):
        self.connection.execute(DASHBOARD_TABLE)
        self.connection.execute(YEARS.format(rows=rows))
        self.connection.execute("SET statement_timeout = '5s'")

    def value(self, query, *values):
        row = self.connection.execute(query, values or None).fetchone()
        return None if row is None else row[0]


@pytest.fixture
def dashboard(database_url):
    made = Dashboard(database_url)
    yield made
    made.connection.close()


class InterruptionError(Exception):
    """What ends a migration in the middle."""


def interrupt_at(what, *, after=1):
    """Return a progress function that fails the given time that step is told of."""
    seen = []

    def progress(_part, at):
        seen.append(at)
        if seen.count(what) == after:
            raise InterruptionError

    return progress


@contextmanager
def in_background(function, *arguments, **options):
    """Run it meanwhile; afterwards raise what it raised."""
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(function, *arguments, **options)
        yield running
        running.result(PATIENCE_SECONDS)


def told(what):
    """Return an event and a progress function that sets it when `what` is told of."""
    seen = threading.Event()
    return seen, lambda _part, at: seen.set() if at == what else None


def age_the_claim(dashboard):
    dashboard.connection.execute(
        "UPDATE state_history_adoption SET seen_at = seen_at - interval '1 minute'"
    )


def check_adopted(url, dashboard, *, rows):
    assert dashboard.value("SELECT count(*) FROM state_history") == rows
    assert dashboard.value("SELECT to_regclass('state_history_adoption')") is None
    left = """
        SELECT count(*) FROM pg_attribute WHERE attrelid = 'state_history'::regclass
            AND attname LIKE 'adopting%'
        """
    assert dashboard.value(left) == 0
    with psycopg.connect(url) as connection:
        assert not adoption.in_progress(connection)
        assert adoption.state(connection) == (True, True)
    dashboard.insert()  # it goes on
    dashboard.connection.execute("DELETE FROM state_history WHERE id > %s", [rows])


def test_the_dashboard_writes_between_any_two_steps(dashboard, database_url):
    dashboard.fill(60_000)
    files = """
        SELECT pg_relation_filenode('state_history'),
            pg_relation_filenode('idx_state_history_power')
        """
    before = dashboard.connection.execute(files).fetchone()
    parts = []

    def progress(part, what):
        parts.append((part, what))
        dashboard.insert()

    assert migrate(database_url, progress=progress) == ALL
    # Neither the table nor an index that stays was written anew.
    assert dashboard.connection.execute(files).fetchone() == before
    assert [part for part, _ in parts] == sorted(part for part, _ in parts)
    steps = [what for _, what in parts]
    assert list(dict.fromkeys(steps)) == list(adoption._WORDS.values())
    # How many depends on the server: parts grow while they are quick.
    assert steps.count("rows") > 1
    wrong = """
        SELECT count(*) FROM state_history WHERE humidity IS NULL OR temperature IS NULL
            OR metadata IS NULL OR zone <> 'default'
        """
    assert dashboard.value(wrong) == 0
    mine = "SELECT count(*) FROM state_history WHERE api_requests_today = 12"
    assert dashboard.value(mine) == dashboard.inserts
    check_adopted(database_url, dashboard, rows=60_000 + dashboard.inserts)


def test_nothing_that_takes_long_is_done_under_a_lock_that_stops_writers(
    dashboard, database_url, monkeypatch
):
    dashboard.fill(1000)
    dashboard.connection.execute(  # also rows to be moved, and one to be put aside
        "UPDATE state_history SET timestamp = '2026-01-05 12:00Z' WHERE id < 10;"
        "UPDATE state_history SET timestamp = NULL WHERE id = 20;"
        "ALTER TABLE state_history ADD CHECK (temperature < 99);"
        "CREATE INDEX ON state_history (temperature)"
    )
    locks = """
        SELECT array_agg(mode) FROM pg_locks WHERE relation = 'state_history'::regclass
            AND granted AND pid <> pg_backend_pid()
        """
    stops_writers = {
        *("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"),
    }
    run = adoption._run
    under_lock, elsewhere = [], []

    def watched(connection, statement, values=None):
        held = set(dashboard.value(locks) or ())
        run(connection, statement, values)
        text = statement.decode() if isinstance(statement, bytes) else statement
        (under_lock if held & stops_writers else elsewhere).append(
            " ".join(text.split())
        )

    monkeypatch.setattr(adoption, "_run", watched)
    migrate(database_url)
    assert len(under_lock) > 10
    over_rows = (
        "UPDATE state_history SET",
        "UPDATE state_history h SET",
        "WITH",
        "INSERT INTO state_history_adoption_moves",
    )
    builds = ("CREATE UNIQUE INDEX", "CREATE INDEX", "VACUUM", "DROP TABLE IF EXISTS")
    for statement in under_lock:
        assert not statement.startswith((*over_rows, *builds)), statement
        assert "VALIDATE" not in statement, statement
        if statement.startswith("ALTER TABLE") and " CHECK " in statement:
            assert "NOT VALID" in statement, statement
    for beginning in (*over_rows, *builds[:2]):
        assert any(statement.startswith(beginning) for statement in elsewhere)


def test_the_key_is_proven_without_looking_at_a_row(dashboard, database_url):
    dashboard.fill(100)
    notices = []
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.add_notice_handler(
            lambda diagnostic: notices.append(diagnostic.message_primary)
        )
        connection.execute("SET client_min_messages = debug1")
        migrate(connection)
    proven = [text for text in notices if "are sufficient to prove" in text]
    assert any('"timestamp"' in text or ".timestamp" in text for text in proven)
    assert not [
        text for text in notices if "verifying table" in text and "rewrit" in text
    ]


def test_who_holds_the_table_delays_the_adoption_and_not_the_dashboard(
    dashboard, database_url
):
    dashboard.fill(1000)
    waiting, progress = told("waiting for a lock")
    with psycopg.connect(database_url) as reader:
        reader.execute("SELECT count(*) FROM state_history")  # and goes on
        with in_background(migrate, database_url, progress=progress):
            assert waiting.wait(PATIENCE_SECONDS)
            for _ in range(5):
                dashboard.insert()
            reader.rollback()
    check_adopted(database_url, dashboard, rows=1005)


def test_a_table_that_stays_locked_is_named_with_who_holds_it(
    dashboard, database_url, monkeypatch
):
    dashboard.fill(10)
    monkeypatch.setattr(adoption, "LOCK_PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(adoption, "LOCK_MILLISECONDS", 20)
    with psycopg.connect(database_url, application_name="psql of Ada") as reader:
        reader.execute("SELECT count(*) FROM state_history")
        with pytest.raises(MigrationError, match=r"psql of Ada\), idle in transaction"):
            migrate(database_url)
    assert migrate(database_url) == ALL[1:]


@pytest.mark.parametrize(
    ("step", "after"),
    [
        ("rows", 1),
        ("rows", 2),
        ("checking rows", 1),
        ("primary key", 1),
        ("taking over", 1),
        ("indexes", 1),
    ],
)
def test_stopped_anywhere_it_goes_on_from_there(dashboard, database_url, step, after):
    dashboard.fill(12_000)
    with pytest.raises(InterruptionError):
        migrate(database_url, progress=interrupt_at(step, after=after))
    dashboard.insert()
    with psycopg.connect(database_url) as connection:
        assert step in adoption.in_progress(connection)
    # Nobody has to wait for a claim that was given back.
    assert dashboard.value(HOLDER) is None
    steps = []
    rest = migrate(database_url, progress=lambda _part, what: steps.append(what))
    assert rest == ALL[1:]
    order = list(adoption._WORDS.values())
    assert set(steps[1:]) <= set(order[order.index(step) :])
    check_adopted(database_url, dashboard, rows=12_001)


@pytest.mark.parametrize("step", ["rows", "primary key"])
def test_killed_it_is_gone_on_with_once_its_claim_is_old(dashboard, database_url, step):
    dashboard.fill(12_000)
    program = f"""
        import os, signal, sys
        from switchbot_store import migrate
        def progress(_part, what):
            if what == {step!r}:
                os.kill(os.getpid(), signal.SIGKILL)
        migrate(sys.argv[1], progress=progress)
        """
    words = [sys.executable, "-c", textwrap.dedent(program), database_url]
    killed = subprocess.run(words, check=False, timeout=PATIENCE_SECONDS)
    assert killed.returncode == -signal.SIGKILL
    holder = dashboard.value(HOLDER)
    assert holder is not None
    waits = threading.Event()
    steps = []

    def progress(_part, what):
        steps.append(what)
        if steps.count(step) == 2:
            # Twice the same: it looks on, and does not take part.
            assert dashboard.value(HOLDER) == holder
            age_the_claim(dashboard)
            waits.set()

    assert migrate(database_url, progress=progress) == ALL[1:]
    assert waits.is_set()
    check_adopted(database_url, dashboard, rows=12_000)


def test_a_process_held_up_too_long_leaves_the_work_to_who_took_over(
    dashboard, database_url
):
    dashboard.fill(12_000)
    others = []

    def progress(_part, what):
        if what == "rows" and not others:
            age_the_claim(dashboard)
            others.append(migrate(database_url))

    assert migrate(database_url, progress=progress) == [1]
    assert others == [ALL[1:]]
    check_adopted(database_url, dashboard, rows=12_000)


def test_several_that_adopt_at_once_do_it_once(dashboard, database_url):
    dashboard.fill(5000)
    starts = threading.Barrier(4)

    def start(_):
        starts.wait()
        return migrate(database_url)

    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(start, range(4)))
    assert sorted(version for each in results for version in each) == ALL
    check_adopted(database_url, dashboard, rows=5000)


def test_an_index_left_half_built_is_built_anew(dashboard, database_url):
    dashboard.fill(1000)
    with pytest.raises(InterruptionError):
        migrate(database_url, progress=interrupt_at("primary key"))
    dashboard.connection.execute(
        "UPDATE state_history SET timestamp = '2026-01-05 12:00Z' WHERE id < 3"
    )
    with pytest.raises(psycopg.errors.UniqueViolation):
        dashboard.connection.execute(
            "CREATE UNIQUE INDEX CONCURRENTLY state_history_adopted ON state_history"
            " (zone, timestamp)"
        )
    invalid = """
        SELECT NOT indisvalid FROM pg_index
        WHERE indexrelid = 'state_history_adopted'::regclass
        """
    assert dashboard.value(invalid)
    migrate(database_url)
    check_adopted(database_url, dashboard, rows=1000)


def test_an_index_that_went_before_it_was_taken_is_built_again(dashboard, database_url):
    dashboard.fill(1000)
    with pytest.raises(InterruptionError):
        migrate(database_url, progress=interrupt_at("taking over"))
    dashboard.connection.execute("DROP INDEX state_history_adopted")
    migrate(database_url)
    check_adopted(database_url, dashboard, rows=1000)


def test_an_index_that_a_killed_process_left_building_is_waited_for(
    dashboard, database_url
):
    dashboard.fill(1000)
    with pytest.raises(InterruptionError):
        migrate(database_url, progress=interrupt_at("primary key"))
    waiting, progress = told("waiting for an index being built")

    def build():
        with psycopg.connect(database_url, autocommit=True) as orphan:
            orphan.execute(
                "CREATE UNIQUE INDEX CONCURRENTLY state_history_adopted"
                " ON state_history (zone, timestamp)"
            )

    with psycopg.connect(database_url) as writer:
        writer.execute(INSERT)  # for which a build waits
        with in_background(build):
            made = None
            while made is None:
                made = dashboard.value(
                    "SELECT to_regclass('state_history_adopted')::oid"
                )
            with in_background(migrate, database_url, progress=progress):
                assert waiting.wait(PATIENCE_SECONDS)
                writer.commit()
    assert dashboard.value("SELECT 'state_history_pkey'::regclass::oid") == made
    check_adopted(database_url, dashboard, rows=1001)


def test_limits_of_the_role_do_not_cut_it(dashboard, database_url):
    dashboard.fill(1000)
    name = dashboard.value("SELECT current_database()")
    for setting in (
        "statement_timeout = '150ms'",
        "default_transaction_isolation = 'serializable'",
        "timezone = 'Asia/Tokyo'",
        "datestyle = 'German'",
    ):
        dashboard.connection.execute(f'ALTER DATABASE "{name}" SET {setting}')
    building = """
        SELECT count(*) FROM pg_stat_activity
        WHERE query LIKE 'CREATE UNIQUE INDEX CONCURRENTLY%'
            AND clock_timestamp() - query_start > interval '300 ms'
            AND datname = current_database()
        """
    with psycopg.connect(database_url) as writer:
        writer.execute("SET statement_timeout = 0")
        with in_background(migrate, database_url, progress=_opening(writer)):
            while not dashboard.value(building):
                pass
            writer.commit()
    check_adopted(database_url, dashboard, rows=1001)


def _opening(writer):
    """Return what begins to write, and does not end, when the key is to be built."""

    def progress(_part, what):
        idle = writer.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        if what == "primary key" and idle:
            writer.rollback()
            writer.execute(INSERT)

    writer.execute("SELECT 1")
    return progress


def test_documents_work_at_once_and_rows_wait_on_the_disk(
    dashboard, database_url, tmp_path, monkeypatch
):
    monkeypatch.setattr("switchbot_store.history.service._OPEN_SECONDS", 1.0)
    dashboard.fill(1000)
    dashboard.connection.execute(
        "CREATE TABLE json_store (kind varchar(50) PRIMARY KEY, data jsonb NOT NULL,"
        " updated_at timestamptz);"
        "INSERT INTO json_store VALUES ('settings', '{\"target\": 21}', now())"
    )
    history = HistoryService(PostgresHistory(database_url), spill=tmp_path / "spill")
    with psycopg.connect(database_url) as reader:
        reader.execute("SELECT count(*) FROM state_history")  # and goes on
        with history, PostgresStore(database_url) as store:
            assert store.get("settings") == {"target": 21}
            store.set("settings", {"target": 22})
            history.record(HistorySample(NOON, temperature=21.25))
            history.flush()
            assert history.status().spilled == 1
            with pytest.raises(
                StoreUnavailableError, match=r"brought up to date.*% done"
            ):
                history.latest()
            dashboard.insert()
            reader.rollback()
            history.backend._connections._working.wait(PATIENCE_SECONDS)
            history.flush()
            assert history.status().spilled == 0
            (row,) = history.query(NOON, NOON + timedelta(seconds=1)).rows
            assert row.temperature == 21.25
            assert store.get("settings") == {"target": 22}
    check_adopted(database_url, dashboard, rows=1002)


def test_closing_stops_it_and_the_next_opening_goes_on(dashboard, database_url):
    dashboard.fill(1000)
    with pytest.raises(InterruptionError):
        migrate(database_url, progress=interrupt_at("rows"))
    with psycopg.connect(database_url) as writer:
        writer.execute("SELECT * FROM state_history WHERE id = 1 FOR UPDATE")
        history = PostgresHistory(database_url, connect_timeout_seconds=2)
        with pytest.raises(StoreUnavailableError, match=r"\d+% done"):
            history.open()
        working = history._connections._working
        history.close()
        assert working._ended.wait(PATIENCE_SECONDS)
    assert dashboard.value(HOLDER) is None
    history = PostgresHistory(database_url, connect_timeout_seconds=PATIENCE_SECONDS)
    history.open()
    assert history.oldest() == NOON - timedelta(seconds=30 * 1000)
    history.close()


def test_a_pool_handed_in_is_used_for_a_step_at_a_time(dashboard, database_url):
    from psycopg_pool import ConnectionPool  # noqa: PLC0415 - only here

    dashboard.fill(5000)
    with (
        ConnectionPool(database_url, min_size=1, max_size=1) as pool,
        PostgresStore(pool=pool) as store,
        HistoryService(PostgresHistory(pool=pool)) as history,
    ):
        store.set("a", {"n": 1})
        assert len(history.latest(3)) == 3
        with pool.connection() as connection:
            assert not connection.autocommit
    check_adopted(database_url, dashboard, rows=5000)


def test_a_value_that_does_not_fit_is_named_and_the_table_is_as_it_was(
    dashboard, database_url
):
    dashboard.connection.execute(
        "CREATE TABLE state_history (id serial PRIMARY KEY, timestamp timestamptz,"
        " temperature decimal(4,1), metadata text);"
        "INSERT INTO state_history (timestamp, temperature, metadata)"
        " SELECT timestamptz '2026-01-05 12:00Z' - n * interval '30 seconds', 20, '{}'"
        " FROM generate_series(1, 100) AS n;"
        "UPDATE state_history SET metadata = 'no JSON' WHERE id = 50"
    )
    for _ in range(2):
        with pytest.raises(MigrationError, match="invalid input syntax for type json"):
            migrate(database_url)
        kept = """
            SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute
            WHERE attrelid = 'state_history'::regclass AND attnum BETWEEN 1 AND 4
            """
        assert dashboard.value(kept) == "id timestamp temperature metadata"
        assert dashboard.value("SELECT to_regclass('state_history_adoption')") is None
        # The dashboard's own kind of row is taken as before.
        dashboard.connection.execute(
            "INSERT INTO state_history (metadata) VALUES ('-')"
        )
    dashboard.connection.execute(
        "UPDATE state_history SET metadata = '{}' WHERE metadata IN ('-', 'no JSON');"
        "UPDATE state_history SET timestamp = now() WHERE timestamp IS NULL"
    )
    migrate(database_url)
    assert dashboard.value("SELECT count(*) FROM state_history") == 102


def check_untouched(dashboard, insert):
    """See that nothing of ours is left on the table, and that its dashboard writes."""
    assert dashboard.value("SELECT to_regclass('state_history_adoption')") is None
    ours = """
        SELECT count(*) FROM pg_trigger
        WHERE tgrelid = 'state_history'::regclass AND tgname LIKE '%adopting%'
        """
    assert dashboard.value(ours) == 0
    before = dashboard.value("SELECT count(*) FROM state_history")
    dashboard.connection.execute(insert)
    assert dashboard.value("SELECT count(*) FROM state_history") == before + 1


@pytest.mark.parametrize(
    ("column", "kind", "value"),
    [
        ("timestamp", "bigint", "1767000000000"),
        ("timestamp", "time", "'12:00'"),
        ("temperature", "numeric(4,1)[]", "ARRAY[20.5, 21.0]"),
        ("temperature", "boolean", "true"),
        ("humidity", "interval", "'1 s'"),
        ("metadata", "integer", "7"),
        ("error_count", "inet", "'127.0.0.1'"),
    ],
)
def test_a_type_that_leads_nowhere_is_named_before_anything_is_begun(
    dashboard, database_url, column, kind, value
):
    columns = {"timestamp": "timestamptz DEFAULT now()", "temperature": "real"}
    columns |= {column: kind}
    insert = f"INSERT INTO state_history ({column}) VALUES ({value})"
    declared = ", ".join(f"{name} {each}" for name, each in columns.items())
    dashboard.connection.execute(f"CREATE TABLE state_history ({declared}); {insert}")
    for _ in range(2):
        with pytest.raises(MigrationError, match=f"column {column} is .*nothing was"):
            migrate(database_url)
        check_untouched(dashboard, insert)
    with psycopg.connect(database_url, autocommit=True) as connection:
        assert f"column {column}" in cannot_be_made(connection)


def test_a_trigger_of_the_dashboard_that_lets_no_row_be_changed_ends_it(
    dashboard, database_url
):
    dashboard.fill(100)
    dashboard.connection.execute(
        """
        CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'history is append-only'; END $$;
        CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON state_history
            FOR EACH ROW EXECUTE FUNCTION keep()
        """
    )
    with pytest.raises(MigrationError, match="append-only; nothing was adopted"):
        migrate(database_url)
    check_untouched(dashboard, INSERT)
    dashboard.connection.execute("DROP TRIGGER keep ON state_history")
    assert migrate(database_url) == ALL[1:]
    dashboard.connection.execute("DELETE FROM state_history WHERE id > 100")
    check_adopted(database_url, dashboard, rows=100)


def test_an_adoption_that_a_column_stops_in_the_middle_lets_the_dashboard_write(
    dashboard, database_url
):
    dashboard.fill(5000)
    with contextlib.suppress(InterruptionError):
        migrate(database_url, progress=interrupt_at("rows", after=1))
    age_the_claim(dashboard)
    dashboard.connection.execute("ALTER TABLE state_history DROP COLUMN humidity")
    with pytest.raises(MigrationError, match="nothing was adopted"):
        migrate(database_url)
    check_untouched(dashboard, "INSERT INTO state_history (temperature) VALUES (20.5)")


def test_what_lay_on_the_columns_is_made_anew(dashboard, database_url):
    dashboard.fill(1000)
    dashboard.connection.execute(
        """
        CREATE INDEX warm ON state_history (temperature) WHERE temperature > 20;
        CREATE INDEX by_action ON state_history (lower(last_action));
        ALTER TABLE state_history ALTER temperature SET DEFAULT 19.5,
            ADD CONSTRAINT sane CHECK (humidity <= 100);
        CREATE STATISTICS both_of_them ON temperature, humidity FROM state_history;
        COMMENT ON COLUMN state_history.temperature IS 'the "living room"''s';
        GRANT SELECT (humidity) ON state_history TO PUBLIC;
        """
    )
    migrate(database_url)
    indexes = {
        name
        for (name,) in dashboard.connection.execute(
            "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
            " WHERE i.indrelid = 'state_history'::regclass AND i.indisvalid"
        )
    }
    assert indexes >= {"warm", "by_action", "state_history_pkey"}
    with pytest.raises(psycopg.errors.CheckViolation):
        dashboard.connection.execute(
            "INSERT INTO state_history (humidity) VALUES (101)"
        )
    proven = "SELECT convalidated FROM pg_constraint WHERE conname = 'sane'"
    assert dashboard.value(proven)
    dashboard.connection.execute("INSERT INTO state_history (humidity) VALUES (7)")
    new = "SELECT temperature FROM state_history WHERE humidity = 7"
    assert dashboard.value(new) == 19.5
    assert dashboard.value("SELECT count(*) FROM pg_statistic_ext") == 1
    number = """
        SELECT attnum FROM pg_attribute
        WHERE attrelid = 'state_history'::regclass AND attname = %s
        """
    place = dashboard.value(number, "temperature")
    comment = "SELECT col_description('state_history'::regclass, %s)"
    assert dashboard.value(comment, place) == 'the "living room"\'s'
    granted = "SELECT attacl::text FROM pg_attribute WHERE attrelid = 'state_history'::regclass AND attname = 'humidity'"
    assert "=r/" in dashboard.value(granted)


def test_a_table_that_points_at_its_numbers_is_named_and_nothing_is_changed(
    dashboard, database_url
):
    dashboard.fill(10)
    dashboard.connection.execute(
        "CREATE TABLE notes (about integer REFERENCES state_history)"
    )
    with pytest.raises(MigrationError, match=r"constraint .* on table notes"):
        migrate(database_url)
    assert dashboard.value("SELECT to_regclass('state_history_adoption')") is None
    columns = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'state_history'"
    assert dashboard.value(columns) == 11


def test_many_rows_of_few_instants_without_a_timezone_become_distinct(
    dashboard, database_url
):
    dashboard.connection.execute(
        """
        CREATE TABLE state_history (timestamp timestamp(0), temperature real, zone text);
        INSERT INTO state_history
        SELECT timestamp '2026-01-05 12:00' + n % 3 * interval '1 minute', n,
            CASE n % 2 WHEN 0 THEN 'attic' END
        FROM generate_series(1, 6000) AS n
        """
    )
    migrate(database_url)
    found = dashboard.connection.execute(
        "SELECT zone, count(DISTINCT timestamp), min(timestamp), max(timestamp),"
        " count(DISTINCT temperature) FROM state_history GROUP BY zone ORDER BY zone"
    ).fetchall()
    assert [(zone, instants, values) for zone, instants, _, _, values in found] == [
        ("attic", 3000, 3000),
        ("default", 3000, 3000),
    ]
    for _, _, first, last, _ in found:
        assert first == NOON
        assert last < NOON + timedelta(minutes=2, seconds=1)


def test_a_table_of_another_kind_is_adopted_in_one_go(dashboard, database_url):
    dashboard.connection.execute(
        """
        CREATE TABLE state_history (timestamp timestamptz, temperature real)
            PARTITION BY RANGE (timestamp);
        CREATE TABLE part PARTITION OF state_history DEFAULT;
        INSERT INTO state_history VALUES ('2026-01-05 12:00Z', 20.5)
        """
    )
    assert migrate(database_url) == ALL
    with HistoryService(PostgresHistory(database_url)) as history:
        assert [row.temperature for row in history.latest(5)] == [20.5]


def test_an_adoption_stops_when_asked(dashboard, database_url):
    dashboard.fill(100)
    stopped = threading.Event()
    stopped.set()
    with psycopg.connect(database_url, autocommit=True) as connection:

        @contextmanager
        def lend():
            yield connection

        one = Adoption(lend, begin_lock=lambda _: None, stopped=stopped)
        with pytest.raises(adoption.InterruptedAdoptionError):
            one.run()


def test_ctrl_c_leaves_what_the_next_run_goes_on_with(dashboard, database_url):
    dashboard.fill(12_000)
    with pytest.raises(InterruptionError):
        migrate(database_url, progress=interrupt_at("rows"))
    environment = {
        **{name: value for name, value in os.environ.items() if name[:2] != "PG"},
        "STORE_BACKEND": "postgres",
        "POSTGRES_URL": database_url,
    }
    words = [sys.executable, "-m", "switchbot_store.cli", "history", "adopt", "--json"]
    with psycopg.connect(database_url) as writer:
        # It cannot end while this row is locked, whichever of us is faster.
        writer.execute("SELECT * FROM state_history WHERE id = 11000 FOR UPDATE")
        process = subprocess.Popen(
            words,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        try:
            for line in process.stderr:
                if '"waiting for a lock"' in line:
                    process.send_signal(signal.SIGINT)
                    break
            rest = process.communicate(timeout=PATIENCE_SECONDS)[1]
        finally:
            process.kill()
            process.communicate()
    assert process.returncode == 130, rest
    assert "goes on from there" in rest
    assert dashboard.value(HOLDER) is None
    assert dashboard.value("SELECT done FROM state_history_adoption") > 0
    done = subprocess.run(
        words, check=True, capture_output=True, text=True, env=environment
    )
    assert '"hours":' in done.stdout
    assert '"at":"rows"' in done.stderr
    check_adopted(database_url, dashboard, rows=12_000)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1_000_000, 5_000_000])
def test_years_of_rows_are_adopted_while_the_dashboard_writes(
    dashboard, database_url, rows, capsys
):
    dashboard.fill(rows)
    size = "SELECT pg_database_size(current_database()) / 1024 / 1024"
    before = dashboard.value(size)
    writes, ended = [], threading.Event()
    began = {}

    def write():
        while not ended.wait(0.25):
            at = datetime.now(UTC)
            dashboard.insert()
            writes.append((datetime.now(UTC) - at).total_seconds())

    def progress(_part, what):
        began.setdefault(what, datetime.now(UTC))

    with in_background(write):
        assert migrate(database_url, progress=progress) == ALL
        ended.set()
    began["end"] = datetime.now(UTC)
    spans = ", ".join(
        f"{what} {(after - at).total_seconds():.1f} s"
        for (what, at), (_, after) in pairwise(began.items())
    )
    figures = (
        f"\n{rows:,} rows: {spans}; {len(writes)} inserts, none failed,"
        f" longest {max(writes):.2f} s; {before} MB before, {dashboard.value(size)} after"
    )
    with capsys.disabled():
        sys.stdout.write(figures)
    check_adopted(database_url, dashboard, rows=rows + dashboard.inserts)


@pytest.mark.parametrize("step", slow_after(1, PARTS))
def test_a_standby_that_is_promoted_in_the_middle_is_gone_on_with(step):
    """By the same program, with both hosts in its URL; none of what was copied is lost."""
    with PostgresServer() as primary, primary.standby() as standby:
        # What a step of the migration was told is done, the standby has.
        primary.wait_for(standby)
        url = (
            f"postgresql://{primary.user}@127.0.0.1:{primary.port},"
            f"127.0.0.1:{standby.port}/postgres"
        )
        dashboard = Dashboard(primary.url("postgres"))
        dashboard.fill(12_000)
        seen = []

        def promote(_part, what):
            if what == step and not seen:
                seen.append(what)
                primary.kill()
                standby.promote()

        with contextlib.suppress(StoreUnavailableError, MigrationError):
            migrate(url, progress=promote)
        assert seen == [step]
        dashboard.connection.close()
        moved = Dashboard(standby.url("postgres"))
        try:
            if moved.value("SELECT to_regclass('state_history_adoption')") is not None:
                age_the_claim(moved)  # of a session that ended with its server
            migrate(url)
            check_adopted(url, moved, rows=12_000)
            assert migrate(url) == []
        finally:
            moved.connection.close()
