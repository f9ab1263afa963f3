"""One host that alone writes: what it reads is what it wrote, or is not known.

Over a real PostgreSQL that goes away, loses answers and comes back; through kills, and
through a disk that damages the local copy meanwhile.
"""

import os
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
    PostgresStore,
    StoreConflictError,
    StoreUnavailableError,
)
from tests.cases import slow_after
from tests.store.failover.test_failover_model import Host

KEYS = ("a", "b", "homes/1/settings")
keys = st.sampled_from(KEYS)
HARMS = {
    "nul": lambda path: path.write_bytes(b"\0" * 40),
    "half": lambda path: path.write_bytes(path.read_bytes()[:30]),
    "digit": lambda path: path.write_bytes(path.read_bytes().replace(b'"n":', b'"m":')),
    "pipe": lambda path: (path.unlink(), os.mkfifo(path)),
}


class DamagedHost(RuleBasedStateMachine):
    url = place = ""

    @initialize(profile=st.sampled_from(["interactive", "economy"]))
    def begin(self, profile):
        self.directory = Path(tempfile.mkdtemp(dir=self.place))
        self.model = {}
        self.number = 0
        self.was_harmed = self.harmed = False
        """Something of the copy may be unknown, until the primary was seen."""
        self.host = Host(self.url, self.directory, profile, "newest")

    @property
    def store(self):
        return self.host.store

    def made(self):
        self.number += 1
        return {"n": self.number}

    def known(self, question):
        """Ask; None where that is unknown, which has to be for a reason."""
        try:
            return question()
        except StoreUnavailableError:
            assert self.harmed
            assert self.store.status().degraded_since
            assert self.store.status().unread
            return None

    @rule(key=keys)
    def set(self, key):
        document = self.made()
        self.store.set(key, document)
        self.model[key] = document

    @rule(some=st.sets(keys, min_size=1))
    def set_many(self, some):
        documents = {key: self.made() for key in some}
        self.store.set_many(documents)
        self.model |= documents

    @rule(key=keys)
    def delete(self, key):
        existed = self.store.delete(key)
        assert existed == (key in self.model) or self.harmed
        self.model.pop(key, None)

    @rule(key=keys)
    def update(self, key):
        document = self.made()
        before = []

        def change(found):
            before.append(found)
            return document

        if self.known(lambda: self.store.update(key, change)) is not None:
            assert before[-1] == self.model.get(key, {})
            self.model[key] = document

    @rule(key=keys, right=st.booleans())
    def compare_and_set(self, key, right):
        entry = self.known(lambda: self.store.get_entry(key))
        if entry is None:
            return
        document = self.made()
        if right:
            made = self.known(
                lambda: self.store.compare_and_set(key, document, entry.revision)
            )
            if made is not None:
                self.model[key] = document
        else:
            with pytest.raises((StoreConflictError, StoreUnavailableError)):
                self.store.compare_and_set(key, document, "another")

    @rule(away=st.booleans())
    def outage(self, away):
        self.host.set_away(away)

    @rule(count=st.integers(1, 2))
    def answers_will_be_lost(self, count):
        self.host.primary.lose_answers = count

    @rule(seconds=st.sampled_from([1.0, 1000.0]))
    def time_passes(self, seconds):
        self.host.seconds += seconds
        self.store.maintain()

    @rule(killed=st.booleans())
    def begin_anew(self, killed):
        if killed:
            self.host.crash()
        else:
            self.store.close()
        self.host.start()

    @rule(harm=st.sampled_from(sorted(HARMS)), number=st.integers(0, 2))
    def a_copy_is_damaged(self, harm, number):
        self.store.close()
        files = sorted(self.directory.glob(".mirror/*.json"))
        files = [each for each in files if each.is_file()]
        if files:
            HARMS[harm](files[number % len(files)])
            self.harmed = self.was_harmed = True
        self.host.start()

    @rule()
    def all_is_well(self):
        self.host.settle()
        self.harmed = False
        assert not self.store.status().unread
        found = self.host.primary.get_many(KEYS)
        assert {k: e.data for k, e in found.items() if e.revision} == self.model
        # Over a copy that cannot be read what the database has is kept beside.
        assert self.was_harmed or self.store.conflicts() == []

    @invariant()
    def what_is_read_is_what_was_written(self):
        if not hasattr(self, "host"):
            return
        for key in KEYS:
            document = self.known(lambda key=key: self.store.get(key))
            assert document is None or document == self.model.get(key, {})
        listed = self.known(self.store.keys)
        assert listed is None or listed == sorted(self.model) or self.harmed

    def teardown(self):
        if not hasattr(self, "host"):
            return
        try:
            self.all_is_well()
        finally:
            self.store.close()
            with PostgresStore(self.url) as store:
                for key in KEYS:
                    store.delete(key)
            shutil.rmtree(self.directory)


@pytest.mark.parametrize("examples", slow_after(1, [12, 200]))
def test_what_is_read_is_what_was_written_or_is_unknown(
    database_url, tmp_path, examples
):
    class Machine(DamagedHost):
        url, place = database_url, tmp_path

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
