"""What keeps the sun out of a room: curtains, blinds and roller shades.

SwitchBot API v1.1: a Curtain takes ``index,mode,position`` and a Roller Shade a position,
0 open and 100 closed; a Blind Tilt is `closeDown` and `fullyOpen`. All tell where they
are as `slidePosition`, a Blind Tilt with 100 for open. To be "on" is to shade, to be "off"
to be open. Whatever is not known of the room, they stay as they are: nobody is harmed by a
curtain that stays, and nobody wants one that moves at night since a battery is empty.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final

from switchbot_automation.equipment.kind import DEFAULT, ONLINE, EquipmentKind
from switchbot_automation.model import Action

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchbot_automation.equipment.kind import By, Cost, Fails


_CLOSED: Final = 100
# From so far on it keeps the sun out, or from half of where it is told to go; a motor stops
# a little beside where it should.
_SHADES: Final = 20


class Cover(EquipmentKind):
    """Shades by closing, as far as its `level` says."""

    own: ClassVar[Action | None] = Action.SHADE
    does: ClassVar[frozenset[Action]] = frozenset({Action.SHADE})
    abilities: ClassVar[frozenset[str]] = frozenset({"shade"})
    by: ClassVar[By] = "level"
    cost: ClassVar[Cost] = "nothing"
    fails: ClassVar[Fails] = "stays"
    categories: ClassVar[frozenset[str]] = frozenset({"cover"})
    options: ClassVar[frozenset[str]] = frozenset({"level"})
    # Who opens it wants to look out of the window, and no cut in the mains moves it.
    by_hand_seconds: ClassVar[int] = 4 * 3600
    presumes: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {
            # Each move is heard, and taken from a battery.
            "min_on_seconds": 1800,
            "min_off_seconds": 1800,
            "max_starts_per_hour": 2,
            "max_starts_per_day": 8,
        }
    )

    def shown(self, fields: Mapping[str, Any], channel: int) -> Mapping[str, Any]:
        """Return whether it keeps the sun out; `channel` is how far it is told to close."""
        beside = {key: fields[key] for key in ONLINE if key in fields}
        position = fields.get("slidePosition")
        if isinstance(position, bool) or not isinstance(position, int | float):
            return beside
        if fields.get("calibrate") is False or not 0 <= position <= _CLOSED:
            # What it says of its place means nothing then.
            return beside
        shades = self.closed(position) >= min(_SHADES, (channel or _CLOSED) / 2)
        return {**beside, "power": "on" if shades else "off"}

    def closed(self, position: float) -> float:
        """Return how far it is closed at a position, in percent."""
        return position


class CurtainKind(Cover):
    """A Curtain, Curtain 3 or Curtain 4."""

    word = "curtain"
    takes = "pause"

    def command(
        self, action: Action, setting: str | None, channel: int
    ) -> tuple[str, Any]:
        """Return the position to go to."""
        del setting
        position = 0 if action is Action.OFF else channel or _CLOSED
        return "setPosition", f"0,ff,{position}"


class ShadeKind(Cover):
    """A Roller Shade."""

    word = "shade"
    takes = "setPosition"
    lacks: ClassVar[frozenset[str]] = frozenset({"pause", "fullyOpen"})

    def command(
        self, action: Action, setting: str | None, channel: int
    ) -> tuple[str, Any]:
        """Return the position to go to."""
        del setting
        return "setPosition", 0 if action is Action.OFF else channel or _CLOSED


class BlindKind(Cover):
    """A Blind Tilt, whose slats are open or closed."""

    word = "blind"
    takes = "fullyOpen"
    by: ClassVar[By] = "on-off"
    options: ClassVar[frozenset[str]] = frozenset()

    def command(
        self, action: Action, setting: str | None, channel: int
    ) -> tuple[str, Any]:
        """Return `closeDown`, or `fullyOpen`."""
        del setting, channel
        return "fullyOpen" if action is Action.OFF else "closeDown", DEFAULT

    def closed(self, position: float) -> float:
        """Return how far its slats are closed, in percent."""
        return _CLOSED - position
