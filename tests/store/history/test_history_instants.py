"""Instants that nothing can be computed with: refused at entry, left out where stored."""

import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_store import (
    HistorySample,
    HistoryService,
    PostgresHistory,
    PostgresStore,
    SqliteHistory,
    StoreDataError,
)
from switchbot_store.backup.format import BackupReader, BackupWriter
from switchbot_store.cli.commands.history_ranges import RangeOptions
from switchbot_store.cli.output import Misuse
from switchbot_store.failover.journal import _write_of
from switchbot_store.failover.mirror import _apply
from switchbot_store.history.frozen import frozen_hour
from switchbot_store.history.ingest.samples import normalised
from switchbot_store.instants import LATEST

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
FIRST, LAST = datetime.min, datetime.max  # noqa: DTZ901 - an offset is given below
OFFSETS = st.integers(-23 * 60, 23 * 60).map(
    lambda minutes: timezone(timedelta(minutes=minutes))
)
FAR = st.datetimes(FIRST, FIRST + timedelta(days=2), timezones=OFFSETS) | st.datetimes(
    LAST - timedelta(days=2), LAST, timezones=OFFSETS
)


@given(FAR)
def test_a_far_instant_is_refused_where_it_enters(at):
    with pytest.raises(StoreDataError) as caught:
        normalised(HistorySample(at))
    assert caught.value.path == "timestamp"
    with pytest.raises(StoreDataError, match="not within"):
        frozen_hour({"timestamp": at.isoformat(), "zone": "z"})
    asked = RangeOptions(None, at.isoformat(), None, "UTC", None)
    with pytest.raises(Misuse, match="--from"):
        asked.resolved(SimpleNamespace())


@pytest.mark.parametrize("ago", ["999999999999d", "2000y"])
def test_a_range_that_begins_before_all_time_is_refused(ago):
    with pytest.raises(Misuse, match="too long ago"):
        RangeOptions(None, ago, None, "UTC", None).resolved(SimpleNamespace())


@given(FAR)
def test_a_far_instant_of_what_is_stored_loses_no_document(at):
    row = {"key": "k", "number": 1, "revision": "r", "updated_at": at.isoformat()}
    line = b'{"data":{"n":1},' + str(row).replace("'", '"').encode()[1:]
    documents = {}
    assert _apply(documents, line)
    assert documents["k"].updated_at is None
    written = {"key": "k", "base": "", "at": at.isoformat()}
    write = _write_of(written, b'{"n":1}')
    assert (write.key, write.encoded) == ("k", b'{"n":1}')


def test_a_file_of_a_far_year_is_backed_up_and_restored(tmp_path):
    path = tmp_path / "all.gz"
    with BackupWriter(path, source="a test") as writer:
        writer.document("settings", {"n": 1}, datetime(2999, 1, 1, tzinfo=UTC))
    with BackupReader(path) as reader:
        (document,) = reader.records()
    assert (document.data, document.updated_at) == ({"n": 1}, None)


def test_a_backup_with_a_far_row_says_which_line(tmp_path):
    path = tmp_path / "all.gz"
    with BackupWriter(path, source="a test") as writer:
        writer.row(HistorySample(datetime(2999, 1, 1, tzinfo=UTC)))
    with (
        BackupReader(path) as reader,
        pytest.raises(StoreDataError, match=r"line 2: .*not within 1970-01-01"),
    ):
        list(reader.records())


@pytest.mark.parametrize(
    "stamp", ["infinity", "-infinity", "25000-01-01", "0044-03-15 BC"]
)
def test_rows_of_no_year_stop_no_read_of_postgresql(database_url, stamp):
    with HistoryService(PostgresHistory(database_url), now=lambda: NOW) as history:
        history.record(HistorySample(NOW, temperature=21.0))
        history.flush()
        with (
            PostgresStore(database_url) as store,
            psycopg.connect(database_url, autocommit=True) as beside,
        ):
            store.set("settings", {"n": 1})
            beside.execute(
                "UPDATE json_store SET updated_at = %s::timestamptz", [stamp]
            )
            beside.execute(
                "INSERT INTO state_history (zone, timestamp) VALUES ('default', %s)",
                [stamp],
            )
            entry = store.get_entry("settings")
            assert (entry.data, entry.updated_at) == ({"n": 1}, None)
            assert store.get_many(["settings"])["settings"].data == {"n": 1}
            store.compare_and_set("settings", {"n": 2}, entry.revision)
        assert [row.timestamp for row in history.latest(1)] == [NOW]
        start, end = NOW - timedelta(days=1), NOW + timedelta(days=1)
        assert [row.timestamp for row in history.query(start, end).rows] == [NOW]
        history.roll_up()
        assert history.query(start, end, bucket="hour").rows


def test_a_row_of_a_far_year_is_not_the_newest_of_a_file(tmp_path):
    path = tmp_path / "history.sqlite3"
    with HistoryService(SqliteHistory(path), now=lambda: NOW) as history:
        history.record(HistorySample(NOW, temperature=21.0))
        history.flush()
    far = (LATEST - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    with sqlite3.connect(path) as beside:
        for number in (far + 1, 2**62):
            beside.execute(
                "INSERT INTO state_history (zone, timestamp, error_count,"
                " last_temperature_stale, timezone) VALUES ('default', ?, 0, 0, 'UTC')",
                [number],
            )
    beside.close()
    with HistoryService(SqliteHistory(path), now=lambda: NOW) as history:
        assert [row.timestamp for row in history.latest(1)] == [NOW]
