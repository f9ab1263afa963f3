"""A power cut at any moment, with any legal remainder: acknowledged writes are there.

See `switchbot_store.testing.power_cut` for what counts as legal.
"""

import os
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from switchbot_store import FailoverStore, JsonStore, MemoryStore
from switchbot_store import journal as journal_module
from switchbot_store.errors import StoreUnavailableError
from switchbot_store.journal import Journal, PendingWrite, read_pending
from switchbot_store.testing.power_cut import RecordedDisk, written


@pytest.fixture
def places():
    """Give a directory to record and one to rebuild, in memory where there is room."""
    parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    place = Path(tempfile.mkdtemp(prefix="power-cut-", dir=parent))
    (place / "recorded").mkdir()
    yield place / "recorded", place / "rebuilt"
    shutil.rmtree(place)


@pytest.fixture
def disk(places):
    # Who holds the lock, and the mirror's last moments, are nothing acknowledged.
    return RecordedDisk(places[0], unimportant=("lock", "recent.jsonl"))


class Ledger:
    """Runs calls on a store and notes when each was begun and acknowledged."""

    def __init__(self, disk):
        self.disk = disk

    def run(self, call, **documents):
        """`documents` is what the call makes of the keys; None is deleted."""
        self.disk.note(("begun", documents))
        call()
        self.disk.note(("acknowledged", documents))


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


def check(disk, rebuilt, look, *, with_marks=False):
    """Look at everything a power cut may leave; return how much that was."""
    count = 0
    for marks, tree in disk.crashes():
        count += 1
        place = written(tree, rebuilt)
        found = look(place, marks) if with_marks else look(place)
        states = allowed(marks)
        assert found in states, f"{found} is none of {states}\n{tree}"
    return count


def documents(place):
    """Open the store as the next start does, twice: what was repaired must hold."""
    for _ in range(2):
        with JsonStore(place / "config") as store:
            found = {key: store.get(key) for key in store.keys()}  # noqa: SIM118 - a store is no dict
    return found


def written_and_changed(store, ledger):
    def set_(**data):
        ledger.run(lambda: store.set_many(data), **data)

    set_(settings={"n": 1})
    set_(settings={"n": 2})
    set_(settings={"n": 3, "text": "x" * 200})
    revision = store.get_entry("settings").revision
    ledger.run(
        lambda: store.compare_and_set("settings", {"n": 4}, revision), settings={"n": 4}
    )


class TestJsonStore:
    def test_every_acknowledged_write_is_read_again(self, disk, places):
        recorded, rebuilt = places
        with disk.recording(), JsonStore(recorded / "config") as store:
            written_and_changed(store, Ledger(disk))
        assert check(disk, rebuilt, documents) > 50

    def test_a_set_of_many_is_all_or_nothing(self, disk, places):
        recorded, rebuilt = places
        with disk.recording(), JsonStore(recorded / "config") as store:
            ledger = Ledger(disk)
            for number in range(3):
                both = {"settings": {"n": number}, "state": {"n": number}}
                ledger.run(lambda both=both: store.set_many(both), **both)
        assert check(disk, rebuilt, documents) > 80

    def test_what_was_deleted_does_not_come_back(self, disk, places):
        recorded, rebuilt = places
        with disk.recording(), JsonStore(recorded / "config") as store:
            ledger = Ledger(disk)
            for number in range(2):
                data = {"n": number}
                ledger.run(lambda data=data: store.set("settings", data), settings=data)
            ledger.run(lambda: store.delete("settings"), settings=None)
            ledger.run(lambda: store.set("settings", {"n": 9}), settings={"n": 9})
        assert check(disk, rebuilt, documents) > 40

    def test_a_key_too_long_for_a_file_name_keeps_its_document(self, disk, places):
        recorded, rebuilt = places
        key = "é" * 150
        with disk.recording(), JsonStore(recorded / "config") as store:
            ledger = Ledger(disk)
            for number in range(2):
                data = {"n": number}
                ledger.run(lambda data=data: store.set(key, data), **{key: data})
        assert check(disk, rebuilt, documents) > 30

    def test_the_next_write_after_a_power_cut_is_acknowledged_too(self, disk, places):
        recorded, rebuilt = places
        with disk.recording(), JsonStore(recorded / "config") as store:
            written_and_changed(store, Ledger(disk))

        def look(place):
            found = documents(place)
            with JsonStore(place / "config") as store:
                store.set("settings", {"after": True})
            assert documents(place) == {"settings": {"after": True}}
            return found

        check(disk, rebuilt, look)

    @pytest.mark.parametrize("left_out", ["files", "directories"])
    def test_without_one_of_the_two_fsyncs_it_would_be_lost(
        self, disk, places, left_out, monkeypatch
    ):
        """The rules above have teeth."""
        recorded, rebuilt = places
        fsync = os.fsync

        def some(descriptor):
            name = Path(f"/proc/self/fd/{descriptor}").readlink()
            if name.is_dir() is (left_out == "files"):
                fsync(descriptor)

        with disk.recording(), monkeypatch.context() as patched:
            fsync = os.fsync
            patched.setattr(os, "fsync", some)
            with JsonStore(recorded / "config") as store:
                written_and_changed(store, Ledger(disk))
        with pytest.raises((AssertionError, StoreUnavailableError)):
            check(disk, rebuilt, documents)


NOW = datetime(2026, 1, 1, tzinfo=UTC)


def pending_write(key, number, *, base=""):
    encoded = None if number is None else b'{"n":%d}' % number
    revision = "" if number is None else f"r{number}"
    return PendingWrite(key, encoded, revision, base, NOW)


def pending(place):
    """Return what a looker-on and the next start find; they must agree."""
    seen = read_pending(place)
    journal = Journal(place)
    journal.open()
    found = dict(journal.pending)
    journal.close()
    assert found == seen
    return {key: write.entry(stale=False).data or None for key, write in found.items()}


class TestJournal:
    def test_every_acknowledged_line_is_read_again(self, disk, places):
        recorded, rebuilt = places
        with disk.recording():
            journal, ledger = Journal(recorded), Ledger(disk)
            journal.open()
            for number in range(1, 6):
                key = f"k{number % 2}"
                writes = [pending_write(key, number)]
                ledger.run(lambda w=writes: journal.record(w), **{key: {"n": number}})
            journal.close()
        assert check(disk, rebuilt, pending) > 30

    def test_lines_of_several_documents_are_all_or_nothing(self, disk, places):
        recorded, rebuilt = places
        with disk.recording():
            journal, ledger = Journal(recorded), Ledger(disk)
            journal.open()
            for number in range(1, 4):
                both = {"settings": {"n": number}, "state": {"n": number}}
                writes = [pending_write(key, number) for key in both]
                ledger.run(lambda w=writes: journal.record(w), **both)
            journal.close()
        assert check(disk, rebuilt, pending) > 20

    def test_compacting_forgets_nothing(self, disk, places, monkeypatch):
        recorded, rebuilt = places
        monkeypatch.setattr(journal_module, "_COMPACT_FROM_BYTES", 100)
        with disk.recording():
            journal, ledger = Journal(recorded), Ledger(disk)
            journal.open()
            for number in range(1, 15):
                writes = [pending_write("settings", number)]
                ledger.run(lambda w=writes: journal.record(w), settings={"n": number})
            journal.close()
        renames = [event for event in disk.events if event[0] == "rename"]
        assert len(renames) > 1, "it was never compacted"
        check(disk, rebuilt, pending)

    def test_a_crash_while_starting_again_forgets_nothing(self, disk, places):
        recorded, rebuilt = places
        with disk.recording():
            ledger = Ledger(disk)
            for number in range(1, 4):
                journal = Journal(recorded)
                journal.open()
                for step in range(2):
                    n = 2 * number + step
                    writes = [pending_write("settings", n)]
                    ledger.run(
                        lambda j=journal, w=writes: j.record(w), settings={"n": n}
                    )
                journal.close()
        check(disk, rebuilt, pending)

    def test_it_is_emptied_only_after_the_primary_has_everything(self, disk, places):
        recorded, rebuilt = places
        with disk.recording():
            journal, ledger = Journal(recorded), Ledger(disk)
            journal.open()
            for number in range(1, 4):
                writes = [pending_write("settings", number)]
                ledger.run(lambda w=writes: journal.record(w), settings={"n": number})
                (marked,) = journal.mark_tried([journal.pending["settings"]])
                ledger.run(
                    lambda w=marked, r=f"r{number}": (
                        journal.settle(w, r),
                        journal.clear(),
                    ),
                    settings=None,
                )
            journal.close()
        check(disk, rebuilt, pending)

    def test_without_an_fsync_a_line_would_be_lost(self, disk, places, monkeypatch):
        recorded, rebuilt = places
        with disk.recording(), monkeypatch.context() as patched:
            patched.setattr(os, "fsync", lambda _descriptor: None)
            journal, ledger = Journal(recorded), Ledger(disk)
            journal.open()
            writes = [pending_write("settings", 1)]
            ledger.run(lambda: journal.record(writes), settings={"n": 1})
            journal.close()
        with pytest.raises(AssertionError):
            check(disk, rebuilt, pending)


class AwayStore(MemoryStore):
    """A primary on another host, which can be cut off; it has no power cut."""

    def __init__(self, disk=None):
        super().__init__()
        self.away = True
        self.disk = disk

    def _reached(self):
        if self.away:
            raise StoreUnavailableError("away")

    def _changed(self):
        if self.disk is not None:
            self.disk.note(("primary", (dict(self._documents), self._writes)))

    def get_entry(self, key):
        self._reached()
        return super().get_entry(key)

    def get_many(self, keys):
        self._reached()
        return super().get_many(keys)

    def keys(self):
        self._reached()
        return super().keys()

    def set(self, key, data):
        self._reached()
        super().set(key, data)
        self._changed()

    def set_many(self, documents):
        self._reached()
        super().set_many(documents)
        self._changed()

    def compare_and_set(self, key, data, revision):
        self._reached()
        made = super().compare_and_set(key, data, revision)
        self._changed()
        return made

    def delete(self, key):
        self._reached()
        existed = super().delete(key)
        self._changed()
        return existed

    def health_check(self):
        return not self.away

    def open(self):
        self._reached()
        return super().open()


def failover(primary, place):
    return FailoverStore(primary, place, background=False)


class TestFailoverStore:
    def test_what_was_acknowledged_while_away_reaches_the_primary(self, disk, places):
        recorded, rebuilt = places
        with disk.recording(), failover(AwayStore(), recorded / "config") as store:
            ledger = Ledger(disk)
            for number in range(3):
                data = {"n": number}
                ledger.run(lambda data=data: store.set("settings", data), settings=data)
            both = {"settings": {"n": 8}, "state": {"n": 8}}
            ledger.run(lambda: store.set_many(both), **both)
            ledger.run(lambda: store.delete("state"), state=None)

        def look(place):
            primary = AwayStore()
            with failover(primary, place / "config") as store:
                seen = {key: store.get(key) for key in store.keys()}  # noqa: SIM118 - a store is no dict
                primary.away = False
                assert store.resync()
                assert store.status().pending == 0
                assert {key: primary.get(key) for key in primary.keys()} == seen  # noqa: SIM118 - likewise
            return seen

        assert check(disk, rebuilt, look) > 30

    def test_a_crash_while_it_is_carried_over_neither_loses_nor_repeats(
        self, disk, places
    ):
        recorded, rebuilt = places
        primary = AwayStore(disk)
        with disk.recording(), failover(primary, recorded / "config") as store:
            ledger = Ledger(disk)
            for outage in range(2):
                primary.away = True
                for number in range(2):
                    data = {"n": 10 * outage + number}
                    ledger.run(
                        lambda data=data: store.set("settings", data), settings=data
                    )
                ledger.run(lambda: store.set("state", {"o": 1}), state={"o": 1})
                primary.away = False
                assert store.resync()
                revision = store.get_entry("settings").revision
                data = {"n": 10 * outage + 9}
                ledger.run(
                    lambda d=data, r=revision: store.compare_and_set("settings", d, r),
                    settings=data,
                )
                ledger.run(lambda: store.delete("state"), state=None)

        def look(place, marks):
            survivor = AwayStore()
            snapshots = [what for kind, what in marks if kind == "primary"]
            if snapshots:
                survivor._documents, survivor._writes = dict(snapshots[-1][0]), 1000
            with failover(survivor, place / "config") as store:
                survivor.away = False
                assert store.resync()
                assert store.conflicts() == []
                assert store.status().pending == 0
                return {key: survivor.get(key) for key in survivor._documents}

        assert check(disk, rebuilt, look, with_marks=True) > 200
