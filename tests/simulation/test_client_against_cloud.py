"""The product's own client, over real HTTP, against every fault of the cloud."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from switchbot_automation.cloud import QuotaLedger, SwitchBotClient
from switchbot_automation.cloud.talk.retry import RetryPolicy
from switchbot_automation.errors import (
    AuthError,
    BadParameterError,
    ClockSkewError,
    CloudServerError,
    CloudTimeoutError,
    DeviceOfflineError,
    HubOfflineError,
    QuotaExhaustedError,
    RateLimitedError,
    UnsupportedCommandError,
)
from switchbot_automation.simulation import Fault
from switchbot_automation.simulation.account.account import QuotaShape
from switchbot_automation.simulation.faults import Call
from switchbot_automation.simulation.home import AIRCON_ID, METER_ID

HEAT = "24,5,3,on"


@pytest.fixture
async def make_client(cloud, clock):
    async with aiohttp.ClientSession() as session:

        def make(**arguments):
            arguments.setdefault("timeout_seconds", 5.0)
            return SwitchBotClient(
                session,
                arguments.pop("token", cloud.token),
                arguments.pop("secret", cloud.secret),
                base_url=cloud.base_url,
                clock=clock,
                **arguments,
            )

        yield make


@pytest.fixture
def client(make_client):
    return make_client(attempts=1)


async def test_both_ways_into_the_home_tell_the_same(client, home, clock):
    clock.advance(7200)
    assert await client.devices() == await home.devices()
    over_http, in_process = await client.status(METER_ID), await home.status(METER_ID)
    assert over_http.fields["temperature"] == in_process.fields["temperature"]
    assert over_http.device_type == in_process.device_type
    assert over_http.received_at == in_process.received_at
    assert await client.scenes() == await home.scenes()


async def test_commands_and_scenes_reach_the_unit(client, home, clock):
    await client.command(AIRCON_ID, "setAll", HEAT)
    clock.advance(60)
    home.advance()
    assert home.room.house.aircon.settings.power
    await client.run_scene("T02-20250101-04")
    clock.advance(60)
    home.advance()
    assert not home.room.house.aircon.settings.power


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.OFFLINE, DeviceOfflineError),
        (Fault.HUB_OFFLINE, HubOfflineError),
        (Fault.DEVICE_ERROR, CloudServerError),
        (Fault.PARAM_INVALID, BadParameterError),
        (Fault.DAILY_LIMIT, QuotaExhaustedError),
        (Fault.TOO_MANY_190, RateLimitedError),
        (Fault.TOO_MANY_429, RateLimitedError),
        (Fault.UNAUTHORIZED, AuthError),
        (Fault.SERVER_ERROR, CloudServerError),
        (Fault.TASK_TIMEOUT, CloudServerError),
        (Fault.NOT_JSON, CloudServerError),
        (Fault.NO_STATUS_CODE, CloudServerError),
        (Fault.DROPPED, CloudTimeoutError),
        (Fault.ANSWER_LOST, CloudTimeoutError),
    ],
)
async def test_a_fault_is_the_same_error_over_http_and_in_process(
    client, home, fault, error
):
    for way in (client, home):
        with home.faults.inject(fault), pytest.raises(error) as raised:
            await way.command(AIRCON_ID, "turnOff")
        assert type(raised.value) is error


async def test_wrong_calls_are_the_same_error_over_http_and_in_process(client, home):
    for way in (client, home):
        with pytest.raises(UnsupportedCommandError):
            await way.command(AIRCON_ID, "danceTango")
        with pytest.raises(BadParameterError):
            await way.command(AIRCON_ID, "setAll", "99,5,3,on")
        with pytest.raises(BadParameterError):
            await way.status("000000000001")
        with pytest.raises(BadParameterError):
            await way.run_scene("T99")


async def test_reads_are_repeated_until_the_fault_has_passed(make_client, cloud):
    client = make_client(retry=RetryPolicy(attempts=3))
    cloud.faults.inject(Fault.SERVER_ERROR, times=2)
    assert (await client.status(METER_ID)).fields["temperature"]
    assert cloud.calls[Call.STATUS] == 3


async def test_a_scene_whose_answer_was_lost_is_not_sent_again(make_client, cloud):
    client = make_client(attempts=3)
    cloud.faults.inject(Fault.ANSWER_LOST, times=1)
    with pytest.raises(CloudTimeoutError) as lost:
        await client.run_scene("T02-20250101-01")
    assert lost.value.maybe_sent
    assert cloud.calls[Call.RUN_SCENE] == 1


@pytest.mark.parametrize("shape", QuotaShape)
async def test_a_used_up_day_is_recognised_in_every_shape(
    make_client, cloud, clock, shape
):
    cloud.account.daily_limit = 1
    cloud.account.quota_shape = shape
    client = make_client(attempts=3, quota=QuotaLedger(clock=clock))
    await client.status(METER_ID)
    with pytest.raises(QuotaExhaustedError):
        await client.status(METER_ID)


async def test_a_wrong_secret_is_told_from_a_wrong_clock(make_client, cloud, clock):
    stranger = make_client(secret="f" * 32, attempts=1)
    with pytest.raises(AuthError):
        await stranger.devices()
    clock.jump(3600)
    with pytest.raises(ClockSkewError) as skewed:
        await make_client(attempts=1).devices()
    assert skewed.value.skew_seconds == pytest.approx(3600, abs=2)
    assert cloud.account.used_today == 0


async def test_an_answer_that_comes_too_late_is_a_timeout(make_client, cloud):
    client = make_client(timeout_seconds=0.2, attempts=1)
    cloud.faults.inject(Fault.SLOW, seconds=5)
    with pytest.raises(CloudTimeoutError):
        await client.status(METER_ID)


async def test_survives_the_cloud_being_stopped_and_started(make_client, cloud):
    client = make_client(attempts=1)
    await client.devices()
    await cloud.stop()
    with pytest.raises((CloudServerError, CloudTimeoutError)):
        await client.devices()
    await cloud.start()
    assert (await client.devices()).devices


async def test_lists_with_gaps_are_read(client, cloud):
    for fault in (Fault.NO_DEVICE_TYPE, Fault.HUB_ID_NULL, Fault.HUB_ID_ABSENT):
        with cloud.faults.inject(fault):
            assert len((await client.devices()).devices) == 3
    with cloud.faults.inject(Fault.EMPTY_LIST):
        assert (await client.devices()).devices == ()
    with cloud.faults.inject(Fault.LIST_ERROR), pytest.raises(CloudServerError):
        await client.devices()


async def test_calls_at_once_are_each_counted(client, cloud):
    await asyncio.gather(*(client.status(METER_ID) for _ in range(12)))
    assert cloud.calls[Call.STATUS] == 12
    assert cloud.account.remaining == 10_000 - 12
