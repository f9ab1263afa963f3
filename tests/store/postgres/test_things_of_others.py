"""What others did to our tables: nothing acknowledged is lost, and it is told what it is.

Constraints, columns, triggers, rules, policies and publications are added to tables by
administrators, by hosters and by other programs. Each is made on a real server.
"""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from switchbot_store import (
    FailoverStore,
    HistorySample,
    HistoryService,
    PostgresHistory,
    PostgresStore,
    SlowConnectionError,
    StoreConflictError,
    StoreUnavailableError,
)
from switchbot_store.cli.commands.health import examine
from switchbot_store.config import StoreConfig
from switchbot_store.doctor import examine as diagnosed
from switchbot_store.history.postgres.readings import PostgresReadings
from switchbot_store.history.readings import (
    DeviceHistory,
    DeviceReading,
    SqliteReadings,
)
from switchbot_store.postgres.schema.migrations import migrate

SECRET = "hunter2-of-the-webhook"
AT = datetime(2026, 1, 5, 12, tzinfo=UTC)


def trigger(when, table, body):
    return (
        "CREATE FUNCTION theirs() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$BEGIN {body} END$$; CREATE TRIGGER a_theirs BEFORE {when} ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION theirs()"
    )


ROW_SECURITY = "ALTER TABLE {0} ENABLE ROW LEVEL SECURITY; ALTER TABLE {0} FORCE ROW LEVEL SECURITY"
SILENT = {
    "inserts": trigger("INSERT", "json_store", "RETURN NULL;"),
    "updates": trigger("UPDATE", "json_store", "RETURN NULL;"),
    "both": trigger("INSERT OR UPDATE", "json_store", "RETURN NULL;"),
}
REFUSING = {
    **SILENT,
    "an error": trigger("INSERT OR UPDATE", "json_store", "RAISE 'not today';"),
    "a column": "ALTER TABLE json_store ADD tenant int NOT NULL DEFAULT 1;"
    " ALTER TABLE json_store ALTER tenant DROP DEFAULT",
    "a check of one key": "ALTER TABLE json_store"
    " ADD CHECK (kind <> 'state' OR data = '{}') NOT VALID",
    "a rule": "CREATE RULE theirs AS ON INSERT TO json_store DO INSTEAD NOTHING",
    "policies": ROW_SECURITY.format("json_store"),
    "a policy for reading": ROW_SECURITY.format("json_store")
    + "; CREATE POLICY r ON json_store FOR SELECT USING (true)",
    "a publication": "ALTER TABLE json_store REPLICA IDENTITY NOTHING;"
    " CREATE PUBLICATION theirs FOR TABLE json_store",
}


def at_commit(table):
    return (
        trigger("INSERT", table, "RAISE 'at the end';")
        .replace(
            "CREATE TRIGGER a_theirs BEFORE INSERT",
            "CREATE CONSTRAINT TRIGGER a_theirs AFTER INSERT",
        )
        .replace(" FOR EACH ROW", " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW")
    )


DIVIDES = "PERFORM 1 / 0;"
CASTS = "PERFORM 'n/a'::int;"
TOO_MUCH = "RAISE 'too much' USING ERRCODE = 'program_limit_exceeded';"
AMBIGUOUS = "RAISE 'which' USING ERRCODE = 'ambiguous_column';"
BROKEN = "EXECUTE 'SELEC 1';"
WRONG = {
    "a value it cannot read": CASTS,
    "a division": DIVIDES,
    "a limit": TOO_MUCH,
    "calling itself": "RAISE 'deep' USING ERRCODE = 'statement_too_complex';",
    "a name of two": AMBIGUOUS,
    "a statement that is none": BROKEN,
}
"""What a trigger of others may be wrong in, which is no fault of what was written."""
REFUSING |= {
    what: trigger("INSERT OR UPDATE", "json_store", body)
    for what, body in WRONG.items()
}
REFUSING["a check when it ends"] = at_commit("json_store")
HISTORY_REFUSING = {
    "a check when it ends": at_commit("state_history"),
    "a check that no home passes": "ALTER TABLE state_history"
    " ADD CHECK (temperature < 20) NOT VALID",
    "rooms": "CREATE TABLE rooms (name text PRIMARY KEY); ALTER TABLE state_history"
    " ADD FOREIGN KEY (zone) REFERENCES rooms NOT VALID",
    "a generated column": "ALTER TABLE state_history DROP humidity CASCADE;"
    " ALTER TABLE state_history ADD humidity double precision"
    " GENERATED ALWAYS AS (temperature * 2) STORED",
    "an error beside it": trigger("INSERT", "state_history_late", "RAISE 'no';"),
    "nothing": trigger("INSERT", "state_history", "RETURN NULL;"),
    "an error": trigger("INSERT", "state_history", "RAISE 'not today';"),
    "a column": "ALTER TABLE state_history ADD tenant int NOT NULL",
    **{what: trigger("INSERT", "state_history", each) for what, each in WRONG.items()},
    "policies": ROW_SECURITY.format("state_history"),
    "a policy for writing": ROW_SECURITY.format("state_history")
    + "; CREATE POLICY w ON state_history FOR INSERT WITH CHECK (true)",
}


@pytest.fixture
def owned(database_url, beside):
    """The URL of a role that owns the database and is no superuser, as hosters give."""
    name = beside.execute("SELECT 'owner_' || current_database()").fetchone()[0]
    beside.execute(f"CREATE ROLE {name} LOGIN")
    beside.execute(f"GRANT ALL ON SCHEMA public TO {name}")
    beside.execute(
        f"DO $$ BEGIN EXECUTE 'GRANT CREATE ON DATABASE ' || current_database()"
        f" || ' TO {name}'; END $$"
    )
    url = psycopg.conninfo.make_conninfo(database_url, user=name)
    migrate(url)
    yield url
    beside.execute(f"DROP OWNED BY {name} CASCADE")
    beside.execute(f"DROP ROLE {name}")


@pytest.fixture
def environ(owned, tmp_path):
    return {
        "STORE_BACKEND": "postgres",
        "POSTGRES_URL": owned,
        "STORE_DIRECTORY": str(tmp_path),
    }


@pytest.fixture
def config(environ):
    return StoreConfig.from_env(environ)


@pytest.mark.parametrize("what", SILENT)
class TestWritesThatDoNothing:
    """The server answers that it is done, and nothing was: that is no acknowledgement."""

    @pytest.fixture
    def store(self, owned, beside, what):
        with PostgresStore(owned) as store:
            store.set_many({"a": {"n": 0}, "b": {"n": 0}})
            beside.execute(SILENT[what])
            yield store

    def test_no_write_is_acknowledged(self, store, what):
        revision = store.get_entry("a").revision
        if what != "inserts":
            for write in (
                lambda: store.set("a", {"n": 1}),
                lambda: store.set_many({"a": {"n": 1}, "b": {"n": 1}}),
                lambda: store.set_many_if({"a": {"n": 1}}, {"a": revision}),
                lambda: store.compare_and_set("a", {"n": 1}, revision),
                lambda: store.update("a", lambda _: {"n": 1}),
            ):
                with pytest.raises(StoreUnavailableError, match="trigger or a rule"):
                    write()
            assert store.get("a") == store.get("b") == {"n": 0}
        if what != "updates":
            for write in (
                lambda: store.set("new", {"n": 1}),
                lambda: store.set_many({"new": {"n": 1}, "newer": {"n": 1}}),
                lambda: store.set_many_if({"new": {"n": 1}}, {"new": ""}),
                lambda: store.compare_and_set("new", {"n": 1}, ""),
                lambda: store.update("new", lambda _: {"n": 1}),
            ):
                with pytest.raises(StoreUnavailableError, match="trigger or a rule"):
                    write()
        assert store.keys() == ["a", "b"]

    def test_a_conflict_is_still_one(self, store, what):
        with pytest.raises(StoreConflictError):
            store.compare_and_set("a", {"n": 1}, "")
        with pytest.raises(StoreConflictError):
            store.set_many_if({"a": {"n": 1}}, {"a": "another"})

    def test_the_journal_keeps_them_until_it_is_gone(
        self, store, owned, beside, tmp_path, what
    ):
        with FailoverStore(PostgresStore(owned), tmp_path, background=False) as safe:
            for key in ("a", "new"):
                safe.set(key, {"n": 2})
                assert safe.get(key) == {"n": 2}
            assert safe.status().pending
            beside.execute("DROP FUNCTION theirs CASCADE")
            assert safe.resync()
        assert store.get("a") == store.get("new") == {"n": 2}


def test_a_deletion_that_does_nothing_is_none(owned, beside):
    with PostgresStore(owned) as store:
        store.set("a", {"n": 1})
        beside.execute(trigger("DELETE", "json_store", "RETURN NULL;"))
        with pytest.raises(StoreUnavailableError, match="trigger or a rule"):
            store.delete("a")
        assert store.get("a") == {"n": 1}
        assert not store.delete("never")


@pytest.mark.parametrize("what", REFUSING)
def test_what_keeps_documents_from_being_written_is_named_and_loses_none(
    owned, beside, tmp_path, config, environ, caplog, what
):
    with FailoverStore(PostgresStore(owned), tmp_path, background=False) as store:
        store.set_many({"settings": {"hook": SECRET}, "state": {"n": 1}})
        beside.execute(REFUSING[what])
        store.set("settings", {"hook": SECRET, "n": 2})
        store.set("state", {"n": 2})
        store.set("new", {"n": 2})
        found = {key: store.get(key) for key in ("settings", "state", "new")}
        assert [each["n"] for each in found.values()] == [2, 2, 2]
        assert SECRET not in repr(store.status()) + caplog.text
    looked = examine(config)
    assert looked.status == "error"
    assert "documents cannot be written" in looked.last_error
    assert SECRET not in repr(looked) + caplog.text
    told = [each for each in diagnosed(environ) if each.check == "grants"]
    assert any("documents cannot be written" in each.message for each in told)
    # A grant helps against nothing of this.
    assert all("GRANT SELECT, INSERT" not in each.advice for each in told)
    assert beside.execute(
        "SELECT count(*) FROM json_store WHERE kind = '_health'"
    ).fetchone() == (0,)


@pytest.mark.parametrize("what", HISTORY_REFUSING)
def test_what_keeps_rows_from_being_written_is_named_and_loses_none(
    owned, beside, tmp_path, config, what
):
    beside.execute(HISTORY_REFUSING[what])
    spill = tmp_path / "history.spill.sqlite"
    with HistoryService(PostgresHistory(owned), spill=spill) as history:
        history.record(HistorySample(AT, temperature=21.0))
        history.flush()
        kept = history.status()
        # No row is to blame: all wait, and are taken when that is gone.
        assert kept.spilled + kept.buffered == 1
    looked = examine(config)
    assert looked.status == "error"
    assert "rows of history cannot be written" in looked.last_error


@pytest.mark.parametrize("what", WRONG)
def test_what_keeps_readings_from_being_written_loses_none(
    owned, beside, tmp_path, what
):
    beside.execute(trigger("INSERT", "device_readings", WRONG[what]))
    readings = DeviceHistory(
        PostgresReadings(owned),
        spill=SqliteReadings(tmp_path / "readings.sqlite"),
        now=lambda: AT,
    )
    readings.record(DeviceReading(AT, "C1", "CO2", 725.0))
    readings.flush()
    assert readings.status().dropped == 0
    beside.execute("DROP FUNCTION theirs CASCADE")
    readings.flush()
    assert [row.value for row in readings.backend.latest()] == [725.0]
    readings.close()


def test_a_row_alone_is_set_aside_and_holds_up_no_other(owned, beside, tmp_path):
    beside.execute("ALTER TABLE state_history ADD CHECK (temperature < 30) NOT VALID")
    spill = tmp_path / "history.spill.sqlite"
    with HistoryService(PostgresHistory(owned), spill=spill) as history:
        for minute, degrees in enumerate((21.0, 31.0, 22.0)):
            at = AT + timedelta(minutes=minute)
            history.record(HistorySample(at, temperature=degrees))
        history.flush()
        assert [row.temperature for row in history.latest(9)] == [21.0, 22.0]
        assert history.status().quarantined == 1


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("state_history_hourly", "hours of history cannot be summarised"),
        ("state_history_blocks", "hours of history cannot be summarised"),
        ("state_history_zones", "rows of history cannot be written"),
        ("device_readings", "readings of devices cannot be written"),
    ],
)
def test_what_lets_nothing_happen_beside_the_rows_is_named(beside, config, table, told):
    beside.execute(trigger("INSERT", table, "RETURN NULL;"))
    looked = examine(config)
    assert looked.status == "error"
    assert told in looked.last_error


@pytest.mark.parametrize(
    ("table", "mode"),
    [
        ("json_store", "SHARE"),
        ("json_store", "ACCESS EXCLUSIVE"),
        ("state_history", "ACCESS EXCLUSIVE"),
        ("json_store, state_history", "ACCESS EXCLUSIVE"),
        ("switchbot_store_migrations", "ACCESS EXCLUSIVE"),
    ],
)
def test_a_lock_is_told_of_with_its_session_and_is_no_server_that_is_away(
    owned, database_url, config, environ, table, mode
):
    with PostgresStore(owned) as store:
        store.set("settings", {"n": 1})
    with psycopg.connect(database_url) as theirs:
        theirs.execute(f"LOCK {table} IN {mode} MODE")
        looked = examine(config)
        told = diagnosed(environ)
        session = str(theirs.info.backend_pid)
    parts = (*looked.stores, looked.history)
    assert looked.status == "degraded"
    assert all(part.reachable for part in parts)
    assert session in f"{looked.last_error} {[part.last_error for part in parts]}"
    assert any(session in each.message for each in told)
    # It is neither a network nor a database that lost something.
    assert not {"network", "documents"} & {each.check for each in told}
    assert examine(config).status == "ok"


def test_a_call_that_waited_for_a_lock_blames_no_server(owned, database_url):
    """The connection is closed here, of which libpq says that the server crashed."""
    with PostgresStore(owned, timeout_seconds=0.5) as store:
        store.set("settings", {"n": 1})
        with psycopg.connect(database_url) as theirs:
            theirs.execute("SELECT FROM json_store FOR UPDATE")
            with pytest.raises(SlowConnectionError, match="a lock") as raised:
                store.set("settings", {"n": 2})
    assert "closed" not in str(raised.value)


def test_hours_that_are_being_summarised_are_no_lock_of_others(
    owned, database_url, config
):
    with psycopg.connect(database_url) as ours:
        ours.execute("SELECT FROM state_history_parts FOR UPDATE")
        assert examine(config).status == "ok"


def test_a_standby_that_commits_wait_for_is_named(postgres_server_factory, tmp_path):
    server = postgres_server_factory()
    migrate(server.url())
    variables = {
        "STORE_BACKEND": "postgres",
        "POSTGRES_URL": server.url(),
        "STORE_DIRECTORY": str(tmp_path),
    }
    config = StoreConfig.from_env(variables)
    assert examine(config).last_error is None
    with server.connect() as connection:
        connection.autocommit = True
        connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    server.restart()
    looked = examine(config)
    assert looked.status == "degraded"
    assert "standby (nobody)" in looked.last_error


def test_a_trigger_that_takes_its_time_is_named(owned, beside, config):
    beside.execute(trigger("INSERT", "json_store", "PERFORM pg_sleep(60); RETURN NEW;"))
    looked = examine(config)
    assert looked.status == "degraded"
    assert "takes longer than 2 s" in looked.last_error


def test_a_full_disk_of_the_server_is_no_thing_of_others(owned, beside, environ):
    full = "RAISE 'no space left' USING ERRCODE = 'disk_full';"
    beside.execute(trigger("INSERT", "json_store", full))
    (found,) = (each for each in diagnosed(environ) if each.check == "grants")
    assert "no space left" in found.message
    assert found.advice.startswith("Make room")


def test_hours_that_were_given_another_type_are_given_theirs(owned, beside):
    types = "SELECT atttypid::regtype::text FROM pg_attribute WHERE attname = %s AND attrelid = 'state_history_hourly'::regclass"
    changed = ("count", "temperature", "error_count")
    for name in changed:
        beside.execute(f"ALTER TABLE state_history_hourly ALTER {name} TYPE numeric")
    migrate(owned)
    found = [beside.execute(types, (name,)).fetchone()[0] for name in changed]
    assert found == ["bigint", "double precision", "bigint"]


def test_a_repeated_row_is_none_that_is_missing(owned):
    rows = [HistorySample(AT + timedelta(seconds=n)) for n in range(1500)]
    history = PostgresHistory(owned)
    try:
        for batch in (rows[:10], rows):
            history.write(batch, now=AT)
            assert history.write(batch, now=AT) == 0
    finally:
        history.close()


def test_trying_moves_no_number_of_a_dashboard_on(owned, beside, config):
    beside.execute("ALTER TABLE state_history ADD number serial")
    beside.execute(
        "ALTER TABLE state_history ADD other int GENERATED ALWAYS AS IDENTITY"
    )
    assert examine(config).last_error is None
    for sequence in ("state_history_number_seq", "state_history_other_seq"):
        assert beside.execute(f"SELECT is_called FROM {sequence}").fetchone() == (
            False,
        )


def test_a_trigger_that_changes_documents_is_named(owned, beside, config):
    beside.execute(
        trigger("INSERT OR UPDATE", "json_store", "NEW.data = '{}'; RETURN NEW;")
    )
    assert "changes what is written" in examine(config).last_error


def test_a_table_that_a_crash_empties_is_named(beside, environ):
    assert not [each for each in diagnosed(environ) if "unlogged" in each.message]
    beside.execute("ALTER TABLE json_store SET UNLOGGED")
    (found,) = [each for each in diagnosed(environ) if "unlogged" in each.message]
    assert "json_store" in found.message
    assert "SET LOGGED" in found.advice


VERSIONS = "ALTER TABLE switchbot_store_migrations "
LOST = {
    "its namespaces": VERSIONS + "DROP COLUMN namespace CASCADE",
    "its versions": VERSIONS + "DROP COLUMN version CASCADE",
    "its versions' name": VERSIONS + "RENAME COLUMN version TO number",
    "names": VERSIONS + "DROP COLUMN name",
    "times": VERSIONS + "DROP COLUMN applied_at",
    "its key": VERSIONS + "DROP CONSTRAINT switchbot_store_migrations_pkey",
}


@pytest.mark.parametrize("what", LOST)
@pytest.mark.parametrize("dropped", [False, True])
def test_a_table_of_versions_that_lost_something_is_made_whole(
    owned, beside, config, what, dropped
):
    with PostgresStore(owned) as store:
        store.set("a", {"n": 1})
    beside.execute(LOST[what])
    if dropped:
        beside.execute("DROP TABLE state_history_blocks")
    assert examine(config).status in {"ok", "degraded"}
    with PostgresStore(owned) as store:
        assert store.get("a") == {"n": 1}
    migrate(owned)
    assert migrate(owned) == []
    assert examine(config).missing_migrations == []
    assert beside.execute(
        "SELECT to_regclass('state_history_blocks') IS NOT NULL"
    ).fetchone() == (True,)


def test_what_is_no_table_of_versions_is_named(owned, beside, config):
    beside.execute(VERSIONS + "RENAME TO x")
    beside.execute("CREATE VIEW switchbot_store_migrations AS SELECT 1 AS version")
    looked = examine(config)
    assert looked.status == "error"
    assert "rename it" in looked.last_error


def test_a_table_of_versions_that_this_role_may_not_read_is_named(
    owned, beside, config
):
    beside.execute(VERSIONS + "OWNER TO CURRENT_USER")
    name = psycopg.conninfo.conninfo_to_dict(owned)["user"]
    beside.execute(f"REVOKE ALL ON switchbot_store_migrations FROM {name}")
    looked = examine(config)
    assert looked.status == "error"  # a program that starts now gets no store
    assert "GRANT SELECT" in looked.last_error
