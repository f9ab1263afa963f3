"""Documents in degrees Fahrenheit: what of them is a temperature. Pure.

With ``"unit": "fahrenheit"`` the bands, setpoints and presets of a document, and the
temperatures of its rules, are in degrees Fahrenheit. A key that has a unit in its name, as
`frost_floor_celsius` or `drop_kelvin`, is in that one.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from switchbot_automation.errors import SettingsError
from switchbot_automation.languages import (
    CELSIUS,
    error_words,
    from_celsius,
    measured_in,
    symbol,
    to_celsius,
    translated,
    unit_of,
    worded,
)
from switchbot_automation.outside.wording import shown
from switchbot_automation.settings.checks import dotted
from switchbot_automation.settings.table import settings_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from switchbot_automation.settings.spec import SettingSpec

_DEGREES: Final = "°C"
_BOUNDS: Final = {
    spec.key: spec.bounds
    for spec in settings_table()
    if spec.unit == _DEGREES and not spec.key.endswith("_celsius") and spec.bounds
}
_SEASONS: Final = frozenset({"winter", "summer"})
_LIMITS: Final = ("above", "below")
_RULES: Final = "rules"
# What is in there is in the words of whoever wrote the part.
_OF_OTHERS: Final = frozenset({"plugins", "notifiers"})
_MOST_LEVELS: Final = 100


def in_celsius(document: Any) -> Any:
    """Return a document with its temperatures in degrees Celsius, otherwise as it is.

    >>> in_celsius({"unit": "fahrenheit", "winter": {"min_temp": 68}})["winter"]
    {'min_temp': 20.0}
    """
    if unit_of(document) == CELSIUS:
        return document
    return _document(document, to_celsius)


def in_unit_of(document: object, keys: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return keys of a zone, whose temperatures are in Celsius, as a document has them."""
    if unit_of(document) == CELSIUS:
        return keys
    return _document(keys, from_celsius)


def range_errors(document: object) -> Iterator[SettingsError]:
    """Yield what of a document in Fahrenheit is out of its range, in its own degrees."""
    yield from _out_of_range(document, (), _MOST_LEVELS)


def unit_and_range(spec: SettingSpec) -> tuple[str, str]:
    """Return a setting's unit and range in words, its degrees those that are spoken.

    Those of a key with a unit in its name are of that one, whatever is spoken.
    """
    unit = translated(spec.unit) if spec.unit else ""
    bounds = _BOUNDS.get(spec.key) if spec.unit == _DEGREES else None
    if bounds is None or measured_in() == CELSIUS:
        return unit, error_words(spec.range)
    low, high = (from_celsius(bound, measured_in()) for bound in bounds)
    return symbol(), error_words(worded("{low:g} to {high:g}", low=low, high=high))


def _document(document: Mapping[str, Any], convert: Any) -> dict[str, Any]:
    own = {key: each for key, each in document.items() if key not in _OF_OTHERS}
    converted = _converted(own, convert, in_rules=False, levels=_MOST_LEVELS)
    # In the order that it was written in, which problems are told in.
    return {key: converted.get(key, each) for key, each in document.items()}


def _converted(node: Any, convert: Any, *, in_rules: bool, levels: int) -> Any:
    if levels == 0:
        return node
    if isinstance(node, list | tuple):
        return [
            _converted(each, convert, in_rules=in_rules, levels=levels - 1)
            for each in node
        ]
    if not isinstance(node, Mapping):
        return node
    found = {
        key: _converted(
            each, convert, in_rules=in_rules or key == _RULES, levels=levels - 1
        )
        for key, each in node.items()
    }
    wanted = _of_rule(node) if in_rules else _of_profile(node)
    for key in wanted:
        number = node[key]
        # What is too large for a float is no temperature, and is refused as it stands.
        if _is_number(number) and abs(number) <= sys.float_info.max:
            found[key] = convert(float(number))
    return found


def _of_profile(node: Mapping[Any, Any]) -> list[str]:
    return [key for key in _BOUNDS if key in node]


def _of_rule(node: Mapping[Any, Any]) -> list[str]:
    """Return which keys of a rule's part are temperatures.

    Limits of a `numeric_state` of temperature, which is what a zone has by itself, and the
    parameter of `set_temperature`.
    """
    kind = node.get("trigger", node.get("platform", node.get("condition")))
    if kind == "numeric_state" and node.get("attribute", "temperature") in (
        "temperature",
        None,
    ):
        return [key for key in _LIMITS if key in node]
    if node.get("command") == "set_temperature" and "parameter" in node:
        return ["parameter"]
    return []


def _out_of_range(
    node: object, path: tuple[str | int, ...], levels: int
) -> Iterator[SettingsError]:
    if not isinstance(node, Mapping) or levels == 0:
        return
    for key, each in node.items():
        bounds = _BOUNDS.get(key) if path and path[-1] in _SEASONS else None
        if bounds is not None and _is_number(each):
            low, high = (from_celsius(bound) for bound in bounds)
            if not low <= each <= high:
                yield SettingsError(
                    worded(
                        "{each} is not from {low:g} to {high:g} °F",
                        each=shown(each),
                        low=low,
                        high=high,
                    ),
                    path=dotted((*path, key)),
                )
        elif key != _RULES and (path or key not in (*_OF_OTHERS, "shadow")):
            yield from _out_of_range(each, (*path, str(key)), levels - 1)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
