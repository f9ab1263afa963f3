"""A running program reads numbers of columns that somebody gave another type, as ever."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from switchbot_store import HistorySample, HistoryService, PostgresHistory

AT = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=6)
KINDS = {
    "temperature": float,
    "humidity": float,
    "api_requests_today": int,
    "error_count": int,
    "last_temperature_stale": bool,
}


@pytest.fixture
def history(database_url):
    with HistoryService(PostgresHistory(database_url)) as service:
        for minute in range(0, 240, 30):
            service.record(
                HistorySample(
                    AT + timedelta(minutes=minute),
                    temperature=21.0,
                    humidity=45.0,
                    api_requests_today=7,
                    error_count=1,
                    last_temperature_stale=True,
                )
            )
        service.flush()
        while service.roll_up():
            pass
        yield service


@pytest.fixture
def beside(database_url):
    """A connection of somebody else."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def everything(history):
    end = AT + timedelta(hours=5)
    return [
        history.latest(3),
        history.query(AT, end).rows,
        history.query(AT, end, bucket="5min").rows,
        history.query(AT, end, bucket="hour").rows,
        history.query(AT, end, points=2).rows,
        [history.aggregates(hours=48)],
    ]


@pytest.mark.parametrize(
    "changed",
    [
        ("state_history", "temperature", "numeric"),
        ("state_history", "temperature", "integer"),
        ("state_history", "temperature", "text"),
        ("state_history", "humidity", "real"),
        ("state_history", "error_count", "numeric"),
        ("state_history", "api_requests_today", "smallint"),
        ("state_history_hourly", "temperature", "numeric"),
        ("state_history_hourly", "min_temperature", "numeric"),
        ("state_history_hourly", "count", "numeric"),
        ("state_history_blocks", "humidity_weighed", "numeric"),
    ],
    ids=" ".join,
)
def test_what_is_read_is_the_same_at_once(history, beside, changed):
    table, column, kind = changed
    before = everything(history)
    beside.execute(
        f"ALTER TABLE {table} ALTER {column} TYPE {kind} USING {column}::{kind}"
    )
    after = everything(history)
    assert after == before
    for one, other in zip(before, after, strict=True):
        for row, same in zip(one, other, strict=True):
            for name, value in row.items():
                assert type(same[name]) is type(value), name


def test_what_is_no_number_is_left_out_and_the_rest_is_read(history, beside):
    beside.execute("ALTER TABLE state_history ALTER humidity TYPE text")
    beside.execute("UPDATE state_history SET humidity = 'damp' WHERE zone = 'default'")
    row = history.latest(1)[0]
    assert (row.temperature, row.humidity) == (21.0, None)


OURS = ("state_history_hourly", "state_history_late", "state_history_rollup")


@pytest.mark.parametrize(
    "bare", [False, True], ids=["no default", "no NOT NULL either"]
)
def test_hours_are_summed_up_though_what_made_their_columns_whole_is_gone(
    history, beside, bare
):
    """Tables copied with CREATE TABLE AS have neither default nor NOT NULL."""
    dropped = [
        (table, name)
        for table in OURS
        for (name,) in beside.execute(
            "SELECT attname::text FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND atthasdef",
            [table],
        ).fetchall()
    ]
    assert {name for _, name in dropped} == {"frozen", "marks", "singleton"}
    for table, name in dropped:
        beside.execute(f"ALTER TABLE {table} ALTER {name} DROP DEFAULT")
        if bare and name != "singleton":
            beside.execute(f"ALTER TABLE {table} ALTER {name} DROP NOT NULL")
            beside.execute(f"UPDATE {table} SET {name} = NULL")
    beside.execute("DELETE FROM state_history_rollup")
    for minute in (10, 70):  # in hours that are summed up already
        at = AT + timedelta(minutes=minute, seconds=1)
        history.record(HistorySample(at, temperature=26.0))
    history.flush()
    while history.roll_up():
        pass
    found = history.query(AT, AT + timedelta(hours=4), bucket="hour").rows
    assert [row["count"] for row in found] == [3, 3, 2, 2]
    assert [row["max_temperature"] for row in found] == [26.0, 26.0, 21.0, 21.0]
    summed = (
        "SELECT count, frozen FROM state_history_hourly WHERE count > 0 ORDER BY bucket"
    )
    rows = beside.execute(summed).fetchall()
    assert [count for count, _ in rows] == [3, 3, 2, 2]
    assert not any(frozen for _, frozen in rows)
