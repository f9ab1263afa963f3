"""`run` and `doctor` with rooms on one's own broker, each in a process."""

import asyncio
import json

import aiomqtt
import pytest

from switchbot_automation.simulation import FakeSwitchBotCloud, default_settings
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


async def test_rooms_are_shown_commanded_and_taken_leave_of(start, home, broker_port):
    running = await start("run", env=home)
    async with asyncio.timeout(60), aiomqtt.Client("127.0.0.1", broker_port) as hub:
        await hub.subscribe("my-house/#", 1)
        said = aiter(hub.messages)

        async def until(topic, condition):
            async for message in said:
                if str(message.topic) == topic and condition(message.payload):
                    return

        await until("my-house/status", lambda said: said == b"online")
        await hub.publish("my-house/default/set/mode", "off", qos=1)
        state = "my-house/default/state"
        await until(state, lambda said: json.loads(said)["mode"] == "off")
        running.process.terminate()
        await until("my-house/status", lambda said: said == b"offline")
    code, _, err = await running.ended()
    assert code == 0, err
    assert "Traceback" not in err
    assert "hushhush" not in err


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
