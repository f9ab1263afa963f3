"""What one setting is; `settings_table` lists them all."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from switchbot_automation.languages import worded


class Kind(StrEnum):
    """What a value has to be; the value is the word used in the documentation."""

    FLAG = "true or false"
    WHOLE = "whole number"
    NUMBER = "number"
    CHOICE = "text"
    TIMEZONE = "IANA timezone"
    EDGE = "HH:MM or sun time"
    DAYS = "list of days"
    DATE = "YYYY-MM-DD"
    NAME = "name"
    DEVICE_ID = "device id"
    DEVICE_IDS = "list of device ids"
    RESERVE = "`auto` or whole number"
    NAMES = "list of zone names"
    SCENES = "object of scene ids"
    BUTTONS = "object of button names"
    WEBHOOKS = "object of URLs"
    HOSTS = "list of host names"
    CASCADE = "list"
    SECTION = "object"
    SECTIONS = "list of objects"
    ZONES = "object of zones"
    GROUPS = "object of groups"
    PRESETS = "object of presets"
    OVERRIDES = "object of settings"
    RULES = "list of rules"
    PLUGINS = "object of plug-ins' parts"
    NOTIFIERS = "object of notifiers"
    URL = "URL"
    PASSWORD = "secret text"  # noqa: S105 - a word for the documentation
    SERVICE = "service of Home Assistant"


@dataclass(frozen=True, slots=True)
class SettingSpec:
    """One setting.

    `default` None means that the key may be absent but has no value of its own;
    `required` that it must be there wherever its section is. `bounds`, both inclusive,
    are of the value, of the entries of a list, of the characters of a text; `unit` says
    which. `aliases` are the names that older documents use.
    """

    name: str
    kind: Kind
    meaning: str
    default: Any = None
    bounds: tuple[float, float] | None = None
    unit: str = ""
    choices: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    required: bool = False
    per_zone: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "name": self.name,
            "type": str(self.kind),
            "unit": self.unit,
            "default": self.default,
            "required": self.required,
            "range": self.range,
            "bounds": self.bounds,
            "choices": self.choices,
            "meaning": self.meaning,
            "aliases": self.aliases,
            "per_zone": self.per_zone,
        }

    @property
    def section(self) -> str:
        """The key it lies in, as ``winter``; "" at the top."""
        return self.name.rpartition(".")[0]

    @property
    def key(self) -> str:
        """Its own key within the section."""
        return self.name.rpartition(".")[2]

    @property
    def range(self) -> str:
        """The accepted values in words, "" where the kind says it all."""
        if self.choices:
            return ", ".join(self.choices)
        if self.bounds is None:
            return ""
        low, high = self.bounds
        return worded("{low:g} to {high:g}", low=low, high=high)
