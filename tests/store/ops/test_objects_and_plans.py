"""Schemas, objects, plans, and advice on indexes."""

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from switchbot_store import PostgresStore, StoreDataError
from switchbot_store.ops import (
    RefusedSqlError,
    analyze_query_indexes,
    analyze_workload_indexes,
    execute_sql,
    explain_query,
    get_object_details,
    get_top_queries,
    list_objects,
    list_schemas,
)
from switchbot_store.ops.plans import plan_of
from switchbot_store.ops.target import connections_of, read


@pytest.fixture(scope="module")
def filled(server):
    """A database with a large table without indexes, made once a server."""
    name = server.create_database()
    with psycopg.connect(server.conninfo(name), autocommit=True) as connection:
        for statement in (
            (
                "CREATE TABLE readings (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
                " zone text NOT NULL, at timestamptz DEFAULT now(), value float8)"
            ),
            "COMMENT ON COLUMN readings.value IS 'degrees Celsius'",
            (
                "INSERT INTO readings (zone, at, value) SELECT 'z' || g % 100,"
                " timestamptz '2026-01-01' + g * interval '1 minute', g % 30"
                " FROM generate_series(1, 20000) g"
            ),
            "CREATE VIEW warm AS SELECT * FROM readings WHERE value > 20",
            'CREATE TABLE "Odd name" ("a b" int)',
            "CREATE SCHEMA other",
            "ANALYZE readings",
        ):
            connection.execute(statement)
    yield server.conninfo(name)
    server.drop_database(name)


def has(target, extension):
    """Make an extension, if the server has it at all."""
    with psycopg.connect(target, autocommit=True) as connection:
        found = connection.execute(
            "SELECT FROM pg_available_extensions WHERE name = %s", [extension]
        ).fetchone()
        if found is None:
            return False
        connection.execute(f"CREATE EXTENSION IF NOT EXISTS {extension} SCHEMA other")
    return True


class TestObjects:
    def test_ones_own_schemas_come_first(self, filled):
        schemas = list_schemas(filled)
        assert [(each.name, each.system) for each in schemas[:2]] == [
            ("other", False),
            ("public", False),
        ]
        assert schemas[-1].system

    def test_objects_by_type_with_size_and_rows(self, filled):
        tables = {each.name: each for each in list_objects(filled, "public")}
        assert set(tables) == {"readings", "Odd name"}
        assert tables["readings"].estimated_rows == 20000
        assert tables["readings"].bytes > 1_000_000
        assert [each.name for each in list_objects(filled, "public", "view")] == [
            "warm"
        ]
        sequences = list_objects(filled, "public", "sequence")
        assert [each.name for each in sequences] == ["readings_id_seq"]
        assert "plpgsql" in {
            each.name for each in list_objects(filled, "pg_catalog", "extension")
        }

    def test_details_of_a_table(self, filled):
        document = get_object_details(filled, "public", "readings").to_dict()
        assert [column["name"] for column in document["columns"]] == [
            "id",
            "zone",
            "at",
            "value",
        ]
        assert document["columns"][0]["identity"] == "always"
        assert document["columns"][1]["nullable"] is False
        assert document["columns"][3]["comment"] == "degrees Celsius"
        assert document["indexes"][0]["name"] == "readings_pkey"

    def test_details_of_what_is_no_table(self, filled):
        assert "value" in get_object_details(filled, "public", "warm").definition
        sequence = get_object_details(filled, "public", "readings_id_seq").sequence
        assert sequence["last_value"] == 20000
        assert (
            get_object_details(filled, "public", "Odd name").columns[0]["name"] == "a b"
        )

    def test_what_there_is_not_is_told_with_what_there_is(self, filled):
        with pytest.raises(
            StoreDataError, match=r"no schema 'nope'; there are other, pub"
        ):
            list_objects(filled, "nope")
        with pytest.raises(StoreDataError, match="nothing named 'nope'"):
            get_object_details(filled, "public", "nope")
        with pytest.raises(ValueError, match="there are table, view"):
            list_objects(filled, "public", "tables")


class TestPlans:
    def test_a_plan_has_its_cost_and_a_readable_tree(self, filled):
        plan = explain_query(filled, "SELECT * FROM readings WHERE id = 5;")
        assert plan.plan["Node Type"] == "Index Scan"
        assert "Index Scan on readings_pkey" in plan.text
        assert plan.actual_seconds is None

    def test_analyze_measures(self, filled):
        plan = explain_query(filled, "SELECT count(*) FROM readings", analyze=True)
        assert plan.actual_seconds > 0

    def test_open_parameters_are_planned_for(self, filled):
        plan = explain_query(
            filled, "SELECT * FROM readings WHERE id = $1 AND zone = $2"
        )
        assert "Index" in plan.plan["Node Type"]
        again = explain_query(filled, "SELECT * FROM readings WHERE id = $1")
        assert again.total_cost > 0

    @pytest.mark.parametrize(
        "statement",
        [
            "DELETE FROM readings",
            "SELECT pg_sleep(1)",
            "SELECT 1; SELECT 2",
            "SELECT $1",
        ],
    )
    def test_what_is_no_read_is_not_analyzed(self, filled, statement):
        with pytest.raises(RefusedSqlError):
            explain_query(filled, statement, analyze=True)

    def test_an_index_that_is_only_supposed_changes_the_plan(self, filled):
        sql = "SELECT * FROM readings WHERE zone = 'z7'"
        supposed = ["CREATE INDEX ON readings (zone)"]
        if not has(filled, "hypopg"):
            with pytest.raises(StoreDataError, match="CREATE EXTENSION hypopg"):
                explain_query(filled, sql, hypothetical_indexes=supposed)
            return
        before = explain_query(filled, sql)
        after = explain_query(filled, sql, hypothetical_indexes=supposed)
        assert after.used == tuple(supposed)
        assert after.total_cost < before.total_cost
        assert explain_query(filled, sql).total_cost == before.total_cost

    def test_top_queries_without_the_extension_say_how_to_get_it(self, filled):
        top = get_top_queries(filled)
        assert top.queries == ()
        assert "shared_preload_libraries" in top.how_to

    def test_another_order_is_refused(self, filled):
        with pytest.raises(ValueError, match="there are total_time, mean_time"):
            get_top_queries(filled, sort_by="1; DROP TABLE readings")


class TestAdvice:
    def test_an_index_that_pays_is_recommended_with_gain_and_size(self, filled):
        sql = "SELECT value FROM readings WHERE zone = 'z7' AND at > '2026-01-10'"
        advice = analyze_query_indexes(filled, [sql])
        if not has(filled, "hypopg"):
            assert advice.recommendations == ()
            assert "CREATE EXTENSION hypopg" in advice.how_to
            return
        advice = analyze_query_indexes(filled, [sql])
        first = advice.recommendations[0]
        assert first.table == "readings"
        assert first.columns[0] == "zone"
        assert first.gain > 0.5
        assert first.estimated_bytes > 8192
        assert first.queries == (sql,)

    def test_a_query_that_is_served_already_needs_none(self, filled):
        if has(filled, "hypopg"):
            advice = analyze_query_indexes(
                filled, ["SELECT * FROM readings WHERE id = 7"]
            )
            assert advice.recommendations == ()
            assert advice.examined == 1

    def test_what_is_no_read_is_skipped_with_the_reason(self, filled):
        if has(filled, "hypopg"):
            advice = analyze_query_indexes(filled, ["DELETE FROM readings", "SELECT 1"])
            assert advice.examined == 1
            assert list(advice.skipped) == ["DELETE FROM readings"]

    def test_a_workload_without_statistics_says_how_to_get_them(self, filled):
        assert "pg_stat_statements" in analyze_workload_indexes(filled).how_to


class TestCompiling:
    """What the server would compile takes seconds where nothing but a plan is wanted."""

    @pytest.fixture(params=["on", "off"])
    def jit(self, request):
        return request.param

    @pytest.fixture
    def target(self, filled, jit):
        return psycopg.conninfo.make_conninfo(filled, options=f"-c jit={jit}")

    def test_looks_and_plans_are_not(self, target):
        assert read(target, lambda session: session.row("SHOW jit"))["jit"] == "off"

    def test_nor_is_what_a_store_asks(self, database, jit):
        target = psycopg.conninfo.make_conninfo(database, options=f"-c jit={jit}")
        with PostgresStore(target) as store:
            found = connections_of(store).call(
                lambda connection: connection.execute("SHOW jit").fetchone(),
                timeout_seconds=30,
            )
        assert found.value == ("off",)

    def test_a_persons_statement_is_where_the_server_would(self, target, jit):
        assert execute_sql(target, "SHOW jit").rows == ((jit,),)

    def test_so_is_one_whose_time_is_taken(self, target, jit):
        text = f"SELECT 1 WHERE current_setting('jit') = '{jit}'"
        found = read(target, lambda session: plan_of(session, text, analyze=True))
        assert found["Plan"]["Actual Rows"] == 1

    def test_nothing_of_it_stays_with_a_hosts_connection(self, target, jit):
        with ConnectionPool(target, min_size=1, max_size=1) as pool:
            read(pool, lambda session: plan_of(session, "SELECT FROM readings"))
            with pool.connection() as connection:
                assert connection.execute("SHOW jit").fetchone() == (jit,)
