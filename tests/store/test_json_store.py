"""JsonStore beyond the contract: files, people, crashes, bad disks."""

import contextlib
import json
import os
import pwd
import random
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from switchbot_store import (
    JsonStore,
    StoreConfigError,
    StoreUnavailableError,
    safe_files,
)


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


class TestFiles:
    def test_documents_are_plain_indented_json(self, store, directory):
        store.set("settings", {"b": {"x": [1]}, "a": "é"})
        text = (directory / "settings.json").read_text(encoding="utf-8")
        assert text == json.dumps(
            {"b": {"x": [1]}, "a": "é"}, indent=2, ensure_ascii=False
        ) + ("\n")

    def test_default_places_are_those_of_a_dashboard(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with JsonStore() as store:
            store.set_many({"settings": {"a": 1}, "state": {"b": 2}})
        assert json.loads(Path("config/settings.json").read_bytes()) == {"a": 1}
        assert json.loads(Path("config/state.json").read_bytes()) == {"b": 2}

    def test_single_documents_may_lie_elsewhere(self, tmp_path, directory):
        elsewhere = tmp_path / "etc" / "home.json"
        with JsonStore(directory, paths={"settings": elsewhere}) as store:
            store.set_many({"settings": {"a": 1}, "state": {"b": 2}})
            assert json.loads(elsewhere.read_bytes()) == {"a": 1}
            assert store.keys() == ["settings", "state"]
            assert not (directory / "settings.json").exists()

    def test_two_documents_never_share_a_file(self, directory):
        for paths in (
            {"settings": "x.json", "state": "x.json"},
            {"settings": directory / "state.json"},
        ):
            with pytest.raises(StoreConfigError, match="share"):
                JsonStore(directory, paths=paths)

    def test_a_hand_edit_is_a_new_revision_at_the_next_read(self, store, directory):
        store.set("settings", {"n": 1})
        before = store.get_entry("settings").revision
        (directory / "settings.json").write_text('{"n": 2}')
        entry = store.get_entry("settings")
        assert entry.data == {"n": 2}
        assert entry.revision != before

    def test_a_byte_order_mark_of_an_editor_is_no_error(self, store, directory):
        directory.mkdir()
        (directory / "settings.json").write_bytes(b'\xef\xbb\xbf{"n": 2}')
        assert store.get("settings") == {"n": 2}

    def test_a_half_written_hand_edit_is_waited_for(
        self, store, directory, monkeypatch
    ):
        store.set("settings", {"n": 1})
        path = directory / "settings.json"
        path.write_text('{"n": ')
        reads = []

        def finish_editing(place):
            content = read(place)
            if str(place) == str(path):
                reads.append(content)
                if len(reads) == 2:
                    path.write_text('{"n": 2}')
            return content

        read = safe_files.read_content
        monkeypatch.setattr(
            "switchbot_store.document_file.read_content", finish_editing
        )
        assert store.get("settings") == {"n": 2}
        assert evidence(directory) == []

    def test_permissions_and_links_of_a_file_stay(self, store, directory, tmp_path):
        real = tmp_path / "dotfiles.json"
        real.write_text("{}")
        real.chmod(0o644)
        directory.mkdir()
        (directory / "settings.json").symlink_to(real)
        store.set("settings", {"n": 1})
        assert (directory / "settings.json").is_symlink()
        assert json.loads(real.read_bytes()) == {"n": 1}
        assert real.stat().st_mode & 0o777 == 0o644

    def test_new_files_are_for_their_owner_alone(self, store, directory):
        store.set("settings", {"webhook": "https://secret"})
        assert (directory / "settings.json").stat().st_mode & 0o777 == 0o600

    def test_files_of_others_are_not_listed(self, store, directory):
        store.set("a", {})
        for name in ("Package.json", "notes.txt", "%zz.json", "a.b.json"):
            (directory / name).write_text("{}")
        assert store.keys() == ["a"]

    def test_reading_makes_no_directory(self, store, directory):
        assert store.get("settings") == {}
        assert store.keys() == []
        assert not store.delete("settings")
        assert not directory.exists()

    def test_a_file_in_place_of_the_directory_is_refused(self, directory):
        directory.write_text("")
        with pytest.raises(StoreConfigError, match="not a directory"):
            JsonStore(directory).open()

    def test_an_unchanged_document_is_not_written(self, store, directory):
        store.set_many({"a": {"n": 1}, "b": {"n": 1}})
        before = {name: (directory / name).stat().st_ino for name in names(directory)}
        store.set_many({"a": {"n": 1}, "b": {"n": 1}})
        store.set("a", {"n": 1})
        store.compare_and_set("a", {"n": 1}, store.get_entry("a").revision)
        after = {name: (directory / name).stat().st_ino for name in names(directory)}
        assert after == before


class TestBadFiles:
    def test_the_generation_before_is_kept(self, store, directory):
        store.set("settings", {"n": 1})
        store.set("settings", {"n": 2})
        previous = directory / "settings.json.previous"
        assert json.loads(previous.read_bytes()) == {"n": 1}

    @pytest.mark.parametrize("garbage", [b"", b"\0" * 300, b'{"n": 3', b"[1]", b"\xff"])
    def test_a_bad_file_is_set_aside_and_its_previous_generation_used(
        self, store, directory, caplog, garbage
    ):
        store.set("settings", {"n": 1})
        store.set("settings", {"n": 2})
        (directory / "settings.json").write_bytes(garbage)
        assert store.get("settings") == {"n": 1}
        assert evidence(directory) == [garbage]
        assert "set aside" in caplog.text
        store.set("settings", {"n": 4})
        assert store.get("settings") == {"n": 4}
        assert evidence(directory) == [garbage]

    def test_a_bad_file_is_not_written_over(self, store, directory):
        store.set("settings", {"n": 1})
        store.set("settings", {"n": 2})
        (directory / "settings.json").write_bytes(b"garbage")
        store.set("settings", {"n": 3})
        assert evidence(directory) == [b"garbage"]
        previous = directory / "settings.json.previous"
        assert json.loads(previous.read_bytes()) == {"n": 1}

    def test_without_a_previous_generation_nothing_is_made_up(self, store, directory):
        directory.mkdir()
        (directory / "settings.json").write_bytes(b"garbage")
        for _ in range(2):
            with pytest.raises(StoreUnavailableError, match=r"settings\.json"):
                store.get("settings")
        with pytest.raises(StoreUnavailableError):
            store.compare_and_set("settings", {"n": 1}, "")
        assert names(directory) == [".lock", "settings.json"]
        store.set("settings", {"n": 1})
        assert store.get("settings") == {"n": 1}
        assert evidence(directory) == [b"garbage"]

    def test_removing_a_file_by_hand_empties_the_document(self, store, directory):
        store.set("settings", {"n": 1})
        store.set("settings", {"n": 2})
        (directory / "settings.json").unlink()
        assert store.get_entry("settings").revision == ""

    def test_a_deleted_document_leaves_no_generation_behind(self, store, directory):
        store.set("settings", {"secret": 1})
        store.set("settings", {"secret": 2})
        store.delete("settings")
        assert names(directory) == [".lock"]

    def test_file_systems_without_links_keep_generations_too(
        self, store, directory, monkeypatch
    ):
        def no_links(*_):
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", no_links)
        store.set("settings", {"n": 1})
        store.set("settings", {"n": 2})
        previous = directory / "settings.json.previous"
        assert json.loads(previous.read_bytes()) == {"n": 1}


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
        assert names(directory) == [".lock", "a.json", "b.json"]

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
                assert names(directory) == [
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

    def test_a_set_many_that_was_not_committed_leaves_nothing(
        self, directory, monkeypatch
    ):
        with JsonStore(directory) as store:
            store.set_many({"a": {"n": 1}, "b": {"n": 1}})
            fsync = os.fsync
            calls = []

            def fail_late(descriptor):
                calls.append(descriptor)
                if len(calls) == 5:  # that of the list of what to install
                    raise OSError(5, "Input/output error")
                fsync(descriptor)

            monkeypatch.setattr(os, "fsync", fail_late)
            with pytest.raises(StoreUnavailableError, match="Input/output"):
                store.set_many({"a": {"n": 2}, "b": {"n": 2}})
            monkeypatch.undo()
            assert store.get("a") == store.get("b") == {"n": 1}
        assert names(directory) == [".lock", "a.json", "b.json"]

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
