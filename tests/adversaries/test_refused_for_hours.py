"""What does health say of a room on its way back, after hours in which nothing was taken?"""

from __future__ import annotations

import pytest

from switchbot_automation.simulation import Fault
from tests.adversaries.test_every_kind import FIRST, home_of
from tests.equipment.homes import BANDS

LOW = BANDS["winter"]["min_temp"]
REFUSED_HOURS, BACK_HOURS, LOOK_HOURS = 14, 9, 0.1


@pytest.mark.parametrize("fault", [Fault.HUB_OFFLINE, Fault.DEVICE_ERROR])
@pytest.mark.parametrize("kind", FIRST)
async def test_a_room_is_degraded_until_it_is_back_in_its_band(kind, fault):
    """It was called too weak once a command got through, and well while it was far away."""
    home = home_of(kind)
    with home.cloud.faults.inject(fault, device_id=home.device):
        await home.live(REFUSED_HOURS)
    assert home.house.air < LOW - 1.0
    said = []
    for _look in range(round(BACK_HOURS / LOOK_HOURS)):
        await home.live(LOOK_HOURS)
        health = await home.engine.health()
        room = health["zones"][home.zone]["room"]
        said.append((round(home.house.air, 1), health["status"], room["reasons"]))
        if room["status"] == "kept":
            break
    *before, (air, status, _reasons) = said
    assert air > LOW - 0.5
    assert status == "ok", said
    assert {each for _air, each, _reasons in before} == {"degraded"}, said
    # In its first half hour nobody knows yet what the unit can do.
    taken = [
        reasons for _air, _status, reasons in before if "commands_fail" not in reasons
    ]
    assert taken[:5] == [["room_out_of_band"]] * 5, said
