"""What keeps a room's air is not held against its temperature, however cold the room."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from switchbot_automation.core.doubt import attend
from switchbot_automation.core.state.zone import Doubt, Evidence, ZoneState
from switchbot_automation.model import Action, Power
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation.home import METER_ID
from tests.adversaries.life import WINDOWS
from tests.cases import slow_after
from tests.equipment.homes import DEVICE, Home, roomed

WET = {"humidity": {"max_percent": 60}}
DRY = {"humidity": {"min_percent": 60, "max_percent": 70}}
STALE = {"air": {"max_co2_ppm": 900}}


@pytest.mark.parametrize(
    ("kind", "keeps", "percent"),
    slow_after(
        1,
        [
            ("dehumidifier", WET, 84),
            ("humidifier", DRY, 30),
            ("fan", STALE, 50),
            ("purifier", STALE, 50),
        ],
    ),
)
async def test_a_cellar_that_nobody_heats_is_no_doubt_of_what_keeps_its_air(
    kind, keeps, percent
):
    """A dehumidifier in a cellar of 8 °C was told again and called contradicted by its room."""
    entry = {"kind": kind, "device_id": DEVICE}
    home = Home(roomed(entry, time_windows=WINDOWS["always"], **keeps))
    honest = home.cloud.status

    async def status(device_id):
        found = await honest(device_id)
        if device_id != METER_ID:
            return found
        at = home.clock.monotonic()
        wet = percent + int(at // 900) % 3
        cold = round(7.5 + 0.4 * math.sin(at / 7000.0), 1)
        fields = dict(found.fields, temperature=cold, humidity=wet)
        return replace(found, fields=fields | {"CO2": 1500 + int(at // 60) % 7})

    home.cloud.status = status
    await home.live(14)
    zones = (await home.engine.health())["zones"]
    (unit,) = [
        each["unit"] for each in zones.values() if each["unit"]["believed"] == "on"
    ]
    assert not unit["uncertain"]
    assert unit["contradicted_by"] is None
    assert len([each for each in home.sent if each.status == "accepted"]) == 1
    # It works in vain; that its humidity goes to and fro by two percent is no recovery.
    said = {code for each in zones.values() for code in each["room"]["reasons"]}
    # Of a purifier nobody expects that it takes CO2.
    assert ("air_does_not_follow" in said) is (kind != "purifier")


@pytest.mark.parametrize(("unanswered", "uncertain"), [(0, False), (1, True)])
def test_a_doubt_by_its_room_that_a_release_before_has_left_ends(unanswered, uncertain):
    """It stood for as long as the room was wet: nothing looked at that room any more."""
    entry = {"kind": "dehumidifier", "device_id": DEVICE}
    document = roomed(entry, time_windows=WINDOWS["always"], **WET)
    zone = parse_settings(document).zones["default 1"]
    zone = replace(zone, power_meter_device_id="")
    now = datetime(2026, 1, 12, 12, tzinfo=UTC)
    since = now - timedelta(hours=5)
    left = Doubt("room", since, Action.DRY, 2, told=True)
    states = {
        zone.name: ZoneState(
            power=Power.ON,
            action=Action.DRY,
            last_action_at=since,
            compressor_started_at=since,
            uncertain=True,
            last_temperature=8.0,
            last_read_at=now,
            evidence=Evidence(doubt=left, unanswered=unanswered),
        )
    }
    with pytest.raises(StopIteration) as told:
        next(attend(zone, states, now, None))
    assert told.value.value == ()
    assert states[zone.name].evidence.doubt is None
    assert states[zone.name].uncertain is uncertain
