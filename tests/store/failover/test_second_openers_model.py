"""Several openers of one directory, in any order: what was acknowledged stays so.

Through outages, lost answers, a local disk that is full or read-only, kills, and leases.
What each says of itself holds: an outage's write is acknowledged by who has the journal on
a disk that takes it, and by nobody else.
"""

import datetime as dt
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from switchbot_store import (
    FailoverStore,
    MemoryStore,
    StoreConflictError,
    StoreUnavailableError,
)
from tests.cases import slow_after
from tests.store.failover.conftest import FlakyStore
from tests.store.power_cut.failing_disk import LASTING, FailingDisk

KEYS = ("a", "b")
TTL = 60.0
BEGIN = dt.datetime(2026, 1, 12, tzinfo=dt.UTC)
openers = st.integers(0, 2)
keys = st.sampled_from(KEYS)


class SecondOpeners(RuleBasedStateMachine):
    place = None
    profile = "interactive"
    many = 3

    @initialize()
    def begin(self):
        self.directory = Path(tempfile.mkdtemp(dir=self.place))
        self.seconds = 0.0
        self.primary = FlakyStore(now=self.now, monotonic=lambda: self.seconds)
        self.primary.close = lambda: None  # it is that of all
        self.disk = None
        self.stores = [None] * 3
        self.number = 0
        self.acknowledged = dict.fromkeys(KEYS, 0)
        self.refused = {key: set() for key in KEYS}
        """Written after what was acknowledged last: there or not."""
        self.never = set()
        """Told to be no write at all: what they were compared with had changed."""
        self.writer = dict.fromkeys(KEYS)
        self.lease = self.holder = None
        self.renewed_at = 0.0

    def now(self):
        return BEGIN + dt.timedelta(seconds=self.seconds)

    def on_disk(self, call):
        self.seconds += 0.01
        if self.disk is None:
            return call()
        number, spares = LASTING[self.disk]
        failing = FailingDisk(
            self.directory, number, at=1, lasting=True, torn=True, spares=spares
        )
        with failing.failing():
            return call()

    def opened(self):
        store = FailoverStore(
            self.primary,
            self.directory,
            profile=self.profile,
            background=False,
            now=self.now,
            monotonic=lambda: self.seconds,
        )
        return store.open()

    def store(self, number):
        """Return one that is open; None where neither primary nor disk lets it be."""
        number %= self.many
        if self.stores[number] is None:
            lossy = self.primary.lose_answers
            try:
                self.stores[number] = self.on_disk(self.opened)
            except StoreUnavailableError:
                assert self.disk
                assert self.primary.away or lossy
        return self.stores[number]

    @rule(number=openers, key=keys)
    def set(self, number, key):
        self.write(number, key, lambda store, data: store.set(key, data))

    @rule(number=openers, key=keys)
    def sets_two(self, number, key):
        """Both keys, the other with what it is not judged by."""
        self.write(
            number, key, lambda store, data: store.set_many({key: data, "c": {}})
        )

    @rule(number=openers, key=keys)
    def compares(self, number, key):
        """Where the journal of another has a newer write of it, nobody here knows it.

        What the primary acknowledged was compared with what was acknowledged last.
        """
        seen = set()

        def compare(store, data):
            entry = store.get_entry(key)
            seen.add(entry.data.get("n", 0))
            store.compare_and_set(key, data, entry.revision)

        store = self.store(number)
        before = {self.acknowledged[key], *self.refused[key]}
        newer = store is not None and store._life.local.in_force_elsewhere(key)
        if self.write(number, key, compare, refused=newer):
            assert seen <= before or store.status().degraded_since

    @rule(number=openers, key=keys)
    def deletes(self, number, key):
        """Where the journal of another has a write of it, that would come after."""
        store = self.store(number)
        foreign = store and store._life.local.others_pending([key])
        self.write(
            number,
            key,
            lambda store, _: store.delete(key),
            new=0,
            refused=bool(foreign),
        )

    def write(self, number, key, call, new=None, *, refused=False):
        """Tell whether it was acknowledged."""
        store = self.store(number)
        if store is None:
            return False
        self.number += 1
        new = self.number if new is None else new
        there = not (refused or self.primary.away or self.primary.lose_answers)
        behind = store.status().behind
        try:
            self.on_disk(lambda: call(store, {"n": new}))
        except StoreConflictError:
            self.never.add(new)
        except StoreUnavailableError:
            assert not there, "the primary would have taken it"
            # A copy that may be old is compared with nothing.
            assert self.disk or store.status().journal != "held" or behind
            self.refused[key].add(new)
            self.writer[key] = None
        else:
            assert not refused
            if self.primary.away:
                assert store.status().journal == "held"
                assert store.status().degraded_since or self.profile == "economy"
            self.acknowledged[key] = new
            self.refused[key].clear()
            self.writer[key] = store
            return True
        return False

    @rule(number=openers)
    def says_whether_it_would_acknowledge(self, number):
        if (store := self.store(number)) and not self.primary.lose_answers:
            healthy = self.on_disk(store.health_check)
            assert healthy or self.primary.away
            assert not (healthy and self.primary.away) or store._life.local.held

    @rule(number=openers, killed=st.booleans())
    def ends(self, number, killed):
        number %= self.many
        store, self.stores[number] = self.stores[number], None
        if store is None:
            return
        if killed:
            local = store._life.local
            store._closed = True
            local.journal.leave_to_parent()
            local.conflicts.close()
            local.mirror.leave()
        else:
            self.on_disk(store.close)

    @rule(away=st.booleans())
    def outage(self, away):
        self.primary.away = away

    @rule(count=st.integers(1, 2))
    def answers_will_be_lost(self, count):
        self.primary.lose_answers = count

    @rule(disk=st.sampled_from([None, *LASTING]))
    def disk_turns(self, disk):
        self.disk = disk

    @rule(number=openers, seconds=st.sampled_from([1.0, TTL / 2, 1000.0]))
    def time_passes(self, number, seconds):
        self.seconds += seconds
        if store := self.store(number):
            self.on_disk(store.maintain)

    @rule(number=openers)
    def takes_the_lease(self, number):
        store = self.store(number)
        if store is None:
            return
        try:
            lease = self.on_disk(lambda: store.lease("leader", ttl_seconds=TTL))
        except StoreUnavailableError:
            return
        if lease is None:
            return
        taken_over = self.lease is not None
        assert not taken_over or self.seconds >= self.renewed_at + TTL
        assert not taken_over or lease.token > self.lease.token
        self.lease, self.holder, self.renewed_at = lease, store, self.seconds

    @rule()
    def renews_the_lease(self):
        if self.lease is None or self.holder not in self.stores:
            return
        try:
            renewed = self.on_disk(self.lease.renew)
        except StoreUnavailableError:
            return
        if renewed:
            self.renewed_at = self.seconds

    @invariant()
    def one_at_most_has_the_journal_and_each_reads_what_it_wrote(self):
        if not hasattr(self, "stores"):
            return
        stores = [each for each in self.stores if each is not None]
        states = [each.status().journal for each in stores]
        assert sum(each._life.local.held for each in stores) <= 1
        assert states.count("held") <= 1
        for key in KEYS:
            if self.writer[key] in stores:
                found = self.on_disk(lambda key=key: self.writer[key].get(key))
                assert found.get("n", 0) == self.acknowledged[key]

    def teardown(self):
        if not hasattr(self, "stores"):
            return
        self.disk, self.primary.away, self.primary.lose_answers = None, False, 0
        for number in range(3):
            if self.stores[number] is not None:
                self.time_passes(number, 1000.0)
                self.stores[number].close()
        with self.opened() as store:
            self.seconds += 1000.0
            store.maintain()
            assert store.resync()
            assert store.status().pending == 0
        for key in KEYS:
            found = MemoryStore.get_entry(self.primary, key).data.get("n", 0)
            assert found in {self.acknowledged[key], *self.refused[key]}
            assert found not in self.never
        shutil.rmtree(self.directory)


@pytest.mark.parametrize("kind", ["interactive", "economy"])
@pytest.mark.parametrize("examples", slow_after(1, [40, 1000]))
def test_whoever_opens_the_directory_nothing_acknowledged_is_lost(
    tmp_path, examples, kind
):
    class Machine(SecondOpeners):
        place = tmp_path
        profile = kind
        # One that spares the database sees what others write there every 15 minutes.
        many = 3 if kind == "interactive" else 1

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
