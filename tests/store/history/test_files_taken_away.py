"""SQLite files that are moved, replaced or deleted under a program, and kept by a process."""

import errno
import itertools
import logging
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from random import Random
from unittest.mock import Mock

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
from switchbot_store.history.ingest.spill import spill_refusal
from switchbot_store.history.sqlite import file as sqlite_file

AT = datetime(2026, 1, 12, tzinfo=UTC)
END = AT + timedelta(hours=24)


def sample(n):
    return HistorySample(AT + timedelta(minutes=n), zone="a", temperature=20.0)


def write(history, n):
    assert history.write([sample(n)], now=AT) == 1


def found(path, tmp_path):
    """Return the rows of a file as who starts after a kill at this moment reads them."""
    copy = tmp_path / "killed"
    shutil.copytree(path.parent, copy)
    with closing(SqliteHistory(copy / path.name)) as history:
        rows = [
            (row.timestamp - AT) // timedelta(minutes=1)
            for row in history.rows(AT, END)
        ]
    shutil.rmtree(copy)
    return rows


def moved(path):
    path.rename(path.with_name("old.sqlite"))


def with_its_folder(path):
    path.parent.rename(path.parent.with_name("old"))


def deleted(path):
    for part in path.parent.glob(f"{path.name}*"):
        part.unlink()


def log_deleted(path):
    path.with_name(f"{path.name}-wal").unlink()


def index_deleted(path):
    path.with_name(f"{path.name}-shm").unlink()


def replaced(path):
    other = path.with_name("other.sqlite")
    with closing(SqliteHistory(other)) as history:
        write(history, 50)
    other.replace(path)


def linked_elsewhere(path):
    place = path.with_name("elsewhere")
    place.mkdir()
    path.unlink()
    path.symlink_to(place / "rows.sqlite")


WHAT_STAYS = {
    moved: [],
    with_its_folder: [],
    deleted: [],
    log_deleted: [1],
    index_deleted: [1],
    replaced: [50],
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "config" / "rows.sqlite"


@pytest.mark.parametrize("taken", WHAT_STAYS, ids=lambda taken: taken.__name__)
@pytest.mark.parametrize("reader", [True, False], ids=["read", "unread"])
def test_what_is_acknowledged_after_a_file_was_taken_away_is_at_its_name(
    tmp_path, path, taken, reader, caplog
):
    with closing(SqliteHistory(path)) as history:
        write(history, 1)
        if reader:
            assert len(history.latest(9)) == 1
        taken(path)
        write(history, 2)
        write(history, 3)
        there = sorted([2, 3, *WHAT_STAYS[taken]])
        assert found(path, tmp_path) == there
        assert len(history.latest(9)) == len(there)
    assert found(path, tmp_path) == there
    assert caplog.text.count("moved, replaced or deleted") == 1
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("taken", [moved, with_its_folder])
def test_what_was_acknowledged_before_is_whole_in_what_was_moved(tmp_path, path, taken):
    with closing(SqliteHistory(path)) as history:
        write(history, 1)
        taken(path)
        write(history, 2)
    (old,) = [*tmp_path.glob("*/old.sqlite"), *tmp_path.glob("old/rows.sqlite")]
    assert found(old, tmp_path) == [1]


@pytest.mark.parametrize("rows", [0, 1, 40], ids="copy of {}".format)
@pytest.mark.parametrize("moved_in", [False, True], ids=["log full", "log moved in"])
def test_what_is_copied_over_a_file_is_used_and_what_follows_is_in_it(
    tmp_path, path, rows, moved_in
):
    """`cp` leaves the file what it is to the system, and with it the log of another."""
    older = tmp_path / "older"
    with closing(SqliteHistory(path)) as history:
        history.open()
        for n in range(rows):
            write(history, n)
    if rows:
        shutil.copy(path, older)
    else:
        older.touch()
    with closing(SqliteHistory(path)) as history:
        history.write([sample(n) for n in range(100, 1000)], now=AT)
        assert len(history.latest(9)) == 9
        if moved_in:
            with history._file.session() as connection:
                connection.execute("PRAGMA wal_checkpoint")
        path.write_bytes(older.read_bytes())
        write(history, 50)
        write(history, 51)
        # A log that has every page goes on, and with it all rows.
        all_rows = [*range(rows), 50, 51, *range(100, 1000)]
        there = found(path, tmp_path)
        assert there in ([*range(rows), 50, 51], all_rows)
        assert there != all_rows or not (moved_in and rows)
        assert len(history.latest(9999)) == len(there)
        write(history, 52)
    assert found(path, tmp_path) == sorted([*there, 52])
    assert sorted(each.name for each in path.parent.iterdir()) == [path.name]


@pytest.mark.parametrize("moved_in", [False, True], ids=["log full", "log moved in"])
def test_the_rows_of_another_file_that_is_copied_over_are_not_written_over(
    tmp_path, path, moved_in
):
    """As an old home's, put where a new one has just begun, all in its log yet."""
    with closing(SqliteHistory(tmp_path / "other.sqlite")) as other:
        other.write([sample(n) for n in range(100, 1000)], now=AT)
    with closing(SqliteHistory(path)) as history:
        write(history, 1)
        if moved_in:
            with history._file.session() as connection:
                connection.execute("PRAGMA wal_checkpoint")
        path.chmod(0o640)
        path.write_bytes((tmp_path / "other.sqlite").read_bytes())
        write(history, 2)
        assert found(path, tmp_path) == [2, *range(100, 1000)]
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert found(path, tmp_path) == [2, *range(100, 1000)]


@pytest.mark.parametrize("other", [True, False], ids=["another", "the same"])
def test_the_log_of_who_was_killed_is_not_played_into_another_that_is_copied_over(
    tmp_path, path, other, caplog
):
    program = (
        "import os, signal, sys; from datetime import *\n"
        "from switchbot_store import HistorySample, SqliteHistory\n"
        "at = datetime(2026, 1, 12, 0, 1, tzinfo=UTC)\n"
        "row = HistorySample(at, zone='a', temperature=20.0)\n"
        "SqliteHistory(sys.argv[1]).write([row], now=at)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", program, path], check=False)
    log = path.with_name(f"{path.name}-wal")
    assert log.stat().st_size
    if other:
        with closing(SqliteHistory(tmp_path / "other.sqlite")) as another:
            another.write([sample(n) for n in range(100, 1000)], now=AT)
        path.write_bytes((tmp_path / "other.sqlite").read_bytes())
    with closing(SqliteHistory(path)) as history:
        write(history, 2)
    kept = [2, *range(100, 1000)] if other else [1, 2]
    assert found(path, tmp_path) == kept
    assert len(list(path.parent.glob("*-wal.corrupt-*"))) == other
    assert caplog.text.count("of another file") == other


@pytest.mark.parametrize("seed", [5, 6, 12])
def test_of_a_copy_and_a_log_no_mixture_is_made_that_looks_whole(path, seed):
    """Pages are used again as old rows go: those of both may make one tree."""
    random = Random(seed)
    minutes = itertools.count()

    def some(most):
        return [
            DeviceReading(
                AT + timedelta(minutes=next(minutes)), random.choice("abc"), "CO2", 600
            )
            for _ in range(random.randint(1, most))
        ]

    def rows(connection):
        return set(connection.execute("SELECT * FROM device_readings"))

    def go_on(readings, times):
        for _ in range(times):
            written = some(300)
            readings.write(written)
            before = written[-1].timestamp - timedelta(minutes=1000)
            readings.purge(before, limit=random.choice([50, 500]))

    with closing(SqliteReadings(path)) as readings:
        readings.write([each for _ in range(9) for each in some(300)])
        go_on(readings, 3)
        with readings._file.session() as connection:
            connection.execute("PRAGMA wal_checkpoint")
            copied = rows(connection)
        copy = path.read_bytes()
        go_on(readings, 3)
        with readings._file.session() as connection:
            connection.execute("PRAGMA wal_checkpoint")
        go_on(readings, 2)
        with readings._file.session() as connection:
            live = rows(connection)
        path.write_bytes(copy)
        with readings._file.session() as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert rows(connection) in (copied, live)


def test_a_copy_that_comes_while_somebody_reads_is_seen_after(tmp_path, path):
    older = tmp_path / "older"
    with closing(SqliteHistory(path)) as history:
        write(history, 1)
    shutil.copy(path, older)
    with closing(SqliteHistory(path)) as history:
        history.write([sample(n) for n in range(100, 1000)], now=AT)
        with history._file.session() as connection:
            connection.execute("PRAGMA wal_checkpoint")
        with history._file.session() as connection:
            connection.execute("SELECT 1 FROM state_history").fetchone()
            path.write_bytes(older.read_bytes())
        write(history, 2)
        assert found(path, tmp_path) == [1, 2]


def test_a_file_that_cannot_be_looked_at_is_not_taken_for_one_that_was_copied(
    tmp_path, path, monkeypatch
):
    """Its rows are in its log still."""
    with closing(SqliteHistory(path)) as history:
        write(history, 1)
        os.utime(path, (0, 0))

        def busy(*_arguments):
            monkeypatch.undo()
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error

        monkeypatch.setattr(sqlite_file, "_check", busy)
        with pytest.raises(StoreUnavailableError, match="locked"):
            write(history, 2)
        write(history, 2)
        assert found(path, tmp_path) == [1, 2]


def test_a_file_without_a_mark_is_given_one_and_keeps_the_rows_in_its_log(
    tmp_path, path
):
    """A release before left none, and a partial move of the log may not have brought it."""
    with closing(SqliteHistory(path)) as history:
        write(history, 1)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA application_id = 0")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with closing(SqliteHistory(path)) as history, closing(SqliteHistory(path)) as other:
        write(history, 2)
        write(other, 3)
        assert history._file._mark == other._file._mark != 0
        os.utime(path, (0, 0))  # as if somebody else had moved a part of the log in
        write(history, 4)
        assert found(path, tmp_path) == [1, 2, 3, 4]
        assert not list(path.parent.glob("*.corrupt-*"))


def test_half_of_a_copy_takes_no_row_until_it_is_whole(tmp_path, path):
    with closing(SqliteHistory(path)) as history:
        for n in range(40):
            write(history, n)
    whole = path.read_bytes()
    with closing(SqliteHistory(path)) as history:
        history.write([sample(n) for n in range(100, 1000)], now=AT)
        path.write_bytes(whole[: len(whole) // 2])
        for _ in range(2):
            with pytest.raises(StoreUnavailableError, match="copy it once more"):
                write(history, 50)
        path.write_bytes(whole)
        write(history, 51)
        there = [*range(40), 51]
        assert found(path, tmp_path) in (there, [*there, *range(100, 1000)])


def test_what_another_process_moves_in_from_its_log_is_no_copy(tmp_path, path, caplog):
    with closing(SqliteHistory(path)) as history:
        write(history, 1)
        inode = path.stat().st_ino
        program = (
            "import sys; from switchbot_store import SqliteHistory\n"
            "history = SqliteHistory(sys.argv[1])\n"
            "with history._file.session() as connection:\n"
            "    connection.execute('PRAGMA wal_checkpoint')"
        )
        subprocess.run([sys.executable, "-c", program, path], check=True)
        write(history, 2)
        assert len(history.latest(9)) == 2
        assert found(path, tmp_path) == [1, 2]
        assert path.stat().st_ino == inode
    assert caplog.text == ""


def test_no_write_waits_for_a_long_read_as_another_moved_its_log_in(tmp_path, path):
    with (
        closing(SqliteHistory(path)) as history,
        closing(SqliteHistory(path)) as other,
        ThreadPoolExecutor() as threads,
    ):
        write(history, 1)
        with history._file.reading() as reader:
            rows = reader.execute("SELECT timestamp FROM state_history")
            write(other, 2)
            with other._file.session() as connection:
                connection.execute("PRAGMA wal_checkpoint")
            written = threads.submit(write, history, 3)
            try:
                written.result(timeout=60)
            finally:
                assert len(rows.fetchall()) in (1, 2)
        assert len(history.latest(9)) == 3
        assert found(path, tmp_path) == [1, 2, 3]


def test_what_cannot_even_be_read_any_more_is_opened_anew(tmp_path, path):
    """SQLite says that it is read-only, and then there is nothing at its name to read."""
    with closing(SqliteHistory(path)) as history:
        write(history, 1)

        def written_where_nothing_can_be():
            with history._file.transaction() as connection:
                connection.execute("PRAGMA query_only = 1")
                deleted(path)
                connection.execute("DELETE FROM state_history_late")

        with pytest.raises(StoreUnavailableError):
            written_where_nothing_can_be()
        write(history, 2)
        assert found(path, tmp_path) == [2]


def test_a_link_that_leads_elsewhere_is_followed(tmp_path, path):
    with closing(SqliteHistory(path)) as history:
        write(history, 1)
        linked_elsewhere(path)
        write(history, 2)
        assert found(path.with_name("elsewhere") / "rows.sqlite", tmp_path) == [2]


def test_rows_that_another_thread_reads_are_those_at_the_name(path):
    with closing(SqliteHistory(path)) as history:
        write(history, 1)
        assert len(history.latest(9)) == 1
        replaced(path)
        (row,) = history.latest(9)
        assert row.timestamp == sample(50).timestamp


def test_what_is_read_after_a_disk_could_only_be_read_is_what_is_at_the_name(path):
    """What was replaced in between is not looked for: nothing could be written to it."""
    with closing(SqliteHistory(path)) as history:
        write(history, 1)
        assert len(history.latest(9)) == 1

        def written_where_nothing_can_be():
            with history._file.transaction() as connection:
                connection.execute("PRAGMA query_only = 1")
                connection.execute("DELETE FROM state_history_late")

        with pytest.raises(StoreUnavailableError, match="can only be read"):
            written_where_nothing_can_be()
        log_deleted(path)
        index_deleted(path)
        replaced(path)
        write(history, 2)
        there = {row.timestamp for row in history.latest(9)}
        assert there == {sample(2).timestamp, sample(50).timestamp}


def test_rows_that_wait_anew_are_not_taken_for_such_as_arrived(tmp_path):
    """In a new file their numbers begin at 1 again."""
    path = tmp_path / "spill.sqlite"
    with closing(HistorySpill(path)) as spill:
        spill.append([sample(n) for n in range(5)])
        waiting = spill.oldest(9)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(
                "CREATE TRIGGER theirs BEFORE DELETE ON spill"
                " BEGIN SELECT raise(ABORT, 'no'); END"
            )
            connection.commit()
        spill._arrived = waiting[-1].row_id  # as where the disk let none go
        deleted(path)
        spill.append([sample(7)])
        assert spill.rows == 1
        (row,) = spill.oldest(9)
        assert spill.remove([row]) is None
        assert spill.rows == 0


def test_a_row_that_waits_in_a_new_file_is_not_let_go_for_one_of_the_old(tmp_path):
    """It came while the old one's rows were on their way to the backend."""
    path = tmp_path / "spill.sqlite"
    with closing(HistorySpill(path)) as spill:
        spill.append([sample(n) for n in range(5)])
        waiting = spill.oldest(9)
        deleted(path)
        spill.append([sample(7)])
        assert spill.remove(waiting) is None
        assert spill.rows == 1
        (row,) = spill.oldest(9)
        assert spill.remove([row]) is None
        assert spill.rows == 0


def test_rows_that_wait_where_nothing_can_be_written_arrive_and_are_not_sent_for_ever(
    tmp_path, monkeypatch
):
    path = tmp_path / "spill.sqlite"
    with closing(HistorySpill(path)) as spill:
        spill.append([sample(n) for n in range(5)])
    monkeypatch.setattr(sqlite_file, "_refusal", lambda _path, _found: errno.EROFS)
    backend, sent = SqliteHistory(":memory:"), []
    write = backend.write

    def counted(rows, **options):
        sent.extend(rows)
        assert len(sent) < 50
        return write(rows, **options)

    backend.write = counted
    with HistoryService(backend, spill=path, now=lambda: AT) as history:
        history.record(sample(9))
        history.flush()
        history.flush()
        assert len(history.latest(99)) == 6
        assert "Read-only" in history.status().spill_error
        monkeypatch.undo()
        history.record(sample(10))
        history.flush()
        assert history.status().spill_error is None
    assert len(sent) < 20
    assert spill_refusal(path) is None
    with closing(HistorySpill(path)) as spill:
        spill.open()
        assert spill.rows == 0


def test_readings_that_wait_in_memory_reach_a_backend_that_is_back():
    backend = SqliteReadings(":memory:")
    write = backend.write
    backend.write = Mock(side_effect=StoreUnavailableError("away"))
    with DeviceHistory(backend, spill=SqliteReadings(":memory:")) as readings:
        readings.record(DeviceReading(AT, "C1", "CO2", 700))
        readings.flush()
        backend.write = write
        readings.record(DeviceReading(AT + timedelta(minutes=1), "C1", "CO2", 701))
        readings.flush()
        assert len(backend.rows(AT, END)) == 2


def test_what_is_taken_away_while_it_is_written_is_not_acknowledged(path):
    with closing(SqliteHistory(path)) as history:
        write(history, 1)

        def taken_meanwhile():
            with history._file.transaction() as connection:
                connection.execute("DELETE FROM state_history_late")
                moved(path)

        with pytest.raises(StoreUnavailableError, match="taken away"):
            taken_meanwhile()


@pytest.mark.parametrize("kept", [True, False], ids=["kept open", "closed"])
def test_a_second_history_in_a_process_takes_no_lock_from_the_first(
    tmp_path, path, kept
):
    """Else another process, as it ends, deletes the log that the first writes to."""
    with closing(SqliteHistory(path)) as history:
        write(history, 1)
        second = SqliteHistory(path)
        second.open()
        if not kept:
            second.close()
        program = (
            "import sys; from switchbot_store import SqliteHistory\n"
            "history = SqliteHistory(sys.argv[1]); history.open(); history.close()"
        )
        subprocess.run([sys.executable, "-c", program, path], check=True)
        assert path.with_name(f"{path.name}-wal").exists()
        write(history, 2)
        assert found(path, tmp_path) == [1, 2]
        second.close()


def test_a_disk_that_is_away_is_no_file_that_was_moved(loop_disk, tmp_path, caplog):
    """What is written goes to the disk, and nothing to the folder below it."""
    path = loop_disk.path / "rows.sqlite"
    with closing(SqliteHistory(path)) as history:
        write(history, 1)
        loop_disk.close()
        write(history, 2)
        assert not path.exists()
        assert "moved" not in caplog.text
    loop_disk.mount()
    assert found(path, tmp_path) == [1, 2]


def test_an_error_of_the_spill_ends_when_its_disk_is_well(tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    spill = HistorySpill(tmp_path / "there" / "spill.sqlite")
    backend = SqliteHistory(":memory:")
    (tmp_path / "there").write_text("a file where the folder should be")
    with HistoryService(backend, spill=spill, now=lambda: AT) as history:
        history._writer._health.disk_failed(StoreUnavailableError("it was full"))
        history.record(sample(1))
        history.flush()
        assert history.status().spill_error is not None
        (tmp_path / "there").unlink()
        history.record(sample(2))
        history.flush()
        assert history.status().spill_error is None
        assert not (tmp_path / "there").exists()


def test_a_damaged_spill_keeps_no_reading_from_a_backend_that_is_there(tmp_path):
    path = tmp_path / "readings.sqlite"
    path.write_bytes(b"no database at all" * 100)
    backend = SqliteReadings(":memory:")
    with DeviceHistory(backend, spill=SqliteReadings(path, renewable=True)) as readings:
        readings.record(DeviceReading(AT, "C1", "CO2", 700))
        readings.flush()
        assert len(backend.rows(AT, END)) == 1
    assert list(tmp_path.glob("readings.sqlite.corrupt-*"))
