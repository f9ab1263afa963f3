"""A SQLite file opened so that what it acknowledged is on disk."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from switchbot_store.errors import (
    MigrationError,
    StoreDataError,
    StoreUnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOGGER = logging.getLogger(__name__)
_BUSY_SECONDS: Final = 5.0
_LEFT_TO_PARENT: Final[list[sqlite3.Connection]] = []
"""What a fork copied: dropping it here would close it, and with it the parent's log."""
_DAMAGED: Final = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


class SqliteFile:
    """One connection to one file, used by one thread at a time.

    `schema` is applied when the file is opened, `version` is its number: a file of a
    later version is refused with MigrationError. Opens on first use; a forked child
    opens its own connection. One that is damaged is refused, or, if `renewable`, kept
    beside as evidence and begun anew.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        schema: str,
        version: int,
        *,
        renewable: bool = False,
    ) -> None:
        self.path = Path(path)
        self._renewable = renewable
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
        if self._process_id != os.getpid():
            self._leave_to_parent()
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    @contextlib.contextmanager
    def session(self) -> Iterator[sqlite3.Connection]:
        """Give the connection to this thread alone, in autocommit."""
        if self._process_id != os.getpid():
            self._leave_to_parent()
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

    def _leave_to_parent(self) -> None:
        """Forget the parent's connection, neither used nor closed here."""
        if self._connection is not None:
            _LEFT_TO_PARENT.append(self._connection)
            self._connection = None
        self._lock = threading.RLock()
        self._process_id = os.getpid()

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailableError(f"{self.path.parent}: {error}") from error
        try:
            return self._connected()
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", None)
            if not self._renewable or code not in _DAMAGED:
                raise
            self._set_aside(error)
        return self._connected()

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,  # the lock sees to it
        )
        try:
            self._prepare(connection)
            if self._renewable:
                _check(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_aside(self, error: Exception) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        for suffix in ("", "-wal", "-shm"):
            part = f"{self.path}{suffix}"
            try:
                Path(part).replace(f"{self.path}.corrupt-{stamp}{suffix}")
            except FileNotFoundError:
                continue
            except OSError as trouble:
                raise StoreUnavailableError(f"{part}: {trouble}") from error
        _LOGGER.error(
            "%s is damaged (%s); it is kept as %s.corrupt-%s and begun anew",
            self.path,
            error,
            self.path,
            stamp,
        )

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


def _check(connection: sqlite3.Connection) -> None:
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        damage = sqlite3.DatabaseError(verdict)
        damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise damage
