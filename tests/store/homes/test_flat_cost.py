"""What one home asks is the same work beside many homes as alone.

Work is counted, not timed: rows that a plan of PostgreSQL looked at, steps of SQLite's
machine.
"""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from switchbot_store import (
    HistorySample,
    HomeStore,
    PostgresHistory,
    PostgresStore,
    SqliteHistory,
)
from switchbot_store.history.home import HomeBackend
from switchbot_store.history.model import HOUR, BucketPlan
from switchbot_store.postgres import statements

AT = datetime(2026, 1, 12, 12, tzinfo=UTC)
ZONES = ("living", "bedroom")
DOCUMENTS = ("settings", "state", "state/bedroom", "_visit", "_past/settings")


# --- documents ---------------------------------------------------------------------------


def _nodes(plan):
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def _looked_at(connection, query, values):
    """Return how many rows a statement's plan took from tables and indexes."""
    explain = b"EXPLAIN (ANALYZE, FORMAT JSON) " + query
    (((found,),),) = [connection.execute(explain, values).fetchall()]
    rows = 0
    for node in _nodes(found[0]["Plan"]):
        if node["Node Type"].endswith("Scan") and "Relation Name" in node:
            left_out = sum(
                count for name, count in node.items() if name.startswith("Rows Removed")
            )
            rows += (node["Actual Rows"] + left_out) * node["Actual Loops"]
    return rows


def _keep(store, homes):
    for start in range(0, homes, 500):
        store.set_many(
            {
                f"{front}homes/{home}/{name}": {}
                for home in range(start, min(homes, start + 500))
                for front, names in (("", DOCUMENTS), ("_lease/", ["leader"]))
                for name in names
            }
        )


def test_the_documents_of_a_home_are_found_by_an_index(migrated_database_url):
    """Of a prefix as it stands, whatever the collation, and not by looking at all."""
    with PostgresStore(migrated_database_url) as store:
        _keep(store, 2000)
        assert HomeStore(store, "42").keys_with("") == sorted(DOCUMENTS)
        with psycopg.connect(migrated_database_url, autocommit=True) as connection:
            connection.execute("ANALYZE json_store")
            (definition,) = connection.execute(
                "SELECT indexdef FROM pg_indexes WHERE indexname = 'json_store_kind_bytes'"
            ).fetchone()
            query = statements.KEYS_WITH.replace(b"$1", b"%s")
            for prefix, count in (("homes/42/", 5), ("_lease/homes/42/", 1)):
                values = (statements.beginning(prefix),)
                assert _looked_at(connection, query, values) == count
    assert "text_pattern_ops" in definition


@pytest.mark.parametrize("prefix", ["homes/4_2/", "homes/4%/", "a\\", "", "homes/Ä"])
def test_what_a_pattern_could_mean_is_taken_as_it_stands(migrated_database_url, prefix):
    with PostgresStore(migrated_database_url) as store:
        keys = ["homes/4_2/a", "homes/4x2/a", "homes/4%/a", "homes/4/a", "a\\b", "aa"]
        keys += ["homes/Ä/a", "homes/ä/a"]
        store.set_many({key: {} for key in keys})
        found = store.keys_with(prefix)
    assert found == sorted(key for key in keys if key.startswith(prefix))


# --- history -----------------------------------------------------------------------------


def _record(backend, homes):
    backend.open()
    rows = [
        HistorySample(AT - timedelta(minutes=20 * step), f"{home}/{zone}", 20.0)
        for home in range(homes)
        for zone in ZONES
        for step in range(15)
    ]
    for start in range(0, len(rows), 5000):
        backend.write(rows[start : start + 5000], now=AT)
    while backend.roll_up(now=AT + timedelta(minutes=5)):
        pass


# Each by a home as its engine sees it for the first time.
ASKED = {
    "zones": lambda home: home.zones(),
    "latest": lambda home: home.latest(3),
    "one zone's latest": lambda home: home.latest(3, zone="living"),
    "chart": lambda home: home.buckets(
        BucketPlan(AT - 8 * HOUR, AT, AT - 8 * HOUR, 3600, rollup=True), now=AT
    ),
    "oldest": lambda home: home.oldest(),
    "newest": lambda home: home.newest(before=AT),
    "explain": lambda home: home.rows(AT - HOUR, AT, zone="living"),
    "aggregates": lambda home: home.aggregates(AT - 2 * HOUR),
    "hours without rows": lambda home: home.frozen_hours(limit=100),
}


class _Noting(psycopg.Cursor):
    """Notes what is asked, to be explained afterwards."""

    asked: ClassVar[list] = []

    def execute(self, query, params=None, **options):
        self.asked.append((query, params))
        return super().execute(query, params, **options)


def _work_of_postgres(url, homes):
    """Return how many rows each question of one home looked at, beside so many."""
    options = {"autocommit": True, "cursor_factory": _Noting}
    found = {}
    with (
        ConnectionPool(url, kwargs=options, min_size=1, max_size=1) as pool,
        closing(PostgresHistory(pool=pool)) as backend,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        _record(backend, homes)
        for table in ("state_history", "state_history_hourly", "state_history_zones"):
            connection.execute(f"VACUUM ANALYZE {table}")
        for name, ask in ASKED.items():
            _Noting.asked.clear()
            ask(HomeBackend(backend, "0"))
            asked = [(str(query).encode(), values) for query, values in _Noting.asked]
            found[name] = sum(_looked_at(connection, *each) for each in asked)
    return found


def _work_of_sqlite(path, homes, *, analyzed=False):
    """Return how many steps each question of one home took, beside so many."""
    found = {}
    with closing(SqliteHistory(path)) as backend:
        _record(backend, homes)
        if analyzed:
            with closing(sqlite3.connect(path)) as connection, connection:
                connection.execute("ANALYZE")
            backend.close()
            backend.open()
        for name, ask in ASKED.items():
            steps = []
            with backend._file.reading() as connection:
                connection.set_progress_handler(lambda: steps.append(1), 10)  # noqa: B023
            ask(HomeBackend(backend, "0"))
            found[name] = len(steps)
    return found


def _grown(few, many):
    """Return what became more work than before by more than a fifth."""
    return {
        name: (few[name], many[name])
        for name in ASKED
        if many[name] > 1.2 * few[name] + 5
    }


def test_what_a_home_asks_of_postgresql_is_flat(migrated_database_url):
    # Beside few the tables are so small that looking at all of them is cheapest.
    few = _work_of_postgres(migrated_database_url, 40)
    many = _work_of_postgres(migrated_database_url, 120)
    assert min(few.values()) > 0
    assert _grown(few, many) == {}


@pytest.mark.parametrize("analyzed", [False, True])
def test_what_a_home_asks_of_sqlite_is_flat(tmp_path, analyzed):
    """Also where somebody let it gather statistics, which may mislead its planner."""
    few = _work_of_sqlite(tmp_path / "few", 1, analyzed=analyzed)
    many = _work_of_sqlite(tmp_path / "many", 100, analyzed=analyzed)
    assert min(few.values()) > 0
    assert _grown(few, many) == {}
