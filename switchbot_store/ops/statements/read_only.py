"""Run a statement of somebody's that can change and reach nothing.

Four things keep it so, each by itself: the statement is parsed and made only of what is
allowed, what it reaches is looked up as the server itself resolved it and must be what it
seems, its plan is read and must be plain reads, and it runs in a READ ONLY transaction that
is rolled back, under a timeout.

Nothing is fetched before it is measured: the server leaves out what is too long, and what
comes all the same is cut off.
"""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import orjson
import psycopg
from psycopg.adapt import Transformer
from psycopg.pq import Format

from switchbot_store.errors import StoreDataError
from switchbot_store.languages import worded
from switchbot_store.ops.role import HOW_TO_READ_ONLY, rights_beyond_select
from switchbot_store.ops.statements.answers import asked
from switchbot_store.ops.statements.parsing import judged
from switchbot_store.ops.statements.reach import Columns, check_plan, checked
from switchbot_store.ops.statements.validation import RefusedSqlError
from switchbot_store.ops.target import read
from switchbot_store.postgres.errors import is_broken_connection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import abc
    from psycopg.pq.abc import PGresult

    from switchbot_store.ops.target import Session, Target

MAX_ROWS: Final = 1000
MAX_BYTES: Final = 1_000_000
TIMEOUT_SECONDS: Final = 10.0

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

_TEXTS: Final = frozenset({25, 1042, 1043})  # text, character, character varying
_BYTEA: Final = 17
_WITHOUT_PARTS: Final = _TEXTS | {_BYTEA, 142}  # xml
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_READ: Final = "read_only"


@dataclass(frozen=True, slots=True)
class SqlResult:
    """The rows of a statement; `truncated` says that there were more.

    `beyond_select` is what the role that asked may do besides reading. Where it is empty
    the server itself keeps every statement from changing anything, as for a role that
    ``switchbot-store ops role`` made; else READ ONLY and the look-ups here do.

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
    beyond_select: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "columns": list(self.columns),
            "rows": [list(row) for row in self.rows],
            "row_count": len(self.rows),
            "truncated": self.truncated,
            "beyond_select": list(self.beyond_select),
        }


def execute_sql(
    target: Target,
    sql: str,
    *,
    max_rows: int = MAX_ROWS,
    max_bytes: int = MAX_BYTES,
    timeout_seconds: float = TIMEOUT_SECONDS,
    only_reading_role: bool = False,
) -> SqlResult:
    """Run one SELECT or SHOW and return its rows, up to `max_rows` and `max_bytes`.

    `max_bytes` is for all rows together, as PostgreSQL's text and as JSON. What is longer
    stays in the server, be it one value; so it costs this process a few times `max_bytes`
    at the most.

    `only_reading_role` refuses every statement of a role that may do more than SELECT.

    Raises RefusedSqlError for everything that is not known to be harmless, and what the
    server says as StoreDataError; SlowConnectionError, StoreUnavailableError.
    """
    parts = judged(sql)

    def run(session: Session) -> SqlResult:
        beyond = rights_beyond_select(session)
        if beyond and only_reading_role:
            raise RefusedSqlError(
                worded(
                    "this role {beyond}: {how_to_read_only}",
                    beyond="; ".join(beyond),
                    how_to_read_only=HOW_TO_READ_ONLY,
                )
            )
        with telling():
            columns = checked(session, parts)
            if columns is not None:
                check_plan(session, parts.text)
            session.compile_as_given()
            found = (
                _shown(session, parts.text, max_bytes)
                if columns is None
                else _fetched(session, parts.text, columns, max_rows, max_bytes)
            )
        return replace(found, beyond_select=beyond)

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


def _shown(session: Session, text: str, max_bytes: int) -> SqlResult:
    shown = asked(session.connection, text, most_bytes=max_bytes + _SAID_BYTES)
    values = _values(Transformer(session.connection), shown, 0)
    names = (shown.fname(index) or b"" for index in range(shown.nfields))
    return SqlResult(tuple(name.decode() for name in names), (values,))


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
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        # Half a pair, which PostgreSQL keeps as an escape in json, is no text in JSON.
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int):
        return value if abs(value) < 2**53 else str(value)
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {_plain(str(key)): _plain(each) for key, each in value.items()}
    return value.hex() if isinstance(value, bytes) else str(value)
