"""What a psycopg error means: broken connection, wrong setting, bad data."""

from __future__ import annotations

import re
from typing import Any, Final

import psycopg
from psycopg.pq import ConnStatus
from psycopg_pool import PoolTimeout

from switchbot_store.errors import (
    SlowConnectionError,
    StoreConfigError,
    StoreDataError,
    StoreError,
    StoreUnavailableError,
)
from switchbot_store.languages import worded
from switchbot_store.postgres.statements import MADE_BETWEEN

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_BROKEN_CLASS: Final = "08"
_BROKEN: Final = frozenset(
    {
        "57P03",  # cannot_connect_now
        "25006",  # read_only_sql_transaction: a demoted primary
        "53300",  # too_many_connections
    }
)
"""What another connection may help against although this one is as it was."""
_LOST: Final = frozenset(
    {
        "57P01",  # admin_shutdown, also what Neon sends when it suspends
        "57P02",  # crash_shutdown
        "57P04",  # database_dropped
        "57P05",  # idle_session_timeout
        "25P03",  # idle_in_transaction_session_timeout
        "25P04",  # transaction_timeout
    }
)
"""The server's last words, for who has no connection to look at any more."""
_USELESS: Final = frozenset(
    {
        "0A000",  # feature_not_supported: the table was altered under a prepared plan
        "26000",  # invalid_sql_statement_name: somebody deallocated it
        "42P05",  # duplicate_prepared_statement: a pooler gave us another's session
    }
)
"""The statement was not begun, and this connection will refuse it again."""
_PASSING_CLASSES: Final = (
    "08",  # connection_exception: poolers, of the server behind them
    "25",  # invalid_transaction_state: read-only while it is promoted
    "53",  # insufficient_resources
    "55",  # object_not_in_prerequisite_state: closed for maintenance
    "57",  # operator_intervention
    "58",  # system_error
    "XX",  # internal_error: also whatever hosters' proxies meet
)
"""Of a refused connection; all else that a server answers with is there to stay."""
_NOTHING_DONE: Final = frozenset(
    {
        "40001",  # serialization_failure
        "40P01",  # deadlock_detected
        MADE_BETWEEN,
    }
)
_OTHER_SHAPE: Final = frozenset(
    {
        "42P01",  # undefined_table
        "3F000",  # invalid_schema_name
        "42703",  # undefined_column
        "42804",  # datatype_mismatch
        "42883",  # undefined_function: none for a column of that type
        "42P10",  # invalid_column_reference: no key for ON CONFLICT
    }
)
_MISTAKES: Final = frozenset(
    {
        "42601",  # syntax_error
        "42702",  # ambiguous_column
        "42803",  # grouping_error
        "42P02",  # undefined_parameter
        "42P18",  # indeterminate_datatype
    }
)
_DATA_CLASSES: Final = ("22", "54")
_QUERY_CANCELED: Final = "57014"

# libpq gives no SQLSTATE for a refused connection, only the text; nor are there any for
# the TLS refusals. https://www.postgresql.org/docs/current/libpq-connect.html
_REFUSED: Final = re.compile(
    r"""password\ authentication\ failed | no\ password\ supplied
    | authentication\ failed\ for\ user | SASL\ authentication\ failed
    | role\ "[^"]*"\ does\ not\ exist | role\ "[^"]*"\ is\ not\ permitted
    | database\ "[^"]*"\ does\ not\ exist | no\ such\ (database|user)
    | no\ pg_hba\.conf\ entry | permission\ denied\ for\ database
    | server\ does\ not\ support\ SSL | certificate\ verify\ failed
    | root\ certificate\ file | server\ certificate\ for
    # What the server says of this host's certificate, before any word of PostgreSQL's.
    | alert\ (unknown\ ca|(bad\ |unsupported\ )?certificate)
    | unsupported\ startup\ parameter
    | Tenant\ or\ user\ not\ found | [Ee]ndpoint\ ID\ is\ not\ specified""",
    re.VERBOSE,
)
# Of PgBouncer, by the code of a broken connection: no other connection does better.
_NEVER_POOLED: Final = re.compile(r"not allowed in statement pooling mode")
_STARTING: Final = re.compile(r"the database system is (starting up|not yet accepting)")
_PASSING: Final = re.compile(
    r"""too\ many\ (clients|connections) | remaining\ connection\ slots
    | the\ database\ system\ is
    # libpq's own words of a standby, or what was the primary: it may be one in a moment.
    | session\ is\ (not\ )?read-only | server\ is\ (not\ )?in\ hot\ standby""",
    re.VERBOSE,
)


def is_broken_connection(
    error: psycopg.Error, connection: psycopg.Connection[Any] | None = None
) -> bool:
    """Tell whether another connection may do better.

    `connection` is the one it arose on: one that is lost is lost whatever the error
    says of it. The statement may have been carried out nevertheless.
    """
    if isinstance(error, PoolTimeout):
        return False
    if connection is not None and connection.pgconn.status == ConnStatus.BAD:
        return True
    state = error.sqlstate
    if state is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return state.startswith(_BROKEN_CLASS) or state in _BROKEN or state in _LOST


def is_useless_connection(error: psycopg.Error) -> bool:
    """Tell whether nothing was done, and would not be on that connection again."""
    return error.sqlstate in _USELESS


def is_nothing_done(error: psycopg.Error) -> bool:
    """Tell whether the statement was undone and may just be repeated."""
    return error.sqlstate in _NOTHING_DONE


def is_other_shape(error: psycopg.Error) -> bool:
    """Tell whether a table of ours is gone, or not as we made it; nothing was done."""
    return error.sqlstate in _OTHER_SHAPE


def is_starting(text: str) -> bool:
    """Tell whether the server will accept connections shortly."""
    return bool(_STARTING.search(text))


def is_passing_state(state: str) -> bool:
    """Tell whether a server that refuses a connection so may accept it later."""
    return state.startswith(_PASSING_CLASSES)


def is_for_good(text: str) -> bool | None:
    """Tell by known words whether a connection is refused for good, None if unknown."""
    if _REFUSED.search(text):
        return True
    return False if _PASSING.search(text) else None


def words_of(error: psycopg.Error) -> str:
    """Return what the server said, in one line, without what was to be written.

    Its detail has the whole row, and so a document's secrets.
    """
    said = error.diag.message_primary
    hint = error.diag.message_hint
    text = str(error) if said is None else f"{said} ({hint})" if hint else said
    return " ".join(text.split()) or type(error).__name__


def is_mistake(error: psycopg.Error) -> bool:
    """Tell whether a statement is wrong whatever the server holds, so never an outage.

    Either psycopg refused to send it, or the server could not make sense of its text: not
    of that of a function of others, of which it says where it was called.
    """
    if not isinstance(error, psycopg.ProgrammingError):
        return False
    if error.sqlstate is None:
        return True
    return error.sqlstate in _MISTAKES and not error.diag.context


def translated(error: psycopg.Error, *, expired: bool = False) -> StoreError:
    """Return what the store raises from `error`; raise it as it is if `is_mistake`.

    `expired` says that the watchdog ended the call.
    """
    if is_mistake(error):
        raise error
    text = words_of(error)
    if error.diag.message_primary is not None:
        error.args = (text,)  # a traceback of the cause shows no more than this does
    state = error.sqlstate or ""
    if expired and error.diag.message_primary is None:
        # Of the connection that was closed here libpq says that the server had crashed.
        return SlowConnectionError(
            worded(
                "PostgreSQL did not answer in time: a lock of somebody else's, or the"
                " network; `switchbot-store doctor` says which"
            )
        )
    if expired or isinstance(error, PoolTimeout) or state == _QUERY_CANCELED:
        return SlowConnectionError(
            worded("PostgreSQL did not answer in time: {text}", text=text)
        )
    if _NEVER_POOLED.search(text) or (not state and _REFUSED.search(text)):
        return StoreConfigError(
            worded("PostgreSQL refuses the connection: {text}", text=text),
            variable="POSTGRES_URL",
        )
    if state.startswith(_DATA_CLASSES):
        return StoreDataError(worded("PostgreSQL cannot keep this: {text}", text=text))
    return StoreUnavailableError(worded("PostgreSQL: {text}", text=text))
