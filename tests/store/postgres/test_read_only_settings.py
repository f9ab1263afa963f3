"""Databases that are read-only by a setting: whose it is decides what helps."""

import psycopg
import pytest

from switchbot_store import PostgresStore, StoreUnavailableError
from switchbot_store.doctor import examine

SET = "SET default_transaction_read_only = on"
ON = "-c default_transaction_read_only=on"
WHOSE = {
    "database": ("ALTER DATABASE {database} " + SET, "ALTER DATABASE ... RESET"),
    "user": ("ALTER ROLE {role} " + SET, "ALTER ROLE ... RESET"),
    "database user": (
        "ALTER ROLE {role} IN DATABASE {database} " + SET,
        "ALTER ROLE ... IN DATABASE ... RESET",
    ),
    "server": ("ALTER SYSTEM " + SET, "ALTER SYSTEM RESET"),
    "client": (None, "out of the URL's options"),
}


@pytest.mark.parametrize("whose", WHOSE)
def test_the_advice_names_where_it_was_set(postgres_server_factory, tmp_path, whose):
    server = postgres_server_factory()
    statement, advice = WHOSE[whose]
    url = server.url()
    with psycopg.connect(url, autocommit=True) as connection:
        database, role = connection.info.dbname, connection.info.user
        if statement:
            connection.execute(statement.format(database=database, role=role))
            connection.execute("SELECT pg_reload_conf()")
    if not statement:
        url = psycopg.conninfo.make_conninfo(url, options=ON)
    said = examine(
        {
            "STORE_BACKEND": "postgres",
            "POSTGRES_URL": url,
            "STORE_DIRECTORY": str(tmp_path),
        }
    )
    (found,) = [each for each in said if "accepts no writes" in each.message]
    assert advice in found.advice
    # Taken back without a look at the disk it would end the server.
    assert ("disk" in found.advice) == (whose in ("database", "server"))


def test_a_database_that_turned_read_only_takes_writes_again(postgres_server_factory):
    server = postgres_server_factory()
    with PostgresStore(server.url()) as store:
        store.set("settings", {"n": 1})
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {connection.info.dbname} {SET}")
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        with pytest.raises(StoreUnavailableError, match="read-only"):
            store.set("settings", {"n": 2})
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(
                f"ALTER DATABASE {connection.info.dbname}"
                " RESET default_transaction_read_only"
            )
        store.set("settings", {"n": 3})
        assert store.get("settings") == {"n": 3}
