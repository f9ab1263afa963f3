"""What a simulation comes to: the numbers, and the series behind them for a plot."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, tzinfo


@dataclass(frozen=True, slots=True)
class SimulationSeries:
    """The default zone's room, one value a minute.

    `times` are aware UTC; temperatures degrees Celsius. `conditioning` is true while
    the unit was told to heat or cool, whatever its compressor did meanwhile. `windows`
    are the spans in which the band `band_low` to `band_high` was asked for.
    """

    times: Sequence[datetime]
    room: Sequence[float]
    meter: Sequence[float]
    outdoor: Sequence[float]
    conditioning: Sequence[bool]
    in_window: Sequence[bool]
    band_low: float
    band_high: float
    windows: Sequence[tuple[datetime, datetime]]
    timezone: tzinfo


@dataclass(frozen=True, slots=True)
class SimulationReport:
    """A simulation in numbers.

    `percent_out_of_band` is the share of minutes within time windows in which the room
    (its true air temperature, not the meter's) was outside min_temp..max_temp of the
    zone's season; `degree_minutes_per_day` adds up by how much. Nothing is widened by
    the hysteresis and there is no grace after a window opens. A room too warm in winter
    or too cold in summer counts only while the unit is told to run and within an hour
    after that.

    A start is a command that makes a unit heat or cool which did not; the compressor's
    own cycling under its thermostat is none. Several zones: comfort over all their
    minutes, starts and energy summed, `max_starts_in_an_hour` of the worst unit, which
    is any 3600 seconds. Commands are calls the cloud counted for commands and scenes.
    `series` is left out of comparisons and of `to_dict`.

    >>> import asyncio
    >>> from switchbot_automation.simulation import simulate
    >>> report = asyncio.run(simulate(days=0.5, seed=7))
    >>> report.days, report.season, report.ticks > 10
    (0.5, 'winter', True)
    """

    days: float
    season: str
    seed: int
    ticks: int
    api_calls_per_day: float
    commands_per_day: float
    starts_per_day: float
    max_starts_in_an_hour: int
    percent_out_of_band: float
    degree_minutes_per_day: float
    kwh_per_day: float
    wall_seconds: float = field(compare=False)
    series: SimulationSeries = field(compare=False, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers by name, rounded to what they are worth."""
        values = {
            item.name: getattr(self, item.name)
            for item in fields(self)
            if item.name != "series"
        }
        return {
            name: round(value, 3) if isinstance(value, float) else value
            for name, value in values.items()
        }
