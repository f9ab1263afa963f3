"""One statement, one round trip: sent, bounded, and not carried out too late.

psycopg's cursors adapt types and wait in Python, which takes longer than a local
server's answer. The store's statements have text parameters and text results alone, so
they go to libpq as they are; its blocking calls release the interpreter's lock, and
the watchdog bounds them. A statement that is used again and again is prepared.

Deadlines hold against a silent server too. One whose kernel still acknowledges packets
blocks libpq for ever: keepalives, statement_timeout, pool timeouts and
`asyncio.wait_for` do not bound the call. One thread watches every armed call and shuts
its socket down when the time is up, so that the blocked call fails at once. Arming
costs about a microsecond.

A call that timed out was told to have failed; its statement may still lie in the
server's socket. So each write says until when it holds, in the server's own time. That
clock may be any, and may jump: what it was is kept against our monotonic one, and a write
that came too late by it alone is sent again by what it says now.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Self

import psycopg
from psycopg.pq import ConnStatus, ExecStatus

from switchbot_store.errors import SlowConnectionError, StoreUnavailableError
from switchbot_store.languages import worded
from switchbot_store.postgres import statements

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


_MICROSECONDS: Final = 1_000_000
_ATTEMPTS: Final = 3
_LATE: Final = worded("PostgreSQL did not carry it out in time")


class ServerClock:
    """What the server's clock is ahead of `time.monotonic`, in microseconds.

    Never too much: the time that an answer took on its way counts against the write.
    """

    def __init__(self) -> None:
        self._ahead: int | None = None

    def in_time(
        self,
        connection: psycopg.Connection[Any],
        statement: bytes,
        values: tuple[bytes, ...],
        expires_at: float,
    ) -> list[Row]:
        """Execute a write whose last parameter is its end; return its rows.

        The last two columns of its first row are how much was written and the server's
        clock. Raises SlowConnectionError when it came too late, psycopg.Error.
        """
        for _ in range(_ATTEMPTS):
            until = self.until(connection, expires_at)
            rows = self.ask(connection, statement, (*values, until))
            *_, written, now = rows[0]
            self._told(now)
            if written != b"0" or int(now or 0) < int(until):
                return rows
        raise SlowConnectionError(_LATE)

    def ask(
        self,
        connection: psycopg.Connection[Any],
        statement: bytes,
        values: tuple[bytes, ...],
    ) -> list[Row]:
        """Execute a statement that ends in an error where it was late in the middle.

        Raises SlowConnectionError then, psycopg.Error.
        """
        try:
            return fetch(connection, statement, values)
        except psycopg.errors.DivisionByZero as error:
            self.forget()
            raise SlowConnectionError(_LATE) from error

    def until(self, connection: psycopg.Connection[Any], expires_at: float) -> bytes:
        """Return when that moment, by `time.monotonic`, is by the server's clock."""
        ahead = self._ahead
        if ahead is None:
            ((now,),) = fetch(connection, statements.CLOCK, ())
            ahead = self._told(now)
        return b"%d" % (int(expires_at * _MICROSECONDS) + ahead)

    def forget(self) -> None:
        """Ask the server the next time: another one may answer, or its clock jumped."""
        self._ahead = None

    def _told(self, now: bytes | None) -> int:
        self._ahead = int(now or 0) - int(time.monotonic() * _MICROSECONDS)
        return self._ahead


_IDLE_SECONDS: Final = 60.0
_DISCARD: Final = struct.pack("ii", 1, 0)


class Guard:
    """One armed call; the `with` block is what it bounds.

    `expired` tells whether its socket was shut down.
    """

    __slots__ = ("_watchdog", "expired", "expires_at", "file_descriptor")

    def __init__(
        self, watchdog: Watchdog, file_descriptor: int, expires_at: float
    ) -> None:
        self._watchdog = watchdog
        self.file_descriptor: int = file_descriptor
        self.expires_at: float = expires_at
        self.expired: bool = False

    def __enter__(self) -> Self:
        self._watchdog.arm(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._watchdog.disarm(self)


class Watchdog:
    """Watches calls from one thread, started with the first of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._armed: set[Guard] = set()
        self._wakes_at = float("inf")
        self._thread: threading.Thread | None = None
        self._process_id = os.getpid()

    def guarding(self, file_descriptor: int, seconds: float) -> Guard:
        """Shut the socket down unless the `with` block ends within `seconds`."""
        return Guard(self, file_descriptor, time.monotonic() + seconds)

    def arm(self, guard: Guard) -> None:
        """Begin to watch. Raises StoreUnavailableError where there is nobody to do so."""
        if self._process_id != os.getpid():
            Watchdog.__init__(self)  # a forked child has no such thread
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(
                    target=self._watch, name="store deadlines", daemon=True
                )
                try:
                    thread.start()
                except RuntimeError as error:
                    # Without one the call might hang for ever.
                    raise StoreUnavailableError(
                        worded("no call is made: {error}", error=error)
                    ) from error
                self._thread = thread
            self._armed.add(guard)
            if guard.expires_at < self._wakes_at:
                self._wakes_at = guard.expires_at
                self._changed.notify()

    def disarm(self, guard: Guard) -> None:
        """End watching; afterwards the descriptor is left alone."""
        # Under the lock: the descriptor must not be closed while it is shut down.
        with self._lock:
            self._armed.discard(guard)

    def _watch(self) -> None:
        with self._lock:
            while True:
                now = time.monotonic()
                for guard in [each for each in self._armed if each.expires_at <= now]:
                    guard.expired = True
                    self._armed.discard(guard)
                    shut_down(guard.file_descriptor)
                self._wakes_at = min(
                    (guard.expires_at for guard in self._armed),
                    default=now + _IDLE_SECONDS,
                )
                self._changed.wait(self._wakes_at - now)


def shut_down(file_descriptor: int) -> None:
    """End a connection's socket from another thread, so that who waits on it fails at once."""
    # On a duplicate: closing the socket object must not close libpq's descriptor.
    with suppress(OSError), socket.socket(fileno=os.dup(file_descriptor)) as duplicate:
        # What the network still holds back of this call must not arrive later on.
        duplicate.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DISCARD)
        duplicate.shutdown(socket.SHUT_RDWR)


WATCHDOG: Final = Watchdog()
"""The one of this process."""
