"""Peak memory of a running engine with one zone, each in a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from statistics import median

from measuring import Figure

from switchbot_automation.simulation import FakeSwitchBotCloud, default_settings
from switchbot_store.testing import PostgresServer

PROGRAM = Path(__file__).with_name("running_engine.py")


def measure(*, quick: bool) -> list[Figure]:
    with PostgresServer() as server:
        return asyncio.run(_measure(server, runs=1 if quick else 5))


async def _measure(server: PostgresServer, runs: int) -> list[Figure]:
    json_peaks, extra_peaks, drivers = [], [], set()
    async with FakeSwitchBotCloud(season="winter", seed=1) as cloud:
        place = {
            "base_url": cloud.base_url,
            "token": cloud.token,
            "secret": cloud.secret,
            "settings": default_settings("winter"),
            "ticks": 200,
        }
        for _ in range(runs):
            with tempfile.TemporaryDirectory() as directory:
                files = {"STORE_DIRECTORY": directory}
                answer = await _run({**place, "environment": files})
            json_peaks.append(answer["peak_megabytes"])
            drivers.add(answer["psycopg"])
            with tempfile.TemporaryDirectory() as directory:
                database = {
                    "STORE_BACKEND": "postgres",
                    "POSTGRES_URL": server.url(server.create_database()),
                    "STORE_DIRECTORY": directory,
                }
                engine = await _run({**place, "environment": database})
            bare = await _run({"base_url": None})
            extra_peaks.append(engine["peak_megabytes"] - bare["peak_megabytes"])
    return [
        Figure(
            "engine, JsonStore and SQLite history, peak", median(json_peaks), "MB", 45
        ),
        Figure("... database drivers imported by it", float(True in drivers), "", 0),
        Figure(
            "engine, store and history on PostgreSQL, over dependencies",
            median(extra_peaks),
            "MB",
            12,
        ),
    ]


async def _run(place: dict) -> dict:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROGRAM),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    answer, _ = await process.communicate(json.dumps(place).encode())
    return json.loads(answer)
