"""The journal and the mirror on disk: crashes, damage, full disks, second processes."""

import errno
import json
import os
import subprocess
from pathlib import Path

import pytest

from switchbot_store import (
    FailoverStore,
    JsonStore,
    MemoryStore,
    PostgresStore,
    StoreUnavailableError,
)
from switchbot_store.failover.journal import read_pending

JOURNAL = ".journal/journal.jsonl"


@pytest.fixture
def host(tmp_path, flaky):
    """Make the host's store anew, as after a restart; the last one is closed."""
    stores = []

    def make(primary=flaky, **options):
        for store in stores:
            store.close()
        stores.append(FailoverStore(primary, tmp_path, **options))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def crash(tmp_path, tmp_path_factory):
    """Keep the directory as a kill -9 leaves it, while its store lives on."""

    def do(name="crashed"):
        target = tmp_path_factory.mktemp("after") / name
        subprocess.run(["cp", "-a", tmp_path, target], check=True)
        return target

    return do


class TestRestart:
    def test_acknowledged_writes_outlive_the_process(self, host, flaky, crash):
        flaky.away = True
        store = host()
        store.set("a", {"n": 1})
        revision = store.compare_and_set("a", {"n": 2}, store.get_entry("a").revision)
        store.set_many({"b": {"n": 1}, "c": {"n": 1}})
        store.delete("c")
        with FailoverStore(flaky, crash()) as again:
            entry = again.get_entry("a")
            assert (entry.data, entry.revision) == ({"n": 2}, revision)
            assert again.keys() == ["a", "b"]
            assert again.status().pending == 5
            again.compare_and_set("a", {"n": 3}, revision)

    def test_the_primary_gets_them_after_the_restart(
        self, host, flaky, crash, until_back
    ):
        flaky.away = True
        store = host()
        store.set("a", {"n": 1})
        place = crash()
        flaky.away = False
        with FailoverStore(flaky, place) as again:
            until_back(again)
            assert MemoryStore.get_entry(flaky, "a").data == {"n": 1}
            assert again.status().pending == 0
        assert (place / JOURNAL).read_bytes() == b""

    @pytest.mark.parametrize("cut", [1, 5, 30])
    @pytest.mark.parametrize("tail", [b"", b"\0" * 100, b"\0\0\n\0"])
    def test_a_torn_last_line_is_recognised(
        self, flaky, tmp_path, host, cut, tail, caplog
    ):
        flaky.away = True
        store = host()
        store.set("a", {"n": 1})
        good = (tmp_path / JOURNAL).stat().st_size
        store.set("a", {"n": 2})
        store.close()
        whole = (tmp_path / JOURNAL).read_bytes()
        (tmp_path / JOURNAL).write_bytes(whole[:-cut] + tail)
        again = host()
        assert again.get("a") == {"n": 1}
        assert "never acknowledged" in caplog.text
        assert not list((tmp_path / ".journal").glob("*.corrupt-*"))
        assert (tmp_path / JOURNAL).stat().st_size == good
        again.set("a", {"n": 3})
        assert host().get("a") == {"n": 3}

    @pytest.mark.parametrize("cut", [1, 5, 30])
    @pytest.mark.parametrize("tail", [b"garbage\n", b"\0\n\0"])
    def test_a_whole_last_line_that_is_wrong_is_kept_aside(
        self, flaky, tmp_path, host, cut, tail, caplog
    ):
        flaky.away = True
        store = host()
        store.set_many({"a": {"n": 1}, "b": {"n": 1}})
        store.set("a", {"n": 2})
        store.close()
        spoiled = (tmp_path / JOURNAL).read_bytes()[:-cut] + tail
        (tmp_path / JOURNAL).write_bytes(spoiled)
        again = host()
        assert again.get("a") == {"n": 1}
        (evidence,) = (tmp_path / ".journal").glob("*.corrupt-*")
        assert evidence.read_bytes() == spoiled
        assert evidence.name in caplog.text
        assert "never acknowledged" not in caplog.text
        again.set("a", {"n": 3})
        assert host().get("a") == {"n": 3}
        assert list((tmp_path / ".journal").glob("*.corrupt-*")) == [evidence]

    def test_damage_in_the_middle_costs_only_the_damaged_line(
        self, flaky, tmp_path, host, caplog
    ):
        flaky.away = True
        store = host()
        for key in "abc":
            store.set(key, {"n": 1})
        store.close()
        lines = (tmp_path / JOURNAL).read_bytes().splitlines(keepends=True)
        lines[1] = lines[1].replace(b'"n":1', b'"n":7')
        (tmp_path / JOURNAL).write_bytes(b"".join(lines))
        assert host().keys() == ["a", "c"]
        (evidence,) = (tmp_path / ".journal").glob("*.corrupt-*")
        assert evidence.read_bytes() == b"".join(lines)
        assert "damaged" in caplog.text

    def test_the_journal_shrinks_to_the_newest_writes(self, flaky, tmp_path, host):
        flaky.away = True
        store = host()
        for number in range(200):
            store.set("state", {"n": number})
        store.set("settings", {"n": 0})
        before = (tmp_path / JOURNAL).stat().st_size
        again = host()
        assert again.get("state") == {"n": 199}
        assert again.status().pending == 201
        assert (tmp_path / JOURNAL).stat().st_size < before / 50

    def test_the_journal_does_not_outgrow_its_documents_while_running(
        self, flaky, tmp_path, host
    ):
        flaky.away = True
        store = host()
        document = {"text": "x" * 100_000}
        for number in range(120):
            store.set("state", {**document, "n": number})
        assert (tmp_path / JOURNAL).stat().st_size < 6_000_000
        assert host().get("state")["n"] == 119


class TestMirror:
    def test_a_cold_start_is_served_from_it(self, host, flaky):
        store = host()
        store.set_many({"settings": {"n": 1}, "state/office": {"n": 2}})
        revision = store.get_entry("settings").revision
        store.close()
        flaky.away = True
        again = host()
        entry = again.get_entry("settings")
        assert (entry.data, entry.stale) == ({"n": 1}, True)
        assert again.keys() == ["settings", "state/office"]
        assert again.compare_and_set("settings", {"n": 2}, revision)

    def test_it_holds_what_was_never_read_here(self, host, flaky):
        MemoryStore.set(flaky, "settings", {"n": 1})
        host().open()
        flaky.away = True
        assert host().get("settings") == {"n": 1}

    def test_it_is_written_in_the_background(self, host, tmp_path, until):
        store = host()
        store.set("settings", {"n": 1})
        path = tmp_path / ".mirror" / "settings.json"
        until(path.exists)
        assert json.loads(path.read_text())["data"] == {"n": 1}
        store.delete("settings")
        until(lambda: not path.exists())

    def test_kill_9_costs_it_nothing(self, host, flaky, crash):
        store = host(background=False)  # nothing is written behind
        store.set_many({"a": {"n": 1}, "b": {"n": 1}, "c": {"n": 1}})
        store.set("a", {"n": 2})
        store.delete("b")
        place = crash()
        flaky.away = True
        with FailoverStore(flaky, place) as again:
            assert again.keys() == ["a", "c"]
            assert again.get("a") == {"n": 2}
        with FailoverStore(flaky, place) as again:
            assert again.keys() == ["a", "c"]
        recent = place / ".mirror" / "recent.jsonl"
        assert recent.read_bytes() == b""
        recent.write_bytes(b"\0" * 50)
        with FailoverStore(flaky, place) as again:
            assert again.get("c") == {"n": 1}

    def test_the_plain_files_are_read_while_it_is_empty(self, host, flaky, tmp_path):
        elsewhere = tmp_path / "etc" / "state.json"
        with JsonStore(tmp_path, paths={"state": elsewhere}) as plain:
            plain.set_many({"settings": {"n": 1}, "state": {"on": True}})
        flaky.away = True
        store = host(paths={"state": elsewhere})
        entry = store.get_entry("settings")
        assert (entry.data, entry.stale) == ({"n": 1}, True)
        assert store.get("state") == {"on": True}
        assert store.keys() == ["settings", "state"]
        store.update("settings", lambda old: {**old, "m": 2})
        flaky.away = False
        assert store.resync()
        assert store.get("settings") == {"n": 1, "m": 2}
        # What nobody brought to the primary stays in force, and is told of.
        assert store.get("state") == {"on": True}
        assert store.status().left_over == ("state",)
        assert [each.key for each in store.conflicts()] == ["state"]
        # From now on the files are not asked any more.
        elsewhere.write_text("{}")
        flaky.away = True
        assert store.get("state") == {"on": True}
        assert store.delete("state")
        assert store.get("state") == {}
        flaky.away = False
        assert store.resync()
        assert store.get("state") == {}

    def test_the_deepest_and_longest_keys_and_documents_come_back(self, host, flaky):
        deep: dict = {}
        level = deep
        for _ in range(245):
            level["a"] = level = {}
        keys = ["../x", "con", "\U0001f600" * 200, "x" * 200]
        host().set_many(dict.fromkeys(keys, deep))
        flaky.away = True
        store = host()
        assert store.keys() == sorted(keys)
        for key in keys:
            assert store.get(key) == deep
            store.set(key, {"again": deep["a"]})
        assert host().get("con") == {"again": deep["a"]}


class TestDisk:
    @pytest.mark.parametrize("call", ["fsync", "write"])
    def test_a_full_disk_is_an_error_and_not_half_a_line(
        self, host, flaky, tmp_path, monkeypatch, call
    ):
        flaky.away = True
        store = host()
        store.set("a", {"n": 1})
        original = getattr(os, call)

        def full(*arguments):
            if call == "write":
                original(arguments[0], bytes(arguments[1])[:20])
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, call, full)
            with pytest.raises(StoreUnavailableError, match="No space"):
                store.set("a", {"n": 2})
            assert store.get("a") == {"n": 1}
            assert store.health_check() is False
        assert store.health_check() is True
        store.set("b", {"n": 3})
        again = host()
        assert (again.get("a"), again.get("b")) == ({"n": 1}, {"n": 3})

    def test_a_healthy_primary_needs_no_disk(self, host, monkeypatch):
        store = host().open()

        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            store.set("a", {"n": 1})
            assert store.get("a") == {"n": 1}
            assert store.health_check() is True

    def test_a_place_that_cannot_be_written_is_an_error_at_once(self, flaky, tmp_path):
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(StoreUnavailableError, match="cannot keep a journal"):
            FailoverStore(flaky, tmp_path / "file" / "config").open()


class TestProcesses:
    def test_others_may_look_on(self, host, flaky, tmp_path):
        flaky.away = True
        store = host()
        store.set("a", {"n": 1})
        (write,) = read_pending(tmp_path).values()
        assert (write.key, write.encoded) == ("a", b'{"n":1}')
        assert store.status().pending == 1

    def test_a_forked_child_does_not_write_into_the_parents_journal(
        self, host, flaky, tmp_path
    ):
        store = host()
        store.set("a", {"n": 1})
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                store.set("a", {"n": 2})
                code = 0 if store.status().journal == "waiting" else 2
            finally:
                os._exit(code)
        assert os.waitpid(pid, 0)[1] == 0
        assert store.status().journal == "held"
        store.set("a", {"n": 3})
        assert store.get("a") == {"n": 3}

    def test_a_child_does_not_keep_the_directory_taken(self, host, flaky, tmp_path):
        store = host()
        store.set("a", {"n": 1})
        release, wait = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(wait)
            os.read(release, 1)
            os._exit(0)
        try:
            store.close()
            assert host().get("a") == {"n": 1}
        finally:
            os.close(wait)
            os.waitpid(pid, 0)
            os.close(release)

    def test_closing_lets_go_before_a_child_closed_its_copy(self, host, tmp_path):
        """As between a fork and the child's first steps, or when it is no Python."""
        store = host()
        store.set("a", {"n": 1})
        copies = [
            os.dup(int(number.name))
            for number in list(Path("/proc/self/fd").iterdir())
            if os.path.realpath(number).endswith(".journal/lock")
        ]
        try:
            assert copies
            store.close()
            assert host().get("a") == {"n": 1}
        finally:
            for copy in copies:
                os.close(copy)

    def test_a_child_does_not_let_the_directory_go(self, host, tmp_path):
        """What it closes is a copy; the lock stays with the parent."""
        host().open()
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        with FailoverStore(MemoryStore(), tmp_path) as second:
            assert second.status().journal == "waiting"


def test_closing_carries_over_what_it_can(database_url, tmp_path):
    with FailoverStore(
        PostgresStore(database_url), tmp_path, profile="economy"
    ) as store:
        store.set("a", {"n": 1})
        assert store.status().pending == 1
    with PostgresStore(database_url) as direct:
        assert direct.get("a") == {"n": 1}
    assert read_pending(tmp_path) == {}
