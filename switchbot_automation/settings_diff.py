"""What changes between two settings, for a person to read before applying them."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from switchbot_automation.settings.secrets import is_secret_name, masked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from switchbot_automation.settings.model import Settings, ZoneSettings


@dataclass(frozen=True, slots=True)
class SettingChange:
    """One value that differs. `path` is as in the document, its zone always named.

    None stands for absent. Of webhooks only the host is shown, so two that differ in
    their key alone look the same here; that they are listed says that they differ.
    """

    path: str
    old: Any
    new: Any


def diff_settings(old: Settings, new: Settings) -> list[SettingChange]:
    """Return what differs, zone by zone in the order of the new settings.

    A zone that came or went is one change, without its values.
    """
    changes = []
    if old.api_quota_warning_threshold != new.api_quota_warning_threshold:
        changes.append(
            SettingChange(
                "api_quota_warning_threshold",
                old.api_quota_warning_threshold,
                new.api_quota_warning_threshold,
            )
        )
    for name in [*new.zones, *(name for name in old.zones if name not in new.zones)]:
        before, after = old.zones.get(name), new.zones.get(name)
        path = f"zones.{name}"
        if before is None or after is None:
            # Whole zones are not compared: every value would be listed.
            there = (before and "present", after and "present")
            changes.append(SettingChange(path, *there))
        else:
            changes.extend(_zone_changes(path, before, after))
    return changes


def _zone_changes(
    path: str, old: ZoneSettings, new: ZoneSettings
) -> Iterator[SettingChange]:
    for each in fields(new):
        before, after = getattr(old, each.name), getattr(new, each.name)
        if before == after:
            continue
        at = f"{path}.{_DOCUMENT_NAMES.get(each.name, each.name)}"
        if each.name == "webhooks":
            yield from _mapping_changes(at, before, after, under=each.name)
        elif each.name == "scenes":
            yield from _mapping_changes(at, before, after)
        elif each.name == "presets":
            yield from _preset_changes(at, before, after)
        elif is_dataclass(before or after):
            yield from _mapping_changes(at, _as_mapping(before), _as_mapping(after))
        else:
            yield SettingChange(at, before, after)


def _preset_changes(
    path: str, old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[SettingChange]:
    """List what differs by preset; a preset that came or went is one change."""
    for name in dict.fromkeys([*new, *old]):
        before, after = old.get(name), new.get(name)
        at = f"{path}.{name}"
        if before is None or after is None:
            yield SettingChange(at, before and "present", after and "present")
            continue
        for each in fields(after):
            was, becomes = getattr(before, each.name), getattr(after, each.name)
            if is_dataclass(was or becomes):
                inside = f"{at}.{each.name}"
                yield from _mapping_changes(
                    inside, _as_mapping(was), _as_mapping(becomes)
                )
            elif was != becomes:
                yield SettingChange(f"{at}.{each.name}", was, becomes)


_DOCUMENT_NAMES = {"scenes": "aircon_scenes"}


def _as_mapping(profile: Any) -> dict[str, Any]:
    if profile is None:
        return {}
    return {each.name: getattr(profile, each.name) for each in fields(profile)}


def _mapping_changes(
    path: str, old: Mapping[Any, Any], new: Mapping[Any, Any], *, under: str = ""
) -> Iterator[SettingChange]:
    for key in dict.fromkeys([*new, *old]):
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        if is_secret_name(under):
            before, after = masked(before, under), masked(after, under)
        yield SettingChange(f"{path}.{key}", before, after)
