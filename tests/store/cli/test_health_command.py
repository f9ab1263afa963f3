"""`health`: what scripts and people are told, and that nothing is changed by it."""

import os
import shutil
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from switchbot_store import (
    FailoverStore,
    HistorySample,
    PostgresStore,
    SqliteHistory,
    StoreConfig,
    get_history,
    get_store,
)

AWAY = "postgresql://postgres:hunter2@127.0.0.1:1/home"


def stores(health):
    return {part["name"]: part for part in health["stores"]}


def test_files_that_can_be_written_are_well(invoke, tmp_path):
    invoke("set", "state", "{}")
    health = invoke("health", "--json").json
    assert health["status"] == "ok"
    assert stores(health).keys() == {"settings", "state"}
    state = stores(health)["state"]
    assert state["backend"] == "json"
    assert state["reachable"] is True
    assert 0 < state["latency_seconds"] < 5
    assert state["revision"] == invoke("get", "state", "--json").json["revision"]
    assert state["pending"] == 0
    assert state["last_error"] is None
    assert stores(health)["settings"]["revision"] == ""
    assert health["history"]["backend"] == "sqlite"
    assert not (tmp_path / "config" / "history.sqlite3").exists()


def test_the_newest_row_of_the_history_is_told(invoke, tmp_path):
    at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    history = SqliteHistory(tmp_path / "config" / "history.sqlite3")
    history.write([HistorySample(at)], now=at)
    history.close()
    health = invoke("health", "--json").json
    assert health["history"]["updated_at"] == "2026-01-01T12:00:00Z"


def test_a_file_that_was_never_good_is_an_error(invoke, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "state.json").write_text("{oops")
    health = invoke("health", "--json", code=1).json
    assert health["status"] == "error"
    assert stores(health)["state"]["reachable"] is False
    assert "state.json: line 1 column 2: " in stores(health)["state"]["last_error"]
    assert "line 1 column 2" in invoke("health", code=1).out


def test_a_bad_edit_is_told_with_line_and_column_until_it_is_mended(
    invoke, environment, tmp_path
):
    invoke("set", "state", '{"n": 1}')
    path = tmp_path / "config" / "state.json"
    path.write_text('{"a": 1\n "n": 2}')
    health = invoke("health", "--json").json
    assert health["status"] == "degraded"
    assert stores(health)["state"]["reachable"] is True
    assert f"{path.name}: line 2 column 2: a comma" in health["last_error"]
    environment(STRICT_HEALTH_CHECKS="1")
    assert "line 2 column 2" in invoke("health", code=1).out
    got = invoke("get", "state", "--json")
    assert (got.json["data"], "line 2 column 2" in got.json["problem"]) == (
        {"n": 1},
        True,
    )
    assert "last good document" in invoke("get", "state").err
    assert "line 2 column 2" in invoke("set", "state", "{}", code=1).err
    assert path.read_text() == '{"a": 1\n "n": 2}'
    path.write_text('{"n": 2}')
    assert invoke("health", "--json").json["status"] == "ok"


def test_postgres_is_asked_for_everything(invoke, postgres):
    with PostgresStore(postgres) as store:
        store.set("settings", {"n": 1})
        revision = store.get_entry("settings").revision
    at = datetime.now(UTC) - timedelta(hours=2)
    with get_history(StoreConfig.from_env()) as history:
        history.record(HistorySample(at))
    health = invoke("health", "--json").json
    assert health["status"] == "ok"
    assert stores(health)["settings"]["revision"] == revision
    assert 0 < stores(health)["settings"]["latency_seconds"] < 5
    assert health["history"]["updated_at"] == at.isoformat().replace("+00:00", "Z")
    assert health["schema_version"] >= 2
    assert health["missing_migrations"] == []
    assert "ok: database" in invoke("health").out


NOT_THEIRS = {
    "timestamp": ("text", "text", "timestamptz"),
    "temperature": ("text", "text", "double precision"),
    "humidity": ("numeric(3,1)", "numeric", "double precision"),
    "error_count": ("smallint", "smallint", "bigint"),
    "last_action": ("varchar(9)", "character varying", "text"),
}


@pytest.mark.parametrize(
    ("name", "given", "found", "wanted"),
    [
        *((name, *kinds) for name, kinds in NOT_THEIRS.items()),
        ("timestamp", *["timestamp(0) with time zone"] * 2, "timestamptz"),
    ],
)
def test_a_column_of_another_type_is_named_with_what_mends_it(
    invoke, postgres, name, given, found, wanted
):
    invoke("migrate", "--no-backup")
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(
            f'ALTER TABLE state_history ALTER "{name}" DROP DEFAULT,'
            f' ALTER "{name}" TYPE {given} USING "{name}"::{given}'
        )
    column = f'"{name}"' if name == "timestamp" else name
    told = f"state_history has {column} as {found.split('(')[0]}"
    health = invoke("health", "--json").json
    assert health["unfit"].startswith(told)
    assert health["unfit"].endswith(f" and not as {wanted}")
    shown = " ".join(invoke("health").out.split())
    assert told in shown
    assert "`switchbot-store migrate` mends it" in shown
    findings = invoke("doctor", "--json", code=1).json["findings"]
    assert any(told in each["message"] for each in findings)
    invoke("migrate", "--no-backup")
    health = invoke("health", "--json").json
    assert (health["status"], health["unfit"]) == ("ok", None)


def test_a_column_that_the_history_lost_says_nothing_of_documents(invoke, postgres):
    invoke("set", "settings", '{"n": 1}')
    invoke("migrate", "--no-backup")
    columns = (
        "SELECT attname FROM pg_attribute WHERE attrelid = 'state_history'::regclass"
        " AND attnum > 0 AND NOT attisdropped AND attname NOT IN ('zone', 'timestamp')"
    )
    with psycopg.connect(postgres, autocommit=True) as connection:
        names = [name for (name,) in connection.execute(columns)]
        for name in names:
            connection.execute(f'ALTER TABLE state_history DROP "{name}" CASCADE')
            health = invoke("health", "--json").json
            assert health["status"] == "degraded"
            parts = [*stores(health).values(), health["history"]]
            assert all(part["reachable"] for part in parts)
            assert stores(health)["settings"]["revision"]
            assert "does not exist" in health["history"]["last_error"]
            assert stores(health)["settings"]["last_error"] is None
    assert len(names) > 8
    invoke("migrate", "--no-backup")
    assert invoke("health", "--json").json["status"] == "ok"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("ALTER TABLE state_history DROP timestamp CASCADE")
    health = invoke("health", "--json", code=1).json
    assert stores(health)["settings"]["revision"]
    assert "no column `timestamp`" in health["last_error"]  # which none makes anew


@pytest.mark.parametrize("lost", ["data", "kind"])
def test_documents_that_cannot_be_read_are_no_server_that_is_away(
    invoke, postgres, lost
):
    invoke("set", "settings", '{"n": 1}')
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"ALTER TABLE json_store DROP {lost} CASCADE")
    health = invoke("health", "--json", code=1).json
    assert health["status"] == "error"
    assert stores(health)["settings"]["reachable"]
    assert f'column "{lost}" does not exist' in health["last_error"]


def test_a_role_that_may_not_look_at_rows_reads_documents(invoke, postgres):
    invoke("set", "settings", '{"n": 1}')
    invoke("migrate", "--no-backup")
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE ROLE seer LOGIN")
        try:
            connection.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO seer")
            connection.execute("REVOKE ALL ON state_history FROM seer")
            url = psycopg.conninfo.make_conninfo(postgres, user="seer")
            health = invoke("health", "--json", env={"POSTGRES_URL": url}, code=1).json
            assert stores(health)["settings"]["revision"]
            assert "permission denied" in health["history"]["last_error"]
        finally:
            connection.execute("DROP OWNED BY seer; DROP ROLE seer")


def test_nothing_is_migrated_by_looking(invoke, dashboard):
    health = invoke("health", "--json").json
    assert health["schema_version"] == 0
    assert health["missing_migrations"][0] == "0001_json_store"
    with psycopg.connect(dashboard) as connection:
        query = "SELECT to_regclass('switchbot_store_migrations')"
        assert connection.execute(query).fetchone() == (None,)


@pytest.mark.parametrize(
    ("variables", "status", "code"),
    [
        ({}, "degraded", 0),
        ({"STRICT_HEALTH_CHECKS": "true"}, "degraded", 1),
        ({"STORE_FALLBACK": "refuse"}, "error", 1),
    ],
)
def test_while_postgres_is_away(invoke, environment, variables, status, code):
    environment(STORE_BACKEND="postgres", POSTGRES_URL=AWAY, **variables)
    health = invoke("health", "--json", code=code).json
    assert health["status"] == status
    assert stores(health)["settings"]["reachable"] is False
    assert "refused" in health["last_error"]
    assert "hunter2" not in str(health)


def test_what_waits_locally_is_counted(invoke, environment, database_url):
    environment(STORE_BACKEND="postgres", POSTGRES_URL=AWAY)
    with get_store() as store, get_history() as history:
        for number in range(3):
            store.set("settings", {"n": number})
        history.record(HistorySample(datetime.now(UTC)))
        health = invoke("health", "--json").json
        assert stores(health)["settings"]["pending"] == 3
        revision = store.get_entry("settings").revision
        assert stores(health)["settings"]["revision"] == revision
    environment(POSTGRES_URL=database_url)
    health = invoke("health", "--json").json
    assert health["status"] == "degraded"
    assert health["history"]["pending"] == 1


def test_a_server_that_takes_no_writes_is_an_error(invoke, postgres):
    name = psycopg.conninfo.conninfo_to_dict(postgres)["dbname"]
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(
            f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'
        )
    assert "no writes" in invoke("health", "--json", code=1).json["last_error"]


@pytest.mark.parametrize("wrong", ["user", "database"])
def test_what_the_server_refuses_is_no_outage(
    invoke, postgres_server_factory, environment, wrong
):
    server = postgres_server_factory(password="right")
    user = "postgres:left" if wrong == "user" else "postgres:right"
    name = "nowhere" if wrong == "database" else "postgres"
    url = f"postgresql://{user}@127.0.0.1:{server.port}/{name}"
    environment(STORE_BACKEND="postgres", POSTGRES_URL=url)
    health = invoke("health", "--json", code=1).json
    assert health["status"] == "error"
    assert health["last_error"]
    assert "left" not in str(health)


def _damaged_copy(home):
    (home / ".mirror" / "settings.json").write_bytes(b"\0" * 50)


def _damaged_journal(home):
    path = home / ".journal" / "journal.jsonl"
    path.write_bytes(path.read_bytes().replace(b"waiting", b"WAITING", 1))


def _no_mirror(home):
    shutil.rmtree(home / ".mirror")
    (home / ".mirror").write_text("in the way")


def _no_journal(home):
    shutil.rmtree(home / ".journal")
    os.mkfifo(home / ".journal")


@pytest.mark.parametrize(
    ("harm", "status", "words"),
    [
        (_damaged_copy, "degraded", "settings.json is damaged"),
        (_damaged_journal, "degraded", "lines were damaged"),
        (_no_mirror, "degraded", ".mirror"),
        (_no_journal, "error", ".journal"),
    ],
)
def test_what_of_the_local_copy_cannot_be_read_is_told(
    invoke, postgres, environment, tmp_path, harm, status, words
):
    home = tmp_path / "config"
    with FailoverStore(PostgresStore(postgres), home) as store:
        store.set("settings", {"n": 1})
        store.set("state", {"n": 1})
    with FailoverStore(PostgresStore(AWAY), home) as store:
        store.set_many({"waiting": {"n": 1}, "state": {"n": 2}})
    harm(home)
    environment(POSTGRES_URL=AWAY)
    found = invoke("health", "--json", code=1 if status == "error" else 0).json
    assert (found["status"], words in found["last_error"]) == (status, True)
    assert words in invoke("doctor", "--json", code=1).out
    # The database answers, and has all of it made anew.
    environment(POSTGRES_URL=postgres)
    assert words in invoke("health", "--json").json["last_error"]
    if harm in {_damaged_copy, _damaged_journal}:
        with get_store() as store:
            assert store.get("settings") == {"n": 1}
        assert invoke("health", "--json").json["last_error"] is None
