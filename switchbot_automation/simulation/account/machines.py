"""Humidifiers, purifiers, fans and covers that work on a simulated room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchbot_automation.simulation.account.covers import CoverDevice
from switchbot_automation.simulation.account.families import CatalogDevice
from switchbot_automation.simulation.account.heating import measured, relay_on

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchbot_automation.cloud.catalog.catalog import DeviceType
    from switchbot_automation.simulation.account.devices import Body
    from switchbot_automation.simulation.house.machines import Machine


class MachineDevice(CatalogDevice):
    """A device with a power of its own; its machine works while that is on."""

    def __init__(
        self,
        product: DeviceType,
        device_id: str,
        name: str,
        machine: Machine,
        seconds: Callable[[], float],
    ) -> None:
        super().__init__(product, device_id, name)
        self.machine = machine
        self._seconds = seconds
        for field, value in (("power", "off"), ("switchStatus", 0)):
            if field in self.state and not isinstance(self.state[field], float):
                self.state[field] = value

    def fields(self) -> Body:
        """Return the status, with an empty tank and what is drawn where it tells."""
        fields = super().fields()
        if "lackWater" in fields:
            fields["lackWater"] = self.machine.empty
        return fields | measured(fields, self.machine.power_draw)

    def change(self, changes: Body) -> Body | None:
        """Write fields; the machine follows."""
        told = super().change(changes)
        self.machine.turn(self._seconds(), 1.0 if relay_on(self.state) else 0.0)
        return told


class ShadingDevice(CoverDevice):
    """A cover in front of the room's window; the machine is as far closed as it is."""

    def __init__(
        self,
        product: DeviceType,
        device_id: str,
        name: str,
        machine: Machine,
        seconds: Callable[[], float],
    ) -> None:
        super().__init__(product, device_id, name)
        self.machine = machine
        self._seconds = seconds
        tilts = "direction" in self.state
        self.state[self._field] = 100 if tilts else 0

    def change(self, changes: Body) -> Body | None:
        """Write fields; the room gets as much sun as comes through."""
        told = super().change(changes)
        position: Any = self.state[self._field]
        closed = position / 100.0
        if "direction" in self.state:
            closed = 1.0 - closed
        self.machine.turn(self._seconds(), closed)
        return told
