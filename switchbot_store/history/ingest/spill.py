"""Rows that wait on the local disk until the database is back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from switchbot_store.errors import StoreUnavailableError
from switchbot_store.files.places import (
    is_absent,
    is_there,
    owner_advice,
    write_refusal,
)
from switchbot_store.history.ingest import codec
from switchbot_store.history.sqlite.file import SqliteFile
from switchbot_store.languages import worded
from switchbot_store.processes.locks import ProcessLock

if TYPE_CHECKING:
    import os
    import sqlite3
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from switchbot_store.history.model import HistorySample

DEFAULT_MAX_BYTES: Final = 256 * 1024 * 1024
"""Room for about a million rows: a year of one zone, read twice a minute."""
_BATCH_BYTES: Final = 4 * 1024 * 1024
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS spill (
    id INTEGER PRIMARY KEY AUTOINCREMENT, size INTEGER NOT NULL, row TEXT NOT NULL
)
"""


class SpilledRow(NamedTuple):
    """A waiting row; `encoded` is what `codec.load` reads, `opening` which of its file."""

    row_id: int
    encoded: str
    opening: int


class HistorySpill:
    """A queue of rows in the SQLite file at `path`, oldest first.

    What `append` took is on disk when it returns (``synchronous=FULL``) and stays
    until `remove`, through kills and power cuts. Rows together take at most
    `max_bytes` as JSON; then the oldest go, and `append` tells how many.

    Every method but `remove` raises StoreUnavailableError when the disk is full or away.
    A damaged file is kept beside as ``.corrupt-<time>`` and begun anew: later rows need a
    place.

    >>> from datetime import UTC, datetime
    >>> from switchbot_store import HistorySample, HistoryService, HistorySpill
    >>> from switchbot_store import SqliteHistory
    >>> spill = HistorySpill("waiting.sqlite", max_bytes=1024 * 1024)
    >>> with HistoryService(SqliteHistory("rows.sqlite"), spill=spill) as history:
    ...     history.record(HistorySample(datetime(2026, 1, 12, tzinfo=UTC)))
    ...     history.flush()
    >>> spill.rows  # the backend took it: nothing waits
    0
    """

    def __init__(
        self, path: str | os.PathLike[str], *, max_bytes: int = DEFAULT_MAX_BYTES
    ) -> None:
        self._file = SqliteFile(path, _SCHEMA, 1, renewable=True)
        self._max_bytes = max_bytes
        self._lock = ProcessLock()
        self._known = False
        self._counted = 0
        """Which opening of the file the counts are of."""
        self._rows = 0
        self._bytes = 0
        self._arrived = 0
        """The last row that arrived and that the disk did not let go."""

    @property
    def path(self) -> Path:
        """Where the rows wait."""
        return self._file.path

    @property
    def rows(self) -> int:
        """How many rows wait, as far as this object knows; 0 before `open`."""
        return self._rows

    def open(self) -> None:
        """Count what a former process left; the file is made with the first row."""
        try:
            self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise StoreUnavailableError(
                worded("{error}{path}", error=error, path=owner_advice(self.path))
            ) from error
        with self._lock, self._file.session() as connection:
            self._count(connection)

    def close(self) -> None:
        """Close the file; the rows stay."""
        self._file.close()

    def append(self, samples: Sequence[HistorySample]) -> int:
        """Add normalised samples, all or none; return how many old ones had to go."""
        encoded = [codec.dump(sample) for sample in samples]
        added = sum(map(len, encoded))
        with self._lock:
            with self._file.transaction() as connection:
                self._count(connection)
                dropped, freed = self._make_room(connection, added)
                _add(connection, self._file, [row.decode() for row in encoded])
            # Only now: a full disk shows at the commit at the latest.
            self._rows += len(encoded) - dropped
            self._bytes += added - freed
        return dropped

    def oldest(self, limit: int) -> list[SpilledRow]:
        """Return up to `limit` of the oldest rows, and not more than fit a batch."""
        with self._lock, self._file.session() as connection:
            self._count(connection)
            found: list[SpilledRow] = []
            size = 0
            query = "SELECT id, row, size FROM spill WHERE id > ? ORDER BY id LIMIT ?"
            values = self._arrived, limit
            for row_id, row, row_size in connection.execute(query, values):
                size += row_size
                if found and size > _BATCH_BYTES:
                    break
                found.append(SpilledRow(row_id, row, self._counted))
        return found

    def remove(self, rows: Sequence[SpilledRow]) -> StoreUnavailableError | None:
        """Forget rows that `oldest` returned: they arrived. Returns what the disk said.

        A disk that does not let them go is asked again later. A process that begins
        meanwhile delivers them once more, and the backend knows them by their key.
        """
        first, last = rows[0].row_id, rows[-1].row_id
        refusal = None
        with self._lock:
            try:
                with self._file.transaction() as connection:
                    if self._file.openings != rows[0].opening:
                        # In another file these numbers are of rows that still wait.
                        self._count(connection)
                        return None
                    # Another process may drain the same file: count, do not assume.
                    sizes = _let_go(connection, first, last)
                    if self._arrived:
                        _let_go(connection, 0, self._arrived)
                self._arrived = 0
            except StoreUnavailableError as error:
                refusal, self._arrived = error, last
                sizes = [len(row.encoded.encode()) for row in rows]
            self._rows = max(0, self._rows - len(sizes))
            self._bytes = max(0, self._bytes - sum(sizes))
            if self._rows == 0:
                self._known = False
        return refusal

    def try_out(self) -> None:
        """Write, after the disk refused: what arrived is let go, and a row put in and out.

        Raises StoreUnavailableError while it cannot be.
        """
        if is_absent(self.path):
            refusal = write_refusal(self.path.parent)
            if refusal is not None:
                raise StoreUnavailableError(refusal)
            return
        with self._lock:
            with self._file.transaction() as connection:
                self._count(connection)
                if self._arrived:
                    _let_go(connection, 0, self._arrived)
                _try(connection, self._file)
            self._arrived = 0

    def discard(self, belongs: Callable[[str], bool]) -> int:
        """Forget the rows of the zones that belong; return how many there were."""
        if not is_there(self.path):
            return 0
        with self._lock:
            with self._file.transaction() as connection:
                connection.execute("PRAGMA secure_delete = ON")
                gone = [
                    (row_id,)
                    for row_id, row in connection.execute("SELECT id, row FROM spill")
                    if belongs(codec.load(row).zone)
                ]
                connection.executemany("DELETE FROM spill WHERE id = ?", gone)
            self._known = False
            with self._file.session() as connection:
                self._count(connection)
        return len(gone)

    def _count(self, connection: sqlite3.Connection) -> None:
        if self._counted != self._file.openings:
            # It may be another file, whose rows begin at 1 again. Of the same one they
            # come once more, and the backend knows them by their key.
            self._known, self._arrived = False, 0
            self._counted = self._file.openings
        if self._known:
            return
        query = "SELECT count(*), coalesce(sum(size), 0) FROM spill WHERE id > ?"
        found = connection.execute(query, (self._arrived,)).fetchone()
        self._rows, self._bytes = found
        self._known = True

    def _make_room(self, connection: sqlite3.Connection, added: int) -> tuple[int, int]:
        """Delete the oldest rows until `added` bytes fit; return (rows, bytes)."""
        needed = self._bytes + added - self._max_bytes
        dropped = freed = last = 0
        if needed > 0:
            for row_id, size in connection.execute(
                "SELECT id, size FROM spill ORDER BY id"
            ):
                dropped, freed, last = dropped + 1, freed + size, row_id
                if freed >= needed:
                    break
            connection.execute("DELETE FROM spill WHERE id <= ?", (last,))
        return dropped, freed


def waiting_rows(path: Path) -> int:
    """Return how many rows wait in a spill, which is left as it is.

    Raises StoreUnavailableError.
    """
    if not is_there(path):
        return 0
    file = SqliteFile(path, _SCHEMA, 1, looking=True)
    try:
        with file.session() as connection:
            (rows,) = connection.execute("SELECT count(*) FROM spill").fetchone()
            return int(rows)
    finally:
        file.close()


def spill_refusal(path: Path) -> str | None:
    """Return why no row can wait in a spill, None if one can; nothing is changed."""
    if not is_there(path):
        return None  # the directory says whether it can be made
    file = SqliteFile(path, _SCHEMA, 1)
    return file.write_refusal(lambda connection: _try(connection, file))


def _try(connection: sqlite3.Connection, file: SqliteFile) -> None:
    """Put a row in and take it out. Raises StoreUnavailableError where that fails."""
    _add(connection, file, ["{}"])
    (last,) = connection.execute("SELECT max(id) FROM spill").fetchone()
    if not _let_go(connection, last, last):
        raise _left_out(connection, file)


def _add(connection: sqlite3.Connection, file: SqliteFile, rows: list[str]) -> None:
    """Add rows. Raises StoreUnavailableError where they came to nothing."""
    added = connection.executemany(
        "INSERT INTO spill (size, row) VALUES (?, ?)",
        [(len(row.encode()), row) for row in rows],
    ).rowcount
    if added < len(rows):
        raise _left_out(connection, file)


def _left_out(
    connection: sqlite3.Connection, file: SqliteFile
) -> StoreUnavailableError:
    return StoreUnavailableError(
        worded(
            "{path}: rows that wait were left as they were by a trigger that is not of this program: DROP TRIGGER {triggers}",
            path=file.path,
            triggers=file.triggers(connection, "spill"),
        )
    )


def _let_go(connection: sqlite3.Connection, first: int, last: int) -> list[int]:
    """Delete the rows from one id to another; return their sizes."""
    query = "DELETE FROM spill WHERE id BETWEEN ? AND ? RETURNING size"
    return [size for (size,) in connection.execute(query, (first, last))]
