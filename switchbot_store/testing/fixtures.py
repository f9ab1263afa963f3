"""pytest fixtures around a real PostgreSQL; load with `pytest_plugins`.

Nothing is skipped: without server binaries and without `TEST_DATABASE_URL` a test that
asks for a database fails and says what to install.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from switchbot_store.testing.postgres_server import PostgresServer
    from switchbot_store.testing.spare_databases import SpareDatabases
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
def _spare_databases() -> SpareDatabases:
    """Give what earlier tests left on `postgres_server`."""
    from switchbot_store.testing.spare_databases import SpareDatabases  # noqa: PLC0415 - psycopg only for those who ask

    return SpareDatabases()


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
    spare: SpareDatabases = request.getfixturevalue("_spare_databases")
    with spare.empty(way) as url:
        yield url


@pytest.fixture
def prepared_database_url(
    request: pytest.FixtureRequest,
) -> Iterator[Callable[[Callable[[str], Any]], str]]:
    """Give the URL of a database of the test's own, as the given function prepares it.

    The function takes a URL of an empty database. It is called for the first test only: the
    next ones get that database with the rows of then, several times faster.
    """
    try:
        way: Way = request.getfixturevalue("_way")
    except RuntimeError:
        if not os.environ.get("TEST_DATABASE_URL"):
            raise

        def elsewhere(prepare: Callable[[str], Any]) -> str:
            url: str = request.getfixturevalue("database_url")
            prepare(url)
            return url

        yield elsewhere
        return
    spare: SpareDatabases = request.getfixturevalue("_spare_databases")
    with contextlib.ExitStack() as stack:
        yield lambda prepare: stack.enter_context(spare.prepared(way, prepare))


@pytest.fixture
def migrated_database_url(
    prepared_database_url: Callable[[Callable[[str], Any]], str],
) -> str:
    """Give the URL of a database of the test's own with this package's tables, and no more.

    For whatever is not about a first start.
    """
    from switchbot_store.postgres.schema.migrations import migrate  # noqa: PLC0415 - psycopg only for those who ask

    return prepared_database_url(migrate)


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
