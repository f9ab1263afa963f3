"""From the `rules` of a settings document to `Rule`s.

Raises `voluptuous.Invalid` with the path to the value; `settings` words it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import voluptuous as vol

from switchbot_automation.rules.definition import actions
from switchbot_automation.rules.definition.context import Subject
from switchbot_automation.rules.definition.kinds import (
    ACTIONS,
    TRIGGERS,
    PartKind,
    conditions_by_kind,
)
from switchbot_automation.rules.definition.model import (
    MAX_PER_HOUR,
    MIN_INTERVAL,
    Condition,
    Rule,
    RunMode,
    Step,
)
from switchbot_automation.rules.definition.values import (
    Shape,
    choice,
    duration,
    each_of,
    flag,
    many,
    near,
    positive,
    text,
    whole,
)
from switchbot_automation.wording import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}")
_MOST_RULES = 200
_MOST_NESTED = 10
_DELAY = Shape({"for": positive}, {})


def read_rules(value: object) -> tuple[Rule, ...]:
    """Read all rules. Raises voluptuous.Invalid for every one that is wrong."""
    if not isinstance(value, list):
        raise vol.Invalid(f"expected a list of rules, got {shown(value)}")
    if len(value) > _MOST_RULES:
        raise vol.Invalid(f"expected at most {_MOST_RULES} rules, got {len(value)}")
    _refuse_depth(value)
    rules = each_of(value, _rule)
    for index, rule in enumerate(rules):
        if any(rule.id == other.id for other in rules[:index]):
            raise vol.Invalid(
                f"{rule.id!r} is another rule's too; each needs its own",
                path=[index, "id"],
            )
    return tuple(rules)


def zones_named(
    value: object, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield every zone that the rules of a document name, with the path to it."""
    if isinstance(value, Mapping):
        zone = value.get("zone")
        if isinstance(zone, str):
            yield (*path, "zone"), zone
        for key, each in value.items():
            yield from zones_named(each, (*path, str(key)))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from zones_named(each, (*path, index))


def read_conditions(value: object) -> tuple[Condition, ...]:
    """Read one condition or a list of them."""
    found: tuple[Condition, ...] = many(_condition)(value)
    return found


def _refuse_depth(value: object, depth: int = 0) -> None:
    """Refuse what no person writes, before anything walks down it."""
    if depth > 2 * _MOST_NESTED:
        raise vol.Invalid("is nested too deeply")
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
            "expected an id of at most 60 letters, digits, - and _,"
            f" as 'night-off', got {shown(value)}"
        )
    return value


def _trigger(value: object) -> tuple[str, Any]:
    return _part(value, "trigger", TRIGGERS, "triggers")


def _condition(value: object) -> Condition:
    own = conditions_by_kind(read_conditions)
    found: Condition = _part(value, "condition", own, "conditions")[1]
    return found


def _step(value: object) -> Step:
    if isinstance(value, Mapping) and value.get("action") == "delay":
        rest = {key: each for key, each in value.items() if key != "action"}
        return Step("delay", delay=_DELAY(rest)["for"])
    if isinstance(value, Mapping) and value.get("action") == "notify":
        return Step("notify", _notify(value))
    kind, action = _part(value, "action", ACTIONS, "actions", ("delay",))
    return Step(kind, action)


def _notify(value: Mapping[Any, Any]) -> actions.Notify:
    """Read a notification; with `notifier`, the other keys are that plug-in's."""
    if "notifier" not in value:
        found: actions.Notify = _part(value, "action", ACTIONS, "actions")[1]
        return found
    own = {key: value[key] for key in ("message", "title") if key in value}
    read = Shape({"message": text}, {"title": text})(own)
    rest = {
        key: each
        for key, each in value.items()
        if key not in {"action", "message", "title"}
    }
    notifier = _part(rest, "notifier", {}, "notifiers")[1]
    return actions.Notify(read["message"], read.get("title"), notifier)


def _part(
    value: object,
    key: str,
    own: Mapping[str, PartKind],
    group: str,
    more: tuple[str, ...] = (),
) -> tuple[str, Any]:
    """Read a trigger, condition or action: one of ours, or else a plug-in's."""
    if not isinstance(value, Mapping):
        raise vol.Invalid(f"expected an object with {key!r}, got {shown(value)}")
    if key not in value:
        present = next(iter(value), None)
        raise vol.Invalid(f"is missing, beside {shown(present)}", path=[key])
    word = value[key]
    rest = {name: each for name, each in value.items() if name != key}
    kind = own.get(word) if isinstance(word, str) else None
    if kind is None:
        kind = part_kind(word, key, own, group, more)
    return word, kind.make(kind.schema(rest))


def part_kind(
    word: object,
    key: str,
    own: Mapping[str, PartKind],
    group: str,
    more: tuple[str, ...] = (),
) -> PartKind:
    """Return how a plug-in's word is read. Raises voluptuous.Invalid for none."""
    from switchbot_automation.plugins import registry  # noqa: PLC0415 - only where a word is not ours

    plugins = registry()
    plugin = plugins.get(group, word) if isinstance(word, str) else None
    if plugin is not None:
        return PartKind(
            partial(_by_plugin, str(word), plugin.schema),
            partial(_made, str(word), plugin.factory, _ASKED_OF[group]),
        )
    broken = plugins.failure(group, word) if isinstance(word, str) else None
    if broken:
        raise vol.Invalid(f"the plug-in {word!r} cannot be used: {broken}", path=[key])
    known = (*own, *more, *plugins.names(group))
    hint = f"; there are {', '.join(known)}" if known else ", no plug-in is installed"
    raise vol.Invalid(f"no {key} {shown(word)}{near(word, known)}{hint}", path=[key])


_ASKED_OF: Mapping[str, tuple[str, ...]] = {
    "triggers": ("look", "subjects"),
    "conditions": ("holds", "subjects"),
    "actions": ("run", "once"),
    "notifiers": ("notify",),
    "sensors": ("read",),
    "actuators": ("send",),
    "offsets": ("kelvin",),
}


def _made(
    word: str, factory: Callable[[Any], Any], asked: tuple[str, ...], read: Any
) -> Any:
    """Make a plug-in's part, and check that it can do what is asked of it."""
    part = _by_plugin(word, factory, read)
    for name in asked:
        if _by_plugin(word, partial(hasattr, part), name):
            continue
        kind = type(part).__name__
        raise vol.Invalid(f"the plug-in {word!r} made a {kind} without {name!r}")
    if "subjects" in asked and not all(
        isinstance(subject, Subject)
        for subject in _by_plugin(word, lambda it: tuple(it.subjects), part)
    ):
        raise vol.Invalid(f"the subjects of the plug-in {word!r} are none")
    return part


def _by_plugin(word: str, function: Callable[[Any], Any], value: Any) -> Any:
    """Call a stranger's code; whatever it raises is an error of the settings."""
    try:
        return function(value)
    except vol.Invalid:
        raise
    except Exception as exc:
        raise vol.Invalid(
            f"the plug-in {word!r} failed: {type(exc).__name__}: {exc}"[:300]
        ) from exc


def _list(read: Callable[[object], Any]) -> Callable[[object], tuple[Any, ...]]:
    """Read a list that may be empty, or one object in its place."""

    def read_all(value: object) -> tuple[Any, ...]:
        return tuple(each_of(value if isinstance(value, list) else [value], read))

    return read_all


_RULE = Shape(
    {"id": _id, "triggers": many(_trigger), "actions": many(_step)},
    {
        "conditions": _list(_condition),
        "mode": choice(*RunMode),
        "max": whole(2, 100),
        "enabled": flag,
        "dry_run": flag,
        "alias": text,
        "min_interval": duration,
        "max_per_hour": whole(1, 3600),
    },
)


def _rule(value: object) -> Rule:
    read = _RULE(value)
    mode = RunMode(read.get("mode", RunMode.SINGLE))
    if "max" in read and mode is not RunMode.QUEUED:
        raise vol.Invalid("is for mode 'queued'", path=["max"])
    return Rule(
        id=read["id"],
        triggers=tuple(trigger for _kind, trigger in read["triggers"]),
        trigger_kinds=tuple(kind for kind, _trigger in read["triggers"]),
        conditions=read.get("conditions", ()),
        steps=read["actions"],
        mode=mode,
        most=read.get("max", 10),
        enabled=read.get("enabled", True),
        dry_run=read.get("dry_run", False),
        alias=read.get("alias", ""),
        fingerprint=fingerprint(value),
        min_interval=read.get("min_interval", MIN_INTERVAL),
        max_per_hour=read.get("max_per_hour", MAX_PER_HOUR),
    )


def fingerprint(value: object) -> str:
    """Return what tells this rule from an edited one, and shows nothing of it."""
    try:
        written = json.dumps(value, sort_keys=True)
    except (TypeError, ValueError) as exc:
        raise vol.Invalid("holds what JSON does not") from exc
    return hashlib.sha256(written.encode("utf-8", "replace")).hexdigest()[:16]
