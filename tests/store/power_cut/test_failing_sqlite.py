"""The disk under SQLite fails at each single step of the history's files, in each way.

Whatever fails: rows that were acknowledged are read, also by who starts after a kill at
that moment; what was refused is there whole or not at all; the file is sound; and once
there is room again, writing goes on and nothing is said of a disk that is well.
"""

import datetime as dt
import itertools
import shutil
import sqlite3
import tempfile
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from switchbot_store import (
    DeviceHistory,
    DeviceReading,
    HistorySample,
    HistoryService,
    HistorySpill,
    MemoryStore,
    SqliteHistory,
    SqliteReadings,
    StoreError,
    StoreUnavailableError,
)
from switchbot_store.backup import back_up, restore
from tests.cases import slow_after
from tests.store.power_cut.failing_sqlite import WAYS, FailingSqlite

AT = dt.datetime(2026, 1, 12, tzinfo=dt.UTC)
LATER = AT + dt.timedelta(days=2)
each_way = pytest.mark.parametrize("way", slow_after(1, WAYS))


@pytest.fixture
def tmp_path():
    """Give a folder in memory, where there is one: hundreds of small disks are made."""
    where = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=where) as place:
        yield Path(place)


def disks(root, way):
    """Yield a disk for each step there is, every connection meanwhile being on it."""
    for at in itertools.count(1):
        place = root / f"{way}-{at}"
        place.mkdir()
        disk = FailingSqlite(place, way, at=at)
        with disk.below():
            yield disk, place
        if not disk.reached:
            assert at > 1
            return
        shutil.rmtree(place)


def sample(n):
    return HistorySample(AT + dt.timedelta(seconds=30 * n), zone="a", temperature=20.0)


def samples(*numbers):
    return [sample(n) for n in numbers]


def instants(history):
    return {row.timestamp for row in history.rows(AT - dt.timedelta(days=1), LATER)}


def refused(write):
    """Return the words of a refusal, None where there was none."""
    try:
        write()
    except StoreError as error:
        return str(error)
    return None


def verdict(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchone()[0]


def checkpointed_often(history):
    """Have its log carried over after every few pages: that is a step as well."""
    with history._file.session() as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 3")


@pytest.mark.parametrize(
    ("begun", "way"), slow_after(1, itertools.product((True, False), WAYS))
)
def test_rows_outlive_a_disk_that_fails_at_any_step(tmp_path, begun, way):
    for disk, place in disks(tmp_path, way):
        path = place / "rows.sqlite"
        history = SqliteHistory(path)
        if begun:
            history.write(samples(*range(20)), now=AT)
            checkpointed_often(history)
        acknowledged = set()
        disk.fail()
        for number, step in enumerate(
            (
                partial(history.write, samples(200), now=AT),
                partial(history.roll_up, now=LATER),
                partial(history.write, samples(201, 202, 203), now=AT),
                partial(history.purge, AT + dt.timedelta(hours=1), limit=5),
                partial(history.write, samples(204), now=AT),
            )
        ):
            why = refused(step)
            assert why is None or str(path) in why, disk.failed
            if why is None and number % 2 == 0:
                acknowledged |= {row.timestamp for row in step.args[0]}
        killed = tmp_path / "killed"
        shutil.copytree(place, killed)
        disk.mend()
        history.write(samples(205), now=AT)
        acknowledged_then, acknowledged = (
            acknowledged,
            acknowledged | {sample(205).timestamp},
        )
        assert instants(history) >= acknowledged, disk.failed
        history.close()
        for where, kept in ((killed, acknowledged_then), (place, acknowledged)):
            with closing(SqliteHistory(where / path.name)) as other:
                assert instants(other) >= kept, disk.failed
                other.write(samples(206), now=AT)
            assert verdict(where / path.name) == "ok", disk.failed
        shutil.rmtree(killed)


class Away(SqliteHistory):
    """A backend that can be away."""

    away = True

    def write(self, samples, *, now):
        if self.away:
            raise StoreUnavailableError("it is away")
        return super().write(samples, now=now)


@each_way
def test_waiting_rows_outlive_a_disk_that_fails_at_any_step(tmp_path, way):
    for disk, place in disks(tmp_path, way):
        backend, path = Away(":memory:"), place / "spill.sqlite"
        history = HistoryService(
            backend,
            spill=HistorySpill(path),
            batch_size=1000,
            flush_interval_seconds=1000,
            now=lambda: LATER,
        )
        number = itertools.count()
        with history:

            def record(rows, history=history, number=number):
                for n in itertools.islice(number, rows):
                    history.record(sample(n))
                return refused(history.flush)

            disk.fail()
            record(3)
            record(2)
            status = history.status()
            killed = tmp_path / "killed"
            shutil.copytree(place, killed)
            with closing(HistorySpill(killed / path.name)) as left:
                left.open()
                assert left.rows + status.buffered >= 5, disk.failed
            shutil.rmtree(killed)
            assert status.buffered == 0 or status.spill_error is not None
            backend.away = False
            record(1)
            record(1)
            assert len(instants(backend)) == 7, disk.failed
            disk.mend()
            record(1)
            status = history.status()
            assert len(instants(backend)) == 8, disk.failed
            assert (status.buffered, status.spilled) == (0, 0), disk.failed
            assert status.spill_error is None, disk.failed
        with closing(HistorySpill(path)) as left:
            left.open()
            assert left.rows == 0, disk.failed


class AwayReadings(SqliteReadings):
    """A backend that can be away."""

    away = False

    def write(self, readings):
        if self.away:
            raise StoreUnavailableError("it is away")
        return super().write(readings)


@pytest.mark.parametrize("way", slow_after(1, ("read-only", "full", "fails-once")))
def test_readings_reach_a_backend_that_is_there_whatever_step_fails(tmp_path, way):
    def reading(n):
        return DeviceReading(AT + dt.timedelta(minutes=n), "C1", "CO2", 700 + n)

    for disk, place in disks(tmp_path, way):
        backend = AwayReadings(":memory:")
        spill = SqliteReadings(place / "spill.sqlite", renewable=True)
        with DeviceHistory(backend, spill=spill, now=lambda: LATER) as history:

            def record(n, history=history):
                history.record(reading(n))
                return refused(history.flush)

            disk.fail()
            record(0)
            backend.away = True
            record(1)
            backend.away = False
            assert record(2) is record(3) is None, disk.failed
            found = {row.timestamp for row in backend.rows(AT, LATER)}
            assert found == {reading(n).timestamp for n in range(4)}, disk.failed
            disk.mend()
            record(4)
        with closing(SqliteReadings(place / "spill.sqlite")) as left:
            assert left.rows(AT, LATER) == [], disk.failed


@each_way
def test_a_restored_history_is_whole_after_the_next_restore(tmp_path, way):
    archive = tmp_path / "home.backup"

    with closing(SqliteHistory(":memory:")) as source:
        source.write(samples(*range(40)), now=AT)
        back_up(MemoryStore(), source, archive)
    root = tmp_path / "each"
    root.mkdir()
    for disk, place in disks(root, way):
        with closing(SqliteHistory(place / "rows.sqlite")) as history:
            disk.fail()
            why = refused(partial(restore, MemoryStore(), history, archive))
            assert why is None or str(place) in why, disk.failed
            disk.mend()
            restore(MemoryStore(), history, archive)
            assert len(instants(history)) == 40, disk.failed
