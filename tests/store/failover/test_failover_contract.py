"""A failover store is a store like any other: well, degraded, and in economy."""

import itertools

import pytest

from switchbot_store import FailoverStore, JsonStore, PostgresStore
from switchbot_store.testing import StoreContract

NOBODY_LISTENS = "postgresql://postgres@127.0.0.1:1/home"


class TestOverPostgres(StoreContract):
    @pytest.fixture
    def make_store(self, database_url, tmp_path):
        numbers = itertools.count()
        # Each has its own directory: a second store on one place is a second host.
        return lambda: FailoverStore(
            PostgresStore(database_url), tmp_path / str(next(numbers))
        )


class TestOverAnyStore(StoreContract):
    @pytest.fixture
    def make_store(self, tmp_path):
        numbers = itertools.count()
        return lambda: FailoverStore(
            JsonStore(tmp_path / "primary"), tmp_path / str(next(numbers))
        )


class _OneDirectory(StoreContract):
    """One store object at a time: the directory belongs to one."""

    @pytest.fixture
    def make_store(self, make_inner):
        latest = []

        def make():
            if not latest or latest[-1]._closed:
                latest.append(make_inner())
            return latest[-1]

        yield make
        for store in latest:
            store.close()


class TestWithoutItsPrimary(_OneDirectory):
    @pytest.fixture
    def make_inner(self, tmp_path):
        return lambda: FailoverStore(PostgresStore(NOBODY_LISTENS), tmp_path)

    def test_a_key_never_set_is_an_empty_document(self, store):
        """The one difference: it is said that the primary did not answer."""
        entry = store.get_entry("settings")
        assert (entry.data, entry.revision, entry.updated_at) == ({}, "", None)
        assert entry.stale

    def test_an_open_store_is_healthy_and_says_where_writes_lie(self, store):
        """In the journal, and since when."""
        assert store.health_check() is True
        status = store.status()
        assert str(store.directory) in status.acknowledged_by
        assert status.degraded_since is not None
        assert status.pending == 0
        store.set_many({"a": {"n": 1}, "b": {"n": 1}})
        store.set("a", {"n": 2})
        assert store.status().pending == 3


class TestInEconomy(_OneDirectory):
    @pytest.fixture
    def make_inner(self, database_url, tmp_path):
        return lambda: FailoverStore(
            PostgresStore(database_url), tmp_path, profile="economy"
        )
