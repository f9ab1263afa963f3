"""`switchbot-store ops` as a person and as a script use it."""

import json

import pytest
from click.testing import CliRunner

from switchbot_store.cli.app import application


@pytest.fixture
def run(database_url, sql_of):
    """Run a command on a database of its own; its exit code, output and errors."""
    environment = {"STORE_BACKEND": "postgres", "POSTGRES_URL": database_url}

    def command(*arguments):
        result = CliRunner().invoke(application, ["ops", *arguments], env=environment)
        return result.exit_code, result.stdout, result.stderr

    sql_of("CREATE TABLE t (id smallint GENERATED ALWAYS AS IDENTITY, a int)")
    return command


def test_a_healthy_database_and_what_was_examined(run):
    code, out, _ = run("health", "--checks", "sequence,constraint", "--all")
    assert code == 0
    assert "examined 1 of 1 sequences: all have room" in out


def test_a_problem_is_shown_with_its_fix_and_in_the_exit_code(run, sql_of):
    sql_of("SELECT setval('t_id_seq', 32000)")
    code, out, _ = run("health", "--checks", "sequence")
    assert code == 1
    assert "CRITICAL" in out
    assert "t.id" in out
    code, out, _ = run("health", "--checks", "sequence", "--json")
    assert json.loads(out)["overall_status"] == "critical"


def test_a_wrong_check_is_a_wrong_question(run):
    code, _, err = run("health", "--checks", "everything")
    assert code == 2
    assert "no check everything; there are all, index" in err


def test_objects_down_to_one(run):
    assert "public" in run("objects")[1]
    assert json.loads(run("objects", "public", "--json")[1])[0]["name"] == "t"
    assert "smallint" in run("objects", "public", "t")[1]
    assert "last_value" in run("objects", "public", "t_id_seq")[1]


def test_plans_and_what_needs_an_extension(run):
    assert "Seq Scan on t" in run("explain", "SELECT * FROM t WHERE a = 1")[1]
    code, _, err = run("top")
    assert code == 1
    assert "pg_stat_statements" in err
    code, _, err = run("indexes", "SELECT * FROM t")
    assert code == 1
    assert "hypopg" in err
    code, _, err = run("explain", "DROP TABLE t")
    assert code == 1
    assert "only SELECT" in err


def test_without_postgresql_it_says_what_to_set(tmp_path):
    result = CliRunner().invoke(
        application, ["ops", "health"], env={"STORE_DIRECTORY": str(tmp_path)}
    )
    assert result.exit_code == 2
    assert "POSTGRES_URL" in result.stderr
