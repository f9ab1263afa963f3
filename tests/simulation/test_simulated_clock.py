from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from switchbot_automation.simulation import SimulatedClock

START = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)


def test_stands_still_until_it_is_advanced():
    clock = SimulatedClock(START)
    assert clock.now() == clock.now() == START
    clock.advance(90.5)
    assert clock.now() == START + timedelta(seconds=90.5)
    assert clock.monotonic() == 90.5


def test_a_start_in_a_local_zone_is_the_same_instant_in_utc():
    local = START.astimezone(tz=None)
    assert SimulatedClock(local).now() == START
    assert SimulatedClock(local).now().tzinfo is UTC


def test_a_jump_moves_the_wall_clock_alone():
    clock = SimulatedClock(START)
    clock.advance(10)
    clock.jump(-3600)
    assert clock.now() == START + timedelta(seconds=10 - 3600)
    assert clock.true_now() == START + timedelta(seconds=10)
    assert clock.monotonic() == 10


def test_advancing_to_an_instant_that_passed_does_nothing():
    clock = SimulatedClock(START)
    clock.advance_to(START + timedelta(minutes=1))
    clock.advance_to(START)
    assert clock.monotonic() == 60


def test_refuses_a_naive_start_and_going_back():
    with pytest.raises(ValueError, match="aware"):
        SimulatedClock(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point
    with pytest.raises(ValueError, match="back"):
        SimulatedClock(START).advance(-1)


async def test_sleeping_advances_and_lets_other_tasks_run():
    clock = SimulatedClock(START)
    seen = []

    async def other():
        seen.append(clock.monotonic())

    task = asyncio.create_task(other())
    await clock.sleep(30)
    assert seen == [30]
    await task
