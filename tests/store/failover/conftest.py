import contextlib
import datetime as dt
import threading
import time

import psycopg
import pytest

from switchbot_store import (
    FailoverStore,
    MemoryStore,
    PostgresStore,
    StoreUnavailableError,
)
from switchbot_store.failover import keeper as probing
from switchbot_store.failover import reading
from switchbot_store.testing import PostgresServer, TcpProxy

pytest.register_assert_rewrite("switchbot_store.testing.store_contract")

PATIENCE_SECONDS = 120
"""No test waits so long where the code is right, however busy the machine is."""


class FlakyStore(MemoryStore):
    """A primary that goes away, alone or after having done what it was asked to do."""

    def __init__(self, **options):
        super().__init__(**options)
        self.away = False
        self.takes_writes = True
        self.lose_answers = 0
        self.calls = []

    def _call(self, name, *arguments):
        self.calls.append(name)
        reading = name in {"get_entry", "get_many", "keys"}
        if self.away or not (reading or self.takes_writes):
            raise StoreUnavailableError("the flaky store is away")
        result = getattr(MemoryStore, name)(self, *arguments)
        if self.lose_answers and not reading:
            self.lose_answers -= 1
            raise StoreUnavailableError("the answer got lost")
        return result

    def get_entry(self, key):
        return self._call("get_entry", key)

    def get_many(self, keys):
        return self._call("get_many", keys)

    def set(self, key, data):
        return self._call("set", key, data)

    def set_many(self, documents):
        return self._call("set_many", documents)

    def compare_and_set(self, key, data, revision):
        return self._call("compare_and_set", key, data, revision)

    def delete(self, key):
        return self._call("delete", key)

    def keys(self):
        return self._call("keys")

    def health_check(self):
        return not self.away and super().health_check()

    def close(self):
        """Keep the documents: they lie in another place, as those of a server."""

    def open(self):
        if self.away:
            raise StoreUnavailableError("the flaky store is away")
        return super().open()


@pytest.fixture
def database_url(migrated_database_url):
    """A database that hosts were started on before: none of these tests is about the first."""
    return migrated_database_url


@pytest.fixture(autouse=True)
def pace(monkeypatch):
    """Look for the primary ten times as often: an outage's end is no test's subject.

    Where it is, this is overridden.
    """
    for name in ("_SHORTEST_SECONDS", "_LONGEST_SECONDS"):
        monkeypatch.setattr(probing, name, getattr(probing, name) / 10)


@pytest.fixture(autouse=True)
def patient_reads(request, monkeypatch):
    """Let a read of the primary take longer: a busy machine is no database that is away.

    Where the product's own deadline is the subject, `bounded` tells how it is kept.
    """
    if "bounded" not in request.fixturenames:
        monkeypatch.setattr(reading, "READ_SECONDS", 30.0)


class BreakableServer:
    """A database of one test's own, on a server that the test may stop and freeze."""

    def __init__(self, server, database):
        self._server = server
        self.database = database
        for name in ("start", "stop", "kill", "restart", "freeze", "thaw"):
            setattr(self, name, getattr(server, name))

    @property
    def port(self):
        return self._server.port

    def url(self, **options):
        return self._server.url(self.database, **options)

    def connect(self):
        return self._server.connect(self.database)


@pytest.fixture(scope="session")
def breakable_server():
    # Without fsync: kill -9 takes nothing from the kernel, only a power cut would.
    with PostgresServer() as server:
        yield server


@pytest.fixture
def server(breakable_server):
    database = breakable_server.create_database()
    yield BreakableServer(breakable_server, database)
    if breakable_server.running:
        breakable_server.thaw()
    breakable_server.start()
    breakable_server.drop_database(database)


class Clock:
    """Both clocks of a store, moved by hand."""

    def __init__(self, start=None):
        self.time = start or dt.datetime(2026, 1, 10, 8, 0, tzinfo=dt.UTC)
        self.seconds = 1000.0

    def now(self):
        return self.time

    def monotonic(self):
        return self.seconds

    def advance(self, seconds):
        self.time += dt.timedelta(seconds=seconds)
        self.seconds += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def flaky():
    return FlakyStore()


@pytest.fixture
def make(tmp_path):
    """Make failover stores that are closed at the end."""
    with contextlib.ExitStack() as stack:

        def make_one(primary, directory="host", **options):
            store = FailoverStore(primary, tmp_path / directory, **options)
            stack.callback(store.close)
            return store

        yield make_one


def wait_until(condition, seconds=PATIENCE_SECONDS):
    """Wait for what another thread does; return the seconds that it took."""
    began = time.monotonic()
    pause = threading.Event()
    while not condition():
        assert time.monotonic() - began < seconds, "waited in vain"
        pause.wait(0.005)
    return time.monotonic() - began


@pytest.fixture
def until():
    return wait_until


@pytest.fixture
def until_back():
    def wait(store, seconds=PATIENCE_SECONDS):
        return wait_until(lambda: store.status().degraded_since is None, seconds)

    return wait


@pytest.fixture
def on_postgres(make):
    """Make a failover store on a database, with the primary's options."""

    def make_one(url, directory="host", *, primary=None, **options):
        return make(PostgresStore(url, **(primary or {})), directory, **options)

    return make_one


@pytest.fixture
def direct(database_url):
    """A look at the database past every failover."""
    with PostgresStore(database_url) as store:
        yield store


@pytest.fixture
def proxy(postgres_server):
    with TcpProxy(postgres_server.port) as running:
        yield running


@pytest.fixture
def through_proxy(database_url, proxy):
    return psycopg.conninfo.make_conninfo(database_url, port=proxy.port)
