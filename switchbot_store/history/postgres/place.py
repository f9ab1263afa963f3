"""How what is recorded reaches its PostgreSQL database: rows and readings alike."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Final, TypeVar

from switchbot_store.deadlines import limited
from switchbot_store.postgres.connections import Connections
from switchbot_store.postgres.schema.migrations import migrate_history, migrate_in_steps

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    import psycopg
    from psycopg_pool import ConnectionPool

    Connection = psycopg.Connection[Any]

T = TypeVar("T")
_SECONDS_PER_DAY: Final = 0.03


class PostgresPlace:
    """What `PostgresHistory` and `PostgresReadings` are besides what they keep.

    `conninfo`, `pool`, `pooler` and the timeouts are those of `PostgresStore`; a read
    has 0.03 s more for each day that it spans, up to `read_timeout_seconds`, which a
    step of upkeep has. Opening migrates the schema and adopts a dashboard's table, which
    goes on beside until it is done: meanwhile calls raise StoreUnavailableError saying
    how far it is, and `close` stops it to be gone on with.
    """

    def __init__(
        self,
        conninfo: str | None = None,
        *,
        pool: ConnectionPool[Any] | None = None,
        pooler: bool | None = None,
        max_size: int = 2,
        timeout_seconds: float = 5.0,
        connect_timeout_seconds: float = 15.0,
        read_timeout_seconds: float = 30.0,
    ) -> None:
        self._read_timeout_seconds = read_timeout_seconds
        self._write_timeout_seconds = timeout_seconds
        self._make_connections: Callable[[], Connections] = lambda: Connections(
            conninfo,
            pool=pool,
            prepare=migrate_history,
            schema_work=migrate_in_steps,
            pooler=pooler,
            max_size=max_size,
            timeout_seconds=timeout_seconds,
            connect_timeout_seconds=connect_timeout_seconds,
        )
        self._connections = self._make_connections()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._connections.description}>"

    def open(self) -> None:
        """Connect and bring the schema up to date; see `PostgresStore.open`."""
        self._connections.open()

    def close(self) -> None:
        """Close the connections made here; a pool handed in stays as it is."""
        connections, self._connections = self._connections, self._make_connections()
        connections.close()

    def _reading(
        self,
        work: Callable[[Connection], T],
        *,
        span: timedelta | None = None,
        at_most: float = inf,
    ) -> T:
        timeout = min(self._read_timeout_seconds, at_most)
        if span is not None:  # a silent server must not hold up who asks for little
            grown = max(0, span.days) * _SECONDS_PER_DAY
            timeout = min(timeout, self._write_timeout_seconds + grown)
        return self._connections.call(work, timeout_seconds=limited(timeout)).value
