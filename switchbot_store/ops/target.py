"""Where to look: a store, a pool or a connection string, read in one transaction.

Everything here runs in a READ ONLY transaction that is rolled back, under a statement
timeout and under the watchdog's deadline, also behind a transaction pooler.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg
from psycopg.rows import dict_row

from switchbot_store.errors import StoreConfigError, StoreDataError
from switchbot_store.failover.store import FailoverStore
from switchbot_store.interface import StoreInterface
from switchbot_store.languages import worded
from switchbot_store.ops.statements.calling_off import asking_on
from switchbot_store.postgres.connections import Connections
from switchbot_store.postgres.errors import is_broken_connection
from switchbot_store.postgres.store import PostgresStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from psycopg.abc import QueryNoTemplate
    from psycopg_pool import ConnectionPool

    from switchbot_store.postgres.connections import Connection

    Target = StoreInterface | ConnectionPool[Any] | str

T = TypeVar("T")
_Traces = frozenset[tuple[str, int, int]]

TIMEOUT_SECONDS: Final = 30.0
_GRACE_SECONDS: Final = 2.0
"""For the server to say itself that time is up, before the watchdog hangs up."""

# Without jit: to compile what is asked of the catalogue, or only planned, takes up to
# seconds, many times what it then takes to run.
_SETTLED: Final = """
SELECT pg_catalog.set_config(name, value, true)
FROM (VALUES ('statement_timeout', %s), ('datestyle', 'ISO, MDY'),
    ('intervalstyle', 'postgres'), ('bytea_output', 'hex'), ('extra_float_digits', '1'),
    ('lock_timeout', '3s'), ('jit', 'off')
) AS wanted (name, value)
"""
# As server, database, role and connection string have it: sessions of a store have it off.
_JIT_AS_GIVEN: Final = """
SELECT pg_catalog.set_config('jit', s.reset_val, true) FROM pg_catalog.pg_settings s
WHERE s.name OPERATOR(pg_catalog.=) 'jit'
"""
_FIRST_OWN: Final = """
SELECT pg_catalog.set_config('search_path', pg_catalog.concat_ws(', ', 'pg_catalog',
    nullif(pg_catalog.current_setting('search_path'), ''), 'pg_temp'), true)
"""

# A lock of the session and a prepared statement are undone with no transaction.
_TRACES: Final = """
SELECT 'lock' AS what, l.classid::pg_catalog.int8 AS one, l.objid::pg_catalog.int8 AS two
FROM pg_catalog.pg_locks l
WHERE l.locktype OPERATOR(pg_catalog.=) 'advisory'
    AND l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()
UNION ALL SELECT 'statement', pg_catalog.hashtext(s.name), 0
FROM pg_catalog.pg_prepared_statements s
"""
_SET_PATH: Final = "SELECT pg_catalog.set_config('search_path', %s, true)"


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
            # Never prepared: the connection may be a host's, and outlives the question.
            return cursor.execute(query, values or None, prepare=False).fetchall()

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

    def compile_as_given(self) -> None:
        """Let the server compile statements where it would: for one of somebody's.

        How long that takes is then what it takes them.
        """
        self.rows(_JIT_AS_GIVEN)

    @property
    def standby(self) -> bool:
        """Whether the server only replays what another one writes."""
        return bool(self.row("SELECT pg_catalog.pg_is_in_recovery() AS yes")["yes"])

    def look_in_the_catalogue_first(self) -> None:
        """Let PostgreSQL's own names win until the transaction ends.

        Objects on the search path keep their short names.
        """
        self.rows(_FIRST_OWN)

    def left_behind(self) -> _Traces:
        """Return what of this session outlives a transaction that is undone."""
        rows = self.rows(_TRACES)
        return frozenset((row["what"], row["one"], row["two"]) for row in rows)

    @contextmanager
    def on_own_path(self) -> Iterator[None]:
        """Let names within be PostgreSQL's own alone; what fails is to be undone."""
        path = self.row("SELECT pg_catalog.current_setting('search_path') AS path")
        self.rows(_SET_PATH, ["pg_catalog, pg_temp"])
        yield
        self.rows(_SET_PATH, [path["path"]])

    def extension_schema(self, name: str) -> str | None:
        """Return the quoted schema of an extension, None where it is not installed."""
        rows = self.rows(
            "SELECT pg_catalog.quote_ident(n.nspname) AS name"
            " FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n"
            " ON n.oid OPERATOR(pg_catalog.=) e.extnamespace"
            " WHERE e.extname OPERATOR(pg_catalog.=) %s::pg_catalog.name",
            [name],
        )
        return rows[0]["name"] if rows else None


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
        before: _Traces | None = None
        try:
            with (
                asking_on(connection),
                connection.transaction(force_rollback=True),
            ):
                # Of its own, whatever a role or a database sets: what is asked twice is
                # looked at twice, and values come in the form that the driver reads.
                connection.execute(
                    "SET TRANSACTION ISOLATION LEVEL READ COMMITTED READ ONLY"
                )
                milliseconds = max(1, int(timeout_seconds * 1000))
                connection.execute(_SETTLED, [f"{milliseconds}ms"])
                session = Session(connection)
                before = session.left_behind()
                return work(session)
        finally:
            if before is not None:
                _end_if_changed(connection, before)

    deadline_seconds = timeout_seconds + _GRACE_SECONDS
    if isinstance(target, str):
        with Connections(target).direct(deadline_seconds) as connection:
            return within(connection)
    return connections_of(target).call(within, timeout_seconds=deadline_seconds).value


def _end_if_changed(connection: Connection, before: _Traces) -> None:
    """End the connection where a question has left something in its session."""
    if connection.closed:
        return
    with suppress(psycopg.Error):
        with connection.transaction(force_rollback=True):
            left = Session(connection).left_behind()
        if left - before:
            connection.close()


def write(target: Target, work: Callable[[Connection], None]) -> None:
    """Run `work` in one transaction that stays; the only way to change anything here.

    Raises StoreDataError with the server's words for what it refuses, else as `read`.
    """

    def within(connection: Connection) -> None:
        try:
            with connection.transaction():
                work(connection)
        except psycopg.Error as error:
            if is_broken_connection(error):
                raise
            raise StoreDataError(str(error).splitlines()[0]) from error

    if isinstance(target, str):
        with Connections(target).direct(TIMEOUT_SECONDS) as connection:
            return within(connection)
    connections_of(target).call(within, timeout_seconds=TIMEOUT_SECONDS)
    return None


def connections_of(target: StoreInterface | ConnectionPool[Any]) -> Connections:
    """Return the connections of a store or over a pool; none is opened or configured."""
    if isinstance(target, FailoverStore):
        target = target.primary
    if isinstance(target, PostgresStore):
        return target.connections
    if isinstance(target, StoreInterface):
        raise StoreConfigError(
            worded(
                "{name} is no PostgreSQL: give a PostgresStore, a pool or a "
                "connection string",
                name=type(target).__name__,
            )
        )
    return Connections(pool=target)
