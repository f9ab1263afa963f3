"""Questions that nobody waits for any more: ended here, and at the server.

Whoever asks on a thread of its own may be called off from another::

    calling_off = CallingOff()
    threading.Thread(target=calling_off.run, args=(ask,)).start()
    calling_off.call_off()

The server is told to give the running statement up, and the connection is shut down, so
that none comes after it, however many a question would have asked.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, TypeVar

import psycopg

from switchbot_store.errors import StoreUnavailableError
from switchbot_store.languages import worded
from switchbot_store.postgres.wire import shut_down

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from switchbot_store.postgres.connections import Connection

T = TypeVar("T")

_TELLING_SECONDS: Final = 5.0
"""For the server to hear that nobody waits; after that the connection is shut down."""


class CallingOff:
    """Ends one question from another thread than the one that asks it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._called_off = False

    def run(self, ask: Callable[[], T]) -> T:
        """Ask, on this thread, what `call_off` then ends.

        Raises StoreUnavailableError, or what the server said last, once that happened.
        """
        token = _CURRENT.set(self)
        try:
            return ask()
        finally:
            _CURRENT.reset(token)

    def call_off(self) -> None:
        """End the question, and all that it would still ask. Waits for the server."""
        with self._lock:
            self._called_off = True
            connection = self._connection
            if connection is None or connection.closed:
                return
            # Under the lock: the connection must not serve somebody else meanwhile.
            try:
                with suppress(psycopg.Error):
                    connection.cancel_safe(timeout=_TELLING_SECONDS)
            finally:
                with suppress(psycopg.Error):
                    shut_down(connection.pgconn.socket)

    @contextmanager
    def _asking_on(self, connection: Connection) -> Iterator[None]:
        with self._lock:
            if self._called_off:
                raise StoreUnavailableError(worded("nobody waits for this any more"))
            self._connection = connection
        try:
            yield
        finally:
            with self._lock:
                self._connection = None


_CURRENT: Final[ContextVar[CallingOff | None]] = ContextVar("calling_off", default=None)


@contextmanager
def asking_on(connection: Connection) -> Iterator[None]:
    """Let what is asked on this connection be called off, if this thread's question can."""
    current = _CURRENT.get()
    if current is None:
        yield
        return
    with current._asking_on(connection):  # noqa: SLF001 - the other half of the class
        yield
