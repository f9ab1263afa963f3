"""What wets and dries the air of a room: humidifiers, and a dehumidifier on a plug.

SwitchBot API v1.1: the Humidifier and the Evaporative Humidifiers take `turnOn` and
`turnOff` and tell their power, an empty tank and a filter that dries; there is no dehumidifier of SwitchBot's, so it hangs on a
Plug Mini, Plug or Relay Switch and has to start by itself when it gets current.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from switchbot_automation.equipment.heater import shown_by_relay
from switchbot_automation.equipment.kind import OnOff
from switchbot_automation.model import Action, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchbot_automation.equipment.kind import Cost


_HINDERS = MappingProxyType(
    {"lackWater": ReasonCode.TANK_EMPTY, "drying": ReasonCode.FILTER_DRIES}
)


class HumidifierKind(OnOff):
    """Wets the air; a start wears nothing, but a tank runs dry."""

    word = "humidifier"
    own: ClassVar[Action | None] = Action.HUMIDIFY
    does: ClassVar[frozenset[Action]] = frozenset({Action.HUMIDIFY})
    abilities: ClassVar[frozenset[str]] = frozenset({"humidify"})
    cost: ClassVar[Cost] = "nothing"
    categories: ClassVar[frozenset[str]] = frozenset({"humidifier"})
    presumes: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {"command_cooldown_seconds": 300, "max_starts_per_hour": 4}
    )

    def hindrance(self, fields: Mapping[str, Any]) -> ReasonCode | None:
        """Return what it says of its tank and its filter.

        `lackWater` is the Humidifier's, `drying` the Evaporative Humidifiers'.
        """
        return next(
            (why for key, why in _HINDERS.items() if fields.get(key) is True), None
        )


class DehumidifierKind(OnOff):
    """Dries the air with a compressor, which has to rest as that of any other."""

    word = "dehumidifier"
    own: ClassVar[Action | None] = Action.DRY
    does: ClassVar[frozenset[Action]] = frozenset({Action.DRY})
    abilities: ClassVar[frozenset[str]] = frozenset({"dehumidify"})
    cost: ClassVar[Cost] = "compressor"
    categories: ClassVar[frozenset[str]] = frozenset({"plug", "switch"})
    options: ClassVar[frozenset[str]] = frozenset({"channel", "measures_power"})
    presumes: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {
            "min_on_seconds": 600,
            "min_off_seconds": 300,
            "max_starts_per_hour": 3,
            "power_meter_on_watts": 20.0,
        }
    )
    shown = shown_by_relay
