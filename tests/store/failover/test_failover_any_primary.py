"""Any store can be the primary, also one that knows nothing of replays."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from switchbot_store import (
    JsonStore,
    MemoryStore,
    StoreClosedError,
    StoreConflictError,
    ThreadedStore,
)


@pytest.fixture
def store(make, flaky, clock):
    return make(
        flaky, background=False, now=clock.now, monotonic=clock.monotonic
    ).open()


@pytest.fixture
def back(store, flaky, clock):
    """End the outage and give the store its chance to notice."""

    def do():
        flaky.away = False
        clock.advance(1.0)
        store.maintain()
        assert store.status().degraded_since is None

    return do


def inside(flaky, key):
    return MemoryStore.get_entry(flaky, key)


def test_an_outage_from_end_to_end(store, flaky, back, clock):
    store.set("a", {"n": 1})
    flaky.away = True
    entry = store.get_entry("a")
    assert (entry.data, entry.stale) == ({"n": 1}, True)
    since = store.status().degraded_since
    assert since == clock.now()
    store.set("a", {"n": 2})
    store.set_many({"b": {"n": 2}, "c": {"n": 2}})
    store.delete("c")
    assert store.keys() == ["a", "b"]
    assert store.status().pending == 4
    assert inside(flaky, "a").data == {"n": 1}
    back()
    assert inside(flaky, "a").data == {"n": 2}
    assert inside(flaky, "b").data == {"n": 2}
    assert store.keys() == ["a", "b"]
    assert store.status().pending == 0
    assert store.conflicts() == []


@pytest.mark.parametrize("lost", [0, 1])
def test_a_lost_answer_is_looked_up_before_anything_is_repeated(
    store, flaky, back, lost
):
    store.set("n", {"n": 0})
    for number in range(1, 4):
        flaky.lose_answers, flaky.away = lost, not lost
        assert store.update("n", lambda old: {"n": old["n"] + 1}) == {"n": number}
        revision = inside(flaky, "n").revision
        back()
        assert inside(flaky, "n").data == {"n": number}
        assert (inside(flaky, "n").revision == revision) is bool(lost)
    assert store.conflicts() == []


def test_after_a_lost_answer_later_writes_still_find_their_base(store, flaky, back):
    store.set("n", {"n": 0})
    flaky.lose_answers = 1
    store.set("n", {"n": 1})
    flaky.away = True
    revision = store.get_entry("n").revision
    store.compare_and_set("n", {"n": 2}, revision)
    back()
    assert inside(flaky, "n").data == {"n": 2}
    assert store.conflicts() == []


def test_revisions_handed_out_in_an_outage_stay_valid(store, flaky, back):
    flaky.away = True
    store.set("a", {"n": 1, "b": [1, {"c": 2}]})
    revision = store.get_entry("a").revision
    back()
    after = store.get_entry("a")
    assert store.compare_and_set("a", {"n": 2}, revision) != revision
    with pytest.raises(StoreConflictError):
        store.compare_and_set("a", {"n": 3}, revision)
    with pytest.raises(StoreConflictError):
        store.compare_and_set("a", {"n": 3}, after.revision)


def test_a_healthy_write_is_a_base_for_those_of_an_outage(store, flaky, back):
    store.set("a", {"n": 1})  # the primary did not say under which revision
    flaky.away = True
    store.set("a", {"n": 2})
    back()
    assert inside(flaky, "a").data == {"n": 2}
    assert store.conflicts() == []


def test_another_writer_is_a_conflict(store, flaky, back):
    store.set("a", {"n": 1})
    flaky.away = True
    store.set("a", {"n": 2})
    MemoryStore.set(flaky, "a", {"n": 3})  # by the real clock, long before ours
    back()
    (conflict,) = store.conflicts()
    assert {inside(flaky, "a").data["n"], conflict.data["n"]} == {2, 3}


def test_a_primary_that_takes_no_writes_is_tried_again_and_again(store, flaky, clock):
    flaky.away = True
    store.set("a", {"n": 1})
    flaky.away = False
    flaky.takes_writes = False  # health checks pass
    for _ in range(5):
        clock.advance(1.0)
        store.maintain()
        assert store.status().degraded_since is not None
    assert store.get("a") == {"n": 1}
    flaky.takes_writes = True
    clock.advance(1.0)
    store.maintain()
    assert store.status().degraded_since is None
    assert inside(flaky, "a").data == {"n": 1}


def test_writers_during_the_replay_keep_their_order(make, flaky, until_back):
    store = make(flaky)
    flaky.away = True
    store.set("n", {"n": 0})
    stop = threading.Event()

    def count(key):
        number = 0
        while not stop.is_set():
            number += 1
            store.set(key, {"n": number})
        return number

    with ThreadPoolExecutor(2) as pool:
        counts = [pool.submit(count, key) for key in ("n", "m")]
        for _ in range(3):
            flaky.away = False
            until_back(store)
            threading.Event().wait(0.1)
            flaky.away = True
            threading.Event().wait(0.1)
        flaky.away = False
        until_back(store)
        stop.set()
        last = [each.result(30) for each in counts]
    until_back(store)
    assert [inside(flaky, key).data["n"] for key in ("n", "m")] == last
    assert store.conflicts() == []


def test_files_may_be_the_primary(make, tmp_path):
    store = make(JsonStore(tmp_path / "shared"))
    first = store.compare_and_set("settings", {"n": 1}, "")
    (tmp_path / "shared" / "settings.json").write_text('{"n": 5}')
    assert store.get("settings") == {"n": 5}
    with pytest.raises(StoreConflictError):
        store.compare_and_set("settings", {"n": 2}, first)


async def test_asyncio_sees_the_same_store(make, flaky):
    async with ThreadedStore(make(flaky)) as store:
        await store.set("a", {"n": 1})
        flaky.away = True
        assert (await store.get_entry("a")).stale
        lease = None
        flaky.away = False
        while lease is None:
            if store.status().degraded_since is None:
                lease = await store.lease("engine", 30)
        assert lease.token == 1
        assert await lease.renew()
        await lease.release()


def test_a_closed_store_says_so_even_in_an_outage(store, flaky):
    flaky.away = True
    store.set("a", {"n": 1})
    store.close()
    for call in (store.keys, store.conflicts, store.resync, store.maintain):
        with pytest.raises(StoreClosedError):
            call()
    assert store.status().pending == 1
