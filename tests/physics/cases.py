"""What is lived in, and where: a building, a place of the engine's own weather, a season."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from switchbot_automation.simulation.house.heaters import FloorParameters
from switchbot_automation.simulation.house.house import HouseParameters
from tests.control.cases import Case
from tests.physics.buildings import Building
from tests.physics.rooms import block

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from switchbot_automation.simulation.house.house import HouseMaker


@dataclass(frozen=True, slots=True)
class Place:
    """Where a weather file of the wheel is from, with its standard time.

    Times of day are standard time all year, as in the file.
    """

    file: str
    hours_of_utc: int
    climate: str

    @property
    def timezone(self) -> str:
        """A zone without summer time; the sign of these names is turned round."""
        return f"Etc/GMT{-self.hours_of_utc:+d}"


PLACES: Mapping[str, Place] = MappingProxyType(
    {
        "chicago": Place("Chicago", -6, "cold winters, warm humid summers"),
        "golden": Place("Golden", -7, "dry, high and sunny, wide days"),
        "sterling": Place("Sterling", -5, "mixed and humid"),
        "san francisco": Place("San.Francisco", -8, "mild all year"),
        "tampa": Place("Tampa", -5, "hot and humid"),
    }
)


@dataclass(frozen=True, slots=True)
class PhysicsCase(Case):
    """A `Case` whose rooms are EnergyPlus's."""

    building: Building = field(default_factory=Building)
    place: str = "chicago"
    kind: str = "room"
    leads: Sequence[float] = (1.0, 2.0, 4.0, 8.0)

    def setpoints(self) -> Sequence[float]:
        """See `Case`; others leave the band for certain, as the unit here settles exactly."""
        profile = self.document()[self.season]
        low, high = profile["min_temp"], profile["max_temp"]
        if self.heater:
            return [low + each for each in (0.5, 1.0, 1.5)]
        unit = self.house.aircon
        offset = unit.return_offset_cooling
        if self.season == "winter":
            offset = unit.return_offset_heating
        first = math.ceil(low + offset)
        return [float(each) for each in range(first, math.floor(high + offset) + 1)]

    @contextmanager
    def houses(self, begins: date) -> Iterator[HouseMaker]:
        """See `Case`."""
        # What is not driven to the end of its last day must not end before.
        days = math.ceil(self.days) + 1
        with block(self.building, PLACES[self.place].file, begins, days) as found:
            yield found.make_house


_COLD_BAND = {"winter": {"min_temp": 20.0, "max_temp": 22.0, "target_temp": 21.0}}
_FLOOR = Building(unit="floor", power=1900.0)
_KINDS: Mapping[str, dict[str, Any]] = MappingProxyType(
    {
        "room": {"building": Building()},
        "flat": {
            "building": Building(rooms=3, heating=7000.0, cooling=6000.0),
            "rooms": 3,
        },
        "floor": {
            "building": _FLOOR,
            "house": HouseParameters(floor=FloorParameters(power=_FLOOR.power)),
            "heater": True,
            "changes": _COLD_BAND,
            "judged_from": 2.0,
            "most": 0.5,
            "most_starts": 24.0,
            "most_commands": 48.0,
        },
        # A relay may switch six times an hour, and the window has sixteen.
        "panel": {
            "building": Building(unit="panel"),
            "heater": True,
            "changes": _COLD_BAND,
            "most_starts": 48.0,
            "most_commands": 96.0,
        },
    }
)
_LIVED_IN = (
    *(
        (kind, place, season)
        for kind in ("room", "flat")
        for place, season in (
            ("chicago", "winter"),
            ("golden", "winter"),
            ("san francisco", "winter"),
            ("tampa", "summer"),
        )
    ),
    ("room", "chicago", "summer"),
    *(
        (kind, place, "winter")
        for kind in ("floor", "panel")
        for place in ("chicago", "golden", "sterling", "san francisco")
    ),
)


def _case(kind: str, place: str, season: str) -> PhysicsCase:
    made = PhysicsCase(
        f"{kind}, {place} {season}", season=season, place=place, kind=kind
    )
    made = replace(made, **_KINDS[kind])
    return replace(made, changes={**made.changes, "timezone": PLACES[place].timezone})


CASES: Mapping[str, PhysicsCase] = MappingProxyType(
    {case.name: case for case in (_case(*each) for each in _LIVED_IN)}
)
KINDS = tuple(_KINDS)
