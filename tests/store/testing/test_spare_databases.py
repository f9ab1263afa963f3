"""A database goes from test to test: as it was prepared, or made anew."""

import psycopg
import pytest

from switchbot_store import PostgresStore, migrate
from switchbot_store.testing.spare_databases import SpareDatabases
from switchbot_store.testing.ways import Way

CHANGES = {
    "nothing": "SELECT 1",
    "rows": "DELETE FROM switchbot_store_migrations; INSERT INTO own (word) VALUES ('x');"
    " UPDATE state_history_parts SET through = now(); DELETE FROM aside.own",
    "many rows": "INSERT INTO own (word) SELECT repeat('x', 999) FROM generate_series(1, 999)",
    "a column": "ALTER TABLE json_store ADD other int",
    "a column less": "ALTER TABLE json_store DROP COLUMN recent",
    "a default": "ALTER TABLE json_store ALTER kind SET DEFAULT 'x'",
    "an index": "CREATE INDEX ON json_store (updated_at)",
    "an index less": "DROP INDEX own_word",
    "a trigger less": "DROP TRIGGER json_store_revise ON json_store",
    "a trigger off": "ALTER TABLE json_store DISABLE TRIGGER USER",
    "a table": "CREATE TABLE t ()",
    "a table less": "DROP TABLE device_readings",
    "a function": "CREATE OR REPLACE FUNCTION json_store_revise() RETURNS trigger"
    " LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "a schema": "CREATE SCHEMA other",
    "a view": "CREATE VIEW v AS SELECT 1",
    "a grant": "GRANT SELECT ON json_store TO PUBLIC",
    "a setting": "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = 999',"
    " current_database()); END $$",
    "an option": "ALTER TABLE json_store SET (fillfactor = 50)",
    "storage": "ALTER TABLE json_store ALTER data SET STORAGE PLAIN",
}
HELD = """
SELECT (SELECT json_agg(t)::text FROM own t), (SELECT json_agg(t)::text FROM aside.own t),
    (SELECT json_agg(t)::text FROM switchbot_store_migrations t),
    (SELECT json_agg(t)::text FROM state_history_parts t)
"""
DEFINED = """
SELECT string_agg(c::text, ',' ORDER BY c::text)
FROM (
    SELECT format('%s %s %s %s', c.oid::regclass, relacl, reloptions, relkind) AS c
    FROM pg_class c WHERE oid >= 16384 AND relkind <> 't'
        AND relname NOT LIKE 'pg_toast%'
    UNION ALL SELECT format('%s %s %s %s', attrelid::regclass, attname, atttypid, attstorage)
    FROM pg_attribute WHERE attrelid >= 16384 AND attrelid::regclass::text NOT LIKE '%toast%'
    UNION ALL SELECT prosrc FROM pg_proc WHERE oid >= 16384
    UNION ALL SELECT format('%s %s', tgname, tgenabled) FROM pg_trigger
    UNION ALL SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef
    UNION ALL SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_'
    UNION ALL SELECT setconfig::text FROM pg_db_role_setting
        WHERE setdatabase =
            (SELECT oid FROM pg_database WHERE datname = current_database())
) AS c
"""


def ours(url):
    migrate(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE own (id serial, word text); CREATE INDEX own_word ON own (word);"
            "INSERT INTO own (word) VALUES ('it''s'), (NULL);"
            "CREATE SCHEMA aside; CREATE TABLE aside.own AS SELECT 7 AS n"
        )


def looked_at(url):
    with psycopg.connect(url, autocommit=True) as connection:
        return [connection.execute(query).fetchone() for query in (HELD, DEFINED)]


@pytest.mark.parametrize("change", CHANGES)
def test_the_next_test_finds_what_was_prepared(postgres_server, change):
    spare, way = SpareDatabases(), Way(postgres_server)
    with spare.prepared(way, ours) as url:
        before = looked_at(url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(CHANGES[change])
    with spare.prepared(way, ours) as url:
        after = looked_at(url)
        with psycopg.connect(url, autocommit=True) as connection:
            query = "INSERT INTO own (word) VALUES ('next') RETURNING id"
            assert connection.execute(query).fetchone() == (3,)
    if change not in {"nothing", "rows", "many rows"}:
        # Made anew, at another moment.
        after[0], before[0] = (
            [text for text in held[0] if "applied_at" not in text]
            for held in (after, before)
        )
    assert after == before
    with postgres_server.connect() as connection:
        names = "SELECT datname FROM pg_database WHERE datname = %s"
        name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
        assert connection.execute(names, [name]).fetchone()
    postgres_server.drop_database(name)


@pytest.mark.parametrize("change", ["nothing", "rows", "many rows"])
def test_rows_alone_cost_no_second_preparation(postgres_server, change):
    spare, way, calls = SpareDatabases(), Way(postgres_server), []

    def prepare(url):
        calls.append(url)
        ours(url)

    for _ in range(3):
        with (
            spare.prepared(way, prepare) as url,
            psycopg.connect(url, autocommit=True) as connection,
        ):
            connection.execute(CHANGES[change])
    assert len(calls) == 1
    postgres_server.drop_database(psycopg.conninfo.conninfo_to_dict(url)["dbname"])


def test_two_at_once_have_two(postgres_server):
    spare, way = SpareDatabases(), Way(postgres_server)
    with spare.prepared(way, migrate) as one, spare.prepared(way, migrate) as other:
        with PostgresStore(one) as store:
            store.set("a", {"n": 1})
        with PostgresStore(other) as store:
            assert store.get("a") == {}
    for url in (one, other):
        name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
        postgres_server.drop_database(name)
