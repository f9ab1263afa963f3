"""The quick ways to a chart say what the slow ones say, whatever the rows are."""

import random
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from switchbot_store import HistorySample, PostgresHistory, SqliteHistory
from switchbot_store.history.model import BucketPlan
from switchbot_store.history.query.buckets import plan_points
from switchbot_store.history.sqlite.store import Cut, raw_buckets
from switchbot_store.testing.history_model import HistoryModel
from switchbot_store.testing.history_samples import near

START = datetime(2026, 1, 3, 5, 17, 9, tzinfo=UTC)
NOW = START + timedelta(days=30, hours=7, minutes=3)
_GAPS = (1, 60, 1800, 3599, 3600, 3601, 9000, 50_000)


def _samples(chance, zone, count):
    """Return rows with gaps of all kinds, some without this or that."""
    moment, found = START - timedelta(minutes=chance.randint(0, 90)), []
    for _ in range(count):
        moment += timedelta(
            seconds=chance.choice(_GAPS), microseconds=chance.randint(0, 9)
        )
        found.append(
            HistorySample(
                moment,
                zone,
                chance.choice((None, chance.uniform(-9, 30))),
                chance.choice((None, chance.uniform(20, 80), 50.0)),
                chance.choice((None, "on", "off", "unknown")),
                chance.choice((None, "turnOff", "on")),
                chance.choice((None, chance.randint(0, 9000))),
                chance.randint(0, 2),
                chance.random() < 0.1,
                "Europe/Paris",
            )
        )
    return [each for each in found if each.timestamp < NOW]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, postgres_server):
    """Return both places with the same rows, hours and late rows, and the rows."""
    chance = random.Random(11)
    samples = [
        each
        for zone in ("attic", "b", "living")
        for each in _samples(chance, zone, 130)
    ]
    late = [
        replace(each, timestamp=each.timestamp + timedelta(minutes=7, microseconds=50))
        for each in chance.sample(samples, 12)
    ]
    places = [
        SqliteHistory(tmp_path_factory.mktemp("alike") / "history.sqlite3"),
        PostgresHistory(postgres_server.url(postgres_server.create_database())),
    ]
    for place in places:
        place.open()
        place.write(samples, now=NOW)
        while place.roll_up(now=NOW - timedelta(days=2)):
            pass
        place.write(late, now=NOW)
    return places, sorted(samples + late, key=lambda each: (each.timestamp, each.zone))


@pytest.fixture
def year(recorded):
    places, samples = recorded
    yield places, samples
    for place in places:
        place.close()  # to be opened again by the next use


def _plans():
    chance = random.Random(5)
    for _ in range(14):
        first = START + timedelta(minutes=chance.randint(-3000, 20_000))
        end = first + timedelta(minutes=chance.randint(1, 40_000))
        yield plan_points(first, end, chance.choice((1, 2, 5, 17, 60, 500)))


def _edges(plan):
    width = timedelta(seconds=plan.width_seconds)
    edges = [plan.origin]
    while edges[-1] < plan.end:
        edges.append(edges[-1] + width)
    return edges


def _alike(found, wanted):
    assert [(row["timestamp"], row["zone"]) for row in found] == [
        (row["timestamp"], row["zone"]) for row in wanted
    ]
    for row, other in zip(found, wanted, strict=True):
        assert near(row, other)


def test_charts_of_any_width_say_what_the_rows_say(year):
    places, samples = year
    model = HistoryModel(samples)
    for plan in _plans():
        wanted = model.buckets(plan.start, plan.end, _edges(plan), now=NOW)
        wanted.sort(key=lambda row: (row["timestamp"], row["zone"]))
        for place in places:
            _alike(place.buckets(plan, now=NOW), wanted)
            one = [row for row in wanted if row["zone"] == "living"]
            _alike(place.buckets(plan, zone="living", now=NOW), one)
            assert place.buckets(plan, zone="unknown", now=NOW) == []


def test_a_chart_by_blocks_says_what_the_one_by_hours_says(year):
    places, _ = year
    by_blocks = [plan for plan in _plans() if plan.blocks() is not None]
    assert len(by_blocks) > 3
    for plan in by_blocks:
        by_hours = replace(plan, edges=tuple(_edges(plan)))
        assert by_hours.blocks() is None
        for columns in (None, ("count", "humidity"), ("count", "last_action")):
            found, wanted = (
                places[1].buckets(each, now=NOW, columns=columns)
                for each in (plan, by_hours)
            )
            if columns is not None:
                assert all(set(row) == {*columns, "timestamp", "zone"} for row in found)
            _alike(found, wanted)


def test_pages_of_rows_cut_no_bucket(tmp_path):
    samples = _samples(random.Random(3), "a", 120)
    times = [round(each.timestamp.timestamp() * 1_000_000) for each in samples]
    start, end = times[4] + 1, times[-3]
    cut = Cut(start, end, end, start - 1, 3_600_000_000)
    with closing(SqliteHistory(tmp_path / "rows.sqlite")) as place:
        place.write(samples, now=NOW)
    connection = sqlite3.connect(tmp_path / "rows.sqlite")

    def buckets(size):
        columns = ("timestamp", "zone", "temperature")
        return raw_buckets(connection, ["a"], columns, cut, page_rows=size)

    with closing(connection):
        whole = buckets(len(samples))
        assert len(whole) > 20
        for size in (1, 2, 3, 50):
            assert buckets(size) == whole


def test_buckets_between_edges_are_made_of_rows_too(year):
    places, samples = year
    edges = [START + timedelta(hours=hours) for hours in (0, 1, 5, 30, 31)]
    plan = BucketPlan(
        edges[0], edges[-1], origin=edges[0], width_seconds=3600, edges=tuple(edges)
    )
    wanted = HistoryModel(samples).buckets(edges[0], edges[-1], edges, now=NOW)
    wanted.sort(key=lambda row: (row["timestamp"], row["zone"]))
    for place in places:
        _alike(place.buckets(plan, now=NOW), wanted)
