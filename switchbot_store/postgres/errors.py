"""What a psycopg error means: broken connection, wrong setting, bad data."""

from __future__ import annotations

import re
from typing import Final

import psycopg
from psycopg_pool import PoolTimeout

from switchbot_store.errors import (
    SlowConnectionError,
    StoreConfigError,
    StoreDataError,
    StoreError,
    StoreUnavailableError,
)

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_BROKEN_CLASS: Final = "08"
_BROKEN: Final = frozenset(
    {
        "57P01",  # admin_shutdown, also what Neon sends when it suspends
        "57P02",  # crash_shutdown
        "57P03",  # cannot_connect_now
        "25006",  # read_only_sql_transaction: a demoted primary
        "53300",  # too_many_connections
    }
)
_NOTHING_DONE: Final = frozenset(
    {
        "40001",  # serialization_failure
        "40P01",  # deadlock_detected
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
_NOT_PREPARED: Final = frozenset(
    {
        "26000",  # invalid_sql_statement_name: prepared on another server connection
        "42P05",  # duplicate_prepared_statement: another client's
        "08P01",  # protocol_violation, which PgBouncer 1.21 and later say instead
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

_REFUSALS: Final = frozenset(
    {
        "28000",  # invalid_authorization_specification
        "28P01",  # invalid_password
        "3D000",  # invalid_catalog_name: no such database
        "42501",  # insufficient_privilege: it may not connect to that one
    }
)

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
    | unsupported\ startup\ parameter | invalid\ (sslmode|channel_binding)""",
    re.VERBOSE,
)
_STARTING: Final = re.compile(r"the database system is (starting up|not yet accepting)")


def is_broken_connection(error: psycopg.Error) -> bool:
    """Tell whether another connection may do better.

    The statement may have been carried out nevertheless.
    """
    if isinstance(error, PoolTimeout):
        return False
    state = error.sqlstate
    if state is None:
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return state.startswith(_BROKEN_CLASS) or state in _BROKEN


def is_nothing_done(error: psycopg.Error) -> bool:
    """Tell whether the statement was undone and may just be repeated."""
    return error.sqlstate in _NOTHING_DONE


def is_other_shape(error: psycopg.Error) -> bool:
    """Tell whether a table of ours is gone, or not as we made it; nothing was done."""
    return error.sqlstate in _OTHER_SHAPE


def is_pooler_between(error: psycopg.Error) -> bool:
    """Tell whether prepared statements meet other server connections than their own."""
    return error.sqlstate in _NOT_PREPARED


def is_starting(error: psycopg.Error) -> bool:
    """Tell whether the server will accept connections shortly."""
    return bool(_STARTING.search(str(error)))


def is_in_words_alone(error: psycopg.Error) -> bool:
    """Tell whether a server refused a connection in words that are not known here.

    Its own message follows two blanks; that holds in every language.
    """
    text = str(error)
    known = _REFUSED.search(text) or _STARTING.search(text)
    return error.sqlstate is None and ":  " in text and not known


def is_mistake(error: psycopg.Error) -> bool:
    """Tell whether a statement is wrong whatever the server holds, so never an outage.

    Either psycopg refused to send it, or the server could not make sense of its text.
    """
    if not isinstance(error, psycopg.ProgrammingError):
        return False
    return error.sqlstate is None or error.sqlstate in _MISTAKES


def translated(
    error: psycopg.Error, *, expired: bool = False, state: str | None = None
) -> StoreError:
    """Return what the store raises from `error`; raise it as it is if `is_mistake`.

    `expired` says that the watchdog ended the call. `state` is the SQLSTATE of a
    refused connection, if it is known.
    """
    if is_mistake(error):
        raise error
    text = " ".join(str(error).split()) or type(error).__name__
    refused = state in _REFUSALS
    state = error.sqlstate or ""
    if expired or isinstance(error, PoolTimeout) or state == _QUERY_CANCELED:
        return SlowConnectionError(f"PostgreSQL did not answer in time: {text}")
    if refused or (not state and _REFUSED.search(text)):
        return StoreConfigError(
            f"PostgreSQL refuses the connection: {text}", variable="POSTGRES_URL"
        )
    if state.startswith(_DATA_CLASSES):
        return StoreDataError(f"PostgreSQL cannot keep this: {text}")
    return StoreUnavailableError(f"PostgreSQL: {text}")
