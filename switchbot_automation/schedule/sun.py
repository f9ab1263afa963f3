"""Sunrise and sunset at a place. Needs the extra `sun`; imported only where used. Pure.

A day without them is defined too: where the sun stays up, it rises at midnight and sets
at the next; where it stays down, it rises and sets at noon of the clock, so that no time
lies between. "Sunset to sunrise" is then nothing in the first case and all day in the
second.

astral 3.2 gives the wrong day, or none, where an event lies near midnight UTC
(sffjunkie/astral#81, #82, #83, #86), so of its answers only the time of day is taken; the day
follows from the sun's noon, which lies on the same day as everybody's.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import tzinfo

SUNRISE, SUNSET = "sunrise", "sunset"

_DAY = timedelta(days=1)
_NOON = time(12)
# The upper rim counts; the air's refraction astral adds itself.
_SUN_RADIUS_DEGREES = 32.0 / 60.0 / 2.0
_DEGREES_AN_HOUR = 15.0


class SunTime(NamedTuple):
    """`event`, ``sunrise`` or ``sunset``, and so many minutes after it, at a place.

    Latitude in degrees north, longitude in degrees east; None until they are known.
    """

    event: str
    offset_minutes: int = 0
    latitude: float | None = None
    longitude: float | None = None

    def __str__(self) -> str:
        return (
            f"{self.event}{self.offset_minutes:+d}"
            if self.offset_minutes
            else self.event
        )

    def __format__(self, _spec: str) -> str:
        # Where a time of the clock would be formatted, with whatever that takes.
        return str(self)

    def on(self, day: date, tz: tzinfo) -> datetime:
        """Return the instant, in UTC, on a day of the clock `tz`.

        Raises ValueError while the place is unknown.
        """
        if self.latitude is None or self.longitude is None:
            raise ValueError(f"{self} needs a latitude and a longitude")
        at = sun_event(self.event, day, tz, self.latitude, self.longitude)
        return at + timedelta(minutes=self.offset_minutes)


def available() -> bool:
    """Return whether the extra is installed."""
    return find_spec("astral") is not None


def sun_event(
    event: str, day: date, tz: tzinfo, latitude: float, longitude: float
) -> datetime:
    """Return when the sun rises or sets on a day of a clock, to the second, in UTC."""
    return _event(event, day, tz, latitude, longitude)[0]


def happens(
    event: str, day: date, tz: tzinfo, latitude: float, longitude: float
) -> bool:
    """Return whether the sun does rise or set then, and `sun_event` is no stand-in."""
    return _event(event, day, tz, latitude, longitude)[1]


@lru_cache(maxsize=4096)
def _event(
    event: str, day: date, tz: tzinfo, latitude: float, longitude: float
) -> tuple[datetime, bool]:
    from astral import Observer, SunDirection  # noqa: PLC0415 - of an extra
    from astral.sun import elevation, time_of_transit  # noqa: PLC0415 - of an extra

    noon = _solar_noon(day, tz, longitude)
    rising = event == SUNRISE
    middle = noon - _DAY / 4 if rising else noon + _DAY / 4
    observer = Observer(latitude, longitude)
    direction = SunDirection.RISING if rising else SunDirection.SETTING
    at, on, found_it = middle, noon.date(), True
    try:
        for _ in range(2):
            found = time_of_transit(observer, on, 90.0 + _SUN_RADIUS_DEGREES, direction)
            at = found + round((middle - found) / _DAY) * _DAY
            on = at.date()
    except ValueError:
        found_it = False
        if elevation(observer, noon) > 0.0:
            at = _clock(day if rising else day + _DAY, time(), tz)
        else:
            at = _clock(day, _NOON, tz)
    return at.astimezone(UTC).replace(microsecond=0), found_it


def _solar_noon(day: date, tz: tzinfo, longitude: float) -> datetime:
    """Return about when the sun is highest on a day of the clock."""
    noon = datetime.combine(day, _NOON, UTC) - timedelta(
        hours=longitude / _DEGREES_AN_HOUR
    )
    away = day - noon.astimezone(tz).date()
    return noon + away


def _clock(day: date, at: time, tz: tzinfo) -> datetime:
    return datetime.combine(day, at, tz).astimezone(UTC)
