"""Documents that are read again and again: what others change meanwhile is seen at once."""

import os

import pytest

from switchbot_store import JsonStore, StoreUnavailableError
from switchbot_store.files import store as files


@pytest.fixture(params=["looked at each time", "known at once"])
def store(request, tmp_path, monkeypatch):
    if request.param == "known at once":
        for name in ("_FINE_STAMP_SECONDS", "_COARSE_STAMP_SECONDS"):
            monkeypatch.setattr(files, name, -1.0)
    with JsonStore(tmp_path) as store:
        store.set("settings", {"n": 0})
        for _ in range(3):
            assert store.get("settings") == {"n": 0}
        yield store


def test_a_rewrite_of_the_same_length_and_time_is_seen(store, tmp_path):
    path = tmp_path / "settings.json"
    was = path.stat()
    for number in range(1, 200):
        with path.open("r+b") as file:
            file.write(b'{"n":%3d}' % number)
            file.truncate()
        os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
        entry = store.get_entry("settings")
        assert entry.data == store.get("settings") == {"n": number}
    assert entry.revision != ""


def test_what_is_returned_is_a_copy(store):
    store.get("settings")["n"] = 5
    store.get_entry("settings").data["n"] = 5
    assert store.get("settings") == {"n": 0}


def test_revision_and_time_are_those_of_a_first_look(store, tmp_path):
    entry = store.get_entry("settings")
    with JsonStore(tmp_path) as other:
        assert other.get_entry("settings") == entry
        assert other.compare_and_set("settings", {"n": 1}, entry.revision)
    assert store.get_entry("settings").revision != entry.revision


def test_a_second_file_of_the_document_is_seen(store, tmp_path):
    (tmp_path / "settings.yaml").write_text("n: 3\n")
    problem = store.get_entry("settings").problem
    assert problem is not None
    assert "both here" in problem.reason
    (tmp_path / "settings.json").unlink()
    assert store.get("settings") == {"n": 3}
    assert store.get("settings") == {"n": 3}


def test_a_mistake_and_its_mending_are_seen(store, tmp_path):
    path = tmp_path / "settings.json"
    path.write_text('{"n": 1')
    assert store.get_entry("settings").problem is not None
    assert store.get("settings") == {"n": 0}
    path.write_text('{"n": 1}')
    assert store.get_entry("settings").problem is None
    assert store.get("settings") == {"n": 1}


def test_a_file_that_goes_is_seen(store, tmp_path):
    (tmp_path / "settings.json").unlink()
    assert store.get("settings") == {}
    store.set("settings", {"n": 2})
    assert store.delete("settings")
    assert store.get("settings") == {}


def test_what_another_process_committed_and_did_not_finish_is_finished(
    store, tmp_path, monkeypatch
):
    with JsonStore(tmp_path) as other:
        monkeypatch.setattr(other, "_install", lambda *_: None)
        other.set_many({"settings": {"n": 7}, "state": {"n": 8}})
    assert store.get("settings") == {"n": 7}
    assert store.get("state") == {"n": 8}


def test_a_link_that_points_elsewhere_is_followed(store, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    path = tmp_path / "settings.json"
    for number in (4, 5):
        (elsewhere / f"{number}.json").write_text(f'{{"n": {number}}}')
        path.unlink()
        path.symlink_to(elsewhere / f"{number}.json")
        assert store.get("settings") == {"n": number}


def test_a_directory_in_the_place_of_the_file_is_an_error(store, tmp_path):
    path = tmp_path / "settings.json"
    path.unlink()
    path.mkdir()
    with pytest.raises(StoreUnavailableError):
        store.get("settings")
