"""`switchbot-store history status`, `export`, `adopt` and `clean`."""

import csv
import json
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from switchbot_store import HistorySample, SqliteHistory
from switchbot_store.history.ingest.spill import HistorySpill

NOW = datetime.now(UTC).replace(microsecond=0)
SAMPLES = [
    HistorySample(
        NOW - timedelta(minutes=number),
        zone="living" if number % 2 else "attic",
        temperature=number / 100,
        timezone="Europe/Paris",
    )
    for number in range(3000, 0, -1)
]
DASHBOARD = """
CREATE TABLE state_history (
    id serial PRIMARY KEY, timestamp timestamptz DEFAULT now(),
    temperature decimal(4,1), humidity decimal(4,1), assumed_aircon_power varchar(10),
    last_action varchar(255), api_requests_today integer, error_count integer,
    last_temperature_stale boolean, timezone varchar(50), metadata jsonb
);
INSERT INTO state_history (timestamp, temperature)
SELECT date_trunc('hour', now()) - n * interval '10 minutes', n % 30
FROM generate_series(1, 600) AS n;
INSERT INTO state_history (timestamp, temperature)
SELECT timestamp, 31 FROM state_history LIMIT 5;
"""


@pytest.fixture
def recorded(tmp_path):
    backend = SqliteHistory(tmp_path / "config/history.sqlite3")
    backend.write(SAMPLES, now=NOW)
    yield backend
    backend.close()


def test_status_tells_of_every_zone(recorded, history, tmp_path):
    told = json.loads(history("status", "--json").stdout)
    zones = {zone["zone"]: zone for zone in told["zones"]}
    assert set(zones) == {"attic", "living"}
    living = zones["living"]
    assert living["count"] == 1500
    assert datetime.fromisoformat(living["first"]) == NOW - timedelta(minutes=2999)
    assert datetime.fromisoformat(living["last"]) == NOW - timedelta(minutes=1)
    assert living["temperature"] == [0.01, 29.99]
    assert living["humidity"] is None

    spill = HistorySpill(tmp_path / "config/history_spill.sqlite3")
    spill.open()
    spill.append([SAMPLES[0]])
    spill.close()
    assert "1 row in" in history("status").stderr


def test_export_writes_what_was_asked_for(recorded, history, tmp_path):
    path = tmp_path / "rows.csv"
    told = history(
        *("export", path, "--zone", "living", "--fields", "temperature"),
        *("--from", (NOW - timedelta(hours=2)).isoformat(), "--to", NOW.isoformat()),
    ).stdout
    assert "rows.csv: 60 rows" in told
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["timestamp", "zone", "temperature"]
    assert [float(row["temperature"]) for row in rows] == [
        number / 100 for number in range(119, 0, -2)
    ]
    lines = history("export", "-", "--format", "jsonl").stdout.splitlines()
    assert len(lines) == len(SAMPLES)


def test_export_that_was_asked_wrongly_ends_with_2(recorded, history, tmp_path):
    assert "--format" in history("export", tmp_path / "rows", code=2).stderr
    told = history("export", tmp_path / "a.csv", "--fields", "warmth", code=2).stderr
    assert "--fields" in told
    assert not (tmp_path / "a.csv").exists()


def test_a_dashboards_table_is_adopted_and_rolled_up(on_postgres, database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(DASHBOARD)
        first = json.loads(on_postgres("adopt", "--json").stdout)
        assert first["hours"] >= 99  # shortly after the hour the last is still open
        (rows,) = connection.execute("SELECT count(*) FROM state_history").fetchone()
        assert rows == 605
        (hours,) = connection.execute(
            "SELECT sum(count) FROM state_history_hourly"
        ).fetchone()
    assert hours >= 590  # the last one may not be closed yet
    assert json.loads(on_postgres("adopt", "--json").stdout)["hours"] <= 3
    told = json.loads(on_postgres("status", "--json").stdout)
    assert [zone["count"] for zone in told["zones"]] == [605]


def test_clean_deletes_what_is_older_than_the_retention(recorded, history, monkeypatch):
    monkeypatch.setenv("HISTORY_RETENTION_DAYS", "1")
    before = json.loads(history("status", "--json").stdout)
    deleted = json.loads(history("clean", "--json").stdout)["deleted"]
    assert 1400 < deleted <= 1560
    after = json.loads(history("status", "--json").stdout)
    # The hours are kept, and so is what they tell.
    for one, other in zip(before["zones"], after["zones"], strict=True):
        assert (one["count"], one["temperature"]) == (
            *(other["count"], other["temperature"]),
        )
