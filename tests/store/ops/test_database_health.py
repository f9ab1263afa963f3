"""Crafted databases give exactly the findings that they should."""

import threading

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from switchbot_store import FailoverStore, MemoryStore, PostgresStore, StoreConfigError
from switchbot_store.ops import CHECKS, Status, analyze_db_health
from tests.store.ops.conftest import counted


def problems(target, check, **options):
    """The findings that are not ok: code, status and subject."""
    report = analyze_db_health(target, check, **options)
    return {(each.code, str(each.status), each.subject) for each in report.problems}


def fixes(target, check):
    return [each.fix for each in analyze_db_health(target, check).problems if each.fix]


class TestIndexes:
    def test_an_empty_database_has_nothing_wrong(self, database):
        report = analyze_db_health(database, "index")
        assert report.problems == ()
        assert "examined 0 of 0 indexes" in report.findings[0].message

    def test_a_failed_concurrent_build_leaves_an_invalid_unique_index(
        self, database, sql
    ):
        sql("CREATE TABLE t (a int)", "INSERT INTO t VALUES (1), (1)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            sql("CREATE UNIQUE INDEX CONCURRENTLY broken ON t (a)")
        found = problems(database, "index")
        assert ("index_invalid", "critical", "broken") in found
        assert any(
            "REINDEX INDEX CONCURRENTLY broken" in fix
            for fix in fixes(database, "index")
        )

    def test_of_two_equal_indexes_the_newer_is_named_once(self, database, sql):
        sql("CREATE TABLE t (a int, b text)", "CREATE INDEX one ON t (a, b)")
        sql("CREATE INDEX two ON t (a, b)")
        assert problems(database, "index") - {_young()} == {
            ("index_duplicate", "warning", "two")
        }

    def test_the_index_of_a_constraint_is_never_the_one_to_drop(self, database, sql):
        sql("CREATE TABLE t (a int)", "CREATE UNIQUE INDEX mine ON t (a)")
        sql("ALTER TABLE t ADD CONSTRAINT theirs UNIQUE (a)")
        assert problems(database, "index") - {_young()} == {
            ("index_duplicate", "warning", "mine")
        }

    def test_the_beginning_of_another_index_is_redundant(self, database, sql):
        sql("CREATE TABLE t (a int, b int)", "CREATE INDEX short ON t (a)")
        sql("CREATE INDEX long ON t (a, b)")
        assert problems(database, "index") - {_young()} == {
            ("index_duplicate", "warning", "short")
        }

    @pytest.mark.parametrize(
        "second",
        [
            "CREATE INDEX two ON t (b, a)",
            "CREATE INDEX two ON t (a DESC, b)",
            "CREATE INDEX two ON t (a, b) WHERE a > 0",
            "CREATE INDEX two ON t (a, b text_pattern_ops)",
            'CREATE INDEX two ON t (a, b COLLATE "C")',
            "CREATE INDEX two ON t (coalesce(a, 1), b)",
            "CREATE UNIQUE INDEX two ON t (a)",
            "CREATE INDEX two ON t USING hash (a)",
        ],
    )
    def test_indexes_that_differ_in_what_they_serve_are_no_duplicates(
        self, database, sql, second
    ):
        sql("CREATE TABLE t (a int, b text)", "CREATE INDEX one ON t (a, b)", second)
        found = {code for code, _, _ in problems(database, "index")}
        assert found <= {"index_unused"}

    def test_expressions_with_commas_are_compared_as_parsed(self, database, sql):
        sql("CREATE TABLE t (a text)")
        sql("CREATE INDEX one ON t (replace(a, ', ', ','))")
        sql("CREATE INDEX two ON t (replace(a, ', ', ','))")
        sql("CREATE INDEX three ON t (replace(a, ',', ', '))")
        assert problems(database, "index") - {_young()} == {
            ("index_duplicate", "warning", "two")
        }

    def test_scans_of_a_young_server_do_not_call_an_index_unused(self, database, sql):
        sql("CREATE TABLE t (a int)", "CREATE INDEX one ON t (a)")
        report = analyze_db_health(database, "index")
        (unused,) = [each for each in report.findings if each.code == "index_unused"]
        assert unused.status is Status.UNKNOWN
        assert (unused.examined, unused.total) == (0, 1)

    def test_a_bloated_index_is_measured_small_ones_are_not_worth_it(
        self, database, sql
    ):
        sql(
            "CREATE TABLE t (a int) WITH (autovacuum_enabled = off)",
            "INSERT INTO t SELECT g FROM generate_series(1, 200000) g",
            "CREATE INDEX grown ON t (a)",
            "DELETE FROM t WHERE a % 10 <> 0",
            "VACUUM ANALYZE t",
        )
        assert ("index_bloated", "warning", "grown") in problems(database, "index")
        sql("REINDEX INDEX grown")
        codes = {code for code, _, _ in problems(database, "index")}
        assert "index_bloated" not in codes

    def test_bloat_without_statistics_is_unknown(self, database, sql):
        sql("CREATE TABLE t (a int) WITH (autovacuum_enabled = off)")
        sql("CREATE INDEX fresh ON t (a)")
        sql("INSERT INTO t SELECT g FROM generate_series(1, 100000) g")
        assert ("index_bloated", "unknown", "") in problems(database, "index")


def _young():
    return ("index_unused", "unknown", "")


class TestSequences:
    def test_an_identity_column_at_95_percent_of_smallint_is_critical(
        self, database, sql
    ):
        sql("CREATE TABLE t (id smallint GENERATED ALWAYS AS IDENTITY)")
        sql("SELECT setval('t_id_seq', 31129)")
        assert problems(database, "sequence") == {
            ("sequence_running_out", "critical", "t.id")
        }

    def test_a_serial_of_a_bigint_sequence_ends_with_its_integer_column(
        self, database, sql
    ):
        sql("CREATE SEQUENCE s AS bigint")
        sql("CREATE TABLE t (id int DEFAULT nextval('s'))")
        sql("SELECT setval('s', 1750000000)")
        assert problems(database, "sequence") == {
            ("sequence_running_out", "warning", "t.id")
        }

    def test_a_descending_sequence_runs_out_downwards(self, database, sql):
        sql("CREATE SEQUENCE s AS smallint INCREMENT -1 MINVALUE -1000")
        sql("SELECT setval('s', -990)")
        assert problems(database, "sequence") == {
            ("sequence_running_out", "critical", "s")
        }

    def test_one_that_cycles_or_was_never_used_is_well(self, database, sql):
        sql("CREATE SEQUENCE round AS smallint CYCLE", "SELECT setval('round', 32767)")
        sql("CREATE TABLE t (id smallint GENERATED ALWAYS AS IDENTITY)")
        report = analyze_db_health(database, "sequence")
        assert report.overall_status is Status.OK
        assert report.findings[-1].total == 2

    def test_a_sequence_that_may_not_be_read_is_unknown(self, database, sql, role):
        sql("CREATE TABLE t (id smallint GENERATED ALWAYS AS IDENTITY)")
        sql("SELECT setval('t_id_seq', 32000)")
        assert problems(role, "sequence") == {("sequence_running_out", "unknown", "")}


class TestConstraints:
    def test_an_unvalidated_constraint_is_found(self, database, sql):
        sql("CREATE TABLE t (a int)", "INSERT INTO t VALUES (-1)")
        sql("ALTER TABLE t ADD CONSTRAINT positive CHECK (a > 0) NOT VALID")
        assert problems(database, "constraint") == {
            ("constraint_unvalidated", "warning", "t.positive")
        }
        assert fixes(database, "constraint") == [
            "ALTER TABLE t VALIDATE CONSTRAINT positive;"
        ]


class TestTransactions:
    def test_one_left_open_is_named_with_its_process(self, database, sql):
        with psycopg.connect(database, application_name="sleeper") as other:
            other.execute("SELECT 1")
            pid = other.info.backend_pid
            found = problems(database, "connection", long_transaction_seconds=0)
        assert ("long_transaction", "warning", f"pid {pid}") in found

    def test_short_ones_are_well(self, database):
        with psycopg.connect(database) as other:
            other.execute("SELECT 1")
            assert problems(database, "connection") == set()

    def test_those_of_others_are_unknown_to_a_role_without_privileges(
        self, database, sql, role
    ):
        assert ("long_transaction", "unknown", "") in problems(role, "connection")

    def test_connections_are_counted_against_what_the_server_allows(
        self, server, database
    ):
        held = []
        try:
            # 20 of which 3 are kept for superusers.
            held.extend(psycopg.connect(database) for _ in range(14))
            found = problems(database, "connection")
        finally:
            for connection in held:
                connection.close()
        assert ("connections_used", "warning", "") in found


class TestVacuum:
    def test_dead_rows_beyond_the_tables_own_threshold(self, database, sql):
        connection = sql(
            "CREATE TABLE t (a int) WITH (autovacuum_vacuum_threshold = 100,"
            " autovacuum_vacuum_scale_factor = 0)",
            "INSERT INTO t SELECT generate_series(1, 1000)",
            "DELETE FROM t WHERE a <= 900",
        )
        counted(connection, "t", 900)
        found = problems(database, "vacuum")
        assert ("dead_rows", "warning", "t") in found
        assert ("dead_rows", "warning", "autovacuum") in found

    def test_ages_are_measured_by_the_servers_own_limits(self, server, database, sql):
        sql("CREATE TABLE t (a int)")
        _burn(sql, 101_000)
        codes = {
            (code, status)
            for code, status, subject in problems(database, "vacuum")
            if subject == "t"
        }
        assert codes == {("transaction_id_age", "warning")}
        _burn(sql, 6_000)
        codes = {
            (code, status)
            for code, status, subject in problems(database, "vacuum")
            if subject == "t"
        }
        assert codes == {("transaction_id_age", "critical")}


def _burn(sql, count):
    """Use up transaction ids: each exception block that writes takes one."""
    sql(
        "CREATE TEMP TABLE IF NOT EXISTS burnt (a int)",
        f"""DO $$ BEGIN FOR i IN 1..{count} LOOP
            BEGIN INSERT INTO burnt VALUES (i); EXCEPTION WHEN OTHERS THEN NULL; END;
        END LOOP; END $$""",
    )


class TestReplication:
    def test_no_slots_and_no_standbys_are_well(self, database):
        assert problems(database, "replication") == set()

    def test_a_slot_that_nobody_reads_is_named(self, database, sql):
        sql("SELECT pg_create_physical_replication_slot('forgotten', true)")
        try:
            assert problems(database, "replication") == {
                ("replication_slots", "warning", "forgotten")
            }
        finally:
            sql("SELECT pg_drop_replication_slot('forgotten')")


class TestBuffers:
    def test_a_cache_that_holds_all_there_is_is_well(self, database, sql):
        sql("CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)", "SELECT * FROM t")
        assert problems(database, "buffer") == set()


class TestReports:
    def test_all_checks_and_their_sum(self, database):
        report = analyze_db_health(database)
        assert report.checks == tuple(CHECKS)
        document = report.to_dict()
        assert document["overall_status"] == str(report.overall_status)
        assert {each["check"] for each in document["findings"]} == set(CHECKS)
        assert all(each["message"] for each in document["findings"])

    def test_another_name_is_refused_with_those_there_are(self, database):
        with pytest.raises(ValueError, match=r"no check indices; there are all, index"):
            analyze_db_health(database, "index,indices")

    def test_stores_pools_and_connection_strings_are_asked_alike(
        self, database, tmp_path
    ):
        store = PostgresStore(database)
        with (
            store,
            FailoverStore(PostgresStore(database), tmp_path) as failover,
            ConnectionPool(database, min_size=1, max_size=1, open=True) as pool,
        ):
            reports = [
                analyze_db_health(target, "sequence,constraint")
                for target in (store, failover, pool, database)
            ]
        assert len({str(report.to_dict()) for report in reports}) == 1

    def test_a_store_that_is_no_postgresql_is_refused(self):
        with (
            MemoryStore() as store,
            pytest.raises(StoreConfigError, match="MemoryStore"),
        ):
            analyze_db_health(store)

    def test_nothing_is_changed_and_a_given_pool_comes_back_whole(self, database, sql):
        with ConnectionPool(database, min_size=1, max_size=1, open=True) as pool:
            analyze_db_health(pool)
            with pool.connection(timeout=1) as connection:
                assert not connection.autocommit
                assert connection.execute("SHOW statement_timeout").fetchone() == ("0",)
                assert connection.execute("SHOW transaction_read_only").fetchone() == (
                    "off",
                )

    def test_reports_of_many_threads_do_not_mix(self, database):
        found = []
        threads = [
            threading.Thread(
                target=lambda: found.append(analyze_db_health(database, "sequence"))
            )
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [report.overall_status for report in found] == [Status.OK] * 4
