"""Every kind of equipment there is: one row each."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from switchbot_automation.equipment.air import FanKind, PurifierKind
from switchbot_automation.equipment.aircon import AirconKind
from switchbot_automation.equipment.cover import BlindKind, CurtainKind, ShadeKind
from switchbot_automation.equipment.heater import HeaterKind
from switchbot_automation.equipment.humidity import DehumidifierKind, HumidifierKind
from switchbot_automation.equipment.thermostat import ThermostatKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchbot_automation.equipment.kind import EquipmentKind

AIRCON: Final = AirconKind()
"""What a zone has that names an `aircon_device_id`."""

KINDS: Final[Mapping[str, EquipmentKind]] = MappingProxyType(
    {
        kind.word: kind
        for kind in (
            AIRCON,
            ThermostatKind(),
            HeaterKind(),
            HumidifierKind(),
            DehumidifierKind(),
            PurifierKind(),
            FanKind(),
            CurtainKind(),
            BlindKind(),
            ShadeKind(),
        )
    }
)
