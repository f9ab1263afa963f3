"""From one value of a rule to the value it runs with.

Each raises `voluptuous.Invalid`, saying what was expected and what was found.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from datetime import time, timedelta
from typing import Any, TypeAlias

import voluptuous as vol

from switchbot_automation.languages import worded
from switchbot_automation.outside.wording import (
    MOST_UNKNOWN,
    nearest,
    shown,
    too_many_unknown,
)

Reader: TypeAlias = Callable[[object], Any]

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVERY_DAY = frozenset(range(7))
_CLOCK = re.compile(r"(\d{1,4}):([0-5]\d)(?::([0-5]\d))?")
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")
_PATTERN = re.compile(r"(/?)(\d{1,2})")
_UNITS = {"days": 86400.0, "hours": 3600.0, "minutes": 60.0, "seconds": 1.0}
# Written by Home Assistant's editor into every duration.
_UNITS |= {"milliseconds": 0.001}
_LONGEST_SECONDS = 31 * 86400.0
_FARTHEST_SECONDS = 43200.0
_LONGEST_TEXT = 1000
_EXPECTED_DURATION = 'expected a duration as {"minutes": 5} or "00:05:00"'


def near(word: object, known: tuple[str, ...]) -> str:
    """Return a hint at the nearest of some words."""
    found = nearest(word, known, however_far=True)
    if found is None:
        return ""
    return worded("; did you mean {near!r}?", near=found)


def text(value: object) -> str:
    """Read a text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise vol.Invalid(worded("expected a text, got {value}", value=shown(value)))
    if len(value) > _LONGEST_TEXT:
        raise vol.Invalid(
            worded(
                "expected at most {longest_text} characters", longest_text=_LONGEST_TEXT
            )
        )
    return value


def flag(value: object) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise vol.Invalid(
            worded("expected true or false, got {value}", value=shown(value))
        )
    return value


def number(value: object) -> float:
    """Read a finite number."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        # Not so of one that no float holds, and of what is none.
        or not abs(value) <= sys.float_info.max
    ):
        raise vol.Invalid(worded("expected a number, got {value}", value=shown(value)))
    return float(value)


def whole(low: int, high: int) -> Reader:
    """Return what reads a whole number within limits."""

    def read(value: object) -> int:
        found = number(value)
        if found != int(found) or not low <= found <= high:
            raise vol.Invalid(
                worded(
                    "expected a whole number from {low} to {high}, got {value}",
                    low=low,
                    high=high,
                    value=shown(value),
                )
            )
        return int(found)

    return read


def choice(*words: str) -> Reader:
    """Return what reads one of some words."""

    def read(value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise vol.Invalid(
                worded(
                    "expected one of {words}, got {value}",
                    words=", ".join(words),
                    value=shown(value),
                )
                + near(value, words)
            )
        return value

    return read


def duration(value: object) -> timedelta:
    """Read a duration, of which the unit is never left to be guessed."""
    seconds = _seconds(value)
    if not 0 <= seconds <= _LONGEST_SECONDS:
        raise vol.Invalid(
            worded("expected at most 31 days, got {value}", value=shown(value))
        )
    return timedelta(seconds=seconds)


def positive(value: object) -> timedelta:
    """Read a duration that is longer than nothing."""
    found = duration(value)
    if not found:
        raise vol.Invalid(worded("expected a duration longer than nothing"))
    return found


def offset(value: object) -> timedelta:
    """Read a duration that may be negative, as ``"-00:45:00"``."""
    back = isinstance(value, str) and value.startswith("-")
    seconds = _seconds(str(value).lstrip("+-") if isinstance(value, str) else value)
    if abs(seconds) > _FARTHEST_SECONDS:
        raise vol.Invalid(
            worded("expected at most 12 hours, got {value}", value=shown(value))
        )
    return timedelta(seconds=-seconds if back else seconds)


def _seconds(value: object) -> float:
    if isinstance(value, Mapping) and value:
        unknown = [str(unit) for unit in value if unit not in _UNITS]
        if unknown:
            hint = near(unknown[0], tuple(_UNITS))
            raise vol.Invalid(
                worded("no such unit{hint}", hint=hint), path=[unknown[0]]
            )
        return sum(number(each) * _UNITS[str(unit)] for unit, each in value.items())
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise vol.Invalid(
            worded(
                "{expected_duration}, got {value}",
                expected_duration=_EXPECTED_DURATION,
                value=shown(value),
            )
        )
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return hours * 3600.0 + minutes * 60.0 + seconds


def hold(value: object) -> timedelta | str:
    """Read how long a zone is held."""
    if isinstance(value, str) and value in _HOLDS:
        return value
    try:
        return positive(value)
    except vol.Invalid as exc:
        words = ", ".join(_HOLDS)
        raise vol.Invalid(
            worded(
                "{error_message}; or one of {words}",
                error_message=exc.error_message,
                words=words,
            )
        ) from exc


_HOLDS = ("until_next_change", "until_end_of_day", "permanent", "none")


def clock_time(value: object) -> time:
    """Read a time of day."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        sun = isinstance(value, str) and value.startswith(("sunrise", "sunset"))
        hint = worded("; for the sun there are the trigger and the condition 'sun'")
        raise vol.Invalid(
            worded("expected a time as '07:30', got {value}", value=shown(value))
            + (hint if sun else "")
        )
    hour, minute, second = (int(part or 0) for part in match.groups())
    return time(hour, minute, second)


def many(read: Reader) -> Reader:
    """Return what reads one value, or a list of some, as a tuple."""

    def read_all(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list):
            return (read(value),)
        if not value:
            raise vol.Invalid(worded("expected at least one entry"))
        return tuple(each_of(value, read))

    return read_all


def each_of(values: list[Any], read: Reader) -> list[Any]:
    """Read every entry of a list, and raise for all that are wrong."""
    found, errors = [], []
    for index, value in enumerate(values):
        try:
            found.append(read(value))
        except vol.Invalid as exc:
            exc.prepend([index])
            errors.append(exc)
    if errors:
        raise vol.MultipleInvalid([each for error in errors for each in _flat(error)])
    return found


def _flat(error: vol.Invalid) -> list[vol.Invalid]:
    return error.errors if isinstance(error, vol.MultipleInvalid) else [error]


def days(value: object) -> frozenset[int]:
    """Read weekdays: 0 Monday to 6 Sunday, or ``mon`` to ``sun``."""
    return frozenset(many(_day)(value))


def _day(value: object) -> int:
    if isinstance(value, str) and value.lower() in DAYS:
        return DAYS.index(value.lower())
    if isinstance(value, bool) or not isinstance(value, int) or value not in EVERY_DAY:
        raise vol.Invalid(
            worded(
                "expected a day from 0 (Monday) to 6 (Sunday) or mon to sun, got "
                "{value}",
                value=shown(value),
            )
        )
    return value


def scalar(value: object) -> Any:
    """Read a value that a device may have."""
    if value is None or isinstance(value, Mapping | list):
        raise vol.Invalid(
            worded(
                "expected a text, number, true or false, got {value}",
                value=shown(value),
            )
        )
    return value


def pattern(high: int) -> Reader:
    """Return what reads ``"*"``, ``"/5"`` or a number, as the numbers that are meant."""

    def read(value: object) -> frozenset[int]:
        everything = range(high + 1)
        if value == "*":
            return frozenset(everything)
        match = _PATTERN.fullmatch(value) if isinstance(value, str) else None
        if match is not None and (match[1] == "" or 0 < int(match[2]) <= high):
            if match[1]:
                return frozenset(everything[:: int(match[2])])
            value = int(match[2])
        if (
            isinstance(value, bool)
            or not isinstance(value, int)
            or not 0 <= value <= high
        ):
            raise vol.Invalid(
                worded(
                    "expected 0 to {high}, '/5' for every fifth or '*', got {value}",
                    high=high,
                    value=shown(value),
                )
            )
        return frozenset({value})

    return read


def anything(value: object) -> Any:
    """Take it as it is; the catalogue knows more once the device is known."""
    return value


NO_TEMPLATES = "there are no templates; state, numeric_state and a plug-in can say it"
# What a text may hold is the catalogue's to say: a rule that is stored goes on with it.
_TEXTS = frozenset({"alias", "message", "title", "parameter"})


def _refuse_templates(value: Mapping[Any, Any]) -> None:
    """Refuse what Home Assistant would render."""
    errors = []
    for key, each in value.items():
        written = each if isinstance(each, list) else [each]
        if key not in _TEXTS and any(map(_is_template, written)):
            said = worded("is not had here: {instead}", instead=NO_TEMPLATES)
            errors.append(vol.Invalid(said, path=[str(key)]))
    if errors:
        raise vol.MultipleInvalid(errors)


def _is_template(value: object) -> bool:
    return isinstance(value, str) and ("{{" in value or "{%" in value)


class Shape:
    """An object with known keys; says of an unknown one what may have been meant."""

    def __init__(
        self, required: Mapping[str, Reader], optional: Mapping[str, Reader]
    ) -> None:
        self._known = (*required, *optional)
        schema: dict[Any, Any] = {
            vol.Required(key, msg=worded("is missing")): read
            for key, read in required.items()
        }
        schema |= {vol.Optional(key): read for key, read in optional.items()}
        schema[vol.Extra] = anything
        self._schema = vol.Schema(schema)

    def __call__(self, value: object) -> dict[str, Any]:
        """Read one; raise for every key that is wrong."""
        if not isinstance(value, Mapping):
            raise vol.Invalid(
                worded("expected an object, got {value}", value=shown(value))
            )
        if len(value) > MOST_UNKNOWN and (
            refused := too_many_unknown(value, self._known)
        ):
            raise vol.Invalid(refused)
        _refuse_templates(value)
        errors = [
            vol.Invalid(
                worded("unknown{key}", key=near(key, self._known)), path=[str(key)]
            )
            for key in value
            if key not in self._known
        ]
        try:
            found: dict[str, Any] = self._schema(dict(value))
        except vol.Invalid as exc:
            errors += _flat(exc)
            found = {}
        if errors:
            raise vol.MultipleInvalid(errors)
        return found
