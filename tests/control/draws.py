"""Rooms that nobody chose: every parameter drawn at random, `auto` beside others in each.

`python -m tests.control.draws [--first N] [--draws N] [--days D]`: one line a draw, then how
often `auto` was clearly worse than `switch` and than a plain hysteresis, and the
distribution of its commands. The same number is the same room on every machine.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from statistics import fmean, quantiles
from typing import TYPE_CHECKING, NamedTuple

from switchbot_automation.fleet.spread import spreading
from switchbot_automation.simulation.house.aircon import AirconParameters
from switchbot_automation.simulation.house.chance import seeded
from switchbot_automation.simulation.house.house import HouseParameters
from switchbot_automation.simulation.house.meter import MeterParameters
from switchbot_automation.simulation.house.occupancy import OccupancyParameters
from switchbot_automation.simulation.house.weather import Climate
from tests.control.cases import Case
from tests.control.living import live
from tests.control.peers import Hysteresis, lived_by

if TYPE_CHECKING:
    from random import Random

    from tests.control.living import Figures

DAYS = 4.0
# Yearly mean, yearly and daily amplitude: mild and wet, as Lyon, continental, hot.
_PLACES = ((11.0, 7.0, 3.5), (14.0, 10.5, 5.5), (9.0, 15.0, 6.5), (19.0, 9.0, 7.0))
_SPRING = 105
# So many points or a quarter more out of band is worse; less is noise.
_WORSE_POINTS, _WORSE_SHARE = 1.0, 1.25
MANY_COMMANDS = 12.0


class Lived(NamedTuple):
    """What three controllers came to in one draw; hysteresis None where nothing is heard."""

    number: int
    case: Case
    auto: Figures
    switch: Figures
    hysteresis: Figures | None

    def worse_than(self, other: Figures | None) -> bool:
        """Tell whether `auto` is clearly further out of its band."""
        if other is None:
            return False
        ours, theirs = self.auto.percent_out, other.percent_out
        return ours > max(theirs + _WORSE_POINTS, theirs * _WORSE_SHARE)


def drawn(number: int, days: float = DAYS) -> Case:
    """Return the room of a number: any house, unit, meter, band and habit people may have."""
    chance = seeded(number, "draw")
    season = chance.choice(("winter", "winter", "spring", "summer"))
    mean, year, day = chance.choice(_PLACES)
    climate = Climate(
        yearly_mean=mean,
        yearly_amplitude=year,
        daily_amplitude=day,
        day_of_year=_SPRING if season == "spring" else None,
    )
    kept = "summer" if season == "summer" else "winter"
    return Case(
        f"draw {number}",
        _house(chance),
        season=kept,
        days=days,
        climate=climate,
        **_wishes(chance, kept),
    )


def _log(chance: Random, low: float, high: float) -> float:
    return float(low * (high / low) ** chance.random())


def _house(chance: Random) -> HouseParameters:
    loss = _log(chance, 20.0, 150.0)
    windows = chance.uniform(0.3, 0.7)
    heating = _log(chance, 1800.0, 7000.0)
    return HouseParameters(
        air_capacity=_log(chance, 120e3, 800e3),
        mass_capacity=_log(chance, 1.5e6, 40e6),
        coupling=_log(chance, 100.0, 450.0),
        window_loss=loss * windows,
        wall_loss=loss * (1.0 - windows),
        solar_aperture=_log(chance, 0.3, 5.0),
        facade=chance.uniform(90.0, 270.0),
        aircon=AirconParameters(
            heating_capacity=heating,
            cooling_capacity=heating * chance.uniform(0.7, 0.9),
            minimum_fraction=chance.uniform(0.12, 0.35),
            return_offset_heating=chance.uniform(-1.5, 4.0),
            return_offset_cooling=chance.uniform(-2.0, 2.0),
            return_lag_seconds=_log(chance, 40.0, 300.0),
            thermo_off_error=chance.uniform(0.5, 2.0),
            defrost=chance.random() < 0.7,
        ),
        meter=MeterParameters(
            lag_seconds=_log(chance, 60.0, 900.0),
            report_max_seconds=_log(chance, 120.0, 900.0),
            noise=_log(chance, 0.005, 0.15),
            delay_seconds=chance.choice((0.0, 0.0, 0.0, 120.0, 600.0)),
        ),
        occupancy=OccupancyParameters(
            people=chance.randint(0, 5),
            base_load=chance.uniform(20.0, 200.0),
            evening_load=chance.uniform(0.0, 400.0),
        ),
    )


def _wishes(chance: Random, season: str) -> dict[str, object]:
    width = chance.choice((0.6, 1.0, 1.5, 2.0, 3.0))
    half = chance.random() < 0.3
    step = 0.5 if half else 1.0
    if season == "winter":
        low = chance.choice((17.0, 18.0, 19.0, 20.0, 21.0, 22.0))
        asked = low + width + chance.choice((-1.0, 0.0, 1.0, 2.0))
    else:
        low = chance.choice((21.0, 22.0, 23.0, 24.0, 25.0))
        asked = low + chance.choice((-2.0, -1.0, 0.0, 1.0))
    asked = min(26.0, max(16.0, round(asked / step) * step))
    night = None
    if chance.random() < 0.3:
        by = -3.0 if season == "winter" else 2.0
        night = {
            "min_temp": low + by,
            "max_temp": low + by + max(1.0, width),
            "target_temp": min(26.0, max(16.0, asked + by)),
        }
    changes = {
        season: {"min_temp": low, "max_temp": low + width, "target_temp": asked},
        "half_degrees": half,
        "hysteresis_celsius": chance.choice((0.1, 0.2, 0.3, 0.5)),
        "min_on_seconds": chance.choice((120, 300, 600, 1200)),
        "min_off_seconds": chance.choice((120, 300, 600, 1200)),
    }
    unheard = chance.choice((0.0, 0.0, 0.0, 0.05, 0.2))
    return {"changes": changes, "night": night, "unheard": unheard}


def lived(asked: tuple[int, float]) -> Lived:
    """Let the three live in a draw, in a process of its own."""
    logging.disable(logging.CRITICAL)
    number, days = asked
    case = drawn(number, days)
    auto = asyncio.run(live(case, seed=number, control="auto"))
    switch = asyncio.run(live(case, seed=number, control="switch", optimum_start=True))
    plain = None
    if not case.unheard and case.night is None:
        plain = lived_by(case, Hysteresis(share=False), seed=number)
    return Lived(number, case, auto, switch, plain)


def _line(each: Lived) -> str:
    case, found = each.case, [("auto", each.auto), ("switch", each.switch)]
    if each.hysteresis is not None:
        found.append(("plain", each.hysteresis))
    told = "  ".join(
        f"{who} {one.percent_out:5.1f} ({one.cold:5.1f} {one.hot:5.1f})"
        f" {one.starts:4.1f} {one.commands:5.1f}"
        for who, one in found
    )
    band = case.document()[case.season]
    said = f"{case.season} {band['min_temp']:g}-{band['max_temp']:g}"
    marks = [
        mark
        for mark, shown in (
            ("WORSE-SWITCH", each.worse_than(each.switch)),
            ("WORSE-PLAIN", each.worse_than(each.hysteresis)),
            ("BUSY", each.auto.commands > MANY_COMMANDS),
        )
        if shown
    ]
    return f"{each.number:4d} {said:<16} {told}  {' '.join(marks)}"


def summary(found: list[Lived]) -> str:
    """Return what all draws came to."""
    compared = [each for each in found if each.hysteresis is not None]
    commands = sorted(each.auto.commands for each in found)
    cuts = quantiles(commands, n=20) if len(commands) > 1 else [commands[0]] * 19
    worse = sum(each.worse_than(each.switch) for each in found)
    plain = sum(each.worse_than(each.hysteresis) for each in compared)
    busy = sum(each > MANY_COMMANDS for each in commands)
    return (
        f"{len(found)} draws: auto {fmean(e.auto.percent_out for e in found):.2f} %,"
        f" switch {fmean(e.switch.percent_out for e in found):.2f} % out;"
        f" worse than switch {worse}, than hysteresis {plain} of {len(compared)};"
        f" commands a day p50 {cuts[9]:.1f}, p95 {cuts[18]:.1f}, over"
        f" {MANY_COMMANDS:g}: {busy} (switch"
        f" {fmean(e.switch.commands for e in found):.1f},"
        f" auto {fmean(commands):.1f} on average)"
    )


def main() -> int:
    """Live in the draws asked for."""
    parser = argparse.ArgumentParser(prog="tests.control.draws", description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--draws", type=int, default=40)
    parser.add_argument("--days", type=float, default=DAYS)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    options = parser.parse_args()
    numbers = range(options.first, options.first + options.draws)
    found = []
    with spreading(options.workers, None) as spread:
        for each in spread(lived, [(number, options.days) for number in numbers]):
            found.append(each)
            sys.stdout.write(_line(each) + "\n")
            sys.stdout.flush()
    sys.stdout.write(summary(found) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
