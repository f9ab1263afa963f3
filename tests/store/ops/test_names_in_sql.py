"""A name in a statement is what the server takes it for: a WITH query, a view, a table."""

import psycopg
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from psycopg_pool import ConnectionPool

from switchbot_store import StoreDataError
from switchbot_store.ops import RefusedSqlError, execute_sql, explain_query
from switchbot_store.ops.statements.validation import validated
from tests.cases import drawn

# `marker` is a function of somebody's own: whatever comes to it is refused.
CRAFTED = (
    "CREATE TABLE t (n int)",
    "CREATE TABLE s (n int)",
    'CREATE TABLE "Marked" (n int)',
    "INSERT INTO t VALUES (1)",
    "INSERT INTO s VALUES (2)",
    "CREATE FUNCTION marker(int) RETURNS int LANGUAGE sql AS 'SELECT $1'",
    "CREATE VIEW v AS SELECT n FROM t",
    "CREATE VIEW marked AS SELECT marker(n) AS n FROM t",
    "CREATE VIEW over_marked AS SELECT n FROM marked",
    # WITH inside a view: one hides the view `marked` everywhere, the other does not.
    "CREATE VIEW hiding AS WITH marked AS (SELECT 1 AS n) SELECT n FROM marked",
    (
        "CREATE VIEW half_hiding AS SELECT a.n FROM"
        " (WITH marked AS (SELECT 1 AS n) SELECT n FROM marked) AS a, marked"
    ),
    "CREATE VIEW hashes AS SELECT 1 AS n FROM pg_authid",
    "CREATE SCHEMA other",
    "CREATE VIEW other.t AS SELECT public.marker(1) AS n",
    "CREATE TABLE other.marked (n int)",
    "CREATE TABLE other.pg_class (oid int, relname text)",
    "CREATE VIEW other.pg_locks AS SELECT 1 AS n",
)
# What a statement calls without naming it, or by a name that seems to be another's.
UNSEEN = (
    "CREATE TYPE mood AS ENUM ('sad', 'ok')",
    "CREATE TABLE t (n int, x text, m mood)",
    "INSERT INTO t VALUES (1, 'x', 'ok')",
    "CREATE FUNCTION same(int, text) RETURNS bool LANGUAGE sql AS 'SELECT true'",
    "CREATE OPERATOR = (leftarg = int, rightarg = text, function = same)",
    "CREATE OPERATOR >= (leftarg = int, rightarg = text, function = same)",
    "CREATE FUNCTION same(mood, mood) RETURNS bool LANGUAGE sql AS 'SELECT true'",
    "CREATE OPERATOR = (leftarg = mood, rightarg = mood, function = same)",
    "CREATE VIEW by_case AS SELECT CASE n WHEN x THEN 1 END AS n FROM t",
    "CREATE VIEW by_join AS SELECT a.n FROM t AS a JOIN t AS b USING (m)",
    "CREATE FUNCTION fine(text) RETURNS bool LANGUAGE sql AS 'SELECT true'",
    "CREATE DOMAIN abs AS text CHECK (fine(VALUE))",
    "CREATE DOMAIN as_row AS t",
    "CREATE FUNCTION \"json_scalar\"(int) RETURNS int LANGUAGE sql AS 'SELECT $1'",
)
LEADS_TO_A_MARKER = [
    "SELECT n FROM marked",
    "SELECT n FROM MARKED",
    'SELECT n FROM "marked"',
    "TABLE marked",
    "SELECT n FROM public.marked",
    "SELECT n FROM over_marked",
    "SELECT n FROM half_hiding",
    "SELECT t.n FROM t, LATERAL (SELECT marked.n FROM marked) AS x",
    # A WITH query of another part of the statement.
    "SELECT 1 FROM (WITH marked AS (SELECT 1 AS n) SELECT n FROM marked) AS a, marked",
    "SELECT n FROM marked UNION (WITH marked AS (SELECT 1 AS n) SELECT n FROM marked)",
    "SELECT (WITH marked AS (SELECT 1 AS n) SELECT n FROM marked), n FROM marked",
    "SELECT n FROM marked WHERE EXISTS (WITH marked AS (SELECT 1) SELECT FROM marked)",
    # Before it is declared, and in itself: without RECURSIVE it is not there yet.
    "WITH a AS (SELECT n FROM marked), marked AS (SELECT 1 AS n) SELECT n FROM a",
    "WITH marked AS (SELECT n FROM marked) SELECT n FROM marked",
    # Within another one, but not outside it.
    (
        "WITH a AS (WITH marked AS (SELECT 1 AS n) SELECT n FROM marked)"
        " SELECT a.n FROM a, marked"
    ),
    # A name with a schema is never a WITH query.
    "WITH marked AS (SELECT 1 AS n) SELECT n FROM public.marked",
    "WITH marked AS (SELECT 1 AS n) SELECT (SELECT max(n) FROM public.marked) FROM marked",
    # An alias hides no relation, and letters have their case.
    "SELECT marked.n FROM t AS marked, marked AS t",
    'WITH "MARKED" AS (SELECT 1 AS n) SELECT n FROM marked',
    "SELECT n FROM hashes",
]
IS_HARMLESS = [
    "WITH marked AS (SELECT 1 AS n) SELECT n FROM marked",
    "WITH Marked AS (SELECT 1 AS n) SELECT n FROM MARKED",
    "WITH marked AS (SELECT 1 AS n), a AS (SELECT n FROM marked) SELECT n FROM a",
    "WITH marked AS (SELECT 1 AS n) SELECT n FROM (SELECT n FROM marked) AS x",
    (
        "WITH marked AS (SELECT 1 AS n)"
        " SELECT n FROM t WHERE EXISTS (SELECT FROM marked) AND n = 1"
    ),
    "WITH RECURSIVE marked (n) AS (SELECT 1 UNION SELECT n FROM marked) TABLE marked",
    "WITH RECURSIVE a AS (SELECT n FROM marked), marked AS (SELECT 1 AS n) TABLE a",
    "WITH pg_authid AS (SELECT 1 AS n) SELECT n FROM pg_authid",
    "WITH pg_settings AS (SELECT 1 AS n) SELECT n FROM pg_settings",
    "SELECT n FROM hiding",
    "SELECT n FROM v AS marked",
    "SELECT 1 FROM t AS over_marked",
]


@pytest.fixture(scope="module")
def made(server):
    """Make databases that stay for the module."""
    names = []

    def make(statements):
        names.append(server.create_database())
        with psycopg.connect(server.conninfo(names[-1]), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)
        return server.conninfo(names[-1])

    yield make
    for name in names:
        server.drop_database(name)


@pytest.fixture(scope="module")
def crafted(made):
    """A database whose names stand for more than one thing."""
    return made(CRAFTED)


@pytest.fixture(scope="module")
def unseen(made):
    """A database with functions behind names and signs that do not show them."""
    return made(UNSEEN)


def on_path(conninfo, path):
    """Connect with another search path."""
    return psycopg.conninfo.make_conninfo(conninfo, options=f"-c search_path={path}")


@pytest.mark.parametrize("statement", LEADS_TO_A_MARKER)
def test_a_view_is_found_wherever_the_server_finds_it(crafted, statement):
    with pytest.raises(RefusedSqlError, match=r"marker|secrets"):
        execute_sql(crafted, statement)
    with pytest.raises(RefusedSqlError, match=r"marker|secrets"):
        explain_query(crafted, statement)


@pytest.mark.parametrize("statement", IS_HARMLESS)
def test_a_with_query_hides_what_it_hides_for_the_server(crafted, statement):
    assert execute_sql(crafted, statement).rows == ((1,),)


def test_the_search_path_decides_as_it_does_for_the_server(crafted):
    assert execute_sql(crafted, "SELECT n FROM t").rows == ((1,),)
    with pytest.raises(RefusedSqlError, match="in the view t: the function"):
        execute_sql(on_path(crafted, "other,public"), "SELECT n FROM t")
    assert execute_sql(on_path(crafted, "other"), "SELECT n FROM marked").rows == ()


def test_catalogues_of_somebodys_own_answer_none_of_our_questions(crafted):
    shadowed = on_path(crafted, "other,pg_catalog,public")
    with pytest.raises(RefusedSqlError, match="marker"):
        execute_sql(shadowed, "SELECT n FROM over_marked")
    assert execute_sql(shadowed, "SELECT relname FROM pg_class").rows == ()
    assert execute_sql(shadowed, "SHOW search_path").rows == (
        ("other,pg_catalog,public",),
    )


def test_a_temporary_view_of_this_session_comes_first(crafted):
    def shadow(connection):
        connection.execute("CREATE TEMPORARY VIEW t AS SELECT public.marker(1) AS n")
        connection.commit()

    with ConnectionPool(crafted, min_size=1, max_size=1, configure=shadow) as pool:
        with pytest.raises(RefusedSqlError, match="in the view t: the function"):
            execute_sql(pool, "SELECT n FROM t")
        assert execute_sql(pool, "SELECT n FROM public.t").rows == ((1,),)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT CASE 1 WHEN 'x'::text THEN 2 END",
        "SELECT 1 IN (SELECT x FROM t)",
        "SELECT 1 BETWEEN 0 AND 2",
        "SELECT 1 FROM t AS a JOIN t AS b USING (m)",
        "SELECT 1 FROM t NATURAL JOIN (SELECT m FROM t) AS b",
        "SELECT n FROM by_case",
        "SELECT n FROM by_join",
        "SELECT abs('x')",
        "SELECT t.as_row FROM t",
        "SELECT (t).as_row FROM t",
        "SELECT json_scalar(1)",
    ],
)
def test_what_is_called_without_being_named_is_refused(unseen, statement):
    with pytest.raises(RefusedSqlError, match="may do anything"):
        execute_sql(unseen, statement)


def test_what_merely_lies_in_the_database_refuses_nothing(unseen):
    # Its domains are none of the row's columns.
    statement = "SELECT jsonb_populate_record(t, '{\"n\": 3}') FROM t"
    assert execute_sql(unseen, statement).rows == (("(3,x,ok)",),)


# The kind: statements of any shape over few names, judged by the server itself.

NAMES = ["t", "s", "v", "marked", "over_marked", "hiding", "half_hiding", "Marked"]
PATHS = ["public", "other,public", "public,other"]


@st.composite
def sources(draw, depth, alias):
    """Return something to select from: a name in one of its forms, or a query."""
    kind = draw(st.sampled_from(["name", "name", "schema", "query", "lateral"]))
    if depth > 0 and kind in {"query", "lateral"}:
        inner = draw(queries(depth=depth - 1))
        return f'{"LATERAL " * (kind == "lateral")}({inner}) AS "{alias}"'
    name = draw(st.sampled_from(NAMES))
    form = draw(st.sampled_from(["plain", "upper", "quoted"]))
    written = {"plain": name, "upper": name.upper(), "quoted": f'"{name}"'}[form]
    return f'{"public." * (kind == "schema")}{written} AS "{alias}"'


@st.composite
def selects(draw, depth):
    """Return a SELECT of one column from up to two sources, with a query in a place."""
    aliases = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=2))
    items = [draw(sources(depth, alias)) for alias in aliases]
    text = "SELECT 1 AS n" + (" FROM " + ", ".join(items) if items else "")
    place = draw(st.sampled_from(["", "", "where", "order"]))
    if depth > 0 and place:
        inner = f"EXISTS ({draw(queries(depth=depth - 1))})"
        text += f" WHERE {inner}" if place == "where" else ""
        text = (
            f"SELECT n FROM ({text}) AS x ORDER BY {inner}" * (place == "order") or text
        )
    return text


@st.composite
def queries(draw, depth):
    """Return a query, perhaps of several, perhaps with WITH queries before it."""
    parts = [draw(selects(depth)) for _ in range(draw(st.integers(1, 2)))]
    if depth > 0 and draw(st.booleans()):
        parts[-1] = draw(queries(depth=depth - 1))
    joined = draw(st.sampled_from([" UNION ALL ", " UNION ", " EXCEPT "]))
    text = joined.join(f"({part})" for part in parts) if len(parts) > 1 else parts[0]
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=3))
    if depth == 0 or not names or text.startswith("WITH"):
        return text
    within = [
        f'"{name}" (n) AS ({draw(queries(depth=draw(st.integers(0, depth - 1))))})'
        for name in names
    ]
    recursive = draw(st.sampled_from(["", "", "RECURSIVE "]))
    return f"WITH {recursive}{', '.join(within)} {text}"


REFERENCED = """
SELECT DISTINCT d.refobjid FROM pg_rewrite w
JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
WHERE w.ev_class = %(view)s::regclass AND d.refclassid = 'pg_class'::regclass
    AND d.refobjid <> w.ev_class
"""
REACHES = """
WITH RECURSIVE reached (oid) AS (
    SELECT %(view)s::regclass::oid
    UNION SELECT d.refobjid FROM reached r JOIN pg_rewrite w ON w.ev_class = r.oid
    JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
        AND d.refclassid = 'pg_class'::regclass
) SELECT EXISTS (SELECT FROM reached r JOIN pg_rewrite w ON w.ev_class = r.oid
    JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
    WHERE d.refclassid = 'pg_proc'::regclass AND d.refobjid = 'public.marker'::regproc)
"""


def as_the_server_has_it(connection, statement):
    """Return the relations that it names and whether it comes to `marker`.

    By a view of the statement, which is undone; None where the server refuses that.
    """
    view = {"view": "pg_temp.asked"}
    with connection.transaction(force_rollback=True):
        try:
            with connection.transaction():
                connection.execute(f"CREATE TEMPORARY VIEW asked AS {statement}")
        except psycopg.Error:
            return None
        named = {oid for (oid,) in connection.execute(REFERENCED, view)}
        return named, connection.execute(REACHES, view).fetchone()[0]


@pytest.fixture(scope="module", params=PATHS)
def connected(request, crafted):
    """A connection to ask the server by, and a pool for what is tested, on one path."""
    conninfo = on_path(crafted, request.param)
    with (
        psycopg.connect(conninfo, autocommit=True) as connection,
        ConnectionPool(conninfo, min_size=1, max_size=1) as pool,
    ):
        yield connection, pool


@settings(max_examples=drawn(8, many=40), suppress_health_check=[HealthCheck.too_slow])
@given(statement=queries(depth=2))
def test_every_name_means_what_it_means_to_the_server(connected, statement):
    connection, pool = connected
    answer = as_the_server_has_it(connection, statement)
    if answer is None:
        event("refused by the server")
        with pytest.raises(StoreDataError):
            execute_sql(pool, statement)
        return
    named, comes_to_marker = answer
    ours = {
        connection.execute(
            "SELECT to_regclass(concat_ws('.', nullif(%s, ''), quote_ident(%s)))::oid",
            names,
        ).fetchone()[0]
        for names in validated(statement).relations
    }
    assert ours == named
    event(f"comes to the marker: {comes_to_marker}")
    if comes_to_marker:
        with pytest.raises(RefusedSqlError, match="marker"):
            execute_sql(pool, statement)
    else:
        execute_sql(pool, statement)
