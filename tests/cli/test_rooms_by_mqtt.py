"""`run` and `doctor` with rooms on one's own broker, each in a process."""

import asyncio
import json

import aiomqtt
import pytest

from switchbot_automation.simulation import FakeSwitchBotCloud, default_settings
from tests.mqtt.conftest import demand_mosquitto
from tests.mqtt.mosquitto import Mosquitto
from tests.mqtt.plain_amqtt import PlainAmqtt


@pytest.fixture
async def broker_port():
    """Give the port of a broker on loopback that lets everybody in."""
    pytest.importorskip("amqtt", reason="amqtt is not there for this Python")
    broker = PlainAmqtt()
    await broker.start()
    yield broker.port
    await broker.stop()


@pytest.fixture
async def home(tmp_path, broker_port):
    (tmp_path / "config").mkdir()
    settings = default_settings("winter")
    (tmp_path / "config" / "settings.json").write_text(json.dumps(settings))
    async with FakeSwitchBotCloud(season="winter") as cloud:
        yield {
            "SWITCHBOT_TOKEN": cloud.token,
            "SWITCHBOT_SECRET": cloud.secret,
            "SWITCHBOT_BASE_URL": cloud.base_url,
            "STORE_DIRECTORY": str(tmp_path / "config"),
            "SWITCHBOT_MQTT_URL": f"mqtt://somebody:hushhush@127.0.0.1:{broker_port}",
            "SWITCHBOT_MQTT_TOPIC": "my-house",
        }


class Hub:
    """Somebody else's client of the broker, who waits for what is said of the house."""

    def __init__(self, client):
        self.client = client

    async def __aenter__(self):
        await self.client.__aenter__()
        await self.client.subscribe("my-house/#", 1)
        self.said = aiter(self.client.messages)
        return self

    async def __aexit__(self, *exc):
        return await self.client.__aexit__(*exc)

    async def status(self, wanted):
        await self._until("my-house/status", lambda said: said == wanted)

    async def command(self, mode):
        """Set a mode, and wait until it is that of the room."""
        await self.client.publish("my-house/default/set/mode", mode, qos=1)
        state = "my-house/default/state"
        await self._until(state, lambda said: json.loads(said)["mode"] == mode)

    async def _until(self, topic, condition):
        async for message in self.said:
            if str(message.topic) == topic and condition(message.payload):
                return


async def test_rooms_are_shown_commanded_and_taken_leave_of(start, home, broker_port):
    running = await start("run", env=home)
    client = aiomqtt.Client("127.0.0.1", broker_port)
    async with asyncio.timeout(60), Hub(client) as hub:
        await hub.status(b"online")
        await hub.command("off")
        running.process.terminate()
        await hub.status(b"offline")
    code, _, err = await running.ended()
    assert code == 0, err
    assert "Traceback" not in err
    assert "hushhush" not in err


async def test_certificates_let_both_sides_in_also_once_the_broker_was_away(
    start, home, tmp_path
):
    demand_mosquitto()
    with Mosquitto(tls=True) as broker:
        pair = broker.clients.issue("cloud")  # whom its rules let do anything
        files = {
            "SWITCHBOT_MQTT_CA": broker.authority.certificate,
            "SWITCHBOT_MQTT_CERTIFICATE": pair.certificate,
            "SWITCHBOT_MQTT_KEY": pair.key,
        }
        env = home | {"SWITCHBOT_MQTT_URL": f"mqtts://127.0.0.1:{broker.port}"}
        for name, text in files.items():
            path = tmp_path / f"{name}.pem"
            path.write_text(text)
            env[name] = str(path)
        without = {k: v for k, v in env.items() if k not in list(files)[1:]}
        doctor = await start("doctor", "--json", env=without)
        _, out, _ = await doctor.ended()
        (found,) = [x for x in json.loads(out)["findings"] if x["check"] == "mqtt"]
        assert (found["level"], "TLS" in found["message"]) == ("problem", True), found
        running = await start("run", env=env)
        async with asyncio.timeout(60):
            async with Hub(broker.client("a-hub", user="cloud")) as hub:
                await hub.status(b"online")
                await hub.command("off")
                await hub.command("heat")
            broker.stop()
            broker.start()
            async with Hub(broker.client("a-hub", user="cloud")) as hub:
                await hub.status(b"online")
                await hub.command("off")
        code, _, err = await running.end()
    assert code == 0, err
    assert "Traceback" not in err


async def test_doctor_looks_whether_the_broker_lets_us_in(start, home):
    async def finding(**env):
        found = await start("doctor", "--json", env=home | env)
        _, out, _ = await found.ended()
        assert "hushhush" not in out
        (mqtt,) = [
            each for each in json.loads(out)["findings"] if each["check"] == "mqtt"
        ]
        return mqtt

    assert (await finding())["level"] == "ok"
    away = await finding(SWITCHBOT_MQTT_URL="mqtt://u:hushhush@127.0.0.1:1")
    assert away["level"] == "problem"
    assert "not reached" in away["message"]


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("SWITCHBOT_MQTT_URL", "http://u:hushhush@h:1", "mqtt://user:password@host"),
        ("SWITCHBOT_MQTT_URL", "mqtt://u:hushhush@h:x", "mqtt://user:password@host"),
        ("SWITCHBOT_MQTT_URL", "mqtt://u:hushhush@h/path", "mqtt://user:password@host"),
        ("SWITCHBOT_MQTT_TOPIC", "a/#", "beginning of topics"),
        ("SWITCHBOT_MQTT_PREFIX", "/a", "beginning of topics"),
    ],
)
async def test_what_cannot_be_is_refused_without_a_secret(
    start, home, name, value, word
):
    running = await start("run", env=home | {name: value})
    code, _, err = await running.ended()
    assert code == 2
    assert word in err
    assert "hushhush" not in err


async def test_files_of_certificates_are_read_before_anything_runs(start, home):
    url = {"SWITCHBOT_MQTT_URL": "mqtts://127.0.0.1"}
    running = await start("run", env=home | url | {"SWITCHBOT_MQTT_CA": "nowhere.pem"})
    code, _, err = await running.ended()
    assert code == 2
    assert "are PEM files" in err
