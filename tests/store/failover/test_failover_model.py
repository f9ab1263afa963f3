"""Random writes, outages, crashes and recoveries of two hosts on one database.

Every document is the list of the writes that made it: whoever writes reads the list and
adds a number of its own. So a write that got lost is missing from the document and from
every conflict; one that was applied twice is there twice.
"""

import datetime as dt
import itertools
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

from switchbot_store import FailoverStore, PostgresStore, StoreUnavailableError

KEYS = ("a", "b")
keys = st.sampled_from(KEYS)
hosts = st.integers(0, 1)


class FlakyPostgres(PostgresStore):
    """PostgreSQL that goes away, alone or after having done what it was asked to do."""

    away = False
    lose_answers = 0

    def _check(self):
        if self.away:
            raise StoreUnavailableError("PostgreSQL is away")

    def _execute(self, statement, *values):
        self._check()
        answer = super()._execute(statement, *values)
        if self.lose_answers and not statement.lstrip().startswith(b"SELECT"):
            self.lose_answers -= 1
            raise StoreUnavailableError("the answer got lost")
        return answer

    def probe(self, timeout_seconds):
        self._check()
        super().probe(timeout_seconds)

    def open(self):
        self._check()
        return super().open()


class Host:
    """One home: a directory, a profile, and a store that may crash."""

    def __init__(self, url, directory, profile, policy):
        self.url, self.directory = url, directory
        self.options = {"profile": profile, "policy": policy, "background": False}
        self.seconds = 0.0
        self.away, self.lose_answers = False, 0
        self.start()

    def start(self):
        self.primary = FlakyPostgres(self.url)
        self.primary.away = self.away
        self.store = FailoverStore(
            self.primary,
            self.directory,
            now=lambda: dt.datetime.now(dt.UTC),
            monotonic=lambda: self.seconds,
            **self.options,
        ).open()

    def crash(self):
        """End as kill -9 does: nothing is written, carried or closed any more."""
        local = self.store._life.local
        self.store._closed = True
        local.journal.leave_to_parent()
        local.conflicts.close()
        local.mirror.leave()
        self.primary.away = True
        self.primary.close()

    def set_away(self, away):
        self.away = self.primary.away = away

    def settle(self):
        self.set_away(False)
        self.primary.lose_answers = 0
        for _ in range(5):
            self.seconds += 1000.0
            self.store.maintain()
        assert self.store.resync(), self.store.status()


class TwoHosts(RuleBasedStateMachine):
    url = place = ""

    @initialize(
        profiles=st.tuples(*[st.sampled_from(["interactive", "economy"])] * 2),
        policies=st.tuples(*[st.sampled_from(["newest", "local", "remote"])] * 2),
    )
    def begin(self, profiles, policies):
        self.directory = Path(tempfile.mkdtemp(dir=self.place))
        self.numbers = itertools.count(1)
        self.acknowledged = {key: set() for key in KEYS}
        self.outsider = PostgresStore(self.url).open()
        self.hosts = [
            Host(self.url, self.directory / str(number), *options)
            for number, options in enumerate(zip(profiles, policies, strict=True))
        ]

    def host(self, number):
        return self.hosts[number % len(self.hosts)]

    def added(self, key, document):
        number = next(self.numbers)
        return number, {"writes": [*document.get("writes", []), number]}

    # writes

    @rule(host=hosts, key=keys)
    def update(self, host, key):
        made = []

        def change(document):
            number, document = self.added(key, document)
            made.append(number)
            return document

        store = self.host(host).store
        done = store.update(key, change)
        assert store.get(key) == done
        assert done["writes"][-1] == made[-1]
        self.acknowledged[key].add(made[-1])

    @rule(host=hosts, key=keys)
    def set(self, host, key):
        store = self.host(host).store
        number, document = self.added(key, store.get(key))
        store.set(key, document)
        assert store.get(key) == document
        self.acknowledged[key].add(number)

    @rule(host=hosts)
    def set_both(self, host):
        store = self.host(host).store
        documents = {}
        for key, entry in store.get_many(KEYS).items():
            number, documents[key] = self.added(key, entry.data)
            self.acknowledged[key].add(number)
        store.set_many(documents)
        found = store.get_many(KEYS)
        assert {key: entry.data for key, entry in found.items()} == documents

    @rule(key=keys)
    def somebody_else_writes(self, key):
        number, document = self.added(key, self.outsider.get(key))
        self.outsider.set(key, document)
        self.acknowledged[key].add(number)

    # what happens to hosts

    @rule(host=hosts, away=st.booleans())
    def outage(self, host, away):
        self.host(host).set_away(away)

    @rule(host=hosts, count=st.integers(1, 2))
    def answers_will_be_lost(self, host, count):
        self.host(host).primary.lose_answers = count

    @rule(host=hosts, seconds=st.sampled_from([1.0, 1000.0]))
    def time_passes(self, host, seconds):
        self.host(host).seconds += seconds
        self.host(host).store.maintain()

    @rule(host=hosts)
    def crash(self, host):
        self.host(host).crash()
        self.host(host).start()

    @rule(host=hosts)
    def restart(self, host):
        self.host(host).store.close()
        self.host(host).start()

    @rule(host=hosts, key=keys)
    def read(self, host, key):
        one = self.host(host).store
        entry = one.get_entry(key)
        assert one.get_many([key])[key].data == entry.data
        assert one.keys().count(key) == bool(entry.revision)

    @invariant()
    def writes_can_be_acknowledged(self):
        for host in getattr(self, "hosts", ()):
            assert host.store.health_check()

    def teardown(self):
        if not hasattr(self, "hosts"):
            return
        try:
            for host in self.hosts * 2:
                host.settle()
            self.check()
        finally:
            for host in self.hosts:
                host.store.close()
            for key in KEYS:
                self.outsider.delete(key)
            self.outsider.close()
            shutil.rmtree(self.directory)

    def check(self):
        for key in KEYS:
            document = self.outsider.get(key)
            for host in self.hosts:
                # In economy what others wrote is seen at the next carrying over.
                if host.options["profile"] == "interactive":
                    assert host.store.get(key) == document
            losers = [
                conflict.data
                for host in self.hosts
                for conflict in host.store.conflicts()
                if conflict.key == key
            ]
            everything = [document, *losers]
            for each in everything:
                writes = each.get("writes", [])
                assert len(writes) == len(set(writes)), "applied twice"
            kept = {n for each in everything for n in each.get("writes", [])}
            assert self.acknowledged[key] <= kept, "lost"


class OneHost(TwoHosts):
    """Alone on its database there is never a conflict, and nothing ever is missing."""

    @initialize(profile=st.sampled_from(["interactive", "economy"]))
    def begin(self, profile):
        super().begin((profile, profile), ("newest", "newest"))
        self.hosts[1].store.close()
        del self.hosts[1]

    @rule(key=keys)
    def somebody_else_writes(self, key):
        """Nobody does."""

    def check(self):
        super().check()
        (host,) = self.hosts
        assert host.store.conflicts() == []
        for key in KEYS:
            found = self.outsider.get(key).get("writes", [])
            assert set(found) == self.acknowledged[key]


@pytest.fixture
def run(database_url, tmp_path):
    def run_one(machine, examples):
        class OnThisDatabase(machine):
            url, place = database_url, tmp_path

        run_state_machine_as_test(
            OnThisDatabase,
            settings=settings(
                max_examples=examples,
                stateful_step_count=30,
                deadline=None,
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )

    return run_one


@pytest.mark.parametrize("machine", [OneHost, TwoHosts])
def test_whatever_happens_no_write_is_lost_or_applied_twice(machine, run):
    run(machine, 10)


@pytest.mark.slow
@pytest.mark.parametrize("machine", [OneHost, TwoHosts])
def test_whatever_happens_for_a_long_time(machine, run):
    run(machine, 150)
