"""The ways in which people reach their databases, for suites that hold on each of them.

`SWITCHBOT_TEST_WAY` chooses one for the fixture `database_url`:

``hostile``      as a role without privileges, whose settings change what SQL means
``session``      through PgBouncer, a server connection a client
``transaction``  through PgBouncer, a server connection a transaction
``promotion``    two hosts, of which the second is promoted after some tests
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from psycopg import sql

from switchbot_store.testing.pgbouncer import PgBouncer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchbot_store.testing.postgres_server import PostgresServer

HOSTILE_ROLE: Final = "hostile"
HOSTILE_SETTINGS: Final = {
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
    "TimeZone": "Asia/Kathmandu",
    "search_path": '"$user", public, pg_catalog',
    "statement_timeout": "300ms",
    "lock_timeout": "5ms",
    "idle_in_transaction_session_timeout": "1s",
    "client_encoding": "LATIN1",
    "bytea_output": "escape",
    "extra_float_digits": "0",
    "standard_conforming_strings": "off",
    "escape_string_warning": "off",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "quote_all_identifiers": "on",
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
}
"""What `ALTER ROLE ... SET` does to somebody who wanted it for other programs."""

_PROMOTE_AT: Final = 12
"""So many databases are made on the first host."""


class Way:
    """Straight to the server; `url` is asked once for each test's database."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        """Where databases are to be made and dropped."""

    def url(self, name: str) -> str:
        """Return how a test reaches the database `name`."""
        return self.server.url(name)


class _AsHostileRole(Way):
    def __init__(self, server: PostgresServer) -> None:
        super().__init__(server)
        role = sql.Identifier(HOSTILE_ROLE)
        with server.connect() as connection:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
            for name, value in HOSTILE_SETTINGS.items():
                connection.execute(
                    sql.SQL("ALTER ROLE {} SET {} = {}").format(
                        role,
                        sql.Identifier(name),
                        sql.SQL(value) if name == "search_path" else sql.Literal(value),
                    )
                )

    def url(self, name: str) -> str:
        statement = sql.SQL("ALTER DATABASE {} OWNER TO {}")
        with self.server.connect() as connection:
            connection.execute(
                statement.format(sql.Identifier(name), sql.Identifier(HOSTILE_ROLE))
            )
        return f"postgresql://{HOSTILE_ROLE}@127.0.0.1:{self.server.port}/{name}"


class _Pooled(Way):
    def __init__(self, server: PostgresServer, bouncer: PgBouncer) -> None:
        super().__init__(server)
        self._bouncer = bouncer

    def url(self, name: str) -> str:
        return self._bouncer.url(name)


class _Promoted(Way):
    def __init__(self, server: PostgresServer, standby: PostgresServer) -> None:
        super().__init__(server)
        self._standby = standby
        self._ports = (server.port, standby.port)
        self._databases = 0

    def url(self, name: str) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._ports)
        self._databases += 1
        if self._databases == _PROMOTE_AT:
            self.server.kill()
            self._standby.promote()
            self.server = self._standby
        return f"postgresql://{self.server.user}@{hosts}/{name}"


@contextlib.contextmanager
def chosen(
    word: str,
    server: PostgresServer,
) -> Iterator[Way]:
    """Give the way that the word stands for. Raises RuntimeError without PgBouncer."""
    if word == "hostile":
        yield _AsHostileRole(server)
    elif word in {"session", "transaction"}:
        with PgBouncer(server, word) as bouncer:
            yield _Pooled(server, bouncer)
    elif word == "promotion":
        with server.standby() as standby:
            server.wait_for(standby)
            yield _Promoted(server, standby)
    elif word:
        raise ValueError(f"SWITCHBOT_TEST_WAY is {word!r}; see {__name__}")
    else:
        yield Way(server)
