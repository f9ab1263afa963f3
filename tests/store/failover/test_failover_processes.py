"""Several processes on one directory: one has the journal, all have the primary."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from switchbot_store import (
    PostgresStore,
    StoreConflictError,
    StoreUnavailableError,
)
from switchbot_store.failover import keeper


@pytest.fixture
def owner(make, flaky, clock):
    return _opened(make, flaky, clock)


@pytest.fixture
def second(owner, make, flaky, clock):
    return _opened(make, flaky, clock)


def _opened(make, primary, clock, **options):
    store = make(
        primary,
        background=False,
        now=clock.now,
        monotonic=clock.monotonic,
        **options,
    )
    store.open()
    store.maintain()  # plans what is due later
    return store


def _until_due(clock, store):
    clock.advance(keeper._TAKE_SECONDS)
    store.maintain()


class TestASecondOpener:
    def test_it_opens_writes_through_and_says_who_has_the_journal(
        self, owner, second, flaky
    ):
        second.set("a", {"n": 1})
        second.set_many({"b": {"n": 1}, "c": {"n": 1}})
        revision = second.get_entry("a").revision
        second.compare_and_set("a", {"n": 2}, revision)
        assert second.delete("c") is True
        assert owner.get_many(["a", "b", "c"])["a"].data == {"n": 2}
        assert owner.keys() == second.keys() == ["a", "b"]
        status = second.status()
        assert (status.journal, status.degraded_since) == ("waiting", None)
        assert f"process {os.getpid()}" in status.local_error
        assert status.acknowledged_by == flaky.status().acknowledged_by
        assert second.health_check() is True
        assert (owner.status().journal, owner.status().local_error) == ("held", None)

    def test_it_refuses_writes_while_the_primary_is_away(self, owner, second, flaky):
        second.set("a", {"n": 1})
        flaky.away = True
        for write in (
            lambda: second.set("a", {"n": 2}),
            lambda: second.set_many({"a": {"n": 2}, "b": {"n": 2}}),
            lambda: second.compare_and_set("a", {"n": 2}, "x"),
            lambda: second.delete("a"),
        ):
            with pytest.raises(StoreUnavailableError, match=f"process {os.getpid()}"):
                write()
        assert second.health_check() is False
        status = second.status()
        assert status.acknowledged_by.startswith("nothing: process")
        assert status.degraded_since is not None
        assert status.pending == 0
        flaky.away = False
        second.resync()
        assert second.get("a") == {"n": 1}
        second.set("a", {"n": 3})
        assert owner.get("a") == {"n": 3}

    def test_an_answer_that_got_lost_is_no_acknowledgement(self, owner, second, flaky):
        flaky.lose_answers = 9
        with pytest.raises(StoreUnavailableError, match="answer got lost"):
            second.set("a", {"n": 1})
        flaky.lose_answers = 1
        second.set("a", {"n": 2})
        assert flaky.get("a") == {"n": 2}

    def test_it_reads_what_the_owner_acknowledged_in_an_outage(
        self, owner, second, flaky
    ):
        owner.set("a", {"n": 1})
        flaky.away = True
        owner.set("a", {"n": 2})
        owner.set("b", {"n": 1})
        entry = second.get_entry("a")
        assert (entry.data, entry.stale) == ({"n": 2}, True)
        owner.set("a", {"n": 3})
        owner.delete("b")
        assert second.get_many(["a", "b"])["a"].data == {"n": 3}
        assert second.keys() == ["a"]

    def test_what_it_saw_itself_is_newer_than_the_owners_mirror(
        self, owner, second, flaky, clock
    ):
        owner.set("a", {"n": 1})
        owner.maintain()
        clock.advance(1)
        second.set("a", {"n": 2})
        second.set("mine", {"n": 1})
        owner.set("gone", {"n": 1})
        owner.maintain()
        second.get("gone")
        second.delete("gone")
        flaky.away = True
        assert second.get("a") == {"n": 2}
        assert second.keys() == ["a", "mine"]

    def test_what_it_wrote_itself_is_newer_than_what_the_owner_has_pending(
        self, owner, second, flaky
    ):
        names = ["set", "compared", "again", "theirs"]
        flaky.set_many({name: {"n": 0} for name in names})
        second.get_many(names)
        flaky.away = True
        for name in names:
            owner.set(name, {"n": 1})
        flaky.away = False  # the owner has not looked yet
        second.set("set", {"n": 2})
        second.set("compared", {"n": 1})
        second.compare_and_set(
            "compared", {"n": 2}, second.get_entry("compared").revision
        )
        second.set_many({"again": {"n": 2}})
        flaky.away = True
        owner.set("again", {"n": 3})
        found = second.get_many(names)
        assert [found[name].data.get("n") for name in names] == [2, 2, 3, 1]
        assert second.get("set") == {"n": 2}
        assert second.keys() == ["again", "compared", "set", "theirs"]

    def test_it_compares_with_nothing_that_the_owner_has_since_acknowledged_anew(
        self, owner, second, flaky
    ):
        """It would be acknowledged, and the owner's write become a conflict later."""
        owner.set("there", {"n": 0})
        seen = second.get_entry("there").revision
        flaky.away = True
        for name in ("there", "new"):
            owner.set(name, {"n": 1})
        pending = owner.get_entry("there").revision
        flaky.away = False  # the owner has not looked yet
        for name, revision in (("there", seen), ("there", pending), ("new", "")):
            with pytest.raises(StoreUnavailableError, match="not compared"):
                second.compare_and_set(name, {"n": 2}, revision)
        with pytest.raises(StoreUnavailableError, match="not compared"):
            second.update("there", lambda found: {"n": found["n"] + 1})
        assert owner.resync()
        assert owner.conflicts() == []
        second.update("there", lambda found: {"n": found["n"] + 1})
        with pytest.raises(StoreConflictError):
            second.compare_and_set("new", {"n": 2}, "")
        found = owner.get_many(["there", "new"])
        assert {key: entry.data["n"] for key, entry in found.items()} == {
            "there": 2,
            "new": 1,
        }

    def test_what_it_wrote_before_an_outage_the_owner_goes_on_from(
        self, owner, second, flaky
    ):
        """Else the owner would compare with what was there before, and undo it."""
        owner.set_many({"a": {"n": 0}, "gone": {"n": 0}, "mine": {"n": 0}})
        second.update("a", lambda found: {"n": found["n"] + 1})
        second.set("new", {"n": 1})
        second.delete("gone")
        second.set("mine", {"n": 1})
        owner.set("mine", {"n": 2})
        second.set("again", {"n": 1})
        owner.delete("again")
        flaky.away = True
        owner.update("a", lambda found: {"n": found["n"] + 1})
        assert owner.keys() == ["a", "mine", "new"]
        assert (owner.get("mine"), owner.get("new")) == ({"n": 2}, {"n": 1})
        with pytest.raises(StoreConflictError):
            owner.compare_and_set("new", {"n": 2}, "")
        flaky.away = False
        assert owner.resync()
        assert (flaky.get("a"), owner.conflicts()) == ({"n": 2}, [])
        assert not list(owner.directory.rglob("beside*"))

    def test_it_deletes_nothing_that_the_owner_would_bring_back(
        self, owner, second, flaky
    ):
        owner.set("there", {"n": 0})
        flaky.away = True
        for name in ("there", "new"):
            owner.set(name, {"n": 1})
        flaky.away = False  # the owner has not looked yet
        for name in ("there", "new"):
            with pytest.raises(StoreUnavailableError, match="not deleted"):
                second.delete(name)
        assert owner.resync()
        for name in ("there", "new"):
            assert second.delete(name) is True
        assert owner.resync()
        assert flaky.keys() == []

    def test_what_it_deleted_stays_gone_once_the_directory_is_its_own(
        self, owner, second, flaky, clock
    ):
        """Though its former owner's files have what that wrote, before the second did."""
        owner.set("a", {"n": 1})
        owner.maintain()
        clock.advance(1)
        second.set("a", {"n": 2})
        assert second.delete("a") is True
        owner.close()
        flaky.away = True
        assert second.get("a") == {}
        second.set("b", {"n": 1})
        assert second.status().journal == "held"
        assert (second.get("a"), second.keys()) == ({}, ["b"])

    def test_it_stays_newer_once_the_journal_is_its_own(
        self, owner, second, flaky, clock
    ):
        flaky.away = True
        owner.set("a", {"n": 1})
        flaky.away = False
        second.set("a", {"n": 2})
        flaky.away = True
        owner.close()
        _until_due(clock, second)
        assert second.status().journal == "held"
        assert second.get("a") == {"n": 2}

    def test_economy_without_the_journal_writes_through(
        self, make, flaky, clock, until
    ):
        owner = _opened(make, flaky, clock, profile="economy")
        second = _opened(make, flaky, clock, profile="economy")
        second.set("a", {"n": 1})
        assert flaky.get("a") == {"n": 1}
        assert second.get_entry("a").stale is False
        flaky.set("a", {"n": 2})
        assert second.get("a") == {"n": 2}
        owner.set("b", {"n": 1})
        assert flaky.get("b") == {}

    def test_with_nothing_seen_yet_it_opens_in_an_outage(
        self, owner, make, flaky, clock
    ):
        owner.set("a", {"n": 1})
        flaky.away = True
        owner.set("a", {"n": 2})
        second = _opened(make, flaky, clock)
        assert second.get("a") == {"n": 2}


class TestTakingOver:
    def test_it_takes_the_journal_once_it_is_free(self, owner, second, flaky, clock):
        owner.set("a", {"n": 1})
        _until_due(clock, second)
        assert second.status().journal == "waiting"
        owner.close()
        _until_due(clock, second)
        assert (second.status().journal, second.status().local_error) == ("held", None)
        flaky.away = True
        second.set("a", {"n": 2})
        assert second.status().pending == 1
        flaky.away = False
        second.resync()
        assert flaky.get("a") == {"n": 2}

    def test_it_takes_it_at_once_when_a_write_needs_it(self, owner, second, flaky):
        second.set("a", {"n": 1})
        owner.close()
        flaky.away = True
        second.set("a", {"n": 2})
        assert second.get("a") == {"n": 2}
        assert second.status().journal == "held"

    def test_what_the_former_owner_left_is_carried_over(
        self, owner, second, flaky, clock, make
    ):
        owner.set("a", {"n": 1})
        second.get("a")
        flaky.away = True
        owner.set("a", {"n": 2})
        owner.delete("b")
        owner.close()
        flaky.away = False
        assert second.status().degraded_since is None
        _until_due(clock, second)
        assert second.get("a") == flaky.get("a") == {"n": 2}
        assert (second.status().pending, second.conflicts()) == (0, [])

    def test_the_mirror_goes_on_from_both(self, owner, second, flaky, clock, make):
        owner.set("a", {"n": 1})
        clock.advance(1)
        second.set("a", {"n": 2})
        second.set("mine", {"n": 1})
        owner.set("theirs", {"n": 1})
        owner.close()
        flaky.away = True
        second.set("b", {"n": 1})
        second.close()
        third = _opened(make, flaky, clock)
        keys = third.keys()
        assert keys == ["a", "b", "mine", "theirs"]
        assert third.get_many(keys)["a"].data == {"n": 2}

    def test_an_owner_that_is_killed_leaves_it_to_who_waits(
        self, server, on_postgres, tmp_path, until
    ):
        program = f"""
        import sys
        from switchbot_store import FailoverStore, PostgresStore
        store = FailoverStore(
            PostgresStore({server.url()!r}), {str(tmp_path / "host")!r}
        ).open()
        store.set("a", {{"n": 1}})
        for line in sys.stdin:
            print("ready", flush=True)
            sys.stdin.readline()
            store.set("a", {{"n": 2}})
            print(store.status().pending, flush=True)
        """
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                print(file=process.stdin, flush=True)
                assert process.stdout.readline() == "ready\n"
                second = on_postgres(server.url()).open()
                second.set("b", {"n": 1})
                assert f"process {process.pid}" in second.status().local_error
                server.stop("immediate")
                print(file=process.stdin, flush=True)
                assert process.stdout.readline() == "1\n"
                with pytest.raises(StoreUnavailableError, match="not written"):
                    second.set("b", {"n": 2})
                assert second.get("a") == {"n": 2}
            finally:
                process.send_signal(signal.SIGKILL)
        until(lambda: second.status().journal == "held")
        second.set("b", {"n": 3})
        assert second.status().pending == 2
        server.start()
        until(lambda: second.status().degraded_since is None)
        with PostgresStore(server.url()) as direct:
            assert (direct.get("a"), direct.get("b")) == ({"n": 2}, {"n": 3})
        assert second.conflicts() == []
