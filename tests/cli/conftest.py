"""The command line in a process of its own, as a person runs it."""

import asyncio
import json
import os
import signal
import sys
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from switchbot_automation.cli.app import application
from switchbot_automation.simulation import default_settings
from switchbot_automation.simulation import simulate as run_simulation
from switchbot_store import HistoryService, JsonStore, MemoryStore, SqliteHistory

PATIENCE_SECONDS = 60.0


@pytest.fixture
def invoke():
    """Run a command in this process; arguments are turned into text."""

    def invoke(*arguments, **options):
        return CliRunner().invoke(application, [str(a) for a in arguments], **options)

    return invoke


class Running:
    """A command in a process of its own, read line by line."""

    def __init__(self, process):
        self.process = process
        self.lines = []

    async def line(self):
        async with asyncio.timeout(PATIENCE_SECONDS):
            line = (await self.process.stdout.readline()).decode()
        assert line, f"it ended after {self.lines}"
        self.lines.append(line)
        return line

    async def line_with(self, text):
        while text not in (line := await self.line()):
            pass
        return line

    async def event(self, **expected):
        """Read on to a JSON line that has all of `expected`."""
        while True:
            event = json.loads(await self.line())
            if expected.items() <= event.items():
                return event

    async def end(self, number=signal.SIGTERM):
        """Send a signal, then as `ended`."""
        self.process.send_signal(number)
        return await self.ended()

    async def ended(self):
        """Wait for the end; return exit code, the rest of stdout, and stderr."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            out, err = await self.process.communicate()
        return self.process.returncode, out.decode(), (err or b"").decode()


@pytest.fixture
async def start(tmp_path, commands):
    """Start the command line; `env` is added to a nearly empty environment.

    alone: as a Python of its own, whose pid is the command's.
    """
    started = []

    async def start(*arguments, env=None, alone=False, **options):
        python = (sys.executable, "-m", "switchbot_automation.cli")
        process = await asyncio.create_subprocess_exec(
            *(python if alone else commands(environment=env or {})),
            *map(str, arguments),
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], **(env or {})},
            **{
                "stdout": asyncio.subprocess.PIPE,
                "stderr": asyncio.subprocess.PIPE,
                **options,
            },
        )
        started.append(process)
        return Running(process)

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """Five days of a simulated winter, as the engine left them in a directory."""
    directory = tmp_path_factory.mktemp("home")
    settings, kept = default_settings("winter"), MemoryStore()
    path = directory / "history.sqlite3"
    with HistoryService(SqliteHistory(path), batch_size=500) as history:
        asyncio.run(run_simulation(settings, days=5, store=kept, history=history))
    with JsonStore(directory) as store:
        store.set_many({key: kept.get(key) for key in kept.keys()})  # noqa: SIM118  # a store is no mapping
        store.set("_past/settings", kept.get("_past/settings"))
    return SimpleNamespace(directory=directory, settings=settings)
