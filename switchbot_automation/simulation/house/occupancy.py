"""Who is at home when, and the heat and moisture that people and appliances give off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from switchbot_automation.simulation.house.chance import seeded
from switchbot_store.zone_rules import zone_of

if TYPE_CHECKING:
    from datetime import date, datetime

_SATURDAY = 5
_AWAKE_HOUR, _ASLEEP_HOUR = 6.5, 23.0


@dataclass(frozen=True, slots=True)
class OccupancyParameters:
    """People and what they do. Hours are local wall time; heat in watts.

    On workdays everybody leaves at `leave_hour` and is back at `return_hour`, each with
    a random deviation; at weekends somebody may go out in the afternoon.
    """

    people: int = 2
    heat_per_person: float = 75.0
    moisture_per_person: float = 55.0
    base_load: float = 70.0
    evening_load: float = 130.0
    leave_hour: float = 8.4
    return_hour: float = 17.8
    deviation_hours: float = 0.5


@dataclass(frozen=True, slots=True)
class Gains:
    """Heat in watts and moisture in grams an hour given off inside the room."""

    heat: float
    moisture: float
    people: int


class Occupancy:
    """The household from `start` (aware) on; the same for the same seed and date."""

    def __init__(
        self,
        parameters: OccupancyParameters,
        start: datetime,
        timezone: str,
        *,
        seed: int | str = 0,
    ) -> None:
        self._parameters = parameters
        self._start = start
        self._zone = zone_of(timezone)
        self._seed = seed
        self._day: date | None = None
        self._away = (0.0, 0.0)

    def at(self, seconds: float) -> Gains:
        """Return what the household gives off `seconds` after the start."""
        local = (self._start + timedelta(seconds=seconds)).astimezone(self._zone)
        day = local.date()
        if day != self._day:
            self._day = day
            self._away = self._plan(day)
        hour = local.hour + local.minute / 60.0
        parameters = self._parameters
        people = 0 if self._away[0] <= hour < self._away[1] else parameters.people
        awake = _AWAKE_HOUR <= hour < _ASLEEP_HOUR
        heat = people * parameters.heat_per_person + parameters.base_load
        moisture = people * parameters.moisture_per_person
        if people and awake and hour >= parameters.return_hour:
            heat += parameters.evening_load
            moisture *= 1.6
        return Gains(heat, moisture, people)

    def _plan(self, day: date) -> tuple[float, float]:
        random = seeded(self._seed, f"occupancy/{day.isoformat()}")
        parameters = self._parameters
        first = random.gauss(0.0, parameters.deviation_hours)
        second = random.gauss(0.0, parameters.deviation_hours)
        if day.weekday() < _SATURDAY:
            return parameters.leave_hour + first, parameters.return_hour + second
        if random.random() < 0.4:  # noqa: PLR2004 - two weekends in five
            return 14.0 + first, 17.0 + second
        return 0.0, 0.0
