"""What needs a person is a repair, and no longer one when it is over."""

import asyncio

import pytest
from custom_components.switchbot_automation.issues import troubles_of
from homeassistant.helpers import issue_registry as ir

from switchbot_automation.model import DeviceList
from switchbot_automation.simulation import Fault

DOMAIN = "switchbot_automation"


def issues(hass):
    return {
        each.translation_key: each.translation_placeholders
        for each in ir.async_get(hass).issues.values()
        if each.domain == DOMAIN
    }


async def test_a_home_that_is_well_has_none(hass, home):
    await home.look_for_trouble()
    assert issues(hass) == {}


async def test_a_meter_that_is_refused_is_a_repair_until_it_answers(hass, home, cloud):
    document = (await home.engine.stored_settings()).data
    await home.change_zone("default", {"meter_device_id": "C0FFEE0000AA"})
    home.show()
    await hass.async_block_till_done()
    found = issues(hass)["meter_given_up"]
    assert found["room"] == "Living room"
    assert found["why"]
    await home.engine.apply_settings(document)
    await home.engine.run_once(trigger="settings")
    home.show()
    await hass.async_block_till_done()
    assert "meter_given_up" not in issues(hass)


async def test_an_account_without_the_entry_s_devices_is_said(hass, entry, cloud):
    with cloud.faults.inject(Fault.EMPTY_LIST):
        assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert issues(hass)["account_unknown"]["account"] == "Living room"
    # It is asked again after a while, and was only empty.
    entry.runtime_data._stranger_asked_at -= 901
    await entry.runtime_data.look_for_trouble()
    assert "account_unknown" not in issues(hass)
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_an_unload_takes_its_repairs_along(hass, home, entry):
    await home.change_zone("default", {"meter_device_id": "C0FFEE0000AA"})
    home.show()
    await hass.async_block_till_done()
    assert issues(hass)
    await hass.config_entries.async_unload(entry.entry_id)
    assert issues(hass) == {}


async def test_a_unit_that_is_refused_for_good_is_a_repair(hass, home, entry):
    await home.change_zone("default", {"aircon_device_id": "02-C0FFEE-00000001"})
    await home.engine.act("default", "off")
    home.show()
    await hass.async_block_till_done()
    found = issues(hass)["command_refused"]
    assert "02-C0FFEE-00000001" in found["why"]


@pytest.mark.parametrize(
    ("status", "key"), [("not_kept", "room_not_kept"), ("blind", "meter_given_up")]
)
async def test_a_room_with_advice_is_a_repair_by_what_is_wrong(hass, home, status, key):
    health = await home.health()
    room = {"status": status, "since": "2026-11-30T17:00:00+00:00", "reasons": []}
    zone = health["zones"]["default"]
    zone["room"] = {**room, "advice": ""}
    assert troubles_of(health, "Den") == {}
    zone["room"]["advice"] = "Close the window."
    (found,) = troubles_of(health, "Den").values()
    assert found.key == key
    assert "Close the window." in found.words.values()
    assert found.words["room"] == "Den"


async def test_settings_that_cannot_be_used_are_a_repair(hass, home):
    health = await home.health()
    health["settings_error"] = "mode: expected winter"
    (found,) = troubles_of(health, "Den").values()
    assert (found.key, found.words["error"]) == (
        "settings_unusable",
        "mode: expected winter",
    )


async def test_a_look_that_an_unload_overtakes_leaves_no_repair(hass, entry, cloud):
    """It asks the cloud, which may answer when there is nobody to take a repair back."""
    with cloud.faults.inject(Fault.EMPTY_LIST):
        assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    home = entry.runtime_data
    asked, answer = asyncio.Event(), asyncio.Event()

    async def devices():
        asked.set()
        await answer.wait()
        return DeviceList((), ())

    home._stranger_asked_at -= 901
    home.account.devices = devices
    look = asyncio.create_task(home.look_for_trouble())
    await asked.wait()
    assert await hass.config_entries.async_unload(entry.entry_id)
    answer.set()
    await look
    assert issues(hass) == {}
