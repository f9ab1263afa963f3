"""Settings that no room can follow as they stand, and what becomes of them."""

from __future__ import annotations

import pytest

from switchbot_automation.settings import check_settings
from switchbot_automation.settings.findings import findings
from switchbot_automation.settings.read import read_settings
from tests.equipment.homes import AIRCON, BANDS, Home, roomed

WARM = {"winter": {"min_temp": 23.0, "max_temp": 24.0, "target_temp": 24.0}}
COOL = {"winter": {"min_temp": 10.0, "max_temp": 12.0, "target_temp": 16.0}}
LIMITS = {
    "heat_ceiling_celsius": {
        "heat_ceiling_celsius": 22.0,
        "presets": {"other": WARM},
        "preset": "other",
    },
    "frost_floor_celsius": {
        "frost_floor_celsius": 15.0,
        "presets": {"other": COOL},
        "preset": "other",
    },
}

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


@pytest.mark.parametrize("limit", LIMITS)
async def test_a_room_that_its_own_limit_keeps_out_of_its_band_says_so(limit):
    home = Home(roomed(AIRCON, **LIMITS[limit]))
    await home.live(COME_UP)
    room = (await home.engine.health())["zones"]["default"]["room"]
    assert room["status"] == "not_kept"
    assert room["reasons"][0] == limit.removesuffix("_celsius")
    assert limit in room["advice"]


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_that_a_band_contradicts_is_warned_of(limit):
    document = roomed(AIRCON, **LIMITS[limit])
    assert not check_settings(document)
    (warning,) = findings(document, read_settings).warnings
    assert warning.path == "presets.other.winter"
    assert limit in str(warning)
    assert not findings(document | {"presets": {"other": {}}}, read_settings).warnings


async def test_a_cool_room_in_summer_is_not_the_ceiling_s():
    home = Home(
        roomed(AIRCON, season="summer", heat_ceiling_celsius=22.0), season="summer"
    )
    await home.live(COME_UP)
    room = (await home.engine.health())["zones"]["default"]["room"]
    assert "heat_ceiling" not in room["reasons"]
