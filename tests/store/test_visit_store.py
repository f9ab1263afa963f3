"""One visit: documents read once, and written once if nobody else wrote them."""

import pytest

from switchbot_store import (
    MemoryStore,
    StoreConflictError,
    StoreDataError,
    ThreadedStore,
    VisitStore,
)


@pytest.fixture
def store():
    made = MemoryStore()
    made.set_many({"a": {"n": 1}, "b": {"n": 1}})
    return made


async def test_everything_asked_for_is_read_and_written_once(store):
    visit = VisitStore(ThreadedStore(store), ["b", "new"])
    assert await visit.get("a") == {"n": 1}
    assert await visit.get("b") == {"n": 1}
    await visit.set("a", {"n": 2})
    await visit.set("new", {"n": 2})
    await visit.update("a", lambda found: {"n": found["n"] + 1})
    await visit.set("b", {"n": 1})
    assert store.get("a") == {"n": 1}
    before = store.get_entry("b").revision
    await visit.leave()
    await visit.leave()
    assert visit.statements == 2
    assert (store.get("a"), store.get("new")) == ({"n": 3}, {"n": 2})
    assert store.get_entry("b").revision == before


async def test_what_another_wrote_meanwhile_is_not_written_over(store):
    visit = VisitStore(ThreadedStore(store), ["b"])
    await visit.get("a")
    await visit.set_many({"a": {"n": 2}, "b": {"n": 2}})
    store.set("a", {"n": "theirs"})
    with pytest.raises(StoreConflictError):
        await visit.leave()
    assert (store.get("a"), store.get("b")) == ({"n": "theirs"}, {"n": 1})


async def test_what_can_be_joined_is_joined_with_what_another_wrote(store):
    def joined(before, ours, theirs):
        return {"n": theirs["n"] + ours["n"] - before["n"]}

    visit = VisitStore(ThreadedStore(store), ["b"], joins={"a": joined})
    await visit.get("a")
    await visit.set_many({"a": {"n": 4}, "b": {"n": 2}})
    store.set("a", {"n": 10})
    await visit.leave()
    assert (store.get("a"), store.get("b")) == ({"n": 13}, {"n": 2})


class Crowded(MemoryStore):
    """Whose key "a" somebody else writes before each statement that would write it."""

    def set_many_if(self, documents, revisions):
        if "a" in documents:
            self.update("a", lambda found: {"n": found["n"] + 100})
        return super().set_many_if(documents, revisions)


async def test_however_many_write_what_can_be_joined_no_visit_is_made_anew():
    """As the calls of an account that a thousand homes share."""
    store = Crowded()
    store.set_many({"a": {"n": 1}, "b": {"n": 1}})

    def joined(before, ours, theirs):
        return {"n": theirs["n"] + ours["n"] - before["n"]}

    visit = VisitStore(ThreadedStore(store), ["b"], joins={"a": joined})
    await visit.get("a")
    await visit.set_many({"a": {"n": 4}, "b": {"n": 2}, "new": {"n": 3}})
    await visit.leave()
    others = store.get("a")["n"] // 100
    assert others >= 1
    assert store.get("a") == {"n": 100 * others + 4}
    assert (store.get("b"), store.get("new")) == ({"n": 2}, {"n": 3})
    # Nothing is left to be written, and what was is read anew.
    count = visit.statements
    await visit.leave()
    assert visit.statements == count
    assert await visit.get("a") == store.get("a")
    # A document of the visit's own that another wrote is a conflict all the same.
    await visit.get("b")
    await visit.set_many({"a": {"n": 900}, "b": {"n": 6}})
    store.set("b", {"n": "theirs"})
    with pytest.raises(StoreConflictError):
        await visit.leave()
    assert store.get("b") == {"n": "theirs"}


async def test_an_intent_is_written_at_once_with_what_was_set_before_it(store):
    visit = VisitStore(ThreadedStore(store))
    entry = await visit.get_entry("a")
    revision = await visit.compare_and_set("a", {"n": 2}, entry.revision)
    assert store.get_entry("a").revision == revision
    await visit.set("a", {"n": 3})
    found = await visit.get_entry("a")
    assert store.get("a") == {"n": 3}
    await visit.compare_and_set("a", {"n": 4}, found.revision)
    with pytest.raises(StoreConflictError):
        await visit.compare_and_set("a", {"n": 5}, revision)
    assert await visit.delete("a")
    assert await visit.get("a") == {}


async def test_what_cannot_be_stored_is_refused_when_it_is_set(store):
    visit = VisitStore(ThreadedStore(store))
    with pytest.raises(StoreDataError):
        await visit.set("a", {"n": float("nan")})
    found = await visit.get("b")
    found["n"] = "changed by who was given it"
    assert await visit.get("b") == {"n": 1}
