"""May it go now? Pure: equipment protection between a decision and its sending.

The compressor's own start and stop count, nothing else: not the fan, not a resend, not
another setpoint. A minimum time that is 0 falls back to `command_cooldown_seconds`; both
0 is none. Before a start also the rolling caps, the rest between heating and cooling and
a history nobody knows have to be waited for. An emergency OFF waits for none of them, only
where it was told in vain as often as bearable; the next start after it waits like any
other. Where several waits run the last to end counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from switchbot_automation.core.control.band import edges_of
from switchbot_automation.core.protect.safety import assess
from switchbot_automation.core.state.evidence import (
    contradiction,
    repair_span,
    repair_waits_until,
)
from switchbot_automation.core.state.unit import unsure_start
from switchbot_automation.core.state.zone import DAY, NONE
from switchbot_automation.model import (
    Action,
    Decision,
    Outcome,
    Reason,
    ReasonCode,
    Verdict,
    ZoneDecision,
    ZoneVerdict,
)
from switchbot_automation.schedule.windows import in_window, next_end

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from switchbot_automation.core.requests import Order
    from switchbot_automation.core.state.zone import ZoneState
    from switchbot_automation.settings.model import Settings, ZoneSettings

_OPEN = (Reason(ReasonCode.GATE_OPEN),)
_NOTHING = (Reason(ReasonCode.NOTHING_TO_SEND),)
_AGAIN = (Reason(ReasonCode.REPEAT_AFTER_CRASH),)
_EMERGENCY = (Reason(ReasonCode.EMERGENCY_OFF),)
STARTS = frozenset(Action) - {Action.OFF, Action.FAN}
"""The actions that run the compressor, or begin what a unit of another kind does."""
_HOUR = timedelta(hours=1)
# What a decision carries that keeps the room of a window.
_WITHIN = frozenset({ReasonCode.IN_WINDOW, ReasonCode.OPTIMUM_START})
# So far out of its band a room is worth a beep at night.
_FAR_KELVIN = 2.0


_COLD = frozenset({Action.SUMMER, Action.DRY})


def same_work(one: Action | None, other: Action) -> bool:
    """Tell whether a compressor turns nothing around between two actions."""
    return one is other or (one in _COLD and other in _COLD)


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the equipment has been through: each zone's state, by name."""

    zones: Mapping[str, ZoneState]


@dataclass(frozen=True, slots=True)
class Wait:
    """A minimum time that is still running, until an aware UTC instant."""

    code: ReasonCode
    until: datetime

    def reason(self, now: datetime) -> Reason:
        """Say what is waited for, how long and until when."""
        return Reason(
            self.code,
            {
                "until": self.until.isoformat(),
                "remaining_seconds": (self.until - now).total_seconds(),
            },
        )


def gate(
    decision: Decision, settings: Settings, ledger: Ledger, now: datetime
) -> Verdict:
    """Judge every zone's decision. `now` is aware UTC."""
    return Verdict(
        now,
        tuple(
            _judge(one, settings.zones[one.zone], ledger.zones[one.zone], now)
            for one in decision.zones
        ),
    )


def equipment_wait(
    zone: ZoneSettings,
    state: ZoneState,
    now: datetime,
    action: Action | None = None,
) -> Wait | None:
    """Return the minimum time that runs at `now`, None when none does.

    At the very instant it ends it no longer runs. Where it is uncertain whether the
    compressor runs, `action` decides what could hurt: ON a compressor that may have
    stopped just now, OFF one that may have started.
    """
    return _minimum(zone, state, now, action, running=state.compressor_running)


def _minimum(
    zone: ZoneSettings,
    state: ZoneState,
    now: datetime,
    action: Action | None,
    *,
    running: bool,
) -> Wait | None:
    if state.uncertain and action is not None:
        running = action not in STARTS
    if running:
        code, since = ReasonCode.MIN_ON_REMAINING, state.compressor_started_at
        seconds = zone.min_on_seconds
    else:
        code, since = ReasonCode.MIN_OFF_REMAINING, state.compressor_stopped_at
        seconds = zone.min_off_seconds
    if since is None:
        return None
    if seconds <= 0:
        seconds = zone.command_cooldown_seconds
    until = since + timedelta(seconds=seconds)
    return Wait(code, until) if now < until else None


def person_wait(
    zone: ZoneSettings, state: ZoneState, action: Action, now: datetime
) -> Wait | None:
    """Return what a person's command has to wait for.

    OFF and fan never wait. ON waits for what protects the compressor from the person
    too, its rest after it ran as long as it may among that; the minimum on time is for
    the automation alone.
    """
    if action not in STARTS:
        return None
    return _person_wait(zone, state, action, now, running=state.compressor_running)


def _person_wait(
    zone: ZoneSettings,
    state: ZoneState,
    action: Action,
    now: datetime,
    *,
    running: bool,
) -> Wait | None:
    wait = _minimum(zone, state, now, action, running=running)
    if wait is not None and wait.code is not ReasonCode.MIN_OFF_REMAINING:
        wait = None
    rest = state.equipment.rest_until if state.equipment else None
    if rest is not None and now < rest and not running:
        wait = _last(wait, Wait(ReasonCode.MAX_CONTINUOUS_ON, rest))
    start = _start_wait(zone, state, action, now, running=running, person=True)
    return _last(wait, start)


def _start_wait(
    zone: ZoneSettings,
    state: ZoneState,
    action: Action,
    now: datetime,
    *,
    running: bool,
    person: bool = False,
) -> Wait | None:
    """Return what a start waits for beyond the minimum times, None for nothing.

    Another setpoint or fan speed of a compressor that runs for that season is no start.
    A person may turn from heating to cooling as on the unit's own remote, which leaves
    the rest in between to the unit.
    """
    equipment = state.equipment or NONE
    runs = running and not state.uncertain
    if runs and (state.action is None or same_work(state.action, action)):
        return None
    found = None
    locked = equipment.locked_until
    if locked is not None and now < locked:
        found = Wait(ReasonCode.HISTORY_UNKNOWN, locked)
    starts = equipment.starts
    if not starts:
        return found
    # The start whose fate is unknown was counted: to send it again is the same start.
    counted = starts[:-1] if state.uncertain and unsure_start(state, action) else starts
    for code, most, span in (
        (ReasonCode.START_CAP_HOUR, zone.max_starts_per_hour, _HOUR),
        (ReasonCode.START_CAP_DAY, zone.max_starts_per_day, DAY),
    ):
        if most and len(counted) >= most and now < counted[-most].at + span:
            found = _last(found, Wait(code, counted[-most].at + span))
    if not same_work(starts[-1].action, action):
        last = starts[-1].at
        rested = last if runs else max(last, state.compressor_stopped_at or last)
        until = rested + timedelta(seconds=zone.changeover_gap_seconds)
        if now < until and not person:
            found = _last(found, Wait(ReasonCode.CHANGEOVER_REMAINING, until))
    return found


def obstacle(
    order: Order, state: ZoneState, now: datetime
) -> tuple[Reason, datetime] | None:
    """Return what an order that is about to go waits for, and until when; None: go.

    Asked of every start at the one place where commands are sent, whoever ordered it.
    OFF and fan never wait here, nor does another setpoint of a unit that runs. A person
    who asks just now has seen the room; what was asked for earlier (`waited`) goes no
    more where safety forbids it than what the rule wants. What would beep in quiet hours,
    or was told too often in vain, waits whatever it is.
    """
    zone, action, person = order.zone, order.action, order.person
    if not person:
        again = order.attempt > 0
        beep = _beep_wait(
            zone,
            state,
            action,
            now,
            again=again,
            within=again or keeps_a_room(order.reasons),
            emergency=order.emergency,
        )
        if beep is not None:
            return beep
    if action not in STARTS or order.emergency:
        return None
    running = state.compressor_running
    same = state.action is None or same_work(state.action, action)
    if running and not state.uncertain and same:
        # It surely runs for that season already.
        return None
    if person:
        wait = _person_wait(zone, state, action, now, running=running)
    else:
        wait = _last(
            _minimum(zone, state, now, action, running=running),
            _start_wait(zone, state, action, now, running=running),
        )
    if wait is not None:
        return wait.reason(now), wait.until
    if person and not order.waited:
        return None
    safety = assess(zone, state, now)
    if safety is None or not safety.forbids_start:
        return None
    later = now + timedelta(seconds=zone.poll_interval_seconds)
    return safety.reason, safety.until or later


def _beep_wait(
    zone: ZoneSettings,
    state: ZoneState,
    action: Action,
    now: datetime,
    *,
    again: bool = False,
    within: bool = False,
    emergency: bool = False,
) -> tuple[Reason, datetime] | None:
    """Return what people's ears make an order wait for, and until when; None: nothing.

    An emergency is heard at night too. That it is one makes the unit hear it no better:
    told in vain as often as bearable, it waits as well.
    """
    span = repair_span(zone)
    later = repair_waits_until(
        state, action, now, span=span, again=again, emergency=emergency
    )
    if later is not None:
        kept = state.evidence
        doubt = kept.doubt if kept else None
        tries = doubt.tries if doubt else kept.unanswered if kept else 0
        why = Reason(
            ReasonCode.REPAIR_WAITS, {"until": later.isoformat(), "tries": tries}
        )
        return why, later
    quiet = None if emergency else zone.command_quiet_hours
    if quiet is None or in_window((quiet,), now, zone.timezone) is None:
        return None
    ends = next_end((quiet,), now, zone.timezone)
    leaves = action is Action.OFF and not within
    if ends is None or leaves or _far_out(zone, state):
        return None
    return Reason(ReasonCode.QUIET_HOURS, {"until": ends.isoformat()}), ends


def _far_out(zone: ZoneSettings, state: ZoneState) -> bool:
    """Tell whether a room is so far out of its band that nobody sleeps in it."""
    edges, temperature = edges_of(zone), state.last_temperature
    if temperature is None or state.last_temperature_stale:
        return False
    if temperature <= zone.frost_floor_celsius:
        return True
    if edges is None:
        return False
    ahead = (edges.ahead(temperature, running=runs) for runs in (True, False))
    return min(ahead) <= -_FAR_KELVIN


def keeps_a_room(reasons: tuple[Reason, ...]) -> bool:
    """Tell whether these are reasons to keep the room of a window, open or to open."""
    return any(each.code in _WITHIN for each in reasons)


def _last(one: Wait | None, other: Wait | None) -> Wait | None:
    if one is None or other is None:
        return one or other
    return one if one.until >= other.until else other


def _judge(
    decision: ZoneDecision, zone: ZoneSettings, state: ZoneState, now: datetime
) -> ZoneVerdict:
    action, emergency = decision.action, decision.emergency
    if action is not None:
        within = keeps_a_room(decision.reasons)
        beep = _beep_wait(zone, state, action, now, within=within, emergency=emergency)
        if beep is not None:
            return ZoneVerdict(
                decision.zone,
                allowed=False,
                outcome=decision.if_blocked or Outcome.NO_ACTION,
                reasons=(beep[0],),
                blocked_until=beep[1],
            )
    if emergency:
        return ZoneVerdict(
            decision.zone, allowed=True, outcome=decision.outcome, reasons=_EMERGENCY
        )
    if decision.if_blocked is not None:
        running = state.compressor_running
        wait = _minimum(zone, state, now, action, running=running)
        if action in STARTS:
            start = _start_wait(zone, state, action, now, running=running)
            wait = _last(wait, start)
        if wait is not None:
            return ZoneVerdict(
                decision.zone,
                allowed=False,
                outcome=decision.if_blocked,
                reasons=(wait.reason(now),),
                blocked_until=wait.until,
            )
    if action is None:
        reasons = _NOTHING
    elif state.evidence is not None and state.evidence.doubt is not None:
        reasons = (contradiction(state.evidence.doubt),)
    else:
        reasons = _AGAIN if state.uncertain and action is state.action else _OPEN
    return ZoneVerdict(
        decision.zone,
        allowed=action is not None,
        outcome=decision.outcome,
        reasons=reasons,
    )
