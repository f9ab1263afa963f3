"""One statement, one round trip, with little Python around it.

psycopg's cursors adapt types and wait in Python, which takes longer than a local
server's answer. The store's statements have text parameters and text results alone, so
they go to libpq as they are; its blocking calls release the interpreter's lock, and
the watchdog bounds them. A statement that is used again and again is prepared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.pq import ConnStatus, ExecStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg.pq.abc import PGresult

Row = tuple[bytes | None, ...]
"""Values in the server's text format, encoded as UTF-8."""

_PREPARE_AT: Final = 5
"""psycopg's own threshold."""
_NAME_MASK: Final = 2**64 - 1
_GOOD: Final = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)
_MUST_PREPARE_ANEW: Final = frozenset(
    {
        "0A000",  # feature_not_supported: the table was altered under the plan
        "26000",  # invalid_sql_statement_name: somebody deallocated it
    }
)


class OwnConnection(psycopg.Connection[Any]):
    """A connection of our own pool, which knows what was prepared on it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.uses: dict[bytes, int] = {}


def fetch(
    connection: psycopg.Connection[Any], statement: bytes, parameters: Sequence[bytes]
) -> list[Row]:
    """Execute a statement with parameters ``$1``, ... and return its rows.

    `parameters` are UTF-8. Nothing is prepared on connections of a pool that was handed in,
    nor behind a transaction pooler. A connection that is in no transaction commits by
    itself, in autocommit mode or not. Raises psycopg.Error.
    """
    values = list(parameters)  # before 3.3 psycopg's C code takes a list alone
    if isinstance(connection, OwnConnection):
        return _rows(_execute_own(connection, statement, values))
    encoding = _other_encoding(connection)
    if encoding is None:
        result = connection.pgconn.exec_params(statement, values)
        return _rows(_checked(connection, result))
    converted = [value.decode().encode(encoding) for value in values]
    result = connection.pgconn.exec_params(statement, converted)
    return [
        tuple(
            None if value is None else value.decode(encoding).encode() for value in row
        )
        for row in _rows(_checked(connection, result))
    ]


def _execute_own(
    connection: OwnConnection, statement: bytes, values: list[bytes]
) -> PGresult:
    pgconn = connection.pgconn
    uses = connection.uses.get(statement, 0) + 1
    connection.uses[statement] = uses
    if uses < _PREPARE_AT or connection.prepare_threshold is None:
        return _checked(connection, pgconn.exec_params(statement, values))
    # By its text: an equal statement may be another object the next time.
    name = b"switchbot_%x" % (hash(statement) & _NAME_MASK)
    if uses == _PREPARE_AT:
        _checked(connection, pgconn.prepare(name, statement))
    try:
        return _checked(connection, pgconn.exec_prepared(name, values))
    except psycopg.Error as error:
        if error.sqlstate not in _MUST_PREPARE_ANEW:
            raise
        connection.uses[statement] = _PREPARE_AT  # and not at once
        return _checked(connection, pgconn.exec_params(statement, values))


def _checked(connection: psycopg.Connection[Any], result: PGresult) -> PGresult:
    if result.status in _GOOD:
        return result
    error = psycopg.errors.error_from_result(result)
    if error.sqlstate is None or connection.pgconn.status == ConnStatus.BAD:
        # libpq's own words, without a state: the connection is lost.
        raise psycopg.OperationalError(str(error)) from error
    raise error


def _rows(result: PGresult) -> list[Row]:
    columns = range(result.nfields)
    return [
        tuple(_plain(result.get_value(row, column)) for column in columns)
        for row in range(result.ntuples)
    ]


def _plain(value: Any) -> bytes | None:
    return value if value is None or type(value) is bytes else bytes(value)


def _other_encoding(connection: psycopg.Connection[Any]) -> str | None:
    """Return how a given pool's connection encodes text, None for UTF-8."""
    if connection.pgconn.parameter_status(b"client_encoding") in {b"UTF8", None}:
        return None
    encoding = connection.info.encoding
    # SQL_ASCII takes bytes as they come.
    return None if encoding in {"utf-8", "ascii"} else encoding
