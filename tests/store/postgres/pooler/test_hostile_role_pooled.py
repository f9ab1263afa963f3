"""The same behind a transaction pooler, by what the statements say themselves."""

import psycopg
import pytest

from switchbot_store import PostgresHistory, PostgresStore
from switchbot_store.postgres.schema import migrations
from switchbot_store.testing import HistoryContract, StoreContract

BEYOND_A_STATEMENT = (
    "idle_in_transaction_session_timeout",
    "lock_timeout",
    "search_path",
    "statement_timeout",
)


@pytest.fixture
def pooled_url(database_url, hostile_role, pgbouncer):
    """Without what no statement can say of itself, and every administrator would notice."""
    with psycopg.connect(database_url, autocommit=True) as admin:
        for name in BEYOND_A_STATEMENT:
            admin.execute(
                f"ALTER ROLE {hostile_role} IN DATABASE {admin.info.dbname} RESET {name}"
            )
    return psycopg.conninfo.make_conninfo(pgbouncer, user=hostile_role)


# The contract behind a pooler, and under such a role, are of every run; both at once here.
@pytest.mark.slow
class TestStore(StoreContract):
    @pytest.fixture
    def make_store(self, pooled_url):
        return lambda: PostgresStore(pooled_url, pooler=True)


@pytest.mark.slow
class TestHistory(HistoryContract):
    @pytest.fixture
    def make_backend(self, pooled_url):
        return lambda: PostgresHistory(pooled_url, pooler=True)


def test_the_role_is_hostile(pooled_url):
    with psycopg.connect(pooled_url, autocommit=True, prepare_threshold=None) as other:
        text = other.execute("SELECT clock_timestamp()::text").fetchone()[0]
        assert "/" in text
        isolation = other.execute("SHOW transaction_isolation").fetchone()[0]
        assert isolation in {"repeatable read", "serializable"}


def test_a_statement_that_the_role_cuts_short_keeps_nobody_from_starting(
    pooled_url, database_url, hostile_role, monkeypatch
):
    """Looking at the tables takes longer than others, on a server that just started."""
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(
            f"ALTER ROLE {hostile_role} IN DATABASE {admin.info.dbname}"
            " SET statement_timeout = '400ms'"
        )
    looked_at = migrations.looked_at

    def slowly(connection):
        connection.execute("SELECT pg_sleep(0.8)")
        return looked_at(connection)

    monkeypatch.setattr(migrations, "looked_at", slowly)
    with PostgresStore(pooled_url, pooler=True) as store:
        store.set("a", {"n": 1})
        assert store.get("a") == {"n": 1}
