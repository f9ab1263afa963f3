"""From the `rules` of a settings document to `Rule`s.

Raises `voluptuous.Invalid` with the path to the value; `settings` words it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import voluptuous as vol

from switchbot_automation.languages import worded
from switchbot_automation.outside.urls import shown_name
from switchbot_automation.outside.wording import shown
from switchbot_automation.rules.definition.conditions import (
    TriggerCondition,
    flattened,
)
from switchbot_automation.rules.definition.identity import part_key
from switchbot_automation.rules.definition.lookup import fingerprint, refuse_keys
from switchbot_automation.rules.definition.model import (
    MAX_PER_HOUR,
    MIN_INTERVAL,
    Condition,
    Rule,
    RunMode,
    every_step,
)
from switchbot_automation.rules.definition.reading import any_conditions, read_triggers
from switchbot_automation.rules.definition.steps import read_steps
from switchbot_automation.rules.definition.values import (
    Shape,
    choice,
    duration,
    each_of,
    flag,
    near,
    text,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
_MOST_RULES = 200
_MOST_NESTED = 10


def read_rules(value: object) -> tuple[Rule, ...]:
    """Read all rules. Raises voluptuous.Invalid for every one that is wrong."""
    if not isinstance(value, list):
        raise vol.Invalid(
            worded("expected a list of rules, got {value}", value=shown(value))
        )
    if len(value) > _MOST_RULES:
        raise vol.Invalid(
            worded(
                "expected at most {most_rules} rules, got {number}",
                most_rules=_MOST_RULES,
                number=len(value),
            )
        )
    _refuse_depth(value)
    rules = each_of(value, _rule)
    for index, rule in enumerate(rules):
        if any(rule.id == other.id for other in rules[:index]):
            raise vol.Invalid(
                worded(
                    "{id!r} is another rule's too; each needs its own",
                    id=shown_name(rule.id),
                ),
                path=[index, "id"],
            )
    return tuple(rules)


def zones_named(
    value: object, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield every zone that the rules of a document name, with the path to it."""
    if isinstance(value, Mapping):
        zone = value.get("zone")
        for each in zone if isinstance(zone, list) else [zone]:
            if isinstance(each, str):
                yield (*path, "zone"), each
        for key, each in value.items():
            yield from zones_named(each, (*path, str(key)))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from zones_named(each, (*path, index))


def _refuse_depth(value: object, depth: int = 0) -> None:
    """Refuse what no person writes, before anything walks down it."""
    if depth > 2 * _MOST_NESTED:
        raise vol.Invalid(worded("is nested too deeply"))
    inner: Iterable[object] = ()
    if isinstance(value, Mapping):
        inner = value.values()
    elif isinstance(value, list):
        inner = value
    for each in inner:
        _refuse_depth(each, depth + 1)


def _id(value: object) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise vol.Invalid(
            worded(
                "expected an id of at most 60 letters, digits, - and _, as "
                "'night-off', got {value}",
                value=shown(value),
            )
        )
    return value


def _conditions(value: object) -> tuple[Condition, ...]:
    return any_conditions(value if isinstance(value, list) else [value])


_RULE = Shape(
    {"id": _id, "triggers": read_triggers, "actions": read_steps},
    {
        "conditions": _conditions,
        "mode": choice(*RunMode),
        "max": whole(2, 100),
        "enabled": flag,
        "dry_run": flag,
        "alias": text,
        "min_interval": duration,
        "max_per_hour": whole(1, 3600),
        "notify_on_failure": flag,
    },
)


_INSTEAD: Mapping[str, str] = {
    "variables": "there are none; a message has $value and the trigger's other words",
    "trigger_variables": "there are none",
    "max_exceeded": "a run too many is in the rule's traces, which nothing silences",
    "initial_state": "use `enabled`",
    "use_blueprint": "write the rule out",
    "description": "use `alias`",
    "trace": "every rule keeps its last traces",
}


def _check_ids(read: Mapping[str, Any]) -> None:
    """Refuse a condition that asks for a trigger there is not."""
    known = {each.id for each in read["triggers"]} - {""}
    inside = (part for step in every_step(read["actions"]) for part in step.parts)
    for part in flattened((*read.get("conditions", ()), *inside)):
        if isinstance(part, TriggerCondition):
            for each in part.ids:
                if each not in known:
                    hint = near(each, tuple(sorted(known)))
                    raise vol.Invalid(
                        worded(
                            "no trigger has the id {each!r}{hint}",
                            each=shown_name(each),
                            hint=hint,
                        )
                    )


def _rule(value: object) -> Rule:
    if isinstance(value, Mapping):
        refuse_keys(value, _INSTEAD)
    read = _RULE(value)
    mode = RunMode(read.get("mode", RunMode.SINGLE))
    if "max" in read and mode not in (RunMode.QUEUED, RunMode.PARALLEL):
        raise vol.Invalid(worded("is for mode 'queued' or 'parallel'"), path=["max"])
    _check_ids(read)
    every = mode in (RunMode.QUEUED, RunMode.PARALLEL)
    keys = tuple(part_key(each.trigger) for each in read["triggers"])
    steps = [step.key for step in every_step(read["actions"])]
    return Rule(
        id=read["id"],
        triggers=tuple(each.trigger for each in read["triggers"]),
        trigger_kinds=tuple(each.kind for each in read["triggers"]),
        trigger_keys=keys,
        body=part_key([keys, steps]),
        trigger_ids=tuple(each.id for each in read["triggers"]),
        conditions=read.get("conditions", ()),
        steps=read["actions"],
        mode=mode,
        most=read.get("max", 10),
        enabled=read.get("enabled", True),
        dry_run=read.get("dry_run", False),
        alias=read.get("alias", ""),
        fingerprint=fingerprint(value),
        min_interval=read.get("min_interval", timedelta(0) if every else MIN_INTERVAL),
        max_per_hour=read.get("max_per_hour", MAX_PER_HOUR),
        notify_on_failure=read.get("notify_on_failure", True),
    )
