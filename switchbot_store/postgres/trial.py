"""Whether this role may do what the program does: tried, and taken back.

Each kind of write is made, looked at and undone: a grant, a policy, a constraint, a
column, a trigger or a rule of others shows in what becomes of it, not in a list of them.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from switchbot_store.languages import later
from switchbot_store.languages import translated as _
from switchbot_store.postgres.errors import words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from switchbot_store.postgres.connections import Connection

_DENIED: Final = "42501"
_LONGEST_WAIT: Final = "SET LOCAL lock_timeout = '1s'"
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
_ADD_ROW: Final = """
INSERT INTO state_history ({columns}) OVERRIDING SYSTEM VALUE
VALUES (now(), '_health', {numbers}) RETURNING zone
"""
_READ_ROW: Final = """
SELECT true FROM state_history WHERE zone = '_health' AND "timestamp" = now()
"""
_HOURS: Final = tuple(
    statement
    for table in ("hourly", "blocks", "late", "rollup")
    for statement in (
        f"INSERT INTO state_history_{table} SELECT * FROM state_history_{table} WHERE false",  # noqa: S608 - our own names
        f"DELETE FROM state_history_{table} WHERE false",  # noqa: S608 - likewise
    )
)

_SUPPRESSED: Final = later(
    "the write went through and what was there stayed: a trigger or rule of others returns"
    " nothing, or a policy hides it"
)
_CHANGED: Final = later("a trigger or rule of others changes what is written")
_NOT_DELETED: Final = later(
    "what is deleted stays: a trigger or rule of others keeps it, or a policy hides it"
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What cannot be done, and by what: rights, policies, or something else of others."""

    text: str
    by: Literal["rights", "policies", "others"] = "others"

    def __str__(self) -> str:
        return self.text


class _RefusedError(Exception):
    """A write was taken and came to something else."""


def refused(connection: Connection) -> list[Refusal]:
    """Return what the server does not let this role do; nothing is changed by it.

    The schema has to be up to date. Raises psycopg.Error where the connection is lost.
    """
    trials: tuple[tuple[str, Callable[[psycopg.Cursor[Any]], None]], ...] = (
        (_("documents cannot be written"), _documents),
        (_("rows of history cannot be written"), _rows),
        (_("hours of history cannot be summarised"), _hours),
    )
    return [
        found for what, trial in trials for found in _tried(connection, what, trial)
    ]


def _tried(
    connection: Connection, what: str, trial: Callable[[psycopg.Cursor[Any]], None]
) -> Iterator[Refusal]:
    try:
        with (
            suppress(psycopg.errors.LockNotAvailable),  # somebody writes there
            connection.transaction(force_rollback=True),
            connection.cursor(row_factory=tuple_row) as cursor,
        ):
            cursor.execute(_LONGEST_WAIT)
            trial(cursor)
    except _RefusedError as error:
        yield Refusal(f"{what}: {error}")
    except psycopg.Error as error:
        if connection.closed:
            raise
        words = words_of(error)
        denied = error.sqlstate == _DENIED
        # The server has one code for both.
        policies = denied and "row-level security" in words
        yield Refusal(
            f"{what}: {words}",
            "policies" if policies else "rights" if denied else "others",
        )


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
    names = ("timestamp", "zone", "error_count", *counted)
    cursor.execute(
        sql.SQL(_ADD_ROW).format(
            columns=sql.SQL(", ").join(map(sql.Identifier, names)),
            numbers=sql.SQL(", ").join([sql.Literal(-1)] * (len(names) - 2)),
        )
    )
    if cursor.execute(_READ_ROW).fetchone() is None:
        raise _RefusedError(_(_SUPPRESSED))
    cursor.execute("UPDATE state_history SET zone = zone WHERE false")
    cursor.execute("DELETE FROM state_history WHERE false")


def _hours(cursor: psycopg.Cursor[Any]) -> None:
    for statement in _HOURS:
        cursor.execute(statement.encode())
