"""THE ORDER OF A TICK: the only place where its stages are put in order. Pure.

Four functions, called one after the other by whoever lets a home live:

1. `arrive`: the states as they are now, and the settings in force;
2. `tick`: what is owed, readings, what they teach, checks, surroundings, safety, decide,
   groups, gate, a look at the unit, commands, is the room kept;
3. `judge`: the part of it that decides, by itself; also for what is not lived: shadows,
   explanations, settings that are tried out;
4. `rest`: when to look again.

What has to be read or sent is a request (see `requests`) that the caller answers: the
engine from the cloud (`engine.tick`), a backtest from a recording
(`backtest.dry_home`). So the order is the same for both, and what they do differently
stands in how they answer. The states are read and written in the mapping handed in, since
an answer may change them.

    going = tick(settings, states, now, notes={}, quota=None)
    request = next(going)
    while True:
        request = going.send(Answer(value, at))  # until StopIteration, whose value it is
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from switchbot_automation.core.ahead import after_begin, ahead_of, goal_of
from switchbot_automation.core.control.band import (
    after_observation,
    helps_lately,
    with_setpoint,
)
from switchbot_automation.core.control.season import AUTO
from switchbot_automation.core.decide import decide
from switchbot_automation.core.doubt import attend, overtaken
from switchbot_automation.core.home import Judged, Snapshot, ZoneSnapshot
from switchbot_automation.core.overlay import (
    after_season,
    after_surroundings,
    in_force,
    overlaid,
)
from switchbot_automation.core.pace import (
    FLOOR_SECONDS,
    Due,
    Note,
    after_new_reading,
    counted_from,
    next_look,
    next_read,
    too_old,
    unit_reads_at,
)
from switchbot_automation.core.protect.gate import (
    STARTS,
    Ledger,
    gate,
)
from switchbot_automation.core.protect.groups import (
    after_arbitration,
    turn_of_person,
)
from switchbot_automation.core.protect.limits import LIMITS, against_frost
from switchbot_automation.core.protect.safety import after_assessment, after_stop
from switchbot_automation.core.requests import (
    AskUnit,
    LookAround,
    Order,
    ReadMeters,
    Send,
    Together,
)
from switchbot_automation.core.state.check import asked, with_check
from switchbot_automation.core.state.evidence import after_order, is_repair
from switchbot_automation.core.state.kept import after_look, command_taken
from switchbot_automation.core.state.meter import (
    after_reading,
    air_believed,
    believed,
    given_up,
    remembered,
    seen,
    with_meters_seen,
    with_sensing,
)
from switchbot_automation.core.state.meter import judged as judge_meters
from switchbot_automation.core.state.refusals import (
    fails_again,
    is_refused,
    refuses_setting,
    still_believed,
)
from switchbot_automation.core.state.unit import (
    after_command,
    asked_of,
    first_seen,
    guarded,
    last_turn,
    rounds_up,
    set_all_parameter,
)
from switchbot_automation.core.state.wishes import (
    acted,
    after_repeat,
    after_wish,
    held,
    is_late,
    late_repeat,
    quieted,
    skipping_from,
    still_wished,
    wished,
    with_repeats,
)
from switchbot_automation.core.state.zone import after_jump
from switchbot_automation.core.verify import after_poll, seen_of, verify
from switchbot_automation.model import (
    DEFAULT_ZONE,
    Action,
    Command,
    CommandStatus,
    Outcome,
    Power,
    Reason,
    ReasonCode,
    ZoneDecision,
)

if TYPE_CHECKING:
    from collections.abc import (
        Collection,
        Generator,
        Iterable,
        Mapping,
        MutableMapping,
        Sequence,
    )
    from datetime import datetime

    from switchbot_automation.core.home import States
    from switchbot_automation.core.pace import Quota
    from switchbot_automation.core.requests import Answered, Request, Single
    from switchbot_automation.core.state.meter import Reading
    from switchbot_automation.core.state.zone import ZoneState
    from switchbot_automation.model import (
        Decision,
        RungResult,
        Verdict,
        ZoneVerdict,
    )
    from switchbot_automation.settings.model import Settings, ZoneSettings

    _Told = dict[str, tuple[Command, ...]]

# Wake-ups that nearly coincide are one, and a clock that is read twice has moved.
_TOGETHER = timedelta(seconds=2)
_LEAST = timedelta(seconds=FLOOR_SECONDS)

# What an AC that can be read is worth asking for although nothing is to be sent: the
# rule met a threshold and concluded from the assumed state that it need not act.
_CONCLUDED = frozenset(
    {
        ReasonCode.ALREADY_OFF,
        ReasonCode.DUPLICATE_SUPPRESSED,
        ReasonCode.OFF_REPEAT_PENDING,
    }
)
# The outcomes whose command is repeated `off_repeat_count` times, fan in its place too.
_OFF_WORDS = frozenset(
    {Outcome.WINTER_OFF, Outcome.SUMMER_OFF, Outcome.TURNED_OFF_OUTSIDE_WINDOW}
)

_NO_NOTE = Note()


class ZoneTick(NamedTuple):
    """What a tick came to for one zone.

    `decision` has the final outcome and all reasons; `decided` and `verdict` are the
    core's own words, said about `judged`. `blocked_until`: nothing can be sent before.
    `waited`: its last reading answered, since none was due. `tells`: something of it may
    be news to a person.
    """

    zone: ZoneSettings
    decision: ZoneDecision
    commands: tuple[Command, ...]
    blocked_until: datetime | None
    temperature: float | None
    humidity: float | None
    judged: Judged
    decided: ZoneDecision
    verdict: ZoneVerdict
    waited: bool = False
    tells: bool = False


# --- 1 ------------------------------------------------------------------------------


def arrive(
    settings: Settings, states: States, now: datetime, *, jump_seconds: float = 0.0
) -> Settings:
    """Bring the states up to `now`; return the settings in force.

    `jump_seconds`: by how much the wall clock was set since the last tick.
    """
    wishes = False
    for name, zone in settings.zones.items():
        before = states[name]
        state = after_jump(before, jump_seconds, now)
        state = state.not_later_than(now)
        if zone.mode == AUTO and not zone.lead:
            state = after_season(zone, state, now)
        if state.refusals:
            state = still_believed(state, zone, now)
        if state.wish is not None:
            wishes = True
            if now >= state.wish.until:
                state = wished(state, None)
        if state.skipped:
            wishes = True
            state = skipping_from(state, now)
        if state.quiet_until is not None:
            wishes = True
            if now >= state.quiet_until:
                state = quieted(state, None)
        if state is not before:
            states[name] = state
    changing = wishes or settings.changing
    return in_force(settings, states.__getitem__, now) if changing else settings


# --- 2 ------------------------------------------------------------------------------


def tick(
    settings: Settings,
    states: States,
    now: datetime,
    *,
    notes: Mapping[str, Note],
    quota: Quota | None = None,
    told: Collection[str] = (),
    new: Collection[str] = (),
    force: bool = False,
) -> Generator[Request, Answered, list[ZoneTick]]:
    """Observe, decide, gate and act once for every zone; what it came to, by zone.

    `settings` are those in force, see `arrive`. `notes` is what the ticks before left
    for the next readings, see `rest`; `quota` the day's calls, None where none are
    counted. `told`: zones of which something new is known that takes no call. `new`:
    zones that nothing was ever stored of. `force`: read all meters, due or not.
    """
    zones = settings.zones.values()
    quota = quota.where_scarce() if quota else None
    early = yield from _all_owed(settings, states, now)
    waiting = _waiting(
        settings, states, now, notes=notes, quota=quota, told=told, force=force
    )
    readings, now = yield from _read(settings, states, now, waiting, force=force)
    asks = {
        zone.name
        for zone in zones
        if zone.power_meter_device_id or states[zone.name].check is not None
    }
    yield from _side_by_side(
        [
            _looked_at(settings, lane, states, now, quota=quota, told=early)
            for lane in _lanes(settings, zones, asks)
        ]
    )
    if settings.overlaid:
        settings, now = yield from _look_around(settings, states, readings, now)
    assessed = _assess(settings.zones.values(), states, now, new)
    judged = judge(settings, assessed, readings, now)
    asked_at = yield from _ask_units(settings, states, judged, early)
    if asked_at is not None:
        judged = judge(settings, states, readings, asked_at)
    _remember_waiting(states, judged)
    decided = zip(judged.decision.zones, judged.verdict.zones, strict=True)
    todo = {each.zone: (each, verdict) for each, verdict in decided}
    asks = {
        name
        for name, (each, verdict) in todo.items()
        if each.action and verdict.allowed
    }
    done: dict[str, ZoneTick] = {}
    yield from _side_by_side(
        [
            _acted_on(
                lane,
                judged,
                states,
                todo=todo,
                told=early,
                waiting=waiting,
                ticks=done,
            )
            for lane in _lanes(settings, judged.settings.zones.values(), asks)
        ]
    )
    return [done[name] for name in todo]


def _lanes(
    settings: Settings, zones: Iterable[ZoneSettings], asks: Collection[str]
) -> list[list[ZoneSettings]]:
    """Return the zones so that those of one group stand together, in their order.

    What is done to one of them decides what may be done to the next; all others have no
    bearing on each other. Those that ask nothing, not being in `asks`, need no lane of
    their own.
    """
    if not asks:
        return [list(zones)]
    lanes: dict[str, list[ZoneSettings]] = {"": []}
    of_group = {
        zone: f"group {group.name}"
        for group in settings.groups.values()
        for zone in group.zones
    }
    for zone in zones:
        lane = ""
        if zone.name in asks:
            lane = of_group.get(zone.name, f"zone {zone.name}")
        lanes.setdefault(lane, []).append(zone)
    return [lane for lane in lanes.values() if lane]


def _side_by_side(
    lanes: Sequence[Generator[Single, Answered, None]],
) -> Generator[Request, Answered, None]:
    """Let several go on at once: what they ask for at the same time is one request."""
    if len(lanes) == 1:
        yield from lanes[0]
        return
    asking: list[tuple[Generator[Single, Answered, None], Single]] = []
    for lane in lanes:
        _go_on(lane, None, asking)
    while asking:
        if len(asking) == 1:
            # Nothing is beside it, so there is nothing to put together.
            lane, request = asking.pop()
            answer = yield request
            _go_on(lane, answer, asking)
            continue
        asked, asking = asking, []
        answers = (yield Together(tuple(request for _lane, request in asked))).value
        for (lane, _request), answer in zip(asked, answers, strict=True):
            _go_on(lane, answer, asking)


def _go_on(
    lane: Generator[Single, Answered, None],
    answer: Answered | None,
    asking: list[tuple[Generator[Single, Answered, None], Single]],
) -> None:
    try:
        request = next(lane) if answer is None else lane.send(answer)
    except StopIteration:
        return
    asking.append((lane, request))


def _looked_at(
    settings: Settings,
    lane: Iterable[ZoneSettings],
    states: States,
    now: datetime,
    *,
    quota: Quota | None,
    told: _Told,
) -> Generator[Single, Answered, None]:
    """Look at what was told and is not seen yet, and at what contradicts a belief."""
    for zone in lane:
        if states[zone.name].check is not None:
            seen = yield from verify(zone, states, now)
            told[zone.name] = (*told[zone.name], *seen)
        others = settings.beside(zone) if settings.units else ()
        doubted = yield from attend(zone, states, now, quota, others)
        if doubted:
            told[zone.name] = (*told[zone.name], *doubted)


def _acted_on(
    lane: Iterable[ZoneSettings],
    judged: Judged,
    states: States,
    *,
    todo: Mapping[str, tuple[ZoneDecision, ZoneVerdict]],
    told: _Told,
    waiting: Collection[str],
    ticks: dict[str, ZoneTick],
) -> Generator[Single, Answered, None]:
    """Do what was decided for the zones of a lane, and see whether the room is kept."""
    for zone in lane:
        name = zone.name
        decided, verdict = todo[name]
        done = yield from _act(judged, decided, verdict, told[name])
        problem = judged.snapshot.zones[name].reading.problem
        before = states[name]
        rested = after_stop(decided, before, judged.at)
        if rested is not before:
            states[name] = before = rested
        looked = after_look(zone, before, problem, judged.at)
        if looked.state is not before:
            states[name] = looked.state
        if looked.tells or name in waiting:
            done = done._replace(waited=name in waiting, tells=looked.tells)
        ticks[name] = done


def _all_owed(
    settings: Settings, states: States, now: datetime
) -> Generator[Request, Answered, _Told]:
    """Send what is due of every zone; what was sent, by zone."""
    sent: _Told = dict.fromkeys(settings.zones, ())
    owing = [
        zone
        for name, zone in settings.zones.items()
        if states[name].pending_manual is not None
        or states[name].pending_repeat is not None
    ]
    if owing:
        yield from _side_by_side(
            [
                _owed_to(lane, settings, states, now, sent)
                for lane in _lanes(settings, owing, {zone.name for zone in owing})
            ]
        )
    return sent


def _owed_to(
    lane: Iterable[ZoneSettings],
    settings: Settings,
    states: States,
    now: datetime,
    sent: _Told,
) -> Generator[Single, Answered, None]:
    """Send what is due of the zones of a lane."""
    for zone in lane:
        sent[zone.name] = yield from _owed(settings, zone, states, now)


def _owed(
    settings: Settings, zone: ZoneSettings, states: States, now: datetime
) -> Generator[Single, Answered, tuple[Command, ...]]:
    """Send the OFF repeat or the person's waiting command that is due."""
    state = states[zone.name]
    wish, repeat = state.pending_manual, state.pending_repeat
    if wish and wish.due_at <= now and is_late(wish, now):
        # Nobody was at work for so long that whoever asked wants something else by now.
        states[zone.name] = after_wish(state, wish, None)
        return ()
    if wish and wish.due_at <= now:
        order = Order(
            zone,
            wish.action,
            label=f"manual_{wish.action}",
            reasons=(Reason(ReasonCode.MANUAL_DEFERRED),),
            person=True,
            waited=True,
        )
        turn = turn_of_person(settings, states, zone, wish.action, now)
        if turn.waits is not None:
            after = states[zone.name] = after_wish(state, wish, turn.until)
            waits = after.pending_manual
            return (not_yet(order, turn.waits, waits.due_at if waits else None),)
        command: Command = (yield Send(order)).value
        if command.status is not CommandStatus.ACCEPTED:
            states[zone.name] = after_wish(
                states[zone.name], wish, command.blocked_until
            )
        return (command,)
    if repeat and zone.observe_only:
        # From before the zone only observed; when it no longer does it is late.
        states[zone.name] = late_repeat(state)
    elif repeat and repeat.next_run_at <= now:
        left = Reason(ReasonCode.OFF_REPEAT, {"remaining": repeat.remaining - 1})
        order = Order(zone, repeat.action, label=repeat.state_reason, reasons=(left,))
        answer = yield Send(order)
        command = answer.value
        status = command.status
        if is_refused(command):
            status = CommandStatus.FAILED
        if status is CommandStatus.BLOCKED and states[zone.name].pending_repeat is None:
            return (command,)  # a person's word of now has ended it
        states[zone.name] = after_repeat(
            states[zone.name],
            repeat,
            status,
            max(now, answer.at),
            command.blocked_until,
        )
        return (command,)
    return ()


def _waiting(
    settings: Settings,
    states: States,
    now: datetime,
    *,
    notes: Mapping[str, Note],
    quota: Quota | None,
    told: Collection[str],
    force: bool,
) -> set[str]:
    """Return the zones that answer from their last reading, since none is due.

    They are read by prediction; every other zone is read at every tick.
    """
    if force:
        return set()
    waiting = {
        name
        for name, zone in settings.zones.items()
        if zone.predictive
        and not zone.lead
        and name not in told
        and _due(zone, states[name], now, notes.get(name, _NO_NOTE), quota).at
        > now + _TOGETHER
    }
    # The units of a room look at one meter: when its first wants to, or another that runs
    # can wait no longer.
    for lead, further in settings.units.items():
        if lead not in waiting:
            continue
        owed = (
            unit_reads_at(settings.zones[name], states[name], states[lead], quota)
            for name in further
        )
        if any(at is not None and at <= now + _TOGETHER for at in owed):
            waiting.discard(lead)
        else:
            waiting.update(further)
    return waiting


def _due(
    zone: ZoneSettings,
    state: ZoneState,
    now: datetime,
    note: Note,
    quota: Quota | None,
) -> Due:
    """Return when a meter is due: as the last tick found, where nothing is new since."""
    due = note.due
    if due is not None and due.holds(zone, state, now, quota):
        return due
    at = next_read(
        zone,
        state,
        now,
        quota=quota,
        blocked_until=note.blocked_until,
        review_at=note.review_at,
    )
    return Due(at, zone, state, quota)


def _read(
    settings: Settings,
    states: States,
    now: datetime,
    waiting: Collection[str],
    *,
    force: bool,
) -> Generator[Request, Answered, tuple[dict[str, Reading], datetime]]:
    """Read what is due, believe it as far as it can be, and learn from it.

    A meter that several zones share is read once, for all of them.
    """
    zones = settings.zones.values()
    meters = {zone.meter_device_id for zone in zones if zone.name not in waiting}
    asks = tuple(zone for zone in zones if zone.meter_device_id in meters)
    found, at = yield ReadMeters(asks, force)
    readings: dict[str, Reading] = {}
    for name, zone in settings.zones.items():
        before, reading = states[name], found.get(name)
        if reading is not None and reading.each:
            records = dict(before.meters_seen)
            reading, records = judge_meters(zone, records, reading.each, now)
            before = with_meters_seen(before, records)
            states[name] = before
        if reading is None or reading.problem is ReasonCode.QUOTA_RESERVE:
            state = before
            if reading is not None:
                state = with_sensing(state, seen(zone, state.sensing, now))
            if too_old(zone, state, now):
                state = given_up(state)
            if state is not before:
                states[name] = state
            kept = remembered(state)
            if reading is None or kept.temperature is not None:
                reading = kept
        else:
            helped = any(
                helps_lately(states[unit], now) for unit in settings.units.get(name, ())
            )
            reading, states[name] = _taught(zone, before, reading, now, helped=helped)
        readings[name] = reading
    return readings, at


def _taught(
    zone: ZoneSettings,
    before: ZoneState,
    reading: Reading,
    now: datetime,
    *,
    helped: bool = False,
) -> tuple[Reading, ZoneState]:
    """Return a reading as far as it is believed, and the state that learned from it.

    `helped`: another unit of the room works, or did a moment ago.
    """
    record = before.sensing
    if reading.problem is not ReasonCode.NO_METER:
        turned_at = last_turn(before)
        reading, record = believed(zone, record, reading, now, turned_at=turned_at)
        reading, record = air_believed(zone, before, record, reading, now)
    state = after_reading(before, reading, record)
    if zone.predictive and reading.problem is None:
        state = after_new_reading(before, state, zone)
    ahead = ahead_of(zone, now) if zone.optimum_start else None
    if zone.learns:
        goal = goal_of(ahead, state) if ahead else None
        toward = ahead.aim if ahead is not None and goal is not None else None
        state = after_observation(
            zone, state, now, goal=goal, toward=toward, helped=helped
        )
    if zone.optimum_start:
        state = after_begin(zone, state, ahead, now)
    return reading, state


def _look_around(
    settings: Settings,
    states: States,
    readings: Mapping[str, Reading],
    now: datetime,
) -> Generator[Request, Answered, tuple[Settings, datetime]]:
    """Take in openings, presence and offsets; return the settings in force with them."""
    zones = tuple(
        settings.zones[name]
        for name in settings.overlaid
        if not settings.zones[name].lead
    )
    around, at = yield LookAround(zones)
    for zone in zones:
        state = states[zone.name]
        after = after_surroundings(zone, state, readings.get(zone.name), around, now)
        if after is not state:
            states[zone.name] = after
    return overlaid(settings, states.__getitem__, at), now


def _assess(
    zones: Iterable[ZoneSettings],
    states: States,
    now: datetime,
    new: Collection[str],
) -> dict[str, ZoneState]:
    """Keep in the states what safety and the gate must not forget; return all of them."""
    found: dict[str, ZoneState] = {}
    for zone in zones:
        before = state = states[zone.name]
        if state.equipment is None:
            state = first_seen(zone, state, now, new=zone.name in new)
        # Of a unit that surely rests nothing has to outlive this instant.
        rests = state.power is not Power.ON and not state.uncertain
        if zone.automation_enabled and not rests:
            state = after_assessment(zone, state, now)
        if state is not before:
            states[zone.name] = state
        found[zone.name] = state
    return found


def _ask_units(
    settings: Settings, states: States, judged: Judged, told: _Told
) -> Generator[Request, Answered, datetime | None]:
    """Ask the units worth it; the instant since then if a state changed, else None.

    What that shows of earlier commands is added to `told`. Forced wherever the tick
    hangs on what the unit really does, unless a minimum time stops it anyway.
    """
    changed: datetime | None = None
    for decided, verdict in zip(
        judged.decision.zones, judged.verdict.zones, strict=True
    ):
        zone = settings.zones[decided.zone]
        if not zone.unit_readable:
            continue
        codes = {reason.code for reason in decided.reasons}
        in_window = ReasonCode.IN_WINDOW in codes
        forced = verdict.blocked_until is None and (
            decided.action is not None
            or (in_window and not codes.isdisjoint(_CONCLUDED))
        )
        if not forced and not in_window:
            continue
        asked = states[zone.name]
        look, at = yield AskUnit(zone, forced)
        before = states[zone.name]
        if overtaken(asked, before):
            continue
        found = after_poll(zone, before, look)
        seen = seen_of(zone, before, found)
        if seen is not None:
            told[zone.name] = (*told[zone.name], seen)
        if found is not before:
            states[zone.name] = found
            changed = at
    return changed


def _remember_waiting(states: States, judged: Judged) -> None:
    """Keep what the groups have to know at a later tick."""
    if not judged.settings.groups:
        return
    grouped = {
        zone for group in judged.settings.groups.values() for zone in group.zones
    }
    for decided in judged.decision.zones:
        if decided.zone in grouped:
            state = states[decided.zone]
            states[decided.zone] = after_arbitration(state, decided, judged.at)


def _act(
    seen: Judged,
    decided: ZoneDecision,
    verdict: ZoneVerdict,
    early: tuple[Command, ...],
) -> Generator[Single, Answered, ZoneTick]:
    zone = seen.settings.zones[decided.zone]
    reading = seen.snapshot.zones[decided.zone].reading
    outcome = verdict.outcome
    reasons = decided.reasons
    blocked_until = decided.blocked_until
    commands = early
    if decided.action is not None and verdict.allowed and zone.observe_only:
        only_decided = _not_sent(decided, verdict, CommandStatus.DECIDED)
        commands, reasons = (*early, only_decided), only_decided.reasons
    elif decided.action is not None and verdict.allowed:
        order = order_of(
            zone, decided, seen.snapshot.zones[decided.zone].state, seen.at
        )
        command: Command = (yield Send(order)).value
        commands = (*early, command)
        blocked_until = command.blocked_until
        if command.status is CommandStatus.FAILED:
            outcome = Outcome.API_ERROR
        elif command.status is CommandStatus.BLOCKED:
            outcome = Outcome.NOOP
        # The command's reasons begin with the decision's. Where it failed they end with
        # the cause: that nothing stood against sending it is not of interest then.
        reasons = command.reasons
        if command.status is CommandStatus.ACCEPTED:
            reasons = (*reasons, *verdict.reasons)
    elif not verdict.allowed and verdict.blocked_until is not None:
        reasons = (*decided.reasons, *verdict.reasons)
        if decided.action is not None:
            blocked_until = verdict.blocked_until
            blocked = _not_sent(decided, verdict, CommandStatus.BLOCKED)
            commands = (*early, blocked)
    said = decided
    if outcome is not decided.outcome or reasons is not decided.reasons:
        said = replace(decided, outcome=outcome, reasons=reasons)
    return ZoneTick(
        zone,
        said,
        commands,
        blocked_until,
        reading.temperature,
        reading.humidity,
        seen,
        decided,
        verdict,
    )


def order_of(
    zone: ZoneSettings, decided: ZoneDecision, state: ZoneState, now: datetime
) -> Order:
    """Return the order that carries a decision out. Raises ValueError for none to send.

    A unit that refuses the setpoint it is steered to is sent the zone's own, by all the
    ways there are; so is one at rest that could not be told again and again.
    """
    action, steered = decided.action, decided.setpoint
    if action is None:
        raise ValueError("nothing was decided to be sent")
    if decided.reasons[0].code in LIMITS and steered is not None:
        # By every way there is: a scene that heats keeps frost off, too.
        zone, steered = against_frost(zone, steered), None
    reasons, (wish, beyond) = decided.reasons, asked_of(zone, action)
    aimed = _aimed_at(zone, action, steered, state, now) if steered else None
    if aimed is not None:
        zone = aimed
    elif beyond is not None:
        detail = {"asked_celsius": beyond[0], "sent_celsius": beyond[1]}
        reasons = (*reasons, Reason(ReasonCode.SETPOINT_CLAMPED, detail))
    return Order(
        zone,
        action,
        label=f"automation_{decided.outcome}",
        reasons=reasons,
        repeats=action not in STARTS
        and (decided.emergency or decided.outcome in _OFF_WORDS),
        emergency=decided.emergency,
        wish=wish,
    )


def _aimed_at(
    zone: ZoneSettings,
    action: Action,
    setpoint: float,
    state: ZoneState,
    now: datetime,
) -> ZoneSettings | None:
    """Return the zone as if it asked for a setpoint; None where that is not to be had."""
    aimed = with_setpoint(zone, setpoint)
    wanted, up = set_all_parameter(aimed, action), rounds_up(zone, action)
    device = zone.aircon_device_id
    if not wanted or refuses_setting(state, device, wanted, up=up):
        return None
    # Of one that does so already no other way has more to say.
    works = state.compressor_running and state.action is action
    if not works and zone.has_beside_commands(action):
        return None if fails_again(state, device, wanted, now) else aimed
    return aimed


def _not_sent(
    decided: ZoneDecision, verdict: ZoneVerdict, status: CommandStatus
) -> Command:
    why: tuple[Reason, ...] = ()
    if status is CommandStatus.DECIDED:
        why = (Reason(ReasonCode.OBSERVE_ONLY),)
    return Command(
        id=uuid.uuid4().hex,
        zone=decided.zone,
        action=decided.action or Action.OFF,
        status=status,
        reasons=(*decided.reasons, *verdict.reasons, *why),
        blocked_until=verdict.blocked_until,
    )


def not_yet(order: Order, why: Reason, until: datetime | None) -> Command:
    """Return an order that was not sent as a command that is blocked."""
    return Command(
        id=uuid.uuid4().hex,
        zone=order.zone.name,
        action=order.action,
        status=CommandStatus.BLOCKED,
        reasons=(*order.reasons, why),
        blocked_until=until,
    )


def limit_of(order: Order) -> ReasonCode | None:
    """Return the limit of its room that an order starts a unit for, None for no such."""
    first = order.reasons[0].code if order.reasons else None
    return first if first in LIMITS and order.action in STARTS else None


def _ends_what_ran(order: Order) -> bool:
    """Tell whether an order turns off what may not run on, whoever wanted it to."""
    first = order.reasons[0].code if order.reasons else None
    stops = order.emergency or first is ReasonCode.HEAT_CEILING
    return stops and order.action is Action.OFF


def _ran_for_person(state: ZoneState, at: datetime) -> bool:
    """Tell whether the compressor runs as a person left it, not for a limit of the room."""
    holds = state.hold_until is not None and at < state.hold_until
    return holds and state.compressor_running and state.guarding is None


def accepted(
    state: ZoneState, order: Order, rung: RungResult, at: datetime, command_id: str
) -> ZoneState:
    """Return the state once a rung took the order at `at`."""
    zone, action, limit = order.zone, order.action, limit_of(order)
    after = after_command(state, zone, action, rung, at=at, label=order.label)
    if not order.attempt:
        after = guarded(after, limit)
    if _ends_what_ran(order) and _ran_for_person(state, at):
        # What a person held is over. The rest of the hold would keep whoever is to warm
        # the room again away from it.
        after = held(after, None, None)
    if any(why.code is ReasonCode.GROUP_CHANGEOVER for why in order.reasons):
        # It was stopped for the very wish that waits for its rest.
        after = still_wished(after, state.pending_manual)
    if after.keeping is not None and after.keeping.failed:
        after = command_taken(after)
    if zone.shows or after.check is not None:
        check = asked(
            zone,
            after,
            action,
            command_id,
            at,
            attempt=order.attempt,
            readable=zone.unit_readable,
        )
        after = with_check(after, check)
    again = order.attempt > 0 or is_repair(order.label)
    wish = order.wish or set_all_parameter(zone, action)
    after = after_order(
        state, after, zone, at, wish=wish, person=order.person, again=again
    )
    if order.repeats:
        after = with_repeats(after, zone, action, at, order.label)
    return acted(after, at) if order.person else after


# --- 3 ------------------------------------------------------------------------------


def judge(
    settings: Settings,
    states: Mapping[str, ZoneState] | States,
    readings: Mapping[str, Reading],
    now: datetime,
) -> Judged:
    """Decide for every zone, each alone and then together, and ask the gate.

    `settings` are those in force, see `judged_anew` for others.
    """
    snapshot = Snapshot(
        {
            name: ZoneSnapshot(reading, states[name])
            for name, reading in readings.items()
        }
    )
    return judge_snapshot(snapshot, settings, now)


def judge_snapshot(snapshot: Snapshot, settings: Settings, now: datetime) -> Judged:
    """Judge what was seen, by settings that are in force."""
    decision: Decision = decide(snapshot, settings, now)
    states = {name: seen.state for name, seen in snapshot.zones.items()}
    verdict: Verdict = gate(decision, settings, Ledger(states), now)
    return Judged(now, snapshot, settings, decision, verdict)


def judged_anew(snapshot: Snapshot, settings: Settings, now: datetime) -> Judged:
    """Judge what was seen by other settings than those in force then.

    What lies over them is laid anew: the season, presets, offsets, openings.
    """
    zones = snapshot.zones
    settings = in_force(settings, lambda name: zones[name].state, now)
    return judge_snapshot(snapshot, settings, now)


# --- 4 ------------------------------------------------------------------------------


def rest(
    ticks: Sequence[ZoneTick],
    states: States,
    notes: MutableMapping[str, Note],
    now: datetime,
    quota: Quota | None = None,
    *,
    ended: datetime | None = None,
) -> datetime | None:
    """Return when a home that was looked at `now` wants the next tick, None without zones.

    `ended` is when that tick was over, by default `now`. Leaves in `notes` what the next
    readings have to know.
    """
    wanted: datetime | None = None
    reads: dict[str, datetime | None] = {}
    quota = quota.where_scarce() if quota else None
    ended = max(now, ended or now)
    for each in ticks:
        zone, look_at = each.zone, each.decision.look_at
        state = states[zone.name]
        read_at = None
        if zone.lead:
            read_at = reads.get(zone.lead)
            # What it wanted before now is there with the reading of the room's first
            # unit, and not any earlier for being asked for again.
            if read_at is not None and look_at is not None and look_at > now:
                read_at = min(read_at, max(look_at, now + _TOGETHER))
            owed = unit_reads_at(zone, state, states[zone.lead], quota)
            if read_at is not None and owed is not None:
                read_at = min(read_at, max(owed, now + _LEAST))
        elif zone.predictive:
            since = counted_from(zone, state.asked_at, now)
            note = notes.get(zone.name, _NO_NOTE)
            note = note.after(since, each.blocked_until, look_at)
            # The reading of this tick came after the tick had begun.
            due = _due(zone, state, ended, note, quota)
            notes[zone.name] = note._replace(due=due)
            read_at = reads[zone.name] = _reads_at(each, now, due.at, quota)
        look = next_look(
            zone,
            state,
            now,
            each.blocked_until,
            look_at,
            read_at=read_at,
            quota=quota,
        )
        if wanted is None or look < wanted:
            wanted = look
    return wanted


def _reads_at(
    each: ZoneTick, now: datetime, due: datetime, quota: Quota | None
) -> datetime | None:
    """Return when a zone that is read by prediction is read next, None without a meter.

    As it is `due`, also where the tick itself made it so; but a meter that was read just
    now not before its value can have changed.
    """
    if not each.zone.meter_device_id:
        return None
    if due > now or each.waited:
        return due
    floor = FLOOR_SECONDS if quota is None else quota.stretched(FLOOR_SECONDS)
    return now + timedelta(seconds=floor)


# From harmless to grave; where zones differ, the gravest word stands for the tick.
_SEVERITY = {
    word: rank
    for rank, word in enumerate(
        (
            Outcome.DISABLED,
            Outcome.OUTSIDE_WINDOW,
            Outcome.ALREADY_OFF,
            Outcome.NO_ACTION,
            Outcome.NOOP,
            Outcome.OFF_REPEAT_PENDING,
            Outcome.COOLDOWN,
            Outcome.FAN_NEUTRAL_ZONE,
            Outcome.TURNED_OFF_OUTSIDE_WINDOW,
            Outcome.DEVICE_OFF,
            Outcome.DEVICE_ON,
            Outcome.WINTER_OFF,
            Outcome.SUMMER_OFF,
            Outcome.WINTER_ON,
            Outcome.SUMMER_ON,
            Outcome.MISSING_METER,
            Outcome.INVALID_TEMPERATURE,
            Outcome.INVALID_MODE,
            Outcome.INVALID_PROFILE,
            Outcome.INVALID_THRESHOLDS,
            Outcome.API_ERROR,
            Outcome.INVALID_SETTINGS,
        )
    )
}


def overall_outcome(decisions: Iterable[ZoneDecision]) -> Outcome:
    """Return the default zone's word, else the gravest of all."""
    decisions = tuple(decisions)
    for decision in decisions:
        if decision.zone == DEFAULT_ZONE:
            return decision.outcome
    return max((each.outcome for each in decisions), key=_SEVERITY.__getitem__)


def with_commands(
    ticks: list[ZoneTick], commands: Sequence[Command]
) -> tuple[list[ZoneTick], tuple[Command, ...]]:
    """Return the ticks with more commands behind their zones' own, and what is left over.

    Left over are those of zones that no tick is of.
    """
    if not commands:
        return ticks, ()
    names = {tick.zone.name for tick in ticks}
    return [
        tick._replace(
            commands=(
                *tick.commands,
                *(each for each in commands if each.zone == tick.zone.name),
            ),
        )
        for tick in ticks
    ], tuple(each for each in commands if each.zone not in names)
