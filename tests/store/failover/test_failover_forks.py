"""Forks while a store is in each of its states, and a thread of the parent is at it.

The child opens anew: it waits for no thread that it does not have, and what either
acknowledged is there once.
"""

import os
import threading

import pytest

from switchbot_store import PostgresStore, StoreUnavailableError

SECONDS = 90
"""No child takes so long that does not wait for ever, however busy the machine is."""
CHILDREN = 2
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")


def count_up(store):
    """Tell whether one more was acknowledged."""
    try:
        store.update("count", lambda old: {"n": old.get("n", 0) + 1})
    except StoreUnavailableError:
        return False
    return True


def work_of_child(store, number):
    """Return how many it counted, each of which was acknowledged."""
    counted = sum(count_up(store) for _ in range(3))
    try:
        store.set(f"child {number}", {"n": counted})
    except StoreUnavailableError:
        counted = 0
    store.health_check()
    store.status()
    store.close()
    return counted


def forked(store, number):
    """Fork; return the child's process and where it tells what it counted."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        threading.Timer(SECONDS, os._exit, (2,)).start()
        code = 1
        try:
            os.write(writing, bytes([work_of_child(store, number)]))
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    return process, reading


@pytest.mark.parametrize("profile", ["interactive", "economy"])
@pytest.mark.parametrize("state", ["unopened", "held", "waiting", "away"])
def test_a_child_opens_anew_and_nothing_is_lost_or_doubled(
    on_postgres, through_proxy, proxy, direct, state, profile
):
    owner = on_postgres(through_proxy, profile=profile)
    store = owner
    if state == "waiting":
        owner.open()
        store = on_postgres(through_proxy, profile=profile)
    if state != "unopened":
        assert count_up(store)
    if state == "away":
        proxy.refuse()
        proxy.reset()
        assert count_up(store)
    counted = [int(state != "unopened") + int(state == "away")]
    begun, done = threading.Event(), threading.Event()

    def go_on():
        while not done.is_set():
            counted[0] += count_up(store)
            begun.set()

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        if state != "unopened":
            begun.wait(SECONDS)
        children = [forked(store, number) for number in range(CHILDREN)]
        of_children = []
        for process, reading in children:
            assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
            of_children.append(os.read(reading, 1)[0])
            os.close(reading)
    finally:
        done.set()
        thread.join()
    if state == "away":
        proxy.accept()
        assert of_children == [0] * CHILDREN
    assert store.resync()
    assert owner.resync()
    assert direct.get("count") == {"n": counted[0] + sum(of_children)}
    for number, each in enumerate(of_children):
        assert direct.get(f"child {number}").get("n", 0) == each
    assert store.conflicts() == []


def test_one_that_was_closed_stays_closed_in_a_child(on_postgres, database_url):
    store = on_postgres(database_url).open()
    store.close()
    process = os.fork()
    if process == 0:
        code = 1
        try:
            with pytest.raises(Exception, match="was closed"):
                store.set("a", {"n": 1})
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    with PostgresStore(database_url) as direct:
        assert direct.get("a") == {}
