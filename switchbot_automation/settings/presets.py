"""Presets and what chooses them, made complete."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from switchbot_automation.schedule.days import CATCH_UPS
from switchbot_automation.schedule.sun import SunTime
from switchbot_automation.schedule.windows import TimeWindow
from switchbot_automation.settings.model import (
    Openings,
    Presence,
    Preset,
    Profile,
    ZoneSettings,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


# What a preset's band, and what is added to it, stays within; that of the settings.
_COLDEST, _WARMEST = 10.0, 35.0
# What setpoints an air conditioner takes.
_LOWEST_SETPOINT, _HIGHEST_SETPOINT = 16.0, 30.0


def complete(
    values: dict[str, Any],
    profile_of: Callable[[str, Mapping[str, Any]], Profile | None],
) -> None:
    """Make presets, openings, presence, quiet hours and the windows of a zone's values complete.

    `profile_of` makes a season's profile of the keys given of it.
    """
    latitude, longitude = values.get("latitude"), values.get("longitude")
    values["time_windows"] = tuple(
        _located(window, latitude, longitude) for window in values["time_windows"]
    )
    values["presets"] = MappingProxyType(
        {
            name: _preset(name, given, values, profile_of)
            for name, given in values.get("presets", {}).items()
        }
    )
    if "openings" in values:
        values["openings"] = Openings(**values["openings"])
    if "command_quiet_hours" in values:
        quiet = TimeWindow(frozenset(range(7)), **values["command_quiet_hours"])
        values["command_quiet_hours"] = _located(quiet, latitude, longitude)
    if "presence" in values:
        values["presence"] = Presence(**values["presence"])


def _located(
    window: TimeWindow, latitude: float | None, longitude: float | None
) -> TimeWindow:
    edges = {
        key: edge._replace(latitude=latitude, longitude=longitude)
        for key, edge in (("start", window.start), ("end", window.end))
        if isinstance(edge, SunTime)
    }
    return replace(window, **edges) if edges else window  # type: ignore[arg-type] # the keys are the two edges


def _preset(
    name: str,
    given: Mapping[str, Any],
    values: Mapping[str, Any],
    profile_of: Callable[[str, Mapping[str, Any]], Profile | None],
) -> Preset:
    seasons = {}
    for season, saves in (("winter", -1.0), ("summer", 1.0)):
        profile = profile_of(season, values[season] | given.get(season, {}))
        back = saves * given.get("setback_kelvin", 0.0)
        seasons[season] = shifted(profile, back) if profile and back else profile
    return Preset(
        name,
        seasons["winter"],
        seasons["summer"],
        given.get("hysteresis_celsius", values["hysteresis_celsius"]),
        given.get("fan_mode_during_window", values["fan_mode_during_window"]),
    )


def shifted(profile: Profile, kelvin: float) -> Profile:
    """Return a profile moved by so much, its band within what settings allow."""
    least = min(profile.min_temp, profile.max_temp)
    most = max(profile.min_temp, profile.max_temp)
    kelvin = max(min(kelvin, _WARMEST - most), _COLDEST - least)
    lowest = min(_LOWEST_SETPOINT, profile.target_temp)
    highest = max(_HIGHEST_SETPOINT, profile.target_temp)
    return replace(
        profile,
        min_temp=round(profile.min_temp + kelvin, 3),
        max_temp=round(profile.max_temp + kelvin, 3),
        target_temp=round(min(max(profile.target_temp + kelvin, lowest), highest), 3),
    )


def is_overlaid(zone: ZoneSettings) -> bool:
    """Return whether a zone's settings change with time and surroundings."""
    return bool(
        zone.preset
        or zone.openings
        or zone.presence
        or zone.offsets
        or any(
            window.preset or window.policy.catch_up != CATCH_UPS[0]
            for window in zone.time_windows
        )
    )
