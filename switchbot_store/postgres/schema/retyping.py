"""Numbers of ours that somebody gave another type are given theirs again, and instants
the parts of a second that a narrower one cut off.

Of the tables of hours, marks and readings, which nobody else writes. Those that a dashboard
shares are adopted, and documents have a migration of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from switchbot_store.postgres.schema.shape import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHARED: Final = frozenset({"json_store", "state_history"})
_OTHERS: Final = """
SELECT a.attname, w.type
FROM unnest(%(names)s::text[], %(types)s::text[]) AS w (name, type)
JOIN pg_attribute a ON a.attrelid = to_regclass(%(table)s) AND a.attname = w.name
    AND a.attnum > 0 AND NOT a.attisdropped
    AND (a.atttypid <> w.type::regtype::oid OR a.atttypmod <> -1)
JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p')
-- Numbers for numbers: of an instant without a zone nobody knows which it was.
JOIN pg_type other ON other.oid = a.atttypid
JOIN pg_type own ON own.oid = w.type::regtype
    AND (own.oid = other.oid OR own.typcategory = 'N' AND other.typcategory = 'N')
"""


def retype(connection: psycopg.Connection[Any], tables: Iterable[str]) -> None:
    """Give columns of tables their types back, as far as what they hold can be read so.

    Within a transaction. Raises psycopg.Error where a table is in use, or not this role's.
    """
    for table in tables:
        if table in _SHARED:
            continue
        names, types = zip(*COLUMNS[table], strict=True)
        wanted = {"table": table, "names": list(names), "types": list(types)}
        with connection.cursor(row_factory=tuple_row) as cursor:
            others = cursor.execute(_OTHERS, wanted).fetchall()
        if not others:
            continue
        changes = [
            sql.SQL("ALTER COLUMN {name} TYPE {type} USING {name}::{type}").format(
                name=sql.Identifier(name), type=sql.SQL(kind)
            )
            for name, kind in others
        ]
        statement = sql.SQL("ALTER TABLE {} ").format(sql.Identifier(table))
        try:
            with connection.transaction():
                connection.execute(statement + sql.SQL(", ").join(changes))
        except (psycopg.DataError, psycopg.errors.CannotCoerce):
            continue  # told of as a table that cannot be mended
