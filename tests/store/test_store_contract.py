"""The one suite over every backend, plain and through asyncio."""

import contextlib

import pytest

from switchbot_store import (
    GatheringStore,
    JsonStore,
    MemoryStore,
    PostgresStore,
    ThreadedStore,
)
from switchbot_store.testing import BlockingView, StoreContract


class TestMemoryStore(StoreContract):
    durable = False

    @pytest.fixture
    def make_store(self):
        store = MemoryStore()
        return lambda: store


class TestJsonStore(StoreContract):
    @pytest.fixture
    def make_store(self, tmp_path):
        return lambda: JsonStore(tmp_path / "config")


class TestPostgresStore(StoreContract):
    @pytest.fixture
    def make_store(self, migrated_database_url):
        return lambda: PostgresStore(migrated_database_url)


class _Threaded(StoreContract):
    """Wraps what `make_inner` makes."""

    wrapper = ThreadedStore

    @pytest.fixture
    def make_store(self, make_inner):
        with contextlib.ExitStack() as stack:

            def make():
                view = BlockingView(self.wrapper(make_inner()))
                stack.callback(view.end)
                return view

            yield make


class TestThreadedMemoryStore(_Threaded):
    durable = False

    @pytest.fixture
    def make_inner(self):
        store = MemoryStore()
        return lambda: store


class TestThreadedJsonStore(_Threaded):
    @pytest.fixture
    def make_inner(self, tmp_path):
        return lambda: JsonStore(tmp_path / "config")


class TestThreadedPostgresStore(_Threaded):
    @pytest.fixture
    def make_inner(self, migrated_database_url):
        return lambda: PostgresStore(migrated_database_url)


class TestGatheringJsonStore(TestThreadedJsonStore):
    wrapper = GatheringStore


class TestGatheringPostgresStore(TestThreadedPostgresStore):
    wrapper = GatheringStore
