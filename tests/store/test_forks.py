"""What is used in a forked child waits for no thread that stayed with the parent."""

import ast
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

import switchbot_store
from switchbot_store import (
    DeviceHistory,
    DeviceReading,
    HistorySample,
    HistorySpill,
    MemoryStore,
    SqliteReadings,
)
from switchbot_store.processes.locks import ProcessLock

AT = datetime(2026, 1, 5, 12, tzinfo=UTC)
SECONDS = 10
MAKES_A_LOCK = {"Lock", "RLock", "Condition"}
MADE_ANEW = {
    # `FailoverStore` makes all of these anew in a child, see its `_begin_life`.
    *(
        "conflicts.py",
        "journal.py",
        "keeper.py",
        "mirror.py",
        "resync.py",
        "writing.py",
    ),
}
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")


@contextmanager
def held_by_another_thread(lock):
    """Have a thread hold it that no child has."""
    taken, done = threading.Event(), threading.Event()

    def hold():
        with lock:
            taken.set()
            done.wait(SECONDS)

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait(SECONDS)
    try:
        yield
    finally:
        done.set()
        thread.join()


def in_a_child(work):
    """Run it in a forked child; tell whether it ended by itself, and well."""
    pid = os.fork()
    if pid == 0:
        threading.Timer(SECONDS, os._exit, (2,)).start()
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_lock_that_another_thread_has_is_free_in_a_child():
    lock = ProcessLock()
    with held_by_another_thread(lock):
        assert not lock.acquire(blocking=False)
        assert in_a_child(lock.acquire)
        assert not lock.acquire(blocking=False)  # and in the parent it is still taken


def test_who_forks_with_a_lock_in_hand_ends_well_in_both():
    lock = ProcessLock()
    with lock:
        assert in_a_child(lambda: lock.__exit__(None, None, None))
    assert lock.acquire(blocking=False)


def memory_store(_place):
    store = MemoryStore()
    return store._lock, lambda: store.set("a", {"n": 1})


def spill(place):
    spill = HistorySpill(place / "spill.sqlite3")
    spill.append([HistorySample(AT)])
    return spill._lock, lambda: spill.append([HistorySample(AT)])


def readings(place):
    readings = DeviceHistory(SqliteReadings(place / "readings.sqlite3"), now=lambda: AT)
    readings.record(DeviceReading(AT, "C1", "CO2", 725.0))
    return readings._shared.flushing, readings.flush


@pytest.mark.parametrize("make", [memory_store, spill, readings])
def test_what_a_thread_of_the_parent_was_at_holds_up_no_child(tmp_path, make):
    lock, use = make(tmp_path)
    with held_by_another_thread(lock):
        assert in_a_child(use)


_USED = """
import sys, threading, traceback
from switchbot_store import FailoverStore, HistorySample, PostgresStore
from switchbot_store.history import HistoryService
from switchbot_store.history.postgres import PostgresHistory
from datetime import UTC, datetime

class Watching:
    def find_spec(self, name, path=None, target=None):
        if threading.current_thread() is not threading.main_thread():
            print(name, threading.current_thread().name)

url, directory = sys.argv[1:]
store = FailoverStore(PostgresStore(url), directory)
history = HistoryService(PostgresHistory(url))
sys.meta_path.insert(0, Watching())
with store, history:
    store.set("a", {"n": 1})
    store.update("a", lambda found: {"n": found["n"] + 1})
    store.lease("leader", ttl_seconds=9)
    store.delete("a")
    history.record(HistorySample(datetime.now(UTC)))
    history.flush()
    history.cleanup()
"""


def test_no_thread_of_a_store_imports_anything(postgres_server, tmp_path):
    """A child that is forked meanwhile waits for that module for ever."""
    database = postgres_server.create_database()
    url = make_conninfo(postgres_server.url(database), host="localhost")
    command = [sys.executable, "-c", _USED, url, str(tmp_path / "host")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_every_other_lock_is_of_what_knows_its_process():
    """Else a child may wait for ever; `ops` and `testing` are no part of a host's program."""
    place = Path(switchbot_store.__file__).parent
    for path in place.rglob("*.py"):
        if {"ops", "testing"} & set(path.parts) or path.name in MADE_ANEW:
            continue
        text = path.read_text(encoding="utf-8")
        made = [
            node.func.attr
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            if node.func.attr in MAKES_A_LOCK
        ]
        assert not made or "os.getpid()" in text or path.name == "locks.py", path
