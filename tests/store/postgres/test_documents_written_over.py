"""A document that is written over and over takes no more room each time."""

import psycopg
import pytest

from switchbot_store import PostgresStore, migrate
from switchbot_store.postgres.schema.partitioning import partition

SIZES = range(200, 1900, 150)
"""Of what fits in a page several times, and is not moved out of it."""
PAGE_BYTES = 8192
DASHBOARDS = (
    "CREATE TABLE json_store (kind varchar(50) PRIMARY KEY, data jsonb NOT NULL,"
    " updated_at timestamptz)"
)
IN_PARTS = (
    "CREATE TABLE json_store (kind text PRIMARY KEY, data jsonb NOT NULL,"
    " updated_at timestamptz) PARTITION BY HASH (kind);"
    " CREATE TABLE json_store_0 PARTITION OF json_store"
    " FOR VALUES WITH (MODULUS 2, REMAINDER 0);"
    " CREATE TABLE json_store_1 PARTITION OF json_store"
    " FOR VALUES WITH (MODULUS 2, REMAINDER 1)"
)


def leaves(connection):
    rows = connection.execute(
        "SELECT c.oid, c.reloptions FROM pg_class c WHERE c.relkind = 'r' AND c.oid IN"
        " (SELECT 'json_store'::regclass UNION"
        " SELECT relid FROM pg_partition_tree('json_store'))"
    )
    return rows.fetchall()


def written_bytes(connection):
    return sum(
        connection.execute("SELECT pg_relation_size(%s)", [oid]).fetchone()[0]
        for oid, _ in leaves(connection)
    )


@pytest.mark.parametrize(
    "made", ["", DASHBOARDS, IN_PARTS], ids=["new", "old", "parts"]
)
def test_the_table_of_documents_stays_as_large_as_they_are(database_url, made):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(made or "SELECT 1")
    with (
        psycopg.connect(database_url, autocommit=True) as connection,
        PostgresStore(database_url) as store,
    ):
        for size in SIZES:
            store.set(f"d{size}", {"text": "x" * size, "n": 0})
        before = written_bytes(connection)
        for number in range(60):
            for size in SIZES:
                # Letters in turn, so that compressing them does not hide how long it is.
                text = "".join(chr(97 + (number * i * i) % 26) for i in range(size))
                store.set(f"d{size}", {"text": text, "n": number})
        assert written_bytes(connection) <= before + 6 * PAGE_BYTES


def test_parts_made_later_keep_as_much_room_as_the_table(database_url):
    migrate(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        (before,) = {tuple(options) for _, options in leaves(connection)}
        assert before == ("fillfactor=70",)
        partition(database_url, 3)
        found = leaves(connection)
        assert len(found) == 3
        assert {tuple(options) for _, options in found} == {before}


def test_a_hosts_own_choice_of_room_stays(database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(DASHBOARDS + " WITH (fillfactor = 55)")
        migrate(database_url)
        assert [options for _, options in leaves(connection)] == [["fillfactor=55"]]
