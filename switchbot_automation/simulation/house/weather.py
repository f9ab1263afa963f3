"""Outdoor temperature, clouds, moisture and sun of a seeded, made-up place.

The temperature is a yearly and a daily wave plus a slow random one (weather fronts, an
AR(1) process in hourly steps). Clouds are another AR(1) process; they damp the daily
wave and the sun. Everything is a function of the seed and of the time since the start,
never of how often it was asked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchbot_automation.simulation.house.chance import seeded

if TYPE_CHECKING:
    from datetime import datetime
    from random import Random

_HOUR = 3600.0
_DAY = 86400.0
_SOLAR_NOON_TO_WARMEST_HOURS = 2.5


@dataclass(frozen=True, slots=True)
class Climate:
    """A place. The default resembles Lyon.

    Temperatures in degrees Celsius, angles in degrees, `front_hours` is how long a
    weather front lasts. `day_of_year` 1..365 keeps the season fixed whatever the date;
    None follows the calendar.
    """

    latitude: float = 45.76
    longitude: float = 4.84
    timezone: str = "Europe/Paris"
    yearly_mean: float = 14.0
    yearly_amplitude: float = 10.5
    daily_amplitude: float = 5.5
    front_deviation: float = 2.5
    front_hours: float = 60.0
    day_of_year: int | None = None


@dataclass(frozen=True, slots=True)
class Conditions:
    """The weather at one instant.

    `temperature` in degrees Celsius, `clouds` 0 clear to 1 overcast, `moisture` in
    grams of water per kilogram of air, `beam` and `diffuse` irradiance in W/m2, `sun`
    the unit vector towards the sun as (east, north, up).
    """

    temperature: float
    clouds: float
    moisture: float
    beam: float
    diffuse: float
    sun: tuple[float, float, float]


class _Process:
    """A stationary AR(1) process of unit variance, one value an hour, interpolated."""

    def __init__(self, random: Random, hours: float) -> None:
        self._random = random
        self._keep = math.exp(-1.0 / hours)
        self._noise = math.sqrt(1.0 - self._keep * self._keep)
        self._values = [random.gauss(0.0, 1.0)]

    def at(self, seconds: float) -> float:
        """Return the value `seconds` after the start."""
        hour, rest = divmod(max(0.0, seconds), _HOUR)
        index = int(hour)
        values = self._values
        while len(values) < index + 2:
            values.append(
                self._keep * values[-1] + self._noise * self._random.gauss(0.0, 1.0)
            )
        part = rest / _HOUR
        return values[index] * (1.0 - part) + values[index + 1] * part


class Weather:
    """The weather of one place from `start` (aware) on, made from `seed`."""

    def __init__(
        self, climate: Climate, start: datetime, *, seed: int | str = 0
    ) -> None:
        self.climate = climate
        year_start = start.replace(
            month=1, day=1, hour=0, minute=0, second=0, microsecond=0
        )
        self._year_offset = (start - year_start).total_seconds()
        midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
        self._day_offset = (start - midnight).total_seconds()
        self._front = _Process(seeded(seed, "front"), climate.front_hours)
        self._clouds = _Process(seeded(seed, "clouds"), 9.0)
        latitude = math.radians(climate.latitude)
        self._sin_latitude, self._cos_latitude = math.sin(latitude), math.cos(latitude)

    def at(self, seconds: float) -> Conditions:
        """Return the conditions `seconds` after the start."""
        climate = self.climate
        day = climate.day_of_year or (self._year_offset + seconds) / _DAY % 365.25
        year_angle = 2.0 * math.pi * (day - 18.0) / 365.25
        solar_hours = (
            (self._day_offset + seconds) / _HOUR + climate.longitude / 15.0
        ) % 24.0
        clouds = 0.5 + 0.5 * math.tanh(0.9 * self._clouds.at(seconds) + 0.15)
        warmest = 2.0 * math.pi * (solar_hours - 12.0 - _SOLAR_NOON_TO_WARMEST_HOURS)
        air_mass = (
            climate.yearly_mean
            - climate.yearly_amplitude * math.cos(year_angle)
            + climate.front_deviation * self._front.at(seconds)
        )
        daily = climate.daily_amplitude * (1.15 - 0.7 * clouds)
        temperature = air_mass + daily * math.cos(warmest / 24.0)
        # A cloudy air mass is nearly saturated, a clear one is some kelvin off.
        dew_point = min(temperature, air_mass - 2.0 - 6.0 * (1.0 - clouds))
        beam, diffuse, sun = self._sunshine(day, solar_hours, clouds)
        return Conditions(
            temperature=temperature,
            clouds=clouds,
            moisture=saturation_moisture(dew_point),
            beam=beam,
            diffuse=diffuse,
            sun=sun,
        )

    def _sunshine(
        self, day: float, solar_hours: float, clouds: float
    ) -> tuple[float, float, tuple[float, float, float]]:
        declination = -0.40928 * math.cos(2.0 * math.pi * (day + 10.0) / 365.25)
        hour_angle = (solar_hours - 12.0) * math.pi / 12.0
        sin_d, cos_d = math.sin(declination), math.cos(declination)
        cos_h = math.cos(hour_angle)
        up = self._sin_latitude * sin_d + self._cos_latitude * cos_d * cos_h
        if up <= 0.0:
            return 0.0, 0.0, (0.0, 0.0, up)
        east = -cos_d * math.sin(hour_angle)
        north = self._cos_latitude * sin_d - self._sin_latitude * cos_d * cos_h
        clear = 1.0 - clouds
        beam = 950.0 * math.exp(-0.14 / (up + 0.02)) * clear**1.3
        diffuse = (60.0 + 180.0 * clouds * (1.0 - 0.45 * clouds)) * math.sqrt(up)
        return beam, diffuse, (east, north, up)


def saturation_moisture(temperature: float) -> float:
    """Return the moisture of saturated air in g/kg, by Magnus' formula at sea level."""
    pressure = 6.112 * math.exp(17.62 * temperature / (243.12 + temperature))
    return 622.0 * pressure / (1013.25 - pressure)


def relative_humidity(moisture: float, temperature: float) -> float:
    """Return per cent of saturation, 0..100, of `moisture` g/kg at `temperature`."""
    return max(0.0, min(100.0, 100.0 * moisture / saturation_moisture(temperature)))
