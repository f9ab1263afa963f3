"""A history that is brought along is summarised at once, however its rows come."""

import random
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from switchbot_store import HistorySample, HistoryService, SqliteHistory
from switchbot_store.history.rollup import Upkeep
from switchbot_store.history.sqlite import store as sqlite_store
from switchbot_store.testing.history_samples import near


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


# --- charts of what is not summarised yet ---

ZONES = ("attic", "cellar")


def _diary(chance, end):
    """Return ten days of two rooms: runs of minutes, holes, rows at whole hours."""
    for zone in ZONES:
        at = end - timedelta(days=10, minutes=chance.randrange(90))
        while at < end:
            yield HistorySample(
                at,
                zone=zone,
                temperature=chance.choice((None, round(chance.uniform(15, 25), 1))),
                humidity=round(chance.uniform(30, 60), 1),
                assumed_aircon_power=chance.choice(("on", "off")),
                error_count=chance.randrange(2),
                timezone="Asia/Kolkata",
            )
            at += timedelta(minutes=chance.choice((5, 20, 30, 60, 61, 300)))


def _grown(place, chance, end):
    """Fill a place as one may be found: in part summarised, late rows, some deleted."""
    rows = list(_diary(chance, end))
    late = [row for row in rows if chance.random() < chance.choice((0, 0.05, 0.5))]
    place.write([row for row in rows if row not in late], now=end)
    known = end - timedelta(hours=chance.choice((0, 3, 30, 100, 200, 300)))
    while chance.random() < 0.9 and place.roll_up(now=known):
        pass
    if chance.random() < 0.3:
        place.purge(end - timedelta(days=chance.randrange(10)), limit=100)
    place.write(late, now=end)


@pytest.mark.parametrize("seed", range(40))
def test_a_chart_of_a_backlog_says_what_its_hours_say(place, clock, seed, monkeypatch):
    chance, now = random.Random(seed), clock.now()
    end = now - timedelta(minutes=chance.randrange(300))
    _grown(place, chance, end)
    service = HistoryService(place, now=clock.now)
    shapes = (
        {"points": 20},
        {"points": chance.randrange(1, 200)},
        {"bucket": "hour", "timezone": "Europe/Paris"},
        {"bucket": "hour", "timezone": "Asia/Kolkata"},
        {"bucket": "day", "timezone": "Asia/Kolkata"},
    )
    for shape in shapes:
        start = end - timedelta(minutes=chance.randrange(1500, 15000))
        until = end + timedelta(minutes=chance.choice((-200, 0, 500)))
        for zone in (None, *ZONES):
            found = service.query(start, until, zone=zone, **shape).rows
            with monkeypatch.context() as of_hours:
                of_hours.setattr(sqlite_store, "_FEW_HOURS", 10**6)
                wanted = service.query(start, until, zone=zone, **shape).rows
            assert [*map(dict, found)] == [near_to(dict(row)) for row in wanted], shape


class near_to(dict):  # noqa: N801 - reads as a word
    """Equal to what differs in the last digits of a float alone."""

    __hash__ = None

    def __eq__(self, other):
        return near(other, dict(self))


def test_hours_that_are_not_summarised_are_read_row_by_row(place, clock, monkeypatch):
    """By windows of SQL a chart of them takes four times as long."""
    now = clock.now()
    rows = [
        HistorySample(now - number * timedelta(minutes=5), temperature=20.0)
        for number in range(12 * 24 * 10)
    ]
    asked = []
    by_hours = sqlite_store._by_hours

    def noted(connection, plan, *rest):
        asked.append((plan.start, plan.end))
        return by_hours(connection, plan, *rest)

    monkeypatch.setattr(sqlite_store, "_by_hours", noted)
    service = HistoryService(place, now=clock.now)
    start = now - timedelta(days=9)

    def chart():
        asked.clear()
        assert service.query(start, now, points=50).source == "rollup"
        return list(asked)

    place.write(rows, now=now)
    assert chart() == []
    place.roll_up(now=now - timedelta(days=4))
    ((begin, until),) = chart()
    assert begin == start
    assert timedelta() <= until - (now - timedelta(days=4)) < timedelta(hours=6)
    while place.roll_up(now=now):
        pass
    assert chart() == [(start, now)]
    # The same again, as one writes who brings a year along to a place that is in use.
    place.write([replace(each, zone="brought") for each in rows], now=now)
    assert chart() == []


def test_a_clock_that_was_put_back_cuts_no_reading_short(place, clock):
    """What was recorded after the present holds until the next row, by either way."""
    now = clock.now()
    rows = [
        HistorySample(now - number * timedelta(minutes=20), temperature=number % 7)
        for number in range(3 * 24 * 6)
    ]
    place.write(rows, now=now)
    place.roll_up(now=now - timedelta(days=4))
    behind = HistoryService(place, now=lambda: now - timedelta(days=5))
    asked = now - timedelta(days=5, hours=12), now - timedelta(hours=2)
    # The range itself cuts the last one off.
    before = behind.query(*asked, points=12).rows[:-1]
    while place.roll_up(now=now):
        pass
    after = behind.query(*asked, points=12).rows[:-1]
    assert [*map(dict, before)] == [near_to(dict(row)) for row in after]
