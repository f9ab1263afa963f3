"""What should be done, from what is known. Pure: no I/O, no clock, no memory.

Each zone runs down the dashboard's order: disabled, what safety forbids, outside its
windows, no reading, no usable profile, then its way of control (`keep`). Level-triggered:
the same snapshot gives the same decision, and nothing depends on an earlier tick except
through the state.

Safety's word on a decision: a stop in its place, or a start taken out of it. Pure.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from switchbot_automation.core.ahead import ahead_of
from switchbot_automation.core.appliances import decide_own, dried, works_in
from switchbot_automation.core.control.band import (
    aim_of,
    begun,
    begun_early,
    is_steered,
    plan,
    with_setpoint,
)
from switchbot_automation.core.control.proportional import proportioned
from switchbot_automation.core.control.switch import steered, switched
from switchbot_automation.core.control.warm_up import LONGEST_FORESEEN
from switchbot_automation.core.pace import counted_from
from switchbot_automation.core.protect.groups import arbitrate
from switchbot_automation.core.protect.limits import limited
from switchbot_automation.core.protect.resting import paused, stopped
from switchbot_automation.core.protect.safety import Level, assess, rest_before_window
from switchbot_automation.core.protect.stages import (
    beside,
    late_for,
    stage_of,
    storing,
    within_outdoor_limit,
)
from switchbot_automation.core.state.around import as_of_room
from switchbot_automation.core.state.unit import (
    already_in_force,
    profile_of,
    season_action,
)
from switchbot_automation.core.state.zone import supposed
from switchbot_automation.model import (
    Action,
    Decision,
    Outcome,
    Power,
    Reason,
    ReasonCode,
    ZoneDecision,
)
from switchbot_automation.schedule.windows import in_window

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from switchbot_automation.core.ahead import Ahead
    from switchbot_automation.core.control.steer import Aim
    from switchbot_automation.core.home import Snapshot, ZoneSnapshot
    from switchbot_automation.core.protect.safety import Safety
    from switchbot_automation.core.state.meter import Reading
    from switchbot_automation.core.state.zone import ZoneState
    from switchbot_automation.schedule.windows import TimeWindow
    from switchbot_automation.settings.model import Overlay, Settings, ZoneSettings


_INVALID = frozenset(
    {
        ReasonCode.TEMPERATURE_NOT_A_NUMBER,
        ReasonCode.TEMPERATURE_IMPLAUSIBLE,
        ReasonCode.ALL_ZEROS,
    }
)
# So long after a rest somebody has looked, and gone on with what it broke off.
_RESUMED = timedelta(minutes=20)
_STARTS = frozenset({Action.WINTER, Action.SUMMER, Action.DRY})
# What a decision begins with that keeps a room.
_ACTS = frozenset({ReasonCode.IN_WINDOW, ReasonCode.OPTIMUM_START})


def decide(snapshot: Snapshot, settings: Settings, now: datetime) -> Decision:
    """Decide for every zone of the settings. `now` is aware UTC.

    First each for itself, then together, where zones share an outdoor unit.
    """
    decided = {
        name: _decide_zone(zone, snapshot.zones[name], now)
        for name, zone in settings.zones.items()
        if not zone.lead
    }
    for lead in settings.units:
        _decide_further(lead, snapshot, settings, decided, now)
    for name, zone in settings.zones.items():
        if zone.humidity is not None and not zone.lead:
            decided[name] = dried(zone, snapshot, settings, decided, now)
    alone = Decision(now, tuple(decided[name] for name in settings.zones))
    if not settings.groups:
        return alone
    return arbitrate(alone, snapshot, settings, now)


def concerned(settings: Settings, zone: str) -> tuple[str, ...]:
    """Return the zones that have a say in a zone's decision, in their order.

    Its own, the other units of its room, and those that share its outdoor unit.
    """
    lead = settings.zones[zone].lead if zone in settings.zones else ""
    together = {zone, lead} if lead else {zone}
    for group in settings.groups.values():
        if not together.isdisjoint(group.zones):
            together.update(group.zones)
    for first in tuple(together):
        together.update(settings.units.get(first, ()))
    if len(together) == 1:
        return (zone,) if zone in settings.zones else ()
    return tuple(name for name in settings.zones if name in together)


def narrowed(settings: Settings, names: tuple[str, ...]) -> Settings:
    """Return the settings of these zones alone."""
    if len(names) == len(settings.zones):
        return settings
    return replace(
        settings,
        zones={name: settings.zones[name] for name in names},
        groups={
            name: group
            for name, group in settings.groups.items()
            if not set(names).isdisjoint(group.zones)
        },
    )


def _decide_zone(zone: ZoneSettings, seen: ZoneSnapshot, now: datetime) -> ZoneDecision:
    if zone.without_unit:
        why = Reason(ReasonCode.NOTHING_TO_SEND)
        return ZoneDecision(zone.name, Outcome.NO_ACTION, reasons=(why,))
    free = _decide_alone(zone, seen, now)
    if zone.heat_pump_min_outdoor_celsius is not None:
        free = within_outdoor_limit(zone, seen.state, free, now)
    return limited(zone, seen, free, now)


# --- the further units of a room -----------------------------------------------------


def _decide_further(
    lead: str,
    snapshot: Snapshot,
    settings: Settings,
    decided: dict[str, ZoneDecision],
    now: datetime,
) -> None:
    """Decide for the units of a room after its first, into `decided`."""
    first, room = settings.zones[lead], snapshot.zones[lead].state
    before = [] if first.without_unit else [(first, room)]
    for name in settings.units[lead]:
        zone, seen = settings.zones[name], snapshot.zones[name]
        state = as_of_room(seen.state, room)
        own = replace(seen, state=_held_with(state, room, now))
        if not zone.automation_enabled or _is_held(own.state, now):
            free = _decide_alone(zone, own, now)
            if _is_held(room, now) and zone.kind.own is None:
                # What a person wants of the room is what they told its first unit.
                free = paused(zone, seen.state, free.reasons)
        elif zone.kind.own is not None:
            others = works_in(lead, snapshot, settings, decided, now)
            free = decide_own(zone, own, room, others, now)
        else:
            free = _decide_in_turn(zone, own, before, decided[lead], now)
        kept = within_outdoor_limit(zone, state, free, now)
        decided[name] = limited(zone, seen, kept, now)
        if zone.kind.own is None:
            before.append((zone, state))


def _decide_in_turn(
    zone: ZoneSettings,
    seen: ZoneSnapshot,
    before: Sequence[tuple[ZoneSettings, ZoneState]],
    of_first: ZoneDecision,
    now: datetime,
) -> ZoneDecision:
    """Decide for a later unit that heats or cools, behind those before it."""
    free = _decide_alone(zone, seen, now)
    early = next(
        (why for why in of_first.reasons if why.code is ReasonCode.OPTIMUM_START), None
    )
    begin = early is not None
    if early is None and _begun_outside(zone, seen.state):
        # What was begun is brought to its end, or it would begin again and again.
        waits = ReasonCode.OPTIMUM_START_WAITS
        early = next((why for why in of_first.reasons if why.code is waits), None)
    outside = free.reasons[0].code not in _ACTS
    stage = stage_of(zone, seen.state, before, now)
    ahead = ahead_of(before[0][0], now) if outside else None
    if early is None and ahead is not None and stage.alone:
        # What works in the place of another has a pace of its own.
        early = _begins_alone(seen, ahead, now)
        begin = early is not None
    if outside and (ahead is None or early is None):
        return free
    if early is not None and ahead is not None:
        early = replace(early, code=ReasonCode.OPTIMUM_START)
        if not stage.alone:
            helped = _brought_up_beside(zone, seen, before, (early, ahead), now)
            return helped or free
        # Its room is brought up for a window, which the first unit must not do.
        if seen.reading.temperature is None or not zone.can(season_action(zone)):
            return free
        reasons = (early, stage.reason)
        begun = _kept(zone, seen, ahead.aim, reasons, now, begin=begin)
        safety = assess(zone, seen.state, now)
        return begun if safety is None else restrained(zone, seen.state, begun, safety)
    if not stage.works:
        return paused(zone, seen.state, (free.reasons[0], stage.reason))
    if stage.alone:
        if zone.proportions:
            free = _decide_alone(storing(zone), seen, now)
        return replace(free, reasons=(*free.reasons, stage.reason))
    decided = _decide_alone(beside(zone), seen, now)
    return replace(decided, reasons=(*decided.reasons, stage.reason))


def _begins_alone(seen: ZoneSnapshot, ahead: Ahead, now: datetime) -> Reason | None:
    """Return why a unit begins now for a window, by what was learned of itself."""
    temperature = seen.reading.temperature
    if temperature is None:
        return None
    planned = plan(
        ahead.aim,
        seen.state,
        temperature,
        now,
        ahead.opens,
        since=now,
        longest=LONGEST_FORESEEN,
    )
    if not planned.begin:
        return None
    return Reason(ReasonCode.OPTIMUM_START, planned.detail(ahead.opens))


def _brought_up_beside(
    zone: ZoneSettings,
    seen: ZoneSnapshot,
    before: Sequence[tuple[ZoneSettings, ZoneState]],
    early: tuple[Reason, Ahead],
    now: datetime,
) -> ZoneDecision | None:
    """Help to bring a room up for a window where the unit before would be late.

    `early`: why it is brought up, and for what. None: it is not needed.
    """
    (why, ahead), (other, other_state) = early, before[-1]
    narrow = beside(zone)
    aim, temperature = aim_of(narrow), seen.reading.temperature
    late = late_for(zone, other_state, before[0][1], ahead.opens, now)
    helps = late or _begun_outside(zone, seen.state)
    if aim is None or temperature is None or not helps:
        return None
    safety = assess(zone, seen.state, now)
    joins = Reason(ReasonCode.STAGE_JOINS, {"zone": other.name})
    decided = _kept(narrow, seen, aim, (why, joins), now)
    return decided if safety is None else restrained(zone, seen.state, decided, safety)


def _begun_outside(zone: ZoneSettings, state: ZoneState) -> bool:
    """Tell whether a unit runs that was started while no window was open."""
    at = state.compressor_started_at
    if at is None or not state.compressor_running:
        return False
    return in_window(zone.time_windows, at, zone.timezone) is None


def _is_held(room: ZoneState, now: datetime) -> bool:
    return room.hold_until is not None and now < room.hold_until


def _held_with(state: ZoneState, room: ZoneState, now: datetime) -> ZoneState:
    """Return a unit's state under the hold of its room, where there is one."""
    if not _is_held(room, now) or (state.hold_until and state.hold_until > now):
        return state
    return supposed(state, hold_until=room.hold_until, hold_by=room.hold_by)


def _decide_alone(
    zone: ZoneSettings, seen: ZoneSnapshot, now: datetime
) -> ZoneDecision:
    if not zone.automation_enabled:
        switch = seen.state.switch
        detail = {} if switch is None else {"since": switch.at.isoformat()}
        return ZoneDecision(
            zone.name,
            Outcome.DISABLED,
            reasons=(Reason(ReasonCode.AUTOMATION_DISABLED, detail),),
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
    overlay = zone.overlay
    if overlay is not None:
        return _decide_overlaid(zone, seen, overlay, now)
    return _decide_by_settings(zone, seen, now)


_LEFT_OUT = frozenset({ReasonCode.WINDOW_MISSED, ReasonCode.WINDOW_SKIPPED})


def _decide_overlaid(
    zone: ZoneSettings, seen: ZoneSnapshot, overlay: Overlay, now: datetime
) -> ZoneDecision:
    """Decide with what lies over the settings in mind, and say so.

    A pause comes before a person's hold, unless they commanded knowing of the opening.
    """
    state, pause = seen.state, overlay.pause
    holds = state.hold_until is not None and now < state.hold_until
    if pause is not None and holds:
        knew = (
            state.manual_action_at is not None
            and overlay.paused_since is not None
            and state.manual_action_at >= overlay.paused_since
        )
        pause = None if knew else pause
    held = supposed(state, hold_until=None) if pause is not None else state
    decided = _decide_by_settings(zone, replace(seen, state=held), now)
    code = decided.reasons[0].code
    reasons = (*overlay.reasons, pause) if pause else overlay.reasons
    if code not in _ACTS:
        left_out = [each for each in reasons if each.code in _LEFT_OUT]
        return replace(decided, reasons=(*decided.reasons, *left_out))
    begins = decided.action in _STARTS and not (
        state.compressor_running or state.uncertain
    )
    if pause is None and overlay.opened is not None and begins:
        reasons = (decided.reasons[0], *reasons, overlay.opened)
        return ZoneDecision(zone.name, Outcome.NO_ACTION, reasons=reasons)
    if pause is None:
        return replace(decided, reasons=(*decided.reasons, *reasons))
    return paused(zone, state, (decided.reasons[0], *reasons))


def _decide_by_settings(
    zone: ZoneSettings, seen: ZoneSnapshot, now: datetime
) -> ZoneDecision:
    hold = seen.state.hold_until
    if hold is not None and now < hold:
        detail = {"until": hold.isoformat()}
        if seen.state.hold_by:
            detail["rule"] = seen.state.hold_by
        why = Reason(ReasonCode.HOLD_MANUAL, detail)
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
    if window.span is not None:
        # A person's; what they want, and until when, is a reason of its own.
        return Reason(ReasonCode.IN_WINDOW)
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
    ahead = ahead_of(zone, now)
    if ahead is None:
        return None
    opens, aim = ahead.opens, ahead.aim
    why = Reason(ReasonCode.OPTIMUM_START, {"opens": opens.isoformat()})
    going = begun(zone, state, opens) or _rests_from_it(state, opens, now)
    if temperature is None:
        return _without_temperature(zone, seen.reading, why) if going else None
    since = counted_from(zone, seen.reading.made_at(now), now)
    planned = plan(aim, state, temperature, now, opens, since=since)
    why = Reason(ReasonCode.OPTIMUM_START, planned.detail(opens))
    if not going and not planned.begin:
        waits = replace(why, code=ReasonCode.OPTIMUM_START_WAITS)
        outside = _outside(zone, seen)
        return replace(
            outside, reasons=(*outside.reasons, waits), look_at=planned.look_at
        )
    rests = rest_before_window(zone, state, now)
    if rests is not None and zone.turn_off_outside_windows:
        outside = _outside(zone, seen)
        return replace(outside, reasons=(*outside.reasons, why, rests))
    return _kept(zone, seen, aim, (why,), now, begin=planned.begin)


def _rests_from_it(state: ZoneState, opens: datetime, now: datetime) -> bool:
    """Tell whether a unit that brings a room up for that window had to rest from it just now.

    Its air cools in these minutes and its walls do not: what was begun for them goes on.
    """
    worn, learned = state.equipment, state.learned
    rested = worn.rest_until if worn is not None else None
    if rested is None or learned is None or state.compressor_running:
        return False
    return learned.warm_up.begun == opens and now <= rested + _RESUMED


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
    if aim is None:
        raise AssertionError("a season with temperatures has an aim")
    ahead = ahead_of(zone, now) if zone.optimum_start else None
    if ahead is None:
        return _kept(zone, seen, aim, (why,), now)
    planned = plan(ahead.aim, seen.state, temperature, now, ahead.opens, since=now)
    if planned.begin or begun_early(zone, seen.state, ahead.opens):
        early = Reason(ReasonCode.OPTIMUM_START, planned.detail(ahead.opens))
        reasons = (why, early)
        if zone.modulates or zone.proportions:
            begin = planned.begin
            return _kept(ahead.zone, seen, ahead.aim, reasons, now, begin=begin)
        return _brought_up(zone, seen, ahead, reasons, now, begin=planned.begin)
    kept = _kept(zone, seen, aim, (why,), now)
    if kept.look_at is None:
        # It is looked at in regular intervals, which nothing may stretch.
        return kept
    begins = ahead.opens - timedelta(seconds=planned.lead_seconds)
    return replace(kept, look_at=min(kept.look_at, begins))


def _kept(
    zone: ZoneSettings,
    seen: ZoneSnapshot,
    aim: Aim,
    reasons: tuple[Reason, ...],
    now: datetime,
    *,
    begin: bool = False,
) -> ZoneDecision:
    """Keep a room by the zone's way of control; `begin`: now is when to begin.

    What can only heat rests where the season is to cool, also where it still heats.
    """
    on = season_action(zone)
    if zone.equipment and not zone.can(on):
        cannot = Reason(ReasonCode.STAGE_CANNOT, {"action": on})
        return paused(zone, seen.state, (*reasons, cannot))
    if is_steered(zone, seen.state):
        return steered(zone, seen, aim, reasons, now)
    if zone.proportions:
        return proportioned(zone, seen, aim, reasons, now, begin=begin)
    return switched(zone, seen, aim, reasons, now, begin=begin)


def _brought_up(
    zone: ZoneSettings,
    seen: ZoneSnapshot,
    ahead: Ahead,
    reasons: tuple[Reason, ...],
    now: datetime,
    *,
    begin: bool,
) -> ZoneDecision:
    """Switch within a window for a later one that wants more."""
    decided = switched(ahead.zone, seen, ahead.aim, reasons, now, begin=begin)
    told = zone.aircon_device_id and "command" in zone.cascade and zone.kind.sets
    if decided.action in _STARTS and decided.setpoint is None and told:
        # The profile in force is still that of the window that is open.
        return replace(decided, setpoint=ahead.aim.asked)
    return decided


def _without_temperature(
    zone: ZoneSettings, reading: Reading, why: Reason
) -> ZoneDecision:
    problem = reading.problem or ReasonCode.NO_READING
    outcome = (
        Outcome.INVALID_TEMPERATURE if problem in _INVALID else Outcome.MISSING_METER
    )
    return ZoneDecision(zone.name, outcome, reasons=(why, Reason(problem)))


# Ten times the step of a meter: a living one shows it, and few rooms leave their band.
_PROBE_KELVIN = 1.0


def restrained(
    zone: ZoneSettings, state: ZoneState, decided: ZoneDecision, safety: Safety
) -> ZoneDecision:
    """Return the decision without what safety forbids.

    Going off and to fan stay free. A unit that runs on without a reading is set to the
    saving end of its band, once, where it can be told so; one whose meter may only stand
    still because the room does, no further than the meter has to show.
    """
    reasons = (*decided.reasons, safety.reason)
    if decided.action in _STARTS:
        if not safety.forbids_start:
            return decided
        return replace(
            decided,
            outcome=safety.outcome,
            action=None,
            reasons=reasons,
            setpoint=None,
            blocked_until=safety.until or decided.blocked_until,
        )
    if safety.level is Level.CONSERVATIVE and decided.action is None:
        probes = safety.reason.code is ReasonCode.SENSOR_FROZEN
        saving = _saving_setpoint(zone, state, probes=probes)
        if saving is not None:
            return ZoneDecision(
                zone.name,
                safety.outcome,
                season_action(zone),
                reasons,
                setpoint=saving,
            )
    return replace(decided, reasons=reasons)


def _saving_setpoint(
    zone: ZoneSettings, state: ZoneState, *, probes: bool
) -> float | None:
    """Return the setpoint that saves, None where it is in force or cannot be sent."""
    on = season_action(zone)
    profile = profile_of(zone, on)
    told = zone.aircon_device_id and "command" in zone.cascade and zone.kind.sets
    runs = state.power is Power.ON and state.action is on and not state.uncertain
    if profile is None or not told or not runs:
        return None
    target = profile.target_temp
    if on is Action.WINTER:
        end = target - _PROBE_KELVIN if probes else min(profile.min_temp, target)
        saving = zone.kind.nearest(end)
    else:
        end = target + _PROBE_KELVIN if probes else max(profile.max_temp, target)
        saving = zone.kind.nearest(end)
    if already_in_force(state, with_setpoint(zone, saving), on):
        return None
    return saving
