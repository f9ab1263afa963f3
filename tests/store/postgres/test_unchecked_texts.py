"""A database that checks no texts (SQL_ASCII), in which somebody left some that are none."""

import contextlib
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from switchbot_store import (
    FailoverStore,
    HistorySample,
    MemoryStore,
    PostgresHistory,
    PostgresStore,
    SqliteHistory,
    StoreUnavailableError,
)
from switchbot_store.backup import back_up_source, restore
from switchbot_store.doctor import Inspection
from switchbot_store.history.model import HOUR, BucketPlan

NOW = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
START = datetime(2026, 5, 4, tzinfo=UTC)
LATIN = rb"convert_from('caf\351'::bytea, 'SQL_ASCII')"


@pytest.fixture
def unchecked(beside):
    name = f"{beside.info.dbname}_unchecked"
    beside.execute(
        f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII'"
        " LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    yield psycopg.conninfo.make_conninfo(beside.info.dsn, dbname=name)
    beside.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def somebody(unchecked):
    """Another program, which wrote Latin-1 all these years."""
    with psycopg.connect(unchecked, autocommit=True) as connection:
        yield lambda statement: connection.execute(statement.replace(b"LATIN", LATIN))


@pytest.fixture
def history(unchecked):
    with contextlib.ExitStack() as stack:

        def make(**options):
            rows = PostgresHistory(unchecked, **options)
            stack.callback(rows.close)
            return rows

        yield make


@pytest.mark.parametrize("pooler", [False, True])
def test_documents(unchecked, somebody, caplog, pooler):
    with PostgresStore(unchecked, pooler=pooler) as store:
        store.set_many({"a": {"name": "café"}, "b": {"n": 1}})
        somebody(b"INSERT INTO json_store (kind, data) VALUES (LATIN, '{}')")
        somebody(
            b"INSERT INTO json_store (kind, data)"
            b""" VALUES ('c', ('{"name": "' || LATIN || '"}')::jsonb)"""
        )
        assert store.keys() == ["a", "b", "c"]
        assert r"the first 'caf\\xe9'" in caplog.text
        assert store.keys_with("") == ["a", "b", "c"]
        assert sorted(store.revisions()) == ["a", "b", "c"]
        assert store.get("a") == {"name": "café"}
        assert store.get_many(["a", "b"])["b"].data == {"n": 1}
        with pytest.raises(StoreUnavailableError, match="'c'"):
            store.get("c")
        store.set("c", {"name": "mended"})
        assert store.get_many(["a", "c"])["c"].data == {"name": "mended"}
        assert caplog.text.count("left out") == 1


def test_documents_behind_a_local_copy(unchecked, somebody, tmp_path):
    with FailoverStore(PostgresStore(unchecked), tmp_path) as store:
        store.set("a", {"n": 1})
        somebody(b"INSERT INTO json_store (kind, data) VALUES (LATIN, '{}')")
        assert store.keys() == ["a"]
        assert store.get("a") == {"n": 1}
        assert store.status().degraded_since is None
    with FailoverStore(PostgresStore(unchecked), tmp_path) as store:
        assert not store.get_entry("a").stale


@pytest.mark.parametrize("pooler", [False, True])
def test_history(history, somebody, caplog, pooler):
    rows = history(pooler=pooler)
    ours = [
        HistorySample(START + timedelta(minutes=n), "thé", 20.0, last_action="chauffé")
        for n in range(3)
    ]
    rows.write(ours, now=NOW)
    somebody(
        b'INSERT INTO state_history ("timestamp", zone, temperature, last_action)'
        b" VALUES ('2026-05-04 00:05Z', 'th' || LATIN, 21, 'on'),"
        b" ('2026-05-04 00:06Z', 'plain', 22, LATIN)"
    )
    found = rows.rows(START, NOW)
    assert [(row.zone, row.temperature, row.last_action) for row in found] == [
        *[("thé", 20.0, "chauffé")] * 3,
        (r"thcaf\xe9", 21.0, "on"),
        ("plain", 22.0, None),
    ]
    assert "last_action of zone 'plain' at 2026-05-04T00:06:00" in caplog.text
    assert rows.latest(2) == found[-2:]
    assert rows.latest(1, zone="thé")[0].last_action == "chauffé"
    assert rows.zones() == ["plain", r"thcaf\xe9", "thé"]
    assert rows.aggregates(START)["count"] == 5
    assert rows.aggregates(START, zone="plain")["distinct_actions"] == 1
    while rows.roll_up(now=NOW):
        pass
    assert r"the name of zone 'thcaf\\xe9' is no UTF-8" in caplog.text
    for rollup, others in ((False, {r"thcaf\xe9": 1}), (True, {})):
        plan = BucketPlan(START, START + HOUR, START, 3600, rollup=rollup)
        buckets = {row["zone"]: row for row in rows.buckets(plan, now=NOW)}
        counts = {zone: row["count"] for zone, row in buckets.items()}
        assert counts == {"thé": 3, "plain": 1, **others}
        assert buckets["thé"]["last_action"] == "chauffé"
        assert buckets["plain"]["last_action"] is None
    while rows.purge(NOW - timedelta(hours=2), limit=100):
        pass
    frozen = rows.frozen_hours(limit=10)
    assert {row["zone"] for row in frozen} == {"plain", "thé"}


def test_a_backup_has_what_can_be_read(unchecked, somebody, history, tmp_path, caplog):
    with PostgresStore(unchecked) as store:
        store.set_many({"a": {"name": "café"}, "b": {"n": 1}})
    rows = history()
    rows.write([HistorySample(START, "thé", 20.0, last_action="chauffé")], now=NOW)
    somebody(b"INSERT INTO json_store (kind, data) VALUES (LATIN, '{}')")
    somebody(
        b"INSERT INTO json_store (kind, data)"
        b""" VALUES ('c', ('{"name": "' || LATIN || '"}')::jsonb)"""
    )
    somebody(
        b'INSERT INTO state_history ("timestamp", zone, temperature, last_action)'
        b" VALUES ('2026-05-04 00:05Z', 'th' || LATIN, 21, 'on'),"
        b" ('2026-05-04 00:06Z', 'plain', 22, LATIN)"
    )
    somebody(
        b'INSERT INTO device_readings (device_id, attribute, "timestamp", number)'
        b" VALUES (LATIN, 'power', '2026-05-04 00:05Z', 5)"
    )
    with Inspection(unchecked).snapshot() as snapshot:
        counts = back_up_source(snapshot, tmp_path / "backup")
        assert snapshot.left_out == 0
    assert (counts.documents, counts.rows, counts.readings) == (2, 3, 1)
    assert "its key: no UTF-8" in caplog.text
    assert "the document 'c' is left out: a text in it: no UTF-8" in caplog.text
    back = MemoryStore()
    kept = SqliteHistory(tmp_path / "history.sqlite")
    restore(back, kept, tmp_path / "backup")
    assert back.get("a") == {"name": "café"}
    assert [(row.zone, row.temperature, row.last_action) for row in kept.latest(9)] == [
        ("thé", 20.0, "chauffé"),
        (r"thcaf\xe9", 21.0, "on"),
        ("plain", 22.0, None),
    ]
    kept.close()
