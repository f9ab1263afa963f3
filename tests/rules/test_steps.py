"""Steps that hold or steer others, in an engine: what is done, when, and after a restart."""

from dataclasses import replace

import pytest

from switchbot_automation.errors import CloudTimeoutError
from switchbot_automation.rules.running.memory import Memory
from switchbot_automation.rules.running.run import moved
from switchbot_automation.settings.read import parse_settings

BELL, LAMP, DOOR = "BE1100000001", "1A0000000002", "D00000000001"
RING = {"trigger": "webhook", "device": BELL}
STATE = {"device": "Front door", "attribute": "openState"}
OPEN = {"condition": "state", **STATE, "state": "open"}
CLOCK = {"condition": "time", "after": "00:00"}
CLOSED = {"condition": "state", **STATE, "state": "close"}
CLOSES = {"trigger": "state", **STATE, "to": "close"}
MINUTE = {"delay": {"minutes": 1}}
ZONE = {"action": "command", "zone": "default"}


def say(message):
    return {"action": "notify", "message": message}


def rule(*actions, **parts):
    return {"id": "it", "triggers": RING, "actions": list(actions), **parts}


async def ring(house, **values):
    await house.push(BELL, "WoDoorbell", ringEvent=True, **values)
    return await house.engine.run_once()


async def rung(house, *actions, **parts):
    house.rules(rule(*actions, **parts))
    await house.tick()
    await ring(house)


def told(house):
    """Return what rules said; not what is said of those that failed."""
    return [said for title, said in house.told.messages if title != "Rule failed"]


def last(house):
    return house.document["traces"][-1]


# --- conditions, if, choose, stop ----------------------------------------------------


@pytest.mark.parametrize(
    ("door", "heard", "outcome"),
    [
        ("open", ["before", "after"], "finished"),
        ("close", ["before"], "conditions_not_met"),
        (None, ["before"], "conditions_unknown"),
    ],
)
async def test_a_condition_on_the_way_ends_the_run_unless_it_holds(
    house, door, heard, outcome
):
    house.cloud.door = door
    await rung(house, say("before"), OPEN, say("after"))
    assert told(house) == heard
    assert last(house)["outcome"] == outcome


async def test_an_until_that_is_switched_off_is_over_after_one_round(house):
    until = {"until": {**CLOSED, "enabled": False}, "sequence": say("round")}
    await rung(house, {"repeat": until}, say("on"))
    await house.live(60)
    assert told(house) == ["round", "on"]


@pytest.mark.parametrize("door", ["close", None])
@pytest.mark.parametrize(
    ("block", "heard"),
    [
        ({"if": CLOCK, "then": [OPEN, say("never")]}, ["on"]),
        ({"choose": {"conditions": CLOCK, "sequence": [OPEN, say("never")]}}, ["on"]),
        ({"sequence": [OPEN, say("never")]}, ["on"]),
        (
            {"repeat": {"count": 2, "sequence": [say("round"), OPEN, say("never")]}},
            ["round", "round", "on"],
        ),
        ({"if": CLOCK, "then": {"sequence": [OPEN]}, "else": say("never")}, ["on"]),
    ],
)
async def test_a_condition_inside_a_block_ends_no_more_than_its_sequence(
    house, block, heard, door
):
    house.cloud.door = door
    await rung(house, block, say("on"))
    assert told(house) == heard
    assert last(house)["outcome"] == "finished"


@pytest.mark.parametrize(
    ("door", "heard"),
    [("open", ["then", "on"]), ("close", ["else", "on"]), (None, ["on"])],
)
async def test_an_if_takes_one_branch_and_none_while_nobody_knows(house, door, heard):
    house.cloud.door = door
    branch = {"if": OPEN, "then": say("then"), "else": [say("else")]}
    await rung(house, branch, say("on"))
    assert told(house) == heard
    assert last(house)["outcome"] == "finished"


@pytest.mark.parametrize(
    ("door", "temperature", "heard"),
    [
        ("close", 25, ["closed"]),
        ("open", 25, ["warm"]),
        ("open", 20, ["default"]),
        (None, 25, []),  # it may be the first one that is meant
        ("open", None, []),
    ],
)
async def test_choose_takes_the_first_that_holds(house, door, temperature, heard):
    house.cloud.door, house.cloud.temperature = door, temperature
    warm = {"condition": "numeric_state", "zone": "default", "above": 24}
    choose = {
        "choose": [
            {"conditions": CLOSED, "sequence": say("closed")},
            {"conditions": [warm], "sequence": [say("warm")]},
        ],
        "default": say("default"),
    }
    await rung(house, choose, say("on"))
    assert told(house) == [*heard, "on"]


async def test_a_run_knows_which_trigger_it_was(house):
    choose = {
        "choose": [
            {
                "conditions": {"condition": "trigger", "id": "bell"},
                "sequence": say("bell"),
            },
            {
                "conditions": {"condition": "trigger", "id": "door"},
                "sequence": say("door"),
            },
        ]
    }
    triggers = [{**RING, "id": "bell"}, {"trigger": "state", **STATE, "id": "door"}]
    house.rules(rule(choose, triggers=triggers))
    await house.tick()
    await ring(house)
    house.cloud.door = "open"
    await house.live(600)
    assert told(house) == ["bell", "door"]


@pytest.mark.parametrize(("error", "outcome"), [(False, "stopped"), (True, "failed")])
async def test_stop_ends_the_run_from_inside(house, error, outcome):
    stop = {"stop": "enough", "error": error}
    await rung(house, {"sequence": [say("a"), {"sequence": [stop]}]}, say("b"))
    assert told(house) == ["a"]
    assert last(house)["outcome"] == outcome


async def test_a_condition_sees_what_the_step_before_did(house):
    await rung(
        house,
        {**ZONE, "command": "winter"},
        {"condition": "state", "zone": "default", "state": "on"},
        say("on"),
    )
    assert told(house) == ["on"]


# --- repeat --------------------------------------------------------------------------


async def test_a_count_goes_round_so_often(house):
    await rung(house, {"repeat": {"count": 3, "sequence": [say("a"), say("b")]}})
    assert told(house) == ["a", "b"] * 3


async def test_while_and_until_ask_before_and_after_each_round(house):
    house.cloud.door = "open"
    await rung(
        house,
        {"repeat": {"while": OPEN, "sequence": [say("while"), MINUTE]}},
        {"repeat": {"until": CLOSED, "sequence": [say("until"), MINUTE]}},
        {"repeat": {"while": OPEN, "sequence": say("never")}},
    )
    await house.live(150)
    assert told(house) == ["while"] * 3
    house.cloud.door = "close"
    await house.push(DOOR, "WoContact", openState="close")
    await house.live(200)
    assert told(house) == ["while"] * 3 + ["until"]
    assert last(house)["outcome"] == "finished"


async def test_unknown_ends_a_while_and_not_an_until(house):
    house.cloud.door = None
    await rung(
        house,
        {"repeat": {"while": OPEN, "sequence": [say("while"), MINUTE]}},
        {"repeat": {"until": CLOSED, "sequence": [say("until"), MINUTE]}},
    )
    await house.live(150)
    assert told(house) == ["until"] * 3


async def test_a_loop_goes_round_neither_within_one_instant_nor_for_ever(house):
    house.cloud.door = "open"
    await rung(
        house,
        {"repeat": {"while": OPEN, "sequence": [say("again")]}},
        say("on"),
        max_per_hour=3600,
        notify_on_failure=False,
    )
    assert told(house) == ["again"]
    await house.live(100)
    assert 9 <= len(told(house)) <= 11
    await house.live(6 * 3600)
    assert told(house) == ["again"] * 1000
    trace = last(house)
    assert trace["outcome"] == "failed"
    assert trace["steps"][-1]["error"] == "went round 1000 times, which is the most"
    assert (len(trace["steps"]), trace["left_out"]) == (50, 951)
    assert house.engine.next_wakeup > house.clock.now()


async def test_many_rounds_do_not_hold_a_tick_up(house):
    inner = {"repeat": {"count": 30, "sequence": [say("x")]}}
    loop = {"repeat": {"count": 30, "sequence": [inner]}}
    await rung(house, loop, max_per_hour=3600)
    assert len(told(house)) < 100
    await house.live(600)
    assert len(told(house)) == 900
    assert last(house)["outcome"] == "finished"


async def test_loops_of_conditions_take_no_more_steps_than_a_run_may(house):
    house.cloud.door = "open"
    inner = {"repeat": {"count": 400, "sequence": [say("x")]}}
    loop = {"repeat": {"while": OPEN, "sequence": [inner, MINUTE]}}
    await rung(house, loop, max_per_hour=3600)
    await house.live(12 * 3600)
    assert len(told(house)) < 5000
    assert last(house)["outcome"] == "failed"
    assert "took 5000 steps" in last(house)["steps"][-1]["error"]


# --- wait ----------------------------------------------------------------------------


async def test_a_wait_goes_on_when_one_of_its_triggers_fires(house):
    house.cloud.door = "open"
    await rung(house, say("a"), {"wait_for_trigger": CLOSES}, say("b"))
    await house.live(1800)
    assert told(house) == ["a"]
    house.cloud.door = "close"
    await house.live(400)
    assert told(house) == ["a", "b"]
    (_, waited, _) = last(house)["steps"]
    assert (waited["completed"], waited["trigger"]) == (True, "state")


async def test_a_wait_hears_an_event_at_once_but_not_the_one_that_began_it(house):
    await rung(house, say("a"), {"wait_for_trigger": RING}, say("b"))
    assert told(house) == ["a"]
    house.clock.advance(5)
    await ring(house, count=2)
    assert told(house)[:2] == ["a", "b"]


@pytest.mark.parametrize("restarts", [0, 3])
@pytest.mark.parametrize(
    ("goes_on", "heard", "outcome"),
    [
        (None, ["a", "b"], "finished"),
        (True, ["a", "b"], "finished"),
        (False, ["a"], "timed_out"),
    ],
)
async def test_a_wait_is_over_after_its_timeout_also_through_restarts(
    house, restarts, goes_on, heard, outcome
):
    house.cloud.door = "open"
    wait = {"wait_for_trigger": CLOSES, "timeout": {"minutes": 10}}
    if goes_on is not None:
        wait["continue_on_timeout"] = goes_on
    await rung(house, say("a"), wait, say("b"))
    for _ in range(restarts):
        await house.live(150)
        house.restarted()
        await house.tick()
    await house.live(590 - 150 * restarts)
    assert told(house) == ["a"]
    await house.live(20)
    assert told(house) == heard
    assert last(house)["outcome"] == outcome


async def test_a_wait_without_a_timeout_is_not_for_ever(house):
    house.cloud.door = "open"
    await rung(house, {"wait_for_trigger": CLOSES}, say("b"))
    (run,) = house.document["rules"]["it"]["runs"]
    assert "due_at" in run
    house.clock.advance(31 * 86400)
    await house.tick()
    assert last(house)["outcome"] == "timed_out"


async def test_a_wait_for_a_time_wakes_the_engine(house):
    wait = {"wait_for_trigger": {"trigger": "time", "at": "15:30:30"}}
    await rung(house, wait, say("now"))
    await house.live(3 * 3600 + 1800 + 29)
    assert told(house) == []
    await house.live(2)
    assert told(house) == ["now"]


async def test_what_a_wait_looks_at_is_read_only_while_it_waits(house):
    house.cloud.door = "open"
    house.rules(rule({"wait_for_trigger": CLOSES, "timeout": {"minutes": 20}}))
    await house.tick()
    await house.live(3600)
    assert f"status {DOOR}" not in house.cloud.calls
    await ring(house)
    await house.live(1210)
    during = house.cloud.calls.count(f"status {DOOR}")
    assert 3 <= during <= 6
    await house.live(3600)
    assert house.cloud.calls.count(f"status {DOOR}") == during


# --- restarts and edits --------------------------------------------------------------


NESTED = (
    {
        "repeat": {
            "count": 2,
            "sequence": [
                {"if": OPEN, "then": [say("in"), MINUTE, say("out")]},
                say("round"),
            ],
        }
    },
    say("end"),
)


@pytest.mark.parametrize("restart_at", range(0, 150, 25))
async def test_a_run_goes_on_inside_its_blocks_after_a_restart(house, restart_at):
    house.cloud.door = "open"
    await rung(house, *NESTED)
    await house.live(restart_at)
    house.restarted()
    await house.tick()
    await house.live(200)
    assert told(house) == ["in", "out", "round"] * 2 + ["end"]


async def waiting(house):
    house.cloud.door = "open"
    await rung(house, *NESTED)
    return Memory.from_document(house.document).rules["it"].runs[0]


def read(*actions):
    return parse_settings({"rules": [rule(*actions)]}).rules[0]


async def test_a_position_is_found_again_in_an_edited_rule(house):
    run = await waiting(house)
    assert (run.step, [frame.step for frame in run.inside]) == (0, [0, 2])
    repeat, end = NESTED
    inner, after = repeat["repeat"]["sequence"]
    longer = {
        **inner,
        "then": [say("in"), MINUTE, say("new"), say("out")],
        "else": MINUTE,
    }
    edited = {"repeat": {"count": 2, "sequence": [say("first"), longer]}, "alias": "x"}
    found = moved(read(say("before"), edited, say("other end")), run)
    assert (found.step, [frame.step for frame in found.inside]) == (1, [1, 3])
    assert moved(read(*NESTED), run) == run
    for gone in (
        [end],
        [{"repeat": {"count": 3, "sequence": [inner, after]}}],  # another repeat
        [{"repeat": {"count": 2, "sequence": [{**inner, "then": [MINUTE]}]}}],
        [{"repeat": {"count": 2, "sequence": [{**inner, "if": CLOSED}]}}],
    ):
        assert moved(read(*gone), run) is None


async def test_a_run_of_a_document_of_before_goes_on(house):
    await rung(house, say("a"), {"action": "delay", "for": {"minutes": 1}}, say("b"))
    document = house.document
    (run,) = document["rules"]["it"]["runs"]
    for key in ("keys", "taken"):
        run.pop(key)
    house.store.set("rules_state", document)
    house.restarted()
    await house.live(70)
    assert told(house) == ["a", "b"]


async def test_a_position_that_the_rule_does_not_have_ends_the_run(house):
    await waiting(house)
    document = house.document
    (run,) = document["rules"]["it"]["runs"]
    run["inside"] = [{"branch": 7, "step": 9}]
    house.store.set("rules_state", document)
    house.restarted()
    await house.live(200)
    assert last(house)["outcome"] == "rule_changed"


# --- lists, presets, setpoints, modes ------------------------------------------------


async def test_every_device_of_a_list_is_tried_even_if_one_fails(house):
    listed = {"action": "command", "device": ["nobody", "Lamp"], "command": "turnOff"}
    await rung(house, listed, say("on"))
    assert house.cloud.sent == ["turnOff"]
    assert told(house) == []
    assert last(house)["outcome"] == "failed"
    assert [step["ok"] for step in last(house)["steps"]] == [False, True]


async def test_a_device_out_of_reach_holds_the_others_of_its_list_up_for_minutes(house):
    listed, command = house.cloud.devices, house.cloud.command

    async def devices():
        found = await listed()
        plug = replace(found.devices[2], device_id="P1", name="Plug")
        return replace(found, devices=(plug, *found.devices))

    async def send(device_id, *rest):
        if device_id == "P1":
            raise CloudTimeoutError("away")
        return await command(device_id, *rest)

    house.cloud.devices, house.cloud.command = devices, send
    off = {"action": "command", "device": ["Plug", "Lamp"], "command": "turnOff"}
    await rung(house, off)
    assert house.cloud.sent == []
    await house.live(900)
    assert house.cloud.sent == ["turnOff"]
    assert last(house)["outcome"] == "failed"


async def test_a_step_may_fail_without_ending_the_run(house):
    wrong = {"action": "command", "device": "nobody", "command": "turnOff"}
    await rung(house, {**wrong, "continue_on_error": True}, say("on"))
    assert told(house) == ["on"]
    assert last(house)["outcome"] == "finished"


async def test_a_condition_of_a_list_is_of_all_or_of_any(house):
    both = {**OPEN, "device": ["Front door", "Lock"], "attribute": "openState"}
    house.cloud.door = "open"
    for match, heard in (("all", []), ("any", ["x"])):
        await rung(house, {**both, "match": match}, say("x"), id=match)
        assert told(house) == heard
        house.clock.advance(60)


async def test_a_preset_is_put_in_force_and_taken_out(house):
    presets = {"eco": {"winter": {"min_temp": 16.0, "max_temp": 18.0}}}
    eco = {**ZONE, "command": "set_preset_mode", "parameter": "eco"}
    none = {**eco, "parameter": "none"}
    house.rules(rule(eco, eco, {"delay": {"minutes": 5}}, none), presets=presets)
    await house.tick()
    await ring(house)
    house.clock.advance(60)
    await house.engine.run_once()
    assert house.store.get("settings")["preset"] == "eco"
    await house.live(600)
    assert house.store.get("settings")["preset"] == ""
    assert last(house)["outcome"] == "finished"


async def test_a_temperature_moves_the_band_and_the_setpoint(house):
    warmer = {**ZONE, "command": "set_temperature", "parameter": 19}
    await rung(house, warmer)
    assert house.store.get("settings")["winter"] == {
        "min_temp": 18.0,
        "max_temp": 20.0,
        "target_temp": 21.0,
    }
    revision = house.store.get_entry("settings").revision
    house.clock.advance(60)
    await ring(house, count=2)
    assert house.store.get_entry("settings").revision == revision
    assert last(house)["outcome"] == "finished"
    assert last(house)["steps"][0]["in_force"] is True


async def test_steps_of_one_run_see_what_the_ones_before_set(house):
    warmer = {**ZONE, "command": "set_temperature", "parameter": 19}
    await rung(house, warmer, {**warmer, "parameter": 21})
    assert house.store.get("settings")["winter"]["target_temp"] == 23.0


async def test_a_setting_is_changed_beside_what_cannot_be_read(house):
    warmer = {**ZONE, "command": "set_temperature", "parameter": 19}
    bad = {"id": "bad", "triggers": {"trigger": "gone"}, "actions": [say("x")]}
    house.rules(rule(warmer), bad)
    await house.tick()
    await ring(house)
    assert last(house)["outcome"] == "finished"
    assert house.store.get("settings")["winter"]["target_temp"] == 21.0


async def test_a_temperature_that_a_preset_decides_is_not_changed_in_vain(house):
    house.rules(
        rule({**ZONE, "command": "set_temperature", "parameter": 19}),
        presets={"eco": {"setback_kelvin": 2.0}},
        preset="eco",
    )
    await house.tick()
    await ring(house)
    assert last(house)["outcome"] == "failed"
    assert "the preset eco decides" in last(house)["steps"][0]["error"]
    assert house.store.get("settings")["winter"]["min_temp"] == 20.0


async def test_a_dry_run_changes_no_setting(house):
    await rung(
        house, {**ZONE, "command": "set_temperature", "parameter": 19}, dry_run=True
    )
    assert house.store.get("settings")["winter"]["min_temp"] == 20.0
    assert last(house)["outcome"] == "finished"


async def test_parallel_runs_go_side_by_side_up_to_the_most(house):
    house.rules(rule(say("a"), MINUTE, say("b"), mode="parallel", max=2))
    await house.tick()
    for count in range(3):
        await ring(house, count=count)
        house.clock.advance(5)
    assert told(house) == ["a", "a"]
    assert house.outcomes == ["max_exceeded"]
    await house.live(120)
    assert told(house) == ["a", "a", "b", "b"]


# --- `for` of a condition ------------------------------------------------------------


async def test_a_condition_with_for_counts_the_time_that_was_watched(house):
    held = {**OPEN, "for": {"minutes": 20}}
    house.cloud.door = "open"
    house.rules(rule(say("x"), conditions=held))
    await house.tick()
    await house.live(1180)
    await ring(house)
    assert house.outcomes == ["conditions_not_met"]
    await house.live(30)
    await ring(house, count=2)
    assert told(house) == ["x"]
    # While the engine was down for long nobody saw the door; a short stop is no gap.
    house.restarted()
    await house.tick(after=240)
    await ring(house, count=3)
    assert told(house) == ["x"] * 2
    house.restarted()
    await house.tick(after=8 * 3600)
    await ring(house, count=4)
    assert told(house) == ["x"] * 2
    await house.live(1300)
    await ring(house, count=5)
    assert told(house) == ["x"] * 3


async def test_a_change_begins_the_for_of_a_condition_anew(house):
    held = {**OPEN, "state": ["open", "timeOutNotClose"], "for": {"minutes": 20}}
    house.cloud.door = "open"
    house.rules(rule(say("x"), conditions=held))
    await house.tick()
    await house.live(900)
    house.cloud.door = "timeOutNotClose"
    await house.live(900)
    await ring(house)
    assert told(house) == []
    await house.live(600)
    await ring(house, count=2)
    assert told(house) == ["x"]


async def test_a_person_who_rehearses_sees_every_step_at_once(house):
    house.cloud.door = "open"
    house.rules(rule(*NESTED, {"wait_for_trigger": CLOSES}, say("last")))
    await house.tick()
    trace = await house.engine.run_rule("it", dry_run=True)
    assert trace["outcome"] == "finished"
    kinds = [step["action"] for step in trace["steps"]]
    assert kinds == [
        "if",
        "notify",
        "delay",
        "notify",
        "notify",
        "repeat",
        "notify",
        "wait_for_trigger",
        "notify",
    ]
    assert told(house) == []


WINDOWS = [
    {"days": list(range(7)), "start": "06:00", "end": "12:30"},
    {"days": list(range(7)), "start": "14:00", "end": "23:00"},
]
KEPT = {"automation_enabled": True, "mode": "winter", "time_windows": WINDOWS}


async def test_the_next_window_is_skipped_once_in_a_persons_place(house):
    house.cloud.temperature = 19.0
    skip = {**ZONE, "command": "skip_next_window"}
    house.rules(rule(skip, skip), **KEPT)
    await house.tick()
    await ring(house)
    first, again = last(house)["steps"]
    assert (first["window"], first["day"]) == ("14:00-23:00", "2026-01-12")
    assert again["in_force"] is True
    house.restarted()
    await house.live(2 * 3600 + 600)
    shown = house.engine.zone_overview("default")
    assert shown["in_window"] is None
    said = [each["text"] for each in shown["reasons"]]
    assert any("skipped" in each and "rule" in each for each in said), said
    await house.live(24 * 3600)
    assert house.engine.zone_overview("default")["in_window"] is not None


async def test_the_fan_is_hushed_for_a_time_at_once_and_again_at_the_end(house):
    house.cloud.temperature = 19.0
    hush = {**ZONE, "command": "quiet_fan", "hold": {"hours": 1}}
    always = [{"days": list(range(7)), "start": "06:00", "end": "23:00"}]
    kept = {**KEPT, "time_windows": always}
    house.rules(rule(hush), **kept, poll_interval_seconds=3600)
    await house.tick()
    house.cloud.temperature = 20.5
    await ring(house)
    await house.live(120)
    fans = [each.split(",")[2] for each in house.cloud.sent if "setAll" in each]
    assert fans == ["3", "2"]
    shown = house.engine.zone_overview("default")
    assert any(
        "rule" in each["text"] and "fan low" in each["text"]
        for each in shown["reasons"]
    )
    await house.live(3600)
    fans = [each.split(",")[2] for each in house.cloud.sent if "setAll" in each]
    assert fans == ["3", "2", "3"]


async def test_a_dry_run_says_what_would_be_skipped_and_hushed_and_does_neither(house):
    skip = {**ZONE, "command": "skip_next_window"}
    hush = {**ZONE, "command": "quiet_fan"}
    house.rules(rule(skip, hush), **KEPT)
    await house.tick()
    trace = await house.engine.run_rule("it", dry_run=True)
    assert trace["steps"][0]["window"] == "14:00-23:00"
    assert trace["steps"][1]["until"] is not None
    shown = house.engine.zone_overview("default")
    assert (shown["skipped_windows"], shown["quiet_fan_until"]) == ([], None)


async def test_a_room_without_windows_has_none_to_skip(house):
    skip = {**ZONE, "command": "skip_next_window"}
    house.rules(rule(skip), automation_enabled=True)
    await house.tick()
    await ring(house)
    assert "no time windows" in last(house)["steps"][0]["error"]
