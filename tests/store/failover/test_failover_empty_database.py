"""A database that was emptied, or is another one, takes nothing away from this host."""

import contextlib
import json

import psycopg
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switchbot_store import FailoverStore, JsonStore, PostgresStore
from switchbot_store.cli.app import application
from switchbot_store.failover.conflicts import read_conflicts
from switchbot_store.failover.lineage import IDENTITY_KEY
from switchbot_store.failover.mirror import read_mirror

SETTINGS = {"timezone": "Europe/Paris", "target_temp": 21}
TABLES = (
    "json_store, state_history, state_history_hourly, state_history_blocks,"
    " state_history_late, state_history_rollup, switchbot_store_migrations"
)
LOSSES = {
    "all tables dropped": f"DROP TABLE {TABLES}",
    "one table dropped": "DROP TABLE json_store",
    "truncated": "TRUNCATE json_store",
    "emptied": "DELETE FROM json_store",
    "schema dropped": "DROP SCHEMA public CASCADE; CREATE SCHEMA public",
}


@pytest.fixture
def lose(database_url):
    def do(how):
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(LOSSES[how])

    return do


@pytest.fixture
def command(database_url, tmp_path, monkeypatch):
    """Run `switchbot-store ...` as the host's person does."""
    for name in ("DATABASE_URL", "ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STORE_BACKEND", "postgres")
    monkeypatch.setenv("POSTGRES_URL", database_url)
    monkeypatch.setenv("STORE_DIRECTORY", str(tmp_path / "host"))

    def run(*arguments, code=0):
        result = CliRunner().invoke(application, list(arguments))
        assert result.exit_code == code, result.output
        return result.stdout

    return run


def diagnosis(command):
    # The tests' server does not sync, which is a problem of its own.
    findings = json.loads(command("doctor", "--json", code=1))["findings"]
    return {each["check"]: each for each in findings}


def find(rows, name, value):
    (found,) = [row for row in rows if row[name] == value]
    return found


@pytest.mark.parametrize("profile", ["interactive", "economy"])
@pytest.mark.parametrize("restarts", [False, True], ids=["running", "restarted"])
@pytest.mark.parametrize("how", LOSSES)
def test_a_lost_database_leaves_the_settings_in_force(
    on_postgres, database_url, lose, how, restarts, profile
):
    store = on_postgres(database_url, profile=profile, background=False)
    store.set_many({"settings": SETTINGS, "state": {"n": 1}})
    assert store.resync()
    lose(how)
    for _ in range(2 if restarts else 1):
        if restarts:
            store.close()
            store = on_postgres(database_url, profile=profile, background=False)
        elif profile == "economy":
            store._life.keeper._refresh()  # as when it carries over
        entry = store.get_entry("settings")
        assert (entry.data, entry.stale) == (SETTINGS, True)
        store.maintain()
        assert store.get_many(["settings", "state"])["state"].data == {"n": 1}
        assert store.keys() == ["settings", "state"]
        status = store.status()
        assert (status.left_over, status.pending) == (("settings", "state"), 0)
        assert status.degraded_since is None
        assert [each.key for each in store.conflicts()] == ["settings", "state"]
    # What the program writes goes to the database again, without a restart.
    store.update("state", lambda old: {"n": old["n"] + 1})
    assert store.resync()
    with PostgresStore(database_url) as direct:
        assert direct.get("state") == {"n": 2}
        assert direct.get("settings") == {}
    assert store.status().left_over == ("settings",)
    assert store.get("settings") == SETTINGS


@pytest.mark.parametrize("how", LOSSES)
@pytest.mark.parametrize("does", ["writes", "reads"])
def test_a_program_that_never_reads_what_is_lost_finds_out(
    on_postgres, database_url, lose, clock, how, does
):
    store = on_postgres(database_url, monotonic=clock.monotonic, background=False)
    store.set_many({"settings": SETTINGS, "state": {"n": 1}})
    store.maintain()
    lose(how)
    if does == "writes":
        store.set("state", {"n": 2})
    else:
        store.get("state")
    clock.advance(5)
    store.maintain()
    assert "settings" in store.status().left_over
    assert "settings" in [each.key for each in store.conflicts()]


def test_a_database_that_nobody_asks_is_left_alone(flaky, make, clock):
    store = make(flaky, monotonic=clock.monotonic, background=False).open()
    store.set("settings", SETTINGS)
    for _ in range(3):
        clock.advance(600)
        store.maintain()
        asked = list(flaky.calls)
        clock.advance(600)
        store.maintain()
        assert flaky.calls == asked


def test_a_new_database_at_the_same_place_leaves_them_in_force(
    on_postgres, postgres_server, database_url, until_back
):
    store = on_postgres(database_url)
    store.set("settings", SETTINGS)
    store.close()
    other = postgres_server.create_database()
    store = on_postgres(postgres_server.url(other)).open()
    until_back(store)
    assert store.get("settings") == SETTINGS
    assert json.dumps(read_conflicts(store.directory)[0].data) == json.dumps(SETTINGS)
    # Back at the first one all is as it was.
    store.close()
    store = on_postgres(database_url).open()
    until_back(store)
    assert not store.get_entry("settings").stale
    assert store.status().left_over == ()
    store.close()


def test_what_another_database_has_of_the_name_is_taken_and_ours_is_kept(
    on_postgres, postgres_server, database_url, until_back
):
    store = on_postgres(database_url)
    store.set("settings", SETTINGS)
    store.close()
    other = postgres_server.url(postgres_server.create_database())
    with PostgresStore(other) as neighbour:
        neighbour.set("settings", {"target_temp": 5})
    store = on_postgres(other).open()
    until_back(store)
    assert store.get("settings") == {"target_temp": 5}
    (conflict,) = store.conflicts()
    assert (conflict.data, conflict.kept) == (SETTINGS, "remote")


def test_what_somebody_deleted_is_gone_and_a_copy_is_kept(
    on_postgres, database_url, direct
):
    store = on_postgres(database_url)
    store.set_many({"settings": SETTINGS, "state": {"n": 1}})
    direct.delete("settings")
    assert store.get_entry("settings").revision == ""
    assert store.keys() == ["state"]
    (conflict,) = store.conflicts()
    assert (conflict.data, conflict.kept) == (SETTINGS, "none")
    assert "deleted" in conflict.reason
    assert store.status().left_over == ()
    store.close()
    assert "settings" not in read_mirror(store.directory)


def test_what_this_host_deletes_is_gone_everywhere(on_postgres, database_url, lose):
    store = on_postgres(database_url)
    store.set_many({"settings": SETTINGS, "state": {"n": 1}})
    assert store.delete("settings")
    assert store.conflicts() == []
    lose("truncated")
    assert store.get("state") == {"n": 1}
    assert store.delete("state")  # also what only the local copy has
    assert store.keys() == []
    store.close()
    store = on_postgres(database_url)
    assert (store.keys(), store.status().left_over) == ([], ())


@pytest.mark.parametrize("policy", ["newest", "local", "remote"])
def test_no_policy_lets_an_empty_database_win(
    on_postgres, through_proxy, proxy, lose, until_back, direct, policy
):
    store = on_postgres(through_proxy, policy=policy)
    store.set_many({"settings": SETTINGS, "state": {"n": 1}})
    proxy.refuse()
    proxy.reset()
    store.set("settings", {**SETTINGS, "target_temp": 22})
    lose("truncated")
    proxy.accept()
    until_back(store)
    assert store.get("settings")["target_temp"] == 22
    assert direct.get("settings")["target_temp"] == 22
    assert store.get("state") == {"n": 1}


def test_a_mirror_of_an_earlier_release_is_known_again(
    on_postgres, database_url, direct
):
    store = on_postgres(database_url)
    store.set_many({"settings": SETTINGS, "state": {"n": 1}})
    store.close()
    mirror = store.directory / ".mirror"
    for path in mirror.glob("*.json"):
        row = json.loads(path.read_text())
        del row["origin"]
        path.write_text(json.dumps(row))
    (mirror / "primary").unlink()
    direct.delete(IDENTITY_KEY)
    direct.delete("state")
    store = on_postgres(database_url)
    assert not store.get_entry("settings").stale
    assert store.keys() == ["settings"]  # deleted: one document vouches for the rest
    assert [each.key for each in store.conflicts()] == ["state"]


def test_an_unreadable_document_is_no_deletion(on_postgres, database_url):
    store = on_postgres(database_url)
    store.set_many({"settings": SETTINGS, "state": {"n": 1}})
    store.close()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE json_store SET data = '[1]' WHERE kind = 'settings'")
    store = on_postgres(database_url)
    store.close()
    assert read_mirror(store.directory)["settings"].entry("settings", stale=True).data


def test_files_that_nobody_imported_stay_in_force(on_postgres, database_url, tmp_path):
    with JsonStore(tmp_path / "host") as plain:
        plain.set("settings", SETTINGS)
    store = on_postgres(database_url)
    assert store.get("settings") == SETTINGS
    store.set("state", {"n": 1})
    store.close()
    store = on_postgres(database_url)
    assert store.get("settings") == SETTINGS
    assert store.status().left_over == ("settings",)


def test_one_command_brings_them_back(on_postgres, database_url, lose, command):
    store = on_postgres(database_url)
    store.set_many({"settings": SETTINGS, "state": {"n": 1}})
    assert store.conflicts() == []
    assert "documents" not in diagnosis(command)
    lose("all tables dropped")
    assert store.get("settings") == SETTINGS
    store.close()
    found = diagnosis(command)["documents"]
    assert found["level"] == "problem"
    assert "conflicts restore" in found["advice"]
    health = json.loads(command("health", "--json"))
    assert health["status"] == "degraded"
    assert "restore" in find(health["stores"], "name", "settings")["last_error"]
    store = on_postgres(database_url).open()
    would = json.loads(command("conflicts", "restore", "--dry-run", "--json"))
    assert would == {"dry_run": True, "restored": ["settings", "state"]}
    assert "settings" in command("conflicts", "restore", "settings")
    assert command("conflicts", "restore") == "Brought back: state\n"
    assert "Nothing" in command("conflicts", "restore")
    # The program that runs takes them up.
    assert not store.get_entry("settings").stale
    assert store.get("state") == {"n": 1}
    assert store.status().left_over == ()
    assert [row["key"] for row in json.loads(command("conflicts", "--json"))] == [
        "settings",
        "state",
    ]
    assert "documents" not in diagnosis(command)
    store.set("settings", {"target_temp": 30})
    command("conflicts", "restore", "settings", code=1)
    assert store.get("settings") == {"target_temp": 30}


@pytest.mark.parametrize("at", ["now()", "'infinity'", "NULL"])
def test_what_a_restored_dump_has_is_not_said_to_be_missing(
    on_postgres, database_url, command, at
):
    """A dump of a time before the adoption: documents without a revision."""
    store = on_postgres(database_url)
    store.set_many({"settings": SETTINGS, "state": {"n": 1}})
    store.close()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "DROP TABLE json_store;"
            "CREATE TABLE json_store (kind varchar(50) PRIMARY KEY, data jsonb NOT NULL,"
            " updated_at timestamptz);"
            f"INSERT INTO json_store VALUES ('settings', '{{}}', {at})"
        )
    found = diagnosis(command)
    assert "does not have state," in found["documents"]["message"]
    assert "settings" not in found["documents"]["message"]
    health = json.loads(command("health", "--json"))
    assert "restore" in find(health["stores"], "name", "state")["last_error"]
    kept = find(health["stores"], "name", "settings")
    assert "restore" not in str(kept["last_error"])
    assert bool(kept["updated_at"]) == (at == "now()")


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    steps=st.lists(
        st.sampled_from([*LOSSES, "restart", "tick", "read", "update"]),
        min_size=2,
        max_size=6,
    ),
    profile=st.sampled_from(["interactive", "economy"]),
)
def test_whatever_becomes_of_the_database_the_settings_are_in_force(
    postgres_server, tmp_path_factory, steps, profile
):
    """The kind: losses, restarts and writes in any order."""
    name = postgres_server.create_database()
    url, place = postgres_server.url(name), tmp_path_factory.mktemp("home")

    def begin():
        return FailoverStore(
            PostgresStore(url), place, profile=profile, background=False
        ).open()

    store, number = begin(), 0
    store.set_many({"settings": SETTINGS, "state": {"n": 0}})
    assert store.resync()
    for step in steps:
        if step in LOSSES:
            with (
                psycopg.connect(url, autocommit=True) as connection,
                contextlib.suppress(psycopg.errors.UndefinedTable),  # lost already
            ):
                connection.execute(LOSSES[step])
        elif step == "restart":
            store.close()
            store = begin()
        elif step == "tick":
            store.maintain()
            store.resync()
        elif step == "update":
            number += 1
            store.update("state", lambda old: {"n": old["n"] + 1})
        assert store.get("settings") == SETTINGS
        assert store.get("state") == {"n": number}
    store.close()
    postgres_server.drop_database(name)
