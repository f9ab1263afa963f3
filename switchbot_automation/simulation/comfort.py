"""How comfortable a recorded room was, measured against a band in given spans of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchbot_automation.schedule.windows import in_window, next_boundary
from switchbot_automation.simulation.house.house import RECORD_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, tzinfo

    from switchbot_automation.schedule.windows import TimeWindow

BLAME_MINUTES = 60
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Comfort:
    """Sums over the minutes inside windows.

    `minutes` counts them, `out_of_band` those outside the band, `degree_minutes` adds
    up by how many kelvin.
    """

    minutes: int = 0
    out_of_band: int = 0
    degree_minutes: float = 0.0

    def __add__(self, other: Comfort) -> Comfort:
        return Comfort(
            self.minutes + other.minutes,
            self.out_of_band + other.out_of_band,
            self.degree_minutes + other.degree_minutes,
        )

    @property
    def percent_out_of_band(self) -> float:
        """Share of the minutes, 0 when there were none."""
        return 100.0 * self.out_of_band / self.minutes if self.minutes else 0.0


def window_spans(
    windows: Sequence[TimeWindow], tz: tzinfo, start: datetime, end: datetime
) -> list[tuple[datetime, datetime]]:
    """Return the spans of [start, end) in which some window is in force, in UTC."""
    spans: list[tuple[datetime, datetime]] = []
    at = start
    while at < end:
        after = min(end, next_boundary(windows, at, tz) or end)
        if in_window(windows, at, tz):
            spans.append((at, after))
        at = after
    return spans


def measure_comfort(
    room: Sequence[float],
    conditioning: Sequence[int],
    in_span: Sequence[bool],
    band: tuple[float, float],
    *,
    heating: bool,
) -> Comfort:
    """Judge one temperature a minute.

    The side the unit works against always counts: too cold when heating, too warm when
    cooling, the first warm-up of a window included. The other side counts while the
    unit is told to heat or cool and for an hour afterwards: overshoot is its fault, the
    sun through the window is not.
    """
    low, high = band
    out, degrees, minutes = 0, 0.0, 0
    blamed_until = -1
    for minute, temperature in enumerate(room):
        if conditioning[minute]:
            blamed_until = minute + BLAME_MINUTES
        if not in_span[minute]:
            continue
        minutes += 1
        below, above = low - temperature, temperature - high
        wrong = below if below > 0.0 else above
        if wrong > 0.0 and ((below > 0.0) is heating or minute <= blamed_until):
            out += 1
            degrees += wrong
    return Comfort(minutes, out, degrees * RECORD_SECONDS / 60.0)


def most_starts_in_an_hour(starts: Iterable[float]) -> int:
    """Return the most starts within any 3600 seconds; `starts` ascend, in seconds."""
    recent: list[float] = []
    most = 0
    for start in starts:
        recent = [earlier for earlier in recent if start - earlier < _HOUR]
        recent.append(start)
        most = max(most, len(recent))
    return most
