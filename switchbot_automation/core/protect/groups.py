"""Zones that share one outdoor unit: one season at a time, one start after another. Pure.

A stage between deciding and the gate. It only ever takes away: a start has to wait, a
running zone whose season lost goes off (or to fan, where the zone wants that). Nothing
of it is remembered but since when a zone waits and what its compressor last did, so with
the group gone from the settings every zone is on its own again at the next tick.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from switchbot_automation.core.control.band import edges_of
from switchbot_automation.core.protect.gate import equipment_wait
from switchbot_automation.core.state.unit import (
    already_in_force,
    can_send,
    grouped,
    season_action,
)
from switchbot_automation.model import (
    Action,
    Decision,
    Outcome,
    Reason,
    ReasonCode,
    ZoneDecision,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from switchbot_automation.core.home import Snapshot
    from switchbot_automation.core.state.zone import ZoneState
    from switchbot_automation.settings.model import (
        GroupSettings,
        Settings,
        ZoneSettings,
    )

_STARTS = (Action.WINTER, Action.SUMMER)
_OFF = {Action.WINTER: Outcome.WINTER_OFF, Action.SUMMER: Outcome.SUMMER_OFF}
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_WAITS = frozenset({ReasonCode.GROUP_MODE_CONFLICT, ReasonCode.GROUP_CHANGEOVER})


@dataclass(frozen=True, slots=True)
class _Member:
    """A zone of a group: what it is, what was decided for it, what it wants."""

    rank: int
    zone: ZoneSettings
    state: ZoneState
    decided: ZoneDecision
    wants: Action | None
    error: float

    @property
    def works(self) -> Action | None:
        """The season its compressor is at work for now."""
        if not self.state.compressor_running:
            return None
        action = self.state.action
        return action if action in _STARTS else season_action(self.zone)

    @property
    def starts(self) -> bool:
        """Whether its decision would start the compressor, or turn it around."""
        return self.decided.action in _STARTS and self.works is not self.decided.action

    @property
    def last_worked(self) -> Action:
        """The season its compressor was last at work for; its own where unknown."""
        return self.works or self.state.conditioned or season_action(self.zone)


def arbitrate(
    decision: Decision, snapshot: Snapshot, settings: Settings, now: datetime
) -> Decision:
    """Return the decision with every group's word on it. `now` is aware UTC."""
    by_zone = {decided.zone: decided for decided in decision.zones}
    for group in settings.groups.values():
        members = [
            _member(rank, settings.zones[name], snapshot, by_zone[name], now)
            for rank, name in enumerate(group.zones)
        ]
        for decided in _of_group(group, members, now):
            by_zone[decided.zone] = decided
    return replace(decision, zones=tuple(by_zone.values()))


def after_arbitration(
    state: ZoneState, decided: ZoneDecision, now: datetime
) -> ZoneState:
    """Return the state of a group's zone with what the group has to know later."""
    waits = any(reason.code in _WAITS for reason in decided.reasons)
    since = (state.group_waits_since or now) if waits else None
    works = state.action if state.compressor_running else None
    conditioned = works if works in _STARTS else state.conditioned
    return grouped(state, since, conditioned)


def _member(
    rank: int,
    zone: ZoneSettings,
    snapshot: Snapshot,
    decided: ZoneDecision,
    now: datetime,
) -> _Member:
    seen = snapshot.zones[zone.name]
    state = seen.state
    wants = None
    if decided.action in _STARTS:
        wants = decided.action
    elif decided.action is None and state.compressor_running:
        wants = state.action if state.action in _STARTS else season_action(zone)
    error = 0.0
    edges = edges_of(zone)
    temperature = seen.reading.temperature
    if wants is not None and edges is not None and temperature is not None:
        error = edges.ahead(temperature, running=True)
    # Whoever a person or nobody commands cannot be told to make room.
    held = state.hold_until is not None and now < state.hold_until
    if wants is not None and (held or not zone.automation_enabled):
        error = float("inf")
    return _Member(rank, zone, state, decided, wants, error)


def _of_group(
    group: GroupSettings, members: list[_Member], now: datetime
) -> Iterable[ZoneDecision]:
    winner = _winner(group, members, now)
    if winner is None:
        return
    ready = _changeover_over(group, members, winner, now)
    last = max(
        (at for each in members if (at := each.state.compressor_started_at)),
        default=None,
    )
    slot = now if last is None else last + timedelta(seconds=group.stagger_seconds)
    for member in sorted(members, key=_turn):
        if member.wants not in (None, winner):
            yield _loses(group, member, members, winner, now)
        elif not member.starts:
            continue
        elif now < ready:
            yield _waits(member.decided, ReasonCode.GROUP_CHANGEOVER, ready, now)
        elif _gate_shut(member, now):
            # The gate says so itself; meanwhile the turn is another's.
            continue
        elif now < slot:
            yield _waits(member.decided, ReasonCode.GROUP_STAGGER, slot, now)
            slot += timedelta(seconds=group.stagger_seconds)
        else:
            slot = now + timedelta(seconds=group.stagger_seconds)


def _turn(member: _Member) -> tuple[bool, float, int]:
    """Order by how long they wait, then by their place in the list."""
    since = member.state.group_waits_since
    return since is None, since.timestamp() if since else 0.0, member.rank


def _gate_shut(member: _Member, now: datetime) -> bool:
    return (
        member.decided.if_blocked is not None
        and equipment_wait(member.zone, member.state, now, member.decided.action)
        is not None
    )


# --- whose season -----------------------------------------------------------------


def _winner(
    group: GroupSettings, members: list[_Member], now: datetime
) -> Action | None:
    wanting = [each for each in members if each.wants is not None]
    wanted = {each.wants for each in wanting}
    if len(wanted) <= 1:
        return next(iter(wanted), None)
    fixed = [each for each in wanting if each.error == float("inf")]
    if fixed:
        return fixed[0].wants
    current = _current(wanting)
    if current is not None and now < _dwell_over(group, wanting, current):
        return current
    starved = [
        each
        for each in wanting
        if each.wants is not current
        and each.state.group_waits_since is not None
        and now >= _patience_over(group, each.state.group_waits_since)
    ]
    if starved:
        return min(starved, key=_turn).wants
    return _by_policy(group, wanting, current)


def _by_policy(
    group: GroupSettings, wanting: list[_Member], current: Action | None
) -> Action | None:
    if group.policy == "priority":
        return min(wanting, key=lambda each: each.rank).wants
    if group.policy == "largest_error":
        # A tie leaves the unit as it is.
        return max(
            wanting, key=lambda each: (each.error, each.wants is current, -each.rank)
        ).wants
    votes = Counter(each.wants for each in wanting)

    def weight(mode: Action | None) -> tuple[int, bool, float, str]:
        error = sum(each.error for each in wanting if each.wants is mode)
        return votes[mode], mode is current, error, str(mode)

    return max(votes, key=weight)


def _current(members: list[_Member]) -> Action | None:
    """Return the season the outdoor unit is at, None while it rests."""
    works = Counter(each.works for each in members if each.works is not None)
    return max(works, key=lambda mode: (works[mode], str(mode))) if works else None


def _dwell_over(
    group: GroupSettings, members: list[_Member], current: Action
) -> datetime:
    since = [
        at
        for each in members
        if each.works is current and (at := each.state.compressor_started_at)
    ]
    if not since:
        return _LONG_AGO
    return min(since) + timedelta(seconds=group.dwell_seconds)


def _patience_over(group: GroupSettings, since: datetime) -> datetime:
    return since + timedelta(seconds=group.max_wait_seconds)


def _changeover_over(
    group: GroupSettings, members: list[_Member], winner: Action, now: datetime
) -> datetime:
    """Return from when on the unit may do the winner's work."""
    gap = timedelta(seconds=group.changeover_gap_seconds)
    ready = _LONG_AGO
    for member in members:
        if member.last_worked is winner:
            continue
        if member.works is not None:
            ready = max(ready, now + gap)
        elif member.state.compressor_stopped_at is not None:
            ready = max(ready, member.state.compressor_stopped_at + gap)
    return ready


# --- what becomes of it -----------------------------------------------------------


def _waits(
    decided: ZoneDecision, code: ReasonCode, until: datetime, now: datetime
) -> ZoneDecision:
    why = Reason(
        code,
        {
            "until": until.isoformat(),
            "remaining_seconds": (until - now).total_seconds(),
        },
    )
    return replace(
        decided,
        outcome=Outcome.COOLDOWN,
        action=None,
        reasons=(*decided.reasons, why),
        blocked_until=until,
    )


def _loses(
    group: GroupSettings,
    member: _Member,
    members: list[_Member],
    winner: Action,
    now: datetime,
) -> ZoneDecision:
    zone, decided = member.zone, member.decided
    if member.error == float("inf"):
        return decided
    why = Reason(
        ReasonCode.GROUP_MODE_CONFLICT,
        {"group": group.name, "wants": member.wants, "has": winner},
    )
    # When this may look different: the winner has dwelt, or this one waited, enough.
    since = member.state.group_waits_since or now
    turns = (_dwell_over(group, members, winner), _patience_over(group, since))
    lost = replace(
        decided,
        outcome=Outcome.NO_ACTION,
        action=None,
        reasons=(*decided.reasons, why),
        setpoint=None,
        blocked_until=min((at for at in turns if at > now), default=None),
    )
    fan = zone.fan_mode_during_window and can_send(zone, Action.FAN)
    if fan and already_in_force(member.state, zone, Action.FAN):
        return lost
    if member.works is None:
        if not fan:
            return lost
        return replace(
            lost,
            outcome=Outcome.FAN_NEUTRAL_ZONE,
            action=Action.FAN,
            if_blocked=Outcome.COOLDOWN,
        )
    return replace(
        lost,
        outcome=_OFF[member.works],
        action=Action.FAN if fan else Action.OFF,
        if_blocked=Outcome.COOLDOWN,
    )
