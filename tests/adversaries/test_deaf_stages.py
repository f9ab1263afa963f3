"""Of two units of a room one is deaf: the other's warmth is no evidence for it.

What has to hold: the room is kept by the one that works, the deaf one is doubted once it
had worked alone in vain, health says so within the hour after that and goes on to, and it
is told a bearable number of times. Of units that both work none is ever doubted.
"""

from __future__ import annotations

import pytest

from switchbot_automation.simulation import Fault
from tests.adversaries.life import WINDOWS
from tests.cases import slow_after
from tests.equipment.homes import AIRCON, COLD, DEVICE, MILD, Home, roomed

JOINS_HOURS = 0.5
HEATER = {"kind": "heater", "device_id": DEVICE}
RADIATOR = {"kind": "thermostat", "device_id": DEVICE}


def two(second, climate):
    return Home(roomed(AIRCON, second, time_windows=WINDOWS["always"]), climate=climate)


async def doubts(home):
    units = (await home.engine.health())["zones"].values()
    return [each["unit"]["contradicted_by"] for each in units]


@pytest.mark.parametrize("second", slow_after(1, [HEATER, RADIATOR]))
async def test_an_infrared_unit_that_never_hears_is_doubted_beside_one_that_heats(
    second,
):
    """The room that the second one warmed showed that the first one worked: `ok` all day."""
    home = two(second, COLD)
    with home.cloud.faults.inject(Fault.LOST, device_id=AIRCON["device_id"]):
        await home.live(JOINS_HOURS + 0.4)
        assert await doubts(home) == ["room", None]
        await home.live(1.1)
        for _look in range(2):
            health = await home.engine.health()
            reasons = health["zones"]["default"]["room"]["reasons"]
            assert health["status"] == "degraded"
            assert "belief_contradicted" in reasons
            await home.live(1)
        assert home.house.air > 18.5
    told = [each for each in home.sent if each.zone == "default"]
    assert len(told) <= 6


@pytest.mark.slow
async def test_it_is_believed_again_once_it_hears():
    home = two(HEATER, COLD)
    with home.cloud.faults.inject(Fault.LOST, device_id=AIRCON["device_id"]):
        await home.live(1.5)
    assert await doubts(home) == ["room", None]
    await home.live(24)
    assert (await home.engine.health())["status"] == "ok"


@pytest.mark.parametrize("climate", slow_after(1, [COLD, MILD]))
async def test_none_is_doubted_of_two_that_work(climate):
    home = two(HEATER, climate)
    for _hour in range(6):
        await home.live(1)
        assert await doubts(home) == [None, None]
