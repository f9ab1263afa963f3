"""Run a statement of somebody's that can change and reach nothing.

Three things keep it so, each by itself: the statement is parsed and made only of what is
allowed, what it names is looked up and must be what it seems, and it runs in a READ ONLY
transaction that is rolled back, under a timeout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
import psycopg
from psycopg.rows import tuple_row

from switchbot_store.errors import StoreDataError
from switchbot_store.ops.target import read
from switchbot_store.ops.validation import Parts, RefusedSqlError, validated
from switchbot_store.postgres_errors import is_broken_connection

if TYPE_CHECKING:
    from switchbot_store.ops.target import Session, Target

MAX_ROWS: Final = 1000
MAX_BYTES: Final = 1_000_000
TIMEOUT_SECONDS: Final = 10.0

_MOST_VIEWS: Final = 50
_AT_ONCE: Final = 100

# The lexer the server uses must be the one the statement was judged with.
_AS_PARSED: Final = (
    "SET LOCAL standard_conforming_strings = on",
    "SET LOCAL backslash_quote = off",
    "SET LOCAL client_encoding = 'UTF8'",
    "SET LOCAL lock_timeout = '2s'",
    "SET LOCAL idle_in_transaction_session_timeout = '60s'",
)
_RELATION: Final = """
SELECT c.oid::bigint AS oid, c.relkind::text AS kind, n.nspname AS schema, c.relname AS name,
    c.relrowsecurity AS row_security,
    EXISTS (
        WITH RECURSIVE heirs AS (
            SELECT inhrelid FROM pg_inherits WHERE inhparent = c.oid
            UNION SELECT i.inhrelid FROM pg_inherits i JOIN heirs h ON i.inhparent = h.inhrelid
        ) SELECT FROM heirs h JOIN pg_class k ON k.oid = h.inhrelid AND k.relkind = 'f'
    ) AS reaches
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = to_regclass(%s)
"""
_QUOTED: Final = (
    "SELECT concat_ws('.', quote_ident(nullif(%s, '')), quote_ident(%s)) AS name"
)
# A function or operator of somebody's own would be chosen where its arguments fit better.
_NAMESAKES: Final = """
SELECT 'function ' || p.oid::regprocedure::text AS what FROM pg_proc p
WHERE p.proname = ANY (%(functions)s) AND p.pronamespace <> 'pg_catalog'::regnamespace
UNION ALL
SELECT 'operator ' || o.oid::regoperator::text FROM pg_operator o
WHERE o.oprname = ANY (%(operators)s) AND o.oprnamespace <> 'pg_catalog'::regnamespace
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_operator'::regclass
        AND d.objid = o.oid AND d.deptype = 'e')
UNION ALL
SELECT 'function ' || p.oid::regprocedure::text FROM pg_proc p
JOIN pg_type t ON t.oid = p.proargtypes[0]
WHERE p.proname = ANY (%(attributes)s) AND p.pronamespace <> 'pg_catalog'::regnamespace
    AND p.pronargs - p.pronargdefaults <= 1 AND t.typtype IN ('c', 'p', 'd')
UNION ALL
SELECT 'cast to ' || format_type(k.casttarget, NULL) FROM pg_cast k
JOIN pg_proc p ON p.oid = k.castfunc
WHERE p.pronamespace <> 'pg_catalog'::regnamespace
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_cast'::regclass
        AND d.objid = k.oid AND d.deptype = 'e')
LIMIT 1
"""
# A domain's checks and a type's own input are functions as well.
_TYPE: Final = """
SELECT t.typtype::text AS kind, n.nspname AS schema,
    t.typtype = 'b' AND EXISTS (SELECT FROM pg_depend d
        WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e') AS known
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.oid = to_regtype(%s)
"""
_ENUM: Final = "e"
_TRUSTED: Final = frozenset({"pg_catalog", "information_schema"})


@dataclass(frozen=True, slots=True)
class SqlResult:
    """The rows of a statement; `truncated` says that there were more.

    Values are what JSON has; whatever else PostgreSQL gave is its text.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "columns": list(self.columns),
            "rows": [list(row) for row in self.rows],
            "row_count": len(self.rows),
            "truncated": self.truncated,
        }


def execute_sql(
    target: Target,
    sql: str,
    *,
    max_rows: int = MAX_ROWS,
    max_bytes: int = MAX_BYTES,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> SqlResult:
    """Run one SELECT or SHOW and return its rows, up to `max_rows` and `max_bytes`.

    Raises RefusedSqlError for everything that is not known to be harmless, and what the
    server says as StoreDataError; SlowConnectionError, StoreUnavailableError.
    """
    parts = validated(sql)
    text = sql.strip().rstrip(";").strip()

    def run(session: Session) -> SqlResult:
        for setting in _AS_PARSED:
            session.connection.execute(setting)
        checked(session, parts)
        try:
            return _fetched(session, text, max_rows, max_bytes)
        except psycopg.Error as error:
            late = isinstance(error, psycopg.errors.QueryCanceled)
            if late or is_broken_connection(error):
                raise
            # What is wrong with the statement is the caller's to know.
            raise StoreDataError(str(error).splitlines()[0]) from error

    return read(target, run, timeout_seconds=timeout_seconds)


def checked(session: Session, parts: Parts) -> None:
    """Look up what a statement names; raise RefusedSqlError where it is not harmless."""
    waiting, seen = list(parts.relations), set(parts.relations)
    views = 0
    while waiting:
        schema, name = waiting.pop()
        found = _looked_up(session, schema, name)
        if found is None or found["schema"] in _TRUSTED:
            continue  # the server will say that there is none
        if found["kind"] == "f" or found["reaches"]:
            raise RefusedSqlError(f"{name} is a foreign table: it reaches elsewhere")
        if found["row_security"]:
            raise RefusedSqlError(
                f"{name} has row security, whose rules may do anything"
            )
        if found["kind"] != "v":
            continue
        views += 1
        if views > _MOST_VIEWS:
            raise RefusedSqlError(f"more than {_MOST_VIEWS} views")
        within = _parts_of_view(session, found)
        parts.add(within)
        waiting += within.relations - seen
        seen |= within.relations
    _check_types(session, parts)
    names = {
        "functions": [*parts.functions],
        "operators": [*parts.operators],
        "attributes": [*parts.attributes],
    }
    for row in session.rows(_NAMESAKES, names):
        raise RefusedSqlError(f"the {row['what']} of this database may do anything")


def _parts_of_view(session: Session, view: dict[str, Any]) -> Parts:
    row = session.row("SELECT pg_get_viewdef(%s::oid) AS text", [view["oid"]])
    try:
        return validated(row["text"])
    except RefusedSqlError as error:
        raise RefusedSqlError(f"in the view {view['name']}: {error}") from error


def _looked_up(session: Session, schema: str, name: str) -> dict[str, Any] | None:
    quoted = session.row(_QUOTED, [schema, name])["name"]
    rows = session.rows(_RELATION, [quoted])
    return rows[0] if rows else None


def _check_types(session: Session, parts: Parts) -> None:
    for schema, name in parts.types:
        if schema == "pg_catalog":
            continue
        quoted = session.row(_QUOTED, [schema, name])["name"]
        for row in session.rows(_TYPE, [quoted]):
            if (
                row["schema"] not in _TRUSTED
                and row["kind"] != _ENUM
                and not row["known"]
            ):
                raise RefusedSqlError(f"the type {name} is not PostgreSQL's own")


def _fetched(session: Session, text: str, max_rows: int, max_bytes: int) -> SqlResult:
    rows: list[tuple[Any, ...]] = []
    used, truncated = 0, False
    if text[:4].lower() == "show":
        with session.connection.cursor(row_factory=tuple_row) as cursor:
            cursor.execute(text.encode(), prepare=False)
            columns = _names(cursor.description)
            return SqlResult(columns, tuple(map(_plain_row, cursor.fetchall())))
    with session.connection.cursor("read_only", row_factory=tuple_row) as cursor:
        # Values come as text where a type of theirs would run code of ours.
        cursor.execute(text.encode())
        columns = _names(cursor.description)
        cursor.itersize = min(_AT_ONCE, max_rows + 1)
        for row in cursor:
            plain = _plain_row(row)
            used += len(orjson.dumps(plain))
            if len(rows) >= max_rows or used > max_bytes:
                truncated = True
                break
            rows.append(plain)
    return SqlResult(columns, tuple(rows), truncated)


def _names(description: Any) -> tuple[str, ...]:
    return tuple(column.name for column in description or ())


def _plain_row(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(_plain(value) for value in row)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else str(value)
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    return value.hex() if isinstance(value, bytes) else str(value)
