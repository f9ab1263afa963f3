"""JsonStore on bad disks, with several processes, and at sudden deaths."""

import contextlib
import os
import pwd
import random
import signal
import stat
import subprocess
import sys
import textwrap
import threading

import pytest

from switchbot_store import JsonStore, StoreUnavailableError
from switchbot_store.files import durable as safe_files


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "config"


@pytest.fixture
def store(directory):
    with JsonStore(directory) as store:
        yield store


def evidence(directory):
    return [path.read_bytes() for path in sorted(directory.glob("*.corrupt-*"))]


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def documents(directory):
    """Return the names without the copies of what was last good."""
    return [name for name in names(directory) if not name.endswith(".good")]


def run_python(program, *arguments):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )


class TestBadDisks:
    def test_a_disk_without_room_leaves_the_old_file(self, directory):
        # The kernel refuses to write more than 8 kB to any file of this process.
        run_python(
            """
            import resource, sys
            from switchbot_store import JsonStore, StoreUnavailableError
            store = JsonStore(sys.argv[1]).open()
            store.set_many({"a": {"n": 1}, "b": {"n": 1}})
            resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
            big = {"n": 2, "x": "x" * 20_000}
            for write in (
                lambda: store.set("a", big),
                lambda: store.compare_and_set("a", big, store.get_entry("a").revision),
                lambda: store.set_many({"b": {"n": 2}, "a": big}),
            ):
                try:
                    write()
                except StoreUnavailableError as error:
                    assert isinstance(error.__cause__, OSError)
                    assert "too large" in store.status().last_error
                else:
                    raise SystemExit("was acknowledged")
            assert store.get("a") == store.get("b") == {"n": 1}
            """,
            directory,
        )
        assert documents(directory) == [".lock", "a.json", "b.json"]

    def test_a_directory_that_may_not_be_written_is_unavailable_yet_readable(
        self, directory
    ):
        with JsonStore(directory) as store:
            store.set("a", {"n": 1})
        (directory / "a.json").chmod(0o644)
        with _only_readable(directory), JsonStore(directory) as store:
            assert store.get("a") == store.get_many(["a", "b"])["a"].data == {"n": 1}
            assert store.keys() == ["a"]
            assert store.health_check() is False
            for write in (lambda: store.set("a", {}), lambda: store.delete("a")):
                with pytest.raises(StoreUnavailableError) as caught:
                    write()
                assert isinstance(caught.value.__cause__, PermissionError)
        with JsonStore(directory) as store:
            assert store.health_check() is True
            assert store.get("a") == {"n": 1}

    def test_a_lock_that_is_never_released_ends_in_an_error(self, directory):
        with JsonStore(directory) as store:
            store.set("a", {"n": 1})
            lock = safe_files.DirectoryLock(
                str(directory / ".lock"), timeout_seconds=0.05
            )
            other = safe_files.DirectoryLock(str(directory / ".lock"))
            with (
                other.held(writing=True),
                pytest.raises(StoreUnavailableError, match="another process"),
                lock.held(writing=True),
            ):
                pytest.fail("was locked twice")


@contextlib.contextmanager
def _only_readable(directory):
    """Make the directory read-only, for root by being somebody else meanwhile."""
    directory.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        for parent in directory.parents:
            # Its group stays root's, so that others' permissions do not count.
            if parent.stat().st_mode & 0o011 != 0o011:
                parent.chmod(parent.stat().st_mode | 0o011)
        os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        directory.chmod(0o755)


class TestProcesses:
    def test_updates_of_several_processes_all_count(self, directory):
        program = """
            import sys
            from switchbot_store import JsonStore
            with JsonStore(sys.argv[1]) as store:
                for _ in range(40):
                    store.update("n", lambda old: {"n": old.get("n", 0) + 1})
            """
        workers = [
            threading.Thread(target=run_python, args=(program, directory))
            for _ in range(3)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert JsonStore(directory).get("n") == {"n": 120}

    def test_a_forked_child_is_not_stopped_by_its_parents_lock(self, directory):
        run_python(
            """
            import os, sys, threading
            from switchbot_store import JsonStore
            store = JsonStore(sys.argv[1]).open()
            store.set("a", {"n": 1})
            held, go_on = threading.Event(), threading.Event()
            def hold():
                with store._lock.held(writing=True):
                    held.set()
                    go_on.wait(30)
            thread = threading.Thread(target=hold)
            thread.start()
            held.wait(30)
            child = os.fork()
            if child == 0:
                assert store.get("a") == {"n": 1}
                store.set("a", {"n": 3})
                os._exit(0)
            go_on.set()
            thread.join()
            store.set("b", {})
            _, status = os.waitpid(child, 0)
            assert status == 0
            assert store.get("a") == {"n": 3}
            """,
            directory,
        )


WRITER = """
    import sys
    from switchbot_store import JsonStore
    store = JsonStore(sys.argv[1]).open()
    number = store.get("a").get("n", 0)
    while True:
        number += 1
        if number % 3:
            store.set_many({"a": {"n": number}, "b": {"n": number}})
        else:
            store.set("a", {"n": number})
            store.set("b", {"n": number})
        print(number, flush=True)
    """


class TestCrashes:
    def test_an_acknowledged_write_survives_the_writers_sudden_death(self, directory):
        moments = random.Random(7)
        acknowledged = 0
        for _ in range(10):
            with subprocess.Popen(
                [sys.executable, "-c", textwrap.dedent(WRITER), str(directory)],
                stdout=subprocess.PIPE,
                text=True,
            ) as writer:
                for _ in range(moments.randrange(1, 30)):
                    acknowledged = int(writer.stdout.readline())
                # Anywhere inside one of the next writes.
                threading.Event().wait(moments.random() / 200)
                os.kill(writer.pid, signal.SIGKILL)
                for line in writer.stdout.read().splitlines(keepends=True):
                    if line.endswith("\n"):
                        acknowledged = int(line)
            with JsonStore(directory) as store:
                found = store.get_many(["a", "b"])
                a, b = found["a"].data["n"], found["b"].data["n"]
                assert acknowledged <= b <= a <= acknowledged + 1
                if a != b:
                    assert a % 3 == 0, "half of a set_many"
                store.set_many({"a": {"n": a}, "b": {"n": a}})
                acknowledged = a
                assert documents(directory) == [
                    ".lock",
                    *sorted(
                        name
                        for key in "ab"
                        for name in (f"{key}.json", f"{key}.json.previous")
                    ),
                ]

    def test_a_set_many_that_was_committed_is_finished_by_the_next_store(
        self, directory, monkeypatch
    ):
        with JsonStore(directory) as store:
            store.set_many({"a": {"n": 1}, "b": {"n": 1}})
            replace = os.replace

            def die_at_b(source, target):
                if str(target).endswith("b.json"):
                    raise KeyboardInterrupt
                replace(source, target)

            monkeypatch.setattr(os, "replace", die_at_b)
            # As at a kill: nothing in the process cleans up behind the commit.
            monkeypatch.setattr(os, "unlink", lambda path: None)
            with pytest.raises(KeyboardInterrupt):
                store.set_many({"a": {"n": 2}, "b": {"n": 2}})
            monkeypatch.undo()
            with JsonStore(directory) as other:
                assert other.get("b") == other.get("a") == {"n": 2}
        assert not (directory / ".pending.json").exists()

    @pytest.mark.parametrize("call", [3, 4])  # of the list, of the directory with it
    def test_a_set_many_that_was_not_committed_leaves_nothing(
        self, directory, monkeypatch, call
    ):
        with JsonStore(directory) as store:
            store.set_many({"a": {"n": 1}, "b": {"n": 1}})
            fsync = os.fsync
            calls = []

            def fail_late(descriptor):
                calls.append(descriptor)
                if len(calls) == call:
                    raise OSError(5, "Input/output error")
                fsync(descriptor)

            monkeypatch.setattr(os, "fsync", fail_late)
            with pytest.raises(StoreUnavailableError, match="Input/output"):
                store.set_many({"a": {"n": 2}, "b": {"n": 2}})
            monkeypatch.undo()
            assert store.get("a") == store.get("b") == {"n": 1}
        assert documents(directory) == [".lock", "a.json", "b.json"]

    def test_a_set_many_syncs_its_directory_twice_however_many_it_writes(
        self, directory, monkeypatch
    ):
        with JsonStore(directory) as store:
            store.set_many({f"z{each}": {"n": 1} for each in range(50)})
            fsync, synced = os.fsync, []

            def count(descriptor):
                synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
                fsync(descriptor)

            monkeypatch.setattr(os, "fsync", count)
            store.set_many({f"z{each}": {"n": 2} for each in range(50)})
            # Every file, the list of them, and the directory: for the list, for what
            # is installed.
            assert len(synced) == 50 + 3
            assert sum(synced) == 2

    def test_one_of_very_many_that_fails_leaves_nothing_of_any(
        self, directory, monkeypatch
    ):
        keys = [f"z{each}" for each in range(60)]
        with JsonStore(directory) as store:
            store.set_many({key: {"n": 1} for key in keys})
            fsync, calls = os.fsync, []

            def fail_once(descriptor):
                calls.append(descriptor)
                if len(calls) == 30:
                    raise OSError(5, "Input/output error")
                fsync(descriptor)

            monkeypatch.setattr(os, "fsync", fail_once)
            with pytest.raises(StoreUnavailableError, match="Input/output"):
                store.set_many({key: {"n": 2} for key in keys})
            monkeypatch.undo()
            found = store.get_many(keys)
            assert {entry.data["n"] for entry in found.values()} == {1}
            # Nor is anything left of those that were prepared, and no list of them.
            assert len(documents(directory)) == len([".lock", *keys])
            revisions = store.set_many({key: {"n": 3} for key in keys})
            assert revisions == {
                key: entry.revision for key, entry in store.get_many(keys).items()
            }

    def test_very_many_are_written_also_while_the_interpreter_ends(self, directory):
        """No pool of threads takes work then; threads of a host that write still run."""
        script = (
            "import sys, threading\n"
            "from switchbot_store import JsonStore\n"
            "store = JsonStore(sys.argv[1])\n"
            "def write():\n"
            "    threading.main_thread().join()\n"
            "    store.set_many({f'z{each}': {'n': each} for each in range(60)})\n"
            "threading.Thread(target=write).start()\n"
        )
        ended = subprocess.run(
            [sys.executable, "-c", script, str(directory)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert ended.stderr == ""
        assert len(documents(directory)) == len([".lock", *range(60)])

    @pytest.mark.parametrize("had", [0, 3])
    def test_very_many_are_written_by_as_few_threads_as_are_to_be_had(
        self, directory, monkeypatch, had
    ):
        start, started = threading.Thread.start, []

        def start_some(thread):
            if len(started) >= had:
                raise RuntimeError("can't start new thread")
            started.append(thread)
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", start_some)
        with JsonStore(directory) as store:
            store.set_many({f"z{each}": {"n": each} for each in range(60)})
            assert len(documents(directory)) == len([".lock", *range(60)])
            assert store.get("z59") == {"n": 59}

    def test_a_list_without_some_of_its_files_was_never_committed(
        self, directory, monkeypatch
    ):
        # One sync makes list and files durable, so a power cut in it may leave this.
        with JsonStore(directory) as store:
            store.set_many({"a": {"n": 1}, "b": {"n": 1}})

            def dies(directory):
                raise KeyboardInterrupt

            with monkeypatch.context() as patch:
                patch.setattr("switchbot_store.files.store.sync_directory", dies)
                # As at a power cut: nothing in the process cleans up.
                patch.setattr(os, "unlink", lambda path: None)
                with pytest.raises(KeyboardInterrupt):
                    store.set_many({"a": {"n": 2}, "b": {"n": 2}})
        prepared = [name for name in names(directory) if name.startswith(".a.json.")]
        (directory / next(each for each in prepared if each.endswith(".tmp"))).unlink()
        with JsonStore(directory) as other:
            assert other.get("a") == other.get("b") == {"n": 1}
        assert documents(directory) == [".lock", "a.json", "b.json"]

    def test_a_list_that_came_back_after_later_writes_changes_nothing(
        self, directory, monkeypatch
    ):
        kept = {}
        with JsonStore(directory) as store:
            store.set_many({"a": {"n": 1}, "b": {"n": 1}})
            unlink = os.unlink

            def look(path):
                if str(path).endswith(".pending.json"):
                    kept["list"] = (directory / ".pending.json").read_bytes()
                unlink(path)

            monkeypatch.setattr(os, "unlink", look)
            store.set_many({"a": {"n": 2}, "b": {"n": 2}})
            monkeypatch.undo()
            store.set("a", {"n": 3})
        (directory / ".pending.json").write_bytes(kept["list"])
        with JsonStore(directory) as other:
            assert other.get_many(["a", "b"])["a"].data == {"n": 3}
            assert other.get("b") == {"n": 2}
        assert not (directory / ".pending.json").exists()

    def test_torn_temporary_files_are_harmless_and_removed(self, store, directory):
        store.set("a", {"n": 1})
        torn = directory / f".a.json.{'0' * 16}.tmp"
        torn.write_bytes(b'{"n": 2')
        with JsonStore(directory) as other:
            assert other.get("a") == {"n": 1}
            assert other.keys() == ["a"]
        assert not torn.exists()

    def test_an_unreadable_list_of_pending_files_is_set_aside(self, store, directory):
        store.set("a", {"n": 1})
        (directory / ".pending.json").write_bytes(b"garbage")
        assert store.get("a") == {"n": 1}
        store.set("a", {"n": 2})
        assert evidence(directory) == [b"garbage"]
