"""Rooms of several units and of humidity, against a plain hysteresis at the same band.

`python -m tests.control.units [--seeds N]` lives a week in each house, ours and the plain
one with the same weather, and exits with 1 when a goal was missed:

- ``cold``: a heat pump with an electric panel as its second stage where it is -10 °C, the
  pump locked out below -8 °C;
- ``weak``: the same with a pump that does not keep up in the cold, and no lock;
- ``humid``: an air conditioner that dries in its dry mode through a warm, wet week.

Measured last, on 3 December 2026 by two seeds over four days: ``cold`` 179 degree-minutes a day
against 198, ``weak`` 179 against 149, with a tenth less energy, so the goal of a third of the
degree-minutes is not met, and in ``weak`` the plain one, which reads its meter half as often
again and starts the panel more often, keeps the room better; ``humid`` meets all (0 against 9).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from switchbot_automation.simulation import default_settings, simulate
from switchbot_automation.simulation.house.weather import Climate
from switchbot_automation.simulation.scenarios import HOUSES

_AIRCON = {"kind": "aircon", "device_id": "02-202008110034-13"}
_PANEL = {"kind": "heater", "device_id": "B0E9FE000001"}
_BAND = {"winter": {"min_temp": 20.0, "max_temp": 21.0, "target_temp": 20.5}}
_SUMMER = {"summer": {"min_temp": 23.0, "max_temp": 25.0, "target_temp": 24.0}}
_OUTDOORS = {"outdoor_device_id": "D40E84863006"}
_WEAK = replace(
    HOUSES["default"],
    aircon=replace(HOUSES["default"].aircon, heating_capacity=2000.0),
)
_COLD = Climate(yearly_mean=0.0)
_WET = Climate(yearly_mean=17.0, daily_amplitude=3.0)
_HYSTERESIS = {"control": "switch", "optimum_start": True}
_OURS = {"control": "auto"}

MOST_DEGREE_MINUTES = 1 / 3
MOST_ENERGY = 1.05
MOST_STARTS_AN_HOUR = 3  # each is two switches of the relay


@dataclass(frozen=True, slots=True)
class House:
    """A house, its season and what is asked of it."""

    season: str
    settings: dict[str, Any]
    parameters: Any
    climate: Climate


UNITS = {
    "cold": House(
        "winter",
        _BAND
        | _OUTDOORS
        | {"equipment": [_AIRCON, _PANEL], "heat_pump_min_outdoor_celsius": -8.0},
        HOUSES["default"],
        _COLD,
    ),
    "weak": House("winter", _BAND | {"equipment": [_AIRCON, _PANEL]}, _WEAK, _COLD),
    "humid": House(
        "summer",
        _SUMMER | {"equipment": [_AIRCON], "humidity": {"max_percent": 55}},
        HOUSES["default"],
        _WET,
    ),
}


def lived(job: tuple[str, bool, int, float]) -> dict[str, Any]:
    """Live one week in a process of its own; `plain` by the hysteresis."""
    name, plain, seed, days = job
    house = UNITS[name]
    settings = default_settings(house.season)
    for key in ("aircon_device_id", "hysteresis_celsius"):
        del settings[key]
    settings |= house.settings | (_HYSTERESIS if plain else _OURS)
    report = asyncio.run(
        simulate(
            settings,
            days=days,
            season=house.season,
            seed=seed,
            house=house.parameters,
            climate=house.climate,
        )
    )
    return report.to_dict()


@dataclass(frozen=True, slots=True)
class Result:
    """Means over the seeds, of ours and of the plain hysteresis."""

    name: str
    degree_minutes: float
    plain_degree_minutes: float
    kwh: float
    plain_kwh: float
    starts_in_an_hour: int

    def missed(self) -> list[str]:
        """Name the goals that were missed."""
        least = self.plain_degree_minutes * MOST_DEGREE_MINUTES
        goals = {
            "degree minutes": self.degree_minutes <= least,
            "energy": self.kwh <= self.plain_kwh * MOST_ENERGY,
            "starts in an hour": self.starts_in_an_hour <= MOST_STARTS_AN_HOUR,
        }
        return [name for name, met in goals.items() if not met]

    def as_line(self) -> str:
        """Return one line of the table."""
        return (
            f"{self.name:<6} {self.degree_minutes:8.1f}"
            f" ({self.plain_degree_minutes:8.1f})"
            f" {self.kwh:6.2f} {100 * (self.kwh / self.plain_kwh - 1):+6.1f} %"
            f" {self.starts_in_an_hour:3d}  {', '.join(self.missed()) or 'met'}"
        )


def result(
    name: str, found: dict[tuple[str, bool, int, float], dict[str, Any]]
) -> Result:
    """Sum the seeds up."""

    def of(figure: str, *, plain: bool) -> list[float]:
        return [
            report[figure]
            for (house, was_plain, _seed, _days), report in found.items()
            if house == name and was_plain is plain
        ]

    return Result(
        name,
        fmean(of("degree_minutes_per_day", plain=False)),
        fmean(of("degree_minutes_per_day", plain=True)),
        fmean(of("kwh_per_day", plain=False)),
        fmean(of("kwh_per_day", plain=True)),
        int(max(of("max_starts_in_an_hour", plain=False))),
    )


def main() -> int:
    """Live in every house; return 1 if a goal was missed."""
    parser = argparse.ArgumentParser(prog="tests.control.units", description=__doc__)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--days", type=float, default=7)
    parser.add_argument("--house", choices=UNITS, help="only this one")
    options = parser.parse_args()
    names = [options.house] if options.house else list(UNITS)
    jobs = [
        (name, plain, seed, options.days)
        for name in names
        for plain in (True, False)
        for seed in range(options.seeds)
    ]
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        found = dict(zip(jobs, pool.map(lived, jobs), strict=True))
    results = [result(name, found) for name in names]
    header = "house  degree minutes a day  kWh a day      starts  goals"
    lines = [header, *(each.as_line() for each in results)]
    sys.stdout.write("\n".join(lines) + "\n")
    return int(any(each.missed() for each in results))


if __name__ == "__main__":
    raise SystemExit(main())
