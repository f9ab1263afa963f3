"""The rollup in steps: at once after many rows, less where it is slow, never in the way."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from switchbot_store import (
    HistorySample,
    HistoryService,
    PostgresHistory,
    SlowConnectionError,
    SqliteHistory,
)
from switchbot_store.history.steps import StepSize

NOW = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
WAIT_SECONDS = 60


class Rolled(SqliteHistory):
    """Tells when nothing is left to summarise, and how often it was asked."""

    def __init__(self, path):
        super().__init__(path)
        self.steps = 0
        self.done = threading.Event()

    def roll_up(self, *, now):
        hours = super().roll_up(now=now)
        self.steps += 1
        if hours == 0:
            self.done.set()
        return hours


def recorded(service, days, zones=("default",)):
    start = NOW - timedelta(days=days)
    for hour in range(days * 24):
        for zone in zones:
            service.record(
                HistorySample(start + timedelta(hours=hour), zone, temperature=20.0)
            )


def test_a_history_just_brought_along_is_summarised_without_another_row(tmp_path):
    backend = Rolled(tmp_path / "history.sqlite3")
    # A clock that stands still: nothing is due because time went by.
    service = HistoryService(
        backend, batch_size=10**9, now=lambda: NOW, monotonic=lambda: 0.0
    )
    recorded(service, 300)
    service.flush()
    assert backend.done.wait(WAIT_SECONDS)
    assert backend.steps >= 20
    service.close()


def test_a_row_that_is_late_waits_for_its_turn(tmp_path):
    backend = Rolled(tmp_path / "history.sqlite3")
    service = HistoryService(
        backend, batch_size=10**9, now=lambda: NOW, monotonic=lambda: 0.0
    )
    recorded(service, 1)
    service.flush()
    assert backend.steps == 0
    service.close()


def test_who_reads_waits_neither_for_a_writer_nor_for_the_rollup(tmp_path):
    backend = SqliteHistory(tmp_path / "history.sqlite3")
    backend.write([HistorySample(NOW - timedelta(hours=2), temperature=20)], now=NOW)
    began, ended = threading.Event(), threading.Event()

    def write():
        with backend._file.transaction() as connection:
            connection.execute("DELETE FROM state_history")
            began.set()
            ended.wait(WAIT_SECONDS)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert began.wait(WAIT_SECONDS)
        assert len(backend.latest(9)) == 1  # not what is not committed
        assert backend.oldest() == NOW - timedelta(hours=2)
    finally:
        ended.set()
        writer.join()
    assert backend.latest(9) == []
    backend.close()


def test_a_reader_gives_the_rollup_to_the_writers_thread(tmp_path):
    threads = []

    class Seen(SqliteHistory):
        def roll_up(self, *, now):
            threads.append(threading.current_thread())
            done = super().roll_up(now=now)
            if done == 0:
                over.set()
            return done

    over = threading.Event()
    service = HistoryService(
        Seen(tmp_path / "history.sqlite3"),
        batch_size=10**9,
        now=lambda: NOW,
        monotonic=lambda: 0.0,
    )
    recorded(service, 30)
    service.latest()
    assert over.wait(WAIT_SECONDS)
    assert threading.current_thread() not in threads
    service.close()


def test_a_step_that_is_cut_off_is_tried_with_less_until_it_ends(database_url):
    asked = []

    class Slow(PostgresHistory):
        def _reading(self, work, **options):
            size = self._step_size.hours
            asked.append(size)
            if size > 15:
                raise SlowConnectionError("cut off")
            return super()._reading(work, **options)

    backend = Slow(database_url)
    rows = [HistorySample(NOW - timedelta(hours=each)) for each in range(48)]
    backend.write(rows, now=NOW)
    assert 0 < backend.roll_up(now=NOW) <= 18
    assert asked == [240, 120, 60, 30, 15]
    while backend.roll_up(now=NOW):
        pass
    backend.close()


def test_one_hour_that_is_cut_off_is_an_error(database_url):
    class Stuck(PostgresHistory):
        def _reading(self, work, **options):
            raise SlowConnectionError("cut off")

    backend = Stuck(database_url)
    with pytest.raises(SlowConnectionError):
        backend.roll_up(now=NOW)
    assert backend._step_size.hours == 1
    backend.close()


def test_steps_shrink_where_they_are_slow_and_grow_again_where_they_are_quick():
    size = StepSize()
    for _ in range(20):
        size.took(1.0)
    assert size.hours == 30
    while size.halve():
        pass
    size.took(1.0)
    size.took(0.2)
    assert size.hours == 1
    for _ in range(20):
        size.took(0.01)
    assert size.hours == 240
