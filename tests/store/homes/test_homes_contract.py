"""A home among others keeps the whole contract, and its neighbours keep theirs."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from switchbot_store import (
    HistorySample,
    HomeStore,
    JsonStore,
    MemoryStore,
    PostgresHistory,
    PostgresStore,
    SqliteHistory,
)
from switchbot_store.history.home import HomeBackend
from switchbot_store.testing import HistoryContract, StoreContract
from tests.cases import one_example_each

# Names that begin like the other's, and that a pattern would take for it.
NEIGHBOURS = ("4", "42x", "42%", "2", "4_")
# Beyond what retention, which is the place's, may delete in the contract.
AT = datetime(2031, 3, 1, 12, tzinfo=UTC)


class _Beside(StoreContract):
    """The contract of the home ``42`` of `make_whole`, beside homes with documents."""

    longest_key = 200 - len("homes/42/")

    @pytest.fixture
    def make_store(self, make_whole):
        theirs = {"settings": {"of": "another"}, "_told/state": {"of": "another"}}
        whole = make_whole()
        for name in NEIGHBOURS:
            HomeStore(whole, name).set_many(theirs)
        before = {key: whole.get_entry(key) for key in whole.keys_with("")}
        self.rest(whole)
        yield lambda: HomeStore(make_whole(), "42")
        whole = make_whole()
        assert {key: whole.get_entry(key) for key in before} == before
        self.rest(whole)

    def rest(self, whole):
        """Let others open the place."""
        whole.close()


class TestHomeInMemory(_Beside):
    durable = False

    @pytest.fixture
    def make_whole(self):
        store = MemoryStore()
        return lambda: store

    def rest(self, whole):
        """It cannot be opened again."""

    @pytest.fixture
    def make_store(self, make_whole):
        theirs = {"settings": {"of": "another"}, "_told/state": {"of": "another"}}
        whole = make_whole()
        for name in NEIGHBOURS:
            HomeStore(whole, name).set_many(theirs)
        return lambda: HomeStore(whole, "42")


class TestHomeInFiles(_Beside):
    @pytest.fixture
    def make_whole(self, tmp_path):
        return lambda: JsonStore(tmp_path / "config")


class TestHomeInPostgres(_Beside):
    @pytest.fixture
    def make_whole(self, migrated_database_url):
        return lambda: PostgresStore(migrated_database_url)


class _View(HomeBackend):
    """Hands the contract's clock on to the place, whose clock it is."""

    def __setattr__(self, name, value):
        if name == "clock":
            self.backend.clock = value
        else:
            super().__setattr__(name, value)

    def __delattr__(self, name):
        # Once for each service of a test; all of them set the one clock.
        vars(self.backend).pop(name, None)


class _RowsBeside(HistoryContract):
    """The contract of the home ``42`` of `make_place`, beside homes with rows."""

    @pytest.fixture
    def make_backend(self, make_place):
        with closing(make_place()) as place:
            for name in NEIGHBOURS:
                samples = [
                    HistorySample(
                        AT + timedelta(minutes=n), "default", temperature=99.0
                    )
                    for n in range(90)
                ]
                HomeBackend(place, name).write(samples, now=AT)
            before = place.rows(AT, AT + timedelta(days=1))
        yield lambda: _View(make_place(), "42")
        with closing(make_place()) as place:
            found = place.rows(AT, AT + timedelta(days=1))
            theirs = [row for row in found if not row.zone.startswith("42/")]
            assert theirs == before


@one_example_each
class TestHomeInSqlite(_RowsBeside):
    @pytest.fixture
    def make_place(self, tmp_path):
        return lambda: SqliteHistory(tmp_path / "config" / "history.sqlite3")


@one_example_each
class TestHomeOfPostgresHistory(_RowsBeside):
    @pytest.fixture
    def make_place(self, migrated_database_url):
        return lambda: PostgresHistory(migrated_database_url)
