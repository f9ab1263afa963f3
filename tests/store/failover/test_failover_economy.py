"""Profile economy: the database sleeps, and wakes for what cannot wait."""

import psycopg
import pytest

from switchbot_store import StoreConflictError, StoreUnavailableError
from switchbot_store.testing import TcpProxy

SLEEPS_AFTER_SECONDS = 300
TICK_SECONDS = 60


@pytest.fixture
def proxy(postgres_server):
    with TcpProxy(postgres_server.port) as running:
        yield running


@pytest.fixture
def store(database_url, proxy, on_postgres, clock):
    url = psycopg.conninfo.make_conninfo(database_url, port=proxy.port)
    store = on_postgres(
        url,
        primary={"timeout_seconds": 2},
        profile="economy",
        background=False,
        now=clock.now,
        monotonic=clock.monotonic,
    ).open()
    proxy.clear()
    return store


def test_plain_writes_and_reads_leave_the_database_asleep(store, proxy, direct):
    store.set("state", {"n": 1})
    store.set_many({"state": {"n": 2}, "state/office": {"n": 2}})
    entry = store.get_entry("state")
    assert (entry.data, entry.stale) == ({"n": 2}, False)
    assert store.get("never set") == {}
    assert store.keys() == ["state", "state/office"]
    store.delete("state/office")
    assert store.get_many(["state", "state/office"])["state/office"].revision == ""
    assert store.health_check()
    assert (proxy.statements, proxy.connections) == ([], 0)
    status = store.status()
    assert (status.pending, status.degraded_since) == (4, None)
    assert "journal" in status.acknowledged_by
    assert direct.keys() == []


def test_they_are_carried_over_at_the_quarter_of_an_hour(store, clock, proxy, direct):
    clock.advance(7 * 60)
    store.set("state", {"n": 1})
    assert store.maintain() <= 8 * 60
    clock.advance(7 * 60)
    store.set("state", {"n": 2})
    store.maintain()
    assert direct.get("state") == {}
    clock.advance(60)  # 08:15
    store.maintain()
    assert direct.get("state") == {"n": 2}
    assert sum("recordset" in text for text in proxy.statements) == 1
    status = store.status()
    assert (status.pending, status.last_resync) == (0, clock.now())
    revision = store.get_entry("state").revision
    assert direct.get_entry("state").revision == revision


def test_commands_holds_and_settings_reach_the_database_at_once(store, direct, proxy):
    revision = store.compare_and_set("settings", {"n": 1}, "")
    assert direct.get("settings") == {"n": 1}
    assert len(proxy.statements) == 1
    store.update("settings", lambda old: {"n": old["n"] + 1})
    assert direct.get("settings") == {"n": 2}
    with pytest.raises(StoreConflictError):
        store.compare_and_set("settings", {"n": 9}, revision)


def test_what_is_pending_of_a_document_goes_first(store, direct):
    store.set("state", {"n": 1})
    store.set("other", {"n": 1})
    revision = store.get_entry("state").revision
    with pytest.raises(StoreConflictError):
        store.compare_and_set("state", {"n": 9}, "")
    assert direct.get("state") == {}
    store.compare_and_set("state", {"n": 2}, revision)
    assert direct.get("state") == {"n": 2}
    assert direct.get("other") == {"n": 1}
    assert store.status().pending == 0
    assert store.conflicts() == []


def test_what_somebody_else_wrote_is_seen_when_it_matters(store, direct, clock):
    store.compare_and_set("settings", {"n": 1}, "")
    direct.set("settings", {"n": 10})
    assert store.get("settings") == {"n": 1}
    assert store.update("settings", lambda old: {"n": old["n"] + 1}) == {"n": 11}
    assert direct.get("settings") == {"n": 11}
    direct.set("settings", {"n": 20})
    store.set("state", {"n": 1})
    clock.advance(15 * 60)
    store.maintain()
    assert store.get("settings") == {"n": 20}


def test_an_outage_is_like_any_other(store, direct, proxy, clock):
    store.set("state", {"n": 1})
    proxy.refuse()
    proxy.reset()
    clock.advance(15 * 60)
    store.maintain()
    assert store.status().degraded_since == clock.now()
    assert store.get_entry("state").stale
    store.compare_and_set("settings", {"n": 1}, "")
    store.set("state", {"n": 2})
    proxy.accept()
    clock.advance(1)
    store.maintain()
    assert store.status().degraded_since is None
    assert direct.get("state") == {"n": 2}
    assert direct.get("settings") == {"n": 1}


def test_nothing_is_asked_when_nothing_was_written(store, proxy, clock):
    for _ in range(10):
        clock.advance(15 * 60)
        store.maintain()
    assert (proxy.statements, proxy.connections) == ([], 0)


@pytest.mark.parametrize(
    ("profile", "hours", "fewest", "most"),
    [("economy", 24, 7.0, 8.5), ("interactive", 2, 1.99, 2.0)],
)
def test_hours_that_a_database_is_awake_in_a_day(
    flaky, make, clock, profile, hours, fewest, most
):
    """A tick a minute that reads settings and state and writes the state."""
    store = make(
        flaky,
        profile=profile,
        background=False,
        now=clock.now,
        monotonic=clock.monotonic,
    )
    store.set("settings", {"n": 0})
    awake, awake_until = 0.0, 0.0
    for second in range(0, hours * 3600, TICK_SECONDS):
        flaky.calls.clear()
        store.get_many(["settings", "state"])
        store.set("state", {"second": second})
        if second % (6 * 3600) == 0:  # somebody changes the settings
            store.update("settings", lambda old: {"n": old["n"] + 1})
        store.maintain()
        if flaky.calls:
            begins = max(float(second), awake_until)
            awake_until = second + SLEEPS_AFTER_SECONDS
            awake += max(0.0, min(awake_until, hours * 3600) - begins)
        clock.advance(TICK_SECONDS)
    assert fewest <= awake / 3600 <= most
    store.close()
    assert flaky.keys() == ["settings", "state"]


def test_a_lease_wakes_it(store, proxy):
    lease = store.lease("engine", 60)
    assert lease.renew()
    assert len(proxy.statements) == 3
    proxy.refuse()
    proxy.reset()
    with pytest.raises(StoreUnavailableError):
        lease.renew()
