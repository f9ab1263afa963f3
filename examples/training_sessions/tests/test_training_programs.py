# The two programs, as a person starts them.
import asyncio
import os
import re
import sys
from pathlib import Path

import aiohttp
import pytest

PROJECT = Path(__file__).parents[1]
PATIENCE_SECONDS = 60.0


async def started(*arguments, **environ):
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-u",
        "-m",
        *arguments,
        cwd=PROJECT,
        env={**os.environ, "TRAINING_SECRET": "s" * 32, **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def output(*arguments, **environ):
    process = await started(*arguments, **environ)
    async with asyncio.timeout(PATIENCE_SECONDS):
        text, _ = await process.communicate()
    return process.returncode, text.decode()


async def test_seeding_twice_keeps_the_trainer_and_opens_another_session(database_url):
    environ = {"POSTGRES_URL": database_url}
    code, first = await output("training_sessions.seed", **environ)
    assert code == 0, first
    assert re.search("has the password '.{16}'", first)
    code, second = await output("training_sessions.seed", **environ)
    assert code == 0, second
    assert "already" in second
    codes = [re.search("join with ([A-Z2-9]{6})", each) for each in (first, second)]
    assert codes[0][1] != codes[1][1]


@pytest.mark.parametrize("kept", [True, False])
async def test_the_service_runs_until_it_is_told_to_stop(request, kept):
    environ = {"USE_IN_MEMORY": "true"}
    if kept:
        environ = {"POSTGRES_URL": request.getfixturevalue("database_url")}
    process = await started("training_sessions", PORT="0", **environ)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while line := (await process.stdout.readline()).decode():
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                break
        async with (
            aiohttp.ClientSession() as client,
            client.get(f"http://127.0.0.1:{found[1]}/health") as answer,
        ):
            assert await answer.json() == {"status": "ok"}
        process.terminate()
        rest, _ = await process.communicate()
    assert process.returncode == 0, rest
    assert b"Traceback" not in rest


async def test_without_a_secret_a_service_with_a_database_does_not_start(database_url):
    environ = {"POSTGRES_URL": database_url, "TRAINING_SECRET": "short"}
    code, text = await output("training_sessions", **environ)
    assert code == 1
    assert "TRAINING_SECRET" in text
