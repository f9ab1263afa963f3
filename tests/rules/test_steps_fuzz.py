"""Random rules of the grammar: what they do, compared with a model, and what bounds them."""

import asyncio
import importlib.util
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switchbot_automation.rules.running import flow
from switchbot_automation.rules.running.flow import LEAST_ROUND, go
from switchbot_automation.rules.running.memory import Memory, RuleMemory
from switchbot_automation.rules.running.run import (
    Frame,
    RuleRun,
    after,
    moved,
    noted,
    step_at,
)
from switchbot_automation.settings.read import check_settings, parse_settings
from tests.cases import drawn

_SPEC = importlib.util.spec_from_file_location(
    "ruled_house_for_steps", Path(__file__).with_name("conftest.py")
)
ruled_house = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(ruled_house)

BELL = "BE1100000001"
DOOR = {"device": "Front door", "attribute": "openState"}
# The door is open; nobody knows of the attic.
TRUE = {"condition": "state", **DOOR, "state": "open"}
FALSE = {"condition": "state", **DOOR, "state": "close"}
UNKNOWN = {"condition": "state", "device": "Attic", "attribute": "power", "state": "on"}
HELD = {"open": True, "close": False, "on": None}
CONDITION = st.sampled_from([TRUE, FALSE, UNKNOWN])
LEAF = st.one_of(
    st.integers(0, 9).map(lambda n: {"action": "notify", "message": str(n)}),
    st.integers(1, 90).map(lambda n: {"delay": {"seconds": n}}),
    st.sampled_from(
        [
            TRUE,
            FALSE,
            {"stop": "x"},
            {"stop": "x", "error": True},
            {"action": "command", "device": "nobody", "command": "turnOn"},
            {
                "action": "command",
                "device": "nobody",
                "command": "turnOn",
                "continue_on_error": True,
            },
            {
                "wait_for_trigger": {"trigger": "state", **DOOR, "to": "close"},
                "timeout": {"seconds": 40},
            },
        ]
    ),
)


def _blocks(inner):
    steps = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        steps.map(lambda each: {"sequence": each}),
        st.builds(
            lambda c, a, b: {"if": c, "then": a, "else": b}, CONDITION, steps, steps
        ),
        st.builds(
            lambda options, default: {
                "choose": [{"conditions": c, "sequence": s} for c, s in options],
                "default": default,
            },
            st.lists(st.tuples(CONDITION, steps), min_size=1, max_size=3),
            steps,
        ),
        st.builds(
            lambda n, each: {"repeat": {"count": n, "sequence": each}},
            st.integers(1, 3),
            steps,
        ),
        st.builds(
            lambda c, each: {"repeat": {"while": c, "sequence": each}},
            st.sampled_from([FALSE, UNKNOWN]),
            steps,
        ),
        steps.map(lambda each: {"repeat": {"until": TRUE, "sequence": each}}),
    )


STEPS = st.lists(st.recursive(LEAF, _blocks, max_leaves=6), min_size=1, max_size=4)


class Model:
    """What steps do, said as plainly as can be: by recursion, in one life."""

    def __init__(self):
        self.seconds, self.told, self.ended = 0, [], ""

    def run(self, steps, *, outermost=False):
        for step in steps:
            if self.ended:
                break
            if "condition" in step and not HELD[step["state"]]:
                # What stands around goes on, as in Home Assistant.
                self.ended = "conditions_not_met" if outermost else ""
                break
            self.do(step)
        return self

    def do(self, step):
        waited = step.get("delay", step.get("timeout", {"seconds": 0}))
        self.seconds += waited["seconds"]
        if "message" in step:
            self.told.append((self.seconds, step["message"]))
        elif "stop" in step:
            self.ended = "failed" if step.get("error") else "stopped"
        elif "command" in step:
            self.ended = "" if step.get("continue_on_error") else "failed"
        elif "sequence" in step:
            self.run(step["sequence"])
        elif "if" in step:
            held = HELD[step["if"]["state"]]
            self.run({True: step["then"], False: step["else"], None: []}[held])
        elif "choose" in step:
            self.choose(step)
        elif "repeat" in step:
            rounds = step["repeat"].get("count", 0 if "while" in step["repeat"] else 1)
            for _ in range(rounds):
                self.run(step["repeat"]["sequence"])

    def choose(self, step):
        for option in step["choose"]:
            held = HELD[option["conditions"]["state"]]
            if held is not False:
                self.run(option["sequence"] if held else [])
                return
        self.run(step["default"])


async def told_by(steps, crashes, seconds):
    house = ruled_house.RuledHouse()
    told, start = [], house.clock.now()

    async def notify(message, *, title=None):
        told.append((round((house.clock.now() - start).total_seconds()), message))

    house.told.notify = notify
    house.cloud.door = "open"
    trigger = {"trigger": "webhook", "device": BELL}
    rule = {"id": "it", "triggers": trigger, "actions": steps}
    house.rules(rule | {"notify_on_failure": False})
    await house.tick()
    await house.push(BELL, "WoDoorbell", ringEvent=True)
    await house.engine.run_once()
    for at in sorted(crashes):
        await house.live((start - house.clock.now()).total_seconds() + at)
        house.restarted()
        await house.tick()
        document = house.document
        assert Memory.from_document(document).to_document() == document
    await house.live((start - house.clock.now()).total_seconds() + seconds)
    return told, house.outcomes


@settings(
    max_examples=drawn(20, many=60),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(STEPS, st.sets(st.integers(1, 300), max_size=3))
def test_steps_do_what_a_plain_model_says_through_crashes(steps, crashes):
    expected = Model().run(steps, outermost=True)
    # With more than a hundred steps at one instant a run pauses a moment.
    seconds = max([expected.seconds + 60, *crashes]) + 600
    told, outcomes = asyncio.run(told_by(steps, crashes, seconds))
    assert [each for _, each in told] == [each for _, each in expected.told]
    if len(expected.told) < 20:
        assert told == expected.told
    assert outcomes == [expected.ended or "finished"]


# --- what bounds a run ---------------------------------------------------------------


LOOPS = st.recursive(
    st.one_of(LEAF, st.just({"action": "notify", "message": "x"})),
    lambda inner: st.one_of(
        _blocks(inner),
        st.builds(
            lambda key, c, each: {"repeat": {key: c, "sequence": each}},
            st.sampled_from(["while", "until"]),
            CONDITION,
            st.lists(inner, min_size=1, max_size=2),
        ),
        st.builds(
            lambda n, each: {"repeat": {"count": n, "sequence": [each]}},
            st.integers(1, 40),
            inner,
        ),
    ),
    max_leaves=6,
)


ROUNDS, TAKEN = 12, 150


@settings(
    max_examples=drawn(20, many=60),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    st.lists(LOOPS, min_size=1, max_size=3),
    st.lists(st.sampled_from(["open", "close", None]), min_size=1, max_size=5),
)
def test_whatever_is_read_comes_to_an_end_and_can_be_stored_on_the_way(steps, doors):
    """With limits that are reached: each step is taken from what could be stored."""
    rule = {
        "id": "it",
        "triggers": {"trigger": "webhook", "device": BELL},
        "actions": steps,
    }
    if errors := check_settings({"rules": [rule]}):
        assert all("would take" in str(error) for error in errors)
        return
    parsed = parse_settings({"rules": [rule]}).rules[0]
    longer = {**rule, "actions": [{"stop": "before"}, *steps], "alias": "x"}
    edited = parse_settings({"rules": [longer]}).rules[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow, "MOST_ROUNDS", ROUNDS)
        patch.setattr(flow, "MOST_STEPS", TAKEN)
        acts = walked(parsed, edited, doors)
    assert acts <= TAKEN


def walked(parsed, edited, doors):
    """Take a run to its end, and return how many actions it came to."""
    now = datetime(2026, 1, 12, tzinfo=UTC)
    run, acts = RuleRun("r", now, {}), 0
    # Each counted step may be followed by the ends of all blocks around it.
    for count in range(20 * TAKEN):
        values = {"Front door": {"openState": doors[count % len(doors)]}}
        found = go(parsed, run, ruled_house.Home(None, None, {}, values), now)
        run = noted(parsed, found.run)
        if found.outcome:
            assert run.taken <= TAKEN
            return acts
        if found.waits:
            now = run.due_at
            if run.wait is None:
                run = replace(run, due_at=None)
        if found.action is not None:
            acts, run = acts + 1, noted(parsed, after(run))
        assert all(frame.round <= ROUNDS for frame in run.inside)
        assert RuleRun.from_document(json.loads(json.dumps(run.to_document()))) == run
        there = moved(edited, run)
        assert step_at(edited, there) == step_at(parsed, run)
    raise AssertionError("it goes on and on")


@settings(max_examples=drawn(20, many=60))
@given(st.lists(st.integers(-86400, 86400), min_size=1, max_size=10))
def test_a_loop_waits_between_rounds_whatever_the_clock_is_set_to(leaps):
    rule = {
        "id": "it",
        "triggers": {"trigger": "webhook", "device": BELL},
        "actions": {"repeat": {"until": FALSE, "sequence": {"sequence": []}}},
    }
    parsed = parse_settings({"rules": [rule]}).rules[0]
    home = ruled_house.Home(None, None, {}, {"Front door": {"openState": "open"}})
    now = datetime(2026, 1, 12, tzinfo=UTC)
    run = RuleRun("r", now, {})
    for leap in leaps:
        while not (found := go(parsed, run, home, now)).waits:
            run = found.run
            assert not found.outcome
        assert now < found.run.due_at <= now + LEAST_ROUND
        run = replace(found.run, due_at=None)
        now += timedelta(seconds=leap)
        began = run.inside[-1].round
        if leap >= LEAST_ROUND.total_seconds():
            while run.inside[-1].round == began:
                run = go(parsed, run, home, now).run
    kept = Memory({"it": RuleMemory(parsed.fingerprint, runs=(run,))})
    assert Memory.from_document(kept.to_document()) == kept


INSTANTS = st.integers(0, 10**8).map(
    lambda seconds: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
MAYBE = st.one_of(st.none(), INSTANTS)
MEMORIES = st.dictionaries(st.sampled_from(["due", "last"]), st.text(max_size=5))
FRAMES = st.builds(
    Frame, st.integers(0, 5), st.integers(0, 9), st.integers(0, 1000), MAYBE
)


@given(
    st.builds(
        RuleRun,
        st.text(min_size=1),
        INSTANTS,
        MEMORIES,
        dry_run=st.booleans(),
        step=st.integers(0, 99),
        due_at=MAYBE,
        begun=st.booleans(),
        queued=st.booleans(),
        done=st.lists(MEMORIES, max_size=3).map(tuple),
        inside=st.lists(FRAMES, max_size=4).map(tuple),
        keys=st.lists(st.text(), max_size=4).map(tuple),
        taken=st.integers(0, 5000),
        failing=st.booleans(),
        wait=st.one_of(st.none(), st.lists(MEMORIES, max_size=3).map(tuple)),
        heard=st.one_of(st.none(), MEMORIES),
        look_at=MAYBE,
        left_out=st.integers(0, 5000),
    )
)
def test_a_run_is_read_back_as_it_was_written(run):
    assert RuleRun.from_document(json.loads(json.dumps(run.to_document()))) == run
