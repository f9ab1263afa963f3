"""Both look at the same crafted databases: ours and crystaldba's postgres-mcp.

A script, for `nox -s yardstick`: prints the answers side by side, and ends with 1 where
ours does not say what it should.
"""

from __future__ import annotations

import asyncio
import textwrap

import psycopg
from postgres_mcp.database_health import DatabaseHealthTool
from postgres_mcp.sql import DbConnPool, SqlDriver
from rich.console import Console
from rich.table import Table

from switchbot_store.ops import analyze_db_health
from switchbot_store.testing import PostgresServer

WIDTH = 62
# What is wrong, the check, what ours has to say, and the statements that make it so.
CRAFTED = [
    (
        "identity column at 95 % of smallint",
        "sequence",
        ("critical", "t.id"),
        [
            "CREATE TABLE t (id smallint GENERATED ALWAYS AS IDENTITY)",
            "SELECT setval('t_id_seq', 31129)",
        ],
    ),
    (
        "serial of a bigint sequence in an integer column",
        "sequence",
        ("warning", "t.id"),
        [
            "CREATE SEQUENCE s AS bigint",
            "CREATE TABLE t (id int DEFAULT nextval('s'))",
            "SELECT setval('s', 1750000000)",
        ],
    ),
    (
        "two equal indexes on an expression with a comma",
        "index",
        ("warning", "two"),
        [
            "CREATE TABLE t (a text)",
            "CREATE INDEX one ON t (replace(a, ', ', ','))",
            "CREATE INDEX two ON t (replace(a, ', ', ','))",
        ],
    ),
    (
        "an index three quarters empty, far below 100 MB",
        "index",
        ("warning", "grown"),
        [
            "CREATE TABLE t (a int) WITH (autovacuum_enabled = off)",
            "INSERT INTO t SELECT generate_series(1, 200000)",
            "CREATE INDEX grown ON t (a)",
            "DELETE FROM t WHERE a % 10 <> 0",
            "VACUUM ANALYZE t",
        ],
    ),
    (
        "a constraint never checked for old rows",
        "constraint",
        ("warning", "t.positive"),
        [
            "CREATE TABLE t (a int)",
            "ALTER TABLE t ADD CONSTRAINT positive CHECK (a > 0) NOT VALID",
        ],
    ),
    (
        "14 of 17 connections in use",
        "connection",
        ("warning", ""),
        [],
    ),
]


async def theirs(url: str, check: str) -> str:
    pool = DbConnPool(url)
    await pool.pool_connect()
    try:
        return await DatabaseHealthTool(SqlDriver(conn=pool)).health(check)
    finally:
        await pool.close()


def ours(conninfo: str, check: str) -> tuple[set[tuple[str, str]], str]:
    problems = analyze_db_health(conninfo, check).problems
    said = {(str(each.status), each.subject) for each in problems}
    lines = [f"{each.status}: {each.subject} {each.message}" for each in problems]
    return said, "\n".join(lines) or "ok"


def main() -> int:
    table = Table(
        "crafted", "switchbot_store.ops", "postgres-mcp 0.3.0", show_lines=True
    )
    missed = 0
    with PostgresServer(options={"max_connections": "20"}) as server:
        for words, check, expected, statements in CRAFTED:
            name = server.create_database()
            with psycopg.connect(server.conninfo(name), autocommit=True) as connection:
                for statement in statements:
                    connection.execute(statement)
            held = []
            if check == "connection":
                held = [psycopg.connect(server.conninfo(name)) for _ in range(14)]
            said, text = ours(server.conninfo(name), check)
            missed += expected not in said
            other = asyncio.run(theirs(server.url(name), check))
            for connection in held:
                connection.close()
            table.add_row(
                textwrap.fill(words, 24),
                textwrap.fill(text, WIDTH, replace_whitespace=False),
                textwrap.fill(other.strip(), WIDTH, replace_whitespace=False),
            )
    console = Console(width=170)
    console.print(table)
    console.print(f"{len(CRAFTED) - missed} of {len(CRAFTED)} found by ours")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
