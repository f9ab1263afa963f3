"""A Smart Radiator Thermostat: a valve with a setpoint and a thermometer of its own.

SwitchBot API v1.1: `setManualModeTemperature` from 4 to 35 °C, `setMode`, `turnOff`; its
status gives the mode (0 schedule, 1 manual, 2 off, 3 energy saving, 4 comfort, 5 quick
heating) and the air at the radiator, but not the setpoint. So what it was told last is what
is known of that. A setpoint is taken in manual mode alone, as who brought it to Home
Assistant says in https://github.com/home-assistant/core/pull/153075: one that is off, or in
its schedule, is told that mode first, each time, since a hand may have turned it since
anybody looked.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final

from switchbot_automation.equipment.kind import DEFAULT, ONLINE, Heating
from switchbot_automation.model import Action

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchbot_automation.equipment.kind import Cost, Fails

_MANUAL, _OFF = 1, 2
_MODES: Final = {
    "schedule": 0,
    "manual": _MANUAL,
    "off": _OFF,
    "energy saving": 3,
    "comfort": 4,
    "quick heating": 5,
}
# As an air conditioner says it: heating, and a mode that nobody here tells it.
_HEATS, _OTHERWISE = 5, 1
_LOWEST, _HIGHEST = 4.0, 35.0


class ThermostatKind(Heating):
    """Heats by a setpoint; a change moves a valve by a battery, and nothing else."""

    word = "thermostat"
    cost: ClassVar[Cost] = "valve"
    takes = "setManualModeTemperature"
    first: ClassVar[tuple[str, Any] | None] = ("setMode", _MANUAL)
    lowest: ClassVar[float | None] = _LOWEST
    highest: ClassVar[float | None] = _HIGHEST
    guards_itself = True
    fails: ClassVar[Fails] = "low setpoint"
    tells_setpoint = False
    presumes: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {
            "control": "auto",
            "half_degrees": True,
            "command_cooldown_seconds": 60,
            "max_starts_per_hour": 0,
            "max_starts_per_day": 0,
            "max_continuous_on_seconds": 0,
            "fan_mode_during_window": False,
            "off_repeat_count": 1,
        }
    )

    def command(
        self, action: Action, setting: str | None, channel: int
    ) -> tuple[str, Any]:
        """Return the setpoint of its manual mode, or `turnOff`."""
        del channel
        if action is Action.OFF or setting is None:
            return "turnOff", DEFAULT
        degrees = float(setting.split(",", 1)[0])
        whole = degrees.is_integer()
        return self.takes, int(degrees) if whole else degrees

    def shown(self, fields: Mapping[str, Any], channel: int) -> Mapping[str, Any]:
        """Return its mode as that of a unit; its own thermometer is not a setpoint.

        Where it shows a mode that nobody here tells it, its setpoint is another one.
        """
        del channel
        word = fields.get("mode")
        mode = _MODES.get(word.lower()) if isinstance(word, str) else word
        beside = {key: fields[key] for key in ONLINE if key in fields}
        if isinstance(mode, bool) or mode not in _MODES.values():
            return beside
        if mode == _OFF:
            return {**beside, "power": "off"}
        return {
            **beside,
            "power": "on",
            "mode": _HEATS if mode == _MANUAL else _OTHERWISE,
        }

    def beside_it(self, fields: Mapping[str, Any]) -> float | None:
        """Return the air at the radiator; one that the sun or a pipe warms says the same."""
        said = fields.get("temperature")
        number = isinstance(said, int | float) and not isinstance(said, bool)
        return float(said) if number and said else None
