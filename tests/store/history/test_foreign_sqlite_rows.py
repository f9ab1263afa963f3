"""Rows that somebody wrote into a SQLite history by hand: read as far as they go."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from switchbot_store import HistorySample, HistoryService, SqliteHistory, StoreError

START = datetime(2026, 5, 4, tzinfo=UTC)
NOW = START + timedelta(days=1)
_ADD = (
    "INSERT INTO state_history (zone, timestamp, temperature, humidity,"
    " api_requests_today, error_count, last_temperature_stale, timezone, metadata)"
    " VALUES ('default', ?, ?, ?, ?, ?, ?, 'UTC', '{bad')"
)


@pytest.fixture
def service(tmp_path):
    """Three rows of ours, 20 °C each, with those of somebody else between them."""
    place = SqliteHistory(tmp_path / "history.sqlite3")
    with HistoryService(place, now=lambda: NOW) as service:
        ours = [
            HistorySample(START + timedelta(minutes=n), temperature=20.0, humidity=50)
            for n in (0, 5, 10)
        ]
        place.write(ours, now=NOW)
        with closing(sqlite3.connect(place.path)) as beside, beside:
            for second, value in enumerate(
                ("x", b"\xff", float("inf"), float("-inf"), 1e308), start=301
            ):
                at = int((START + timedelta(seconds=second)).timestamp()) * 1_000_000
                beside.execute(_ADD, (at, value, value, value, value, value))
        yield service


def test_recorded_rows(service):
    found = service.query(START, NOW).rows
    assert [row.temperature for row in found] == [20, 20, *[None] * 5, 20]
    assert {row.humidity for row in found} == {50, None}
    assert {row.error_count for row in found} == {0}
    assert {row.api_requests_today for row in found} == {None}
    assert {row.metadata for row in found} == {None}
    assert service.latest(8) == found


def test_what_is_computed_of_them(service):
    def of(**shape):
        rows = service.query(START, START + timedelta(hours=1), **shape).rows
        return [(row["count"], row["temperature"], row["max_humidity"]) for row in rows]

    assert {each[1:] for each in of(bucket="minute")} == {(20, 50)}
    assert of(bucket="hour") == [(8, 20, 50)]
    while service.roll_up():
        pass
    assert of(bucket="hour") == [(8, 20, 50)]
    summary = service.aggregates(48)
    assert (summary["avg_temperature"], summary["max_humidity"]) == (20, 50)
    assert (summary["total_errors"], summary["max_api_requests"]) == (0, None)


FOR_EVER = (datetime(1, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


@pytest.mark.parametrize("points", [1, 3, 10**30])
def test_points_of_all_the_calendar(service, points):
    rows = service.query(*FOR_EVER, points=points).rows
    assert sum(row["count"] for row in rows) == 8


@pytest.mark.parametrize(
    "odd", [{"bucket": ["hour"]}, {"bucket": "day", "timezone": 5}, {"zone": "\ud800"}]
)
def test_an_odd_question_is_refused_by_an_error_of_the_store(service, odd):
    with pytest.raises(StoreError):
        service.query(START, NOW, **odd)
