"""Hours whose recorded rows are gone: how a backup reads them and puts them back.

Everything else of the rollup is made from rows; these hours are all that is left of
theirs.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from switchbot_store.errors import StoreDataError
from switchbot_store.history.model import hour_of
from switchbot_store.instants import checked_instant, parse_instant
from switchbot_store.languages import worded

if TYPE_CHECKING:
    from collections.abc import Mapping

_INTEGERS: Final = ("count", "api_requests_today", "error_count")
_NUMBERS: Final = (
    *("temperature", "min_temperature", "max_temperature", "temperature_seconds"),
    *("humidity", "min_humidity", "max_humidity", "humidity_seconds"),
    "aircon_on_seconds",
)
_TEXTS: Final = ("assumed_aircon_power", "last_action", "timezone")
_BIGINT: Final = range(-(2**63), 2**63)
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


def frozen_hour(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return an hour with exactly its columns, as every place keeps it, from JSON.

    Its instant may be a datetime. Raises StoreDataError for anything that is no hour.
    """
    try:
        at = values["timestamp"]
        timestamp = (
            checked_instant(at) if isinstance(at, datetime) else parse_instant(at)
        )
        hour: dict[str, Any] = {"zone": values["zone"], "timestamp": timestamp}
        hour |= {name: values[name] for name in COLUMNS}
    except (KeyError, TypeError, ValueError) as error:
        raise StoreDataError(
            worded("no hour of a history: {error}", error=error)
        ) from error
    sound = (
        isinstance(hour["zone"], str)
        and "\0" not in hour["zone"]
        and hour_of(timestamp) == timestamp
        and all(_is_sound(name, hour[name]) for name in COLUMNS)
    )
    if not sound:
        raise StoreDataError(
            worded("no hour of a history: {values!r:.200}", values=values)
        )
    for name in _NUMBERS:
        if hour[name] is not None:
            number = float(hour[name])
            hour[name] = number if math.isfinite(number) else None
    return hour


def _is_sound(name: str, value: object) -> bool:
    if value is None:
        return name in _MAY_BE_UNKNOWN
    if name in _INTEGERS:
        return type(value) is int and value in _BIGINT
    if name in _NUMBERS:
        if type(value) is float:
            return math.isfinite(value) or name in _MAY_BE_UNKNOWN
        return type(value) is int and value in _BIGINT
    if name in _TEXTS:
        return isinstance(value, str) and "\0" not in value
    return isinstance(value, bool)
