"""What `status` says of devices and rooms whose word is not believed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from switchbot_automation.cli.commands.status import RoomRow
from switchbot_automation.cli.readings import look
from switchbot_automation.core.state.belonging import as_known, identities
from switchbot_automation.core.state.zone import ZoneState
from switchbot_automation.model import Device, DeviceStatus
from switchbot_automation.settings.read import parse_settings

NOW = datetime.now(UTC)


class Answers:
    """A client whose every device answers the same."""

    def __init__(self, kind, fields):
        self._answer = (kind, fields)

    async def status(self, device_id):
        return DeviceStatus(device_id, *self._answer, NOW)


async def row_of(kind, fields):
    device = Device("D1", "It", kind, None, cloud_service=True)
    (row,) = await look(Answers(kind, fields), [device])
    return row


@pytest.mark.parametrize("hub", ["000000000000", "", None, "AABBCCDDEEFF"])
async def test_zeros_are_doubted_whatever_hub_they_name(hub):
    zeros = {"temperature": 0, "humidity": 0, "battery": 0, "CO2": 613}
    row = await row_of("MeterPro(CO2)", {**zeros, "hubDeviceId": hub})
    assert "doubtful" in row.text
    assert any("no hub hears it" in each for each in row.doubts)
    assert row.error is None


async def test_the_last_values_of_a_hub_that_is_offline_are_doubted():
    fields = {"temperature": 17.2, "humidity": 50, "onlineStatus": "offline"}
    row = await row_of("Hub 3", fields)
    assert any("it is offline" in each for each in row.doubts)


async def test_a_number_that_it_cannot_measure_is_named():
    row = await row_of("MeterPro(CO2)", {"temperature": 20.0, "CO2": 40000})
    assert any(each.startswith("CO2 not believed") for each in row.doubts)


async def test_a_meter_that_is_well_is_not_doubted():
    row = await row_of("Meter", {"temperature": 0.0, "humidity": 71, "battery": 80})
    assert row.doubts == ()


def room(settings, document):
    parsed = parse_settings(settings)
    state = as_known(ZoneState.from_document(document), identities(parsed)["default"])
    return RoomRow(parsed.default, state, document, datetime.now(UTC))


def test_a_room_says_which_meter_is_left_out_and_why():
    since = (NOW - timedelta(hours=5)).isoformat()
    shown = room(
        {"sensors": [{"device_id": "M1"}, {"device_id": "M2"}]},
        {
            "meters": ["M1", "M2"],
            "last_temperature": 20.0,
            "last_read_at": NOW.isoformat(),
            "meters_seen": {
                "M1": {"since": since, "doubt": "sensor_frozen", "doubted_at": since},
                "M2": {"since": since},
            },
        },
    )
    assert "M1 not believed" in shown.cells()[1]
    assert shown.as_json()["doubts"]["M1"]["because"] == "sensor_frozen"
    assert list(shown.as_json()["doubts"]) == ["M1"]


def test_a_room_says_since_when_it_is_paused():
    since = (NOW - timedelta(days=2)).isoformat()
    sign = {"active": True, "since": since, "heard_at": NOW.isoformat()}
    shown = room(
        {
            "automation_enabled": True,
            "winter": {"min_temp": 20, "max_temp": 22, "target_temp": 23},
            "openings": {"sensors": ["C1"]},
        },
        {"surroundings": {"signs": {"opening:C1": sign}}},
    )
    assert "paused since" in shown.cells()[3]
    assert shown.as_json()["paused_since"]


@pytest.mark.parametrize("name", ["Pacific/Kiritimati", "America/St_Johns"])
def test_a_room_tells_instants_by_its_own_clock(name):
    """Its windows and wishes go by that, wherever the machine stands."""
    heard, ends = NOW - timedelta(hours=5), NOW + timedelta(hours=3)
    shown = room(
        {"timezone": name},
        {
            "last_temperature": 20.0,
            "last_read_at": heard.isoformat(),
            "hold_until": ends.isoformat(),
        },
    ).cells()
    here = ZoneInfo(name)
    assert f"{heard.astimezone(here):%H:%M}" in shown[1]
    assert f"{ends.astimezone(here):%H:%M}" in shown[3]
