"""Zones that share one outdoor unit: one season at a time, one start after another. Pure.

A stage between deciding and the gate. It only ever takes away: a start has to wait, a
running zone whose season lost goes off (or to fan, where the zone wants that). Nothing
of it is remembered but since when a zone waits and what its compressor last did, so with
the group gone from the settings every zone is on its own again at the next tick.

A person's word comes before every policy, the newest first. It has the unit for
`dwell_seconds` at least; after that whoever has waited `max_wait_seconds` for the other
season gets it, and the hold ends with the command that it kept (`turn_of_person` says so
when the command is given).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from switchbot_automation.core.control.band import edges_of
from switchbot_automation.core.protect.gate import Wait, equipment_wait
from switchbot_automation.core.state.unit import (
    already_in_force,
    can_send,
    grouped,
    season_action,
)
from switchbot_automation.core.state.wishes import held
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

    from switchbot_automation.core.home import Snapshot, States
    from switchbot_automation.core.state.zone import ZoneState
    from switchbot_automation.settings.model import (
        GroupSettings,
        Settings,
        ZoneSettings,
    )

_STARTS = (Action.WINTER, Action.SUMMER)
_OFF = {Action.WINTER: Outcome.WINTER_OFF, Action.SUMMER: Outcome.SUMMER_OFF}
_A_WHILE = timedelta(minutes=1)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_WAITS = frozenset({ReasonCode.GROUP_MODE_CONFLICT, ReasonCode.GROUP_CHANGEOVER})


@dataclass(frozen=True, slots=True)
class _Member:
    """A zone of a group: what it is, what was decided for it, what it wants.

    `wish`: what a person asked of it that still waits. `held`: it runs as a person left
    it. `bound`: it runs and nobody may tell it, its automation being disabled.
    """

    rank: int
    zone: ZoneSettings
    state: ZoneState
    decided: ZoneDecision
    wants: Action | None
    error: float
    wish: Action | None = None
    held: bool = False
    bound: bool = False

    @property
    def works(self) -> Action | None:
        """The season its compressor is at work for now."""
        return _works(self.zone, self.state)

    @property
    def starts(self) -> bool:
        """Whether its decision would start the compressor, or turn it around."""
        return self.decided.action in _STARTS and self.works is not self.decided.action

    @property
    def last_worked(self) -> Action:
        """The season its compressor was last at work for; its own where unknown."""
        return _last_worked(self.zone, self.state)


def _wish(state: ZoneState) -> Action | None:
    wish = state.pending_manual
    return wish.action if wish is not None and wish.action in _STARTS else None


def _works(zone: ZoneSettings, state: ZoneState) -> Action | None:
    if not state.compressor_running:
        return None
    return state.action if state.action in _STARTS else season_action(zone)


def _last_worked(zone: ZoneSettings, state: ZoneState) -> Action:
    return _works(zone, state) or state.conditioned or season_action(zone)


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
    if any(reason.code is ReasonCode.GROUP_HOLD_ENDS for reason in decided.reasons):
        # What it kept is over, and the rest of it would only keep the zone from taking
        # its turn again.
        state = held(state, None, None)
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
    wish = _wish(state)
    wants = wish
    if wants is None and decided.action in _STARTS:
        wants = decided.action
    elif wants is None and decided.action is None:
        wants = _works(zone, state)
    error = 0.0
    edges = edges_of(zone)
    temperature = seen.reading.temperature
    if wants is not None and edges is not None and temperature is not None:
        error = edges.ahead(temperature, running=True)
    runs = wish is None and wants is not None and state.compressor_running
    holds = state.hold_until is not None and now < state.hold_until
    return _Member(
        rank,
        zone,
        state,
        decided,
        wants,
        error,
        wish,
        held=runs and holds and zone.automation_enabled,
        bound=runs and not zone.automation_enabled,
    )


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
        if member.decided.action in (Action.OFF, Action.FAN) or member.bound:
            continue
        if member.wants not in (None, winner):
            yield _loses(group, member, members, winner, now)
        elif member.works not in (None, winner):
            # Its own season turned: the compressor has to rest before it may follow.
            yield _turns(member, ready, now)
        elif not member.starts:
            continue
        elif now < (until := _own_season_waits(member, winner, ready, now)):
            yield _waits(member.decided, ReasonCode.GROUP_CHANGEOVER, until, now)
        elif _gate_shut(member, now):
            # The gate says so itself; meanwhile the turn is another's.
            continue
        elif now < slot:
            yield _waits(member.decided, ReasonCode.GROUP_STAGGER, slot, now)
            slot += timedelta(seconds=group.stagger_seconds)
        else:
            slot = now + timedelta(seconds=group.stagger_seconds)


def _own_season_waits(
    member: _Member, winner: Action, ready: datetime, now: datetime
) -> datetime:
    """Return until when a start waits: also for what a person wants there instead."""
    wish = member.state.pending_manual
    if wish is None or member.wish is None or member.decided.action is winner:
        return ready
    return max(ready, wish.due_at, now + _A_WHILE)


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
    # Whom nobody may tell cannot be told to make room; then the newest word of a person.
    fixed = [each for each in wanting if each.bound] or [
        each for each in wanting if each.wish is not None
    ]
    if fixed:
        return fixed[0].wants
    of_person = max(
        (each for each in wanting if each.held), key=_asked_at, default=None
    )
    if of_person is not None and not _has_had_its_turn(group, wanting, of_person, now):
        return of_person.wants
    current = _current(wanting)
    if current is not None and now < _dwell_over(group, wanting, current):
        return current
    starved = _starved(group, wanting, current, now)
    if starved:
        return min(starved, key=_turn).wants
    return _by_policy(group, wanting, current)


def _starved(
    group: GroupSettings, wanting: list[_Member], has: Action | None, now: datetime
) -> list[_Member]:
    """Return those that have waited for the other season as long as anybody has to."""
    return [
        each
        for each in wanting
        if each.wants is not has
        and each.state.group_waits_since is not None
        and now >= _patience_over(group, each.state.group_waits_since)
    ]


def _asked_at(member: _Member) -> datetime:
    """Return since when a person has what they asked for."""
    state = member.state
    asked = (state.manual_action_at, state.compressor_started_at)
    return max((at for at in asked if at), default=_LONG_AGO)


def _has_had_its_turn(
    group: GroupSettings, wanting: list[_Member], keeper: _Member, now: datetime
) -> bool:
    """Tell whether a hold has to end, so that no room goes without for all of it."""
    if now < _asked_at(keeper) + timedelta(seconds=group.dwell_seconds):
        return False
    return bool(_starved(group, wanting, keeper.wants, now))


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
    why = [_conflict(group, member, winner)]
    if member.held:
        others = [each.zone.name for each in members if each.wants is winner]
        detail = {"group": group.name, "zones": others}
        why.append(Reason(ReasonCode.GROUP_HOLD_ENDS, detail))
    # When this may look different: the winner has dwelt, or this one waited, enough.
    since = member.state.group_waits_since or now
    turns = (_dwell_over(group, members, winner), _patience_over(group, since))
    lost = replace(
        decided,
        outcome=Outcome.NO_ACTION,
        action=None,
        reasons=(*decided.reasons, *why),
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


def _conflict(group: GroupSettings, member: _Member, winner: Action) -> Reason:
    return Reason(
        ReasonCode.GROUP_MODE_CONFLICT,
        {"group": group.name, "wants": member.wants, "has": winner},
    )


def _turns(member: _Member, ready: datetime, now: datetime) -> ZoneDecision:
    """Return the decision that stops a compressor which is to do the other season's work."""
    if member.works is None:
        raise AssertionError("only what runs can turn")
    waits = _waits(member.decided, ReasonCode.GROUP_CHANGEOVER, ready, now)
    return replace(
        waits,
        outcome=_OFF[member.works],
        action=Action.OFF,
        if_blocked=Outcome.COOLDOWN,
        setpoint=None,
    )


# --- a person's command -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Turn:
    """What a start that a person asks for means to the others on its outdoor unit.

    `waits` and `until`: it cannot go before, None where it may go now; without an
    instant it cannot go at all. `others`: who has to do without, and until when.
    `overruled`: zones where an older wish for the other season still waits.
    """

    waits: Reason | None = None
    until: datetime | None = None
    others: Reason | None = None
    overruled: tuple[str, ...] = ()


_AT_ONCE = Turn()


def turn_of_person(
    settings: Settings,
    states: States,
    zone: ZoneSettings,
    action: Action,
    now: datetime,
    *,
    hold_until: datetime | None = None,
) -> Turn:
    """Return how a person's command for a zone fits the others of its group.

    A command that turns the shared unit around waits until all that work against it have
    run as long as they must, and for `changeover_gap_seconds` after that. `hold_until`
    is until when it holds.
    """
    group = next(
        (each for each in settings.groups.values() if zone.name in each.zones), None
    )
    if group is None or action not in _STARTS:
        return _AT_ONCE
    ready = max(
        (
            _rested(group, settings.zones[name], states[name], action, now)
            for name in group.zones
        ),
        default=now,
    )
    others = [
        (settings.zones[name], states[name])
        for name in group.zones
        if name != zone.name
    ]
    against = [each for each in others if _works(*each) not in (None, action)]
    at_work = {_works(settings.zones[name], states[name]) for name in group.zones}
    if at_work <= {None, action} and action in at_work:
        # The unit is at this work already.
        ready = now
    bound = [other.name for other, _state in against if not other.automation_enabled]
    other_season = Action.SUMMER if action is Action.WINTER else Action.WINTER
    if bound:
        what = {"group": group.name, "wants": action, "has": other_season}
        why = Reason(ReasonCode.GROUP_MODE_CONFLICT, {**what, "zones": bound})
        return Turn(waits=why)
    overruled = [
        (other, state) for other, state in others if _wish(state) not in (None, action)
    ]
    waiting = [
        (other, state)
        for other, state in others
        if state.group_waits_since is not None and season_action(other) is not action
    ]
    paying = {
        other.name: state.group_waits_since or now
        for other, state in (*against, *overruled, *waiting)
    }
    told = None
    if paying:
        latest = max(
            _patience_over(group, max(paying.values())),
            ready + timedelta(seconds=group.dwell_seconds),
        )
        if hold_until is not None and season_action(zone) is not action:
            # After the hold the zone's own season asks for nothing of that kind.
            latest = min(latest, max(hold_until, ready))
        gap = timedelta(seconds=group.changeover_gap_seconds)
        detail = {
            "group": group.name,
            "zone": zone.name,
            "zones": list(paying),
            "wants": other_season,
            "has": action,
            "until": (latest + gap).isoformat(),
        }
        told = Reason(ReasonCode.GROUP_OTHERS_WAIT, detail)
    names = tuple(other.name for other, _state in overruled)
    if ready <= now:
        return Turn(others=told, overruled=names)
    why = Wait(ReasonCode.GROUP_CHANGEOVER, ready).reason(now)
    return Turn(why, ready, told, names)


def _rested(
    group: GroupSettings,
    zone: ZoneSettings,
    state: ZoneState,
    action: Action,
    now: datetime,
) -> datetime:
    """Return from when on a zone's compressor has rested enough for another season."""
    gap = timedelta(seconds=group.changeover_gap_seconds)
    if _last_worked(zone, state) is action:
        return now
    if _works(zone, state) is not None:
        runs = equipment_wait(zone, state, now, Action.OFF)
        return (runs.until if runs else now) + gap
    stopped = state.compressor_stopped_at
    return now if stopped is None else stopped + gap
