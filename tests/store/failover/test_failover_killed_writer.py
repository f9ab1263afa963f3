"""What a killed process had sent, and its successor never heard of, undoes nothing.

Its last write reaches the database and its mirror does not have it: the successor, which
starts while the database is away, goes on from what was acknowledged. No other host wrote,
so no clock and no policy decides; what the successor acknowledged is newer.
"""

import datetime as dt
import errno
import os
import shutil

import pytest

from switchbot_store import FailoverStore, PostgresStore
from switchbot_store.failover.journal import read_pending

YEARS = dt.timedelta(days=3650)


@pytest.fixture
def killed(on_postgres, through_proxy, tmp_path):
    """Make a host's first process and leave its directory as at a kill in a write."""

    def make(last_write, **options):
        first = on_postgres(through_proxy, "first", **options)
        first.set_many({"settings": {"n": 1}, "state": {"n": 1}})
        shutil.copytree(tmp_path / "first", tmp_path / "killed")
        last_write(first)
        first.close()
        return tmp_path / "killed"

    return make


def _set(store):
    store.set("settings", {"n": 2})


def _set_several(store):
    store.set_many({"settings": {"n": 2}, "state": {"n": 2}})


def _compare_and_set(store):
    store.compare_and_set("settings", {"n": 2}, store.get_entry("settings").revision)


def _delete(store):
    store.delete("settings")


@pytest.fixture
def succeed(make, through_proxy, proxy):
    """Start on a directory while the database is away, with a clock that was set back."""

    def start(place, offset=-YEARS, **options):
        proxy.refuse()
        proxy.reset()
        return make(
            PostgresStore(through_proxy),
            place,
            now=lambda: dt.datetime.now(dt.UTC) + offset,
            **options,
        ).open()

    return start


@pytest.mark.parametrize(
    ("last_write", "policy", "offset"),
    [
        (_set, "newest", -YEARS),
        (_set, "newest", YEARS),
        (_set, "local", -YEARS),
        (_set, "remote", -YEARS),
        (_set, lambda *_: {"n": 99}, -YEARS),
        (_set_several, "newest", -YEARS),
        (_compare_and_set, "newest", -YEARS),
        # Of a deletion nothing is left that says whose it was: other policies are asked.
        (_delete, "newest", -YEARS),
    ],
)
def test_the_successor_s_writes_are_kept(
    killed, succeed, proxy, direct, until_back, last_write, policy, offset
):
    place = killed(last_write)
    store = succeed(place, offset, policy=policy)
    for number in (2, 3):
        store.set("settings", {"n": number, "who": "successor"})
        store.set("state", {"n": number, "who": "successor"})
    assert len(read_pending(place)) == 2
    proxy.accept()
    until_back(store)
    for key in ("settings", "state"):
        assert store.get(key) == direct.get(key) == {"n": 3, "who": "successor"}
    assert read_pending(place) == {}


def test_what_it_deletes_stays_deleted(killed, succeed, proxy, direct, until_back):
    place = killed(_set)
    store = succeed(place)
    assert store.delete("settings")
    proxy.accept()
    until_back(store)
    assert direct.get("settings") == store.get("settings") == {}


def test_a_third_process_carries_over_what_the_second_acknowledged(
    killed, succeed, proxy, direct, until_back
):
    place = killed(_set)
    second = succeed(place)
    second.set("settings", {"who": "second"})
    second.delete("state")
    second.close()
    third = succeed(place)
    proxy.accept()
    until_back(third)
    assert direct.get("settings") == {"who": "second"}
    assert direct.get("state") == {}
    conflicts = [each for each in third.conflicts() if each.key == "settings"]
    assert [(each.data, each.kept) for each in conflicts] == [({"n": 2}, "local")]
    (conflict,) = conflicts
    assert "killed" in conflict.reason


def test_another_host_s_write_is_still_a_conflict(
    killed, succeed, proxy, direct, until_back
):
    place = killed(_set)
    direct.set("settings", {"who": "other"})
    store = succeed(place)
    store.set("settings", {"who": "successor"})
    proxy.accept()
    until_back(store)
    assert store.get("settings") == {"who": "other"}
    (conflict,) = store.conflicts()
    assert (conflict.data, conflict.kept) == ({"who": "successor"}, "remote")


def test_a_process_without_the_journal_is_another(
    on_postgres, through_proxy, direct, tmp_path, proxy, database_url, until_back
):
    """Two processes of a host write at the same time: that is a conflict as of two hosts."""
    owner = on_postgres(
        through_proxy, "host", now=lambda: dt.datetime.now(dt.UTC) - YEARS
    )
    owner.set("settings", {"who": "owner"})
    with FailoverStore(PostgresStore(database_url), tmp_path / "host") as second:
        assert second.status().journal == "waiting"
        proxy.refuse()
        proxy.reset()
        owner.set("settings", {"who": "owner", "again": True})
        second.set("settings", {"who": "second"})
        proxy.accept()
        until_back(owner)
    assert direct.get("settings") == {"who": "second"}
    (conflict,) = owner.conflicts()
    assert conflict.data == {"who": "owner", "again": True}


def test_an_old_copy_of_a_directory_is_not_newer_than_what_it_wrote_since(
    on_postgres, through_proxy, direct, proxy, until_back, tmp_path, succeed
):
    """A machine is put back to a picture of before: its journal has long been carried."""
    first = on_postgres(through_proxy, "first")
    first.set("settings", {"n": 1})
    proxy.refuse()
    proxy.reset()
    first.set("settings", {"n": 2})
    shutil.copytree(tmp_path / "first", tmp_path / "picture")
    proxy.accept()
    until_back(first)
    for number in range(3, 30):
        first.set("settings", {"n": number})
    first.close()
    restored = succeed(tmp_path / "picture")
    assert restored.get("settings") == {"n": 2}
    proxy.accept()
    until_back(restored)
    assert direct.get("settings") == {"n": 29}


@pytest.mark.parametrize("policy", ["newest", "remote"])
@pytest.mark.parametrize("begins", ["before the start", "while running"])
def test_what_was_written_from_a_read_only_disk_is_older_than_what_comes_after(
    on_postgres,
    through_proxy,
    direct,
    proxy,
    succeed,
    until_back,
    tmp_path,
    monkeypatch,
    begins,
    policy,
):
    """The host starts anew, its disk mended and its clock set back, without the database."""
    place = tmp_path / "host"
    on_it = on_postgres(through_proxy).open()
    on_it.set("settings", {"n": 0})
    if begins == "before the start":
        on_it.close()  # then no disk notes that there was another process
    with monkeypatch.context() as disk:

        def refuse(*_):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))

        for name in ("write", "fsync", "ftruncate", "replace", "unlink"):
            disk.setattr(os, name, refuse)
        if begins == "before the start":
            on_it = on_postgres(through_proxy).open()
        on_it.set_many({"settings": {"n": 1}, "state": {"n": 1}})
        status = on_it.status()
        assert (status.degraded_since, status.journal) == (None, "broken")
        on_it.close()
    store = succeed(place, policy=policy)
    assert store.status().unproven is (begins == "while running")
    store.update("settings", lambda now: {"n": now["n"], "who": "successor"})
    store.set("state", {"who": "successor"})
    proxy.accept()
    until_back(store)
    assert store.status().unproven is False
    for key in ("settings", "state"):
        assert direct.get(key) == store.get(key)
        assert store.get(key)["who"] == "successor"
    lost = {each.key: each.data for each in store.conflicts()}
    assert lost == {"settings": {"n": 1}, "state": {"n": 1}}
    assert read_pending(place) == {}


def test_a_disk_that_took_no_signature_gets_one_when_it_can(tmp_path, flaky, clock):
    (tmp_path / ".journal" / "host").mkdir(parents=True)
    with FailoverStore(
        flaky,
        tmp_path,
        background=False,
        now=clock.now,
        monotonic=clock.monotonic,
    ) as store:
        flaky.away = True
        store.set("a", {"n": 1})
        assert "host" in store.status().local_error
        assert store.status().pending == 1
        (tmp_path / ".journal" / "host").rmdir()
        store.maintain()
        clock.advance(60)
        store.maintain()
        assert store.status().local_error is None
    assert (tmp_path / ".journal" / "host").is_file()
