"""Two real processes on one store, as a server's workers are; see `examples` for servers."""

import asyncio
import json
import os
import signal
import sys

import pytest

from switchbot_automation.simulation import FakeSwitchBotCloud, default_settings
from switchbot_automation.simulation.faults import Call
from switchbot_store import JsonStore, PostgresStore

PATIENCE_SECONDS = 60.0

WORKER = """
import json, os, sys
from contextlib import asynccontextmanager

import aiohttp

from switchbot_automation import AutomationEngine, EngineThread, SwitchBotClient
from switchbot_store import get_store

store = get_store()

@asynccontextmanager
async def house():
    async with aiohttp.ClientSession() as session:
        account = os.environ["SWITCHBOT_TOKEN"], os.environ["SWITCHBOT_SECRET"]
        base_url = os.environ["SWITCHBOT_BASE_URL"]
        yield AutomationEngine(SwitchBotClient(session, *account, base_url=base_url), store)

with store, EngineThread(house) as thread:
    for line in sys.stdin:
        word = line.strip()
        if word == "overview":
            answer = thread.engine.overview()["zones"]
        else:
            command = thread.call(thread.engine.act("default", word))
            until = command.blocked_until
            answer = {"status": command.status, "until": until and until.isoformat()}
        print(json.dumps(answer), flush=True)
"""


class Worker:
    def __init__(self, process):
        self.process = process

    async def ask(self, word):
        self.process.stdin.write(f"{word}\n".encode())
        async with asyncio.timeout(PATIENCE_SECONDS):
            line = await self.process.stdout.readline()
        assert line, "the worker ended"
        return json.loads(line)

    async def shows(self, **wanted):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                zones = await self.ask("overview")
                if zones and all(zones[0][key] == wanted[key] for key in wanted):
                    return zones[0]

    async def end(self):
        self.process.stdin.close()
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await self.process.wait() == 0


@pytest.fixture
async def cloud():
    async with FakeSwitchBotCloud(season="winter") as cloud:
        yield cloud


@pytest.fixture(params=["json", "postgres"])
def stored(request, tmp_path):
    """The environment of a store, and a way to look into it."""
    if request.param == "json":
        return {"STORE_BACKEND": "json"}, lambda: JsonStore(tmp_path)
    url = request.getfixturevalue("database_url")
    return {"STORE_BACKEND": "postgres", "POSTGRES_URL": url}, lambda: PostgresStore(
        url
    )


@pytest.fixture
async def worker(cloud, stored, tmp_path):
    environment, look = stored
    with look() as store:
        store.set(
            "settings",
            {
                **default_settings("winter"),
                "min_off_seconds": 3,
                "min_on_seconds": 0,
                "time_windows": [
                    {"days": list(range(7)), "start": "00:00", "end": "12:00"},
                    {"days": list(range(7)), "start": "12:00", "end": "00:00"},
                ],
            },
        )
    started = []

    async def start():
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", WORKER),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={
                "PATH": os.environ["PATH"],
                "STORE_DIRECTORY": str(tmp_path),
                "SWITCHBOT_TOKEN": cloud.token,
                "SWITCHBOT_SECRET": cloud.secret,
                "SWITCHBOT_BASE_URL": cloud.base_url,
                **environment,
            },
        )
        started.append(process)
        made = Worker(process)
        await made.shows(power="on")  # the room was cold
        return made

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_any_worker_obeys_keeps_promises_and_shows_the_truth(
    worker, cloud, stored
):
    first = await worker()
    second = await worker()
    assert (await second.ask("off"))["status"] == "accepted"
    await first.shows(power="off", waiting=None)
    commands = cloud.calls[Call.COMMAND]
    promise = await first.ask("winter")
    assert promise["status"] == "blocked"
    shown = await second.shows(power="off")
    if shown["waiting"] is not None:
        assert shown["waiting"]["due_at"] == promise["until"]
    await second.shows(power="on", waiting=None)
    await first.shows(power="on", waiting=None)
    assert cloud.calls[Call.COMMAND] == commands + 1
    await second.end()
    await first.end()
    with stored[1]() as store:
        assert store.get("state")["engine"]["id"] is None


@pytest.mark.slow
async def test_a_worker_that_is_killed_is_replaced_by_the_next(worker, cloud):
    first = await worker()
    second = await worker()
    second.process.send_signal(signal.SIGKILL)
    await second.process.wait()
    assert (await first.ask("off"))["status"] == "accepted"
    third = await worker_that_joins(worker, first)
    assert (await third.ask("off"))["status"] == "accepted"
    await first.shows(power="off")
    await third.end()
    await first.end()


async def worker_that_joins(worker, first):
    """Start one more once the first has turned the unit on again."""
    await first.ask("winter")
    await first.shows(power="on")
    return await worker()
