"""What Home Assistant shows of each zone and the account."""

import asyncio
from datetime import UTC, datetime

import pytest
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er

from switchbot_automation.simulation import Fault
from switchbot_automation.simulation.faults import Call
from switchbot_automation.simulation.home import METER_ID

ROOM = "climate.living_room"


async def call(hass, domain, service, *, answered=False, **data):
    return await hass.services.async_call(
        domain,
        service,
        {"entity_id": ROOM, **data},
        blocking=True,
        return_response=answered or service == "explain",
    )


async def test_a_zone_is_a_climate_entity_with_its_band(hass, home, cloud):
    state = hass.states.get(ROOM)
    assert state.state == "heat"
    attributes = state.attributes
    assert attributes["current_temperature"] == pytest.approx(
        cloud.account.devices[METER_ID].fields()["temperature"], abs=0.5
    )
    assert (attributes["target_temp_low"], attributes["target_temp_high"]) == (
        home.data.zones["default"]["band"]["low"],
        home.data.zones["default"]["band"]["high"],
    )
    assert attributes["hvac_modes"] == ["off", "heat", "cool", "heat_cool"]
    assert attributes["reasons"]


async def test_the_cold_room_is_heated_through_home_assistant(hass, home, cloud):
    assert cloud.calls[Call.COMMAND] == 1
    assert hass.states.get(ROOM).attributes["hvac_action"] == "heating"
    assert hass.states.get("sensor.living_room_last_decision").state == "winter_on"


async def test_the_account_has_its_calls_and_the_next_look(hass, home, cloud):
    home.show()
    left = hass.states.get("sensor.living_room_account_calls_left_today")
    assert int(left.state) == cloud.account.remaining
    look = hass.states.get("sensor.living_room_account_next_look")
    assert datetime.fromisoformat(look.state) > datetime.now(UTC).replace(microsecond=0)


async def test_off_sends_off_and_switches_the_automation_off(hass, home):
    await call(hass, "climate", "turn_off")
    state = hass.states.get(ROOM)
    assert state.state == "off"
    assert home.data.zones["default"]["enabled"] is False
    assert home.data.zones["default"]["power"] == "off"
    await call(hass, "climate", "turn_on")
    assert hass.states.get(ROOM).state == "heat"


async def test_the_band_is_written_to_the_settings(hass, home):
    await call(
        hass, "climate", "set_temperature", target_temp_low=18.5, target_temp_high=20
    )
    stored = (await home.engine.stored_settings()).data
    assert (stored["winter"]["min_temp"], stored["winter"]["max_temp"]) == (18.5, 20)
    # What the entity does not show stays as it was, but for the setpoint, see below.
    assert stored["winter"]["target_temp"] > 20
    assert stored["winter"]["fan_speed"] == 3
    assert hass.states.get(ROOM).attributes["target_temp_low"] == 18.5


@pytest.mark.parametrize(
    ("asked", "profile"),
    [
        # The unit is sent 23 for 20 to 22; it reads its own warm air.
        ({"target_temp_low": 24, "target_temp_high": 25}, (24, 25, 26.5)),
        ({"target_temp_low": 18, "target_temp_high": 22}, (18, 22, 22)),
        ({"target_temp_low": 10, "target_temp_high": 12}, (10, 12, 16)),
        ({"target_temp_low": 33, "target_temp_high": 35}, (33, 35, 30)),
        ({"temperature": 23.5}, (22.5, 24.5, 25.5)),
    ],
)
async def test_the_dial_moves_band_and_setpoint_together(hass, home, asked, profile):
    await call(hass, "climate", "set_temperature", **asked)
    stored = (await home.engine.stored_settings()).data["winter"]
    assert (stored["min_temp"], stored["max_temp"], stored["target_temp"]) == profile


async def test_a_band_that_was_moved_is_told_to_the_unit(hass, home):
    await call(
        hass, "climate", "set_temperature", target_temp_low=24, target_temp_high=25
    )
    # 26.5, in whole degrees.
    assert home.data.zones["default"]["last_action"] == "setAll(27,5,3,on)"


@pytest.mark.parametrize(
    ("mode", "season", "enabled"),
    [("off", "winter", False), ("cool", "summer", True), ("heat", "winter", True)],
)
async def test_a_band_may_come_with_a_mode(hass, home, mode, season, enabled):
    await call(
        hass,
        "climate",
        "set_temperature",
        target_temp_low=24,
        target_temp_high=26,
        hvac_mode=mode,
    )
    stored = (await home.engine.stored_settings()).data
    assert (stored[season]["min_temp"], stored[season]["max_temp"]) == (24, 26)
    assert home.data.zones["default"]["enabled"] is enabled
    assert hass.states.get(ROOM).state == mode
    if mode == "off":
        # The unit that was heating was turned off, and the new band turned nothing on.
        assert home.data.zones["default"]["power"] == "off"


async def test_a_mode_it_does_not_have_is_refused_beside_a_band(hass, home):
    document = (await home.engine.stored_settings()).data
    with pytest.raises(ServiceValidationError):
        await call(
            hass,
            "climate",
            "set_temperature",
            target_temp_low=24,
            target_temp_high=26,
            hvac_mode="dry",
        )
    assert (await home.engine.stored_settings()).data == document


async def test_what_the_settings_cannot_be_is_refused_and_changes_nothing(hass, home):
    document = dict((await home.engine.stored_settings()).data)
    del document["summer"]
    await home.engine.apply_settings(document)
    with pytest.raises(ServiceValidationError, match="summer"):
        await call(hass, "climate", "set_hvac_mode", hvac_mode="cool")
    assert (await home.engine.stored_settings()).data == document
    assert hass.states.get(ROOM).state == "heat"


async def test_the_season_is_the_mode(hass, home):
    await call(hass, "climate", "set_hvac_mode", hvac_mode="cool")
    assert hass.states.get(ROOM).state == "cool"
    assert (await home.engine.stored_settings()).data["mode"] == "summer"


async def test_hold_leaves_the_room_alone_until_released(hass, home):
    await call(hass, "switchbot_automation", "hold", duration={"hours": 2})
    held = hass.states.get(ROOM).attributes["hold_until"]
    ahead = datetime.fromisoformat(held) - datetime.now(UTC)
    assert 7100 < ahead.total_seconds() <= 7200
    await call(hass, "switchbot_automation", "hold", release=True)
    assert hass.states.get(ROOM).attributes["hold_until"] is None


async def test_hold_can_act_first(hass, home):
    await call(
        hass, "switchbot_automation", "hold", action="off", until_next_change=True
    )
    assert home.data.zones["default"]["power"] == "off"
    assert hass.states.get(ROOM).attributes["hold_until"] is not None


async def test_hold_answers_who_has_to_wait_for_the_shared_unit(hass, home, cloud):
    cloud.home.add_device("Meter", "C0FFEE0000AA", "Study meter")
    document = dict((await home.engine.stored_settings()).data)
    study = {"meter_device_id": "C0FFEE0000AA", "aircon_device_id": "02-study-01"}
    document["zones"] = {"default": {}, "Study": study}
    document["groups"] = {"outdoor": {"zones": ["default", "Study"]}}
    await home.engine.apply_settings(document)
    # It heats; now the other room, which is not heated, is to be cooled.
    assert home.data.zones["default"]["action"] == "winter"
    command = await home.engine.act("Study", "summer", "permanent")
    assert command.status == "blocked"
    answer = await call(
        hass, "switchbot_automation", "hold", answered=True, action="winter"
    )
    # The newer word counts, and it is the other that waits now.
    others = answer[ROOM]["others_wait"]
    assert others["zones"] == ["Study"]
    assert datetime.fromisoformat(others["until"]) > datetime.now(UTC)
    assert answer[ROOM]["status"] == "accepted"


async def test_explain_answers_in_words(hass, home):
    answer = await call(hass, "switchbot_automation", "explain")
    explained = answer[ROOM]
    assert explained["zone"] == "default"
    assert explained["text"]


async def test_every_zone_of_the_settings_gets_a_room(hass, home, cloud):
    cloud.home.add_device("Meter", "C0FFEE0000AA", "Study meter")
    document = dict((await home.engine.stored_settings()).data)
    document["zones"] = {
        "default": {},
        "Study": {"meter_device_id": "C0FFEE0000AA", "automation_enabled": False},
    }
    await home.engine.apply_settings(document)
    await home.engine.run_once()
    home.show()
    await hass.async_block_till_done()
    assert hass.states.get("climate.study").state == "off"
    assert hass.states.get("sensor.study_last_decision").state == "disabled"

    await home.change_zone("Study", {"automation_enabled": True})
    home.show()
    await hass.async_block_till_done()
    assert hass.states.get("climate.study").state == "heat"
    assert hass.states.get(ROOM).state == "heat"

    del document["zones"]["Study"]
    await home.engine.apply_settings(document)
    await home.engine.run_once()
    home.show()
    await hass.async_block_till_done()
    assert hass.states.get("climate.study").state == STATE_UNAVAILABLE


async def test_ids_stay_the_same_over_a_reload(hass, home, entry):
    registry = er.async_get(hass)
    before = {
        e.unique_id for e in er.async_entries_for_config_entry(registry, entry.entry_id)
    }
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    after = {
        e.unique_id for e in er.async_entries_for_config_entry(registry, entry.entry_id)
    }
    assert before == after
    assert len(after) == 4
    assert hass.states.get(ROOM).state == "heat"


async def test_an_unload_closes_everything(hass, home, entry, own_directory):
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert entry.state is ConfigEntryState.NOT_LOADED
    assert hass.states.get(ROOM).state == STATE_UNAVAILABLE
    # What it knew is on disk, for the next start.
    assert list(own_directory.rglob("state.json"))
    assert list(own_directory.rglob("history.db"))


async def test_the_end_of_home_assistant_ends_the_ticks(hass, home):
    await hass.async_stop(force=True)
    names = {task.get_name() for task in asyncio.all_tasks()}
    assert "switchbot-scheduler" not in names


async def test_a_cloud_that_is_away_is_tried_again_later(hass, entry, cloud):
    await cloud.stop()
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY


async def test_a_dead_meter_leaves_the_temperature_unknown(hass, home, cloud):
    cloud.faults.inject(Fault.OFFLINE, device_id=METER_ID)
    await home.engine.run_once(trigger="manual")
    home.show()
    await hass.async_block_till_done()
    assert hass.states.get(ROOM).state == "heat"
    decision = hass.states.get("sensor.living_room_last_decision")
    assert decision.attributes["codes"]


async def test_explain_knows_the_past_and_takes_home_assistant_s_time(hass, home):
    now = datetime.now(UTC)
    answer = await call(
        hass, "switchbot_automation", "explain", at=now.isoformat(sep=" ")
    )
    assert answer[ROOM]["text"]
    long_ago = await call(
        hass, "switchbot_automation", "explain", at="2020-01-01 03:12:00"
    )
    assert long_ago[ROOM]["decided_at"] is None


async def test_both_seasons_are_heat_cool(hass, home):
    await call(hass, "climate", "set_hvac_mode", hvac_mode="heat_cool")
    assert hass.states.get(ROOM).state == "heat_cool"
    assert (await home.engine.stored_settings()).data["mode"] == "auto"
    # The cold room's season is winter, whose band is shown.
    assert hass.states.get(ROOM).attributes["target_temp_low"] is not None
