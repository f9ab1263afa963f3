"""Recording what a store does to a disk, and looking at all a power cut may leave."""

import pytest

from switchbot_store.testing.power_cut import RecordedDisk, written
from switchbot_store.testing.simulated_disk import tree_digest


@pytest.fixture
def places(tmp_path):
    """Give a directory to record and one to rebuild, in memory where there is room."""
    (tmp_path / "recorded").mkdir()
    return tmp_path / "recorded", tmp_path / "rebuilt"


@pytest.fixture
def disk(request, places):
    """Record; a test may say by parameter whose content does not matter.

    By default who holds the lock, and the mirror's last moments: nothing of that is
    acknowledged.
    """
    unimportant = getattr(request, "param", ("lock", "recent.jsonl"))
    return RecordedDisk(places[0], unimportant=unimportant)


class Ledger:
    """Runs calls on a store and notes when each was begun and acknowledged."""

    def __init__(self, disk):
        self.disk = disk

    def run(self, call, **documents):
        """`documents` is what the call makes of the keys; None is deleted."""
        self.disk.note(("begun", documents))
        call()
        self.disk.note(("acknowledged", documents))


@pytest.fixture
def ledger(disk):
    return Ledger(disk)


def allowed(marks):
    """Return the states that may be found: all acknowledged, or that and the next."""
    state, begun = {}, None
    for kind, documents in marks:
        if kind == "primary":
            continue
        if kind == "acknowledged":
            state = {**state, **documents}
            begun = None
        else:
            begun = documents
    after = state if begun is None else {**state, **begun}
    return [drop_deleted(state), drop_deleted(after)]


def drop_deleted(state):
    return {key: data for key, data in state.items() if data is not None}


@pytest.fixture
def check(places):
    """Give `check(disk, look)`: look at all a power cut may leave; return how much."""

    def check_all(disk, look, *, with_marks=False):
        count, seen = 0, {}
        for marks, tree in disk.crashes():
            count += 1
            # Left at several moments, a tree is looked at once and judged at each.
            left = len(marks) if with_marks else 0, tree_digest(tree)
            if left not in seen:
                place = written(tree, places[1])
                seen[left] = look(place, marks) if with_marks else look(place)
            found, states = seen[left], allowed(marks)
            assert found in states, f"{found} is none of {states}\n{tree}"
        return count

    return check_all
