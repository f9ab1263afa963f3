"""A meter that freezes behind a heater that goes on and off: told within the hour.

A calm room stands as still as a dead meter, but not while its heater works on it: each
start and stop moved the value for days, so a few that move nothing are enough. And no room
of a living meter is called dead for that.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from switchbot_automation.simulation.faults import Fault
from switchbot_automation.simulation.home import METER_ID
from switchbot_automation.simulation.house.weather import Climate
from switchbot_automation.simulation.scenarios import HOUSES
from tests.cases import slow_after
from tests.equipment.homes import DEVICE, MILD, Home, roomed

ALWAYS = [{"days": list(range(7)), "start": "00:00", "end": "00:00"}]
HEATER = {"kind": "heater", "device_id": DEVICE}
TOLD_WITHIN = timedelta(minutes=90)
"""Four turns of the unit, two of its cycles of half an hour, and ten minutes more."""


class Watched(Home):
    """It notes when its room was first called blind by its meter's standstill."""

    told = None

    def __init__(self, entry, *, house="default", climate=MILD, seed=3, **more):
        super().__init__(
            roomed(entry, time_windows=ALWAYS, **more),
            parameters=HOUSES[house],
            climate=climate,
            seed=seed,
        )

    async def watched(self, hours):
        for _look in range(int(hours * 6)):
            await self.live(1 / 6)
            room = (await self.engine.health())["zones"]["default"]["room"]
            stands = "sensor_frozen" in room["reasons"] and room["advice"]
            if stands and self.told is None:
                self.told = self.clock.now()
        return self.told


@pytest.mark.parametrize(
    ("entry", "hour"), slow_after(1, [(HEATER, 20), (HEATER, 41), (HEATER, 35)])
)
async def test_a_meter_that_freezes_behind_cycles_is_told_soon(entry, hour):
    home = Watched(entry)
    assert await home.watched(hour) is None
    frozen_at = home.clock.now()
    home.cloud.faults.inject(Fault.FROZEN, device_id=METER_ID)
    await home.watched(4)
    assert home.told is not None
    assert home.told - frozen_at <= TOLD_WITHIN


@pytest.mark.parametrize(
    ("house", "climate"),
    slow_after(
        1, [("light", 14.0), ("heavy", 14.0), ("default", 5.0), ("offset", 18.0)]
    ),
)
async def test_a_living_meter_behind_cycles_is_never_called_dead(house, climate):
    home = Watched(HEATER, house=house, climate=Climate(yearly_mean=climate), seed=4)
    assert await home.watched(48) is None
