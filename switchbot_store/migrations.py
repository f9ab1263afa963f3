"""Numbered SQL files, applied once each, in order, under a lock.

A file is named ``NNNN_what_it_does.sql`` and holds any number of statements that may
run inside a transaction. What is new is applied in one transaction, together with the
rows that remember it, under ``pg_advisory_xact_lock``, which works behind a transaction
pooler and ends with the transaction whatever happens. There is no way down: restore a
backup.

Hosts add their own files in their own namespace::

    migrate(url, namespace="my_dashboard", directory=files("my_dashboard") / "sql")

with `files` of `importlib.resources`, or with a path; ``examples/training_sessions`` does.
Each namespace has its own versions, all of them are kept in one table.
"""

from __future__ import annotations

import hashlib
import logging
import re
from contextlib import contextmanager
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import psycopg
from psycopg.rows import tuple_row

from switchbot_store.errors import MigrationError, StoreUnavailableError
from switchbot_store.postgres_errors import is_broken_connection, translated
from switchbot_store.postgres_settings import connection_options, connection_string

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable
    from pathlib import Path

_LOGGER = logging.getLogger(__name__)
OWN_NAMESPACE: Final = "switchbot_store"
_FILE_NAME: Final = re.compile(r"(\d{4})_(\w+)\.sql")

_EXISTS: Final = "SELECT to_regclass('switchbot_store_migrations') IS NOT NULL"
_CREATE: Final = """
CREATE TABLE IF NOT EXISTS switchbot_store_migrations (
    namespace text NOT NULL,
    version integer NOT NULL,
    name text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (namespace, version)
)
"""
_VERSION: Final = """
SELECT coalesce(max(version), 0),
    ARRAY(SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NULL)
FROM switchbot_store_migrations WHERE namespace = %s
"""
_REMEMBER: Final = """
INSERT INTO switchbot_store_migrations (namespace, version, name) VALUES (%s, %s, %s)
ON CONFLICT (namespace, version) DO UPDATE SET applied_at = now()
"""
# What each of our own files makes. A table that is gone again was dropped by somebody:
# its file is applied anew.
_TABLES: Final = {
    1: ("json_store",),
    2: (
        "state_history",
        "state_history_hourly",
        "state_history_late",
        "state_history_rollup",
    ),
    3: ("state_history_blocks",),
}
_LOCK: Final = "SELECT pg_advisory_xact_lock(%s)"
# Only after our own lock: waiting for another starting process is fine, standing in
# the way of a dashboard's readers is not.
_NO_LONG_WAIT: Final = "SET LOCAL lock_timeout = '10s'"


class Migration(NamedTuple):
    """One file."""

    version: int
    name: str
    statements: str


def migrate(
    target: str | psycopg.Connection[Any],
    *,
    namespace: str = OWN_NAMESPACE,
    directory: Path | Traversable | None = None,
) -> list[int]:
    """Apply what is missing and return the versions applied now.

    `target` is a connection string, or an open connection that is in no transaction.
    `directory` holds the files; None means this package's own. Safe to call from many
    processes at once. Raises MigrationError when a file fails or the database is newer
    than the files, StoreUnavailableError.
    """
    migrations = load_migrations(directory)
    with _connection(target) as connection, _errors(namespace):
        if not pending(connection, migrations, namespace=namespace):
            return []
        return _apply(connection, migrations, namespace)


def load_migrations(directory: Path | Traversable | None = None) -> list[Migration]:
    """Return the files of a directory in order. Raises MigrationError."""
    place = (
        resources.files("switchbot_store") / "sql" if directory is None else directory
    )
    migrations = []
    for file in place.iterdir():
        match = _FILE_NAME.fullmatch(file.name)
        if match:
            text = file.read_text(encoding="utf-8")
            migrations.append(Migration(int(match[1]), match[2], text))
    migrations.sort()
    numbers = [each.version for each in migrations]
    if len(set(numbers)) < len(numbers):
        raise MigrationError(f"two migrations share a number in {place}: {numbers}")
    return migrations


def pending(
    connection: psycopg.Connection[Any],
    migrations: list[Migration],
    *,
    namespace: str = OWN_NAMESPACE,
) -> list[Migration]:
    """Return what has not been applied; needs no right to change the schema.

    That includes files of this package whose tables were dropped since. Raises MigrationError when the database is newer than the files.
    """
    version, gone = 0, []
    if _row(connection, _EXISTS)[0]:
        tables = [] if namespace != OWN_NAMESPACE else sum(_TABLES.values(), ())
        version, gone = _row(connection, _VERSION, list(tables), namespace)
    newest = migrations[-1].version if migrations else 0
    if version > newest:
        raise MigrationError(
            f"the database has version {version} of {namespace!r}, this program knows"
            f" {newest}: upgrade the program"
        )
    return [
        each
        for each in migrations
        if each.version > version
        or (gone and not set(gone).isdisjoint(_TABLES.get(each.version, ())))
    ]


def _apply(
    connection: psycopg.Connection[Any], migrations: list[Migration], namespace: str
) -> list[int]:
    with connection.transaction():
        _row(connection, _LOCK, _lock_number())
        connection.execute(_NO_LONG_WAIT)
        connection.execute(_CREATE)
        # Asked again: another process may have been faster.
        missing = pending(connection, migrations, namespace=namespace)
        for migration in missing:
            _LOGGER.info(
                "applying %s %04d %s", namespace, migration.version, migration.name
            )
            try:
                # From a file of the host or of this package, never from data.
                connection.execute(migration.statements.encode())
            except psycopg.Error as error:
                if is_broken_connection(error):
                    raise
                raise MigrationError(
                    f"{namespace} {migration.version:04d}_{migration.name}: {error}"
                ) from error
            connection.execute(
                _REMEMBER, (namespace, migration.version, migration.name)
            )
    return [each.version for each in missing]


def _lock_number() -> int:
    # One lock for all namespaces: the table of versions is shared.
    digest = hashlib.blake2b(b"switchbot_store_migrations", digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _row(
    connection: psycopg.Connection[Any], query: Any, *values: object
) -> tuple[Any, ...]:
    with connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(query, values or None).fetchone() or ()


@contextmanager
def _connection(
    target: str | psycopg.Connection[Any],
) -> Iterator[psycopg.Connection[Any]]:
    if isinstance(target, psycopg.Connection):
        yield target
        return
    conninfo = connection_string(target)
    try:
        options = connection_options(conninfo, pooler=None)
        connection = psycopg.connect(conninfo, **options)
    except psycopg.Error as error:
        raise translated(error) from error
    with connection:
        yield connection


@contextmanager
def _errors(namespace: str) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        if is_broken_connection(error):
            raise StoreUnavailableError(f"PostgreSQL: {error}") from error
        raise MigrationError(f"{namespace}: {error}") from error
