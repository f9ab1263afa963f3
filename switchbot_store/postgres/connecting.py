"""One connection to PostgreSQL, which may be starting, or say why it refuses.

It may do so in any language: libpq keeps of a refused connection only the server's
text, which follows the server's ``lc_messages``. Its trace of the conversation has the
SQLSTATE; see
https://www.postgresql.org/docs/current/libpq-control.html#LIBPQ-PQTRACE. Before 18
libpq traced nothing until it was connected: there only the words that are known tell.
"""

from __future__ import annotations

import os
import re
import select
import sys
import threading
import time
from typing import Any, Final

import psycopg
from psycopg import pq
from psycopg.rows import tuple_row

from switchbot_store.errors import SlowConnectionError
from switchbot_store.postgres.errors import is_in_words_alone, is_starting, translated

_STARTING_PAUSE_SECONDS: Final = 0.1
_REFUSAL_SECONDS: Final = 1.0


def connected(
    conninfo: str, options: dict[str, Any], timeout_seconds: float
) -> psycopg.Connection[Any]:
    """Connect, again and again while the server starts, for `timeout_seconds`.

    `options` are those of `psycopg.connect`; a `connect_timeout` among them is cut to
    what is left. Raises StoreConfigError when the server refuses the user, the password
    or the database, SlowConnectionError, StoreUnavailableError.
    """
    expires_at = time.monotonic() + timeout_seconds
    while True:
        left = expires_at - time.monotonic()
        if "connect_timeout" in options:
            options = {**options, "connect_timeout": max(1, round(left))}
        try:
            return psycopg.connect(conninfo, **options)
        except psycopg.errors.ConnectionTimeout as error:
            raise SlowConnectionError(
                f"no connection to PostgreSQL: {error}"
            ) from error
        except psycopg.Error as error:
            if left <= 0 or not is_starting(error):
                raise translated(error, state=_state_of(error, conninfo)) from error
        threading.Event().wait(_STARTING_PAUSE_SECONDS)


def is_direct(connection: psycopg.Connection[Any]) -> bool:
    """Tell whether the server itself answers, by one statement.

    A pooler, whatever it is called, makes up the process id that it gives when a client
    connects: it does not know yet which server connections will do the work.
    """
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute("SELECT pg_backend_pid()", prepare=False).fetchone()
    return row is not None and connection.info.backend_pid == row[0]


def _state_of(error: psycopg.Error, conninfo: str) -> str | None:
    if not is_in_words_alone(error):
        return error.sqlstate
    return refusal_state(conninfo, _REFUSAL_SECONDS)


# The code stands before the text, which anybody may have worded.
_STATE: Final = re.compile(
    rb'\tB\t\d+\tErrorResponse\t S "[^"]*"(?: V "[^"]*")? C "([0-9A-Z]{5})"'
)
_TRACES_CONNECTING: Final = 180000
_ENDED: Final = frozenset({pq.PollingStatus.OK, pq.PollingStatus.FAILED})


def refusal_state(conninfo: str, timeout_seconds: float) -> str | None:
    """Try once more to connect; return the SQLSTATE that the server answers with.

    None when it does not refuse now, does not answer in time, this is not Linux, or
    libpq is older than 18, as that of psycopg 3.2 is.
    """
    if sys.platform != "linux" or pq.version() < _TRACES_CONNECTING:
        return None
    # In memory alone: some ways of authentication send the password as it is.
    trace = os.memfd_create("libpq trace", os.MFD_CLOEXEC)
    try:
        connection = pq.PGconn.connect_start(conninfo.encode())
        try:
            connection.trace(trace)
            _try(connection, time.monotonic() + timeout_seconds)
            connection.untrace()
        finally:
            connection.finish()
        found = _STATE.findall(os.pread(trace, os.fstat(trace).st_size, 0))
        return found[-1].decode() if found else None
    except (psycopg.Error, OSError):
        return None
    finally:
        os.close(trace)


def _try(connection: pq.abc.PGconn, give_up_at: float) -> None:
    while (status := connection.connect_poll()) not in _ENDED:
        left = give_up_at - time.monotonic()
        reading = [connection.socket] if status == pq.PollingStatus.READING else []
        writing = [] if reading else [connection.socket]
        if left <= 0 or not any(select.select(reading, writing, [], left)):
            return
