"""No advice that would harm: what was not counted, not seen or not finished is unknown."""

import os
import signal
import threading

import psycopg
import pytest

from switchbot_store.ops import Status, analyze_db_health, health_indexes
from switchbot_store.ops.counted import counted_span
from switchbot_store.ops.target import read
from switchbot_store.ops.tree_size import Tree, compact_bytes
from tests.store.ops.conftest import counted, holds, primary_and_standby

BURN = """DO $$ BEGIN FOR i IN 1..45000 LOOP
    BEGIN INSERT INTO burnt VALUES (i); EXCEPTION WHEN OTHERS THEN NULL; END;
END LOOP; END $$"""


def of(target, code, check="index"):
    return [
        each for each in analyze_db_health(target, check).findings if each.code == code
    ]


def told(target, code, check="index"):
    return {(str(each.status), each.subject) for each in of(target, code, check)}


def advice(target, check="all"):
    return [each.fix for each in analyze_db_health(target, check).problems]


@pytest.fixture
def judged_at_once(monkeypatch):
    """Seven days are as long as no test waits."""
    monkeypatch.setattr(health_indexes, "_JUDGED_AFTER_DAYS", 0.0)


def counting_begins(connection):
    """Reset what a crash resets; what is there already was there all the time."""
    slru = "pg_stat_reset_slru(NULL)"
    if connection.info.server_version >= 170000:
        slru = "pg_stat_reset_slru()"
    for statement in (
        "CREATE TEMP TABLE IF NOT EXISTS burnt (n int)",
        BURN,
        "SELECT pg_stat_force_next_flush()"
        if connection.info.server_version >= 150000
        else "SELECT 1",
        f"SELECT {slru}",
        "SELECT pg_stat_reset_shared('bgwriter')",
        "SELECT pg_stat_reset()",
    ):
        connection.execute(statement)
    holds(lambda: _zeroed(connection) < 5)


def _zeroed(connection):
    return connection.execute(
        "SELECT blks_zeroed FROM pg_stat_slru WHERE name IN ('Subtrans', 'subtransaction')"
    ).fetchone()[0]


@pytest.mark.usefixtures("judged_at_once")
class TestUnused:
    def test_one_that_was_there_all_the_time_is_told_one_made_later_is_not(
        self, database, sql
    ):
        connection = sql("CREATE TABLE t (a int, b int)", "CREATE INDEX old ON t (a)")
        counting_begins(connection)
        connection.execute("CREATE INDEX fresh ON t (b)")
        assert told(database, "index_unused") == {
            ("warning", "old"),
            ("unknown", ""),
            ("ok", ""),
        }
        (unknown,) = [
            each
            for each in of(database, "index_unused")
            if each.status is Status.UNKNOWN
        ]
        assert "fresh" in unknown.message
        assert "DROP" not in unknown.fix

    def test_a_copy_of_a_database_has_no_counts_of_the_original(self, server, sql):
        connection = sql("CREATE TABLE t (a int)", "CREATE INDEX old ON t (a)")
        counting_begins(connection)
        original = connection.info.dbname
        connection.close()
        copy = server.create_database(template=original)
        try:
            assert ("warning", "old") not in told(server.conninfo(copy), "index_unused")
        finally:
            server.drop_database(copy)

    def test_an_index_of_an_extension_or_a_partition_cannot_go_alone(
        self, database, sql
    ):
        connection = sql(
            "CREATE TABLE t (a int) PARTITION BY LIST (a)",
            "CREATE TABLE one PARTITION OF t FOR VALUES IN (1)",
            "CREATE INDEX ON t (a)",
            "CREATE INDEX ON t (a)",
        )
        counting_begins(connection)
        assert not [fix for fix in advice(database, "index") if "DROP" in fix]

    def test_after_a_crash_counting_begins_anew(self, postgres_server_factory):
        server = postgres_server_factory()
        with server.connect() as connection:
            connection.execute("CREATE TABLE t (a int)")
            connection.execute("INSERT INTO t SELECT generate_series(1, 1000)")
            connection.execute("CREATE INDEX used ON t (a)")
            connection.execute("VACUUM ANALYZE t")
            counting_begins(connection)
            pid = connection.info.backend_pid
            before = read(server.conninfo(), counted_span).seconds
            counted = _counts_since(server)
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        # It goes on answering for a moment, until it notices.
        holds(lambda: _counts_since(server) not in {None, counted})
        span = read(server.conninfo(), counted_span)
        with server.connect() as connection:
            (up,) = connection.execute(
                "SELECT extract(epoch FROM now() - pg_postmaster_start_time())"
            ).fetchone()
            (reset,) = connection.execute(
                "SELECT extract(epoch FROM now() - stats_reset) FROM pg_stat_bgwriter"
            ).fetchone()
        assert before is not None
        # The server did not start anew, and yet nothing before the crash is counted.
        assert span.seconds <= reset + 1
        assert reset < up
        assert ("unknown", "") in told(server.conninfo(), "dead_rows", "vacuum")


def _counts_since(server):
    """Return since when a server counts, None while it does not answer."""
    try:
        with server.connect() as connection:
            (since,) = connection.execute(
                "SELECT stats_reset FROM pg_stat_bgwriter"
            ).fetchone()
    except psycopg.OperationalError:
        return None
    return since


@pytest.fixture(scope="module")
def followed(pair):
    """A primary with what a report may find, and its standby."""
    return filled(*pair)


def filled(primary, standby):
    """Make on a primary what a report may find; return it with its standby."""
    with primary.connect() as connection:
        for statement in (
            "CREATE TABLE t (id smallint GENERATED ALWAYS AS IDENTITY, a int)",
            "INSERT INTO t (a) SELECT generate_series(1, 1000)",
            "CREATE INDEX used ON t (a)",
            "CREATE INDEX twice ON t (a)",
            "SELECT setval('t_id_seq', 32000)",
            "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
            "CREATE ROLE guest LOGIN",
            "GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest",
            "CREATE UNLOGGED TABLE u (a int)",
        ):
            connection.execute(statement)
        if connection.info.server_version >= 150000:
            connection.execute("CREATE UNLOGGED SEQUENCE u_seq")
            connection.execute("SELECT nextval('u_seq')")
    standby.caught_up()
    return primary, standby


class TestStandby:
    @pytest.mark.parametrize("user", ["postgres", "guest"])
    def test_every_check_answers_on_a_standby(self, followed, user):
        target = psycopg.conninfo.make_conninfo(followed[1].conninfo(), user=user)
        report = analyze_db_health(target)
        assert not [each for each in report.findings if "_refused" in each.code]

    @pytest.mark.usefixtures("judged_at_once")
    def test_a_standby_calls_no_index_unused_and_changes_nothing_itself(self, followed):
        target = followed[1].conninfo()
        assert told(target, "index_unused") == {("unknown", "")}
        assert told(target, "dead_rows", "vacuum") == {("unknown", "")}
        assert ("critical", "t.id") in told(target, "sequence_running_out", "sequence")
        changing = [
            fix
            for fix in advice(target)
            if any(word in fix for word in ("DROP", "ALTER", "REINDEX", "VACUUM"))
        ]
        assert len(changing) >= 3
        assert all(fix.startswith("on the primary: ") for fix in changing)

    @pytest.mark.usefixtures("judged_at_once")
    def test_with_standbys_the_primary_alone_calls_no_index_unused(self, followed):
        with followed[0].connect() as connection:
            counting_begins(connection)
        assert ("unknown", "used") in told(followed[0].conninfo(), "index_unused")
        fixes = [each.fix for each in of(followed[0].conninfo(), "index_unused")]
        assert not [fix for fix in fixes if "DROP" in fix]

    def test_after_its_promotion_only_what_came_since_is_judged(self, server):
        # A pair of its own: it ends being a standby.
        with primary_and_standby(server) as both:
            self.judge_promoted(*filled(*both))

    def judge_promoted(self, primary, standby):
        with standby.connect() as connection:
            (following,) = connection.execute(
                "SELECT extract(epoch FROM now() - pg_postmaster_start_time())"
            ).fetchone()
        primary.stop()
        standby.promote()
        try:
            span = read(standby.conninfo(), counted_span)
            assert 0 <= span.seconds < float(following) + 60
            with standby.connect() as connection:
                (written,) = connection.execute(
                    "SELECT extract(epoch FROM clock_timestamp() - max(modification))"
                    " FROM pg_ls_waldir() WHERE name = '00000002.history'"
                ).fetchone()
            assert span.seconds <= float(written)
            guest = psycopg.conninfo.make_conninfo(standby.conninfo(), user="guest")
            hidden = read(guest, counted_span)
            assert hidden.seconds is None
            assert hidden.fix == "ask as a member of pg_monitor"
            assert not [
                each
                for each in analyze_db_health(standby.conninfo()).findings
                if "_refused" in each.code
            ]
            # An unlogged sequence may have lost its file (seen with 15); the others stay.
            report = analyze_db_health(standby.conninfo(), "sequence")
            assert ("critical", "t.id") in {
                (str(each.status), each.subject) for each in report.problems
            }
        finally:
            primary.start()


class TestIndexesBeingBuilt:
    def test_one_that_another_role_is_building_is_not_invalid(
        self, database, sql, role
    ):
        connection = sql("CREATE TABLE t (a int)", "GRANT SELECT ON t TO public")
        with psycopg.connect(database) as reader:
            # A transaction that has a snapshot: the build waits for its end.
            reader.execute("SELECT count(*) FROM t")
            writer = psycopg.connect(database)
            writer.execute("INSERT INTO t VALUES (1)")
            build = threading.Thread(
                target=_run_alone,
                args=(database, "CREATE INDEX CONCURRENTLY slow ON t (a)"),
            )
            build.start()
            try:
                holds(
                    lambda: connection.execute(
                        "SELECT count(*) FROM pg_class WHERE relname = 'slow'"
                    ).fetchone()[0]
                )
                for target in (database, role):
                    found = told(target, "index_invalid")
                    assert ("unknown", "slow") in found
                    assert not [fix for fix in advice(target, "index") if "DROP" in fix]
            finally:
                writer.rollback()
                writer.close()
                reader.rollback()
                build.join()
        assert told(role, "index_invalid") == {("ok", "")}

    def test_a_session_that_builds_is_not_one_to_end(self, database, sql):
        sql("CREATE TABLE t (a int)")
        with psycopg.connect(database) as writer:
            writer.execute("INSERT INTO t VALUES (1)")
            build = threading.Thread(
                target=_run_alone,
                args=(database, "CREATE INDEX CONCURRENTLY slow ON t (a)"),
            )
            build.start()
            with psycopg.connect(database, autocommit=True) as other:
                holds(
                    lambda: other.execute(
                        "SELECT count(*) FROM pg_stat_progress_create_index"
                    ).fetchone()[0]
                )
                (pid,) = other.execute(
                    "SELECT pid FROM pg_stat_progress_create_index"
                ).fetchone()
            report = analyze_db_health(
                database, "connection", long_transaction_seconds=0
            )
            writer.rollback()
            build.join()
        assert f"pid {pid}" not in {each.subject for each in report.problems}


def _run_alone(database, statement):
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(statement)


class TestDuplicates:
    def test_uniqueness_of_another_kind_is_no_duplicate(self, database, sql):
        connection = sql(
            "CREATE TABLE t (a int)", "CREATE UNIQUE INDEX strict ON t (a)"
        )
        connection.execute(
            "ALTER TABLE t ADD CONSTRAINT late UNIQUE (a) DEFERRABLE INITIALLY DEFERRED"
        )
        if connection.info.server_version >= 150000:
            connection.execute("CREATE UNIQUE INDEX nulls ON t (a) NULLS NOT DISTINCT")
        assert told(database, "index_duplicate") == {("ok", "")}


class TestVersions:
    def test_no_table_waits_for_more_dead_rows_than_the_servers_most(
        self, database, sql
    ):
        connection = sql(
            "CREATE TABLE t (a int) WITH (autovacuum_vacuum_threshold = 1000000)"
        )
        if connection.info.server_version < 180000:
            pytest.skip("autovacuum_vacuum_max_threshold came with PostgreSQL 18")
        connection = sql(
            "ALTER TABLE t SET (autovacuum_vacuum_max_threshold = 100)",
            "INSERT INTO t SELECT generate_series(1, 1000)",
            "DELETE FROM t WHERE a <= 900",
        )
        counted(connection, "t", 900)
        assert ("warning", "t") in told(database, "dead_rows", "vacuum")

    def test_a_constraint_for_people_alone_is_not_one_to_validate(self, database, sql):
        connection = sql("CREATE TABLE t (a int)")
        if connection.info.server_version < 180000:
            pytest.skip("NOT ENFORCED came with PostgreSQL 18")
        sql("ALTER TABLE t ADD CONSTRAINT told CHECK (a > 0) NOT ENFORCED")
        assert told(database, "constraint_unvalidated", "constraint") == {("ok", "")}

    def test_settings_of_a_role_change_no_answer(self, database, sql, role):
        name = psycopg.conninfo.conninfo_to_dict(role)["user"]
        sql(
            "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY)",
            "CREATE SCHEMA theirs",
            "GRANT USAGE ON SCHEMA theirs TO public",
            "CREATE VIEW theirs.pg_index AS SELECT 1 AS indexrelid",
            "CREATE VIEW theirs.pg_class AS SELECT 1 AS oid",
            f"ALTER ROLE {name} SET default_transaction_isolation = 'serializable'",
            f"ALTER ROLE {name} SET datestyle = 'German'",
            f"ALTER ROLE {name} SET intervalstyle = 'sql_standard'",
            f"ALTER ROLE {name} SET search_path = theirs, pg_catalog, public",
            f"ALTER ROLE {name} SET statement_timeout = '1ms'",
        )
        report = analyze_db_health(role)
        assert not [each for each in report.findings if "_refused" in each.code]
        assert len(report.findings) >= len(report.checks)


SHAPES = [
    "id",
    "few",
    "zone",
    "name",
    "number",
    "half",
    "mood",
    "nothing",
    "three",
    "zone, at",
    "zone, few",
    "few, mood",
]


@pytest.fixture(scope="module")
def sized(server):
    """A table whose columns repeat their values in every way."""
    name = server.create_database()
    with psycopg.connect(server.conninfo(name), autocommit=True) as connection:
        connection.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
        connection.execute(
            "CREATE TABLE t AS SELECT g AS id, g % 100 AS few, 'zone' || g % 10 AS zone,"
            " 'name' || g AS name, (g % 7)::numeric AS number, 'ok'::mood AS mood,"
            " CASE WHEN g % 2 = 0 THEN g END AS half, NULL::int AS nothing, g / 3 AS three,"
            " timestamptz '2026-01-01' + g * interval '1 minute' AS at"
            " FROM generate_series(1, 100000) g"
        )
        connection.execute("ANALYZE t")
    yield server.conninfo(name)
    server.drop_database(name)


@pytest.mark.parametrize("columns", SHAPES)
def test_what_an_index_would_take_is_what_it_takes(sized, columns):
    with psycopg.connect(sized) as connection:
        connection.execute(f"CREATE INDEX made ON t ({columns})")
        real, table = connection.execute(
            "SELECT pg_relation_size('made'), 't'::regclass::oid::bigint"
        ).fetchone()
        connection.rollback()
    tree = Tree(table, tuple(columns.split(", ")))
    (expected,) = read(sized, lambda session: compact_bytes(session, [tree]))
    assert expected == pytest.approx(real, rel=0.1)
