"""Where a room's temperature is heading, from readings that come when they come. Pure.

A meter sends tenths of a kelvin every few minutes, and the engine looks at it as seldom
as it can afford. So the trend is a weighted straight line through the last readings,
kept thin enough to be stored with the zone's state.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from switchbot_automation.instants import from_unix

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEPT = 10
_THIN = timedelta(seconds=120)
_OLDEST = timedelta(minutes=90)
_HALF_LIFE_HOURS = 0.25
_LEAST_SPAN_HOURS = 4.0 / 60.0
# Faster than any room; what is beyond is a meter that was moved or exchanged.
_STEEPEST = 20.0
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Trend:
    """The last readings of a meter, oldest first: aware UTC instants, Celsius."""

    readings: tuple[tuple[datetime, float], ...] = ()

    @property
    def last(self) -> tuple[datetime, float] | None:
        """The newest reading."""
        return self.readings[-1] if self.readings else None

    def with_reading(self, at: datetime, temperature: float) -> Trend:
        """Return the trend with one more reading.

        Readings closer than two minutes replace each other, since a meter that is asked
        often repeats itself; a clock set back starts anew.
        """
        if self.readings and at < self.readings[-1][0]:
            return Trend(((at, temperature),))
        if self.readings and at == self.readings[-1][0]:
            return self
        kept = [one for one in self.readings if at - one[0] <= _OLDEST]
        if len(kept) > 1 and kept[-1][0] - kept[-2][0] < _THIN:
            kept.pop()
        kept.append((at, temperature))
        return Trend(tuple(kept[-_KEPT:]))

    def slope(self, since: datetime | None = None) -> float | None:
        """Return kelvin an hour, None while the readings from `since` on are too few.

        A reading counts half as much for every quarter of an hour it is old.
        """
        if not self.readings:
            return None
        newest = self.readings[-1][0]
        total = sum_t = sum_x = sum_tt = sum_tx = 0.0
        span = 0.0
        for at, temperature in self.readings:
            if since is not None and at < since:
                continue
            hours = (at - newest).total_seconds() / _HOUR
            span = max(span, -hours)
            weight = math.exp2(hours / _HALF_LIFE_HOURS)
            total += weight
            sum_t += weight * hours
            sum_x += weight * temperature
            sum_tt += weight * hours * hours
            sum_tx += weight * hours * temperature
        if span < _LEAST_SPAN_HOURS:
            return None
        spread = total * sum_tt - sum_t * sum_t
        if spread <= 0.0:
            return None
        steep = (total * sum_tx - sum_t * sum_x) / spread
        return max(-_STEEPEST, min(_STEEPEST, steep))

    def to_list(self) -> list[list[Any]]:
        """Return it as a document."""
        return [[at.timestamp(), temperature] for at, temperature in self.readings]

    @classmethod
    def from_list(cls, value: Any) -> Trend:
        """Read a document, however damaged: what cannot be read is left out."""
        trend = cls()
        for item in value[-_KEPT:] if isinstance(value, list) else ():
            if not isinstance(item, list) or len(item) != 2:  # noqa: PLR2004 - a pair
                continue
            seconds, temperature = number(item[0]), number(item[1])
            at = from_unix(seconds)
            if at is None or temperature is None:
                continue
            if not trend.readings or at > trend.readings[-1][0]:
                trend = replace(trend, readings=(*trend.readings, (at, temperature)))
        return trend


def number(value: Any, low: float = -1e12, high: float = 1e12) -> float | None:
    """Return a finite number of a document within bounds, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if low <= value <= high else None


def numbers(
    document: Mapping[str, Any], bounds: Mapping[str, tuple[float, float]]
) -> dict[str, float]:
    """Return the entries of a document that lie within their bounds."""
    found = {
        key: number(document.get(key), low, high) for key, (low, high) in bounds.items()
    }
    return {key: value for key, value in found.items() if value is not None}
