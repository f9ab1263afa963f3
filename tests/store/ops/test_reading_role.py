"""A role that may read and nothing else, made, looked at, and told of where it is missing."""

import json

import psycopg
import pytest
from click.testing import CliRunner
from psycopg_pool import ConnectionPool

from switchbot_store import StoreDataError
from switchbot_store.cli.app import application
from switchbot_store.ops import (
    RefusedSqlError,
    execute_sql,
    make_role,
    reading_rights,
)
from switchbot_store.ops.target import read


@pytest.fixture
def reader(database, sql):
    """The connection string of a role that was made for reading."""
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"] + "_reader"
    sql("CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)")
    # Until 15 everybody may create there.
    sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    made = make_role(database, name, "a secret of its own")
    assert made.beyond_select == ()
    yield psycopg.conninfo.make_conninfo(database, user=name)
    sql(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def test_it_reads_and_the_server_keeps_it_from_the_rest(reader, sql):
    sql("CREATE TABLE later (a int)")
    assert reading_rights(reader) == ()
    answer = execute_sql(reader, "SELECT a FROM t", only_reading_role=True)
    assert (answer.rows, answer.beyond_select) == (((1,),), ())
    assert execute_sql(reader, "SELECT a FROM later").rows == ()
    with psycopg.connect(reader, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        for statement in (
            "INSERT INTO t VALUES (2)",
            "CREATE TABLE u ()",
            "DROP TABLE t",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("GRANT INSERT ON t TO {}", "may change public.t"),
        ("ALTER ROLE {} CREATEDB", "may create roles or databases"),
        ("GRANT pg_read_server_files TO {}", "is a member of pg_read_server_files"),
        ("ALTER TABLE t OWNER TO {}", "owns public.t"),
        (
            "GRANT CREATE ON SCHEMA public TO {}",
            "may create objects in the schema public",
        ),
        (
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
            "may run public.f() with the rights of its owner",
        ),
    ],
)
def test_whatever_it_may_besides_is_told(reader, sql, given, told):
    sql(given.format(psycopg.conninfo.conninfo_to_dict(reader)["user"]))
    assert any(told in each for each in reading_rights(reader))
    with pytest.raises(RefusedSqlError, match="switchbot-store ops role"):
        execute_sql(reader, "SELECT 1", only_reading_role=True)
    assert execute_sql(reader, "SELECT 1").beyond_select == reading_rights(reader)


def test_a_superuser_is_told_what_protects(database):
    assert execute_sql(database, "SELECT 1").beyond_select[0] == "is a superuser"


def test_a_role_of_somebodys_own_is_never_changed(database, sql):
    with pytest.raises(StoreDataError, match="in use for something else"):
        make_role(database, "postgres", "x")


def test_the_command_makes_it_and_shows_no_password(database_url, sql_of):
    sql_of("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"] + "_asks"
    environment = {
        "STORE_BACKEND": "postgres",
        "POSTGRES_URL": database_url,
        "SWITCHBOT_OPS_PASSWORD": "hidden-word",
    }
    try:
        result = CliRunner().invoke(
            application, ["ops", "role", name, "--json"], env=environment
        )
        assert (result.exit_code, json.loads(result.stdout)["beyond_select"]) == (0, [])
        assert "hidden-word" not in result.output
    finally:
        sql_of(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def test_what_a_question_left_in_its_session_ends_the_session(database):
    with ConnectionPool(database, min_size=1, max_size=1, open=True) as pool:

        def pid():
            with pool.connection() as connection:
                return connection.info.backend_pid

        first = pid()
        read(pool, lambda session: session.rows("SELECT 1"))
        assert pid() == first
        read(pool, lambda session: session.rows("SELECT pg_advisory_lock(7)"))
        assert pid() != first


def test_locks_that_a_host_holds_are_left_alone(database):
    with ConnectionPool(database, min_size=1, max_size=1, open=True) as pool:
        with pool.connection() as connection:
            connection.execute("SELECT pg_advisory_lock(7)")
            held = connection.info.backend_pid
        execute_sql(pool, "SELECT 1")
        with pool.connection() as connection:
            assert connection.info.backend_pid == held
            assert connection.execute("SELECT pg_advisory_unlock(7)").fetchone() == (
                True,
            )
