"""A radiator thermostat and a heater on a plug or relay, as the cloud shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchbot_automation.model import PLUGIN_PREFIX
from switchbot_automation.simulation.account.families import CatalogDevice

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchbot_automation.cloud.catalog.catalog import DeviceType
    from switchbot_automation.simulation.account.devices import Body
    from switchbot_automation.simulation.house.heaters import Panel, Radiator

_MANUAL, _OFF = 1, 2
_LOWEST = 4.0
_MAINS_VOLTS = 230.0


class ThermostatDevice(CatalogDevice):
    """A Smart Radiator Thermostat. Its status tells its mode, and not its setpoint."""

    def __init__(
        self,
        product: DeviceType,
        device_id: str,
        name: str,
        radiator: Radiator,
        seconds: Callable[[], float],
    ) -> None:
        super().__init__(product, device_id, name)
        self.radiator = radiator
        self.state["mode"] = _OFF
        self._seconds = seconds
        self._manual = 20.0

    def fields(self) -> Body:
        """Return the status, with the air at the radiator."""
        return super().fields() | {"temperature": round(self.radiator.sensed, 1)}

    def prepare(
        self, command: str, parameter: Any, command_type: str
    ) -> Callable[[], Body | None]:
        """Check the command; see `VirtualDevice.prepare`."""
        carry_out = super().prepare(command, parameter, command_type)
        # It plays one of another make, which is told its setpoint alone.
        plays = self.device_id.startswith(PLUGIN_PREFIX)

        def obey() -> Body | None:
            if plays and command == "setManualModeTemperature":
                self.state["mode"] = _MANUAL
            # In another mode it is presumed to be taken, and to change nothing.
            manual = self.state["mode"] == _MANUAL
            if command == "setManualModeTemperature" and manual:
                self._manual = max(_LOWEST, float(parameter))
            told = carry_out()
            self._follow()
            return told

        return obey

    def change(self, changes: Body) -> Body | None:
        """Write fields, told or by hand; the valve follows the mode."""
        told = super().change(changes)
        self._follow()
        return told

    def _follow(self) -> None:
        off = self.state["mode"] == _OFF
        self.radiator.turn(self._seconds(), None if off else self._manual)


def relay_on(fields: Body, channel: int = 0) -> bool:
    """Tell whether a plug, or that `channel` of a relay, lets the current through."""
    name = f"switch{channel}Status" if channel else "switchStatus"
    return str(fields.get(name, fields.get("power"))) in {"1", "on"}


def measured(fields: Body, watts: float, *, channel: int = 0) -> Body:
    """Return those of a status' fields that measure, at `watts` behind the relay."""
    before = f"switch{channel}" if channel else ""
    found: Body = {
        name: watts
        for name in ((f"{before}Power", "weight") if before else ("power", "weight"))
        if isinstance(fields.get(name), int | float)
    }
    current = f"{before}ElectricCurrent" if before else "electricCurrent"
    if current in fields:
        found[current] = round(watts / _MAINS_VOLTS * 1000.0)
    return found


class HeaterPlug(CatalogDevice):
    """A plug or relay that a panel heater hangs on; `channel` 0 where there is but one.

    `misread` are the watts that it measures in place of those that are drawn, or what gives
    them for the hours since the home began; None is a plug that measures rightly.
    """

    def __init__(
        self,
        product: DeviceType,
        device_id: str,
        name: str,
        panel: Panel,
        *,
        seconds: Callable[[], float],
        channel: int = 0,
    ) -> None:
        super().__init__(product, device_id, name)
        self.panel = panel
        self.channel = channel
        self._seconds = seconds
        self._day, self._before = 0, 0.0
        self.misread: float | Callable[[float], float] | None = None

    @property
    def _watts(self) -> float:
        said = self.misread
        if said is None:
            return self.panel.power_draw
        return said(self._seconds() / 3600.0) if callable(said) else said

    def fields(self) -> Body:
        """Return the status, with what the panel draws where the product measures."""
        fields = super().fields()
        before = f"switch{self.channel}" if self.channel else ""
        fields |= measured(fields, self._watts, channel=self.channel)
        used = f"{before}UsedElectricity" if before else "usedElectricity"
        if used in fields:
            # Watt minutes of the day, which begins with the home's clock.
            day, joules = int(self._seconds() // 86_400.0), self.panel.energy
            if day != self._day:
                self._day, self._before = day, joules
            fields[used] = round((joules - self._before) / 60.0)
        return fields

    def change(self, changes: Body) -> Body | None:
        """Write fields, told or by hand; the panel follows the relay, if that is not deaf."""
        if self.panel.deaf:
            return None
        told = super().change(changes)
        self.panel.turn(self._seconds(), on=relay_on(self.state, self.channel))
        return told
