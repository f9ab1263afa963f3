"""pytest fixtures around a real PostgreSQL; load with `pytest_plugins`.

Nothing is skipped: without server binaries and without `TEST_DATABASE_URL` a test that
asks for a database fails and says what to install.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from switchbot_store.testing.postgres_server import PostgresServer
    from switchbot_store.testing.ways import Way


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Give a running PostgreSQL shared by the session: do not break it."""
    from switchbot_store.testing.postgres_server import PostgresServer  # noqa: PLC0415 - psycopg only for those who ask

    with PostgresServer() as server:
        yield server


@pytest.fixture
def postgres_server_factory() -> Iterator[Callable[..., PostgresServer]]:
    """Start servers of a test's own, to break; arguments as `PostgresServer`."""
    from switchbot_store.testing.postgres_server import PostgresServer  # noqa: PLC0415 - psycopg only for those who ask

    with contextlib.ExitStack() as stack:
        yield lambda **options: stack.enter_context(PostgresServer(**options))


@pytest.fixture(scope="session")
def _spare_databases() -> list[str]:
    """Empty databases that earlier tests left on `postgres_server`."""
    return []


@pytest.fixture(scope="session")
def _way(postgres_server: PostgresServer) -> Iterator[Way]:
    """How the tests reach `postgres_server`: as `SWITCHBOT_TEST_WAY` says."""
    from switchbot_store.testing import pgbouncer, ways  # noqa: PLC0415 - psycopg only for those who ask

    word = os.environ.get("SWITCHBOT_TEST_WAY", "")
    if word in {"session", "transaction"} and pgbouncer.find_pgbouncer() is None:
        pytest.fail("SWITCHBOT_TEST_WAY asks for PgBouncer: apt-get install pgbouncer")
    with ways.chosen(word, postgres_server) as way:
        yield way


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the URL of an empty database of the test's own."""
    try:
        way: Way = request.getfixturevalue("_way")
    except RuntimeError:
        if not os.environ.get("TEST_DATABASE_URL"):
            raise
        with _database_elsewhere(os.environ["TEST_DATABASE_URL"]) as url:
            yield url
        return
    from switchbot_store.testing.spare_databases import emptied  # noqa: PLC0415 - psycopg only for those who ask

    spare: list[str] = request.getfixturevalue("_spare_databases")
    name = spare.pop() if spare else way.server.create_database()
    yield way.url(name)
    if emptied(way.server, name):
        spare.append(name)
    else:
        way.server.drop_database(name)


@contextlib.contextmanager
def _database_elsewhere(url: str) -> Iterator[str]:
    """Create a database beside the one that `url` names, on the same server."""
    import psycopg  # noqa: PLC0415 - only for those who ask
    from psycopg import sql  # noqa: PLC0415 - likewise

    name = f"switchbot_test_{uuid.uuid4().hex}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield psycopg.conninfo.make_conninfo(url, dbname=name)
    finally:
        statement = sql.SQL("DROP DATABASE {} WITH (FORCE)")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement.format(sql.Identifier(name)))
