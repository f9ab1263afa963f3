"""Whether a zone heats or cools while its mode is `auto`. Pure.

A season is left only for the other's own threshold, reached while the unit rests and
held for a while, and not before it has lasted: heat that the unit itself left behind, an
hour of sun, or an open window are no reason to cool in winter.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from switchbot_automation.core.control.trend import number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchbot_automation.settings.model import Profile, ZoneSettings

AUTO = "auto"
_NAMES = ("winter", "summer")
_VERSION = 1
# How long the other season has to be asked for, and the unit to have rested.
_ASKED_SECONDS = 1800.0
_RESTED_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Season:
    """The season in force, `winter` or `summer`, since when, POSIX seconds.

    `asked` is since when the room has been asking for the other one.
    """

    name: str
    since: float
    asked: float | None = None

    def to_document(self) -> dict[str, Any]:
        """Return it as a document."""
        document = {"version": _VERSION, "name": self.name, "since": self.since}
        return document if self.asked is None else document | {"asked": self.asked}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Season | None:
        """Read a document; another version or garbage counts as none."""
        since = number(document.get("since"), 0.0, 1e11)
        name = document.get("name")
        if document.get("version") != _VERSION or name not in _NAMES or since is None:
            return None
        return cls(name, since, number(document.get("asked"), 0.0, 1e11))


def season_of(
    zone: ZoneSettings,
    season: Season | None,
    temperature: float | None,
    *,
    now: float,
    rested_seconds: float,
) -> Season:
    """Return the season after a reading, None for none, at `now` in POSIX seconds.

    `rested_seconds` is how long the compressor has been off, 0 while it runs. Without
    temperatures for both seasons, and before there is any reading, it is winter unless
    only the summer has some.
    """
    winter, summer = zone.winter, zone.summer
    if winter is None or summer is None:
        name = "summer" if winter is None and summer is not None else "winter"
        return _kept(season, name, now)
    if season is None or season.since > now:
        return Season(_nearer(winter, summer, temperature), now)
    if temperature is None:
        return season
    hysteresis = zone.hysteresis_celsius
    if season.name == "winter":
        asks = temperature >= summer.max_temp + hysteresis
    else:
        asks = temperature <= winter.min_temp - hysteresis
    if not asks or rested_seconds < _RESTED_SECONDS:
        return season if season.asked is None else replace(season, asked=None)
    if season.asked is None:
        return replace(season, asked=now)
    lasted = now - season.since >= 60.0 * zone.season_dwell_minutes
    if not lasted or now - season.asked < _ASKED_SECONDS:
        return season
    return Season("summer" if season.name == "winter" else "winter", now)


def _kept(season: Season | None, name: str, now: float) -> Season:
    return season if season is not None and season.name == name else Season(name, now)


def _nearer(winter: Profile, summer: Profile, temperature: float | None) -> str:
    """Return the season whose threshold a room is nearer to."""
    if temperature is None:
        return "winter"
    warm = summer.max_temp - temperature < temperature - winter.min_temp
    return "summer" if warm else "winter"
