"""`--home` and `homes`: one home of a store, and the end of all that it has."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from switchbot_store import (
    FailoverStore,
    HistorySample,
    HistoryService,
    HomeStore,
    MemoryStore,
    PostgresHistory,
    PostgresStore,
    SqliteHistory,
    StoreConfig,
    StoreConflictError,
    StoreUnavailableError,
    get_history,
    get_store,
)
from switchbot_store.backup import delete_home
from tests.store.cli.conftest import environment, invoke, postgres  # noqa: F401
from tests.store.failover.conftest import FlakyStore

NOW = datetime(2026, 1, 20, 12, 30, tzinfo=UTC)
SECRET = "what-only-42-knows"


def fill(config, home):
    """Give a home documents of every kind, rows, hours and hours without rows."""
    word = {"word": f"what-only-{home}-knows"}
    with get_store(config) as whole:
        view = HomeStore(whole, home)
        view.set_many({"settings": word, "state/living": word, "_past/settings": word})
        view.set("settings", word | {"again": True})
        view.delete("state/living")
    place = get_history(config).backend
    with closing(HistoryService(place, now=lambda: NOW)) as service:
        rows = service.of_home(home)
        for number in range(300):
            at = NOW - timedelta(minutes=5 * number)
            rows.record(HistorySample(at, "living", 20.0, metadata=word))
        service.flush()
        service.roll_up()


@pytest.fixture(params=["json", "postgres"])
def config(request, environment):  # noqa: F811
    if request.param == "postgres":
        request.getfixturevalue("postgres")
    return StoreConfig.from_env()


def test_a_home_is_listed_exported_and_deleted(config, invoke, tmp_path):  # noqa: F811
    for home in ("4", "42", "42x"):
        fill(config, home)
    assert invoke("homes", "list").out.split() == ["4", "42", "42x"]
    told = invoke("homes", "export", "42", tmp_path / "42.backup", "--json").json
    assert (told["documents"], told["rows"]) == (1, 300)
    invoke("homes", "delete", "42", code=2)
    told = invoke("homes", "delete", "42", "--yes", "--json").json
    assert told == {"documents": 2, "rows": 300}
    assert invoke("homes", "list").out.split() == ["4", "42x"]
    assert invoke("--home", "4", "get", "settings", "--json").json["data"]["word"]
    assert invoke("--home", "42", "get").out == ""
    invoke("--home", "7", "restore", tmp_path / "42.backup", "--yes")
    assert SECRET in invoke("--home", "7", "get", "settings").out
    out = tmp_path / "rows.csv"
    invoke("--home", "7", "history", "export", out, "--from", "2026-01-01")
    lines = out.read_text().splitlines()
    assert len(lines) == 301
    assert ",living," in lines[1] or "living" in lines[1].split(",")


def test_the_home_is_also_told_by_the_environment(config, environment, invoke):  # noqa: F811
    fill(config, "42")
    fill(config, "4")
    environment(SWITCHBOT_HOME="42")
    assert invoke("get").out.split() == ["settings"]
    invoke("set", "settings", '{"of": 42}')
    environment(SWITCHBOT_HOME="4")
    assert "what-only-4-knows" in invoke("get", "settings").out
    environment(SWITCHBOT_HOME="a/b")
    assert "SWITCHBOT_HOME" in invoke("get", code=2).err


def test_a_home_that_is_told_and_has_no_name_is_not_no_home(config, invoke):  # noqa: F811
    """As `--home "$HOME_NAME"` in a script where that is not set."""
    with get_store(config) as store:
        store.set("settings", {"word": "of the one home"})
    told = invoke("--home", "", "set", "settings", "{}", code=2)
    assert "--home names no home" in told.err
    with get_store(config) as store:
        assert store.get("settings") == {"word": "of the one home"}


def test_nothing_of_a_deleted_home_is_left_on_the_disk(
    environment,  # noqa: F811
    invoke,  # noqa: F811
    tmp_path,
):
    """Neither in documents and their earlier generations, nor in rows."""
    config = StoreConfig.from_env()
    fill(config, "42")
    fill(config, "7")
    assert holding(config.directory, SECRET)
    invoke("homes", "delete", "42", "--yes")
    with closing(sqlite3.connect(config.directory / "history.sqlite3")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert holding(config.directory, SECRET) == []
    assert holding(config.directory, "what-only-7-knows")


def test_mirror_journal_and_conflicts_forget_it_too(tmp_path):
    """A deletion that only waits in the journal is none yet, and is told of."""
    primary = FlakyStore()
    with FailoverStore(primary, tmp_path / "config", background=False) as store:
        for home in ("42", "7"):
            view = HomeStore(store, home)
            view.set_many(
                {"settings": {"word": f"what-only-{home}-knows"}, "_told/x": {}}
            )
        primary.away = True
        for home in ("42", "7"):
            HomeStore(store, home).set("settings", {"mine": f"what-only-{home}-knows"})
        primary.away = False
        for home in ("42", "7"):
            HomeStore(primary, home).set(
                "settings", {"theirs": f"what-only-{home}-knows"}
            )
        store.resync()
        assert {each.key for each in store.conflicts()} == {
            "homes/42/settings",
            "homes/7/settings",
        }
        store.maintain()
        primary.away = True
        HomeStore(store, "42").set("state", {"word": SECRET})
        with pytest.raises(StoreUnavailableError, match="wait for the primary"):
            delete_home(store, None, "42")
        primary.away = False
        store.resync()
        delete_home(store, None, "42")
        assert [each.key for each in store.conflicts()] == ["homes/7/settings"]
    assert [key for key in primary._documents if "42" in key] == []
    assert holding(tmp_path / "config", SECRET) == []
    assert holding(tmp_path / "config", "what-only-7-knows")


class Visited(MemoryStore):
    """A store of which a worker visits a home after each deletion, while it has settings."""

    def delete(self, key):
        began = bool(self.get_entry("homes/42/settings").revision)
        gone = super().delete(key)
        if began:  # what it read it writes, made anew where it is gone
            self.set_many({f"homes/42/{name}": {} for name in ("_visit", "state")})
        return gone


def test_a_home_is_gone_though_a_worker_visits_it_meanwhile():
    with Visited() as store:
        HomeStore(store, "42").set_many(
            {name: {} for name in ("_past/settings", "_visit", "settings", "state")}
        )
        assert delete_home(store, None, "42").documents == 4
        assert store.keys_with("homes/42/") == []


def test_a_home_that_somebody_makes_again_and_again_is_told_of():
    class Kept(MemoryStore):
        def delete(self, key):
            gone = super().delete(key)
            self.set("homes/42/state", {})
            return gone

    with Kept() as store:
        HomeStore(store, "42").set("settings", {})
        with pytest.raises(StoreConflictError, match="homes/42/state"):
            delete_home(store, None, "42")


def test_rows_that_wait_or_were_set_aside_are_forgotten(tmp_path):
    """Those of other homes wait on."""
    rows = SqliteHistory(tmp_path / "no" / "rows.sqlite")
    (tmp_path / "no").write_text("a file where the directory should be")
    quarantine = tmp_path / "aside.jsonl"
    history = HistoryService(
        rows, spill=tmp_path / "spill.sqlite", quarantine=quarantine, now=lambda: NOW
    )
    for home in ("42", "7"):
        word = {"word": f"what-only-{home}-knows"}
        view = history.of_home(home)
        view.record(HistorySample(NOW, "living", metadata=word))
        view.record(HistorySample(NOW, "living", temperature=1e300, metadata=word))
    history.flush()
    assert (history.status().spilled, history.status().quarantined) == (2, 2)
    (tmp_path / "no").unlink()
    history.of_home("42").forget()
    history.flush()
    assert [row.zone for row in history.latest(9)] == ["7/living"]
    history.close()
    assert holding(tmp_path, SECRET) == []
    assert holding(tmp_path, "what-only-7-knows")


def test_a_home_in_postgres_leaves_no_row_in_any_table(migrated_database_url):
    import psycopg  # noqa: PLC0415 - for this test alone

    place = PostgresHistory(migrated_database_url)
    history = HistoryService(place, now=lambda: NOW, retention_days=1)
    for home in ("42", "7"):
        for number in range(24 * 6):
            at = NOW - timedelta(minutes=30 * number)
            history.of_home(home).record(HistorySample(at, "living", 20.0))
    history.flush()
    history.roll_up()
    place.purge(NOW - timedelta(days=1), limit=10**6)
    with PostgresStore(migrated_database_url) as store:
        HomeStore(store, "42").set("settings", {})
        delete_home(store, history, "42")
    history.close()
    with psycopg.connect(migrated_database_url) as connection:
        tables = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND column_name IN ('zone', 'kind')"
        ).fetchall()
        assert len(tables) >= 5
        for table, column in tables:
            found = connection.execute(
                f"SELECT DISTINCT {column} FROM {table} WHERE {column} ~ '42'"
            ).fetchall()
            assert found == [], table
        (left,) = connection.execute(
            "SELECT count(*) FROM state_history_hourly WHERE zone = '7/living'"
        ).fetchone()
        assert left > 40


def holding(directory, word):
    """Return the files below a directory that hold a word."""
    return [
        str(path)
        for path in directory.rglob("*")
        if path.is_file() and word.encode() in path.read_bytes()
    ]


def test_files_are_imported_into_the_home_that_is_chosen(
    postgres,  # noqa: F811
    invoke,  # noqa: F811
    tmp_path,
):
    file = tmp_path / "settings.json"
    file.write_text('{"of": 42}')
    whole = StoreConfig.from_env()
    with get_store(whole) as store:
        store.set("settings", {"of": "the only home"})
    invoke("--home", "42", "import", "--settings-path", file)
    with get_store(whole) as store:
        assert store.get("settings") == {"of": "the only home"}
        assert HomeStore(store, "42").get("settings") == {"of": 42}
    # What is about the place is so whatever home is chosen.
    assert invoke("--home", "42", "health", "--json").json
    invoke("--home", "42", "migrate")


def test_a_home_that_is_gone_writes_over_no_export_of_it(environment, invoke, tmp_path):  # noqa: F811
    config = StoreConfig.from_env()
    fill(config, "42")
    file = tmp_path / "42.zip"
    assert invoke("homes", "export", "42", file).code == 0
    kept = file.read_bytes()
    assert invoke("homes", "delete", "42", "--yes").code == 0
    again = invoke("homes", "export", "42", file, "--json", code=1)
    assert "nothing of the home '42'" in again.err
    assert file.read_bytes() == kept


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("homes", "list"), "there is no home"),
        (("get",), "there is no document"),
        (("history", "status"), "none"),
    ],
)
def test_a_list_of_nothing_says_so(environment, invoke, words, told):  # noqa: F811
    found = invoke(*words)
    assert found.code == 0
    assert told in found.out + found.err
