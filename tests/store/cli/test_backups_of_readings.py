"""What devices said is in a backup, comes back, and moves with its home."""

from __future__ import annotations

import gzip
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest

from switchbot_store import DeviceReading, MemoryStore, SqliteReadings, StoreDataError
from switchbot_store.backup import (
    back_up,
    back_up_source,
    export_home,
    plan_restore,
    restore,
)
from switchbot_store.backup.format import BackupReader
from switchbot_store.doctor import Inspection
from switchbot_store.history.postgres.readings import PostgresReadings
from switchbot_store.history.readings import DeviceHistory
from switchbot_store.instants import EARLIEST, LATEST

NOW = datetime(2026, 1, 20, 12, 30, tzinfo=UTC)


def said(minutes, value, *, device="C1", attribute="CO2"):
    return DeviceReading(NOW + timedelta(minutes=minutes), device, attribute, value)


def filled(readings):
    """Two hours of which retention left the sums, and readings that are still there."""
    for minutes in range(-200, 0, 10):
        readings.record(said(minutes, 600.5 + minutes))
    readings.record(said(-190, "open", device="D/1", attribute="openState"))
    readings.record(said(-5, "close", device="D/1", attribute="openState"))
    readings.flush()
    readings.backend.purge(NOW - timedelta(minutes=60), limit=10_000)
    return readings


def everything(readings):
    rows = [
        tuple(row.values()) for page in readings.pages(EARLIEST, LATEST) for row in page
    ]
    hours = [tuple(row.values()) for page in readings.hours() for row in page]
    chart = readings.query(
        NOW - timedelta(hours=5), NOW, "C1", "CO2", bucket="15min"
    ).rows
    return rows, sorted(hours), chart


@pytest.fixture
def places(tmp_path, database_url):
    """Make histories of devices of either kind."""
    opened = []

    def place(kind, home=None):
        if kind == "postgres":
            backend = PostgresReadings(database_url)
        else:
            backend = SqliteReadings(tmp_path / f"{len(opened)}.sqlite3")
        opened.append(DeviceHistory(backend, home=home, now=lambda: NOW))
        return opened[-1]

    yield place
    for each in opened:
        each.close()


def test_from_a_file_to_postgres_and_back_nothing_is_different(places, tmp_path):
    file, postgres, again = filled(places("file")), places("postgres"), places("file")
    before = everything(file)
    counts = back_up(MemoryStore(), None, tmp_path / "first", readings=file)
    assert (counts.readings, counts.reading_hours) == (len(before[0]), len(before[1]))
    assert counts.reading_hours == 3
    assert plan_restore(MemoryStore(), tmp_path / "first").counts == counts
    done = restore(MemoryStore(), None, tmp_path / "first", readings=postgres)
    assert (done.readings, done.reading_hours) == (counts.readings, 3)
    assert everything(postgres) == before
    assert (
        back_up(MemoryStore(), None, tmp_path / "second", readings=postgres) == counts
    )
    restore(MemoryStore(), None, tmp_path / "second", readings=again)
    assert everything(again) == before


@pytest.mark.parametrize("kind", ["file", "postgres"])
def test_restoring_twice_and_over_what_is_there_counts_nothing_twice(
    kind, places, tmp_path
):
    source, target = filled(places("file")), places(kind)
    back_up(MemoryStore(), None, tmp_path / "file", readings=source)
    # Here retention has not summed the first hour up yet, and has summed the last one.
    target.backend.write([said(-200, 1.0), said(-20, 2.0)])
    target.backend.purge(NOW, limit=1)
    target.backend.write([said(-200, 1.0)])
    restore(MemoryStore(), None, tmp_path / "file", readings=target)
    once = everything(target)
    done = restore(MemoryStore(), None, tmp_path / "file", readings=target)
    assert (done.readings, done.reading_hours) == (0, 0)
    assert everything(target) == once
    ends = [hour[0] for hour in once[1] if hour[1] == "C1"]
    assert len(ends) == len(set(ends))
    hours = set(ends)
    assert not [
        row
        for row in once[0]
        if row[1] == "C1"
        and row[0].replace(minute=0) in hours
        and row[3] not in (1.0, 2.0)
    ]


def test_a_database_of_any_schema_is_backed_up_with_them(
    places, tmp_path, database_url
):
    postgres, again = filled(places("postgres")), places("file")
    with Inspection(database_url).snapshot() as snapshot:
        back_up_source(snapshot, tmp_path / "file")
    restore(MemoryStore(), None, tmp_path / "file", readings=again)
    assert everything(again) == everything(postgres)


def test_a_file_without_readings_is_one_that_older_programs_read(places, tmp_path):
    empty = places("file")
    back_up(MemoryStore(), None, tmp_path / "file", readings=empty)
    first, end = gzip.decompress((tmp_path / "file").read_bytes()).splitlines()
    assert json.loads(first)["version"] == 1
    assert json.loads(end)["end"] == {"documents": 0, "rows": 0, "hours": 0}
    back_up(MemoryStore(), None, tmp_path / "full", readings=filled(empty))
    with BackupReader(tmp_path / "full") as reader:
        assert reader.header["version"] == 2


def test_a_home_is_exported_with_its_devices_and_no_other(places, tmp_path):
    whole = places("file")
    for home in ("1", "2"):
        filled(whole.of_home(home))
    mine = everything(whole.of_home("1"))
    counts = export_home(MemoryStore(), None, "1", tmp_path / "one", readings=whole)
    assert counts.readings == len(mine[0])
    restore(MemoryStore(), None, tmp_path / "one", readings=whole.of_home("3"))
    assert everything(whole.of_home("3")) == mine
    assert {row[1] for row in everything(whole.of_home("3"))[0]} == {"C1", "D/1"}


def test_without_a_place_for_them_they_are_left_out(places, tmp_path):
    back_up(MemoryStore(), None, tmp_path / "file", readings=filled(places("file")))
    done = restore(MemoryStore(), None, tmp_path / "file")
    assert (done.readings, done.reading_hours) == (0, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"count": -1},
        {"count": True},
        {"count": 2**63},
        {"numbers": 2**63},
        {"word": []},
        {"numbers": "2"},
        {"mean": "warm"},
        {"timestamp": "2026-01-20T12:30:00Z"},
        {"device_id": ""},
        {"attribute": ""},
        {"word": "x" * 201, "mean": None},
    ],
)
def test_an_hour_that_no_place_can_keep_is_damage(change, places, tmp_path):
    back_up(MemoryStore(), None, tmp_path / "file", readings=filled(places("file")))
    lines = gzip.decompress((tmp_path / "file").read_bytes()).splitlines()
    records = [json.loads(line) for line in lines]
    number = next(n for n, each in enumerate(records) if "reading_hour" in each)
    records[number]["reading_hour"] |= change
    (tmp_path / "file").write_bytes(
        gzip.compress(b"".join(json.dumps(each).encode() + b"\n" for each in records))
    )
    with pytest.raises(StoreDataError, match=f"line {number + 1}"):
        plan_restore(MemoryStore(), tmp_path / "file")


def test_what_no_place_could_keep_is_left_out_and_the_rest_is_restored(
    places, tmp_path, caplog
):
    """In the backup, each would keep all of it from being restored."""
    source = filled(places("file"))
    with closing(sqlite3.connect(tmp_path / "0.sqlite3")) as connection, connection:
        connection.execute(
            "UPDATE device_readings SET word = 'a' || char(0)"
            " WHERE attribute = 'openState'"
        )
        connection.execute(
            "UPDATE device_readings_hourly SET count = -1 WHERE attribute = 'openState'"
        )
    readings, hours = ([*each] for each in map(chain.from_iterable, pages(source)))
    with MemoryStore() as store:
        counts = back_up(store, None, tmp_path / "file", readings=source)
        assert (counts.readings, counts.reading_hours) == (
            len(readings) - 1,
            len(hours) - 1,
        )
        assert caplog.text.count("no history could keep") == 1
        restored = restore(store, None, tmp_path / "file", readings=places("file"))
    assert restored.readings == counts.readings
    assert restored.reading_hours == counts.reading_hours


def pages(readings):
    return readings.pages(EARLIEST, LATEST), readings.hours()


def test_the_command_line_has_them(invoke, tmp_path):
    said_here = tmp_path / "config" / "device_readings.sqlite3"
    with closing(SqliteReadings(said_here)) as place:
        place.write([said(0, 725.0)])
    file = tmp_path / "home.backup"
    assert "1 reading of devices" in invoke("backup", file).out
    said_here.unlink()
    shown = invoke("restore", "--yes", file).out
    assert "1 reading and 0 hours of devices" in shown
    with closing(SqliteReadings(said_here)) as place:
        assert [row.value for row in place.rows(EARLIEST, LATEST)] == [725.0]


def test_a_home_that_looks_at_no_device_gets_no_file(invoke, tmp_path):
    file = tmp_path / "home.backup"
    assert "readings" not in invoke("backup", file).out
    invoke("restore", "--yes", file)
    assert not (tmp_path / "config" / "device_readings.sqlite3").exists()
