# How a plug-in is tested: its parts by hand, and the whole in an engine on a clock that
# jumps. Run with the package installed: pytest examples/plugin_package

from datetime import UTC, datetime, timedelta

import pytest
from switchbot_sun import Place

from switchbot_automation import AutomationEngine
from switchbot_automation.errors import SettingsError
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation import SimulatedClock, SimulatedHome
from switchbot_store import MemoryStore

PARIS = {"latitude": 48.8566, "longitude": 2.3522}


def evening(**trigger):
    return {
        "timezone": "Europe/Paris",
        "rules": [
            {
                "id": "evening",
                "triggers": {"trigger": "sun", "event": "sunset", **PARIS, **trigger},
                "actions": {"action": "notify", "message": "it is $event"},
            }
        ],
    }


class Told:
    def __init__(self, clock):
        self.clock = clock
        self.at = []

    async def notify(self, message, *, title=None):
        assert (message, title) == ("it is sunset", None)
        self.at.append(self.clock.now())


async def sunsets(document, days):
    clock = SimulatedClock(datetime(2026, 6, 20, 12, tzinfo=UTC))
    store, told = MemoryStore(now=clock.now), Told(clock)
    store.set("settings", document)
    end = clock.now() + timedelta(days=days)
    home = SimulatedHome(clock)
    engine = AutomationEngine(home, store, clock=clock, notifier=told)
    while engine.next_wakeup < end:
        clock.advance_to(max(engine.next_wakeup, clock.now()))
        await engine.run_once()
        if clock.now().minute % 7 == 0:
            # As after a crash: what a trigger remembers lies in the store.
            engine = AutomationEngine(home, store, clock=clock, notifier=told)
            await engine.run_once()
    assert (await engine.health())["plugins"]["available"]["triggers"] == ["sun"]
    return told.at


async def test_a_rule_follows_the_sun_of_paris():
    # Sunset on 20 June 2026 is at 21:58 there, says every almanac.
    first, second = await sunsets(evening(), days=2)
    assert abs(first - datetime(2026, 6, 20, 19, 58, tzinfo=UTC)) < timedelta(minutes=2)
    assert (
        timedelta(hours=23, minutes=58)
        < second - first
        < timedelta(hours=24, minutes=2)
    )


async def test_an_offset_moves_it():
    (plain,), (early,) = (
        await sunsets(evening(), days=1),
        await sunsets(evening(offset_minutes=-30), days=1),
    )
    assert abs(plain - early - timedelta(minutes=30)) < timedelta(seconds=5)


def test_a_polar_summer_has_no_sunset():
    north = Place(78.2, 15.6)
    assert north.next_change(datetime(2026, 6, 20, tzinfo=UTC)) is None
    assert north.sun_is_up(datetime(2026, 6, 20, tzinfo=UTC))


def test_the_schema_speaks_for_the_plugin():
    with pytest.raises(SettingsError, match=r"rules\[0\].triggers.event"):
        parse_settings(evening(event="noon"))
    with pytest.raises(SettingsError, match="latitude"):
        parse_settings(evening(latitude=100))


async def test_the_notifier_writes_to_its_file(tmp_path):
    notes = tmp_path / "notes.txt"
    document = evening()
    document["rules"][0]["actions"] = {
        "action": "notify",
        "title": "sun",
        "message": "gone",
        "notifier": "file",
        "path": str(notes),
    }
    await sunsets(document, days=1)
    assert notes.read_text() == "sun: gone\n"
