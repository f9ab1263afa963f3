"""Rooms, units, meters and hosts that are hard to control, and what each came to. Pure data.

`living` lets the real engine look after one, `peers` what others would do in the same room.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from switchbot_automation.simulation import default_settings
from switchbot_automation.simulation.house.aircon import AirconParameters
from switchbot_automation.simulation.house.heaters import FloorParameters
from switchbot_automation.simulation.house.house import House, HouseParameters
from switchbot_automation.simulation.house.meter import MeterParameters
from switchbot_automation.simulation.house.weather import Climate
from switchbot_automation.simulation.scenarios import HOUSES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from switchbot_automation.simulation.house.house import HouseMaker

HEATER = "B0E9FE000001"
_WINDOW = [{"days": list(range(7)), "start": "07:00", "end": "23:00"}]
# An air conditioner's, which a document of another kind has no use for.
_OF_AIRCON = (
    "aircon_device_id",
    "command_cooldown_seconds",
    "min_on_seconds",
    "min_off_seconds",
    "hysteresis_celsius",
)
_MIXED = Climate()
DEEP_COLD = replace(_MIXED, yearly_mean=4.0)
"""Fifteen degrees colder than Lyon's January: around -6 by day and -12 at night."""
NOVEMBER = replace(_MIXED, yearly_mean=16.0, day_of_year=315)


@dataclass(frozen=True, slots=True)
class Case:
    """One room with all that goes with it.

    `changes` are written over the default document, `judged_from` is the first day that
    counts. `bound` names the case whose best in hindsight is the bound, itself by default.
    `every` is a host's own cadence in seconds, None the engine's. `lost` are all
    answers to commands lost, `unheard` is the share of ticks whose commands reach nobody
    although they were answered, `rooms` how many zones there are, `sensors` what hangs in
    the first. `night` is the band of the hours between the windows, None where the unit is
    off then; it is not judged. `most` is the goal, per cent out of band; where the bound is higher, that and
    one point more.
    """

    name: str
    house: HouseParameters = field(default_factory=HouseParameters)
    season: str = "winter"
    days: float = 7.0
    judged_from: float = 0.0
    changes: Mapping[str, Any] = field(default_factory=dict)
    climate: Climate | None = None
    heater: bool = False
    every: float | None = None
    lost: bool = False
    unheard: float = 0.0
    night: Mapping[str, Any] | None = None
    rooms: int = 1
    sensors: bool = False
    bound: str = ""
    most: float = 0.1
    most_starts: float = 2.0
    most_commands: float = 6.0
    leads: Sequence[float] = (0.5, 1.0, 2.0, 4.0, 8.0)

    def setpoints(self) -> Sequence[float]:
        """Return those among which hindsight finds the best, with each of `leads`."""
        profile = self.document()[self.season]
        low, high = profile["min_temp"], profile["max_temp"]
        if self.heater:
            return [low + 0.25 * each for each in range(1, 8)]
        if self.season == "winter":
            return [float(each) for each in range(round(low), round(high) + 5)]
        return [float(each) for each in range(round(low) - 2, round(high) + 1)]

    def document(self, **control: Any) -> dict[str, Any]:
        """Return the settings, kept as `control` says."""
        document = default_settings(self.season) | {"time_windows": _WINDOW}
        if self.heater:
            document = {k: v for k, v in document.items() if k not in _OF_AIRCON}
            entry = {"kind": "heater", "device_id": HEATER}
            document |= {"equipment": [entry]}
        for key, value in self.changes.items():
            both = isinstance(value, dict) and isinstance(document.get(key), dict)
            document[key] = document[key] | value if both else value
        return document | control

    @contextmanager
    def houses(
        self, begins: date
    ) -> Iterator[HouseMaker]:  # of cases whose physics has a calendar
        """Give what makes the rooms, from the midnight of `begins` on."""
        yield House


def _aircon(**changes: Any) -> HouseParameters:
    return replace(HOUSES["default"], aircon=AirconParameters(**changes))


def _meter(**changes: Any) -> HouseParameters:
    return replace(HOUSES["default"], meter=MeterParameters(**changes))


_AGREES = _aircon(return_offset_heating=0.0, return_offset_cooling=0.0)
_LOW = {"winter": {"target_temp": 20.0}}
_NARROW = {"summer": {"min_temp": 24.0, "max_temp": 25.0, "target_temp": 24.0}}
_FAR = {"winter": {"min_temp": 21.0, "max_temp": 22.0, "target_temp": 16.0}}
_FLOOR = {"winter": {"min_temp": 20.0, "max_temp": 22.0, "target_temp": 21.0}}
# Loses some three kelvin in a night; 20 m2 of screed weigh 40 kg a millimetre.
_SCREED = {
    centimetres: replace(
        HOUSES["default"],
        mass_capacity=9e6,
        window_loss=45.0,
        wall_loss=35.0,
        floor=FloorParameters(
            power=2400.0, capacity=0.4e6 * centimetres, coupling=160.0
        ),
    )
    for centimetres in (4.5, 12.0)
}

CASES: Mapping[str, Case] = MappingProxyType(
    {
        each.name: each
        for each in (
            Case("usual"),
            Case("usual summer", season="summer"),
            Case(
                "asks for 25",
                bound="usual",
                changes={"winter": {"target_temp": 25.0}},
            ),
            Case("own sensor agrees", _AGREES),
            Case("own sensor agrees, summer", _AGREES, season="summer"),
            Case("target at the low end", bound="usual", changes=_LOW),
            Case("settles 3.5 K below", _aircon(return_offset_heating=3.5)),
            Case(
                "weak unit, deep cold",
                _aircon(heating_capacity=2100.0),
                climate=DEEP_COLD,
                days=14,
            ),
            Case(
                "screed of 4.5 cm",
                _SCREED[4.5],
                days=16,
                judged_from=2,
                changes=_FLOOR,
                heater=True,
                most=0.5,
                most_starts=24.0,
                most_commands=48.0,
            ),
            Case(
                "screed of 12 cm",
                _SCREED[12.0],
                days=16,
                judged_from=2,
                changes=_FLOOR,
                heater=True,
                most=0.5,
                most_starts=24.0,
                most_commands=48.0,
            ),
            Case(
                "meter 15 min late",
                _meter(delay_seconds=900.0),
                bound="usual",
                most_commands=8.0,
            ),
            Case(
                "meter sends each 15 min",
                _meter(report_min_seconds=840.0, report_max_seconds=960.0),
                bound="usual",
                most_commands=8.0,
            ),
            Case(
                "answers lost",
                bound="usual",
                lost=True,
                most=2.0,
                most_starts=6.0,
                most_commands=40.0,
            ),
            Case(
                "late, answers lost",
                _meter(delay_seconds=900.0),
                lost=True,
                days=4,
                most=2.0,
                most_starts=6.0,
                most_commands=8.0,
            ),
            Case("summer band of 1 K", season="summer", changes=_NARROW),
            Case("asks for 16, first day", days=1, changes=_FAR),
            Case(
                "sunny November",
                HOUSES["sunny"],
                climate=NOVEMBER,
                days=1,
            ),
            Case(
                "three rooms, a contact", bound="usual", rooms=3, sensors=True, days=4
            ),
            *(
                Case(
                    f"host by {seconds} s",
                    bound="usual",
                    every=float(seconds),
                    days=4,
                )
                for seconds in (15, 60, 300, 600)
            ),
        )
    }
)
