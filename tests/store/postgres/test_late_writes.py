"""A statement that a server carries out after its call failed undoes nothing."""

import os
import signal
import threading
import time

import pytest

from switchbot_store import PostgresStore, SlowConnectionError, time_limit

WAIT_SECONDS = 30
PIDS = (
    "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    " AND datname = current_database() AND application_name = 'switchbot_store'"
)


@pytest.fixture
def store(database_url):
    with PostgresStore(database_url) as store:
        store.set("warm", {"n": 0})
        yield store


def until(condition):
    """Wait for what happens in other processes."""
    give_up_at = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < give_up_at
        threading.Event().wait(0.01)


def late(store, beside, write, meanwhile):
    """Let the backend be frozen when `write` reaches it, and go on after `meanwhile`."""

    def sessions():
        return beside.execute(PIDS).fetchall()

    until(lambda: len(sessions()) == 1)  # that of the opening has ended
    ((pid,),) = sessions()
    os.kill(pid, signal.SIGSTOP)
    try:
        with time_limit(0.3), pytest.raises(SlowConnectionError):
            write()
        meanwhile()
    finally:
        os.kill(pid, signal.SIGCONT)
    until(lambda: (pid,) not in sessions())


WRITES = {
    "set": lambda store: store.set("a", {"n": 1}),
    "set_many": lambda store: store.set_many({"a": {"n": 1}, "b": {"n": 1}}),
    "delete": lambda store: store.delete("a"),
}


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("there", [True, False], ids=["there", "not there"])
def test_a_later_write_of_the_same_store_stays(store, beside, name, there):
    if there:
        store.set("a", {"n": 0})
    late(store, beside, lambda: WRITES[name](store), lambda: store.set("a", {"n": 2}))
    assert store.get("a") == {"n": 2}
    assert store.get("b") == {}


@pytest.mark.parametrize("name", WRITES)
def test_a_later_write_of_another_host_stays(store, beside, database_url, name):
    store.set("a", {"n": 0})
    with PostgresStore(database_url) as other:

        def meanwhile():
            other.set("a", {"n": 2})
            other.close()

        late(store, beside, lambda: WRITES[name](store), meanwhile)
    assert store.get("a") == {"n": 2}


@pytest.mark.parametrize(
    "write",
    [
        WRITES["set"],
        WRITES["set_many"],
        lambda store: store.compare_and_set("a", {"n": 1}, ""),
    ],
    ids=["set", "set_many", "create"],
)
def test_what_was_deleted_meanwhile_stays_deleted(store, beside, write):
    def meanwhile():
        store.set("a", {"n": 2})
        assert store.delete("a")

    late(store, beside, lambda: write(store), meanwhile)
    assert store.get_entry("a").revision == ""


@pytest.mark.parametrize("seconds", [-86_400.0, -1.0, 1.0, 86_400.0])
def test_a_server_whose_clock_jumped_is_asked_anew(store, seconds):
    """To the store both look alike: the server's clock moved, or its own measure of it."""
    store._server_clock._ahead -= int(seconds * 1_000_000)
    store.set("a", {"n": 1})
    store.set_many({"a": {"n": 2}, "b": {"n": 2}})
    assert store.compare_and_set("c", {"n": 1}, "")
    assert store.delete("b")
    assert not store.delete("b")
    assert store.get("a") == {"n": 2}
