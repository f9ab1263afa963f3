"""An air conditioner that can be asked, and one that cannot."""

import pytest

from switchbot_automation.errors import CloudServerError, DeviceOfflineError
from switchbot_automation.model import Remote

AC = "AC0001"


@pytest.fixture
def readable(house):
    house.configure(aircon_device_id=AC, aircon_poll_cooldown_minutes=15)
    house.cloud.aircon = {"power": "off"}
    return house


def polls(house):
    return house.cloud.calls.count(f"status {AC}")


async def test_it_is_asked_at_most_once_a_cooldown_while_nothing_is_to_be_done(
    readable,
):
    for _minute in range(31):
        await readable.tick(21.0, after=60)
    assert polls(readable) == 3
    assert readable.cloud.calls.count("devices") == 1


async def test_it_is_asked_whenever_a_threshold_is_crossed(readable):
    await readable.tick(21.0)
    await readable.tick(19.0, after=60)
    assert polls(readable) == 2
    assert readable.state["last_aircon_poll_at"] == "2026-01-12T12:01:00+00:00"


async def test_it_is_not_asked_while_a_minimum_time_forbids_to_act_anyway(readable):
    readable.configure(aircon_device_id=AC, min_off_seconds=600)
    readable.remember(
        assumed_aircon_power="off", compressor_stopped_at="2026-01-12T12:00:00+00:00"
    )
    for _minute in range(9):
        assert (await readable.tick(19.0, after=60)).outcome == "cooldown"
    assert polls(readable) == 1
    assert (await readable.tick(19.0, after=60)).outcome == "winter_on"
    assert polls(readable) == 2


async def test_what_it_says_wins_over_what_was_assumed(readable):
    readable.remember(assumed_aircon_power="off")
    readable.cloud.aircon = {
        "power": "on",
        "mode": 5,
        "temperature": 23,
        "fanSpeed": 3,
    }
    report = await readable.tick(19.0)
    assert report.outcome == "no_action"
    assert readable.cloud.words == []
    assert readable.state["assumed_aircon_power"] == "on"
    assert readable.state["assumed_aircon_mode"] == 5
    assert readable.state["assumed_aircon_parameter"] == "23,5,3,on"


async def test_one_that_was_turned_off_by_hand_is_turned_on_again(readable):
    await readable.tick(19.0)
    assert readable.state["assumed_aircon_power"] == "on"
    readable.cloud.aircon = {"power": "off"}
    assert (await readable.tick(19.0, after=60)).outcome == "winter_on"
    assert len(readable.cloud.words) == 2


async def test_a_stop_by_hand_starts_the_minimum_off_time(readable):
    readable.configure(aircon_device_id=AC, min_off_seconds=180)
    await readable.tick(19.0)
    assert (await readable.tick(19.0, after=600)).outcome == "cooldown"
    assert readable.cloud.words == ["setAll 23,5,3,on"]
    assert readable.state["compressor_stopped_at"] == "2026-01-12T12:10:00+00:00"


async def test_a_start_by_hand_starts_the_minimum_on_time(readable):
    readable.configure(
        aircon_device_id=AC, min_on_seconds=180, aircon_poll_cooldown_minutes=1
    )
    readable.remember(assumed_aircon_power="off")
    await readable.tick(21.0)
    readable.cloud.aircon = {"power": "on", "mode": "heat"}
    await readable.tick(21.0, after=120)
    assert readable.state["compressor_started_at"] == "2026-01-12T12:02:00+00:00"
    assert (await readable.tick(23.0, after=60)).outcome == "cooldown"
    assert (await readable.tick(23.0, after=120)).outcome == "winter_off"


async def test_a_unit_found_in_fan_mode_is_a_stopped_compressor(readable):
    readable.remember(assumed_aircon_power="on", assumed_aircon_mode=5)
    readable.cloud.aircon = {"power": "on", "mode": "fan"}
    await readable.tick(21.0)
    assert readable.state["assumed_aircon_action"] == "fan"
    assert readable.state["compressor_stopped_at"] == "2026-01-12T12:00:00+00:00"


@pytest.mark.parametrize(
    "aircon", [{}, {"power": None}, {"power": 7}, {"power": "on", "mode": object()}]
)
async def test_an_answer_that_says_little_changes_little(readable, aircon):
    readable.remember(assumed_aircon_power="on", assumed_aircon_mode=5)
    readable.cloud.aircon = aircon
    await readable.tick(21.0)
    assert readable.state["assumed_aircon_power"] == "on"
    assert readable.state["assumed_aircon_mode"] == 5


async def test_one_that_does_not_answer_only_moves_the_poll(readable):
    readable.remember(assumed_aircon_power="on", assumed_aircon_mode=5)
    readable.cloud.broken[f"status {AC}"] = DeviceOfflineError("asleep")
    await readable.tick(21.0)
    assert readable.state["assumed_aircon_power"] == "on"
    assert readable.state["last_aircon_poll_at"] == "2026-01-12T12:00:00+00:00"
    assert readable.state["last_temperature_stale"] is False


@pytest.mark.parametrize("aircon", ["02-202008110034-13", "AA-BB-CC-DD-1234", ""])
async def test_an_infrared_id_is_never_asked(house, aircon):
    house.configure(aircon_device_id=aircon)
    for temperature in (19.0, 23.0, 19.0):
        await house.tick(temperature, after=3600)
    asked = [call for call in house.cloud.calls if call.startswith("status")]
    assert set(asked) == {"status C271111EC0AB"}
    assert "devices" not in house.cloud.calls


async def test_an_infrared_remote_with_a_plain_id_is_never_asked(readable):
    readable.cloud.remotes = (Remote(AC, "AC", "Air Conditioner", None),)
    for temperature in (19.0, 23.0, 19.0):
        await readable.tick(temperature, after=3600)
    assert polls(readable) == 0
    assert len(readable.cloud.words) == 3


async def test_while_the_device_list_is_unknown_nothing_is_asked_of_the_unit(readable):
    readable.cloud.broken["devices"] = CloudServerError("500")
    await readable.tick(21.0)
    await readable.tick(21.0, after=60)
    assert polls(readable) == 0
    assert readable.cloud.calls.count("devices") == 1
    readable.cloud.broken.clear()
    await readable.tick(21.0, after=900)
    assert polls(readable) == 1


async def test_outside_the_windows_it_is_asked_only_before_it_is_turned_off(readable):
    night = [{"days": [0], "start": "22:00", "end": "23:00"}]
    readable.configure(aircon_device_id=AC, time_windows=night)
    await readable.tick(21.0)
    assert polls(readable) == 0
    readable.configure(
        aircon_device_id=AC, time_windows=night, turn_off_outside_windows=True
    )
    assert (await readable.tick(21.0, after=60)).outcome == "already_off"
    assert polls(readable) == 1
    assert readable.cloud.words == []
