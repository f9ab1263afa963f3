"""What may be recorded, decided once for every backend."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from switchbot_store.codec import decode, encode, validate_key
from switchbot_store.errors import StoreDataError
from switchbot_store.history.model import HistorySample
from switchbot_store.instants import checked_instant
from switchbot_store.languages import reworded, worded

_INT_LIMIT: Final = 2**63
_READING_LIMIT: Final = 1e16
_TINIEST_READING: Final = 1e-200
"""What PostgreSQL would refuse to multiply by the time it held, as an underflow."""
_MAX_METADATA_BYTES: Final = 1024 * 1024
_REMEMBERED: Final = 1024
_REMEMBERED_IN_ALL: Final = 2048
_STEP: Final = timedelta(microseconds=1)


def normalised(sample: HistorySample) -> HistorySample:
    """Return the sample as every backend can keep it, or raise StoreDataError.

    Timestamps become UTC, readings `float`; they lie within +-1e16. The error's `path` names the field.
    """
    if not isinstance(sample, HistorySample):
        raise StoreDataError(
            worded("a HistorySample, not {name}", name=type(sample).__name__)
        )
    timestamp = _instant(sample.timestamp)
    try:
        zone = validate_key(sample.zone)
    except StoreDataError as error:
        raise StoreDataError(reworded(error), path="zone") from error
    timezone = _text(sample.timezone, "timezone")
    if timezone is None:
        raise StoreDataError(worded("a str, not None"), path="timezone")
    _check_count(sample.error_count, "error_count")
    if sample.api_requests_today is not None:
        _check_count(sample.api_requests_today, "api_requests_today")
    if type(sample.last_temperature_stale) is not bool:
        raise StoreDataError(
            worded("neither True nor False"), path="last_temperature_stale"
        )
    return HistorySample(
        timestamp=timestamp,
        zone=zone,
        temperature=_reading(sample.temperature, "temperature"),
        humidity=_reading(sample.humidity, "humidity"),
        assumed_aircon_power=_text(sample.assumed_aircon_power, "assumed_aircon_power"),
        last_action=_text(sample.last_action, "last_action"),
        api_requests_today=sample.api_requests_today,
        error_count=sample.error_count,
        last_temperature_stale=sample.last_temperature_stale,
        timezone=timezone,
        metadata=_metadata(sample.metadata),
    )


def _instant(moment: object) -> datetime:
    if not isinstance(moment, datetime):
        raise StoreDataError(
            worded("a datetime, not {name}", name=type(moment).__name__),
            path="timestamp",
        )
    try:
        return checked_instant(moment)
    except ValueError as error:
        raise StoreDataError(reworded(error), path="timestamp") from error


def _reading(value: object, name: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise StoreDataError(
            worded("a number, not {name}", name=type(value).__name__), path=name
        )
    try:
        number = float(value)
    except OverflowError as error:
        raise StoreDataError(worded("too great for a float"), path=name) from error
    if not -_READING_LIMIT < number < _READING_LIMIT:  # NaN too
        raise StoreDataError(worded("{number} is no reading", number=number), path=name)
    return number if abs(number) > _TINIEST_READING else 0.0


def _text(value: object, name: str) -> str | None:
    if value is None or (type(value) is str and value.isascii() and "\0" not in value):
        return value
    if not isinstance(value, str):
        raise StoreDataError(
            worded("a str, not {name}", name=type(value).__name__), path=name
        )
    if "\0" in value:
        raise StoreDataError(worded("the character NUL cannot be stored"), path=name)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise StoreDataError(
            worded("a lone surrogate cannot be stored"), path=name
        ) from error
    return str.__str__(value)  # an enumeration's member becomes its plain text


def _check_count(value: object, name: str) -> None:
    if type(value) is not int:
        raise StoreDataError(
            worded("an int, not {name}", name=type(value).__name__), path=name
        )
    if not -_INT_LIMIT <= value < _INT_LIMIT:
        raise StoreDataError(worded("an integer has at most 64 bits"), path=name)


def _metadata(metadata: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if metadata is None:
        return None
    if not isinstance(metadata, Mapping):
        raise StoreDataError(
            worded("a mapping, not {name}", name=type(metadata).__name__),
            path="metadata",
        )
    try:
        encoded = encode(dict(metadata))
    except StoreDataError as error:
        raise StoreDataError(reworded(error), path="metadata") from error
    if len(encoded) > _MAX_METADATA_BYTES:
        raise StoreDataError(
            worded(
                "at most {max_metadata_bytes} bytes as JSON, not {number}",
                max_metadata_bytes=_MAX_METADATA_BYTES,
                number=len(encoded),
            ),
            path="metadata",
        )
    # A copy all the way down: the caller may go on changing what it handed in.
    return decode(encoded, key="metadata")


class DistinctTimestamps:
    """Moves an instant that is taken to the next free microsecond.

    Rows are identified by zone and timestamp, so that a repeated write does nothing;
    two samples of one instant must therefore differ. The last 1024 of each zone are
    remembered, and the last 2048 of all of them: a process may record for any number of
    homes. Not thread-safe.
    """

    def __init__(self) -> None:
        # By zone, the one told of last at the end: each instant taken, with where the
        # search for a free one goes on.
        self._taken: OrderedDict[str, dict[datetime, datetime | None]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        """Return how many instants are remembered."""
        return self._count

    def assign(self, zone: str, timestamp: datetime) -> datetime:
        """Return `timestamp`, or the first free instant after it."""
        taken = self._taken.setdefault(zone, {})
        self._taken.move_to_end(zone)
        before = len(taken)
        free = timestamp
        while free in taken:
            free = taken[free] or free + _STEP
        if free is not timestamp:
            # A shortcut, and the newest entry: a burst of equals stays remembered.
            taken.pop(timestamp, None)
            taken[timestamp] = free + _STEP
        taken[free] = None
        if len(taken) > _REMEMBERED:
            del taken[next(iter(taken))]
        self._count += len(taken) - before
        while self._count > _REMEMBERED_IN_ALL:
            # Of this zone alone there are fewer.
            _silent, forgotten = self._taken.popitem(last=False)
            self._count -= len(forgotten)
        return free
