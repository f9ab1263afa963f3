"""The SQLite files of history and spill: who may read them, who opens them first."""

import os
import sqlite3
import stat
import subprocess
import sys
import textwrap
from contextlib import closing
from datetime import UTC, datetime

import pytest

from switchbot_store import (
    HistorySample,
    HistoryService,
    HistorySpill,
    MigrationError,
    SqliteHistory,
    StoreUnavailableError,
)

AT = datetime(2026, 1, 10, 8, tzinfo=UTC)
PROCESSES = 6


def _recorded(path, at=AT):
    with HistoryService(SqliteHistory(path)) as history:
        history.record(HistorySample(at, temperature=20.0))


def _mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def generous_umask():
    before = os.umask(0)
    yield
    os.umask(before)


class TestPermissions:
    @pytest.mark.parametrize("kind", [SqliteHistory, HistorySpill])
    def test_files_and_directories_are_their_owners_alone(
        self, tmp_path, generous_umask, kind
    ):
        path = tmp_path / "new" / "config" / "rows.sqlite3"
        with closing(kind(path)) as place:
            if kind is HistorySpill:
                place.append([HistorySample(AT)])
            else:
                place.open()
                place.write([HistorySample(AT)], now=AT)
            found = sorted(path.parent.iterdir())
            assert path in found
            assert {_mode(each) for each in found} == {0o600}
        assert _mode(path.parent) == _mode(path.parent.parent) == 0o700

    def test_a_mode_that_a_person_gave_stays(self, tmp_path):
        path = tmp_path / "rows.sqlite3"
        _recorded(path)
        path.chmod(0o640)
        _recorded(path)
        assert _mode(path) == 0o640

    def test_a_link_to_another_disk_is_followed(self, tmp_path):
        elsewhere = tmp_path / "big disk"
        elsewhere.mkdir()
        link = tmp_path / "rows.sqlite3"
        link.symlink_to(elsewhere / "rows.sqlite3")
        _recorded(link)
        assert link.is_symlink()
        assert _mode(elsewhere / "rows.sqlite3") == 0o600


class TestFirstOpening:
    @pytest.mark.parametrize("kind", ["SqliteHistory", "HistorySpill"])
    def test_processes_that_open_a_new_file_together_all_do(self, tmp_path, kind):
        """Over and over: the file is new for each of them."""
        call = "open()" if kind == "SqliteHistory" else "append([row])"
        program = f"""
        import sys
        from datetime import datetime, UTC
        from switchbot_store import HistorySample, HistorySpill, SqliteHistory
        row = HistorySample(datetime(2026, 1, 10, tzinfo=UTC))
        for line in sys.stdin:
            place = {kind}(line.strip())
            place.{call}
            place.close()
            print("open", flush=True)
        """
        command = [sys.executable, "-c", textwrap.dedent(program)]
        processes = [
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(PROCESSES)
        ]
        try:
            for number in range(10):
                for process in processes:
                    print(
                        tmp_path / f"{number}.sqlite3", file=process.stdin, flush=True
                    )
                for process in processes:
                    assert process.stdout.readline() == "open\n", process.stderr.read()
        finally:
            for process in processes:
                process.communicate()

    def test_a_later_releases_file_is_left_as_it_is(self, tmp_path):
        path = tmp_path / "rows.sqlite3"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA user_version = 99")
        before = path.read_bytes()
        with pytest.raises(MigrationError, match="upgrade this program"):
            SqliteHistory(path).open()
        assert path.read_bytes() == before


class TestReadOnly:
    @pytest.mark.parametrize("cleanly", [True, False])
    def test_a_read_only_mount_is_read_and_says_so(self, loop_disk, cleanly, caplog):
        path = loop_disk.path / "config" / "history.sqlite3"
        _recorded(path)
        if cleanly:
            loop_disk.unmount()
            loop_disk.mount("ro")
        else:
            writer = SqliteHistory(path)
            writer.open()
            loop_disk.fail()
        with closing(SqliteHistory(path)) as history:
            assert history.latest(1)[0]["temperature"] == 20.0
            with pytest.raises(StoreUnavailableError, match="can only be read"):
                history.write([HistorySample(AT)], now=AT)
        assert "can only be read" in caplog.text
        if not cleanly:
            writer.close()

    def test_it_is_written_again_once_it_can_be(self, loop_disk):
        path = loop_disk.path / "history.sqlite3"
        _recorded(path)
        loop_disk.turn("ro")
        with closing(SqliteHistory(path)) as history:
            history.open()
            loop_disk.turn("rw")
            assert history.write([HistorySample(AT, zone="b")], now=AT) == 1
            assert len(history.latest(5)) == 2

    def test_nothing_there_is_an_error_that_says_why(self, loop_disk):
        loop_disk.unmount()
        loop_disk.mount("ro")
        with pytest.raises(StoreUnavailableError, match="Read-only"):
            SqliteHistory(loop_disk.path / "history.sqlite3").open()


class TestDamage:
    @pytest.mark.parametrize("content", [b"", b"\0"])
    def test_a_file_that_was_made_and_never_written_has_no_rows(
        self, tmp_path, content
    ):
        """A host that mounts a single file makes it; whoever looks leaves it so."""
        path = tmp_path / "history.sqlite3"
        path.write_bytes(content)
        looking = SqliteHistory(path, looking=True)
        assert looking.latest(1) == []
        looking.close()
        assert path.read_bytes() == content
        backend = SqliteHistory(path)
        noon = datetime(2026, 1, 12, 12, tzinfo=UTC)
        assert backend.write([HistorySample(noon)], now=noon) == 1
        backend.close()
        again = SqliteHistory(path, looking=True)
        assert len(again.latest(1)) == 1
        again.close()

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
    @pytest.mark.parametrize("looking", [False, True])
    @pytest.mark.parametrize("made", ["pipe", "device"])
    def test_what_is_no_file_is_an_error_and_is_not_waited_for(
        self, tmp_path, made, looking
    ):
        path = tmp_path / "history.sqlite3"
        if made == "pipe":
            os.mkfifo(path)
        else:
            path.symlink_to("/dev/zero")
        history = SqliteHistory(path, looking=looking)
        with pytest.raises(StoreUnavailableError, match="pipe or a device"):
            history.open()
        assert "pipe or a device" in history.write_refusal()

    def test_a_malformed_file_is_an_error_with_the_way_out(self, tmp_path):
        path = tmp_path / "history.sqlite3"
        path.write_bytes(b"no database at all" * 1000)
        with pytest.raises(StoreUnavailableError, match=r"damaged.*\.recover"):
            SqliteHistory(path).open()
        assert path.read_bytes().startswith(b"no database")
