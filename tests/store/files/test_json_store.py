"""JsonStore's files, as people see and edit them, and files gone bad."""

import errno
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from switchbot_store import (
    JsonStore,
    StoreConfigError,
    StoreDataError,
    StoreUnavailableError,
)
from switchbot_store.files import document_file
from switchbot_store.files import durable as safe_files
from switchbot_store.files import store as json_store


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "config"


@pytest.fixture
def store(directory):
    with JsonStore(directory) as store:
        yield store


def written_long_ago(path, data):
    """Leave in a file what nobody is about to write on: its last change is an hour old."""
    path.write_bytes(data)
    before = time.time() - 3600
    os.utime(path, (before, before))


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
            "switchbot_store.files.document_file.read_content", finish_editing
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

    @pytest.mark.parametrize("count", [1, 2, 30])
    def test_what_is_written_over_is_read_once(
        self, store, directory, monkeypatch, count
    ):
        keys = [f"room {number}" for number in range(count)]
        store.set_many({key: {"n": 1} for key in keys})
        opened = []
        really_open = os.open

        def noting(path, flags, *more, **named):
            if str(path).endswith(".json") and not flags & os.O_WRONLY:
                opened.append(str(path))
            return really_open(path, flags, *more, **named)

        monkeypatch.setattr(os, "open", noting)
        store.set_many({key: {"n": 2} for key in keys})
        monkeypatch.undo()
        assert len(opened) == len(set(opened)) == count
        assert all(store.get(key) == {"n": 2} for key in keys)
        assert all(
            json.loads(each.read_bytes()) == {"n": 1}
            for each in directory.glob("*.previous")
        )

    @pytest.mark.parametrize("count", [1, 3, 200])
    def test_no_rename_takes_a_file_its_last_name(
        self, store, directory, monkeypatch, count
    ):
        """The whole directory waits while a file is freed by one; an unlink frees it after."""
        keys = [f"state/room {number}" for number in range(count)]
        for generation in range(2):
            store.set_many({key: {"n": generation} for key in keys})
        freed, really_replace = [], os.replace

        def noting(source, target):
            if os.path.lexists(target) and os.lstat(target).st_nlink == 1:
                freed.append(target)
            return really_replace(source, target)

        monkeypatch.setattr(os, "replace", noting)
        store.set_many({key: {"n": 2} for key in keys})
        assert freed == []
        previous = list(directory.glob("*.previous"))
        assert len(previous) == count
        assert all(json.loads(each.read_bytes()) == {"n": 1} for each in previous)

    def test_many_files_are_no_task_each(self, store, monkeypatch):
        """A thousand documents had 3,000, with a dozen locks that threads waited for each."""
        keys = [f"state/room {number}" for number in range(1000)]
        tasks = []

        class Counting(ThreadPoolExecutor):
            def submit(self, *arguments):
                tasks.append(arguments)
                return super().submit(*arguments)

        monkeypatch.setattr(json_store, "ThreadPoolExecutor", Counting)
        store.set_many({key: {"n": 1} for key in keys})
        assert 0 < len(tasks) < 200
        assert all(store.get(key) == {"n": 1} for key in keys)


class TestBadFiles:
    def test_the_generation_before_is_kept(self, store, directory):
        store.set("settings", {"n": 1})
        store.set("settings", {"n": 2})
        previous = directory / "settings.json.previous"
        assert json.loads(previous.read_bytes()) == {"n": 1}

    @pytest.mark.parametrize(
        "garbage", [b"", b" \n", b"\0" * 300, b'{"n": 2}\0\0', b"\x80\x01\xff{"]
    )
    def test_a_damaged_file_is_set_aside_and_what_was_last_good_is_used(
        self, store, directory, caplog, garbage
    ):
        store.set("settings", {"n": 1})
        store.set("settings", {"n": 2})
        written_long_ago(directory / "settings.json", garbage)
        assert store.get("settings") == {"n": 2}
        assert store.get_entry("settings").problem is None
        assert evidence(directory) == [garbage]
        assert "set aside" in caplog.text
        store.set("settings", {"n": 4})
        assert store.get("settings") == {"n": 4}
        assert evidence(directory) == [garbage]

    @pytest.mark.parametrize("unfinished", [b"", b" \n", b"\0" * 300])
    def test_an_editor_that_empties_the_file_and_writes_later_loses_nothing(
        self, store, directory, unfinished, caplog, monkeypatch
    ):
        monkeypatch.setattr(document_file, "_MOMENTS", timedelta(minutes=30))
        store.set("settings", {"n": 1})
        path = directory / "settings.json"
        with path.open("wb") as editor:
            editor.write(unfinished)
            editor.flush()
            entry = store.get_entry("settings")
            assert entry.data == store.get("settings") == {"n": 1}
            assert "somebody is writing" in entry.problem.reason
            with pytest.raises(StoreDataError, match="somebody is writing"):
                store.set("settings", {"n": 2})
            with JsonStore(directory) as looking:
                assert looking.look()["settings"].data == {"n": 1}
            editor.seek(0)
            editor.truncate()
            editor.write(b'{"n": 3}')
        entry = store.get_entry("settings")
        assert (entry.data, entry.problem) == ({"n": 3}, None)
        assert caplog.text.count("somebody is writing") == 1
        assert evidence(directory) == []
        store.set("settings", {"n": 4})
        assert store.get("settings") == {"n": 4}

    def test_what_nobody_finished_is_set_aside_when_it_has_been_so_for_a_while(
        self, store, directory, monkeypatch
    ):
        monkeypatch.setattr(document_file, "_MOMENTS", timedelta(minutes=30))
        store.set("settings", {"n": 1})
        path = directory / "settings.json"
        path.write_bytes(b"")
        assert store.get_entry("settings").problem is not None
        written_long_ago(path, b"")
        entry = store.get_entry("settings")
        assert (entry.data, entry.problem) == ({"n": 1}, None)
        assert evidence(directory) == [b""]

    def test_a_damaged_copy_leaves_the_previous_generation(self, store, directory):
        store.set("settings", {"n": 1})
        store.set("settings", {"n": 2})
        for name in ("settings.json", ".settings.good"):
            (directory / name).write_bytes(b"\0" * 300)
        with JsonStore(directory) as other:
            assert other.get("settings") == {"n": 1}

    def test_a_copy_is_written_into_the_file_that_is_there(self, store, directory):
        copy = directory / ".settings.good"
        store.set(
            "settings", {"text": "a long one, so that its end would be left over"}
        )
        made = copy.stat().st_ino
        for document in ({"n": 1}, {"n": 2, "text": "longer"}):
            store.set("settings", document)
            assert json.loads(copy.read_bytes()) == document
        assert copy.stat().st_ino == made

    def test_a_copy_that_has_another_name_is_replaced(self, store, directory):
        copy = directory / ".settings.good"
        store.set("settings", {"n": 1})
        (directory / "backup").hardlink_to(copy)
        store.set("settings", {"n": 2})
        assert json.loads((directory / "backup").read_bytes()) == {"n": 1}
        assert json.loads(copy.read_bytes()) == {"n": 2}

    def test_a_copy_that_is_a_link_is_replaced(self, store, directory, tmp_path):
        copy, elsewhere = directory / ".settings.good", tmp_path / "elsewhere"
        elsewhere.write_bytes(b"somebody's")
        elsewhere.chmod(0o600)
        store.set("settings", {"n": 1})
        copy.unlink()
        copy.symlink_to(elsewhere)
        store.set("settings", {"n": 2})
        assert elsewhere.read_bytes() == b"somebody's"
        assert json.loads(copy.read_bytes()) == {"n": 2}

    def test_a_copy_is_for_those_that_may_read_the_document(self, store, directory):
        store.set("settings", {"n": 1})
        (directory / "settings.json").chmod(0o640)
        store.set("settings", {"n": 2})
        assert (directory / ".settings.good").stat().st_mode & 0o777 == 0o640

    @pytest.mark.parametrize("pages", [(1, 3), (3, 1), (3, 3)])
    def test_a_copy_of_several_pages_is_a_new_file(self, store, directory, pages):
        copy = directory / ".settings.good"
        store.set("settings", {"text": "x" * 4000 * pages[0]})
        with copy.open("rb") as before:
            store.set("settings", {"text": "y" * 4000 * pages[1]})
            assert b"y" not in before.read()
        assert b"x" * 9 not in copy.read_bytes()

    def test_a_damaged_file_is_not_written_over(self, store, directory):
        store.set("settings", {"n": 1})
        store.set("settings", {"n": 2})
        written_long_ago(directory / "settings.json", b"\0garbage")
        store.set("settings", {"n": 3})
        assert evidence(directory) == [b"\0garbage"]
        previous = directory / "settings.json.previous"
        assert json.loads(previous.read_bytes()) == {"n": 1}

    @pytest.mark.parametrize("bad", [b"garbage", b"\0garbage"])
    def test_without_anything_good_nothing_is_made_up(self, store, directory, bad):
        directory.mkdir()
        (directory / "settings.json").write_bytes(bad)
        for _ in range(2):
            with pytest.raises(StoreUnavailableError, match=r"settings\.json"):
                store.get("settings")
        with pytest.raises((StoreUnavailableError, StoreDataError)):
            store.compare_and_set("settings", {"n": 1}, "")
        assert names(directory) == [".lock", "settings.json"]
        assert (directory / "settings.json").read_bytes() == bad

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

    @pytest.fixture
    def without_links(self, monkeypatch):
        def no_links(*_):
            raise PermissionError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", no_links)
        monkeypatch.setattr(safe_files, "_HAS_LINKS", {})

    @pytest.mark.usefixtures("without_links")
    def test_file_systems_without_links_keep_generations_too(self, store, directory):
        for n in (1, 2, 3):
            store.set("settings", {"n": n})
            previous = directory / "settings.json.previous"
            if n > 1:
                assert json.loads(previous.read_bytes()) == {"n": n - 1}

    @pytest.mark.usefixtures("without_links")
    @pytest.mark.parametrize("known", [False, True])
    def test_a_copy_that_finds_no_room_costs_no_generation(
        self, store, directory, monkeypatch, known
    ):
        """On such a file system a generation is a copy, for which there may be no room."""
        store.set("settings", {"n": 1})
        store.set("settings", {"n": 2})
        if not known:
            safe_files._HAS_LINKS.clear()
        real = safe_files.write_temporary

        def full(path, *arguments, **options):
            if path.endswith(".previous"):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
            return real(path, *arguments, **options)

        with monkeypatch.context() as patched:
            patched.setattr(safe_files, "write_temporary", full)
            with pytest.raises(StoreUnavailableError, match="space"):
                store.set("settings", {"n": 3})
        found = {path.name: path.read_text() for path in directory.glob("settings*")}
        assert {name: json.loads(text)["n"] for name, text in found.items()} == {
            "settings.json": 2,
            "settings.json.previous": 1,
        }
        store.set("settings", {"n": 3})
        previous = directory / "settings.json.previous"
        assert json.loads(previous.read_bytes()) == {"n": 2}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes by name here")
@pytest.mark.parametrize("made", ["pipe", "device"])
def test_what_is_no_file_is_an_error_and_is_not_waited_for(tmp_path, made):
    path = tmp_path / "settings.json"
    if made == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with JsonStore(tmp_path) as store:
        for ask in (store.get, lambda key: store.set(key, {"n": 1})):
            with pytest.raises(StoreUnavailableError, match="pipe or a device"):
                ask("settings")
        store.set("state", {"n": 1})
        assert store.get("state") == {"n": 1}


@pytest.mark.parametrize("lost", ["the disk", "the file"])
def test_a_link_to_what_is_not_there_any_more_is_no_deletion(tmp_path, lost):
    disk = tmp_path / "disk"
    real = disk / "settings.json"
    disk.mkdir()
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "settings.json").symlink_to(real)
    store = JsonStore(tmp_path / "config")
    store.set("settings", {"n": 1})  # a link to what is still to be made makes it
    away = tmp_path / "away"
    (disk if lost == "the disk" else real).rename(away)
    for asked in (store, JsonStore(tmp_path / "config")):
        for ask in (
            asked.get,
            asked.delete,
            lambda key, asked=asked: asked.set(key, {"n": 2}),
            lambda key, asked=asked: asked.update(key, lambda _: {"n": 2}),
        ):
            with pytest.raises(StoreUnavailableError, match="mount its disk"):
                ask("settings")
    assert not real.exists()
    away.rename(disk if lost == "the disk" else real)
    assert store.get("settings") == {"n": 1}
    assert store.delete("settings")
    assert store.get("settings") == {}


def test_what_comes_and_goes_is_listed_at_once_however_long_nothing_did(tmp_path):
    """Also by another process, and also where the names were kept from before."""
    store, beside = JsonStore(tmp_path), JsonStore(tmp_path)
    expected = {f"homes/{number}/a" for number in range(50)}
    store.set_many({key: {} for key in expected})
    rested_until = time.monotonic() + 0.3  # longer than stamps of a disk may be alike
    while time.monotonic() < rested_until:
        assert store.keys_with("homes/4/") == ["homes/4/a"]
    for number in range(40):
        key = f"homes/4/{number}"
        (beside if number % 2 else store).set(key, {})
        assert store.keys_with("homes/4/") == sorted(["homes/4/a", key])
        assert store.keys() == sorted([*expected, key])
        assert (store if number % 3 else beside).delete(key)
        assert store.keys_with("homes/4/") == ["homes/4/a"]


def test_keys_of_every_kind_of_name_are_found_by_how_they_begin(tmp_path):
    store = JsonStore(tmp_path)
    keys = [
        "con",
        "contract",
        "a/con",
        "x" * 200,
        "x" * 199 + "y",
        "é",
        "_lease/a",
        "A",
    ]
    store.set_many({key: {} for key in keys})
    for prefix in ("", "c", "con", "a/", "x", "x" * 199, "é", "_", "A", "z"):
        found = store.keys_with(prefix)
        assert found == sorted(key for key in keys if key.startswith(prefix))
