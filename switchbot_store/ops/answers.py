"""One answer of a server, read up to a number of bytes and no further.

libpq keeps a whole row, and a whole error with the value that it quotes, before it gives
any of it. So what arrives is counted, and a connection that brings more is cut.
"""

from __future__ import annotations

import array
import fcntl
import os
import socket
import termios
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.pq import ExecStatus
from psycopg.waiting import Ready, Wait

from switchbot_store.errors import StoreDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from psycopg.abc import PQGen
    from psycopg.pq.abc import PGconn, PGresult

    from switchbot_store.postgres.connections import Connection

_FAILED: Final = frozenset({ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE})
_DISCARDED_AT_ONCE: Final = 65_536


class LongAnswerError(StoreDataError):
    """The server sent more than was to be read; its connection is lost."""


def asked(connection: Connection, statement: str, *, most_bytes: int) -> PGresult:
    """Return what the server says to one statement without parameters.

    Raises LongAnswerError for more than `most_bytes`, about; psycopg.Error.
    """
    text = statement.encode()
    return _answer(
        connection, lambda link: link.send_query_params(text, None), most_bytes
    )


def asked_simply(
    connection: Connection, statement: str, *, most_bytes: int
) -> PGresult:
    """As `asked`, by the older protocol, which leaves ``$1`` to the statement.

    It would carry out several statements: only for what is known to be one.
    """
    text = statement.encode()
    return _answer(connection, lambda link: link.send_query(text), most_bytes)


def described(connection: Connection, statement: str, *, most_bytes: int) -> PGresult:
    """Let the server parse one statement; return its columns. Nothing of it is run.

    The relations that it names, and those behind its views, are locked for reading until
    the transaction ends. Raises as `asked` does.
    """
    text = statement.encode()
    _answer(connection, lambda link: link.send_prepare(b"", text), most_bytes)
    return _answer(
        connection, lambda link: link.send_describe_prepared(b""), most_bytes
    )


def _answer(
    connection: Connection, send: Callable[[PGconn], Any], most_bytes: int
) -> PGresult:
    link = connection.pgconn
    send(link)
    try:
        result = connection.wait(_read(link, most_bytes))
    except LongAnswerError:
        _cut(link)
        raise
    if result.status in _FAILED:
        raise psycopg.errors.error_from_result(result)
    return result


def _read(link: PGconn, most_bytes: int) -> PQGen[PGresult]:
    yield from _send(link)
    taken = 0
    last: PGresult | None = None
    while True:
        while link.is_busy():
            if not (yield Wait.R):
                continue
            taken += _arrived(link.socket)
            if taken > most_bytes:
                raise LongAnswerError(
                    f"the server's answer is longer than {most_bytes} bytes"
                )
            link.consume_input()
        result = link.get_result()
        if result is None:
            break
        last = result
    if last is None:
        raise psycopg.OperationalError("the server gave no answer")
    return last


def _send(link: PGconn) -> Generator[Wait, Ready, None]:
    while link.flush():
        if (yield Wait.RW) & Ready.R:
            link.consume_input()


def _arrived(descriptor: int) -> int:
    """Return how many bytes wait to be read; encrypted, where they are."""
    count = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, count)
    return count[0]


def _cut(link: PGconn) -> None:
    """End a connection so that nothing more of an answer comes to libpq.

    The descriptor stays open: the watchdog may still know it.
    """
    with socket.socket(fileno=os.dup(link.socket)) as duplicate:
        duplicate.settimeout(None)
        with suppress(OSError):
            duplicate.shutdown(socket.SHUT_RDWR)
        buffer = bytearray(_DISCARDED_AT_ONCE)
        with suppress(OSError):
            while duplicate.recv_into(buffer):
                pass
    with suppress(psycopg.OperationalError):
        link.consume_input()
