"""Readings of devices in the table `device_readings` of a PostgreSQL database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, LiteralString

import orjson
from psycopg.rows import tuple_row

from switchbot_store.errors import StoreUnavailableError
from switchbot_store.history.model import HistoryRow, hour_of, in_utc
from switchbot_store.history.postgres.place import PostgresPlace
from switchbot_store.history.readings.model import (
    BUCKET_FIELDS,
    HOUR_FIELDS,
    READING_FIELDS,
    ReadingBackend,
    ReadingKey,
)
from switchbot_store.languages import worded
from switchbot_store.postgres.trial import VALUE_REFUSED, readings_refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from switchbot_store.history.readings.model import DeviceReading

    Connection = psycopg.Connection[Any]

_INSERT: Final = """
INSERT INTO device_readings (device_id, attribute, "timestamp", number, word)
SELECT device_id, attribute, "timestamp", number, word
FROM jsonb_to_recordset(%(readings)s::jsonb) AS r (device_id text, attribute text,
    "timestamp" timestamptz, number double precision, word text)
ON CONFLICT DO NOTHING
"""
_ROWS: Final = """
SELECT "timestamp", device_id, attribute, number, word FROM device_readings
WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s
    AND (%(device_id)s::text IS NULL OR device_id = %(device_id)s)
    AND (%(attribute)s::text IS NULL OR attribute = %(attribute)s)
    AND ("timestamp", device_id COLLATE "C", attribute COLLATE "C")
        > (%(after)s, %(after_device)s, %(after_attribute)s)
ORDER BY "timestamp", device_id COLLATE "C", attribute COLLATE "C" LIMIT %(limit)s
"""
_HOURS: Final = """
SELECT bucket, device_id, attribute, mean, word, least, greatest, count
FROM device_readings_hourly
WHERE device_id = %(device_id)s AND attribute = %(attribute)s
    AND bucket >= %(start)s AND bucket < %(end)s
ORDER BY bucket
"""
_ALL_HOURS: Final = """
SELECT bucket, device_id, attribute, count, numbers, mean, least, greatest, word
FROM device_readings_hourly
WHERE starts_with(device_id, %(prefix)s) AND (device_id, attribute, bucket)
    > (%(after_device)s, %(after_attribute)s, %(after)s)
ORDER BY device_id, attribute, bucket LIMIT %(limit)s
"""
_ADD_HOURS: Final = """
INSERT INTO device_readings_hourly
    (bucket, device_id, attribute, count, numbers, mean, least, greatest, word)
SELECT "timestamp", device_id, attribute, count, numbers, mean, least, greatest, word
FROM jsonb_to_recordset(%(hours)s::jsonb) AS h ("timestamp" timestamptz, device_id text,
    attribute text, count bigint, numbers bigint, mean double precision,
    least double precision, greatest double precision, word text)
WHERE NOT EXISTS (SELECT FROM device_readings r WHERE r.device_id = h.device_id
    AND r.attribute = h.attribute AND r."timestamp" >= h."timestamp"
    AND r."timestamp" < h."timestamp" + interval '1 hour')
ON CONFLICT DO NOTHING
"""
_LATEST: Final = """
SELECT DISTINCT ON (device_id, attribute) "timestamp", device_id, attribute, number, word
FROM device_readings WHERE starts_with(device_id, %(prefix)s)
ORDER BY device_id, attribute, "timestamp" DESC
"""
_PURGE: Final = """
WITH marked AS (
    SELECT device_id, attribute, date_trunc('hour', "timestamp", 'UTC') AS bucket
    FROM (SELECT * FROM device_readings WHERE "timestamp" < %(before)s
        ORDER BY "timestamp" LIMIT %(limit)s) AS oldest
    GROUP BY 1, 2, 3
), gone AS (
    DELETE FROM device_readings r USING marked m
    WHERE r.device_id = m.device_id AND r.attribute = m.attribute
        AND r."timestamp" >= m.bucket AND r."timestamp" < m.bucket + interval '1 hour'
    RETURNING r.*, m.bucket
), kept AS (
    INSERT INTO device_readings_hourly AS h
        (device_id, attribute, bucket, count, numbers, mean, least, greatest, word)
    SELECT device_id, attribute, bucket, count(*), count(number), avg(number),
        min(number), max(number),
        (array_agg(word ORDER BY "timestamp" DESC) FILTER (WHERE word IS NOT NULL))[1]
    FROM gone GROUP BY device_id, attribute, bucket
    ON CONFLICT (device_id, attribute, bucket) DO UPDATE SET
        count = h.count + excluded.count,
        numbers = h.numbers + excluded.numbers,
        mean = (coalesce(h.mean, 0) * h.numbers
                + coalesce(excluded.mean, 0) * excluded.numbers)
            / nullif(h.numbers + excluded.numbers, 0),
        least = least(h.least, excluded.least),
        greatest = greatest(h.greatest, excluded.greatest),
        word = coalesce(excluded.word, h.word)
    RETURNING 1
)
SELECT count(*) FROM gone
"""
_DELETE_HOURS: Final = "DELETE FROM device_readings_hourly WHERE device_id = %(id)s"
_DELETE_ROWS: Final = "DELETE FROM device_readings WHERE device_id = %(id)s"
_DISCARD: Final = """
DELETE FROM device_readings d
USING jsonb_to_recordset(%(readings)s::jsonb) AS r (device_id text, attribute text,
    "timestamp" timestamptz)
WHERE d.device_id = r.device_id AND d.attribute = r.attribute
    AND d."timestamp" = r."timestamp"
"""
_BEFORE_ALL: Final = datetime(1, 1, 1, tzinfo=UTC)


class PostgresReadings(PostgresPlace, ReadingBackend):
    """Readings in `device_readings`, the hours of deleted ones in `device_readings_hourly`.

    The arguments are those of `PostgresPlace`. Opening migrates the schema.

    `database_url` is one as ``postgresql://user@localhost/home``:

    >>> from datetime import UTC, datetime
    >>> from switchbot_store.history.postgres.readings import PostgresReadings
    >>> from switchbot_store.history.readings import DeviceReading
    >>> at = datetime(2026, 1, 12, tzinfo=UTC)
    >>> place = PostgresReadings(database_url)
    >>> place.write([DeviceReading(at, "C1", "CO2", 725.0)]), place.latest()[0].value
    (1, 725.0)
    >>> place.close()
    """

    name = "postgres"

    def write(self, readings: Sequence[DeviceReading]) -> int:
        """Add readings in one statement; see `ReadingBackend.write`."""
        if not readings:
            return 0
        values = {"readings": _document(readings)}

        def insert(connection: Connection) -> int:
            try:
                return connection.execute(_INSERT, values).rowcount
            except VALUE_REFUSED as error:
                # One that is refused alone is given up; all of them wait.
                if (refusal := readings_refused(connection)) is None:
                    raise
                raise StoreUnavailableError(
                    worded("PostgreSQL: {text}", text=str(refusal))
                ) from error

        return self._connections.call(insert).value

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
            "start": start,
            "end": end,
            "device_id": device_id,
            "attribute": attribute,
            "after": _BEFORE_ALL if after is None else after.timestamp,
            "after_device": "" if after is None else after.device_id,
            "after_attribute": "" if after is None else after.attribute,
            "limit": limit,
        }
        return self._asked(_ROWS, values, READING_FIELDS)

    def hours(
        self, start: datetime, end: datetime, *, device_id: str, attribute: str
    ) -> list[HistoryRow]:
        """Return hours without readings; see `ReadingBackend.hours`."""
        values = {
            "start": start,
            "end": end,
            "device_id": device_id,
            "attribute": attribute,
        }
        return self._asked(_HOURS, values, BUCKET_FIELDS)

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
            "after": _BEFORE_ALL if after is None else after.timestamp,
            "after_device": "" if after is None else after.device_id,
            "after_attribute": "" if after is None else after.attribute,
            "limit": limit,
        }
        return [
            HistoryRow(zip(HOUR_FIELDS, (in_utc(at), *rest), strict=True))
            for at, *rest in self._fetched(_ALL_HOURS, values)
        ]

    def add_hours(self, hours: Sequence[HistoryRow]) -> int:
        """Add hours in one statement; see `ReadingBackend.add_hours`."""
        if not hours:
            return 0
        values = {"hours": orjson.dumps([dict(each) for each in hours]).decode()}
        return self._connections.call(
            lambda connection: connection.execute(_ADD_HOURS, values).rowcount
        ).value

    def latest(self, *, prefix: str = "") -> list[HistoryRow]:
        """Return the newest readings; see `ReadingBackend.latest`."""
        found = self._asked(_LATEST, {"prefix": prefix}, READING_FIELDS)
        return sorted(found, key=lambda row: (row.device_id, row.attribute))

    def purge(self, before: datetime, *, limit: int) -> int:
        """Sum whole hours up and delete them; see `ReadingBackend.purge`."""
        values = {"before": hour_of(before), "limit": limit}

        def step(connection: Connection) -> int:
            row = connection.execute(_PURGE, values).fetchone()
            return int(row[0]) if row else 0

        return self._reading(step)

    def delete_device(self, device_id: str) -> int:
        """Delete all that there is of a device; see `ReadingBackend.delete_device`."""
        values = {"id": device_id}

        def delete(connection: Connection) -> int:
            with connection.transaction():
                connection.execute(_DELETE_HOURS, values)
                return connection.execute(_DELETE_ROWS, values).rowcount

        return self._reading(delete)

    def discard(self, readings: Sequence[DeviceReading]) -> None:
        """Delete exactly these; see `ReadingBackend.discard`."""
        values = {"readings": _document(readings)}
        self._connections.call(lambda connection: connection.execute(_DISCARD, values))

    def _fetched(
        self, statement: LiteralString, values: dict[str, Any]
    ) -> list[tuple[Any, ...]]:
        def fetch_rows(connection: Connection) -> list[tuple[Any, ...]]:
            with connection.cursor(row_factory=tuple_row, binary=True) as cursor:
                return cursor.execute(statement, values).fetchall()

        return self._reading(fetch_rows)

    def _asked(
        self, statement: LiteralString, values: dict[str, Any], names: Sequence[str]
    ) -> list[HistoryRow]:
        rows = []
        for at, device_id, attribute, number, word, *rest in self._fetched(
            statement, values
        ):
            value = word if number is None else number
            found = (in_utc(at), device_id, attribute, value, *rest)
            rows.append(HistoryRow(zip(names, found, strict=True)))
        return rows


def _document(readings: Sequence[DeviceReading]) -> str:
    return orjson.dumps(
        [
            {
                "device_id": each.device_id,
                "attribute": each.attribute,
                "timestamp": each.timestamp.isoformat(),
                ("word" if isinstance(each.value, str) else "number"): each.value,
            }
            for each in readings
        ]
    ).decode()
