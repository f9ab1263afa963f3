"""What a call to PostgreSQL may take, and who sees to it.

A shorter or longer deadline for the calls inside a `with` block::

    with time_limit(1.0):
        entry = store.get_entry("settings")

holds for every call that `PostgresStore` and `PostgresHistory` make meanwhile on the
same thread, and through `ThreadedStore`; it does not change what other threads do.

Deadlines hold against a silent server too. One whose kernel still acknowledges packets
blocks libpq for ever: keepalives, statement_timeout, pool timeouts and
`asyncio.wait_for` do not bound the call. One thread watches every armed call and shuts
its socket down when the time is up, so that the blocked call fails at once. Arming
costs about a microsecond.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from contextlib import suppress
from contextvars import ContextVar, Token
from typing import Final, Self

from switchbot_store.errors import StoreUnavailableError
from switchbot_store.languages import worded

_LIMITS: Final[ContextVar[tuple[float | None, float | None]]] = ContextVar(
    "time_limit", default=(None, None)
)


class time_limit:  # noqa: N801 - reads as what it is, as contextlib's own classes do
    """Bound each call inside by `seconds`, instead of the store's own deadline.

    `connect_seconds` bounds the part of it that waits for a connection, and ends that
    at the first attempt that fails. None leaves what holds already.

    `database_url` is one as ``postgresql://user@localhost/home``:

    >>> from switchbot_store import PostgresStore, time_limit
    >>> with PostgresStore(database_url) as store, time_limit(2.5, connect_seconds=1):
    ...     store.get("settings")
    {}
    """

    __slots__ = ("_limits", "_token")

    def __init__(
        self, seconds: float | None, *, connect_seconds: float | None = None
    ) -> None:
        self._limits = (seconds, connect_seconds)
        self._token: Token[tuple[float | None, float | None]] | None = None

    def __enter__(self) -> Self:
        (seconds, connect_seconds), outer = self._limits, _LIMITS.get()
        self._token = _LIMITS.set(
            (
                outer[0] if seconds is None else seconds,
                outer[1] if connect_seconds is None else connect_seconds,
            )
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            _LIMITS.reset(self._token)
            self._token = None


def limited(default_seconds: float) -> float:
    """Return the bound that holds here, by default the store's own."""
    seconds = _LIMITS.get()[0]
    return default_seconds if seconds is None else seconds


def connect_limit() -> float | None:
    """Return how long a call may wait for its connection here, None for no bound."""
    return _LIMITS.get()[1]


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
                    _shut_down(guard.file_descriptor)
                self._wakes_at = min(
                    (guard.expires_at for guard in self._armed),
                    default=now + _IDLE_SECONDS,
                )
                self._changed.wait(self._wakes_at - now)


def _shut_down(file_descriptor: int) -> None:
    # On a duplicate: closing the socket object must not close libpq's descriptor.
    with suppress(OSError), socket.socket(fileno=os.dup(file_descriptor)) as duplicate:
        # What the network still holds back of this call must not arrive later on.
        duplicate.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DISCARD)
        duplicate.shutdown(socket.SHUT_RDWR)


WATCHDOG: Final = Watchdog()
"""The one of this process."""
