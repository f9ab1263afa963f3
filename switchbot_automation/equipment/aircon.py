"""An air conditioner that takes `setAll`, by infrared or of its own."""

from __future__ import annotations

from typing import Any

from switchbot_automation.equipment.kind import DEFAULT, EquipmentKind
from switchbot_automation.model import HIGHEST_SETPOINT, LOWEST_SETPOINT, Action


class AirconKind(EquipmentKind):
    """Heats, cools and moves air; what a zone says by itself of its times is meant for it."""

    word = "aircon"
    does = frozenset({Action.WINTER, Action.SUMMER, Action.FAN, Action.DRY})
    abilities = frozenset({"heat", "cool", "dry", "move air"})
    cost = "compressor"
    takes = "setAll"
    lowest = LOWEST_SETPOINT
    highest = HIGHEST_SETPOINT

    def command(
        self, action: Action, setting: str | None, channel: int
    ) -> tuple[str, Any]:
        """Return `setAll`, or `turnOff` where there is nothing to set."""
        del action, channel
        return ("turnOff", DEFAULT) if setting is None else ("setAll", setting)
