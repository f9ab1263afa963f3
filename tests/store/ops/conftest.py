"""Servers with crafted databases: the wheel's PostgreSQL, and the system's where it is."""

import os
from pathlib import Path

import psycopg
import pytest

from switchbot_store.testing.postgres_server import (
    PostgresServer,
    find_postgres_binaries,
)

# Ages that a test reaches in a moment; the smallest the server takes.
OPTIONS = {
    "autovacuum": "off",
    "autovacuum_freeze_max_age": "100000",
    "vacuum_failsafe_age": "0",
    "max_connections": "20",
    "track_counts": "on",
}
SYSTEM = Path("/usr/lib/postgresql")
BINARIES = [
    find_postgres_binaries(),
    *sorted(path / "bin" for path in SYSTEM.glob("1[5-9]") if (path / "bin").is_dir()),
]


def _named(binaries):
    return f"system-{binaries.parent.name}" if SYSTEM in binaries.parents else "wheel"


@pytest.fixture(
    scope="session", params=BINARIES, ids=[_named(path) for path in BINARIES]
)
def server(request):
    """Each PostgreSQL there is, with settings that make ages come soon."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SWITCHBOT_TEST_PG_BIN", str(request.param))
        options = dict(OPTIONS)
        if any(request.param.parent.glob("lib/**/pg_stat_statements.so")):
            options["shared_preload_libraries"] = "pg_stat_statements"
        with PostgresServer(options=options) as running:
            yield running


@pytest.fixture
def database(server):
    """An empty database; the name of its connection string."""
    name = server.create_database()
    yield server.conninfo(name)
    server.drop_database(name)


@pytest.fixture
def sql(database):
    """Run statements in the database, each by itself."""
    with psycopg.connect(database, autocommit=True) as connection:

        def run(*statements):
            for statement in statements:
                connection.execute(statement)
            return connection

        yield run


@pytest.fixture
def role(server, database, sql):
    """A role that may log in and nothing else; its connection string."""
    name = f"guest_{os.urandom(4).hex()}"
    sql(f"CREATE ROLE {name} LOGIN")
    yield psycopg.conninfo.make_conninfo(database, user=name)
    sql(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


@pytest.fixture
def sql_of(database_url):
    """Run statements in the shared server's database of this test."""

    def run(*statements):
        with psycopg.connect(database_url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    return run
