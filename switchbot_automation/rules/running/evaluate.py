"""Which rules are due. Pure: no I/O, no clock but `now`.

`fire` looks at every trigger, `admit` at the conditions and the run modes of those that
fired. What is due then is in the memory's runs, and `runner` carries it out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from switchbot_automation.instants import stored_instant
from switchbot_automation.model import NOTHING
from switchbot_automation.outside.wording import error_words
from switchbot_automation.rules.definition.conditions import all_hold
from switchbot_automation.rules.definition.model import LATEST, Look, Rule, RunMode
from switchbot_automation.rules.definition.triggers import GAP
from switchbot_automation.rules.running.endings import owed
from switchbot_automation.rules.running.memory import Memory, storable, trace_of
from switchbot_automation.rules.running.run import RuleRun, noted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from switchbot_automation.rules.definition.context import Home
    from switchbot_automation.rules.definition.model import Trigger
    from switchbot_automation.rules.running.budget import Stop


@dataclass(frozen=True, slots=True)
class Firing:
    """A trigger of a rule that fired, with what it fired with."""

    rule: Rule
    cause: Mapping[str, Any]


class Evaluation(NamedTuple):
    """What an evaluation came to.

    `due` are the runs that can go on now, in order; `next_at` is when time alone may
    make another one due, None for never.
    """

    memory: Memory
    due: tuple[tuple[Rule, RuleRun], ...]
    next_at: datetime | None


def evaluate(
    rules: Sequence[Rule], memory: Memory, home: Home, now: datetime
) -> Evaluation:
    """Look at every rule once. The rules' devices have to be in `home` already."""
    memory, fired, next_at = fire(rules, memory, home, now)
    for each in fired:
        memory = admit(each, memory, home, now)
    waiting = next_run(memory)
    soonest = min((at for at in (next_at, waiting) if at is not None), default=None)
    return Evaluation(memory, due(rules, memory, now), soonest)


def fire(
    rules: Iterable[Rule],
    memory: Memory,
    home: Home,
    now: datetime,
    *,
    anew: bool = False,
) -> tuple[Memory, tuple[Firing, ...], datetime | None]:
    """Look at every trigger; return what is remembered, what fired, and the next look.

    `anew`: the clock may have been set back since the last look.
    """
    fired: list[Firing] = []
    wanted: list[datetime] = []
    for rule in rules:
        if not rule.enabled:
            continue
        before = memory.of(rule)
        kept = []
        for index, trigger in enumerate(rule.triggers):
            own = before.triggers[index] if index < len(before.triggers) else NOTHING
            kind = rule.trigger_kinds[index]
            try:
                if anew:
                    own = _not_later(trigger, own, home, now)
                own = _as_watched(own, now)
                look = looked(trigger, own, home, now)
            except Exception as error:  # noqa: BLE001 - a plug-in's, perhaps
                kept.append(own)
                memory = memory.traced(broken(rule, kind, error, now))
                continue
            noted, look_at = _seen(look, own, now)
            kept.append(noted)
            wanted += [at for at in (look.due_at, look_at) if at is not None]
            if look.fired is None:
                memory = _missed(rule, index, own, look, memory=memory, now=now)
            else:
                cause = {**look.fired, "trigger": kind, "index": index}
                named = rule.trigger_ids[index] if index < len(rule.trigger_ids) else ""
                if named:
                    cause["id"] = named
                fired.append(Firing(rule, cause))
        memory = memory.having(rule, replace(before, triggers=tuple(kept)))
    return memory, tuple(fired), min(wanted, default=None)


def _not_later(
    trigger: Trigger, own: Mapping[str, Any], home: Home, now: datetime
) -> Mapping[str, Any]:
    """Return what a trigger of the clock waits for, if not for longer than it has to."""
    due = stored_instant(own.get("due"))
    if due is None or due <= now:
        return own
    fresh = looked(trigger, NOTHING, home, now).memory
    sooner = stored_instant(fresh.get("due"))
    return fresh if sooner is not None and sooner < due else own


def _as_watched(own: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
    """Return what a trigger remembers, its `for` begun anew if nobody watched.

    Only time that was watched counts: while the engine was down, the door may have been
    closed and opened again.
    """
    seen = stored_instant(own.get("seen"))
    if "since" not in own or seen is None or now - seen <= GAP + _LATE:
        return own
    return {**own, "since": now.isoformat(), "seen": now.isoformat()}


def _seen(
    look: Look, own: Mapping[str, Any], now: datetime
) -> tuple[Mapping[str, Any], datetime | None]:
    """Note of a running `for` that it is watched, and when to look at it again."""
    if "since" not in look.memory:
        return look.memory, None
    again = now + GAP / 2
    seen = stored_instant(look.memory.get("seen"))
    began = look.memory["since"] != own.get("since")
    if not began and seen is not None and _NONE <= now - seen < GAP / 2:
        return look.memory, seen + GAP / 2
    return {**look.memory, "seen": now.isoformat()}, again


def _missed(
    rule: Rule,
    index: int,
    own: Mapping[str, Any],
    look: Look,
    *,
    memory: Memory,
    now: datetime,
) -> Memory:
    """Trace a time that passed while nobody looked, and that is too late by now."""
    due = stored_instant(own.get("due"))
    inside = look.memory.get("inside")
    event = getattr(rule.triggers[index], "event", "")
    crossed = "inside" in own and own["inside"] is not inside and inside is not None
    cause: dict[str, Any] = {"trigger": rule.trigger_kinds[index], "index": index}
    if due is not None and now - due > LATEST:
        cause["due"] = due.isoformat()
    elif crossed and inside is (event == "start"):
        cause["window"] = event
    else:
        return memory
    run = RuleRun(_run_id(rule, cause, now, memory), now, cause, dry_run=rule.dry_run)
    return memory.ended(rule.id, run, "missed", now)


_NONE = timedelta(0)
_LATE = timedelta(minutes=1)


def looked(trigger: Trigger, own: Mapping[str, Any], home: Home, now: datetime) -> Look:
    """Let a trigger look; what it returns is held to what a document can hold."""
    memory, fired, due_at = trigger.look(own, home, now)
    if due_at is not None:
        due_at = due_at.astimezone(UTC)
    return Look(
        own if memory == own else storable(dict(memory)),
        None if fired is None else storable(dict(fired)),
        due_at,
    )


def admit(firing: Firing, memory: Memory, home: Home, now: datetime) -> Memory:
    """Let a triggered rule begin, unless its conditions or its mode say no."""
    rule, cause = firing.rule, firing.cause
    try:
        held = all_hold(rule.conditions, replace(home, cause=cause), now)
    except Exception as error:  # noqa: BLE001 - a plug-in's, perhaps
        return memory.traced(broken(rule, "conditions", error, now))
    new = RuleRun(_run_id(rule, cause, now, memory), now, cause, dry_run=rule.dry_run)
    if held is not True:
        word = "conditions_unknown" if held is None else "conditions_not_met"
        return memory.ended(rule.id, new, word, now)
    return enter(rule, new, memory, now)


def enter(rule: Rule, new: RuleRun, memory: Memory, now: datetime) -> Memory:
    """Let a run begin, unless the rule's mode says no."""
    mine, new = memory.of(rule), noted(rule, new)
    if rule.mode is RunMode.SINGLE and mine.runs:
        return memory.ended(rule.id, new, "already_running", now)
    if rule.mode is RunMode.QUEUED and len(mine.runs) >= rule.most:
        return memory.ended(rule.id, new, "queue_full", now)
    if rule.mode is RunMode.PARALLEL and len(mine.runs) >= rule.most:
        return memory.ended(rule.id, new, "max_exceeded", now)
    if rule.mode is RunMode.RESTART:
        for run in mine.runs:
            memory = memory.ended(rule.id, run, "restarted", now)
        return memory.having(rule, replace(mine, runs=(new,)))
    waits = rule.mode is not RunMode.PARALLEL and bool(mine.runs)
    new = replace(new, queued=waits)
    return memory.having(rule, replace(mine, runs=(*mine.runs, new)))


def refused_run(
    firing: Firing, memory: Memory, outcome: str, stop: Stop | None, now: datetime
) -> Memory:
    """Return the memory with the trace of a triggered rule that must not run now."""
    rule, cause = firing.rule, firing.cause
    new = RuleRun(_run_id(rule, cause, now, memory), now, cause, dry_run=rule.dry_run)
    trace = trace_of(rule.id, new, outcome, now)
    if stop is not None:
        trace |= {"why": stop.why, "with": list(stop.others)}
        trace["until"] = stop.until.isoformat()
    return memory.traced(trace)


def due(
    rules: Iterable[Rule], memory: Memory, now: datetime
) -> tuple[tuple[Rule, RuleRun], ...]:
    """Return the runs that can go on now, the longest waiting first."""
    found = [
        (rule, run)
        for rule in rules
        if rule.enabled
        for run in memory.of(rule).runs
        if run.ready(now)
    ]
    return tuple(sorted(found, key=lambda each: each[1].due_at or each[1].at))


def next_run(memory: Memory) -> datetime | None:
    """Return when time alone lets a run go on, None for never."""
    return min(
        (
            at
            for each in memory.rules.values()
            for run in each.runs
            if not run.queued and (at := run.wants_at) is not None
        ),
        default=None,
    )


def with_run(memory: Memory, rule: Rule, run: RuleRun, now: datetime) -> Memory:
    """Return the memory with a run as it is now."""
    mine, run = memory.of(rule), noted(rule, run)
    run = replace(run, owed=owed(rule, run) if run.done or run.perhaps else ())
    if run.due_at is None:
        run = replace(run, waits_from=None)
    elif run.due_at != next((it.due_at for it in mine.runs if it.id == run.id), None):
        run = replace(run, waits_from=now)
    runs = tuple(run if each.id == run.id else each for each in mine.runs)
    return memory.having(rule, replace(mine, runs=runs))


def without_run(memory: Memory, rule: Rule, run: RuleRun) -> Memory:
    """Return the memory without a run that ended; the next one of a queue may go."""
    mine = memory.of(rule)
    left = tuple(each for each in mine.runs if each.id != run.id)
    if left and left[0].queued:
        left = (replace(left[0], queued=False), *left[1:])
    return memory.having(rule, replace(mine, runs=left))


def broken(rule: Rule, part: str, error: Exception, now: datetime) -> dict[str, Any]:
    """Return the trace of a trigger or condition that raised."""
    run = RuleRun(_run_id(rule, NOTHING, now, Memory()), now, {"trigger": part})
    why = storable(error_words(error))
    return {**trace_of(rule.id, run, "broken", now), "error": why}


def _run_id(rule: Rule, cause: Mapping[str, Any], now: datetime, memory: Memory) -> str:
    """Return an id that no other run has; the same inputs give the same one."""
    running = [run.id for run in memory.of(rule).runs]
    named = f"{rule.id} {now.isoformat()} {cause.get('index')} {running}"
    return hashlib.sha256(named.encode()).hexdigest()[:12]
