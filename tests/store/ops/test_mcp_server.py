"""The server as a client of the SDK sees it, in a process of its own."""

import asyncio
import os
import sys
from functools import partial
from pathlib import Path

import orjson
import psycopg
import pytest
from mcp import Client, StdioServerParameters

from switchbot_store import PostgresStore, StoreUnavailableError
from switchbot_store.ops import RefusedSqlError, analyze_query_indexes, explain_query
from switchbot_store.ops.statements.calling_off import CallingOff
from switchbot_store.ops.target import read

TOOLS = {
    "list_schemas",
    "list_objects",
    "get_object_details",
    "explain_query",
    "get_top_queries",
    "analyze_workload_indexes",
    "analyze_query_indexes",
    "analyze_db_health",
    "execute_sql",
}


@pytest.fixture
def connect(database_url):
    """Start the server on an empty database; a client of it."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "POSTGRES", "DATABASE", "ENVIRONMENT"))
    }
    return lambda: Client(
        StdioServerParameters(
            command=str(Path(sys.executable).parent / "switchbot-postgres"),
            env={**environment, "POSTGRES_URL": database_url},
        )
    )


async def told(client, tool, **arguments):
    result = await client.call_tool(tool, arguments)
    text = result.content[0].text
    assert not result.is_error, text
    return orjson.loads(text)


async def test_nine_tools_that_only_read(connect):
    async with connect() as client:
        tools = (await client.list_tools()).tools
    assert {tool.name for tool in tools} == TOOLS
    assert all(tool.annotations.read_only_hint for tool in tools)
    assert all(tool.description for tool in tools)


async def test_each_answers_what_the_function_does(connect, database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (id smallint GENERATED ALWAYS AS IDENTITY)")
        connection.execute("SELECT setval('t_id_seq', 32000)")
    async with connect() as client:
        health = await told(client, "analyze_db_health", checks="sequence")
        assert health["overall_status"] == "critical"
        assert health["findings"][0]["subject"] == "t.id"
        names = [each["name"] for each in await told(client, "list_schemas")]
        assert names[0] == "public"
        tables = await told(client, "list_objects", schema="public")
        assert [each["name"] for each in tables] == ["t"]
        details = await told(client, "get_object_details", schema="public", name="t")
        assert details["columns"][0]["type"] == "smallint"
        rows = await told(client, "execute_sql", sql="SELECT count(*) FROM t")
        assert rows["rows"] == [[0]]
        plan = await told(client, "explain_query", sql="SELECT * FROM t")
        assert "Seq Scan on t" in plan["text"]
        top = await told(client, "get_top_queries")
        assert "pg_stat_statements" in top["how_to"]
        advice = await told(client, "analyze_query_indexes", queries=["SELECT 1"])
        assert "hypopg" in advice["how_to"]
        assert "how_to" in await told(client, "analyze_workload_indexes")


async def test_a_refusal_is_an_error_that_says_why(connect):
    async with connect() as client:
        result = await client.call_tool("execute_sql", {"sql": "DROP TABLE t"})
        long = await client.call_tool("list_objects", {"schema": "x" * 100_000})
    assert result.is_error
    assert "only SELECT and SHOW" in result.content[0].text
    assert long.is_error
    assert "no schema 'xxx" in long.content[0].text
    assert len(long.content[0].text) < 2500


NEVER_ENDING = (
    "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b"
)


def asked_now(connection):
    """Tell how many sessions of others are at work."""
    return connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active'"
        " AND datname = current_database() AND pid <> pg_backend_pid()"
    ).fetchone()[0]


async def until(happened):
    async with asyncio.timeout(8):
        while not happened():  # noqa: ASYNC110 - in another process
            await asyncio.sleep(0.01)


async def test_what_a_client_calls_off_ends_at_the_server(connect, database_url):
    with psycopg.connect(database_url, autocommit=True) as watching:
        async with connect() as client:
            asking = [
                asyncio.create_task(client.call_tool("execute_sql", {"sql": each}))
                for each in [NEVER_ENDING] * 6
            ]
            await until(lambda: asked_now(watching) == 4)
            for each in asking:
                each.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
            # Ten seconds are the limit of each, were it not called off.
            await until(lambda: asked_now(watching) == 0)
            rows = await told(client, "execute_sql", sql="SELECT 1")
    assert rows["rows"] == [[1]]


def test_what_was_called_off_asks_nothing_more(database_url):
    calling_off = CallingOff()

    def several(session):
        calling_off.call_off()
        return session.rows("SELECT 1 AS one")

    with pytest.raises(StoreUnavailableError):
        calling_off.run(partial(read, database_url, several))
    with pytest.raises(StoreUnavailableError, match="nobody waits"):
        calling_off.run(partial(read, database_url, lambda session: session.version))


def test_a_stores_other_calls_go_on_after_one_was_called_off(database_url):
    with PostgresStore(database_url) as store:
        store.set("settings", {"mode": "winter"})
        calling_off = CallingOff()

        def once(session):
            calling_off.call_off()
            session.rows("SELECT 1")

        with pytest.raises(StoreUnavailableError, match="nobody waits"):
            calling_off.run(partial(read, store, once))
        assert store.get("settings") == {"mode": "winter"}


@pytest.mark.parametrize(
    ("ask", "many"),
    [
        (partial(explain_query, sql="SELECT 1"), {"hypothetical_indexes": ["x"] * 21}),
        (analyze_query_indexes, {"queries": ["SELECT 1"] * 101}),
    ],
)
def test_lists_have_an_end_before_anything_is_parsed(ask, many):
    with pytest.raises((ValueError, RefusedSqlError), match="at most"):
        ask("postgresql://nobody@localhost:1/none", **many)
