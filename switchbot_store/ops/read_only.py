"""Run a statement of somebody's that can change and reach nothing.

Three things keep it so, each by itself: the statement is parsed and made only of what is
allowed, what it reaches is looked up as the server itself resolved it and must be what it
seems, and it runs in a READ ONLY transaction that is rolled back, under a timeout.

Nothing is fetched before it is measured: the server leaves out what is too long, and what
comes all the same is cut off.
"""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
import psycopg
from psycopg.adapt import Transformer
from psycopg.pq import Format

from switchbot_store.errors import StoreDataError
from switchbot_store.ops.allowed import SECRET_RELATIONS
from switchbot_store.ops.answers import asked, described
from switchbot_store.ops.target import read
from switchbot_store.ops.validation import (
    MAX_STATEMENT_BYTES,
    Parts,
    RefusedSqlError,
    validated,
)
from switchbot_store.postgres.errors import is_broken_connection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import abc
    from psycopg.pq.abc import PGresult

    from switchbot_store.ops.target import Session, Target

MAX_ROWS: Final = 1000
MAX_BYTES: Final = 1_000_000
TIMEOUT_SECONDS: Final = 10.0

_MOST_VIEWS: Final = 50
_AT_ONCE: Final = 100
_MOST_DEEP: Final = 100
"""A value with more brackets in brackets is given as its text: no encoder goes deeper."""
_PART_BYTES: Final = 64
_OBJECT_BYTES: Final = 256
"""What an item of a list, and an object, takes in memory beside its text."""
_WEIGHT: Final = 4
"""Rows may take this many times `max_bytes` in memory."""
_SAID_BYTES: Final = 1_000_000
"""What an answer may have beside its rows: the names of columns, an error's words."""
_SAID_CHARACTERS: Final = 1000
_STORED_SHARE: Final = 16
"""No value's text is this many times shorter than the value as PostgreSQL holds it."""

# The lexer the server uses must be the one the statement was judged with. All of it by
# full name: what is first on the search path may be anybody's.
_AS_PARSED: Final = """
SELECT pg_catalog.set_config(name, value, true)
FROM (VALUES ('standard_conforming_strings', 'on'), ('backslash_quote', 'off'),
    ('client_encoding', 'UTF8'), ('client_min_messages', 'error'),
    ('lock_timeout', '2s'), ('idle_in_transaction_session_timeout', '60s')
) AS wanted (name, value)
"""
_PATH: Final = "SELECT pg_catalog.current_setting('search_path') AS path"
_SET_PATH: Final = "SELECT pg_catalog.set_config('search_path', %s, true)"
_OWN_PATH: Final = "pg_catalog, pg_temp"

# What this transaction has locked is what the server found behind the names: no matter
# what they seem to say, and through all views.
_REACHED: Final = """
SELECT c.oid::bigint AS oid, c.relkind::text AS kind, n.nspname::text AS schema,
    c.relname::text AS name, c.relrowsecurity AS row_security,
    EXISTS (
        WITH RECURSIVE heirs AS (
            SELECT inhrelid FROM pg_inherits WHERE inhparent = c.oid
            UNION SELECT i.inhrelid FROM pg_inherits i JOIN heirs h ON i.inhparent = h.inhrelid
        ) SELECT FROM heirs h JOIN pg_class k ON k.oid = h.inhrelid AND k.relkind = 'f'
    ) AS reaches
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid IN (
    SELECT l.relation FROM pg_locks l
    WHERE l.locktype = 'relation' AND l.pid = pg_backend_pid() AND (l.database = 0
        OR l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))
)
ORDER BY 1
"""
# A definition hides casts and operators that were chosen for it; its dependencies tell.
# PostgreSQL's own functions have none: they are read off the definition.
_VIEW: Final = """
SELECT octet_length(d.definition) <= %(most)s AS fits,
    CASE WHEN octet_length(d.definition) <= %(most)s THEN d.definition END AS definition,
    (
        SELECT pg_describe_object(u.refclassid, u.refobjid, 0) FROM pg_rewrite w
        JOIN pg_depend u ON u.classid = 'pg_rewrite'::regclass AND u.objid = w.oid
        WHERE w.ev_class = %(oid)s AND (
            u.refclassid = 'pg_proc'::regclass AND EXISTS (SELECT FROM pg_proc p
                WHERE p.oid = u.refobjid AND p.pronamespace <> 'pg_catalog'::regnamespace)
            OR u.refclassid = 'pg_operator'::regclass AND EXISTS (SELECT FROM pg_operator o
                WHERE o.oid = u.refobjid AND o.oprnamespace <> 'pg_catalog'::regnamespace)
            OR u.refclassid = 'pg_type'::regclass AND EXISTS (SELECT FROM pg_type t
                JOIN pg_namespace n ON n.oid = t.typnamespace
                WHERE t.oid = u.refobjid AND t.typtype = 'd'
                AND n.nspname NOT IN ('pg_catalog', 'information_schema'))
        ) AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = u.refclassid
            AND e.objid = u.refobjid AND e.deptype = 'e')
        ORDER BY 1 LIMIT 1
    ) AS uses
FROM (SELECT pg_get_viewdef(%(oid)s::oid) AS definition) AS d
"""
# A function, an operator or a type of somebody's own would be chosen where it fits better;
# a row that is made of JSON is checked by the domains of its columns.
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
SELECT 'type ' || format_type(t.oid, NULL) FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND (
    t.typname = ANY (%(functions)s) AND t.typtype IN ('b', 'd', 'r', 'm')
    OR t.typname = ANY (%(attributes)s) AND t.typtype = 'd' AND t.typcategory = 'C')
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_type'::regclass
        AND d.objid = t.oid AND d.deptype = 'e')
UNION ALL
SELECT 'domain ' || format_type(k.contypid, NULL) FROM pg_constraint k
JOIN pg_namespace n ON n.oid = k.connamespace
WHERE k.contypid <> 0 AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND %(functions)s::text[] && ARRAY['json_populate_record', 'json_populate_recordset',
        'jsonb_populate_record', 'jsonb_populate_recordset']
UNION ALL
SELECT 'cast to ' || format_type(k.casttarget, NULL) FROM pg_cast k
JOIN pg_proc p ON p.oid = k.castfunc
WHERE p.pronamespace <> 'pg_catalog'::regnamespace
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_cast'::regclass
        AND d.objid = k.oid AND d.deptype = 'e')
LIMIT 1
"""
_TYPES: Final = """
SELECT named.name, pg_catalog.to_regtype(named.name)::pg_catalog.oid::pg_catalog.int8 AS oid
FROM pg_catalog.unnest(%s::pg_catalog.text[]) AS named (name)
"""
# A domain's checks and a type's own input are functions as well.
_FOREIGN_TYPE: Final = """
SELECT format_type(t.oid, NULL) AS name FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.oid = ANY (%s::bigint[]::oid[]) AND t.typtype <> 'e'
    AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND NOT (t.typtype = 'b' AND EXISTS (SELECT FROM pg_depend d
        WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'))
ORDER BY 1 LIMIT 1
"""
_TRUSTED: Final = frozenset({"pg_catalog", "information_schema"})

_TEXTS: Final = frozenset({25, 1042, 1043})  # text, character, character varying
_BYTEA: Final = 17
_WITHOUT_PARTS: Final = _TEXTS | {_BYTEA, 142}  # xml
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_READ: Final = "read_only"


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a statement, as the server describes them before it is run."""

    names: tuple[str, ...]
    types: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SqlResult:
    """The rows of a statement; `truncated` says that there were more.

    Values are what JSON has; whatever else PostgreSQL gave is its text. So is what only
    PostgreSQL can hold: a date without end, brackets a thousand deep.

    `database_url` is one as ``postgresql://user@localhost/home``:

    >>> from switchbot_store.ops import execute_sql
    >>> result = execute_sql(database_url, "SELECT n FROM generate_series(1, 9) n", max_rows=2)
    >>> result.columns, result.rows, result.truncated
    (('n',), ((1,), (2,)), True)
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

    `max_bytes` is for all rows together, as PostgreSQL's text and as JSON. What is longer
    stays in the server, be it one value; so it costs this process a few times `max_bytes`
    at the most.

    Raises RefusedSqlError for everything that is not known to be harmless, and what the
    server says as StoreDataError; SlowConnectionError, StoreUnavailableError.
    """
    parts = validated(sql)

    def run(session: Session) -> SqlResult:
        with telling():
            columns = checked(session, parts)
            if columns is None:
                return _shown(session, parts.text, max_bytes)
            return _fetched(session, parts.text, columns, max_rows, max_bytes)

    return read(target, run, timeout_seconds=timeout_seconds)


@contextmanager
def telling() -> Iterator[None]:
    """Tell what is wrong with a statement, by StoreDataError; it is the caller's to know.

    That there was no time or no connection stays what it is.
    """
    try:
        yield
    except psycopg.errors.QueryCanceled:
        raise
    except psycopg.Error as error:
        if is_broken_connection(error):
            raise
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise StoreDataError(first[:_SAID_CHARACTERS]) from error


def checked(session: Session, parts: Parts) -> Columns | None:
    """Look up what a statement reaches; raise RefusedSqlError where it is not harmless.

    The server parses it, and resolves its names, on the search path that it will run
    with; everything else is asked on PostgreSQL's own. Returns the statement's columns,
    None for a SHOW. Raises psycopg.Error for what the server does not understand.
    """
    session.rows(_AS_PARSED)
    if parts.text[:4].lower() == "show":
        return None
    with session.attempt():
        given = described(session.connection, parts.text, most_bytes=_SAID_BYTES)
        types = _types(session, parts)
        path = session.row(_PATH)["path"]
        session.rows(_SET_PATH, [_OWN_PATH])
        _check_relations(session, parts)
        for row in session.rows(_FOREIGN_TYPE, [types]):
            raise RefusedSqlError(f"the type {row['name']} is not PostgreSQL's own")
        names = {
            "functions": [*parts.functions],
            "operators": [*parts.operators],
            "attributes": [*parts.attributes],
        }
        for row in session.rows(_NAMESAKES, names):
            raise RefusedSqlError(f"the {row['what']} of this database may do anything")
        session.rows(_SET_PATH, [path])
    return _columns(given)


def _check_relations(session: Session, parts: Parts) -> None:
    reached = session.rows(_REACHED)
    views = 0
    for found in reached:
        if found["schema"] in _TRUSTED:
            continue
        name = found["name"]
        if found["schema"].startswith("pg_toast"):
            raise RefusedSqlError(f"{name} is PostgreSQL's own store")
        if found["kind"] == "f" or found["reaches"]:
            raise RefusedSqlError(f"{name} is a foreign table: it reaches elsewhere")
        if found["row_security"]:
            raise RefusedSqlError(
                f"{name} has row security, whose rules may do anything"
            )
        if found["kind"] == "v":
            views += 1
            if views > _MOST_VIEWS:
                raise RefusedSqlError(f"more than {_MOST_VIEWS} views")
            parts.add(_parts_of_view(session, found))
    own = {found["name"] for found in reached if found["schema"] in _TRUSTED}
    for name in sorted(parts.hidden & SECRET_RELATIONS & own):
        # A WITH query here and the relation itself somewhere: which is which is not
        # for us to say.
        raise RefusedSqlError(f"{name} may hold secrets: name the query otherwise")


def _parts_of_view(session: Session, view: dict[str, Any]) -> Parts:
    values = {"oid": view["oid"], "most": MAX_STATEMENT_BYTES}
    row = session.row(_VIEW, values)
    where = f"in the view {view['name']}"
    if not row["fits"]:
        raise RefusedSqlError(f"{where}: more than {MAX_STATEMENT_BYTES} bytes")
    if row["uses"]:
        raise RefusedSqlError(f"{where}: the {row['uses']} may do anything")
    try:
        return validated(row["definition"])
    except RefusedSqlError as error:
        raise RefusedSqlError(f"{where}: {error}") from error


def _types(session: Session, parts: Parts) -> list[int]:
    """Return what the names of types stand for here; the server tells of the missing."""
    if not parts.types:
        return []
    names = [
        ".".join(_quoted(each) for each in (schema, name) if each)
        for schema, name in sorted(parts.types)
    ]
    rows = session.rows(_TYPES, [names])
    return [row["oid"] for row in rows if row["oid"] is not None]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _shown(session: Session, text: str, max_bytes: int) -> SqlResult:
    shown = asked(session.connection, text, most_bytes=max_bytes + _SAID_BYTES)
    values = _values(Transformer(session.connection), shown, 0)
    return SqlResult(_columns(shown).names, (values,))


def _fetched(
    session: Session, text: str, columns: Columns, max_rows: int, max_bytes: int
) -> SqlResult:
    connection = session.connection
    rows: list[tuple[Any, ...]] = []
    used = weight = 0
    # An encoding of the server's may be shorter than UTF-8.
    most_bytes = 3 * max_bytes + _SAID_BYTES
    cursor = _measuring(text, columns, max_rows, max_bytes)
    asked(connection, cursor, most_bytes=most_bytes)
    fetch = f"FETCH FORWARD {_AT_ONCE} FROM {_READ}"
    loading = Transformer(connection)
    while True:
        batch = asked(connection, fetch, most_bytes=most_bytes)
        for index in range(batch.ntuples):
            if len(rows) >= max_rows or batch.get_value(index, 0) != b"t":
                return SqlResult(columns.names, tuple(rows), truncated=True)
            weight += _weight(batch, index)
            if weight > _WEIGHT * max_bytes:
                return SqlResult(columns.names, tuple(rows), truncated=True)
            values = _values(loading, batch, index, first=1)
            used += len(orjson.dumps(values))
            if used > max_bytes:
                return SqlResult(columns.names, tuple(rows), truncated=True)
            rows.append(values)
        if batch.ntuples < _AT_ONCE:
            return SqlResult(columns.names, tuple(rows))


def _measuring(text: str, columns: Columns, max_rows: int, max_bytes: int) -> str:
    """Return a cursor over a statement that sends no more than `max_bytes` of text.

    Each row says first whether it fits beside those before it; one that does not is sent
    empty. OFFSET 0 keeps the planner from computing a value once for its measure and again
    for itself, and from keeping a long one until its row is sent.
    """
    cells = [f"c{index}" for index in range(len(columns.names))]
    measures = [
        f"COALESCE({_measure(cell, type_oid, max_bytes)}, 0)"
        for cell, type_oid in zip(cells, columns.types, strict=True)
    ]
    # By full names: an operator of somebody's own may come first on the path.
    size = " OPERATOR(pg_catalog.+) ".join(["0::pg_catalog.int8", *measures])

    def within(measure: str) -> str:
        return f"{measure} OPERATOR(pg_catalog.<=) {max_bytes}"

    def kept(measure: str) -> list[str]:
        return [
            f"CASE WHEN {within(measure)} THEN {each} END AS {each}" for each in cells
        ]

    measured = ", ".join([f"{size} AS size", *cells])
    cut = ", ".join(["size", *kept("size")])
    running = "pg_catalog.sum(size) OVER (ROWS UNBOUNDED PRECEDING) AS total"
    summed = ", ".join([running, *cells])
    sent = ", ".join([f"{within('total')} AS fits", *kept("total")])
    named = f" ({', '.join(cells)})" if cells else ""
    # The statement was parsed as one by itself; all else is made here.
    return f"""DECLARE {_READ} NO SCROLL CURSOR FOR
SELECT {sent} FROM (
    SELECT {summed} FROM (
        SELECT {cut} FROM (
            SELECT {measured} FROM (
                SELECT * FROM (
{text}
                ) AS given{named} OFFSET 0
            ) AS fenced OFFSET 0
        ) AS measured OFFSET 0
    ) AS cut
) AS summed LIMIT {max(0, max_rows) + 1}"""  # noqa: S608


def _measure(cell: str, type_oid: int, max_bytes: int) -> str:
    """Return an expression for the bytes of a value's text, cheap where it is long."""
    length = f"pg_catalog.octet_length({cell})::pg_catalog.int8"
    if type_oid in _TEXTS:
        return length
    if type_oid == _BYTEA:
        return f"{length} OPERATOR(pg_catalog.*) 2"
    # By its output function, as it is sent; a cast to text may be another.
    stored = f"pg_catalog.pg_column_size({cell})"
    return (
        f"CASE WHEN {stored} OPERATOR(pg_catalog.>) {_STORED_SHARE * max_bytes}"
        f" THEN {stored} ELSE pg_catalog.octet_length(pg_catalog.concat({cell})) END"
    )


def _columns(result: PGresult) -> Columns:
    every = range(result.nfields)
    return Columns(
        tuple((result.fname(index) or b"").decode() for index in every),
        tuple(result.ftype(index) for index in every),
    )


def _weight(result: PGresult, row: int) -> int:
    """Return about how many bytes a row takes in memory."""
    weight = 0
    for column in range(result.nfields):
        raw = result.get_value(row, column) or b""
        weight += len(raw)
        if _has_parts(raw, result.ftype(column)):
            weight += _PART_BYTES * (raw.count(b",") + raw.count(b"["))
            weight += _OBJECT_BYTES * raw.count(b"{")
    return weight


def _has_parts(raw: bytes, type_oid: int) -> bool:
    """Tell whether a value may become a list or an object: JSON, an array, a row."""
    return type_oid not in _WITHOUT_PARTS and raw.lstrip()[:1] in {b"[", b"{", b"("}


def _is_deep(raw: bytes) -> bool:
    if sum(raw.count(each) for each in (b"[", b"{", b"(")) <= _MOST_DEEP:
        return False
    depth = 0
    for character in _STRING.sub(b"", raw):
        depth += (character in b"[{(") - (character in b")}]")
        if depth > _MOST_DEEP:
            return True
    return False


def _values(
    loading: abc.Transformer, result: PGresult, row: int, *, first: int = 0
) -> tuple[Any, ...]:
    return tuple(
        _value(loading, result.get_value(row, column), result.ftype(column))
        for column in range(first, result.nfields)
    )


def _value(loading: abc.Transformer, raw: bytes | None, type_oid: int) -> Any:
    if raw is None:
        return None
    if not (_has_parts(raw, type_oid) and _is_deep(raw)):
        # A year 20000, a number of 5000 digits: Python has no such value.
        with suppress(psycopg.DataError, ValueError, OverflowError):
            return _plain(loading.get_loader(type_oid, Format.TEXT).load(raw))
    return raw.decode(errors="replace")


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
