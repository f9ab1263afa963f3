"""`run --web`: the page of an engine in a process of its own."""

import asyncio
import json
import os
import re
import signal
import sys

import pytest

from switchbot_automation.simulation import FakeSwitchBotCloud, default_settings

TOKEN = "a-token-of-the-tests-0123456789"


@pytest.fixture
async def run(tmp_path):
    """Run the command line against the simulated cloud until the end of the test."""
    (tmp_path / "settings.json").write_text(json.dumps(default_settings("winter")))
    started = []
    async with FakeSwitchBotCloud(season="winter") as cloud:
        env = {
            "PATH": os.environ["PATH"],
            "SWITCHBOT_TOKEN": cloud.token,
            "SWITCHBOT_SECRET": cloud.secret,
            "SWITCHBOT_BASE_URL": cloud.base_url,
            "STORE_DIRECTORY": str(tmp_path),
        }

        async def start(*arguments, **more):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "switchbot_automation.cli", "run"),
                *arguments,
                env={**env, **more},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            started.append(process)
            return process

        yield start
        for process in started:
            if process.returncode is None:
                process.kill()
            await process.communicate()


async def test_the_page_is_served_until_the_engine_is_stopped(run, get, http):
    process = await run("--web", "127.0.0.1:0")
    said = ""
    async with asyncio.timeout(30):
        while (found := re.search(r"the page is at (\S+)", said)) is None:
            line = await process.stdout.readline()
            assert line, said
            said += line.decode()
        url = found[1]
        # The first tick is under way; it wakes who waits.
        async with http.get(f"{url}api/events") as stream:
            async for line in stream.content:
                if line.startswith(b"event: decision"):
                    break
        told = await get(f"{url}healthz")
        async with http.get(url) as answer:
            assert "<title>Climate</title>" in await answer.text()
    assert told["scheduler"]["running"] is True
    assert told["history"]["backend"] == "sqlite"
    async with http.get(f"{url}api/events"):
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await process.wait() == 0


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("0.0.0.0:0", "SWITCHBOT_WEB_TOKEN"),
        ("8080:http", "is not HOST:PORT"),
        ("127.0.0.1:99999", "is not HOST:PORT"),
        ("192.0.2.77:8080", "SWITCHBOT_WEB_TOKEN"),
    ],
)
async def test_an_address_that_cannot_be_is_said_at_once(run, address, says):
    process = await run("--web", address)
    out, _ = await process.communicate()
    assert process.returncode == 2
    assert says in out.decode()
