"""What `run` loads stays until it ends, so that nobody looks through it for garbage."""

from __future__ import annotations

import asyncio
import gc
import os
import platform
import subprocess
import sys
import weakref
from datetime import UTC, datetime
from pathlib import Path

import pytest

from switchbot_automation import AutomationEngine
from switchbot_automation.cli.beside_run.garbage import what_stays_left_alone
from switchbot_automation.simulation import SimulatedClock, SimulatedHome
from switchbot_store import MemoryStore


@pytest.fixture
async def engine():
    gc.unfreeze()
    clock = SimulatedClock(datetime(2026, 1, 12, 12, tzinfo=UTC))
    store = MemoryStore()
    store.set("settings", {})
    async with AutomationEngine(SimulatedHome(clock), store, clock=clock) as made:
        yield made


async def test_what_the_first_tick_left_is_left_alone_until_the_end(engine):
    async with what_stays_left_alone(engine):
        assert not gc.get_freeze_count()
        await engine.run_once()
        await asyncio.sleep(0)
        assert gc.get_freeze_count()
        gc.unfreeze()
        await engine.run_once()
        await asyncio.sleep(0)
        assert not gc.get_freeze_count()  # once is enough
        gc.freeze()
    assert not gc.get_freeze_count()


async def test_a_run_that_ends_with_its_first_tick_leaves_nothing_behind(engine):
    async with what_stays_left_alone(engine):
        await engine.run_once()
    await asyncio.sleep(0)
    assert not gc.get_freeze_count()


class _Circle:
    itself: object


async def test_garbage_of_the_beginning_is_found_after_the_first_tick(engine):
    circle = _Circle()
    circle.itself, gone = circle, weakref.ref(circle)
    gc.disable()
    del circle
    gc.freeze()  # as the command line does once its modules are read
    gc.enable()
    async with what_stays_left_alone(engine):
        await engine.run_once()
        await asyncio.sleep(0)
        assert gone() is None


_BEGUN = """
import atexit, gc, sys
from {package}.cli import main

def tell():
    print(gc.isenabled(), gc.get_freeze_count(), gc.get_stats()[2]["collections"])

atexit.register(tell)
sys.argv[1:] = [{word!r}]
main()
"""


@pytest.mark.parametrize(
    ("package", "word"),
    [("switchbot_automation", "status"), ("switchbot_store", "health")],
)
def test_a_command_reads_its_modules_without_looking_through_them(
    package, word, tmp_path
):
    ran = subprocess.run(
        [sys.executable, "-c", _BEGUN.format(package=package, word=word)],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    enabled, left_alone, searched = ran.stdout.split()[-3:]
    assert (enabled, searched) == ("True", "0")
    assert int(left_alone) > 10_000


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone is told to")
async def test_what_was_read_once_goes_back_to_the_system_after_the_first_tick(engine):
    def resident() -> int:
        return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0])

    once = [bytes(2000) for _ in range(20_000)]  # 40 MB
    stays = once[::500]  # what lies between is free, and no end of the heap
    del once
    before = resident()
    async with what_stays_left_alone(engine):
        await engine.run_once()
        await asyncio.sleep(0)
        assert before - resident() > 30_000
    assert len(stays) == 40


_THREADS = """
import ctypes, sys, threading
from switchbot_automation.cli.beside_run.garbage import share_one_heap

if sys.argv[1] == "shared":
    share_one_heap()
kept = []
held = threading.Barrier(9)


def take():
    held.wait()  # all at once, so that each wants a heap
    kept.append([bytearray(600) for _ in range(3000)])
    held.wait()


threads = [threading.Thread(target=take) for _ in range(8)]
for each in threads:
    each.start()
held.wait()
held.wait()
ctypes.CDLL(None).malloc_stats()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone is told to")
@pytest.mark.parametrize(
    ("how", "environment", "shared"),
    [
        ("apart", {}, False),
        ("shared", {}, True),
        ("shared", {"MALLOC_ARENA_MAX": "4"}, False),
    ],
)
def test_threads_take_of_one_heap_unless_the_environment_says_otherwise(
    how, environment, shared
):
    told = subprocess.run(
        [sys.executable, "-c", _THREADS, how],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    ).stderr
    assert (told.count("Arena ") == 1) is shared
