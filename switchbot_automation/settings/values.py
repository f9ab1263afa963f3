"""From one value of a settings document to the value the engine uses.

One function a kind of setting; each takes the setting and the raw value and raises
`voluptuous.Invalid`, saying what was expected and what was found.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, time
from functools import partial
from types import MappingProxyType
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import voluptuous as vol

from switchbot_automation.instants import EARLIEST, LATEST
from switchbot_automation.model import Action
from switchbot_automation.schedule.days import Policy
from switchbot_automation.schedule.sun import SUNRISE, SUNSET, SunTime, available
from switchbot_automation.schedule.windows import TimeWindow
from switchbot_automation.settings.model import OffsetInput, Sensor
from switchbot_automation.settings.spec import Kind, SettingSpec
from switchbot_automation.wording import SHOWN_CHARACTERS, nearest, shown

_DEVICE_ID = re.compile(r"[A-Za-z0-9:_.-]*")
_SCENE_ID = re.compile(r"[A-Za-z0-9_-]*")
_BUTTON = re.compile(r"[^\x00-\x1f\x7f]*")
_HOST = re.compile(r"[a-z0-9_.-]{1,253}|[0-9a-f:.]{2,45}")
_DATE = re.compile(r"[12]\d{3}-\d{2}-\d{2}")
_NAME = re.compile(r"[A-Za-z0-9 _.-]*")
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")
_SUN_TIME = re.compile(rf"({SUNRISE}|{SUNSET})([+-]\d{{1,3}})?")
_SUNDAY = 6
_LONGEST_DEVICE_ID = 50
_LONGEST_TIMEZONE = 100

_Converter: TypeAlias = Callable[[SettingSpec, object], Any]


def window(value: dict[str, Any]) -> TimeWindow:
    """Make a window of its converted values."""
    renamed = {"from": "first_day", "until": "last_day"}
    parts = {renamed.get(key, key): each for key, each in value.items()}
    policy = {key: parts.pop(key) for key in Policy._fields if key in parts}
    if policy:
        parts["policy"] = Policy(**policy)
    first, last = parts.get("first_day"), parts.get("last_day")
    if first and last and last < first:
        raise vol.Invalid(f"until, {last}, is before from, {first}")
    try:
        return TimeWindow(**parts)
    except ValueError:
        raise vol.Invalid(
            f"start and end are both {value['start']:%H:%M}; a whole day is two windows,"
            " as 00:00-12:00 and 12:00-00:00"
        ) from None


def offset(value: dict[str, Any]) -> OffsetInput:
    """Make an offset of its converted values."""
    return OffsetInput(**value)


def sensor(value: dict[str, Any]) -> Sensor:
    """Make a sensor of its converted values."""
    return Sensor(**value)


def _flag(_spec: SettingSpec, value: object) -> bool:
    if not isinstance(value, bool):
        raise vol.Invalid(f"expected true or false, got {shown(value)}")
    return value


def _number(spec: SettingSpec, value: object) -> float:
    low, high = spec.bounds or (-math.inf, math.inf)
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not low <= value <= high  # false for NaN too
        or (spec.kind is Kind.WHOLE and value != int(value))
    ):
        unit = f" {spec.unit}" if spec.unit else ""
        raise vol.Invalid(
            f"expected a {spec.kind} from {spec.range}{unit}, got {shown(value)}"
        )
    # jsonb and JavaScript do not tell 120.0 from 120.
    return int(value) if spec.kind is Kind.WHOLE else float(value)


def _reserve(spec: SettingSpec, value: object) -> int | str:
    if value == "auto":
        return "auto"
    low, high = spec.bounds or (0, math.inf)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise vol.Invalid(f"expected 'auto' or a whole number, got {shown(value)}")
    if not low <= value <= high or value != int(value):
        raise vol.Invalid(
            f"expected 'auto' or a whole number from {spec.range} {spec.unit},"
            f" got {shown(value)}"
        )
    return int(value)


def _choice(spec: SettingSpec, value: object) -> str:
    if not isinstance(value, str) or value not in spec.choices:
        raise vol.Invalid(f"expected one of {spec.range}, got {shown(value)}")
    return value


def _timezone(_spec: SettingSpec, value: object) -> ZoneInfo:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_TIMEZONE:
        raise vol.Invalid(
            f"expected the name of a timezone, as 'Europe/Paris', got {shown(value)}"
        )
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        near = nearest(value, available_timezones())
        hint = f"; did you mean {near!r}?" if near else ", as 'Europe/Paris'"
        raise vol.Invalid(
            f"expected the IANA name of a timezone, got {shown(value)}{hint}"
        ) from exc


def _edge(spec: SettingSpec, value: object) -> time | SunTime:
    if isinstance(value, str) and value.startswith((SUNRISE, SUNSET)):
        return _sun_time(spec, value)
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise vol.Invalid(f"expected a time as '07:30', got {shown(value)}")
    hour, minute, second = (int(part or 0) for part in match.groups())
    return time(hour, minute, second)


def _sun_time(spec: SettingSpec, value: str) -> SunTime:
    match = _SUN_TIME.fullmatch(value)
    low, high = spec.bounds or (0, 0)
    minutes = int(match[2] or 0) if match else None
    if match is None or minutes is None or not low <= minutes <= high:
        raise vol.Invalid(
            f"expected a time as '07:30' or by the sun as 'sunset-30', {spec.range}"
            f" minutes, got {shown(value)}"
        )
    if not available():
        raise vol.Invalid("sun times need the extra switchbot-automation[sun]")
    return SunTime(match[1], minutes)


def _date(_spec: SettingSpec, value: object) -> date:
    expected = f"expected a day as '2026-10-01', got {shown(value)}"
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise vol.Invalid(expected)
    try:
        day = date.fromisoformat(value)
    except ValueError as exc:
        raise vol.Invalid(expected) from exc
    # Before all instants or after them means the same as their first and last day; what
    # is stored so goes on working, and `far_days` refuses what is new.
    return min(max(day, EARLIEST.date()), LATEST.date())


def _list(spec: SettingSpec, value: object) -> list[Any]:
    low, high = spec.bounds or (0, math.inf)
    if not isinstance(value, list):
        raise vol.Invalid(f"expected a list, got {shown(value)}")
    if not low <= len(value) <= high:
        raise vol.Invalid(f"expected {low:g} to {high:g} entries, got {len(value)}")
    return value


def _days(spec: SettingSpec, value: object) -> frozenset[int]:
    days = _list(spec, value)
    for index, day in enumerate(days):
        if isinstance(day, bool) or not isinstance(day, int) or not 0 <= day <= _SUNDAY:
            raise vol.Invalid(
                f"expected a day from 0 (Monday) to 6 (Sunday), got {shown(day)}",
                path=[index],
            )
    return frozenset(days)


def _hosts(spec: SettingSpec, value: object) -> frozenset[str]:
    hosts = set()
    for index, host in enumerate(_list(spec, value)):
        name = host.lower() if isinstance(host, str) else ""
        if not _HOST.fullmatch(name):
            raise vol.Invalid(
                f"expected a host without scheme, port and path, got {shown(host)}",
                path=[index],
            )
        hosts.add(name)
    return frozenset(hosts)


def _cascade(spec: SettingSpec, value: object) -> tuple[str, ...]:
    rungs = _list(spec, value)
    for index, rung in enumerate(rungs):
        if rung not in spec.choices or rung in rungs[:index]:
            raise vol.Invalid(
                f"expected some of {spec.range}, each once, got {shown(rung)}",
                path=[index],
            )
    return tuple(rungs)


def _names(spec: SettingSpec, value: object) -> tuple[str, ...]:
    names = _list(spec, value)
    for index, name in enumerate(names):
        if not isinstance(name, str) or name in names[:index]:
            raise vol.Invalid(
                f"expected names of zones, each once, got {shown(name)}", path=[index]
            )
    return tuple(names)


def _device_ids(spec: SettingSpec, value: object) -> tuple[str, ...]:
    ids = _list(spec, value)
    for index, device_id in enumerate(ids):
        if (
            not isinstance(device_id, str)
            or not 0 < len(device_id) <= _LONGEST_DEVICE_ID
            or not _DEVICE_ID.fullmatch(device_id)
            or device_id in ids[:index]
        ):
            raise vol.Invalid(
                f"expected device ids, each once, got {shown(device_id)}", path=[index]
            )
    return tuple(ids)


def _text(pattern: re.Pattern[str], what: str, spec: SettingSpec, value: object) -> str:
    _, longest = spec.bounds or (0, math.inf)
    if not isinstance(value, str):
        raise vol.Invalid(f"expected {what}, got {shown(value)}")
    if len(value) > longest:
        raise vol.Invalid(f"expected at most {longest} characters, got {len(value)}")
    if not pattern.fullmatch(value):
        raise vol.Invalid(f"expected {what}, got {shown(value)}")
    return value


def _by_action(
    text: Callable[[SettingSpec, object], str], spec: SettingSpec, value: object
) -> Mapping[Action, str]:
    if not isinstance(value, Mapping):
        raise vol.Invalid(f"expected an object, got {shown(value)}")
    given: dict[Action, str] = {}
    errors = []
    for key, each in value.items():
        try:
            action = Action(key)
        except ValueError:
            known = list(Action)
            near = nearest(key, known)
            hint = f"did you mean {near!r}?" if near else ", ".join(known)
            errors.append(vol.Invalid(f"no such action; {hint}", path=[key]))
            continue
        try:
            checked = text(spec, each)
        except vol.Invalid as exc:
            exc.prepend([key])
            errors.append(exc)
        else:
            if checked:
                given[action] = checked
    if errors:
        raise vol.MultipleInvalid(errors)
    return MappingProxyType(given)


def _by_name(spec: SettingSpec, value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise vol.Invalid(f"expected an {spec.kind} by name, got {shown(value)}")
    low, high = spec.bounds or (1, math.inf)
    for name in value:
        if (
            not isinstance(name, str)
            or not low <= len(name) <= high
            or not name.isprintable()
            or name != name.strip()
        ):
            raise vol.Invalid(
                f"expected a name of {spec.range} characters without spaces around it,"
                f" got {shown(name)}",
                path=[str(name)[:SHOWN_CHARACTERS]],
            )
    return value


def _overrides(_spec: SettingSpec, value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise vol.Invalid(f"expected an object of settings, got {shown(value)}")
    return value


def _rules(_spec: SettingSpec, value: object) -> tuple[Any, ...]:
    if value == []:
        return ()
    from switchbot_automation.rules.definition.schema import read_rules  # noqa: PLC0415 - only for who has rules

    return read_rules(value)


def _plugins(_spec: SettingSpec, value: object) -> Mapping[str, Any]:
    from switchbot_automation.rules.definition.parts import read_parts  # noqa: PLC0415 - only for who has plug-ins

    return read_parts(value)


def _section(_spec: SettingSpec, value: object) -> object:
    return value  # its keys are checked by the schema made of their own rows


def written_over(below: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document with another one's keys written over it, objects by key."""
    written = dict(below)
    for key, value in over.items():
        found = written.get(key)
        both = isinstance(value, Mapping) and isinstance(found, Mapping)
        written[key] = written_over(found, value) if both else value  # type: ignore[arg-type] # both are mappings
    return written


CONVERTERS: Mapping[Kind, _Converter] = {
    Kind.FLAG: _flag,
    Kind.WHOLE: _number,
    Kind.NUMBER: _number,
    Kind.CHOICE: _choice,
    Kind.TIMEZONE: _timezone,
    Kind.EDGE: _edge,
    Kind.DAYS: _days,
    Kind.DATE: _date,
    Kind.NAME: partial(_text, _NAME, "a name of letters, digits, blanks and _ . -"),
    Kind.DEVICE_ID: partial(
        _text, _DEVICE_ID, "a device id of letters, digits and : - _ ."
    ),
    Kind.SCENES: partial(
        _by_action, partial(_text, _SCENE_ID, "a scene id of letters, digits, - and _")
    ),
    Kind.BUTTONS: partial(_by_action, partial(_text, _BUTTON, "a button's name")),
    Kind.WEBHOOKS: partial(
        _by_action, partial(_text, re.compile(".*", re.DOTALL), "a URL")
    ),
    Kind.HOSTS: _hosts,
    Kind.CASCADE: _cascade,
    Kind.SECTION: _section,
    Kind.OVERRIDES: _overrides,
    Kind.RULES: _rules,
    Kind.PLUGINS: _plugins,
    Kind.SECTIONS: _list,
    Kind.ZONES: _by_name,
    Kind.GROUPS: _by_name,
    Kind.PRESETS: _by_name,
    Kind.DEVICE_IDS: _device_ids,
    Kind.NAMES: _names,
    Kind.RESERVE: _reserve,
}
