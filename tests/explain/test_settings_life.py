"""Settings come into force whole or not at all, and the last good ones outlive a restart."""

import json
from datetime import timedelta

import pytest

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.engine import tick as tick_module
from switchbot_automation.errors import SettingsError
from switchbot_automation.simulation import (
    SimulatedClock,
    default_settings,
    simulate,
)
from switchbot_store import (
    HistoryService,
    MemoryStore,
    SqliteHistory,
    StoreUnavailableError,
)


async def test_the_last_good_settings_outlive_a_restart_with_a_bad_document(room):
    await room.tick(21.0)
    room.store.set("settings", {"mode": "autumn"})
    engine = room.restart()
    assert (await room.tick(19.0, after=600)).outcome == "winter_on"
    health = await engine.health()
    assert (health["status"], health["settings_error"][:4]) == ("degraded", "mode")


async def test_without_any_good_settings_nothing_is_turned_on(room):
    room.store.set("settings", {"mode": "autumn"})
    report = await room.tick(10.0)
    assert report.outcome == "invalid_settings"
    assert room.sent == []
    assert (await room.engine.explain()).outcome == "invalid_settings"


async def test_settings_that_the_first_tick_cannot_live_with_are_taken_back(
    room, monkeypatch
):
    await room.tick(21.0)
    before = room.store.get("settings")
    tick = tick_module.tick

    def choosy(settings, *home, **known):
        if settings.default.hysteresis_celsius == 0.7:
            raise ZeroDivisionError
        return tick(settings, *home, **known)

    monkeypatch.setattr(tick_module, "tick", choosy)
    told = []
    room.engine.subscribe(lambda event: told.append(event.kind))
    await room.engine.apply_settings({**before, "hysteresis_celsius": 0.7})
    report = await room.tick(19.7, after=600)
    assert report.outcome == "winter_on"
    assert "config_rejected" in told
    assert room.store.get("settings") == before
    assert (await room.tick(19.7, after=300)).outcome == "no_action"


async def test_settings_the_core_cannot_decide_with_are_never_stored(room, monkeypatch):
    await room.tick(21.0)
    before = room.store.get("settings")

    def broken(snapshot, settings, now):
        raise ZeroDivisionError

    monkeypatch.setattr("switchbot_automation.engine.configure.judged_anew", broken)
    with pytest.raises(SettingsError, match="ZeroDivisionError"):
        await room.engine.apply_settings({**before, "hysteresis_celsius": 0.7})
    assert room.store.get("settings") == before


async def test_a_store_that_fails_leaves_the_settings_as_they_were(room, monkeypatch):
    await room.tick(19.6)
    before = room.store.get("settings")

    def away(key, change):
        raise StoreUnavailableError("away")

    monkeypatch.setattr(room.store, "update", away)
    with pytest.raises(StoreUnavailableError):
        await room.engine.apply_settings({**before, "automation_enabled": False})
    assert (await room.tick(22.4, after=600)).outcome == "winter_off"


async def test_a_zone_that_only_observes_decides_and_sends_nothing(room):
    room.configure(observe_only=True)
    report = await room.tick(19.0)
    command = report.commands[0]
    assert (command.status, command.reasons[-1].code) == ("decided", "observe_only")
    await room.tick(19.0, after=60)
    assert room.sent == []
    assert (await room.engine.act("default", "on")).status == "accepted"


async def test_shadow_settings_are_recorded_where_they_differ_and_never_sent(room):
    room.configure(shadow={"hysteresis_celsius": 1.5})
    await room.tick(19.0)
    answer = await room.engine.explain()
    assert answer.outcome == "winter_on"
    assert answer.shadow == {
        "outcome": "no_action",
        "action": None,
        "because": ["in_window", "within_band"],
    }
    at = room.clock.now()
    await room.tick(21.0, after=60)
    assert (await room.engine.explain()).shadow is None
    room.restart()
    await room.tick(21.0, after=60)
    past = await room.engine.explain(at=at + timedelta(seconds=1))
    assert past.shadow["outcome"] == "no_action"
    assert len(room.sent) == 1


async def test_a_dry_run_tells_why_it_cannot_say_what_would_have_been(room):
    await room.tick(21.0)
    document = room.store.get("settings")
    change = await room.engine.apply_settings(
        {**document, "hysteresis_celsius": 0.5}, dry_run=True
    )
    assert [each.path for each in change.changes] == ["hysteresis_celsius"]
    assert change.summary is None
    assert "days of readings" in change.no_summary
    assert room.store.get("settings") == document


async def test_a_dry_run_tells_what_would_have_come_of_it(room, tmp_path):
    settings, store = default_settings("winter"), MemoryStore()
    with HistoryService(SqliteHistory(tmp_path / "h.sqlite3"), batch_size=500) as kept:
        await simulate(settings, days=6, store=store, history=kept)
        newest = kept.latest()[0]["timestamp"]
        room.clock = SimulatedClock(newest + timedelta(minutes=2))
        engine = AutomationEngine(room, store, history=kept, clock=room.clock)
        cooler = {**settings, "winter": {**settings["winter"], "target_temp": 22.0}}
        change = await engine.apply_settings(cooler, dry_run=True)
    assert [each.path for each in change.changes] == ["winter.target_temp"]
    assert change.no_summary is None
    assert change.summary.candidate.energy_kwh < change.summary.current.energy_kwh
    told = json.loads(json.dumps(change.to_dict()))
    assert told["summary"]["model"]["error_kelvin"] <= 0.5
    assert store.get("settings") == settings
