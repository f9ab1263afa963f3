"""What Home Assistant shows of each zone and the account."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr
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


async def test_a_band_is_a_wish_and_no_change_of_the_settings(hass, home):
    before = (await home.engine.stored_settings()).data
    await call(
        hass, "climate", "set_temperature", target_temp_low=18.5, target_temp_high=20
    )
    assert (await home.engine.stored_settings()).data == before
    shown = hass.states.get(ROOM).attributes
    assert (shown["target_temp_low"], shown["target_temp_high"]) == (18.5, 20)
    assert home.data.zones["default"]["wish"]["until"]


async def test_a_temperature_moves_the_band_as_wide_as_it_is(hass, home):
    shown = hass.states.get(ROOM).attributes
    width = shown["target_temp_high"] - shown["target_temp_low"]
    await call(hass, "climate", "set_temperature", temperature=23.5)
    shown = hass.states.get(ROOM).attributes
    assert shown["target_temp_high"] - shown["target_temp_low"] == width
    assert (shown["target_temp_high"] + shown["target_temp_low"]) / 2 == 23.5


async def test_a_band_that_was_moved_is_told_to_the_unit(hass, home):
    before = home.data.zones["default"]["last_action"]
    await call(
        hass, "climate", "set_temperature", target_temp_low=24, target_temp_high=25
    )
    # The unit's setpoint moves with the band.
    after = home.data.zones["default"]["last_action"]
    assert after != before
    assert after.startswith("setAll(2")


async def test_a_band_may_come_with_a_mode(hass, home):
    await call(
        hass,
        "climate",
        "set_temperature",
        target_temp_low=24,
        target_temp_high=26,
        hvac_mode="cool",
    )
    state = hass.states.get(ROOM)
    assert state.state == "cool"
    assert (
        state.attributes["target_temp_low"],
        state.attributes["target_temp_high"],
    ) == (24, 26)


@pytest.mark.parametrize("first", ["off", None])
async def test_a_band_for_a_room_that_is_off_is_refused_whole(hass, home, first):
    if first is None:
        await call(hass, "climate", "turn_off")
    before = hass.states.get(ROOM).attributes["target_temp_low"]
    mode = {} if first is None else {"hvac_mode": first}
    with pytest.raises(ServiceValidationError, match="is off"):
        await call(
            hass,
            "climate",
            "set_temperature",
            target_temp_low=24,
            target_temp_high=26,
            **mode,
        )
    state = hass.states.get(ROOM)
    assert state.attributes["target_temp_low"] == before
    # Nothing of it was done, neither the mode nor the band.
    assert state.state == ("off" if first is None else "heat")


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


async def test_a_season_without_temperatures_is_no_mode(hass, home):
    """Or whoever set up a room to be heated is offered to cool it, which is refused."""
    both = dict((await home.engine.stored_settings()).data)

    async def modes(document):
        await home.engine.apply_settings(document)
        await home.engine.run_once(trigger="settings")
        home.show()
        return hass.states.get(ROOM).attributes["hvac_modes"]

    one = {key: value for key, value in both.items() if key != "summer"}
    assert await modes(one) == ["off", "heat"]
    assert await modes(both) == ["off", "heat", "cool", "heat_cool"]
    # A room that nobody looks after has the mode that it would be looked after in.
    off = {key: value for key, value in both.items() if key not in {"summer", "winter"}}
    assert await modes(off | {"automation_enabled": False}) == ["off", "heat"]


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


@pytest.fixture
async def on_the_wire(hass, home, cloud):
    """An OFF that a person asked for, and that the cloud takes its time to answer."""
    before = cloud.calls[Call.COMMAND]
    cloud.faults.inject(Fault.SLOW, calls=[Call.COMMAND], times=1, seconds=0.5)
    asked = asyncio.create_task(call(hass, "climate", "turn_off"))
    async with asyncio.timeout(30):
        while cloud.calls[Call.COMMAND] == before:  # noqa: ASYNC110 - the cloud tells nobody
            await asyncio.sleep(0.01)
    return asked


async def test_a_reload_waits_for_the_command_on_the_wire(hass, entry, on_the_wire):
    assert await hass.config_entries.async_reload(entry.entry_id)
    await on_the_wire
    await hass.async_block_till_done()
    state = hass.states.get(ROOM)
    assert (state.state, state.attributes["assumed_power"]) == ("off", "off")


async def test_home_assistant_may_end_with_a_command_on_the_wire(
    hass, home, cloud, own_directory, on_the_wire
):
    await hass.async_stop(force=True)
    await on_the_wire
    (path,) = own_directory.rglob("state.json")
    assert json.loads(path.read_text())["assumed_aircon_power"] == "off"


async def test_platforms_that_fail_leave_no_engine_behind(hass, entry, monkeypatch):
    async def fail(*_):
        raise OSError("no platform")

    monkeypatch.setattr(hass.config_entries, "async_forward_entry_setups", fail)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    names = {task.get_name() for task in asyncio.all_tasks()}
    assert "switchbot-scheduler" not in names


async def test_a_zone_that_comes_back_after_its_device_was_deleted(
    hass, home, entry, cloud
):
    cloud.home.add_device("Meter", "C0FFEE0000AA", "Study meter")
    first = dict((await home.engine.stored_settings()).data)
    both = {
        **first,
        "zones": {"default": {}, "Study": {"meter_device_id": "C0FFEE0000AA"}},
    }

    async def apply(document):
        await home.engine.apply_settings(document)
        await home.engine.run_once(trigger="settings")
        home.show()
        await hass.async_block_till_done()

    await apply(both)
    assert hass.states.get("climate.study")
    await apply(first)
    devices = dr.async_get(hass)
    (study,) = (
        each
        for each in dr.async_entries_for_config_entry(devices, entry.entry_id)
        if each.name == "Study"
    )
    devices.async_remove_device(study.id)
    await hass.async_block_till_done()
    assert hass.states.get("climate.study") is None
    await apply(both)
    for entity_id in (
        "climate.study",
        "sensor.study_last_decision",
        "sensor.study_room",
    ):
        assert hass.states.get(entity_id).state != STATE_UNAVAILABLE


async def test_a_hold_goes_on_where_home_assistant_was_started_again(hass, home, entry):
    room = {"entity_id": "climate.living_room"}
    for action in ("hold", "quiet_fan"):
        how_long = {"duration": "03:00:00"}
        await hass.services.async_call(
            "switchbot_automation", action, room | how_long, blocking=True
        )
    shown = ("hold_until", "quiet_fan_until", "hvac_action")
    before = hass.states.get("climate.living_room").attributes
    assert before["hold_until"]
    assert before["quiet_fan_until"]
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    after = hass.states.get("climate.living_room").attributes
    assert [after[each] for each in shown] == [before[each] for each in shown]


async def test_a_hold_of_no_time_is_refused_and_is_none_without_an_end(hass, home):
    room = {"entity_id": "climate.living_room", "duration": "00:00:00"}
    with pytest.raises(ServiceValidationError, match="positive"):
        await hass.services.async_call(
            "switchbot_automation", "hold", room, blocking=True
        )
    assert hass.states.get("climate.living_room").attributes["hold_until"] is None
