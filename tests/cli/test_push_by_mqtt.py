"""`run`, `doctor` and `cloud` with events by SwitchBot's own MQTT, each in a process."""

import asyncio
import json
from datetime import UTC, datetime

import aiohttp
import pytest

from switchbot_automation.simulation import FakeSwitchBotCloud, default_settings
from switchbot_automation.simulation.home import METER_ID
from switchbot_automation.simulation.server.broker import SimulatedBroker


@pytest.fixture
async def broker():
    async with SimulatedBroker() as broker:
        yield broker


@pytest.fixture
async def cloud(broker):
    async with FakeSwitchBotCloud(season="winter", broker=broker) as cloud:
        yield cloud


@pytest.fixture
def home(tmp_path, cloud):
    every_day = {"days": list(range(7)), "start": "00:00", "end": "00:00"}
    settings = default_settings("winter") | {
        "time_windows": [every_day],
        "poll_interval_seconds": 3600,
    }
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "settings.json").write_text(json.dumps(settings))
    return {
        "SWITCHBOT_TOKEN": cloud.token,
        "SWITCHBOT_SECRET": cloud.secret,
        "SWITCHBOT_BASE_URL": cloud.base_url,
        "STORE_DIRECTORY": str(tmp_path / "config"),
        "SWITCHBOT_PUSH": "mqtt",
    }


def event(temperature):
    return {
        "eventType": "changeReport",
        "eventVersion": "1",
        "context": {
            "deviceType": "WoMeter",
            "deviceMac": METER_ID,
            "temperature": temperature,
            "scale": "CELSIUS",
            "humidity": 50,
            "timeOfSample": int(datetime.now(UTC).timestamp() * 1000),
        },
    }


async def test_a_pushed_event_wakes_run_and_health_tells_of_it(
    start, cloud, broker, home
):
    running = await start("run", "--json", "--web", "127.0.0.1:0", env=home)
    await running.event(event="decision")
    async with asyncio.timeout(60):
        await broker.until_heard()
    # The meter is due in an hour; far too warm, it is known at once, and its unit runs on for the least it has to.
    await broker.publish(event(33.0))
    await running.event(event="decision", outcome="cooldown")
    code, _, err = await running.end()
    assert code == 0, err
    assert "Traceback" not in err
    assert cloud.secret not in err
    assert broker.topic not in err


async def test_health_has_the_stream(start, broker, home):
    running = await start("run", "--web", "127.0.0.1:0", env=home, stderr=-1)
    async with asyncio.timeout(60):
        await broker.until_heard()
        while b"page is at" not in (line := await running.process.stderr.readline()):
            pass
    url = line.decode().rpartition(" at ")[2].strip()
    async with aiohttp.ClientSession() as session:
        answer = await (await session.get(f"{url}healthz")).json()
    told = answer["beside"]["push"]
    assert (told["state"], told["problem"], told["credentials"]) == (
        "listening",
        None,
        1,
    )
    code, _, _ = await running.end()
    assert code == 0


async def test_doctor_tries_the_stream_out(start, cloud, broker, home):
    found = await start("doctor", "--json", env=home)
    _, out, _ = await found.ended()
    (push,) = [each for each in json.loads(out)["findings"] if each["check"] == "push"]
    assert push["level"] == "ok"
    assert "certificate holds until" in push["message"]
    broker.refuses_topics = True
    found = await start("doctor", "--json", env=home)
    _, out, _ = await found.ended()
    (push,) = [each for each in json.loads(out)["findings"] if each["check"] == "push"]
    assert push["level"] == "warning"
    assert "does not let us listen" in push["message"]
    assert cloud.token not in out


async def test_without_being_asked_for_it_nothing_is(start, broker, home):
    found = await start("doctor", "--json", env=home | {"SWITCHBOT_PUSH": "off"})
    _, out, _ = await found.ended()
    assert "push" not in {each["check"] for each in json.loads(out)["findings"]}
    assert broker.connections == 0


async def test_a_word_it_does_not_know_is_a_misuse(start, home):
    running = await start("run", env=home | {"SWITCHBOT_PUSH": "yes"})
    code, _, err = await running.ended()
    assert code == 2
    assert "SWITCHBOT_PUSH is mqtt or off" in err


async def test_the_simulated_cloud_of_the_command_line_pushes(start, home):
    serving = await start("cloud", "--mqtt", "--port", 0, "--json")
    announced = json.loads(await serving.line())
    env = home | {
        "SWITCHBOT_TOKEN": announced["token"],
        "SWITCHBOT_SECRET": announced["secret"],
        "SWITCHBOT_BASE_URL": announced["base_url"],
    }
    found = await start("doctor", "--json", env=env)
    _, out, _ = await found.ended()
    assert ("push", "ok") in {
        (each["check"], each["level"]) for each in json.loads(out)["findings"]
    }
    assert (await serving.end())[0] == 0
