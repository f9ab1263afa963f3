"""One answer of a server, read up to a number of bytes and no further.

libpq keeps a whole row, and a whole error with the value that it quotes, before it gives
any of it, and reads on as long as more comes. So it is not left alone with the server's
socket: for one question the bytes pass through here, and are counted.
"""

from __future__ import annotations

import os
import select
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.pq import ExecStatus

from switchbot_store.errors import StoreDataError
from switchbot_store.languages import worded

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg.pq.abc import PGconn, PGresult

    from switchbot_store.postgres.connections import Connection

_FAILED: Final = frozenset({ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE})
_PIECE_BYTES: Final = 32_768
_ENDED: Final = select.POLLHUP | select.POLLERR | select.POLLNVAL


class LongAnswerError(StoreDataError):
    """The server sent more than was to be read; its connection is lost."""


def asked(connection: Connection, statement: str, *, most_bytes: int) -> PGresult:
    """Return what the server says to one statement without parameters.

    Raises LongAnswerError for more than `most_bytes`, as they come over the wire;
    psycopg.Error.
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
    strait = _Strait(link.socket, most_bytes)
    try:
        send(link)
        result = _result(link, strait)
    except BaseException:
        # In the middle of an answer: what would come next is of no use to anybody.
        strait.close()
        with suppress(psycopg.OperationalError):
            link.consume_input()
        raise
    strait.open()
    if result.status in _FAILED:
        raise psycopg.errors.error_from_result(result)
    return result


def _result(link: PGconn, strait: _Strait) -> PGresult:
    last: PGresult | None = None
    while True:
        while link.flush():
            strait.wait(link)
        while link.is_busy():
            strait.wait(link)
        result = link.get_result()
        if result is None:
            break
        last = result
    if last is None:
        raise psycopg.OperationalError("the server gave no answer")
    return last


class _Strait:
    """Stands between libpq and the socket of its server, and lets so much through.

    libpq's descriptor becomes an end of a pair of sockets and keeps its number, which the
    watchdog knows; what it encrypts stays encrypted. `open` gives the server's socket
    back, `close` ends it.
    """

    def __init__(self, descriptor: int, most_bytes: int) -> None:
        self._descriptor = descriptor
        self._most_bytes = most_bytes
        self._taken_bytes = 0
        self._outgoing = b""
        try:
            self._server = socket.socket(fileno=os.dup(descriptor))
            self._near, far = socket.socketpair()
        except OSError as error:
            raise psycopg.OperationalError(f"no socket to be had: {error}") from error
        for each in (self._server, self._near, far):
            each.setblocking(False)  # noqa: FBT003 - its only argument
        with far:
            os.dup2(far.fileno(), descriptor, inheritable=False)

    def open(self) -> None:
        """Leave libpq alone with its server again, between two answers."""
        os.dup2(self._server.fileno(), self._descriptor, inheritable=False)
        self._server.close()
        self._near.close()

    def close(self) -> None:
        """End the connection; libpq finds it ended."""
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._near.close()

    def wait(self, link: PGconn) -> None:
        """Wait until something can go one way or the other, and let it.

        Raises LongAnswerError, psycopg.OperationalError.
        """
        poll = select.poll()
        outward = select.POLLOUT if self._outgoing else 0
        poll.register(self._server, select.POLLIN | outward)
        poll.register(self._near, 0 if self._outgoing else select.POLLIN)
        ready = dict(poll.poll())
        near = ready.get(self._near.fileno(), 0)
        try:
            if near & select.POLLIN:
                self._outgoing = self._near.recv(_PIECE_BYTES)
            if (near and not self._outgoing) or near & _ENDED:
                raise psycopg.OperationalError("the connection was shut down")
            if self._outgoing:
                with suppress(BlockingIOError):
                    sent = self._server.send(self._outgoing)
                    self._outgoing = self._outgoing[sent:]
            if ready.get(self._server.fileno(), 0) & (select.POLLIN | _ENDED):
                self._take(link)
        except OSError as error:
            raise psycopg.OperationalError(f"connection lost: {error}") from error

    def _take(self, link: PGconn) -> None:
        """Pass a piece on to libpq, and let it read all of that."""
        try:
            piece = self._server.recv(_PIECE_BYTES)
        except BlockingIOError:
            return
        if not piece:
            # libpq says in its own words what that means.
            self._near.shutdown(socket.SHUT_WR)
        self._taken_bytes += len(piece)
        if self._taken_bytes > self._most_bytes:
            raise LongAnswerError(
                worded(
                    "the server's answer is longer than {most_bytes} bytes",
                    most_bytes=self._most_bytes,
                )
            )
        arrived = select.poll()
        arrived.register(self._descriptor, select.POLLIN)
        while piece or arrived.poll(0):
            if piece:
                with suppress(BlockingIOError):
                    piece = piece[self._near.send(piece) :]
            link.consume_input()
