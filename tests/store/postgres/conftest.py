import psycopg
import pytest

pytest.register_assert_rewrite(
    "switchbot_store.testing.store_contract",
    "switchbot_store.testing.store_concurrency",
)

from switchbot_store import PostgresStore  # noqa: E402 - after the line above
from switchbot_store.testing import TcpProxy  # noqa: E402 - likewise


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
