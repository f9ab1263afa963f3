"""Databases that are read-only by a setting: whose it is decides what helps."""

from contextlib import closing
from datetime import UTC, datetime

import psycopg
import pytest

from switchbot_store import (
    FailoverStore,
    HistorySample,
    PostgresHistory,
    PostgresStore,
    StoreConfigError,
    StoreUnavailableError,
)
from switchbot_store.doctor import examine
from switchbot_store.failover.journal import read_pending

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


def _own(url, monkeypatch, how, tmp_path):
    if how == "url":
        return psycopg.conninfo.make_conninfo(url, options=ON)
    if how == "PGOPTIONS":
        monkeypatch.setenv("PGOPTIONS", ON)
        return url
    (tmp_path / "services").write_text(f"[reads]\noptions={ON}\n")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    return psycopg.conninfo.make_conninfo(url, service="reads")


@pytest.mark.parametrize("how", ["url", "PGOPTIONS", "service"])
@pytest.mark.parametrize("new", [True, False])
def test_a_wish_of_ones_own_settings_is_no_outage(
    database_url, tmp_path, monkeypatch, how, new
):
    if not new:
        with FailoverStore(PostgresStore(database_url), tmp_path / "a") as store:
            store.set("settings", {"n": 1})
    url = _own(database_url, monkeypatch, how, tmp_path)
    store = FailoverStore(PostgresStore(url), tmp_path / "b")
    try:
        if not new:
            # Who only reads may have it so.
            assert store.get("settings") == {"n": 1}
        with pytest.raises(StoreConfigError, match="default_transaction_read_only"):
            store.set("settings", {"n": 2})
    finally:
        store.close()
    assert read_pending(tmp_path / "b") == {}


def test_the_history_says_so_too(migrated_database_url):
    url = psycopg.conninfo.make_conninfo(migrated_database_url, options=ON)
    with closing(PostgresHistory(url)) as history:
        sample = HistorySample(datetime(2026, 1, 10, tzinfo=UTC))
        with pytest.raises(StoreConfigError, match="default_transaction_read_only"):
            history.write([sample], now=sample.timestamp)


def test_a_role_s_is_the_server_s_and_waited_for(postgres_server_factory, tmp_path):
    server = postgres_server_factory()
    with FailoverStore(PostgresStore(server.url()), tmp_path) as store:
        store.set("settings", {"n": 1})
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"ALTER ROLE {connection.info.user} {SET}")
    with FailoverStore(PostgresStore(server.url()), tmp_path) as store:
        store.set("settings", {"n": 2})
        assert store.status().pending == 1
