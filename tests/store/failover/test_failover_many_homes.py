"""The keys of one home are found with the same work beside few homes and many.

Work is counted, as calls of functions; it is not timed.
"""

import gc
import sys

import pytest

from switchbot_store import HomeStore, MemoryStore

DOCUMENTS = ("settings", "state", "state/bedroom")


def keep(store, homes):
    store.set_many(
        {f"homes/{home}/{name}": {} for home in range(homes) for name in DOCUMENTS}
    )


def calls_of(work):
    calls = []

    def note(_frame, event, _what):
        if event in {"call", "c_call"}:
            calls.append(event)

    gc.collect()
    gc.disable()  # what others left behind would be counted with it
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
        gc.enable()
    return len(calls)


def looked_up(store):
    home = HomeStore(store, "4")
    assert home.keys_with("") == sorted(DOCUMENTS)
    return calls_of(lambda: home.keys_with(""))


def test_in_memory():
    taken = []
    for homes in (50, 500):
        with MemoryStore() as store:
            keep(store, homes)
            taken.append(looked_up(store))
    assert taken[0] == taken[1]


@pytest.mark.parametrize("pending", [False, True])
def test_in_what_is_kept_of_a_database_that_is_away(make, flaky, pending):
    """Be it in the mirror or in the journal."""
    taken = []
    for homes in (50, 500):
        primary = type(flaky)()
        keep(primary, homes)
        store = make(primary, str(homes), background=False).open()
        store.maintain()
        assert store.keys()
        primary.away = True
        store.set("of/nobody", {})  # notices that it is away
        if pending:
            keep(store, homes)
        assert store.status().pending >= (len(DOCUMENTS) * homes if pending else 1)
        taken.append(looked_up(store))
    assert taken[0] == taken[1]


def test_what_comes_and_goes_is_found_in_order(make, flaky):
    store = make(flaky, background=False).open()
    store.set_many({"homes/2/a": {}, "homes/1/b": {}})
    flaky.away = True
    store.set("homes/1/a", {})
    store.delete("homes/1/b")
    store.set("homes/10/a", {})
    assert store.keys_with("homes/1/") == ["homes/1/a"]
    assert store.keys_with("homes/1") == ["homes/1/a", "homes/10/a"]
    assert (
        store.keys() == store.keys_with("") == ["homes/1/a", "homes/10/a", "homes/2/a"]
    )
