"""Events over SwitchBot's own MQTT, from our own broker and from a real mosquitto."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import timedelta

import pytest

from switchbot_automation.cloud.events.events import (
    MAX_BODY_BYTES,
    RefusedWebhook,
    WebhookEvent,
)
from switchbot_automation.mqtt.push import read_message
from switchbot_automation.simulation import Fault
from switchbot_automation.simulation.faults import Call
from switchbot_automation.simulation.home import METER_ID


def event_of(clock, temperature, *, device=METER_ID, **more):
    return {
        "eventType": "changeReport",
        "eventVersion": "1",
        "context": {
            "deviceType": "WoMeter",
            "deviceMac": device,
            "temperature": temperature,
            "scale": "CELSIUS",
            "humidity": 50,
            "timeOfSample": int(clock.now().timestamp() * 1000),
            **more,
        },
    }


async def up(stream):
    async with asyncio.timeout(30):
        await stream.until("listening")


async def down(stream, state="waiting"):
    async with asyncio.timeout(30):
        await stream.until(state)


async def test_an_event_becomes_a_reading_without_a_call(broker, make_setup, running):
    home = await make_setup(broker)
    stream = home.stream()
    running(stream)
    await up(stream)
    asked = home.cloud.calls[Call.STATUS]
    home.clock.advance(1)
    await broker.publish(event_of(home.clock, 23.4))
    await home.until_heard(1)
    await home.engine.run_once()
    assert home.engine.overview()["zones"][0]["temperature"] == 23.4
    assert home.cloud.calls[Call.STATUS] == asked
    report = stream.report()
    assert (report["state"], report["events"], report["credentials"]) == (
        "listening",
        1,
        1,
    )
    assert report["problem"] is None
    assert report["last_event_at"] == home.clock.now().isoformat()


async def test_the_simulated_cloud_pushes_what_its_devices_say(
    broker, make_setup, running
):
    home = await make_setup(broker)
    stream = home.stream()
    running(stream)
    await up(stream)
    for _ in range(60):
        home.clock.advance(60)
        home.home.advance()
        if home.home.push._events:
            break
    await home.cloud.deliver_events()
    await home.until_heard(1)
    assert isinstance(home.heard[0], WebhookEvent)


async def test_a_broker_that_restarts_is_listened_to_again(broker, make_setup, running):
    home = await make_setup(broker)
    stream = home.stream()
    running(stream)
    await up(stream)
    stopped = broker.stop()
    if asyncio.iscoroutine(stopped):
        await stopped
    await down(stream)
    await home.clock.until_sleeping()
    home.clock.advance(20)
    # It is not there yet: the next wait is longer.
    await home.clock.until_sleeping()
    started = broker.start()
    if asyncio.iscoroutine(started):
        await started
    home.clock.advance(60)
    await up(stream)
    assert home.missed == 1
    await broker.publish(event_of(home.clock, 20.5))
    await home.until_heard(1)
    assert stream.report()["connections"] == 2
    assert stream.report()["credentials"] == 1, "the certificate was still good"


async def test_cut_off_again_at_once_it_comes_back_with_another_id(
    own_broker, make_setup, running
):
    home = await make_setup(own_broker)
    stream = home.stream()
    running(stream)
    ids = []
    for _ in range(3):
        await up(stream)
        ids.append(next(iter(own_broker._clients)))
        own_broker.drop()
        await down(stream)
        await home.clock.until_sleeping()
        home.clock.advance(7 * 3600)
    assert ids[0] == ids[1] != ids[2]
    assert stream.report()["credentials"] == 2


async def test_a_duplicate_client_that_kicks_us_is_left_the_field(
    real_broker, make_setup, running
):
    home = await make_setup(real_broker)
    stream = home.stream()
    running(stream)
    for _ in range(2):
        await up(stream)
        client_id = real_broker.client_id(stream._instance_id)
        async with real_broker.client(client_id):
            await down(stream)
        await home.clock.until_sleeping()
        home.clock.advance(400)
    await up(stream)
    assert real_broker.client_id(stream._instance_id) != client_id
    async with real_broker.client(client_id):
        await real_broker.publish(event_of(home.clock, 21.5))
        await home.until_heard(1)
    assert stream.report()["state"] == "listening"


async def test_waits_grow_until_a_connection_has_stood_for_a_while(
    own_broker, make_setup, running
):
    home = await make_setup(own_broker)
    stream = home.stream()
    running(stream)
    await up(stream)
    await own_broker.stop()
    await down(stream)
    waits = []
    for _ in range(9):
        waits.append(await home.clock.until_sleeping())
        home.clock.advance(waits[-1] + 0.001)
        await down(stream, "connecting")
        await down(stream)
    assert waits[0] <= 1.0
    assert all(2.0**n / 2 <= wait <= 2.0**n for n, wait in enumerate(waits[:8]))
    await own_broker.start()
    home.clock.advance(300)
    await up(stream)
    home.clock.advance(61)
    own_broker.drop()
    await down(stream)
    assert await home.clock.until_sleeping() <= 1.0


async def test_a_dead_certificate_is_replaced(broker, make_setup, running):
    home = await make_setup(broker)
    stream = home.stream(answer_seconds=3.0)
    running(stream)
    await up(stream)
    if hasattr(broker, "revoke"):
        await broker.revoke()
    else:
        broker.stop()
        broker.clients = type(broker.clients)("Other clients")
        broker.start()
    await down(stream)
    await home.clock.until_sleeping()
    home.clock.advance(2)
    # Refused by TLS: now a fresh one is asked for, after a wait that costs calls little.
    wait = await home.clock.until_sleeping(10)
    assert 15 <= wait <= 30
    home.clock.advance(wait + 0.001)
    await up(stream)
    assert stream.report()["credentials"] == 2


async def test_it_is_renewed_before_its_end(own_broker, make_setup, running):
    home = await make_setup(own_broker)
    own_broker.life = timedelta(hours=10)
    stream = home.stream()
    running(stream)
    await up(stream)
    first = stream.report()["certificate_until"]
    for _ in range(8 * 60):
        home.clock.advance(60)
        await asyncio.sleep(0)
    assert stream.report()["credentials"] == 1
    own_broker.life = timedelta(days=3)
    home.cloud.faults.inject(Fault.SERVER_ERROR, calls=[Call.CONTENT], times=3)
    for _ in range(90):
        home.clock.advance(60)
        for _ in range(5):
            await asyncio.sleep(0.002)
        if stream.report()["credentials"] == 2:
            break
    await up(stream)
    assert stream.report()["credentials"] == 2
    assert stream.report()["certificate_until"] > first


async def test_a_topic_that_is_refused_is_a_failure_with_a_name(
    own_broker, make_setup, running, caplog
):
    caplog.set_level(logging.DEBUG)
    home = await make_setup(own_broker)
    own_broker.refuses_topics = True
    stream = home.stream()
    running(stream)
    await home.clock.until_sleeping(10)
    assert stream.report()["state"] == "waiting"
    home.clock.advance(61)
    assert "does not let us listen" in str(stream.report()["problem"])
    assert home.cloud.token not in caplog.text
    assert own_broker.topic not in caplog.text


@pytest.mark.parametrize("way", ["forbidden", "refuses_clients"])
async def test_whoever_is_not_let_in_asks_for_few_credentials(
    own_broker, make_setup, running, way
):
    home = await make_setup(own_broker)
    setattr(own_broker, way, True)
    stream = home.stream(answer_seconds=5.0)
    running(stream)
    day = home.clock.monotonic() + 86_400
    while home.clock.monotonic() < day:
        home.clock.advance(await home.clock.until_sleeping() + 0.001)
        await down(stream, "connecting")
        await down(stream)
    assert 2 <= stream.report()["credentials"] <= 24
    assert stream.report()["problem"]


async def test_a_cloud_that_gives_none_is_asked_seldom(own_broker, make_setup, running):
    home = await make_setup(own_broker)
    home.cloud.faults.inject(Fault.UNAUTHORIZED, calls=[Call.CONTENT])
    stream = home.stream()
    running(stream)
    assert await home.clock.until_sleeping(10) >= 3600
    home.clock.advance(61)
    assert "token or secret refused" in stream.report()["problem"]
    home.cloud.faults.clear()
    home.clock.advance(3600)
    await up(stream)
    assert stream.report()["problem"] is None


async def test_a_nonsense_credential_names_the_field_and_no_value(
    own_broker, make_setup, running
):
    home = await make_setup(own_broker)
    body = own_broker.credential("x")
    body["channels"]["mqtt"]["tls"]["keyBase64"] = "hush hush"
    home.cloud.account.content.iot_credential = body
    stream = home.stream()
    running(stream)
    await home.clock.until_sleeping(10)
    home.clock.advance(61)
    assert "keyBase64" in stream.report()["problem"]
    assert "hush" not in stream.report()["problem"]


async def test_not_wanted_it_has_no_connection(own_broker, make_setup, running):
    home = await make_setup(own_broker)
    wanted = False
    stream = home.stream(wanted=lambda: wanted)
    running(stream)
    await home.clock.until_sleeping(10)
    assert (stream.report()["state"], own_broker.connections) == ("idle", 0)
    wanted = True
    home.clock.advance(31)
    await up(stream)
    wanted = False
    home.clock.advance(31)
    await down(stream, "idle")
    assert stream.report()["problem"] is None


async def test_the_same_event_by_webhook_and_by_mqtt_counts_once(
    own_broker, make_setup, running
):
    home = await make_setup(own_broker)
    stream = home.stream()
    running(stream)
    await up(stream)
    home.clock.advance(1)
    event = event_of(home.clock, 22.0)
    await home.engine.handle_webhook(event)
    spelled = ":".join(METER_ID[n : n + 2] for n in range(0, 12, 2)).lower()
    await own_broker.publish(
        {**event, "context": {**event["context"], "deviceMac": spelled}}
    )
    await home.until_heard(1)
    assert isinstance(home.heard[0], RefusedWebhook)
    assert stream.report()["refused"] == 1


async def test_rubbish_ends_nothing(own_broker, make_setup, running):
    home = await make_setup(own_broker)
    stream = home.stream()
    running(stream)
    await up(stream)
    rubbish = [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"a":' * 2000,
        b"null",
        b'"x"',
        b"x" * 65_000,
    ]
    for each in rubbish:
        await own_broker.publish(each)
    await own_broker.publish({"eventType": "changeReport", "context": {}})
    await own_broker.publish(event_of(home.clock, 21.0))
    await home.until_heard(2)
    assert isinstance(home.heard[-1], WebhookEvent)
    assert stream.report()["refused"] == len(rubbish) + 1
    assert stream.report()["state"] == "listening"


def test_a_message_is_read_up_to_as_many_bytes_as_a_webhook_has():
    empty = len(b'{"a":""}')
    longest = b'{"a":"%s"}' % (b"x" * (MAX_BODY_BYTES - empty))
    assert read_message(longest) == {"a": "x" * (MAX_BODY_BYTES - empty)}
    assert read_message(longest + b" ") is None


@pytest.mark.parametrize(
    "told", ["B0:E9:FE:11:22:33", "b0-e9-fe-11-22-33", "b0e9fe112233"]
)
def test_an_id_is_read_as_the_device_list_has_it(told):
    body = json.dumps({"eventType": "x", "context": {"deviceMac": told}}).encode()
    assert read_message(body)["context"]["deviceMac"] == "B0E9FE112233"


def test_an_id_that_is_no_address_stays():
    body = json.dumps({"context": {"deviceId": "virtual-meter:1"}}).encode()
    assert read_message(body)["context"]["deviceId"] == "virtual-meter:1"
