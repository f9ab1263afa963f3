"""What moves and cleans the air of a room: fans and purifiers.

SwitchBot API v1.1: Circulator Fans, the Smart Fan and Air Purifiers take `turnOn` and
`turnOff`, in the mode and at the speed that they were left at, and tell their power. A
purifier filters; it takes no CO2, unless its air comes from outdoors.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from switchbot_automation.equipment.kind import OnOff
from switchbot_automation.model import Action

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchbot_automation.equipment.kind import Cost

_PRESUMES = MappingProxyType(
    {"command_cooldown_seconds": 300, "max_starts_per_hour": 4}
)


class PurifierKind(OnOff):
    """Cleans the air while it is worse than wanted."""

    word = "purifier"
    own: ClassVar[Action | None] = Action.PURIFY
    does: ClassVar[frozenset[Action]] = frozenset({Action.PURIFY})
    abilities: ClassVar[frozenset[str]] = frozenset({"clean air"})
    cost: ClassVar[Cost] = "nothing"
    categories: ClassVar[frozenset[str]] = frozenset({"air_purifier"})
    presumes: ClassVar[Mapping[str, Any]] = _PRESUMES


class FanKind(OnOff):
    """Moves air: a ventilator while it is stale, a circulator while it is too warm."""

    word = "fan"
    own: ClassVar[Action | None] = Action.VENTILATE
    does: ClassVar[frozenset[Action]] = frozenset({Action.VENTILATE})
    abilities: ClassVar[frozenset[str]] = frozenset({"move air"})
    cost: ClassVar[Cost] = "nothing"
    categories: ClassVar[frozenset[str]] = frozenset({"fan"})
    presumes: ClassVar[Mapping[str, Any]] = _PRESUMES
