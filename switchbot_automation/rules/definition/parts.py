"""From the `plugins` of a settings document to the parts that plug-ins provide.

Raises `voluptuous.Invalid` with the path to the value; `settings` words it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import voluptuous as vol

from switchbot_automation.languages import worded
from switchbot_automation.model import PluginPart
from switchbot_automation.outside.wording import shown
from switchbot_automation.rules.definition.lookup import fingerprint, part_kind

_GROUPS = {
    "sensor": "sensors",
    "actuator": "actuators",
    "offset": "offsets",
    "series": "series",
}
_MOST_PARTS = 5000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")


def read_parts(value: object) -> Mapping[str, PluginPart]:
    """Read every part by its name."""
    if not isinstance(value, Mapping):
        raise vol.Invalid(
            worded("expected an object of plug-ins, got {value}", value=shown(value))
        )
    if len(value) > _MOST_PARTS:
        raise vol.Invalid(
            worded(
                "expected at most {most} names, got {number}",
                most=_MOST_PARTS,
                number=len(value),
            )
        )
    parts: dict[str, PluginPart] = {}
    errors: list[vol.Invalid] = []
    for name, each in value.items():
        try:
            parts[name] = _part(name, each)
        except vol.MultipleInvalid as exc:
            exc.prepend([name])
            errors += exc.errors
        except vol.Invalid as exc:
            exc.prepend([name])
            errors.append(exc)
    if errors:
        raise vol.MultipleInvalid(errors)
    return MappingProxyType(parts)


def _part(name: object, value: object) -> PluginPart:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise vol.Invalid(
            worded("expected a name of at most 40 letters, digits, _ . and -")
        )
    if not isinstance(value, Mapping):
        raise vol.Invalid(worded("expected an object, got {value}", value=shown(value)))
    keys = [key for key in _GROUPS if key in value]
    if len(keys) != 1:
        words = ", ".join(_GROUPS)
        raise vol.Invalid(
            worded("needs one of {words}, to know what the plug-in is for", words=words)
        )
    key = keys[0]
    rest = {each: value[each] for each in value if each != key}
    kind = part_kind(value[key], key, {}, _GROUPS[key])
    return PluginPart(
        _GROUPS[key],
        str(value[key]),
        kind.schema(rest),
        kind.make,
        fingerprint(value),
        tells=kind.tells,
    )
