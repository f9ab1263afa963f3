"""A home whose meter answers is never said to be unseen, whatever stands in its room."""

from __future__ import annotations

import asyncio

import pytest

from switchbot_automation.engine.tell.events import RoomNotice
from switchbot_automation.simulation import default_settings
from switchbot_automation.simulation.house.weather import Climate
from switchbot_automation.simulation.scenarios import HOUSES
from tests.cases import slow_after
from tests.equipment.homes import AIRCON, DEVICE, Home

WARM = Climate(yearly_mean=20.0, day_of_year=103)
HEATER = {"kind": "heater", "device_id": DEVICE}
DRIES = {"kind": "dehumidifier", "device_id": DEVICE}


def document(*entries, **more):
    settings = default_settings("winter") | {"control": "auto", "mode": "auto"}
    del settings["aircon_device_id"]
    return settings | {"equipment": list(entries)} | more


@pytest.mark.parametrize(
    ("entries", "more"),
    slow_after(
        1,
        [
            ((AIRCON, HEATER), {}),
            ((AIRCON, DRIES), {"humidity": {"max_percent": 55}}),
            ((AIRCON,), {}),
        ],
    ),
)
def test_the_end_of_a_window_leaves_no_room_unseen(entries, more):
    """Each night of a room of two units its reading was told of as too old."""
    home = Home(
        document(*entries, **more), seed=8, climate=WARM, parameters=HOUSES["leaky"]
    )
    notices, stale = [], []
    home.engine.subscribe(
        lambda event: notices.append(event) if isinstance(event, RoomNotice) else None
    )

    async def live():
        # Also a look of a person's between two ticks has to find all well.
        await home.live(21.5)
        for _minute in range(90):
            await home.live(1 / 60)
            health = await home.engine.health()
            stale.extend(z for z in health["zones"].values() if z["temperature_stale"])

    asyncio.run(live())
    assert not stale
    assert not [each for each in notices if each.trouble == "reading_too_old"]
