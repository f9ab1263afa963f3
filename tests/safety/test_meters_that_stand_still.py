"""A room that is kept well stands as still as a dead meter; only one of them is stopped."""

from datetime import UTC, datetime, time, timedelta

import pytest

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation import SimulatedClock, default_settings
from switchbot_automation.simulation.faults import Fault
from switchbot_automation.simulation.home import METER_ID
from switchbot_automation.simulation.run import build_home
from switchbot_automation.simulation.scenarios import HOUSES, SEASON_STARTS
from switchbot_store import MemoryStore

WAYS = {
    "plain": {},
    "predictive": {"predictive_polling": True},
    "modulate": {"control": "modulate", "optimum_start": True},
}


async def live(season, house, seed, days, *, frozen_after=None, **changes):
    """Run the engine in a simulated home.

    Returns its stops for safety and the hours at which the unit was seen to run.
    """
    document = default_settings(season) | changes
    settings = parse_settings(document)
    start = datetime.combine(SEASON_STARTS[season], time(), settings.default.timezone)
    clock = SimulatedClock(start.astimezone(UTC))
    home = build_home(clock, settings, house=HOUSES[house], seed=seed)
    if frozen_after is not None:
        home.faults.inject(
            Fault.FROZEN, device_id=METER_ID, starts_after=3600.0 * frozen_after
        )
    store = MemoryStore(now=clock.now)
    store.set("settings", document)
    engine = AutomationEngine(home, store, clock=clock)
    stops, running = [], []
    async with engine:
        while clock.now() < start + timedelta(days=days):
            report = await engine.run_once()
            hour = (clock.now() - start).total_seconds() / 3600.0
            stops += [each.reasons[0] for each in report.decisions if each.emergency]
            if home.room.house.aircon.settings.power:
                running.append(hour)
            clock.advance_to(max(engine.next_wakeup, clock.now()))
    return stops, running


# Where the value once stood still for so long that the unit was stopped.
@pytest.mark.parametrize(
    ("way", "season", "house", "seed"),
    [
        ("predictive", "winter", "default", 0),
        ("predictive", "winter", "offset", 1),
        ("plain", "winter", "offset", 0),
        ("modulate", "winter", "default", 2),
        ("modulate", "summer", "offset", 0),
    ],
)
async def test_a_healthy_home_is_never_stopped_for_safety(way, season, house, seed):
    stops, running = await live(season, house, seed, 1, **WAYS[way])
    assert (stops, running != []) == ([], True)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("season", ["winter", "summer"])
@pytest.mark.parametrize("house", ["default", "light", "heavy", "offset"])
async def test_no_healthy_home_is_stopped_for_safety_in_weeks(way, season, house):
    for seed in range(4):
        stops, _running = await live(season, house, seed, 5, **WAYS[way])
        assert stops == []


@pytest.mark.parametrize("way", WAYS)
async def test_a_frozen_meter_does_not_keep_the_unit_running(way):
    """By safety's word, or because the steering finds that the room holds without it."""
    _stops, running = await live("winter", "default", 1, 1, frozen_after=8, **WAYS[way])
    assert 10 < running[-1] < 8 + 4.2
