"""The ways in which people reach their databases, for suites that hold on each of them.

`SWITCHBOT_TEST_WAY` chooses one for the fixture `database_url`:

``session``      through PgBouncer, a server connection a client
``transaction``  through PgBouncer, a server connection a transaction
``promotion``    two hosts, of which the second is promoted after some tests
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from switchbot_store.testing.pgbouncer import PgBouncer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchbot_store.testing.postgres_server import PostgresServer

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
    if word in {"session", "transaction"}:
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
