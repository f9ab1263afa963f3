"""What a host sees: events, health, explanations, settings, history, lifecycle."""

import asyncio
import json
from datetime import timedelta

import pytest

from switchbot_automation.cloud.talk.quota import QuotaLedger
from switchbot_automation.engine import AutomationEngine
from switchbot_automation.errors import DeviceOfflineError, SettingsError
from switchbot_store import (
    HistoryService,
    JsonStore,
    MemoryStore,
    SqliteHistory,
    ThreadedStore,
)


class KeptHistory:
    """A history that keeps its samples in a list."""

    def __init__(self):
        self.samples = []

    async def record(self, sample):
        self.samples.append(sample)


async def test_a_tick_tells_its_decision_and_its_commands(house):
    house.remember(assumed_aircon_power="off")
    told = []
    unsubscribe = house.engine.subscribe(told.append)
    report = await house.tick(19.0)
    assert [event.kind for event in told] == ["config_applied", "decision", "command"]
    assert told[1].decision == report.decisions[0]
    assert told[2].command == report.commands[0]
    unsubscribe()
    unsubscribe()
    await house.tick(19.0, after=60)
    assert len(told) == 3


async def test_a_listener_that_fails_is_logged_and_harms_nobody(house, caplog):
    told = []

    def bad(event):
        raise ValueError("not today")

    house.engine.subscribe(bad)
    house.engine.subscribe(told.append)
    house.remember(assumed_aircon_power="off")
    assert (await house.tick(19.0)).outcome == "winter_on"
    assert "decision" in [event.kind for event in told]
    assert "not today" in caplog.text


async def test_the_quotas_level_is_told_when_it_changes_either_way(house):
    quota = QuotaLedger(limit=4, clock=house.clock)
    house.configure(api_quota_warning_threshold=2)
    house.restarted(quota=quota)
    told = []
    house.engine.subscribe(
        lambda event: told.append(event) if event.kind.startswith("quota") else None
    )
    for _tick in range(5):
        await house.tick(21.0, after=60)
        quota.attempt()
    await house.tick(21.0, after=86400)
    assert [(event.level, event.remaining) for event in told] == [
        ("critical", 3),
        ("exhausted", 0),
        ("normal", 4),
    ]


async def test_without_a_ledger_the_engine_counts_its_calls_across_restarts(house):
    house.configure(max_continuous_on_seconds=0)
    house.remember(assumed_aircon_power="off")
    await house.tick(19.0)
    assert house.state["api_requests_total"] == 2
    assert house.state["api_requests_remaining"] == 9998
    assert house.state["api_quota_day"] == "2026-01-12"
    house.restarted()
    await house.tick(21.0, after=60)
    assert house.state["api_requests_total"] == 3
    await house.tick(21.0, after=86400)
    assert house.state["api_requests_total"] == 1


async def test_a_shared_ledger_is_left_to_the_client_to_count(house):
    quota = QuotaLedger(clock=house.clock)
    house.restarted(quota=quota)
    await house.tick(21.0)
    assert quota.used == 0


async def test_every_class_of_tick_leaves_a_sample_with_its_reasons(house):
    history = KeptHistory()
    house.restarted(history=history)
    house.remember(assumed_aircon_power="off")
    await house.tick(19.0)
    house.cloud.broken["status"] = DeviceOfflineError("asleep")
    await house.tick(after=60)
    house.configure(time_windows=[])
    await house.tick(after=60)
    house.configure(automation_enabled=False)
    house.cloud.broken.clear()
    await house.tick(20.5, after=60)
    assert [sample.metadata["outcome"] for sample in history.samples] == [
        "winter_on",
        "missing_meter",
        "outside_window",
        "disabled",
    ]
    assert [sample.temperature for sample in history.samples] == [
        19.0,
        None,
        None,
        20.5,
    ]
    first, second = history.samples[:2]
    assert first.timestamp.isoformat() == "2026-01-12T12:00:00+00:00"
    assert (first.zone, first.timezone) == ("default", "UTC")
    assert (first.assumed_aircon_power, first.last_action) == (
        "on",
        "setAll(23,5,3,on)",
    )
    assert first.api_requests_today == 2
    assert first.metadata["reasons"][1] == {
        "code": "temp_below_on_threshold",
        "temperature_celsius": 19.0,
        "limit_celsius": 19.7,
    }
    assert first.metadata["commands"][0]["status"] == "accepted"
    assert second.last_temperature_stale is True
    assert second.error_count == 1
    MemoryStore().set("metadata", dict(first.metadata))


async def test_health_tells_what_a_dashboard_shows_and_is_json(house):
    house.remember(assumed_aircon_power="off")
    before = await house.engine.health()
    assert before["last_tick"] is None
    await house.tick(19.0)
    health = json.loads(json.dumps(await house.engine.health()))
    assert health["status"] == "ok"
    assert health["automation_enabled"] is True
    assert health["last_tick"] == "2026-01-12T12:00:00+00:00"
    assert health["last_outcome"] == "winter_on"
    assert health["next_wakeup"] == "2026-01-12T12:01:00+00:00"
    assert health["zones"]["default"]["temperature"] == 19.0
    assert health["zones"]["default"]["assumed_aircon_power"] == "on"
    assert health["quota"]["used"] == 2
    assert health["store"]["reachable"] is True


async def test_health_is_an_error_when_the_ticks_have_stopped(house):
    await house.tick(21.0)
    house.clock.advance(600)
    health = await house.engine.health()
    assert (health["status"], health["tick_stale"]) == ("error", True)


async def test_a_silent_meter_degrades_health(house):
    house.cloud.broken["status"] = DeviceOfflineError("asleep")
    await house.tick()
    assert (await house.engine.health())["status"] == "degraded"


async def test_why_is_answered_in_words_and_in_json(house):
    house.remember(assumed_aircon_power="off")
    assert (await house.engine.explain()).outcome is None
    await house.tick(19.0)
    answer = await house.engine.explain()
    assert answer.text.splitlines()[0] == (
        "default: winter_on, because the window 06:00-23:00 is open; 19.0 °C is at or "
        "below 19.7 °C, where it turns on; nothing stood against sending it."
    )
    told = json.loads(json.dumps(answer.to_dict()))
    assert told["outcome"] == "winter_on"
    assert told["decided_at"] == "2026-01-12T12:00:00+00:00"
    assert [reason["code"] for reason in told["because"]] == [
        "in_window",
        "temp_below_on_threshold",
        "gate_open",
    ]


async def test_why_of_an_instant_nobody_recorded_is_said_to_be_unknown(house):
    await house.tick(21.0)
    answer = await house.engine.explain(at=house.clock.now() - timedelta(days=1))
    assert (answer.outcome, answer.decided_at) == (None, None)
    assert "nothing is recorded" in answer.text


async def test_why_of_an_earlier_instant_is_answered_from_the_history(house, tmp_path):
    backend = SqliteHistory(tmp_path / "history.sqlite3")
    with HistoryService(backend, now=house.clock.now) as history:
        async with house.restarted(history=history) as engine:
            house.remember(assumed_aircon_power="off")
            await house.tick(19.0)
            await house.tick(21.0, after=60)
            at = house.clock.now() - timedelta(seconds=30)
            answer = await engine.explain(at=at)
            assert answer.outcome == "winter_on"
            assert answer.decided_at.isoformat() == "2026-01-12T12:00:00+00:00"
            assert "19.0 °C is at or below 19.7 °C" in answer.text
            earlier = await engine.explain(at=at - timedelta(hours=1))
            assert earlier.outcome is None
        # The engine did not open it, so it is still open.
        assert [row["temperature"] for row in history.latest(2)] == [19.0, 21.0]


async def test_settings_are_checked_before_they_are_stored(house):
    before = house.store.get("settings")
    with pytest.raises(SettingsError):
        await house.engine.apply_settings({"mode": "autumn"})
    assert house.store.get("settings") == before


async def test_applied_settings_say_what_they_change_and_act_at_once(house):
    await house.tick(19.8)
    document = house.store.get("settings")
    wanted = {
        **document,
        "hysteresis_celsius": 0.1,
        "webhooks": {"off": "https://hooks.example.com/SECRET"},
    }
    house.clock.advance(5)
    would = await house.engine.apply_settings(wanted, dry_run=True)
    assert house.store.get("settings") == document
    change = await house.engine.apply_settings(wanted)
    assert would.changes == change.changes
    assert (would.dry_run, change.dry_run) == (True, False)
    assert [(each.path, each.before, each.after) for each in change.changes] == [
        ("hysteresis_celsius", 0.3, 0.1),
        ("webhooks", None, {"off": "https://hooks.example.com/…"}),
    ]
    assert house.store.get("settings") == wanted
    assert house.engine.next_wakeup == house.clock.now()
    assert (await house.engine.run_once()).outcome == "winter_on"


async def test_ticks_and_commands_wait_for_each_other(house):
    house.remember(assumed_aircon_power="off")
    house.cloud.temperature = 19.0
    house.cloud.latency_seconds = 1.0
    reports = await asyncio.gather(
        house.engine.run_once(),
        house.engine.act("default", "winter"),
        house.engine.run_once(),
    )
    # One after the other: each finds what the one before it did.
    assert [report.outcome for report in reports[::2]] == ["winter_on", "no_action"]
    assert house.cloud.words == ["setAll 23,5,3,on"] * 2


async def test_the_engine_leaves_the_store_open_for_who_opened_it(house, tmp_path):
    with JsonStore(tmp_path) as store:
        store.set("settings", house.store.get("settings"))
        async with AutomationEngine(house.cloud, store, clock=house.clock) as engine:
            assert (await engine.run_once()).outcome == "no_action"
        assert store.get("state")["last_temperature"] == 21.0


async def test_an_asynchronous_store_is_used_as_it_is(house):
    store = ThreadedStore(house.store)
    async with AutomationEngine(house.cloud, store, clock=house.clock) as engine:
        assert (await engine.run_once()).outcome == "no_action"
    assert (await store.get("state"))["last_temperature"] == 21.0


async def test_other_keys_than_the_usual_ones_can_be_used(house):
    house.store.set("climate", house.store.get("settings"))
    house.store.set("settings", {"mode": "autumn"})
    house.restarted(settings_key="climate", state_key="climate-state")
    assert (await house.tick(21.0)).outcome == "no_action"
    assert house.store.get("climate-state")["last_temperature"] == 21.0
    assert house.state == {}


@pytest.mark.parametrize(
    "answer",
    [
        {"temperature": 1e300, "humidity": -1e300},
        {"temperature": 21.0, "humidity": "wet"},
        {"temperature": 10**30},
        None,
        [],
    ],
)
async def test_a_strange_answer_is_stored_as_something_that_can_be(house, answer):
    async def status(device_id):
        return type("Status", (), {"fields": answer, "received_at": "just now"})()

    house.cloud.status = status
    house.remember(assumed_aircon_power="on")
    await house.tick()
    assert house.cloud.words == []
    assert house.state["last_tick"] == "2026-01-12T12:00:00+00:00"


async def test_an_error_text_that_cannot_be_stored_is_made_storable(house):
    house.cloud.broken["status"] = DeviceOfflineError("nul \0 and \ud800 half")
    await house.tick()
    assert house.state["last_error"] == "DeviceOfflineError: nul and ? half"


async def test_a_tick_that_changes_one_reading_costs_one_read_and_one_write(house):
    calls = []
    for name in ("get_many", "set_many", "compare_and_set", "get_entry", "update"):
        method = getattr(house.store, name)

        def counting(*args, _name=name, _method=method):
            calls.append(_name)
            return _method(*args)

        setattr(house.store, name, counting)
    await house.tick(21.0)
    calls.clear()
    await house.tick(21.1, after=60)
    assert calls == ["get_many", "set_many"]
    calls.clear()
    house.remember(assumed_aircon_power="off")
    await house.tick(21.0, after=60)
    calls.clear()
    await house.tick(19.0, after=60)
    assert calls[:2] == ["get_many", "compare_and_set"]
    # Somebody else writes the state too, so it goes alone, and what was counted after it.
    assert calls[2:] == ["compare_and_set", "set_many"]
    units = house.store.get("upkeep_state")["units"]
    assert units["default"]["starts"] == 1
