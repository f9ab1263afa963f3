"""What an air conditioner's own status says, taken into a zone's state. Pure.

The fields follow what SwitchBot's API v1.1 gives of the units that have a status:
``power``, ``mode`` and ``temperature``, and a fan speed under one of three names.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from switchbot_automation.engine.aircon import same_parameter, set_all_parameter
from switchbot_automation.engine.state import MODE_COOL, MODE_FAN, MODE_HEAT
from switchbot_automation.engine.state_values import number
from switchbot_automation.model import Action, Power

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from switchbot_automation.engine.state import ZoneState
    from switchbot_automation.settings_model import ZoneSettings

_MODES = range(100)
_MODE_WORDS = {
    "auto": 1,
    "cool": MODE_COOL,
    "dry": 3,
    "fan": MODE_FAN,
    "heat": MODE_HEAT,
}
# What a document can hold, and far beyond any temperature.
_LARGEST = 1e15


def power_of(fields: Mapping[str, Any]) -> Power | None:
    """Return what the unit says of its power, None where it says nothing."""
    return {"on": Power.ON, "off": Power.OFF}.get(str(fields.get("power")).lower())


def after_aircon_status(
    state: ZoneState, zone: ZoneSettings, fields: Mapping[str, Any], at: datetime
) -> ZoneState:
    """Return the state with what the unit said of itself.

    A start or stop that nobody commanded is dated now, the latest it can have been, so
    that minimum times are never cut short.
    """
    power = power_of(fields)
    if power is None:
        return state
    if power is Power.OFF:
        if state.power is Power.OFF:
            return state._replace(uncertain=False)
        return state._replace(
            power=power,
            mode=None,
            parameter=None,
            action=Action.OFF,
            uncertain=False,
            compressor_stopped_at=(
                at if state.compressor_running else state.compressor_stopped_at
            ),
        )
    mode = _mode(fields.get("mode"))
    parameter = _parameter(fields, mode) or (
        state.parameter if mode in (None, state.mode) else None
    )
    action = _action(state, zone, mode, parameter)
    found = state._replace(
        power=power,
        mode=state.mode if mode is None else mode,
        parameter=parameter,
        action=action,
        uncertain=False,
    )
    if found.compressor_running and not state.compressor_running:
        return found._replace(compressor_started_at=at)
    if state.compressor_running and not found.compressor_running:
        return found._replace(compressor_stopped_at=at, fan_started_at=at)
    return found


def _action(
    state: ZoneState, zone: ZoneSettings, mode: int | None, parameter: str | None
) -> Action | None:
    if mode is None or (state.power is Power.ON and mode == state.mode):
        return state.action if state.power is Power.ON else None
    for action in (Action.WINTER, Action.SUMMER):
        if same_parameter(parameter, set_all_parameter(zone, action)):
            return action
    by_mode = {
        MODE_FAN: Action.FAN,
        MODE_HEAT: Action.WINTER,
        MODE_COOL: Action.SUMMER,
    }
    # Automatic or dry is no other season than the one it was told to.
    kept = state.action if state.power is Power.ON else None
    return by_mode.get(mode, None if kept is Action.FAN else kept)


def _mode(value: Any) -> int | None:
    if isinstance(value, str):
        value = _MODE_WORDS.get(value.lower(), value)
    number = _whole(value)
    return number if number in _MODES else None


def _whole(value: Any) -> int | None:
    """Return a whole number, also one written as text, None for anything else."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,3}", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _parameter(fields: Mapping[str, Any], mode: int | None) -> str | None:
    """Return the status as a `setAll` parameter, None where it does not say all."""
    target = number(fields.get("temperature"))
    fan = _whole(fields.get("fanSpeed", fields.get("fan_speed", fields.get("fan"))))
    if target is None or abs(target) >= _LARGEST or mode is None or fan is None:
        return None
    return f"{target:g},{mode},{fan},on"
