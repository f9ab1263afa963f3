"""What a person should look at, as Home Assistant's repairs: made, and taken back.

Only what somebody can do something about, which the engine's health has advice for; they go
away by themselves once it is over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from switchbot_automation.model import DEFAULT_ZONE

from .const import DOMAIN

ROOM_NOT_KEPT = "room_not_kept"
METER_GIVEN_UP = "meter_given_up"
COMMAND_REFUSED = "command_refused"
ACCOUNT_UNKNOWN = "account_unknown"
SETTINGS_UNUSABLE = "settings_unusable"
PUSH_TAKEN = "push_taken"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One issue: its key among the translations, and what they name."""

    key: str
    words: Mapping[str, str] = field(default_factory=dict)
    severity: ir.IssueSeverity = ir.IssueSeverity.WARNING


def troubles_of(health: Mapping[str, Any], title: str) -> dict[str, Trouble]:
    """Return what an engine's health has for a person to do, by the id of the issue.

    `title` is what the first room is called, which has no name in the settings. Pure.
    """
    found: dict[str, Trouble] = {}
    if health["settings_error"]:
        found[SETTINGS_UNUSABLE] = Trouble(
            SETTINGS_UNUSABLE,
            {"error": health["settings_error"]},
            ir.IssueSeverity.ERROR,
        )
    for name, zone in health["zones"].items():
        room = title if name == DEFAULT_ZONE else name
        for key, words in _of_zone(zone):
            found[f"{key}/{name}"] = Trouble(key, {"room": room, **words})
    return found


def _of_zone(zone: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    refused = [each["message"] for each in zone["refusals"]]
    meters = [each["message"] for each in zone["doubted_meters"]]
    meters += [each["message"] for each in zone["refused_readings"]]
    if refused or zone["cannot_command"]:
        actions = ", ".join(zone["cannot_command"])
        yield COMMAND_REFUSED, {"why": "; ".join(refused) or actions}
    if meters:
        yield METER_GIVEN_UP, {"why": "; ".join(meters)}
    room = zone["room"]
    if not room["advice"]:
        return
    if room["status"] != "blind":
        yield ROOM_NOT_KEPT, {"since": room["since"] or "?", "advice": room["advice"]}
    elif not meters:
        yield METER_GIVEN_UP, {"why": room["advice"]}


class Issues:
    """The issues of one entry: those of a kind that are no longer wanted are deleted."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        self._hass = hass
        self._entry = entry
        self._shown: dict[str, Trouble] = {}

    @callback
    def show(self, wanted: Mapping[str, Trouble]) -> None:
        """Make what is wanted and new, or says something else; delete the others."""
        for name in self._shown.keys() - wanted.keys():
            ir.async_delete_issue(self._hass, DOMAIN, self._id(name))
        for name, trouble in wanted.items():
            if self._shown.get(name) != trouble:
                self._make(name, trouble)
        self._shown = dict(wanted)

    def _make(self, name: str, trouble: Trouble) -> None:
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            self._id(name),
            is_fixable=False,
            severity=trouble.severity,
            translation_key=trouble.key,
            translation_placeholders={
                "account": self._entry.title,
                **{key: str(value) for key, value in trouble.words.items()},
            },
        )

    def _id(self, name: str) -> str:
        return f"{self._entry.entry_id}/{name}"
