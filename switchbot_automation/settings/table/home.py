"""The settings of the whole home: its calls, its rules and plug-ins, its zones."""

from __future__ import annotations

from switchbot_automation.languages import AUTO, CELSIUS, LANGUAGES, UNITS
from switchbot_automation.settings.spec import Kind, SettingSpec

QUOTA: tuple[SettingSpec, ...] = (
    SettingSpec(
        "api_quota_warning_threshold",
        Kind.WHOLE,
        "Warn once no more than this are left of the day; 0 means never.",
        default=250,
        bounds=(0, 10000),
        unit="calls",
        per_zone=False,
    ),
    SettingSpec(
        "quota_reserve",
        Kind.RESERVE,
        "Calls of the day that readings leave to commands; `auto` is 5 % of the limit"
        " and at least 300.",
        default="auto",
        bounds=(0, 9999),
        unit="calls",
        per_zone=False,
    ),
)

HOME: tuple[SettingSpec, ...] = (
    SettingSpec(
        "language",
        Kind.CHOICE,
        "The language of the page and of notices; `auto` is the browser's, and English"
        " for notices.",
        default=AUTO,
        choices=(AUTO, *LANGUAGES),
        per_zone=False,
    ),
    SettingSpec(
        "unit",
        Kind.CHOICE,
        "The degrees of the page, the command line, notices, CSV and of this document:"
        " with `fahrenheit` its bands, setpoints and presets, and the temperatures of its"
        " rules, are in °F. Keys with a unit in their name are in that one, and everything"
        " is kept in °C.",
        default=CELSIUS,
        choices=UNITS,
        per_zone=False,
    ),
    SettingSpec(
        "battery_below",
        Kind.NUMBER,
        "Tell once of each device whose battery has less; 0 tells of none.",
        default=0,
        bounds=(0, 100),
        unit="%",
        per_zone=False,
    ),
    SettingSpec(
        "filter_after_hours",
        Kind.NUMBER,
        "Tell once that a unit has run so long since its filter was cleaned, or a device's"
        " filter was used so long; 0 tells of none.",
        default=0,
        bounds=(0, 100000),
        unit="hours",
        per_zone=False,
    ),
    SettingSpec(
        "shadow",
        Kind.OVERRIDES,
        "Other settings, written over these, that are decided beside them and recorded"
        " where they differ, without commanding anything.",
        per_zone=False,
    ),
    SettingSpec(
        "rules",
        Kind.RULES,
        "Rules of one's own: triggers, conditions, actions; see `switchbot_automation.rules`.",
        default=(),
        bounds=(0, 200),
        unit="entries",
        per_zone=False,
    ),
    SettingSpec(
        "plugins",
        Kind.PLUGINS,
        "Sensors, actuators, offsets and series of plug-ins by a name of one's own; a zone has one"
        " as `plugin:NAME` for a device id, or as the source of an offset or a price.",
        bounds=(1, 40),
        unit="characters a name",
        per_zone=False,
    ),
    SettingSpec(
        "zones",
        Kind.ZONES,
        "Rooms by name; each overrides any of these keys. Without it there is one,"
        " `default`.",
        bounds=(1, 100),
        unit="characters a name",
        per_zone=False,
    ),
)
