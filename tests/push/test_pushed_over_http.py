"""The whole way of an event: cloud, HTTP, receiver, engine, listeners."""

from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from switchbot_automation.cloud import SwitchBotClient
from switchbot_automation.cloud.events.account import (
    WebhookSetup,
    release_webhook,
    take_webhook,
)
from switchbot_automation.cloud.events.events import new_webhook_secret
from switchbot_automation.engine import AutomationEngine
from switchbot_automation.errors import WebhookConflictError
from switchbot_automation.simulation import (
    FakeSwitchBotCloud,
    SimulatedClock,
    SimulatedHome,
    default_settings,
)
from switchbot_automation.simulation.faults import Call
from switchbot_automation.web import serve
from switchbot_store import MemoryStore

START = datetime(2026, 1, 12, 9, tzinfo=UTC)
FOREIGN = "https://hass.example.com/api/webhook/f0reign"
PLUG = "C0FFEE0000AA"


class Neighbourhood:
    """A simulated home, its cloud on loopback, and an engine that serves a webhook."""

    def __init__(self, session):
        self.clock = SimulatedClock(START)
        self.home = SimulatedHome(self.clock)
        self.cloud = FakeSwitchBotCloud(self.home)
        self.session = session
        store = MemoryStore(now=self.clock.now)
        store.set("settings", default_settings("winter") | {"timezone": "UTC"})
        self.store = store

    def client(self):
        return SwitchBotClient(
            self.session,
            self.cloud.token,
            self.cloud.secret,
            base_url=self.cloud.base_url,
            clock=self.clock,
        )

    async def live(self, engine, **duration):
        """Let time pass, events arrive and the engine tick; return the meter's polls."""
        before = self.cloud.calls[Call.STATUS]
        end = self.clock.now() + timedelta(**duration)
        while self.clock.now() < end:
            self.clock.advance(10)
            await self.cloud.deliver_events()
            if engine.next_wakeup <= self.clock.now():
                await engine.run_once()
        return self.cloud.calls[Call.STATUS] - before


@pytest.fixture
async def place():
    async with aiohttp.ClientSession() as session:
        place = Neighbourhood(session)
        async with place.cloud:
            yield place


async def test_polling_drops_to_a_heartbeat_and_returns_when_events_end(place):
    client, secret = place.client(), new_webhook_secret()
    async with (
        AutomationEngine(client, place.store, clock=place.clock) as engine,
        serve(engine, port=0, webhook_secret=secret) as url,
    ):
        heard = []
        engine.subscribe(heard.append)
        await engine.run_once()
        asked_before = await place.live(engine, hours=2)
        hook = f"{url}webhook/{secret}"
        assert await take_webhook(client, hook) is WebhookSetup.CREATED
        await place.live(engine, hours=1)  # in which push proves itself
        asked_with_push = await place.live(engine, hours=2)
        events = [event for event in heard if event.kind == "webhook"]
        assert events
        assert {event.zones for event in events} >= {("default",)}
        assert asked_with_push < asked_before / 3

        await client.update_webhook(hook, enable=False)
        await place.live(engine, minutes=30)
        asked_in_silence = await place.live(engine, hours=2)
        assert asked_in_silence > asked_before * 0.8


async def test_every_device_s_events_reach_every_subscriber(place):
    client, secret = place.client(), new_webhook_secret()
    place.home.add_device("Plug Mini (JP)", PLUG)
    async with (
        AutomationEngine(client, place.store, clock=place.clock) as engine,
        serve(engine, port=0, webhook_secret=secret) as url,
    ):
        first, second = [], []
        engine.subscribe(first.append)
        leave = engine.subscribe(second.append)
        await engine.run_once()
        await take_webhook(client, f"{url}webhook/{secret}")
        await client.command(PLUG, "turnOn")
        place.clock.advance(5)
        assert await place.cloud.deliver_events() >= 1
        leave()
        await client.command(PLUG, "turnOff")
        place.clock.advance(5)
        await place.cloud.deliver_events()

    def said(heard):
        return [
            each.event.values["powerState"]
            for each in heard
            if each.kind == "webhook" and each.event.device_id == PLUG
        ]

    assert said(first) == ["ON", "OFF"]
    assert said(second) == ["ON"]


async def test_a_guessed_path_reaches_nobody(place):
    client, secret = place.client(), new_webhook_secret()
    async with (
        AutomationEngine(client, place.store, clock=place.clock) as engine,
        serve(engine, port=0, webhook_secret=secret) as url,
    ):
        heard = []
        engine.subscribe(heard.append)
        await engine.run_once()
        heard.clear()
        await take_webhook(client, f"{url}webhook/{new_webhook_secret()}")
        place.clock.advance(3600)
        assert await place.cloud.deliver_events() == 0
        assert not [event for event in heard if event.kind == "webhook"]


async def test_a_foreign_webhook_is_neither_taken_nor_deleted_unless_told(place):
    client = place.client()
    ours = "https://home.example.com/push/0urSecret"
    await client.setup_webhook(FOREIGN)
    for refused in (take_webhook(client, ours), release_webhook(client, ours)):
        with pytest.raises(WebhookConflictError) as caught:
            await refused
        assert "f0reign" not in str(caught.value)
    assert await client.query_webhook() == (FOREIGN,)
    assert await take_webhook(client, ours, replace=True) is WebhookSetup.REPLACED
    assert await take_webhook(client, ours) is WebhookSetup.UNCHANGED
    assert await release_webhook(client, ours) is True
    assert await release_webhook(client, ours) is False
