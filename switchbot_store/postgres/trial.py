"""Whether this role may do what the program does: tried, and taken back.

Each kind of write is made, looked at and undone: a grant, a policy, a constraint, a
column, a trigger or a rule of others shows in what becomes of it, not in a list of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from switchbot_store.languages import later
from switchbot_store.languages import translated as _
from switchbot_store.postgres.errors import words_of
from switchbot_store.postgres.schema.shape import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from switchbot_store.postgres.connections import Connection

    _Trial: TypeAlias = Callable[[psycopg.Cursor[Any]], None]

_DENIED: Final = "42501"
_DISK_FULL: Final = "53100"
LONGEST_WAIT: Final = "SET LOCAL lock_timeout = '1s'"
_LONGEST: Final = "SET LOCAL statement_timeout = '2s'"
_LONGEST_SECONDS: Final = 2
# What others check when a transaction ends is checked before this one is taken back.
_AT_THE_END: Final = "SET CONSTRAINTS ALL IMMEDIATE"
_NO_TABLE: Final = "42P01"
_NO_COLUMN: Final = "42703"
# Of each of them anything may be said, as `CHECK (kind <> 'state')`.
_KEYS: Final = ("_health", "settings", "state")
_WRITE: Final = """
INSERT INTO json_store AS stored (kind, data, updated_at, revision)
SELECT %(kind)s, '{"tried": [1]}'::jsonb, now(), %(revision)s::uuid
ON CONFLICT (kind) DO UPDATE SET
    data = excluded.data,
    updated_at = excluded.updated_at,
    revision = excluded.revision,
    recent = (stored.revision || stored.recent)[1:16]
RETURNING kind
"""
_READ: Final = """
SELECT data = '{"tried": [1]}'::jsonb AND revision = %(revision)s::uuid
FROM json_store WHERE kind = %(kind)s
"""
_DELETE: Final = "DELETE FROM json_store WHERE kind = %(kind)s RETURNING kind"
_REVISIONS: Final = (
    "00000000-0000-4000-8000-000000000001",
    "00000000-0000-4000-8000-000000000002",
)
# What counts rows of a dashboard is given its number: it would not come back.
_COUNTED: Final = """
SELECT a.attname FROM pg_attribute a
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = 'state_history'::regclass AND a.attnum > 0 AND NOT a.attisdropped
    AND (a.attidentity <> ''
        OR pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%')
"""
_KEY_COLUMNS: Final = frozenset(
    {"zone", "timestamp", "bucket", "device_id", "attribute"}
)
_BY_TYPE: Final = {
    "text": "_health",
    "double precision": 21.5,
    "bigint": 0,
    "integer": 0,
    "boolean": False,
    "jsonb": None,
}
"""What is tried in columns of a type: values that any home has. Instants are now."""
_ZONES: Final = ("_health", "default")
_DOCUMENT: Final = ("json_store",)
_OF_ROWS: Final = ("state_history", "state_history_late", "state_history_zones")
_OF_HOURS: Final = (
    *("state_history_hourly", "state_history_blocks"),
    *("state_history_rollup", "state_history_parts"),
)
_READINGS: Final = ("device_readings", "device_readings_hourly")
_ALL: Final = (*COLUMNS, "switchbot_store_migrations")
_SINGLE: Final = ("state_history_rollup", "state_history_parts")
"""Tables whose rows are there from the beginning, and only change."""
_HOLDERS: Final = """
SELECT string_agg(DISTINCT l.pid::text, ', ') FROM pg_locks l
WHERE l.granted AND l.pid <> pg_backend_pid() AND l.relation = ANY (
        SELECT to_regclass(name) FROM unnest(%(tables)s::text[]) AS name)
    AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
        'AccessExclusiveLock')
"""

_UNCONFIRMED: Final = """
SELECT current_setting('synchronous_standby_names')
WHERE current_setting('synchronous_standby_names') <> ''
    AND current_setting('synchronous_commit') NOT IN ('off', 'local')
    AND (NOT EXISTS (SELECT FROM pg_stat_replication)
        OR EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'
            AND query_start < clock_timestamp() - interval '2 seconds'))
"""

_SUPPRESSED: Final = later(
    "the write went through and what was there stayed: a trigger or rule of others returns"
    " nothing, or a policy hides it"
)
_CHANGED: Final = later("a trigger or rule of others changes what is written")
_NOT_DELETED: Final = later(
    "what is deleted stays: a trigger or rule of others keeps it, or a policy hides it"
)
_LOCKED: Final = later(
    "it waits for a lock that session {sessions} of the server holds: VACUUM FULL, ALTER"
    " TABLE, or a transaction that was left open; `SELECT pg_terminate_backend(...)` ends it"
)
_NO_STANDBY: Final = later(
    "no write is confirmed: the server waits for a standby ({names}) that does not answer;"
    " bring it back, or ALTER SYSTEM RESET synchronous_standby_names"
)
_SLOW: Final = later(
    "it takes longer than {seconds} s: a trigger of others, or a server at its limit"
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What cannot be done, and by what: rights, policies, or something else of others.

    What ``waits`` is not refused for good: somebody holds a lock, or the server is slow.
    """

    text: str
    by: Literal["rights", "policies", "others", "waits", "room"] = "others"

    def __str__(self) -> str:
        return self.text


class _RefusedError(Exception):
    """A write was taken and came to something else."""


def refused(
    connection: Connection, *, lacking: bool = False, never_made: bool = False
) -> list[Refusal]:
    """Return what the server does not let this role do; nothing is changed by it.

    `lacking`: migrations are missing, and a table that is not there is no refusal, since
    whoever opens the database next makes it; of one that was never made ours that is true
    of columns, too. Raises psycopg.Error where the connection is lost.
    """
    made_next = {_NO_TABLE} if lacking else set()
    if never_made:
        made_next.add(_NO_COLUMN)
    trials: tuple[tuple[str, _Trial, tuple[str, ...]], ...] = (
        (_("documents cannot be written"), _documents, _DOCUMENT),
        (_("rows of history cannot be written"), _rows, _OF_ROWS),
        (_("hours of history cannot be summarised"), _tables(_OF_HOURS), _OF_HOURS),
        (_("readings of devices cannot be written"), _tables(_READINGS), _READINGS),
    )
    with connection.cursor(row_factory=tuple_row) as cursor:
        # What is taken back is waited for by nobody, so it would show in no trial.
        unconfirmed = [
            Refusal(_(_NO_STANDBY, names=names), "waits")
            for (names,) in cursor.execute(_UNCONFIRMED).fetchall()
        ]
    return unconfirmed + [
        found
        for what, trial, tables in trials
        for found in _tried(connection, what, trial, tables, frozenset(made_next))
    ]


VALUE_REFUSED: Final = (
    psycopg.DataError,
    psycopg.errors.ProgramLimitExceeded,
    psycopg.errors.StatementTooComplex,  # also a trigger that calls itself
    psycopg.errors.TooManyArguments,
    psycopg.errors.TooManyColumns,
)
"""What a value is refused by, or what a trigger or a check of others makes of any."""


def documents_refused(connection: Connection) -> Refusal | None:
    """Return what keeps any document from being written, None if nothing does.

    Tells a table that takes none from a document that it does not take, without a word of
    that. Raises psycopg.Error where the connection is lost.
    """
    what = _("documents cannot be written")
    return next(_tried(connection, what, _documents, _DOCUMENT), None)


def rows_refused(connection: Connection) -> Refusal | None:
    """Return what keeps any row of a history from being written, None if nothing does.

    Otherwise as `documents_refused`.
    """
    what = _("rows of history cannot be written")
    return next(_tried(connection, what, _rows, _OF_ROWS), None)


def readings_refused(connection: Connection) -> Refusal | None:
    """Return what keeps any reading of a device from being written, None if nothing does.

    Otherwise as `documents_refused`.
    """
    what = _("readings of devices cannot be written")
    return next(_tried(connection, what, _tables(_READINGS), _READINGS), None)


def _tried(
    connection: Connection,
    what: str,
    trial: _Trial,
    tables: tuple[str, ...],
    made_next: frozenset[str] = frozenset(),
) -> Iterator[Refusal]:
    try:
        with (
            connection.transaction(force_rollback=True),
            connection.cursor(row_factory=tuple_row) as cursor,
        ):
            cursor.execute(LONGEST_WAIT)
            cursor.execute(_LONGEST)
            trial(cursor)
            cursor.execute(_AT_THE_END)
    except _RefusedError as error:
        yield Refusal(f"{what}: {error}")
    except psycopg.errors.LockNotAvailable:
        # Rows of hours are held by whoever summarises them, which is our own work; those
        # of documents only by somebody else for so long.
        if tables == _DOCUMENT or _sessions(connection, tables):
            yield Refusal(f"{what}: {locked(connection, tables)}", "waits")
    except psycopg.errors.QueryCanceled:
        yield Refusal(f"{what}: {_(_SLOW, seconds=_LONGEST_SECONDS)}", "waits")
    except psycopg.Error as error:
        if connection.closed:
            raise
        if error.sqlstate in made_next:
            return
        words = words_of(error)
        if error.sqlstate == _DISK_FULL:
            yield Refusal(f"{what}: {words}", "room")
            return
        denied = error.sqlstate == _DENIED
        # The server has one code for both.
        policies = denied and "row-level security" in words
        yield Refusal(
            f"{what}: {words}",
            "policies" if policies else "rights" if denied else "others",
        )


def locked(connection: Connection, tables: tuple[str, ...] = _ALL) -> str:
    """Say which sessions hold a lock on some tables that keeps others out."""
    return _(_LOCKED, sessions=_sessions(connection, tables) or "?")


def _sessions(connection: Connection, tables: tuple[str, ...]) -> str:
    """Return the numbers of those sessions, ``""`` where none locks a whole table."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute(_HOLDERS, {"tables": list(tables)}).fetchone()
    return str((row and row[0]) or "")


def _documents(cursor: psycopg.Cursor[Any]) -> None:
    for kind in _KEYS:
        # Twice: the second time there is one, which is replaced.
        for revision in _REVISIONS:
            values = {"kind": kind, "revision": revision}
            cursor.execute(_WRITE, values)
            same = cursor.execute(_READ, values).fetchone()
            if same is None:
                raise _RefusedError(_(_SUPPRESSED))
            if not same[0]:
                raise _RefusedError(_(_CHANGED))
    cursor.execute(_DELETE, {"kind": _KEYS[0]})
    if cursor.execute(_READ, {"kind": _KEYS[0], "revision": _REVISIONS[0]}).fetchone():
        raise _RefusedError(_(_NOT_DELETED))


def _rows(cursor: psycopg.Cursor[Any]) -> None:
    counted = [name for (name,) in cursor.execute(_COUNTED).fetchall()]
    for zone in _ZONES:
        _try_row(cursor, "state_history", {"zone": zone, **dict.fromkeys(counted, -1)})
    cursor.execute("UPDATE state_history SET zone = zone WHERE false")
    for table in _OF_ROWS[1:]:
        _try_row(cursor, table, {})


def _tables(tables: tuple[str, ...]) -> _Trial:
    """Return what tries each of some tables."""

    def trial(cursor: psycopg.Cursor[Any]) -> None:
        for table in tables:
            if table in _SINGLE:
                _try_change(cursor, table)
            else:
                _try_row(cursor, table, {})

    return trial


def _try_row(cursor: psycopg.Cursor[Any], table: str, given: dict[str, Any]) -> None:
    """Add a row with everything that one of the program has, and delete it."""
    values = {name: _BY_TYPE.get(kind) for name, kind in COLUMNS[table]} | given
    moments = {name for name, kind in COLUMNS[table] if kind == "timestamptz"}
    names = list(values)
    parts = {
        "table": sql.Identifier(table),
        "columns": sql.SQL(", ").join(map(sql.Identifier, names)),
        "values": sql.SQL(", ").join(
            sql.SQL("now()") if name in moments else sql.Literal(values[name])
            for name in names
        ),
        "key": sql.SQL(" AND ").join(
            sql.SQL("{} = {}").format(
                sql.Identifier(name),
                sql.SQL("now()") if name in moments else sql.Literal(values[name]),
            )
            for name in names
            if name in _KEY_COLUMNS
        ),
    }
    # An identity of a dashboard is given its number as well.
    added = "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE VALUES ({values})"
    there = sql.SQL("SELECT FROM {table} WHERE {key}").format(**parts)
    cursor.execute(sql.SQL(added).format(**parts))
    if cursor.execute(there).fetchone() is None:
        raise _RefusedError(_(_SUPPRESSED))
    cursor.execute(sql.SQL("DELETE FROM {table} WHERE {key}").format(**parts))
    if cursor.execute(there).fetchone() is not None:
        raise _RefusedError(_(_NOT_DELETED))


def _try_change(cursor: psycopg.Cursor[Any], table: str) -> None:
    """Change the rows of a table to what they are; one that is empty says nothing."""
    name = sql.Identifier(table)
    count = sql.SQL("SELECT count(*) FROM {}").format(name)
    ((rows,),) = cursor.execute(count).fetchall()
    change = sql.SQL("UPDATE {} SET through = through").format(name)
    if cursor.execute(change).rowcount < rows:
        raise _RefusedError(_(_SUPPRESSED))
