"""Settings that no room can follow as they stand, and what becomes of them."""

from __future__ import annotations

import pytest

from tests.equipment.homes import AIRCON, BANDS, Home, roomed

COME_UP, EVENING = 8, 21
"""From when until when, in hours from midnight UTC, a room is in its band."""


@pytest.mark.parametrize("target", [16.0, 31.0])
async def test_a_target_far_beside_the_band_is_steered_into_it(target):
    winter = BANDS["winter"] | {"target_temp": target, "fan_speed": 3, "ac_mode": 5}
    home = Home(roomed(AIRCON, winter=winter))
    await home.live(COME_UP)
    rooms = []
    hours = EVENING - COME_UP
    sent = await home.live(hours, each=lambda home: rooms.append(home.house.air))
    assert len(sent) <= 4
    assert min(rooms) >= 19.2
    assert max(rooms) <= 22.0
