"""URLs as hosters and other programs give them: used, or refused by name."""

from pathlib import Path

import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from psycopg import pq

from switchbot_store import StoreConfig, StoreConfigError, get_store
from switchbot_store.postgres.location import described

HOST = "db.example.com"
SECRETS = st.text("abcXYZ019@/#%?:&=+ ~$!*()[]-_.", min_size=1, max_size=24)


def since(version):
    """Skip what libpq has no parameter for before some version."""
    return pytest.mark.skipif(
        pq.version() < version * 10000, reason=f"it came with libpq {version}"
    )


def told(url, **variables):
    """Return what libpq is told, without what is always told."""
    variables = {"STORE_BACKEND": "postgres", "POSTGRES_URL": url, **variables}
    found = StoreConfig.from_env(variables)
    parameters = psycopg.conninfo.conninfo_to_dict(found.conninfo)
    return {
        name: value
        for name, value in parameters.items()
        if name not in {"application_name", "client_encoding"}
    }


PLAIN = {"user": "u", "password": "pw", "host": HOST, "dbname": "db"}
PLAIN["sslmode"] = "require"


@pytest.mark.parametrize(
    ("url", "otherwise"),
    [
        (f"postgres://u:pw@{HOST}/db?pgbouncer=true&connection_limit=1", {}),
        (f"postgresql://u:pw@{HOST}/db?schema=public&pool_timeout=0", {}),
        (
            f"postgresql://u:pw@{HOST}/db?schema=home",
            {"options": "-c search_path=home"},
        ),
        (
            f"postgresql://u:pw@{HOST}/db?currentSchema=home&options=endpoint%3Dep-1",
            {"options": "endpoint=ep-1 -c search_path=home"},
        ),
        (f"postgresql://u:pw@{HOST}/db?replication=off", {}),
        (f"postgresql+asyncpg://u:pw@{HOST}/db?ssl=require", {}),
        (f"postgres://u:pw@{HOST}/db?ssl=true", {}),
        (f"postgres://u:pw@{HOST}/db?ssl=0", {"sslmode": "disable"}),
        (f"postgres://u:pw@{HOST}/db?ssl=verify-ca", {"sslmode": "verify-ca"}),
        (f"postgres://u:pw@{HOST}/db?sslmode=no-verify", {}),
        (f"postgres://u:pw@{HOST}/db?sslaccept=strict", {"sslmode": "verify-full"}),
        (f"jdbc:postgresql://{HOST}/db?user=u&password=pw&prepareThreshold=0", {}),
        (f"postgresql://u:pw@{HOST}/db?statusColor=F8F8F8&env=&name=x", {}),
        (f"psql 'postgresql://u:pw@{HOST}/db?sslmode=require'", {}),
        (f'"postgresql://u:pw@{HOST}/db"', {}),
        (f"DATABASE_URL=postgresql://u:pw@{HOST}/db", {}),
        (f'export DATABASE_URL="postgresql://u:pw@{HOST}/db"\n', {}),
        (f"postgresql://u@server:pw@{HOST}/db", {"user": "u@server"}),
        (f"postgresql://{HOST}/db?user=u@server&password=p@ss", {}),
        (f"postgresql://u:pw@{HOST}/db?application_name=me@home", {}),
        (
            f"postgresql://u:pw@{HOST}/db?sslrootcert=system",
            {"sslmode": "verify-full", "sslrootcert": "system"},
        ),
        (
            f"postgresql://u:pw@{HOST}/db?channel_binding=require&sslmode=require",
            {"channel_binding": "require"},
        ),
        (
            f"postgresql://u:pw@{HOST}/db?options=endpoint%3Dep-cool-1234",
            {"options": "endpoint=ep-cool-1234"},
        ),
        (
            "postgresql://u:pw@[2001:db8::1]:5433/db",
            {"host": "2001:db8::1", "port": "5433"},
        ),
        (
            "postgresql://u:pw@%2Fvar%2Frun/db",
            {"host": "/var/run", "sslmode": None},
        ),
        (f"host={HOST} dbname=db user=u password=pw sslmode=no-verify", {}),
        (f"\ufeffpostgresql://u:pw@{HOST}/db", {}),
        (
            f"postgresql://u:pw@{HOST}/db?sslkey=~/my.key&sslrootcert=./~ca",
            {"sslkey": str(Path.home() / "my.key"), "sslrootcert": "./~ca"},
        ),
        (
            f"postgresql://u:pw@{HOST}/db?hostaddr=fe80::1%25lo",
            {"hostaddr": "fe80::1%lo"},
        ),
        (
            f"host={HOST} dbname=db user=u password=pw sslcert=~/my.crt",
            {"sslcert": str(Path.home() / "my.crt")},
        ),
    ],
)
def test_what_others_write_is_used(url, otherwise):
    if "user=u@server&" in url:
        otherwise = {"user": "u@server", "password": "p@ss"}
    wanted = {**PLAIN, **otherwise}
    assert told(url) == {name: value for name, value in wanted.items() if value}


@pytest.mark.parametrize(
    ("query", "name", "form"),
    [
        ("statusColour=F8F8F8", "statusColour", "remove it"),
        ("timezone=UTC", "timezone", "options=-c%20"),
        ("sslmod=require", "sslmod", "is it sslmode"),
        ("ssl=perhaps", "ssl", "true, false"),
        ("schema=a,b", "schema", "one schema"),
        ("sslmode=on", "sslmode", "verify-full"),
        ("connect_timeout=abc", "connect_timeout", "seconds"),
        ("target_session_attrs=rw", "target_session_attrs", "read-write"),
        ("target_session_attrs=standby", "target_session_attrs", "takes no writes"),
        ("channel_binding=on", "channel_binding", "require"),
        ("gssencmode=no", "gssencmode", "disable"),
        ("load_balance_hosts=yes", "load_balance_hosts", "random"),
        pytest.param(
            *("sslnegotiation=directt", "sslnegotiation", "direct"), marks=since(17)
        ),
        pytest.param(
            *("sslnegotiation=direct&sslmode=prefer", "sslmode", "require"),
            marks=since(17),
        ),
        ("sslrootcert=system&sslmode=require", "sslmode", "verify-full"),
        ("require_auth=foo", "require_auth", "scram-sha-256"),
        ("ssl_min_protocol_version=TLSv9", "ssl_min_protocol_version", "TLSv1.3"),
        ("keepalives_idle=abc", "keepalives_idle", "whole number"),
        ("tcp_user_timeout=1s", "tcp_user_timeout", "whole number"),
        ("replication=database", "replication", "ordinary connection"),
        ("hostaddr=10.0.0.1,10.0.0.2", "hostaddr", "as many"),
        ("hostaddr=localhost", "hostaddr", "numeric"),
        ("hostaddr=10.0.0.256", "hostaddr", "numeric"),
        pytest.param(
            *("max_protocol_version=3.3", "max_protocol_version", "latest"),
            marks=since(18),
        ),
        ("port=1,2,3", "port", "as many"),
        ("sslkey=~nobody-of-that-name/my.key", "sslkey", "whole path"),
    ],
)
def test_what_never_connects_is_refused_by_name(query, name, form):
    with pytest.raises(StoreConfigError) as caught:
        told(f"postgresql://u:hunter2@{HOST}/db?{query}")
    assert caught.value.variable == "POSTGRES_URL"
    for word in ("POSTGRES_URL", name, form):
        assert word in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"postgress://u:hunter2@{HOST}/db", "postgresql://user"),
        (f"mysql://u:hunter2@{HOST}/db", "postgresql://user"),
        (f"postgresql://u:[YOUR-PASSWORD]@{HOST}/db", "placeholder"),
        (f"postgresql://u:hunter2@{HOST} /db", "%40"),
        (f"postgresql://u:hunter2%FF@{HOST}/db", "%25"),
        (f"postgresql://u:hunter2%00@{HOST}/db", "NUL"),
        (f"postgresql://u:hunter2\0@{HOST}/db", "NUL"),
        (f"host={HOST} password=hunter2\0", "NUL"),
        (f"host={HOST} schema=public password=hunter2", "'schema'"),
        (f"host={HOST} sslmoed=require password=hunter2", "is it sslmode"),
        ("host=a password=hunter2 hunter2=b", "key=value"),
        ("postgresql://u:a@b?hunter2=x@db.example.com/db", "a parameter"),
    ],
)
def test_what_is_no_connection_string_is_refused_with_the_form(text, words):
    with pytest.raises(StoreConfigError) as caught:
        told(text)
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_roots_of_the_system_ask_for_the_name_as_well():
    url = f"postgresql://u:pw@{HOST}/db"
    found = told(url, PGSSLROOTCERT="system")
    assert found["sslmode"] == "verify-full"
    for weak in ({"POSTGRES_SSL_MODE": "require"}, {"PGSSLMODE": "prefer"}):
        with pytest.raises(StoreConfigError, match="POSTGRES_SSL_MODE=verify-full"):
            told(f"{url}?sslrootcert=system", **weak)


@given(SECRETS)
@example("Tr0ub@dor")
@example("100%")
@example("a/b@c#d?e:f%g&h")
def test_no_part_of_a_password_becomes_a_host(secret):
    """Taken as it is meant, or refused without being repeated."""
    url = f"postgresql://user:{secret}@{HOST}:5433/home?sslmode=require"
    refused = None
    try:
        found = told(url)
    except StoreConfigError as error:
        refused = str(error)
    if refused is not None:
        assert len(secret) < 6 or secret not in refused
        return
    assert found["host"] == HOST
    assert described(psycopg.conninfo.make_conninfo("", **found)) == (
        f"database home on {HOST}"
    )


@pytest.mark.parametrize("secret", ["Tr0ub@dor", "a/b?c#d@e:f", "100%", "%zz@%"])
def test_a_password_pasted_as_it_is_connects(
    environment, postgres_server_factory, secret
):
    server = postgres_server_factory(password=secret)
    environment(
        STORE_BACKEND="postgres",
        POSTGRES_URL=f"postgresql://postgres:{secret}@127.0.0.1:{server.port}/postgres",
    )
    with get_store() as store:
        store.set("settings", {"n": 1})
        assert store.status().degraded_since is None


class TestSeveralHosts:
    def test_the_one_that_takes_writes_is_meant(self, monkeypatch):
        monkeypatch.delenv("PGTARGETSESSIONATTRS", raising=False)
        url = "postgresql://u:pw@h1:5432,h2:5433/db"
        found = told(url)
        assert (found["host"], found["port"]) == ("h1,h2", "5432,5433")
        assert found["target_session_attrs"] == "read-write"
        assert told(f"{url}?target_session_attrs=any")["target_session_attrs"] == "any"
        assert "target_session_attrs" not in told(f"postgresql://u:pw@{HOST}/db")

    def test_a_variable_of_libpq_is_left_in_force(self, monkeypatch):
        monkeypatch.setenv("PGTARGETSESSIONATTRS", "any")
        assert "target_session_attrs" not in told("postgresql://u:pw@h1,h2/db")
