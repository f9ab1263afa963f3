"""A simulated home whose events reach the engine, well and badly, for a day."""

from datetime import timedelta

import pytest

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.simulation import (
    Fault,
    SimulatedClock,
    SimulatedHome,
    default_settings,
)
from switchbot_automation.simulation.faults import Call
from switchbot_automation.simulation.home import METER_ID
from switchbot_store import MemoryStore

STEP_SECONDS = 10


class Day:
    """Runs an engine at its wake-ups and hands it what the home pushes."""

    def __init__(self, *, push: bool) -> None:
        self.clock = SimulatedClock()
        self.home = SimulatedHome(self.clock)
        self.home.push.wanted = push
        store = MemoryStore(now=self.clock.now)
        store.set("settings", default_settings())
        self.engine = AutomationEngine(self.home, store, clock=self.clock)
        self.furthest_off = 0.0
        self.store = store

    @property
    def asked(self) -> int:
        return self.home.account.calls[Call.STATUS]

    async def live(self, hours: float, *, deliver: bool = True) -> None:
        end = self.clock.now() + timedelta(hours=hours)
        while self.clock.now() < end:
            self.clock.advance(STEP_SECONDS)
            self.home.advance()
            events = self.home.push.due_events()
            for event in events if deliver else ():
                await self.engine.handle_webhook(event)
            if self.clock.now() >= self.engine.next_wakeup:
                await self.engine.run_once()
                self._compare()

    def _compare(self) -> None:
        report = self.home.room.meter.meter.report
        known = self.store.get("state")["last_temperature"]
        if report is not None and known is not None:
            off = abs(known - report.temperature)
            self.furthest_off = max(self.furthest_off, off)


async def test_a_home_that_pushes_is_asked_far_less_and_known_as_well():
    polled, pushed = Day(push=False), Day(push=True)
    await polled.live(24)
    await pushed.live(24)
    assert pushed.asked < polled.asked / 4
    assert pushed.furthest_off <= 0.11
    assert abs(pushed.home.room.house.air - polled.home.room.house.air) < 2


@pytest.mark.parametrize(
    "fault", [Fault.EVENT_DOUBLED, Fault.EVENT_REORDERED, Fault.EVENT_LOST]
)
async def test_events_that_come_badly_leave_nothing_wrong_for_long(fault):
    day = Day(push=True)
    await day.live(9)
    assert day.engine._parts.pushes.proved(METER_ID)
    with day.home.faults.inject(fault, device_id=METER_ID):
        await day.live(3)
    assert day.furthest_off <= 0.6
    await day.live(1)
    known = day.store.get("state")["last_temperature"]
    assert abs(known - day.home.room.meter.meter.report.temperature) <= 0.2


async def test_a_webhook_that_falls_silent_is_polled_again_within_minutes():
    day = Day(push=True)
    await day.live(9)
    assert day.engine._parts.pushes.proved(METER_ID)
    before = day.asked
    await day.live(3, deliver=False)
    assert not day.engine._parts.pushes.proved(METER_ID)
    assert day.asked - before > 30
    assert day.furthest_off <= 0.6
