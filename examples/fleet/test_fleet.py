# A fleet as compose.yaml starts it, without containers: workers in processes of their own on
# a real database, accounts over HTTP, one worker killed.
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from switchbot_automation.cli.app import application
from switchbot_automation.cli.commands.fleet import fleet as fleet_commands
from switchbot_automation.simulation import FakeSwitchBotCloud, default_settings
from switchbot_store import HomeStore, PostgresStore

HERE = Path(__file__).parent
HOMES = [str(number) for number in range(20)]
PATIENCE_SECONDS = 120.0


class Workers:
    """Processes of `switchbot-automation fleet` on one database."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self.running: list[asyncio.subprocess.Process] = []

    async def run(self, *words: str) -> str:
        process = await self._start(*words, stdout=asyncio.subprocess.PIPE)
        out, _ = await process.communicate()
        assert process.returncode == 0
        return out.decode()

    async def work(self) -> asyncio.subprocess.Process:
        process = await self._start("work", "--concurrency", "4")
        self.running.append(process)
        return process

    async def _start(self, *words: str, **options: Any) -> asyncio.subprocess.Process:
        command = (sys.executable, "-m", "switchbot_automation.cli", "fleet", *words)
        return await asyncio.create_subprocess_exec(
            *command, env=self._environment, **options
        )


@pytest.fixture
async def fleet(
    database_url: str, tmp_path: Path
) -> AsyncIterator[tuple[Workers, PostgresStore]]:
    async with FakeSwitchBotCloud(season="winter") as cloud:
        account = {
            "token": cloud.token,
            "secret": cloud.secret,
            "base_url": cloud.base_url,
        }
        accounts = tmp_path / "accounts.json"
        accounts.write_text(json.dumps(dict.fromkeys(HOMES, account)))
        settings = default_settings("winter") | {
            "poll_interval_seconds": 15,
            "adaptive_polling_enabled": False,
        }
        store = PostgresStore(database_url)
        store.set_many({f"homes/{home}/settings": settings for home in HOMES})
        workers = Workers(
            {
                **os.environ,
                "STORE_BACKEND": "postgres",
                "POSTGRES_URL": database_url,
                "STORE_DIRECTORY": str(tmp_path / "config"),
                "SWITCHBOT_ACCOUNTS": str(accounts),
            }
        )
        yield workers, store
        for process in workers.running:
            if process.returncode is None:
                process.terminate()
            await process.wait()
        store.close()


def visited(store: PostgresStore) -> dict[str, datetime]:
    """When each home was visited last."""
    found = {home: HomeStore(store, home).get("_visit") for home in HOMES}
    return {
        home: datetime.fromisoformat(left["at"]) for home, left in found.items() if left
    }


async def until_all_are_visited(
    store: PostgresStore, since: dict[str, datetime]
) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            now = await asyncio.to_thread(visited, store)
            if all(home in now and now[home] != since.get(home) for home in HOMES):
                return
            await asyncio.sleep(0.5)


async def test_every_home_is_ticked_on_when_a_worker_is_killed(
    fleet: tuple[Workers, PostgresStore],
) -> None:
    workers, store = fleet
    await workers.run("install")
    assert json.loads(await workers.run("sow", "--spread", "5", "--json")) == {
        "homes": 20,
        "sown": 20,
    }
    victim = await workers.work()
    await workers.work()
    await until_all_are_visited(store, {})
    victim.kill()
    await victim.wait()
    await until_all_are_visited(store, visited(store))
    await workers.run("ask", "7", "hold", "zone=default", "hold=permanent")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while HomeStore(store, "7").get("state").get("hold_until") is None:  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.2)
    status = json.loads(await workers.run("status", "--json"))
    assert status["homes"] == 20
    assert status["counts"]["late"] == 0


def test_every_command_of_the_compose_file_is_one() -> None:
    words = (HERE / "compose.yaml").read_text()
    commands = [
        json.loads(line.partition("command:")[2])
        for line in words.splitlines()
        if 'command: ["fleet"' in line
    ]
    assert len(commands) >= 4
    assert {command[1] for command in commands} <= set(fleet_commands.commands)
    assert application.name == "application"
