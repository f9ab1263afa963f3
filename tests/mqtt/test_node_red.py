"""The flow of docs/how-to/mqtt.md inside Node-RED itself, with mosquitto between.

`nox -s node_red` brings Node-RED and names its program in `NODE_RED`.
"""

import asyncio
import json
import os
import re
import shutil
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random

import aiohttp
import pytest

from switchbot_automation import AutomationEngine
from switchbot_automation.mqtt import BrokerAddress, HomeBridge
from switchbot_automation.simulation import SimulatedHome
from switchbot_store import MemoryStore
from switchbot_store.testing.postgres_server import free_port

from .conftest import demand_mosquitto
from .mosquitto import Mosquitto
from .rooms import two_zones

PATIENCE_SECONDS = 60
PAGE = (Path(__file__).parents[2] / "docs/how-to/mqtt.md").read_text("utf-8")

pytestmark = pytest.mark.skipif(
    not os.environ.get("NODE_RED"), reason="NODE_RED names no program: nox -s node_red"
)


def flow(port):
    """Return the page's flow as a person has it who chose a broker in each node."""
    (found,) = re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    tab = {"id": "tab", "type": "tab", "label": "office"}
    broker = {"id": "broker", "type": "mqtt-broker", "broker": "127.0.0.1"}
    broker |= {"port": str(port), "autoConnect": True, "protocolVersion": "4"}
    nodes = [{**each, "z": tab["id"]} for each in json.loads(found)]
    for each in nodes:
        if each["type"].startswith("mqtt"):
            each["broker"] = broker["id"]
        if each["type"] == "debug":
            # Beside the editor's own side bar, which no test reads.
            each |= {"active": True, "tosidebar": True, "console": True}
    return [tab, broker, *nodes]


class NodeRed:
    """Node-RED as a child, read line by line."""

    def __init__(self, process, url):
        self._process, self.url = process, url
        self.lines = []

    async def says(self, pattern):
        """Read on to a line in which the pattern is found; return what was found."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while line := (await self._process.stdout.readline()).decode():
                    self.lines.append(line)
                    if found := re.search(pattern, line):
                        return found
        raise AssertionError(f"it never said {pattern}:\n{''.join(self.lines)}")

    async def press(self, node):
        """Press the button of an `inject` node, as a click in the editor does."""
        async with aiohttp.ClientSession() as http:
            answer = await http.post(f"{self.url}/inject/{node}", json={})
            assert answer.status == 200


@asynccontextmanager
async def node_red(directory, flows):
    (directory / "flows.json").write_text(json.dumps(flows))
    (directory / "settings.js").write_text(
        "module.exports = {telemetry: {enabled: false}, uiHost: '127.0.0.1',"
        " flowFile: 'flows.json', logging: {console: {level: 'info'}}};"
    )
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(shutil.which("node"), os.environ["NODE_RED"]),
        *("--userDir", str(directory), "--port", str(port)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield NodeRed(process, f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        await process.wait()


async def test_the_flow_of_the_page_shows_commands_and_hears_why_not(
    clock, running, tmp_path
):
    demand_mosquitto()
    store = MemoryStore()
    store.set("settings", two_zones())
    with Mosquitto() as broker:
        home = SimulatedHome(clock, season="winter")
        async with AutomationEngine(home, store, clock=clock) as engine:
            await engine.run_once()
            bridge = HomeBridge(
                engine, BrokerAddress("127.0.0.1", broker.port), random=Random(3)
            )
            running(bridge)
            await bridge.until("connected")
            async with (
                broker.client("plain") as client,
                node_red(tmp_path, flow(broker.port)) as editor,
            ):
                # What is retained is shown as soon as it is there.
                shown = await editor.says(r"\[debug:temperature\] (\d+(\.\d+)?)$")
                overview = engine.zone_overview("office")
                assert float(shown[1]) == overview["temperature"]

                await client.subscribe("switchbot-automation/office/state", qos=1)
                await editor.press("press")
                async with asyncio.timeout(PATIENCE_SECONDS):
                    async for message in client.messages:
                        if json.loads(message.payload)["target"] == 21.5:
                            break

                await client.publish(
                    "switchbot-automation/office/set/temperature", "warm", qos=1
                )
                await editor.says("warm")
