"""A history file that others changed: mended, or named with the way out; no row is lost."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from switchbot_store import (
    HistorySample,
    HistoryService,
    SqliteHistory,
    StoreUnavailableError,
)

AT = datetime(2026, 1, 5, 12, tzinfo=UTC)
TABLES = tuple(f"state_history{each}" for each in ("", "_hourly", "_late", "_rollup"))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "history.sqlite3"
    with HistoryService(SqliteHistory(path)) as history:
        history.record(HistorySample(AT, temperature=20.0))
    return path


def changed(path, statement):
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(statement)


@pytest.mark.parametrize("table", TABLES)
def test_a_table_that_was_dropped_is_made_anew(path, table):
    changed(path, f"DROP TABLE {table}")
    with HistoryService(SqliteHistory(path)) as history:
        history.record(HistorySample(AT + timedelta(hours=1), temperature=21.0))
        history.flush()
        history.roll_up()
        found = [row.temperature for row in history.latest(9)]
    assert found == ([21.0] if table == "state_history" else [20.0, 21.0])


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE state_history DROP COLUMN humidity",
        "ALTER TABLE state_history RENAME COLUMN zone TO room",
        "DROP TABLE state_history; CREATE TABLE state_history (id INTEGER, at TEXT)",
        "ALTER TABLE state_history RENAME TO x; CREATE VIEW state_history AS SELECT * FROM x",
        (
            "DROP TABLE state_history; PRAGMA user_version = 0;"
            " CREATE TABLE state_history (id INTEGER, at TEXT)"
        ),
    ],
)
def test_what_cannot_be_mended_says_the_way_out_and_rows_wait(
    path, tmp_path, statement
):
    changed(path, statement)
    spill = tmp_path / "spill.sqlite3"
    with HistoryService(SqliteHistory(path), spill=spill) as history:
        history.record(HistorySample(AT, temperature=21.0))
        history.flush()
        assert history.status().spilled == 1
        with pytest.raises(StoreUnavailableError, match="move the file away"):
            history.latest(1)
    path.rename(tmp_path / "theirs")
    with HistoryService(SqliteHistory(path), spill=spill) as history:
        assert [row.temperature for row in history.latest(9)] == [21.0]


def test_a_row_that_a_trigger_leaves_out_waits(path, tmp_path):
    changed(
        path,
        "CREATE TRIGGER theirs BEFORE INSERT ON state_history"
        " BEGIN SELECT RAISE(IGNORE); END",
    )
    rows = [HistorySample(AT + timedelta(hours=n), temperature=n) for n in (1, 2)]
    spill = tmp_path / "spill.sqlite3"
    with HistoryService(SqliteHistory(path), spill=spill) as history:
        for row in rows:
            history.record(row)
        history.flush()
        assert history.status().spilled == len(rows)
        assert "DROP TRIGGER" in history.status().last_error
    changed(path, "DROP TRIGGER theirs")
    with HistoryService(SqliteHistory(path), spill=spill) as history:
        assert [row.temperature for row in history.latest(9)] == [20.0, 1.0, 2.0]
