"""A dashboard's own table becomes ours, in place, with its rows."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from switchbot_store import (
    HistorySample,
    HistoryService,
    MigrationError,
    PostgresHistory,
)
from switchbot_store.postgres.schema.migrations import migrate

FIRST = datetime(2000, 1, 1, tzinfo=UTC)
LAST = datetime(2100, 1, 1, tzinfo=UTC)
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
DASHBOARD_INSERT = """
INSERT INTO state_history (timestamp, temperature, humidity, assumed_aircon_power,
    last_action, api_requests_today, error_count, last_temperature_stale, timezone,
    metadata)
VALUES (%s, %s, 45.5, 'on', 'scene(1)', 12, 0, false, 'Europe/Paris', '{"a": 1}')
"""


@pytest.fixture
def dashboard(database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(DASHBOARD_TABLE)
        yield connection


@pytest.fixture
def service(database_url):
    with HistoryService(PostgresHistory(database_url)) as opened:
        yield opened


def test_rows_are_there_with_a_zone_and_their_values(dashboard, database_url):
    dashboard.execute(DASHBOARD_INSERT, (NOON, 21.4))
    with HistoryService(PostgresHistory(database_url)) as service:
        (row,) = service.query(FIRST, LAST).rows
    assert row == {
        "timestamp": NOON,
        "zone": "default",
        "temperature": 21.4,
        "humidity": 45.5,
        "assumed_aircon_power": "on",
        "last_action": "scene(1)",
        "api_requests_today": 12,
        "error_count": 0,
        "last_temperature_stale": False,
        "timezone": "Europe/Paris",
        "metadata": {"a": 1},
    }


def test_rows_of_one_instant_are_moved_apart(dashboard, database_url):
    for temperature in range(5):
        dashboard.execute(DASHBOARD_INSERT, (NOON, temperature))
    # In the way of those that move.
    dashboard.execute(DASHBOARD_INSERT, (NOON + timedelta(microseconds=2), 50))
    with HistoryService(PostgresHistory(database_url)) as service:
        rows = service.query(FIRST, LAST).rows
    assert sorted(row.temperature for row in rows) == [0, 1, 2, 3, 4, 50]
    moments = [row.timestamp for row in rows]
    assert len(set(moments)) == 6
    assert moments[-1] - NOON < timedelta(microseconds=10)


def test_the_dashboard_goes_on_writing_and_reading(dashboard, database_url, service):
    dashboard.execute(DASHBOARD_INSERT, (NOON, 21.4))
    dashboard.execute("INSERT INTO state_history (temperature) VALUES (19.5)")
    assert [row.temperature for row in service.latest(5)] == [21.4, 19.5]
    service.record(HistorySample(NOON + timedelta(hours=1), temperature=20.123456))
    service.flush()
    found = dashboard.execute(
        "SELECT id, temperature FROM state_history ORDER BY id"
    ).fetchall()
    assert found == [(1, 21.4), (2, 19.5), (3, 20.123456)]


def test_a_row_that_leaves_out_everything_reads_as_its_defaults(
    dashboard, database_url, service
):
    dashboard.execute(
        "INSERT INTO state_history (timestamp, error_count, last_temperature_stale,"
        " timezone, metadata) VALUES (%s, NULL, NULL, NULL, NULL)",
        [NOON],
    )
    (row,) = service.latest()
    assert (row.error_count, row.last_temperature_stale) == (0, False)
    assert (row.timezone, row.metadata) == ("UTC", None)
    (bucket,) = service.query(NOON, NOON + timedelta(hours=1), bucket="hour").rows
    assert (bucket["count"], bucket.error_count) == (1, 0)


def test_old_rows_are_rolled_up_with_progress_and_right_throughout(
    dashboard, database_url, service
):
    dashboard.execute(
        """
        INSERT INTO state_history (timestamp, temperature)
        SELECT %s + n * interval '10 minutes', (n %% 50)::numeric
        FROM generate_series(0, 6 * 24 * 40 - 1) AS n
        """,
        [NOON],
    )
    end = NOON + timedelta(days=40)

    def days():
        return service.query(NOON, end, bucket="day", timezone="UTC").rows

    before = days()
    seen, answers = [], []

    def progress(hours):
        seen.append(hours)
        answers.append(days())

    service.roll_up(progress)
    assert len(seen) > 3
    assert seen == sorted(seen)
    for answer in [*answers, days()]:
        assert len(answer) == len(before) == 41
        for row, other in zip(answer, before, strict=True):
            assert row.timestamp == other.timestamp
            assert row.temperature == pytest.approx(other.temperature, rel=1e-9)
            assert (row["count"], row.max_temperature, row.timezone) == (
                *(other["count"], other.max_temperature, other.timezone),
            )
    (hours,) = dashboard.execute("SELECT count(*) FROM state_history_hourly").fetchone()
    assert hours == 40 * 24 + 1  # the last row holds into one hour more


@pytest.mark.parametrize("kind", ["timestamp", "timestamp with time zone"])
def test_an_instant_without_a_timezone_was_utc(database_url, kind):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SET timezone = 'Asia/Tokyo'")
        connection.execute(
            f"CREATE TABLE state_history (timestamp {kind}, temperature real,"
            " metadata json)"
        )
        connection.execute(
            "INSERT INTO state_history VALUES (%s, 20.5, '{\"a\": [1]}')",
            [NOON.replace(tzinfo=None) if kind == "timestamp" else NOON],
        )
    with HistoryService(PostgresHistory(database_url)) as service:
        (row,) = service.latest(5)
    assert (row.timestamp, row.temperature) == (NOON, 20.5)
    assert row.metadata == {"a": [1]}


def test_rows_of_no_instant_are_kept_aside(dashboard, database_url):
    dashboard.execute(
        "INSERT INTO state_history (timestamp, temperature) VALUES (NULL, 1)"
    )
    dashboard.execute(DASHBOARD_INSERT, (NOON, 2))
    migrate(database_url)
    kept = dashboard.execute(
        "SELECT temperature FROM state_history_without_timestamp"
    ).fetchall()
    assert kept == [(1,)]
    with HistoryService(PostgresHistory(database_url)) as service:
        assert [row.temperature for row in service.latest(5)] == [2]


def test_a_view_in_the_way_is_named_and_nothing_is_changed(dashboard, database_url):
    dashboard.execute("CREATE VIEW warm AS SELECT temperature FROM state_history")
    with pytest.raises(MigrationError, match="view"):
        PostgresHistory(database_url).open()
    columns = dashboard.execute(
        "SELECT count(*) FROM information_schema.columns"
        " WHERE table_name = 'state_history'"
    ).fetchone()
    assert columns == (11,)


def test_adopted_and_new_tables_are_alike(dashboard, database_url, postgres_server):
    migrate(database_url)
    other = postgres_server.create_database()
    try:
        migrate(postgres_server.url(other))
        with psycopg.connect(postgres_server.url(other)) as fresh:
            assert _shape(dashboard) - {("id", "integer")} == _shape(fresh)
    finally:
        postgres_server.drop_database(other)


def _shape(connection):
    found = connection.execute(
        """
        SELECT a.attname, format_type(a.atttypid, a.atttypmod)
        FROM pg_attribute a
        WHERE a.attrelid = 'state_history'::regclass AND a.attnum > 0
            AND NOT a.attisdropped
        UNION ALL
        SELECT c.contype::text, pg_get_constraintdef(c.oid) FROM pg_constraint c
        WHERE c.conrelid = 'state_history'::regclass AND c.contype = 'p'
        """
    )
    return set(found.fetchall())
