from __future__ import annotations

import pytest

from switchbot_automation.errors import (
    AuthError,
    BadParameterError,
    CloudServerError,
    CloudTimeoutError,
    DeviceOfflineError,
    HubOfflineError,
    QuotaExhaustedError,
    RateLimitedError,
)
from switchbot_automation.simulation import Fault, SimulatedHome
from switchbot_automation.simulation.faults import Call
from switchbot_automation.simulation.home import (
    AIRCON_ID,
    HUB_ID,
    METER_ID,
    OUTDOOR_METER_ID,
)
from switchbot_automation.simulation.house.aircon import AirconMode

HEAT = "24,5,3,on"


async def reading(home, device=METER_ID):
    return (await home.status(device)).fields["temperature"]


# --- faults ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        (Fault.OFFLINE, DeviceOfflineError, 161),
        (Fault.HUB_OFFLINE, HubOfflineError, 171),
        (Fault.DEVICE_ERROR, CloudServerError, 190),
        (Fault.PARAM_INVALID, BadParameterError, 190),
        (Fault.DAILY_LIMIT, QuotaExhaustedError, 190),
        (Fault.TOO_MANY_190, RateLimitedError, 190),
        (Fault.TOO_MANY_429, RateLimitedError, None),
        (Fault.UNAUTHORIZED, AuthError, None),
        (Fault.SERVER_ERROR, CloudServerError, None),
        (Fault.TASK_TIMEOUT, CloudServerError, None),
        (Fault.NOT_JSON, CloudServerError, None),
        (Fault.NO_STATUS_CODE, CloudServerError, None),
        (Fault.DROPPED, CloudTimeoutError, None),
    ],
)
async def test_a_refusing_fault_strikes_once_as_the_typed_error(
    home, clock, fault, error, code
):
    injected = home.faults.inject(fault, calls=[Call.COMMAND], times=1)
    await home.status(METER_ID)
    with pytest.raises(error) as raised:
        await home.command(AIRCON_ID, "setAll", HEAT)
    assert raised.value.status_code == code
    assert injected.hits == 1
    clock.advance(60)
    home.advance()
    assert not home.room.house.aircon.settings.power
    await home.command(AIRCON_ID, "setAll", HEAT)


async def test_a_fault_lasts_until_it_is_cleared(home):
    with home.faults.inject(Fault.OFFLINE, device_id=METER_ID):
        for _ in range(2):
            with pytest.raises(DeviceOfflineError):
                await home.status(METER_ID)
        await home.status(OUTDOOR_METER_ID)
    await home.status(METER_ID)


async def test_a_fault_keeps_its_hours(home, clock):
    home.faults.inject(Fault.SERVER_ERROR, starts_after=100, ends_after=200)
    await home.status(METER_ID)
    clock.advance(100)
    with pytest.raises(CloudServerError):
        await home.status(METER_ID)
    clock.advance(100)
    await home.status(METER_ID)


async def test_a_lost_command_is_accepted_and_does_nothing(home, clock):
    home.faults.inject(Fault.LOST, device_id=AIRCON_ID, times=1)
    await home.command(AIRCON_ID, "setAll", HEAT)
    clock.advance(600)
    home.advance()
    assert not home.room.house.aircon.settings.power


async def test_a_scene_s_commands_can_be_lost_too(home, clock):
    home.faults.inject(Fault.LOST, device_id=AIRCON_ID, times=1)
    await home.run_scene("T02-20250101-01")
    clock.advance(600)
    home.advance()
    assert not home.room.house.aircon.settings.power


async def test_a_delayed_command_arrives_late(home, clock):
    home.faults.inject(Fault.DELAYED, seconds=300)
    await home.command(AIRCON_ID, "setAll", HEAT)
    clock.advance(240)
    home.advance()
    assert not home.room.house.aircon.settings.power
    clock.advance(120)
    home.advance()
    assert home.room.house.aircon.settings.power


async def test_every_set_all_can_become_25_degrees_cool(home, clock):
    home.faults.inject(Fault.SETALL_IGNORED)
    await home.command(AIRCON_ID, "setAll", HEAT)
    clock.advance(60)
    home.advance()
    settings = home.room.house.aircon.settings
    assert (settings.mode, settings.setpoint) == (AirconMode.COOL, 25.0)


async def test_an_answer_may_be_lost_after_the_command_was_carried_out(home, clock):
    home.faults.inject(Fault.ANSWER_LOST, times=1)
    with pytest.raises(CloudTimeoutError) as lost:
        await home.command(AIRCON_ID, "setAll", HEAT)
    assert lost.value.maybe_sent
    clock.advance(60)
    home.advance()
    assert home.room.house.aircon.settings.power


async def test_a_slow_answer_takes_time_or_is_given_up(clock):
    home = SimulatedHome(clock, timeout_seconds=10.0)
    home.faults.inject(Fault.SLOW, seconds=4, times=1)
    await home.status(METER_ID)
    assert clock.monotonic() == 4
    home.faults.inject(Fault.SLOW, seconds=12, times=1)
    with pytest.raises(CloudTimeoutError):
        await home.command(AIRCON_ID, "setAll", HEAT)
    assert clock.monotonic() == 14
    clock.advance(60)
    home.advance()
    assert home.room.house.aircon.settings.power


@pytest.mark.parametrize("fault", [Fault.FROZEN, Fault.DEAD])
async def test_a_dead_or_frozen_meter_keeps_its_last_value(home, clock, fault):
    home.faults.inject(fault, device_id=METER_ID, starts_after=3600)
    clock.advance(3600)
    last = await reading(home)
    await home.command(AIRCON_ID, "setAll", HEAT)
    clock.advance(3 * 3600)
    assert await reading(home) == last
    assert home.room.house.air > last + 2
    home.faults.clear()
    clock.advance(600)
    assert await reading(home) != last


async def test_all_zeros_is_a_success(home):
    home.faults.inject(Fault.ZEROS, device_id=METER_ID)
    fields = (await home.status(METER_ID)).fields
    assert (fields["temperature"], fields["humidity"], fields["battery"]) == (0, 0, 0)
    assert fields["hubDeviceId"] == "000000000000"


async def test_a_status_can_be_empty(home):
    home.faults.inject(Fault.EMPTY_STATUS)
    assert "temperature" not in (await home.status(METER_ID)).fields


@pytest.mark.parametrize(
    ("fault", "hub"),
    [
        (Fault.HUB_ID_NULL, None),
        (Fault.HUB_ID_EMPTY, ""),
        (Fault.HUB_ID_OWN, METER_ID),
        (Fault.HUB_ID_ABSENT, "no such key"),
    ],
)
async def test_hub_ids_come_in_all_seen_forms(home, fault, hub):
    home.faults.inject(fault, device_id=METER_ID)
    entries = {e["deviceId"]: e for e in home.account.list_devices()["deviceList"]}
    assert entries[METER_ID].get("hubDeviceId", "no such key") == hub
    assert entries[OUTDOOR_METER_ID]["hubDeviceId"] == HUB_ID
    found = {d.device_id: d.hub_device_id for d in (await home.devices()).devices}
    assert found[METER_ID] is None


async def test_an_entry_may_lack_its_type(home):
    home.faults.inject(Fault.NO_DEVICE_TYPE, device_id=METER_ID)
    found = {d.device_id: d for d in (await home.devices()).devices}
    assert found[METER_ID].device_type == ""


async def test_the_list_can_be_empty_or_fail_as_a_whole(home):
    home.faults.inject(Fault.EMPTY_LIST, times=1)
    found = await home.devices()
    assert found.devices == found.remotes == ()
    home.faults.inject(Fault.LIST_ERROR, times=1)
    with pytest.raises(CloudServerError, match="undefined"):
        await home.devices()
    assert (await home.devices()).devices
