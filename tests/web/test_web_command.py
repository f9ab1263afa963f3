"""`run --web`: the page of an engine in a process of its own."""

import asyncio
import json
import os
import re
import signal

import pytest
from click.testing import CliRunner

from switchbot_automation.cli.app import application
from switchbot_automation.cli.beside_run.page import address_of
from switchbot_automation.simulation import FakeSwitchBotCloud, default_settings


@pytest.fixture
async def run(tmp_path, commands):
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
                *commands(environment=more),
                "run",
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


async def test_an_address_where_nobody_would_be_answered_is_said_at_once(run):
    process = await run("--web", "0.0.0.0:0")
    out, _ = await process.communicate()
    assert process.returncode == 2
    assert "SWITCHBOT_WEB_TOKEN" in out.decode()


@pytest.mark.parametrize("address", ["8080:http", "127.0.0.1:99999", "localhost", ""])
def test_what_is_no_address_is_said_before_anything_is_opened(address):
    done = CliRunner().invoke(application, ["run", "--web", address])
    assert done.exit_code == 2
    assert "is not HOST:PORT" in done.output


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        (":8080", ("127.0.0.1", 8080)),
        ("8080", ("127.0.0.1", 8080)),
        ("[::1]:8080", ("::1", 8080)),
        (None, None),
    ],
)
def test_an_address_without_a_host_is_this_machine(given, address):
    assert address_of(None, None, given) == address
