"""How PostgreSQL would run a query, and which queries cost the most."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import psycopg

from switchbot_store.errors import StoreDataError
from switchbot_store.languages import worded
from switchbot_store.ops.statements.answers import asked_simply
from switchbot_store.ops.statements.parsing import judged, judged_index, parameters_in
from switchbot_store.ops.statements.reach import checked, nodes_of, read_plan
from switchbot_store.ops.statements.read_only import telling
from switchbot_store.ops.statements.validation import (
    MAX_STATEMENT_BYTES,
    RefusedSqlError,
)
from switchbot_store.ops.target import read

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from switchbot_store.ops.target import Session, Target

TIMEOUT_SECONDS: Final = 30.0
MAX_HYPOTHETICAL_INDEXES: Final = 20
"""Each is parsed, looked up and supposed in the server, before anything is planned."""
MAX_PLAN_BYTES: Final = 2_000_000
"""A plan quotes the constants of its conditions, computed ones too."""
SortBy = Literal[
    "total_time", "mean_time", "calls", "rows", "blocks_read", "temp_blocks"
]

NO_HYPOPG: Final = worded(
    "hypothetical indexes need the extension hypopg: install the server's package for it"
    " (Debian: postgresql-<version>-hypopg), then CREATE EXTENSION hypopg;"
)
NO_STATEMENTS: Final = worded(
    "the costs of queries need pg_stat_statements: put it into"
    " shared_preload_libraries, restart the server, then"
    " CREATE EXTENSION pg_stat_statements;"
)
_GENERIC_SINCE: Final = 160000

_COLUMNS: Final[dict[str, str]] = {
    "total_time": "total_seconds",
    "mean_time": "mean_seconds",
    "calls": "calls",
    "rows": "rows",
    "blocks_read": "blocks_read",
    "temp_blocks": "temp_blocks",
}
# The column to sort by is from the table above, never from outside. The extension has a
# row for each user and level; a text is missing where its file was lost.
_TOP: Final = """
SELECT
    coalesce(left(s.query, {most}), '<unknown>') AS query, sum(s.calls)::bigint AS calls,
    sum(s.total_exec_time) / 1000 AS total_seconds,
    sum(s.total_exec_time) / nullif(sum(s.calls), 0) / 1000 AS mean_seconds,
    sum(s.rows)::bigint AS rows, sum(s.shared_blks_hit)::bigint AS blocks_hit,
    sum(s.shared_blks_read)::bigint AS blocks_read,
    sum(s.temp_blks_written)::bigint AS temp_blocks,
    sum(s.total_exec_time) / nullif(sum(sum(s.total_exec_time)) OVER (), 0) AS share
FROM {schema}.pg_stat_statements s
JOIN pg_database d ON d.oid = s.dbid AND d.datname = current_database()
GROUP BY coalesce(left(s.query, {most}), '<unknown>')
HAVING sum(s.calls) > 0
ORDER BY {column} DESC NULLS LAST
LIMIT %s
"""
_SUPPOSE: Final = """
SELECT indexname::text AS name, {schema}.hypopg_relation_size(indexrelid) AS bytes
FROM {schema}.hypopg_create_index(%s)
"""


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """A plan as PostgreSQL's JSON has it.

    Costs are in the planner's units. `actual_seconds` only with `analyze`.
    `hypothetical` are the indexes supposed for it, by definition; `used` those of them
    that the plan uses.

    `database_url` is one as ``postgresql://user@localhost/home``:

    >>> from switchbot_store.ops import explain_query
    >>> plan = explain_query(database_url, "SELECT generate_series(1, 1000)")
    >>> plan.estimated_rows, plan.actual_seconds
    (1000.0, None)
    """

    sql: str
    plan: dict[str, Any]
    total_cost: float
    estimated_rows: float
    actual_seconds: float | None = None
    planning_seconds: float | None = None
    hypothetical: tuple[str, ...] = ()
    used: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The plan as an indented tree, a node a line."""
        return "\n".join(_lines(self.plan, 0))

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {**asdict(self), "text": self.text}


@dataclass(frozen=True, slots=True)
class QueryCost:
    """What a query came to since the statistics were reset; `share` of all time.

    >>> from switchbot_store.ops import QueryCost
    >>> cost = QueryCost("SELECT 1", 4, 0.002, 0.0005, 4, 0, 0, 0, share=0.5)
    >>> cost.to_dict()["mean_seconds"]
    0.0005
    """

    query: str
    calls: int
    total_seconds: float
    mean_seconds: float
    rows: int
    blocks_hit: int
    blocks_read: int
    temp_blocks: int
    share: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class TopQueries:
    """The costliest queries; none, and `how_to` see them, without the extension.

    `database_url` is one as ``postgresql://user@localhost/home``:

    >>> from switchbot_store.ops import get_top_queries
    >>> top = get_top_queries(database_url, 3)
    >>> len(top.queries) <= 3, bool(top.queries) or bool(top.how_to)
    (True, True)
    """

    queries: tuple[QueryCost, ...]
    sort_by: str
    how_to: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "queries": [each.to_dict() for each in self.queries],
            "sort_by": self.sort_by,
            "how_to": self.how_to,
        }


def explain_query(
    target: Target,
    sql: str,
    analyze: bool = False,
    hypothetical_indexes: Sequence[str] = (),
    *,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> QueryPlan:
    """Return the plan of one SELECT; parameters such as ``$1`` may stay open.

    `analyze` runs it, in a transaction that is read-only and rolled back.
    `hypothetical_indexes` are CREATE INDEX statements, supposed but not carried out
    (extension hypopg), which must be as harmless, `MAX_HYPOTHETICAL_INDEXES` at most.
    Raises RefusedSqlError as `execute_sql` does; StoreDataError for what the server
    refuses, and where hypopg is missing, saying how to get it.
    """
    if len(hypothetical_indexes) > MAX_HYPOTHETICAL_INDEXES:
        raise RefusedSqlError(
            worded(
                "{number} hypothetical indexes: suppose {most} at most",
                number=len(hypothetical_indexes),
                most=MAX_HYPOTHETICAL_INDEXES,
            )
        )
    parts = judged(sql, parameters=not analyze)
    supposed = [judged_index(each) for each in hypothetical_indexes]
    text = parts.text
    if analyze and hypothetical_indexes:
        raise StoreDataError(
            worded("an index that does not exist cannot be used: no analyze")
        )

    def look(session: Session) -> QueryPlan:
        with telling():
            checked(session, parts)
            for index in supposed:
                # What an index computes is computed while a statement is planned.
                checked(session, index)
        names: dict[str, str] = {}
        if hypothetical_indexes:
            schema = session.extension_schema("hypopg")
            if schema is None:
                raise StoreDataError(NO_HYPOPG)
            for each in hypothetical_indexes:
                names[suppose(session, schema, each)["name"]] = each
        try:
            found = plan_of(session, text, analyze=analyze)
        finally:
            if names:
                forget_supposed(session)
        used = tuple(
            names[name] for name in sorted(index_names(found)) if name in names
        )
        return _plan(text, found, tuple(hypothetical_indexes), used)

    return read(target, look, timeout_seconds=timeout_seconds)


def get_top_queries(
    target: Target,
    limit: int = 10,
    sort_by: SortBy = "total_time",
    *,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> TopQueries:
    """Return the costliest queries of this database, by pg_stat_statements.

    Raises ValueError for another order.
    """
    if sort_by not in get_args(SortBy):
        raise ValueError(
            worded(
                "no order {sort_by!r}; there are {sortby}",
                sort_by=sort_by,
                sortby=", ".join(get_args(SortBy)),
            )
        )

    def look(session: Session) -> TopQueries:
        schema = session.extension_schema("pg_stat_statements")
        if schema is None:
            return TopQueries((), sort_by, NO_STATEMENTS)
        query = _TOP.format(
            schema=schema, column=_COLUMNS[sort_by], most=MAX_STATEMENT_BYTES + 1
        )
        try:
            with session.attempt():
                rows = session.rows(query.encode(), [limit])
        except psycopg.errors.ObjectNotInPrerequisiteState:
            return TopQueries((), sort_by, NO_STATEMENTS)
        return TopQueries(tuple(QueryCost(**row) for row in rows), sort_by)

    return read(target, look, timeout_seconds=timeout_seconds)


def suppose(session: Session, schema: str, definition: str) -> dict[str, Any]:
    """Suppose an index for this session; return its name and size in bytes.

    `schema` is hypopg's, quoted. Raises StoreDataError for a statement that makes none.
    """
    try:
        with session.attempt():
            return session.row(_SUPPOSE.format(schema=schema).encode(), [definition])
    except psycopg.Error as error:
        why = str(error).splitlines()[0]
        raise StoreDataError(
            worded("no such index can be made: {why}", why=why)
        ) from error


def forget_supposed(session: Session) -> None:
    """Suppose no index any more; a connection of a pool outlives the question."""
    if session.connection.closed:
        return
    schema = session.extension_schema("hypopg")
    session.connection.execute(f"SELECT {schema}.hypopg_reset()".encode())


def plan_of(session: Session, sql: str, *, analyze: bool = False) -> dict[str, Any]:
    """Return EXPLAIN's JSON for a statement that was validated and checked.

    Raises StoreDataError; LongAnswerError for a plan of more than MAX_PLAN_BYTES.
    """
    options = "FORMAT JSON" + (", ANALYZE, BUFFERS" if analyze else "")
    count = parameters_in(sql)
    if analyze:
        session.compile_as_given()
    with telling(), session.attempt():
        if not count:
            return _explained(session, f"EXPLAIN ({options}) {sql}")
        if session.version >= _GENERIC_SINCE:
            return _explained(session, f"EXPLAIN ({options}, GENERIC_PLAN) {sql}")
        return _generic(session, sql, count)


def _generic(session: Session, sql: str, count: int) -> dict[str, Any]:
    """Plan a statement with open parameters where EXPLAIN itself cannot."""
    connection = session.connection
    connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    connection.execute(f"PREPARE supposed AS {sql}".encode())
    try:
        values = ", ".join(["NULL"] * count)
        with session.attempt():
            return _explained(
                session, f"EXPLAIN (FORMAT JSON) EXECUTE supposed({values})"
            )
    finally:
        if not connection.closed:
            # It would outlive the transaction.
            connection.execute("DEALLOCATE supposed")


def _explained(session: Session, statement: str) -> dict[str, Any]:
    # As a client without parameters, or `$1` would be taken for one.
    answer = asked_simply(session.connection, statement, most_bytes=MAX_PLAN_BYTES)
    return read_plan(answer.get_value(0, 0))


def _plan(
    sql: str,
    found: dict[str, Any],
    hypothetical: tuple[str, ...],
    used: tuple[str, ...],
) -> QueryPlan:
    top = found["Plan"]
    actual, planning = found.get("Execution Time"), found.get("Planning Time")
    return QueryPlan(
        sql=sql,
        plan=top,
        total_cost=float(top["Total Cost"]),
        estimated_rows=float(top["Plan Rows"]),
        actual_seconds=None if actual is None else actual / 1000.0,
        planning_seconds=None if planning is None else planning / 1000.0,
        hypothetical=hypothetical,
        used=used,
    )


def index_names(found: dict[str, Any]) -> set[str]:
    """Return the names of the indexes that a plan uses."""
    return {
        node["Index Name"] for node in nodes_of(found["Plan"]) if "Index Name" in node
    }


def _lines(node: dict[str, Any], depth: int) -> Iterator[str]:
    where = (
        node.get("Index Name") or node.get("Relation Name") or node.get("Alias") or ""
    )
    rows = f"rows={node['Plan Rows']:.0f}"
    if "Actual Rows" in node:
        loops = node.get("Actual Loops", 1)
        rows += f" actual={node['Actual Rows']:g}" + (f" x{loops}" if loops > 1 else "")
    detail = node.get("Index Cond") or node.get("Filter") or node.get("Hash Cond") or ""
    yield (
        f"{'  ' * depth}{node['Node Type']}{f' on {where}' if where else ''}"
        f" (cost={node['Total Cost']:.2f} {rows}){f' {detail}' if detail else ''}"
    )
    for child in node.get("Plans", ()):
        yield from _lines(child, depth + 1)
