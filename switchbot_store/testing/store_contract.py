"""What every store promises, as tests.

A backend proves itself with a subclass and one fixture::

    class TestMyStore(StoreContract):
        @pytest.fixture
        def make_store(self, tmp_path):
            return lambda: MyStore(tmp_path)

Before that, in a conftest.py, let pytest rewrite the assertions::

    pytest.register_assert_rewrite(
        "switchbot_store.testing.store_contract",
        "switchbot_store.testing.store_concurrency",
    )
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from inspect import isfunction, signature
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings

from switchbot_store.errors import (
    StoreClosedError,
    StoreConflictError,
    StoreDataError,
)
from switchbot_store.interface import StoreInterface
from switchbot_store.testing.store_concurrency import ConcurrencyContract
from switchbot_store.testing.store_samples import (
    BAD_KEYS,
    EDGES,
    ODD_KEYS,
    REFUSED,
    RIGHT_ARGUMENTS,
    WRONG_ARGUMENTS,
    documents,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from switchbot_store.model import Document

__all__ = ["StoreContract", "documents"]


class StoreContract(ConcurrencyContract):
    """The suite; see the module's docstring for how to run it.

    Set `durable` to False for a store whose documents end with its object, and
    `longest_key` for one that puts something before its keys.

    >>> import pytest
    >>> from switchbot_store import JsonStore
    >>> from switchbot_store.testing import StoreContract
    >>> class TestMyStore(StoreContract):  # in a file that pytest collects
    ...     @pytest.fixture
    ...     def make_store(self, tmp_path):
    ...         return lambda: JsonStore(tmp_path)
    >>> sum(name.startswith("test_") for name in dir(TestMyStore)) > 20
    True
    """

    durable: ClassVar[bool] = True
    longest_key: ClassVar[int] = 200

    @pytest.fixture
    def make_store(self) -> Callable[[], StoreInterface]:
        """Return a function that makes a store on one place, empty at first.

        Each call returns another object, or the same where documents end with it.
        """
        raise NotImplementedError("a subclass says how to make its store")

    @pytest.fixture
    def store(
        self, make_store: Callable[[], StoreInterface]
    ) -> Iterator[StoreInterface]:
        """Give an opened store."""
        with make_store() as store:
            yield store

    @pytest.fixture
    def other(
        self, make_store: Callable[[], StoreInterface]
    ) -> Iterator[StoreInterface]:
        """Give a second store on the same place."""
        with make_store() as store:
            yield store

    # documents

    def test_a_key_never_set_is_an_empty_document(self, store: StoreInterface) -> None:
        """As the contract says: {}, revision "", no time."""
        assert store.get("settings") == {}
        entry = store.get_entry("settings")
        assert (entry.data, entry.revision, entry.updated_at) == ({}, "", None)
        assert not entry.stale

    def test_what_was_set_comes_back(self, store: StoreInterface) -> None:
        """The last write wins, whole."""
        store.set("settings", {"a": 1, "b": 2})
        store.set("settings", {"b": [None, True, "x"]})
        assert store.get("settings") == {"b": [None, True, "x"]}

    def test_an_entry_tells_when_it_was_written(self, store: StoreInterface) -> None:
        """In aware UTC."""
        store.set("settings", {"a": 1})
        written = store.get_entry("settings").updated_at
        assert written is not None
        assert written.utcoffset() == timedelta(0)
        assert abs(written - datetime.now(UTC)) < timedelta(minutes=1)

    def test_callers_do_not_share_documents(self, store: StoreInterface) -> None:
        """Neither what was handed in nor what was handed out leads inside."""
        document: Document = {"a": {"b": [1]}}
        store.set("settings", document)
        document["a"]["b"].append(2)
        store.get("settings")["a"]["b"].append(3)
        store.get("nothing")["a"] = 1
        assert store.get("settings") == {"a": {"b": [1]}}
        assert store.get("nothing") == {}

    # A pool's thread, which spreads its reconnects, is taken for one of the strategies.
    @pytest.mark.filterwarnings("ignore:Do not use the .random. module")
    @settings(
        max_examples=20,
        deadline=None,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,  # each example overwrites the last
            HealthCheck.differing_executors,  # a suite is inherited
        ],
    )
    @given(document=documents())
    def test_any_document_comes_back_equal(
        self, store: StoreInterface, document: Document
    ) -> None:
        """A property: also through compare_and_set and the many-forms."""
        store.set("a", document)
        assert _typed(store.get("a")) == _typed(document)
        store.set_many({"b": document, "c": {"inner": document}})
        found = store.get_many(["c", "b"])
        assert _typed(found["b"].data) == _typed(document)
        assert _typed(found["c"].data) == _typed({"inner": document})
        store.compare_and_set("c", document, found["c"].revision)
        assert _typed(store.get("c")) == _typed(document)

    def test_values_at_the_edge_come_back_equal(self, store: StoreInterface) -> None:
        """With their types: 1.0 stays a float, True a bool."""
        for value in EDGES:
            store.set("a", {"value": value})
            found = store.get("a")["value"]
            assert found == value
            assert type(found) is type(value)

    def test_other_documents_are_refused_before_anything_is_written(
        self, store: StoreInterface
    ) -> None:
        """By every way of writing, naming the path."""
        store.set("a", {"kept": True})
        revision = store.get_entry("a").revision
        for what, (bad, path) in REFUSED.items():
            for write in _writes(store, bad, revision):
                with pytest.raises(StoreDataError) as caught:
                    write()
                assert caught.value.path.startswith(path), what
            assert store.get_entry("a").revision == revision, what
            assert store.keys() == ["a"], what

    def test_arguments_of_another_kind_are_refused_before_anything_is_written(
        self, store: StoreInterface
    ) -> None:
        """By every call, for each of its arguments, also where something could be read."""
        store.set("a", {"kept": True})
        revision = store.get_entry("a").revision
        for method, arguments in _arguments_of_calls().items():
            right = {name: RIGHT_ARGUMENTS[name] for name in arguments}
            for name in arguments:
                for wrong in WRONG_ARGUMENTS[name]:
                    with pytest.raises(StoreDataError):
                        getattr(store, method)(**{**right, name: wrong})
        assert store.keys() == ["a"]
        assert store.keys_with("_lease/") == []
        assert store.get_entry("a").revision == revision

    # keys

    def test_bad_keys_are_refused(self, store: StoreInterface) -> None:
        """By every call that takes one."""
        for key in BAD_KEYS:
            for call in _calls(store, key):
                with pytest.raises(StoreDataError):
                    call()
        assert store.keys() == []

    def test_odd_keys_are_documents_like_others(self, store: StoreInterface) -> None:
        """Each its own, found again by its own name."""
        keys = [key[: self.longest_key] for key in ODD_KEYS]
        for number, key in enumerate(keys):
            store.set(key, {"number": number})
        assert store.keys() == sorted(keys)
        for number, key in enumerate(keys):
            assert store.get(key) == {"number": number}
        assert [store.delete(key) for key in keys] == [True] * len(keys)
        assert store.keys() == []

    def test_internal_keys_work_and_are_not_listed(self, store: StoreInterface) -> None:
        """They begin with an underscore."""
        store.set_many({"_lease/engine": {"token": 1}, "b": {}, "a": {}})
        assert store.keys() == ["a", "b"]
        assert store.get("_lease/engine") == {"token": 1}

    def test_delete_tells_whether_there_was_a_document(
        self, store: StoreInterface
    ) -> None:
        """And leaves the key as if never set."""
        store.set("a", {"x": 1})
        assert store.delete("a")
        assert not store.delete("a")
        assert not store.delete("never")
        assert store.get_entry("a").revision == ""
        assert store.keys() == []

    # revisions

    def test_a_revision_stays_until_the_next_write(self, store: StoreInterface) -> None:
        """However it is read."""
        store.set("a", {"x": 1})
        first = store.get_entry("a").revision
        assert first
        assert store.get_entry("a").revision == first
        assert store.get_many(["a"])["a"].revision == first
        store.set("b", {"x": 1})
        assert store.get_entry("a").revision == first
        store.set("a", {"x": 2})
        assert store.get_entry("a").revision not in {"", first}

    def test_compare_and_set_returns_the_revision_it_made(
        self, store: StoreInterface
    ) -> None:
        """So that the next one needs no read."""
        first = store.compare_and_set("a", {"x": 1}, "")
        second = store.compare_and_set("a", {"x": 2}, first)
        assert store.get_entry("a").revision == second
        assert store.get("a") == {"x": 2}

    def test_compare_and_set_refuses_any_other_revision(
        self, store: StoreInterface
    ) -> None:
        """The error tells the key and what was found; nothing was written."""
        old = store.compare_and_set("a", {"x": 1}, "")
        store.set("a", {"x": 2})
        current = store.get_entry("a").revision
        for revision in (old, "", "nonsense"):
            with pytest.raises(StoreConflictError) as caught:
                store.compare_and_set("a", {"x": 3}, revision)
            assert (caught.value.key, caught.value.revision) == ("a", current)
        assert store.get("a") == {"x": 2}

    def test_compare_and_set_does_not_bring_back_what_was_deleted(
        self, store: StoreInterface
    ) -> None:
        """Only revision "" creates."""
        revision = store.compare_and_set("a", {"x": 1}, "")
        store.delete("a")
        with pytest.raises(StoreConflictError) as caught:
            store.compare_and_set("a", {"x": 2}, revision)
        assert caught.value.revision == ""
        assert store.keys() == []

    # several at once

    def test_get_many_answers_every_key_in_the_order_asked(
        self, store: StoreInterface
    ) -> None:
        """Those never set included."""
        store.set("b", {"x": 1})
        found = store.get_many(iter(["z", "b", "a"]))
        assert list(found) == ["z", "b", "a"]
        assert found["b"] == store.get_entry("b")
        assert (found["z"].data, found["z"].revision) == ({}, "")
        assert store.get_many([]) == {}

    def test_what_is_written_together_only_if_unchanged(
        self, store: StoreInterface
    ) -> None:
        store.set_many({"a": {"x": 1}, "b": {"x": 1}})
        seen = {key: store.get_entry(key).revision for key in ("a", "b", "new")}
        assert seen["new"] == ""
        store.set_many_if({key: {"x": 2} for key in ("a", "b", "new", "any")}, seen)
        for key in ("a", "b", "new", "any"):
            assert store.get(key) == {"x": 2}
            assert store.get_entry(key).revision not in {"", seen.get(key)}
        store.set_many_if({}, {})

    def test_what_another_changed_is_not_written_over(
        self, store: StoreInterface
    ) -> None:
        store.set_many({"a": {"x": 1}, "b": {"x": 1}})
        seen = {"a": store.get_entry("a").revision}
        store.set("a", {"x": "theirs"})
        with pytest.raises(StoreConflictError) as raised:
            store.set_many_if({"a": {"x": 2}, "b": {"x": 2}}, seen)
        assert raised.value.key == "a"
        assert raised.value.revision == store.get_entry("a").revision
        with pytest.raises(StoreConflictError):
            store.set_many_if({"a": {"x": 2}}, {"a": ""})
        assert store.get("a") == {"x": "theirs"}
        assert store.get("b") == {"x": 1}

    def test_what_another_deleted_is_not_made_again(
        self, store: StoreInterface
    ) -> None:
        """A document that was read and is gone is another one than was read."""
        store.set_many({"a": {"x": 1}, "b": {"x": 1}, "c": {"x": 1}})
        seen = {key: store.get_entry(key).revision for key in ("a", "b")}
        store.delete("a")
        with pytest.raises(StoreConflictError) as raised:
            store.set_many_if({"a": {"x": 2}, "b": {"x": 2}, "d": {"x": 2}}, seen)
        assert raised.value.key == "a"
        assert raised.value.revision == ""
        store.delete("b")
        with pytest.raises(StoreConflictError):
            store.set_many_if({"a": {"x": 2}, "b": {"x": 2}}, seen)
        with pytest.raises(StoreConflictError):
            store.compare_and_set("a", {"x": 2}, seen["a"])
        assert store.keys() == ["c"]

    def test_set_many_writes_every_document(self, store: StoreInterface) -> None:
        """New and old ones; none is no work."""
        store.set("b", {"x": 0})
        old = store.get_entry("b").revision
        written = store.set_many({"c": {"x": 3}, "b": {"x": 2}, "a": {"x": 1}})
        found = store.get_many(["a", "b", "c"])
        if written is not None:
            # What a store says it wrote is what is read of it.
            assert written == {key: entry.revision for key, entry in found.items()}
        assert [entry.data["x"] for entry in found.values()] == [1, 2, 3]
        assert found["b"].revision != old
        store.set_many({})

    # update

    def test_update_writes_what_the_change_returns(self, store: StoreInterface) -> None:
        """And returns it."""
        assert store.update("a", lambda old: {"n": old.get("n", 0) + 1}) == {"n": 1}
        assert store.update("a", lambda old: {"n": old["n"] + 1}) == {"n": 2}
        assert store.get("a") == {"n": 2}

    def test_update_with_none_leaves_the_document(self, store: StoreInterface) -> None:
        """Even if the change touched its copy."""
        store.set("a", {"n": 1})
        revision = store.get_entry("a").revision

        def spoil(old: Document) -> None:
            old["n"] = 99

        assert store.update("a", spoil) == {"n": 1}
        assert store.get_entry("a").revision == revision

    def test_an_error_in_a_change_leaves_the_document(
        self, store: StoreInterface
    ) -> None:
        """And reaches the caller as it is."""
        store.set("a", {"n": 1})
        with pytest.raises(ZeroDivisionError):
            store.update("a", lambda old: {"n": old["n"] // 0})
        assert store.get("a") == {"n": 1}

    # places

    def test_two_stores_on_one_place_agree(
        self, store: StoreInterface, other: StoreInterface
    ) -> None:
        """On documents, revisions and keys."""
        store.set("a", {"x": 1})
        assert other.get_entry("a") == store.get_entry("a")
        other.compare_and_set("a", {"x": 2}, store.get_entry("a").revision)
        assert store.get("a") == {"x": 2}
        other.delete("a")
        assert store.keys() == []

    def test_documents_outlive_the_store(
        self, make_store: Callable[[], StoreInterface]
    ) -> None:
        """With their revisions and times."""
        if not self.durable:
            pytest.skip("these documents end with their store")
        with make_store() as store:
            store.set_many({"a": {"x": 1}, "b": {"x": 2}})
            before = store.get_many(["a", "b"])
        with make_store() as store:
            assert store.get_many(["a", "b"]) == before
            assert store.keys() == ["a", "b"]

    # life

    def test_a_store_opens_on_first_use(
        self, make_store: Callable[[], StoreInterface]
    ) -> None:
        """No call of open() is needed, and more than one do no harm."""
        store = make_store()
        try:
            store.set("a", {"x": 1})
            assert store.open().open().get("a") == {"x": 1}
        finally:
            store.close()

    def test_a_closed_store_refuses_every_call(
        self, make_store: Callable[[], StoreInterface]
    ) -> None:
        """Except closing again, asking for its health and its status."""
        store = make_store()
        with store as entered:
            assert entered is store
            store.set("a", {"x": 1})
        store.close()
        calls = [*_calls(store, "a"), store.keys, store.open]
        for call in calls:
            with pytest.raises(StoreClosedError):
                call()
        assert store.health_check() is False
        assert store.status().backend

    def test_an_open_store_is_healthy_and_says_where_writes_lie(
        self, store: StoreInterface
    ) -> None:
        """Nothing is pending."""
        assert store.health_check() is True
        status = store.status()
        assert status.backend
        assert status.acknowledged_by
        assert (status.pending, status.degraded_since) == (0, None)

    def test_a_view_is_bound_to_its_document(self, store: StoreInterface) -> None:
        """It reads, writes and updates one key."""
        view = store.document("settings")
        assert view.read() == {}
        view.write({"n": 1})
        assert view.update(lambda old: {"n": old["n"] + 1}) == {"n": 2}
        assert store.get("settings") == view.read() == {"n": 2}


def _arguments_of_calls() -> dict[str, list[str]]:
    """Return the names of the arguments of every call that a store has."""
    return {
        name: arguments
        for name, call in vars(StoreInterface).items()
        if not name.startswith("_") and isfunction(call)
        if (arguments := list(signature(call).parameters)[1:])
    }


def _writes(
    store: StoreInterface, document: Any, revision: str
) -> list[Callable[[], object]]:
    return [
        lambda: store.set("a", document),
        lambda: store.compare_and_set("a", document, revision),
        lambda: store.set_many({"new": {"x": 1}, "a": document}),
        lambda: store.update("a", lambda _: document),
    ]


def _calls(store: StoreInterface, key: Any) -> list[Callable[[], object]]:
    return [
        lambda: store.get(key),
        lambda: store.get_entry(key),
        lambda: store.get_many(["a", key]),
        lambda: store.set(key, {}),
        lambda: store.set_many({"a": {"x": 1}, key: {}}),
        lambda: store.compare_and_set(key, {}, ""),
        lambda: store.update(key, lambda _: {}),
        lambda: store.delete(key),
    ]


def _typed(value: Any) -> Any:
    """Return the value with every type told, since 1 == 1.0 == True."""
    if isinstance(value, dict):
        return {name: _typed(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_typed(item) for item in value]
    return type(value).__name__, value
