"""What the page about other hubs says of topics, held against a broker and a plain client."""

import asyncio
import json
import re
from pathlib import Path
from random import Random

import pytest

from switchbot_automation import AutomationEngine
from switchbot_automation.mqtt import BrokerAddress, HomeBridge
from switchbot_automation.mqtt.commands import COMMANDS
from switchbot_automation.simulation import SimulatedHome
from switchbot_store import MemoryStore

from .rooms import two_zones

PAGE = (Path(__file__).parents[2] / "docs/how-to/mqtt.md").read_text("utf-8")
STATE = "switchbot-automation/office/state"
SET = "switchbot-automation/office/set/"


def block(kind):
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return found


THINGS = block("openhab")
FLOW = json.loads(block("json"))


class Plain:
    """A client that knows MQTT and nothing of us."""

    def __init__(self, client):
        self._client = client

    async def hears(self, topic):
        """Return what is said of a topic next, or what is retained there."""
        await self.listens(topic)
        return await self.next(topic)

    async def next(self, topic):
        """Return what is said next of a topic that was subscribed to."""
        async with asyncio.timeout(30):
            async for message in self._client.messages:
                if str(message.topic) == topic:
                    return bytes(message.payload).decode()
        raise AssertionError("the broker has gone")

    async def listens(self, topic):
        await self._client.subscribe(topic, qos=1)

    async def until(self, found):
        """Take states in until one is as wanted."""
        while not found(json.loads(await self.next(STATE))):
            pass

    async def says(self, topic, text):
        await self._client.publish(topic, text, qos=1)


@pytest.fixture
async def plain(plain_broker, clock, running):
    """A plain client on a broker where two rooms are shown."""
    store = MemoryStore()
    store.set("settings", two_zones())
    home = SimulatedHome(clock, season="winter")
    async with AutomationEngine(home, store, clock=clock) as engine:
        await engine.run_once()
        address = BrokerAddress("127.0.0.1", plain_broker.port)
        bridge = HomeBridge(engine, address, random=Random(3))
        running(bridge)
        await bridge.until("connected")
        async with plain_broker.client("plain") as client:
            made = Plain(client)
            made.port = plain_broker.port
            yield made


def test_every_command_there_is_stands_in_the_table():
    (table,) = re.findall(r"\| below `.*?\n\n", PAGE, re.DOTALL)
    named = {
        word
        for line in table.strip().splitlines()[2:]
        for word in re.findall(r"`([a-z_]+)`", line.split("|")[1])
    }
    assert named == set(COMMANDS)


async def test_the_state_has_what_the_page_says_and_nothing_else(plain):
    (told,) = re.findall(r"^A state has (.*?)\. What", PAGE, re.MULTILINE | re.DOTALL)
    assert set(json.loads(await plain.hears(STATE))) == set(
        re.findall(r"`(\w+)`", told)
    )
    assert await plain.hears("switchbot-automation/status") == "online"


async def test_openhabs_channels_find_their_values_and_are_obeyed(plain):
    topics = set(re.findall(r'stateTopic="([^"]+)"', THINGS))
    assert topics == {STATE}
    state = json.loads(await plain.hears(STATE))
    paths = re.findall(r'"JSONPATH:\$\.(\w+)"', THINGS)
    assert paths == ["temperature", "target", "mode", "preset", "why"]
    assert isinstance(state["temperature"], float)
    assert set(paths) <= state.keys()
    target, mode, preset = re.findall(r'commandTopic="([^"]+)"', THINGS)
    await plain.says(target, "19.5")
    await plain.until(lambda state: state["target"] == 19.5)
    await plain.says(preset, "none")
    await plain.until(lambda state: not state["wish_until"])
    await plain.says(mode, "off")
    await plain.until(lambda state: state["mode"] == "off")


async def test_node_reds_flow_hears_and_commands(plain):
    topics = {each["name"]: each["topic"] for each in FLOW if "topic" in each}
    ids = {each["id"] for each in FLOW}
    wired = {to for each in FLOW for out in each.get("wires", []) for to in out}
    assert wired < ids
    # Without a place Node-RED takes a node for a configuration, and starts none of them.
    assert all({"x", "y", "wires"} <= each.keys() for each in FLOW)
    assert len({(each["x"], each["y"]) for each in FLOW}) == len(FLOW)
    assert topics["office"] == STATE
    (press,) = (each for each in FLOW if each["type"] == "inject")
    await plain.hears(STATE)
    await plain.says(topics["want"], press["payload"])
    await plain.until(lambda state: state["target"] == float(press["payload"]))
    await plain.listens(topics["refused"])
    await plain.says(topics["want"], "warm")
    assert "warm" in await plain.next(topics["refused"])


async def test_the_program_is_obeyed(plain):
    names = {"__name__": "the page"}
    exec(compile(block("python"), "mqtt.md", "exec"), names)
    await plain.hears(STATE)
    await names["warmer"]("127.0.0.1", plain.port)
    await plain.until(lambda state: state["target"] == 21.5)
