"""The contract of device readings: one value of one attribute of one device, at an instant.

Ranges, rows and instants are as in `switchbot_store.history.model`. Retention does not
lose what was: the hours of deleted readings stay, each as count, mean, least, greatest and
last word.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from switchbot_store.codec import validate_key
from switchbot_store.errors import StoreDataError
from switchbot_store.history.model import HistoryRow, hour_of
from switchbot_store.instants import checked_instant
from switchbot_store.languages import reworded, worded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

READING_FIELDS: Final = ("timestamp", "device_id", "attribute", "value")
BUCKET_FIELDS: Final = (
    "timestamp",
    "device_id",
    "attribute",
    "value",
    "min_value",
    "max_value",
    "count",
)
HOUR_FIELDS: Final = (
    "timestamp",
    "device_id",
    "attribute",
    "count",
    "numbers",
    "mean",
    "least",
    "greatest",
    "word",
)
_LONGEST_WORD: Final = 200
_LONGEST_NAME: Final = 100
_LIMIT: Final = 1e16
_TINIEST: Final = 1e-200
_GREATEST_COUNT: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class DeviceReading:
    """What a device said of one attribute.

    `timestamp` is aware; `device_id` the cloud's id; `attribute` the catalogue's name, as
    ``CO2``; `value` a number in the catalogue's unit, or a word as ``open``.

    >>> from datetime import UTC, datetime
    >>> from switchbot_store import DeviceReading
    >>> DeviceReading(datetime(2026, 1, 12, tzinfo=UTC), "C1", "CO2", 725).value
    725
    """

    timestamp: datetime
    device_id: str
    attribute: str
    value: float | str


class ReadingKey(NamedTuple):
    """Where a page of readings ended."""

    timestamp: datetime
    device_id: str
    attribute: str


def checked_reading(reading: DeviceReading) -> DeviceReading:
    """Return a reading as every place can keep it: UTC, a finite float or a short word.

    Raises StoreDataError, whose `path` names the field.
    """
    try:
        timestamp = checked_instant(reading.timestamp)
    except (ValueError, TypeError, AttributeError) as error:
        raise StoreDataError(reworded(error), path="timestamp") from error
    try:
        device_id = validate_key(reading.device_id)
    except StoreDataError as error:
        raise StoreDataError(reworded(error), path="device_id") from error
    attribute = _word(reading.attribute, "attribute", _LONGEST_NAME)
    if not attribute:
        raise StoreDataError(worded("a name, not ''"), path="attribute")
    value = reading.value
    if isinstance(value, str):
        kept: float | str = _word(value, "value", _LONGEST_WORD)
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise StoreDataError(
            worded("a number or a word, not {name}", name=type(value).__name__),
            path="value",
        )
    else:
        kept = _number(value)
    return DeviceReading(timestamp, device_id, attribute, kept)


def checked_hour(values: Mapping[str, Any]) -> HistoryRow:
    """Return an hour whose readings are gone, with `HOUR_FIELDS`, as every place keeps it.

    Raises StoreDataError.
    """
    count, numbers, word = (values.get(each) for each in ("count", "numbers", "word"))
    for name, whole in (("count", count), ("numbers", numbers)):
        if type(whole) is not int or not 0 <= whole <= _GREATEST_COUNT:
            raise StoreDataError(worded("a count, 0 or more"), path=name)
    named = [values.get(each) for each in ("mean", "least", "greatest")]
    for name, each in zip(("mean", "least", "greatest"), named, strict=True):
        if each is not None and (isinstance(each, bool | str)):
            raise StoreDataError(worded("a number, or null"), path=name)
    if word is not None:
        _word(word, "word", _LONGEST_WORD)
    # Its names are held as those of a reading are.
    shown = named[0] if word is None and named[0] is not None else word or ""
    told = DeviceReading(
        values["timestamp"], values["device_id"], values["attribute"], shown
    )
    kept = checked_reading(told)
    if kept.timestamp != hour_of(kept.timestamp):
        raise StoreDataError(worded("a whole hour"), path="timestamp")
    mean, least, greatest = (None if each is None else _number(each) for each in named)
    found = (kept.timestamp, kept.device_id, kept.attribute, count, numbers, mean)
    given = (*found, least, greatest, word)
    return HistoryRow(zip(HOUR_FIELDS, given, strict=True))


def _number(value: float) -> float:
    try:
        number = float(value)
    except OverflowError as error:
        raise StoreDataError(worded("too great for a float"), path="value") from error
    if not math.isfinite(number) or not -_LIMIT < number < _LIMIT:
        raise StoreDataError(
            worded("{number} is no reading", number=number), path="value"
        )
    return number if abs(number) > _TINIEST else 0.0


def _word(value: object, path: str, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest or "\0" in value:
        raise StoreDataError(
            worded("a text of at most {longest} characters", longest=longest), path=path
        )
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise StoreDataError(
            worded("a lone surrogate cannot be stored"), path=path
        ) from error
    return str.__str__(value)


class ReadingBackend(ABC):
    """A place for readings; thread-safe, opens on first use or by `open()`.

    What is handed to it went through `checked_reading`. Every call raises
    StoreUnavailableError when the place cannot be reached.
    """

    name: str = "readings"

    @abstractmethod
    def open(self) -> None:
        """Make ready. Raises StoreConfigError, StoreUnavailableError, MigrationError."""

    @abstractmethod
    def close(self) -> None:
        """Release what was made; a later use opens it anew."""

    @abstractmethod
    def write(self, readings: Sequence[DeviceReading]) -> int:
        """Add readings, all or none; return how many were new.

        One of the same instant, device and attribute is left as it is.
        """

    @abstractmethod
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
        """Return readings with `READING_FIELDS`, ascending, beyond `after`."""

    @abstractmethod
    def hours(
        self, start: datetime, end: datetime, *, device_id: str, attribute: str
    ) -> list[HistoryRow]:
        """Return the hours in ``[start, end)`` whose readings were deleted, ascending.

        With `BUCKET_FIELDS`; the timestamp is the hour's.
        """

    @abstractmethod
    def all_hours(
        self,
        *,
        prefix: str = "",
        after: ReadingKey | None = None,
        limit: int | None = None,
    ) -> list[HistoryRow]:
        """Return hours whose readings were deleted, of devices whose ids begin so.

        With `HOUR_FIELDS`, in an order of the place's own, beyond `after`.
        """

    @abstractmethod
    def add_hours(self, hours: Sequence[HistoryRow]) -> int:
        """Add hours with `HOUR_FIELDS`, all or none; return how many were new.

        One that is there, or of which there are readings, is left as it is.
        """

    @abstractmethod
    def latest(self, *, prefix: str = "") -> list[HistoryRow]:
        """Return the newest reading of every attribute of devices whose ids begin so."""

    @abstractmethod
    def purge(self, before: datetime, *, limit: int) -> int:
        """Delete up to about `limit` readings before that whole hour, and keep the hours.

        Only whole hours of an attribute go. Returns how many readings went.
        """

    @abstractmethod
    def delete_device(self, device_id: str) -> int:
        """Delete readings and hours of a device for good; return how many readings."""

    @abstractmethod
    def discard(self, readings: Sequence[DeviceReading]) -> None:
        """Delete exactly these readings; one that is not there is passed over."""
