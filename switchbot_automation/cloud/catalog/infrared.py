"""What infrared remotes are assumed to have done, since none can be asked. Pure.

A remote's status is always empty and an infrared command is never acknowledged
(SwitchBotAPI#37, #224), so all there is to know is what was sent, when, and by whom it
is said. What cannot be known stays unknown: a learned button may do anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from switchbot_automation.instants import parse_instant
from switchbot_automation.model import PLUGIN_PREFIX as PREFIX
from switchbot_automation.model import Power

if TYPE_CHECKING:
    from collections.abc import Mapping


_SET_ALL_PARTS = 4
_POWERS = {"turnOn": Power.ON, "turnOff": Power.OFF}


class AssumedSource(StrEnum):
    """Why a state is assumed."""

    SENT = "sent"
    """The cloud accepted our command."""
    MAYBE_SENT = "maybe_sent"
    """No answer came to our command: it may have gone out or not."""
    TOLD = "told"
    """Somebody said so: a person, or a host that knows better."""


@dataclass(frozen=True, slots=True)
class AssumedState:
    """What a remote's appliance is assumed to be.

    `at` is the aware instant (UTC) of what was last sent or said, `source` who says so,
    `command` and `parameter` what it was. Of an air conditioner `setpoint_celsius`,
    `mode` (1 auto, 2 cool, 3 dry, 4 fan, 5 heat) and `fan` (1 auto, 2 low, 3 medium,
    4 high) are known once a `setAll` went out, else None.
    """

    remote_id: str
    power: Power
    at: datetime
    source: AssumedSource
    command: str
    parameter: str = "default"
    setpoint_celsius: float | None = None
    mode: int | None = None
    fan: int | None = None

    def as_document(self) -> dict[str, Any]:
        """Return it as a document a store can keep."""
        return {
            "power": str(self.power),
            "at": self.at.isoformat(),
            "source": str(self.source),
            "command": self.command,
            "parameter": self.parameter,
            "setpoint_celsius": self.setpoint_celsius,
            "mode": self.mode,
            "fan": self.fan,
        }


class AssumedStates:
    """The assumed states of an account's remotes, by id."""

    def __init__(self, document: Mapping[str, Any] | None = None) -> None:
        """Start with those of `document` (`as_document`); what is no state is dropped."""
        self._states: dict[str, AssumedState] = {}
        for remote_id, entry in (document or {}).items():
            state = _read_state(remote_id, entry)
            if state is not None:
                self._states[remote_id] = state

    def __repr__(self) -> str:
        return f"<AssumedStates of {len(self._states)} remotes>"

    def get(self, remote_id: str) -> AssumedState | None:
        """Return what is assumed, None for a remote nothing was ever sent from."""
        return self._states.get(remote_id)

    def note(
        self,
        remote_id: str,
        command: str,
        parameter: Any,
        command_type: str,
        *,
        at: datetime,
        source: AssumedSource = AssumedSource.SENT,
    ) -> AssumedState:
        """Conclude from a command what the appliance is now; return it.

        After `MAYBE_SENT` nothing is known unless the command changes nothing of what
        was assumed before.
        """
        before = self._states.get(remote_id) or AssumedState(
            remote_id, Power.UNKNOWN, at, source, command
        )
        after = replace(
            _concluded(before, command, parameter, command_type),
            at=at,
            source=source,
            command=command,
            parameter=parameter if isinstance(parameter, str) else "",
        )
        if source is AssumedSource.MAYBE_SENT and _differs(before, after):
            after = replace(
                after,
                power=before.power if before.power is after.power else Power.UNKNOWN,
                setpoint_celsius=None,
                mode=None,
                fan=None,
            )
        self._states[remote_id] = after
        return after

    def tell(self, remote_id: str, power: Power, at: datetime) -> AssumedState:
        """Take somebody's word for the appliance being on, off or unknown."""
        before = self._states.get(remote_id)
        state = AssumedState(remote_id, power, at, AssumedSource.TOLD, "")
        if before is not None:
            state = replace(
                state,
                setpoint_celsius=before.setpoint_celsius,
                mode=before.mode,
                fan=before.fan,
            )
        self._states[remote_id] = state
        return state

    def as_document(self) -> dict[str, Any]:
        """Return all states as one document, to be given to a later instance."""
        return {
            remote_id: state.as_document() for remote_id, state in self._states.items()
        }


def _concluded(
    before: AssumedState, command: str, parameter: Any, command_type: str
) -> AssumedState:
    if command_type != "command":
        return replace(
            before, power=Power.UNKNOWN, setpoint_celsius=None, mode=None, fan=None
        )
    if command in _POWERS:
        return replace(before, power=_POWERS[command])
    if command == "setAll":
        return _set_all(before, parameter)
    # Volume, channel, swing: they say nothing of the rest.
    return before


def _set_all(before: AssumedState, parameter: Any) -> AssumedState:
    parts = parameter.split(",") if isinstance(parameter, str) else []
    try:
        setpoint, mode, fan = float(parts[0]), int(parts[1]), int(parts[2])
        power = Power(parts[_SET_ALL_PARTS - 1].strip())
    except (ValueError, IndexError):
        return replace(before, power=Power.UNKNOWN)
    return replace(
        before,
        power=power,
        setpoint_celsius=setpoint,
        # Nought and one are both automatic.
        mode=mode or 1,
        fan=fan,
    )


def _differs(before: AssumedState, after: AssumedState) -> bool:
    return (before.power, before.setpoint_celsius, before.mode, before.fan) != (
        after.power,
        after.setpoint_celsius,
        after.mode,
        after.fan,
    )


def _read_state(remote_id: str, entry: Any) -> AssumedState | None:
    """Read what a store kept; None for anything else."""
    if not isinstance(entry, dict):
        return None
    try:
        at = parse_instant(entry["at"], timezone=UTC)
        setpoint, mode, fan = (
            entry.get("setpoint_celsius"),
            entry.get("mode"),
            entry.get("fan"),
        )
        return AssumedState(
            remote_id=remote_id,
            power=Power(entry["power"]),
            at=at,
            source=AssumedSource(entry["source"]),
            command=str(entry.get("command", "")),
            parameter=str(entry.get("parameter", "default")),
            setpoint_celsius=None if setpoint is None else float(setpoint),
            mode=None if mode is None else int(mode),
            fan=None if fan is None else int(fan),
        )
    except (KeyError, TypeError, ValueError):
        return None


# As `02-202008110034-13` (SwitchBot API v1.1, device list); the cloud gives longer ends too.
_INFRARED_ID = re.compile(r"\d{2}-\w+-\d+")

# The dashboard takes any id over 12 characters with two hyphens for a remote's.
_DASHBOARD_LENGTH = 12
_DASHBOARD_HYPHENS = 2


def is_infrared_id(device_id: str) -> bool:
    """Tell whether an id is a remote's, by its form, as in ``02-202008110034-13``.

    The account's device list alone knows of those that have another.
    """
    return _INFRARED_ID.fullmatch(device_id) is not None


def looks_infrared(device_id: str) -> bool:
    """Tell whether a unit of this id is never asked for a status: it only takes commands.

    Another question than `is_infrared_id`: so are, besides a remote, what the dashboard
    takes for one, a plug-in's unit, and no unit at all.
    """
    return (
        not device_id
        or device_id.startswith(PREFIX)
        or is_infrared_id(device_id)
        or (
            len(device_id) > _DASHBOARD_LENGTH
            and device_id.count("-") >= _DASHBOARD_HYPHENS
        )
    )
