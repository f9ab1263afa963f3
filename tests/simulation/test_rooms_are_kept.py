"""Ordinary weeks: what health says of the rooms of the shipped houses is true of them."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from switchbot_automation import AutomationEngine
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation import SimulatedClock, default_settings
from switchbot_automation.simulation.run import SEASON_STARTS, build_home
from switchbot_automation.simulation.scenarios import HOUSES
from switchbot_store import MemoryStore
from tests.cases import slow_after

CASES = [
    (house, season, control)
    for house in HOUSES
    for season in ("winter", "summer")
    for control in ("switch", "modulate")
]
IN_EVERY_RUN = [
    ("leaky", "winter", "switch"),
    ("heavy", "summer", "modulate"),
]


@pytest.mark.parametrize(
    ("house", "season", "control", "days"),
    slow_after(
        len(IN_EVERY_RUN),
        [(*case, 3) for case in IN_EVERY_RUN] + [(*case, 7) for case in CASES],
    ),
)
async def test_no_house_is_called_degraded_that_is_kept(house, season, control, days):
    document = default_settings(season) | {"control": control}
    settings = parse_settings(document)
    begin = datetime.combine(SEASON_STARTS[season], time(), settings.default.timezone)
    clock = SimulatedClock(begin.astimezone(UTC))
    home = build_home(clock, settings, house=HOUSES[house], seed=0)
    store = MemoryStore()
    store.set("settings", document)
    told, kept = [], 0
    async with AutomationEngine(home, store, clock=clock) as engine:
        while clock.now() < begin + timedelta(days=days):
            await engine.run_once()
            health = await engine.health()
            room = health["zones"]["default"]["room"]
            kept += room["status"] == "kept"
            if health["status"] != "ok":
                told.append((clock.now(), room))
            clock.advance_to(engine.next_wakeup)
    home.advance()
    assert kept > 100
    assert told == []
