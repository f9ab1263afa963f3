"""`restore` that is killed: the old whole or the new, said, and completed by another."""

import os
import shlex
import signal
import subprocess
import sys
import textwrap
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from switchbot_store import (
    DeviceReading,
    HistorySample,
    HomeStore,
    JsonStore,
    MemoryStore,
    PostgresHistory,
    PostgresStore,
    SqliteHistory,
    SqliteReadings,
    StoreDataError,
    StoreUnavailableError,
)
from switchbot_store.backup import (
    archive,
    back_up,
    delete_home,
    interrupted,
    restore,
)
from switchbot_store.backup.archive import plan_restore
from switchbot_store.backup.interruption import begun
from switchbot_store.history.postgres.readings import PostgresReadings
from switchbot_store.history.readings import DeviceHistory

NOW = datetime(2026, 1, 20, 12, 30, tzinfo=UTC)
OLD = {"settings": {"n": 1}, "state": {"of": 1}, "mine": {}}
ROWS = 175
"""What retention left of the new home's."""
NEW = {"settings": {"n": 2}, "state": {"of": 2}, "more": {"deep": [1, {"x": None}]}}


class Killed(BaseException):
    """Nothing catches it, as nothing does a signal."""


class Steps:
    """Ends all at the nth call that changes something, before it or right after."""

    CHANGING = ("set", "set_many", "delete", "write", "add_frozen_hours", "roll_up")

    def __init__(self, left, *, after):
        self.left, self.after = left, after

    def of(self, place):
        for name in (*self.CHANGING, "take_back"):
            if hasattr(place, name):
                setattr(place, name, self._counted(getattr(place, name)))
        return place

    def _counted(self, call):
        def counted(*arguments, **options):
            self.left -= 1
            if self.left == 0 and not self.after:
                raise Killed
            done = call(*arguments, **options)
            if self.left == 0:
                raise Killed
            return done

        return counted


@pytest.fixture
def place(request, tmp_path, database_url):
    """Return what opens store, history and readings of a place, and closes them after."""
    opened = []

    def opens():
        if request.param == "postgres":
            parts = [PostgresStore(database_url), PostgresHistory(database_url)]
            said = PostgresReadings(database_url)
        else:
            config = tmp_path / "config"
            parts = [JsonStore(config), SqliteHistory(config / "history.sqlite3")]
            said = SqliteReadings(config / "readings.sqlite3")
        for each in parts:
            each.open()
        parts.append(DeviceHistory(said, now=lambda: NOW))
        opened.extend(parts)
        return parts

    yield opens
    for each in opened:
        each.close()


def filled(store, history, readings, documents, *, zone):
    store.set_many(documents)
    samples = [
        HistorySample(NOW - timedelta(minutes=7 * n), zone=zone, temperature=20.0)
        for n in range(300)
    ]
    history.write(samples, now=NOW)
    while history.roll_up(now=NOW):
        pass
    while zone == "new" and history.purge(NOW - timedelta(hours=20), limit=500):
        pass
    readings.record(DeviceReading(NOW - timedelta(minutes=9), zone, "CO2", 600.5))
    readings.flush()


@pytest.fixture
def file(tmp_path):
    with (
        closing(SqliteHistory(tmp_path / "new.sqlite3")) as history,
        DeviceHistory(SqliteReadings(tmp_path / "said"), now=lambda: NOW) as said,
    ):
        store = MemoryStore()
        filled(store, history, said, NEW, zone="new")
        back_up(store, history, tmp_path / "home.backup", readings=said)
    return tmp_path / "home.backup"


def documents_of(store):
    return {key: store.get(key) for key in store.keys()}  # noqa: SIM118 - a store is no dict


def rows_of(history, zone):
    return [
        tuple(row.values())
        for row in history.rows(NOW - timedelta(days=9), NOW, zone=zone)
    ]


@pytest.mark.parametrize("place", ["files", "postgres"], indirect=True)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_step_it_is_the_old_or_the_new_whole_and_said(
    place, file, after, monkeypatch
):
    monkeypatch.setattr(archive, "_WRITE_ROWS", 100)
    store, history, readings = place()
    filled(store, history, readings, OLD, zone="old")
    before, whole, seen = rows_of(history, "old"), OLD | NEW, []
    step = 0
    while True:
        step += 1
        store.set_many(OLD)
        store.delete("more")
        steps = Steps(step, after=after)
        parts = [steps.of(each) for each in place()]
        try:
            restore(parts[0], parts[1], file, readings=parts[2], now=lambda: NOW)
            break
        except Killed:
            found = documents_of(store)
            assert found in (OLD, whole), step
            assert rows_of(history, "old") == before
            seen.append((found == whole, len(interrupted(store))))
            if found == whole:  # what the documents rest on is there before them
                assert len(rows_of(history, "new")) == ROWS
    assert interrupted(store) == []
    assert documents_of(store) == whole
    assert len(rows_of(history, "new")) == ROWS
    assert len(history.frozen_hours(limit=99)) > 10
    # Old and told of, then new and told of, then new. Before the first step nothing began.
    assert seen[after == 0 :] == sorted(seen[after == 0 :], key=lambda each: each[0])
    assert all(told == 1 for new, told in seen[after == 0 :] if not new)
    assert {new for new, _ in seen} == {False, True}


KILLS = {
    "files, at the rows": ("json", "SqliteHistory.write"),
    "files, at the documents": ("json", "JsonStore.set_many"),
    "files, at its end": ("json", "JsonStore.delete"),
    "a database, at the rows": ("postgres", "PostgresHistory.write"),
    "a database, at the documents": ("postgres", "PostgresStore.set_many"),
}


@pytest.mark.parametrize(("backend", "at"), KILLS.values(), ids=KILLS)
def test_killed_it_is_told_by_health_and_doctor_until_the_command_that_they_say(
    backend, at, invoke, environment, request, file
):
    if backend == "postgres":
        url = request.getfixturevalue("database_url")
        environment(STORE_BACKEND="postgres", POSTGRES_URL=url, STORE_FALLBACK="refuse")
    invoke("set", "settings", '{"n": 1}')
    program = f"""
        import os, signal, sys
        from switchbot_store import {at.partition(".")[0]}
        from switchbot_store.cli.app import application
        {at} = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
        application(["restore", sys.argv[1], "--yes"])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(file)],
        check=False,
        capture_output=True,
        env=dict(os.environ),
    )
    assert done.returncode == -signal.SIGKILL
    told = invoke("health", "--json").json
    assert told["status"] == "degraded"
    assert "restoring home.backup" in told["last_error"]
    found = [
        each
        for each in invoke("doctor", "--json", code=int(backend == "postgres")).json[
            "findings"
        ]
        if each["check"] == "restore"
    ]
    assert [each["level"] for each in found] == ["warning"]
    for words in (told["last_error"], found[0]["message"]):
        command = shlex.split(words.split("`")[1])
        assert command == ["switchbot-store", "restore", str(file)]
    invoke(*command[1:], "--yes")
    assert invoke("get", "settings").json == {"n": 2}
    assert invoke("health", "--json").json["status"] == "ok"


def test_of_one_home_the_command_says_which(file):
    store = MemoryStore()
    begun(HomeStore(store, "flat-2"), file, NOW)
    command = shlex.split(interrupted(store)[0].split("`")[1])
    assert command[1:] == ["--home", "flat-2", "restore", str(file)]


def test_looking_leaves_the_note_as_it_is_and_documents_are_told_of_beside_it(
    invoke, environment, file, tmp_path
):
    """A crash may have left it empty, as anything that was just written."""
    invoke("set", "settings", '{"n": 1}')
    config = tmp_path / "config"
    with JsonStore(config) as store:
        begun(store, file, NOW)
    note = config / "_restore.json"
    note.write_bytes(b"")
    os.utime(note, (0, 0))
    for good in (True, False):
        if not good:
            (config / "._restore.good").unlink()
        before = sorted(each.name for each in config.iterdir())
        told = invoke("health", "--json").json
        assert told["status"] == "degraded"
        assert all(each["reachable"] for each in told["stores"])
        found = [each["check"] for each in invoke("doctor", "--json").json["findings"]]
        assert "restore" in found
        assert "documents" not in found
        assert note.read_bytes() == b""
        assert sorted(each.name for each in config.iterdir()) == before
    with JsonStore(config) as store:
        assert "has not ended" in interrupted(store)[0]


def test_while_one_runs_nobody_is_told_that_it_was_cut_off(
    invoke, environment, file, tmp_path, monkeypatch
):
    monkeypatch.setattr(archive, "_WRITE_ROWS", 100)
    told, advised = [], []

    def look(_part, what):
        if what == "writing":
            told.append(invoke("health", "--json").json["last_error"])
            for each in invoke("doctor", "--json").json["findings"]:
                if each["check"] == "restore":
                    told.append(each["message"])
                    advised.append(each["advice"])

    invoke("set", "settings", '{"n": 1}')
    with JsonStore(tmp_path / "config") as store:
        restore(store, None, file, progress=look)
    assert len(told) == 2 * len(advised) > 0
    assert all("it still runs or was cut off" in each for each in told)
    assert all(each.startswith("Let it end where it still runs") for each in advised)


def test_where_the_file_is_gone_a_backup_of_what_there_is_ends_the_note(file, tmp_path):
    store = MemoryStore()
    store.set_many(OLD)
    begun(store, file, NOW)
    back_up(store, None, tmp_path / "now")
    assert restore(store, None, tmp_path / "now").documents == 0
    assert interrupted(store) == []
    assert documents_of(store) == OLD


def test_a_home_that_is_deleted_takes_its_note_along():
    store = MemoryStore()
    for name in ("42", "421"):
        home = HomeStore(store, name)
        home.set("settings", {"n": 1})
        begun(home, "home.backup", NOW)
    delete_home(store, None, "42")
    assert [each.partition(":")[0] for each in interrupted(store)] == ["421"]


def test_a_database_says_so_too(invoke, environment, file, database_url):
    environment(STORE_BACKEND="postgres", POSTGRES_URL=database_url)
    with PostgresStore(database_url) as store:
        for each in (store, HomeStore(store, "42")):
            begun(each, file, NOW)
    told = invoke("health", "--json").json
    assert told["status"] == "degraded"
    assert (
        "42: restoring home.backup, begun 2026-01-20T12:30:00+00:00"
        in told["last_error"]
    )
    found = [
        each
        for each in invoke("doctor", "--json", code=1).json["findings"]
        if each["check"] == "restore"
    ]
    assert len(found) == 2


def test_documents_that_are_too_many_come_after_the_rows_all_the_same(
    file, tmp_path, monkeypatch
):
    monkeypatch.setattr(archive, "_TOGETHER_BYTES", 20)
    with closing(SqliteHistory(tmp_path / "rows.sqlite3")) as history:
        history.open()
        store = MemoryStore()
        store.set_many(OLD)
        written = store.set_many
        many = []

        def set_many(documents):
            assert len(rows_of(history, "new")) == ROWS
            assert len(interrupted(store)) == 1
            many.append(list(documents))
            return written(documents)

        store.set_many = set_many
        assert restore(store, history, file, now=lambda: NOW).documents == 3
    assert documents_of(store) == OLD | NEW
    assert len(many) > 1


def test_a_place_that_cannot_be_written_is_refused_before_anything_is(file, tmp_path):
    """The note is the first thing that is written, and nothing goes on without it."""
    with closing(SqliteHistory(tmp_path / "rows.sqlite3")) as history:
        history.open()
        store = MemoryStore()

        def full(*_arguments):
            raise StoreUnavailableError("no space left")

        store.set = full
        with pytest.raises(StoreUnavailableError, match="no space"):
            restore(store, history, file, now=lambda: NOW)
        assert history.latest(1) == []


def test_a_backup_of_many_homes_is_not_put_below_one_of_them(
    invoke, environment, tmp_path
):
    store = MemoryStore()
    HomeStore(store, "42").set("settings", {"n": 1})
    back_up(store, None, tmp_path / "all")
    one = HomeStore(MemoryStore(), "7")
    for refused in (plan_restore, lambda into, path: restore(into, None, path)):
        with pytest.raises(StoreDataError, match="whole place, with the homes 42"):
            refused(one, tmp_path / "all")
    assert one.store.keys() == []
    environment(SWITCHBOT_HOME="7")
    assert "SWITCHBOT_HOME" in invoke("restore", tmp_path / "all", code=1).err
