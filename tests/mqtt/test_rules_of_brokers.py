"""A broker that lets us do what the page about other hubs lists, and nothing else."""

import asyncio
from random import Random

import aiomqtt

from switchbot_automation.mqtt import BrokerAddress, HomeBridge, Topics

from .conftest import demand_mosquitto
from .mosquitto import Mosquitto
from .test_home_bridge import Hub
from .test_mqtt_page import block

RULES = block("text")


async def asks_all_there_is(broker, engine, running):
    """Be found, show, obey, refuse, and greet a hub that starts anew."""
    address = BrokerAddress("127.0.0.1", broker.port)
    bridge = HomeBridge(engine, address, random=Random(3))
    async with asyncio.timeout(30), broker.client("hub", user="hub") as client:
        hub = Hub(client)
        listening = asyncio.create_task(hub.listen())
        task = running(bridge)
        await bridge.until("connected")
        await hub.until(lambda: hub.state("office"))
        await hub.until(
            lambda: any(
                topic.startswith("homeassistant/climate/") for topic in hub.known
            )
        )
        assert hub.known[Topics().availability] == b"online"
        await hub.say("office", "temperature", "19.5")
        await hub.until(lambda: hub.state("office")["target"] == 19.5)
        await hub.say("office", "mode", "warm")
        await hub.until(
            lambda: "switchbot-automation/office/error" in dict(hub.passing)
        )
        heard = len(hub.passing)
        await client.publish("homeassistant/status", "online", qos=1)
        await hub.until(
            lambda: (
                Topics().availability in dict(hub.passing[heard:])
                and "switchbot-automation/office/state" in dict(hub.passing[heard:])
            )
        )
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await hub.until(lambda: hub.known[Topics().availability] == b"offline")
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


def denied(broker):
    return [line for line in broker.log if "Denied" in line]


async def test_the_rules_of_the_page_are_enough(engine, running):
    demand_mosquitto()
    with Mosquitto(rules=RULES) as broker:
        await asks_all_there_is(broker, engine, running)
        assert denied(broker) == []


def test_a_home_among_many_needs_them_one_level_lower():
    rules = RULES.replace("switchbot-automation/", "switchbot-automation/42/", 4)
    rules = rules.replace("/switchbot-automation/+/config", "/+/+/config")
    patterns = [line.split()[2] for line in rules.splitlines()]
    topics = Topics(home="42")
    for topic in (
        topics.availability,
        topics.state("Küche/1"),
        topics.error("Küche/1"),
        topics.command("Küche/1", "mode"),
        topics.birth,
        topics.config("climate", "Küche/1", "climate"),
    ):
        assert any(aiomqtt.Topic(topic).matches(each) for each in patterns), topic
