"""Connections at rest: lent to one call each, and closed when nobody needs them.

Whoever calls makes the connection that it lacks, on its own thread, within its own
deadline: so a call that fails tried once, and knows why. Nothing is opened ahead, and
nothing is opened to take the place of what was closed.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from psycopg.pq import ConnStatus, TransactionStatus

from switchbot_store.errors import SlowConnectionError, StoreClosedError
from switchbot_store.languages import worded

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchbot_store.postgres.wire import OwnConnection

REST_SECONDS: Final = 120.0
"""Under the five minutes after which hosted databases suspend."""
_LIFE_SECONDS: Final = 1800.0


class RestingConnections:
    """Up to `max_size` connections, made by `connect` with the seconds that are left.

    One that rested for `rest_seconds` is closed. What `lend` gives is to be given back.
    """

    def __init__(
        self,
        connect: Callable[[float], OwnConnection],
        *,
        max_size: int,
        rest_seconds: float = REST_SECONDS,
    ) -> None:
        self._connect = connect
        self._max_size = max_size
        self._rest_seconds = rest_seconds
        self._changed = threading.Condition()
        self._resting: list[tuple[OwnConnection, float]] = []  # the newest last
        self._lent: dict[OwnConnection, float] = {}
        self._made_at: dict[OwnConnection, float] = {}
        self._useless: set[OwnConnection] = set()
        self._connecting = 0
        self._closer: threading.Thread | None = None
        self._closed = False

    def lend(self, expires_at: float) -> OwnConnection:
        """Give one that rests, or a new one; `expires_at` in monotonic seconds.

        Raises SlowConnectionError when all are in use until then, StoreClosedError, and
        what `connect` raises.
        """
        with self._changed:
            while True:
                if self._closed:
                    raise StoreClosedError(worded("this store was closed"))
                if self._resting:
                    connection, _ = self._resting.pop()
                    self._lent[connection] = time.monotonic()
                    return connection
                if len(self._lent) + self._connecting < self._max_size:
                    self._connecting += 1
                    break
                left = expires_at - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    raise SlowConnectionError(
                        worded(
                            "PostgreSQL: all {max_size} connections are in use",
                            max_size=self._max_size,
                        )
                    )
        made: OwnConnection | None = None
        try:
            made = self._connect(max(0.001, expires_at - time.monotonic()))
        finally:
            with self._changed:
                self._connecting -= 1
                if made is not None:
                    self._lent[made] = self._made_at[made] = time.monotonic()
                self._changed.notify_all()
        return made

    def give_back(self, connection: OwnConnection) -> None:
        """Let it rest, or close it: broken, in a transaction, old, or useless."""
        with self._changed:
            now = time.monotonic()
            self._lent.pop(connection, None)
            too_old = now - self._made_at[connection] > _LIFE_SECONDS
            pgconn = connection.pgconn
            keeps = (
                not self._closed
                and not too_old
                and connection not in self._useless
                and pgconn.status == ConnStatus.OK
                and pgconn.transaction_status == TransactionStatus.IDLE
            )
            if keeps:
                self._resting.append((connection, now))
                self._watch()
            else:
                self._forget(connection)
            self._changed.notify_all()
        if not keeps:
            connection.close()

    def retire(self, connection: OwnConnection) -> None:
        """Close it when it is given back, whatever state it is in."""
        with self._changed:
            self._useless.add(connection)

    def renew(self) -> None:
        """Close all that rest, and those in use when they are given back."""
        with self._changed:
            resting, self._resting = self._resting, []
            self._useless.update(self._lent)
            for connection, _ in resting:
                self._forget(connection)
            self._changed.notify_all()
        for connection, _ in resting:
            connection.close()

    def close(self) -> None:
        """Close all, and lend none from now on; who waits for one hears of it."""
        with self._changed:
            self._closed = True
        self.renew()

    def _forget(self, connection: OwnConnection) -> None:
        self._useless.discard(connection)
        self._made_at.pop(connection, None)

    def _watch(self) -> None:
        if self._closer is None:
            closer = threading.Thread(
                target=self._close_rested, name="store connections at rest", daemon=True
            )
            # Where the system has no thread left the next one that rests asks anew.
            with suppress(RuntimeError):
                closer.start()
                self._closer = closer

    def _close_rested(self) -> None:
        while True:
            with self._changed:
                now = time.monotonic()
                done = [
                    each for each, at in self._resting if at + self._rest_seconds <= now
                ]
                self._resting = [each for each in self._resting if each[0] not in done]
                for connection in done:
                    self._forget(connection)
                if not self._resting and not done:
                    self._closer = None  # the next one that rests begins anew
                    return
                if not done:
                    self._changed.wait(self._resting[0][1] + self._rest_seconds - now)
            for connection in done:
                connection.close()
