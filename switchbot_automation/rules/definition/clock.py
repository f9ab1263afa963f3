"""The next time the wall clock reads something. Pure.

A time of day that the clock skips takes effect at the transition, one that it reads twice
counts the first time: as for windows, see `switchbot_automation.schedule.windows`. A cron
expression does so only where its minutes and its hours name numbers, ``30 2 * * *``. One
that has a star in front of either, ``*/30 2 * * *``, tells what the clock reads: on the
day that skips the hour it does not come at all, on the day that repeats it, in both
passes. See `next_cron`.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from switchbot_automation.errors import SettingsError
from switchbot_automation.languages import worded
from switchbot_automation.outside.urls import shown_name
from switchbot_automation.schedule.sun import happens, sun_event

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import tzinfo

    from cronsim import CronSim

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_SECOND = timedelta(seconds=1)
_WEEK = frozenset(range(7))
# Every weekday comes within a week; one more day for the zones' offsets.
_DAYS_AHEAD = 9
_CRON_FIELDS = 5
# From the day before; a sunset may fall on the other side of midnight.
_SUN_DAYS = 4


def next_time(
    times: Iterable[time], days: frozenset[int], after: datetime, tz: tzinfo
) -> datetime:
    """Return the next instant after `after`, in UTC, at which the clock reads a time.

    `days` are weekdays, 0 Monday, and not empty.
    """
    found: list[datetime] = []
    day = after.astimezone(tz).date() - _DAY
    for _ in range(_DAYS_AHEAD + 1):
        if day.weekday() in days:
            found += [
                at
                for each in times
                if (at := instant_of(datetime.combine(day, each), tz)) > after
            ]
        if found:
            # The day after may hold an earlier instant only across a leap of a zone.
            break
        day += _DAY
    return min(found)


def next_in_pattern(
    hours: frozenset[int] | None,
    minutes: frozenset[int],
    second: int,
    after: datetime,
    tz: tzinfo,
) -> datetime:
    """Return the next instant after `after`, in UTC, at which the clock fits a pattern.

    `hours` None is every hour, also one that is read twice; named ones are times of day
    as those of `next_time`. Neither set is empty.
    """
    if hours is not None:
        times = [time(hour, minute, second) for hour in hours for minute in minutes]
        return next_time(times, _WEEK, after, tz)
    at = after.astimezone(UTC).replace(second=second, microsecond=0)
    while at <= after or at.astimezone(tz).minute not in minutes:
        at += _MINUTE
    return at


def instant_of(wall: datetime, tz: tzinfo) -> datetime:
    """Return the first instant, in UTC, at which the clock reads `wall` or later."""
    early = wall.replace(tzinfo=tz, fold=0).astimezone(UTC)
    if early.astimezone(tz).replace(tzinfo=None) == wall:
        return early
    # Skipped: the transition lies between what either offset makes of it.
    low = wall.replace(tzinfo=tz, fold=1).astimezone(UTC) - _SECOND
    high = early
    while high - low > _SECOND:
        middle = low + (high - low) / 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(tz).replace(tzinfo=None) >= wall:
            high = middle
        else:
            low = middle
    return high


def next_sun(
    event: str,
    offset: timedelta,
    place: tuple[float, float],
    after: datetime,
    tz: tzinfo,
) -> datetime | None:
    """Return when the sun next rises or sets, and so long after that, in UTC.

    `place` is latitude and longitude in degrees. None where it does not within days.
    """
    day = (after - offset).astimezone(tz).date() - _DAY
    for _ in range(_SUN_DAYS):
        if happens(event, day, tz, *place):
            at = sun_event(event, day, tz, *place) + offset
            if at > after:
                return at
        day += _DAY
    return None


def next_cron(expression: str, after: datetime, tz: tzinfo) -> datetime | None:
    """Return the next instant of a cron expression after `after`, in UTC.

    None for one that never comes, as 30 February. Raises as `check_cron` does.

    On the days when clocks change it goes by the library, which does as Debian's cron.
    Where neither minutes nor hours begin with a star, a skipped time comes at the
    transition (twice skipped, once) and a repeated one the first time. Else it comes
    whenever the clock reads a time that fits, and never when none is read:
    ``*/30 2 * * *`` in Paris comes not at all on the last Sunday of March, and at 02:00
    and 02:30 of either pass on that of October.
    """
    for found in _cron(expression, after.astimezone(tz)):
        at = found.astimezone(UTC)
        # In an hour that is read twice, the library may name the first reading again.
        if at > after:
            return at
    return None


def check_cron(expression: str) -> None:
    """Raise SettingsError for what is no cron expression, or without the library."""
    _checked(expression)


@lru_cache(maxsize=256)
def _checked(expression: str) -> str:
    iterator = _cron(expression, datetime(2024, 1, 1, tzinfo=UTC))
    if next(iterator, None) is None:
        raise SettingsError(
            worded("{expression!r} never comes", expression=shown_name(expression))
        )
    return expression


def _cron(expression: str, start: datetime) -> CronSim:
    try:
        from cronsim import CronSim, CronSimError  # noqa: PLC0415 - only for who has such a rule
    except ImportError as error:
        raise SettingsError(
            worded(
                "a cron trigger needs the package cronsim; install "
                "switchbot-automation[rules]"
            )
        ) from error
    try:
        if len(expression.split()) != _CRON_FIELDS:
            raise CronSimError("wrong number of fields")  # noqa: TRY301 - worded below
        return CronSim(expression, start)
    except CronSimError as error:
        raise SettingsError(
            worded(
                "{expression!r} is no cron expression ({error}); expected minute "
                "hour day month weekday, as '*/15 8-18 * * 1-5'",
                expression=shown_name(expression),
                error=str(error).lower(),
            )
        ) from error
