"""The rollup under writers that do not wait for it, and what a flush costs."""

import json
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from switchbot_store import (
    HistorySample,
    HistoryService,
    PostgresHistory,
    SqliteHistory,
    StoreConfigError,
)
from switchbot_store.history.sqlite import statements
from switchbot_store.testing import TcpProxy

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


class ClockedHistory(PostgresHistory):
    """A server whose clock a test moves."""

    clock = None


@pytest.fixture(params=["sqlite", "postgres"])
def make_backend(request, tmp_path, clock, monkeypatch):
    if request.param == "sqlite":
        return lambda: SqliteHistory(tmp_path / "history.sqlite3")
    url = request.getfixturevalue("database_url")
    monkeypatch.setattr(ClockedHistory, "clock", lambda _: clock.now())
    return lambda: ClockedHistory(url)


def test_hours_are_right_after_writers_and_rollups_ran_at_once(make_backend):
    now = NOON + timedelta(hours=1)
    start = NOON - timedelta(hours=6)
    backends = [make_backend() for _ in range(3)]
    backends[0].open()
    done = threading.Event()

    def write(backend, writer):
        for number in range(60):
            # All three come back to the same six hours again and again.
            moment = start + timedelta(minutes=6 * number + writer, seconds=writer)
            backend.write([HistorySample(moment, temperature=writer * number)], now=now)

    def roll_up(backend):
        while not done.is_set():
            backend.roll_up(now=now)

    writers = [
        threading.Thread(target=write, args=[backend, writer])
        for writer, backend in enumerate(backends)
    ]
    roller = threading.Thread(target=roll_up, args=[backends[0]])
    roller.start()
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    roller.join()
    with HistoryService(backends[0], now=lambda: now) as service:
        service.roll_up()
        rolled = service.query(start, NOON, bucket="hour", timezone="UTC")
        raw = service.query(start, NOON, bucket="15min").rows
    assert rolled.source == "rollup"
    assert sum(row["count"] for row in rolled.rows) == 180
    assert max(row.max_temperature for row in rolled.rows) == 2 * 59
    for row in rolled.rows:
        quarters = [
            each
            for each in raw
            if timedelta() <= each.timestamp - row.timestamp < _HOUR
        ]
        assert row["count"] == sum(each["count"] for each in quarters)
        assert row.max_temperature == max(each.max_temperature for each in quarters)
    for backend in backends:
        backend.close()


_HOUR = timedelta(hours=1)


def test_an_hour_is_rolled_up_after_it_ended_without_being_asked(make_backend, clock):
    backend = make_backend()
    service = HistoryService(
        backend,
        batch_size=10**6,
        flush_interval_seconds=10**6,  # only the flush below
        now=clock.now,
        monotonic=clock.monotonic,
    )
    with service:
        for minute in range(66):
            service.record(HistorySample(clock.moment, temperature=minute))
            clock.advance(60)
        service.flush()
        assert backend.roll_up(now=clock.now()) == 0
        assert backend.roll_up(now=clock.now() + _HOUR) > 0


def test_retention_happens_without_being_asked(make_backend, clock):
    service = HistoryService(
        make_backend(),
        batch_size=10**6,
        flush_interval_seconds=10**6,
        retention_days=1,
        now=clock.now,
        monotonic=clock.monotonic,
    )
    with service:
        service.record(HistorySample(clock.moment - timedelta(days=2)))
        service.flush()
        clock.advance(600)
        service.record(HistorySample(clock.moment))
        service.flush()
        assert [row.timestamp for row in service.latest(9)] == [clock.moment]


@pytest.fixture
def proxy(postgres_server):
    with TcpProxy(postgres_server.port) as running:
        yield running


@pytest.fixture
def remote(postgres_server, database_url, proxy, clock, monkeypatch):
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    monkeypatch.setattr(ClockedHistory, "clock", lambda _: clock.now())
    return ClockedHistory(postgres_server.url(name, port=proxy.port))


def test_a_flush_is_one_statement_and_one_round_trip(remote, proxy, clock):
    service = HistoryService(remote, batch_size=10**6, now=clock.now)
    with service:
        service.record(HistorySample(clock.moment))
        service.flush()
        proxy.clear()
        for rows in (1, 4, 900):
            for _ in range(rows):
                service.record(HistorySample(clock.moment))
            service.flush()
        assert len(proxy.statements) == 3
        assert proxy.transaction_statements == []
        assert proxy.round_trips <= 3


def test_readers_take_one_statement(remote, proxy, clock):
    with HistoryService(remote, now=clock.now) as service:
        service.record(HistorySample(clock.moment - timedelta(hours=2)))
        service.flush()
        proxy.clear()
        day = timedelta(days=1)
        service.latest()
        service.aggregates(24)
        service.query(clock.moment - day, clock.moment)
        service.query(clock.moment - day, clock.moment, bucket="15min")
        service.query(clock.moment - 30 * day, clock.moment, points=500)
        assert len(proxy.statements) == 5


def test_nothing_is_asked_while_nothing_is_recorded(remote, proxy, clock):
    service = HistoryService(
        remote, flush_interval_seconds=0.01, retention_days=1, now=clock.now
    )
    with service:
        service.record(HistorySample(clock.moment))
        service.flush()
        proxy.clear()
        # Many intervals of the timer, had it one that ticks.
        assert not service._writer._ended.wait(0.2)
        assert proxy.statements == []


def test_deleting_goes_in_steps_of_a_thousand_rows(remote, proxy, clock):
    service = HistoryService(remote, retention_days=1, now=clock.now)
    with service:
        first = clock.moment - timedelta(days=3)
        remote.write(
            [HistorySample(first + timedelta(seconds=n)) for n in range(2500)],
            now=clock.moment,
        )
        service.record(HistorySample(clock.moment))  # days count back from it
        service.roll_up()
        proxy.clear()
        assert service.cleanup() == 2500
        deletes = [
            each for each in proxy.statements if "DELETE FROM state_history" in each
        ]
        assert len(deletes) == 4


@pytest.mark.parametrize("kind", ["postgres", "sqlite"])
def test_what_told_a_row_that_went_goes_too(kind, database_url, tmp_path):
    backend = (
        PostgresHistory(database_url)
        if kind == "postgres"
        else SqliteHistory(tmp_path / "history.sqlite3")
    )
    hour = NOON.replace(minute=0, second=0, microsecond=0)
    half = timedelta(minutes=30)
    back = {"run": half // timedelta(microseconds=1)}
    backend.write(
        [
            HistorySample(hour - half / 2, zone="z", metadata={"trace": {}}),
            HistorySample(hour + half / 2, zone="z", metadata=back),
        ],
        now=NOON,
    )
    while backend.roll_up(now=hour + timedelta(days=1)):
        pass
    assert backend.purge(hour, limit=10) == 0
    assert backend.purge(hour + timedelta(hours=1), limit=10) == 2
    backend.close()


def test_deleting_does_not_wait_for_the_disk_and_other_commits_still_do(database_url):
    backend = PostgresHistory(database_url, max_size=1)
    samples = [HistorySample(NOON + timedelta(minutes=number)) for number in range(500)]
    backend.write(samples, now=NOON)
    later = NOON + timedelta(days=30)
    while backend.roll_up(now=later):
        pass
    assert backend.purge(later, limit=200) == 200
    (setting,) = backend._connections.call(
        lambda connection: connection.execute("SHOW synchronous_commit").fetchone()
    ).value
    assert setting == "on"
    backend.close()


def test_rows_written_one_after_another_are_one_prepared_statement(database_url):
    backend = PostgresHistory(database_url, max_size=1)
    for number in range(12):
        moment = NOON + timedelta(minutes=number)
        backend.write([HistorySample(moment)], now=NOON)  # not late
        backend.write([HistorySample(moment - timedelta(days=1))], now=NOON)  # late
    names = backend._connections.call(
        lambda connection: connection.execute(
            "SELECT generic_plans + custom_plans FROM pg_prepared_statements"
            " WHERE name LIKE 'switchbot%%'",
            prepare=False,
        ).fetchall()
    ).value
    assert [uses for (uses,) in names] == [20]
    backend.close()


def test_days_of_all_time_end_with_the_calendar(tmp_path, samples):
    always = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
    with HistoryService(SqliteHistory(tmp_path / "h"), timezone="Europe/Paris") as one:
        one.record(samples[0])
        with pytest.raises(StoreConfigError, match="narrow the range"):
            one.query(*always, bucket="day")
        last = datetime(9999, 12, 20, tzinfo=UTC), always[1]
        assert one.query(*last, bucket="day", timezone="Pacific/Auckland").rows == []


@pytest.mark.parametrize("late", [True, False], ids=["late hours", "the next hours"])
def test_the_rollup_does_as_much_for_each_room_however_many_there_are(tmp_path, late):
    steps = {}
    for rooms in (20, 200):
        place = tmp_path / f"{rooms}.sqlite3"
        names = [f"room {number}" for number in range(rooms)]
        with closing(SqliteHistory(place)) as history:
            history.open()
            rows = [HistorySample(NOON, temperature=20.0, zone=name) for name in names]
            history.write(rows, now=NOON)
        begin, end = (
            int((NOON + timedelta(hours=hours)).timestamp()) * 10**6 for hours in (0, 1)
        )
        ranges = [(name if late else None, begin, end) for name in names]
        values = {
            "ranges": json.dumps(ranges if late else ranges[:1]),
            "zone": None,
            "hold": 0,
            "now": end,
        }
        done = []
        connection = sqlite3.connect(place)
        # Of the work: what the machine is busy with does not count.
        connection.set_progress_handler(lambda done=done: done.append(1), 100)
        connection.execute(statements.ROLL_UP, values)
        made = "SELECT count(*) FROM state_history_hourly"
        assert connection.execute(made).fetchone() == (rooms,)
        connection.close()
        steps[rooms] = len(done)
    assert steps[200] <= 12 * steps[20]
