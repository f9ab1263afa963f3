import psycopg
import pytest

pytest.register_assert_rewrite(
    "switchbot_store.testing.history_contract",
    "switchbot_store.testing.store_contract",
    "switchbot_store.testing.store_concurrency",
)

from switchbot_store import PostgresStore  # noqa: E402 - after the line above
from switchbot_store.testing import TcpProxy  # noqa: E402 - likewise
from tests.cases import slow_after  # noqa: E402 - likewise


@pytest.fixture
def proxy(database_url):
    parameters = psycopg.conninfo.conninfo_to_dict(database_url)
    host = parameters.get("host") or "127.0.0.1"
    with TcpProxy(int(parameters["port"]), target_host=host) as proxy:
        yield proxy


@pytest.fixture
def proxied_url(database_url, proxy):
    return psycopg.conninfo.make_conninfo(
        database_url, host="127.0.0.1", port=proxy.port
    )


@pytest.fixture
def proxied_store(proxied_url, proxy):
    """A store behind the proxy, open and connected."""
    with PostgresStore(proxied_url) as store:
        store.set("warm", {"up": True})
        proxy.clear()
        yield store


@pytest.fixture
def beside(database_url):
    """Another client of the same database, not behind the proxy."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


HOSTILE = {
    "default_transaction_isolation": "'repeatable read'",
    "DateStyle": "'SQL, DMY'",
    "IntervalStyle": "'sql_standard'",
    "TimeZone": "'America/St_Johns'",
    "search_path": "evil, pg_catalog, nowhere, public",
    "client_encoding": "'LATIN1'",
    "statement_timeout": "'1ms'",
    "lock_timeout": "'1ms'",
    "idle_in_transaction_session_timeout": "'1ms'",
    "bytea_output": "'escape'",
    "extra_float_digits": "-15",
    "standard_conforming_strings": "off",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "quote_all_identifiers": "on",
    "default_transaction_deferrable": "on",
    "synchronous_commit": "off",
    "enable_indexscan": "off",
    "plan_cache_mode": "force_generic_plan",
}
"""What a role may be set to by who knows nothing of us."""
EVIL = """
CREATE SCHEMA evil;
CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT 'epoch'::timestamptz $$;
CREATE FUNCTION evil.clock_timestamp() RETURNS timestamptz LANGUAGE sql
    AS $$ SELECT 'epoch'::timestamptz $$;
CREATE FUNCTION evil.jsonb_array_elements_text(jsonb) RETURNS SETOF text LANGUAGE sql
    AS $$ SELECT 'nothing' $$;
GRANT USAGE ON SCHEMA evil TO hostile;
"""


@pytest.fixture(params=slow_after(1, ["serializable", "repeatable read"]))
def hostile_role(request, database_url):
    """A role of the tests' database whose settings are those of `HOSTILE`."""
    with psycopg.connect(database_url, autocommit=True) as admin:
        known = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'hostile')"
        if not admin.execute(known).fetchone()[0]:
            admin.execute("CREATE ROLE hostile LOGIN")
        name = admin.info.dbname
        admin.execute(EVIL)
        admin.execute("GRANT CREATE ON SCHEMA public TO hostile")
        admin.execute(f"GRANT CREATE ON DATABASE {name} TO hostile")

        chosen = HOSTILE | {"default_transaction_isolation": f"'{request.param}'"}
        role = f"ALTER ROLE hostile IN DATABASE {name} SET"
        admin.execute(";".join(f"{role} {each} = {chosen[each]}" for each in chosen))
        try:
            yield "hostile"
        finally:
            admin.execute(f"ALTER ROLE hostile IN DATABASE {name} RESET ALL")
            admin.execute("DROP OWNED BY hostile CASCADE")
            admin.execute("DROP SCHEMA evil CASCADE")


@pytest.fixture
def hostile_url(database_url, hostile_role):
    return psycopg.conninfo.make_conninfo(database_url, user=hostile_role)
