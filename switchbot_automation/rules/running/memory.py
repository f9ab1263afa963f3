"""What the rules remember from tick to tick, and across restarts: one document.

Timers are data: instants in UTC that a `for` began at or a `delay` ends at. Reading
accepts anything; what is damaged counts as absent. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from switchbot_automation.core.state.values import (
    integer,
    listed,
    mapping,
    text,
)
from switchbot_automation.model import NOTHING
from switchbot_automation.rules.running.endings import Ending, endings_of
from switchbot_automation.rules.running.guards import Guard
from switchbot_automation.rules.running.run import RuleRun, moved

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime, timedelta

    from switchbot_automation.rules.definition.model import Rule

KEPT_PER_RULE = 10
"""How many traces of a rule are kept; equal ones that did nothing count as one."""

KEPT = 200
"""How many traces are kept in all."""


@dataclass(frozen=True, slots=True)
class RuleMemory:
    """What one rule remembers; `triggers` in the order of the rule's.

    `keys` tell those from others when the rule is edited, `body` triggers and steps.
    """

    fingerprint: str
    triggers: tuple[Mapping[str, Any], ...] = ()
    runs: tuple[RuleRun, ...] = ()
    keys: tuple[str, ...] = ()
    body: str = ""

    def edited(self, rule: Rule) -> tuple[RuleMemory, tuple[RuleRun, ...]]:
        """Return what still matches an edited rule, and the runs that do not."""
        known = dict(zip(self.keys, self.triggers, strict=False))
        triggers = tuple(known.get(key, NOTHING) for key in rule.trigger_keys)
        found = [(run, moved(rule, run)) for run in self.runs]
        kept = tuple(run for _, run in found if run is not None)
        if kept and not any(not run.queued for run in kept):
            kept = (replace(kept[0], queued=False), *kept[1:])
        gone = tuple(run for run, still in found if still is None)
        new = RuleMemory(rule.fingerprint, triggers, kept, rule.trigger_keys, rule.body)
        return new, gone


@dataclass(frozen=True, slots=True)
class Memory:
    """What all rules remember, by their ids, and their traces, oldest first.

    `budget` is what they spent, see `running.budget`.
    `watched` is since when values are what they are, see `running.watched`. `guards` are
    the devices that must not stay on, see `running.guards`.
    """

    rules: Mapping[str, RuleMemory] = field(default_factory=lambda: NOTHING)
    traces: tuple[Mapping[str, Any], ...] = ()
    budget: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    watched: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    endings: tuple[Ending, ...] = ()
    devices: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    guards: tuple[Guard, ...] = ()

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Memory:
        """Read the document, however damaged."""
        rules = {}
        for rule_id, each in mapping(document.get("rules")).items():
            read = mapping(each)
            found = (RuleRun.from_document(run) for run in listed(read.get("runs")))
            rules[rule_id] = RuleMemory(
                text(read.get("fingerprint")) or "",
                tuple(mapping(trigger) for trigger in listed(read.get("triggers"))),
                tuple(run for run in found if run is not None),
                tuple(str(key) for key in listed(read.get("keys"))),
                text(read.get("body")) or "",
            )
        traces = (mapping(each) for each in listed(document.get("traces")))
        read_endings = listed(document.get("endings"))
        endings = [Ending.from_document(each) for each in read_endings]
        guards = [Guard.from_document(each) for each in listed(document.get("guards"))]
        return cls(
            rules,
            tuple(each for each in traces if each),
            mapping(document.get("budget")),
            mapping(document.get("watched")),
            tuple(each for each in endings if each is not None),
            mapping(document.get("devices")),
            tuple(each for each in guards if each is not None)[-KEPT:],
        )

    def to_document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "rules": {
                rule_id: {
                    "fingerprint": each.fingerprint,
                    "triggers": [dict(trigger) for trigger in each.triggers],
                    "runs": [run.to_document() for run in each.runs],
                    **({"keys": list(each.keys)} if each.keys else {}),
                    **({"body": each.body} if each.body else {}),
                }
                for rule_id, each in self.rules.items()
            },
            "traces": [dict(each) for each in self.traces],
            **({"budget": dict(self.budget)} if self.budget else {}),
            **({"watched": dict(self.watched)} if self.watched else {}),
            **({"devices": dict(self.devices)} if self.devices else {}),
            **(
                {"endings": [each.to_document() for each in self.endings]}
                if self.endings
                else {}
            ),
            **(
                {"guards": [each.to_document() for each in self.guards]}
                if self.guards
                else {}
            ),
        }

    def of(self, rule: Rule) -> RuleMemory:
        """Return what a rule remembers; nothing if it was edited since."""
        found = self.rules.get(rule.id)
        if found is None or found.fingerprint != rule.fingerprint:
            return RuleMemory(rule.fingerprint, (), (), rule.trigger_keys, rule.body)
        if found.keys != rule.trigger_keys or found.body != rule.body:
            return replace(found, keys=rule.trigger_keys, body=rule.body)
        return found

    def having(self, rule: Rule, memory: RuleMemory) -> Memory:
        """Return it with what a rule remembers now."""
        if self.rules.get(rule.id) == memory:
            return self
        return replace(self, rules={**self.rules, rule.id: memory})

    def only(
        self, rules: Iterable[Rule], now: datetime, *, aside: Collection[str] = ()
    ) -> Memory:
        """Bring it up to the rules as they are now.

        What still matches of an edited one goes on, also under another id. Runs of rules
        that are gone or switched off, or whose next step is, end; what they would have
        turned off is owed. Rules `aside` cannot be read here: what they remember waits
        for their return.
        """
        known = {rule.id: rule for rule in rules if rule.enabled}
        new = {rule.body: rule for key, rule in known.items() if key not in self.rules}
        memory, kept = self.not_later_than(now), {}
        for rule_id, each in memory.rules.items():
            rule = known.get(rule_id)
            if rule_id in aside or (rule and rule.fingerprint == each.fingerprint):
                kept[rule_id] = each
                continue
            rule, gone = rule or new.pop(each.body, None), each.runs
            if rule is not None:
                kept[rule.id], gone = each.edited(rule)
            for run in gone:
                memory = memory.cut(rule_id, run, "rule_changed", now)
        return memory if kept == memory.rules else replace(memory, rules=kept)

    def not_later_than(self, now: datetime) -> Memory:
        """Return it after the clock was set back, if it was: nothing hangs for that."""
        rules = {}
        for rule_id, each in self.rules.items():
            runs = tuple(run.not_later_than(now) for run in each.runs)
            rules[rule_id] = each if runs == each.runs else replace(each, runs=runs)
        endings = tuple(each.not_later_than(now) for each in self.endings)
        guards = tuple(each.not_later_than(now) for each in self.guards)
        if (rules, endings, guards) == (self.rules, self.endings, self.guards):
            return self
        return replace(self, rules=rules, endings=endings, guards=guards)

    def set_back(self, by: timedelta) -> Memory:
        """Return it on a clock that was set back so far: what lasts, lasts no longer."""
        rules = {
            rule_id: replace(each, runs=tuple(run.set_back(by) for run in each.runs))
            for rule_id, each in self.rules.items()
        }
        return replace(
            self,
            rules=rules,
            endings=tuple(each.set_back(by) for each in self.endings),
            guards=tuple(each.set_back(by) for each in self.guards),
        )

    def cut(self, rule_id: str, run: RuleRun, outcome: str, now: datetime) -> Memory:
        """Return it with a run that is over before its end; its OFFs are still owed."""
        endings = endings_of(rule_id, run, now)
        trace = trace_of(rule_id, run, outcome, now)
        if endings:
            trace["still_off"] = [
                {each.kind: each.target, "at": each.at.isoformat()} for each in endings
            ]
        memory = self.traced(trace)
        return replace(memory, endings=(*memory.endings, *endings)[-KEPT:])

    def last_outcome(self, rule_id: str) -> str:
        """Return how a rule's last run that did anything ended; empty for none."""
        outcomes = (
            str(each.get("outcome"))
            for each in reversed(self.traces)
            if each["rule"] == rule_id and each.get("steps")
        )
        return next(outcomes, "")

    def ended(self, rule_id: str, run: RuleRun, outcome: str, now: datetime) -> Memory:
        """Return it with the trace of a run that came to an end."""
        return self.traced(trace_of(rule_id, run, outcome, now))

    def traced(self, trace: Mapping[str, Any]) -> Memory:
        """Return it with one more trace, which may join an equal one before it."""
        traces = list(self.traces)
        mine = [
            index for index, each in enumerate(traces) if each["rule"] == trace["rule"]
        ]
        if mine and _dull(trace) and _alike(traces[mine[-1]], trace):
            before = traces[mine[-1]]
            count = (integer(before.get("count")) or 1) + 1
            traces[mine[-1]] = {**trace, "first_at": _first(before), "count": count}
            return replace(self, traces=tuple(traces))
        if len(mine) >= KEPT_PER_RULE:
            del traces[mine[0]]
        return replace(self, traces=(*traces, trace)[-KEPT:])


def trace_of(rule_id: str, run: RuleRun, outcome: str, now: datetime) -> dict[str, Any]:
    """Return what is kept of a run that came to an end."""
    return {
        "rule": rule_id,
        "run": run.id,
        "at": run.at.isoformat(),
        "ended_at": now.isoformat(),
        "outcome": outcome,
        "cause": dict(run.cause),
        "steps": [dict(each) for each in run.done],
        **({"dry_run": True} if run.dry_run else {}),
        **({"left_out": run.left_out} if run.left_out else {}),
    }


def _dull(trace: Mapping[str, Any]) -> bool:
    return not trace.get("steps")


def _alike(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    same_cause = mapping(left.get("cause")).get("trigger") == mapping(
        right.get("cause")
    ).get("trigger")
    return _dull(left) and left.get("outcome") == right.get("outcome") and same_cause


def _first(trace: Mapping[str, Any]) -> Any:
    return trace.get("first_at", trace.get("at"))


def storable(value: Any, depth: int = 0) -> Any:
    """Return a value as a document can hold it: what devices and plug-ins say is theirs.

    A document takes numbers below 1e16 that are finite, and text without NUL and halves
    of surrogate pairs. Never raises.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and -_LARGEST < value < _LARGEST:
        return value
    if isinstance(value, Mapping) and depth < _DEEPEST:
        items = list(value.items())[:_MOST_ITEMS]
        return {_text(key): storable(each, depth + 1) for key, each in items}
    if isinstance(value, list | tuple) and depth < _DEEPEST:
        return [storable(each, depth + 1) for each in value[:_MOST_ITEMS]]
    return _text(value)


def _text(value: Any) -> str:
    try:
        text_of_it = str(value)[:_LONGEST_TEXT]
    except Exception:  # noqa: BLE001 - a stranger's object
        text_of_it = type(value).__name__
    return text_of_it.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")


_LARGEST = 1e15
_DEEPEST = 5
_MOST_ITEMS = 100
_LONGEST_TEXT = 500
