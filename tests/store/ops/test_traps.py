"""No statement springs a trap, and what an analyst asks is answered beside them."""

import os
from contextlib import suppress

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from switchbot_store import StoreDataError
from switchbot_store.ops import RefusedSqlError, execute_sql, explain_query
from switchbot_store.testing.postgres_server import PostgresServer
from tests.store.ops import traps

# Read before a fixture sets it.
CHOSEN = os.environ.get("SWITCHBOT_TEST_PG_BIN")
# A thousand in `nox -s traps`, a smaller draw with all the other tests.
COUNT = int(os.environ.get("TRAPS", "30"))


@pytest.fixture(scope="module")
def trapped(server):
    """A database full of traps, which are armed after it is made."""
    name = server.create_database()
    with psycopg.connect(server.conninfo(name), autocommit=True) as connection:
        for statement in (*traps.PLAIN, *traps.TRAPPED, *traps.STORED):
            connection.execute(statement)
    arm(server, name)
    yield asked_as_a_guest(server, name)
    server.drop_database(name)


def arm(server, name):
    """Let everybody read, and the traps be sprung from now on."""
    with psycopg.connect(server.conninfo(name), autocommit=True) as connection:
        connection.execute("ANALYZE")
        connection.execute(f"ALTER DATABASE {name} SET traps.set = 'on'")
        for schema in ("public", "information_schema"):
            connection.execute(
                f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO PUBLIC"
            )


def asked_as_a_guest(server, name):
    """Connect as one whom row security is for."""
    guest = "trapped_guest"
    with (
        psycopg.connect(server.conninfo(name), autocommit=True) as connection,
        suppress(psycopg.errors.DuplicateObject),
    ):
        connection.execute(f"CREATE ROLE {guest} LOGIN")
    return psycopg.conninfo.make_conninfo(server.conninfo(name), user=guest)


@pytest.fixture(scope="module")
def pool(trapped):
    """One connection, as a host has it."""
    with ConnectionPool(trapped, min_size=1, max_size=1, open=True) as pool:
        yield pool


@pytest.fixture(scope="module", params=traps.ALONE)
def alone(request, server):
    """A database where one of PostgreSQL's own types is trapped, and which."""
    name = server.create_database()
    kind = request.param
    with psycopg.connect(server.conninfo(name), autocommit=True) as connection:
        made = (*traps.ALONE[kind], *traps.STORED_ALONE.get(kind, ()))
        for statement in (*traps.PLAIN, *made):
            connection.execute(statement)
    arm(server, name)
    yield kind, server.conninfo(name)
    server.drop_database(name)


@pytest.fixture(scope="module")
def newest(server):
    """The newest PostgreSQL that is here, beside the one that the session chose."""
    beside = server.binaries.parent.parent / "pginstall18" / "bin"
    if CHOSEN or not beside.is_dir():
        yield server
        return
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SWITCHBOT_TEST_PG_BIN", str(beside))
        with PostgresServer(options={"jit": "off"}) as running:
            yield running


@pytest.fixture
def marked(server):
    """Whether a trap was sprung by anybody since the test began."""
    began = server.log_size()
    return lambda: traps.MARK in server.log(began)


def ask(pool, statement, marked):
    """Ask in both ways; whether it was refused. Fails where a trap was sprung."""
    refused = 0
    for how in (execute_sql, explain_query):
        try:
            how(pool, statement)
        except RefusedSqlError:
            refused += 1
        except StoreDataError:
            pass  # the server's own word: it is no statement
        assert not marked(), f"{how.__name__} sprang a trap: {statement}"
    return refused == 2


@pytest.mark.parametrize("statement", traps.SPRINGING)
def test_each_way_to_a_trap_is_refused_and_springs_none(pool, marked, statement):
    assert ask(pool, statement, marked)


def test_the_traps_are_armed(server, trapped):
    sprung = 0
    for statement in traps.SPRINGING:
        began = server.log_size()
        with psycopg.connect(trapped, autocommit=True) as connection:
            with suppress(psycopg.Error):
                connection.execute(statement)
            sprung += traps.MARK in server.log(began)
    # JSON's constructors and some selections of functions are not of every version.
    assert sprung >= 98


def test_what_is_behind_the_servers_own_types_is_refused_and_springs_none(
    alone, marked
):
    kind, conninfo = alone
    for statement in traps.SPRINGING_ALONE[kind]:
        with pytest.raises(StoreDataError):
            execute_sql(conninfo, statement)
        assert not marked(), statement
    for statement in traps.FINE_ALONE:
        execute_sql(conninfo, statement)
    assert not marked()


def test_what_only_the_newest_server_has_is_refused_and_springs_none(newest):
    name = newest.create_database()
    with psycopg.connect(newest.conninfo(name), autocommit=True) as connection:
        if connection.info.server_version < 180000:
            pytest.skip("virtual columns came with PostgreSQL 18")
        for statement in (*traps.PLAIN, *traps.NEWEST):
            connection.execute(statement)
    arm(newest, name)
    for statement in traps.SPRINGING_NEWEST:
        with psycopg.connect(newest.conninfo(name), autocommit=True) as connection:
            began = newest.log_size()
            connection.execute(statement)
            assert traps.MARK in newest.log(began), statement
        began = newest.log_size()
        for how in (execute_sql, explain_query):
            with pytest.raises(RefusedSqlError):
                how(newest.conninfo(name), statement)
        assert traps.MARK not in newest.log(began), statement
    for statement in traps.FINE_ALONE:
        execute_sql(newest.conninfo(name), statement)
    newest.drop_database(name)


def test_no_statement_springs_a_trap(pool, marked):
    for statement in traps.springing(1, COUNT):
        ask(pool, statement, marked)


def test_what_an_analyst_asks_is_answered(pool, marked):
    refused = []
    for statement in traps.harmless(1, min(200, COUNT)):
        try:
            execute_sql(pool, statement)
            explain_query(pool, statement)
        except RefusedSqlError as error:
            refused.append((statement, str(error)))
    assert not marked()
    assert len(refused) <= 2, refused


@pytest.mark.parametrize(
    "definition",
    [
        "CREATE INDEX ON rooms ((id + spring(1)))",
        "CREATE INDEX ON rooms (id) WHERE id > spring(1)",
        "CREATE INDEX ON rooms ((id === name))",
        "CREATE INDEX ON rooms ((name::trapped))",
        "CREATE INDEX ON t_class (n odd_ops)",
        "CREATE INDEX ON t_cast ((k + 1))",
    ],
)
def test_a_supposed_index_springs_none_either(pool, marked, definition):
    with pytest.raises(RefusedSqlError):
        explain_query(pool, "SELECT 1 FROM rooms", hypothetical_indexes=[definition])
    assert not marked()


def test_traps_that_a_statement_does_not_touch_refuse_nothing(pool, marked):
    for statement in (
        "SELECT id + 1, lower(name), feels = 'ok' FROM rooms WHERE id = 1",
        "SELECT max(warmth), min(name) FROM rooms GROUP BY feels ORDER BY feels",
        "SELECT n FROM t_domain WHERE d = 'x'",
        "SELECT coalesce(d, 'x'), lower(d) FROM t_one_type WHERE d IN ('x', 'y')",
        "SELECT k, ks, count(*) FROM t_json WHERE k = 'low' GROUP BY 1, 2 ORDER BY 1",
        "SELECT to_jsonb(rooms), lag(name, 1, 'x') OVER (ORDER BY id) FROM rooms",
        "SELECT high::numeric(5, 1), span @> 20 FROM limits WHERE span = '[18,25]'",
        "SELECT n FROM fine_index WHERE n > 3",
        "SELECT n, m FROM t_spans WHERE n > 3",
        "SELECT n FROM v_of_spans WHERE n > 3",
        "SELECT * FROM pg_stats",
        "SELECT to_json(attname), max(n_distinct) FROM pg_stats GROUP BY attname",
        "SELECT id || 'x', quote_literal(name), feels || '' FROM rooms WHERE xmin IS NULL",
        "SELECT current_date, GREATEST(at, now()) FROM rooms ORDER BY at",
        "SELECT table_name FROM information_schema.tables ORDER BY 1 LIMIT 3",
        "SELECT relname || '.', relacl FROM pg_class ORDER BY 1 LIMIT 3",
    ):
        execute_sql(pool, statement)
        explain_query(pool, statement)
    assert not marked()


def test_a_column_with_operators_of_its_own_refuses_none_of_the_others(pool, marked):
    for asked in (
        "id FROM t_beside WHERE id = 3 ORDER BY name",
        "id, h FROM t_beside WHERE id = 3 AND name = 'n3'",
        "* FROM t_beside WHERE id < 5 ORDER BY name DESC",
        "t.id + 1, t.*, upper(name) FROM t_beside AS t WHERE id = 3 OR name = 'x'",
        "t.id, t.*, r.* FROM t_beside AS t JOIN rooms AS r USING (id) WHERE r.id < 3",
        "name, count(*), max(id) FROM t_beside GROUP BY name HAVING count(*) > 1 ORDER BY 2",
        "id, h FROM t_beside GROUP BY id",
        "count(*) FROM t_beside",
        "DISTINCT name FROM t_beside",
        "a.id, b.h FROM t_beside a JOIN t_beside b ON a.id = b.id",
        "x.id FROM (SELECT id, name FROM t_beside) AS x ORDER BY x.name",
        "id FROM v_beside WHERE id = 3 ORDER BY name",
        "* FROM v_beside WHERE id = 3 ORDER BY name",
        "id, row_number() OVER (PARTITION BY name ORDER BY id) FROM t_beside",
        "n FROM t_by_parts_11 WHERE n = 1",
    ):
        execute_sql(pool, f"SELECT {asked}")
        explain_query(pool, f"SELECT {asked}")
    assert not marked()


def test_an_operator_class_refuses_only_what_is_kept_by_it(server, marked):
    name = server.create_database()
    conninfo = server.conninfo(name)

    def make(statements):
        with psycopg.connect(conninfo, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    make((*traps.PLAIN, *traps.UNUSED_CLASS, *traps.USING_CLASS))
    arm(server, name)
    with ConnectionPool(conninfo, min_size=1, max_size=1, open=True) as pool:
        for statement in (*traps.FINE_ALONE, *traps.harmless(1, len(traps.SHAPES))):
            execute_sql(pool, statement)
        for statement in traps.SPRINGING_CLASS:
            assert ask(pool, statement, marked), statement
        make(traps.SHARING_CLASS)
        assert ask(pool, "SELECT id FROM rooms ORDER BY id", marked)
    server.drop_database(name)
