"""What should be done, from what is known. Pure: no I/O, no clock, no memory.

Each zone runs down the dashboard's order: disabled, what safety forbids, outside its windows, no reading, no
usable profile, the rule of its season, fan. Level-triggered: the same snapshot gives the
same decision, and nothing depends on an earlier tick except through the state.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from switchbot_automation.engine.aircon import (
    already_in_force,
    can_send,
    season_action,
)
from switchbot_automation.engine.control import (
    advise,
    aim_of,
    begun,
    modulates,
    plan,
    switch_setpoint,
    too_weak,
    with_setpoint,
)
from switchbot_automation.engine.groups import arbitrate
from switchbot_automation.engine.guard import restrained, stopped
from switchbot_automation.engine.safety import assess
from switchbot_automation.model import (
    Action,
    Decision,
    Outcome,
    Power,
    Reason,
    ReasonCode,
    ZoneDecision,
)
from switchbot_automation.timewindows import in_window, next_start

if TYPE_CHECKING:
    from datetime import datetime

    from switchbot_automation.engine.modulate import Aim
    from switchbot_automation.engine.snapshot import Reading, Snapshot, ZoneSnapshot
    from switchbot_automation.settings_model import Profile, Settings, ZoneSettings
    from switchbot_automation.timewindows import TimeWindow

_ON = {Action.WINTER: Outcome.WINTER_ON, Action.SUMMER: Outcome.SUMMER_ON}
_OFF = {Action.WINTER: Outcome.WINTER_OFF, Action.SUMMER: Outcome.SUMMER_OFF}
_INVALID = frozenset(
    {ReasonCode.TEMPERATURE_NOT_A_NUMBER, ReasonCode.TEMPERATURE_IMPLAUSIBLE}
)


def decide(snapshot: Snapshot, settings: Settings, now: datetime) -> Decision:
    """Decide for every zone of the settings. `now` is aware UTC.

    First each for itself, then together, where zones share an outdoor unit.
    """
    alone = Decision(
        now,
        tuple(
            _decide_zone(zone, snapshot.zones[name], now)
            for name, zone in settings.zones.items()
        ),
    )
    return arbitrate(alone, snapshot, settings, now)


def _decide_zone(zone: ZoneSettings, seen: ZoneSnapshot, now: datetime) -> ZoneDecision:
    if not zone.automation_enabled:
        return ZoneDecision(
            zone.name,
            Outcome.DISABLED,
            reasons=(Reason(ReasonCode.AUTOMATION_DISABLED),),
        )
    safety = assess(zone, seen.state, now)
    if safety is None:
        return _decide_freely(zone, seen, now)
    if safety.stop:
        return stopped(zone, safety)
    return restrained(zone, seen.state, _decide_freely(zone, seen, now), safety)


def _decide_freely(
    zone: ZoneSettings, seen: ZoneSnapshot, now: datetime
) -> ZoneDecision:
    hold = seen.state.hold_until
    if hold is not None and now < hold:
        why = Reason(ReasonCode.HOLD_MANUAL, {"until": hold.isoformat()})
        return ZoneDecision(zone.name, Outcome.NO_ACTION, reasons=(why,))
    window = in_window(zone.time_windows, now, zone.timezone)
    if window is not None:
        return _inside(zone, seen, _window_reason(window), now)
    early = _before_window(zone, seen, now) if zone.optimum_start else None
    if early is None:
        return _outside(zone, seen)
    return early


@lru_cache(maxsize=256)
def _window_reason(window: TimeWindow) -> Reason:
    detail = {"start": f"{window.start:%H:%M}", "end": f"{window.end:%H:%M}"}
    if window.id:
        detail["window"] = window.id
    return Reason(ReasonCode.IN_WINDOW, detail)


def _outside(zone: ZoneSettings, seen: ZoneSnapshot) -> ZoneDecision:
    code = ReasonCode.OUTSIDE_WINDOWS if zone.time_windows else ReasonCode.NO_WINDOWS
    why = Reason(code)
    if not zone.turn_off_outside_windows:
        return ZoneDecision(zone.name, Outcome.OUTSIDE_WINDOW, reasons=(why,))
    if already_in_force(seen.state, zone, Action.OFF):
        reasons = (why, Reason(ReasonCode.ALREADY_OFF))
        return ZoneDecision(zone.name, Outcome.ALREADY_OFF, reasons=reasons)
    return ZoneDecision(
        zone.name,
        Outcome.TURNED_OFF_OUTSIDE_WINDOW,
        Action.OFF,
        (why,),
        if_blocked=Outcome.NOOP,
    )


def _before_window(
    zone: ZoneSettings, seen: ZoneSnapshot, now: datetime
) -> ZoneDecision | None:
    """Decide outside windows with an eye on the next one; None: as without it."""
    state, temperature = seen.state, seen.reading.temperature
    profile = zone.summer if zone.mode == "summer" else zone.winter
    aim = aim_of(zone)
    opens = next_start(zone.time_windows, now, zone.timezone)
    if profile is None or aim is None or opens is None:
        return None
    why = Reason(ReasonCode.OPTIMUM_START, {"opens": opens.isoformat()})
    going = begun(zone, state, opens)
    if temperature is None:
        return _without_temperature(zone, seen.reading, why) if going else None
    planned = plan(aim, state, temperature, now, opens)
    why = Reason(
        ReasonCode.OPTIMUM_START,
        {"opens": opens.isoformat(), "lead_seconds": round(planned.lead_seconds)},
    )
    if not going and not planned.begin:
        waits = replace(why, code=ReasonCode.OPTIMUM_START_WAITS)
        outside = _outside(zone, seen)
        return replace(
            outside, reasons=(*outside.reasons, waits), look_at=planned.look_at
        )
    if modulates(zone):
        return _steered(zone, seen, aim, temperature, why, now)
    on = season_action(zone)
    wanted, rule = (on, why) if planned.begin else _rule(zone, profile, temperature)
    if wanted is Action.OFF:
        return _off(zone, seen, (why, rule))
    if going or already_in_force(state, zone, on):
        return _nothing(zone, Outcome.NO_ACTION, (why, rule))
    return ZoneDecision(zone.name, _ON[on], on, (why,), if_blocked=Outcome.COOLDOWN)


def _steered(
    zone: ZoneSettings,
    seen: ZoneSnapshot,
    aim: Aim,
    temperature: float,
    why: Reason,
    now: datetime,
) -> ZoneDecision:
    """Let the unit run at the setpoint that brings the meter where it should be."""
    state = seen.state
    advice = advise(zone, aim, state, temperature, now)
    detail = {
        "temperature_celsius": temperature,
        "offset_kelvin": round(advice.offset, 2),
        "because": advice.why,
    }
    look_at = now + timedelta(seconds=advice.look_seconds)
    if advice.setpoint is None:
        reasons = (why, Reason(ReasonCode.ROOM_HOLDS_WITHOUT, detail))
        stop = state.compressor_running or state.uncertain
        decided = (_off if stop else _in_band)(zone, seen, reasons)
        return replace(decided, look_at=look_at)
    detail["setpoint_celsius"] = advice.setpoint
    detail["settles_celsius"] = round(advice.setpoint - advice.offset, 2)
    on = season_action(zone)
    if already_in_force(state, with_setpoint(zone, advice.setpoint), on):
        reasons = (why, Reason(ReasonCode.SETPOINT_KEPT, detail))
        kept = ZoneDecision(zone.name, Outcome.NO_ACTION, reasons=reasons)
        return replace(kept, look_at=look_at)
    # Another setpoint for a unit that runs is neither a start nor a stop.
    runs = state.compressor_running and state.action is on and not state.uncertain
    return ZoneDecision(
        zone.name,
        _ON[on],
        on,
        (why, Reason(ReasonCode.SETPOINT_STEERED, detail)),
        if_blocked=None if runs else Outcome.COOLDOWN,
        setpoint=advice.setpoint,
        look_at=look_at,
    )


def _inside(
    zone: ZoneSettings, seen: ZoneSnapshot, why: Reason, now: datetime
) -> ZoneDecision:
    temperature = seen.reading.temperature
    if temperature is None:
        return _without_temperature(zone, seen.reading, why)
    if zone.mode not in ("winter", "summer"):
        reasons = (why, Reason(ReasonCode.MODE_UNKNOWN, {"mode": zone.mode}))
        return ZoneDecision(zone.name, Outcome.INVALID_MODE, reasons=reasons)
    profile = zone.summer if zone.mode == "summer" else zone.winter
    if profile is None:
        reasons = (why, Reason(ReasonCode.PROFILE_MISSING, {"mode": zone.mode}))
        return ZoneDecision(zone.name, Outcome.INVALID_PROFILE, reasons=reasons)
    if profile.min_temp > profile.max_temp:
        detail = {"min_celsius": profile.min_temp, "max_celsius": profile.max_temp}
        reasons = (why, Reason(ReasonCode.THRESHOLDS_INVERTED, detail))
        return ZoneDecision(zone.name, Outcome.INVALID_THRESHOLDS, reasons=reasons)
    aim = aim_of(zone)
    if aim is not None and modulates(zone):
        return _steered(zone, seen, aim, temperature, why, now)
    wanted, rule = _rule(zone, profile, temperature)
    if wanted is Action.OFF:
        return _off(zone, seen, (why, rule))
    setpoint = None if aim is None else switch_setpoint(zone, aim, seen.state)
    reasons: tuple[Reason, ...] = (why, rule)
    if aim is not None and setpoint is not None:
        detail = {"asked_celsius": aim.asked, "setpoint_celsius": setpoint}
        softened = Reason(ReasonCode.SETPOINT_SOFTENED, detail)
        if wanted is None and too_weak(aim, seen.state, setpoint):
            return ZoneDecision(
                zone.name,
                _ON[season_action(zone)],
                season_action(zone),
                (*reasons, softened),
                setpoint=setpoint,
            )
        reasons = reasons if wanted is None else (*reasons, softened)
    if wanted is None:
        return _in_band(zone, seen, reasons)
    sent = zone if setpoint is None else with_setpoint(zone, setpoint)
    if already_in_force(seen.state, sent, wanted):
        duplicate = Reason(ReasonCode.DUPLICATE_SUPPRESSED, {"action": wanted})
        return _nothing(zone, Outcome.NO_ACTION, (*reasons, duplicate))
    return ZoneDecision(
        zone.name,
        _ON[wanted],
        wanted,
        reasons,
        if_blocked=Outcome.COOLDOWN,
        setpoint=setpoint,
    )


def _without_temperature(
    zone: ZoneSettings, reading: Reading, why: Reason
) -> ZoneDecision:
    problem = reading.problem or ReasonCode.NO_READING
    outcome = (
        Outcome.INVALID_TEMPERATURE if problem in _INVALID else Outcome.MISSING_METER
    )
    return ZoneDecision(zone.name, outcome, reasons=(why, Reason(problem)))


def _rule(
    zone: ZoneSettings, profile: Profile, temperature: float
) -> tuple[Action | None, Reason]:
    """Compare with the season's thresholds, each widened outward by the hysteresis.

    Both edges are inclusive, so they are rounded: 19.8 must meet 20.1 - 0.3.
    """
    low = round(profile.min_temp - zone.hysteresis_celsius, 6)
    high = round(profile.max_temp + zone.hysteresis_celsius, 6)
    on = season_action(zone)
    if on is Action.WINTER:
        if temperature <= low:
            return on, _limit(ReasonCode.TEMP_BELOW_ON_THRESHOLD, temperature, low)
        if temperature >= high:
            return Action.OFF, _limit(
                ReasonCode.TEMP_ABOVE_OFF_THRESHOLD, temperature, high
            )
    else:
        if temperature >= high:
            return on, _limit(ReasonCode.TEMP_ABOVE_ON_THRESHOLD, temperature, high)
        if temperature <= low:
            return Action.OFF, _limit(
                ReasonCode.TEMP_BELOW_OFF_THRESHOLD, temperature, low
            )
    return None, Reason(
        ReasonCode.WITHIN_BAND,
        {
            "temperature_celsius": temperature,
            "low_celsius": low,
            "high_celsius": high,
        },
    )


def _limit(code: ReasonCode, temperature: float, limit: float) -> Reason:
    return Reason(code, {"temperature_celsius": temperature, "limit_celsius": limit})


def _in_band(
    zone: ZoneSettings, seen: ZoneSnapshot, reasons: tuple[Reason, ...]
) -> ZoneDecision:
    fan = zone.fan_mode_during_window and seen.state.power is Power.OFF
    if not fan or seen.state.uncertain or not can_send(zone, Action.FAN):
        return _nothing(zone, Outcome.NO_ACTION, reasons)
    return ZoneDecision(
        zone.name,
        Outcome.FAN_NEUTRAL_ZONE,
        Action.FAN,
        (*reasons, Reason(ReasonCode.FAN_IN_NEUTRAL_ZONE)),
        if_blocked=Outcome.COOLDOWN,
    )


def _off(
    zone: ZoneSettings, seen: ZoneSnapshot, reasons: tuple[Reason, ...]
) -> ZoneDecision:
    state = seen.state
    if already_in_force(state, zone, Action.OFF):
        already = Reason(ReasonCode.ALREADY_OFF)
        return _nothing(zone, Outcome.ALREADY_OFF, (*reasons, already))
    if state.pending_repeat is not None:
        pending = Reason(
            ReasonCode.OFF_REPEAT_PENDING,
            {"remaining": state.pending_repeat.remaining},
        )
        return _nothing(zone, Outcome.OFF_REPEAT_PENDING, (*reasons, pending))
    outcome = _OFF[season_action(zone)]
    action = Action.OFF
    if zone.fan_mode_during_window and can_send(zone, Action.FAN):
        if already_in_force(state, zone, Action.FAN):
            duplicate = Reason(ReasonCode.DUPLICATE_SUPPRESSED, {"action": Action.FAN})
            return _nothing(zone, Outcome.NO_ACTION, (*reasons, duplicate))
        action = Action.FAN
        reasons = (*reasons, Reason(ReasonCode.FAN_INSTEAD_OF_OFF))
    return ZoneDecision(
        zone.name, outcome, action, reasons, if_blocked=Outcome.COOLDOWN
    )


def _nothing(
    zone: ZoneSettings, outcome: Outcome, reasons: tuple[Reason, ...]
) -> ZoneDecision:
    """Leave it as it is; the dashboard still says `cooldown` while one runs."""
    return ZoneDecision(
        zone.name, outcome, reasons=reasons, if_blocked=Outcome.COOLDOWN
    )
