"""Hours whose recorded rows are gone: how a backup reads them and puts them back.

Everything else of the rollup is made from rows; these hours are all that is left of
theirs.
"""

from __future__ import annotations

from typing import Any, Final

from switchbot_store.errors import StoreDataError
from switchbot_store.history.model import hour_of
from switchbot_store.instants import parse_instant
from switchbot_store.languages import worded

_INTEGERS: Final = ("count", "api_requests_today", "error_count")
_NUMBERS: Final = (
    *("temperature", "min_temperature", "max_temperature", "temperature_seconds"),
    *("humidity", "min_humidity", "max_humidity", "humidity_seconds"),
    "aircon_on_seconds",
)
_TEXTS: Final = ("assumed_aircon_power", "last_action", "timezone")
COLUMNS: Final = (*_INTEGERS, *_NUMBERS, *_TEXTS, "last_temperature_stale")
_MAY_BE_UNKNOWN: Final = frozenset(COLUMNS) - {
    *("count", "error_count", "temperature_seconds", "humidity_seconds"),
    *("aircon_on_seconds", "last_temperature_stale"),
}

POSTGRES_READ: Final = """
SELECT zone, bucket AS "timestamp", count, api_requests_today, error_count,
    temperature, min_temperature, max_temperature, temperature_seconds,
    humidity, min_humidity, max_humidity, humidity_seconds, aircon_on_seconds,
    assumed_aircon_power, last_action, timezone, last_temperature_stale
FROM state_history_hourly
WHERE frozen AND (bucket, zone COLLATE "C") > (%(after)s, %(after_zone)s)
ORDER BY bucket, zone COLLATE "C" LIMIT %(limit)s
"""
POSTGRES_READ_ZONE: Final = POSTGRES_READ.replace(
    "WHERE frozen", "WHERE zone = %(zone)s AND frozen"
)
POSTGRES_ADD: Final = """
INSERT INTO state_history_hourly (zone, bucket, count, api_requests_today, error_count,
    temperature, min_temperature, max_temperature, temperature_seconds,
    humidity, min_humidity, max_humidity, humidity_seconds, aircon_on_seconds,
    assumed_aircon_power, last_action, timezone, last_temperature_stale, frozen)
SELECT zone, "timestamp", count, api_requests_today, error_count,
    temperature, min_temperature, max_temperature, temperature_seconds,
    humidity, min_humidity, max_humidity, humidity_seconds, aircon_on_seconds,
    assumed_aircon_power, last_action, timezone, last_temperature_stale, true
FROM jsonb_to_recordset(%(hours)s::jsonb) AS r(zone text, "timestamp" timestamptz,
    count bigint, api_requests_today bigint, error_count bigint,
    temperature double precision, min_temperature double precision,
    max_temperature double precision, temperature_seconds double precision,
    humidity double precision, min_humidity double precision,
    max_humidity double precision, humidity_seconds double precision,
    aircon_on_seconds double precision, assumed_aircon_power text, last_action text,
    timezone text, last_temperature_stale boolean)
ON CONFLICT (zone, bucket) DO NOTHING
"""
SQLITE_READ: Final = """
SELECT zone, bucket AS timestamp, count, api_requests_today, error_count,
    temperature, min_temperature, max_temperature, temperature_seconds,
    humidity, min_humidity, max_humidity, humidity_seconds, aircon_on_seconds,
    assumed_aircon_power, last_action, timezone, last_temperature_stale
FROM state_history_hourly
WHERE frozen AND (bucket, zone) > (:after, :after_zone)
ORDER BY bucket, zone LIMIT :limit
"""
SQLITE_READ_ZONE: Final = SQLITE_READ.replace(
    "WHERE frozen", "WHERE zone = :zone AND frozen"
)
SQLITE_ADD: Final = """
INSERT OR IGNORE INTO state_history_hourly
    (zone, bucket, count, api_requests_today, error_count,
    temperature, min_temperature, max_temperature, temperature_seconds,
    humidity, min_humidity, max_humidity, humidity_seconds, aircon_on_seconds,
    assumed_aircon_power, last_action, timezone, last_temperature_stale, frozen)
VALUES (:zone, :timestamp, :count, :api_requests_today, :error_count,
    :temperature, :min_temperature, :max_temperature, :temperature_seconds,
    :humidity, :min_humidity, :max_humidity, :humidity_seconds, :aircon_on_seconds,
    :assumed_aircon_power, :last_action, :timezone, :last_temperature_stale, 1)
"""


def frozen_hour(values: dict[str, Any]) -> dict[str, Any]:
    """Return an hour with exactly its columns, from JSON.

    Raises StoreDataError for anything that is no hour.
    """
    try:
        timestamp = parse_instant(values["timestamp"])
        hour: dict[str, Any] = {"zone": values["zone"], "timestamp": timestamp}
        hour |= {name: values[name] for name in COLUMNS}
    except (KeyError, TypeError, ValueError) as error:
        raise StoreDataError(
            worded("no hour of a history: {error}", error=error)
        ) from error
    sound = (
        isinstance(hour["zone"], str)
        and hour_of(timestamp) == timestamp
        and all(_is_sound(name, hour[name]) for name in COLUMNS)
    )
    if not sound:
        raise StoreDataError(
            worded("no hour of a history: {values!r:.200}", values=values)
        )
    return hour


def _is_sound(name: str, value: object) -> bool:
    if value is None:
        return name in _MAY_BE_UNKNOWN
    if name in _INTEGERS:
        return type(value) is int
    if name in _NUMBERS:
        return type(value) in (int, float)
    return isinstance(value, str if name in _TEXTS else bool)
