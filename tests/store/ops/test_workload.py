"""What a server ran, by pg_stat_statements, and the indexes that would have helped it."""

import psycopg
import pytest

from switchbot_store.ops import analyze_workload_indexes, get_top_queries

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
    except psycopg.errors.FeatureNotSupported:
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
    except psycopg.errors.FeatureNotSupported:
        assert "hypopg" in analyze_workload_indexes(worked).how_to
        return
    advice = analyze_workload_indexes(worked)
    assert advice.how_to == ""
    best = advice.recommendations[0]
    assert (best.table, best.columns[0]) == ("readings", "zone")
    assert best.gain > 0.5
    assert best.estimated_bytes > 8192
    assert any("FROM readings WHERE zone" in each for each in best.queries)
