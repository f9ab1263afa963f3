"""A heater on a plug or a relay: on or off, and in between for a share of a cycle.

SwitchBot API v1.1: `turnOn` and `turnOff`, of a relay with two channels with ``"1"`` or
``"2"``. Plug Mini and the relays that measure say what is drawn, so a heater that is
broken or was turned off by hand is seen.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final

from switchbot_automation.equipment.kind import ONLINE, EquipmentKind, Heating, OnOff

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchbot_automation.equipment.kind import Cost

_STATES: Final = {"on": "on", "1": "on", "off": "off", "0": "off"}


def shown_by_relay(
    _kind: EquipmentKind, fields: Mapping[str, Any], channel: int
) -> Mapping[str, Any]:
    """Return whether a relay lets anything through, as a status of a unit."""
    beside = {key: fields[key] for key in ONLINE if key in fields}
    word = fields.get("power")
    # A number there is watts, which say nothing of the relay.
    said = word if isinstance(word, str) else fields.get("switchStatus")
    said = fields.get(f"switch{channel}Status") if channel else said
    power = _STATES.get(str(said).lower())
    return beside if power is None else {**beside, "power": power}


class HeaterKind(OnOff, Heating):
    """Heats by being on; a start wears the relay, which bears six switches an hour."""

    word = "heater"
    cost: ClassVar[Cost] = "relay"
    proportional = True
    categories: ClassVar[frozenset[str]] = frozenset({"plug", "switch"})
    options: ClassVar[frozenset[str]] = frozenset(
        {"channel", "cycle_seconds", "measures_power"}
    )
    presumes: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {
            "control": "auto",
            "command_cooldown_seconds": 300,
            "max_starts_per_hour": 3,
            "fan_mode_during_window": False,
            "power_meter_on_watts": 20.0,
            "off_repeat_count": 1,
        }
    )

    shown = shown_by_relay

    def idles(self, fields: Mapping[str, Any], channel: int) -> bool:
        """Tell whether the relay is on, so that a heater without watts stopped by itself."""
        return self.shown(fields, channel).get("power") == "on"
