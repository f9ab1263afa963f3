"""`backup` and `restore`: everything, into any backend, or an error."""

import gzip
import hashlib
import json
import os
import pty
import re
import select
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from switchbot_store import (
    HistorySample,
    HistoryService,
    JsonStore,
    MemoryStore,
    PostgresHistory,
    PostgresStore,
    SqliteHistory,
    StoreConfig,
    StoreDataError,
    StoreUnavailableError,
)
from switchbot_store.backup.archive import (
    StoreSource,
    back_up,
    back_up_source,
    plan_restore,
    restore,
)
from switchbot_store.backup.format import BackupReader, BackupWriter, Counts
from switchbot_store.doctor import Inspection
from switchbot_store.history import frozen

NOW = datetime(2026, 1, 20, 12, 30, tzinfo=UTC)
START = NOW - timedelta(days=12)
DOCUMENTS = {
    "settings": {"automation_enabled": True, "min_temp": 20.5},
    "state": {"last": None, "list": [1, [2], {"é": "\u2603"}]},
    "state/bed room": {},
    "long/" + "é" * 190: {"big": 2**63 - 1, "small": -1e-5},
}


def samples():
    for n in range(3000):
        yield HistorySample(
            START + timedelta(minutes=5 * n, microseconds=n),
            zone="default" if n % 3 else "bed room",
            temperature=None if n % 7 == 0 else 20 + n % 10 / 8,
            humidity=40.25 + n % 5,
            assumed_aircon_power=("on", "off", "unknown", None)[n % 4],
            last_action="é" if n % 11 == 0 else None,
            api_requests_today=n,
            error_count=n % 2,
            last_temperature_stale=n % 13 == 0,
            timezone="Europe/Berlin",
            metadata={"n": n, "deep": [{"x": None}]} if n % 5 == 0 else None,
        )


def fill(store, history):
    """A home of twelve days, the first four of which were summed up and deleted."""
    store.set_many(DOCUMENTS)
    store.lease("engine", 60)
    rows = [sample for sample in samples() if sample.timestamp < NOW]
    history.write(rows, now=NOW)
    settle(history)
    while history.purge(NOW - timedelta(days=8), limit=500):
        pass


def test_documents_that_no_store_could_keep_are_left_out_and_named(
    database_url, tmp_path, caplog
):
    """What another program wrote keeps nothing else from being backed up."""
    bad = {
        "broken": "[1]",
        "huge": '{"n": 123456789012345678901234567890}',
        "deep": '{"a": ' * 3000 + "1" + "}" * 3000,
        "k" * 300: "{}",
    }
    with PostgresStore(database_url) as store:
        store.set_many(DOCUMENTS)
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.cursor().executemany(
                "INSERT INTO json_store (kind, data) VALUES (%s, %s)", list(bad.items())
            )
        source = StoreSource(store, None)
        assert back_up_source(source, tmp_path / "all").documents == len(DOCUMENTS)
    assert sorted(source.missing) == ["broken", "deep", "huge"]
    left_out = re.findall(r"the document '(\w+)' is not in", caplog.text)
    assert sorted(left_out) == ["broken", "deep", "huge"]
    config = StoreConfig.from_env(
        {"STORE_BACKEND": "postgres", "POSTGRES_URL": database_url}
    )
    with Inspection(config.conninfo).snapshot() as snapshot:
        counts = back_up_source(snapshot, tmp_path / "as_it_is")
    assert counts.documents == len(DOCUMENTS)
    for name in ("all", "as_it_is"):
        with MemoryStore() as store:
            restore(store, None, tmp_path / name)
            assert {key: store.get(key) for key in sorted(store.keys())} == DOCUMENTS


def test_a_backup_without_a_document_that_is_there_is_not_said_to_be_whole(
    invoke, tmp_path
):
    invoke("set", "notes", '{"n": 1}')
    (tmp_path / "config" / "settings.json").write_text("[1]")
    told = invoke("backup", tmp_path / "file", code=1)
    assert "1 document, 0 rows" in told.out
    assert "could not be backed up: settings" in told.err
    invoke("restore", tmp_path / "file", "--dry-run")


def test_rows_that_no_history_could_keep_are_left_out_and_the_rest_is_restored(
    database_url, tmp_path, caplog
):
    with closing(PostgresHistory(database_url)) as history, MemoryStore() as store:
        history.open()
        history.write(list(samples())[:5], now=NOW)
        with psycopg.connect(database_url, autocommit=True) as connection:
            for zone, metadata in (
                ("", "{}"),
                ("z" * 300, "{}"),
                ("a list", "[1]"),
                ("huge", '{"n": 1e29}'),
            ):
                connection.execute(
                    "INSERT INTO state_history (zone, timestamp, metadata)"
                    " VALUES (%s, %s, %s)",
                    [zone, START, metadata],
                )
        source = StoreSource(store, history)
        assert back_up_source(source, tmp_path / "all").rows == 7
        assert source.left_out == 3
        assert caplog.text.count("no history could keep") == 1
        with closing(SqliteHistory(tmp_path / "rows.sqlite3")) as restored:
            restored.open()
            assert restore(store, restored, tmp_path / "all").rows == 7
            assert restored.zones() == ["a list", "bed room", "default", "huge"]
            assert restored.latest(1, zone="huge")[0].metadata is None


def settle(history):
    while history.roll_up(now=NOW):
        pass


def everything(store, history):
    """Return what a home sees of its store and its history."""
    service = HistoryService(history, now=lambda: NOW)
    charts = [
        service.query(START, NOW, points=200),
        service.query(START, NOW, bucket="day", timezone="Europe/Berlin"),
        service.query(NOW - timedelta(hours=5), NOW, bucket="15min"),
    ]
    return (
        {key: store.get(key) for key in store.keys()},  # noqa: SIM118 - a store is no dict
        history.rows(datetime(1, 1, 2, tzinfo=UTC), NOW),
        [[rounded(row) for row in chart.rows] for chart in charts],
    )


def rounded(row):
    return {
        name: round(value, 6) if isinstance(value, float) else value
        for name, value in row.items()
    }


@pytest.fixture
def homes(tmp_path, database_url):
    """Make open pairs of store and history of either kind."""
    opened = []

    def home(kind):
        if kind == "postgres":
            pair = PostgresStore(database_url), PostgresHistory(database_url)
        else:
            directory = tmp_path / f"{kind}-{len(opened)}"
            pair = JsonStore(directory), SqliteHistory(directory / "history.sqlite3")
        for each in pair:
            each.open()
        opened.extend(pair)
        return pair

    yield home
    for each in opened:
        each.close()


class Busy(MemoryStore):
    """Written by another between any two calls, two documents at once."""

    n = 0

    def _write(self):
        self.n += 1
        both = {"home/a": {"n": self.n}, "home/b": {"n": self.n}}
        super().set_many(both)

    def get_entry(self, key):
        self._write()
        return super().get_entry(key)

    def get_many(self, keys):
        self._write()
        return {key: super(Busy, self).get_entry(key) for key in keys}


def test_what_is_written_together_is_in_a_backup_together(tmp_path):
    store = Busy()
    store.set_many({"home/a": {"n": 0}, "home/b": {"n": 0}})
    back_up(store, None, tmp_path / "home.backup")
    with BackupReader(tmp_path / "home.backup") as reader:
        found = {record.data["n"] for record in reader.records()}
    assert len(found) == 1


def test_from_files_to_postgres_and_back_nothing_is_different(homes, tmp_path):
    files, postgres, again = homes("json"), homes("postgres"), homes("json")
    fill(*files)
    before = everything(*files)
    counts = back_up(*files, tmp_path / "first")
    assert counts.documents == len(DOCUMENTS)
    assert counts.rows == len(before[1])
    assert counts.hours > 100
    done = restore(*postgres, tmp_path / "first", now=lambda: NOW)
    assert (done.documents, done.rows, done.hours) == (4, counts.rows, counts.hours)
    assert everything(*postgres) == before
    assert back_up(*postgres, tmp_path / "second") == counts
    restore(*again, tmp_path / "second", now=lambda: NOW)
    assert everything(*again) == before
    # Leases are no document of the home's.
    assert again[0].get("_lease/engine") == {}


def test_of_a_document_that_only_grows_nothing_is_taken_back(tmp_path):
    store = MemoryStore()
    store.set("marks", {"ended": {"a": 1, "b": 1}, "by": "x"})
    back_up(store, None, tmp_path / "backup")
    now = {"only_grows": True, "ended": {"b": 2, "c": 3}}
    store.set("marks", now)
    assert plan_restore(store, tmp_path / "backup").changed == ["marks"]
    assert restore(store, None, tmp_path / "backup").documents == 1
    both = {**now, "ended": {"a": 1, "b": 2, "c": 3}, "by": "x"}
    assert store.get("marks") == both
    plan = plan_restore(store, tmp_path / "backup")
    assert (plan.unchanged, plan.newer) == (["marks"], [])


def test_restoring_twice_does_nothing_the_second_time(homes, tmp_path):
    files, postgres = homes("json"), homes("postgres")
    fill(*files)
    back_up(*files, tmp_path / "file")
    restore(*postgres, tmp_path / "file", now=lambda: NOW)
    revision = postgres[0].get_entry("settings").revision
    done = restore(*postgres, tmp_path / "file", now=lambda: NOW)
    assert (done.documents, done.rows, done.hours) == (0, 0, 0)
    assert postgres[0].get_entry("settings").revision == revision


def test_the_plan_says_what_becomes_of_each_document(homes, tmp_path):
    store, history = homes("json")
    store.set_many({"same": {"n": 1}, "other": {"n": 1}, "only here": {}})
    back_up(store, history, tmp_path / "file")
    target = MemoryStore()
    target.set_many({"same": {"n": 1}, "other": {"n": 2}, "mine": {}})
    plan = plan_restore(target, tmp_path / "file")
    assert plan.added == ["only here"]
    assert plan.changed == plan.newer == ["other"]
    assert plan.unchanged == ["same"]
    assert plan.kept == ["mine"]
    assert plan.counts == Counts(3, 0, 0)
    restore(target, None, tmp_path / "file")
    assert target.keys() == ["mine", "only here", "other", "same"]
    assert target.get("other") == {"n": 1}


def test_the_file_is_what_its_description_says(homes, tmp_path):
    store, history = homes("json")
    fill(store, history)
    counts = back_up(store, history, tmp_path / "file")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    *lines, end = gzip.decompress((tmp_path / "file").read_bytes()).splitlines(
        keepends=True
    )
    assert json.loads(lines[0])["format"] == "switchbot_store backup"
    last = json.loads(end)
    assert last["sha256"] == hashlib.sha256(b"".join(lines)).hexdigest()
    assert last["end"] == {"documents": 4, "rows": counts.rows, "hours": counts.hours}


@pytest.fixture(scope="module")
def sound_backup(tmp_path_factory):
    directory = tmp_path_factory.mktemp("sound")
    store = MemoryStore()
    history = SqliteHistory(directory / "history.sqlite3")
    fill(store, history)
    back_up(store, history, directory / "file")
    history.close()
    return (directory / "file").read_bytes()


def edited(data, change):
    lines = gzip.decompress(data).splitlines(keepends=True)
    change(lines)
    return gzip.compress(b"".join(lines))


DAMAGE = {
    "a bit": lambda data: data[:5000] + bytes([data[5000] ^ 4]) + data[5001:],
    "cut off": lambda data: data[:-2000],
    "cut off by a byte": lambda data: data[:-1],
    "no end": lambda data: edited(data, lambda lines: lines.pop()),
    "a row less": lambda data: edited(data, lambda lines: lines.pop(700)),
    "a row twice": lambda data: edited(
        data, lambda lines: lines.insert(700, lines[700])
    ),
    "another value": lambda data: edited(
        data,
        lambda lines: lines.__setitem__(900, lines[900].replace(b".25,", b".5,")),
    ),
    "something after the end": lambda data: edited(
        data, lambda lines: lines.append(lines[5])
    ),
    "an unknown kind": lambda data: edited(
        data, lambda lines: lines.insert(3, b'{"what": {}}\n')
    ),
    "an internal document": lambda data: edited(
        data,
        lambda lines: lines.insert(
            1, b'{"document":{"key":"_lease/x","updated_at":null,"data":{}}}\n'
        ),
    ),
    "nothing": lambda _data: b"",
    "no gzip": lambda _data: b"hello",
    "another format": lambda _data: gzip.compress(b'{"format": "tar"}\n'),
    "a later version": lambda data: edited(
        data,
        lambda lines: lines.__setitem__(
            0, lines[0].replace(b'"version":1', b'"version":2')
        ),
    ),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_file_changes_nothing(sound_backup, tmp_path, how):
    file = tmp_path / "file"
    file.write_bytes(DAMAGE[how](sound_backup))
    store, history = MemoryStore(), SqliteHistory(tmp_path / "h.sqlite3")
    with pytest.raises(StoreDataError):
        restore(store, history, file)
    assert store.keys() == []
    assert history.latest(1) == []
    history.close()


HOUR = {"zone": "default", "timestamp": "2026-01-01T00:00:00Z", "count": 3}
HOUR |= dict.fromkeys(frozen.COLUMNS) | {"count": 3, "error_count": 0}
HOUR |= {"temperature_seconds": 3600.0, "humidity_seconds": 0.0}
HOUR |= {"aircon_on_seconds": 0.0, "last_temperature_stale": False}


@pytest.mark.parametrize(
    "wrong",
    [
        *({name: 2**63} for name in ("count", "error_count", "temperature")),
        *({name: "a\0b"} for name in ("zone", "last_action", "timezone")),
        {"aircon_on_seconds": None},
        {"timestamp": "2026-01-01T00:30:00Z"},
    ],
    ids=str,
)
def test_an_hour_that_not_every_place_can_keep_is_damage_before_anything_is_written(
    wrong, tmp_path
):
    """SQLite takes what PostgreSQL does not, and the other way round."""
    with BackupWriter(tmp_path / "file", source="another program") as writer:
        writer.document("settings", {"n": 1})
        writer.hour(HOUR | wrong)
    with MemoryStore() as store:
        with pytest.raises(StoreDataError, match="is damaged: line 3"):
            restore(store, None, tmp_path / "file")
        assert store.keys() == []


def test_hours_that_no_history_could_keep_are_left_out_and_the_rest_is_restored(
    tmp_path, caplog
):
    """In the backup, each would keep all of it from being restored."""
    file = tmp_path / "foreign.sqlite3"
    with closing(SqliteHistory(file)) as history, MemoryStore() as store:
        history.open()
        sound = frozen.frozen_hour(HOUR)
        history.add_frozen_hours([{**sound, "zone": zone} for zone in "abcde"])
        with closing(sqlite3.connect(file)) as connection, connection:
            for zone, change in (
                ("b", "count = 'many'"),
                ("c", "last_action = 'a' || char(0)"),
                ("d", "temperature_seconds = 9e999"),
                ("e", "temperature = 9e999"),
            ):
                connection.execute(
                    f"UPDATE state_history_hourly SET {change} WHERE zone = '{zone}'"
                )
        source = StoreSource(store, history)
        assert back_up_source(source, tmp_path / "all").hours == 2
        assert source.left_out == 3
        assert caplog.text.count("no history could keep") == 1
        with closing(SqliteHistory(tmp_path / "restored.sqlite3")) as restored:
            restored.open()
            assert restore(store, restored, tmp_path / "all").hours == 2
            kept = restored.frozen_hours(limit=9)
    assert [(hour["zone"], hour["temperature"]) for hour in kept] == [
        ("a", None),
        ("e", None),
    ]


def test_what_cannot_be_finished_leaves_the_former_backup(homes, tmp_path):
    store, history = homes("json")
    fill(store, history)
    back_up(store, history, tmp_path / "file")
    before = (tmp_path / "file").read_bytes()
    history.rows = lambda *_arguments, **_options: 1 / 0
    with pytest.raises(ZeroDivisionError):
        back_up(store, history, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["file"]
    with pytest.raises(StoreUnavailableError, match="cannot write"):
        back_up(store, history, tmp_path / "no directory" / "file")


def test_memory_stays_flat(tmp_path):
    """Eight times the rows take the same memory, to write and to read."""
    program = """
        import gc, resource, sys
        from datetime import UTC, datetime, timedelta
        from switchbot_store import HistorySample, MemoryStore, SqliteHistory
        from switchbot_store.backup.archive import back_up, restore
        directory, count = sys.argv[1], int(sys.argv[2])
        start = datetime(2020, 1, 1, tzinfo=UTC)
        history = SqliteHistory(directory + "/from.sqlite3")
        for first in range(0, count, 3000):
            history.write([
                HistorySample(start + timedelta(seconds=30 * n), temperature=20.0)
                for n in range(first, first + 3000)], now=start)
        target = SqliteHistory(directory + "/to.sqlite3")
        back_up(MemoryStore(), history, directory + "/file")
        # The summary, which restoring makes at the end, has its own bounds.
        target.roll_up = lambda *, now: 0
        restore(MemoryStore(), target, directory + "/file", now=lambda: start)
        assert target.latest(1) == history.latest(1)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    """
    peaks = []
    for count in (3_000, 24_000):
        directory = tmp_path / str(count)
        directory.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program), directory, str(count)],
            check=True,
            capture_output=True,
            text=True,
        )
        peaks.append(int(done.stdout))
    assert peaks[1] < peaks[0] * 1.15


class TestCommands:
    def test_a_backup_of_files_comes_back_in_postgres(
        self, invoke, environment, database_url, tmp_path
    ):
        with JsonStore(tmp_path / "config") as store:
            history = SqliteHistory(tmp_path / "config" / "history.sqlite3")
            fill(store, history)
            before = everything(store, history)
            history.close()
        made = invoke("backup", tmp_path / "file", "--json").json
        assert made["documents"] == 4
        environment(STORE_BACKEND="postgres", POSTGRES_URL=database_url)
        plan = invoke("restore", tmp_path / "file", "--dry-run", "--json").json
        assert plan["dry_run"] is True
        assert plan["added"] == sorted(DOCUMENTS)
        with PostgresStore(database_url) as store:
            assert store.keys() == []
        done = invoke("restore", tmp_path / "file", "--json").json
        assert done["restored"]["rows"] == made["rows"] == len(before[1])
        with PostgresStore(database_url) as store:
            history = PostgresHistory(database_url)
            assert everything(store, history)[0] == before[0]
            assert everything(store, history)[1] == before[1]
            history.close()

    def test_a_damaged_file_ends_with_1(self, invoke, tmp_path):
        (tmp_path / "file").write_bytes(b"hello")
        assert "is damaged" in invoke("restore", tmp_path / "file", code=1).err

    def test_what_waits_in_the_journal_is_mentioned(
        self, invoke, environment, database_url, tmp_path
    ):
        from switchbot_store import get_store  # noqa: PLC0415 - here alone

        environment(
            STORE_BACKEND="postgres", POSTGRES_URL="postgresql://u@127.0.0.1:1/home"
        )
        with get_store() as store:
            store.set("settings", {})
        environment(POSTGRES_URL=database_url)
        done = invoke("backup", tmp_path / "file")
        assert "1 write in the journal" in done.err
        assert "resync" in done.err

    def test_a_terminal_sees_a_bar_and_is_asked(self, invoke, tmp_path):
        invoke("set", "notes", '{"n": 1}')
        invoke("backup", tmp_path / "file")
        invoke("set", "notes", '{"n": 2}')
        code, shown = at_a_terminal(
            "restore", tmp_path / "file", answer=b"n\n", when=b"(y/n)"
        )
        assert code == 1
        assert json.loads(invoke("get", "notes").out) == {"n": 2}
        code, shown = at_a_terminal(
            "restore", tmp_path / "file", answer=b"y\n", when=b"(y/n)"
        )
        assert code == 0
        assert re.search(r"\d+%", shown)
        assert json.loads(invoke("get", "notes").out) == {"n": 1}


def at_a_terminal(*arguments, answer, when):
    """Run a command on a terminal of its own; return exit code and what it showed."""
    pid, terminal = pty.fork()
    if pid == 0:
        command = [sys.executable, "-m", "switchbot_store.cli", *map(str, arguments)]
        os.execve(command[0], command, {**os.environ, "TERM": "xterm"})
    shown = b""
    answered = False
    while True:
        if not select.select([terminal], [], [], 60)[0]:
            # It waits for something else than was expected; nobody would end it.
            os.kill(pid, signal.SIGKILL)
            pytest.fail(f"it waits for an answer; shown: {shown.decode()!r}")
        try:
            chunk = os.read(terminal, 4096)
        except OSError:  # Linux says so when the other side is closed
            break
        if not chunk:
            break
        shown += chunk
        if when in shown and not answered:
            os.write(terminal, answer)
            answered = True
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), shown.decode(errors="replace")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked here")
def test_what_killed_backups_left_goes_with_the_next(tmp_path):
    place = tmp_path / "home.backup"

    def left():
        return sorted(each.name for each in tmp_path.iterdir())

    others = [tmp_path / ".home.backup.other.tmp", tmp_path / ".x.0123456789abcdef.tmp"]
    for other in others:
        other.write_text("somebody else's")
    pid = os.fork()
    if pid == 0:
        BackupWriter(place, source="killed").__enter__()
        os._exit(9)
    os.waitpid(pid, 0)
    with BackupWriter(place, source="under way"):
        for each in tmp_path.iterdir():
            os.utime(each, (0, 0))  # as of long ago
        assert len(left()) == 4  # just left, it could be of one that begins
        with BackupWriter(place, source="the next"):
            assert len(left()) == 4  # that of the killed one is gone, this one is there
    assert left() == sorted([place.name, *(each.name for each in others)])
