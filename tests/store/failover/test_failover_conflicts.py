"""A document changed in two places: one is kept, the other is kept too, elsewhere."""

import datetime as dt
import os

import pytest

from switchbot_store import (
    Entry,
    FailoverStore,
    MemoryStore,
    PostgresStore,
    StoreConfigError,
    StoreConflictError,
    StoreDataError,
)
from switchbot_store.failover.conflicts import read_conflicts
from switchbot_store.testing import TcpProxy

LATER = dt.timedelta(hours=1)


@pytest.fixture
def proxy(postgres_server):
    with TcpProxy(postgres_server.port) as running:
        yield running


@pytest.fixture
def host(database_url, proxy, on_postgres):
    """A host whose way to the database can be cut, with any clock and policy."""
    import psycopg  # noqa: PLC0415 - only here

    url = psycopg.conninfo.make_conninfo(database_url, port=proxy.port)

    def make(**options):
        return on_postgres(url, **options)

    return make


@pytest.fixture
def cut(proxy):
    def do():
        proxy.refuse()
        proxy.reset()

    return do


def local_clock(offset):
    return lambda: dt.datetime.now(dt.UTC) + offset


@pytest.mark.parametrize(
    ("policy", "offset", "kept"),
    [
        ("newest", LATER, "local"),
        ("newest", -LATER, "remote"),
        ("local", -LATER, "local"),
        ("remote", LATER, "remote"),
        (lambda _key, local, _remote: local, -LATER, "local"),
        (lambda _key, _local, remote: remote, LATER, "remote"),
    ],
)
def test_a_policy_picks_one_and_the_other_is_listed(
    host, cut, proxy, direct, until_back, policy, offset, kept
):
    store = host(policy=policy, now=local_clock(offset))
    store.set("settings", {"who": "both"})
    cut()
    store.set("settings", {"who": "local"})
    handed_out = store.get_entry("settings").revision
    direct.set("settings", {"who": "remote"})
    proxy.accept()
    until_back(store)
    lost = "remote" if kept == "local" else "local"
    assert store.get("settings") == direct.get("settings") == {"who": kept}
    (conflict,) = store.conflicts()
    assert (conflict.key, conflict.data) == ("settings", {"who": lost})
    assert (conflict.origin, conflict.kept) == (lost, kept)
    assert conflict.updated_at is not None
    store.close()
    assert read_conflicts(store.directory) == [conflict]
    if kept == "local":
        assert direct.compare_and_set("settings", {}, handed_out)
    else:
        with pytest.raises(StoreConflictError):
            direct.compare_and_set("settings", {}, handed_out)


def test_a_callable_may_make_one_of_both(host, cut, proxy, direct, until_back):
    seen = []

    def merge(key, local, remote):
        seen.append((key, local, remote))
        return {**remote.data, **local.data}

    store = host(policy=merge)
    store.set("settings", {"base": 1})
    cut()
    store.set("settings", {"local": 1})
    direct.set("settings", {"remote": 1})
    proxy.accept()
    until_back(store)
    assert store.get("settings") == direct.get("settings") == {"local": 1, "remote": 1}
    assert [each.data for each in store.conflicts()] == [{"local": 1}, {"remote": 1}]
    ((key, local, remote),) = seen
    assert isinstance(local, Entry)
    assert isinstance(remote, Entry)
    assert (key, local.data, remote.data) == ("settings", {"local": 1}, {"remote": 1})


@pytest.mark.parametrize(
    "policy",
    [
        lambda *_: 1 / 0,
        lambda *_: None,
        lambda *_: {"not": object()},
        lambda *_: "local",
    ],
)
def test_a_policy_that_fails_loses_nothing(
    host, cut, proxy, direct, until_back, policy
):
    store = host(policy=policy, now=local_clock(LATER))
    store.set("settings", {"who": "both"})
    cut()
    store.set("settings", {"who": "local"})
    direct.set("settings", {"who": "remote"})
    proxy.accept()
    until_back(store)
    assert direct.get("settings") == {"who": "local"}
    assert [each.data for each in store.conflicts()] == [{"who": "remote"}]


def test_an_unknown_policy_or_profile_is_refused(tmp_path, flaky):
    with pytest.raises(StoreConfigError, match="newest, local, remote"):
        FailoverStore(flaky, tmp_path, policy="latest")
    with pytest.raises(StoreConfigError, match="interactive, economy"):
        FailoverStore(flaky, tmp_path, profile="cheap")


def test_the_same_change_in_both_places_is_no_conflict(
    host, cut, proxy, direct, until_back
):
    store = host()
    store.set("settings", {"n": 1})
    cut()
    store.set("settings", {"n": 2})
    revision = store.get_entry("settings").revision
    direct.set("settings", {"n": 2})
    proxy.accept()
    until_back(store)
    assert store.conflicts() == []
    assert store.get_entry("settings").revision == revision


@pytest.mark.parametrize(("offset", "left"), [(LATER, {}), (-LATER, {"who": "remote"})])
def test_a_deletion_is_a_change_like_another(
    host, cut, proxy, direct, until_back, offset, left
):
    store = host(now=local_clock(offset))
    store.set("settings", {"who": "both"})
    cut()
    assert store.delete("settings")
    direct.set("settings", {"who": "remote"})
    proxy.accept()
    until_back(store)
    assert store.get("settings") == direct.get("settings") == left
    (conflict,) = store.conflicts()
    assert conflict.data == ({} if left else {"who": "remote"})


def test_what_somebody_deleted_meanwhile_is_written_again(
    host, cut, proxy, direct, until_back
):
    store = host()
    store.set("settings", {"n": 1})
    cut()
    store.set("settings", {"n": 2})
    direct.delete("settings")
    proxy.accept()
    until_back(store)
    assert direct.get("settings") == {"n": 2}
    assert store.conflicts() == []


def test_other_documents_are_carried_over_beside_a_conflict(
    host, cut, proxy, direct, until_back
):
    store = host()
    store.set_many({f"state/{n}": {"n": 0} for n in range(20)})
    cut()
    for number in range(20):
        store.set(f"state/{number}", {"n": 1})
    direct.set("state/7", {"n": 7})
    proxy.accept()
    proxy.clear()
    until_back(store)
    replays = [text for text in proxy.statements if "recordset" in text]
    assert len(replays) == 1
    found = direct.get_many([f"state/{n}" for n in range(20)])
    assert {key for key, entry in found.items() if entry.data != {"n": 1}} <= {
        "state/7"
    }
    assert [each.key for each in store.conflicts()] == ["state/7"]


def test_a_document_that_the_primary_refuses_does_not_stop_the_others(
    host, cut, proxy, direct, until_back, monkeypatch
):
    store = host()
    store.set("a", {"n": 1})
    cut()
    store.set_many({key: {"n": 2, "key": key} for key in "abcde"})
    primary = store._primary.store
    replay = PostgresStore.replay

    def picky(writes):
        if any(write.key == "c" for write in writes):
            raise StoreDataError("cannot keep this")
        return replay(primary, writes)

    monkeypatch.setattr(primary, "replay", picky)
    proxy.accept()
    until_back(store)
    assert direct.keys() == ["a", "b", "d", "e"]
    (conflict,) = store.conflicts()
    assert (conflict.key, conflict.data, conflict.kept) == (
        "c",
        {"n": 2, "key": "c"},
        "none",
    )
    assert "cannot keep this" in conflict.reason


def test_two_hosts_that_were_both_away_lose_nothing(
    host, cut, proxy, direct, until_back, database_url
):
    one, other = host(directory="one"), host(directory="other")
    one.set("settings", {"who": "both"})
    other.get("settings")
    cut()
    one.set("settings", {"who": "one"})
    other.set("settings", {"who": "other"})
    proxy.accept()
    until_back(one)
    until_back(other)
    kept = direct.get("settings")
    lost = [each.data for each in (*one.conflicts(), *other.conflicts())]
    assert kept == {"who": "other"}
    assert lost == [{"who": "one"}]


def test_many_conflicts_do_not_cost_a_disk_flush_each(make, flaky, monkeypatch):
    store = make(flaky, background=False, policy="local")
    documents = {f"k{number}": {"n": 0} for number in range(200)}
    store.set_many(documents)
    flaky.away = True
    store.set_many({key: {"who": "local"} for key in documents})
    for key in documents:
        MemoryStore.set(flaky, key, {"who": "remote"})
    flaky.away = False
    flushes = []
    really = os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: flushes.append(really(number)))
    assert store.resync()
    assert len(flushes) < 20
    assert {each.key for each in store.conflicts()} == documents.keys()
    assert all(each.data == {"who": "remote"} for each in store.conflicts())
    assert flaky.get("k7") == {"who": "local"}
    assert len(read_conflicts(store.directory)) == 200
