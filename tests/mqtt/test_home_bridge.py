"""Rooms on one's own broker: found, shown, commanded, and gone when they are gone."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from datetime import timedelta
from random import Random

import pytest

from switchbot_automation.errors import BrokerError
from switchbot_automation.instants import encode_instant
from switchbot_automation.languages import LANGUAGES, speaking
from switchbot_automation.mqtt import BrokerAddress, HomeBridge, Topics
from switchbot_automation.mqtt.commands import COMMANDS
from switchbot_automation.mqtt.link import Link
from switchbot_automation.mqtt.topics import topic_id

LAST = f"last: no command 'last'; there are {', '.join(COMMANDS)}".encode()
A_STATE = {
    "assumed_power": "off",
    "hold_until": None,
    "wish_until": None,
    "reasons": [],
}


class Hub:
    """Another hub: hears everything, and says something now and then."""

    def __init__(self, client):
        self.client = client
        self.known: dict[str, bytes] = {}
        self.passing: list[tuple[str, bytes]] = []
        self._news = asyncio.Condition()

    async def listen(self):
        await self.client.subscribe("#", 1)
        async for message in self.client.messages:
            topic, payload = str(message.topic), bytes(message.payload)
            async with self._news:
                self.passing.append((topic, payload))
                self.known[topic] = payload
                if not payload:
                    del self.known[topic]
                self._news.notify_all()

    async def until(self, condition):
        async with asyncio.timeout(30), self._news:
            await self._news.wait_for(condition)

    def state(self, zone):
        said = self.known.get(f"switchbot-automation/{topic_id(zone)}/state")
        return json.loads(said) if said else {}

    async def say(self, zone, what, payload, **options):
        topic = Topics().command(zone, what)
        await self.client.publish(topic, payload, qos=1, **options)


@pytest.fixture
async def hub(plain_broker):
    async with plain_broker.client("another-hub") as client:
        hub = Hub(client)
        task = asyncio.create_task(hub.listen())
        yield hub
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def bridge(plain_broker, engine):
    address = BrokerAddress("127.0.0.1", plain_broker.port)
    return HomeBridge(engine, address, random=Random(3))


async def connected(bridge):
    async with asyncio.timeout(30):
        await bridge.until("connected")


async def test_every_zone_is_found_with_its_state(bridge, hub, running):
    running(bridge)
    await connected(bridge)
    await hub.until(lambda: hub.state("office") and hub.state("Küche/1"))
    configs = {
        topic: json.loads(said)
        for topic, said in hub.known.items()
        if topic.endswith("/config")
    }
    kinds = sorted(topic.split("/")[1] for topic in configs)
    assert kinds == sorted(
        (["climate"] + ["sensor"] * 5 + ["binary_sensor"] + ["button"] * 5) * 2
    )
    assert len({each["unique_id"] for each in configs.values()}) == len(configs)
    climate = configs[
        "homeassistant/climate/switchbot-automation/office_climate/config"
    ]
    assert climate["modes"] == ["off", "heat"]
    problem = configs[
        "homeassistant/binary_sensor/switchbot-automation/office_problem/config"
    ]
    # Python's templates write `True`, Java's `true`.
    for payload in (problem["payload_on"], problem["payload_off"]):
        assert f"'{payload}'" in problem["value_template"]
    assert climate["preset_modes"] == ["eco", "sleep"]
    other = next(
        each
        for topic, each in configs.items()
        if "k-che" in topic and "/climate/" in topic
    )
    assert other["modes"] == ["off", "heat", "cool", "heat_cool"]
    state = hub.state("office")
    assert state["mode"] == "heat"
    assert state["low"] < state["target"] < state["high"]
    assert isinstance(state["temperature"], float)
    await hub.until(lambda: hub.known.get("switchbot-automation/status") == b"online")


async def test_a_hub_that_comes_later_knows_it_at_once(bridge, plain_broker, running):
    running(bridge)
    await connected(bridge)
    async with plain_broker.client("late") as client:
        await client.subscribe("switchbot-automation/office/state")
        async with asyncio.timeout(30):
            message = await anext(aiter(client.messages))
        assert message.retain
        assert json.loads(message.payload)["mode"] == "heat"


async def test_low_and_high_are_one_wish_and_a_wish_alone(bridge, hub, engine, running):
    running(bridge)
    await connected(bridge)
    before = (await engine.stored_settings()).data
    await hub.say("office", "low", "25.5")
    await hub.say("office", "high", "27")
    await hub.until(
        lambda: (
            (hub.state("office").get("low"), hub.state("office").get("high"))
            == (25.5, 27)
        )
    )
    assert (await engine.stored_settings()).data == before
    assert hub.state("Küche/1")["low"] != 25.5
    assert bridge.report()["refused"] == 0


async def test_one_side_alone_moves_that_side(bridge, hub, engine, running, clock):
    running(bridge)
    await connected(bridge)
    await hub.until(lambda: hub.state("office"))
    high = hub.state("office")["high"]
    await hub.say("office", "low", "15.5")
    await clock.until_sleeping(most=0.5)
    clock.advance(1)
    await hub.until(lambda: hub.state("office").get("low") == 15.5)
    assert hub.state("office")["high"] == high


async def test_one_side_alone_that_cannot_be_is_refused_with_a_word(
    bridge, hub, running, clock
):
    running(bridge)
    await connected(bridge)
    await hub.until(lambda: hub.state("office"))
    before = hub.state("office")
    await hub.say("office", "low", "80")
    await clock.until_sleeping(most=0.5)
    clock.advance(1)
    await hub.until(lambda: "switchbot-automation/office/error" in dict(hub.passing))
    said = dict(hub.passing)["switchbot-automation/office/error"].decode()
    assert said.startswith("low: ")
    assert bridge.report()["refused"] == 1
    assert hub.state("office") == before


async def test_a_side_that_cannot_be_stops_no_command_behind_it(bridge, hub, running):
    running(bridge)
    await connected(bridge)
    await hub.say("office", "low", "80")
    await hub.say("office", "mode", "off")
    await hub.until(lambda: hub.state("office").get("mode") == "off")
    assert b"low: " in dict(hub.passing)["switchbot-automation/office/error"]
    assert bridge.report()["refused"] == 1


@pytest.mark.parametrize("qos", [0, 2])
async def test_a_command_is_obeyed_once_however_it_is_sent(bridge, hub, running, qos):
    running(bridge)
    await connected(bridge)
    topic = Topics().command("office", "mode")
    await hub.client.publish(topic, "off", qos=qos)
    await hub.until(lambda: hub.state("office").get("mode") == "off")
    assert bridge.report()["commands"] == 1


async def test_megabytes_are_no_command_and_end_nothing(
    plain_mosquitto, engine, running, caplog
):
    """A broker of one's own lets a client publish 256 MB."""
    bridge = HomeBridge(
        engine, BrokerAddress("127.0.0.1", plain_mosquitto.port), random=Random(3)
    )
    running(bridge)
    await connected(bridge)
    async with plain_mosquitto.client("somebody") as client:
        for what in ("mode", "low", "x" * 60_000):
            topic = Topics().command("office", what)
            await client.publish(topic, b"9" * 8_000_000, qos=1)
        await client.publish(Topics().command("office", "mode"), "off", qos=1)
        await client.subscribe(Topics().state("office"), qos=1)
        async with asyncio.timeout(30):
            async for message in client.messages:
                if json.loads(message.payload)["mode"] == "off":
                    break
    assert bridge.report()["connections"] == 1
    assert bridge.report()["refused"] == 3
    assert len(caplog.text) < 5000


async def test_a_temperature_moves_the_band_as_wide_as_it_is(bridge, hub, running):
    running(bridge)
    await connected(bridge)
    await hub.until(lambda: hub.state("office"))
    width = hub.state("office")["high"] - hub.state("office")["low"]
    await hub.say("office", "temperature", "23.25")
    await hub.until(lambda: hub.state("office").get("target") == 23.25)
    assert hub.state("office")["high"] - hub.state("office")["low"] == width


async def test_presets_and_their_end(bridge, hub, running):
    running(bridge)
    await connected(bridge)
    await hub.say("office", "preset", "eco")
    await hub.until(lambda: hub.state("office").get("preset") == "eco")
    await hub.say("office", "preset", "none")
    await hub.until(lambda: hub.state("office").get("preset") == "none")


async def test_off_holds_and_resume(bridge, hub, engine, running):
    running(bridge)
    await connected(bridge)
    await hub.say("office", "hold", "90")
    await hub.until(lambda: hub.state("office").get("hold_until"))
    await hub.say("office", "resume", "PRESS")
    await hub.until(lambda: hub.state("office").get("hold_until") is None)
    await hub.say("office", "mode", "off")
    await hub.until(lambda: hub.state("office").get("mode") == "off")
    assert hub.state("Küche/1")["mode"] == "heat"
    await hub.say("office", "mode", "heat")
    await hub.until(lambda: hub.state("office").get("mode") == "heat")


async def test_another_season_is_a_change_of_the_settings(bridge, hub, engine, running):
    running(bridge)
    await connected(bridge)
    await hub.say("Küche/1", "mode", "heat_cool")
    await hub.until(lambda: bridge.report()["commands"] == 1)
    await engine.run_once("settings")
    await hub.until(lambda: hub.state("Küche/1").get("mode") == "heat_cool")
    stored = (await engine.stored_settings()).data["zones"]
    assert stored["Küche/1"]["mode"] == "auto"
    assert stored["office"]["mode"] == "winter"


def names_in(hub):
    """Return what entities are called, by the last part of their ids."""
    return {
        config["unique_id"].rpartition("_")[2]: config["name"]
        for topic, payload in hub.known.items()
        if topic.endswith("/config") and (config := json.loads(payload))["name"]
    }


@pytest.mark.parametrize("language", LANGUAGES)
async def test_entities_are_named_in_the_language_of_the_home(
    bridge, hub, running, language
):
    with speaking(language):
        running(bridge)
    await connected(bridge)
    await hub.until(lambda: hub.state("office"))
    found = names_in(hub)
    assert len(found) == len({*found.values()}) > 10
    spoken = found["temperature"], found["boost"], found["refresh"]
    assert (
        spoken
        == {
            "en": ("Temperature", "Boost", "Read now"),
            "de": ("Temperatur", "Schub", "Jetzt messen"),
            "fr": ("Température", "Coup de pouce", "Mesurer maintenant"),
            "ja": ("温度", "ブースト", "今すぐ測る"),
        }[language]
    )


async def test_boost_warms_for_an_hour(bridge, hub, running):
    running(bridge)
    await connected(bridge)
    await hub.until(lambda: hub.state("office"))
    low = hub.state("office")["low"]
    await hub.say("office", "boost", "PRESS")
    await hub.until(lambda: hub.state("office").get("low") == low + 2)
    assert hub.state("office")["wish_until"]


async def test_a_boost_that_comes_twice_counts_once(bridge, hub, engine, running):
    running(bridge)
    await connected(bridge)
    await hub.until(lambda: hub.state("office"))
    low = hub.state("office")["low"]
    await hub.say("office", "boost", "30")
    await hub.say("office", "boost", "90")
    await hub.until(lambda: bridge.report()["commands"] == 2)
    shown = engine.zone_overview("office")
    assert shown["wanted"]["low"] == low + 2
    assert shown["wish"]["until"] == encode_instant(
        engine.clock.now() + timedelta(minutes=90)
    )
    # What a person wants meanwhile is what the next one adds to.
    await hub.say("office", "temperature", str(low + 5))
    await hub.until(lambda: bridge.report()["commands"] == 3)
    before = engine.zone_overview("office")["wanted"]["low"]
    await hub.say("office", "boost", "PRESS")
    await hub.until(lambda: bridge.report()["commands"] == 4)
    assert engine.zone_overview("office")["wanted"]["low"] == before + 2


@pytest.mark.parametrize(
    ("what", "payload"),
    [
        ("temperature", "warm"),
        ("temperature", "nan"),
        ("temperature", "72"),
        ("temperature", "0"),
        ("temperature", "1e308"),
        ("low", "inf"),
        ("mode", "dry"),
        ("preset", "party"),
        ("hold", "-5"),
        ("hold", "1e18"),
        ("hold", "1e308"),
        ("boost", "1e18"),
        ("no_such_thing", "1"),
        ("mode", b"\xff\xfe"),
        ("mode", "x" * 5000),
        ("low", b"\xff\xfe"),
        ("high", "9" * 5000),
    ],
)
async def test_what_cannot_be_is_refused_with_a_word(
    bridge, hub, running, what, payload
):
    running(bridge)
    await connected(bridge)
    await hub.until(lambda: hub.state("office"))
    before = hub.state("office")
    await hub.say("office", what, payload)
    await hub.until(lambda: "switchbot-automation/office/error" in dict(hub.passing))
    said = dict(hub.passing)["switchbot-automation/office/error"].decode()
    assert said.startswith(f"{what}: ")
    if isinstance(payload, bytes):
        assert said.endswith("a command is text")
    assert bridge.report()["refused"] == 1
    assert hub.state("office") == before
    assert bridge.report()["state"] == "connected"


async def test_a_retained_command_is_not_carried_out(
    bridge, hub, plain_broker, running, caplog
):
    await hub.say("office", "mode", "off", retain=True)
    await hub.until(lambda: hub.passing)
    running(bridge)
    await connected(bridge)
    await hub.say("office", "hold", "60")
    await hub.until(lambda: hub.state("office").get("hold_until"))
    assert hub.state("office")["mode"] == "heat"
    assert "without `retain`" in caplog.text


@pytest.mark.parametrize("said", [b'{"temperature": 99}', b"\xff", b""])
async def test_what_another_puts_in_the_place_of_a_state_does_not_stay(
    bridge, hub, running, clock, said
):
    running(bridge)
    await connected(bridge)
    await hub.until(lambda: hub.state("office"))
    topic, before = Topics().state("office"), hub.state("office")
    await hub.client.publish(topic, said, qos=1, retain=True)
    await hub.until(lambda: hub.known.get(topic, b"") == said)
    # Not at once, or two of one name would overwrite each other without an end.
    while hub.known.get(topic, b"") == said:
        await clock.until_sleeping(least=1)
        clock.advance(31)
        await asyncio.sleep(0)
    assert hub.state("office") == before


async def test_of_a_zone_that_goes_nothing_stays(bridge, hub, engine, running):
    running(bridge)
    await connected(bridge)
    await hub.until(lambda: hub.state("office"))
    document = (await engine.stored_settings()).data
    del document["zones"]["office"]
    await engine.apply_settings(document)
    await engine.run_once("settings")
    await hub.until(lambda: not [each for each in hub.known if "office" in each])
    assert hub.state("Küche/1")


async def test_of_a_zone_that_went_while_nobody_ran_nothing_stays(bridge, hub, running):
    description = json.dumps({"origin": {"name": "switchbot-automation"}})
    for topic, said in {
        "switchbot-automation/cellar/state": json.dumps(A_STATE),
        "homeassistant/climate/switchbot-automation/cellar_climate/config": description,
        "homeassistant/climate/somebody-else/cellar_climate/config": description,
    }.items():
        await hub.client.publish(topic, said, qos=1, retain=True)
    await hub.until(lambda: len(hub.known) == 3)
    running(bridge)
    await connected(bridge)
    await hub.until(lambda: len([each for each in hub.known if "cellar" in each]) == 1)
    assert "homeassistant/climate/somebody-else/cellar_climate/config" in hub.known


@pytest.mark.parametrize(
    "said", ["ON", "{}", '{"state": "ON", "origin": {"name": "another"}}', b"\xff"]
)
async def test_what_others_keep_below_the_same_beginning_stays(
    bridge, hub, running, clock, said
):
    """Also what comes while the bridge is there, retained or not."""
    kept = {
        "switchbot-automation/lamp/state": said,
        "homeassistant/light/switchbot-automation/lamp/config": said,
    }
    for topic in kept:
        await hub.client.publish(topic, said, qos=1, retain=True)
    running(bridge)
    await connected(bridge)
    for topic in kept:
        await hub.client.publish(topic, said, qos=1)
    # Carried out after all of that was taken in.
    await hub.say("office", "hold", "60")
    await hub.until(lambda: hub.state("office").get("hold_until"))
    assert kept.keys() <= hub.known.keys()
    assert not [topic for topic, each in hub.passing if topic in kept and not each]


async def test_refusals_fill_no_log(bridge, hub, running, clock, caplog):
    running(bridge)
    await connected(bridge)
    for _ in range(30):
        await hub.say("office", "x" * 3000, "1")
        await hub.say("nowhere", "mode", "off")
    # They are told of one after the other, so that all before the last were refused.
    await hub.say("office", "last", "1")
    await hub.until(lambda: (Topics().error("office"), LAST) in hub.passing)
    lines = [each for each in caplog.records if each.name.endswith("mqtt.bridge")]
    refused = [each for each in lines if each.levelname == "WARNING"]
    assert len(refused) == 20
    assert max(len(each.getMessage()) for each in refused) < 500
    hub.passing.clear()
    clock.advance(60)
    await hub.say("office", "last", "1")
    await hub.until(lambda: (Topics().error("office"), LAST) in hub.passing)
    assert "41 refusals by MQTT were not logged" in caplog.text


async def test_who_stops_says_offline(bridge, hub, running):
    task = running(bridge)
    await connected(bridge)
    await hub.until(lambda: hub.known.get("switchbot-automation/status") == b"online")
    task.cancel()
    await hub.until(lambda: hub.known["switchbot-automation/status"] == b"offline")


@pytest.mark.parametrize("said", [b"offline", b"", b"\xff{"])
async def test_who_is_there_is_not_said_to_be_away_for_long(
    bridge, hub, running, clock, said
):
    """As by the will of a connection that broke unnoticed, which comes minutes late."""
    running(bridge)
    await connected(bridge)
    topic = Topics().availability
    await hub.until(lambda: hub.known.get(topic) == b"online")
    await hub.client.publish(topic, said, qos=1, retain=True)
    await hub.until(lambda: (topic, said) in hub.passing)
    await put_right(hub, clock, topic, b"online")
    assert bridge.report()["problem"] is None


async def test_a_broker_that_cuts_off_who_asks_for_what_is_forbidden_has_us_once_more(
    engine, plain_mosquitto, running, clock, monkeypatch
):
    """Rules that let us write whether we are there, and no more, were enough once."""
    honest, asked = Link.subscribe, []

    async def subscribe(link, topic, qos=1):
        if topic == Topics().availability:
            asked.append(topic)
            link._client._client.disconnect()
            raise BrokerError("cut off", fault="forbidden")
        await honest(link, topic, qos)

    monkeypatch.setattr(Link, "subscribe", subscribe)
    address = BrokerAddress("127.0.0.1", plain_mosquitto.port)
    bridge = HomeBridge(engine, address, random=Random(3))
    running(bridge)
    async with asyncio.timeout(30):
        await bridge.until("waiting")
        await clock.until_sleeping()
        clock.advance(61)
        await bridge.until("connected")
        async with plain_mosquitto.client("hub") as client:
            await client.subscribe(Topics().all_states, 1)
            assert (await anext(aiter(client.messages))).retain
    assert (len(asked), bridge.report()["state"]) == (1, "connected")


async def test_a_broker_that_restarts_gets_everything_again(
    engine, plain_mosquitto, running, clock
):
    address = BrokerAddress("127.0.0.1", plain_mosquitto.port)
    bridge = HomeBridge(engine, address, random=Random(3))
    running(bridge)
    await connected(bridge)
    plain_mosquitto.stop()
    async with asyncio.timeout(30):
        await bridge.until("waiting")
    assert bridge.report()["problem"] is None
    clock.advance(61)
    async with asyncio.timeout(30):
        await bridge.until("connecting")
        await bridge.until("waiting")
    assert "not reached" in bridge.report()["problem"]
    plain_mosquitto.start()
    clock.advance(61)
    await connected(bridge)
    async with plain_mosquitto.client("late") as client:
        await client.subscribe("switchbot-automation/+/state", 1)
        found = set()
        async with asyncio.timeout(30):
            async for message in client.messages:
                found.add(str(message.topic))
                if len(found) == 2:
                    break
    assert bridge.report()["connections"] == 2


async def test_who_vanishes_is_offline_by_the_broker_s_word(
    engine, plain_mosquitto, running, clock
):
    address = BrokerAddress("127.0.0.1", plain_mosquitto.port, client_id="our-home")
    bridge = HomeBridge(engine, address, random=Random(3))
    running(bridge)
    await connected(bridge)
    async with plain_mosquitto.client("another") as client:
        await client.subscribe("switchbot-automation/status", 1)
        said = aiter(client.messages)
        async with asyncio.timeout(30):
            assert (await anext(said)).payload == b"online"
            # A second client of the id: the broker ends the first, which had no last word.
            async with plain_mosquitto.client("our-home"):
                assert (await anext(said)).payload == b"offline"
                await bridge.until("waiting")
            await clock.until_sleeping()
            clock.advance(61)
            assert (await anext(said)).payload == b"online"


async def test_a_hub_that_starts_anew_is_told_everything_again(bridge, hub, running):
    running(bridge)
    await connected(bridge)
    await hub.until(lambda: hub.known.get("switchbot-automation/status") == b"online")
    hub.passing.clear()
    await hub.client.publish("homeassistant/status", "online")
    await hub.until(lambda: "switchbot-automation/status" in dict(hub.passing))
    told = {topic for topic, _ in hub.passing}
    assert len([each for each in told if each.endswith("/config")]) == 24


def test_ids_of_zones_are_theirs_alone():
    names = [
        "office",
        "Office",
        "off ice",
        "Küche",
        "K che",
        "k-che",
        "",
        "/",
        "#",
        "+",
        "日本",
        "a" * 90,
        "a" * 91,
    ]
    # A name may be another's id, and the id of that one, too.
    names += [topic_id(each) for each in names if topic_id(each) != each]
    names += [topic_id(each) for each in names if topic_id(each) not in names]
    ids = [topic_id(each) for each in names]
    assert len(set(ids)) == len(names)
    for each in ids:
        assert each
        assert set(each) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-")


async def put_right(hub, clock, topic, payload):
    """Wait until it is, and until a look has counted it.

    Some is put right at once, some at a look; whether the bridge has heard yet, only what it
    does shows. No look more than it takes: minutes count.
    """
    for _ in range(3):
        try:
            async with asyncio.timeout(2):
                await hub.until(lambda: hub.known.get(topic) == payload)
            break
        except TimeoutError:
            await look(clock)
    else:
        pytest.fail(f"{topic} was not put right")
    await look(clock)


async def look(clock):
    """Let the bridge look once."""
    await clock.until_sleeping(least=29, most=30)
    clock.advance(31)
    await clock.until_sleeping(least=29, most=30)


@pytest.mark.parametrize("room", ["office", "den"], ids=["the same", "others"])
async def test_two_homes_under_one_name_are_told_of_each_other(
    bridge, hub, running, clock, room
):
    """Each undoes what the other shows, of its rooms and its own; until one is gone."""
    running(bridge)
    await connected(bridge)
    await hub.until(lambda: hub.state("office"))
    topic = Topics().state(room)
    before = hub.known.get(topic)
    said = json.dumps(A_STATE).encode()
    for time in (1, 2, 3):
        assert bridge.report()["problem"] is None
        await hub.client.publish(topic, said, qos=1, retain=True)
        await hub.until(lambda time=time: hub.passing.count((topic, said)) == time)
        await put_right(hub, clock, topic, before)
    assert "SWITCHBOT_MQTT_TOPIC" in bridge.report()["problem"]
    clock.advance(301)
    assert bridge.report()["problem"] is None


async def test_what_changes_fast_is_no_other_program(
    bridge, hub, engine, running, clock
):
    """What we said comes back after what we said next."""
    running(bridge)
    await connected(bridge)
    for low in range(15, 23):
        await engine.set_temperature("office", low, low + 1.0)
        await hub.until(lambda low=low: hub.state("office").get("low") == low)
        await clock.until_sleeping(least=1)
        clock.advance(31)
    assert bridge.report()["problem"] is None


async def test_nothing_that_is_published_shows_a_secret(
    plain_broker, hub, engine, running, caplog
):
    caplog.set_level(logging.DEBUG)
    secret = "Zq{}0123456789012345hush".format
    url = f"http://{secret('user')}@127.0.0.1:1/{secret('path')}?k={secret('query')}"
    allowed = {"allowed_hosts": ["127.0.0.1"]}
    document = (await engine.stored_settings()).data | {
        "cascade": ["webhook"],
        "webhooks": dict.fromkeys(["winter", "summer", "fan", "off"], url),
        "webhook_allowed_hosts": ["127.0.0.1"],
        "notifiers": {
            "phone": {"type": "ntfy", "url": f"{url}t", **allowed},
            "tablet": {
                "type": "ntfy",
                "url": "http://127.0.0.1:1/x",
                **allowed,
                "token": secret("token"),
            },
        },
    }
    await engine.apply_settings(document)
    address = BrokerAddress(
        "127.0.0.1", plain_broker.port, username="u", password=secret("broker")
    )
    shown = HomeBridge(engine, address, random=Random(3))
    running(shown)
    await connected(shown)
    await hub.until(lambda: hub.state("office"))
    for what, said in (("mode", "off"), ("mode", "heat"), ("hold", "60"), ("low", "x")):
        await hub.say("office", what, said)
    await hub.say("office", "last", "")
    await hub.until(lambda: (Topics().error("office"), LAST) in hub.passing)
    await engine.run_once()
    said = f"{hub.passing!r}{shown!r}{address!r}{caplog.text}"
    assert "homeassistant/" in said
    assert re.findall(r"Zq\w*|\w*hush", said) == []
