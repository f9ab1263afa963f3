"""`switchbot-store history import` as a person runs it."""

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from switchbot_store import HistorySample, HistoryService, SqliteHistory

HEADER = "Date,Temperature_Celsius(℃),Relative_Humidity(%)"
PARIS = ZoneInfo("Europe/Paris")
FIRST = datetime(2000, 1, 1, tzinfo=UTC)
LAST = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def export(tmp_path):
    """Write a file as the app does; return its path."""

    def write(instants, name="Living_data.csv", header=HEADER):
        lines = [
            f"{moment.astimezone(PARIS):%Y-%m-%d %H:%M},{20 + number % 50 / 10},50"
            for number, moment in enumerate(instants)
        ]
        path = tmp_path / name
        path.write_text("\r\n".join([header, *lines, ""]), encoding="utf-8-sig")
        return path

    return write


def minutes(start, count):
    return [start + timedelta(minutes=number) for number in range(count)]


def rows(tmp_path):
    with HistoryService(SqliteHistory(tmp_path / "config/history.sqlite3")) as service:
        return service.query(FIRST, LAST).rows


def imported(history, *arguments, code=0):
    options = ("--zone", "living", "--timezone", "Europe/Paris", "--json")
    return json.loads(history("import", *arguments, *options, code=code).stdout)


OCTOBER = minutes(datetime(2025, 10, 25, 22, tzinfo=UTC), 300)


def test_every_minute_of_the_night_of_the_change_arrives(history, export, tmp_path):
    answer = imported(history, export(OCTOBER))
    assert answer["added"] == len(OCTOBER)
    (file,) = answer["files"]
    assert file["clock_changes"] == [
        {"date": "2025-10-26", "kind": "repeated", "earlier": 60, "later": 60}
    ]
    found = rows(tmp_path)
    assert [row.timestamp for row in found] == OCTOBER
    assert {(row.zone, row.timezone) for row in found} == {("living", "Europe/Paris")}


def test_importing_again_adds_nothing_and_overlapping_files_fit_together(
    history, export, tmp_path
):
    whole = export(OCTOBER)
    part = export(OCTOBER[:200], "part.csv")
    assert imported(history, part)["added"] == 200
    again = imported(history, whole, part)
    assert [file["added"] for file in again["files"]] == [100, 0]
    assert imported(history, whole)["added"] == 0
    assert len(rows(tmp_path)) == len(OCTOBER)


def test_a_dry_run_tells_what_would_be_new_and_writes_nothing(
    history, export, tmp_path
):
    whole = export(OCTOBER)
    answer = imported(history, whole, "--dry-run")
    assert (answer["dry_run"], answer["added"]) == (True, 300)
    assert not (tmp_path / "config").exists()
    imported(history, export(OCTOBER[:200], "part.csv"))
    assert imported(history, whole, "--dry-run")["added"] == 100
    assert len(rows(tmp_path)) == 200


def test_a_dry_run_leaves_a_new_database_alone(on_postgres, export, postgres_tables):
    assert imported(on_postgres, export(OCTOBER), "--dry-run")["added"] == 300
    assert postgres_tables() == []


@pytest.fixture
def postgres_tables(database_url):
    import psycopg  # noqa: PLC0415 - this fixture alone looks behind the store

    def names():
        with psycopg.connect(database_url) as connection:
            found = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            )
            return [name for (name,) in found]

    return names


def test_postgresql_gets_the_same_rows_and_its_hourly_summary(
    on_postgres, export, database_url
):
    path = export(OCTOBER)
    assert imported(on_postgres, path)["added"] == 300
    assert imported(on_postgres, path)["added"] == 0
    from switchbot_store import PostgresHistory  # noqa: PLC0415 - needs the driver

    with HistoryService(PostgresHistory(database_url)) as service:
        assert [row.timestamp for row in service.query(FIRST, LAST).rows] == OCTOBER
        hours = service.query(OCTOBER[0], OCTOBER[-1], bucket="hour").rows
    assert [row["count"] for row in hours] == [60, 60, 60, 60, 59]


def test_bad_lines_are_named_on_stderr_and_the_rest_is_there(history, export, tmp_path):
    path = export(OCTOBER)
    with path.open("a", encoding="utf-8") as file:
        file.write("yesterday,20,50\r\n2025-10-26 10:00,warm,50\r\n")
    result = history("import", path, "--timezone", "Europe/Paris")
    assert "line 302: no date and time" in result.stderr
    assert "line 303: temperature 'warm' is no number" in result.stderr
    assert "300 added, 0 there already" in result.stdout
    assert len(rows(tmp_path)) == 300


def test_a_person_is_told_about_the_repeated_and_the_skipped_hour(history, export):
    path = export(OCTOBER)
    with path.open("a", encoding="utf-8") as file:
        file.write("2026-03-29 02:30,20,50\r\n")
    told = history("import", path, "--timezone", "Europe/Paris").stdout
    assert "2025-10-26: the clock went back; by their order 60" in told
    assert "2026-03-29: 1 row in the hour that the clock skipped" in told


def test_a_person_is_told_that_old_rows_will_not_stay_as_they_are(
    history, export, monkeypatch
):
    path = export(OCTOBER)
    monkeypatch.setenv("HISTORY_RETENTION_DAYS", "30")
    assert (
        "HISTORY_RETENTION_DAYS (30)"
        in history("import", path, "--timezone", "Europe/Paris").stderr
    )
    monkeypatch.setenv("HISTORY_RETENTION_DAYS", "36500")
    assert not history("import", path, "--timezone", "Europe/Paris").stderr


def test_a_file_without_a_good_line_ends_with_1(history, tmp_path, export):
    empty = tmp_path / "empty.csv"
    empty.write_text(f"{HEADER}\nnothing,at,all\n")
    answer = imported(history, export(OCTOBER), empty, code=1)
    assert [file["rows"] for file in answer["files"]] == [300, 0]


def test_what_was_asked_wrongly_ends_with_2_before_anything_is_written(
    history, export, tmp_path
):
    good = export(OCTOBER)
    bad = tmp_path / "bad.csv"
    bad.write_text("a,b\n1,2\n")
    told = history("import", good, bad, "--timezone", "Europe/Paris", code=2).stderr
    assert "bad.csv: no export of the app" in told
    assert (
        "Europe/Pariss"
        in history("import", good, "--timezone", "Europe/Pariss", code=2).stderr
    )
    history("import", good, code=2)
    history("import", good, "--timezone", "UTC", "--zone", "", code=2)
    history("import", tmp_path / "absent.csv", "--timezone", "UTC", code=2)
    assert not (tmp_path / "config").exists()


def test_where_nothing_would_stay_nothing_is_imported(history, export, monkeypatch):
    monkeypatch.setenv("STORE_BACKEND", "memory")
    told = history("import", export(OCTOBER), "--timezone", "UTC", code=2).stderr
    assert "memory" in told


def test_a_database_that_goes_away_ends_with_1_and_the_next_run_goes_on(
    history, export, monkeypatch, postgres_server_factory
):
    server = postgres_server_factory()
    monkeypatch.setenv("STORE_BACKEND", "postgres")
    monkeypatch.setenv("POSTGRES_URL", server.url())
    path = export(OCTOBER)
    server.stop()
    history("import", path, "--timezone", "Europe/Paris", code=1)
    server.start()
    assert imported(history, path)["added"] == 300


def test_rows_of_the_engine_stay_beside_those_of_the_app(history, export, tmp_path):
    own = HistorySample(
        OCTOBER[5] + timedelta(seconds=7.5), zone="living", temperature=1
    )
    same = HistorySample(OCTOBER[9], zone="living", temperature=2)
    with HistoryService(SqliteHistory(tmp_path / "config/history.sqlite3")) as service:
        service.record(own)
        service.record(same)
    assert imported(history, export(OCTOBER))["added"] == 299
    found = {row.timestamp: row.temperature for row in rows(tmp_path)}
    assert len(found) == 301
    assert (found[own.timestamp], found[same.timestamp]) == (1, 2)
