"""What many ask for together: one statement, and everybody's own answer."""

import asyncio
import threading

import pytest

from switchbot_store import (
    GatheringStore,
    MemoryStore,
    StoreConflictError,
    StoreDataError,
    StoreInterface,
    StoreUnavailableError,
)


class Slow(MemoryStore):
    """Lets each call wait until it is let through, and notes its keys."""

    def __init__(self):
        super().__init__()
        self.asked = []
        self.gate = threading.Event()
        self.gate.set()
        self.slow_for = "large"
        self.away = False

    def _seen(self, word, keys):
        keys = sorted(keys)
        self.asked.append((word, keys))
        if self.away:
            raise StoreUnavailableError("no route")
        if any(key.startswith(self.slow_for) for key in keys):
            assert self.gate.wait(30)

    def get_many(self, keys):
        keys = list(keys)
        self._seen("read", keys)
        return super().get_many(keys)

    def set_many(self, documents):
        self._seen("write", documents)
        super().set_many(documents)

    def set_many_if(self, documents, revisions):
        self._seen("write", documents)
        super().set_many_if(documents, revisions)


@pytest.fixture
async def store():
    made = GatheringStore(Slow())
    yield made
    made.store.gate.set()
    await made.close()


async def test_what_is_due_together_is_one_statement_to_read_and_one_to_write(store):
    homes = range(100)
    await asyncio.gather(*(store.set_many({f"{n}/a": {"n": n}}) for n in homes))
    found = await asyncio.gather(*(store.get_many([f"{n}/a", "new"]) for n in homes))
    # A document that several want is read for each, who may change what he was given.
    assert [each[f"{n}/a"].data for n, each in zip(homes, found, strict=True)] == [
        {"n": n} for n in homes
    ]
    assert [word for word, _keys in store.store.asked][:2] == ["write", "read"]
    assert len(store.store.asked[0][1]) == 100


async def test_no_more_go_together_than_a_statement_should_have():
    store = GatheringStore(Slow(), most=40)
    await asyncio.gather(*(store.set_many({f"{n}": {}}) for n in range(100)))
    await asyncio.gather(*(store.get_many([f"{n}", f"b{n}"]) for n in range(50)))
    assert [len(keys) for _word, keys in store.store.asked] == [40, 40, 20, 40, 40, 20]
    await store.close()


async def test_what_is_wrong_with_one_concerns_nobody_else(store):
    await store.set_many({"a": {"n": 1}, "b": {"n": 1}})
    revision = (await store.get_entry("a")).revision
    await store.set("a", {"n": "theirs"})
    answers = await asyncio.gather(
        store.set_many_if({"a": {"n": 2}}, {"a": revision}),
        store.set_many({"b": {"n": 2}}),
        store.set_many({"c": {"n": float("nan")}}),
        store.set_many_if({"d": {"n": 2}}, {"d": ""}),
        store.get_many(["b"]),
        return_exceptions=True,
    )
    assert [type(each) for each in answers] == [
        StoreConflictError,
        type(None),
        StoreDataError,
        type(None),
        dict,
    ]
    found = await store.get_many(["a", "b", "c", "d"])
    assert [entry.data for entry in found.values()] == [
        {"n": "theirs"},
        {"n": 2},
        {},
        {"n": 2},
    ]


async def test_two_writers_of_one_document_go_one_after_the_other(store):
    await asyncio.gather(*(store.set("a", {"n": n}) for n in range(5)))
    assert await store.get("a") == {"n": 4}
    assert [keys for word, keys in store.store.asked if word == "write"] == [["a"]] * 5


async def test_a_large_document_holds_nobody_up(store):
    """Five megabytes that hang on their way; from the first time on."""
    large = {"text": "x" * 300_000}
    store.store.gate.clear()
    hanging = asyncio.create_task(store.set_many({"large/state": large}))
    for n in range(3):
        await asyncio.wait_for(store.set_many({f"{n}": {"n": n}}), 20)
    reading = asyncio.create_task(store.get_many(["large/state"]))
    assert (await asyncio.wait_for(store.get("1"), 20)) == {"n": 1}
    assert not hanging.done()
    assert not reading.done()
    store.store.gate.set()
    await hanging
    assert (await reading)["large/state"].data == large


async def test_a_store_that_is_away_says_so_to_all(store):
    store.store.away = True
    answers = await asyncio.gather(
        *(store.get_many([f"{n}"]) for n in range(3)),
        *(store.set(f"{n}", {}) for n in range(3)),
        return_exceptions=True,
    )
    assert {type(each) for each in answers} == {StoreUnavailableError}
    assert len(store.store.asked) == 2


async def test_a_store_of_several_files_writes_for_each_alone_what_may_conflict():
    """What was written of one call could not be taken back for the next."""

    class OneByOne(MemoryStore):
        set_many_if = StoreInterface.set_many_if

    store = GatheringStore(OneByOne())
    await store.set_many({"a": {}, "b": {}})
    was = (await store.get_entry("a")).revision
    await store.set("b", {"n": 1})
    answers = await asyncio.gather(
        store.set_many_if({"a": {"n": 2}}, {"a": was}),
        store.set_many_if({"b": {"n": 2}}, {"b": "old"}),
        return_exceptions=True,
    )
    assert answers[0] is None
    assert isinstance(answers[1], StoreConflictError)
    await store.close()


async def test_a_store_that_goes_away_between_two_statements_answers_all(store):
    """One that two ask for is read twice, since each changes what it is given."""
    read = store.store.get_many
    asked = []

    def get_many(keys):
        asked.append(keys)
        if len(asked) > 1:
            raise StoreUnavailableError("no route")
        return read(keys)

    store.store.get_many = get_many
    told = await asyncio.wait_for(
        asyncio.gather(
            *(store.get_many(["shared", each]) for each in "ab"), return_exceptions=True
        ),
        30,
    )
    assert [type(each) for each in told] == [StoreUnavailableError] * 2
    store.store.get_many = read
    assert await asyncio.wait_for(store.get("shared"), 30) == {}


async def test_a_system_without_a_thread_answers_all(monkeypatch):
    def refuse(_thread):
        raise RuntimeError("can't start new thread")

    store = GatheringStore(MemoryStore())
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        told = await asyncio.wait_for(
            asyncio.gather(
                store.get("a"), store.set("b", {"n": 1}), return_exceptions=True
            ),
            30,
        )
    assert [type(each) for each in told] == [StoreUnavailableError] * 2
    await store.set("b", {"n": 2})
    assert await store.get("b") == {"n": 2}
    await store.close()
