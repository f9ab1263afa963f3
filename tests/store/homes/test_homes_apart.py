"""No home sees or touches what is another's, whatever they are called."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switchbot_store import (
    HistorySample,
    HistoryService,
    HomeStore,
    JsonStore,
    MemoryStore,
    PostgresHistory,
    PostgresStore,
    SqliteHistory,
    StoreConfigError,
    StoreConflictError,
    checked_home,
)
from switchbot_store.backup import delete_home, export_home, list_homes, restore
from switchbot_store.history.home import HomeBackend
from switchbot_store.history.model import RowKey

AT = datetime(2026, 1, 12, 12, tzinfo=UTC)


def _may_be(name):
    try:
        checked_home(name)
    except StoreConfigError:
        return False
    return True


# Few letters, so that names begin alike, and those that patterns and paths stumble over.
HOMES = st.text("4aÄ%_.-*\\'", min_size=1, max_size=4).filter(_may_be)
NAMES = st.text("4aÄ%_.-/", min_size=1, max_size=6)
WRITES = st.lists(st.tuples(HOMES, NAMES), min_size=1, max_size=8)


@pytest.fixture(params=["memory", "files", "postgres"])
def whole(request, tmp_path):
    if request.param == "memory":
        made = MemoryStore()
    elif request.param == "files":
        made = JsonStore(tmp_path / "config")
    else:
        made = PostgresStore(request.getfixturevalue("migrated_database_url"))
    with made as store:
        yield store


@pytest.fixture(params=["sqlite", "postgres"])
def place(request, tmp_path):
    if request.param == "sqlite":
        made = SqliteHistory(tmp_path / "rows.sqlite")
    else:
        made = PostgresHistory(request.getfixturevalue("migrated_database_url"))
    made.open()
    with closing(made) as backend:
        yield backend


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(WRITES, HOMES)
def test_documents_are_those_of_the_home_that_wrote_them(whole, writes, gone):
    whole.forget("")
    written = {}
    for number, (home, name) in enumerate(writes):
        HomeStore(whole, home).set(name, {"number": number})
        written[home, name] = {"number": number}
    homes = {home for home, _ in writes}
    assert list_homes(whole) == sorted(homes)
    delete_home(whole, None, gone)
    for home in homes | {gone}:
        view = HomeStore(whole, home)
        mine = {name: data for (of, name), data in written.items() if of == home}
        expected = {} if home == gone else mine
        assert {name: view.get(name) for name in view.keys_with("")} == expected
        entries = view.get_many(mine)
        assert {name: each.data for name, each in entries.items()} == {
            name: expected.get(name, {}) for name in mine
        }
    assert list_homes(whole) == sorted(homes - {gone})


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(WRITES, HOMES)
def test_rows_are_those_of_the_home_that_recorded_them(place, writes, gone):
    for zone in place.zones():
        place.delete_zone(zone)
    written = {}
    for number, (home, zone) in enumerate(writes):
        at = AT + timedelta(minutes=number)
        sample = HistorySample(at, zone, temperature=float(number))
        HomeBackend(place, home).write([sample], now=at)
        written.setdefault(home, []).append((at, zone, float(number)))
    history = HistoryService(place)
    assert history.of_home(gone).forget() == len(written.get(gone, []))
    written.pop(gone, None)
    end = AT + timedelta(days=1)
    for home in written.keys() | {gone}:
        view, mine = HomeBackend(place, home), written.get(home, [])
        rows = view.rows(AT, end)
        assert [(row.timestamp, row.zone, row.temperature) for row in rows] == mine
        assert view.latest(3) == rows[-3:]
        assert view.oldest() == (mine[0][0] if mine else None)
        assert view.newest(before=end) == (mine[-1][0] if mine else None)
        assert view.aggregates(AT)["count"] == len(mine)
        assert view.zones() == sorted({zone for _, zone, _ in mine})
        pages, after = [], None
        while page := view.rows(AT, end, after=after, limit=2):
            pages += page
            after = RowKey(page[-1].timestamp, page[-1].zone)
        assert pages == rows


def test_a_home_is_moved_by_its_backup_and_leaves_nothing(whole, tmp_path):
    """Also its lease and the documents that the engine keeps for itself go."""
    one = HomeStore(whole, "1")
    one.set_many({"settings": {"mode": "winter"}, "_past/settings": {"versions": []}})
    assert one.lease("leader", 60) is not None
    HomeStore(whole, "11").set("settings", {"mode": "summer"})
    assert HomeStore(whole, "11").lease("leader", 60) is not None
    export_home(whole, None, "1", tmp_path / "one.backup")
    assert delete_home(whole, None, "1").documents == 3
    assert list_homes(whole) == ["11"]
    restore(HomeStore(whole, "2"), None, tmp_path / "one.backup")
    assert HomeStore(whole, "2").get("settings") == {"mode": "winter"}
    assert HomeStore(whole, "11").get("settings") == {"mode": "summer"}


def test_a_conflict_is_told_by_the_name_that_the_home_uses(whole):
    view = HomeStore(whole, "42")
    view.set("settings", {"n": 1})
    with pytest.raises(StoreConflictError) as caught:
        view.compare_and_set("settings", {}, "another")
    assert caught.value.key == "settings"


@pytest.mark.parametrize(
    "home", ["", "a/b", "/", "a b", "_a", "x" * 65, "\0", "\ud800"]
)
def test_names_that_no_home_can_have_are_refused(home):
    for make in (
        lambda: HomeStore(MemoryStore(), home),
        lambda: HomeBackend(SqliteHistory(":memory:"), home),
        lambda: delete_home(MemoryStore(), None, home),
    ):
        with pytest.raises(StoreConfigError):
            make()
