"""Rules as a step of the tick: what is read, done, remembered, and what it costs."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from switchbot_automation.errors import SettingsError
from switchbot_automation.reasons import ReasonCode

LAMP, DOOR, LOCK = "1A0000000002", "D00000000001", "10C000000003"
HOT = {"trigger": "numeric_state", "zone": "default", "above": 25}
OPENED = {
    "trigger": "state",
    "device": "Front door",
    "attribute": "openState",
    "to": "open",
}
TOGGLE = {"action": "command", "device": "Lamp", "command": "toggle"}
TELL = {"action": "notify", "title": "Home", "message": "$value by $rule"}


def rule(*actions, triggers=HOT, **parts):
    return {"id": "it", "triggers": triggers, "actions": list(actions), **parts}


async def heated(house):
    """Have the room cool at one tick and hot at the next."""
    await house.tick()
    house.cloud.temperature = 26.5
    return await house.tick(after=60)


async def test_a_rule_runs_its_actions_in_order_and_leaves_a_trace(house):
    house.rules(
        rule(
            {
                "action": "command",
                "device": "lamp",
                "command": "setBrightness",
                "parameter": "50",
            },
            {"action": "scene", "scene": "Good night"},
            {"action": "webhook", "url": "https://example.org/SECRETPATH"},
            TELL,
        )
    )
    await heated(house)
    assert house.cloud.sent == ["setBrightness 50", "scene T02-20250101-01"]
    assert house.told.urls == ["https://example.org/SECRETPATH"]
    assert house.told.messages == [("Home", "26.5 by it")]
    (trace,) = house.document["traces"]
    assert trace["outcome"] == "finished"
    assert [step["action"] for step in trace["steps"]] == [
        "command",
        "scene",
        "webhook",
        "notify",
    ]
    assert trace["cause"]["of"] == "temperature of default"
    assert "SECRETPATH" not in str(house.document)
    assert list(house.ran) == house.engine.rule_traces("it") == [trace]
    assert house.engine.rule_traces("another") == []


async def test_a_wrong_parameter_spends_no_call_and_ends_the_run(house):
    house.rules(
        rule(
            {
                "action": "command",
                "device": "Lamp",
                "command": "setBrightness",
                "parameter": 500,
            },
            TELL,
        )
    )
    await heated(house)
    assert "command" not in house.cloud.calls
    (trace,) = house.document["traces"]
    assert trace["outcome"] == "failed"
    assert "from 1 to 100" in trace["steps"][0]["error"]
    ((title, told),) = house.told.messages
    assert title == "Rule failed"
    assert "from 1 to 100" in told
    assert (await house.engine.health())["rules"]["failed"] == ["it"]


async def test_an_unknown_device_is_named_with_the_nearest(house):
    house.rules(rule({**TOGGLE, "device": "Lmp"}))
    await heated(house)
    assert "did you mean 'Lamp'?" in house.document["traces"][0]["steps"][0]["error"]


async def test_a_zones_own_air_conditioner_is_commanded_as_the_zone(house):
    house.rules(rule({"action": "command", "device": "AC", "command": "turnOff"}))
    await heated(house)
    assert "command the zone" in house.document["traces"][0]["steps"][0]["error"]
    assert house.cloud.sent == []


async def test_a_zone_command_goes_through_the_engines_own_limits(house):
    winter = {
        "action": "command",
        "zone": "default",
        "command": "winter",
        "hold": {"hours": 1},
    }
    house.rules(rule(winter), command_cooldown_seconds=600)
    stopped = (house.clock.now() - timedelta(seconds=60)).isoformat()
    house.store.set(
        "state", {"compressor_stopped_at": stopped, "assumed_aircon_power": "off"}
    )
    report = await heated(house)
    (command,) = report.commands
    assert command.status == "blocked"
    assert command.reasons[0].code is ReasonCode.RULE
    assert house.cloud.sent == []
    assert house.document["traces"][0]["steps"][0]["blocked_until"]
    await house.live(900)
    assert house.cloud.sent == ["setAll 23,5,3,on"]
    assert house.store.get("state")["hold_until"]


async def test_a_zone_that_only_observes_is_not_commanded(house):
    house.rules(
        rule({"action": "command", "zone": "default", "command": "off"}),
        observe_only=True,
    )
    await heated(house)
    assert house.cloud.sent == []
    assert house.document["traces"][0]["outcome"] == "failed"


async def test_a_rules_hold_is_explained_as_the_rules_and_a_persons_as_theirs(house):
    off = {
        "action": "command",
        "zone": "default",
        "command": "off",
        "hold": {"hours": 1},
    }
    for step in (off, {"action": "hold", "zone": "default", "for": {"hours": 2}}):
        house.rules(rule(step), automation_enabled=True, mode="winter")
        await house.engine.run_rule("it")
        await house.tick(after=1)
        told = str((await house.engine.explain()).to_dict())
        assert "rule it holds until" in told
        assert "person" not in told
    house.restarted()
    await house.tick()
    assert "rule it holds" in str((await house.engine.explain()).to_dict())
    await house.engine.hold("default", 3600)
    await house.tick(after=1)
    assert "a person's command holds" in str((await house.engine.explain()).to_dict())


async def test_a_hold_keeps_the_automation_off(house):
    house.rules(rule({"action": "hold", "zone": "default", "for": {"hours": 2}}))
    await heated(house)
    until = datetime.fromisoformat(house.store.get("state")["hold_until"])
    assert until == house.clock.now() + timedelta(hours=2)


async def test_a_delay_outlives_a_restart_and_wakes_the_engine(house):
    house.rules(rule(TELL, {"action": "delay", "for": {"minutes": 7}}, TOGGLE))
    await heated(house)
    begun = house.clock.now()
    assert house.cloud.sent == []
    house.clock.advance(120)
    house.restarted()
    await house.tick()
    assert house.engine.next_wakeup <= begun + timedelta(minutes=7)
    sent_at = []
    house.cloud.on_send = lambda: sent_at.append(house.clock.now())
    await house.live(600)
    assert sent_at == [begun + timedelta(minutes=7)]
    assert len(house.told.messages) == 1


async def test_a_step_cut_off_by_a_crash_is_not_done_twice(house):
    house.rules(rule(TOGGLE, TELL))

    def crash():
        asyncio.current_task().cancel()
        raise asyncio.CancelledError

    house.cloud.on_send = crash
    with pytest.raises(asyncio.CancelledError):
        await asyncio.ensure_future(heated(house))
    house.cloud.on_send = lambda: None
    house.restarted()
    await house.tick(after=1)
    assert house.cloud.sent == []
    (trace,) = house.document["traces"]
    assert [step["ok"] for step in trace["steps"]] == [None, True]
    assert len(house.told.messages) == 1


async def test_of_two_engines_only_one_does_what_must_not_be_done_twice(house):
    house.rules(rule(TOGGLE))
    first = house.engine
    await house.tick()
    second = house.restarted()
    await second.run_once()
    house.cloud.temperature = 26.5
    house.clock.advance(60)
    await asyncio.gather(first.run_once(), second.run_once())
    await first.run_once()
    await second.run_once()
    assert house.cloud.sent == ["toggle"]


async def test_a_dry_rule_checks_and_does_nothing(house):
    house.rules(
        rule(
            TOGGLE,
            {"action": "command", "zone": "default", "command": "off"},
            TELL,
            dry_run=True,
        )
    )
    await heated(house)
    assert house.cloud.sent == []
    assert house.told.messages == []
    (trace,) = house.document["traces"]
    assert trace["dry_run"]
    assert [step["ok"] for step in trace["steps"]] == [True, True, True]


async def test_a_rule_can_be_run_and_rehearsed_by_a_person(house):
    house.rules(rule(TOGGLE, {"action": "delay", "for": {"minutes": 5}}, TELL))
    rehearsed = await house.engine.run_rule("it", dry_run=True)
    assert rehearsed["outcome"] == "finished"
    assert len(rehearsed["steps"]) == 3
    assert house.cloud.sent == []
    assert (await house.engine.run_rule("it"))["outcome"] == "waiting"
    assert house.cloud.sent == ["toggle"]
    await house.live(301)
    assert house.outcomes == ["finished", "finished"]
    with pytest.raises(SettingsError, match="there are it"):
        await house.engine.run_rule("nobody")


async def test_an_edited_rule_forgets_runs_whose_next_step_is_gone_and_says_so(house):
    waits = [TELL, {"action": "delay", "for": {"hours": 1}}]
    house.rules(rule(*waits, TOGGLE))
    await heated(house)
    house.rules(rule(*waits, TELL))
    await house.live(7200)
    assert house.cloud.sent == []
    assert house.outcomes == ["rule_changed"]


async def test_a_rule_that_is_off_does_nothing(house):
    house.rules(rule(TELL, enabled=False))
    await heated(house)
    assert house.told.messages == []


async def test_equal_refusals_are_one_trace_with_a_count(house):
    never = {"condition": "time", "after": "23:00"}
    house.rules(
        rule(TELL, triggers={"trigger": "cron", "cron": "* * * * *"}, conditions=never)
    )
    await house.live(3600)
    (trace,) = house.document["traces"]
    assert trace["outcome"] == "conditions_not_met"
    assert trace["count"] == 60
    assert trace["first_at"] < trace["at"]


async def test_traces_are_bounded(house):
    house.rules(rule(TELL, triggers={"trigger": "cron", "cron": "* * * * *"}))
    await house.live(3600)
    assert len(house.told.messages) == 60
    assert len(house.document["traces"]) == 10


async def test_without_a_store_that_writes_nothing_is_done_twice(house):
    house.rules(rule(TOGGLE))
    await house.tick()
    house.cloud.temperature = 26.5
    whole = house.store.compare_and_set

    def refuse(*_args):
        raise OSError("disk full")

    house.store.compare_and_set = refuse
    await house.tick(after=60)
    assert house.cloud.sent == []
    house.store.compare_and_set = whole
    await house.live(120)
    assert house.cloud.sent == ["toggle"]


async def test_a_home_without_rules_has_no_document_and_makes_no_call(house):
    house.rules()
    await house.live(600)
    assert "rules_state" not in house.store.keys()  # noqa: SIM118 - a store, no mapping
    assert "devices" not in house.cloud.calls


async def test_the_document_is_written_only_when_it_changes(house):
    house.rules(rule(TELL))
    await house.tick()
    before = house.store.get_entry("rules_state").revision
    await house.tick(after=60)
    await house.tick(after=60)
    assert house.store.get_entry("rules_state").revision == before


async def test_a_damaged_document_is_survived(house):
    house.rules(rule(TELL))
    for damage in (
        {"rules": 3, "traces": "x"},
        {"rules": {"it": {"runs": [1, {}]}}},
        {"traces": [{}, 4]},
    ):
        house.store.set("rules_state", damage)
        house.restarted()
        await heated(house)
    assert house.told.messages


async def test_a_time_rule_fires_once_on_the_day_of_a_clock_change(house):
    house.clock.advance_to(datetime(2026, 3, 28, 12, tzinfo=UTC))
    at = {"trigger": "time", "at": "02:30"}
    house.rules(
        rule(TELL, triggers=at), timezone="Europe/Paris", poll_interval_seconds=3600
    )
    await house.live(24 * 3600)
    assert len(house.told.messages) == 1
    assert house.document["traces"][0]["at"].startswith("2026-03-29T01:00:00")


async def test_a_run_that_another_process_began_is_carried_on(house):
    """As `rules run` does beside a running engine."""
    house.rules(rule(TELL, {"action": "delay", "for": {"minutes": 5}}, TOGGLE))
    leader = house.engine
    await leader.run_once()
    other = house.restarted()
    assert (await other.run_rule("it"))["outcome"] == "waiting"
    house.clock.advance(301)
    await leader.run_once()
    assert house.cloud.sent == ["toggle"]
    assert house.outcomes == ["finished"]


async def test_a_rules_command_is_explained_as_the_rules(house):
    house.rules(rule({"action": "command", "zone": "default", "command": "winter"}))
    report = await heated(house)
    (command,) = report.commands
    assert command.status == "accepted"
    assert command.reasons[0].detail == {"rule": "it", "action": "winter"}
    assert house.store.get("state")["last_action"].startswith("setAll")


async def test_rules_take_no_statement_of_their_own(house):
    house.rules(rule(TELL, {"action": "delay", "for": {"minutes": 5}}, TELL))
    calls = []
    for name in (
        "get_many",
        "set_many",
        "set",
        "compare_and_set",
        "update",
        "get_entry",
    ):
        method = getattr(house.store, name)

        def counted(*args, method=method, name=name):
            calls.append(name)
            return method(*args)

        setattr(house.store, name, counted)
    await house.tick()
    for temperature in (21.0, 26.5, 26.5, 21.0):
        house.cloud.temperature = temperature
        calls.clear()
        await house.tick(after=60)
        assert calls == ["get_many", "set_many"]
    assert len(house.told.messages) == 1
