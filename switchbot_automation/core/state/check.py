"""Whether a command that was accepted was also carried out. Pure.

Accepted means that the cloud took it. What shows more: the status of a unit that has one,
the watts of a plug it hangs on, or the room's temperature. Plugs say watts as ``weight``
(Plug Mini US and JP), ``power`` (EU, relay switches) or ``switch1Power`` (a relay with two
channels), SwitchBot API v1.1.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from switchbot_automation.core.state.unit import its_way, offline, same_parameter
from switchbot_automation.core.state.values import (
    number,
)
from switchbot_automation.core.state.zone import Check
from switchbot_automation.model import Action, Power

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchbot_automation.core.state.zone import ZoneState
    from switchbot_automation.settings.model import ZoneSettings

Way: TypeAlias = Literal["power", "status", "room"]

GIVEN_UP = timedelta(hours=1)
"""How long an unresponsive unit is left alone before its status is believed again."""

_STARTS = frozenset({Action.WINTER, Action.SUMMER})
# One step of a meter is noise, two are a trend.
_ROOM_KELVIN = 0.2
# How a relay says that it lets nothing through.
_CUT_OFF = frozenset({"off", "0"})
# What is measured behind an open relay and is no error of its meter's.
_FLOWS_WATTS = 10.0


def measures(zone: ZoneSettings, state: ZoneState, now: datetime) -> bool:
    """Tell whether a zone's unit hangs on a plug whose watts are believed at `now`."""
    kept = state.evidence
    misread = kept.misread if kept is not None else None
    if not zone.power_meter_device_id:
        return False
    return misread is None or not misread.stands(now)


def way_of(
    zone: ZoneSettings, action: Action, *, readable: bool, measured: bool
) -> Way | None:
    """Return what can show that an action was carried out, None where nothing can.

    `readable`: the unit has a status of its own; `measured`: see `measures`. A plug cannot
    tell a fan from a rest.
    """
    if measured and action is not Action.FAN:
        return "power"
    if readable:
        return "status"
    if zone.thermal_response_seconds and action in _STARTS and zone.kind.own is None:
        return "room"
    return None


def asked(
    zone: ZoneSettings,
    state: ZoneState,
    action: Action,
    command_id: str,
    at: datetime,
    *,
    attempt: int,
    readable: bool,
) -> Check | None:
    """Return what is to be seen of a command accepted at `at`, None for nothing.

    `attempt`: how often it was sent again. One that the rule sends again, since the
    unit's status said otherwise, counts on from there.
    """
    before = state.check
    if (
        before is not None
        and before.action is action
        and not before.given_up
        and before.parameter == state.parameter
    ):
        attempt = max(attempt, before.attempt)
    measured = measures(zone, state, at)
    way = way_of(zone, action, readable=readable, measured=measured)
    if way is None:
        return None
    seconds = (
        zone.thermal_response_seconds if way == "room" else zone.confirm_within_seconds
    )
    due_at = at + timedelta(seconds=seconds * 2**attempt)
    return Check(
        command_id,
        action,
        at,
        due_at,
        attempt,
        state.last_temperature,
        parameter=state.parameter,
    )


def with_check(state: ZoneState, check: Check | None) -> ZoneState:
    """Return the state with what is still to be seen, None for nothing."""
    return state._replace(check=check)


def takes_otherwise(check: Check, found: ZoneState) -> bool:
    """Tell whether a unit does what it was told with other settings than it was told."""
    told = check.parameter
    return told is not None and not same_parameter(told, found.parameter)


def told_again(check: Check, found: ZoneState, attempts: int) -> ZoneState:
    """Return the state of a unit that shows other settings than it was told.

    Believed first, so that the rule may tell it again; in the end taken for its way.
    """
    if check.attempt < attempts or check.parameter is None:
        return with_check(found, replace(check, attempt=check.attempt + 1))
    return with_check(its_way(found, check.parameter, check.action), None)


def agrees(check: Check, power: Power) -> bool | None:
    """Tell whether the unit does what it was told; None where nobody knows."""
    if power is Power.UNKNOWN:
        return None
    return (power is Power.OFF) is (check.action is Action.OFF)


def obeys(check: Check, found: ZoneState) -> bool | None:
    """Tell whether a unit's own status shows it at what it was told to do.

    With which setpoint and fan speed is another question. None where nobody knows.
    """
    shown = agrees(check, found.power)
    if not shown or check.action is Action.OFF:
        return shown
    return found.action in (check.action, None)


def by_power(zone: ZoneSettings, fields: Mapping[str, Any]) -> Power:
    """Return what a plug's reading says of the unit behind it."""
    watts = watts_of(fields, zone.power_meter_channel)
    if watts is None:
        return Power.UNKNOWN
    return Power.ON if watts >= zone.power_meter_on_watts else Power.OFF


def watts_of(fields: Mapping[str, Any], channel: int = 1) -> float | None:
    """Return what a plug or relay measures, None where it does not say, or not now.

    `channel` is that of a relay with two. What is cut off draws nothing, unless it is
    measured to: a relay whose contacts are welded says "off" and lets the current through.
    Where only current and voltage are said, their product stands for the watts.

        watts_of({"switch1Power": 0, "switch2Power": 640}, channel=2)  # 640.0
    """
    if offline(fields):
        return None
    name, word = f"switch{channel}", fields.get("power")
    if any(
        f"{name}{part}" in fields for part in ("Status", "Power", "ElectricCurrent")
    ):
        relay, said = fields.get(f"{name}Status"), fields.get(f"{name}Power")
        mains, flows = (
            fields.get(f"{name}Voltage"),
            fields.get(f"{name}ElectricCurrent"),
        )
    else:
        relay = fields.get("switchStatus", word if isinstance(word, str) else None)
        said = fields.get("weight", word)
        mains, flows = fields.get("voltage"), fields.get("electricCurrent")
    watts, volts, milliamperes = number(said), number(mains), number(flows)
    if str(relay).lower() in _CUT_OFF:
        return watts if watts is not None and watts >= _FLOWS_WATTS else 0.0
    if not watts and volts == 0.0:
        return None  # a relay that measures nothing, not even its own mains
    if watts is None and volts is not None and milliamperes is not None:
        watts = volts * milliamperes / 1000.0
    return watts


def by_room(check: Check, temperature: float | None) -> bool | None:
    """Tell whether the room went where the command should take it."""
    if temperature is None or check.temperature is None:
        return None
    gained = temperature - check.temperature
    if check.action is Action.SUMMER:
        gained = -gained
    return round(gained, 6) >= _ROOM_KELVIN
