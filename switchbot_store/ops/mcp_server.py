"""`switchbot-postgres`: the questions of this package as a Model Context Protocol server.

Nine tools over stdio, all of them read-only; which database is in the environment, as
for `switchbot-store`, or in the variable that `--url-variable` names. Extra ``mcp``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from importlib.metadata import version
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson

from switchbot_store import ops
from switchbot_store.config import StoreConfig
from switchbot_store.errors import StoreConfigError, StoreError
from switchbot_store.languages import joined, worded
from switchbot_store.ops.role import HOW_TO_READ_ONLY
from switchbot_store.ops.statements.calling_off import CallingOff
from switchbot_store.postgres.location import connection_string

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp.server import MCPServer

    from switchbot_store.ops.target import Target

_INSTRUCTIONS = (
    "Looks at one PostgreSQL database and changes nothing. What could not be seen is of"
    " status 'unknown', which is not 'ok'."
)
# An error may quote what was asked, which may be long.
_SAID_CHARACTERS: Final = 2000
_AT_ONCE: Final = 4
_MOST_WAITING: Final = 100
"""Questions that wait for one of the threads; more are refused, with nothing kept of them."""


def make_server(target: Target, *, only_reading_role: bool = False) -> MCPServer[Any]:
    """Return a server whose tools ask `target`, a store, a pool or a connection string.

    `only_reading_role`: statements of a role that may do more than SELECT are refused.

    Raises StoreConfigError when the SDK is not installed.
    """
    try:
        from mcp.server import MCPServer  # noqa: PLC0415 - an extra
        from mcp.types import ToolAnnotations  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise StoreConfigError(
            worded(
                "the MCP SDK is not installed: pip install 'switchbot-automation[mcp]'"
            )
        ) from error

    server: MCPServer[Any] = MCPServer(
        "switchbot-postgres",
        instructions=_INSTRUCTIONS,
        version=version("switchbot-automation"),
        log_level="WARNING",
    )
    tools = _Tools(target, only_reading_role=only_reading_role)
    harmless = ToolAnnotations(
        read_only_hint=True, destructive_hint=False, open_world_hint=False
    )
    for each in (
        tools.list_schemas,
        tools.list_objects,
        tools.get_object_details,
        tools.explain_query,
        tools.get_top_queries,
        tools.analyze_workload_indexes,
        tools.analyze_query_indexes,
        tools.analyze_db_health,
        tools.execute_sql,
    ):
        server.add_tool(each, annotations=harmless, structured_output=False)
    return server


class _Tools:
    """One method a tool; its arguments and its docstring are what a client sees."""

    def __init__(self, target: Target, *, only_reading_role: bool) -> None:
        self._target = target
        self._execute = partial(ops.execute_sql, only_reading_role=only_reading_role)
        # A question that was called off holds its thread until it has ended.
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="question")
        self._waiting = 0

    async def _asked(self, function: Callable[..., Any], *values: Any) -> str:
        from mcp.server.mcpserver.exceptions import ToolError  # noqa: PLC0415 - an extra

        if self._waiting >= _AT_ONCE + _MOST_WAITING:
            raise ToolError(worded("too many questions wait for an answer already"))
        self._waiting += 1
        try:
            return await self._answered(partial(function, self._target, *values))
        except (StoreError, ValueError) as error:
            # Any other is told without its words.
            raise ToolError(str(error)[:_SAID_CHARACTERS]) from error
        finally:
            self._waiting -= 1

    async def _answered(self, ask: Callable[[], Any]) -> str:
        """Ask on a thread; where the client calls the question off, end it there."""
        calling_off = CallingOff()
        in_context = copy_context().run
        asking = self._threads.submit(
            in_context, calling_off.run, lambda: _as_json(ask())
        )
        try:
            return await asyncio.wrap_future(asking)
        except asyncio.CancelledError:
            # On a thread, since the server is told; nobody here waits for that.
            if not asking.cancel():
                Thread(target=calling_off.call_off, daemon=True).start()
            raise

    async def list_schemas(self) -> str:
        """List the schemas of the database."""
        return await self._asked(ops.list_schemas)

    async def list_objects(
        self,
        schema: str,
        object_type: Literal["table", "view", "sequence", "extension"] = "table",
    ) -> str:
        """List the tables, views, sequences or extensions of a schema."""
        return await self._asked(ops.list_objects, schema, object_type)

    async def get_object_details(self, schema: str, name: str) -> str:
        """Show columns, constraints and indexes of a table, view or sequence."""
        return await self._asked(ops.get_object_details, schema, name)

    async def explain_query(
        self,
        sql: str,
        analyze: bool = False,
        hypothetical_indexes: list[str] | None = None,
    ) -> str:
        """Show the plan of one SELECT, run if `analyze`.

        `hypothetical_indexes` are CREATE INDEX statements to suppose (needs hypopg).
        """
        return await self._asked(
            ops.explain_query, sql, analyze, hypothetical_indexes or ()
        )

    async def get_top_queries(
        self,
        limit: int = 10,
        sort_by: Literal[
            "total_time", "mean_time", "calls", "rows", "blocks_read", "temp_blocks"
        ] = "total_time",
    ) -> str:
        """Show the costliest queries (needs pg_stat_statements)."""
        return await self._asked(ops.get_top_queries, limit, sort_by)

    async def analyze_workload_indexes(self) -> str:
        """Advise on indexes for what ran (needs pg_stat_statements and hypopg)."""
        return await self._asked(ops.analyze_workload_indexes)

    async def analyze_query_indexes(self, queries: list[str]) -> str:
        """Advise on indexes for some SELECT statements (needs hypopg)."""
        return await self._asked(ops.analyze_query_indexes, queries)

    async def analyze_db_health(self, checks: str = "all") -> str:
        """Check health: all, or index, connection, vacuum, sequence, replication,
        buffer, constraint, separated by commas.
        """
        return await self._asked(ops.analyze_db_health, checks)

    async def execute_sql(self, sql: str) -> str:
        """Run one SELECT or SHOW that can change and reach nothing."""
        return await self._asked(self._execute, sql)


def _as_json(found: Any) -> str:
    plain = (
        [each.to_dict() for each in found]
        if isinstance(found, list)
        else found.to_dict()
    )
    return orjson.dumps(plain, default=str, option=orjson.OPT_INDENT_2).decode()


def main() -> None:
    """Serve over stdio until the other side hangs up."""
    parser = argparse.ArgumentParser(prog="switchbot-postgres", description=__doc__)
    parser.add_argument(
        "--url-variable",
        metavar="NAME",
        help="the environment variable that holds the connection string; by default"
        " POSTGRES_URL, DATABASE_URL or PG*",
    )
    parser.add_argument(
        "--only-reading-role",
        action="store_true",
        help="refuse to serve as a role that may do more than SELECT",
    )
    arguments = parser.parse_args()
    try:
        conninfo = _conninfo(arguments.url_variable)
        _tell_of_rights(conninfo, required=arguments.only_reading_role)
        make_server(conninfo, only_reading_role=arguments.only_reading_role).run(
            "stdio"
        )
    except KeyboardInterrupt:
        sys.exit(130)
    except StoreError as error:
        sys.exit(f"switchbot-postgres: {error}")


def _tell_of_rights(conninfo: str, *, required: bool) -> None:
    """Say what protects the database; end where the server alone has to."""
    beyond = ops.reading_rights(conninfo)
    if not beyond:
        return
    words = worded(
        "the role {beyond}. Better: {how_to_read_only}",
        beyond=joined("; ", beyond),
        how_to_read_only=HOW_TO_READ_ONLY,
    )
    if required:
        raise StoreConfigError(words)
    sys.stderr.write(
        f"switchbot-postgres: {words}. Until then READ ONLY transactions and the look-ups"
        " of this program protect it, not the server's rights.\n"
    )


def _conninfo(variable: str | None) -> str:
    if variable is None:
        config = StoreConfig.from_env({**os.environ, "STORE_BACKEND": "postgres"})
        return config.conninfo or ""
    if not os.environ.get(variable):
        raise StoreConfigError(
            worded("{variable} is not set", variable=variable), variable=variable
        )
    return connection_string(os.environ[variable], variable=variable)
