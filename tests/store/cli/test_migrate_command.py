"""`migrate`: a dashboard's database adopted, with a backup to return to."""

import psycopg
import pytest

from switchbot_store import JsonStore, PostgresStore, SqliteHistory
from switchbot_store.backup.archive import restore
from switchbot_store.backup.format import BackupReader


def tables(url):
    query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    with psycopg.connect(url) as connection:
        return {name for (name,) in connection.execute(query)}


def test_a_dry_run_names_what_is_missing_and_changes_nothing(invoke, dashboard):
    before = tables(dashboard)
    done = invoke("migrate", "--dry-run")
    assert "0001_json_store: would be applied" in done.out
    assert tables(dashboard) == before == {"json_store", "state_history"}


def test_it_is_applied_once(invoke, dashboard):
    done = invoke("migrate", "--no-backup", "--json").json
    assert done["applied"][:2] == [1, 2]
    assert done["backup"] is None
    with PostgresStore(dashboard) as store:
        assert store.get("state") == {"last_action": "on"}
    assert "up to date" in invoke("migrate").out
    # The summary is there already, for the first chart.
    with psycopg.connect(dashboard) as connection:
        query = "SELECT sum(count) FROM state_history_hourly"
        assert connection.execute(query).fetchone() == (202,)


def test_the_backup_made_first_has_everything_the_dashboard_had(
    invoke, dashboard, tmp_path
):
    file = tmp_path / "before.backup"
    assert invoke("migrate", "--backup", file, "--json").json["backup"] == str(file)
    with (
        JsonStore(tmp_path / "restored") as store,
        BackupReader(file) as reader,
    ):
        assert "database" in reader.header["source"]
        history = SqliteHistory(tmp_path / "restored" / "history.sqlite3")
        done = restore(store, history, file)
        assert (done.documents, done.rows) == (2, 202)
        assert store.get("settings") == {"automation_enabled": True}
        oldest = history.oldest()
        row = history.rows(oldest, oldest.replace(year=2026))[0]
        assert (row.temperature, row.humidity, row.metadata) == (21, 40.5, {"n": 1})
        assert [each.temperature for each in history.latest(2)] == [1, 2]
        history.close()


def test_whoever_only_reads_or_backs_up_migrates_nothing(invoke, dashboard, tmp_path):
    assert invoke("get").out == "settings\nstate\n"
    assert invoke("get", "state", "--json").json["data"] == {"last_action": "on"}
    made = invoke("backup", tmp_path / "file", "--json").json
    assert (made["documents"], made["rows"]) == (2, 202)
    plan = invoke("restore", tmp_path / "file", "--dry-run", "--json").json
    assert plan["unchanged"] == ["settings", "state"]
    invoke("health")
    assert tables(dashboard) == {"json_store", "state_history"}


def test_nobody_at_a_terminal_is_told_how_to_get_a_backup(invoke, dashboard):
    assert "--backup FILE" in invoke("migrate").err


def test_a_person_is_offered_a_backup(invoke, dashboard, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "switchbot_store.cli.commands.schema._at_terminal", lambda: True
    )
    done = invoke("migrate", input="y\n")
    assert "first? (y/n) [y]" in done.out
    (file,) = tmp_path.glob("switchbot-store-*.backup")
    with BackupReader(file) as reader:
        assert sum(1 for _ in reader.records()) == 204


def test_an_empty_database_needs_no_backup(invoke, postgres):
    assert invoke("migrate").err == ""
    assert {"json_store", "state_history"} <= tables(postgres)


def test_a_newer_schema_is_refused(invoke, postgres):
    invoke("migrate")
    with psycopg.connect(postgres) as connection:
        connection.execute(
            "INSERT INTO switchbot_store_migrations (namespace, version, name)"
            " VALUES ('switchbot_store', 9000, 'from_the_future')"
        )
    assert "upgrade the program" in invoke("migrate", code=1).err


@pytest.mark.parametrize("command", ["migrate", "resync"])
def test_files_have_no_schema(invoke, command):
    assert "STORE_BACKEND=postgres" in invoke(command, code=2).err
