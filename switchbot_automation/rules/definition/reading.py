"""How triggers and conditions are read, wherever they stand.

Raises `voluptuous.Invalid` with the path to the value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import voluptuous as vol

from switchbot_automation.languages import worded
from switchbot_automation.outside.wording import shown
from switchbot_automation.rules.definition import conditions
from switchbot_automation.rules.definition.kinds import TRIGGERS, conditions_by_kind
from switchbot_automation.rules.definition.lookup import (
    Instead,
    is_own,
    read_part,
    without_labels,
)
from switchbot_automation.rules.definition.values import NO_TEMPLATES, each_of, text

if TYPE_CHECKING:
    from switchbot_automation.rules.definition.model import Condition, Trigger


class NamedTrigger(NamedTuple):
    """A trigger with the word for its kind, and the id it may have."""

    trigger: Trigger
    kind: str
    id: str


_ENTITY: Final = "name a `device` or a `zone` instead, and its `attribute`"
_TEMPLATE: Final = NO_TEMPLATES
_OUTSIDE: Final = (
    "webhook is a device's event here; engine.run_rule starts a rule from outside"
)

_KEYS: Mapping[str, str] = {
    "entity_id": _ENTITY,
    "value_template": _TEMPLATE,
    "variables": "there are none; a message has $value and the trigger's other words",
}
_TRIGGERS_INSTEAD = Instead(
    {
        "template": _TEMPLATE,
        "event": "a device's event is the trigger webhook; other ones stay there",
        "mqtt": "a device's event is the trigger webhook; others need a plug-in",
        "device": "use state, numeric_state or webhook with the device's name",
        "homeassistant": "a `for`, a delay and a wait outlive a restart without it",
        "calendar": "use time with `days`, cron, or window with dated windows",
        "tag": "a keypad or a lock tells by the trigger webhook",
        "geo_location": "use state with a motion or presence sensor",
        "zone": "use state with a motion or presence sensor",
        "conversation": "engine.run_rule starts a rule from outside",
        "persistent_notification": "there are none",
    },
    {
        "platform": "write `trigger`, its newer name in Home Assistant",
        "webhook_id": _OUTSIDE,
        "local_only": _OUTSIDE,
        "allowed_methods": _OUTSIDE,
        **_KEYS,
    },
    dotted="use state, numeric_state, sun or webhook, with the `device` or `zone` itself",
)
_CONDITIONS_INSTEAD = Instead(
    {
        "template": _TEMPLATE,
        "device": "use state or numeric_state with the device's name",
        "zone": "use state with a motion or presence sensor",
        "sun.is_up": "use sun with after: sunrise and before: sunset",
        "sun.is_set": "use sun with after: sunset and before: sunrise",
    },
    _KEYS,
    dotted="use state, numeric_state, time or sun, with the `device` or `zone` itself",
)
_LOGIC: Final = ("and", "or", "not")


def read_triggers(value: object) -> tuple[NamedTrigger, ...]:
    """Read one trigger or a list of them; several where devices or zones are listed."""
    values = value if isinstance(value, list) else [value]
    if not values:
        raise vol.Invalid(worded("expected at least one entry"))
    found = (
        each_of(values, _triggers) if isinstance(value, list) else [_triggers(value)]
    )
    return tuple(trigger for each in found for trigger in each)


def _triggers(value: object) -> tuple[NamedTrigger, ...]:
    trigger_id = ""
    if is_own(value, "trigger", TRIGGERS, "triggers"):
        value, enabled = without_labels(value)  # type: ignore[arg-type] # a mapping
        trigger_id = _trigger_id(value.pop("id", None))
        if not enabled:
            _read(value)
            return ()
    return tuple(
        NamedTrigger(trigger, kind, trigger_id) for kind, trigger in _read(value)
    )


def _read(value: object) -> list[tuple[str, Any]]:
    return [
        read_part(each, "trigger", TRIGGERS, "triggers", instead=_TRIGGERS_INSTEAD)
        for each in one_by_one(value)
    ]


def _trigger_id(value: object) -> str:
    if value is None:
        return ""
    try:
        return text(value)
    except vol.Invalid as exc:
        exc.prepend(["id"])
        raise


def one_by_one(value: object) -> list[object]:
    """Return an object once for each of the devices or zones that it lists."""
    if not isinstance(value, Mapping):
        return [value]
    for key in ("device", "zone"):
        listed = value.get(key)
        if isinstance(listed, list):
            if not listed:
                raise vol.Invalid(worded("expected at least one entry"), path=[key])
            named = each_of(listed, text)
            if len({*named}) < len(named):
                raise vol.Invalid(worded("names one twice"), path=[key])
            return [{**value, key: each} for each in named]
    return [value]


def read_conditions(value: object) -> tuple[Condition, ...]:
    """Read one condition or a list of them; those that are switched off are left out."""
    if isinstance(value, list) and not value:
        raise vol.Invalid(worded("expected at least one entry"))
    return any_conditions(value)


def any_conditions(value: object) -> tuple[Condition, ...]:
    """Read one condition or a list of them, which may be empty."""
    if not isinstance(value, list):
        found = _condition(value)
        return () if found is None else (found,)
    return tuple(each for each in each_of(value, _condition) if each is not None)


def is_condition(value: object) -> bool:
    """Tell whether a step is a condition: it has the word, or is ``{"or": [...]}``."""
    if not isinstance(value, Mapping):
        return False
    return "condition" in value or any(word in value for word in _LOGIC)


def _condition(value: object) -> Condition | None:
    value = _spelled_out(value)
    own = conditions_by_kind(read_conditions)
    enabled, match = True, "all"
    if is_own(value, "condition", own, "conditions"):
        value, enabled = without_labels(value)  # type: ignore[arg-type] # a mapping
        if isinstance(value.get("device"), list) or isinstance(value.get("zone"), list):
            match = value.pop("match", "all")
            if match not in ("all", "any"):
                raise vol.Invalid(
                    worded("expected all or any, got {match}", match=shown(match)),
                    path=["match"],
                )
    found: list[Condition] = [
        read_part(each, "condition", own, "conditions", instead=_CONDITIONS_INSTEAD)[1]
        for each in one_by_one(value)
    ]
    if not enabled:
        return None
    if len(found) == 1:
        return found[0]
    joined: Callable[[tuple[Condition, ...]], Condition]
    joined = conditions.Or if match == "any" else conditions.And
    return joined(tuple(found))


def _spelled_out(value: object) -> object:
    """Return ``{"or": [...]}`` as it is with the word `condition`."""
    if isinstance(value, str):
        raise vol.Invalid(worded("is not had here: {template}", template=_TEMPLATE))
    if not isinstance(value, Mapping) or "condition" in value:
        return value
    for word in _LOGIC:
        if word in value:
            rest = {key: each for key, each in value.items() if key != word}
            return {"condition": word, "conditions": value[word], **rest}
    return value
