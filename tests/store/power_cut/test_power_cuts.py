"""A power cut at any moment, with any legal remainder: acknowledged writes are there.

See `switchbot_store.testing.power_cut` for what counts as legal.
"""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from switchbot_store import JsonStore
from switchbot_store.errors import StoreUnavailableError
from switchbot_store.failover import journal as journal_module
from switchbot_store.failover.journal import Journal, read_pending
from switchbot_store.handover import PendingWrite
from tests.cases import slow_after


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
    def test_every_acknowledged_write_is_read_again(self, disk, places, ledger, check):
        recorded = places[0]
        with disk.recording(), JsonStore(recorded / "config") as store:
            written_and_changed(store, ledger)
        assert check(disk, documents) > 50

    # Each further one leaves four times as much to look at: 3,000 trees, 13,000, 56,000.
    @pytest.mark.parametrize("writes", slow_after(1, [1, 2, 3]))
    def test_a_set_of_many_is_all_or_nothing(self, disk, places, ledger, check, writes):
        recorded = places[0]
        with disk.recording(), JsonStore(recorded / "config") as store:
            for number in range(writes):
                both = {"settings": {"n": number}, "state": {"n": number}}
                ledger.run(lambda both=both: store.set_many(both), **both)
        assert check(disk, documents) > 80

    def test_what_was_deleted_does_not_come_back(self, disk, places, ledger, check):
        recorded = places[0]
        with disk.recording(), JsonStore(recorded / "config") as store:
            for number in range(2):
                data = {"n": number}
                ledger.run(lambda data=data: store.set("settings", data), settings=data)
            ledger.run(lambda: store.delete("settings"), settings=None)
            ledger.run(lambda: store.set("settings", {"n": 9}), settings={"n": 9})
        assert check(disk, documents) > 40

    def test_a_key_too_long_for_a_file_name_keeps_its_document(
        self, disk, places, ledger, check
    ):
        recorded = places[0]
        key = "é" * 150
        with disk.recording(), JsonStore(recorded / "config") as store:
            for number in range(2):
                data = {"n": number}
                ledger.run(lambda data=data: store.set(key, data), **{key: data})
        assert check(disk, documents) > 30

    def test_the_next_write_after_a_power_cut_is_acknowledged_too(
        self, disk, places, ledger, check
    ):
        recorded = places[0]
        with disk.recording(), JsonStore(recorded / "config") as store:
            written_and_changed(store, ledger)

        def look(place):
            found = documents(place)
            with JsonStore(place / "config") as store:
                store.set("settings", {"after": True})
            assert documents(place) == {"settings": {"after": True}}
            return found

        check(disk, look)

    @pytest.mark.parametrize("left_out", ["files", "directories"])
    def test_without_one_of_the_two_fsyncs_it_would_be_lost(
        self, disk, places, ledger, check, left_out, monkeypatch
    ):
        """The rules above have teeth."""
        recorded = places[0]
        fsync = os.fsync

        def some(descriptor):
            name = Path(f"/proc/self/fd/{descriptor}").readlink()
            if name.is_dir() is (left_out == "files"):
                fsync(descriptor)

        with disk.recording(), monkeypatch.context() as patched:
            fsync = os.fsync
            patched.setattr(os, "fsync", some)
            with JsonStore(recorded / "config") as store:
                written_and_changed(store, ledger)
        with pytest.raises((AssertionError, StoreUnavailableError)):
            check(disk, documents)


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
    def test_every_acknowledged_line_is_read_again(self, disk, places, ledger, check):
        recorded = places[0]
        with disk.recording():
            journal = Journal(recorded)
            journal.open()
            for number in range(1, 6):
                key = f"k{number % 2}"
                writes = [pending_write(key, number)]
                ledger.run(lambda w=writes: journal.record(w), **{key: {"n": number}})
            journal.close()
        assert check(disk, pending) > 30

    def test_lines_of_several_documents_are_all_or_nothing(
        self, disk, places, ledger, check
    ):
        recorded = places[0]
        with disk.recording():
            journal = Journal(recorded)
            journal.open()
            for number in range(1, 4):
                both = {"settings": {"n": number}, "state": {"n": number}}
                writes = [pending_write(key, number) for key in both]
                ledger.run(lambda w=writes: journal.record(w), **both)
            journal.close()
        assert check(disk, pending) > 20

    def test_compacting_forgets_nothing(self, disk, places, ledger, check, monkeypatch):
        recorded = places[0]
        monkeypatch.setattr(journal_module, "_COMPACT_FROM_BYTES", 100)
        with disk.recording():
            journal = Journal(recorded)
            journal.open()
            for number in range(1, 15):
                writes = [pending_write("settings", number)]
                ledger.run(lambda w=writes: journal.record(w), settings={"n": number})
            journal.close()
        renames = [event for event in disk.events if event[0] == "rename"]
        assert len(renames) > 1, "it was never compacted"
        check(disk, pending)

    def test_a_crash_while_starting_again_forgets_nothing(
        self, disk, places, ledger, check
    ):
        recorded = places[0]
        with disk.recording():
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
        check(disk, pending)

    def test_it_is_emptied_only_after_the_primary_has_everything(
        self, disk, places, ledger, check
    ):
        recorded = places[0]
        with disk.recording():
            journal = Journal(recorded)
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
        check(disk, pending)

    def test_without_an_fsync_a_line_would_be_lost(
        self, disk, places, ledger, check, monkeypatch
    ):
        recorded = places[0]
        with disk.recording(), monkeypatch.context() as patched:
            patched.setattr(os, "fsync", lambda _descriptor: None)
            journal = Journal(recorded)
            journal.open()
            writes = [pending_write("settings", 1)]
            ledger.run(lambda: journal.record(writes), settings={"n": 1})
            journal.close()
        with pytest.raises(AssertionError):
            check(disk, pending)
