# Every example runs, as a person would run it, against the simulated cloud.
import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from switchbot_automation.simulation import FakeSwitchBotCloud, default_settings
from switchbot_automation.simulation.faults import Call

HERE = Path(__file__).parent
PATIENCE_SECONDS = 60.0
LISTENING = r"(?i:running on) (http://127\.0\.0\.1:\d+)"

# Two windows that leave no hour out, whenever this runs.
SETTINGS = {
    **default_settings("winter"),
    "time_windows": [
        {"days": list(range(7)), "start": "00:00", "end": "12:00"},
        {"days": list(range(7)), "start": "12:00", "end": "00:00"},
    ],
}


@pytest.fixture
async def cloud() -> AsyncIterator[FakeSwitchBotCloud]:
    async with FakeSwitchBotCloud(season="winter") as cloud:
        yield cloud


class Example:
    """A running example: its output line by line, and its end."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.seen: list[str] = []

    async def line_with(self, pattern: str) -> re.Match[str]:
        if self._process.stdout is None:
            raise RuntimeError("no output to read")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while line := (await self._process.stdout.readline()).decode():
                self.seen.append(line)
                if found := re.search(pattern, line):
                    return found
        raise AssertionError(f"no {pattern!r} in:\n{''.join(self.seen)}")

    async def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._process.communicate()

    async def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.communicate()


Start = Callable[[str], Awaitable[Example]]


@pytest.fixture
async def start(cloud: FakeSwitchBotCloud, tmp_path: Path) -> AsyncIterator[Start]:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "settings.json").write_text(
        json.dumps(SETTINGS), encoding="utf-8"
    )
    started: list[Example] = []

    async def start(name: str) -> Example:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-u",
            str(HERE / name),
            cwd=tmp_path,
            env={
                "PATH": os.environ["PATH"],
                "PORT": "0",
                "SWITCHBOT_TOKEN": cloud.token,
                "SWITCHBOT_SECRET": cloud.secret,
                "SWITCHBOT_BASE_URL": cloud.base_url,
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        started.append(Example(process))
        return started[-1]

    yield start
    for example in started:
        await example.kill()


async def test_embed_minimal_heats_the_cold_room(
    start: Start, cloud: FakeSwitchBotCloud
) -> None:
    example = await start("embed_minimal.py")
    await example.line_with("winter_on")
    await example.line_with("CommandHandled")
    assert cloud.calls[Call.COMMAND] == 1
    await example.interrupt()


def test_embed_minimal_is_as_short_as_it_says() -> None:
    lines = (HERE / "embed_minimal.py").read_text(encoding="utf-8").splitlines()
    assert sum(bool(line.strip()) for line in lines) <= 22


async def test_the_readme_shows_embed_minimal() -> None:
    readme = (HERE.parent / "README.md").read_text(encoding="utf-8")
    code = (HERE / "embed_minimal.py").read_text(encoding="utf-8")
    assert f"```python\n{code}```" in readme


@pytest.mark.parametrize(
    ("name", "off"),
    [("flask_host.py", "/actions/off"), ("aiohttp_host.py", "/off")],
)
async def test_a_host_shows_the_room_and_obeys(
    start: Start, cloud: FakeSwitchBotCloud, name: str, off: str
) -> None:
    example = await start(name)
    url = (await example.line_with(LISTENING))[1]
    async with aiohttp.ClientSession() as browser:
        async with browser.post(url + off) as answer:
            assert (await answer.json()) == {"action": "off", "status": "accepted"}
        async with browser.get(url) as answer:
            assert answer.status == 200
            assert "<h1>" in await answer.text()
    assert cloud.calls[Call.STATUS] >= 1
    assert cloud.calls[Call.COMMAND] >= 1
    await example.interrupt()


async def test_flask_settings_are_checked_before_they_are_kept(start: Start) -> None:
    example = await start("flask_host.py")
    url = (await example.line_with(LISTENING))[1]
    wrong = {**SETTINGS, "winter": {**SETTINGS["winter"], "min_temp": 99}}
    async with aiohttp.ClientSession() as browser:
        async with browser.put(f"{url}/settings", json=wrong) as answer:
            assert answer.status == 400
            assert (await answer.json())["path"] == "winter.min_temp"
        changed = {**SETTINGS, "hysteresis_celsius": 0.5}
        async with browser.put(f"{url}/settings", json=changed) as answer:
            assert (await answer.json())["hysteresis_celsius"] == 0.5
        async with browser.post(f"{url}/actions/dance") as answer:
            assert answer.status == 404
    await example.interrupt()


async def test_fastapi_shows_the_rooms_and_refuses_what_cannot_be(
    start: Start, cloud: FakeSwitchBotCloud
) -> None:
    example = await start("fastapi_host.py")
    url = (await example.line_with(LISTENING))[1]
    async with aiohttp.ClientSession() as browser:
        async with browser.post(f"{url}/rooms/default/off") as answer:
            assert await answer.json() == {"action": "off", "status": "accepted"}
        async with browser.get(url) as answer:
            (room,) = (await answer.json())["zones"]
            assert (room["name"], room["power"]) == ("default", "off")
        for path, status in (("/rooms/attic/off", 404), ("/rooms/default/dance", 422)):
            async with browser.post(url + path) as answer:
                assert answer.status == status
        wrong = {**SETTINGS, "hysteresis_celcius": 1}
        async with browser.put(f"{url}/settings", json=wrong) as answer:
            assert answer.status == 400
            assert "hysteresis_celsius" in await answer.text()
    assert cloud.calls[Call.COMMAND] >= 1
    await example.interrupt()


async def test_apscheduler_calls_the_engine_when_it_wants_to_be_called(
    start: Start, cloud: FakeSwitchBotCloud
) -> None:
    example = await start("aiohttp_host.py")
    url = (await example.line_with(LISTENING))[1]
    async with aiohttp.ClientSession() as browser, asyncio.timeout(PATIENCE_SECONDS):
        while not cloud.calls[Call.COMMAND]:  # the first tick, which finds it cold
            async with browser.get(url) as answer:
                assert answer.status == 200
    await example.interrupt()


async def run_to_its_end(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


SCRIPTS = [
    *sorted(
        each.name for each in HERE.glob("*.py") if not each.stem.startswith("test_")
    ),
    "training_sessions/training_sessions/__main__.py",
    "training_sessions/training_sessions/seed.py",
    "home_assistant/release.py",
]
# As short as can be, a file of fixtures, and one for pytest: none is asked by words.
ASKED = sorted({*SCRIPTS} - {"embed_minimal.py", "conftest.py", "unit_test_fixture.py"})


@pytest.mark.parametrize("script", ASKED)
def test_who_asks_a_script_for_help_is_helped_and_nothing_is_made(
    tmp_path: Path, script: str
) -> None:
    asked = subprocess.run(  # noqa: S603 - an example of ours
        [sys.executable, str(HERE / script), "--help"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(HERE / "training_sessions")},
        stdout=subprocess.PIPE,
        check=True,
        timeout=PATIENCE_SECONDS,
    )
    assert b"usage:" in asked.stdout
    assert list(tmp_path.iterdir()) == []


async def test_the_fixture_example_passes() -> None:
    example = str(HERE / "unit_test_fixture.py")
    assert "3 passed" in await run_to_its_end("-m", "pytest", "-q", example)


async def replayed(directory: Path) -> list[dict[str, object]]:
    output = await run_to_its_end(
        *("-m", "switchbot_automation.cli", "replay"),
        str(directory / "sample_readings.csv"),
        *("--settings", str(directory / "sample_settings.json"), "--json"),
    )
    return [json.loads(line) for line in output.splitlines()]


async def test_the_sample_replays_with_several_starts_and_stops() -> None:
    commands = [line["command"] for line in await replayed(HERE)]
    assert commands.count("winter") >= 2
    assert commands.count("off") >= 2


async def test_the_sample_can_be_recorded_again(tmp_path: Path) -> None:
    await run_to_its_end(str(HERE / "record_sample.py"), str(tmp_path))
    assert [line["outcome"] for line in await replayed(tmp_path)].count("winter_on")
