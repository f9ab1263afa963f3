"""A statement that a server carries out after its call failed undoes nothing."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from switchbot_store import (
    PostgresStore,
    SlowConnectionError,
    StoreConflictError,
    time_limit,
)

WAIT_SECONDS = 30
PIDS = (
    "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    " AND backend_type = 'client backend'"
    " AND datname = current_database() AND application_name = 'switchbot_store'"
)


@pytest.fixture
def database_url(migrated_database_url):
    return migrated_database_url


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


SOME = {"a": {"n": 1}, "b": {"n": 1}, "c": {"n": 1}}
WAITING = {
    "set": lambda store: store.set("b", {"n": 1}),
    "set_many": lambda store: store.set_many(SOME),
    "set_many_if": lambda store: store.set_many_if(
        SOME, {key: store.get_entry(key).revision for key in "abc"}
    ),
    "compare_and_set": lambda store: store.compare_and_set(
        "b", {"n": 1}, store.get_entry("b").revision
    ),
    "delete": lambda store: store.delete("b"),
}


@pytest.fixture
def blocker(database_url):
    """Give a session that holds what others wait for, until its transaction ends."""
    with psycopg.connect(database_url) as connection:
        yield connection


def given_up(write):
    """Call what waits for a lock, until its deadline ends it; the server waits on."""
    with time_limit(0.3), pytest.raises(SlowConnectionError):
        write()


def ended(beside):
    active = PIDS + " AND state = 'active'"
    until(lambda: beside.execute(active).fetchall() == [])


@pytest.mark.parametrize("name", WAITING)
def test_of_what_waited_for_a_row_too_long_nothing_is_done(
    store, beside, blocker, name
):
    store.set_many({key: {"n": 0} for key in "abc"})
    blocker.execute("SELECT FROM json_store WHERE kind = 'b' FOR UPDATE")
    given_up(lambda: WAITING[name](store))
    blocker.rollback()
    ended(beside)
    assert {key: store.get(key)["n"] for key in "abc"} == {"a": 0, "b": 0, "c": 0}


@pytest.mark.parametrize("name", ["set", "set_many", "set_many_if", "compare_and_set"])
@pytest.mark.parametrize("commits", [True, False])
def test_of_what_waited_for_a_new_row_too_long_nothing_is_done(
    store, beside, blocker, name, commits
):
    """The other's row comes to be, or not, after a deletion was acknowledged."""
    blocker.execute(
        "INSERT INTO json_store (kind, data, updated_at)"
        """ VALUES ('b', '{"n": 9}', now())"""
    )
    given_up(lambda: WAITING[name](store))
    assert store.delete("b") is False
    (blocker.commit if commits else blocker.rollback)()
    ended(beside)
    assert store.get("b") == ({"n": 9} if commits else {})
    assert (store.get("a"), store.get("c")) == ({}, {})


@pytest.mark.parametrize("pooled", [False, True], ids=["own", "pool of a host"])
def test_where_another_makes_a_document_meanwhile_none_is_written(
    store, beside, blocker, database_url, pooled
):
    """Who hears of a conflict does it all again: what was written would count twice."""
    store.set_many({"a": {"n": 0}, "c": {"n": 0}})
    seen = {key: store.get_entry(key).revision for key in "abc"}
    blocker.execute(
        "INSERT INTO json_store (kind, data, updated_at)"
        """ VALUES ('b', '{"n": 9}', now())"""
    )
    with ExitStack() as stack:
        writer = store
        if pooled:
            named = {"application_name": "switchbot_store"}
            pool = stack.enter_context(
                ConnectionPool(database_url, kwargs=named, min_size=1, open=True)
            )
            writer = stack.enter_context(PostgresStore(pool=pool))
        threads = stack.enter_context(ThreadPoolExecutor(1))
        written = threads.submit(writer.set_many_if, SOME, seen)
        waits = PIDS + " AND wait_event_type = 'Lock'"
        until(lambda: beside.execute(waits).fetchall())
        blocker.commit()
        with pytest.raises(StoreConflictError) as raised:
            written.result(WAIT_SECONDS)
        assert raised.value.key == "b"
        assert raised.value.revision == store.get_entry("b").revision
        assert {key: store.get(key)["n"] for key in "abc"} == {"a": 0, "b": 9, "c": 0}
        writer.set_many_if(SOME, {**seen, "b": raised.value.revision})
    assert {key: store.get(key)["n"] for key in "abc"} == {"a": 1, "b": 1, "c": 1}


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
