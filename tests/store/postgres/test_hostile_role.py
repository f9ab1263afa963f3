"""Settings of a role or a database change nothing: the contracts under the worst of them."""

import itertools

import psycopg
import pytest

from switchbot_store import FailoverStore, PostgresHistory, PostgresStore
from switchbot_store.testing import HistoryContract, StoreContract
from tests.cases import one_example_each


class TestStore(StoreContract):
    @pytest.fixture
    def make_store(self, hostile_url):
        return lambda: PostgresStore(hostile_url)


class TestFailover(StoreContract):
    @pytest.fixture
    def make_store(self, hostile_url, tmp_path):
        numbers = itertools.count()
        return lambda: FailoverStore(
            PostgresStore(hostile_url), tmp_path / str(next(numbers))
        )


def test_what_was_acknowledged_meanwhile_is_carried_over(hostile_url, proxy, tmp_path):
    """Also revisions, instants and conflicts mean the same under such a role."""
    url = psycopg.conninfo.make_conninfo(hostile_url, port=proxy.port)
    with (
        FailoverStore(PostgresStore(url), tmp_path / "one", policy="local") as store,
        PostgresStore(hostile_url) as direct,
    ):
        store.set_many({"a": {"n": 1}, "b": {"n": 1}, "c": {"n": 1}})
        proxy.refuse()
        proxy.reset()
        store.set("a", {"n": 2})
        store.set("b", {"n": 2})
        store.delete("c")
        direct.set("b", {"n": "theirs"})
        proxy.accept()
        assert any(store.resync() for _ in range(10)), store.status()
        assert direct.get_many(list("abc")) == store.get_many(list("abc"))
        found = [entry.data for entry in direct.get_many(list("abc")).values()]
        assert found == [{"n": 2}, {"n": 2}, {}]
        assert [each.data for each in store.conflicts()] == [{"n": "theirs"}]


@one_example_each
class TestHistory(HistoryContract):
    @pytest.fixture
    def make_backend(self, hostile_url):
        return lambda: PostgresHistory(hostile_url)


def test_the_role_is_hostile(hostile_url):
    """What the others of this file stand on."""
    with psycopg.connect(hostile_url, autocommit=True) as connection:
        # On a busy machine any statement may take longer than the role has.
        connection.execute("SET statement_timeout = 0")
        with pytest.raises(NotImplementedError, match="DateStyle"):
            connection.execute("SELECT clock_timestamp()").fetchone()
        assert (
            connection.execute("SELECT now()::text").fetchone()[0].startswith("31/12")
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE json_store ()")
    with (
        psycopg.connect(hostile_url, autocommit=True) as connection,
        pytest.raises(psycopg.errors.QueryCanceled),
    ):
        connection.execute("SELECT pg_sleep(1)")
