"""Openings found by the room's own loss, in simulated houses in the cold."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.simulation import (
    SimulatedClock,
    SimulatedHome,
    default_settings,
)
from switchbot_automation.simulation.home import OUTDOOR_METER_ID
from switchbot_automation.simulation.house.house import STEP_SECONDS, _exact_step
from switchbot_automation.simulation.house.weather import Climate
from switchbot_automation.simulation.scenarios import HOUSES
from switchbot_store import MemoryStore
from tests.cases import slow_after

MONDAY = datetime(2026, 1, 12, tzinfo=UTC)
# What an open window lets through, in watts per kelvin.
WINDOW = 250.0
OPEN_SECONDS = 600
# A meter sends minutes late, and the loss has to be longer than a defrost.
FOUND_WITHIN = 1020


class House:
    """A house whose window opens at given seconds for ten minutes."""

    def __init__(
        self,
        name,
        mean,
        openings,
        *,
        drop,
        seed=1,
        lasts=OPEN_SECONDS,
        wide=WINDOW,
        **more,
    ):
        self.clock = SimulatedClock(MONDAY)
        self.home = SimulatedHome(
            self.clock,
            season="winter",
            seed=seed,
            house=HOUSES[name],
            climate=Climate(yearly_mean=mean),
        )
        settings = default_settings("winter") | {
            "openings": {"drop_kelvin": drop},
            "predictive_polling": False,
            **more,
        }
        self.store = MemoryStore(now=self.clock.now)
        self.store.set("settings", settings)
        self.engine = AutomationEngine(self.home, self.store, clock=self.clock)
        self.openings = openings
        self._let_windows_open()

    def _let_windows_open(self):
        house = self.home.room.house
        closed = _exact_step(house.parameters, STEP_SECONDS)
        loss = house.parameters.window_loss + WINDOW
        opened = _exact_step(replace(house.parameters, window_loss=loss), STEP_SECONDS)
        run = house._run

        def step_by_step(last):
            while house._steps < last:
                now = house._steps * STEP_SECONDS
                is_open = any(at <= now < at + OPEN_SECONDS for at in self.openings)
                house._matrix = opened if is_open else closed
                run(min(last, house._steps + 1))

        house._run = step_by_step

    async def suspected(self, days):
        """Live for so many days; return when something was suspected to be open."""
        found, was, end = [], False, MONDAY + timedelta(days=days)
        while self.engine.next_wakeup < end:
            self.clock.advance_to(self.engine.next_wakeup)
            report = await self.engine.run_once()
            codes = {str(each.code) for each in report.decisions[0].reasons}
            is_suspected = "opening_suspected" in codes
            if is_suspected and not was:
                found.append((self.clock.now() - MONDAY).total_seconds())
            was = is_suspected
        return found


# The loss that is most easily mistaken stands for the others in the gate.
@pytest.mark.parametrize("drop", [0.7, pytest.param(1.0, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("mean", "days"), slow_after(1, [(4.0, 3), (4.0, 6), (8.0, 6)])
)
async def test_no_defrost_of_cold_days_is_taken_for_a_window(mean, days, drop):
    assert await House("leaky", mean, (), drop=drop).suspected(days) == []


@pytest.mark.parametrize(("seed", "days"), slow_after(1, [(1, 3), (1, 6), (2, 6)]))
async def test_every_window_open_for_ten_minutes_in_the_cold_is_found(seed, days):
    """One a day, since a pause of twenty minutes follows each."""
    chance = Random(seed)
    openings = [day * 86400 + chance.uniform(11, 20) * 3600 for day in range(days)]
    house = House("leaky", 4.0, openings, drop=1.0, seed=seed)
    suspected = await house.suspected(days)
    missed = [
        at
        for at in openings
        if not any(0 <= found - at <= FOUND_WITHIN for found in suspected)
    ]
    assert missed == []
    assert len(suspected) == len(openings)


# Where the air outdoors is known, and too mild for ice, a defrost is no excuse. Less is lost
# through a window then, so it takes longer to be told from what the unit itself does.
MILD = {"outdoor_device_id": OUTDOOR_METER_ID}


@pytest.mark.parametrize("mean", slow_after(1, [23.0, 20.0]))
async def test_no_fall_of_mild_days_is_taken_for_a_window(mean):
    assert await House("leaky", mean, (), drop=0.7, **MILD).suspected(2) == []
