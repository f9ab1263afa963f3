"""Homes in which nothing is wrong: no unit of theirs is called into doubt.

The weather takes a room where its unit would, a valve closes by itself, a heat pump thaws.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from switchbot_automation import AutomationEngine
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation import SimulatedClock, default_settings
from switchbot_automation.simulation.house.weather import Climate
from switchbot_automation.simulation.run import build_home
from switchbot_automation.simulation.scenarios import HOUSES
from switchbot_store import MemoryStore
from tests.cases import slow_after
from tests.equipment.homes import AIRCON, DEVICE

PARIS = ZoneInfo("Europe/Paris")
OCTOBER, MARCH, JANUARY = (10, 12), (3, 16), (1, 12)
MILD, COLD = Climate(), Climate(yearly_mean=0.0)
HEATS = {"mode": "winter", "control": "auto", "summer": None}
KINDS = {
    "plain": (AIRCON, {"mode": "auto"}),
    "auto": (AIRCON, {"mode": "auto", "control": "auto"}),
    "thermostat": ({"kind": "thermostat", "device_id": DEVICE}, HEATS),
    "heater": ({"kind": "heater", "device_id": DEVICE}, HEATS),
}


async def doubted(house, month, kind, seed, climate, days):
    """Return the instants at which the unit was first said to be contradicted."""
    entry, more = KINDS[kind]
    document = default_settings("winter") | more | {"equipment": [entry]}
    del document["aircon_device_id"]
    document = {name: each for name, each in document.items() if each is not None}
    start = datetime(2026, *month, tzinfo=PARIS).astimezone(UTC)
    clock = SimulatedClock(start)
    home = build_home(
        clock,
        parse_settings(document),
        house=HOUSES[house],
        seed=seed,
        climate=replace(climate, day_of_year=start.timetuple().tm_yday),
    )
    store = MemoryStore(now=clock.now)
    store.set("settings", document)
    engine = AutomationEngine(home, store, clock=clock)
    found, before = [], None
    while clock.now() < start + timedelta(days=days):
        await engine.run_once()
        (zone,) = (await engine.health())["zones"].values()
        by = zone["unit"]["contradicted_by"]
        if by is not None and before is None:
            found.append(clock.now().astimezone(PARIS))
        before = by
        later = clock.now() + timedelta(seconds=1)
        clock.advance_to(max(later, engine.next_wakeup))
    return found


@pytest.mark.parametrize(
    ("house", "month", "kind", "seed", "climate", "days"),
    slow_after(
        4,
        [
            # `mode: auto` stands on cooling, and the night cools the room.
            ("default", OCTOBER, "auto", 2, MILD, 4),
            # The sun warms one whose heater rests.
            ("sunny", MARCH, "auto", 2, MILD, 7),
            # A valve closes at its setpoint in a room that was warmed too far.
            ("light", MARCH, "thermostat", 1, MILD, 3),
            # A heater gives all it has, and the night gets colder.
            ("leaky", JANUARY, "heater", 2, Climate(yearly_mean=6.0), 2),
            ("default", OCTOBER, "plain", 2, MILD, 7),
            ("sunny", MARCH, "plain", 2, MILD, 7),
            ("sunny", OCTOBER, "auto", 1, MILD, 7),
            ("light", OCTOBER, "thermostat", 2, MILD, 7),
            ("leaky", MARCH, "heater", 2, MILD, 7),
            ("default", JANUARY, "plain", 1, COLD, 3),
            ("leaky", JANUARY, "auto", 1, COLD, 3),
        ],
    ),
)
async def test_nothing_is_doubted_where_nothing_is_wrong(
    house, month, kind, seed, climate, days
):
    assert await doubted(house, month, kind, seed, climate, days) == []
