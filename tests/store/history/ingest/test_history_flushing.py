"""When rows reach the backend, and that none is lost on the way."""

import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone

import pytest

from switchbot_store import (
    HistorySample,
    HistoryService,
    HistorySpill,
    MigrationError,
    SqliteHistory,
    StoreClosedError,
    StoreConfigError,
    StoreDataError,
    StoreUnavailableError,
)
from switchbot_store.history.ingest.samples import DistinctTimestamps

WAIT_SECONDS = 30
NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)


@pytest.fixture
def service(backend):
    with HistoryService(backend) as opened:
        yield opened
        backend.away = False
        backend.open_gate.set()


def test_a_full_batch_is_written_without_being_asked(service, backend, samples, stored):
    for sample in samples[:4]:
        service.record(sample)
    assert backend.wrote.acquire(timeout=WAIT_SECONDS)
    assert stored() == [0, 1, 2, 3]
    assert service.status().buffered == 0


def test_a_lone_row_is_written_after_the_interval(backend, samples, stored):
    with HistoryService(backend, flush_interval_seconds=0.05) as service:
        service.record(samples[0])
        assert backend.wrote.acquire(timeout=WAIT_SECONDS)
        assert stored() == [0]


def test_a_clock_that_jumps_makes_rows_due(backend, samples, clock):
    service = HistoryService(
        backend, flush_interval_seconds=60, now=clock.now, monotonic=clock.monotonic
    )
    with service:
        service.record(samples[0])
        clock.advance(61)
        service.record(samples[1])
        assert backend.wrote.acquire(timeout=WAIT_SECONDS)
    assert sum(backend.batches) == 2


def test_the_thread_waits_for_nothing_when_nothing_waits(service, samples):
    service.record(samples[0])
    service.flush()
    assert service._writer._due_in() is None


def test_record_does_not_wait_for_a_backend_that_hangs(
    service, backend, samples, stored
):
    backend.open_gate.clear()
    for sample in samples[:4]:
        service.record(sample)
    assert backend.entered.wait(WAIT_SECONDS)
    recorded = threading.Event()

    def record_more():
        for sample in samples[4:10]:
            service.record(sample)
        recorded.set()

    threading.Thread(target=record_more).start()
    assert recorded.wait(WAIT_SECONDS)
    assert service.status().buffered == 10
    backend.open_gate.set()
    service.flush()
    assert stored() == list(range(10))


def test_a_reader_sees_what_was_recorded_before(service, samples):
    service.record(samples[0])
    assert [row.error_count for row in service.latest(5)] == [0]
    service.record(samples[1])
    assert service.aggregates(24 * 3650)["count"] == 2
    service.record(samples[2])
    end = samples[9].timestamp
    assert len(service.query(samples[0].timestamp, end).rows) == 3


def test_close_loses_nothing(backend, samples, stored):
    service = HistoryService(backend)
    for sample in samples[:7]:
        service.record(sample)
    service.close()
    assert stored() == list(range(7))


def test_a_closed_service_says_so(backend, samples):
    service = HistoryService(backend)
    service.close()
    service.close()
    start = samples[0].timestamp
    for call in (
        lambda: service.record(samples[0]),
        service.flush,
        service.open,
        service.latest,
        service.cleanup,
        lambda: service.query(start, start),
        lambda: service.aggregates(1),
        lambda: service.pages(start, start),
    ):
        with pytest.raises(StoreClosedError):
            call()


def test_instants_of_ever_more_homes_take_no_more_memory():
    distinct = DistinctTimestamps()
    for minute in range(12):
        at = NOON + timedelta(minutes=minute)
        for home in range(1000):
            assert distinct.assign(f"{home}/living", at) == at
    assert len(distinct) <= 2048
    # Of those recorded last each is known.
    at = NOON + timedelta(minutes=11)
    moved = [distinct.assign(f"{home}/living", at) for home in (0, 999)]
    assert moved == [at + timedelta(microseconds=1)] * 2
    # A burst of one instant in one zone is told apart however long it is.
    burst = [distinct.assign("0/living", NOON) for _ in range(9000)]
    assert len(set(burst)) == 9000
    assert len(distinct) <= 2048


def test_many_threads_record_at_one_instant_and_every_row_arrives(
    service, samples, stored
):
    instant = samples[0].timestamp

    def record(first):
        for number in range(first, first + 100):
            service.record(HistorySample(instant, error_count=number))

    threads = [threading.Thread(target=record, args=[100 * part]) for part in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    service.flush()
    assert sorted(stored()) == list(range(800))


def test_instants_of_any_timezone_are_kept_in_utc(service):
    tokyo = timezone(timedelta(hours=9))
    service.record(HistorySample(datetime(2026, 1, 1, 8, tzinfo=tokyo)))
    utc = datetime(2025, 12, 31, 23, tzinfo=UTC)
    assert service.latest()[0].timestamp == utc
    service.record(HistorySample(utc))
    assert service.latest()[0].timestamp == utc + timedelta(microseconds=1)


def test_a_dict_handed_in_may_be_changed_afterwards(service, samples):
    metadata = {"reasons": [{"code": "a"}]}
    service.record(HistorySample(samples[0].timestamp, metadata=metadata))
    metadata["reasons"][0]["code"] = "b"
    assert service.latest()[0].metadata == {"reasons": [{"code": "a"}]}


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 0},
        {"flush_interval_seconds": 0},
        {"journal": True},
        {"timezone": "Mars/Olympus"},
    ],
)
def test_arguments_that_make_no_sense_are_refused(backend, options):
    with pytest.raises(StoreConfigError):
        HistoryService(backend, **options)


class TestImpossibleRows:
    @pytest.mark.parametrize(
        ("values", "reason"),
        [
            ({"temperature": float("nan")}, "temperature: nan is no reading"),
            ({"humidity": float("inf")}, "humidity: inf is no reading"),
            ({"temperature": "21.5"}, "temperature: a number, not str"),
            ({"temperature": 10**400}, "temperature: too great"),
            ({"last_action": "a\0b"}, "last_action: the character NUL"),
            ({"last_action": "\ud800"}, "last_action: a lone surrogate"),
            ({"timezone": None}, "timezone: a str"),
            ({"error_count": 2**63}, "error_count: an integer has at most 64 bits"),
            ({"error_count": None}, "error_count: an int, not NoneType"),
            ({"last_temperature_stale": "no"}, "last_temperature_stale"),
            ({"metadata": {"at": datetime(2026, 1, 1, tzinfo=UTC)}}, "metadata: at"),
            ({"metadata": {"x": "y" * 2_000_000}}, "metadata: at most"),
        ],
    )
    def test_are_set_aside_with_the_reason_and_the_rest_arrives(
        self, backend, moments, tmp_path, values, reason
    ):
        file = tmp_path / "quarantine.jsonl"
        with HistoryService(backend, quarantine=file) as service:
            service.record(HistorySample(moments[0]))
            service.record(HistorySample(moments[1], **values))
            service.record(HistorySample(moments[2]))
            service.flush()
            assert service.status().quarantined == 1
            assert service.status().buffered == 0
            stored = [row.timestamp for row in service.latest(9)]
            assert stored == [moments[0], moments[2]]
        (line,) = file.read_text().splitlines()
        assert reason in line

    def test_without_a_file_the_log_has_them(self, service, samples, caplog):
        moment = samples[0].timestamp
        service.record(HistorySample(moment, temperature=float("nan"), last_action="x"))
        service.flush()
        assert "nan is no reading" in caplog.text
        assert "'last_action': 'x'" in caplog.text

    @pytest.mark.parametrize(
        "wrong",
        [
            HistorySample("2026-01-01"),
            HistorySample(datetime(2026, 1, 1)),  # noqa: DTZ001 - a naive one
            HistorySample(datetime(2026, 1, 1, tzinfo=UTC), zone=""),
            HistorySample(datetime(2026, 1, 1, tzinfo=UTC), zone=None),
            {"timestamp": datetime(2026, 1, 1, tzinfo=UTC)},
        ],
    )
    def test_that_name_no_row_are_refused_at_once(self, service, wrong):
        with pytest.raises(StoreDataError):
            service.record(wrong)
        assert service.status().buffered == 0


def test_what_a_host_forgot_to_close_is_written_at_exit(tmp_path):
    program = """
import sys
from datetime import UTC, datetime
from switchbot_store import HistorySample, HistoryService, SqliteHistory
service = HistoryService(SqliteHistory(sys.argv[1]))
service.record(HistorySample(datetime(2026, 1, 1, tzinfo=UTC), error_count=7))
"""
    path = tmp_path / "history.sqlite3"
    subprocess.run([sys.executable, "-c", program, str(path)], check=True, timeout=60)
    with closing(SqliteHistory(path)) as history:
        assert [row.error_count for row in history.latest(9)] == [7]


class TestOneInstantTwice:
    """Two processes, or one and its successor, record at the same instant."""

    def test_other_content_moves_on_by_a_microsecond(self, backend, moments):
        for number in range(3):
            with HistoryService(backend) as service:
                service.record(HistorySample(moments[0], error_count=number))
        rows = backend.rows(moments[0], moments[1])
        assert [row.error_count for row in rows] == [0, 1, 2]
        assert [row.timestamp.microsecond for row in rows] == [0, 1, 2]

    def test_the_same_content_is_one_row_however_often_it_comes(
        self, backend, moments, tmp_path
    ):
        samples = [
            HistorySample(moments[0], error_count=1, metadata={"a": [1.5, None]}),
            HistorySample(moments[0], zone="é", temperature=-0.0),
            HistorySample(moments[1], temperature=20.1),
        ]
        backend.write([HistorySample(moments[0], error_count=9)], now=moments[9])
        for _ in range(3):
            spill = HistorySpill(tmp_path / "spill")
            spill.append(samples)
            with HistoryService(backend, spill=spill) as service:
                service.flush()
        rows = backend.rows(moments[0], moments[2], zone="default")
        assert [row.error_count for row in rows] == [9, 1, 0]
        assert len(backend.rows(moments[0], moments[2], zone="é")) == 1


def test_a_forked_child_records_its_own_rows_only(backend, samples, tmp_path, stored):
    with HistoryService(backend, batch_size=99) as service:
        service.record(samples[0])
        child = os.fork()
        if child == 0:
            code = 1
            try:
                service.record(samples[1])
                service.flush()
                code = 0 if service.status().written == 1 else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        service.flush()
        assert service.status().written == 1
    assert stored() == [0, 1]


def test_a_file_of_a_later_release_is_left_alone(tmp_path):
    path = tmp_path / "history.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(MigrationError, match="schema 99"):
        SqliteHistory(path).open()


def test_a_file_that_is_no_database_is_unavailable_and_kept(tmp_path):
    path = tmp_path / "history.sqlite3"
    path.write_bytes(b"x" * 8192)
    with pytest.raises(StoreUnavailableError):
        SqliteHistory(path).open()
    assert path.read_bytes() == b"x" * 8192
