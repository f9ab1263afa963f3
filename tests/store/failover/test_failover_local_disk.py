"""A local disk that is full or read-only holds up nothing that the primary takes."""

import errno
import os

import pytest

from switchbot_store import FailoverStore, MemoryStore, StoreUnavailableError
from switchbot_store.failover import keeper
from switchbot_store.failover.conflicts import read_conflicts
from switchbot_store.failover.journal import read_pending
from switchbot_store.failover.safekeeping import KEY


@pytest.fixture
def make_here(flaky, clock, tmp_path):
    """Make a store on a directory of the test's, without a thread."""
    made = []

    def make_one(directory, primary=flaky, **options):
        store = FailoverStore(
            primary,
            directory,
            background=False,
            now=clock.now,
            monotonic=clock.monotonic,
            **options,
        )
        made.append(store)
        store.open()
        store.maintain()
        return store

    yield make_one
    for store in made:
        store.close()


@pytest.fixture
def look(clock):
    """Let the background do what is due, and what that made due."""

    def look_at(store, seconds=keeper._MIRROR_RETRY_SECONDS):
        store.maintain()
        clock.advance(seconds)
        store.maintain()

    return look_at


class _Refusal:
    """What a disk says when it takes no byte, without one."""

    def __init__(self, monkeypatch):
        self._monkeypatch = monkeypatch

    def begin(self, number):
        def refuse(*_):
            raise OSError(number, os.strerror(number))

        for name in ("write", "fsync", "ftruncate", "replace"):
            self._monkeypatch.setattr(os, name, refuse)

    def end(self):
        self._monkeypatch.undo()


@pytest.fixture(params=["full", "read-only"])
def refusal(request, monkeypatch):
    """A disk that refuses from `begin` to `end`: of a kind, without a mount."""
    number = {"full": errno.ENOSPC, "read-only": errno.EROFS}[request.param]
    disk = _Refusal(monkeypatch)
    disk.start = lambda: disk.begin(number)
    return disk


class TestWhileItRefuses:
    def test_writes_go_to_the_primary_and_both_states_are_told(
        self, make_here, flaky, tmp_path, refusal, look
    ):
        store = make_here(tmp_path)
        store.set("a", {"n": 1})
        refusal.start()
        store.set("a", {"n": 2})
        assert store.delete("b") is False
        look(store)
        status = store.status()
        assert flaky.get("a") == {"n": 2}
        assert status.degraded_since is None
        assert status.journal == "broken"
        assert "cannot write" in status.local_error
        assert store.health_check() is True
        flaky.away = True
        with pytest.raises(StoreUnavailableError, match="cannot write"):
            store.set("a", {"n": 3})
        status = store.status()
        assert (status.journal, status.pending) == ("broken", 0)
        assert status.degraded_since is not None
        assert "flaky store is away" in status.last_error
        assert store.health_check() is False
        refusal.end()
        look(store)
        assert (store.status().journal, store.status().local_error) == ("held", None)
        store.set("a", {"n": 4})
        assert store.status().pending == 1

    def test_what_the_journal_has_is_carried_over(
        self, make_here, flaky, tmp_path, refusal, look
    ):
        store = make_here(tmp_path)
        store.set("a", {"n": 1})
        flaky.away = True
        store.set("a", {"n": 2})
        store.delete("b")
        refusal.start()
        flaky.away = False
        assert store.resync() is True
        assert flaky.get("a") == {"n": 2}
        assert (store.status().degraded_since, store.status().journal) == (
            None,
            "broken",
        )
        store.set("a", {"n": 3})
        assert flaky.get("a") == {"n": 3}
        refusal.end()
        look(store)
        assert read_pending(tmp_path) == {}
        assert flaky.get(KEY) in ({}, {"carried": []})

    @pytest.mark.parametrize("policy", ["newest", "local", "remote"])
    def test_lines_that_stay_in_the_journal_undo_nothing_later(
        self, make_here, flaky, tmp_path, refusal, clock, policy
    ):
        """It could not be emptied, and the process ended before it could."""
        store = make_here(tmp_path, policy=policy)
        store.set("a", {"n": 1})
        flaky.away = True
        store.set("a", {"n": 2})
        refusal.start()
        flaky.away = False
        assert store.resync() is True
        clock.advance(-60)  # a clock that is set back must not decide
        store.set("a", {"n": 3})
        store.close()
        refusal.end()
        later = make_here(tmp_path, policy=policy)
        assert later.get("a") == {"n": 3}
        assert later.conflicts() == []
        assert read_pending(tmp_path) == {}

    def test_new_lines_do_not_bring_old_ones_back(
        self, make_here, flaky, tmp_path, refusal
    ):
        store = make_here(tmp_path)
        flaky.away = True
        store.set("a", {"n": 2})
        refusal.start()
        flaky.away = False
        assert store.resync() is True
        store.set("a", {"n": 3})
        refusal.end()
        flaky.away = True
        store.set("b", {"n": 1})
        assert list(read_pending(tmp_path)) == ["b"]

    def test_losers_of_conflicts_are_kept_by_the_primary_meanwhile(
        self, make_here, flaky, tmp_path, refusal, look
    ):
        store = make_here(tmp_path, policy="local")
        store.set("a", {"n": 1})
        flaky.away = True
        store.set("a", {"n": 2})
        MemoryStore.set(flaky, "a", {"n": "theirs"})
        refusal.start()
        flaky.away = False
        assert store.resync() is True
        assert flaky.get("a") == {"n": 2}
        (conflict,) = store.conflicts()
        assert conflict.data == {"n": "theirs"}
        assert read_conflicts(tmp_path) == []
        refusal.end()
        look(store)
        assert [each.data for each in read_conflicts(tmp_path)] == [{"n": "theirs"}]
        assert store.conflicts() == [conflict]

    def test_losers_are_taken_back_by_a_later_process(
        self, make_here, flaky, tmp_path, refusal
    ):
        store = make_here(tmp_path, policy="local")
        store.set("a", {"n": 1})
        flaky.away = True
        store.set("a", {"n": 2})
        MemoryStore.set(flaky, "a", {"n": "theirs"})
        refusal.start()
        flaky.away = False
        assert store.resync() is True
        store.close()
        refusal.end()
        later = make_here(tmp_path)
        assert [each.data for each in later.conflicts()] == [{"n": "theirs"}]
        assert [each.data for each in read_conflicts(tmp_path)] == [{"n": "theirs"}]
        assert not any(flaky.get(KEY).values())

    def test_what_others_deleted_stays_deleted(
        self, make_here, flaky, tmp_path, refusal, look
    ):
        store = make_here(tmp_path)
        store.set("a", {"n": 1})
        refusal.start()
        MemoryStore.delete(flaky, "a")
        assert store.get("a") == {}
        assert [each.data for each in store.conflicts()] == [{"n": 1}]
        refusal.end()
        look(store)
        assert [each.data for each in read_conflicts(tmp_path)] == [{"n": 1}]


class TestRealDisks:
    """The same on file systems of their own."""

    def test_full_from_the_start(self, loop_disk, make_here, flaky, look):
        loop_disk.fill()
        store = make_here(loop_disk.path / "config")
        store.set("a", {"n": 1})
        assert flaky.get("a") == store.get("a") == {"n": 1}
        assert store.status().journal == "broken"
        assert "No space left" in store.status().local_error
        flaky.away = True
        with pytest.raises(StoreUnavailableError, match="No space left"):
            store.set("a", {"n": 2})
        loop_disk.free()
        look(store)
        store.set("a", {"n": 3})
        assert (store.status().journal, store.status().pending) == ("held", 1)

    def test_full_while_running(self, loop_disk, make_here, flaky, look):
        store = make_here(loop_disk.path / "config")
        store.set("a", {"n": 1})
        flaky.away = True
        store.set("a", {"n": 2})
        loop_disk.fill()
        with pytest.raises(StoreUnavailableError, match="No space left"):
            store.set("a", {"pad": "x" * 100_000})
        assert store.get("a") == {"n": 2}
        flaky.away = False
        assert store.resync() is True
        assert flaky.get("a") == {"n": 2}
        loop_disk.fill()
        store.set("a", {"pad": "x" * 100_000})
        assert store.status().journal == "broken"
        look(store)
        loop_disk.fill()  # what the failures gave back
        store.set("a", {"pad": "y" * 100_000})
        assert store.status().journal == "broken"
        loop_disk.free()
        look(store)
        assert store.status().journal == "held"

    def test_read_only_while_running_and_after_a_restart(
        self, loop_disk, make_here, flaky, look
    ):
        directory = loop_disk.path / "config"
        store = make_here(directory)
        store.set("a", {"n": 1})
        flaky.away = True
        store.set("a", {"n": 2})
        loop_disk.fail()
        with pytest.raises(StoreUnavailableError, match="Read-only"):
            store.set("a", {"n": 3})
        store.close()
        # What was acknowledged is still found there, and reaches the primary.
        second = make_here(directory)
        assert second.get("a") == {"n": 2}
        assert second.status().pending == 1
        flaky.away = False
        assert second.resync() is True
        assert flaky.get("a") == {"n": 2}
        second.set("a", {"n": 4})
        assert second.status().journal == "broken"
        second.close()
        loop_disk.repair()
        third = make_here(directory)
        assert third.get("a") == {"n": 4}
        assert (third.status().journal, third.conflicts()) == ("held", [])
        third.close()

    def test_read_only_with_nothing_there(self, loop_disk, make_here, flaky):
        loop_disk.unmount()
        loop_disk.mount("ro")
        store = make_here(loop_disk.path / "config")
        store.set("a", {"n": 1})
        assert flaky.get("a") == {"n": 1}
        assert (store.status().journal, store.health_check()) == ("broken", True)
        store.close()
        flaky.away = True
        with pytest.raises(StoreUnavailableError, match=r"Read-only.*primary is away"):
            make_here(loop_disk.path / "config")
