"""Rows that wait on the local disk: through outages, kills and full disks."""

import json
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime, timedelta, timezone

import pytest

from switchbot_store import (
    HistoryError,
    HistorySample,
    HistoryService,
    HistorySpill,
    PostgresHistory,
    SlowConnectionError,
    SqliteHistory,
    time_limit,
)
from switchbot_store.testing import TcpProxy

WAIT_SECONDS = 30
FIRST = datetime(2000, 1, 1, tzinfo=UTC)
LAST = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def spill_path(tmp_path):
    return tmp_path / "spill.sqlite3"


def leave_in(path, samples):
    """Put rows into a spill, as a former process would have."""
    with closing(HistorySpill(path)) as spill:
        spill.append(samples)


class TestSpill:
    def test_rows_come_back_as_they_were_in_order(self, spill_path, moments):
        samples = [
            HistorySample(
                moment,
                zone="é",
                temperature=number / 3,
                metadata={"n": [number, None, True, 1.5]},
            )
            for number, moment in enumerate(moments[:50])
        ]
        from_disk = []
        leave_in(spill_path, samples)
        spill = HistorySpill(spill_path)
        spill.open()
        assert spill.rows == 50
        backend = SqliteHistory(spill_path.with_name("history"))
        with HistoryService(backend, spill=spill) as service:
            service.flush()
            from_disk = service.query(FIRST, LAST).rows
            assert service.status().drained == 50
        assert from_disk == [asdict(sample) for sample in samples]

    @pytest.mark.parametrize(
        "at",
        [
            datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-14))),
            datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
            datetime(2200, 1, 1, 0, 0, 1, tzinfo=UTC),
            datetime(1969, 12, 31, 23, 59, tzinfo=UTC),
            datetime(2026, 1, 1),  # noqa: DTZ001 - of nobody knows which zone
        ],
    )
    def test_a_row_of_no_possible_instant_holds_up_no_other(
        self, backend, stored, samples, spill_path, at
    ):
        leave_in(spill_path, [HistorySample(at, temperature=21.0), *samples[:3]])
        with HistoryService(backend, spill=HistorySpill(spill_path)) as service:
            service.flush()
            assert len(stored()) == 3
            assert service.status().quarantined == 1
            assert service.status().spilled == 0

    def test_the_oldest_rows_go_when_it_is_full(
        self, backend, samples, stored, spill_path, caplog
    ):
        spill = HistorySpill(spill_path, max_bytes=5000)
        with HistoryService(backend, spill=spill) as service:
            backend.away = True
            for sample in samples[:100]:
                service.record(sample)
                service.flush()
            status = service.status()
            assert status.buffered == 0
            assert status.dropped + status.spilled == 100
            assert 0 < status.dropped < 100
            assert "the spill is full" in caplog.text
            backend.away = False
            service.flush()
        assert stored() == list(range(status.dropped, 100))

    def test_no_file_is_made_while_all_is_well(self, backend, samples, spill_path):
        with HistoryService(backend, spill=spill_path) as service:
            service.record(samples[0])
            service.flush()
        assert not spill_path.exists()

    def test_a_row_that_cannot_be_read_is_set_aside(
        self, backend, samples, stored, spill_path
    ):
        leave_in(spill_path, samples[:3])
        with sqlite3.connect(spill_path) as connection:
            connection.execute("UPDATE spill SET row = '{\"what\": 1}' WHERE id = 2")
        connection.close()
        with HistoryService(backend, spill=spill_path) as service:
            service.flush()
            assert service.status().quarantined == 1
        assert stored() == [0, 2]
        quarantine = spill_path.with_suffix(".quarantine.jsonl")
        assert json.loads(quarantine.read_text())["row"] == '{"what": 1}'


class TestOutage:
    def test_rows_spill_and_arrive_once_in_order(
        self, backend, samples, stored, spill_path
    ):
        with HistoryService(backend, spill=spill_path) as service:
            backend.away = True
            for sample in samples[:10]:
                service.record(sample)
            service.flush()
            status = service.status()
            assert (status.buffered, status.spilled, status.written) == (0, 10, 0)
            backend.away = False
            service.record(samples[10])
            service.flush()
            status = service.status()
            assert (status.spilled, status.drained, status.written) == (0, 11, 11)
        assert stored() == list(range(11))

    def test_a_later_process_brings_what_an_earlier_one_left(
        self, backend, samples, stored, spill_path
    ):
        earlier = HistoryService(backend, spill=spill_path)
        backend.away = True
        for sample in samples[:7]:
            earlier.record(sample)
        earlier.close()
        backend.away = False
        with HistoryService(backend, spill=spill_path):
            assert backend.wrote.acquire(timeout=WAIT_SECONDS)
        assert stored() == list(range(7))

    def test_close_spills_what_a_hanging_backend_holds(
        self, backend, samples, stored, spill_path
    ):
        service = HistoryService(backend, spill=spill_path, close_timeout_seconds=0.05)
        backend.open_gate.clear()
        for sample in samples[:6]:
            service.record(sample)
        assert backend.entered.wait(WAIT_SECONDS)
        service.close()
        with closing(HistorySpill(spill_path)) as spill:
            assert spill.oldest(99)[-1].row_id == 6
        backend.open_gate.set()
        assert backend.wrote.acquire(timeout=WAIT_SECONDS)
        # The write that hung did happen in the end: no row is there twice.
        with HistoryService(backend, spill=spill_path) as again:
            again.flush()
        assert stored() == list(range(6))

    def test_thousands_of_rows_drain(self, backend, samples, stored, spill_path):
        leave_in(spill_path, [*samples, *samples])
        with HistoryService(backend, spill=spill_path) as service:
            service.flush()
            assert service.status().drained == 10_000
        assert stored() == list(range(5000))

    def test_without_disk_and_backend_rows_stay_in_memory(
        self, backend, samples, stored, tmp_path
    ):
        (tmp_path / "file").write_text("not a directory")
        with HistoryService(backend, spill=tmp_path / "file" / "spill") as service:
            backend.away = True
            service.record(samples[0])
            with pytest.raises(HistoryError) as caught:
                service.flush()
            assert caught.value.unwritten == 1
            backend.away = False
            service.record(samples[1])
            service.flush()
        assert stored() == [0, 1]


def drain(service):
    """Flush until nothing waits: right after its return a server may still refuse."""
    for _ in range(20):
        service.flush()
        if not service.status().spilled:
            return
    raise AssertionError(service.status())


class TestPostgresOutage:
    def test_killed_servers_lose_and_double_nothing(
        self, postgres_server_factory, samples, spill_path
    ):
        server = postgres_server_factory(fsync=True)
        backend = PostgresHistory(server.url(), timeout_seconds=1)
        with HistoryService(backend, spill=spill_path) as service:
            for part in range(3):
                for sample in samples[part * 25 : part * 25 + 20]:
                    service.record(sample)
                service.flush()
                server.kill()
                for sample in samples[part * 25 + 20 : part * 25 + 25]:
                    service.record(sample)
                service.flush()
                assert service.status().spilled > 0
                server.start()
            drain(service)
            rows = service.query(FIRST, LAST).rows
        assert [row.error_count for row in rows] == list(range(75))

    def test_a_server_away_at_the_start_gets_its_rows_later(
        self, postgres_server_factory, samples, spill_path
    ):
        server = postgres_server_factory()
        server.stop()
        backend = PostgresHistory(server.url(), timeout_seconds=1)
        with HistoryService(backend, spill=spill_path) as service:
            for sample in samples[:5]:
                service.record(sample)
            service.flush()
            assert service.status().spilled == 5
            server.start()
            service.flush()
            assert [row.error_count for row in service.latest(9)] == [0, 1, 2, 3, 4]

    def test_a_silent_server_does_not_hold_up_who_reads_little(
        self, postgres_server, database_url, spill_path, bounded
    ):
        name = database_url.rpartition("/")[2].partition("?")[0]
        with TcpProxy(postgres_server.port) as proxy:
            url = postgres_server.url(name, port=proxy.port)
            with HistoryService(PostgresHistory(url), spill=spill_path) as service:
                service.latest()
                proxy.black_hole()
                today = datetime.now(UTC)
                for read in (
                    service.latest,
                    lambda: service.aggregates(24),
                    lambda: service.query(today - timedelta(days=2), today),
                ):
                    with (
                        bounded.of_this_thread() as reading,
                        time_limit(0.3),
                        pytest.raises(SlowConnectionError),
                    ):
                        read()
                    assert all(left <= 0.3 for _, left in reading)

    def test_a_silent_server_holds_nobody_up(
        self, postgres_server, database_url, samples, spill_path
    ):
        name = database_url.rpartition("/")[2].partition("?")[0]
        with TcpProxy(postgres_server.port) as proxy:
            url = postgres_server.url(name, port=proxy.port)
            backend = PostgresHistory(url, timeout_seconds=0.3)
            with HistoryService(backend, spill=spill_path) as service:
                service.record(samples[0])
                service.flush()
                proxy.black_hole()
                service.record(samples[1])
                service.flush()
                assert service.status().spilled == 1
        with HistoryService(PostgresHistory(database_url), spill=spill_path) as again:
            again.flush()
            assert [row.error_count for row in again.latest(9)] == [0, 1]

    def test_a_row_that_a_constraint_refuses_is_found_among_thousands(
        self, database_url, samples, tmp_path
    ):
        import psycopg  # noqa: PLC0415 - the other tests need no driver

        backend = PostgresHistory(database_url)
        backend.open()
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(
                "ALTER TABLE state_history ADD CHECK (error_count NOT IN (7, 1234))"
            )
        for count in (100, 2500):
            quarantine = tmp_path / f"{count}.jsonl"
            zone = str(count)
            with HistoryService(
                backend, quarantine=quarantine, batch_size=10**6
            ) as service:
                for sample in samples[:count]:
                    values = asdict(sample) | {"zone": zone}
                    service.record(HistorySample(**values))
                service.flush()
                rows = service.query(FIRST, LAST, zone=zone).rows
            refused = [n for n in (7, 1234) if n < count]
            lines = [json.loads(line) for line in quarantine.read_text().splitlines()]
            assert [line["row"]["error_count"] for line in lines] == refused
            assert "check constraint" in lines[0]["reason"]
            assert len(rows) == count - len(refused)


class TestJournal:
    def test_a_row_is_on_disk_before_record_returns(self, backend, samples, spill_path):
        service = HistoryService(
            backend, spill=spill_path, journal=True, batch_size=100
        )
        with service:
            for number, sample in enumerate(samples[:5], start=1):
                service.record(sample)
                with sqlite3.connect(spill_path) as connection:
                    (rows,) = connection.execute(
                        "SELECT count(*) FROM spill"
                    ).fetchone()
                connection.close()
                assert rows == number
            assert service.status().buffered == 0
            assert service.status().spilled == 5

    def test_rows_move_on_in_batches(self, backend, samples, stored, spill_path):
        with HistoryService(backend, spill=spill_path, journal=True) as service:
            for sample in samples[:4]:
                service.record(sample)
            assert backend.wrote.acquire(timeout=WAIT_SECONDS)
            service.flush()
        assert stored() == [0, 1, 2, 3]

    def test_a_killed_process_loses_no_row_that_was_recorded(self, tmp_path):
        recorded = _record_until_killed(tmp_path, rows=100_000, kill_after=300)
        backend = SqliteHistory(tmp_path / "history.sqlite3")
        with HistoryService(backend, spill=tmp_path / "spill.sqlite3") as service:
            service.flush()
            found = [row.error_count for row in service.query(FIRST, LAST).rows]
        # The last one may have been written without its number being told.
        assert found in (list(range(recorded)), list(range(recorded + 1)))

    def test_a_full_disk_leaves_rows_in_memory(self, tmp_path):
        """The limit on the size of files stands for a full disk."""
        program = _PROGRAM + textwrap.dedent(
            """
            limit = 200_000
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
            for number in range(2000):
                service.record(sample(number))
            status = service.status()
            print(status.buffered > 0, status.buffered + status.spilled)
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            backend.closed = False
            service.close()
            print(service.status().written)
            """
        )
        program = program.replace("backend = ", "backend = Shut").replace(
            "service = ",
            "hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]\nservice = ",
        )
        answer = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert answer.stdout.split() == ["True", "2000", "2000"], answer.stderr


_PROGRAM = textwrap.dedent(
    """
    import resource, signal, sys
    from datetime import UTC, datetime, timedelta
    from pathlib import Path
    from switchbot_store import (
        HistorySample, HistoryService, SqliteHistory, StoreUnavailableError,
    )

    class ShutSqliteHistory(SqliteHistory):
        closed = True
        def write(self, samples, *, now):
            if self.closed:
                raise StoreUnavailableError("shut")
            return super().write(samples, now=now)

    directory = Path(sys.argv[1])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    def sample(number):
        moment = start + timedelta(seconds=number)
        return HistorySample(moment, error_count=number)
    backend = SqliteHistory(directory / "history.sqlite3")
    service = HistoryService(
        backend, spill=directory / "spill.sqlite3", journal=True, batch_size=16,
    )
    """
)
_RECORD_FOR_EVER = """
for number in range(int(sys.argv[2])):
    service.record(sample(number))
    print(number, flush=True)
"""


def _record_until_killed(directory, *, rows, kill_after):
    """Return how many rows a process told us it recorded before SIGKILL."""
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM + _RECORD_FOR_EVER, str(directory), str(rows)],
        stdout=subprocess.PIPE,
        text=True,
    )
    told = -1
    with process:
        for line in process.stdout:
            told = int(line)
            if told == kill_after:
                process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    return told + 1


class TestADiskThatRefuses:
    """The spill's disk holds up nothing that the backend takes."""

    @pytest.fixture(params=["full", "read-only"])
    def refusing(self, request, loop_disk):
        return loop_disk.fill if request.param == "full" else loop_disk.fail

    def test_rows_reach_the_backend_once(self, loop_disk, refusing, tmp_path, moments):
        spill_path = loop_disk.path / "spill.sqlite3"
        samples = [HistorySample(moment, temperature=20.0) for moment in moments[:30]]
        leave_in(spill_path, samples[:20])
        refusing()
        backend = SqliteHistory(tmp_path / "rows")
        for _ in range(2):  # the second process finds the rows still there
            spill = HistorySpill(spill_path)
            with HistoryService(backend, spill=spill) as service:
                for sample in samples[20:]:
                    service.record(sample)
                service.flush()
                status = service.status()
                assert (status.degraded_since, status.buffered) == (None, 0)
                assert status.spill_error is not None
                assert spill.rows == 0
                rows = service.query(FIRST, LAST).rows
            assert [row["timestamp"] for row in rows][:20] == moments[:20]
        backend = SqliteHistory(tmp_path / "rows")
        with closing(backend):
            assert len({row["timestamp"] for row in backend.rows(FIRST, LAST)}) == 30

    def test_rows_wait_in_memory_while_the_backend_is_away_too(
        self, loop_disk, refusing, tmp_path, moments
    ):
        refusing()
        backend = SqliteHistory(loop_disk.path / "rows" / "history")
        spill = HistorySpill(loop_disk.path / "spill.sqlite3")
        service = HistoryService(backend, spill=spill)
        service.record(HistorySample(moments[0], temperature=20.0))
        with pytest.raises(HistoryError, match="1 rows"):
            service.flush()
        assert service.status().buffered == 1
        assert service.status().spill_error is not None
        with pytest.raises(HistoryError, match="1 rows"):
            service.close()
