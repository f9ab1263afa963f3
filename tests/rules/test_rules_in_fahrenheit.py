"""What rules tell and refuse is in the unit that the home's people read."""

from __future__ import annotations

import pytest

from switchbot_automation.errors import SettingsError
from switchbot_automation.settings.read import check_settings, parse_settings

ROOM = {
    "unit": "fahrenheit",
    "winter": {"min_temp": 68, "max_temp": 72, "target_temp": 73},
}
TELL = {"action": "notify", "message": "$value of $of"}
WARM = {"trigger": "numeric_state", "zone": "default", "above": 77}
SET = {"action": "command", "zone": "default", "command": "set_temperature"}


@pytest.mark.parametrize(
    ("settings", "limit", "told"),
    [(ROOM, 77, "77.9"), ({}, 25, "25.5")],
)
async def test_a_message_has_the_temperature_that_people_read(
    house, settings, limit, told
):
    house.cloud.temperature = 21.0
    house.rules(
        {"id": "it", "triggers": {**WARM, "above": limit}, "actions": TELL}, **settings
    )
    await house.tick()
    house.cloud.temperature = 25.5
    await house.live(900)
    assert house.told.messages == [(None, f"{told} of temperature of default")]


async def test_what_is_no_temperature_stays_as_it_is(house):
    opened = {"trigger": "state", "device": "Front door", "attribute": "openState"}
    house.rules({"id": "it", "triggers": opened, "actions": TELL}, **ROOM)
    await house.tick()
    house.cloud.door = "open"
    await house.live(900)
    assert house.told.messages == [(None, "open of openState of Front door")]


@pytest.mark.parametrize(("unit", "ends"), [("fahrenheit", "°F"), ("celsius", "°C")])
def test_a_temperature_that_no_room_has_is_refused_in_the_same_unit(unit, ends):
    document = {
        "unit": unit,
        "rules": [
            {
                "id": "it",
                "triggers": {"trigger": "time", "at": "12:00"},
                "actions": {**SET, "parameter": 400},
            }
        ],
    }
    (error,) = check_settings(document)
    assert f"{ends}, got 400" in str(error)
    with pytest.raises(SettingsError):
        parse_settings(document)
