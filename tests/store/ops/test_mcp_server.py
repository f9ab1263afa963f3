"""The server as a client of the SDK sees it, in a process of its own."""

import os
import sys
from pathlib import Path

import orjson
import psycopg
import pytest
from mcp import Client, StdioServerParameters

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
