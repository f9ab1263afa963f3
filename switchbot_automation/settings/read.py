"""From a settings document to checked, frozen `Settings`.

`settings_table` says what there is and which values it takes; this module makes a
schema of it, checks what concerns several keys at once, and words the errors. Nothing
of a raw document travels further inward than here.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import voluptuous as vol

from switchbot_automation.errors import SettingsError
from switchbot_automation.model import DEFAULT_ZONE
from switchbot_automation.settings.checks import (
    CONTRARY_MODES,
    comfort_problems,
    dotted,
    far_days,
    group_errors,
    plugin_errors,
    rule_errors,
    rule_place_errors,
    webhook_problems,
)
from switchbot_automation.settings.model import (
    GroupSettings,
    Profile,
    Settings,
    ZoneSettings,
)
from switchbot_automation.settings.presets import complete, is_overlaid
from switchbot_automation.settings.spec import Kind
from switchbot_automation.settings.table import ALIASES, section_of_table
from switchbot_automation.settings.table.zone import SEASONS
from switchbot_automation.settings.values import (
    CONVERTERS,
    offset,
    sensor,
    window,
    written_over,
)
from switchbot_automation.wording import nearest, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["check_settings", "parse_settings"]

_Path: TypeAlias = tuple[str | int, ...]

UNKNOWN = "unknown setting"
"""What is said of a key that no setting has."""

_TEMPERATURES = ("min_temp", "max_temp", "target_temp")
# What becomes of each element of a list of objects.
# What a document says once, of the whole home.
_OF_HOME = tuple(spec.key for spec in section_of_table("") if not spec.per_zone)
_MAKERS = {"time_windows": window, "sensors": sensor, "offsets": offset}
_CASCADES = {"direct": ("scene", "command"), "ifttt": ("webhook",)}


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
    that no instant lies on are refused here and where settings are applied; what is
    stored with them already can still be used.
    """
    return load(document)[1] or list(far_days(document))


# --- one level of a document ------------------------------------------------------


class _UnknownKeyError(vol.Invalid):
    """A key that no setting has; its own name is the last element of the path."""

    def __init__(self, known: Iterable[str]) -> None:
        super().__init__(UNKNOWN)
        self.known = tuple(known)

    def describe(self) -> str:
        near = nearest(self.path[-1], self.known, however_far=True)
        return f"{UNKNOWN}; did you mean {near!r}?"


def _refuse_unknown(known: tuple[str, ...], _value: object) -> None:
    raise _UnknownKeyError(known)


def _refuse_in_zone(_value: object) -> None:
    raise vol.Invalid("is for the whole home; move it to the top of the document")


def _object(schema: vol.Schema, value: object) -> Any:
    if not isinstance(value, Mapping):
        raise vol.Invalid(f"expected an object, got {shown(value)}")
    return schema(dict(value))


def _each_by_name(schema: vol.Schema, check_names: Any, value: object) -> Any:
    named = check_names(value)
    return vol.Schema({str: partial(_object, schema)})(dict(named))


def _each(item: Callable[[object], Any], check_list: Any, value: object) -> Any:
    return tuple(vol.Schema([item])(check_list(value)))


@cache
def _schema(section: str, *, in_zone: bool) -> vol.Schema:
    rows = section_of_table(section)
    schema: dict[Any, Any] = {}
    for spec in rows:
        convert: Any = partial(CONVERTERS[spec.kind], spec)
        if in_zone and not spec.per_zone:
            convert = _refuse_in_zone
        elif spec.kind is Kind.SECTION:
            convert = partial(_object, _schema(spec.name, in_zone=in_zone))
        elif spec.kind is Kind.SECTIONS:
            inner = _schema(f"{spec.name}[]", in_zone=in_zone)
            make = _MAKERS[spec.key]
            convert = partial(_each, vol.All(partial(_object, inner), make), convert)
        elif spec.kind in (Kind.GROUPS, Kind.PRESETS):
            inner = _schema(f"{spec.name}{{}}", in_zone=in_zone)
            convert = partial(_each_by_name, inner, convert)
        missing = f"is missing: {spec.meaning}"
        marker = vol.Required if spec.required else vol.Optional
        schema[marker(spec.key, msg=missing)] = convert
        for alias in spec.aliases:
            schema[vol.Optional(alias)] = convert
    known = tuple(name for spec in rows for name in (spec.key, *spec.aliases))
    schema[vol.Extra] = partial(_refuse_unknown, known)
    return vol.Schema(schema)


# Made when this is imported: whoever imports it is about to read a document.
_AT_TOP, _IN_ZONE = _schema("", in_zone=False), _schema("", in_zone=True)


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
        read = _object(_IN_ZONE if path else _AT_TOP, document)
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
        _complain(part, (alias,), f"differs from {key}, which means the same; keep one")
    part.names.setdefault(key, alias)


def _settle_trigger_mode(part: _Part) -> None:
    mode = part.values.pop("trigger_mode", None)
    if mode is None:
        return
    if "cascade" in part.values:
        _complain(part, ("trigger_mode",), "says what cascade says; keep cascade")
    part.values.setdefault("cascade", _CASCADES[mode])


def _complain(part: _Part, path: _Path, message: str) -> None:
    part.errors.append(SettingsError(message, path=dotted((*part.path, *path))))


def _settings_error(error: vol.Invalid, prefix: _Path) -> SettingsError:
    message: str = error.error_message
    if isinstance(error, _UnknownKeyError):
        message = error.describe()
    keys = (key if isinstance(key, int) else str(key) for key in error.path)
    return SettingsError(message, path=dotted((*prefix, *keys)))


# --- the whole document -----------------------------------------------------------


def load(
    document: object, *, absent: frozenset[str] = frozenset()
) -> tuple[Settings | None, list[SettingsError]]:
    """Return the settings, or else every problem.

    The plug-ins' devices in `absent` may be named though `plugins` does not have them.
    """
    top = _read_part(document, ())
    top.values.pop("zones", None)
    zones = _zones_of(document) or {DEFAULT_ZONE: {}}
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
        errors.extend(rule_errors(document, parts))
        errors.extend(plugin_errors(document, top.values.get("plugins", {}), absent))
    if errors:
        return None, errors
    shadow, errors = _shadow(document, parts)
    if errors:
        return None, errors
    defaults = _defaults()
    home = defaults | top.values
    reserve = home["quota_reserve"]
    made = {
        name: _zone(name, defaults | _merged(top, part)) for name, part in parts.items()
    }
    settings = Settings(
        zones=MappingProxyType(made),
        api_quota_warning_threshold=home["api_quota_warning_threshold"],
        quota_reserve=None if reserve == "auto" else reserve,
        groups=MappingProxyType(
            {
                name: GroupSettings(name, **_defaults("groups{}") | group)
                for name, group in home.get("groups", {}).items()
            }
        ),
        shadow=shadow,
        rules=home["rules"],
        plugins=home.get("plugins", MappingProxyType({})),
        overlaid=frozenset(name for name in made if is_overlaid(made[name])),
    )
    errors = list(rule_place_errors(settings))
    return (None, errors) if errors else (settings, [])


def _shadow(
    document: object, zones: Iterable[str]
) -> tuple[Settings | None, list[SettingsError]]:
    """Return the settings with those under `shadow` written over them."""
    if not isinstance(document, Mapping) or not document.get("shadow"):
        return None, []
    over = document["shadow"]
    if "shadow" in over:
        return None, [SettingsError("casts no shadow itself", path="shadow.shadow")]
    settings, errors = load(
        written_over({key: document[key] for key in document if key != "shadow"}, over)
    )
    if settings is not None and set(settings.zones) != set(zones):
        message = "must be of the same zones"
        return None, [SettingsError(message, path="shadow.zones")]
    return settings, [
        SettingsError(
            str(error).removeprefix(f"{error.path}: "), path=f"shadow.{error.path}"
        )
        for error in errors
    ]


def _zones_of(document: object) -> dict[str, object]:
    """Return the zones as they stand, also of a document that is wrong elsewhere."""
    zones = document.get("zones") if isinstance(document, Mapping) else None
    if not isinstance(zones, Mapping):
        return {}
    return {name: zone for name, zone in zones.items() if isinstance(name, str)}


def _merged(top: _Part, part: _Part) -> dict[str, Any]:
    merged = top.values | part.values
    for season in SEASONS:
        merged[season] = top.values.get(season, {}) | part.values.get(season, {})
    # A dashboard's document, which names no way of control, is run as the dashboard would.
    merged.setdefault("overshoot_learning", "control" in merged)
    return merged


def _cross_errors(top: _Part, part: _Part) -> Iterator[SettingsError]:
    """Check what concerns several keys; a problem is laid to the part that has them."""
    merged = _merged(top, part)

    def error(message: str, path: _Path, *keys: str) -> SettingsError:
        owner = part if any(key in part.values for key in keys) else top
        first = owner.names.get(str(path[0]), path[0])
        return SettingsError(message, path=dotted((*owner.path, first, *path[1:])))

    for season in SEASONS:
        profile = merged[season]
        low, high = profile.get("min_temp"), profile.get("max_temp")
        if low is not None and high is not None and low > high:
            yield error(
                f"{low:g} is above max_temp, {high:g}; swap or change them",
                (season, "min_temp"),
                season,
            )
        mode, does = CONTRARY_MODES[season]
        if profile.get("ac_mode") == mode:
            yield error(
                f"{mode} {does}, in {season}; leave it out or choose another",
                (season, "ac_mode"),
                season,
            )
    mode = merged.get("mode", _defaults()["mode"])
    if merged.get("automation_enabled"):
        both = SEASONS if mode == "auto" else (mode,)
        for season, key in product(both, _TEMPERATURES):
            if key not in merged[season]:
                yield error(
                    f"is needed, since automation is enabled in {mode} mode",
                    (season, key),
                    season,
                    "mode",
                    "automation_enabled",
                )
    for message, path in (*comfort_problems(merged), *webhook_problems(merged)):
        yield error(message, path, str(path[0]))


def _zone(name: str, values: dict[str, Any]) -> ZoneSettings:
    values = dict(values)
    if values["sensors"]:
        values["meter_device_id"] = values["sensors"][0].device_id
    for key in _OF_HOME:
        values.pop(key, None)
    complete(values, _profile)
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
    return Profile(**(_defaults(season) | dict(given)))


@cache
def _defaults(section: str = "") -> dict[str, Any]:
    """Return the defaults of a section, as converted values."""
    defaults = {
        spec.key: spec.default
        for spec in section_of_table(section)
        if spec.default is not None
    }
    if not section:
        defaults["timezone"] = ZoneInfo(defaults["timezone"])
        defaults["webhook_allowed_hosts"] = frozenset()
    return defaults
