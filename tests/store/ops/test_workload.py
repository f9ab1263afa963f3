"""What a server ran, by pg_stat_statements, and the indexes that would have helped it."""

import psycopg
import pytest

from switchbot_store.ops import (
    analyze_query_indexes,
    analyze_workload_indexes,
    get_top_queries,
    plans,
)
from switchbot_store.ops.statements.validation import validated

# Before PostgreSQL 15 an extension that the server lacks was a file that is not there.
NO_EXTENSION = (psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFile)
BY_ZONE = "SELECT value FROM readings WHERE zone = 'z7'"


@pytest.fixture
def worked(database, sql):
    """A database that answered one query 30 times, where the server counts."""
    run = sql(
        "CREATE TABLE readings (id bigint PRIMARY KEY, zone text, value float8)",
        "INSERT INTO readings SELECT g, 'z' || g % 100, g % 30"
        " FROM generate_series(1, 20000) g",
        "ANALYZE readings",
    )
    if not _made(run, "pg_stat_statements"):
        assert "shared_preload_libraries" in get_top_queries(database).how_to
        assert "pg_stat_statements" in analyze_workload_indexes(database).how_to
        pytest.skip("this PostgreSQL comes without pg_stat_statements")
    run.execute("SELECT pg_stat_statements_reset()")
    for _ in range(30):
        run.execute(BY_ZONE)
    return database


def _made(connection: psycopg.Connection, extension: str) -> bool:
    """Make an extension, if the server has it and is ready for it."""
    try:
        connection.execute(f"CREATE EXTENSION {extension}")
        connection.execute("SELECT FROM pg_stat_statements LIMIT 1")
    except NO_EXTENSION:
        return False
    except psycopg.errors.ObjectNotInPrerequisiteState:
        return False
    return True


def _of(top, part):
    return next(each for each in top.queries if part in each.query)


def test_the_costliest_query_is_told_with_its_calls(worked):
    top = get_top_queries(worked, sort_by="total_time")
    assert top.how_to == ""
    ours = _of(top, "FROM readings WHERE zone")
    assert (ours.calls, ours.rows) == (30, 30 * 200)
    assert ours.total_seconds == pytest.approx(30 * ours.mean_seconds)
    assert 0 < ours.share <= 1
    assert ours.blocks_hit > 0
    times = [each.total_seconds for each in top.queries]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize(
    ("order", "column"),
    [
        ("mean_time", "mean_seconds"),
        ("calls", "calls"),
        ("rows", "rows"),
        ("blocks_read", "blocks_read"),
        ("temp_blocks", "temp_blocks"),
    ],
)
def test_each_order_is_kept(worked, order, column):
    values = [
        getattr(each, column) for each in get_top_queries(worked, 5, order).queries
    ]
    assert values
    assert values == sorted(values, reverse=True)


def test_a_query_of_two_users_is_one(worked, sql, role):
    sql(
        "GRANT SELECT ON readings TO PUBLIC",
        f"SET ROLE {psycopg.conninfo.conninfo_to_dict(role)['user']}",
        BY_ZONE,
        "RESET ROLE",
    )
    found = [
        each.calls
        for each in get_top_queries(worked, 50).queries
        if "FROM readings WHERE zone" in each.query
    ]
    assert found == [31]


def test_the_texts_of_others_stay_hidden_and_nothing_fails(worked, sql, role):
    top = get_top_queries(role, 50)
    assert "readings" not in "".join(each.query for each in top.queries)
    assert any("insufficient privilege" in each.query for each in top.queries)


def test_an_index_for_what_ran_is_recommended(worked, sql):
    try:
        sql("CREATE EXTENSION hypopg")
    except NO_EXTENSION:
        assert "hypopg" in analyze_workload_indexes(worked).how_to
        return
    advice = analyze_workload_indexes(worked)
    assert advice.how_to == ""
    best = advice.recommendations[0]
    assert (best.table, best.columns[0]) == ("readings", "zone")
    assert best.gain > 0.5
    assert best.estimated_bytes > 8192
    assert any("FROM readings WHERE zone" in each for each in best.queries)


@pytest.fixture
def advised(worked, sql):
    """The same database where indexes can be supposed."""
    try:
        sql("CREATE EXTENSION hypopg")
    except NO_EXTENSION:
        pytest.skip("this PostgreSQL comes without hypopg")
    return worked


def test_queries_of_others_do_not_end_the_advice(advised, sql):
    connection = sql(
        "CREATE TABLE wide (a text, p point)",
        "CREATE TABLE many (" + ", ".join(f"c{n} text" for n in range(500)) + ")",
    )
    # What cannot be parsed, is no read, is gone, has a plan too long to be read, or names
    # columns that no index takes.
    long = "x" * 9000
    for statement in (
        "CREATE TABLE gone AS SELECT 1 AS a",
        "SELECT a FROM gone WHERE a = 1",
        "DROP TABLE gone",
        "SELECT a FROM wide WHERE p <@ box '((0,0),(1,1))' ORDER BY a",
        "SELECT extract(hour FROM now()), interval '1 day'",
        "SELECT * FROM many WHERE " + " OR ".join(f"c{n} = '{long}'" for n in range(9)),
        "UPDATE wide SET a = 'x'",
    ):
        connection.execute(statement)
    advice = analyze_workload_indexes(advised)
    assert [each.table for each in advice.recommendations] == ["readings"]
    assert advice.examined + len(advice.skipped) == advice.total


def test_one_plan_that_is_too_long_is_left_out(advised, monkeypatch):
    many = "SELECT value FROM readings WHERE zone = 'z7' AND id IN (" + ", ".join(
        map(str, range(3000))
    )
    monkeypatch.setattr(plans, "MAX_PLAN_BYTES", 10_000)
    advice = analyze_query_indexes(advised, [f"{many})", BY_ZONE])
    assert [each.columns for each in advice.recommendations] == [("zone",)]
    assert "longer than" in advice.skipped[f"{many})"]


def test_what_stands_behind_a_type_is_advised_on_as_well(advised, sql):
    run = sql(
        "ALTER TABLE readings ADD at timestamptz",
        "UPDATE readings SET at = now() - id * interval '1 minute'",
        "ANALYZE readings",
    )
    run.execute("SELECT pg_stat_statements_reset()")
    for _ in range(20):
        run.execute("SELECT value FROM readings WHERE at > now() - interval '1 hour'")
        run.execute(
            "SELECT value FROM readings WHERE at = timestamp with time zone '2020-01-01'"
        )
    advice = analyze_workload_indexes(advised)
    assert not [each for each in advice.skipped if "FROM readings" in each]
    assert advice.recommendations[0].columns == ("at",)


def test_the_size_of_a_supposed_index_is_that_of_the_real_one(advised, sql):
    (best,) = analyze_query_indexes(advised, [BY_ZONE]).recommendations
    connection = sql("CREATE INDEX made ON readings (zone)")
    (real,) = connection.execute("SELECT pg_relation_size('made')").fetchone()
    assert best.estimated_bytes == pytest.approx(real, rel=0.15)


@pytest.mark.parametrize(
    ("kept", "parsed"),
    [
        ("SELECT now() - interval $1", "SELECT now() - CAST($1 AS interval)"),
        (
            "SELECT interval $2 day to second(3), $1",
            "SELECT CAST($1 AS interval day to second(3)), $2",
        ),
        (
            "SELECT extract($1 FROM at) FROM t WHERE a = $2",
            "SELECT extract(epoch FROM at) FROM t WHERE a = $1",
        ),
        (
            "SELECT timestamp with time zone $1, x AT TIME ZONE $2",
            "SELECT CAST($1 AS timestamp with time zone), x AT TIME ZONE $2",
        ),
        (
            'SELECT numeric(10, 2) $1, double precision $2, public."Mood" $3',
            (
                "SELECT CAST($1 AS numeric(10, 2)), CAST($2 AS double precision),"
                ' CAST($3 AS public."Mood")'
            ),
        ),
        (
            "SELECT a FROM t ORDER BY $1 LIMIT $2 OFFSET $3",
            "SELECT a FROM t ORDER BY $1 LIMIT $2 OFFSET $3",
        ),
        (
            "SELECT a FROM t WHERE b IN ($1 /*, ... */) AND c BETWEEN $2 AND $3",
            "SELECT a FROM t WHERE b IN ($1 /*, ... */) AND c BETWEEN $2 AND $3",
        ),
    ],
)
def test_the_text_that_the_server_keeps_can_be_parsed(kept, parsed):
    assert validated(kept, parameters=True).text == parsed
