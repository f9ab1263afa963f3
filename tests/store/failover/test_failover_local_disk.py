"""A local disk that is full or read-only holds up nothing that the primary takes."""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from switchbot_store import (
    FailoverStore,
    MemoryStore,
    PostgresStore,
    StoreConflictError,
    StoreUnavailableError,
)
from switchbot_store.failover import keeper
from switchbot_store.failover.conflicts import read_conflicts
from switchbot_store.failover.journal import read_pending
from switchbot_store.failover.mirror import Mirror, is_behind
from switchbot_store.failover.safekeeping import KEY
from tests.store.power_cut.failing_disk import LASTING, FailingDisk


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

    def begin(self, number, *more):
        def refuse(*_):
            raise OSError(number, os.strerror(number))

        for name in ("write", "fsync", "ftruncate", "replace", *more):
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

    @pytest.mark.parametrize(("number", "spares"), LASTING.values(), ids=LASTING)
    def test_a_journal_that_could_not_be_opened_is_carried_over_once_it_can(
        self, make_here, flaky, tmp_path, look, number, spares
    ):
        """Its lines were taken for carried over by whoever could not read them."""
        first = make_here(tmp_path)
        flaky.away = True
        first.set("a", {"n": 1})
        first.close()
        flaky.away = False
        disk = FailingDisk(
            tmp_path, number, at=1, lasting=True, torn=True, spares=spares
        )
        with disk.failing():
            second = make_here(tmp_path)
            look(second)
            assert second.status().journal == "broken"
            second.set("b", {"n": 2})
            second.close()
        third = make_here(tmp_path)
        look(third)
        assert third.status().pending == 0
        assert [flaky.get(key) for key in ("a", "b")] == [{"n": 1}, {"n": 2}]
        assert third.get("a") == {"n": 1}

    def test_a_write_that_it_took_says_that_it_takes_them_again(
        self, make_here, flaky, tmp_path, refusal
    ):
        store = make_here(tmp_path)
        refusal.start()
        flaky.away = True
        with pytest.raises(StoreUnavailableError, match="cannot write"):
            store.set("a", {"n": 1})
        assert store.status().journal == "broken"
        refusal.end()
        store.set("a", {"n": 2})
        status = store.status()
        assert (status.journal, status.local_error) == ("held", None)
        assert (status.pending, store.get("a")) == (1, {"n": 2})

    WRITES = (
        lambda store: store.set("a", {"n": 2}),
        lambda store: store.set_many({"a": {"n": 2}, "b": {"n": 2}}),
        lambda store: store.update("a", lambda now: {"n": now["n"] + 1}),
        lambda store: store.compare_and_set(
            "a", {"n": 2}, store.get_entry("a").revision
        ),
    )

    @pytest.mark.parametrize("profile", ["interactive", "economy"])
    @pytest.mark.parametrize("write", WRITES, ids=["set", "many", "update", "compared"])
    @pytest.mark.parametrize("lost", [0, 1])
    def test_a_lost_answer_costs_no_write_that_the_primary_takes(
        self, make_here, flaky, tmp_path, refusal, write, profile, lost
    ):
        store = make_here(tmp_path, profile=profile)
        store.set("a", {"n": 1})
        assert store.resync()
        refusal.start()
        flaky.lose_answers = lost
        write(store)
        assert flaky.get("a") == store.get("a") == {"n": 2}
        status = store.status()
        assert (status.degraded_since, status.pending) == (None, 0)
        assert store.conflicts() == []

    @pytest.mark.parametrize("profile", ["interactive", "economy"])
    @pytest.mark.parametrize("lost", [0, 1])
    def test_nor_a_deletion(self, make_here, flaky, tmp_path, refusal, profile, lost):
        store = make_here(tmp_path, profile=profile)
        store.set("a", {"n": 1})
        assert store.resync()
        refusal.start()
        flaky.lose_answers = lost
        assert store.delete("a") is True
        assert MemoryStore.get_entry(flaky, "a").revision == ""
        assert store.delete("a") is False
        assert store.conflicts() == []

    def test_what_others_wrote_meanwhile_is_a_conflict(
        self, make_here, flaky, tmp_path, refusal, monkeypatch
    ):
        store = make_here(tmp_path)
        store.set("a", {"n": 1})
        revision = store.get_entry("a").revision
        refusal.start()
        really = flaky.health_check

        def meanwhile():
            MemoryStore.set(flaky, "a", {"n": "theirs"})
            return really()

        flaky.health_check = meanwhile
        flaky.lose_answers = 1
        with pytest.raises(StoreConflictError):
            store.compare_and_set("a", {"n": 2}, revision)
        assert store.get("a") == {"n": "theirs"}

    def test_it_is_there_again_for_a_write_and_for_the_health(
        self, make_here, flaky, tmp_path, refusal
    ):
        """Nothing looked for it since it was found away."""
        store = make_here(tmp_path)
        store.set("a", {"n": 1})
        flaky.away = True
        store.set("a", {"n": 2})
        refusal.start()
        with pytest.raises(StoreUnavailableError, match="cannot write"):
            store.set("a", {"n": 3})
        assert store.health_check() is False
        assert store.status().acknowledged_by.startswith("nothing: cannot write")
        flaky.away = False
        store.set("b", {"n": 1})
        assert (flaky.get("a"), flaky.get("b")) == ({"n": 2}, {"n": 1})
        flaky.away = True
        with pytest.raises(StoreUnavailableError, match="cannot write"):
            store.set("a", {"n": 3})
        flaky.away = False
        assert store.health_check() is True
        assert store.status().degraded_since is None

    def test_one_that_never_confirms_is_not_asked_for_ever(
        self, make_here, flaky, tmp_path, refusal
    ):
        store = make_here(tmp_path)
        refusal.start()
        flaky.takes_writes = False
        with pytest.raises(StoreUnavailableError, match="cannot write"):
            store.set("a", {"n": 1})
        assert flaky.calls.count("set") == 3

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


@pytest.fixture
def kill(tmp_path):
    """Leave a directory as a kill does: nothing is written while its store is closed."""

    def do(store, directory, put_back=shutil.copytree):
        picture = tmp_path / "picture"
        shutil.rmtree(picture, ignore_errors=True)
        shutil.copytree(directory, picture)
        store.close()
        shutil.rmtree(directory)
        put_back(picture, directory)

    return do


class TestAnOldCopyIsKnown:
    """A disk that is full, a kill, and a start without the database."""

    @pytest.fixture
    def home(self, tmp_path):
        return tmp_path / "home"

    @pytest.fixture
    def old(self, home, make_here, flaky, monkeypatch, kill):
        """Give the directory of a killed process whose disk took no copy for a while."""
        store = make_here(home)
        store.set_many({"settings": {"n": 1}, "state": {"n": 1}})
        disk = _Refusal(monkeypatch)
        disk.begin(errno.ENOSPC)
        store.set("settings", {"n": 2})
        disk.end()
        kill(store, home)
        flaky.away = True
        return home

    def test_it_is_told_and_nothing_is_compared_with_it(
        self, old, make_here, flaky, look, monkeypatch
    ):
        store = make_here(old)
        entry = store.get_entry("settings")
        assert (entry.data, entry.stale) == ({"n": 1}, True)
        assert store.status().behind is True
        assert any("older than" in each for each in store.status().warnings)
        with pytest.raises(StoreUnavailableError, match="may be older"):
            store.compare_and_set("settings", {"n": 7}, entry.revision)
        with pytest.raises(StoreUnavailableError, match="may be older"):
            store.update("settings", lambda now: {"n": now["n"] + 1})
        with pytest.raises(StoreUnavailableError, match="may be older"):
            store.compare_and_set("new", {"n": 7}, "")
        assert read_pending(old) == {}
        look(store)
        with monkeypatch.context() as patch:
            written = []
            patch.setattr(Mirror, "write_behind", lambda *each: written.append(each))
            look(store)
            look(store)
            assert written == []  # there is nothing to write until the primary answers
        assert is_behind(old)
        flaky.away = False
        assert store.resync() is True
        assert store.status().behind is False
        assert store.status().warnings == ()
        assert store.update("settings", lambda now: {"n": now["n"] + 1}) == {"n": 3}
        look(store)
        assert not is_behind(old)

    def test_what_depends_on_nothing_is_written(self, old, make_here, flaky):
        """A unit is turned off, and told to be, whatever is known of it."""
        store = make_here(old)
        store.set("state", {"on": False})
        assert store.get("state") == {"on": False}
        assert store.delete("settings") is True
        assert store.status().pending == 2
        assert store.health_check() is True
        flaky.away = False
        assert store.resync() is True
        assert flaky.get("state") == {"on": False}

    def test_it_stays_known_through_starts_without_the_database(
        self, old, make_here, flaky
    ):
        for _ in range(3):
            store = make_here(old)
            assert store.status().behind is True
            store.close()
        flaky.away = False
        store = make_here(old)
        assert (store.status().behind, store.get("settings")) == (False, {"n": 2})
        store.close()
        assert not is_behind(old)

    def test_a_copy_that_is_whole_again_is_no_old_one(
        self, home, make_here, flaky, monkeypatch, look, kill
    ):
        store = make_here(home)
        store.set("settings", {"n": 1})
        disk = _Refusal(monkeypatch)
        disk.begin(errno.ENOSPC)
        store.set("settings", {"n": 2})
        look(store)
        assert is_behind(home)
        disk.end()
        look(store)
        assert not is_behind(home)
        kill(store, home)
        flaky.away = True
        again = make_here(home)
        assert (again.get("settings"), again.status().behind) == ({"n": 2}, False)
        revision = again.get_entry("settings").revision
        assert again.compare_and_set("settings", {"n": 3}, revision)
        with pytest.raises(StoreConflictError):
            again.compare_and_set("settings", {"n": 3}, revision)

    def test_a_kill_on_a_disk_with_room_makes_none(self, home, make_here, flaky, kill):
        store = make_here(home)
        for number in range(5):
            store.set("settings", {"n": number})
        kill(store, home)
        flaky.away = True
        again = make_here(home)
        assert (again.get("settings"), again.status().behind) == ({"n": 4}, False)

    def test_a_directory_of_an_earlier_release_is_none(
        self, home, make_here, flaky, kill
    ):
        store = make_here(home)
        store.set("settings", {"n": 1})
        store.close()
        (home / ".mirror" / "current").unlink()
        (home / ".mirror" / "marked").unlink()
        flaky.away = True
        again = make_here(home)
        assert (again.get("settings"), again.status().behind) == ({"n": 1}, False)
        assert (home / ".mirror" / "current").exists()

    def test_who_never_had_the_directory_marks_it_too(
        self, home, make_here, flaky, monkeypatch, kill
    ):
        """The disk was full from the start to the end of a whole process."""
        make_here(home).set("settings", {"n": 1})
        first = make_here(home)
        first.close()
        disk = _Refusal(monkeypatch)
        disk.begin(errno.ENOSPC)
        monkeypatch.setattr(os, "open", _refusing_locks(os.open))
        second = make_here(home)
        assert second.status().journal == "broken"
        second.set("settings", {"n": 2})
        disk.end()
        kill(second, home)
        flaky.away = True
        third = make_here(home)
        assert (third.get("settings"), third.status().behind) == ({"n": 1}, True)


def test_with_nothing_else_an_opening_waits_until_a_database_woke(
    make_here, flaky, tmp_path, monkeypatch
):
    waited = []
    really = keeper.Keeper.start

    def start(self, patience_seconds):
        waited.append(patience_seconds)
        really(self, patience_seconds)

    monkeypatch.setattr(keeper.Keeper, "start", start)
    make_here(tmp_path).set("a", {"n": 1})
    make_here(tmp_path)  # another has the journal
    monkeypatch.setattr(os, "open", _refusing_locks(os.open))
    make_here(tmp_path / "full")
    assert waited[-1] == keeper.PATIENT_SECONDS > max(waited[:-1])


class TestAKillIsNoReadOnlyDisk:
    """A note in this host's memory tells them apart, for directories on a disk."""

    PROGRAM = """
    import sys, threading
    from switchbot_store import FailoverStore, JsonStore
    store = FailoverStore(JsonStore(sys.argv[2]), sys.argv[1])
    store.set("settings", {"n": 1})
    if sys.argv[3] == "read-only":
        import errno, os
        from pathlib import Path
        from switchbot_store.failover import mirror
        from switchbot_store.files import lines
        def refuse(*_arguments, **_options):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        unlink = Path.unlink
        def unlink_elsewhere(path, **options):
            (refuse if str(path).startswith(sys.argv[1]) else unlink)(path, **options)
        Path.unlink = unlink_elsewhere
        lines._write_all = mirror.write_temporary = mirror.write_durably = refuse
        store.set("settings", {"n": 2})
        store.set("settings", {"n": 1})
    print("ready", flush=True)
    threading.Event().wait()
    """

    @pytest.fixture
    def place(self):
        place = Path(tempfile.mkdtemp(prefix="witness-"))
        memory = Path("/dev/shm")
        if not memory.is_dir() or memory.stat().st_dev == place.stat().st_dev:
            pytest.skip("no memory beside this disk")
        yield place
        shutil.rmtree(place)

    def killed(self, place, disk):
        program = textwrap.dedent(self.PROGRAM)
        home, primary = place / "home", place / "primary"
        command = [sys.executable, "-c", program, home, primary, disk]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "ready\n"
            process.kill()
        return home

    @staticmethod
    def note(home):
        """Return where the note lies that the mark of a directory names."""
        mark = (home / ".mirror" / "current").read_text()
        return Path("/dev/shm") / f"switchbot-mirror-{mark.split()[1]}"

    @pytest.mark.parametrize(
        ("disk", "unproven"), [("healthy", False), ("read-only", True)]
    )
    def test_after_a_kill(self, place, make_here, flaky, disk, unproven):
        home = self.killed(place, disk)
        note = self.note(home)
        assert note.exists() is not unproven
        flaky.away = True
        for _ in range(2):
            again = make_here(home)
            assert again.get("settings") == {"n": 1}
            assert again.status().unproven is unproven
            again.close()
        assert not note.exists()

    def test_files_that_were_brought_back_are_others(self, place, make_here, flaky):
        home = self.killed(place, "healthy")
        shutil.copytree(home, place / "backup")
        shutil.rmtree(home)
        shutil.copytree(place / "backup", home)
        flaky.away = True
        assert make_here(home).status().unproven is True

    def test_once_all_was_seen_a_note_is_left_anew(self, place, make_here, clock):
        home = self.killed(place, "read-only")
        store = make_here(home)
        assert store.resync()
        store.set("state", {"n": 1})
        clock.advance(60)
        store.maintain()
        note = self.note(home)
        assert note.exists()
        store.close()
        assert not note.exists()


class TestAnUnprovenCopy:
    """Of a disk that turned read-only nothing tells it from a kill."""

    @pytest.fixture
    def home(self, tmp_path):
        return tmp_path / "home"

    @pytest.fixture
    def read_only(self, monkeypatch):
        """No mark can be removed from it either, as there can from a full one."""
        disk = _Refusal(monkeypatch)
        disk.start = lambda: disk.begin(errno.EROFS, "unlink")
        return disk

    def test_it_is_told_and_nothing_acknowledged_is_lost(
        self, home, make_here, flaky, read_only, clock
    ):
        flaky = type(flaky)(now=clock.now)
        store = make_here(home, flaky)
        store.set_many({"settings": {"n": 1}, "state": {"n": 1}})
        read_only.start()
        store.set_many({"settings": {"n": 2}, "state": {"n": 2}})
        assert store.status().journal == "broken"
        store.close()
        read_only.end()  # the host started anew, and its disk with it
        flaky.away = True
        again = make_here(home, flaky)
        entry = again.get_entry("settings")
        assert (entry.data, entry.stale) == ({"n": 1}, True)
        assert (again.status().behind, again.status().unproven) == (False, True)
        assert any("in order" in each for each in again.status().warnings)
        again.set("state", {"on": False})
        assert again.update("settings", lambda now: {"n": now["n"] + 5}) == {"n": 6}
        flaky.away = False
        assert again.resync() is True
        assert again.status().unproven is False
        assert again.status().warnings == ()
        in_force = {key: flaky.get(key) for key in ("settings", "state")}
        assert in_force == {"settings": {"n": 6}, "state": {"on": False}}
        lost = {each.key: each.data for each in again.conflicts()}
        assert lost == {"settings": {"n": 2}, "state": {"n": 2}}

    def test_until_the_primary_was_seen_it_stays_so(self, home, make_here, flaky, kill):
        store = make_here(home)
        store.set("settings", {"n": 1})
        kill(store, home)
        flaky.away = True
        for _ in range(3):
            again = make_here(home)
            assert again.status().unproven is True
            assert again.health_check() is True
            again.close()
        flaky.away = False
        seen = make_here(home)
        assert seen.status().unproven is False
        seen.close()
        flaky.away = True
        assert make_here(home).status().unproven is False

    def test_who_ends_in_order_leaves_it_proven(self, home, make_here, flaky):
        store = make_here(home)
        store.set("settings", {"n": 1})
        flaky.away = True
        store.set("settings", {"n": 2})
        store.close()
        assert make_here(home).status().unproven is False

    def test_of_an_earlier_release_nothing_is_said(self, home, make_here, flaky, kill):
        store = make_here(home)
        store.set("settings", {"n": 1})
        kill(store, home)
        (home / ".mirror" / "current").write_bytes(b"")
        flaky.away = True
        assert make_here(home).status().unproven is False

    def test_with_nothing_known_nothing_is_said(self, home, make_here, flaky, kill):
        kill(make_here(home), home)
        flaky.away = True
        assert make_here(home).status().unproven is False


class TestMountedAnew:
    """A disk is mended and mounted again, while the program goes on."""

    @pytest.fixture
    def home(self, tmp_path):
        return tmp_path / "home"

    @pytest.fixture
    def remount(self, home, tmp_path, monkeypatch):
        """Put a copy in the directory's place; what was open of it takes nothing."""
        really = {name: getattr(os, name) for name in ("write", "fsync", "ftruncate")}

        def do():
            old = tmp_path / "unmounted"
            home.rename(old)
            shutil.copytree(old, home)
            gone = {path.stat().st_ino for path in old.rglob("*")}

            def refusing(name):
                def call(descriptor, *arguments):
                    if os.fstat(descriptor).st_ino in gone:
                        raise OSError(errno.EROFS, os.strerror(errno.EROFS))
                    return really[name](descriptor, *arguments)

                return call

            for name in really:
                monkeypatch.setattr(os, name, refusing(name))

        return do

    def test_it_is_taken_again_with_all_that_was_acknowledged(
        self, home, make_here, flaky, remount, look
    ):
        store = make_here(home)
        store.set_many({"a": {"n": 1}, "b": {"n": 1}, "c": {"n": 1}})
        look(store)
        flaky.away = True
        store.set("a", {"n": 2})
        remount()
        with pytest.raises(StoreUnavailableError, match="Read-only"):
            store.set("a", {"n": 3})
        look(store)
        assert (store.status().journal, store.status().local_error) == ("held", None)
        assert store.status().pending == 1
        store.set("b", {"n": 2})
        pending = {key: each.encoded for key, each in read_pending(home).items()}
        assert pending == {"a": b'{"n":2}', "b": b'{"n":2}'}
        flaky.away = False
        assert store.resync() is True
        assert [flaky.get(key)["n"] for key in "abc"] == [2, 2, 1]
        look(store)
        assert read_pending(home) == {}
        store.close()
        flaky.away = True
        later = make_here(home)
        assert [later.get(key)["n"] for key in "abc"] == [2, 2, 1]

    def test_what_came_meanwhile_is_in_its_mirror_and_old_lines_are_not(
        self, home, make_here, flaky, remount, look
    ):
        store = make_here(home)
        store.set_many({"a": {"n": 1}, "b": {"n": 1}})
        look(store)
        flaky.away = True
        store.set("a", {"n": 2})
        remount()
        flaky.away = False
        assert store.resync() is True  # its line cannot be removed
        store.set("a", {"n": 3})
        store.delete("b")
        assert store.status().journal == "broken"
        look(store)
        look(store)
        assert (store.status().journal, store.status().pending) == ("held", 0)
        assert read_pending(home) == {}
        store.close()
        flaky.away = True
        later = make_here(home)
        assert (later.get("a"), later.get("b")) == ({"n": 3}, {})
        assert later.status().unproven is False

    def test_a_place_without_anything_is_none(self, home, make_here, flaky, look):
        """The disk was taken out: nothing is put where it will be mounted."""
        store = make_here(home)
        store.set("a", {"n": 1})
        shutil.rmtree(home)
        flaky.away = True
        store._life.local.failed("the disk was taken out")
        look(store)
        assert store.status().journal == "broken"
        assert "No such file" in store.status().local_error
        assert not home.exists()


def _refusing_locks(really):
    def opened(path, *arguments, **options):
        if str(path).endswith("lock"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return really(path, *arguments, **options)

    return opened


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

    @pytest.mark.parametrize("fault", ["cut_before", "lose_reply_to"])
    @pytest.mark.parametrize("profile", ["interactive", "economy"])
    def test_full_and_an_answer_of_postgres_lost(
        self, loop_disk, make_here, through_proxy, proxy, direct, fault, profile
    ):
        """Nothing looks for it meanwhile but the write that it alone can take."""
        primary = PostgresStore(through_proxy)
        store = make_here(loop_disk.path / "config", primary, profile=profile)
        store.set("a", {"n": 1, "pad": "x" * 100_000})
        loop_disk.fill()
        for _ in range(3):
            getattr(proxy, fault)("json_store")
            proxy.refuse()
            with pytest.raises(StoreUnavailableError, match="No space left"):
                store.set("a", {"n": 0, "pad": "y" * 100_000})
            proxy.accept()
            store.update("b", lambda old: {"n": old.get("n", 0) + 1, "pad": "z" * 9999})
            store.set("a", {"n": 2, "pad": "x" * 100_000})
            assert store.status().degraded_since is None
        assert (direct.get("a")["n"], direct.get("b")["n"]) == (2, 3)
        assert store.conflicts() == []

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

    def test_read_only_then_mended_and_started_without_the_database(
        self, loop_disk, make_here, flaky, look
    ):
        directory = loop_disk.path / "config"
        store = make_here(directory)
        store.set("settings", {"n": 1})
        look(store)
        loop_disk.fail()
        store.set("settings", {"n": 2})
        assert (store.status().journal, flaky.get("settings")) == ("broken", {"n": 2})
        store.close()
        loop_disk.repair()
        flaky.away = True
        again = make_here(directory)
        assert (again.get("settings"), again.status().journal) == ({"n": 1}, "held")
        assert again.status().unproven is True
        again.set("state", {"on": False})
        flaky.away = False
        assert again.resync() is True
        assert again.get("settings") == {"n": 2}
        assert flaky.get("state") == {"on": False}
        assert again.status().unproven is False
        again.close()

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

    def test_full_killed_and_started_without_the_database(
        self, loop_disk, make_here, flaky, look, kill
    ):
        directory = loop_disk.path / "config"
        store = make_here(directory)
        store.set("settings", {"pad": "a" * 100_000, "n": 1})
        look(store)
        loop_disk.fill()
        store.set("settings", {"pad": "b" * 100_000, "n": 2})
        look(store)
        assert store.status().journal == "broken"
        flaky.away = True

        def put_back(picture, place):
            loop_disk.free()
            shutil.copytree(picture, place)

        kill(store, directory, put_back)
        again = make_here(directory)
        assert again.get("settings")["n"] == 1
        assert again.status().behind is True
        with pytest.raises(StoreUnavailableError, match="may be older"):
            again.update("settings", lambda now: {"n": now["n"] + 1})
        again.set("state", {"on": False})
        assert again.status().pending == 1
        flaky.away = False
        assert again.resync() is True
        assert again.get("settings")["n"] == 2
        assert flaky.get("state") == {"on": False}
        assert again.status().behind is False
        look(again)
        assert not is_behind(directory)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes by name here")
@pytest.mark.parametrize("made", ["pipe", "device"])
@pytest.mark.parametrize(
    "name",
    [
        ".journal/journal.jsonl",
        ".journal/conflicts.jsonl",
        ".mirror/recent.jsonl",
        ".mirror/primary",
    ],
)
def test_what_is_no_file_is_not_waited_for_and_holds_up_nothing(
    make_here, flaky, tmp_path, name, made
):
    store = make_here(tmp_path)
    store.set("a", {"n": 1})
    store.close()
    shutil.rmtree(tmp_path / ".journal")
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    if made == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    store = make_here(tmp_path)
    store.set("a", {"n": 2})
    assert store.get("a") == {"n": 2}
    assert flaky.get("a") == {"n": 2}
    assert "pipe or a device" in store.status().local_error
