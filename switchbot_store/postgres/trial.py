"""Whether this role may do what the program does: tried, and taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import psycopg

from switchbot_store.postgres.wire import fetch

if TYPE_CHECKING:
    from switchbot_store.postgres.connections import Connection

_TRIALS: Final = {
    "documents cannot be written": (
        b"""INSERT INTO json_store (kind, data) VALUES ('_health', '{}')
        ON CONFLICT (kind) DO UPDATE SET data = EXCLUDED.data, updated_at = now()""",
        b"SELECT data, revision FROM json_store WHERE kind = '_health' FOR UPDATE",
        b"DELETE FROM json_store WHERE kind = '_health'",
    ),
    # Without a row, so that no sequence of a dashboard's table moves on.
    "rows of history cannot be written": (
        b"""INSERT INTO state_history ("timestamp", zone)
        SELECT now(), 'health' WHERE false""",
        b"SELECT 1 FROM state_history LIMIT 1",
        b"UPDATE state_history SET zone = zone WHERE false",
        b"DELETE FROM state_history WHERE false",
    ),
    "hours of history cannot be summarised": tuple(
        statement
        for table in (b"hourly", b"blocks", b"late", b"rollup")
        for statement in (
            b"INSERT INTO state_history_%b SELECT * FROM state_history_%b WHERE false"
            % (table, table),
            b"DELETE FROM state_history_%b WHERE false" % table,
        )
    ),
}


def refused(connection: Connection) -> list[str]:
    """Return what the server does not let this role do; nothing is changed by it.

    The schema has to be up to date. Raises psycopg.Error where the connection is lost.
    """
    found = []
    for what, statements in _TRIALS.items():
        try:
            with connection.transaction(force_rollback=True):
                for statement in statements:
                    fetch(connection, statement, ())
        except psycopg.Error as error:
            if connection.closed:
                raise
            reason = str(error).splitlines()[0]
            found.append(f"{what}: {reason}")
    return found
