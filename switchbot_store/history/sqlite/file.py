"""A SQLite file opened so that what it acknowledged is on disk."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import sqlite3
import stat
import threading
import time
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from switchbot_store.arguments import checked_path
from switchbot_store.errors import (
    MigrationError,
    StoreDataError,
    StoreError,
    StoreUnavailableError,
)
from switchbot_store.files import durable
from switchbot_store.files.durable import make_directory
from switchbot_store.files.places import (
    is_absent,
    is_there,
    nearest_existing,
    owner_advice,
    write_refusal,
)
from switchbot_store.files.portable import OPEN_FLAGS
from switchbot_store.languages import reworded, worded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LOGGER = logging.getLogger(__name__)
_BUSY_SECONDS: Final = 5.0
_LEFT_TO_PARENT: Final[list[sqlite3.Connection]] = []
"""What a fork copied: dropping it here would close it, and with it the parent's log."""
_BUSY_POLL_SECONDS: Final = 0.01
_FILE_MODE: Final = 0o600
_PRIMARY_CODE: Final = 0xFF
_PIECE_BYTES: Final = 1024 * 1024
_DAMAGED: Final = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
_UNWRITABLE: Final = (
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
)
_DAMAGE_FIX: Final = worded(
    "; it is damaged: stop the programs that use it, then `sqlite3 FILE .recover | sqlite3"
    " NEW` saves what can be read, or move it away to begin a new one; suspect the disk"
)
_OTHERS_FIX: Final = worded(
    "; this program did not make it so: move the file away to begin a new one, which leaves"
    " what is in it as it is"
)
# SQLite has one code for all that a statement can be wrong in.
_OTHER_SHAPE: Final = re.compile("no such (table|column)|has no column|it is a view")


class SqliteFile:
    """One connection to one file that writes, and one that reads beside it.

    Each is used by one thread at a time. Who reads waits for no writer: the file is in
    WAL mode, where a reader sees what was committed when it began.

    `schema` is applied when the file is opened, `version` is its number: a file of a
    later version is refused with MigrationError. Opens on first use; a forked child
    opens its own connection. One that is damaged is refused, or, if `renewable`, kept
    beside as evidence and begun anew.

    A file without anything, as one that was made and never written, is one without rows.
    What cannot be written, on a read-only disk or as another user's, is read; `refusal`
    then says why, and every transaction tries anew whether it can be written by now. A new
    file is its owner's alone, as are the directories made for it. With `looking` a file is
    read and neither made, prepared nor set aside.

    One that was moved, replaced or deleted meanwhile is left, whole, to who did that: from
    then on what is at its name is used, begun anew where nothing is. One that was copied
    over in place is taken for such a one.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        schema: str,
        version: int,
        *,
        renewable: bool = False,
        looking: bool = False,
    ) -> None:
        self.path: Path = checked_path(path, "path")
        self._looking = looking
        self._renewable = renewable
        self._schema = schema
        self._version = version
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._readers = threading.RLock()
        self._reader: sqlite3.Connection | None = None
        self._reader_since = 0
        self._whereabouts: Whereabouts | None = None
        self._mark = 0
        """By which the file that is open and its copies are told from others."""
        self._process_id = os.getpid()
        self.refusal: str | None = None
        """Why the file is only read, None while it can be written."""
        self._told: str | None = None
        self.openings: int = 0
        """How often it was opened: what was counted in it before may not hold.

        Not each time that one is tried again which still can only be read.
        """
        self._read_of: tuple[int, int] | None = None
        """Which file is only read, as it was opened; None for one that can be written."""

    def open(self) -> None:
        """Open and prepare the file; raise StoreUnavailableError, MigrationError."""
        with self.session():
            pass

    def close(self) -> None:
        """Close the file; a later use opens it anew."""
        with contextlib.suppress(StoreUnavailableError):  # told of while it was used
            self._leave_what_is_not_here()
        with self._readers:
            self._drop_reader()
        with self._lock:
            self._whereabouts = None
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    @contextlib.contextmanager
    def session(self) -> Iterator[sqlite3.Connection]:
        """Give the connection to this thread alone, in autocommit."""
        self._leave_what_is_not_here()
        with self._lock, self._errors_named():
            connection = self._opened()
            before = connection.total_changes
            try:
                yield connection
            finally:
                # Who only read moved no log in: what changed meanwhile is somebody else's.
                if self._whereabouts is not None and (
                    self._connection is not connection
                    or connection.total_changes != before
                ):
                    self._whereabouts.note()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection that reads to this thread alone, whoever writes meanwhile."""
        self._leave_what_is_not_here()
        if self._in_memory or (self._connection is not None and self.refusal):
            with self.session() as connection:
                yield connection
            return
        with self._readers, self._errors_named():
            if self._reader_since != self.openings:
                self._drop_reader()  # of a file that may have been another
            reader = self._reader or self._new_reader()
            if reader is not None:
                yield reader
                return
        with self.session() as connection:  # what cannot be written has no writer
            yield connection

    def _new_reader(self) -> sqlite3.Connection | None:
        """Open a second connection to the file, None where it cannot be written."""
        if self._connection is None:
            with self._lock:
                self._opened()
        if self.refusal is not None:
            return None
        self._reader_since = self.openings
        self._reader = sqlite3.connect(
            str(self.path),
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,  # the lock sees to it
        )
        return self._reader

    def _drop_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give the connection within a transaction that can write."""
        with self.session() as reading:
            connection = reading if self.refusal is None else self._tried_again()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException as error:
                # A full disk may have rolled back by itself.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.DatabaseError) and (
                    _code_of(error) == sqlite3.SQLITE_READONLY
                ):
                    self._turn_read_only(connection, error)
                raise
            missing = self._whereabouts and self._whereabouts.missing()
            if missing:
                raise StoreUnavailableError(
                    worded("{path} was taken away while it was written", path=missing)
                )

    def _turn_read_only(
        self, connection: sqlite3.Connection, error: sqlite3.DatabaseError
    ) -> None:
        """Raise StoreUnavailableError: SQLite opens what can only be read without a word."""
        self._whereabouts = None
        self._connection = None  # where it cannot even be read it is opened anew
        try:
            self._connection = self._reading(error)
        finally:
            connection.close()
        raise StoreUnavailableError(str(self.refusal)) from error

    @contextlib.contextmanager
    def adding(self, refusal: Callable[[], str | None]) -> Iterator[sqlite3.Connection]:
        """Give the connection as `transaction` does, for rows.

        A table that takes none is no fault of theirs: where `refusal` knows why, which is
        the `write_refusal` of the owner, StoreDataError becomes StoreUnavailableError.
        """
        try:
            with self.transaction() as connection:
                yield connection
        except StoreDataError as error:
            why = refusal()
            if why is None:
                raise
            raise StoreUnavailableError(why) from error

    def write_refusal(self, trial: Callable[[sqlite3.Connection], None]) -> str | None:
        """Return why no row can be written now, None if one can be; nothing is.

        `trial` writes as the owner of the file does and looks at what became of it, within
        a transaction that is taken back. It raises StoreUnavailableError, saying what did.
        """
        refusal = write_refusal(self.path.parent)
        if refusal is not None or not is_there(self.path):
            return refusal
        name = f"file:{quote(str(self.path.absolute()))}?mode=rw"
        try:
            self._check_is_file()
            with contextlib.closing(
                sqlite3.connect(
                    name, timeout=_BUSY_SECONDS, isolation_level=None, uri=True
                )
            ) as connection:
                self._check_version(connection)
                connection.execute("BEGIN IMMEDIATE")
                try:
                    self._complete(connection)  # as whoever opens it next
                    trial(connection)
                finally:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            return self._told_of(error)
        except StoreError as error:
            return reworded(error)
        return None

    @staticmethod
    def triggers(connection: sqlite3.Connection, table: str) -> str:
        """Return the names of the triggers on a table; this program makes none."""
        found = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?"
            " ORDER BY name",
            (table,),
        )
        return ", ".join(name for (name,) in found)

    def _told_of(self, error: sqlite3.Error) -> str:
        code = _code_of(error)
        fix: str
        if code in _DAMAGED:
            fix = _DAMAGE_FIX
        elif _OTHER_SHAPE.search(str(error)):
            fix = _OTHERS_FIX
        else:
            fix = owner_advice(self.path)
        return worded("{path}: {error}", path=self.path, error=error) + fix

    def _leave_to_parent(self) -> None:
        """Forget the parent's connection, neither used nor closed here."""
        if self._connection is not None:
            _LEFT_TO_PARENT.append(self._connection)
            self._connection = None
        if self._reader is not None:
            _LEFT_TO_PARENT.append(self._reader)
            self._reader = None
        self._whereabouts = None
        self._lock, self._readers = threading.RLock(), threading.RLock()
        self._process_id = os.getpid()

    def _leave_what_is_not_here(self) -> None:
        """Forget connections to files of the parent, and to such as were taken away."""
        if self._process_id != os.getpid():
            self._leave_to_parent()
        known = self._whereabouts
        if known is None:
            return
        missing = known.missing()
        if missing is None and known.is_changed() and self._look_closer(known):
            missing = known.missing()
        if missing is None:
            return
        with self._readers, self._lock:
            if self._whereabouts is not known:
                return  # another thread did
            _LOGGER.warning(
                "%s is not the file any more that is open: it was moved, replaced or"
                " deleted. What is at that name is used from now on; what was written"
                " before is in the file that was there",
                missing,
            )
            self._whereabouts = None
            self._drop_reader()
            writer, self._connection = self._connection, None
            whole = False
            if writer is not None:
                with contextlib.suppress(sqlite3.Error):  # its log may be nowhere
                    busy, log, moved = writer.execute(
                        "PRAGMA wal_checkpoint"
                    ).fetchone()
                    whole = not busy and log == moved
                writer.close()
            for stale in known.stale_log():
                # SQLite would play it into what is at the name now. `doctor` names it.
                # Where that fails, nothing can be written at the name either.
                with contextlib.suppress(OSError):
                    if whole:
                        stale.unlink()
                    else:
                        stale.replace(f"{stale}.corrupt-{_stamp()}")

    def _look_closer(self, known: Whereabouts) -> bool:
        """Open the file anew after others wrote to it, for what is kept of it in memory.

        One that was copied over it may be whole by itself, and only together with the log
        of what was there not, or be another's, which that log would write over: then it is
        put at the name as a file of its own, and True returned. Raises
        StoreUnavailableError where it is not whole by itself either.
        """
        # No write waits for who reads at length: theirs is dropped when they read again.
        idle = self._readers.acquire(blocking=False)
        try:
            with self._lock, self._errors_named():
                writer = self._connection
                if (
                    self._whereabouts is not known
                    or writer is None
                    or writer.in_transaction
                ):
                    return False
                try:
                    self._check_of_one_piece(writer)
                except sqlite3.DatabaseError as error:
                    if _code_of(error) not in _DAMAGED:
                        raise  # it could not be looked at: nothing is known of it
                    self._put_apart(error)
                    return True
                self._whereabouts = None
                if idle:
                    self._drop_reader()
                self._connection = None
                writer.close()
                return False
        finally:
            if idle:
                self._readers.release()

    def _check_of_one_piece(self, writer: sqlite3.Connection) -> None:
        """Raise sqlite3.DatabaseError where file and log are not of each other."""
        # One from before there were marks may be this: its log brings the mark.
        if self._mark_alone() not in (0, self._mark, _mark_of(writer)):
            raise _damage("another file was copied over it")
        with contextlib.closing(sqlite3.connect(self.path)) as connection:
            _check(
                connection, "integrity_check"
            )  # rows of one, in an index of the other
            lacking = _lacking(connection, self._schema)
            if lacking:
                raise _damage(lacking)

    def _mark_alone(self) -> int:
        """Return the mark of the file without its log, 0 where it has none by itself."""
        try:
            return self._mark_by("immutable=1")
        except sqlite3.DatabaseError as error:
            if _code_of(error) not in _DAMAGED:
                raise
            # Somebody reads, so that only a part of the log could be moved in: what is
            # there makes a whole only with the rest of it.
            return 0

    def _mark_by(self, how: str) -> int:
        """Return the mark that a connection reads which moves no log in."""
        name = f"file:{quote(str(self.path.absolute()))}?mode=ro&{how}"
        with contextlib.closing(sqlite3.connect(name, uri=True)) as connection:
            return _mark_of(connection)

    def _leave_log_of_another(self) -> None:
        """Set aside a log that another file left at this name, whose rows are not in this.

        Who was killed leaves it, and whoever copies a file over theirs then does not see
        it. SQLite would write it over what was copied. Raises OSError.
        """
        place = os.path.realpath(self.path)
        logs = [Path(f"{place}-wal"), Path(f"{place}-shm")]
        if not is_there(logs[0]) or not logs[0].stat().st_size:
            return
        try:
            marks = {self._mark_by("immutable=1"), self._mark_by("cache=private")}
        except sqlite3.Error:
            return  # who opens it says why
        if 0 in marks or len(marks) == 1 or users_of(self.path):
            return
        stamp = _stamp()
        for log in logs:
            with contextlib.suppress(FileNotFoundError):
                log.replace(f"{log}.corrupt-{stamp}")
        _LOGGER.warning(
            "%s is of another file than the one that is there now, which was copied over"
            " it: it is kept as %s.corrupt-%s",
            logs[0],
            logs[0],
            stamp,
        )

    def _put_apart(self, error: sqlite3.DatabaseError) -> None:
        """Put what was copied over the file at its name, without the log of another."""
        place = os.path.realpath(self.path)
        try:
            with open(place, "rb") as found:  # noqa: PTH123 - as `place` is a text
                status = os.fstat(found.fileno())
                alone = durable.write_temporary(
                    place, iter(lambda: found.read(_PIECE_BYTES), b""), like=status
                )
            try:
                with contextlib.closing(sqlite3.connect(alone)) as connection:
                    _check(connection, "integrity_check")
                if _identity(place) != (status.st_dev, status.st_ino):
                    return  # another process did, and may have written to it by now
                durable.replace(alone, place)
                durable.sync_directory(durable.directory_of(place))
            finally:
                for suffix in ("", "-wal", "-shm"):
                    Path(f"{alone}{suffix}").unlink(missing_ok=True)
        except (sqlite3.DatabaseError, OSError) as trouble:
            raise StoreUnavailableError(
                worded(
                    "{path} was written by another program and is not whole any more"
                    " ({error}): if it was copied over, copy it once more, or move a whole"
                    " one to its name",
                    path=self.path,
                    error=error,
                )
            ) from trouble

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        before, connection = self._read_of, self._reached()
        self._read_of = None if self.refusal is None else _which(self.path)
        if before is None or self._read_of != before:
            self.openings += 1
        if self.refusal is None and not self._in_memory:
            self._whereabouts = Whereabouts(self.path)
            self._mark = _mark_of(connection)
        return connection

    def _reached(self) -> sqlite3.Connection:
        self._whereabouts = None
        self.refusal = None
        if self._in_memory:
            return self._connected(str(self.path))
        self._check_is_file()
        if self._looking:
            return self._reading(FileNotFoundError(f"there is no {self.path}"))
        try:
            found = self._made()
            self._leave_log_of_another()
        except OSError as error:
            return self._reading(error)
        try:
            return self._connected(str(self.path))
        except sqlite3.DatabaseError as error:
            code = _code_of(error)
            if code in _UNWRITABLE:
                return self._reading(error)
            if not self._renewable or code not in _DAMAGED:
                raise
            self._set_aside(error, found)
            self._made()
        return self._connected(str(self.path))

    def _check_is_file(self) -> None:
        """Raise StoreUnavailableError for a pipe: SQLite would wait for its writer."""
        try:
            status = self.path.stat()
        except OSError:
            return  # who opens it says why
        with durable.wrapped_os_errors(f"cannot open {self.path}"):
            durable.check_is_file(status, str(self.path))

    @property
    def is_absent(self) -> bool:
        """Whether surely nothing is there: no file, none that is open, as one in memory."""
        return not self._in_memory and self._connection is None and is_absent(self.path)

    @property
    def _in_memory(self) -> bool:
        return str(self.path) == ":memory:"

    def _made(self) -> int:
        """Make the file, if there is none, for its owner alone; return its inode.

        One that is there is not opened: closing it would give up the locks of every
        connection that this process has to it, and another process delete its log.
        """
        make_directory(str(self.path.parent))
        with contextlib.suppress(FileNotFoundError):
            found = self.path.stat()
            refusal = _refusal(self.path, found)
            if refusal:
                raise OSError(refusal, os.strerror(refusal), str(self.path))
            return found.st_ino
        flags = os.O_RDWR | os.O_CREAT | OPEN_FLAGS
        descriptor = os.open(self.path, flags, _FILE_MODE)
        try:
            return os.fstat(descriptor).st_ino
        finally:
            os.close(descriptor)

    def _connected(self, name: str, *, uri: bool = False) -> sqlite3.Connection:
        connection = sqlite3.connect(
            name,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,  # the lock sees to it
            uri=uri,
        )
        try:
            if uri:
                self._check_version(connection)
                if _is_empty(connection):
                    connection.close()
                    return self._connected(":memory:")
            else:
                self._prepare_patiently(connection)
                if self._renewable:
                    _check(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _reading(self, error: sqlite3.DatabaseError | OSError) -> sqlite3.Connection:
        """Open what is there for reading alone. Raises `error` if that cannot be."""
        place = f"file:{quote(str(self.path.absolute()))}?mode=ro"
        # Without a log nothing is missed by a reader who makes no index of one.
        log = Path(f"{self.path}-wal")
        has_log = is_there(log) and log.stat().st_size > 0
        alone = [] if has_log else [f"{place}&immutable=1"]
        # Without one nobody writes: then looking leaves no index of one behind, either.
        untouched = self._looking and not is_there(log)
        for name in alone if untouched else (place, *alone):
            try:
                connection = self._connected(name, uri=True)
            except sqlite3.OperationalError as trouble:
                error = trouble if self._looking else error
                continue
            self.refusal = (
                f"{self.path} can only be read: {error}{owner_advice(self.path)}"
            )
            if self._looking:
                return connection
            if self.refusal != self._told:
                _LOGGER.warning("%s", self.refusal)
            self._told = self.refusal
            return connection
        if isinstance(error, OSError):
            raise StoreUnavailableError(
                worded("{error}{path}", error=error, path=owner_advice(self.path))
            ) from error
        raise error

    def _tried_again(self) -> sqlite3.Connection:
        """Return a connection that can write. Raises StoreUnavailableError."""
        reading = self._connection
        connection = self._connect()
        if reading is not None:
            reading.close()
        self._connection = connection
        if self.refusal is not None:
            raise StoreUnavailableError(self.refusal)
        return connection

    def _set_aside(self, error: Exception, found: int) -> None:
        with contextlib.suppress(OSError):
            if self.path.stat().st_ino != found:
                return  # another process did already
        stamp = _stamp()
        for suffix in ("", "-wal", "-shm"):
            part = f"{self.path}{suffix}"
            try:
                Path(part).replace(f"{self.path}.corrupt-{stamp}{suffix}")
            except FileNotFoundError:
                continue
            except OSError as trouble:
                raise StoreUnavailableError(
                    worded("{part}: {trouble}", part=part, trouble=trouble)
                ) from error
        _LOGGER.error(
            "%s is damaged (%s); it is kept as %s.corrupt-%s and begun anew",
            self.path,
            error,
            self.path,
            stamp,
        )

    def _prepare_patiently(self, connection: sqlite3.Connection) -> None:
        """Prepare a file that another process may be preparing at this moment.

        SQLite does not wait for its busy time-out where a file changes to WAL.
        """
        give_up_at = time.monotonic() + _BUSY_SECONDS
        while True:
            try:
                self._prepare(connection)
            except sqlite3.OperationalError as error:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                code = _code_of(error)
                busy = code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
                if not busy or time.monotonic() >= give_up_at:
                    raise
                threading.Event().wait(_BUSY_POLL_SECONDS)
            else:
                return

    def _prepare(self, connection: sqlite3.Connection) -> None:
        # Before anything is changed: a later release's file is left as it is.
        self._check_version(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        # The number alone says nothing of a table that was dropped since.
        if self._check_version(connection) == self._version and not _lacking(
            connection, self._schema
        ):
            if not _mark_of(connection):  # a release before left none
                _mark_if_possible(connection)
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            self._complete(connection)
        except StoreUnavailableError:
            connection.execute("ROLLBACK")
            raise
        connection.execute(f"PRAGMA user_version = {self._version}")
        _mark(connection)
        connection.execute("COMMIT")

    def _complete(self, connection: sqlite3.Connection) -> None:
        """Make what the schema has and the file has not, within a transaction.

        Raises StoreUnavailableError where something of others stands in its place.
        """
        # `executescript` would commit first; whoever waited finds it done.
        for statement in _statements(self._schema):
            connection.execute(statement)
        lacking = _lacking(connection, self._schema)
        if lacking:
            raise StoreUnavailableError(f"{self.path}: {lacking}{_OTHERS_FIX}")

    def _check_version(self, connection: sqlite3.Connection) -> int:
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found > self._version:
            raise MigrationError(
                worded(
                    "{path} has schema {found}, this release knows {version}: "
                    "upgrade this program, or move the file away to begin a new one",
                    path=self.path,
                    found=found,
                    version=self._version,
                )
            )
        return int(found)

    @contextlib.contextmanager
    def _errors_named(self) -> Iterator[None]:
        try:
            yield
        except (
            sqlite3.IntegrityError,
            sqlite3.DataError,
            OverflowError,
            UnicodeEncodeError,
        ) as error:
            raise StoreDataError(reworded(error)) from error
        except sqlite3.Error as error:
            raise StoreUnavailableError(self._told_of(error)) from error


def _refusal(path: Path, found: os.stat_result) -> int:
    """Return the error that opening a file for writing would meet, 0 for none."""
    if stat.S_ISDIR(found.st_mode):
        return errno.EISDIR
    if os.access(path, os.R_OK | os.W_OK):
        return 0
    statvfs = getattr(os, "statvfs", None)  # not on Windows
    if statvfs and statvfs(path).f_flag & getattr(os, "ST_RDONLY", 1):
        return errno.EROFS
    return errno.EACCES


def _which(path: Path) -> tuple[int, int]:
    with contextlib.suppress(OSError):
        found = path.stat()
        return found.st_dev, found.st_ino
    return 0, 0


def _stamp() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")


def users_of(path: Path) -> list[int]:
    """Return the processes that have a file open, but this one; none where not known."""
    wanted, found = os.path.realpath(path), []
    with contextlib.suppress(OSError):
        for process in Path("/proc").iterdir():
            if not process.name.isdigit() or int(process.name) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                if any(
                    str(descriptor.readlink()) == wanted
                    for descriptor in (process / "fd").iterdir()
                ):
                    found.append(int(process.name))
    return sorted(found)


@lru_cache
def _shape(schema: str) -> dict[str, frozenset[str]]:
    """Return the columns of each table that a schema makes."""
    with contextlib.closing(sqlite3.connect(":memory:")) as made:
        made.executescript(schema)
        return _tables(made)


def _tables(connection: sqlite3.Connection) -> dict[str, frozenset[str]]:
    return {
        name: frozenset(
            column
            for (column,) in connection.execute(
                "SELECT name FROM pragma_table_info(?)", (name,)
            )
        )
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        ).fetchall()
    }


def _lacking(connection: sqlite3.Connection, schema: str) -> str:
    """Say what a file lacks of what its schema makes, nothing where it has all."""
    there = _tables(connection)
    return "; ".join(
        f"there is no table {table}"
        if table not in there
        else f"{table} has no column {', '.join(sorted(columns - there[table]))}"
        for table, columns in sorted(_shape(schema).items())
        if not columns <= there.get(table, frozenset())
    )


def _statements(script: str) -> Iterator[str]:
    """Cut a script into its statements."""
    statement = ""
    for part in script.split(";"):
        statement += f"{part};"
        if sqlite3.complete_statement(statement):
            if part.strip():
                yield statement
            statement = ""


def _is_empty(connection: sqlite3.Connection) -> bool:
    """Tell whether the file has nothing in it: whoever writes first prepares it."""
    return connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None


def _check(connection: sqlite3.Connection, how: str = "quick_check") -> None:
    (verdict,) = connection.execute(f"PRAGMA {how}(1)").fetchone()
    if verdict != "ok":
        raise _damage(verdict)


def _damage(said: str) -> sqlite3.DatabaseError:
    damage = sqlite3.DatabaseError(said)
    damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return damage


def _code_of(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE


def _mark_of(connection: sqlite3.Connection) -> int:
    """Return by which number a file and its copies are told from others, 0 for none."""
    (found,) = connection.execute("PRAGMA application_id").fetchone()
    return int(found)


def _mark(connection: sqlite3.Connection) -> None:
    """Give a file its number, within a transaction, unless somebody else did by now."""
    if not _mark_of(connection):
        number = 1 + int.from_bytes(os.urandom(3), "big")
        connection.execute(f"PRAGMA application_id = {number}")


def _mark_if_possible(connection: sqlite3.Connection) -> None:
    """Do so to a file that can also do without, as on a disk that is full."""
    with contextlib.suppress(sqlite3.OperationalError):
        try:
            connection.execute("BEGIN IMMEDIATE")
            _mark(connection)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


# --- are the files that a connection has open still those at their names? ---------------

# SQLite does not ask in WAL mode: rows go on into a file that was moved, replaced or
# deleted, are acknowledged, and whoever opens the name next finds none of them.

_Identity = tuple[int, int]


class Whereabouts:
    """A database, its log and the log's index, as they are found now.

    Made once a connection has opened them. What could not be found is not asked for.
    """

    def __init__(self, path: Path) -> None:
        real = os.path.realpath(path)  # SQLite puts the log beside what a link leads to
        self._names = (str(path), f"{real}-wal", f"{real}-shm")
        self._found = tuple(map(_identity, self._names))
        self._content = self._content_now()

    def note(self) -> None:
        """Take what is in the database now for what this process left there."""
        self._content = self._content_now()

    def is_changed(self) -> bool:
        """Tell whether somebody else wrote to the database itself since the last note.

        Another process that moved its log into it, or who copied a file over it.
        """
        now = self._content_now()
        return now is not None and now != self._content

    def _content_now(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._names[0])  # noqa: PTH116 - as below
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size

    def missing(self) -> str | None:
        """Return the first name that leads elsewhere or nowhere, None while all hold.

        Where the whole disk is away, as after `umount -l`, nobody moved a file.
        """
        for name, found in zip(self._names, self._found, strict=True):
            if found is None:
                continue
            try:
                now = _identity(name)
                if now == found:
                    continue
                if now is None and nearest_existing(name).stat().st_dev != found[0]:
                    continue
            except OSError:
                continue  # not known
            return name
        return None

    def stale_log(self) -> list[Path]:
        """Return the log and its index where they stayed behind and the database is gone."""
        with contextlib.suppress(OSError):
            if _identity(self._names[0]) != self._found[0]:
                return [
                    Path(name)
                    for name, found in zip(
                        self._names[1:], self._found[1:], strict=True
                    )
                    if found is not None and _identity(name) == found
                ]
        return []


def _identity(name: str) -> _Identity | None:
    """Return which file a name leads to, None where there is none. Raises OSError."""
    try:
        found = os.stat(name)  # noqa: PTH116 - twice in each transaction
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino
