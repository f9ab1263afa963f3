"""From a settings document to checked, frozen `Settings`.

`settings_table` says what there is and which values it takes; this module makes a
schema of it, reads each value, checks what concerns several keys at once, and words the
errors. Nothing of a raw document travels further inward than here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, time
from functools import cache, lru_cache, partial
from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from zoneinfo import available_timezones

import voluptuous as vol

from switchbot_automation.equipment.table import KINDS
from switchbot_automation.errors import SettingsError
from switchbot_automation.instants import EARLIEST, LATEST
from switchbot_automation.languages import (
    CELSIUS,
    SYMBOLS,
    Worded,
    degrees,
    measured_in,
    measuring,
    reworded,
    unit_of,
    worded,
)
from switchbot_automation.model import DEFAULT_ZONE, PLUGIN_PREFIX, Action
from switchbot_automation.outside.bounds import (
    MOST_LEVELS,
    MOST_VALUES,
    is_too_deep,
    is_too_large,
)
from switchbot_automation.outside.urls import named_secret
from switchbot_automation.outside.wording import (
    MOST_UNKNOWN,
    SHOWN_CHARACTERS,
    few_hints,
    nearest,
    shown,
    too_many_unknown,
)
from switchbot_automation.schedule.sun import SUNRISE, SUNSET, SunTime, available
from switchbot_automation.schedule.windows import CurvePoint, Policy, TimeWindow
from switchbot_automation.settings.checks import (
    CONTRARY_MODES,
    comfort_problems,
    contrary_words,
    dotted,
    equipment_problems,
    far_days,
    group_errors,
    notifier_errors,
    plugin_errors,
    rule_errors,
    rule_place_errors,
    rule_word_errors,
    webhook_problems,
)
from switchbot_automation.settings.findings import entering_errors
from switchbot_automation.settings.meant import meant
from switchbot_automation.settings.model import (
    Air,
    EquipmentUnit,
    GroupSettings,
    Humidity,
    NotifierSettings,
    OffsetInput,
    Openings,
    Presence,
    Preset,
    PriceSettings,
    PriceWindow,
    Profile,
    Sensor,
    Settings,
    ZoneSettings,
)
from switchbot_automation.settings.scale import in_celsius, range_errors
from switchbot_automation.settings.spec import Kind, SettingSpec
from switchbot_automation.settings.table import ALIASES, DEFAULTS, SECTIONS
from switchbot_automation.settings.table.zone import SEASONS
from switchbot_store.codec import problem_of
from switchbot_store.zone_rules import zone_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from zoneinfo import ZoneInfo

__all__ = ["check_settings", "parse_settings"]

_Path: TypeAlias = tuple[str | int, ...]

_UNKNOWN = worded("unknown setting")
"""What is said of a key that no setting has."""
# So many are listed rather than the one that is a little like what was written.
_FEW = 12
# As many as the largest homes have. Every zone has each preset.
_MOST_NAMED = {
    Kind.ZONES: 5000,
    Kind.GROUPS: 5000,
    Kind.PRESETS: 100,
    Kind.NOTIFIERS: 100,
}

_TEMPERATURES = ("min_temp", "max_temp", "target_temp")
# What a document says once, of the whole home.
_OF_HOME = tuple(key for key, spec in SECTIONS[""].items() if not spec.per_zone)
_ANY = re.compile(".*", re.DOTALL)
_CASCADES = {"direct": ("scene", "command"), "ifttt": ("webhook",)}
_DEVICE_ID = re.compile(r"[A-Za-z0-9:_.-]*")
_SCENE_ID = re.compile(r"[A-Za-z0-9_-]*")
_SERVICE = re.compile(r"[a-z0-9_]+\.[a-z0-9_]+")
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


def parse_settings(document: Mapping[str, Any]) -> Settings:
    """Return the settings that a document asks for.

    A document without `zones` is one zone named ``default``; with it, the keys beside
    it are what each zone starts from: an object of temperatures is overridden key by
    key, everything else whole. Absent keys have the defaults of `settings_table`.
    Raises `SettingsError` for the first problem; `check_settings` gives all.
    """
    settings, errors = load(document)
    if settings is None:
        raise errors[0]
    return settings


def check_settings(document: Mapping[str, Any]) -> list[SettingsError]:
    """Return every problem of a document, in its order; empty if it can be used.

    What concerns several keys at once is checked when each by itself is right. Days
    that no instant lies on, setpoints that no air conditioner takes, units of a group
    that choose between heating and cooling, and rules that can never come true are
    refused here and where settings are applied; what is stored with them already can
    still be used.
    """
    return read_settings(document)[1]


def read_settings(
    document: Mapping[str, Any],
) -> tuple[Settings | None, list[SettingsError]]:
    """Return the settings of a document, None where it cannot be used, and its problems.

    Both where it can be used, and what is new may not be written so.
    """
    settings, errors = load(document)
    if settings is not None:
        errors = [*refused_anew(document, settings), *rule_word_errors(settings)]
    return settings, errors


def refused_anew(
    document: Mapping[str, Any], settings: Settings
) -> Iterator[SettingsError]:
    """Yield what may not be written any more, and is lived with where it is stored."""
    yield from far_days(document)
    yield from entering_errors(document, settings)


# --- one value ------------------------------------------------------------------


def _window(value: dict[str, Any]) -> TimeWindow:
    """Make a window of its converted values."""
    renamed = {"from": "first_day", "until": "last_day"}
    parts = {renamed.get(key, key): each for key, each in value.items()}
    policy = {key: parts.pop(key) for key in Policy._fields if key in parts}
    if policy:
        parts["policy"] = Policy(**policy)
    first, last = parts.get("first_day"), parts.get("last_day")
    if first and last and last < first:
        raise vol.Invalid(
            worded("until, {last}, is before from, {first}", last=last, first=first)
        )
    try:
        return TimeWindow(**parts)
    except ValueError:
        raise vol.Invalid(
            worded(
                "start and end are both {start}; a whole day is 00:00-00:00",
                start=value["start"],
            )
        ) from None


def _curve_point(value: dict[str, Any]) -> CurvePoint:
    """Make a point of a curve of its converted values."""
    if ("at" not in value) is ("after_minutes" not in value):
        raise vol.Invalid(worded("expected either at or after_minutes"))
    if not value.keys() & {"winter_kelvin", "summer_kelvin"}:
        raise vol.Invalid(worded("expected winter_kelvin, summer_kelvin or both"))
    return CurvePoint(**value)


def _offset(value: dict[str, Any]) -> OffsetInput:
    """Make an offset of its converted values."""
    return OffsetInput(**value)


def _price_window(value: dict[str, Any]) -> PriceWindow:
    """Make hours of a tariff of their converted values."""
    price = value.pop("price")
    return PriceWindow(_window({"days": frozenset(range(7)), **value}), price)


def _sensor(value: dict[str, Any]) -> Sensor:
    """Make a sensor of its converted values."""
    return Sensor(**value)


_OF_EVERY_UNIT = frozenset(
    {
        "kind",
        "device_id",
        "joins_after_seconds",
        "least_on_seconds",
        "least_off_seconds",
    }
)


def _unit(value: dict[str, Any]) -> EquipmentUnit:
    """Make a unit of its converted values, with the options that its kind has."""
    options = KINDS[value["kind"]].options
    for key in value.keys() - _OF_EVERY_UNIT - options:
        raise vol.Invalid(
            worded("is not for the kind {kind!r}", kind=value["kind"]), path=[key]
        )
    return EquipmentUnit(**value)


def _flag(_spec: SettingSpec, value: object) -> bool:
    if not isinstance(value, bool):
        raise vol.Invalid(
            worded("expected true or false, got {value}", value=shown(value))
        )
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
            worded(
                "expected a {kind} from {range}{unit}, got {value}",
                kind=worded(
                    str(spec.kind)
                ),  # a row of the table, and as that collected
                range=spec.range,
                unit=unit,
                value=shown(value),
            )
        )
    # jsonb and JavaScript do not tell 120.0 from 120.
    return int(value) if spec.kind is Kind.WHOLE else float(value)


def _reserve(spec: SettingSpec, value: object) -> int | str:
    if value == "auto":
        return "auto"
    low, high = spec.bounds or (0, math.inf)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise vol.Invalid(
            worded("expected 'auto' or a whole number, got {value}", value=shown(value))
        )
    if not low <= value <= high or value != int(value):
        raise vol.Invalid(
            worded(
                "expected 'auto' or a whole number from {range} {unit}, got {value}",
                range=spec.range,
                unit=spec.unit,
                value=shown(value),
            )
        )
    return int(value)


def _choice(spec: SettingSpec, value: object) -> str:
    if not isinstance(value, str) or value not in spec.choices:
        raise vol.Invalid(
            worded(
                "expected one of {range}, got {value}",
                range=spec.range,
                value=shown(value),
            )
        )
    return value


def _timezone(_spec: SettingSpec, value: object) -> ZoneInfo:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_TIMEZONE:
        raise vol.Invalid(
            worded(
                "expected the name of a timezone, as 'Europe/Paris', got {value}",
                value=shown(value),
            )
        )
    try:
        wrong = _is_no_timezone(value)
        if wrong is None:
            return zone_of(value)
    except OSError:  # it may be another time
        wrong = _not_a_timezone(value)
    raise vol.Invalid(wrong)


@lru_cache(maxsize=64)
def _is_no_timezone(name: str) -> Worded | None:
    """Return what is wrong with a name, None for a timezone's. Raises OSError.

    Kept: the nearest is found in all the files of timezones there are, and a document with
    a slip is read again and again.
    """
    try:
        zone_of(name)
    except (KeyError, ValueError):
        return _not_a_timezone(name)
    return None


def _not_a_timezone(name: str) -> Worded:
    near = nearest(name, available_timezones())
    hint = (
        worded("; did you mean {near!r}?", near=near)
        if near
        else worded(", as 'Europe/Paris'")
    )
    return worded(
        "expected the IANA name of a timezone, got {value}{hint}",
        value=shown(name),
        hint=hint,
    )


def _edge(spec: SettingSpec, value: object) -> time | SunTime:
    by_sun = spec.bounds is not None
    if by_sun and isinstance(value, str) and value.startswith((SUNRISE, SUNSET)):
        return _sun_time(spec, value)
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise vol.Invalid(
            worded("expected a time as '07:30', got {value}", value=shown(value))
        )
    hour, minute, second = (int(part or 0) for part in match.groups())
    return time(hour, minute, second)


def _sun_time(spec: SettingSpec, value: str) -> SunTime:
    match = _SUN_TIME.fullmatch(value)
    low, high = spec.bounds or (0, 0)
    minutes = int(match[2] or 0) if match else None
    if match is None or minutes is None or not low <= minutes <= high:
        raise vol.Invalid(
            worded(
                "expected a time as '07:30' or by the sun as 'sunset-30', "
                "{range} minutes, got {value}",
                range=spec.range,
                value=shown(value),
            )
        )
    if not available():
        raise vol.Invalid(worded("sun times need the extra switchbot-automation[sun]"))
    return SunTime(match[1], minutes)


def _date(_spec: SettingSpec, value: object) -> date:
    expected = worded("expected a day as '2026-10-01', got {value}", value=shown(value))
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
        raise vol.Invalid(worded("expected a list, got {value}", value=shown(value)))
    if not low <= len(value) <= high:
        raise vol.Invalid(
            worded(
                "expected {low:g} to {high:g} entries, got {number}",
                low=low,
                high=high,
                number=len(value),
            )
        )
    return value


def _days(spec: SettingSpec, value: object) -> frozenset[int]:
    days = _list(spec, value)
    for index, day in enumerate(days):
        if isinstance(day, bool) or not isinstance(day, int) or not 0 <= day <= _SUNDAY:
            raise vol.Invalid(
                worded(
                    "expected a day from 0 (Monday) to 6 (Sunday), got {day}",
                    day=shown(day),
                ),
                path=[index],
            )
    return frozenset(days)


def _hosts(spec: SettingSpec, value: object) -> frozenset[str]:
    hosts = set()
    for index, host in enumerate(_list(spec, value)):
        name = host.lower() if isinstance(host, str) else ""
        if not _HOST.fullmatch(name):
            raise vol.Invalid(
                worded(
                    "expected a host without scheme, port and path, got {host}",
                    host=shown(host),
                ),
                path=[index],
            )
        hosts.add(name)
    return frozenset(hosts)


def _cascade(spec: SettingSpec, value: object) -> tuple[str, ...]:
    rungs = _list(spec, value)
    for index, rung in enumerate(rungs):
        if rung not in spec.choices or rung in rungs[:index]:
            raise vol.Invalid(
                worded(
                    "expected some of {range}, each once, got {rung}",
                    range=spec.range,
                    rung=shown(rung),
                ),
                path=[index],
            )
    return tuple(rungs)


def _names(spec: SettingSpec, value: object) -> tuple[str, ...]:
    names = _list(spec, value)
    for index, name in enumerate(names):
        if not isinstance(name, str) or name in names[:index]:
            raise vol.Invalid(
                worded(
                    "expected names of zones, each once, got {name}", name=shown(name)
                ),
                path=[index],
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
                worded(
                    "expected device ids, each once, got {device_id}",
                    device_id=shown(device_id),
                ),
                path=[index],
            )
    return tuple(ids)


def _text(pattern: re.Pattern[str], what: str, spec: SettingSpec, value: object) -> str:
    _, longest = spec.bounds or (0, math.inf)
    if isinstance(value, int | float) and not isinstance(value, bool):
        # As YAML reads an id of digits that stands without quotes.
        raise vol.Invalid(
            worded(
                "expected {what}, got the number {value}; put it in quotes",
                what=what,
                value=shown(value),
            )
        )
    if not isinstance(value, str):
        raise vol.Invalid(
            worded("expected {what}, got {value}", what=what, value=shown(value))
        )
    if len(value) > longest:
        raise vol.Invalid(
            worded(
                "expected at most {longest} characters, got {number}",
                longest=longest,
                number=len(value),
            )
        )
    if not pattern.fullmatch(value):
        raise vol.Invalid(
            worded("expected {what}, got {value}", what=what, value=shown(value))
        )
    return value


def _named(value: object) -> str | None:
    """Read the name of a secret that lies outside of the document."""
    try:
        return named_secret(value)
    except ValueError as error:
        raise vol.Invalid(reworded(error), path=["secret"]) from None


def _secret(what: str, spec: SettingSpec, value: object) -> str:
    """Read a text that no message shows, or the name of one."""
    if (name := _named(value)) is not None:
        return name
    _, longest = spec.bounds or (0, math.inf)
    if (
        not isinstance(value, str)
        or not value.isprintable()
        or not value.isascii()
        or " " in value
        or not 0 < len(value) <= longest
    ):
        raise vol.Invalid(
            worded(
                "expected {what} of at most {longest:g} characters",
                what=what,
                longest=longest,
            )
        )
    return value


def _hook(spec: SettingSpec, value: object) -> str:
    return _named(value) or _text(_ANY, worded("a URL"), spec, value)


def _by_action(
    text: Callable[[SettingSpec, object], str], spec: SettingSpec, value: object
) -> Mapping[Action, str]:
    if not isinstance(value, Mapping):
        raise vol.Invalid(worded("expected an object, got {value}", value=shown(value)))
    if len(value) > MOST_UNKNOWN and (told := too_many_unknown(value, set(Action))):
        raise vol.Invalid(told)
    given: dict[Action, str] = {}
    errors = []
    for key, each in value.items():
        try:
            action = Action(key)
        except ValueError:
            known = list(Action)
            near = nearest(key, known)
            hint = (
                worded("did you mean {near!r}?", near=near)
                if near
                else ", ".join(known)
            )
            errors.append(
                vol.Invalid(worded("no such action; {hint}", hint=hint), path=[key])
            )
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
        raise vol.Invalid(
            worded(
                "expected an {kind} by name, got {value}",
                kind=spec.kind,
                value=shown(value),
            )
        )
    most = _MOST_NAMED[spec.kind]
    if len(value) > most:
        raise vol.Invalid(
            worded(
                "expected at most {most} names, got {number}",
                most=most,
                number=len(value),
            )
        )
    low, high = spec.bounds or (1, math.inf)
    for name in value:
        if (
            not isinstance(name, str)
            or not low <= len(name) <= high
            or not name.isprintable()
            or name != name.strip()
        ):
            raise vol.Invalid(
                worded(
                    "expected a name of {range} characters without spaces around it, "
                    "got {name}",
                    range=spec.range,
                    name=shown(name),
                ),
                path=[str(name)[:SHOWN_CHARACTERS]],
            )
    return value


def _overrides(_spec: SettingSpec, value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise vol.Invalid(
            worded("expected an object of settings, got {value}", value=shown(value))
        )
    return value


def _rules(_spec: SettingSpec, value: object) -> tuple[Any, ...]:
    if value == []:
        return ()
    from switchbot_automation.rules.definition.schema import read_rules  # noqa: PLC0415 - only for who has rules

    return read_rules(value)


def _plugins(_spec: SettingSpec, value: object) -> Mapping[str, Any]:
    from switchbot_automation.rules.definition.parts import read_parts  # noqa: PLC0415 - only for who has plug-ins

    return read_parts(value)


def _missing(meaning: str) -> str:
    # One with an example of JSON would be taken for a template.
    words = meaning if "{" in meaning else worded(meaning)
    return worded("is missing: {meaning}", meaning=words)


def _section(_spec: SettingSpec, value: object) -> object:
    return value  # its keys are checked by the schema made of their own rows


_CONVERTERS: Mapping[Kind, _Converter] = {
    Kind.FLAG: _flag,
    Kind.WHOLE: _number,
    Kind.NUMBER: _number,
    Kind.CHOICE: _choice,
    Kind.TIMEZONE: _timezone,
    Kind.EDGE: _edge,
    Kind.DAYS: _days,
    Kind.DATE: _date,
    Kind.NAME: partial(
        _text, _NAME, worded("a name of letters, digits, blanks and _ . -")
    ),
    Kind.DEVICE_ID: partial(
        _text, _DEVICE_ID, worded("a device id of letters, digits and : - _ .")
    ),
    Kind.SCENES: partial(
        _by_action,
        partial(_text, _SCENE_ID, worded("a scene id of letters, digits, - and _")),
    ),
    Kind.BUTTONS: partial(
        _by_action, partial(_text, _BUTTON, worded("a button's name"))
    ),
    Kind.WEBHOOKS: partial(_by_action, _hook),
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
    Kind.NOTIFIERS: _by_name,
    Kind.URL: partial(_secret, worded("a URL")),
    Kind.PASSWORD: partial(_secret, worded("a text without blanks")),
    Kind.SERVICE: partial(
        _text, _SERVICE, worded("a service as notify.mobile_app_phone")
    ),
    Kind.DEVICE_IDS: _device_ids,
    Kind.NAMES: _names,
    Kind.RESERVE: _reserve,
}


def _converted(spec: SettingSpec, value: object) -> Any:
    """Return the value, or say beside what is wrong what may have been meant."""
    convert = _CONVERTERS[spec.kind]
    try:
        return convert(spec, value)
    except vol.Invalid as error:
        near = _meant(spec, value)
        if near is None:
            raise
        told = worded(
            "{problem}; did you mean {near}?", problem=error.error_message, near=near
        )
        raise vol.Invalid(told, path=error.path) from error


def _meant(spec: SettingSpec, value: object) -> str | None:
    if spec.unit == SYMBOLS[CELSIUS] and measured_in() != CELSIUS:
        return None  # the document's degrees are others than those compared here
    near = meant(spec.kind, spec.unit, value, spec.choices)
    if near is None:
        return None
    try:
        _CONVERTERS[spec.kind](spec, near)
    except vol.Invalid:
        return None
    return str(near) if isinstance(near, list) else shown(near)


# What becomes of each element of a list of objects.
_MAKERS = {
    "time_windows": _window,
    "sensors": _sensor,
    "equipment": _unit,
    "offsets": _offset,
    "curve": _curve_point,
    "windows": _price_window,
}


# --- one level of a document ------------------------------------------------------


class UnknownSettingError(SettingsError):
    """A key that no setting has: what a newer version wrote, or a slip."""


class _UnknownKeyError(vol.Invalid):
    """A key that no setting has; its own name is the last element of the path."""

    def __init__(self, known: Iterable[str]) -> None:
        super().__init__(_UNKNOWN)
        self.known = tuple(known)

    def describe(self) -> str:
        few = len(self.known) <= _FEW
        near = nearest(self.path[-1], self.known, however_far=not few)
        if near is None and few:
            known = ", ".join(sorted(self.known))
            return worded("{unknown}; known are {known}", unknown=_UNKNOWN, known=known)
        if near is None:
            return _UNKNOWN
        return worded("{unknown}; did you mean {near!r}?", unknown=_UNKNOWN, near=near)


def _refuse_unknown(known: tuple[str, ...], _value: object) -> None:
    raise _UnknownKeyError(known)


def _refuse_in_zone(_value: object) -> None:
    raise vol.Invalid(
        worded("is for the whole home; move it to the top of the document")
    )


def _object(section: str, value: object, *, in_zone: bool) -> Any:
    if not isinstance(value, Mapping):
        raise vol.Invalid(worded("expected an object, got {value}", value=shown(value)))
    schema = _schema(section, in_zone=in_zone)
    if len(value) > MOST_UNKNOWN and (told := too_many_unknown(value, schema.schema)):
        raise vol.Invalid(told)
    return schema(dict(value))


def _each_by_name(
    item: Callable[[object], Any], check_names: Any, value: object
) -> Any:
    named = check_names(value)
    return vol.Schema({str: item})(dict(named))


def _each(item: Callable[[object], Any], check_list: Any, value: object) -> Any:
    return tuple(vol.Schema([item])(check_list(value)))


@cache
def _schema(section: str, *, in_zone: bool) -> vol.Schema:
    # Made once a document has such a part: one has few of the forty, and all of them are
    # as much memory as half of the modules that read settings.
    rows = SECTIONS.get(section, {})
    schema: dict[Any, Any] = {}
    for name, spec in rows.items():
        convert: Any = partial(_converted, spec)
        if in_zone and not spec.per_zone:
            convert = _refuse_in_zone
        elif spec.kind is Kind.SECTION:
            convert = partial(_object, spec.name, in_zone=in_zone)
        elif spec.kind is Kind.SECTIONS:
            inner = partial(_object, f"{spec.name}[]", in_zone=in_zone)
            make = _MAKERS[name]
            convert = partial(_each, vol.All(inner, make), convert)
        elif spec.kind in (Kind.GROUPS, Kind.PRESETS, Kind.NOTIFIERS):
            inner = partial(_object, f"{spec.name}{{}}", in_zone=in_zone)
            convert = partial(_each_by_name, inner, convert)
        # A bare name is optional to voluptuous; each marker would be a schema of its own,
        # two thirds of the memory of the whole.
        key: Any = name
        if spec.required:
            key = vol.Required(name, msg=spec.meaning)
        schema[key] = convert
        schema.update(dict.fromkeys(spec.aliases, convert))
    known = tuple(each for name, spec in rows.items() for each in (name, *spec.aliases))
    schema[vol.Extra] = partial(_refuse_unknown, known)
    return vol.Schema(schema)


class _Part(NamedTuple):
    """The checked keys of the top or of one zone, under their present names.

    `names` gives the name by which the document calls a key.
    """

    path: _Path
    values: dict[str, Any]
    names: dict[str, str]
    errors: list[SettingsError]


def _read_part(document: object, path: _Path) -> _Part:
    part = _Part(path, {}, {}, [])
    try:
        read = _object("", document, in_zone=bool(path))
    except vol.MultipleInvalid as exc:
        part.errors.extend(_settings_error(each, path) for each in exc.errors)
    except vol.Invalid as exc:
        part.errors.append(_settings_error(exc, path))
    else:
        part.values.update(read)
        for key, alias in ALIASES:
            if alias in read:
                _settle_alias(part, key, alias)
        _settle_trigger_mode(part)
    return part


def _settle_alias(part: _Part, key: str, alias: str) -> None:
    value = part.values.pop(alias)
    if part.values.setdefault(key, value) != value:
        # The values are not shown: a webhook is a secret.
        differs = worded("differs from {key}, which means the same; keep one", key=key)
        _complain(part, (alias,), differs)
    part.names.setdefault(key, alias)


def _settle_trigger_mode(part: _Part) -> None:
    mode = part.values.pop("trigger_mode", None)
    if mode is None:
        return
    if "cascade" in part.values:
        _complain(
            part, ("trigger_mode",), worded("says what cascade says; keep cascade")
        )
    part.values.setdefault("cascade", _CASCADES[mode])


def _complain(part: _Part, path: _Path, message: str) -> None:
    part.errors.append(SettingsError(message, path=dotted((*part.path, *path))))


def _settings_error(error: vol.Invalid, prefix: _Path) -> SettingsError:
    message: str = error.error_message
    if isinstance(error, _UnknownKeyError):
        message = error.describe()
    elif isinstance(error, vol.RequiredFieldInvalid):
        # Worded here rather than in the schema: most documents lack nothing.
        message = _missing(message)
    keys = (key if isinstance(key, int) else str(key) for key in error.path)
    kind = UnknownSettingError if isinstance(error, _UnknownKeyError) else SettingsError
    return kind(message, path=dotted((*prefix, *keys)))


# --- the whole document -----------------------------------------------------------


def _unstorable(document: object) -> Iterator[SettingsError]:
    """Yield what no store would take, as a number of NumPy's: it is refused here too."""
    found = problem_of(dict(document)) if isinstance(document, Mapping) else None
    if found is not None:
        yield SettingsError(found.words, path=found.path)


def load(
    document: object, *, absent: frozenset[str] = frozenset()
) -> tuple[Settings | None, list[SettingsError]]:
    """Return the settings, or else every problem.

    The plug-ins' devices in `absent` may be named though `plugins` does not have them.
    A problem is told in the document's own degrees.
    """
    problem = _beyond_bounds(document)
    if problem is not None:
        return None, [SettingsError(problem)]
    unit = unit_of(document)
    with measuring(unit), few_hints():
        if unit == CELSIUS:
            return _load(document, document, absent)
        errors = [*range_errors(document)]
        if errors:
            return None, errors
        return _load(in_celsius(document), document, absent)


def _beyond_bounds(document: object) -> str | None:
    """Return what would cost too much to be read, None where that can be done."""
    values = [*document.values()] if isinstance(document, Mapping) else document
    if is_too_deep(values, MOST_LEVELS - 1):
        return worded(
            "more than {most_levels} levels in one another", most_levels=MOST_LEVELS
        )
    if is_too_large(values):
        return worded("more than {most_values} values", most_values=MOST_VALUES)
    return None


def _load(
    document: object, written: object, absent: frozenset[str]
) -> tuple[Settings | None, list[SettingsError]]:
    """Return the settings of a document in Celsius that was `written` in its own unit."""
    top = _read_part(document, ())
    top.values.pop("zones", None)
    zones = _zones_of(document) or {DEFAULT_ZONE: {}}
    if len(zones) > _MOST_NAMED[Kind.ZONES]:
        return None, top.errors
    parts = {name: _read_part(zone, ("zones", name)) for name, zone in zones.items()}
    errors = [*top.errors]
    for part in parts.values():
        errors.extend(part.errors)
    if not errors:
        # What is wrong at the top is found again in each zone: said once.
        found = {
            (error.path, str(error)): error
            for part in parts.values()
            for error in _cross_errors(top, part)
        }
        errors.extend(found.values())
        errors.extend(group_errors(top.values.get("groups", {}), parts))
        errors.extend(notifier_errors(top.values.get("notifiers", {})))
        errors.extend(rule_errors(document, parts))
        errors.extend(plugin_errors(document, top.values.get("plugins", {}), absent))
    errors = errors or [*_unstorable(document)]
    if errors:
        return None, errors
    # Not kept: a timezone is equal only to itself.
    timezone = top.values.get("timezone") or zone_of(DEFAULTS[""]["timezone"])
    defaults = {**_defaults(), "timezone": timezone}
    home = defaults | top.values
    reserve = home["quota_reserve"]
    made: dict[str, ZoneSettings] = {}
    for name, part in parts.items():
        made[name] = _zone(name, defaults | _merged(top, part))
        for further, values in _further_units(name, _merged_raw(top, part)):
            if further in parts:
                return None, [_name_taken(further)]
            made[further] = _zone(further, defaults | values)
    # As it was written: what was converted once is not in the document's unit any more.
    shadow, errors = _shadow(written, made)
    if errors:
        return None, errors
    settings = Settings(
        zones=MappingProxyType(made),
        api_quota_warning_threshold=home["api_quota_warning_threshold"],
        quota_reserve=None if reserve == "auto" else reserve,
        language=home["language"],
        unit=home["unit"],
        battery_below=home["battery_below"],
        filter_after_hours=home["filter_after_hours"],
        groups=MappingProxyType(
            {
                name: GroupSettings(name, **group)
                for name, group in home.get("groups", {}).items()
            }
        ),
        shadow=shadow,
        rules=home["rules"],
        notifiers=MappingProxyType(
            {
                name: NotifierSettings(
                    name,
                    each["type"],
                    **{key: value for key, value in each.items() if key != "type"},
                )
                for name, each in home.get("notifiers", {}).items()
            }
        ),
        plugins=home.get("plugins", MappingProxyType({})),
        overlaid=frozenset(name for name in made if made[name].is_overlaid),
    )
    errors = list(rule_place_errors(settings)) if settings.rules else []
    return (None, errors) if errors else (settings, [])


def _shadow(
    document: object, zones: Iterable[str]
) -> tuple[Settings | None, list[SettingsError]]:
    """Return the settings with those under `shadow` written over them."""
    if not isinstance(document, Mapping) or not document.get("shadow"):
        return None, []
    over = document["shadow"]
    if "shadow" in over:
        return None, [
            SettingsError(worded("casts no shadow itself"), path="shadow.shadow")
        ]
    settings, errors = load(
        written_over({key: document[key] for key in document if key != "shadow"}, over)
    )
    if settings is not None and set(settings.zones) != set(zones):
        message = worded("must be of the same zones")
        return None, [SettingsError(message, path="shadow.zones")]
    return settings, [
        SettingsError(error.words, path=f"shadow.{error.path}".rstrip("."))
        for error in errors
    ]


def written_over(below: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document with another one's keys written over it, objects by key."""
    written = dict(below)
    for key, value in over.items():
        found = written.get(key)
        both = isinstance(value, Mapping) and isinstance(found, Mapping)
        written[key] = written_over(found, value) if both else value  # type: ignore[arg-type] # both are mappings
    return written


def _zones_of(document: object) -> dict[str, object]:
    """Return the zones as they stand, also of a document that is wrong elsewhere."""
    zones = document.get("zones") if isinstance(document, Mapping) else None
    if not isinstance(zones, Mapping):
        return {}
    return {name: zone for name, zone in zones.items() if isinstance(name, str)}


def _merged_raw(top: _Part, part: _Part) -> dict[str, Any]:
    merged = top.values | part.values
    for season in SEASONS:
        merged[season] = top.values.get(season, {}) | part.values.get(season, {})
    if part.values.get("aircon_device_id") and "equipment" not in part.values:
        # What is nearer to the zone counts; both in one place are refused.
        merged.pop("equipment", None)
    return merged


def _merged(top: _Part, part: _Part) -> dict[str, Any]:
    merged = _merged_raw(top, part)
    if merged.get("equipment"):
        first = merged["equipment"][0]
        if KINDS[first.kind].own is None:
            _presume(merged, first)
        else:
            merged |= {"equipment": (), "without_unit": True, "aircon_device_id": ""}
        merged["backed_up"] = _backed_up(merged["equipment"], first)
        merged["air_left"] = _air_left(merged["equipment"], first)
    return _completed(merged)


def _backed_up(units: Iterable[EquipmentUnit], unit: EquipmentUnit) -> bool:
    """Tell whether another unit of a room heats without a compressor."""
    others = [KINDS[each.kind] for each in units if each is not unit]
    return any(kind.can(Action.WINTER) and kind.cost != "compressor" for kind in others)


def _air_left(units: Iterable[EquipmentUnit], unit: EquipmentUnit) -> bool:
    """Tell whether a room's air is another unit's: drying it, or taking its CO2 away."""
    others = {KINDS[each.kind].own for each in units if each is not unit}
    kind = KINDS[unit.kind]
    mine = Action.DRY if kind.own is None else Action.VENTILATE
    return kind.own in (None, Action.PURIFY) and mine in others


def _completed(merged: dict[str, Any]) -> dict[str, Any]:
    # A dashboard's document, which names no way of control, is run as the dashboard would.
    merged.setdefault("overshoot_learning", "control" in merged)
    merged["unit_tells"] = _tells(merged)
    if merged.get("control") == "auto":
        for key in ("optimum_start", "predictive_polling"):
            merged.setdefault(key, True)
    return merged


def _tells(merged: Mapping[str, Any]) -> bool:
    """Tell whether a zone's unit is a plug-in's that can be read."""
    device = merged.get("aircon_device_id") or ""
    part = merged.get("plugins", {}).get(device.removeprefix(PLUGIN_PREFIX))
    return device.startswith(PLUGIN_PREFIX) and part is not None and part.tells


# What a zone says of its first unit, and of no other.
_OF_FIRST_UNIT = frozenset(
    {
        "aircon_device_id",
        "aircon_scenes",
        "webhooks",
        "buttons",
        "cascade",
        "half_degrees",
        "power_meter_device_id",
        "power_meter_channel",
        "power_meter_on_watts",
        "confirm_within_seconds",
        "thermal_response_seconds",
        "command_cooldown_seconds",
        "min_on_seconds",
        "min_off_seconds",
        "max_continuous_on_seconds",
        "max_starts_per_hour",
        "max_starts_per_day",
        "changeover_gap_seconds",
        "unknown_history_lockout_seconds",
        "off_repeat_count",
        "off_repeat_interval_seconds",
        "fan_mode_during_window",
        "optimum_start",
        "overshoot_learning",
    }
)


def _further_units(
    name: str, merged: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the second unit of a zone and those after it, each as a zone's values.

    What is kept, when and by which meter is the zone's; what spares a unit its own.
    """
    units = merged.get("equipment", ())
    for number, unit in enumerate(units, start=1):
        if number == 1 and KINDS[unit.kind].own is None:
            continue
        values = {key: merged[key] for key in merged.keys() - _OF_FIRST_UNIT}
        values |= {"lead": name, "equipment": (unit,), "optimum_start": False}
        values["backed_up"] = _backed_up(units, unit)
        values["air_left"] = _air_left(units, unit)
        _presume(values, unit)
        yield _further_name(name, number), _completed(values)


def further_names(name: str, equipment: object) -> list[str]:
    """Return what the further units of a zone can be called, by its raw `equipment`."""
    units = len(equipment) if isinstance(equipment, list) else 0
    return [_further_name(name, number) for number in range(1, units + 1)]


def _further_name(name: str, number: int) -> str:
    return f"{name} {number}"


def _name_taken(name: str) -> SettingsError:
    return SettingsError(
        worded(
            "is what a further unit of another zone is called: {name!r}; "
            "rename the zone",
            name=name,
        ),
        path=dotted(("zones", name)),
    )


def _presume(merged: dict[str, Any], unit: EquipmentUnit) -> None:
    """Write into a zone's values what its equipment is, and what that presumes."""
    kind = KINDS[unit.kind]
    merged["aircon_device_id"] = unit.device_id
    if unit.least_on_seconds is not None:
        merged["min_on_seconds"] = unit.least_on_seconds
    if unit.least_off_seconds is not None:
        merged["min_off_seconds"] = unit.least_off_seconds
    for key, value in kind.presumes.items():
        merged.setdefault(key, value)
    if kind.fails == "off" and not kind.sets:
        # Without a thermostat of its own it would go on all night as the end of a window
        # happens to find it: a heater that is on for a share of each cycle, a humidifier.
        merged.setdefault("turn_off_outside_windows", True)
    plugged = unit.device_id.startswith(PLUGIN_PREFIX)
    if "measures_power" in kind.options and unit.measures_power and not plugged:
        merged.setdefault("power_meter_device_id", unit.device_id)
        merged.setdefault("power_meter_channel", unit.channel or 1)


def _cross_errors(top: _Part, part: _Part) -> Iterator[SettingsError]:
    """Check what concerns several keys; a problem is laid to the part that has them."""
    merged = _merged(top, part)

    def error(message: str, path: _Path, *keys: str) -> SettingsError:
        owner = part if any(key in part.values for key in keys) else top
        first = owner.names.get(str(path[0]), path[0])
        return SettingsError(message, path=dotted((*owner.path, first, *path[1:])))

    yield from _twice_equipped(top, part)
    for season in SEASONS:
        profile = merged[season]
        low, high = profile.get("min_temp"), profile.get("max_temp")
        if low is not None and high is not None and low > high:
            yield error(
                worded(
                    "{low} is above max_temp, {high}; swap or change them",
                    low=degrees(low),
                    high=degrees(high),
                ),
                (season, "min_temp"),
                season,
            )
        if profile.get("ac_mode") == CONTRARY_MODES[season]:
            yield error(
                contrary_words(season),
                (season, "ac_mode"),
                season,
            )
    mode = merged.get("mode", DEFAULTS[""]["mode"])
    if merged.get("automation_enabled"):
        both: tuple[str, ...] = SEASONS if mode == "auto" else (mode,)
        if merged.get("without_unit"):
            both = ()
        for season, key in product(both, _TEMPERATURES):
            if key not in merged[season]:
                yield error(
                    worded(
                        "is needed, since automation is enabled in {mode} mode",
                        mode=mode,
                    ),
                    (season, key),
                    season,
                    "mode",
                    "automation_enabled",
                )
    units = _merged_raw(top, part).get("equipment", ())
    for message, path in (
        *comfort_problems(merged),
        *equipment_problems(units),
        *webhook_problems(merged),
    ):
        yield error(message, path, str(path[0]))


def _twice_equipped(*parts: _Part) -> Iterator[SettingsError]:
    for part in parts:
        if part.values.get("aircon_device_id") and part.values.get("equipment"):
            yield SettingsError(
                worded("is short for equipment of the kind aircon; keep one of them"),
                path=dotted((*part.path, "aircon_device_id")),
            )


def _zone(name: str, values: dict[str, Any]) -> ZoneSettings:
    values = dict(values)
    if values["sensors"]:
        values["meter_device_id"] = values["sensors"][0].device_id
    for key in _OF_HOME:
        values.pop(key, None)
    _complete(values)
    return ZoneSettings(
        name=name,
        scenes=values.pop("aircon_scenes", MappingProxyType({})),
        webhooks=values.pop("webhooks", MappingProxyType({})),
        winter=_profile("winter", values.pop("winter")),
        summer=_profile("summer", values.pop("summer")),
        **values,
    )


def _profile(season: str, given: Mapping[str, Any]) -> Profile | None:
    if not all(key in given for key in _TEMPERATURES):
        return None
    return Profile(**{**DEFAULTS[season], **given})


def _complete(values: dict[str, Any]) -> None:
    """Make presets, openings, presence, quiet hours and the windows of a zone's values complete."""
    latitude, longitude = values.get("latitude"), values.get("longitude")
    given = values["time_windows"]
    located = tuple(_located(window, latitude, longitude) for window in given)
    if any(one is not other for one, other in zip(located, given, strict=True)):
        # Else as they are: zones that inherit their windows share them, and what is
        # found out of them for one is known for the next.
        values["time_windows"] = located
    values["presets"] = MappingProxyType(
        {
            name: _preset(name, given, values)
            for name, given in values.get("presets", {}).items()
        }
    )
    if "openings" in values:
        values["openings"] = Openings(**values["openings"])
    if "command_quiet_hours" in values:
        quiet = TimeWindow(frozenset(range(7)), **values["command_quiet_hours"])
        values["command_quiet_hours"] = _located(quiet, latitude, longitude)
    if "humidity" in values:
        values["humidity"] = Humidity(**values["humidity"])
    if "air" in values:
        values["air"] = Air(**values["air"])
    if "presence" in values:
        values["presence"] = Presence(**values["presence"])
    if "price" in values:
        values["price"] = _price(values["price"], latitude, longitude)


def _price(
    given: Mapping[str, Any], latitude: float | None, longitude: float | None
) -> PriceSettings:
    windows = tuple(
        replace(each, window=_located(each.window, latitude, longitude))
        for each in given.get("windows", ())
    )
    return PriceSettings(**{**given, "windows": windows})


def _located(
    window: TimeWindow, latitude: float | None, longitude: float | None
) -> TimeWindow:
    edges = {
        key: edge._replace(latitude=latitude, longitude=longitude)
        for key, edge in (("start", window.start), ("end", window.end))
        if isinstance(edge, SunTime)
    }
    return replace(window, **edges) if edges else window  # type: ignore[arg-type] # the keys are the two edges


def _preset(name: str, given: Mapping[str, Any], values: Mapping[str, Any]) -> Preset:
    seasons = {}
    for season, saves in (("winter", -1.0), ("summer", 1.0)):
        profile = _profile(season, values[season] | given.get(season, {}))
        back = saves * given.get("setback_kelvin", 0.0)
        seasons[season] = profile.shifted(back) if profile and back else profile
    return Preset(
        name,
        seasons["winter"],
        seasons["summer"],
        given.get("hysteresis_celsius", values["hysteresis_celsius"]),
        given.get("fan_mode_during_window", values["fan_mode_during_window"]),
        given.get("curve", ()),
        given.get("quiet_fan", False),
    )


@cache
def _defaults() -> dict[str, Any]:
    """Return what a document says that leaves everything out, as converted values."""
    raw = DEFAULTS[""]
    return {
        **raw,
        "webhook_allowed_hosts": frozenset(raw["webhook_allowed_hosts"]),
    }
