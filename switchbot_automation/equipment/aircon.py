"""An air conditioner that takes `setAll`, by infrared or of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from switchbot_automation.equipment.kind import DEFAULT, EquipmentKind
from switchbot_automation.model import HIGHEST_SETPOINT, LOWEST_SETPOINT, Action

if TYPE_CHECKING:
    from switchbot_automation.equipment.kind import Cost


class AirconKind(EquipmentKind):
    """Heats, cools and moves air; what a zone says by itself of its times is meant for it."""

    word = "aircon"
    does: ClassVar[frozenset[Action]] = frozenset(
        {Action.WINTER, Action.SUMMER, Action.FAN, Action.DRY}
    )
    abilities: ClassVar[frozenset[str]] = frozenset({"heat", "cool", "dry", "move air"})
    cost: ClassVar[Cost] = "compressor"
    takes = "setAll"
    lowest: ClassVar[float | None] = LOWEST_SETPOINT
    highest: ClassVar[float | None] = HIGHEST_SETPOINT

    def command(
        self, action: Action, setting: str | None, channel: int
    ) -> tuple[str, Any]:
        """Return `setAll`, or `turnOff` where there is nothing to set."""
        del action, channel
        return ("turnOff", DEFAULT) if setting is None else ("setAll", setting)
