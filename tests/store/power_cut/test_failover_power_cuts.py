"""A power cut while PostgreSQL is away or being caught up with: nothing is lost.

See `switchbot_store.testing.power_cut` for what a power cut may leave.
"""

import pytest

from switchbot_store import FailoverStore, MemoryStore
from switchbot_store.errors import StoreUnavailableError
from switchbot_store.memory import SortedKeys


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
    def test_what_was_acknowledged_while_away_reaches_the_primary(
        self, disk, places, ledger, check
    ):
        recorded = places[0]
        with disk.recording(), failover(AwayStore(), recorded / "config") as store:
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

        assert check(disk, look) > 30

    def test_a_crash_while_it_is_carried_over_neither_loses_nor_repeats(
        self, disk, places, ledger, check
    ):
        recorded = places[0]
        primary = AwayStore(disk)
        with disk.recording(), failover(primary, recorded / "config") as store:
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
                survivor._keys = SortedKeys(survivor._documents)
            with failover(survivor, place / "config") as store:
                survivor.away = False
                assert store.resync()
                assert store.conflicts() == []
                assert store.status().pending == 0
                return {key: survivor.get(key) for key in survivor.keys()}  # noqa: SIM118 - of a store

        assert check(disk, look, with_marks=True) > 150

    @pytest.mark.parametrize("disk", [("lock",)], indirect=True)
    def test_what_was_carried_over_can_be_read_when_the_primary_is_away_again(
        self, disk, places, ledger, check
    ):
        """The mirror is durable before the journal forgets."""
        primary = AwayStore()
        with disk.recording(), failover(primary, places[0] / "config") as store:
            for outage in range(2):
                primary.away = True
                both = {"settings": {"n": outage}, "state": {"n": outage}}
                ledger.run(lambda both=both: store.set_many(both), **both)
                primary.away = False
                assert store.resync()
            primary.away = True
            ledger.run(lambda: store.delete("state"), state=None)
            primary.away = False
            assert store.resync()

        def look(place):
            with failover(AwayStore(), place / "config") as store:
                return {key: store.get(key) for key in store.keys()}  # noqa: SIM118 - a store is no dict

        assert check(disk, look) > 100
