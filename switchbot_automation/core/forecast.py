"""What a forecast of the weather says of the next warm-up. Pure.

What was learned of how fast a room comes up is of the nights that were. So a forecast counts
by how much colder (or, for cooling, warmer) the next half day gets than what was forecast of
late, which also makes one that is off by the same each day harmless. It lets a room begin
earlier, never later: a forecast that is wrong costs at most an early start.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from switchbot_automation.core.control.warm_up import WeatherChange
from switchbot_automation.core.state.zone import OutdoorForecast

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
