from __future__ import annotations

from datetime import timedelta

import pytest

from switchbot_automation.errors import (
    BadParameterError,
    QuotaExhaustedError,
    UnsupportedCommandError,
)
from switchbot_automation.settings import parse_settings
from switchbot_automation.simulation import (
    SimulatedClock,
    SimulatedHome,
    default_settings,
)
from switchbot_automation.simulation.account.account import (
    QuotaShape,
    SceneStep,
    VirtualScene,
)
from switchbot_automation.simulation.faults import Call
from switchbot_automation.simulation.home import (
    AIRCON_ID,
    HUB_ID,
    METER_ID,
    OUTDOOR_METER_ID,
    RoomSpec,
)
from switchbot_automation.simulation.house.aircon import AirconMode, AirconSettings
from switchbot_automation.simulation.run import build_home
from switchbot_automation.simulation.scenarios import HOUSES

HEAT = "24,5,3,on"


async def reading(home, device=METER_ID):
    return (await home.status(device)).fields["temperature"]


async def test_lists_meter_outdoor_meter_hub_and_remote(home):
    found = await home.devices()
    assert {(d.device_id, d.device_type) for d in found.devices} == {
        (METER_ID, "Meter"),
        (OUTDOOR_METER_ID, "WoIOSensor"),
        (HUB_ID, "Hub Mini"),
    }
    assert [(r.device_id, r.remote_type) for r in found.remotes] == [
        (AIRCON_ID, "Air Conditioner")
    ]
    assert found.remotes[0].hub_device_id == HUB_ID


async def test_a_meter_tells_temperature_humidity_and_battery(home, clock):
    clock.advance(3600)
    status = await home.status(METER_ID)
    assert status.device_type == "Meter"
    assert status.received_at == clock.now()
    assert status.fields["temperature"] == pytest.approx(home.room.house.air, abs=0.6)
    assert 0 < status.fields["humidity"] < 100
    assert status.fields["battery"] > 0


async def test_the_outdoor_meter_follows_the_weather(home, clock):
    shown = []
    for _ in range(4):
        clock.advance(6 * 3600)
        shown.append(await reading(home, OUTDOOR_METER_ID))
        outdoor = home.room.house.conditions.temperature
        assert shown[-1] == pytest.approx(outdoor, abs=1.5)
    assert max(shown) - min(shown) > 1


async def test_a_remote_has_an_empty_status(home):
    assert dict((await home.status(AIRCON_ID)).fields) == {}


async def test_set_all_heats_the_room_after_a_moment(home, clock):
    before = await reading(home)
    result = await home.command(AIRCON_ID, "setAll", HEAT)
    assert result.device_id == AIRCON_ID
    assert not home.room.house.aircon.settings.power
    clock.advance(120)
    home.advance()
    assert home.room.house.aircon.settings == AirconSettings(
        power=True, setpoint=24.0, mode=AirconMode.HEAT, fan=3
    )
    clock.advance(3600)
    assert await reading(home) > before + 1


async def test_turn_off_and_on_keep_the_other_settings(home, clock):
    await home.command(AIRCON_ID, "setAll", HEAT)
    clock.advance(60)
    await home.command(AIRCON_ID, "turnOff")
    clock.advance(60)
    home.advance()
    assert not home.room.house.aircon.settings.power
    await home.command(AIRCON_ID, "turnOn")
    clock.advance(60)
    home.advance()
    settings = home.room.house.aircon.settings
    assert (settings.power, settings.setpoint) == (True, 24.0)


async def test_scenes_do_what_their_names_say(home, clock):
    modes = {}
    for scene in await home.scenes():
        await home.run_scene(scene.scene_id)
        clock.advance(60)
        home.advance()
        settings = home.room.house.aircon.settings
        modes[scene.name] = settings.mode.name if settings.power else "off"
    assert modes == {"Winter": "HEAT", "Summer": "COOL", "Fan": "FAN", "Off": "off"}


async def test_a_scene_may_hold_several_steps(clock):
    steps = (
        SceneStep(AIRCON_ID, "setAll", HEAT),
        SceneStep(AIRCON_ID, "setAll", "21,4,1,on"),
    )
    home = SimulatedHome(clock, scenes=[VirtualScene("S1", "two", steps)])
    await home.run_scene("S1")
    clock.advance(60)
    home.advance()
    assert home.room.house.aircon.settings.mode is AirconMode.FAN


@pytest.mark.parametrize(
    "parameter",
    [
        "24,5,3",
        "24,5,3,ON",
        "24.5,5,3,on",
        "15,5,3,on",
        "31,5,3,on",
        "24,6,3,on",
        "24,5,0,on",
        "24,5,5,on",
        "x,5,3,on",
        "nan,5,3,on",
        "",
        24,
        None,
        {"temperature": 24},
    ],
)
async def test_a_malformed_set_all_is_refused_and_changes_nothing(
    home, clock, parameter
):
    with pytest.raises(BadParameterError):
        await home.command(AIRCON_ID, "setAll", parameter)
    clock.advance(60)
    home.advance()
    assert not home.room.house.aircon.settings.power


async def test_a_whole_temperature_may_be_written_as_a_float(home, clock):
    await home.command(AIRCON_ID, "setAll", "24.0,5,3,on")
    clock.advance(60)
    home.advance()
    assert home.room.house.aircon.settings.setpoint == 24.0


async def test_half_degrees_only_where_the_unit_takes_them(clock):
    home = SimulatedHome(clock, rooms=[RoomSpec(half_degrees=True)])
    await home.command(AIRCON_ID, "setAll", "22.5,5,3,on")
    clock.advance(60)
    home.advance()
    assert home.room.house.aircon.settings.setpoint == 22.5


async def test_a_learned_remote_has_only_its_buttons(clock):
    button = AirconSettings(power=True, setpoint=23.0, mode=AirconMode.HEAT)
    home = SimulatedHome(
        clock, rooms=[RoomSpec(learned_remote=True, buttons={"Warm": button})]
    )
    assert (await home.devices()).remotes[0].remote_type == "DIY Air Conditioner"
    with pytest.raises(UnsupportedCommandError):
        await home.command(AIRCON_ID, "setAll", HEAT)
    with pytest.raises(BadParameterError, match="No this command"):
        await home.command(AIRCON_ID, "warm", command_type="customize")
    await home.command(AIRCON_ID, "Warm", command_type="customize")
    clock.advance(60)
    home.advance()
    assert home.room.house.aircon.settings == button


async def test_unknown_devices_commands_and_scenes_are_told_apart(home):
    with pytest.raises(BadParameterError) as unknown:
        await home.status("000000000001")
    assert unknown.value.status_code == 152
    with pytest.raises(UnsupportedCommandError) as no_command:
        await home.command(AIRCON_ID, "danceTango")
    assert no_command.value.status_code == 160
    with pytest.raises(UnsupportedCommandError) as wrong_type:
        await home.command(METER_ID, "turnOn")
    assert wrong_type.value.status_code == 151
    with pytest.raises(BadParameterError):
        await home.run_scene("T99")


async def test_every_call_is_counted_by_kind(home):
    await home.devices()
    await home.status(METER_ID)
    await home.status(METER_ID)
    await home.command(AIRCON_ID, "turnOff")
    with pytest.raises(UnsupportedCommandError):
        await home.command(AIRCON_ID, "danceTango")
    await home.scenes()
    await home.run_scene("T02-20250101-04")
    assert home.account.calls == {
        Call.DEVICES: 1,
        Call.STATUS: 2,
        Call.COMMAND: 2,
        Call.SCENES: 1,
        Call.RUN_SCENE: 1,
    }
    assert home.account.used_today == 7


@pytest.mark.parametrize("shape", QuotaShape)
async def test_the_day_s_calls_run_out_and_come_back_at_utc_midnight(clock, shape):
    home = SimulatedHome(clock, daily_limit=3, quota_shape=shape)
    clock.advance(23 * 3600)
    for _ in range(3):
        await home.status(METER_ID)
    with pytest.raises(QuotaExhaustedError) as refused:
        await home.status(METER_ID)
    assert refused.value.resets_at == clock.now().replace(hour=0) + timedelta(days=1)
    assert home.account.remaining == 0
    clock.advance(3601)
    await home.status(METER_ID)
    assert home.account.remaining == 2


async def test_another_program_uses_up_the_same_quota(home):
    home.account.use_elsewhere(9_998)
    await home.status(METER_ID)
    assert home.account.remaining == 1


async def test_calls_take_their_time_on_the_clock(clock):
    home = SimulatedHome(clock, latency_seconds=0.4)
    await home.status(METER_ID)
    assert clock.monotonic() == pytest.approx(0.4)


async def test_setting_the_wall_clock_moves_nothing_in_the_home(home, clock):
    clock.advance(600)
    await home.status(METER_ID)
    before = home.elapsed, home.server_now()
    clock.jump(-7200)
    assert (home.elapsed, home.server_now()) == before
    assert (await home.status(METER_ID)).received_at == clock.now()


@pytest.mark.parametrize("last", [True, False])
async def test_a_room_without_a_unit_takes_that_of_no_other(clock, last):
    """One after a room with the examples' own id took its unit over, and it stayed cold."""
    heated = {"meter_device_id": "AAAAAAAAAAA1", "aircon_device_id": AIRCON_ID}
    dried = {
        "meter_device_id": "AAAAAAAAAAA2",
        "equipment": [{"kind": "dehumidifier", "device_id": "B0E9FE0000D1"}],
    }
    zones = {"living": heated, "store": dried, "hall": {"meter_device_id": "AAA3"}}
    document = default_settings("winter") | {
        "zones": zones if last else dict(reversed(zones.items()))
    }
    del document["aircon_device_id"]
    home = build_home(clock, parse_settings(document), house=HOUSES["default"], seed=1)
    await home.command(AIRCON_ID, "setAll", HEAT)
    clock.advance(7200)
    home.advance()
    rooms = {name: room.house.air for name, room in home.rooms.items()}
    assert rooms["living"] > max(rooms["store"], rooms["hall"]) + 1


async def test_rooms_have_their_own_devices_and_the_same_weather(clock):
    home = SimulatedHome(
        clock,
        rooms=[
            RoomSpec("east", "AAAAAAAAAAA1", "02-1-11"),
            RoomSpec("west", "AAAAAAAAAAA2", "02-1-12"),
        ],
    )
    await home.command("02-1-12", "setAll", HEAT)
    clock.advance(7200)
    home.advance()
    east, west = (home.rooms[name].house for name in ("east", "west"))
    assert west.air > east.air + 1
    assert west.conditions.temperature == east.conditions.temperature
    assert await reading(home, "AAAAAAAAAAA2") > await reading(home, "AAAAAAAAAAA1")


async def test_a_home_that_lives_faster_ages_faster(clock):
    home = SimulatedHome(clock, speed=60.0)
    clock.advance(60)
    home.advance()
    assert home.elapsed == home.room.house.seconds == 3600
    assert home.server_now() == clock.now()


def test_a_season_holds_the_weather_whatever_the_date():
    winter, summer = (
        SimulatedHome(SimulatedClock(), season=season).room.house.conditions
        for season in ("winter", "summer")
    )
    assert summer.temperature > winter.temperature + 10
