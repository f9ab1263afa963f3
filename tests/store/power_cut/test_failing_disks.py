"""A disk fails at each single step of every durable write, in each way it can.

Whatever fails: what was acknowledged is read, also by who starts after a kill at that
moment; what was refused is there whole or not at all; the error names the place and what
the disk said; and once there is room again, writing goes on and leaves nothing behind.
"""

import datetime as dt
import errno
import itertools
import os
import shutil
import tempfile
from functools import partial
from pathlib import Path

import pytest

from switchbot_store import (
    FailoverStore,
    HistorySample,
    HistoryService,
    HistorySpill,
    JsonStore,
    MemoryStore,
    SqliteHistory,
    StoreDataError,
    StoreError,
    StoreUnavailableError,
)
from switchbot_store.backup import back_up, restore
from switchbot_store.backup.format import BackupReader
from switchbot_store.failover import journal
from switchbot_store.failover.conflicts import Conflict, ConflictLog, read_conflicts
from switchbot_store.files.lines import LineFile, read_lines
from switchbot_store.history.ingest.quarantine import Quarantine
from tests.cases import slow_after
from tests.store.power_cut.failing_disk import FailingDisk

KEYS = ("settings", "state", "other")
AT = dt.datetime(2026, 1, 12, tzinfo=dt.UTC)

# A full disk has room to take names away; one that is read-only has not.
WAYS = {
    "fails-once": (errno.EIO, {}),
    "full": (
        errno.ENOSPC,
        {"lasting": True, "torn": True, "spares": ("unlink", "ftruncate")},
    ),
    "full-for-a-moment": (errno.ENOSPC, {"torn": True}),
    "read-only": (errno.EROFS, {"lasting": True}),
}
each_way = pytest.mark.parametrize("way", slow_after(1, WAYS))


class AwayStore(MemoryStore):
    """A primary that is away for good."""

    def open(self):
        raise StoreUnavailableError("the primary is away")


def json_store(directory):
    return JsonStore(directory)


def failover_store(directory):
    return FailoverStore(AwayStore(), directory, background=False)


@pytest.fixture(autouse=True)
def small_journal(monkeypatch):
    """Have the journal written anew every few lines, which is one of its steps."""
    monkeypatch.setattr(journal, "_COMPACT_FROM_BYTES", 200)
    monkeypatch.setattr(journal, "_COMPACT_FACTOR", 1)


@pytest.fixture(autouse=True)
def without_waiting_for_the_disk(monkeypatch):
    """Sync nothing for real: processes are killed here, and no power is cut."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def tmp_path(tmp_path):
    """Give a folder in memory, where there is one: hundreds of small disks are made."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as place:
        yield Path(place)


def disks(root, way, places):
    """Yield a disk for each step there is: `places` makes what lies on it."""
    number, options = WAYS[way]
    for at in itertools.count(1):
        place = root / str(at)
        place.mkdir()
        made = places(place)
        disk = FailingDisk(place, number, at=at, **options)
        yield disk, made
        if not disk.reached:
            assert at > 1
            return
        shutil.rmtree(place)


def refused(write):
    """Return the words of a refusal, None where there was none."""
    try:
        write()
    except StoreError as error:
        return str(error)
    return None


def writes(store, n):
    yield {"settings": n}, lambda: store.set("settings", body(n))
    yield (
        {"settings": n + 1, "state": n + 1},
        lambda: store.set_many({"settings": body(n + 1), "state": body(n + 1)}),
    )
    yield {"state": None}, lambda: store.delete("state")
    yield (
        {"other": n + 2},
        lambda: store.compare_and_set(
            "other", body(n + 2), store.get_entry("other").revision
        ),
    )
    yield (
        dict.fromkeys(KEYS, n + 3),
        lambda: store.set_many(dict.fromkeys(KEYS, body(n + 3))),
    )


def body(n):
    return {"n": n, "text": "x" * 60}


def held(store):
    return {key: store.get(key).get("n") for key in KEYS}


@pytest.mark.parametrize(
    ("make", "way"),
    slow_after(
        1, [(make, way) for way in WAYS for make in (failover_store, json_store)]
    ),
)
def test_documents_outlive_a_disk_that_fails_at_any_step(tmp_path, make, way):
    def begun(place):
        store = make(place / "disk").open()
        for _, write in writes(store, 0):
            write()
        return store

    for disk, store in disks(tmp_path, way, begun):
        possible = [dict.fromkeys(KEYS, 3)]
        kills = []
        with disk.failing():
            for change, write in writes(store, 10):
                changed = [{**each, **change} for each in possible]
                why = refused(write)
                if why is None:
                    possible = changed
                else:
                    possible = possible + changed
                    assert os.strerror(WAYS[way][0]) in why, disk.failed
                    assert str(store.directory) in why, disk.failed
                kills.append((tmp_path / f"kill{len(kills)}", possible))
                shutil.copytree(store.directory, kills[-1][0])
                assert held(store) in possible, disk.failed
        for place, possible_then in kills:
            with make(place) as other:
                assert held(other) in possible_then, disk.failed
                other.set("settings", {"n": 99})
            with make(place) as other:
                assert other.get("settings") == {"n": 99}, disk.failed
            assert not list(place.rglob("*.tmp")), disk.failed
            shutil.rmtree(place)
        assert held(store) in possible, disk.failed
        for _, write in writes(store, 20):
            write()
        shutil.copytree(store.directory, tmp_path / "killed")
        store.close()
        for place in (tmp_path / "killed", store.directory):
            with make(place) as other:
                assert held(other) == dict.fromkeys(KEYS, 23), disk.failed
            assert not list(place.rglob("*.tmp")), disk.failed
        shutil.rmtree(tmp_path / "killed")


def test_documents_written_together_stay_together_at_any_step(tmp_path):
    """A file that was prepared and refused its place is no reason to take half back."""
    both = {"settings": {"n": 2}, "state": {"n": 2}}

    def begun(place):
        store = JsonStore(place / "disk").open()
        store.set_many({"settings": {"n": 1}, "state": {"n": 1}})
        return store

    for disk, store in disks(tmp_path, "fails-once", begun):
        with disk.failing():
            why = refused(partial(store.set_many, both))
        for reader in (store, JsonStore(store.directory)):
            found = {reader.get(key)["n"] for key in both}
            assert found == {2} or (why and found == {1}), disk.failed


@each_way
def test_lines_written_after_any_failed_step_are_found(tmp_path, way):
    def begun(place):
        file = LineFile(str(place / "lines"))
        file.open()
        file.append(b"0")
        return file

    steps = (
        lambda file, n: file.append(b"%d" % n),
        lambda file, n: file.replace([b"0", b"%d" % n]),
        lambda file, _: file.clear(),
    )
    for first, second in itertools.product(steps, steps):
        root = tmp_path / "again"
        root.mkdir()
        for disk, file in disks(root, way, begun):
            with disk.failing():
                for step in (first, second):
                    why = refused(partial(step, file, 1))
                    assert why is None or file.path in why
            file.append(b"last")
            assert read_lines(file.path)[-1] == b"last", disk.failed
            file.append(b"really last")
            assert read_lines(file.path)[-2:] == [b"last", b"really last"]
            file.close()
        shutil.rmtree(root)


@each_way
def test_conflicts_that_were_kept_stay_kept(tmp_path, way):
    def conflict(key):
        return Conflict(key, {"n": 1}, "r", None, "local", "remote", AT)

    def begun(place):
        log = ConflictLog(place)
        log.open()
        log.add([conflict("home/1"), conflict("a")])
        return log, place

    for disk, (log, place) in disks(tmp_path, way, begun):
        kept = {"a"}
        with disk.failing():
            for key, keep in (
                ("b", partial(log.add, [conflict("b")])),
                ("", partial(log.discard, "home/")),
                ("c", partial(log.add, [conflict("c")])),
            ):
                why = refused(keep)
                assert why is None or "conflicts.jsonl" in why
                if why is None:
                    kept |= {key} - {""}
        log.add([conflict("d")])
        found = {each.key for each in read_conflicts(place)}
        assert found >= kept | {"d"}, disk.failed
        log.close()


def sample(n, **fields):
    return HistorySample(AT + dt.timedelta(seconds=n), zone="living", **fields)


@each_way
def test_a_row_that_was_set_aside_stays_whole(tmp_path, way):
    def begun(place):
        quarantine = Quarantine(place / "aside.jsonl")
        assert quarantine.add(sample(0), "why", at=AT)
        return quarantine

    for disk, quarantine in disks(tmp_path, way, begun):
        with disk.failing():
            quarantine.add(sample(1), "why", at=AT)
        quarantine.add(sample(2), "why", at=AT)
        with disk.failing():  # the step there, if the disk still fails
            quarantine.write_unwritten()
        back = []
        quarantine.take("why", lambda _: True, back.extend)
        assert {row.timestamp for row in back} == {
            sample(n).timestamp for n in range(3)
        }
        assert quarantine.path.read_bytes() == b"", disk.failed


@each_way
def test_rows_set_aside_are_brought_back_whatever_step_fails(tmp_path, way):
    def begun(place):
        quarantine = Quarantine(place / "aside.jsonl")
        for n in range(4):
            quarantine.add(sample(n), "odd" if n % 2 else "even", at=AT)
        return quarantine

    for disk, quarantine in disks(tmp_path, way, begun):
        back = []
        with disk.failing():
            why = refused(partial(quarantine.take, "odd", lambda _: True, back.extend))
            assert why is None or "aside.jsonl" in why
        quarantine.take("odd", lambda _: True, back.extend)
        quarantine.take("even", lambda _: True, back.extend)
        found = {row.timestamp for row in back}
        assert found == {sample(n).timestamp for n in range(4)}, disk.failed


class Refusing(SqliteHistory):
    """A backend that cannot keep the rows of one zone."""

    def write(self, samples, *, now):
        if any(each.zone == "odd" for each in samples):
            raise StoreDataError("this row cannot be kept", path="zone")
        return super().write(samples, now=now)


def test_a_row_waits_in_the_spill_while_the_disk_cannot_set_it_aside(tmp_path):
    spill = HistorySpill(tmp_path / "spill.sqlite")
    rows = [sample(0), HistorySample(AT, zone="odd"), sample(2)]
    spill.append(rows)
    backend = Refusing(":memory:")
    aside = tmp_path / "spill.quarantine.jsonl"
    number, options = WAYS["full"]
    disk = FailingDisk(tmp_path, number, at=1, **options)
    with HistoryService(backend, spill=spill) as history:
        with disk.failing():
            history.flush()
        found = {row.timestamp for row in backend.latest(9)}
        assert found == {sample(0).timestamp, sample(2).timestamp}
        assert spill.rows == 3
        assert not aside.exists() or aside.read_bytes() == b""
        history.record(sample(3))
        history.flush()
        assert spill.rows == 0
        assert history.status().quarantined == 1
        assert len(backend.latest(9)) == 3
    assert aside.read_bytes().count(b"\n") == 1


@each_way
def test_a_backup_is_whole_or_the_one_before(tmp_path, way):
    store = MemoryStore()

    def begun(place):
        store.set("settings", {"n": 1})
        back_up(store, None, place / "home.backup")
        store.set("settings", {"n": 2})
        return place / "home.backup"

    for disk, path in disks(tmp_path, way, begun):
        with disk.failing():
            why = refused(partial(back_up, store, None, path))
        assert why is None or str(path) in why
        with BackupReader(path) as reader:
            (found,) = [each.data["n"] for each in reader.records()]
        assert found == 2 or (why and found == 1), disk.failed
        back_up(store, None, path)


@each_way
def test_a_restore_that_stopped_is_finished_by_the_next(tmp_path, way):
    source = MemoryStore()
    source.set_many({key: body(7) for key in KEYS})
    back_up(source, None, tmp_path / "home.backup")

    def begun(place):
        store = JsonStore(place / "disk").open()
        store.set("settings", body(1))
        store.set("mine", {"n": 5})
        return store

    root = tmp_path / "each"
    root.mkdir()
    for disk, store in disks(root, way, begun):
        with disk.failing():
            why = refused(partial(restore, store, None, tmp_path / "home.backup"))
            assert why is None or str(store.directory) in why
            assert held(store) in (
                {"settings": 1, "state": None, "other": None},
                dict.fromkeys(KEYS, 7),
            )
        restore(store, None, tmp_path / "home.backup")
        assert held(store) == dict.fromkeys(KEYS, 7), disk.failed
        assert store.get("mine") == {"n": 5}


@each_way
def test_an_export_is_whole_or_the_one_before(tmp_path, way):
    backend = SqliteHistory(":memory:")
    history = HistoryService(backend)
    history.record(sample(1, temperature=20.0))
    history.flush()

    def begun(place):
        (place / "rows.csv").write_text("before")
        return place / "rows.csv"

    with history:
        for disk, path in disks(tmp_path, way, begun):
            with disk.failing():
                why = refused(
                    partial(history.export, path, AT, AT + dt.timedelta(hours=1))
                )
            assert why is None or str(path) in why
            text = path.read_text()
            assert "20.0" in text or (text == "before" and why), disk.failed


def test_what_counts_is_read_where_it_lies_on_a_disk_that_went_read_only(tmp_path):
    with JsonStore(tmp_path / "disk") as store:
        store.set("settings", {"n": 1})
        # The disk goes as the first of the files is to be put in its place.
        for at in itertools.count(1):
            disk = FailingDisk(tmp_path, errno.EROFS, at=at, lasting=True)
            with disk.failing():
                try:
                    store.set_many({"settings": {"n": 2}, "new": {"n": 2}})
                except StoreUnavailableError:
                    listed = (tmp_path / "disk" / ".pending.json").exists()
                else:
                    pytest.fail("it never went after the commit")
                if listed:
                    with JsonStore(tmp_path / "disk") as other:
                        assert other.get("settings") == {"n": 2}
                        assert other.get("new") == {"n": 2}
                        assert other.keys() == ["new", "settings"]
                        with pytest.raises(StoreUnavailableError, match="Read-only"):
                            other.set("new", {"n": 3})
                    break
        assert store.get_many(["settings", "new"])["new"].data == {"n": 2}
        assert store.get("settings") == {"n": 2}
        store.set("settings", {"n": 3})
        assert not (tmp_path / "disk" / ".pending.json").exists()
