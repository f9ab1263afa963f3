"""A SQLite file opened so that what it acknowledged is on disk."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from switchbot_store.errors import (
    MigrationError,
    StoreDataError,
    StoreUnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_BUSY_SECONDS: Final = 5.0


class SqliteFile:
    """One connection to one file, used by one thread at a time.

    `schema` is applied when the file is opened, `version` is its number: a file of a
    later version is refused with MigrationError. Opens on first use; a forked child
    opens its own connection.
    """

    def __init__(self, path: str | os.PathLike[str], schema: str, version: int) -> None:
        self.path = Path(path)
        self._schema = schema
        self._version = version
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._process_id = os.getpid()

    def open(self) -> None:
        """Open and prepare the file; raise StoreUnavailableError, MigrationError."""
        with self.session():
            pass

    def close(self) -> None:
        """Close the file; a later use opens it anew."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None and self._process_id == os.getpid():
                connection.close()

    @contextlib.contextmanager
    def session(self) -> Iterator[sqlite3.Connection]:
        """Give the connection to this thread alone, in autocommit."""
        if self._process_id != os.getpid():
            # The parent's connection must be neither used nor closed here.
            self._lock = threading.RLock()
            self._connection = None
            self._process_id = os.getpid()
        with self._lock, self._errors_named():
            yield self._opened()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give the connection within a transaction that can write."""
        with self.session() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # A full disk may have rolled back by itself.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailableError(f"{self.path.parent}: {error}") from error
        connection = sqlite3.connect(
            self.path,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,  # the lock sees to it
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found > self._version:
            raise MigrationError(
                f"{self.path} has schema {found}, this release knows {self._version}"
            )
        if found < self._version:
            connection.executescript(
                f"BEGIN IMMEDIATE; {self._schema};"
                f" PRAGMA user_version = {self._version}; COMMIT;"
            )

    @contextlib.contextmanager
    def _errors_named(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.IntegrityError, sqlite3.DataError, OverflowError) as error:
            raise StoreDataError(str(error)) from error
        except sqlite3.Error as error:
            raise StoreUnavailableError(f"{self.path}: {error}") from error
