"""What others left in the tables is read as far as it goes, and never an outage."""

from datetime import UTC, datetime, timedelta

import pytest

from switchbot_store import FailoverStore, HistorySample, PostgresHistory, PostgresStore
from switchbot_store.backup import back_up
from switchbot_store.history.model import HOUR, BucketPlan

NOW = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
START = datetime(2026, 5, 4, tzinfo=UTC)

VALUES = {
    "1e400": None,
    "-1e400": None,
    "1" + "0" * 400: None,
    "1e300": 1e300,
    "123456789012345678901234567890": 1.2345678901234568e29,
    "18446744073709551615": 18446744073709551615,
    "-9223372036854775808": -9223372036854775808,
    "0.1": 0.1,
}
MOMENTS = ("infinity", "-infinity", "20000-01-01 00:00Z", "0044-03-15 00:00Z BC")


@pytest.fixture
def store(database_url):
    with PostgresStore(database_url) as store:
        yield store


@pytest.fixture
def history(database_url):
    history = PostgresHistory(database_url)
    history.open()
    yield history
    history.close()


class TestDocuments:
    @pytest.mark.parametrize("text", VALUES)
    def test_a_number_costs_no_more_than_itself(self, store, beside, caplog, text):
        document = f'{{"bad": [{text}], "mode": "winter"}}'
        beside.execute("INSERT INTO json_store VALUES ('a', %s)", (document,))
        expected = {"bad": [VALUES[text]], "mode": "winter"}
        assert store.get("a") == expected
        assert store.get_many(["a"])["a"].data == expected
        assert store.health_check()
        assert ("'a' holds" in caplog.text) == (VALUES[text] is None)

    @pytest.mark.parametrize("text", VALUES)
    def test_behind_a_local_copy_too(self, database_url, beside, tmp_path, text):
        with FailoverStore(PostgresStore(database_url), tmp_path) as store:
            store.set("b", {"n": 1})
            document = f'{{"bad": {text}, "mode": "winter"}}'
            beside.execute("INSERT INTO json_store VALUES ('a', %s)", (document,))
            assert store.get("a")["mode"] == "winter"
            assert store.status().degraded_since is None
            store.set("b", {"n": 2})
        with FailoverStore(PostgresStore(database_url), tmp_path) as store:
            assert store.get("a")["mode"] == "winter"
            assert store.get("b") == {"n": 2}
            assert store.status().degraded_since is None

    @pytest.mark.parametrize("moment", MOMENTS)
    def test_an_instant_that_is_none_is_absent(self, store, beside, moment):
        row = "INSERT INTO json_store (kind, data, updated_at) VALUES ('a', '{}', %s)"
        beside.execute(row, (moment,))
        assert store.get_entry("a").updated_at is None
        assert store.update("a", lambda _: {"n": 1}) == {"n": 1}

    @pytest.mark.parametrize("key", ["", "k" * 201, "k" * 5000])
    def test_a_key_that_none_can_have_is_left_out_and_told_once(
        self, database_url, beside, tmp_path, caplog, key
    ):
        row = "INSERT INTO json_store (kind, data) VALUES (%s, '{}')"
        with FailoverStore(PostgresStore(database_url), tmp_path / "one") as store:
            store.set("b", {"n": 1})
            beside.execute(row, (key,))
            assert store.resync()
            assert store.keys() == ["b"]
            assert store.primary.keys_with("") == ["_identity", "b"]
            assert store.primary.keys_with("b") == ["b"]
            assert store.get_many(store.keys())["b"].data == {"n": 1}
            assert store.status().degraded_since is None
        assert caplog.text.count("they are left out") == 1
        with FailoverStore(PostgresStore(database_url), tmp_path / "other") as store:
            assert store.status().degraded_since is None
            store.set("b", {"n": 2})
            assert back_up(store, None, tmp_path / "all.zip").documents == 1
        with PostgresStore(database_url) as store:
            assert store.get("b") == {"n": 2}


class TestHistory:
    @pytest.fixture
    def rows(self, history, beside):
        """Two rows of ours, and between them those of somebody else."""
        ours = [
            HistorySample(START + timedelta(minutes=n), temperature=20.0, humidity=50)
            for n in (0, 5)
        ]
        history.write(ours, now=NOW)
        add = (
            'INSERT INTO state_history ("timestamp", temperature, humidity,'
            " error_count, api_requests_today, metadata)"
            " VALUES (%s, %s, %s, %s, %s, %s)"
        )
        for minute, value in enumerate(
            ("infinity", "-infinity", "NaN", "1e308", "-1e308"), start=1
        ):
            at = START + timedelta(minutes=5, seconds=minute)
            beside.execute(
                add, (at, value, value, 2**63 - 1, 2**63 - 1, '{"n": 1e400}')
            )
        at = START + timedelta(minutes=6)
        beside.execute(add, (at, None, None, None, None, None))
        for moment in MOMENTS:
            beside.execute(add, (moment, 20.0, 50.0, 0, 0, None))
        return history

    def test_recorded_rows(self, rows, caplog):
        found = rows.rows(START, NOW)
        assert [row.temperature for row in found] == [20.0, 20.0, *[None] * 6]
        assert {row.metadata for row in found if row.metadata is not None} == set()
        assert "temperature of zone 'default' at 2026-05-04T00:05:01" in caplog.text
        assert "metadata of zone 'default'" in caplog.text
        assert len(rows.latest(100)) == 8
        assert rows.oldest() == START
        assert rows.newest(before=NOW) == START + timedelta(minutes=6)

    def test_what_is_computed_of_them(self, rows):
        summary = rows.aggregates(START)
        assert summary["avg_temperature"] == 20.0
        assert (summary["min_humidity"], summary["max_humidity"]) == (50, 50)
        assert summary["total_errors"] == 2**63 - 1
        while rows.roll_up(now=NOW):
            pass
        for rollup in (False, True):
            plan = BucketPlan(START, START + HOUR, START, 3600, rollup=rollup)
            (bucket,) = rows.buckets(plan, now=NOW)
            assert bucket["temperature"] == 20.0
            assert bucket["count"] == 8
            assert bucket["error_count"] == 2**63 - 1
        while rows.purge(NOW - timedelta(hours=2), limit=100):
            pass
        (frozen,) = [row for row in rows.frozen_hours(limit=10) if row["count"] == 8]
        assert frozen["error_count"] == 2**63 - 1
