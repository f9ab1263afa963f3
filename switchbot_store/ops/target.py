"""Where to look: a store, a pool or a connection string, read in one transaction.

Everything here runs in a READ ONLY transaction that is rolled back, under a statement
timeout and under the watchdog's deadline, also behind a transaction pooler.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

from psycopg.rows import dict_row

from switchbot_store.errors import StoreConfigError
from switchbot_store.failover.store import FailoverStore
from switchbot_store.interface import StoreInterface
from switchbot_store.postgres.connections import Connections
from switchbot_store.postgres.store import PostgresStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from psycopg.abc import QueryNoTemplate
    from psycopg_pool import ConnectionPool

    from switchbot_store.postgres.connections import Connection

    Target = StoreInterface | ConnectionPool[Any] | str

T = TypeVar("T")

TIMEOUT_SECONDS: Final = 30.0
_GRACE_SECONDS: Final = 2.0
"""For the server to say itself that time is up, before the watchdog hangs up."""


class Session:
    """One transaction's view of a database, which it cannot change."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @property
    def version(self) -> int:
        """The server's version as PostgreSQL numbers it, as in 150018."""
        return self.connection.info.server_version

    def rows(
        self, query: QueryNoTemplate, values: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[dict[str, Any]]:
        """Return what a query gives, a dict a row. Raises psycopg.Error."""
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, values or None).fetchall()

    def row(
        self, query: QueryNoTemplate, values: Sequence[Any] | Mapping[str, Any] = ()
    ) -> dict[str, Any]:
        """Return the only row of a query."""
        return self.rows(query, values)[0]

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Let what fails within be undone alone, so that the rest can go on."""
        with self.connection.transaction():
            yield

    def has_extension(self, name: str) -> bool:
        """Tell whether an extension is installed in this database."""
        query = "SELECT FROM pg_extension WHERE extname = %s"
        return bool(self.rows(query, [name]))


def read(
    target: Target,
    work: Callable[[Session], T],
    *,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> T:
    """Run `work` on a session and return what it returns; nothing it does stays.

    Raises StoreConfigError for a target that is no PostgreSQL, SlowConnectionError at
    the deadline, StoreUnavailableError, StoreDataError.
    """

    def within(connection: Connection) -> T:
        with connection.transaction(force_rollback=True):
            connection.execute("SET TRANSACTION READ ONLY")
            milliseconds = max(1, int(timeout_seconds * 1000))
            connection.execute(f"SET LOCAL statement_timeout = {milliseconds}")
            return work(Session(connection))

    deadline_seconds = timeout_seconds + _GRACE_SECONDS
    if isinstance(target, str):
        with Connections(target).direct(deadline_seconds) as connection:
            return within(connection)
    return connections_of(target).call(within, timeout_seconds=deadline_seconds).value


def connections_of(target: StoreInterface | ConnectionPool[Any]) -> Connections:
    """Return the connections of a store or over a pool; none is opened or configured."""
    if isinstance(target, FailoverStore):
        target = target.primary
    if isinstance(target, PostgresStore):
        return target.connections
    if isinstance(target, StoreInterface):
        raise StoreConfigError(
            f"{type(target).__name__} is no PostgreSQL: give a PostgresStore, a pool or"
            " a connection string"
        )
    return Connections(pool=target)
