"""A mistake in somebody's code is no outage: it is raised, and nothing is journaled."""

import contextlib
import logging

import psycopg
import pytest

from switchbot_store import PostgresStore, StoreUnavailableError, ThreadedStore

MISTAKES = [
    TypeError("Expected list, got tuple"),
    AttributeError("'ConnectionPool' object has no attribute 'drain'"),
    NameError("name 'fetch' is not defined"),
    KeyError("revision"),
    psycopg.ProgrammingError("the query has 2 placeholders but 1 parameters"),
]

WRITES = {
    "set": lambda store: store.set("a", {"n": 2}),
    "set_many": lambda store: store.set_many({"a": {"n": 2}, "b": {"n": 2}}),
    "compare_and_set": lambda store: store.compare_and_set(
        "a", {"n": 2}, store.get_entry("a").revision
    ),
    "delete": lambda store: store.delete("a"),
}
CALLS = WRITES | {
    "get_entry": lambda store: store.get_entry("a"),
    "get_many": lambda store: store.get_many(["a", "b"]),
    "keys": lambda store: store.keys(),
    "lease": lambda store: store.lease("engine", 30),
}


@contextlib.contextmanager
def mistaken(primary, error, *names):
    """Have these methods raise; none of the others notices."""

    def wrong(*_arguments, **_options):
        raise error

    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setattr(primary, name, wrong)
        yield


@pytest.fixture
def open_store(make, flaky, clock):
    def do(**options):
        return make(
            flaky,
            background=False,
            now=clock.now,
            monotonic=clock.monotonic,
            **options,
        )

    return do


@pytest.fixture(params=MISTAKES, ids=lambda error: type(error).__name__)
def mistake(request):
    return request.param


@pytest.mark.parametrize("name", CALLS)
def test_a_call_raises_the_mistake_and_leaves_everything_as_it_was(
    open_store, flaky, mistake, name
):
    store = open_store().open()
    store.set("a", {"n": 1})
    with mistaken(flaky, mistake, name), pytest.raises(type(mistake)) as caught:
        CALLS[name](store)
    assert caught.value is mistake
    status = store.status()
    assert (status.degraded_since, status.pending) == (None, 0)
    assert store.get("a") == {"n": 1}
    CALLS[name](store)
    assert store.status().pending == 0


@pytest.mark.parametrize("name", ["open", "keys"])
def test_opening_raises_it_and_may_be_tried_again(open_store, flaky, mistake, name):
    store = open_store()
    with mistaken(flaky, mistake, name):
        for _ in range(2):
            with pytest.raises(type(mistake)) as caught:
                store.set("a", {"n": 1})
            assert caught.value is mistake
        assert not store.health_check()
        assert store.status().pending == 0
    store.set("a", {"n": 1})
    assert (flaky.get("a"), store.status().pending) == ({"n": 1}, 0)


def test_a_mistake_that_the_end_of_an_outage_meets_loses_nothing(
    open_store, flaky, clock, mistake, caplog
):
    store = open_store().open()
    store.set("a", {"n": 1})
    flaky.away = True
    store.set("a", {"n": 2})
    flaky.away = False
    with mistaken(flaky, mistake, "compare_and_set"):
        for _ in range(3):
            clock.advance(1.0)
            with pytest.raises(type(mistake)):
                store.maintain()
        with pytest.raises(type(mistake)):
            store.resync()
        # Who writes is told; who reads has the last that is known, and sees its age.
        for call in (*WRITES.values(), CALLS["lease"]):
            with pytest.raises(type(mistake)):
                call(store)
        entry = store.get_entry("a")
        assert (entry.data, entry.stale) == ({"n": 2}, True)
        assert not store.health_check()
        status = store.status()
        assert status.pending == 1
        assert type(mistake).__name__ in status.last_error
    assert [each.levelno for each in caplog.records].count(logging.ERROR) == 1
    clock.advance(1.0)
    store.maintain()
    status = store.status()
    assert (status.degraded_since, status.pending) == (None, 0)
    assert flaky.get("a") == {"n": 2}
    assert store.conflicts() == []


@pytest.mark.parametrize("error", [None, OSError("the wire was cut")])
def test_an_outage_after_it_is_an_outage_again(
    open_store, flaky, clock, mistake, error
):
    store = open_store().open()
    flaky.away = True
    store.set("a", {"n": 1})
    flaky.away = False
    with mistaken(flaky, mistake, "compare_and_set"):
        clock.advance(1.0)
        with pytest.raises(type(mistake)):
            store.maintain()
    with mistaken(flaky, error or StoreUnavailableError("away"), "health_check"):
        clock.advance(1.0)
        store.maintain()
        store.set("b", {"n": 1})
        assert store.status().pending == 2
    clock.advance(1.0)
    store.maintain()
    assert flaky.get("b") == {"n": 1}
    assert store.status().pending == 0


def test_a_probe_that_is_wrong_is_no_outage_either(open_store, flaky, clock, mistake):
    store = open_store().open()
    flaky.away = True
    store.set("a", {"n": 1})
    flaky.away = False
    with mistaken(flaky, mistake, "health_check"):
        clock.advance(1.0)
        with pytest.raises(type(mistake)):
            store.maintain()
        with pytest.raises(type(mistake)):
            store.set("b", {"n": 1})
        assert store.status().pending == 1
    clock.advance(1.0)
    store.maintain()
    assert store.status().pending == 0


@pytest.mark.parametrize("name", ["compare_and_set", "keys"])
def test_carrying_over_by_the_clock_says_so_too(
    open_store, flaky, clock, mistake, name
):
    store = open_store(profile="economy").open()
    store.set("a", {"n": 1})
    with mistaken(flaky, mistake, name):
        clock.advance(900.0)
        with pytest.raises(type(mistake)):
            store.maintain()
        pending = store.status().pending
        with pytest.raises(type(mistake)):
            store.set("b", {"n": 1})
        assert store.status().pending == pending
    clock.advance(1.0)
    store.maintain()
    store.set("b", {"n": 1})
    store.resync()
    assert (flaky.get("a"), flaky.get("b")) == ({"n": 1}, {"n": 1})


def test_closing_keeps_what_a_mistake_keeps_from_the_primary(
    open_store, flaky, mistake
):
    store = open_store(profile="economy").open()
    store.set("a", {"n": 1})
    with mistaken(flaky, mistake, "compare_and_set"), pytest.raises(type(mistake)):
        store.close()
    with open_store(profile="economy") as again:
        assert again.get("a") == {"n": 1}
        assert flaky.get("a") == {"n": 1}


def test_the_background_finds_back_by_itself(make, flaky, until, until_back, mistake):
    store = make(flaky).open()
    flaky.away = True
    store.set("a", {"n": 1})
    with mistaken(flaky, mistake, "compare_and_set"):
        flaky.away = False
        name = type(mistake).__name__
        until(lambda: name in (store.status().last_error or ""))
        with pytest.raises(type(mistake)):
            store.set("b", {"n": 1})
    until_back(store)
    assert flaky.get("a") == {"n": 1}


async def test_asyncio_gets_the_mistake(make, flaky, mistake):
    async with ThreadedStore(make(flaky)) as store:
        with mistaken(flaky, mistake, "set"), pytest.raises(type(mistake)):
            await store.set("a", {"n": 1})
        await store.set("a", {"n": 1})


def test_a_driver_that_cannot_be_called_keeps_postgres_from_opening(
    database_url, on_postgres, monkeypatch
):
    """As psycopg 3.2 did, whose C code takes no tuple."""

    def refuse(*_arguments):
        raise TypeError("Expected list, got tuple")

    store = on_postgres(database_url)
    with monkeypatch.context() as patch:
        patch.setattr("switchbot_store.postgres.store.fetch", refuse)
        with pytest.raises(TypeError, match="Expected list"):
            store.set("a", {"n": 1})
        assert store.status().pending == 0
    store.set("a", {"n": 1})
    with PostgresStore(database_url) as direct:
        assert direct.get("a") == {"n": 1}
