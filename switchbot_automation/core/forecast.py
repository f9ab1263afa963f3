"""What a forecast of the weather says of the next warm-up, and of the next hours. Pure.

What was learned of how fast a room comes up is of the nights that were. So a forecast counts
by how much colder (or, for cooling, warmer) the next half day gets than what was forecast of
late, which also makes one that is off by the same each day harmless. It lets a room begin
earlier, never later: a forecast that is wrong costs at most an early start.

Of the sun a room learns itself what it does there (see `room_model`), so that a forecast
that is off by a factor, or for a roof in place of level ground, is as good. Where its unit
cools, a day that gets sunnier than of late is begun for earlier, too; where it heats, the hours
ahead say whether the sun will carry the room over its band.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from switchbot_automation.core.control.warm_up import WeatherChange
from switchbot_automation.core.state.zone import OutdoorForecast, SunForecast

if TYPE_CHECKING:
    from datetime import datetime

    from switchbot_automation.series import Series

_HALF_DAY, _DAY = timedelta(hours=12), timedelta(days=1)
_EVERY = timedelta(hours=1)
# So long what was said counts while nothing new is, and how long one may have been issued.
_LASTS, _OLDEST = timedelta(hours=3), timedelta(hours=36)
# How fast what is usual follows the forecasts.
_USUAL = timedelta(days=3)
# Air outdoors; a series of something else is no forecast.
_COLDEST, _WARMEST = -60.0, 60.0
# The sun outside of the air is 1361 W/m2 (IAU 2015), a little more by clouds around it.
_BRIGHTEST = 1500.0
_WATT_OF_KILOWATT = 1000.0
_HOURS_KEPT = 12


def after_forecast(
    before: OutdoorForecast | None, series: Series | None, now: datetime
) -> OutdoorForecast | None:
    """Return what is believed of the weather to come, given what is forecast now.

    A forecast that is old, of the future, of impossible temperatures, or that says nothing
    of the next hours, is none.
    """
    if before is not None and timedelta() <= now - before.at < _EVERY:
        return before
    if series is None or not -_EVERY <= now - series.issued_at < _OLDEST:
        return before
    half = [value for _, _, value in series.spans(now, now + _HALF_DAY)]
    day = [value for _, _, value in series.spans(now, now + _DAY)]
    if not half or min(day) < _COLDEST or max(day) > _WARMEST:
        return before
    cold, warm = min(day), max(day)
    if before is not None:
        share = 1.0 - math.exp(-max(0.0, (now - before.at) / _USUAL))
        cold = before.usual_coldest + share * (cold - before.usual_coldest)
        warm = before.usual_warmest + share * (warm - before.usual_warmest)
    return OutdoorForecast(now, min(half), max(half), round(cold, 3), round(warm, 3))


def change_ahead(
    forecast: OutdoorForecast | None, now: datetime, *, heating: bool
) -> WeatherChange | None:
    """Return how the weather changes for the worse, None where it is not known to."""
    if forecast is None or not timedelta() <= now - forecast.at < _LASTS:
        return None
    if heating:
        found = WeatherChange(forecast.coldest, forecast.usual_coldest)
        return found if found.extreme < found.usual else None
    found = WeatherChange(forecast.warmest, forecast.usual_warmest)
    return found if found.extreme > found.usual else None


def after_sun_forecast(
    before: SunForecast | None, series: Series | None, now: datetime
) -> SunForecast | None:
    """Return what is believed of the sun to come, given what is forecast now.

    A forecast that is old, of the future, of impossible numbers, or that says nothing of
    the next hour, is none.
    """
    if before is not None and timedelta() <= now - before.at < _EVERY:
        return before
    if series is None or not -_EVERY <= now - series.issued_at < _OLDEST:
        return before
    day = [value for _, _, value in series.spans(now, now + _DAY)]
    if not day or min(day) < 0.0 or max(day) > _BRIGHTEST:
        return before
    hours = []
    for number in range(_HOURS_KEPT):
        mean = _mean(series, now + number * _EVERY, now + (number + 1) * _EVERY)
        if mean is None:
            break
        hours.append(round(mean, 1))
    if not hours:
        return before
    most = usual = max(day)
    if before is not None:
        share = 1.0 - math.exp(-max(0.0, (now - before.at) / _USUAL))
        usual = before.usual_brightest + share * (most - before.usual_brightest)
    return SunForecast(now, tuple(hours), round(most, 1), round(usual, 1))


def _mean(series: Series, begin: datetime, end: datetime) -> float | None:
    """Return the mean over a span, None where a part of it is unknown."""
    told = list(series.spans(begin, end))
    if sum(((until - at) for at, until, _ in told), timedelta()) < end - begin:
        return None
    return sum(value * ((until - at) / (end - begin)) for at, until, value in told)


def sun_between(forecast: SunForecast | None, begin: datetime, end: datetime) -> float:
    """Return the sun between two instants as it was forecast, in kW/m2.

    What is known of half of that time or more counts for all of it; unknown is 0.0.
    """
    if forecast is None or begin >= end:
        return 0.0
    sums, known = 0.0, timedelta()
    for number, value in enumerate(forecast.hours):
        at = forecast.at + number * _EVERY
        low, high = max(at, begin), min(at + _EVERY, end)
        if low < high:
            sums += value * ((high - low) / _EVERY)
            known += high - low
    if known < (end - begin) / 2:
        return 0.0
    return sums / (known / _EVERY) / _WATT_OF_KILOWATT


def sun_ahead(
    forecast: SunForecast | None, now: datetime, hours: int
) -> tuple[float, ...]:
    """Return the sun of the hours to come in kW/m2, () where it is not known."""
    if forecast is None or not timedelta() <= now - forecast.at < _LASTS:
        return ()
    ends = forecast.at + len(forecast.hours) * _EVERY
    if ends < now + hours * _EVERY:
        return ()
    return tuple(
        sun_between(forecast, now + each * _EVERY, now + (each + 1) * _EVERY)
        for each in range(hours)
    )


def sunnier_ahead(forecast: SunForecast | None, now: datetime) -> float:
    """Return by how much the coming day is sunnier than of late, in kW/m2, 0.0 or more."""
    if forecast is None or not timedelta() <= now - forecast.at < _LASTS:
        return 0.0
    more = forecast.brightest - forecast.usual_brightest
    return max(0.0, more) / _WATT_OF_KILOWATT
