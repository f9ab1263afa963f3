"""What a long value costs who asks for it: no more than what may be answered."""

import ssl
import subprocess
import sys

import orjson
import psycopg
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from pglast import parse_sql
from psycopg_pool import ConnectionPool

from switchbot_store import StoreDataError
from switchbot_store.ops import RefusedSqlError, execute_sql, explain_query
from switchbot_store.ops.statements.answers import LongAnswerError, asked
from switchbot_store.ops.statements.validation import (
    MAX_BRACKETS,
    MAX_LINKS,
    MAX_STATEMENT_BYTES,
    MAX_TOKENS,
    validated,
)
from switchbot_store.postgres.wire import WATCHDOG
from switchbot_store.testing import TcpProxy
from tests.cases import drawn, slow_after

# Rows that may be answered are a megabyte; each value here is a hundred times that.
MOST_KIBIBYTES = 8 * 1024
KILOBYTE = "repeat('x', 1000)"
# One of each kind first, which every run has.
LONG = [
    f"SELECT repeat({KILOBYTE}, 300000)",
    f"SELECT 'a', repeat({KILOBYTE}, 100000) FROM generate_series(1, 5)",
    f"SELECT jsonb_build_object('a', repeat({KILOBYTE}, 100000))",
    "SELECT array_fill(1, ARRAY[30000000])",
    "SELECT stored FROM long",
    f"SELECT repeat({KILOBYTE}, 999) FROM generate_series(1, 200)",
    "SELECT string_agg(stored, '') FROM long, generate_series(1, 2)",
    f"SELECT repeat({KILOBYTE}, 100000)::varchar, 1",
    f"SELECT repeat({KILOBYTE}, 90) FROM generate_series(1, 2000)",
    f"SELECT convert_to(repeat({KILOBYTE}, 100000), 'UTF8')",
    "SELECT ('[' || repeat(repeat('[],', 1000), 10000) || '1]')::json",
    "SELECT ('[' || repeat('{},', 300000) || '1]')::jsonb",
    "SELECT array_fill(1, ARRAY[490000])",
    f"SELECT ROW(1, repeat({KILOBYTE}, 100000))",
    "SELECT long FROM long",
]
# An error quotes what it is about, a plan what its conditions compare with.
QUOTED = [
    f"SELECT repeat({KILOBYTE}, 50000)::int",
    f"SELECT 1 FROM long WHERE repeat({KILOBYTE}, 50000)::date = now()",
]
# Long enough where nobody looks at what it costs.
QUOTED_SHORTER = [each.replace("50000", "20000") for each in QUOTED]
SCRIPT = r"""
import sys
import orjson
from switchbot_store.ops import execute_sql, explain_query
from switchbot_store.errors import StoreDataError

def peak_kibibytes():
    with open("/proc/self/status") as status:
        return next(int(each.split()[1]) for each in status if each.startswith("VmHWM"))

ask = {"execute": execute_sql, "explain": explain_query}[sys.argv[1]]
ask(sys.argv[2], "SELECT 1, '[1]'::jsonb, ARRAY['a']", timeout_seconds=120.0)
before = peak_kibibytes()
try:
    answer = ask(sys.argv[2], sys.argv[3], timeout_seconds=120.0)
    said = {"rows": len(answer.rows), "truncated": answer.truncated}
except StoreDataError as error:
    said = {"error": str(error)}
print(orjson.dumps({**said, "grown": peak_kibibytes() - before}).decode())
"""


def in_a_process(*arguments):
    """Ask in a process of its own; what it was told, and how many KiB it grew by."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        check=True,
        capture_output=True,
        timeout=300,
    )
    return orjson.loads(done.stdout)


@pytest.fixture(scope="module")
def target(server):
    """A database with a long value that is stored in few bytes."""
    name = server.create_database()
    with psycopg.connect(server.conninfo(name), autocommit=True) as connection:
        connection.execute("CREATE TABLE long (stored text)")
        connection.execute("INSERT INTO long SELECT repeat(repeat('x', 1000), 100000)")
    yield server.conninfo(name)
    server.drop_database(name)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the peak")
@pytest.mark.parametrize("statement", slow_after(5, LONG))
def test_a_long_value_stays_in_the_server(target, statement):
    told = in_a_process("execute", target, statement)
    assert told["truncated"] is True
    assert told["grown"] < MOST_KIBIBYTES


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the peak")
@pytest.mark.parametrize(
    ("statement", "ask"),
    slow_after(
        2,
        [
            (QUOTED[0], "execute"),
            (QUOTED[1], "explain"),
            (QUOTED[0], "explain"),
            (QUOTED[1], "execute"),
        ],
    ),
)
def test_what_quotes_a_long_value_is_cut(target, statement, ask):
    told = in_a_process(ask, target, statement)
    assert "longer than" in told["error"]
    assert told["grown"] < MOST_KIBIBYTES


@pytest.mark.parametrize("statement", QUOTED_SHORTER)
@pytest.mark.parametrize("ask", [execute_sql, explain_query])
def test_a_pool_has_another_connection_for_the_next_question(target, ask, statement):
    with ConnectionPool(target, min_size=1, max_size=1) as pool:
        assert execute_sql(pool, "SELECT 1").rows == ((1,),)
        with pytest.raises(LongAnswerError, match="longer than"):
            ask(pool, statement, timeout_seconds=120.0)
        assert execute_sql(pool, "SELECT 2").rows == ((2,),)


@pytest.fixture(scope="module")
def encrypted(target, tmp_path_factory):
    """The same database where TLS is spoken."""
    directory = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", "a.key", "-out", "a.crt", "-subj", "/CN=localhost"),
        ],
        cwd=directory,
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "a.crt", directory / "a.key")
    parts = psycopg.conninfo.conninfo_to_dict(target)
    proxy = TcpProxy(int(parts["port"]), tls=context)
    proxy.start()
    yield (
        f"postgresql://postgres@localhost:{proxy.port}/{parts['dbname']}?sslmode=require"
    )
    proxy.close()


def test_bytes_are_counted_as_well_where_they_are_encrypted(encrypted):
    with ConnectionPool(encrypted, min_size=1, max_size=1) as pool:
        wide = execute_sql(pool, f"SELECT repeat({KILOBYTE}, 900), 1")
        assert (len(wide.rows[0][0]), wide.truncated) == (900_000, False)
        with pytest.raises(LongAnswerError):
            execute_sql(pool, QUOTED_SHORTER[0], timeout_seconds=120.0)
        assert execute_sql(pool, "SELECT 1").rows == ((1,),)


def test_the_watchdog_still_ends_a_call(target):
    with psycopg.connect(target, autocommit=True) as connection:
        descriptor = connection.pgconn.socket
        with (
            WATCHDOG.guarding(descriptor, 0.2) as guard,
            pytest.raises(psycopg.OperationalError),
        ):
            asked(connection, "SELECT pg_sleep(600)", most_bytes=1000)
        assert guard.expired
        assert connection.closed


def test_a_server_that_goes_away_is_an_outage_and_no_answer(server, target):
    with psycopg.connect(target, autocommit=True) as connection:
        own = connection.info.backend_pid
        with server.connect() as other:
            other.execute("SELECT pg_terminate_backend(%s, 10000)", [own])
        with pytest.raises(psycopg.OperationalError):
            asked(connection, "SELECT 1", most_bytes=1000)
        assert connection.closed


def test_a_connection_is_as_it_was_after_an_answer(target):
    with psycopg.connect(target, autocommit=True) as connection:
        for _ in range(50):
            asked(connection, f"SELECT repeat({KILOBYTE}, 200)", most_bytes=300_000)
            with pytest.raises(psycopg.errors.DivisionByZero):
                asked(connection, "SELECT 1 / 0", most_bytes=1000)
        assert connection.execute("SELECT 1").fetchone() == (1,)


@settings(
    max_examples=drawn(15, many=40),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    lengths=st.lists(st.integers(0, 400), max_size=150),
    most=st.integers(1, 20_000),
)
def test_of_rows_of_any_length_as_many_come_as_there_is_room_for(target, lengths, most):
    room, expected = most, []
    for length in lengths:
        room -= len(orjson.dumps(["x" * length]))
        if room < 0:
            break
        expected.append(("x" * length,))
    values = ", ".join(f"({index}, {length})" for index, length in enumerate(lengths))
    answer = execute_sql(
        target,
        "SELECT repeat('x', length) FROM (VALUES (-1, 0), "
        f"{values or '(-2, 0)'}) AS given (i, length) WHERE i >= 0 ORDER BY i",
        max_bytes=most,
    )
    assert list(answer.rows) == expected
    assert answer.truncated is (len(expected) < len(lengths))


@pytest.mark.parametrize(
    ("statement", "columns", "rows"),
    [
        ("SELECT 1 AS a, 2 AS a, 3", ("a", "a", "?column?"), ((1, 2, 3),)),
        ("SELECT FROM generate_series(1, 2)", (), ((), ())),
        ("SELECT 1 AS a; -- the end", ("a",), ((1,),)),
        ("/* first */ ; SELECT 1 AS a -- no end", ("a",), ((1,),)),
        ("(SELECT 1 AS a) UNION SELECT 2 ORDER BY 1 DESC", ("a",), ((2,), (1,))),
        ("SELECT NULL AS a, 'x' AS b", ("a", "b"), ((None, "x"),)),
        ("SELECT 'é;--' AS a", ("a",), (("é;--",),)),
        ("SELECT '{1,2}'::int[] AS a", ("a",), (([1, 2],),)),
        ("SELECT ROW(1, 'a,[') AS a", ("a",), ((["1", "a,["],),)),
        ("SELECT 'a'::char(5) AS a", ("a",), (("a    ",),)),
        ("SELECT '\\x00ff'::bytea AS a", ("a",), (("00ff",),)),
        ("SELECT most_common_vals AS a FROM pg_stats WHERE false", ("a",), ()),
        # What Python has no value for is told in PostgreSQL's words.
        ("SELECT 'infinity'::timestamptz AS a", ("a",), (("infinity",),)),
        ("SELECT '20000-01-01'::date AS a", ("a",), (("20000-01-01",),)),
    ],
)
def test_a_statement_gives_what_it_gives_by_itself(target, statement, columns, rows):
    answer = execute_sql(target, statement)
    assert (answer.columns, answer.rows) == (columns, rows)


def test_as_many_columns_as_a_statement_may_have(target):
    answer = execute_sql(target, "SELECT " + ", ".join(["1"] * 1600))
    assert answer.rows == ((1,) * 1600,)


def test_json_that_no_encoder_here_takes_is_given_as_its_text(target):
    deep = "[" * 900 + "]" * 900
    big = "1" + "0" * 5000
    text = f"SELECT ('{deep}')::json, '{big}'::jsonb, '[\"[[\"]'::jsonb"
    assert execute_sql(target, text).rows == ((deep, big, ["[["]),)


def test_what_an_error_says_is_short(target):
    with pytest.raises(StoreDataError) as caught:
        execute_sql(target, "SELECT repeat('x', 50000)::int")
    assert len(str(caught.value)) <= 1000


# A statement is measured before it is parsed.


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("SELECT '" + "x" * MAX_STATEMENT_BYTES + "'", "bytes long"),
        ("SELECT '" + "é" * (MAX_STATEMENT_BYTES // 2) + "'", "bytes long"),
        ("SELECT 1 IN (1" + ",1" * (MAX_TOKENS // 2) + ")", "words and signs"),
        ("SELECT " + "(" * 1000 + "1" + ")" * 1000, "brackets in brackets"),
        ("SELECT " + "CASE WHEN true THEN " * 200 + "1" + " END" * 200, "brackets"),
        ("SELECT 1" + "+1" * 9000, "in one expression"),
        ("SELECT 1" + "::int" * 9000, "in one expression"),
        ("SELECT " + "NOT " * 9000 + "true", "in one expression"),
        ("SELECT 1" + " UNION SELECT 1" * 3000, "in one expression"),
        ("SELECT 1 FROM a" + " CROSS JOIN a" * 3000, "in one expression"),
        ("SELECT '\ud800'", "Unicode"),
    ],
)
def test_too_long_and_too_deep_is_refused_before_it_is_parsed(target, statement, why):
    for ask in (execute_sql, explain_query):
        with pytest.raises(RefusedSqlError, match=why):
            ask(target, statement)


def test_a_long_list_and_many_conditions_are_no_depth(target):
    numbers = ", ".join(map(str, range(5000)))
    ors = " OR ".join(f"x = {number}" for number in range(1000))
    text = f"SELECT x FROM generate_series(1, 3) AS g (x) WHERE x IN ({numbers}) AND ({ors})"
    assert execute_sql(target, text).rows == ((1,), (2,), (3,))


AROUND = [
    ("(", ")"),
    ("NOT ", ""),
    ("- ", ""),
    ("", " + 1"),
    ("", "::int"),
    ("", " IS NULL"),
    ("x IS DISTINCT FROM NOT ", ""),
    ("x BETWEEN 1 AND NOT ", ""),
    ("x AND NOT ", ""),
    ("x OR ", ""),
    ("CASE WHEN x THEN ", " END"),
    ("CASE x WHEN 1 THEN 2 ELSE ", " END"),
    ("ARRAY[1, ", "]"),
    ("abs(1, ", ")"),
    ("(SELECT 1 FROM a, b WHERE ", ")"),
    ("(SELECT 1 UNION SELECT ", ")"),
    ("(WITH a AS (SELECT ", ") SELECT 1)"),
    ("", " COLLATE c"),
    ("", " AT TIME ZONE 'z'"),
    ("x IN (1, ", ")"),
]


def depth_of(tree):
    """Return how many nodes of a parsed statement lie within each other."""
    deepest, waiting = 0, [(tree, 0)]
    while waiting:
        each, depth = waiting.pop()
        if isinstance(each, tuple):
            waiting.extend((part, depth) for part in each)
        elif type(each).__module__ == "pglast.ast" and hasattr(each, "__slots__"):
            deepest = max(deepest, depth)
            parts = [getattr(each, name, None) for name in each.__slots__]
            waiting.append((tuple(parts), depth + 1))
    return deepest


@settings(max_examples=150)
@given(
    layers=st.lists(
        st.tuples(st.lists(st.sampled_from(AROUND), min_size=1, max_size=3)),
        min_size=1,
        max_size=3,
    ),
    times=st.integers(1, 1500),
)
def test_what_is_let_through_is_not_deep(layers, times):
    text = "x"
    for (layer,) in layers:
        before = "".join(start for start, _ in layer)
        after = "".join(end for _, end in reversed(layer))
        text = before * times + text + after * times
    statement = f"SELECT {text}"
    try:
        validated(statement)
    except RefusedSqlError as error:
        deep = "in one expression" in str(error) or "brackets" in str(error)
        event("too deep" if deep else "refused for another reason")
        return
    # A bracket is some nodes: a query, its item, its list.
    assert depth_of(parse_sql(statement)) <= 2 * MAX_LINKS + 10 * MAX_BRACKETS
    event("let through")
