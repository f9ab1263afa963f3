"""A history file that others changed: mended, or named with the way out; no row is lost."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from switchbot_store import (
    DeviceHistory,
    DeviceReading,
    HistorySample,
    HistoryService,
    HistorySpill,
    SqliteHistory,
    SqliteReadings,
    StoreUnavailableError,
)
from switchbot_store.cli.commands.health import examine
from switchbot_store.config import StoreConfig
from switchbot_store.doctor import examine as diagnosed

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


REFUSING = {
    way: f"CREATE TRIGGER theirs BEFORE INSERT ON {{}} BEGIN SELECT RAISE({way}, 'no'); END"
    for way in ("ABORT", "FAIL", "ROLLBACK")
}


@pytest.mark.parametrize("way", REFUSING)
def test_a_table_that_takes_no_row_lets_all_wait(path, tmp_path, way):
    changed(path, REFUSING[way].format("state_history"))
    spill = tmp_path / "spill.sqlite3"
    with HistoryService(SqliteHistory(path), spill=spill) as history:
        for n in (1, 2):
            history.record(HistorySample(AT + timedelta(hours=n), temperature=n))
        history.flush()
        assert (history.status().spilled, history.status().quarantined) == (2, 0)
        changed(path, "DROP TRIGGER theirs")
        history.flush()
        assert [row.temperature for row in history.latest(9)] == [20.0, 1.0, 2.0]


def test_one_row_that_a_trigger_refuses_holds_up_no_other(path, tmp_path):
    only = "BEFORE INSERT ON state_history WHEN new.temperature < 0"
    changed(path, f"CREATE TRIGGER t {only} BEGIN SELECT RAISE(ABORT, 'no'); END")
    with HistoryService(SqliteHistory(path), spill=tmp_path / "s.sqlite3") as history:
        for n in (1, -1, 2):
            at = AT + timedelta(hours=n + 2)
            history.record(HistorySample(at, temperature=n))
        history.flush()
        assert history.status().quarantined == 1
        assert [row.temperature for row in history.latest(9)] == [20.0, 1.0, 2.0]


@pytest.mark.parametrize("way", REFUSING)
def test_a_table_that_takes_no_reading_gives_none_up(tmp_path, way):
    place = SqliteReadings(tmp_path / "device_readings.sqlite3")
    place.write([DeviceReading(AT, "C1", "CO2", 725.0)])
    changed(place.path, REFUSING[way].format("device_readings"))
    readings = DeviceHistory(
        place, spill=SqliteReadings(tmp_path / "spill.sqlite3"), now=lambda: AT
    )
    readings.record(DeviceReading(AT, "C2", "CO2", 730.0))
    readings.flush()
    changed(place.path, "DROP TRIGGER theirs")
    readings.flush()
    assert [row.value for row in place.latest()] == [725.0, 730.0]
    assert readings.status().dropped == 0
    readings.close()


IGNORE = "CREATE TRIGGER theirs BEFORE {} ON {} BEGIN SELECT RAISE(IGNORE); END"
VIEW = "ALTER TABLE {0} RENAME TO x; CREATE VIEW {0} AS SELECT * FROM x"


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        *((IGNORE.format("INSERT", table), "DROP TRIGGER theirs") for table in TABLES),
        (IGNORE.format("DELETE", "state_history"), "DROP TRIGGER theirs"),
        *((VIEW.format(table), "move the file away") for table in TABLES),
        (
            VIEW.format("state_history")
            + "; CREATE TRIGGER t INSTEAD OF INSERT ON state_history BEGIN SELECT 1; END",
            "move the file away",
        ),
        ("ALTER TABLE state_history ADD theirs INTEGER NOT NULL DEFAULT 1", ""),
        (
            (
                "CREATE TRIGGER theirs BEFORE INSERT ON state_history"
                " BEGIN SELECT RAISE(ABORT, 'not today'); END"
            ),
            "not today",
        ),
    ],
)
def test_what_keeps_rows_out_is_named_by_health_and_doctor(tmp_path, statement, told):
    environ = {"STORE_BACKEND": "json", "STORE_DIRECTORY": str(tmp_path)}
    config = StoreConfig.from_env(environ)
    path = tmp_path / "history.sqlite3"
    with HistoryService(SqliteHistory(path)) as history:
        history.record(HistorySample(AT, temperature=20.0))
    assert examine(config).status == "ok"
    changed(path, statement)
    before = path.read_bytes()
    looked = examine(config)
    found = [each for each in diagnosed(environ) if each.check == "history"]
    if told:
        assert looked.status == "error"
        assert told in looked.history.last_error
        assert any(told in each.message for each in found)
    else:
        assert (looked.status, found) == ("ok", [])
    assert path.read_bytes() == before


def test_a_dropped_table_that_is_made_anew_is_no_refusal(path):
    changed(path, "DROP TABLE state_history_late")
    assert SqliteHistory(path).write_refusal() is None


NOTED = (
    "CREATE TABLE log (n); CREATE TRIGGER theirs BEFORE INSERT ON {}"
    " BEGIN INSERT INTO log VALUES (1); SELECT RAISE(IGNORE); END"
)


def test_what_a_trigger_writes_elsewhere_is_no_row_of_ours(path):
    changed(path, NOTED.format("state_history"))
    with pytest.raises(StoreUnavailableError, match="DROP TRIGGER theirs"):
        SqliteHistory(path).write([HistorySample(AT + timedelta(hours=1))], now=AT)


def test_a_spill_that_takes_no_row_says_so_and_the_row_waits_in_memory(tmp_path):
    spill = HistorySpill(tmp_path / "history_spill.sqlite3")
    sample = HistorySample(AT, temperature=21.0)
    spill.append([sample])
    changed(spill.path, NOTED.format("spill"))
    with pytest.raises(StoreUnavailableError, match="DROP TRIGGER theirs"):
        spill.append([sample])
    environ = {"STORE_BACKEND": "json", "STORE_DIRECTORY": str(tmp_path)}
    assert "DROP TRIGGER" in examine(StoreConfig.from_env(environ)).last_error
    changed(spill.path, "DROP TRIGGER theirs")
    assert spill.append([sample]) == 0
    assert spill.rows == 2
    spill.close()


def test_readings_that_a_trigger_leaves_out_are_not_taken(tmp_path):
    place = SqliteReadings(tmp_path / "device_readings.sqlite3")
    place.write([DeviceReading(AT, "C1", "CO2", 725.0)])
    changed(place.path, NOTED.format("device_readings"))
    with pytest.raises(StoreUnavailableError, match="DROP TRIGGER theirs"):
        place.write([DeviceReading(AT + timedelta(hours=1), "C1", "CO2", 730.0)])
    assert place.write([DeviceReading(AT, "C1", "CO2", 725.0)]) == 0
    environ = {"STORE_BACKEND": "json", "STORE_DIRECTORY": str(tmp_path)}
    assert "DROP TRIGGER" in examine(StoreConfig.from_env(environ)).last_error
    place.close()
