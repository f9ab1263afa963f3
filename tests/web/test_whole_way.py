"""The whole way of a newcomer: init, log in, one degree warmer, why, a schedule, undo.

Every program is the one that people run, in a process of its own; the account is the
simulated cloud's. Part of the session `browser`.
"""

import asyncio
import json
import os
import re
import stat

import pytest

pytestmark = pytest.mark.browser

PATIENCE_SECONDS = 60.0


class Program:
    """A program that runs in a folder of its own."""

    def __init__(self, process):
        self.process = process

    async def line(self, stream, pattern):
        """Read on to a line that a pattern matches; return what matched."""
        read = []
        async with asyncio.timeout(PATIENCE_SECONDS):
            while line := (await getattr(self.process, stream).readline()).decode():
                read.append(line)
                if found := re.search(pattern, line):
                    return found
        pytest.fail(f"no {pattern} in {read}")

    async def end(self):
        if self.process.returncode is None:
            self.process.terminate()
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.process.communicate()


@pytest.fixture
async def start(tmp_path, commands):
    started = []

    async def start(*arguments, env=None):
        pipe = asyncio.subprocess.PIPE
        program = Program(
            await asyncio.create_subprocess_exec(
                *commands(environment=env or {}),
                *map(str, arguments),
                cwd=tmp_path,
                env={"PATH": os.environ["PATH"], **(env or {})},
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
            )
        )
        started.append(program)
        return program

    yield start
    for program in started:
        await program.end()


async def test_from_nothing_to_a_warmer_room(start, tmp_path, open_page):
    cloud = await start("cloud", "--port", 0, "--json")
    account = json.loads(await cloud.process.stdout.readline())

    # Six answers.
    init = await start("init", env={"SWITCHBOT_BASE_URL": account["base_url"]})
    answers = [account["token"], account["secret"], "y", "winter", "19-20", "0:00-0:00"]
    out, err = await init.process.communicate("\n".join([*answers, ""]).encode())
    assert init.process.returncode == 0, err.decode()
    assert "A tick without commands says" in out.decode()
    env_file = tmp_path / ".env"
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
    token = re.search("SWITCHBOT_WEB_TOKEN=(.+)", env_file.read_text())[1]

    run = await start("run", "--web", "127.0.0.1:0")
    url = (await run.line("stderr", r"the page is at (\S+)"))[1]
    async with open_page(url) as page:
        await page.get_by_label("Token").fill(token)
        await page.keyboard.press("Enter")
        await page.wait_for_selector(".pill.live")
        room = page.locator(".room")
        await room.locator(".degrees:not(:empty)").wait_for()
        await room.locator(".wanted", has_text="19 to 20 °C").wait_for()

        # One degree warmer: two presses, one wish; the unit is told, and it says why.
        warmer = page.get_by_role("button", name="Warmer by half a degree")
        await warmer.click()
        await warmer.click()
        await page.get_by_role("status").get_by_text("kept until").wait_for()
        await room.locator(".wanted", has_text="20 to 21 °C").wait_for()
        await room.get_by_text("a person wants 20 to 21").wait_for()
        await page.locator("#decisions").get_by_text("a person wants").first.wait_for()

        # A schedule: drawn, looked at, saved, undone.
        before = json.loads((tmp_path / "config" / "settings.json").read_text())
        await page.get_by_role("button", name="Change the schedule").click()
        await page.get_by_role("button", name="Remove hours 1").click()
        await page.get_by_role("button", name="Add hours").click()
        await page.get_by_label("From, hours 1").fill("07:30")
        await page.get_by_role("button", name="See what it changes").click()
        await page.locator("#review-save:enabled").click()
        await page.get_by_role("status").get_by_text(": saved.").wait_for()
        after = json.loads((tmp_path / "config" / "settings.json").read_text())
        assert after["time_windows"] != before["time_windows"]
        await page.get_by_role("button", name="Undo").click()
        await page.get_by_text("as they were").wait_for()
        again = json.loads((tmp_path / "config" / "settings.json").read_text())
        assert again == before
    out, err = await run.end()
    assert run.process.returncode == 0, err.decode()
    assert account["secret"] not in err.decode()
