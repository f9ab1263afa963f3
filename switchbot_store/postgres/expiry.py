"""Until when a server may carry a write out: its clock, as far as it is known.

A call that timed out was told to have failed; its statement may still lie in the
server's socket. So each write says until when it holds, in the server's own time. That
clock may be any, and may jump: what it was is kept against our monotonic one, and a write
that came too late by it alone is sent again by what it says now.
"""

from __future__ import annotations

import time
from typing import Any, Final

import psycopg

from switchbot_store.errors import SlowConnectionError
from switchbot_store.languages import worded
from switchbot_store.postgres import statements
from switchbot_store.postgres.wire import Row, fetch

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
