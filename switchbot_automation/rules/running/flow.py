"""How a run goes through its rule to the next action, delay, wait or end. Pure.

`go` takes one step of the way. What is bounded is bounded here: how often a `repeat`
goes round, how soon after each other, and how many steps a run takes in all.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from switchbot_automation.rules.definition.conditions import all_hold
from switchbot_automation.rules.definition.model import (
    ChooseStep,
    ConditionStep,
    GroupStep,
    RepeatStep,
    StopStep,
    WaitStep,
)
from switchbot_automation.rules.definition.steps import MOST_ROUNDS, MOST_STEPS
from switchbot_automation.rules.running.evaluate import broken, looked, with_run
from switchbot_automation.rules.running.run import (
    after,
    behind,
    holder,
    into,
    once_more,
    out,
    step_at,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from switchbot_automation.rules.definition.context import Home
    from switchbot_automation.rules.definition.model import Block, Rule, Step
    from switchbot_automation.rules.running.memory import Memory
    from switchbot_automation.rules.running.run import RuleRun

LEAST_ROUND: Final = timedelta(seconds=10)
"""How soon a `repeat` with `while` or `until` goes round again; a delay makes it later."""


class Flow(NamedTuple):
    """Where a step of the way led.

    `action`: do it, and then go on behind it. `outcome`: the run is over; `cut`: by a
    bound, which nobody wrote into the rule. `waits`: not now. Without any of them, just
    go on.
    """

    run: RuleRun
    action: Step | None = None
    outcome: str = ""
    waits: bool = False
    cut: bool = False


def asked_by(rule: Rule, run: RuleRun) -> frozenset[str]:
    """Return the devices that the next step of the way looks at."""
    try:
        step = step_at(rule, run)
        if step is None:
            step = holder(rule, run) if run.inside else None
    except LookupError:
        return frozenset()
    if step is None or run.wait is not None:
        return frozenset()
    return frozenset(
        subject.device
        for part in step.parts
        for subject in part.subjects
        if subject.device
    )


def go(
    rule: Rule, run: RuleRun, home: Home, now: datetime, *, rehearsed: bool = False
) -> Flow:
    """Take one step of a run's way. `home` has what `asked_by` says.

    `rehearsed`: a person wants to see every step now, so nothing is waited for and
    nothing is repeated.
    """
    try:
        step = step_at(rule, run)
        inside = holder(rule, run) if step is None and run.inside else None
    except LookupError:
        return Flow(run, outcome="rule_changed")
    if step is None and inside is None:
        return Flow(run, outcome="finished")
    if run.taken >= MOST_STEPS:
        why = f"took {MOST_STEPS} steps, which is the most"
        over = _over(run, step or inside, now, "failed", error=why)
        return over._replace(cut=True)
    home = replace(home, cause=run.cause)
    if step is None:
        return _branch_over(run, inside, home, now, rehearsed=rehearsed)
    if run.wait is None:
        run = replace(run, taken=run.taken + 1)
    if step.action is not None:
        return Flow(run, action=step)
    if step.delay is not None:
        return _delayed(run, step, now, rehearsed=rehearsed)
    if isinstance(step.block, ConditionStep):
        return _asked(rule, run, step, home, now)
    return _through(run, step, step.block, home, now, rehearsed=rehearsed)


def _through(
    run: RuleRun,
    step: Step,
    block: Block | None,
    home: Home,
    now: datetime,
    *,
    rehearsed: bool,
) -> Flow:
    match block:
        case StopStep():
            if block.failed:
                return _over(run, step, now, "failed", error=block.why)
            return _over(run, step, now, "stopped", why=block.why)
        case ChooseStep():
            return _choose(run, step, block, home, now)
        case RepeatStep():
            held = all_hold(block.before, home, now)
            if held is True:
                return Flow(into(run, 0, 1, now))
            return Flow(after(_said(run, step, now, rounds=0, held=held)))
        case WaitStep():
            return _wait(run, step, block, home, now, rehearsed=rehearsed)
        case GroupStep():
            return Flow(into(run, 0))
    raise TypeError(f"{step.kind} is no step that is known")


def _asked(rule: Rule, run: RuleRun, step: Step, home: Home, now: datetime) -> Flow:
    """Go on if the conditions hold, else behind the sequence they stand in.

    As in Home Assistant: that is the run's end only where it stands in no block.
    """
    block = step.block
    asked = block.conditions if isinstance(block, ConditionStep) else ()
    held = all_hold(asked, home, now)
    if held is True:
        return Flow(after(_said(run, step, now, held=True)))
    if run.inside:
        return Flow(behind(rule, _said(run, step, now, held=held)))
    word = "conditions_unknown" if held is None else "conditions_not_met"
    return _over(run, step, now, word, held=held)


def _branch_over(
    run: RuleRun, step: Step | None, home: Home, now: datetime, *, rehearsed: bool
) -> Flow:
    """Go on behind a block, or once more through it."""
    block = step.block if step is not None else None
    if step is None or not isinstance(block, RepeatStep):
        return Flow(out(run))
    frame = run.inside[-1]
    held = all_hold(block.until or block.before, home, now)
    again = held is not True if block.until else held is True
    if block.count is not None:
        again, held = frame.round < block.count, None
    if not again or rehearsed:
        told = {} if block.count is not None else {"held": held}
        return Flow(out(_said(run, step, now, rounds=frame.round, **told)))
    if frame.round >= MOST_ROUNDS:
        why = f"went round {frame.round} times, which is the most"
        return _over(run, step, now, "failed", error=why)._replace(cut=True)
    if block.count is None:
        began = frame.began
        if began is None or began > now:  # the clock was set back since
            began = now
        if now < began + LEAST_ROUND:
            waits = replace(run, inside=(*run.inside[:-1], replace(frame, began=began)))
            return Flow(replace(waits, due_at=began + LEAST_ROUND), waits=True)
    run = replace(run, taken=run.taken + 1)
    return Flow(once_more(run, now))


def _choose(
    run: RuleRun, step: Step, block: ChooseStep, home: Home, now: datetime
) -> Flow:
    for branch, (conditions, _) in enumerate(block.options):
        held = all_hold(conditions, home, now)
        if held is True:
            took = block.named[branch]
            return Flow(into(_said(run, step, now, took=took), branch))
        if held is None:
            # Nobody knows whether it is this one, so nobody knows whether another is.
            return Flow(after(_said(run, step, now, took=None, held=None)))
    if not block.otherwise:
        return Flow(after(_said(run, step, now, took=None)))
    run = _said(run, step, now, took=block.named[-1])
    return Flow(into(run, len(block.options)))


def _delayed(run: RuleRun, step: Step, now: datetime, *, rehearsed: bool) -> Flow:
    until = now + (step.delay or timedelta(0))
    run = after(_said(run, step, now, until=until.isoformat()))
    if rehearsed:
        return Flow(run)
    return Flow(replace(run, due_at=until), waits=True)


# --- waits -------------------------------------------------------------------------


def _wait(
    run: RuleRun,
    step: Step,
    block: WaitStep,
    home: Home,
    now: datetime,
    *,
    rehearsed: bool,
) -> Flow:
    if rehearsed:
        return Flow(after(_said(run, step, now, completed=None)))
    if run.wait is None:
        # What is so now is where a trigger starts from; an event of before is over.
        run = replace(run, wait=(), due_at=now + block.timeout)
        return Flow(_heard(run, block, replace(home, event=None), now), waits=True)
    over = replace(run, wait=None, heard=None, due_at=None, look_at=None)
    if run.heard is not None:
        told = {
            key: run.heard[key]
            for key in ("trigger", "of", "value")
            if key in run.heard
        }
        return Flow(after(_said(over, step, now, completed=True, **told)))
    if run.due_at is not None and now < run.due_at:
        return Flow(run, waits=True)
    if not block.goes_on:
        return _over(over, step, now, "timed_out", completed=False)
    return Flow(after(_said(over, step, now, completed=False)))


def listen(rules: Iterable[Rule], memory: Memory, home: Home, now: datetime) -> Memory:
    """Let the runs that wait look at what they wait for."""
    for rule in rules:
        for run in memory.of(rule).runs if rule.enabled else ():
            if run.wait is None or run.heard is not None or run.queued:
                continue
            block = waited_for(rule, run)
            if block is None:
                continue
            try:
                found = _heard(run, block, home, now)
            except Exception as error:  # noqa: BLE001 - a plug-in's, perhaps
                memory = memory.traced(broken(rule, "wait_for_trigger", error, now))
                continue
            if found != run:
                memory = with_run(memory, rule, found, now)
    return memory


def waited_for(rule: Rule, run: RuleRun) -> WaitStep | None:
    """Return what a run waits for, None if it does not."""
    try:
        step = step_at(rule, run) if run.wait is not None else None
    except LookupError:
        return None
    block = step.block if step is not None else None
    return block if isinstance(block, WaitStep) else None


def _heard(run: RuleRun, block: WaitStep, home: Home, now: datetime) -> RuleRun:
    """Return a waiting run after a look at what it waits for."""
    kept: list[Mapping[str, Any]] = []
    wanted: list[datetime] = []
    heard = run.heard
    before = run.wait or ()
    for index, trigger in enumerate(block.triggers):
        look = looked(trigger, before[index] if index < len(before) else {}, home, now)
        kept.append(look.memory)
        if look.due_at is not None:
            wanted.append(look.due_at)
        if look.fired is not None and heard is None:
            heard = {**look.fired, "trigger": block.kinds[index]}
    look_at = min(wanted, default=None)
    return replace(run, wait=tuple(kept), heard=heard, look_at=look_at)


# --- what is said of it --------------------------------------------------------------


def _said(run: RuleRun, step: Step, now: datetime, **told: Any) -> RuleRun:
    said = {"action": step.kind, "at": now.isoformat(), **told}
    return run.saying({**said, "ok": said.get("ok", True)})


def _over(
    run: RuleRun, step: Step | None, now: datetime, outcome: str, **told: Any
) -> Flow:
    kind = step.kind if step is not None else "?"
    said = {"action": kind, "at": now.isoformat(), **told, "ok": "error" not in told}
    return Flow(run.saying(said), outcome=outcome)
