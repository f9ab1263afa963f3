"""Giving a test's database to the next one, several times faster than a new one.

One that was empty is emptied. One that was prepared, as with this package's tables, gets
back the rows of then; should a test have changed more than rows, it is emptied.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import psycopg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from switchbot_store.testing.postgres_server import PostgresServer
    from switchbot_store.testing.ways import Way

_SINCE: Final = 15_00_00
"""Before, everybody could create in the schema `public`."""

# What does not lie in the schema `public` would be left over.
_ONLY_PUBLIC: Final = """
SELECT datdba = 10
    -- What was granted and taken back leaves the defaults written out.
    AND (datacl IS NULL OR datacl::text[] <@ acldefault('d', datdba)::text[]
        AND datacl::text[] @> acldefault('d', datdba)::text[])
    AND NOT EXISTS (SELECT FROM pg_db_role_setting WHERE setdatabase = d.oid)
    AND NOT EXISTS (SELECT FROM pg_namespace
        WHERE nspname !~ '^pg_' AND nspname NOT IN ('public', 'information_schema'))
    AND NOT EXISTS (SELECT FROM pg_event_trigger)
    AND NOT EXISTS (SELECT FROM pg_publication)
    AND NOT EXISTS (SELECT FROM pg_default_acl)
    AND NOT EXISTS (SELECT FROM pg_largeobject_metadata)
    AND NOT EXISTS (SELECT FROM pg_extension WHERE extname <> 'plpgsql')
FROM pg_database d WHERE datname = current_database()
"""
_TERMINATE: Final = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_SHORT_WAIT: Final = "SET lock_timeout = 5000"
_RENEW: Final = f"""
SET client_min_messages = warning;
{_SHORT_WAIT};
DROP SCHEMA public CASCADE;
CREATE SCHEMA public AUTHORIZATION pg_database_owner;
GRANT USAGE ON SCHEMA public TO PUBLIC
"""

# Whatever a test defines is a row of one of these: a new or another one has a later xmin.
_OF_TESTS: Final = ">= 16384"
_DEFINITIONS: Final = (
    *(f"{name} WHERE oid {_OF_TESTS}" for name in ("pg_class", "pg_proc", "pg_type")),
    f"pg_attribute WHERE attrelid {_OF_TESTS}",
    f"pg_index WHERE indexrelid {_OF_TESTS}",
    "pg_database WHERE datname = current_database()",
    *("pg_attrdef", "pg_constraint", "pg_inherits", "pg_namespace", "pg_trigger"),
    *("pg_policy", "pg_statistic_ext", "pg_extension", "pg_foreign_server", "pg_enum"),
    *("pg_event_trigger", "pg_publication", "pg_default_acl", "pg_db_role_setting"),
    "pg_largeobject_metadata",
)
_DEFINED: Final = "SELECT count(*), max(xmin::text::bigint) FROM ({}) AS each".format(  # noqa: S608 - of the names above
    " UNION ALL ".join(f"SELECT xmin FROM {each}" for each in _DEFINITIONS)  # noqa: S608 - likewise
)
_TABLES: Final = """
SELECT format('%I.%I', nspname, relname), relkind = 'S', pg_relation_size(c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE c.oid >= 16384 AND relkind IN ('r', 'S') AND nspname !~ '^pg_'
ORDER BY 1
"""
_FEW_BYTES: Final = 256 * 1024
"""So many are faster deleted than cut off with their files."""


# What gives a table its rows, a sequence its number.
_FILLED: Final = """
SELECT format('INSERT INTO {0} SELECT * FROM json_populate_recordset(NULL::{0}, %L)',
    json_agg(t)) FROM {0} AS t HAVING count(*) > 0
"""
_COUNTED: Final = """
SELECT format('SELECT setval(%L, %s, %L)', '{0}', last_value, is_called) FROM {0}
"""


class Prepared(NamedTuple):
    """A database as something prepared it."""

    name: str
    defined: tuple[Any, ...]
    given_back: tuple[str, ...]
    """The statements that bring its rows back to empty tables, and its sequences."""


class SpareDatabases:
    """Databases that no test has now, empty ones and prepared ones by what did it."""

    def __init__(self) -> None:
        self._empty: list[str] = []
        self._prepared: dict[Callable[[str], Any], list[Prepared]] = {}

    @contextlib.contextmanager
    def empty(self, way: Way) -> Iterator[str]:
        """Lend an empty one; its URL."""
        name = self._one(way.server)
        yield way.url(name)
        self._back(way.server, name)

    @contextlib.contextmanager
    def prepared(self, way: Way, prepare: Callable[[str], Any]) -> Iterator[str]:
        """Lend one as `prepare` leaves it, which is called only if there is none."""
        ready = self._prepared.setdefault(prepare, [])
        one = (
            ready.pop()
            if ready
            else prepared(way.server, self._one(way.server), prepare)
        )
        yield way.url(one.name)
        again = as_prepared(way.server, one)
        if again:
            ready.append(again)
        else:
            self._back(way.server, one.name)

    def _one(self, server: PostgresServer) -> str:
        return self._empty.pop() if self._empty else server.create_database()

    def _back(self, server: PostgresServer, name: str) -> None:
        if emptied(server, name):
            self._empty.append(name)
        else:
            server.drop_database(name)


def prepared(
    server: PostgresServer, name: str, prepare: Callable[[str], Any]
) -> Prepared:
    """Prepare an empty database, and note what it holds then."""
    prepare(server.url(name))
    with server.connect(name) as connection:
        statements = []
        for table, counts, _ in connection.execute(_TABLES).fetchall():
            asked = _COUNTED if counts else _FILLED
            row = connection.execute(asked.format(table).encode()).fetchone()
            if row and row[0]:
                statements.append(row[0])
        return Prepared(name, _defined(connection), tuple(statements))


def as_prepared(server: PostgresServer, one: Prepared) -> Prepared | None:
    """Give the tables the rows of then; None if more than rows is another."""
    try:
        with server.connect(one.name) as connection:
            if _defined(connection) != one.defined:
                return None
            few: list[str] = []
            many: list[str] = []
            for table, counts, size in connection.execute(_TABLES).fetchall():
                if size and not counts:
                    (few if size <= _FEW_BYTES else many).append(table)
            statements = [_SHORT_WAIT, _TERMINATE]
            if many:
                statements.append(f"TRUNCATE {', '.join(many)}")
            statements += [f"DELETE FROM {table}" for table in few]  # noqa: S608 - quoted by the server
            connection.execute(";".join([*statements, *one.given_back]).encode())
            return one._replace(defined=_defined(connection)) if many else one
    except psycopg.Error:
        return None  # and what is emptied, or dropped, says why if that does not help


def _defined(connection: psycopg.Connection[Any]) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = connection.execute(_DEFINED.encode()).fetchone()
    assert row is not None, "it counts"
    return row


def emptied(server: PostgresServer, name: str) -> bool:
    """Make a database as it was created; False if only dropping it helps."""
    try:
        with server.connect(name) as connection:
            if connection.info.server_version < _SINCE:
                return False
            row = connection.execute(_ONLY_PUBLIC).fetchone()
            if row is None or not row[0]:
                return False
            connection.execute(_TERMINATE)
            connection.execute(_RENEW)
    except psycopg.Error:
        return False  # dropping it says why, if it does not help either
    return True
