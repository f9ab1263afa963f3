"""Settings of a role or a database change nothing: both contracts under the worst of them."""

import psycopg
import pytest

from switchbot_store import PostgresHistory, PostgresStore
from switchbot_store.testing import HistoryContract, StoreContract


class TestStore(StoreContract):
    @pytest.fixture
    def make_store(self, hostile_url):
        return lambda: PostgresStore(hostile_url)


class TestHistory(HistoryContract):
    @pytest.fixture
    def make_backend(self, hostile_url):
        return lambda: PostgresHistory(hostile_url)


def test_the_role_is_hostile(hostile_url):
    """What the others of this file stand on."""
    with psycopg.connect(hostile_url, autocommit=True) as connection:
        with pytest.raises(NotImplementedError, match="DateStyle"):
            connection.execute("SELECT clock_timestamp()").fetchone()
        assert (
            connection.execute("SELECT now()::text").fetchone()[0].startswith("31/12")
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE json_store ()")
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("SELECT pg_sleep(1)")
