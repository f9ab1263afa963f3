"""Readings of devices in a local SQLite file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from switchbot_store.errors import StoreUnavailableError
from switchbot_store.history.model import HistoryRow, hour_of
from switchbot_store.history.readings.model import (
    BUCKET_FIELDS,
    HOUR_FIELDS,
    READING_FIELDS,
    DeviceReading,
    ReadingBackend,
    ReadingKey,
)
from switchbot_store.history.sqlite.file import SqliteFile
from switchbot_store.languages import worded

if TYPE_CHECKING:
    import os
    import sqlite3
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS device_readings (
    device_id TEXT NOT NULL,
    attribute TEXT NOT NULL,
    timestamp INTEGER NOT NULL,
    number REAL,
    word TEXT,
    PRIMARY KEY (device_id, attribute, timestamp)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS device_readings_timestamp ON device_readings (timestamp);
CREATE TABLE IF NOT EXISTS device_readings_hourly (
    device_id TEXT NOT NULL,
    attribute TEXT NOT NULL,
    bucket INTEGER NOT NULL,
    count INTEGER NOT NULL,
    numbers INTEGER NOT NULL,
    mean REAL,
    least REAL,
    greatest REAL,
    word TEXT,
    PRIMARY KEY (device_id, attribute, bucket)
) WITHOUT ROWID;
"""
_INSERT: Final = """
INSERT INTO device_readings (device_id, attribute, timestamp, number, word)
VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
_IS_THERE: Final = """
SELECT 1 FROM device_readings WHERE device_id = ? AND attribute = ? AND timestamp = ?
"""
_ROWS: Final = """
SELECT timestamp, device_id, attribute, coalesce(number, word) FROM device_readings
WHERE timestamp >= :start AND timestamp < :end
    AND (:device_id IS NULL OR device_id = :device_id)
    AND (:attribute IS NULL OR attribute = :attribute)
    AND (timestamp, device_id, attribute) > (:after, :after_device, :after_attribute)
ORDER BY timestamp, device_id, attribute LIMIT :limit
"""
_HOURS: Final = """
SELECT bucket, device_id, attribute, coalesce(mean, word), least, greatest, count
FROM device_readings_hourly
WHERE device_id = :device_id AND attribute = :attribute
    AND bucket >= :start AND bucket < :end
ORDER BY bucket
"""
_ALL_HOURS: Final = """
SELECT bucket, device_id, attribute, count, numbers, mean, least, greatest, word
FROM device_readings_hourly
WHERE substr(device_id, 1, length(:prefix)) = :prefix
    AND (device_id, attribute, bucket) > (:after_device, :after_attribute, :after)
ORDER BY device_id, attribute, bucket LIMIT :limit
"""
_ADD_HOUR: Final = """
INSERT INTO device_readings_hourly
    (bucket, device_id, attribute, count, numbers, mean, least, greatest, word)
SELECT :bucket, :device_id, :attribute, :count, :numbers, :mean, :least, :greatest, :word
WHERE NOT EXISTS (SELECT 1 FROM device_readings WHERE device_id = :device_id
    AND attribute = :attribute AND timestamp >= :bucket AND timestamp < :bucket + :hour)
ON CONFLICT DO NOTHING
"""
_LATEST: Final = """
SELECT max(timestamp), device_id, attribute, coalesce(number, word) FROM device_readings
WHERE substr(device_id, 1, length(:prefix)) = :prefix
GROUP BY device_id, attribute ORDER BY device_id, attribute
"""
_OLD_HOURS: Final = """
SELECT device_id, attribute, timestamp - timestamp % :hour AS bucket, count(*)
FROM device_readings WHERE timestamp < :before
GROUP BY device_id, attribute, bucket ORDER BY bucket LIMIT :limit
"""
_SUM_UP: Final = """
INSERT INTO device_readings_hourly
    (device_id, attribute, bucket, count, numbers, mean, least, greatest, word)
SELECT device_id, attribute, :bucket, count(*), count(number), avg(number), min(number),
    max(number),
    (SELECT l.word FROM device_readings l WHERE l.device_id = r.device_id
        AND l.attribute = r.attribute AND l.timestamp >= :bucket
        AND l.timestamp < :bucket + :hour AND l.word IS NOT NULL
        ORDER BY l.timestamp DESC LIMIT 1)
FROM device_readings r
WHERE device_id = :device_id AND attribute = :attribute
    AND timestamp >= :bucket AND timestamp < :bucket + :hour
GROUP BY device_id, attribute
ON CONFLICT (device_id, attribute, bucket) DO UPDATE SET
    count = count + excluded.count,
    numbers = numbers + excluded.numbers,
    mean = CASE WHEN numbers + excluded.numbers = 0 THEN NULL ELSE
        (coalesce(mean, 0) * numbers + coalesce(excluded.mean, 0) * excluded.numbers)
        / (numbers + excluded.numbers) END,
    least = min(coalesce(least, excluded.least), coalesce(excluded.least, least)),
    greatest = max(coalesce(greatest, excluded.greatest),
        coalesce(excluded.greatest, greatest)),
    word = coalesce(excluded.word, word)
"""
_DELETE_HOUR: Final = """
DELETE FROM device_readings WHERE device_id = :device_id AND attribute = :attribute
    AND timestamp >= :bucket AND timestamp < :bucket + :hour
"""
_DISCARD: Final = """
DELETE FROM device_readings WHERE device_id = ? AND attribute = ? AND timestamp = ?
"""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_HOUR: Final = 3_600_000_000
_BEFORE_ALL: Final = -(10**17)


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _instant(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


class SqliteReadings(ReadingBackend):
    """Readings in the SQLite file at `path`; made, with its directories, when absent.

    One that is damaged is refused, or, if `renewable`, kept beside as ``.corrupt-<time>``
    and begun anew.

    >>> from datetime import UTC, datetime
    >>> from switchbot_store import DeviceReading, SqliteReadings
    >>> at = datetime(2026, 1, 12, tzinfo=UTC)
    >>> place = SqliteReadings(":memory:")
    >>> place.write([DeviceReading(at, "C1", "CO2", 725.0)]), place.latest()[0].value
    (1, 725.0)
    >>> place.close()
    """

    name = "sqlite"

    def __init__(
        self, path: str | os.PathLike[str], *, renewable: bool = False
    ) -> None:
        self._file = SqliteFile(path, _SCHEMA, _VERSION, renewable=renewable)

    @property
    def path(self) -> Path:
        """Where the readings lie."""
        return self._file.path

    @property
    def is_absent(self) -> bool:
        """Whether there is surely no reading: no file is there, and none is open."""
        return self._file.is_absent

    def open(self) -> None:
        """Open the file; see `ReadingBackend.open`."""
        self._file.open()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def write(self, readings: Sequence[DeviceReading]) -> int:
        """Add readings in one transaction; see `ReadingBackend.write`."""
        if not readings:
            return 0
        with self._file.adding(self.write_refusal) as connection:
            added = connection.executemany(
                _INSERT, [_columns(each) for each in readings]
            ).rowcount
            if added < len(readings):
                self._check_there(connection, readings)
        return added

    def _check_there(
        self, connection: sqlite3.Connection, readings: Sequence[DeviceReading]
    ) -> None:
        """Raise StoreUnavailableError where some were neither added nor there before."""
        missing = sum(
            connection.execute(
                _IS_THERE, (each.device_id, each.attribute, _micros(each.timestamp))
            ).fetchone()
            is None
            for each in readings
        )
        if missing:
            raise StoreUnavailableError(
                worded(
                    "{path}: {rows} rows were left as they were in {table} by a trigger that is not of this program: DROP TRIGGER {triggers}",
                    path=self.path,
                    rows=missing,
                    table="device_readings",
                    triggers=self._file.triggers(connection, "device_readings"),
                )
            )

    def write_refusal(self) -> str | None:
        """Return why no reading can be written now, None if one can be; nothing is."""

        def trial(connection: sqlite3.Connection) -> None:
            tried = DeviceReading(datetime.now(UTC), "_health", "_health", 0.0)
            connection.execute(_INSERT, _columns(tried))
            self._check_there(connection, [tried])

        return self._file.write_refusal(trial)

    def rows(
        self,
        start: datetime,
        end: datetime,
        *,
        device_id: str | None = None,
        attribute: str | None = None,
        after: ReadingKey | None = None,
        limit: int | None = None,
    ) -> list[HistoryRow]:
        """Return readings; see `ReadingBackend.rows`."""
        values = {
            "start": _micros(start),
            "end": _micros(end),
            "device_id": device_id,
            "attribute": attribute,
            "after": _BEFORE_ALL if after is None else _micros(after.timestamp),
            "after_device": "" if after is None else after.device_id,
            "after_attribute": "" if after is None else after.attribute,
            "limit": -1 if limit is None else limit,
        }
        with self._file.session() as connection:
            return _named(connection.execute(_ROWS, values), READING_FIELDS)

    def hours(
        self, start: datetime, end: datetime, *, device_id: str, attribute: str
    ) -> list[HistoryRow]:
        """Return hours without readings; see `ReadingBackend.hours`."""
        values = {
            "start": _micros(start),
            "end": _micros(end),
            "device_id": device_id,
            "attribute": attribute,
        }
        with self._file.session() as connection:
            return _named(connection.execute(_HOURS, values), BUCKET_FIELDS)

    def all_hours(
        self,
        *,
        prefix: str = "",
        after: ReadingKey | None = None,
        limit: int | None = None,
    ) -> list[HistoryRow]:
        """Return all hours without readings; see `ReadingBackend.all_hours`."""
        values = {
            "prefix": prefix,
            "after": _BEFORE_ALL if after is None else _micros(after.timestamp),
            "after_device": "" if after is None else after.device_id,
            "after_attribute": "" if after is None else after.attribute,
            "limit": -1 if limit is None else limit,
        }
        with self._file.session() as connection:
            return _named(connection.execute(_ALL_HOURS, values), HOUR_FIELDS)

    def add_hours(self, hours: Sequence[HistoryRow]) -> int:
        """Add hours in one transaction; see `ReadingBackend.add_hours`."""
        with self._file.transaction() as connection:
            return connection.executemany(
                _ADD_HOUR,
                [
                    {**each, "bucket": _micros(each.timestamp), "hour": _HOUR}
                    for each in hours
                ],
            ).rowcount

    def latest(self, *, prefix: str = "") -> list[HistoryRow]:
        """Return the newest readings; see `ReadingBackend.latest`."""
        with self._file.session() as connection:
            found = connection.execute(_LATEST, {"prefix": prefix})
            return _named(found, READING_FIELDS)

    def purge(self, before: datetime, *, limit: int) -> int:
        """Sum whole hours up and delete them; see `ReadingBackend.purge`."""
        values = {"before": _micros(hour_of(before)), "hour": _HOUR, "limit": limit}
        gone = 0
        with self._file.transaction() as connection:
            found = connection.execute(_OLD_HOURS, values).fetchall()
            for device_id, attribute, bucket, count in found:
                if gone and gone + count > limit:
                    break
                each = {
                    "device_id": device_id,
                    "attribute": attribute,
                    "bucket": bucket,
                    "hour": _HOUR,
                }
                connection.execute(_SUM_UP, each)
                gone += connection.execute(_DELETE_HOUR, each).rowcount
        return gone

    def delete_device(self, device_id: str) -> int:
        """Delete all that there is of a device; see `ReadingBackend.delete_device`."""
        with self._file.transaction() as connection:
            connection.execute(
                "DELETE FROM device_readings_hourly WHERE device_id = ?", (device_id,)
            )
            return connection.execute(
                "DELETE FROM device_readings WHERE device_id = ?", (device_id,)
            ).rowcount

    def discard(self, readings: Sequence[DeviceReading]) -> None:
        """Delete exactly these; see `ReadingBackend.discard`."""
        with self._file.transaction() as connection:
            connection.executemany(
                _DISCARD,
                [
                    (each.device_id, each.attribute, _micros(each.timestamp))
                    for each in readings
                ],
            )


def _columns(reading: DeviceReading) -> tuple[Any, ...]:
    value = reading.value
    number, word = (None, value) if isinstance(value, str) else (value, None)
    return (
        reading.device_id,
        reading.attribute,
        _micros(reading.timestamp),
        number,
        word,
    )


def _named(rows: Iterable[Sequence[Any]], names: Sequence[str]) -> list[HistoryRow]:
    found = []
    for row in rows:
        named = HistoryRow(zip(names, row, strict=True))
        named["timestamp"] = _instant(named["timestamp"])
        found.append(named)
    return found
