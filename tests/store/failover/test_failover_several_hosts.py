"""Several hosts in one URL: a real standby is promoted while writes go on."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from switchbot_store import (
    FailoverStore,
    HistorySample,
    PostgresStore,
    StoreConfig,
    StoreUnavailableError,
    get_history,
    get_store,
)
from switchbot_store.testing import PostgresServer

START = datetime.now(UTC) - timedelta(hours=1)


@pytest.fixture
def pair():
    """A primary and a standby that has whatever was acknowledged."""
    with PostgresServer() as primary, primary.standby() as standby:
        primary.wait_for(standby)
        yield primary, standby
        for server in (primary, standby):
            if server.running:
                server.thaw()


def url_of(*servers):
    hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
    return f"postgresql://postgres@{hosts}/postgres"


def committed(server):
    with server.connect() as connection:
        (data,) = connection.execute(
            "SELECT data FROM json_store WHERE kind = 'state'"
        ).fetchone()
    return data["n"]


@pytest.fixture
def opened(pair, tmp_path, monkeypatch, until):
    """Open what a program opens, by a URL without anything but the hosts."""
    monkeypatch.delenv("PGTARGETSESSIONATTRS", raising=False)
    config = StoreConfig.from_env(
        {
            "STORE_BACKEND": "postgres",
            "POSTGRES_URL": url_of(*pair),
            "STORE_DIRECTORY": str(tmp_path / "config"),
            "HISTORY_BATCH_SIZE": "1",
        }
    )
    with get_store(config) as store, get_history(config) as history:
        history.record(HistorySample(START, "other"))
        history.flush()
        until(lambda: store.status().degraded_since is None)
        until(lambda: history.status().written > 0)
        yield store, history


class Writing:
    """Writes until it is asked to stop; knows what was acknowledged."""

    def __init__(self, store, history):
        self.store = store
        self.history = history
        self.count = 0
        self.errors = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        while not self._stop.wait(0.01):
            number = self.count + 1
            try:
                self.store.set("state", {"n": number})
                moment = START + timedelta(seconds=number)
                self.history.record(HistorySample(moment, "room", temperature=20.0))
            except Exception as error:  # noqa: BLE001 - every one of them is counted
                self.errors.append(error)
            self.count = number


def kill(primary, _standby):
    primary.kill()


def freeze(primary, _standby):
    primary.freeze()


def demote(primary, standby):
    """A planned switch-over: the first comes back as the other's standby."""
    primary.stop()
    standby.promote()
    primary.follow(standby)


@pytest.mark.parametrize("change", [kill, freeze, demote])
def test_writes_are_back_soon_after_a_promotion_and_nothing_is_lost(
    pair, opened, until, change
):
    store, history = opened
    with Writing(store, history) as writing:
        until(lambda: writing.count > 20)
        change(*pair)
        if change is not demote:
            # Whoever promotes has found out that the primary is gone, as the store has.
            until(lambda: store.status().degraded_since is not None)
            pair[1].promote()
        promoted_at = writing.count
        until(lambda: committed(pair[1]) > promoted_at)
        until(lambda: store.status().degraded_since is None)
        until(lambda: writing.count > promoted_at + 20)
    assert writing.errors == []
    history.flush()
    until(lambda: history.status().spilled == 0)
    assert committed(pair[1]) == writing.count
    counted = (
        "SELECT count(*), count(DISTINCT timestamp) FROM state_history"
        " WHERE zone = 'room'"
    )
    with pair[1].connect() as connection:
        rows = connection.execute(counted).fetchone()
    assert rows == (writing.count, writing.count)


def test_a_silent_first_host_does_not_eat_the_time_of_the_second(pair):
    with PostgresStore(url_of(*pair)) as store:
        store.set("settings", {"n": 1})
    pair[0].freeze()
    pair[1].promote()
    for seconds in (4.0, 15.0):
        with PostgresStore(url_of(*pair), connect_timeout_seconds=seconds) as store:
            assert store.get("settings") == {"n": 1}
            store.set("settings", {"n": 1})


@pytest.mark.parametrize("order", ["primary first", "standby first"])
def test_a_standby_is_passed_by(pair, order):
    servers = pair if order == "primary first" else pair[::-1]
    with PostgresStore(url_of(*servers)) as store:
        store.set("settings", {"order": order})
        assert store.get("settings") == {"order": order}


def test_where_all_are_standbys_for_a_moment_a_program_starts(
    pair, tmp_path, until, monkeypatch
):
    monkeypatch.delenv("PGTARGETSESSIONATTRS", raising=False)
    primary, standby = pair
    primary.kill()
    url = url_of(standby, primary)
    with pytest.raises(StoreUnavailableError):
        PostgresStore(url).open()
    with FailoverStore(PostgresStore(url), tmp_path / "config") as store:
        store.set("state", {"n": 1})
        assert store.status().degraded_since is not None
        standby.promote()
        until(lambda: store.status().degraded_since is None)
    assert committed(standby) == 1


def test_a_host_that_became_read_only_is_left(pair, opened, until):
    """As hosters do when a disk is nearly full."""
    store, history = opened
    primary, standby = pair
    with Writing(store, history) as writing:
        until(lambda: writing.count > 5)
        primary.commit_alone()
        with primary.connect() as connection:
            connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            connection.execute("SELECT pg_reload_conf()")
        until(lambda: store.status().degraded_since is not None)
        standby.promote()
        until(lambda: store.status().degraded_since is None)
    assert writing.errors == []
    assert committed(standby) == writing.count
