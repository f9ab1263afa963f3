"""Keep a room in its band, by either way of control. Pure.

`switched` is the dashboard's rule: two thresholds, fan where it is wanted instead of
off. `steered` lets the unit run and moves its setpoint.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from switchbot_automation.core.control.band import (
    advise,
    edges_around,
    last_change,
    likely_runs,
    switch_setpoint,
    told_setpoint,
    too_weak,
    with_setpoint,
)
from switchbot_automation.core.control.steer import RECOVERS
from switchbot_automation.core.state.unit import (
    already_in_force,
    can_send,
    same_parameter,
    season_action,
    set_all_parameter,
)
from switchbot_automation.core.state.zone import AirconSetting
from switchbot_automation.model import (
    Action,
    Outcome,
    Power,
    Reason,
    ReasonCode,
    ZoneDecision,
)

if TYPE_CHECKING:
    from switchbot_automation.core.control.steer import Aim
    from switchbot_automation.core.home import ZoneSnapshot
    from switchbot_automation.core.state.zone import ZoneState
    from switchbot_automation.settings.model import ZoneSettings

_ON = {Action.WINTER: Outcome.WINTER_ON, Action.SUMMER: Outcome.SUMMER_ON}
_OFF = {Action.WINTER: Outcome.WINTER_OFF, Action.SUMMER: Outcome.SUMMER_OFF}
# Within this a plug, a status or the room shows what a unit does of which it is unknown.
_SHOWS = timedelta(minutes=45)
_UNANSWERED = timedelta(hours=3)


def switched(
    zone: ZoneSettings,
    seen: ZoneSnapshot,
    aim: Aim,
    reasons: tuple[Reason, ...],
    now: datetime,
    *,
    begin: bool = False,
) -> ZoneDecision:
    """Turn on and off at the thresholds; `begin`: on, wherever the room is.

    There has to be a temperature. Once a light room was found to be overrun, less is
    asked for than the profile says. A unit that runs is told at once where another
    setpoint, fan speed or mode is wished than it was told.
    """
    on = Action.WINTER if aim.heating else Action.SUMMER
    wanted: Action | None = on
    if not begin:
        temperature = _temperature(seen)
        edges = edges_around(aim, zone.hysteresis_celsius)
        wanted, rule = edges.asks(temperature)
        reasons = (*reasons, rule)
    if wanted is Action.OFF:
        return _off(zone, seen, reasons)
    setpoint = switch_setpoint(zone, aim, seen.state)
    again = setpoint is not None and too_weak(aim, seen.state, setpoint)
    sent = zone if setpoint is None else with_setpoint(zone, setpoint)
    change = None if again else _change(zone, sent, seen.state, on)
    if wanted is None and not again and change is None:
        wanted = _said_anew(seen, aim, zone, now)
        if wanted is None:
            return _in_band(zone, seen, reasons, now)
        reasons = (*reasons, Reason(ReasonCode.BELIEF_UNCERTAIN))
        if wanted is Action.OFF:
            return _off(zone, seen, reasons)
    if change is not None:
        waits = _change_waits(zone, seen.state, change, now)
        if waits is not None:
            return _put_off(zone, (*reasons, waits), waits)
        reasons = (*reasons, change)
    if setpoint is not None:
        detail = {"asked_celsius": aim.asked, "setpoint_celsius": setpoint}
        more = aim.sign * (setpoint - aim.asked) >= aim.step
        code = ReasonCode.SETPOINT_RAISED if more else ReasonCode.SETPOINT_SOFTENED
        reasons = (*reasons, Reason(code, detail))
    if already_in_force(seen.state, sent, on):
        duplicate = Reason(ReasonCode.DUPLICATE_SUPPRESSED, {"action": on})
        return _nothing(zone, Outcome.NO_ACTION, (*reasons, duplicate))
    return ZoneDecision(
        zone.name,
        _ON[on],
        on,
        reasons,
        if_blocked=None if again or change is not None else Outcome.COOLDOWN,
        setpoint=setpoint,
    )


def _said_anew(
    seen: ZoneSnapshot, aim: Aim, zone: ZoneSettings, now: datetime
) -> Action | None:
    """Return what a unit in its band is told of which nobody knows whether it runs.

    None as long as something else may still show it. The band would be left before the
    rule asked for anything, and until then nobody could say what the unit does. It is
    told what the rule would want next at the threshold that is nearer.
    """
    kept = seen.state.keeping
    since = kept.unsure_since if kept else None
    if not seen.state.uncertain or since is None or now - since < _SHOWS:
        return None
    asked_at = seen.state.evidence.unanswered_at if seen.state.evidence else None
    if asked_at is not None and now - asked_at < _UNANSWERED:
        return None  # where no answer comes, one more is one more beep
    edges, temperature = edges_around(aim, zone.hysteresis_celsius), _temperature(seen)
    until_on = edges.ahead(temperature, running=False)
    if until_on < edges.ahead(temperature, running=True):
        return Action.WINTER if aim.heating else Action.SUMMER
    return Action.OFF


def _change(
    zone: ZoneSettings, sent: ZoneSettings, state: ZoneState, on: Action
) -> Reason | None:
    """Return what is wished otherwise of a unit that runs, None where nothing is.

    Compared are the wishes, then and now, not what the unit shows: somebody with its
    remote may have set it otherwise, and safety probes. What scenes and webhooks tell it
    nobody here knows.
    """
    told = state.evidence.wish if state.evidence else None
    if told is None or state.action is not on or state.parameter is None:
        return None
    if state.uncertain or not state.compressor_running:
        return None
    if same_parameter(set_all_parameter(zone, on), told):
        return None
    asked = set_all_parameter(sent, on)
    if same_parameter(asked, state.parameter):
        return None
    return Reason(ReasonCode.WISH_CHANGED, {"asked": asked, "told": state.parameter})


def _change_waits(
    zone: ZoneSettings, state: ZoneState, change: Reason, now: datetime
) -> Reason | None:
    """Return until when a change is put off, so that not each click is a beep."""
    least = timedelta(seconds=zone.setpoint_change_seconds)
    last = state.evidence.changed_at if state.evidence else None
    if last is None or now >= last + least:
        return None
    detail = {**change.detail, "until": (last + least).isoformat()}
    return Reason(ReasonCode.WISH_CHANGE_WAITS, detail)


def _put_off(
    zone: ZoneSettings, reasons: tuple[Reason, ...], waits: Reason
) -> ZoneDecision:
    decided = ZoneDecision(zone.name, Outcome.NO_ACTION, reasons=reasons)
    until = datetime.fromisoformat(waits.detail["until"])
    return replace(decided, blocked_until=until)


def steered(
    zone: ZoneSettings,
    seen: ZoneSnapshot,
    aim: Aim,
    reasons: tuple[Reason, ...],
    now: datetime,
) -> ZoneDecision:
    """Let the unit run at the setpoint that brings the meter where it should be.

    There has to be a temperature.
    """
    state, temperature = seen.state, _temperature(seen)
    advice = advise(zone, aim, state, temperature, now)
    detail = {
        "temperature_celsius": temperature,
        "offset_kelvin": round(advice.offset, 2),
        "because": advice.why,
    }
    look_at = seen.reading.made_at(now) + timedelta(seconds=advice.look_seconds)
    if advice.setpoint is None:
        reasons = (*reasons, Reason(ReasonCode.ROOM_HOLDS_WITHOUT, detail))
        stop = state.compressor_running or state.uncertain
        if state.power is Power.UNKNOWN and not likely_runs(zone, state):
            # Nobody knows what it does: too far, and it is told to stop.
            edges = edges_around(aim, zone.hysteresis_celsius)
            stop = edges.asks(temperature)[0] is Action.OFF
        if stop:
            decided = _off(zone, seen, reasons)
        else:
            decided = _in_band(zone, seen, reasons, now)
        return replace(decided, look_at=look_at)
    detail["setpoint_celsius"] = advice.setpoint
    detail["settles_celsius"] = round(advice.setpoint - advice.offset, 2)
    if advice.sunlit is not None:
        detail["sunlit_celsius"] = round(advice.sunlit, 1)
    on = Action.WINTER if aim.heating else Action.SUMMER
    in_force = already_in_force(state, with_setpoint(zone, advice.setpoint), on)
    # A unit in doubt is told again by the doubt, at a pace that people bear.
    doubted = state.evidence is not None and state.evidence.doubt is not None
    if in_force and (doubted or not advice.again):
        reasons = (*reasons, Reason(ReasonCode.SETPOINT_KEPT, detail))
        kept = ZoneDecision(zone.name, Outcome.NO_ACTION, reasons=reasons)
        return replace(kept, look_at=look_at)
    if likely_runs(zone, state) and not _unheeded(aim, seen, advice.setpoint):
        uncertain = Reason(ReasonCode.BELIEF_UNCERTAIN)
        reasons = (*reasons, Reason(ReasonCode.SETPOINT_KEPT, detail), uncertain)
        kept = ZoneDecision(zone.name, Outcome.NO_ACTION, reasons=reasons)
        return replace(kept, look_at=look_at)
    # Another setpoint for a unit that runs is neither a start nor a stop.
    runs = state.compressor_running and state.action is on and not state.uncertain
    return ZoneDecision(
        zone.name,
        _ON[on],
        on,
        (*reasons, Reason(ReasonCode.SETPOINT_STEERED, detail)),
        if_blocked=None if runs else Outcome.COOLDOWN,
        setpoint=advice.setpoint,
        look_at=look_at,
    )


def _unheeded(aim: Aim, seen: ZoneSnapshot, setpoint: float) -> bool:
    """Tell whether a unit that was told so, unanswered, is to be told once more.

    Not where the room is in its band or comes up.
    """
    if told_setpoint(seen.state) != setpoint:
        return True
    learned = seen.state.learned
    slope = learned.trend.slope(last_change(seen.state)) if learned else None
    x = aim.sign * _temperature(seen)
    return x <= aim.wake and aim.sign * (slope or 0.0) < RECOVERS


def _temperature(seen: ZoneSnapshot) -> float:
    if seen.reading.temperature is None:
        raise AssertionError("nothing to keep a room by")
    return seen.reading.temperature


def _in_band(
    zone: ZoneSettings, seen: ZoneSnapshot, reasons: tuple[Reason, ...], now: datetime
) -> ZoneDecision:
    change = _fan_change(zone, seen.state)
    if change is not None:
        waits = _change_waits(zone, seen.state, change, now)
        if waits is not None:
            return _put_off(zone, (*reasons, waits), waits)
        return ZoneDecision(
            zone.name, Outcome.FAN_NEUTRAL_ZONE, Action.FAN, (*reasons, change)
        )
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


def _fan_change(zone: ZoneSettings, state: ZoneState) -> Reason | None:
    """Return what is wished otherwise of a fan that turns, None where nothing is.

    Only how fast it turns is heard of it.
    """
    kept = state.evidence.wish if state.evidence else None
    told, asked = AirconSetting.parse(kept), None
    if told is not None and state.action is Action.FAN and not state.uncertain:
        asked = AirconSetting.parse(set_all_parameter(zone, Action.FAN))
    if told is None or asked is None or state.parameter is None:
        return None
    if asked.fan == told.fan or not zone.fan_mode_during_window:
        return None
    return Reason(ReasonCode.WISH_CHANGED, {"asked": asked.text, "told": told.text})


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
