"""A local copy that the disk damaged, while the primary is away: unknown, never empty."""

import json
import os
import shutil

import pytest

from switchbot_store import FailoverStore, MemoryStore, StoreUnavailableError
from switchbot_store.failover.index import Index, look_at_index
from switchbot_store.failover.local import unread_of
from switchbot_store.files.lines import LineFile

KEYS = ("settings", "state/office")


@pytest.fixture
def filled(flaky, tmp_path):
    """A directory that saw two documents of a primary, which is away since."""
    with FailoverStore(flaky, tmp_path, background=False) as store:
        store.set_many({key: {"n": 1} for key in KEYS})
    flaky.away = True
    return tmp_path


def _opened(flaky, place):
    return FailoverStore(flaky, place, background=False).open()


def _flip(path):
    """Change one digit: it stays JSON."""
    data = path.read_bytes()
    assert b'"n":1' in data
    path.write_bytes(data.replace(b'"n":1', b'"n":7'))


def _pipe(path):
    path.unlink()
    os.mkfifo(path)


def _device(path):
    path.unlink()
    path.symlink_to("/dev/zero")


def _folder(path):
    path.unlink()
    path.mkdir()


def _of_another(path):
    shutil.copy(path.with_name("state%2foffice.json"), path)


def _gone(path):
    path.unlink()


HARMS = {
    "gone without a trace": _gone,
    "nul": lambda path: path.write_bytes(b"\0" * 50),
    "empty": lambda path: path.write_bytes(b""),
    "half": lambda path: path.write_bytes(path.read_bytes()[:40]),
    "another's": _of_another,
    "a digit": _flip,
    "a pipe": _pipe,
    "a device": _device,
    "a folder": _folder,
}


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
class TestOneDocument:
    def test_it_is_unknown_and_the_others_are_read(self, flaky, filled, harm):
        harm(filled / ".mirror" / "settings.json")
        with _opened(flaky, filled) as store:
            for question in (
                lambda: store.get("settings"),
                lambda: store.get_many(KEYS),
                lambda: store.update("settings", lambda old: {**old, "m": 2}),
                lambda: store.compare_and_set("settings", {"n": 0}, ""),
            ):
                with pytest.raises(StoreUnavailableError, match=r"settings.*unknown"):
                    question()
            assert store.get("state/office") == {"n": 1}
            assert store.keys() == sorted(KEYS)
            assert store.get("never set") == {}
            assert "settings.json" in "; ".join(store.status().unread)
            assert any("settings.json" in each for each in store.status().warnings)
        assert "settings.json" in "; ".join(unread_of(filled))

    def test_it_is_so_after_a_restart_too(self, flaky, filled, harm):
        harm(filled / ".mirror" / "settings.json")
        for _ in range(2):
            with (
                _opened(flaky, filled) as store,
                pytest.raises(StoreUnavailableError, match="unknown"),
            ):
                store.get("settings")

    def test_what_is_set_is_acknowledged_kept_and_carried_over(
        self, flaky, filled, harm
    ):
        harm(filled / ".mirror" / "settings.json")
        with _opened(flaky, filled) as store:
            store.set("settings", {"n": 2})
            assert store.get("settings") == {"n": 2}
        with _opened(flaky, filled) as store:
            assert (store.get("settings"), store.status().pending) == ({"n": 2}, 1)
            flaky.away = False
            assert store.resync()
        assert MemoryStore.get_entry(flaky, "settings").data == {"n": 2}

    def test_it_can_be_deleted(self, flaky, filled, harm):
        harm(filled / ".mirror" / "settings.json")
        with _opened(flaky, filled) as store:
            assert store.delete("settings")
            assert store.get("settings") == {}
            flaky.away = False
            assert store.resync()
        assert MemoryStore.get_entry(flaky, "settings").revision == ""

    def test_the_primary_mends_it(self, flaky, filled, harm):
        harm(filled / ".mirror" / "settings.json")
        flaky.away = False
        with _opened(flaky, filled) as store:
            assert store.get("settings") == {"n": 1}
            assert not store.status().unread
        assert unread_of(filled) == ()
        flaky.away = True
        with _opened(flaky, filled) as store:
            assert store.get("settings") == {"n": 1}

    def test_deleted_meanwhile_it_is_kept_aside(self, flaky, filled, harm):
        path = filled / ".mirror" / "settings.json"
        harm(path)
        MemoryStore.delete(flaky, "settings")
        flaky.away = False
        with _opened(flaky, filled) as store:
            assert store.get("settings") == {}
        assert unread_of(filled) == ()
        assert not path.exists()
        kept = list(path.parent.glob("settings.json.corrupt-*"))
        assert len(kept) == (harm is not _gone)


def _spoil_recent(place, flaky):
    """Let the newest of a killed process be damaged in its lines alone."""
    flaky.away = False
    store = FailoverStore(flaky, place, background=False).open()
    store.set("settings", {"n": 1, "m": 2})
    store.set("new", {"n": 1})
    lines = (place / ".mirror" / "recent.jsonl").read_bytes()
    store.close()
    flaky.away = True
    for name in ("new.json", "settings.json"):
        (place / ".mirror" / name).unlink()
    (place / ".mirror" / "recent.jsonl").write_bytes(
        lines.replace(b'"key":"new"', b'"key":"old"')
    )


def _spoil_journal(place, flaky):
    with FailoverStore(flaky, place, background=False) as store:
        for key in ("new", "other"):
            store.set(key, {"n": 1})
    path = place / ".journal" / "journal.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"new"', b'"old"'))


def _lose_recent(place, flaky):
    """Let the process that had the files be killed, and its lines go with that."""
    mark = (place / ".mirror" / "current").read_bytes()
    flaky.away = False
    store = FailoverStore(flaky, place, background=False).open()
    left = (place / ".mirror" / "current").read_bytes()
    store.close()
    flaky.away = True
    assert left != mark
    (place / ".mirror" / "current").write_bytes(left)
    (place / ".mirror" / "recent.jsonl").unlink()


def _lose_journal(place, flaky):
    _opened(flaky, place).close()
    (place / ".journal" / "journal.jsonl").unlink()


def _lose_list(place, flaky):
    (place / ".journal" / "copies.jsonl").unlink()
    (place / ".mirror" / "settings.json").unlink()


def _spoil_list(place, flaky):
    path = place / ".journal" / "copies.jsonl"
    path.write_bytes(path.read_bytes().replace(b"settings", b"settinks"))
    (place / ".mirror" / "settings.json").unlink()


def _lose_the_journal_s_folder(place, flaky):
    shutil.rmtree(place / ".journal")
    (place / ".mirror" / "settings.json").unlink()


LOSSES = (
    _spoil_recent,
    _spoil_journal,
    _lose_recent,
    _lose_journal,
    _lose_list,
    _spoil_list,
    _lose_the_journal_s_folder,
)


@pytest.mark.parametrize("spoil", LOSSES)
class TestLines:
    def test_what_they_were_of_is_unknown_until_the_primary_was_seen(
        self, flaky, filled, spoil
    ):
        spoil(filled, flaky)
        for _ in range(3):  # however often it is begun anew
            with _opened(flaky, filled) as store:
                assert store.get("state/office") == {"n": 1}
                assert store.status().unread
                for key in ("new", "never set"):
                    with pytest.raises(StoreUnavailableError, match="unknown"):
                        store.get(key)
                revision = store.get_entry("state/office").revision
                with pytest.raises(StoreUnavailableError, match="not compared"):
                    store.compare_and_set("state/office", {"n": 3}, revision)
                store.set("state/office", {"n": 1})
            assert unread_of(filled)
        flaky.away = False
        with _opened(flaky, filled) as store:
            assert store.get("never set") == {}
        flaky.away = True
        assert unread_of(filled) == ()
        with _opened(flaky, filled) as store:
            assert store.get("never set") == {}
            assert not store.status().unread


class TestTheList:
    def test_a_whole_mirror_that_is_gone_is_unknown(self, flaky, filled):
        shutil.rmtree(filled / ".mirror")
        assert len(unread_of(filled)) == len(KEYS)
        for _ in range(2):
            with _opened(flaky, filled) as store:
                for key in KEYS:
                    with pytest.raises(StoreUnavailableError, match="unknown"):
                        store.get(key)
                assert store.get("never set") == {}
        flaky.away = False
        with _opened(flaky, filled) as store:
            assert all(store.get(key) == {"n": 1} for key in KEYS)
        assert unread_of(filled) == ()

    def test_what_was_deleted_is_not_missed(self, flaky, filled):
        flaky.away = False
        with _opened(flaky, filled) as store:
            store.delete("settings")
            assert unread_of(filled) == ()
        flaky.away = True
        for _ in range(2):
            with _opened(flaky, filled) as store:
                assert (store.get("settings"), store.status().unread) == ({}, ())

    def test_a_directory_of_an_earlier_release_is_listed(self, flaky, filled):
        (filled / ".journal" / "copies.jsonl").unlink()
        (filled / ".mirror" / "marked").write_bytes(b"")
        with _opened(flaky, filled) as store:
            assert all(store.get(key) == {"n": 1} for key in KEYS)
            assert store.status().unread == ()
        (filled / ".mirror" / "settings.json").unlink()
        with (
            _opened(flaky, filled) as store,
            pytest.raises(StoreUnavailableError, match="nobody deleted"),
        ):
            store.get("settings")

    def test_what_was_set_and_deleted_before_it_had_a_file_is_not_missed(
        self, flaky, filled
    ):
        index = Index(filled)
        index.open()
        index.change(there=["brief"])  # and killed, before its file was there
        index.close()
        lines = LineFile(str(filled / ".mirror" / "recent.jsonl"))
        lines.open()
        lines.append(b'{"key":"brief","number":900}')
        lines.close()
        for _ in range(2):
            with _opened(flaky, filled) as store:
                assert (store.get("brief"), store.status().unread) == ({}, ())

    def test_a_document_that_has_its_file_costs_no_line(self, flaky, filled):
        flaky.away = False
        path = filled / ".journal" / "copies.jsonl"
        before = path.read_bytes()
        with _opened(flaky, filled) as store:
            for number in range(3):
                store.set("settings", {"n": number})
        assert path.read_bytes() == before

    def test_damage_is_kept_aside_once(self, flaky, filled):
        _spoil_list(filled, flaky)
        flaky.away = False
        for _ in range(3):
            with _opened(flaky, filled) as store:
                assert store.get("settings") == {"n": 1}
        assert len(list((filled / ".journal").glob("copies.jsonl.corrupt-*"))) == 1

    def test_it_does_not_grow_for_ever(self, tmp_path):
        index = Index(tmp_path)
        index.open()
        for _ in range(1500):
            index.change(there=["other"])
            index.change(gone=["other"])
        index.change(there=["settings"])
        index.close()
        assert (tmp_path / ".journal" / "copies.jsonl").stat().st_size < 60_000
        assert look_at_index(tmp_path) == ({"settings"}, False)


def _file(path):
    if path.exists():
        shutil.rmtree(path)
    path.write_text("in the way")


def _fifo(path):
    if path.exists():
        shutil.rmtree(path)
    os.mkfifo(path)


def _nowhere(path):
    if path.exists():
        shutil.rmtree(path)
    path.symlink_to(path.with_name("not mounted"))


@pytest.mark.parametrize("put", [_file, _fifo, _nowhere])
class TestFolders:
    @pytest.mark.parametrize("name", [".journal", ".mirror"])
    def test_what_is_in_their_place_stops_no_start(self, flaky, filled, put, name):
        put(filled / name)
        flaky.away = False
        with _opened(flaky, filled) as store:
            assert store.get("settings") == {"n": 1}
            store.set("settings", {"n": 2})
            status = store.status()
            assert name in status.local_error
            assert status.journal == ("held" if name == ".mirror" else "broken")
            flaky.away = True
            assert store.get("settings") == {"n": 2}  # from memory
        assert MemoryStore.get_entry(flaky, "settings").data == {"n": 2}

    def test_without_the_mirror_nothing_is_empty_and_writes_are_kept(
        self, flaky, filled, put
    ):
        put(filled / ".mirror")
        with _opened(flaky, filled) as store:
            with pytest.raises(StoreUnavailableError, match="unknown"):
                store.get("settings")
            with pytest.raises(StoreUnavailableError, match="unknown"):
                store.keys()
            store.set("settings", {"n": 2})
            assert (store.get("settings"), store.keys()) == ({"n": 2}, ["settings"])
            assert store.health_check()
            assert ".mirror" in "; ".join(store.status().unread)
            flaky.away = False
            assert store.resync()
        assert MemoryStore.get_entry(flaky, "settings").data == {"n": 2}

    def test_without_the_journal_writes_are_refused(self, flaky, filled, put):
        put(filled / ".journal")
        with pytest.raises(StoreUnavailableError, match=r"\.journal"):
            _opened(flaky, filled)
        flaky.away = False
        with _opened(flaky, filled) as store:
            flaky.away = True
            with pytest.raises(StoreUnavailableError, match="not written"):
                store.set("settings", {"n": 2})
            assert not store.health_check()

    @pytest.mark.parametrize("name", [".journal", ".mirror"])
    def test_moved_away_they_are_taken_again(self, flaky, filled, put, name):
        put(filled / name)
        flaky.away = False
        now = [0.0]
        with FailoverStore(
            flaky, filled, background=False, monotonic=lambda: now[0]
        ) as store:
            store.set("settings", {"n": 2})
            (filled / name).unlink()
            for _ in range(3):
                now[0] += 60
                store.maintain()
            assert store.status().journal == "held"
            assert store.status().local_error is None
        flaky.away = True
        with _opened(flaky, filled) as store:
            assert store.get("settings") == {"n": 2}


def test_a_copy_of_an_earlier_release_has_no_sum_and_is_read(flaky, filled):
    path = filled / ".mirror" / "settings.json"
    row = json.loads(path.read_bytes())
    del row["crc"]
    path.write_text(json.dumps(row))
    with _opened(flaky, filled) as store:
        assert store.get("settings") == {"n": 1}
