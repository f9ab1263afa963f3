"""What an action means for an air conditioner, and what it leaves behind. Pure.

Direct commands follow SwitchBot API v1.1: `turnOff`, and `setAll` with the parameter
``temperature,mode,fan,power``, as in ``26,5,3,on``.

What a unit was told, and the settings its own status shows instead. Pure.

Many units take a command their own way: whole degrees only, a range that ends sooner, a
fan speed of their own, a number where they were told ``auto``. Such a unit runs as it
was told, yet never shows it. It is told again as often as `repair_attempts` allows; then
what it shows counts as its word for what it was told, and is kept, so that it is not
told the same for ever.

What an air conditioner's own status says, taken into a zone's state. Pure.

The fields follow what SwitchBot's API v1.1 gives of the units that have a status:
``power``, ``mode`` and ``temperature``, and a fan speed under one of three names.
"""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from switchbot_automation.core.state.refusals import stand_in
from switchbot_automation.core.state.values import number
from switchbot_automation.core.state.wishes import fulfilled, not_fulfilled, off_again
from switchbot_automation.core.state.zone import (
    MODE_COOL,
    MODE_DRY,
    MODE_FAN,
    MODE_HEAT,
    NONE,
    AirconSetting,
    well,
    with_error,
)
from switchbot_automation.model import (
    PLUGIN_PREFIX,
    Action,
    Power,
    RungResult,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from switchbot_automation.core.state.zone import Equipment, ZoneState
    from switchbot_automation.model import ReasonCode
    from switchbot_automation.settings.model import Profile, ZoneSettings


# What the dashboard sends where a profile says nothing.
_FALLBACK_TARGET = 22.0
_FALLBACK_FAN = 3
_SEASON_MODE = {Action.WINTER: MODE_HEAT, Action.SUMMER: MODE_COOL}


def season_action(zone: ZoneSettings) -> Action:
    """Return the ON action of the zone's season, or the one thing that its unit does."""
    if zone.kind.own is not None:
        return zone.kind.own
    return Action.SUMMER if zone.mode == "summer" else Action.WINTER


def profile_of(zone: ZoneSettings, action: Action) -> Profile | None:
    """Return the profile an action draws on; fan draws on the season's."""
    season = season_action(zone) if action in (Action.FAN, Action.DRY) else action
    return zone.summer if season is Action.SUMMER else zone.winter


def set_all_parameter(zone: ZoneSettings, action: Action) -> str | None:
    """Return the `setAll` parameter of an action, None for OFF and what takes no setpoint.

    Whole degrees unless the zone says `half_degrees`; cooling rounds down and heating
    up, so that the unit never stops short of the target. What no air conditioner takes
    is brought to the nearest that it does, see `asked_of`.
    """
    return asked_of(zone, action)[0]


def asked_of(
    zone: ZoneSettings, action: Action
) -> tuple[str | None, tuple[float, float] | None]:
    """Return the `setAll` parameter of an action, and what of it no unit takes.

    That is the setpoint asked for and the one sent in its place, in degrees Celsius; None
    where the one asked for can be sent.
    """
    if action is Action.OFF or not zone.kind.sets:
        return None, None
    profile = profile_of(zone, action)
    fan = profile.fan_speed if profile else _FALLBACK_FAN
    target = profile.target_temp if profile else _FALLBACK_TARGET
    if action is Action.FAN:
        mode = MODE_FAN
    elif action is Action.DRY:
        mode = MODE_DRY
    else:
        mode = profile.ac_mode if profile else _SEASON_MODE[action]
    step = 0.5 if zone.half_degrees else 1.0
    to_whole = math.ceil if rounds_up(zone, action) else math.floor
    sent = _takeable(zone, target)
    steps = round(sent / step, 6)
    parameter = zone.kind.setting(f"{to_whole(steps) * step:g}", mode, fan)
    known = profile is not None and zone.aircon_device_id
    return parameter, (target, sent) if known and sent != target else None


def rounds_up(zone: ZoneSettings, action: Action) -> bool:
    """Tell whether a setpoint is rounded up: heating, so as not to stop short of it."""
    season = season_action(zone) if action in (Action.FAN, Action.DRY) else action
    return season is Action.WINTER


def _takeable(zone: ZoneSettings, target: float) -> float:
    if zone.aircon_device_id.startswith(PLUGIN_PREFIX):
        # What another maker's heater takes, its plug-in knows.
        return target
    return zone.kind.nearest(target)


def same_parameter(one: str | None, other: str | None) -> bool:
    """Compare two `setAll` parameters by meaning: ``26.0,5,3,on`` is ``26,5,3,on``."""
    return one == other or AirconSetting.parse(one) == AirconSetting.parse(other)


def already_in_force(state: ZoneState, zone: ZoneSettings, action: Action) -> bool:
    """Return whether sending `action` would change nothing, as far as is known."""
    if state.uncertain:
        return False
    if action is Action.OFF:
        return state.power is Power.OFF
    if state.power is not Power.ON:
        return False
    if state.parameter is None:
        return state.action is action
    if action is Action.FAN and state.action is Action.FAN:
        return True
    wanted = set_all_parameter(zone, action)
    if wanted is None or same_parameter(state.parameter, wanted):
        return wanted is not None
    up = rounds_up(zone, action)
    taken = stand_in(state, zone.aircon_device_id, wanted, up=up)
    return taken is not None and same_parameter(state.parameter, taken)


def can_send(zone: ZoneSettings, action: Action) -> bool:
    """Return whether any rung is configured for an action."""
    return zone.can(action)


def after_command(
    state: ZoneState,
    zone: ZoneSettings,
    action: Action,
    rung: RungResult,
    *,
    at: datetime,
    label: str,
) -> ZoneState:
    """Return the state once a rung was accepted.

    A command that repeats what was in force moves no equipment timestamp, so that
    resending can never prolong a minimum time.
    """
    words = _words(zone, action, rung, label)
    parameter = rung.parameter if rung.rung == "command" else None
    common = fulfilled(state if state.last_error is None else well(state))._replace(
        uncertain=False, last_action=words, last_action_at=at
    )
    running = state.compressor_running
    may_have_run = running or state.uncertain or state.power is Power.UNKNOWN
    if action is Action.OFF:
        return common._replace(
            power=Power.OFF,
            mode=None,
            parameter=None,
            action=Action.OFF,
            compressor_stopped_at=at if may_have_run else state.compressor_stopped_at,
        )
    if action is Action.FAN:
        in_fan = state.power is Power.ON and state.action is Action.FAN
        return common._replace(
            power=Power.ON,
            mode=MODE_FAN,
            parameter=parameter,
            action=Action.FAN,
            fan_started_at=state.fan_started_at if in_fan else at,
            compressor_stopped_at=at if may_have_run else state.compressor_stopped_at,
        )
    continues = running and state.action is action and not state.uncertain
    told = AirconSetting.parse(parameter)
    return common._replace(
        power=Power.ON,
        mode=told.mode if told else None,
        parameter=parameter,
        action=action,
        compressor_started_at=state.compressor_started_at if continues else at,
        equipment=state.equipment if continues else _started(state, action, at),
    )


def after_failure(
    state: ZoneState, action: Action, error: str, at: datetime, *, maybe: bool
) -> ZoneState:
    """Return the state once every rung failed: as before, and the error.

    `maybe`: the unit may have been told all the same. Then neither "already off" nor
    "already on" holds, and the compressor may have started or stopped at `at`.
    """
    failed = not_fulfilled(with_error(state, error))
    if not maybe:
        return failed
    if action in (Action.OFF, Action.FAN):
        stopped = at if _may_run(state) else state.compressor_stopped_at
        return failed._replace(uncertain=True, compressor_stopped_at=stopped)
    surely_running = state.compressor_running and not state.uncertain
    if surely_running and state.action is action:
        return failed._replace(uncertain=True)
    return failed._replace(
        uncertain=True,
        compressor_started_at=state.compressor_started_at if surely_running else at,
        equipment=_started(state, action, at),
    )


def _started(state: ZoneState, action: Action, at: datetime) -> Equipment:
    """Count a start, once where the command that may have started it is sent again."""
    equipment = state.equipment or NONE
    if state.uncertain and unsure_start(state, action):
        equipment = equipment._replace(starts=equipment.starts[:-1])
    return equipment.started(at, action)


def _may_run(state: ZoneState) -> bool:
    return state.compressor_running or state.uncertain or state.power is Power.UNKNOWN


def as_sent(
    state: ZoneState, zone: ZoneSettings, action: Action, at: datetime, source: str = ""
) -> ZoneState:
    """Return the state as if a command had been accepted whose end nobody was told."""
    rung = RungResult("unfinished", ok=True)
    sent = after_command(state, zone, action, rung, at=at, label=source)
    return sent._replace(last_action=f"{action} ({source}unfinished)")


def after_crash(state: ZoneState, zone: ZoneSettings, now: datetime) -> ZoneState:
    """Return the state with an intent that nobody finished: it counts as sent.

    Only what can be sent twice without harm stays open to be sent again: ON when the
    rule still wants it, OFF at once, since nobody may be left to want it.
    """
    intent = state.intent
    if intent is None:
        return state
    counted = as_sent(state, zone, intent.action, intent.at, f"{intent.source}, ")
    counted = counted._replace(uncertain=intent.idempotent)
    if not intent.idempotent or intent.action is not Action.OFF:
        return counted
    return off_again(counted, zone, now)


def _words(zone: ZoneSettings, action: Action, rung: RungResult, label: str) -> str:
    """Say what was done in the dashboard's words; never with a webhook's URL."""
    if rung.rung == "webhook":
        return f"webhook({action}) ({label})"
    if rung.rung == "scene":
        return f"scene({zone.scenes.get(action, '')}) ({label})"
    if rung.rung == "button":
        return f"button({zone.buttons.get(action, '')}) ({label})"
    if rung.rung == "command":
        return zone.kind.words(action, rung.parameter, zone.unit_channel)
    return "turnOff" if rung.parameter is None else f"setAll({rung.parameter})"


# A steered unit is told a dozen setpoints at most.
_KEPT = 12


def as_told(before: ZoneState, found: ZoneState) -> ZoneState:
    """Return what a look at the unit found, in the words it was told in."""
    runs_on = (
        before.power is Power.ON
        and found.power is Power.ON
        and before.action is not Action.OFF
        and before.action is found.action
    )
    if not runs_on:
        return found
    if before.parameter is None:
        # A scene or a webhook set it, to what nobody here knows.
        return found._replace(parameter=None, mode=before.mode)
    for told, shown in before.shown_as:
        if same_parameter(told, before.parameter) and same_parameter(
            shown, found.parameter
        ):
            return found._replace(parameter=before.parameter, mode=before.mode)
    return found


def its_way(found: ZoneState, told: str, action: Action) -> ZoneState:
    """Return the state of a unit whose own word for `told` is what it shows now."""
    others = [pair for pair in found.shown_as if not same_parameter(pair[0], told)]
    return found._replace(
        parameter=told,
        action=action,
        shown_as=(*others, (told, found.parameter or ""))[-_KEPT:],
    )


def last_turn(state: ZoneState) -> datetime | None:
    """Return when the unit was last started or stopped, None where nobody knows."""
    turns = (state.compressor_started_at, state.compressor_stopped_at)
    return max((at for at in turns if at is not None), default=None)


def certain(state: ZoneState) -> ZoneState:
    """Return the state once something showed that the last command arrived."""
    return state._replace(uncertain=False)


def unsure(state: ZoneState) -> ZoneState:
    """Return the state once the unit may have been told something, or not."""
    return state._replace(uncertain=True)


def guarded(state: ZoneState, limit: ReasonCode | None) -> ZoneState:
    """Return the state of a unit that runs for a limit of its room, None for no such."""
    return state if state.guarding is limit else state._replace(guarding=limit)


def looked_at(state: ZoneState, at: datetime) -> ZoneState:
    """Return the state after the unit was asked at `at`, whatever it answered."""
    return state._replace(last_aircon_poll_at=at)


def started_by_somebody(
    state: ZoneState, zone: ZoneSettings, at: datetime
) -> ZoneState:
    """Return the state of a unit that somebody else turned on or off: a start counts."""
    if not state.compressor_running:
        return state
    equipment = state.equipment or NONE
    action = state.action or season_action(zone)
    return state._replace(equipment=equipment.started(at, action))


def rests_until(state: ZoneState, until: datetime) -> ZoneState:
    """Return the state of a compressor that ran as long as it may."""
    return state._replace(
        equipment=(state.equipment or NONE)._replace(rest_until=until)
    )


def first_seen(
    zone: ZoneSettings, state: ZoneState, now: datetime, *, new: bool
) -> ZoneState:
    """Return the state of a zone that is looked after for the first time.

    Where something is known of it, but not when its compressor last stopped, that may
    have been just now: it is left alone for a while. Of a new installation, as `new` says, nothing is presumed unless
    the settings ask for it.
    """
    known = state.power is not Power.UNKNOWN and any(
        (state.compressor_started_at, state.compressor_stopped_at)
    )
    seconds = zone.unknown_history_lockout_seconds or (
        0 if new else zone.min_off_seconds
    )
    if known or not seconds:
        return state._replace(equipment=NONE)
    until = now + timedelta(seconds=seconds)
    return state._replace(equipment=NONE._replace(locked_until=until))


def grouped(
    state: ZoneState, waits_since: datetime | None, conditioned: Action | None
) -> ZoneState:
    """Return the state with what the zone's group has to know later."""
    same = waits_since == state.group_waits_since
    if same and conditioned is state.conditioned:
        return state
    return state._replace(group_waits_since=waits_since, conditioned=conditioned)


_MODES = range(100)
_MODE_WORDS = {
    "auto": 1,
    "cool": MODE_COOL,
    "dry": MODE_DRY,
    "fan": MODE_FAN,
    "heat": MODE_HEAT,
}
# What a document can hold, and far beyond any temperature.
_LARGEST = 1e15


def offline(fields: Mapping[str, Any]) -> bool:
    """Tell whether the cloud has lost a device: what it says of it is of earlier."""
    word = fields.get("onlineStatus")
    return (isinstance(word, str) and word.lower() == "offline") or (
        fields.get("online") is False
    )


def power_of(fields: Mapping[str, Any]) -> Power | None:
    """Return what the unit says of its power, None where it says nothing, or not now."""
    if offline(fields):
        return None
    return {"on": Power.ON, "off": Power.OFF}.get(str(fields.get("power")).lower())


def after_aircon_status(
    state: ZoneState, zone: ZoneSettings, fields: Mapping[str, Any], at: datetime
) -> ZoneState:
    """Return the state with what the unit said of itself, in its device's own words."""
    return after_shown(state, zone, zone.kind.shown(fields, zone.unit_channel), at)


def after_shown(
    state: ZoneState, zone: ZoneSettings, fields: Mapping[str, Any], at: datetime
) -> ZoneState:
    """Return the state with what shows what the unit does, said as of an air conditioner.

    A start or stop that nobody commanded is dated `at`, the latest it can have been, so
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
    mode = _mode_of_status(fields.get("mode"))
    parameter = _parameter(fields, mode) or (
        state.parameter if mode in (None, state.mode) else None
    )
    anew = state.power is not Power.ON or mode != state.mode
    if parameter is None and mode is not None and anew and not zone.kind.tells_setpoint:
        # Somebody told it, and to what it does not say: surely not what is wanted now.
        parameter = f"?,{mode},1,on"
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
    if zone.humidity is not None and zone.humidity.dry_mode:
        by_mode[MODE_DRY] = Action.DRY
    # Automatic or dry is no other season than the one it was told to.
    kept = state.action if state.power is Power.ON else None
    return by_mode.get(mode, None if kept is Action.FAN else kept)


def _mode_of_status(value: Any) -> int | None:
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


def unsure_start(state: ZoneState, action: Action) -> bool:
    """Return whether the last start is this very one, whose command may not have arrived.

    Nothing may have stopped the compressor since, or the next one is another start.
    """
    starts = (state.equipment or NONE).starts
    if not state.uncertain or not starts or starts[-1].action is not action:
        return False
    stopped = state.compressor_stopped_at
    return stopped is None or stopped < starts[-1].at
