"""Curtains, blinds and shades: they take their time and tell about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchbot_automation.simulation.account.families import CatalogDevice

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchbot_automation.simulation.account.devices import Body

_STEP_PERCENT = 20
_STEP_SECONDS = 2.0
_OPEN, _CLOSED = 0, 100


class CoverDevice(CatalogDevice):
    """A cover that moves 20 % in two seconds and sends an event after each step.

    0 is open and 100 closed, except for a Blind Tilt, whose 100 is open.
    """

    _travel = 0

    @property
    def _field(self) -> str:
        return "slidePosition" if "slidePosition" in self.state else "position"

    def prepare(
        self, command: str, parameter: Any, command_type: str
    ) -> Callable[[], Body | None]:
        """Check the command; see `VirtualDevice.prepare`."""
        checked = self._checked(command, parameter, command_type)
        if command == "pause":
            return self._halt
        target = self._target(command, checked)
        if target is None:
            return super().prepare(command, parameter, command_type)
        direction, position = target
        return lambda: self._set_off(direction, position)

    def _target(self, command: str, parameter: Any) -> tuple[str | None, int] | None:
        if command == "setPosition":
            if isinstance(parameter, int):
                return None, parameter
            if ";" in parameter:
                direction, position = parameter.split(";")
                return direction, int(position)
            return None, int(parameter.rpartition(",")[2])
        if command in {"turnOn", "turnOff"} and "slidePosition" in self.state:
            return None, _OPEN if command == "turnOn" else _CLOSED
        return _BLIND_TARGETS.get(command)

    def _set_off(self, direction: str | None, target: int) -> Body | None:
        self._travel += 1
        if direction is not None:
            self.state["direction"] = direction
        return self._move(target, self._travel)

    def _move(self, target: int, travel: int) -> Body | None:
        """Go one step; a newer command has another `travel` and ends this one."""
        if travel != self._travel:
            return None
        position = self.state[self._field]
        left = target - position
        step = max(-_STEP_PERCENT, min(_STEP_PERCENT, left))
        changes: Body = {self._field: position + step}
        if "moving" in self.state:
            changes["moving"] = step != left
        if step != left:
            self.account.later(self, _STEP_SECONDS, lambda: self._move(target, travel))
        return self.change(changes)

    def _halt(self) -> Body | None:
        self._travel += 1
        return self.change({"moving": False} if "moving" in self.state else {})


_BLIND_TARGETS: dict[str, tuple[str | None, int]] = {
    "fullyOpen": ("up", 100),
    "closeUp": ("up", 0),
    "closeDown": ("down", 0),
}
