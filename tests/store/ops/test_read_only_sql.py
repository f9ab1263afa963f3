"""What may be asked in SQL, and the ways out that are closed."""

import psycopg
import pytest

from switchbot_store import SlowConnectionError, StoreDataError
from switchbot_store.ops import RefusedSqlError, execute_sql
from switchbot_store.ops.statements.reach import check_plan
from switchbot_store.ops.target import read

READS = [
    ("SELECT 1 AS one", [[1]]),
    ("SELECT a, b FROM t ORDER BY a", [[1, "x"], [2, "y"]]),
    ("SELECT count(*) FROM t WHERE b LIKE 'x%';", [[1]]),
    ("WITH c AS (SELECT max(a) AS m FROM t) SELECT m FROM c", [[2]]),
    ("VALUES (1, 'a'), (2, NULL)", [[1, "a"], [2, None]]),
    ("TABLE t ORDER BY 1", [[1, "x"], [2, "y"]]),
    ("SELECT b, row_number() OVER (ORDER BY a) FROM t", [["x", 1], ["y", 2]]),
    ("SELECT jsonb_build_object('a', 1) -> 'a'", [[1]]),
    ("SELECT x FROM generate_series(1, 3) AS g(x) WHERE x % 2 = 1", [[1], [3]]),
    ("SELECT extract(year FROM date '2026-05-04')::int", [[2026]]),
    ("SELECT v.b FROM v", [["x"]]),
    ("SELECT 'it''s; --'", [["it's; --"]]),
    ("SELECT relkind::text FROM pg_catalog.pg_class WHERE relname = 't'", [["r"]]),
    ("SHOW server_encoding", [["UTF8"]]),
    (
        "SELECT rolname::text FROM pg_roles WHERE rolname = 'pg_monitor'",
        [["pg_monitor"]],
    ),
    ("SELECT 'sad'::mood", [["sad"]]),
    ("SELECT 12345678901234567890::numeric", [["12345678901234567890"]]),
    # Half a surrogate pair: a text to PostgreSQL's json, and to no encoding.
    (r"""SELECT '{"a\ud800": ["\udc00"]}'::json""", [[{"a?": ["?"]}]]),
]

WRITES = [
    "INSERT INTO t VALUES (3)",
    "UPDATE t SET a = 3",
    "DELETE FROM t",
    "MERGE INTO t USING t AS s ON t.a = s.a WHEN MATCHED THEN DELETE",
    "TRUNCATE t",
    "DROP TABLE t",
    "CREATE TABLE u (a int)",
    "CREATE TABLE u AS SELECT 1",
    "SELECT 1 INTO u",
    "ALTER TABLE t ADD c int",
    "GRANT ALL ON t TO public",
    "COMMENT ON TABLE t IS 'x'",
    "WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d",
    "WITH i AS (INSERT INTO t VALUES (9) RETURNING *) SELECT * FROM i",
    "SELECT * FROM t FOR UPDATE",
    "SELECT * FROM t FOR SHARE",
    "SELECT nextval('s')",
    "SELECT setval('s', 5)",
    "SELECT pg_catalog.nextval('s')",
    "SELECT lo_create(1)",
    "SELECT lo_unlink(1)",
    "SELECT lo_from_bytea(0, '')",
    "REFRESH MATERIALIZED VIEW m",
    "REINDEX TABLE t",
    "VACUUM t",
    "ANALYZE t",
    "CLUSTER t",
    "EXPLAIN ANALYZE DELETE FROM t",
    "LOCK TABLE t",
    "NOTIFY c, 'x'",
    "SELECT pg_notify('c', 'x')",
    "LISTEN c",
]
REACHES = [
    "COPY t TO '/tmp/stolen'",
    "COPY t FROM PROGRAM 'id'",
    "COPY (SELECT 1) TO PROGRAM 'sh -c id'",
    "COPY (SELECT evil()) TO STDOUT",
    "COPY t FROM '/etc/passwd'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_read_binary_file('/etc/passwd')",
    "SELECT pg_ls_dir('/')",
    "SELECT pg_stat_file('/etc/passwd')",
    "SELECT pg_ls_logdir()",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_export(1, '/tmp/x')",
    "SELECT * FROM dblink('host=10.0.0.1', 'SELECT 1') AS d(a int)",
    "SELECT dblink_connect('host=10.0.0.1')",
    "SELECT pg_current_logfile()",
    "SELECT inet_server_addr()",
    "SELECT query_to_xml('DELETE FROM t', true, true, '')",
    "SELECT database_to_xml(true, true, '')",
    "SELECT ts_stat('SELECT to_tsvector(b) FROM t')",
    "SELECT ts_rewrite('a'::tsquery, 'SELECT a, b FROM t')",
    "SELECT pg_terminate_backend(1)",
    "SELECT pg_cancel_backend(1)",
    "SELECT pg_reload_conf()",
    "SELECT pg_rotate_logfile()",
    "SELECT pg_sleep(100)",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_switch_wal()",
    "SELECT pg_create_restore_point('x')",
    "SELECT pg_export_snapshot()",
    "SELECT pg_logical_emit_message(true, 'a', 'b')",
    "SELECT pg_promote()",
    "SELECT * FROM pg_hba_file_rules",
    "SELECT rolpassword FROM pg_authid",
    "SELECT passwd FROM pg_catalog.pg_shadow",
    "SELECT * FROM pg_user_mappings",
    "SELECT current_setting('primary_conninfo')",
    "SELECT set_config('role', 'postgres', false)",
    "SELECT setting FROM pg_settings",
    "SELECT setconfig FROM pg_db_role_setting",
    "SELECT rolconfig FROM pg_roles",
    # Compared with what is guessed, and nowhere named as a column.
    "SELECT rolname FROM pg_roles JOIN (SELECT ARRAY['a=b'] AS rolconfig) v USING (rolconfig)",
    "SELECT rolname FROM pg_roles NATURAL JOIN (SELECT ARRAY['a=b'] AS rolconfig) v",
    "SELECT usename FROM pg_user NATURAL LEFT JOIN (SELECT 1 AS usesysid) v",
    "SELECT * FROM pg_catalog.pg_roles",
    "SELECT to_json(r) FROM pg_roles AS r",
    "SELECT useconfig FROM pg_user",
    "SHOW ALL",
    "SHOW primary_conninfo",
    "SHOW hba_file",
    "SELECT * FROM other.public.t",
]
CONTROLS = [
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION postgres",
    "RESET ROLE",
    "SET statement_timeout = 0",
    "SET TRANSACTION READ WRITE",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT s",
    "PREPARE p AS DELETE FROM t",
    "EXECUTE p",
    "DECLARE c CURSOR FOR SELECT 1",
    "DISCARD ALL",
    "LOAD '/tmp/evil.so'",
    "DO $$ BEGIN DELETE FROM t; END $$",
    "CALL evil()",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE EXTENSION dblink",
    "ALTER SYSTEM SET work_mem = '1GB'",
    "SELECT $1",
]
ESCAPES = [
    "SELECT 1; DELETE FROM t",
    "SELECT 1; COMMIT; DELETE FROM t",
    "COMMIT; DROP TABLE t; --",
    "SELECT 1 /* ; */ ; /* */ TRUNCATE t",
    "SELECT 1;;DROP TABLE t",
    "",
    ";",
    "-- nothing",
    "SELECT 1\x00; DELETE FROM t",
    "SELECT E'\\'' || '; DELETE FROM t; --",
    "SELECT public.evil()",
    "SELECT evil()",
    "SELECT t.evil FROM t",
    "SELECT (t).evil FROM t",
    "SELECT initcap(a) FROM t",
    "SELECT * FROM evil_view",
    "SELECT * FROM view_of_view",
    "SELECT a ### 1 FROM t",
    "SELECT 'x'::evil_domain",
    "SELECT a FROM t ORDER BY evil(a)",
    "SELECT a FROM t GROUP BY a HAVING evil(a) > 0",
    "SELECT CASE WHEN true THEN pg_read_file('/etc/passwd') END",
    "SELECT (SELECT pg_sleep(100))",
    "SELECT * FROM ROWS FROM (pg_ls_dir('/')) AS f(x)",
    "SELECT array_agg(a ORDER BY pg_sleep(1)) FROM t",
    "SELECT count(*) FILTER (WHERE pg_sleep(1) IS NULL) FROM t",
    "SELECT * FROM t TABLESAMPLE system (pg_sleep(1))",
    "SELECT * FROM t, LATERAL pg_ls_dir('/') AS x",
    "SELECT \"pg_read_file\"('/etc/passwd')",
    "SELECT U&\"pg\\005fread_file\"('/etc/passwd')",
    "SELECT pg_read_file/**/('/etc/passwd')",
    "SELECT * FROM foreign_t",
    "SELECT * FROM parted",
]


CRAFTED = (
    "CREATE TABLE t (a int, b text)",
    "INSERT INTO t VALUES (1, 'x'), (2, 'y')",
    "CREATE SEQUENCE s",
    "CREATE TYPE mood AS ENUM ('sad', 'ok')",
    "CREATE VIEW v AS SELECT b FROM t WHERE a = 1",
    "CREATE MATERIALIZED VIEW m AS SELECT 1",
    "CREATE TABLE witness (a int)",
    "CREATE FUNCTION evil() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION evil(t) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION evil(int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    (
        "CREATE FUNCTION evil_rows() RETURNS SETOF int LANGUAGE plpgsql"
        " AS 'BEGIN RETURN NEXT 1; END'"
    ),
    "CREATE VIEW evil_view AS SELECT evil(a) FROM t",
    "CREATE VIEW view_of_view AS SELECT * FROM evil_view",
    "CREATE FUNCTION initcap(int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION plus(int, int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE OPERATOR ### (leftarg = int, rightarg = int, function = plus)",
    "CREATE FUNCTION fine(text) RETURNS bool LANGUAGE sql AS 'SELECT true'",
    "CREATE DOMAIN evil_domain AS text CHECK (fine(VALUE))",
    "CREATE FOREIGN DATA WRAPPER nobody",
    "CREATE SERVER elsewhere FOREIGN DATA WRAPPER nobody",
    "CREATE FOREIGN TABLE foreign_t (a int) SERVER elsewhere",
    "CREATE TABLE parted (a int) PARTITION BY LIST (a)",
    "CREATE FOREIGN TABLE part PARTITION OF parted FOR VALUES IN (1) SERVER elsewhere",
)


@pytest.fixture(scope="module")
def target(server):
    """A database with data, and with everything an attacker may have left in it.

    One for all tests: nothing that they do may change it.
    """
    name = server.create_database()
    with psycopg.connect(server.conninfo(name), autocommit=True) as connection:
        for statement in CRAFTED:
            connection.execute(statement)
    yield server.conninfo(name)
    server.drop_database(name)


@pytest.mark.parametrize(("statement", "rows"), READS)
def test_reads_are_answered(target, statement, rows):
    assert execute_sql(target, statement).to_dict()["rows"] == rows


@pytest.mark.parametrize("statement", [*WRITES, *REACHES, *CONTROLS, *ESCAPES])
def test_what_could_change_or_reach_anything_is_refused(target, statement):
    with pytest.raises(RefusedSqlError):
        execute_sql(target, statement)


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("SELECT * FROM t FOR UPDATE", "its plan has a LockRows"),
        ("INSERT INTO t VALUES (3)", r"its plan has a ModifyTable \(t\)"),
        ("WITH w AS (DELETE FROM t RETURNING a) SELECT * FROM w", "ModifyTable"),
        ("SELECT * FROM t JOIN evil_rows() AS e ON e = a", r"evil_rows\(\)"),
        (f"SELECT {'(' * 20}SELECT a FROM t FOR SHARE{')' * 20}", "LockRows"),
    ],
)
def test_the_plan_refuses_by_itself_what_is_no_plain_read(target, statement, why):
    """No look-up comes before it here: each defence holds alone."""
    with pytest.raises(RefusedSqlError, match=why):
        read(target, lambda session: check_plan(session, statement))


@pytest.mark.parametrize(("statement", "rows"), READS)
def test_the_plan_refuses_no_read(target, statement, rows):
    if not statement.upper().startswith("SHOW"):
        read(target, lambda session: check_plan(session, statement.rstrip("; \n")))


def test_there_are_enough_ways_out_tried():
    assert len({*WRITES, *REACHES, *CONTROLS, *ESCAPES}) >= 60


def test_after_all_attempts_the_database_is_as_it_was(target):
    for statement in (*WRITES, *CONTROLS, *ESCAPES):
        with pytest.raises(StoreDataError):
            execute_sql(target, statement)
    with psycopg.connect(target) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (2,)
        row = connection.execute("SELECT last_value, is_called FROM s").fetchone()
        assert row == (1, False)


def test_the_servers_string_syntax_does_not_open_another_reading(database, sql):
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    sql("CREATE TABLE t (a int)")
    sql(f"ALTER DATABASE {name} SET standard_conforming_strings = off")
    # One string for PostgreSQL's parser; with the old syntax it would end elsewhere.
    text = "SELECT '\\', (SELECT count(*) FROM t), '"
    with pytest.raises(StoreDataError):
        execute_sql(database, text)
    assert execute_sql(database, "SELECT '\\'").rows == (("\\",),)


def test_rows_and_bytes_are_limited_and_it_says_so(target):
    many = execute_sql(target, "SELECT generate_series(1, 100000)", max_rows=10)
    assert (len(many.rows), many.truncated) == (10, True)
    wide = execute_sql(
        target, "SELECT repeat('x', 1000) FROM generate_series(1, 100)", max_bytes=5000
    )
    assert (len(wide.rows), wide.truncated) == (4, True)
    exact = execute_sql(target, "SELECT generate_series(1, 10)", max_rows=10)
    assert (len(exact.rows), exact.truncated) == (10, False)


def test_a_statement_ends_at_its_timeout(target):
    with pytest.raises(SlowConnectionError):
        execute_sql(
            target,
            "SELECT count(*) FROM generate_series(1, 1000000000)",
            timeout_seconds=0.3,
        )


def test_what_the_server_says_of_a_wrong_statement_is_told(target):
    with pytest.raises(StoreDataError, match='column "nothing" does not exist'):
        execute_sql(target, "SELECT nothing FROM t")
