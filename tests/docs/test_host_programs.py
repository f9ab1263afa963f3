"""Programs of the pages that are parts of a host: many homes in one, and the page mounted."""

import asyncio
from itertools import count
from pathlib import Path
from zlib import crc32

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from switchbot_automation import AutomationEngine
from switchbot_automation.clock import SystemClock
from switchbot_automation.simulation import SimulatedClock, SimulatedHome
from switchbot_store import (
    HomeStore,
    JsonStore,
    MemoryStore,
    ThreadedHistory,
    get_history,
)
from tests.docs.test_how_to import blocks
from tests.engine.conftest import PretendCloud
from tests.fleet.working import ROOM

HOW_TO = Path(__file__).parents[2] / "docs"


def programs(page):
    return [each.text for each in blocks(HOW_TO / page) if each.kind == "python"]


def early_names(spread_seconds=120, within=0.5):
    """Names of homes whose first look comes within half a second of so many."""
    return (
        name
        for name in map(str, count())
        if crc32(name.encode()) / 2**32 * spread_seconds < within
    )


@pytest.mark.parametrize(("number", "keeps"), [(0, "keep"), (1, "keep_many")])
async def test_each_way_to_keep_many_homes_keeps_them(
    number, keeps, tmp_path, monkeypatch
):
    monkeypatch.setenv("STORE_DIRECTORY", str(tmp_path))
    names = {"__name__": "the page"}
    program = programs("how-to/many-homes.md")[number]
    exec(compile(program, "many-homes.md", "exec"), names)
    clouds, told = {}, []
    with JsonStore(tmp_path) as store:
        for home, _ in zip(early_names(), range(2), strict=False):
            HomeStore(store, home).set("settings", ROOM)
            cloud = clouds[home] = PretendCloud(SystemClock())
            cloud.temperature = 17.0
            told.append(asyncio.Event())
            cloud.on_send = told[-1].set
    keeping = asyncio.create_task(names[keeps](clouds))
    heated = asyncio.gather(*(each.wait() for each in told))
    await asyncio.wait(
        {keeping, heated}, timeout=60, return_when=asyncio.FIRST_COMPLETED
    )
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping
    assert heated.done()
    with JsonStore(tmp_path) as store:
        for home in clouds:
            assert HomeStore(store, home).get("state")


async def test_the_page_is_mounted_in_an_application(tmp_path, monkeypatch):
    monkeypatch.setenv("STORE_DIRECTORY", str(tmp_path))
    clock = SimulatedClock()
    app = web.Application()
    async with (
        AutomationEngine(SimulatedHome(clock), MemoryStore(), clock=clock) as engine,
        ThreadedHistory(get_history()) as history,
    ):
        (program,) = programs("how-to/page.md")
        names = {"app": app, "engine": engine, "history": history, "token": "t" * 32}
        exec(compile(program, "page.md", "exec"), names)
        async with TestClient(TestServer(app)) as client:
            known = {"Authorization": "Bearer " + "t" * 32}
            for headers, status in ((known, 200), ({}, 401)):
                found = await client.get("/climate/api/zones", headers=headers)
                assert found.status == status
