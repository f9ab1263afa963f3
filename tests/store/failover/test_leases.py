"""Leases: one holder, a token that only grows, takeover by watching alone."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchbot_store import (
    JsonStore,
    MemoryStore,
    PostgresStore,
    StoreDataError,
    StoreUnavailableError,
    ThreadedStore,
)
from switchbot_store.lease import take_lease

BACKENDS = ["memory", "json", "postgres"]


@pytest.fixture(params=BACKENDS)
def hosts(request, tmp_path, clock):
    """Two hosts that share one place, with one clock of their own each."""
    other = type(clock)()
    if request.param == "memory":
        one = MemoryStore(monotonic=clock.monotonic)
        two = one
        other = clock
    elif request.param == "json":
        one, two = (
            JsonStore(tmp_path, monotonic=each.monotonic) for each in (clock, other)
        )
    else:
        url = request.getfixturevalue("database_url")
        one, two = (
            PostgresStore(url, monotonic=each.monotonic) for each in (clock, other)
        )
    yield (one, clock), (two, other)
    one.close()
    two.close()


def test_there_is_one_holder(hosts):
    (one, _), (two, _) = hosts
    lease = one.lease("engine", 30)
    assert lease.token == 1
    assert two.lease("engine", 30) is None
    assert one.lease("engine", 30) is None
    assert two.lease("another", 30).token == 1


def test_a_released_lease_is_free_at_once_and_its_token_grows(hosts):
    (one, _), (two, _) = hosts
    with one.lease("engine", 30) as lease:
        assert lease.token == 1
    second = two.lease("engine", 30)
    assert second.token == 2
    assert not lease.renew()
    lease.release()
    assert one.lease("engine", 30) is None
    second.release()
    assert one.lease("engine", 30).token == 3


def test_a_holder_who_renews_keeps_it(hosts):
    (one, _), (two, clock) = hosts
    lease = one.lease("engine", 30)
    for _ in range(10):
        assert two.lease("engine", 30) is None
        clock.advance(29)
        assert two.lease("engine", 30) is None
        assert lease.renew()
        clock.advance(1.5)
    assert lease.token == 1


def test_a_silent_holder_loses_it_after_its_own_time_to_live(hosts):
    (one, _), (two, clock) = hosts
    lease = one.lease("engine", 30)
    clock.advance(1000)  # nobody watched meanwhile
    assert two.lease("engine", 5) is None
    clock.advance(29)
    assert two.lease("engine", 5) is None
    clock.advance(1)
    taken = two.lease("engine", 5)
    assert taken.token == 2
    assert lease.renew() is False
    assert lease.renew() is False
    lease.release()
    assert taken.renew()


def test_a_holder_may_renew_late_if_nobody_took_over(hosts):
    (one, clock), (two, other) = hosts
    lease = one.lease("engine", 30)
    clock.advance(100)
    assert two.lease("engine", 30) is None
    assert lease.renew()
    other.advance(29)
    assert two.lease("engine", 30) is None


def test_the_wall_clock_does_not_matter(hosts, monkeypatch):
    (one, _), (two, clock) = hosts
    one.lease("engine", 30)
    clock.time = clock.time.replace(year=2099)
    assert two.lease("engine", 30) is None
    assert two.lease("engine", 30) is None


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 1),
            st.sampled_from(["take", "take", "renew", "release"]),
            st.sampled_from([0.1, 29, 31, 1e9]),
        ),
        max_size=40,
    )
)
def test_whatever_the_clocks_do_there_is_one_holder_at_most(steps):
    """Monotonic clocks that leap, as those of paused machines: costs a lease, no more."""
    shared = MemoryStore()
    hosts = [_Host(shared) for _ in range(2)]
    highest = 0
    for number, step, seconds in steps:
        host = hosts[number]
        host.seconds += seconds
        if step == "take":
            lease = take_lease(host, "engine", 30, monotonic=lambda h=host: h.seconds)
            if lease is not None:
                assert lease.token > highest
                highest = lease.token
                host.lease = lease
        elif step == "release" and host.lease is not None:
            host.lease.release()
        elif host.lease is not None and host.lease.renew():
            # Only the newest may be told that it holds it.
            assert host.lease.token == highest


class _Host:
    """A host with a clock of its own on a place that others share."""

    def __init__(self, shared):
        self.get_entry = shared.get_entry
        self.compare_and_set = shared.compare_and_set
        self.seconds = 0.0
        self.lease = None


def test_leases_are_not_listed(hosts):
    (one, _), _ = hosts
    one.lease("engine", 30)
    assert one.keys() == []


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("", 30),
        ("engine", 0),
        ("engine", -1),
        ("engine", float("nan")),
        ("x" * 200, 1),
        ("engine", "5"),
    ],
)
def test_wrong_names_and_times_are_refused(name, seconds):
    with pytest.raises(StoreDataError):
        MemoryStore().lease(name, seconds)


def test_many_challengers_at_once_make_one_holder(hosts):
    (one, _), (two, _) = hosts
    start = threading.Barrier(8)

    def challenge(store):
        start.wait(30)
        return store.lease("engine", 30)

    for expected in range(1, 4):
        with ThreadPoolExecutor(8) as pool:
            leases = list(pool.map(challenge, [one, two] * 4))
        (held,) = [lease for lease in leases if lease]
        assert held.token == expected
        held.release()


def test_somebody_elses_nonsense_in_the_document_does_not_matter():
    store = MemoryStore()
    store.set("_lease/engine", {"held": True, "token": "x", "ttl_seconds": None})
    assert store.lease("engine", 30) is None
    store.set("_lease/engine", {"token": 41})
    assert store.lease("engine", 30).token == 42


@pytest.mark.parametrize("token", [-5, 1.5, True, 2**63 - 1, 1e15, "9", []])
@pytest.mark.parametrize("seconds", [-1, 0, True, 1e15, 2**62, "x", None])
def test_a_document_that_no_lease_wrote_keeps_nobody_out_for_longer_than_a_lease(
    token, seconds, clock
):
    """Neither a token that cannot be counted further, nor a time that never ends."""
    store = MemoryStore(monotonic=clock.monotonic)
    document = {"held": True, "token": token, "ttl_seconds": seconds, "holder": "x"}
    store.set("_lease/engine", document)
    assert store.lease("engine", 30) is None
    clock.advance(29)
    assert store.lease("engine", 30) is None
    clock.advance(1)
    lease = store.lease("engine", 30)
    assert lease.renew()
    lease.release()
    assert store.lease("engine", 30).token == lease.token + 1 > 1


def test_a_lost_answer_does_not_lose_the_lease(flaky):
    lease = flaky.lease("engine", 30)
    flaky.lose_answers = 1
    with pytest.raises(StoreUnavailableError):
        lease.renew()
    assert lease.renew()
    flaky.lose_answers = 1
    with pytest.raises(StoreUnavailableError):
        lease.release()
    lease.release()
    assert flaky.lease("engine", 30).token == 2


def test_a_failover_store_asks_the_primary_alone(make, flaky, tmp_path):
    store = make(flaky)
    lease = store.lease("engine", 30)
    assert flaky.lease("engine", 30) is None
    flaky.away = True
    with pytest.raises(StoreUnavailableError):
        lease.renew()
    with pytest.raises(StoreUnavailableError):
        store.lease("engine", 30)
    assert store.status().degraded_since is not None
    assert store.status().pending == 0


async def test_asyncio_hosts_hold_leases_too(tmp_path):
    async with ThreadedStore(JsonStore(tmp_path)) as store:
        async with await store.lease("engine", 30) as lease:
            assert lease.token == 1
            assert await lease.renew()
            assert await store.lease("engine", 30) is None
        again = await store.lease("engine", 30)
        assert again.token == 2
        await again.release()


def test_a_killed_process_loses_its_lease_to_another(tmp_path, clock):
    program = f"""
    import sys, threading
    from switchbot_store import JsonStore
    lease = JsonStore({str(tmp_path)!r}).lease("engine", 0.3)
    print(lease.token, flush=True)
    threading.Event().wait()
    """
    holder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout.readline() == "1\n"
        store = JsonStore(tmp_path, monotonic=clock.monotonic)
        assert store.lease("engine", 30) is None
        os.kill(holder.pid, signal.SIGKILL)
    clock.advance(0.25)
    assert store.lease("engine", 30) is None
    clock.advance(0.1)
    assert store.lease("engine", 30).token == 2


def test_only_autocommit_statements_are_used(database_url, postgres_server):
    """What a transaction pooler can carry: nothing belongs to a session."""
    import psycopg  # noqa: PLC0415 - only here

    from switchbot_store.testing import TcpProxy  # noqa: PLC0415 - likewise

    with TcpProxy(postgres_server.port) as proxy:
        url = psycopg.conninfo.make_conninfo(database_url, port=proxy.port)
        with PostgresStore(url, pooler=True) as store:
            store.set("warm", {})  # the first write asks for the server's clock
            proxy.clear()
            lease = store.lease("engine", 30)
            assert lease.renew()
            lease.release()
        assert len(proxy.statements) == 4
        assert proxy.transaction_statements == []
        assert not any("LOCK" in text.upper().split() for text in proxy.statements)
