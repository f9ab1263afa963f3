"""What a long value costs who asks for it: no more than what may be answered."""

import subprocess
import sys

import orjson
import psycopg
import pytest

# Rows that may be answered are a megabyte; each value here is a hundred times that.
MOST_KIBIBYTES = 10 * 1024
KILOBYTE = "repeat('x', 1000)"
LONG = [
    f"SELECT repeat({KILOBYTE}, 300000)",
    f"SELECT repeat({KILOBYTE}, 100000)::varchar, 1",
    f"SELECT 'a', repeat({KILOBYTE}, 100000) FROM generate_series(1, 5)",
    f"SELECT repeat({KILOBYTE}, 90) FROM generate_series(1, 2000)",
    f"SELECT repeat({KILOBYTE}, 999) FROM generate_series(1, 200)",
    f"SELECT convert_to(repeat({KILOBYTE}, 100000), 'UTF8')",
    f"SELECT jsonb_build_object('a', repeat({KILOBYTE}, 100000))",
    "SELECT ('[' || repeat(repeat('[],', 1000), 10000) || '1]')::json",
    "SELECT ('[' || repeat('{},', 300000) || '1]')::jsonb",
    "SELECT array_fill(1, ARRAY[30000000])",
    "SELECT array_fill(1, ARRAY[490000])",
    f"SELECT ROW(1, repeat({KILOBYTE}, 100000))",
    "SELECT stored FROM long",
    "SELECT long FROM long",
    "SELECT string_agg(stored, '') FROM long, generate_series(1, 2)",
]
# An error quotes what it is about, a plan what its conditions compare with.
QUOTED = [
    f"SELECT repeat({KILOBYTE}, 300000)::int",
    f"SELECT 1 FROM long WHERE repeat({KILOBYTE}, 100000)::date = now()",
]
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
@pytest.mark.parametrize("statement", LONG)
def test_a_long_value_stays_in_the_server(target, statement):
    told = in_a_process("execute", target, statement)
    assert told["truncated"] is True
    assert told["grown"] < MOST_KIBIBYTES


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the peak")
@pytest.mark.parametrize("statement", QUOTED)
@pytest.mark.parametrize("ask", ["execute", "explain"])
def test_what_quotes_a_long_value_is_cut(target, statement, ask):
    told = in_a_process(ask, target, statement)
    assert "longer than" in told["error"]
    assert told["grown"] < 2 * MOST_KIBIBYTES
