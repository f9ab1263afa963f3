"""What the rules remember from tick to tick, and across restarts: one document.

Timers are data: instants in UTC that a `for` began at or a `delay` ends at. Reading
accepts anything; what is damaged counts as absent. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from switchbot_automation.core.state.values import instant, integer, text
from switchbot_automation.model import NOTHING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from switchbot_automation.rules.definition.model import Rule

KEPT_PER_RULE = 10
"""How many traces of a rule are kept; equal ones that did nothing count as one."""

KEPT = 200
"""How many traces are kept in all."""


@dataclass(frozen=True, slots=True)
class RuleRun:
    """One run of a rule, between its trigger and its end.

    `step` is the next one. `due_at`: it waits in a delay until then. `begun`: that step
    was about to be done when this was stored, so after a crash it counts as done.
    `queued`: it waits for the runs before it. `done` is what its trace says so far.
    """

    id: str
    at: datetime
    cause: Mapping[str, Any]
    dry_run: bool = False
    step: int = 0
    due_at: datetime | None = None
    begun: bool = False
    queued: bool = False
    done: tuple[Mapping[str, Any], ...] = ()

    def to_document(self) -> dict[str, Any]:
        """Return it as JSON."""
        document: dict[str, Any] = {
            "id": self.id,
            "at": self.at.isoformat(),
            "cause": dict(self.cause),
            "step": self.step,
            "done": [dict(each) for each in self.done],
        }
        if self.due_at is not None:
            document["due_at"] = self.due_at.isoformat()
        for name in ("dry_run", "begun", "queued"):
            if getattr(self, name):
                document[name] = True
        return document

    @classmethod
    def from_document(cls, document: object) -> RuleRun | None:
        """Read one; None for what is none."""
        if not isinstance(document, Mapping):
            return None
        run_id, at = text(document.get("id")), instant(document.get("at"))
        step = integer(document.get("step"))
        if not run_id or at is None or step is None or step < 0:
            return None
        return cls(
            run_id,
            at,
            mapping(document.get("cause")),
            dry_run=document.get("dry_run") is True,
            step=step,
            due_at=instant(document.get("due_at")),
            begun=document.get("begun") is True,
            queued=document.get("queued") is True,
            done=tuple(mapping(each) for each in listed(document.get("done"))),
        )


@dataclass(frozen=True, slots=True)
class RuleMemory:
    """What one rule remembers; `triggers` in the order of the rule's."""

    fingerprint: str
    triggers: tuple[Mapping[str, Any], ...] = ()
    runs: tuple[RuleRun, ...] = ()


@dataclass(frozen=True, slots=True)
class Memory:
    """What all rules remember, by their ids, and their traces, oldest first.

    `budget` is what they spent, see `running.budget`.
    """

    rules: Mapping[str, RuleMemory] = field(default_factory=lambda: NOTHING)
    traces: tuple[Mapping[str, Any], ...] = ()
    budget: Mapping[str, Any] = field(default_factory=lambda: NOTHING)

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
            )
        traces = (mapping(each) for each in listed(document.get("traces")))
        budget = mapping(document.get("budget"))
        return cls(rules, tuple(each for each in traces if each), budget)

    def to_document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "rules": {
                rule_id: {
                    "fingerprint": each.fingerprint,
                    "triggers": [dict(trigger) for trigger in each.triggers],
                    "runs": [run.to_document() for run in each.runs],
                }
                for rule_id, each in self.rules.items()
            },
            "traces": [dict(each) for each in self.traces],
            **({"budget": dict(self.budget)} if self.budget else {}),
        }

    def of(self, rule: Rule) -> RuleMemory:
        """Return what a rule remembers; nothing if it was edited since."""
        found = self.rules.get(rule.id)
        if found is None or found.fingerprint != rule.fingerprint:
            return RuleMemory(rule.fingerprint)
        return found

    def having(self, rule: Rule, memory: RuleMemory) -> Memory:
        """Return it with what a rule remembers now."""
        if self.rules.get(rule.id) == memory:
            return self
        return replace(self, rules={**self.rules, rule.id: memory})

    def only(
        self, rules: Iterable[Rule], now: datetime, *, aside: Collection[str] = ()
    ) -> Memory:
        """Forget rules that are gone, switched off or edited; their runs end.

        Those `aside` cannot be read here: what they remember waits for their return.
        """
        known = {rule.id: rule.fingerprint for rule in rules if rule.enabled}
        gone = {
            rule_id: each
            for rule_id, each in self.rules.items()
            if known.get(rule_id) != each.fingerprint and rule_id not in aside
        }
        if not gone:
            return self
        memory = self
        for rule_id, each in gone.items():
            for run in each.runs:
                memory = memory.ended(rule_id, run, "rule_changed", now)
        kept = {key: each for key, each in self.rules.items() if key not in gone}
        return replace(memory, rules=kept)

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


def mapping(value: object) -> Mapping[str, Any]:
    """Return what is one, of anything."""
    return value if isinstance(value, Mapping) else NOTHING


def listed(value: object) -> list[Any]:
    """Return what is a list, of anything."""
    return value if isinstance(value, list) else []
