"""What moves and cleans the air of a room: fans and purifiers.

SwitchBot API v1.1: Circulator Fans, the Smart Fan and Air Purifiers take `turnOn` and
`turnOff`, in the mode and at the speed that they were left at, and tell their power. A
purifier filters; it takes no CO2, unless its air comes from outdoors.
"""

from __future__ import annotations

from types import MappingProxyType

from switchbot_automation.equipment.kind import OnOff
from switchbot_automation.model import Action

_PRESUMES = MappingProxyType(
    {"command_cooldown_seconds": 300, "max_starts_per_hour": 4}
)


class PurifierKind(OnOff):
    """Cleans the air while it is worse than wanted."""

    word = "purifier"
    own = Action.PURIFY
    does = frozenset({Action.PURIFY})
    abilities = frozenset({"clean air"})
    cost = "nothing"
    categories = frozenset({"air_purifier"})
    presumes = _PRESUMES


class FanKind(OnOff):
    """Moves air: a ventilator while it is stale, a circulator while it is too warm."""

    word = "fan"
    own = Action.VENTILATE
    does = frozenset({Action.VENTILATE})
    abilities = frozenset({"move air"})
    cost = "nothing"
    categories = frozenset({"fan"})
    presumes = _PRESUMES
