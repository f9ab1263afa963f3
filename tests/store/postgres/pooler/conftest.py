"""A PgBouncer in transaction mode in front of the tests' PostgreSQL."""

import psycopg
import pytest

from switchbot_store.testing.pgbouncer import PgBouncer, find_pgbouncer


@pytest.fixture
def installed():
    """Skip where there is no PgBouncer; for tests that start one of their own, too."""
    if find_pgbouncer() is None:
        pytest.skip("PgBouncer is not installed: apt-get install pgbouncer")


@pytest.fixture
def bouncer(installed, postgres_server):
    with PgBouncer(postgres_server, users=("hostile",)) as bouncer:
        yield bouncer


@pytest.fixture
def pgbouncer(bouncer, database_url):
    """Give the URL of the test's own database behind it."""
    return bouncer.url(psycopg.conninfo.conninfo_to_dict(database_url)["dbname"])
