"""What one home costs is the same beside hundreds as beside five, also with files.

Told by what is done: lines of the store that are run, and calls that open or list files.
"""

import sys
from collections import Counter

import pytest

from switchbot_store import FailoverStore, JsonStore, MemoryStore, StoreUnavailableError

FEW, MANY = 5, 60
DOCUMENTS = ("settings", "state", "_visit")

_counting: list[Counter] = []


def _hear(event, arguments):
    if _counting and event in {"open", "os.listdir", "os.scandir", "os.rename"}:
        _counting[-1][event] += 1


sys.addaudithook(_hear)


class Away(MemoryStore):
    """A primary that can be away."""

    away = False

    def _check_open(self):
        if self.away:
            raise StoreUnavailableError("no route")
        super()._check_open()


def opened(kind, directory):
    if kind == "json":
        return JsonStore(directory)
    primary = Away()
    store = FailoverStore(primary, directory, background=False)
    store.open()
    primary.away = kind == "outage"
    return store


def visit(store, home, number):
    """Do what a tick of one home does with its documents."""
    keys = [f"homes/{home}/{name}" for name in DOCUMENTS]
    found = store.get_many(keys)
    assert len(found) == len(keys)
    store.set(keys[1], {"n": number})
    store.update(keys[2], lambda document: document | {"n": number})
    store.status()


def cost_of_a_visit(store, home):
    lines = 0

    def follow(frame, event, _argument):
        nonlocal lines
        if "switchbot_store" not in frame.f_code.co_filename:
            return None
        lines += event == "line"
        return follow

    calls = Counter()
    before = sys.gettrace()
    _counting.append(calls)
    sys.settrace(follow)
    try:
        visit(store, home, 7)
    finally:
        sys.settrace(before)
        _counting.clear()
    return lines, calls


@pytest.mark.parametrize("kind", ["json", "failover", "outage"])
def test_a_visit_beside_many_homes_does_what_it_does_beside_few(kind, tmp_path):
    costs = []
    for homes in (FEW, MANY):
        store = opened(kind, tmp_path / str(homes))
        for home in range(homes):
            store.set_many({f"homes/{home}/{name}": {"n": 1} for name in DOCUMENTS})
        for home in range(homes):
            store.get_many([f"homes/{home}/{name}" for name in DOCUMENTS])
        visit(store, 3, 6)
        costs.append(cost_of_a_visit(store, 3))
        store.close()
    (few, few_calls), (many, many_calls) = costs
    assert few > 20
    assert many <= 1.2 * few
    assert many_calls == few_calls
