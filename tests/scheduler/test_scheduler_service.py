from __future__ import annotations

import asyncio
import gc
import logging
import os
from collections import Counter
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from switchbot_automation.engine.engine import AutomationEngine
from switchbot_automation.engine.scheduler import SchedulerService
from switchbot_automation.errors import EngineClosedError
from switchbot_automation.model import DeviceList
from switchbot_automation.simulation.clock import SimulatedClock
from switchbot_store import MemoryStore


async def test_it_ticks_at_once_and_then_when_the_engine_asks(clock, engine):
    async with SchedulerService(engine):
        await clock.advance(600)
    assert engine.ticks == [0, 120, 240, 360, 480, 600]
    assert set(engine.triggers) == {"scheduler"}


async def test_a_wakeup_moved_earlier_is_kept(clock, engine):
    async with SchedulerService(engine):
        await clock.advance(30)
        engine.want_sooner(clock.now() + timedelta(seconds=10))
        await clock.advance(200)
    assert engine.ticks == [0, 40, 160]


async def test_a_wakeup_moved_later_is_kept_too(clock, engine):
    async with SchedulerService(engine):
        await clock.advance(30)
        engine.want_sooner(clock.now() + timedelta(seconds=200))
        await clock.advance(200)
    assert engine.ticks == [0, 230]


async def test_other_events_change_nothing(clock, engine):
    async with SchedulerService(engine):
        await clock.advance(30)
        for listener in engine.listeners:
            listener(type("Event", (), {"kind": "decision"})())
        await clock.advance(60)
    assert engine.ticks == [0]


async def test_an_engine_that_always_asks_for_now_does_not_take_the_processor(
    clock, engine
):
    engine.interval_seconds = -5
    async with SchedulerService(engine):
        await clock.advance(10)
    assert len(engine.ticks) == 11


async def test_a_wall_clock_set_back_does_not_stop_the_ticks(clock, engine):
    async with SchedulerService(engine):
        await clock.advance(30)
        clock.wall_offset -= 86400
        await clock.advance(100)
    assert engine.ticks == [0, 120]


async def test_a_wall_clock_set_forward_is_noticed_within_a_minute(clock, engine):
    engine.interval_seconds = 3600
    async with SchedulerService(engine):
        await clock.advance(30)
        clock.wall_offset += 7200
        await clock.advance(60)
    assert engine.ticks == [0, 60]


async def test_exceptions_do_not_end_it_and_make_it_wait_longer(clock, engine, caplog):
    engine.failures = [RuntimeError(f"no {number}") for number in range(8)]
    async with SchedulerService(engine) as service:
        await clock.advance(180)
        assert service.status().failures == 8
        assert service.status().last_error == "RuntimeError: no 7"
        await clock.advance(3)
        assert service.status().failures == 0
    assert engine.ticks == [0, 1, 3, 7, 15, 31, 63, 123, 183]
    assert engine.finished == 1
    tracebacks = [record for record in caplog.records if record.exc_info]
    assert len(tracebacks) == 1


async def test_a_failed_tick_s_words_name_no_more_of_a_url_than_its_host(clock, engine):
    engine.failures = [RuntimeError("no answer of https://u:pw@db.lan/x?key=s3cret")]
    async with SchedulerService(engine) as service:
        await clock.advance(0)
        said = service.status().last_error
    assert "db.lan" in said
    assert "s3cret" not in said
    assert "pw" not in said


async def test_a_failing_tick_that_moves_the_wakeup_does_not_spin(clock, engine):
    async def run_once(trigger):
        engine.ticks.append(clock.monotonic())
        engine.want_sooner(clock.now())
        raise RuntimeError

    engine.run_once = run_once
    async with SchedulerService(engine):
        await clock.advance(7)
    assert engine.ticks == [0, 1, 3, 7]


async def test_start_and_stop_may_be_repeated(clock, engine):
    service = SchedulerService(engine)
    await service.stop()
    service.start()
    await service.start()
    assert service.running
    await clock.advance(60)
    await service.stop()
    await service.stop()
    assert not service.running
    await clock.advance(600)
    assert engine.ticks == [0]
    await service.start()
    await clock.advance(10)
    assert engine.ticks == [0, 660]
    await service.stop()
    assert engine.listeners == []


async def test_stop_lets_a_running_tick_finish(clock, engine, settled):
    engine.gate = asyncio.Event()
    service = SchedulerService(engine)
    service.start()
    await settled()
    stopping = asyncio.create_task(service.stop())
    await settled()
    assert not stopping.done()
    engine.gate.set()
    await stopping
    assert engine.finished == 1
    assert not service.running


async def test_stop_cancels_a_tick_that_does_not_end(clock, engine, settled, caplog):
    engine.gate = asyncio.Event()
    service = SchedulerService(engine)
    service.start()
    await settled()
    await service.stop(timeout_seconds=0.01)
    assert not service.running
    assert engine.finished == 0
    assert "still running" in caplog.text


async def test_stop_from_within_a_tick_returns_and_takes_effect(clock, engine, settled):
    service = SchedulerService(engine)
    ticked = engine.run_once

    async def run_once(trigger):
        await service.stop()
        return await ticked(trigger)

    engine.run_once = run_once
    service.start()
    await settled()
    assert engine.finished == 1
    assert not service.running


async def test_stop_does_not_wait_for_the_next_wakeup(clock, engine, settled):
    engine.interval_seconds = 86400
    service = SchedulerService(engine)
    service.start()
    await settled()
    await asyncio.wait_for(service.stop(timeout_seconds=None), 5)
    assert clock.monotonic() == 0


async def test_slow_ticks_are_warned_of_and_durations_kept(clock, engine, caplog):
    async with SchedulerService(engine, slow_tick_seconds=5) as service:
        await clock.advance(100)
        assert "slow" not in caplog.text
        engine.tick_seconds = 6
        await clock.advance(200)
        status = service.status()
        assert "slow tick: 6.0 s" in caplog.text
        assert status.last_duration_seconds == 6
        assert status.average_duration_seconds == pytest.approx(
            6 * (status.ticks - 1) / status.ticks
        )
        await clock.advance(5000)
        assert service.status().average_duration_seconds == 6


async def test_status_says_when_it_ticked_and_will_tick(clock, engine):
    service = SchedulerService(engine)
    before = service.status()
    assert (before.running, before.ticks, before.last_tick_at) == (False, 0, None)
    assert before.average_duration_seconds is None
    async with service:
        await clock.advance(130)
        status = service.status()
    assert status.running
    assert status.ticks == 2
    assert status.last_tick_at == clock.now() - timedelta(seconds=10)
    assert status.next_wakeup == clock.now() + timedelta(seconds=110)


async def test_it_leaves_no_task_behind(clock, engine, settled):
    async with SchedulerService(engine):
        await clock.advance(1000)
    await settled()
    gc.collect()
    assert asyncio.all_tasks() == {asyncio.current_task()}


class NoCloud:
    """A cloud with nothing in it; the engine is disabled and does not need one."""

    async def devices(self):
        return DeviceList((), ())

    async def scenes(self):
        return []


async def test_the_real_engine_is_ticked_on_its_own_clock(caplog):
    caplog.set_level(logging.ERROR)
    clock = SimulatedClock()
    store = MemoryStore()
    store.set("settings", {"poll_interval_seconds": 60})
    reports = asyncio.Queue()
    async with AutomationEngine(NoCloud(), store, clock=clock) as engine:
        ticked = engine.run_once

        async def run_once(trigger):
            report = await ticked(trigger)
            reports.put_nowait((clock.monotonic(), report))
            return report

        engine.run_once = run_once
        async with SchedulerService(engine):
            seen = [await reports.get() for _ in range(5)]
    assert [round(at) for at, _ in seen] == [0, 60, 120, 180, 240]
    assert {report.outcome for _, report in seen} == {"disabled"}
    assert caplog.records == []


@pytest.mark.parametrize("error", [SystemExit(1), asyncio.CancelledError()])
async def test_a_tick_that_ends_the_program_ends_no_scheduler(clock, engine, error):
    engine.failures = [error]
    async with SchedulerService(engine, clock=clock) as scheduler:
        await clock.advance(10)
        assert scheduler.running
        assert scheduler.status().ticks >= 2
        assert type(error).__name__ in scheduler.status().last_error


async def test_a_closed_engine_ends_it(clock, engine, settled, caplog):
    engine.failures = [EngineClosedError("the engine was closed")]
    scheduler = SchedulerService(engine, clock=clock)
    await scheduler.start()
    await settled()
    assert not scheduler.running
    assert "no more ticks" in caplog.text


async def test_in_a_fork_it_does_not_run_and_stop_does_not_wait(
    clock, engine, settled, monkeypatch
):
    parent = os.getpid()
    async with SchedulerService(engine, clock=clock) as scheduler:
        await settled()
        monkeypatch.setattr(os, "getpid", lambda: parent + 1)
        assert not scheduler.running
        assert not scheduler.status().running
        await scheduler.stop()
        monkeypatch.undo()
        assert scheduler.running


async def test_first_looks_of_many_homes_spread_over_the_interval(clock, settled):
    """Each home has its own share of it, the same after every restart."""

    async def firsts():
        begin, store, client = clock.now(), MemoryStore(), NoCloud()
        async with AsyncExitStack() as stack:
            engines = [
                await stack.enter_async_context(
                    AutomationEngine(client, store, clock=clock, home=str(number))
                )
                for number in range(100)
            ]
            for engine in engines:
                scheduler = SchedulerService(engine, spread_seconds=100)
                await stack.enter_async_context(scheduler)
            await settled()
            return [(each.next_wakeup - begin).total_seconds() for each in engines]

    first = await firsts()
    tenths = Counter(int(each // 10) for each in first)
    assert set(tenths) == set(range(10))
    assert max(tenths.values()) < 25
    await clock.advance(1)
    assert await firsts() == first


async def test_a_person_does_not_wait_for_the_first_look_of_a_home(clock, settled):
    async with (
        AutomationEngine(NoCloud(), MemoryStore(), clock=clock, home="42") as engine,
        SchedulerService(engine, spread_seconds=10_000) as scheduler,
    ):
        await settled()
        assert scheduler.status().ticks == 0
        await engine.apply_settings({"automation_enabled": False})
        await settled()
        assert scheduler.status().ticks == 1
