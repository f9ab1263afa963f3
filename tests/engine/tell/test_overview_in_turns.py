"""A home of many rooms is looked at without holding up everything else."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from switchbot_automation import AutomationEngine
from switchbot_automation.engine.tell import overview
from switchbot_automation.model import DeviceList, DeviceStatus
from switchbot_automation.simulation import SimulatedClock
from switchbot_store import MemoryStore

ROOMS = 120
WINDOWS = [{"days": [0, 1, 2, 3, 4, 5, 6], "start": "06:00", "end": "23:00"}]
# One has windows of its own, one is of another timezone.
SETTINGS = {
    "automation_enabled": True,
    "observe_only": True,
    "mode": "winter",
    "timezone": "UTC",
    "winter": {"min_temp": 20, "max_temp": 22, "target_temp": 23},
    "time_windows": WINDOWS,
    "zones": {
        f"room {number}": {
            "meter_device_id": f"C{number:011}",
            "aircon_device_id": f"02-{number:012}-13",
        }
        for number in range(ROOMS)
    },
}
SETTINGS["zones"]["room 7"]["time_windows"] = [WINDOWS[0] | {"end": "08:00"}]
SETTINGS["zones"]["room 8"]["timezone"] = "Asia/Tokyo"


class Cloud:
    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock

    async def devices(self) -> DeviceList:
        return DeviceList((), ())

    async def status(self, device_id: str) -> DeviceStatus:
        said = {"temperature": 21.0, "humidity": 50}
        return DeviceStatus(device_id, "Meter", said, self._clock.now())


async def test_others_have_their_turn_while_a_home_of_many_rooms_is_looked_at():
    clock = SimulatedClock(datetime(2026, 1, 12, 12, tzinfo=UTC))
    store = MemoryStore()
    store.set("settings", SETTINGS)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with AutomationEngine(Cloud(clock), store, clock=clock) as engine:
        await engine.run_once()
        at_once = engine.overview()
        beside = asyncio.create_task(others())
        await asyncio.sleep(0)
        before = turns
        in_turns = await engine.overview_in_turns()
        had = turns - before
        beside.cancel()
        quota = (await engine.health())["quota"]
        assert engine.quota() == quota
    assert in_turns == at_once
    assert had == 2
    by_name = {each["name"]: each for each in in_turns["zones"]}
    assert by_name["room 6"]["in_window"] == by_name["room 6"]["windows"][0]
    assert by_name["room 7"]["in_window"] is None
    assert by_name["room 7"]["windows"][0]["end"] == "08:00"
    assert by_name["room 8"]["next_change"] == "2026-01-12T14:00:00+00:00"
    assert by_name["room 6"]["next_change"] == "2026-01-12T23:00:00+00:00"


async def test_what_settings_alone_say_of_a_room_is_found_out_once_for_these(
    monkeypatch,
):
    clock = SimulatedClock(datetime(2026, 1, 12, 12, tzinfo=UTC))
    store = MemoryStore()
    store.set("settings", SETTINGS)
    asked = []
    really = overview.possible_for

    def possible_for(settings, zone, season):
        asked.append(zone.name)
        return really(settings, zone, season)

    monkeypatch.setattr(overview, "possible_for", possible_for)
    async with AutomationEngine(Cloud(clock), store, clock=clock) as engine:
        await engine.run_once()
        first = engine.overview()["zones"]
        assert len(asked) == ROOMS
        for _ in range(3):
            clock.advance(60)
            await engine.run_once()
            assert [each["band"] for each in engine.overview()["zones"]] == [
                {"low": 20.0, "high": 22.0}
            ] * ROOMS
        assert len(asked) == ROOMS
        # A host may do with a picture what it likes: the next is another.
        for each in first:
            each["band"]["low"] = each["wanted"]["low"] = -1.0
            each["possible"].clear()
            each["presets"].append("sleep")
            each["beside"].append("power")
        told = engine.zone_overview("room 5")
        assert (told["band"], told["presets"]) == ({"low": 20.0, "high": 22.0}, [])
        assert (told["wanted"], told["beside"]) == ({"low": 20.0, "high": 22.0}, [])
        assert "hold" in told["possible"]
        # What lies over a room, and other settings, are told at once, and gone again.
        until = clock.now() + timedelta(hours=1)
        await engine.set_temperature("room 5", 18.0, 19.0, until=until)
        assert engine.zone_overview("room 5")["band"] == {"low": 18.0, "high": 19.0}
        assert engine.overview()["zones"][5]["band"] == {"low": 18.0, "high": 19.0}
        clock.advance(3601)
        assert engine.overview()["zones"][5]["band"] == {"low": 20.0, "high": 22.0}
        await engine.apply_settings(SETTINGS | {"hysteresis_celsius": 0.7})
        await engine.run_once()
        assert {each["hysteresis"] for each in engine.overview()["zones"]} == {0.7}
