from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from aiohttp import web

from switchbot_automation.simulation import FakeSwitchBotCloud, Fault
from switchbot_automation.simulation.home import METER_ID

METER_STATUS = f"/v1.1/devices/{METER_ID}/status"
URL = "http://127.0.0.1:1/secret-path"


async def webhook(call, endpoint, **payload):
    _, body, _ = await call.post(f"/v1.1/webhook/{endpoint}", payload)
    return body


async def test_holds_one_webhook_and_tells_about_it(call):
    nothing = await webhook(call, "queryWebhook", action="queryUrl")
    assert (nothing["statusCode"], nothing["message"]) == (190, "")
    setup = {"action": "setupWebhook", "url": URL, "deviceList": "ALL"}
    assert (await webhook(call, "setupWebhook", **setup))["statusCode"] == 100
    again = await webhook(call, "setupWebhook", **setup)
    assert (again["statusCode"], again["message"]) == (190, "webhook is exist")
    query = await webhook(call, "queryWebhook", action="queryUrl")
    assert query["body"] == {"urls": [URL]}
    details = await webhook(call, "queryWebhook", action="queryDetails", urls=[URL])
    assert details["body"][0]["url"] == URL
    assert details["body"][0]["enable"] is True
    assert details["body"][0]["createTime"] > 1_700_000_000_000
    await webhook(
        call,
        "updateWebhook",
        action="updateWebhook",
        config={"url": URL, "enable": False},
    )
    details = await webhook(call, "queryWebhook", action="queryDetails", urls=[URL])
    assert details["body"][0]["enable"] is False
    gone = await webhook(call, "deleteWebhook", action="deleteWebhook", url=URL)
    assert gone["statusCode"] == 100
    assert (await webhook(call, "queryWebhook", action="queryUrl"))["message"] == ""


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("setupWebhook", {"url": URL, "deviceList": ["C271111EC0AB"]}),
        ("setupWebhook", {"deviceList": "ALL"}),
        ("updateWebhook", {"config": {"url": "http://other"}}),
        ("updateWebhook", {}),
        ("deleteWebhook", {"url": "http://other"}),
    ],
)
async def test_webhook_calls_that_make_no_sense_are_refused(call, action, payload):
    assert (await webhook(call, action, action=action, **payload))["statusCode"] == 190


@pytest.fixture
async def receiver():
    """A host's endpoint: its URL, the events received, and an Event for the first."""
    received = []
    arrived = asyncio.Event()

    async def take(request):
        received.append(await request.json())
        arrived.set()
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook", received, arrived
    await runner.cleanup()


@pytest.fixture
async def subscribed(call, receiver):
    url, received, _ = receiver
    setup = {"action": "setupWebhook", "url": url, "deviceList": "ALL"}
    assert (await webhook(call, "setupWebhook", **setup))["statusCode"] == 100
    return received


async def test_changed_readings_are_pushed_with_their_sample_time(
    cloud, clock, subscribed
):
    start = clock.now()
    clock.advance(1800)
    assert await cloud.deliver_events() == len(subscribed) > 3
    for event in subscribed:
        assert (event["eventType"], event["eventVersion"]) == ("changeReport", "1")
    indoor = [
        event["context"]
        for event in subscribed
        if event["context"]["deviceMac"] == METER_ID
    ]
    assert {context["deviceType"] for context in indoor} == {"WoMeter"}
    times = [context["timeOfSample"] / 1000 - start.timestamp() for context in indoor]
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] <= 1800
    assert {"temperature", "humidity", "battery", "scale"} <= set(indoor[0])
    values = [(context["temperature"], context["humidity"]) for context in indoor]
    assert all(one != other for one, other in pairwise(values))


async def test_nothing_is_pushed_twice_or_when_switched_off(
    call, cloud, clock, subscribed
):
    clock.advance(1800)
    await cloud.deliver_events()
    count = len(subscribed)
    assert await cloud.deliver_events() == 0
    config = {"url": cloud.home.push.webhook["url"], "enable": False}
    await webhook(call, "updateWebhook", action="updateWebhook", config=config)
    clock.advance(1800)
    assert await cloud.deliver_events() == 0
    assert len(subscribed) == count


async def pushed(cloud, clock, subscribed):
    subscribed.clear()
    clock.advance(3600)
    await cloud.deliver_events()
    return [
        event["context"]["timeOfSample"]
        for event in subscribed
        if event["context"]["deviceMac"] == METER_ID
    ]


async def test_events_can_be_lost(cloud, clock, subscribed):
    cloud.faults.inject(Fault.EVENT_LOST, device_id=METER_ID)
    assert await pushed(cloud, clock, subscribed) == []


async def test_events_can_be_doubled(cloud, clock, subscribed):
    cloud.faults.inject(Fault.EVENT_DOUBLED, device_id=METER_ID)
    times = await pushed(cloud, clock, subscribed)
    assert len(times) == 2 * len(set(times)) > 4


async def test_events_can_come_late(cloud, clock, subscribed):
    cloud.faults.inject(Fault.EVENT_DELAYED, device_id=METER_ID, seconds=7200)
    assert await pushed(cloud, clock, subscribed) == []
    cloud.faults.clear()
    clock.advance(3600)
    late = await pushed(cloud, clock, subscribed)
    assert len(late) > 5


async def test_events_can_come_out_of_order(cloud, clock, subscribed):
    cloud.faults.inject(Fault.EVENT_REORDERED, device_id=METER_ID, times=1)
    times = await pushed(cloud, clock, subscribed)
    assert times != sorted(times)
    assert sorted(times)[2:] == times[2:]


async def test_a_dead_meter_is_silent_and_a_frozen_one_repeats_itself(
    cloud, clock, subscribed
):
    with cloud.faults.inject(Fault.DEAD, device_id=METER_ID):
        assert await pushed(cloud, clock, subscribed) == []
    with cloud.faults.inject(Fault.FROZEN, device_id=METER_ID):
        assert len(await pushed(cloud, clock, subscribed)) > 10
        assert len({event["context"].get("temperature") for event in subscribed}) <= 3


async def test_a_receiver_that_is_away_loses_events_but_harms_nobody(
    call, cloud, clock
):
    setup = {"action": "setupWebhook", "url": URL, "deviceList": "ALL"}
    await webhook(call, "setupWebhook", **setup)
    clock.advance(1800)
    assert await cloud.deliver_events() == 0
    assert (await call.get(METER_STATUS))[0] == 200


async def test_on_real_time_events_are_pushed_by_themselves(receiver):
    url, received, arrived = receiver
    async with FakeSwitchBotCloud(season="winter", speed=3600.0) as cloud:
        cloud.home.push.call("setupWebhook", {"url": url, "deviceList": "ALL"})
        await asyncio.wait_for(arrived.wait(), 10)
    assert received[0]["eventType"] == "changeReport"
