"""A history that is brought along is summarised at once, however its rows come."""

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from switchbot_store import HistorySample, HistoryService, SqliteHistory
from switchbot_store.history.rollup import Upkeep


@pytest.fixture
def place(tmp_path):
    place = SqliteHistory(tmp_path / "backlog.sqlite3")
    yield place
    place.close()


def _samples(now, count):
    """Return rows so far apart that each takes a step of its own."""
    return [
        HistorySample(now - timedelta(days=11 * number + 20), temperature=float(number))
        for number in range(count)
    ]


def test_a_backlog_that_takes_many_steps_is_gone_on_with_at_once(place, clock):
    upkeep = Upkeep(
        place,
        retention=None,
        now=clock.now,
        monotonic=clock.monotonic,
        interrupted=lambda: False,
    )
    place.write(_samples(clock.now(), 50), now=clock.now())
    clock.advance(61)
    rounds = 1
    while upkeep.after_flush(rounds == 1):
        rounds += 1
    assert rounds > 1
    assert place.roll_up(now=clock.now()) == 0


@pytest.mark.parametrize("size", [1, 33, 50])
def test_many_late_rows_of_small_flushes_are_summarised_without_waiting(
    place, clock, size
):
    service = HistoryService(
        place, batch_size=1000, now=clock.now, monotonic=clock.monotonic
    )
    with service:
        for number in range(100 + size):
            at = clock.now() - timedelta(days=3, minutes=number)
            service.record(HistorySample(at, temperature=20.0))
            if (number + 1) % size == 0:
                service.flush()
                assert (_hours(place) > 0) == (number + 1 >= 100)


def _hours(place):
    with closing(sqlite3.connect(place.path)) as connection:
        (count,) = connection.execute(
            "SELECT count(*) FROM state_history_hourly"
        ).fetchone()
    return count
