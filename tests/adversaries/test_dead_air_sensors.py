"""A meter whose thermometer lives, and whose humidity or CO2 sensor does not.

What wets, dries or airs a room by it would go on for ever: a humidifier ran until the walls
of the room were at 90 %. Whatever the sensor says instead, within six hours the unit rests,
health names it within an hour from when it can be seen on, and once the sensor lives again
the unit works again, with nobody's help.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from switchbot_automation.simulation.home import METER_ID
from tests.adversaries.life import WINDOWS
from tests.cases import slow_after
from tests.equipment.homes import AIRCON, DEVICE, SECOND, Home, roomed

# What each is wanted to do all day, and what it works by.
PLACES = {
    "humidifier": ("humidity", {"humidity": {"min_percent": 60, "max_percent": 75}}),
    "dehumidifier": ("humidity", {"humidity": {"max_percent": 20}}),
    "fan": ("CO2", {"air": {"max_co2_ppm": 500, "hysteresis_ppm": 20}}),
    "purifier": ("CO2", {"air": {"max_co2_ppm": 500, "hysteresis_ppm": 20}}),
}
# A dead one says something that keeps its unit at work; a lost one nothing that can be.
STANDING = {"humidifier": 41, "dehumidifier": 70, "fan": 1800, "purifier": 1800}
# Whether a room is as it was wanted, by what a living one says of it; up to a look's worth.
ENOUGH = {
    "humidifier": lambda percent: percent >= 58,
    "dehumidifier": lambda percent: percent <= 22,
    "fan": lambda ppm: ppm <= 520,
    "purifier": lambda ppm: ppm <= 520,
}
STRIKES = ("stands", "is nothing", "is gone")
LOST_WITHIN, DEAD_WITHIN = 1.0, 6.0


class Life(Home):
    """A room with such a unit; `strike` is what its sensor does now, None: it lives."""

    def __init__(self, kind, seed=3):
        self.field, place = PLACES[kind]
        self.kind, self.strike = kind, None
        entry = {"kind": kind, "device_id": DEVICE}
        super().__init__(
            roomed(AIRCON, entry, time_windows=WINDOWS["always"], **place), seed=seed
        )
        honest = self.cloud.status

        async def status(device_id):
            found = await honest(device_id)
            if device_id != METER_ID:
                return found
            return replace(found, fields=self._said(dict(found.fields)))

        self.cloud.status = status

    def _said(self, fields):
        if self.field == "CO2":
            # Next to a road: staler than a ventilator can make it.
            fields["CO2"] = 300 + round(self.cloud.room.house.co2)
        if self.strike == "stands":
            fields[self.field] = STANDING[self.kind]
        elif self.strike == "is nothing":
            fields[self.field] = 0
        elif self.strike == "is gone":
            fields.pop(self.field, None)
        return fields

    async def zone(self):
        health = await self.engine.health()
        return health["status"], health["zones"][SECOND]["room"]

    async def struck(self, strike):
        """Live on with a sensor that does that, until its unit has to rest."""
        self.strike = strike
        await self.live(DEAD_WITHIN if strike == "stands" else LOST_WITHIN)
        assert not self.unit().on
        status, room = await self.zone()
        assert status == "degraded"
        assert room["status"] == "blind"
        cause = (
            "sensor_frozen" if strike == "stands" else f"{self.field.lower()}_unknown"
        )
        assert room["reasons"][0] == cause
        assert room["advice"]

    async def truth(self):
        """What a sensor that lives says now."""
        self.cloud.advance()
        return (await self.cloud.status(METER_ID)).fields[self.field]

    async def is_enough(self):
        return ENOUGH[self.kind](await self.truth())

    async def works(self, hours):
        """Its unit works by a sensor that lives, and rests only where the room is as it
        was wanted: a small room that is wetted is so within an hour or two."""
        self.strike = None
        await self.live(hours)
        assert self.unit().on or await self.is_enough()
        assert (await self.zone())[1]["status"] != "blind"


async def lived(kind, strikes, seed=3):
    home = Life(kind, seed)
    await home.works(2)
    for strike, restarts in strikes:
        await home.struck(strike)
        if restarts:
            home.restart()
        sent = len(home.sent)
        await home.live(3)
        assert not home.unit().on
        assert not [each for each in home.sent[sent:] if each.zone == SECOND]
        await home.works(1)
    mine = [each for each in home.sent if each.zone == SECOND]
    assert len(mine) <= 4 + 4 * len(strikes)


@pytest.mark.parametrize("strike", slow_after(1, STRIKES))
@pytest.mark.parametrize("kind", slow_after(1, ["humidifier", "fan", "dehumidifier"]))
async def test_nothing_works_on_by_a_sensor_that_died(kind, strike):
    await lived(kind, [(strike, True)])


# What a dead one says that asks for no work; one of CO2 stays at 400 in fresh air.
CONTENT = {"humidifier": 67, "dehumidifier": 15, "fan": 455, "purifier": 400}
CONTENT_WITHIN = {"humidifier": 25, "dehumidifier": 25, "fan": 8, "purifier": 25}


@pytest.mark.parametrize("kind", slow_after(2, ["humidifier", "fan", *sorted(PLACES)]))
async def test_one_that_died_at_a_good_word_is_found_too(kind, monkeypatch):
    """Nothing worked by it, and so nothing ever doubted it."""
    home = Life(kind)
    await home.works(2)
    monkeypatch.setitem(STANDING, kind, CONTENT[kind])
    home.strike = "stands"
    await home.live(1)
    assert not home.unit().on
    assert (await home.zone())[1]["status"] == "kept"
    await home.live(CONTENT_WITHIN[kind])
    status, room = await home.zone()
    assert (status, room["status"]) == ("degraded", "blind")
    assert room["reasons"][0] == "sensor_frozen"
    home.restart()
    await home.live(2)
    assert (await home.zone())[1]["status"] == "blind"
    await home.works(1)


@pytest.mark.slow
async def test_nor_where_the_room_has_enough_soon_after():
    await lived("humidifier", [("stands", False)] * 4, seed=0)


@pytest.mark.slow
def test_nor_in_any_order_of_its_deaths():
    @settings(
        max_examples=40,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.sampled_from(sorted(PLACES)),
        st.lists(
            st.tuples(st.sampled_from(STRIKES), st.booleans()), min_size=1, max_size=4
        ),
        st.integers(0, 99),
    )
    def any_life(kind, strikes, seed):
        asyncio.run(lived(kind, strikes, seed))

    any_life()
