"""Sunrise and sunset for rules.

A trigger is an object with `subjects` and `look`, a condition one with `subjects` and
`holds`. Both are pure: what a trigger remembers is given and returned, as JSON, and
comes back after a restart.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import voluptuous as vol
from astral import Observer
from astral.sun import elevation

from switchbot_automation.plugins import Plugin
from switchbot_automation.rules.model import LATEST, Look

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchbot_automation.rules.model import Home

__all__ = ["condition", "trigger"]

# Its upper rim on the horizon, with the usual refraction (the almanacs' convention).
_HORIZON_DEGREES = -0.833
_STEP = timedelta(minutes=10)
_LOOK_AHEAD = timedelta(days=2)

_PLACE: dict[Any, Any] = {
    vol.Required("latitude"): vol.All(vol.Coerce(float), vol.Range(-90, 90)),
    vol.Required("longitude"): vol.All(vol.Coerce(float), vol.Range(-180, 180)),
}


@dataclass(frozen=True)
class Place:
    """Somewhere on Earth, in degrees north and east."""

    latitude: float
    longitude: float

    def sun_is_up(self, at: datetime) -> bool:
        """Tell whether the sun stands above the horizon at an aware instant."""
        here = Observer(self.latitude, self.longitude)
        return elevation(here, at, with_refraction=False) > _HORIZON_DEGREES

    def next_change(self, after: datetime) -> datetime | None:
        """Return when it next rises or sets; None in a polar day or night."""
        up = self.sun_is_up(after)
        low, high = after, after
        while self.sun_is_up(high) is up:
            low, high = high, high + _STEP
            if high - after > _LOOK_AHEAD:
                return None
        while high - low > timedelta(seconds=1):
            middle = low + (high - low) / 2
            low, high = (
                (middle, high) if self.sun_is_up(middle) is up else (low, middle)
            )
        return high


@dataclass(frozen=True)
class SunTrigger:
    """Fires when the sun rises or sets, or so long after."""

    place: Place
    event: str
    offset: timedelta

    @property
    def subjects(self) -> tuple[()]:
        """It looks at no device."""
        return ()

    def look(self, memory: Mapping[str, Any], home: Home, now: datetime) -> Look:
        """Fire once the instant that was remembered has come."""
        due = datetime.fromisoformat(memory["due"]) if "due" in memory else None
        if due is not None and now < due:
            return Look(memory, due_at=due)
        following = self._next(now)
        fired = None
        if due is not None and now - due <= LATEST:
            fired = {
                "event": self.event,
                "time": due.astimezone(home.timezone).isoformat(),
            }
        if following is None:
            # No sunset in sight: look again tomorrow.
            return Look({}, fired, now + timedelta(days=1))
        return Look({"due": following.isoformat()}, fired, following)

    def _next(self, now: datetime) -> datetime | None:
        at = now - self.offset
        for _ in range(2):
            change = self.place.next_change(at)
            if change is None:
                return None
            if self.place.sun_is_up(change) is (self.event == "sunrise"):
                return change + self.offset
            at = change
        return None


@dataclass(frozen=True)
class SunCondition:
    """Holds while the sun is up, or while it is down."""

    place: Place
    up: bool

    @property
    def subjects(self) -> tuple[()]:
        """It looks at no device."""
        return ()

    def holds(self, home: Home, now: datetime) -> bool:  # noqa: ARG002 - the place is its own
        """Look at the sky."""
        return self.place.sun_is_up(now) is self.up


def _trigger(read: dict[str, Any]) -> SunTrigger:
    place = Place(read["latitude"], read["longitude"])
    return SunTrigger(place, read["event"], timedelta(minutes=read["offset_minutes"]))


def _condition(read: dict[str, Any]) -> SunCondition:
    return SunCondition(Place(read["latitude"], read["longitude"]), read["is"] == "up")


trigger = Plugin(
    schema=vol.Schema(
        {
            **_PLACE,
            vol.Required("event"): vol.In(["sunrise", "sunset"]),
            vol.Optional("offset_minutes", default=0): vol.All(
                vol.Coerce(float), vol.Range(-720, 720)
            ),
        }
    ),
    factory=_trigger,
    api_version=1,
)

condition = Plugin(
    schema=vol.Schema({**_PLACE, vol.Required("is"): vol.In(["up", "down"])}),
    factory=_condition,
    api_version=1,
)
