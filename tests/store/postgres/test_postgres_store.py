"""PostgresStore with the pools, writers and processes of others."""

import subprocess
import sys
import textwrap

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from switchbot_store import (
    PostgresStore,
    StoreConfigError,
    StoreConflictError,
    StoreUnavailableError,
)


def bump(document):
    return {"n": document.get("n", 0) + 1}


class TestGivenPools:
    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"autocommit": True, "row_factory": dict_row},
            {"client_encoding": "LATIN1"},
        ],
        ids=["plain", "autocommit and dict rows", "another encoding"],
    )
    def test_a_pool_of_any_kind_is_used_as_it_is(self, database_url, options):
        with ConnectionPool(
            database_url, kwargs=options, min_size=1, open=True
        ) as pool:
            with PostgresStore(pool=pool) as store:
                store.set("a", {"é": "\xff"})
                store.compare_and_set("ü", {"n": 1}, "")
                assert store.get_many(["a"])["a"].data == {"é": "\xff"}
                assert store.keys() == ["a", "ü"]
                assert store.update("ü", bump) == {"n": 2}
            with pool.connection() as connection:
                assert connection.execute("SELECT 1").fetchone()
            with PostgresStore(database_url) as other:
                assert other.get("a") == {"é": "\xff"}

    def test_dead_connections_of_a_given_pool_are_stepped_over(self, database_url):
        with ConnectionPool(database_url, min_size=3, open=True) as pool:
            pool.wait()
            with PostgresStore(pool=pool) as store:
                store.set("n", {"n": 1})
                with psycopg.connect(database_url, autocommit=True) as killer:
                    killer.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE pid <> pg_backend_pid()"
                        " AND datname = current_database()"
                    )
                assert store.update("n", bump) == {"n": 2}

    def test_a_pool_that_its_owner_closed_is_unavailable(self, database_url):
        pool = ConnectionPool(database_url, min_size=1, open=True)
        with PostgresStore(pool=pool) as store:
            store.set("a", {})
            pool.close()
            with pytest.raises(StoreUnavailableError):
                store.get("a")
            assert store.health_check() is False

    def test_a_pool_and_a_conninfo_together_are_a_mistake(self, database_url):
        with (
            ConnectionPool(database_url, min_size=1, open=True) as pool,
            pytest.raises(StoreConfigError),
        ):
            PostgresStore(database_url, pool=pool)


class TestOtherWriters:
    def test_a_write_that_knows_no_revisions_makes_a_new_one(
        self, database_url, beside
    ):
        with PostgresStore(database_url) as store:
            store.set("settings", {"n": 1})
            old = store.get_entry("settings").revision
            beside.execute(
                "INSERT INTO json_store (kind, data, updated_at)"
                " VALUES ('settings', '{\"n\": 2}', now())"
                " ON CONFLICT (kind) DO UPDATE"
                " SET data = excluded.data, updated_at = now()"
            )
            with pytest.raises(StoreConflictError):
                store.compare_and_set("settings", {"n": 3}, old)
            assert store.update("settings", bump) == {"n": 3}

    def test_what_is_no_object_is_named_and_not_guessed(self, database_url, beside):
        with PostgresStore(database_url) as store:
            store.set("a", {})
            beside.execute("UPDATE json_store SET data = '[1]'")
            with pytest.raises(StoreUnavailableError, match="'a'"):
                store.get("a")


class TestFork:
    def test_a_forked_child_opens_anew_and_leaves_the_parents_session(
        self, database_url
    ):
        program = """
            import os, sys, warnings
            warnings.simplefilter("ignore")
            from switchbot_store import PostgresStore
            with PostgresStore(sys.argv[1]) as store:
                store.set("a", {"by": "parent"})
                def session():
                    return store._connections.call(
                        lambda it: it.execute("SELECT pg_backend_pid()").fetchone()
                    ).value
                before = session()
                child = os.fork()
                if child == 0:
                    assert store.get("a") == {"by": "parent"}
                    assert session() != before
                    store.set("a", {"by": "child"})
                    store.close()
                    os._exit(0)
                _, status = os.waitpid(child, 0)
                assert status == 0
                assert store.get("a") == {"by": "child"}
                assert session() == before
            """
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program), database_url],
            check=True,
            timeout=60,
        )
