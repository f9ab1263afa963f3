"""`nox -s control`: each way of control against the plain dashboard profile.

Both run in the same house with the same weather, seed by seed. Without arguments: the
default house steered, the light house switched, 20 seeds, both seasons. Exits with 1
when a goal was missed, and prints the same on however many workers. `--case all`: the
hard cases of `cases.py`, beside what others would do in the same rooms and the best in
hindsight.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

from switchbot_automation.fleet.spread import spreading
from switchbot_automation.simulation import default_settings, simulate
from switchbot_automation.simulation.scenarios import HOUSES
from tests.control.cases import CASES
from tests.control.table import print_cases
from tests.control.tariff import print_prices

if TYPE_CHECKING:
    from collections.abc import Callable

SEASONS = ("winter", "summer")
WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "switch": {"control": "switch"},
    "modulate": {"control": "modulate", "optimum_start": True},
}
# What heats otherwise, each against a plain hysteresis at the same band.
# A valve reads its own warm radiator, so people ask for more than they want.
_KEPT = {"winter": {"min_temp": 20.0, "max_temp": 21.0, "target_temp": 22.5}}
EQUIPMENT = {
    way: _KEPT | {"equipment": [{"kind": way, "device_id": "B0E9FE000001"}]}
    for way in ("thermostat", "heater")
}
_HYSTERESIS = {"control": "switch", "optimum_start": True}
WAYS |= EQUIPMENT
WAYS |= {f"plain {way}": made | _HYSTERESIS for way, made in EQUIPMENT.items()}
ASKED = [way for way in WAYS if not way.startswith("plain")]
# An air conditioner's, which a document of another kind has no use for.
_OF_AIRCON = (
    "aircon_device_id",
    "command_cooldown_seconds",
    "min_on_seconds",
    "min_off_seconds",
    "hysteresis_celsius",
)
DEFAULT_RUNS = (
    ("default", "modulate"),
    ("light", "switch"),
    ("default", "thermostat"),
    ("default", "heater"),
)

MOST_STARTS_A_DAY = 3.0
MOST_STARTS_AN_HOUR = 6
# Of a house over the year: where the plain profile starts once or twice a day, as on
# summer days, there is nothing to halve.
MOST_STARTS_SHARE = 0.5
MOST_CALLS_A_DAY = 150.0
MOST_ENERGY = 1.08
MOST_ENERGY_OTHERWISE = 1.05
MOST_SWITCHES_AN_HOUR = 6
SUMMER_PERCENT = 0.1
_CASE_SEEDS = 1


@dataclass(frozen=True, slots=True)
class Job:
    """One simulated week."""

    house: str
    way: str
    season: str
    seed: int
    days: float


@dataclass(frozen=True, slots=True)
class Row:
    """What all seeds came to, against the plain profile; None where there is no goal."""

    house: str
    way: str
    season: str
    percent_out: float
    plain_percent_out: float
    starts_a_day: float
    most_starts_a_day: float
    plain_starts_a_day: float
    most_starts_in_an_hour: int
    most_calls_a_day: float
    kwh_a_day: float
    plain_kwh_a_day: float
    degree_minutes_a_day: float
    plain_degree_minutes_a_day: float
    starts_share: float = 0.0
    """Starts over the plain profile's, the seasons of this run together."""

    @property
    def energy(self) -> float:
        """Energy over the plain profile's."""
        return self.kwh_a_day / self.plain_kwh_a_day

    def missed(self) -> list[str]:
        """Name the goals that were missed."""
        if self.way in EQUIPMENT:
            least = self.plain_degree_minutes_a_day
            goals = {
                "degree minutes": self.degree_minutes_a_day <= least / 3,
                "switches in an hour": 2 * self.most_starts_in_an_hour
                <= MOST_SWITCHES_AN_HOUR,
                "energy": self.energy <= MOST_ENERGY_OTHERWISE,
            }
        elif self.way == "switch":
            goals = {
                "starts in an hour": self.most_starts_in_an_hour <= MOST_STARTS_AN_HOUR,
                "half the starts": self.starts_share <= MOST_STARTS_SHARE,
            }
        else:
            out = self.percent_out <= self.plain_percent_out / 3
            if self.season == "summer":
                out = self.percent_out <= SUMMER_PERCENT
            goals = {
                "out of band": out,
                "starts a day": self.most_starts_a_day <= MOST_STARTS_A_DAY,
                "calls a day": self.most_calls_a_day <= MOST_CALLS_A_DAY,
                "energy": self.energy <= MOST_ENERGY,
            }
        return [name for name, met in goals.items() if not met]

    def as_json(self) -> dict[str, Any]:
        """Return the figures by name."""
        names = (name for name in self.__dataclass_fields__)
        figures = {name: getattr(self, name) for name in names}
        return figures | {"energy": self.energy, "missed": self.missed()}

    def as_line(self) -> str:
        """Return one line of the table."""
        return (
            f"{self.house:<8} {self.season:<6} {self.way:<10}"
            f" {self.percent_out:6.2f} ({self.plain_percent_out:6.2f})"
            f"  {self.starts_a_day:5.2f} {self.most_starts_a_day:5.2f}"
            f" ({self.plain_starts_a_day:5.2f}) {self.most_starts_in_an_hour:3d}"
            f"  {self.most_calls_a_day:5.0f}"
            f"  {self.kwh_a_day:5.2f} {100 * (self.energy - 1):+6.1f} %"
            f"  {', '.join(self.missed()) or 'met'}"
        )


HEADER = (
    "house    season way        out of band %     starts a day        hour"
    "  calls  kWh a day       goals\n"
    "                             mean (plain)    mean  most (plain) most"
    "   most   mean  change"
)


def run(asked: dict[str, Any]) -> dict[str, Any]:
    """Simulate one week; what is asked is a job's fields, whoever does it."""
    job = Job(**asked)
    settings = default_settings(job.season)
    if job.way.removeprefix("plain ") in EQUIPMENT:
        settings = {k: each for k, each in settings.items() if k not in _OF_AIRCON}
    settings |= WAYS[job.way]
    report = asyncio.run(
        simulate(
            settings,
            days=job.days,
            season=job.season,
            seed=job.seed,
            house=job.house,
        )
    )
    found = report.to_dict()
    del found["wall_seconds"]  # the machine's, and never the same
    return found


def plain_of(way: str) -> str:
    """Return what a way of control is compared with."""
    return f"plain {way}" if way in EQUIPMENT else "plain"


def row(house: str, way: str, season: str, found: dict[Job, dict[str, Any]]) -> Row:
    """Sum the seeds up."""

    def of(which: str, figure: str) -> list[float]:
        return [
            report[figure]
            for job, report in found.items()
            if (job.house, job.way, job.season) == (house, which, season)
        ]

    return Row(
        house,
        way,
        season,
        percent_out=fmean(of(way, "percent_out_of_band")),
        plain_percent_out=fmean(of(plain_of(way), "percent_out_of_band")),
        starts_a_day=fmean(of(way, "starts_per_day")),
        most_starts_a_day=max(of(way, "starts_per_day")),
        plain_starts_a_day=fmean(of(plain_of(way), "starts_per_day")),
        most_starts_in_an_hour=int(max(of(way, "max_starts_in_an_hour"))),
        most_calls_a_day=max(of(way, "api_calls_per_day")),
        kwh_a_day=fmean(of(way, "kwh_per_day")),
        plain_kwh_a_day=fmean(of(plain_of(way), "kwh_per_day")),
        degree_minutes_a_day=fmean(of(way, "degree_minutes_per_day")),
        plain_degree_minutes_a_day=fmean(of(plain_of(way), "degree_minutes_per_day")),
    )


def together(rows: list[Row]) -> list[Row]:
    """Return the rows with what all seasons of a house and way came to."""
    told = []
    for each in rows:
        same = [row for row in rows if (row.house, row.way) == (each.house, each.way)]
        plain = sum(row.plain_starts_a_day for row in same)
        share = sum(row.starts_a_day for row in same) / plain if plain else 0.0
        told.append(replace(each, starts_share=share))
    return told


def _cases(spread: Callable[..., Any], names: list[str], seeds: int) -> int:
    chosen = list(CASES) if "all" in names else names
    return 0 if print_cases(spread, chosen, seeds) else 1


def main() -> int:
    """Run what was asked for; return 1 if a goal was missed."""
    parser = argparse.ArgumentParser(prog="nox -s control --", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--days", type=float, default=7)
    parser.add_argument("--house", choices=[*HOUSES, "all"], help="both ways in it")
    parser.add_argument("--way", choices=ASKED, help="only this one")
    parser.add_argument("--season", choices=SEASONS, help="only this one")
    parser.add_argument(
        "--case",
        choices=[*CASES, "all"],
        action="append",
        help="these hard cases alone",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=os.cpu_count(),
        help="so many processes of this machine; 0 for this one",
    )
    parser.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help="the workers of a Dask scheduler, which have this checkout",
    )
    parser.add_argument(
        "--price", action="store_true", help="a two-level price, right and wrong"
    )
    parser.add_argument("--json", action="store_true", help="one object, no table")
    options = parser.parse_args()
    if options.price:
        with spreading(options.workers, options.cluster) as spread:
            print_prices(spread, options.days, range(min(options.seeds, _CASE_SEEDS)))
        return 0
    if options.case:
        with spreading(options.workers, options.cluster) as spread:
            return _cases(spread, options.case, min(options.seeds, _CASE_SEEDS))
    houses = list(HOUSES) if options.house == "all" else [options.house]
    runs = DEFAULT_RUNS
    if options.house:
        runs = tuple((house, way) for house in houses for way in ASKED)
    if options.way:
        runs = tuple(each for each in runs if each[1] == options.way)
    seasons = [options.season] if options.season else SEASONS
    jobs = dict.fromkeys(
        Job(house, which, season, seed, options.days)
        for house, way in runs
        for which in (plain_of(way), way)
        for season in seasons
        if season == "winter" or way not in EQUIPMENT
        for seed in range(options.seeds)
    )
    with spreading(options.workers, options.cluster) as spread:
        found = dict(zip(jobs, spread(run, list(map(asdict, jobs))), strict=True))
    rows = together(
        [
            row(house, way, season, found)
            for house, way in runs
            for season in seasons
            if season == "winter" or way not in EQUIPMENT
        ]
    )
    if options.json:
        document = {"seeds": options.seeds, "rows": [each.as_json() for each in rows]}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        lines = [HEADER, *(each.as_line() for each in rows)]
        sys.stdout.write("\n".join(lines) + "\n")
    return int(any(each.missed() for each in rows))


if __name__ == "__main__":
    raise SystemExit(main())
