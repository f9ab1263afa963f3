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

A number says what was once applied, not how the tables are: see `shape`. A file of our
own whose tables were dropped or replaced since is applied anew, so each may be repeated.

Nothing here has the deadline of a connection, and nobody is held up: a lock that is not
to be had at once is given up and asked for again. A dashboard's table with years of rows
is brought into shape before its file is applied, in steps; see `adoption`.
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
import time
from contextlib import contextmanager
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from switchbot_store.errors import MigrationError
from switchbot_store.languages import reworded, worded
from switchbot_store.postgres.connecting import connected
from switchbot_store.postgres.errors import (
    is_broken_connection,
    translated,
    words_of,
)
from switchbot_store.postgres.location import (
    POOL_CONNECT_SECONDS,
    connection_options,
    connection_string,
)
from switchbot_store.postgres.schema import adoption
from switchbot_store.postgres.schema.retyping import retype
from switchbot_store.postgres.schema.schema_work import BorrowedLender, OwnLender
from switchbot_store.postgres.schema.shape import WITHOUT_TRIGGER, Shape, looked_at
from switchbot_store.postgres.schema.version_table import (
    make_version_table,
    remember,
    version_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Set as AbstractSet
    from importlib.resources.abc import Traversable
    from pathlib import Path

    from switchbot_store.postgres.schema.adoption import Lend, Progress
    from switchbot_store.postgres.schema.schema_work import Lender

_LOGGER = logging.getLogger(__name__)
OWN_NAMESPACE: Final = "switchbot_store"
_FILE_NAME: Final = re.compile(r"(\d{4})_(\w+)\.sql")
# Found here and not where they are read, on a thread: what that imports is waited for, for
# ever, by a child that is forked in this moment.
_OWN_FILES: Final = resources.files("switchbot_store.postgres") / "sql"

# What each of our own files makes. A table that is gone again, or has another shape than
# the file gave it, was dropped or replaced by somebody: its file is applied anew.
_TABLES: Final = {
    1: ("json_store",),
    2: (
        "state_history",
        "state_history_hourly",
        "state_history_late",
        "state_history_rollup",
    ),
    3: ("state_history_blocks",),
    4: ("device_readings", "device_readings_hourly"),
    5: ("state_history_zones", "state_history_parts"),
}
_LOCK: Final = "SELECT pg_advisory_xact_lock(%s)"
_MADE_IN: Final = "SELECT quote_ident(coalesce(current_schema(), 'public'))"
_PATH: Final = "SELECT current_setting('search_path')"
_NO_TABLES: Final = """
SELECT relname, relkind::text FROM pg_class WHERE relkind NOT IN ('r', 'p')
    AND oid IN (SELECT to_regclass(name) FROM unnest(%s::text[]) AS name)
"""
_TRIED_LIMIT: Final = "SET LOCAL statement_timeout = '2s'"
_NO_LIMIT: Final = "SET LOCAL statement_timeout = 0"
# Only after our own lock: waiting for another starting process is fine, standing in
# the way of a dashboard's readers and writers is not.
_NO_LONG_WAIT: Final = f"SET LOCAL lock_timeout = {adoption.LOCK_MILLISECONDS}"
_LOCK_PATIENCE_SECONDS: Final = adoption.LOCK_PATIENCE_SECONDS
_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 2.0
_DOCUMENTS: Final = 1
"""The last version that documents rest on."""


class Migration(NamedTuple):
    """One file."""

    version: int
    name: str
    statements: str


class SchemaWorkDueError(Exception):
    """There is work to do that may take long; `migrate_in_steps` does it."""


def migrate(
    target: str | psycopg.Connection[Any],
    *,
    namespace: str = OWN_NAMESPACE,
    directory: Path | Traversable | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> list[int]:
    """Apply what is missing and return the versions applied now.

    `target` is a connection string, or an open connection that is in no transaction.
    `directory` holds the files; None means this package's own. Safe to call from many
    processes at once. `progress` is told the share done, 0 to 1, and of what. It takes
    as long as it takes; stopped in the middle, the next call goes on from there.
    Raises MigrationError when a file fails, a table stays locked for a minute or the
    database is newer than the files, StoreUnavailableError.
    """
    migrations = load_migrations(directory)
    lender = _lender(target)
    try:
        with _errors(namespace):
            with lender.lend() as connection:
                if not pending(connection, migrations, namespace=namespace):
                    return []
                if directory is not None or namespace != OWN_NAMESPACE:
                    return _applied(connection, migrations, namespace)
            return _in_steps(lender.lend, migrations, progress or _tell_nobody, None)
    finally:
        lender.close()


def migrate_documents(connection: psycopg.Connection[Any]) -> None:
    """Apply what documents rest on, and the rest if there is no history yet.

    A history that is there may take its time; that is no reason to keep documents
    waiting, nor to touch it for who has documents alone. Raises as `migrate`.
    """
    migrations = load_migrations()
    with _errors(OWN_NAMESPACE):
        missing = pending(connection, migrations)
        if not missing:
            return
        if adoption.state(connection) is None:
            _applied(connection, migrations, OWN_NAMESPACE)
        elif missing[0].version <= _DOCUMENTS:
            _applied(connection, migrations, OWN_NAMESPACE, through=_DOCUMENTS)


def cannot_be_made(connection: psycopg.Connection[Any]) -> str:
    """Return why a store that opens would not get what it lacks, ``""`` if it would.

    That is done as it would do it, and taken back; of a history that takes its time
    nothing but whether it may be begun. Somebody's lock says nothing. Raises
    psycopg.Error where the connection is lost.
    """
    migrations = load_migrations()
    try:
        with _errors(OWN_NAMESPACE), _reasons(connection, OWN_NAMESPACE):
            _check_they_are_tables(connection, None)
            through = None if adoption.is_quick(connection) else _DOCUMENTS
            with connection.transaction(force_rollback=True):
                connection.execute(_NO_LONG_WAIT.encode())
                _apply(
                    connection,
                    migrations,
                    OWN_NAMESPACE,
                    through,
                    frozenset(),
                    limit=_TRIED_LIMIT,
                )
            adoption.look(connection)
    except MigrationError as error:
        cause = error.__cause__
        busy = isinstance(cause, (*adoption.BUSY, psycopg.errors.QueryCanceled))
        return "" if busy else reworded(error)
    return ""


def migrate_history(connection: psycopg.Connection[Any]) -> None:
    """Apply what is missing where that is done in a moment.

    Raises SchemaWorkDueError where it may not be, else as `migrate`.
    """
    migrations = load_migrations()
    with _errors(OWN_NAMESPACE):
        if not pending(connection, migrations):
            return
        if adoption.state(connection) is not None:
            raise SchemaWorkDueError
        _applied(connection, migrations, OWN_NAMESPACE)


def migrate_in_steps(
    lend: Lend, progress: Progress, stopped: threading.Event
) -> list[int]:
    """Do what `migrate` does, until `stopped`; for `SchemaWork`."""
    migrations = load_migrations()
    with _errors(OWN_NAMESPACE):
        return _in_steps(lend, migrations, progress, stopped)


def use_trigger(target: str, *, wanted: bool) -> None:
    """Let a trigger make revisions for writers that know nothing of them, or none.

    Tables that an extension distributes take no trigger. Without it, whoever writes
    `json_store` by SQL has to set `revision` himself, or his write is not noticed; the
    stores here always do. `target` is a connection string, of the table's owner. Raises
    MigrationError, StoreUnavailableError.
    """
    migrate(target)
    lender = _lender(target)
    try:
        with _errors(OWN_NAMESPACE), lender.lend() as connection:
            if wanted:
                connection.execute("COMMENT ON FUNCTION json_store_revise() IS NULL")
                _applied(connection, load_migrations(), OWN_NAMESPACE)
            else:
                with connection.transaction():
                    connection.execute(_NO_LONG_WAIT.encode())
                    connection.execute(
                        "DROP TRIGGER IF EXISTS json_store_revise ON json_store"
                    )
                    connection.execute(
                        sql.SQL("COMMENT ON FUNCTION json_store_revise() IS {}").format(
                            sql.Literal(WITHOUT_TRIGGER)
                        )
                    )
    finally:
        lender.close()


class NewerSchemaError(MigrationError):
    """The database was brought up to date by a later release of this program."""


def load_migrations(directory: Path | Traversable | None = None) -> list[Migration]:
    """Return the files of a directory in order. Raises MigrationError."""
    place = _OWN_FILES if directory is None else directory
    migrations = []
    for file in place.iterdir():
        match = _FILE_NAME.fullmatch(file.name)
        if match:
            text = file.read_text(encoding="utf-8")
            migrations.append(Migration(int(match[1]), match[2], text))
    migrations.sort()
    numbers = [each.version for each in migrations]
    if len(set(numbers)) < len(numbers):
        raise MigrationError(
            worded(
                "two migrations share a number in {place}: {numbers}",
                place=place,
                numbers=numbers,
            )
        )
    return migrations


def pending(
    connection: psycopg.Connection[Any],
    migrations: list[Migration],
    *,
    namespace: str = OWN_NAMESPACE,
) -> list[Migration]:
    """Return what has not been applied; needs no right to change the schema.

    That includes files of this package whose tables were dropped or replaced since.
    Raises NewerSchemaError when the database is newer than the files, MigrationError when
    it cannot be known what was applied.
    """
    version, shape = _found(connection, namespace)
    newest = migrations[-1].version if migrations else 0
    if version > newest:
        raise NewerSchemaError(
            worded(
                "the database has version {version} of {namespace!r}, this "
                "program knows {newest}: upgrade the program",
                version=version,
                namespace=namespace,
                newest=newest,
            )
        )
    return [
        each
        for each in migrations
        if each.version > version
        or not shape.wrong.keys().isdisjoint(_TABLES.get(each.version, ()))
    ]


def _found(connection: psycopg.Connection[Any], namespace: str) -> tuple[int, Shape]:
    """Return the version that a database has by its number, and what its tables lack."""
    try:
        return _looked(connection, namespace)
    except psycopg.errors.QueryCanceled:
        # Behind a transaction pooler the time that a role gives a statement is in force,
        # but for what a transaction says of itself.
        with connection.transaction():
            connection.execute(_NO_LIMIT.encode())
            return _looked(connection, namespace)


def _looked(connection: psycopg.Connection[Any], namespace: str) -> tuple[int, Shape]:
    shape = looked_at(connection)
    version = version_of(connection, namespace, own=OWN_NAMESPACE)
    return version, shape if namespace == OWN_NAMESPACE else Shape({})


def _tables(through: int | None) -> list[str]:
    return [
        table
        for version, tables in _TABLES.items()
        if through is None or version <= through
        for table in tables
    ]


def _in_steps(
    lend: Lend,
    migrations: list[Migration],
    progress: Progress,
    stopped: threading.Event | None,
) -> list[int]:
    with lend() as connection:
        if not connection.autocommit:
            raise MigrationError(
                worded("the connection is in a transaction: end that before")
            )
        version, _ = _found(connection, OWN_NAMESPACE)
        # Of a history that was replaced more is to be done than its shape: the hours are
        # summarised again.
        mending = {
            each.version
            for each in pending(connection, migrations)
            if each.version <= version
        }
        versions = _applied(connection, migrations, OWN_NAMESPACE, through=_DOCUMENTS)
    adoption.Adoption(
        lend, begin_lock=_take_lock, progress=progress, stopped=stopped
    ).run()
    with lend() as connection:
        return versions + _applied(
            connection, migrations, OWN_NAMESPACE, again=mending - set(versions)
        )


_TOLD_ELSEWHERE: Final = (*adoption.BUSY, psycopg.errors.InsufficientPrivilege)


def _tell_nobody(_part: float, _what: str) -> None:
    """Nobody asked how far it is."""


def _applied(
    connection: psycopg.Connection[Any],
    migrations: list[Migration],
    namespace: str,
    *,
    through: int | None = None,
    again: AbstractSet[int] = frozenset(),
) -> list[int]:
    """Apply what is missing, again while somebody else's lock is in the way.

    Also the versions `again`, whatever is missing.
    """
    gives_up_at = time.monotonic() + _LOCK_PATIENCE_SECONDS
    pause = _PAUSE_SECONDS
    while True:
        try:
            with _reasons(connection, namespace):
                return _apply(connection, migrations, namespace, through, again)
        except adoption.BUSY as error:
            if time.monotonic() >= gives_up_at:
                raise adoption.BusyTableError(
                    worded(
                        "{namespace}: a table is in use: {error}",
                        namespace=namespace,
                        error=words_of(error),
                    )
                ) from error
            _LOGGER.debug("a table is in use, trying again: %s", error)
        threading.Event().wait(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


@contextmanager
def _reasons(connection: psycopg.Connection[Any], namespace: str) -> Iterator[None]:
    """Raise MigrationError where a role or a search path lets no table be made."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        wrong = looked_at(connection).described()
        because = f"; needed since {wrong}" if wrong else ""
        (schema,) = _row(connection, _MADE_IN)
        raise MigrationError(
            worded(
                "{namespace}: this role may not bring the schema up to date: "
                "{message_primary}{because}. GRANT CREATE ON SCHEMA {schema} TO "
                "the role, or run `switchbot-store migrate` as the tables' owner",
                namespace=namespace,
                message_primary=error.diag.message_primary,
                because=because,
                schema=schema,
            )
        ) from error
    except psycopg.errors.InvalidSchemaName as error:
        (path,) = _row(connection, _PATH)
        raise MigrationError(
            worded(
                "{namespace}: there is no schema to make tables in, since none of "
                "the search path ({path}) is there and open to this role: CREATE "
                "SCHEMA it, or correct `schema` or `options` of the URL",
                namespace=namespace,
                path=path or '""',
            )
        ) from error


def _apply(
    connection: psycopg.Connection[Any],
    migrations: list[Migration],
    namespace: str,
    through: int | None,
    again: AbstractSet[int],
    *,
    limit: str = _NO_LIMIT,
) -> list[int]:
    applied = []
    with connection.transaction():
        connection.execute(limit.encode())
        _take_lock(connection)
        connection.execute(_NO_LONG_WAIT.encode())
        make_version_table(connection)
        # Asked again: another process may have been faster.
        version, shape = _found(connection, namespace)
        if namespace == OWN_NAMESPACE:
            _check_they_are_tables(connection, through)
        wrong = shape.described(_tables(version))
        if wrong:
            _LOGGER.warning("tables are not as they were made: %s", wrong)
        missing = pending(connection, migrations, namespace=namespace)
        for migration in migrations:
            if migration not in missing and migration.version not in again:
                continue
            if through is not None and migration.version > through:
                break
            _LOGGER.info(
                "applying %s %04d %s", namespace, migration.version, migration.name
            )
            try:
                # From a file of the host or of this package, never from data.
                connection.execute(migration.statements.encode(), prepare=False)
            except psycopg.Error as error:
                if is_broken_connection(error) or isinstance(error, _TOLD_ELSEWHERE):
                    raise
                raise MigrationError(
                    worded(
                        "{namespace} {version:04d}_{migration}: {error}",
                        namespace=namespace,
                        version=migration.version,
                        migration=migration.name,
                        error=_said(error),
                    )
                ) from error
            remember(connection, namespace, migration.version, migration.name)
            applied.append(migration.version)
        if applied and namespace == OWN_NAMESPACE:
            retype(connection, _tables(through))
            _check(connection, through)
    return applied


def _said(error: psycopg.Error) -> str:
    """Return what the server said of a file, with the keys that are there twice.

    That is all that a detail has of a unique index of ours.
    """
    detail = error.diag.message_detail
    twice = isinstance(error, psycopg.errors.UniqueViolation) and detail
    return f"{words_of(error)}: {detail}" if twice else words_of(error)


def _check(connection: psycopg.Connection[Any], through: int | None) -> None:
    """Raise what says of which table the files could not make what it has to be."""
    wrong = looked_at(connection).described(_tables(through))
    if wrong:
        raise MigrationError(
            worded(
                "a table is not as this program needs it, and cannot be mended: "
                "{wrong}; rename it, then it is made anew, and bring its rows "
                "back by hand",
                wrong=wrong,
            )
        )


def _check_they_are_tables(
    connection: psycopg.Connection[Any], through: int | None
) -> None:
    with connection.cursor(row_factory=tuple_row) as cursor:
        others = cursor.execute(_NO_TABLES, (_tables(through),)).fetchall()
    for name, kind in others:
        raise MigrationError(
            worded(
                "{name} is no table but something else that somebody made (relkind {kind}: "
                "a view, a foreign table); rename it, then it is made anew, and bring its "
                "rows back by hand",
                name=name,
                kind=kind,
            )
        )


def _take_lock(connection: psycopg.Connection[Any]) -> None:
    _row(connection, _LOCK, _lock_number())


def _lock_number() -> int:
    # One lock for all namespaces: the table of versions is shared.
    digest = hashlib.blake2b(b"switchbot_store_migrations", digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _row(
    connection: psycopg.Connection[Any], query: Any, *values: object
) -> tuple[Any, ...]:
    with connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(query, values or None).fetchone() or ()


def _lender(target: str | psycopg.Connection[Any]) -> Lender:
    if isinstance(target, psycopg.Connection):
        return BorrowedLender(target)
    conninfo = connection_string(target)

    def connect() -> psycopg.Connection[Any]:
        options = connection_options(conninfo, pooler=None)
        return connected(conninfo, options, POOL_CONNECT_SECONDS)

    return OwnLender(connect)


@contextmanager
def _errors(namespace: str) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        if is_broken_connection(error):
            raise translated(error) from error
        raise MigrationError(
            worded("{namespace}: {error}", namespace=namespace, error=words_of(error))
        ) from error
