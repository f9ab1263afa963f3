"""Several units of one room, in their order: who works, who waits, who takes over. Pure.

The first unit keeps the room. One after it is needed in two cases only. It *joins* when
those before it run and the room stays out of its band all the same, and leaves in the
middle of the band. It *takes over* while the unit before it must not run, since it is too
cold outdoors for a heat pump or nobody knows how cold it is, or cannot, since it takes no
command or does not do what it is told. Level-triggered, as everything that is decided: what
a unit does now is all the memory there is, so a restart changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from switchbot_automation.core.state.around import (
    OUTDOOR_LASTS,
    as_of_room,
    outdoor_least_of,
    outdoor_of,
)
from switchbot_automation.core.state.unit import season_action
from switchbot_automation.model import (
    Action,
    Outcome,
    Power,
    Reason,
    ReasonCode,
    ZoneDecision,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from switchbot_automation.core.state.zone import ZoneState
    from switchbot_automation.settings.model import Profile, ZoneSettings

# A heat pump that was locked out may heat again once it is so much warmer.
_RELEASE_KELVIN = 1.0
# What helped lately helps again as soon as the room is out of its band.
_JOINED = timedelta(hours=3)
# So long a unit has to have run until its room tells how fast it is.
_TRIED = timedelta(minutes=20)
# So often told in vain, a unit counts as one that does not do what it is told.
_VAIN = 2


class Stage(NamedTuple):
    """What a later unit is to do, and why. `alone`: not beside those before it."""

    reason: Reason
    works: bool = False
    alone: bool = False


def locked_out(zone: ZoneSettings, state: ZoneState, now: datetime) -> Reason | None:
    """Return why a zone's compressor must not heat at this temperature outdoors.

    Where nobody knows it another unit heats in its place. A room that has no other goes by
    what was heard last, since it may have been the cold that silenced the meter; one that
    was warm enough is heated, since a cold room is the greater harm.
    """
    limit = zone.heat_pump_min_outdoor_celsius
    if limit is None or zone.kind.cost != "compressor":
        return None
    heats = state.compressor_running and state.action is Action.WINTER
    least = limit if heats else limit + _RELEASE_KELVIN
    outdoor = outdoor_of(state.surroundings, now)
    if outdoor is None:
        unknown = outdoor_unknown(zone, state, now)
        around = state.surroundings
        last = around.outdoor if around is not None else None
        cold = last is not None and last < least
        return unknown if zone.backed_up or cold else None
    coldest = outdoor_least_of(state.surroundings, now)
    if not heats and zone.backed_up and coldest is not None and coldest < limit:
        # Else a meter in the wind starts and stops both units several times an hour.
        outdoor = min(outdoor, coldest)
    if outdoor >= least:
        return None
    detail = {"outdoor_celsius": outdoor, "limit_celsius": limit}
    return Reason(ReasonCode.OUTDOOR_TOO_COLD, detail)


def outdoor_unknown(
    zone: ZoneSettings, state: ZoneState, now: datetime
) -> Reason | None:
    """Return that nobody knows how cold it is outdoors, None where it need not be known.

    Its `since` is missing where nobody ever knew.
    """
    limit = zone.heat_pump_min_outdoor_celsius
    if limit is None or not zone.outdoor_device_id or zone.mode == "summer":
        return None
    around = state.surroundings
    if outdoor_of(around, now) is not None:
        return None
    detail: dict[str, object] = {"limit_celsius": limit}
    if around is not None and around.outdoor_at is not None:
        since = around.outdoor_at + OUTDOOR_LASTS
        detail |= {"since": since.isoformat(), "last_celsius": around.outdoor}
    return Reason(ReasonCode.OUTDOOR_UNKNOWN, detail)


def within_outdoor_limit(
    zone: ZoneSettings, state: ZoneState, decided: ZoneDecision, now: datetime
) -> ZoneDecision:
    """Return a decision without the heating that it is too cold outdoors for.

    A unit that heats although nobody knows whether it should says so.
    """
    if zone.heat_pump_min_outdoor_celsius is None:
        return decided
    if decided.emergency or decided.action is Action.OFF:
        return decided
    why = locked_out(zone, state, now)
    heats = state.compressor_running or decided.action is Action.WINTER
    if why is None and heats and zone.kind.cost == "compressor":
        said = outdoor_unknown(zone, state, now)
        return _with_reason(decided, said) if said is not None else decided
    if why is None:
        return decided
    reasons = (*decided.reasons, why)
    if state.compressor_running and state.action is Action.WINTER:
        return ZoneDecision(
            zone.name,
            Outcome.WINTER_OFF,
            Action.OFF,
            reasons,
            if_blocked=Outcome.COOLDOWN,
        )
    if decided.action is not Action.WINTER:
        return decided
    return ZoneDecision(
        zone.name, Outcome.NO_ACTION, reasons=reasons, look_at=decided.look_at
    )


def _with_reason(decided: ZoneDecision, why: Reason) -> ZoneDecision:
    return replace(decided, reasons=(*decided.reasons, why))


def stage_of(
    zone: ZoneSettings,
    state: ZoneState,
    before: Sequence[tuple[ZoneSettings, ZoneState]],
    now: datetime,
) -> Stage:
    """Return what a later unit is to do while its room is to be kept.

    `before` are the units before it, the first of the room first: its state knows of the
    surroundings and whether the room is kept.
    """
    on = season_action(zone)
    if not zone.can(on):
        return Stage(Reason(ReasonCode.STAGE_CANNOT, {"action": on}))
    room = before[0][1]
    unable: Reason | None = None
    for other, other_state in reversed(before):
        why = unable_to(other, as_of_room(other_state, room), on, now)
        if why is None:
            return _beside(zone, state, (other, other_state), room, now)
        detail = {**why.detail, "zone": other.name, "because": why.code.value}
        unable = Reason(ReasonCode.STAGE_TAKES_OVER, detail)
    if unable is None:
        raise AssertionError("a later unit has one before it")
    return Stage(unable, works=True, alone=True)


def _beside(
    zone: ZoneSettings,
    state: ZoneState,
    other: tuple[ZoneSettings, ZoneState],
    room: ZoneState,
    now: datetime,
) -> Stage:
    on, detail = season_action(zone), {"zone": other[0].name}
    helps = other[1].compressor_running and other[1].action is on
    runs = state.compressor_running and state.action is on
    # One that began in the other's place has not joined it: it only may not stop yet.
    runs = runs and not _began_before(state, other[1])
    if helps and (runs or _helps_again(zone, state, other[1], room, now)):
        return Stage(Reason(ReasonCode.STAGE_JOINS, detail), works=True)
    joins = _joins_at(zone, other[1], room, on, now) if helps else None
    if joins is None:
        return Stage(Reason(ReasonCode.STAGE_WAITS, detail))
    works = now >= joins
    code = ReasonCode.STAGE_JOINS if works else ReasonCode.STAGE_WAITS
    return Stage(Reason(code, {**detail, "since": joins.isoformat()}), works=works)


def _began_before(state: ZoneState, other: ZoneState) -> bool:
    started, since = state.compressor_started_at, other.compressor_started_at
    return started is not None and since is not None and started < since


def helps(state: ZoneState, other: ZoneState, now: datetime) -> bool:
    """Tell whether a unit works beside another that runs, or did until lately.

    One that never joined it, or worked in its place, does not.
    """
    if not other.compressor_running:
        return False
    started, since = state.compressor_started_at, other.compressor_started_at
    if started is None or since is None or started <= since:
        return False
    stopped = state.compressor_stopped_at
    lately = stopped is not None and now - stopped < _JOINED
    return state.compressor_running or lately


def _helps_again(
    zone: ZoneSettings,
    state: ZoneState,
    other: ZoneState,
    room: ZoneState,
    now: datetime,
) -> bool:
    """Tell whether a unit helped the one that runs until lately, in vain.

    Not where it worked in that one's place: nobody knows yet what that can by itself.
    """
    stopped, started = state.compressor_stopped_at, state.compressor_started_at
    since, temperature = other.compressor_started_at, room.last_temperature
    if stopped is None or started is None or since is None or temperature is None:
        return False
    lately = now - stopped < _JOINED and since < started
    # Its share of a cycle may have ended for now.
    short = _short_kelvin(beside(zone), temperature, within=0.5)
    return lately and short is not None and short >= 0.0


def _short_kelvin(
    zone: ZoneSettings, temperature: float, *, within: float = 0.0
) -> float | None:
    """Return by how much a room is out of its band on the side that the unit works on.

    Counted from so far `within` the band, as a share of it.
    """
    heats = season_action(zone) is Action.WINTER
    profile = zone.winter if heats else zone.summer
    if profile is None:
        return None
    inside = within * (profile.max_temp - profile.min_temp)
    if heats:
        return round(profile.min_temp + inside - temperature, 3)
    return round(temperature - profile.max_temp + inside, 3)


def late_for(
    zone: ZoneSettings,
    other: ZoneState,
    room: ZoneState,
    opens: datetime,
    now: datetime,
) -> bool:
    """Tell whether a unit that brings its room up for a window comes too late alone."""
    started, temperature = other.compressor_started_at, room.last_temperature
    on = season_action(zone)
    if other.action is not on or not other.compressor_running or started is None:
        return False
    slope = room.learned.trend.slope(started) if room.learned else None
    if temperature is None or slope is None or now - started < _TRIED:
        return False
    short = _short_kelvin(zone, temperature)
    if short is None or short <= 0.0:
        return False
    nears = slope if on is Action.WINTER else -slope
    # In hours, since what hardly rises arrives after the end of all instants.
    return nears <= 0.0 or short / nears > (opens - now) / timedelta(hours=1)


def unable_to(
    zone: ZoneSettings, state: ZoneState, on: Action, now: datetime
) -> Reason | None:
    """Return why a unit must not or cannot do that now, None where it can."""
    if on is Action.WINTER:
        locked = locked_out(zone, state, now)
        if locked is not None:
            return locked
    if not zone.can(on):
        return Reason(ReasonCode.STAGE_CANNOT, {"action": on})
    if state.keeping is not None and state.keeping.failed:
        return Reason(ReasonCode.COMMANDS_FAIL)
    doubt = state.evidence.doubt if state.evidence else None
    # What went nowhere with it alone, and was told again, need not wait for the next time.
    vain = 1 if doubt is not None and doubt.by == "room" else _VAIN
    if doubt is not None and doubt.tries >= vain:
        return Reason(ReasonCode.DEVICE_UNRESPONSIVE)
    rest = state.equipment.rest_until if state.equipment else None
    if rest is not None and now < rest and state.power is not Power.ON:
        return Reason(ReasonCode.MAX_CONTINUOUS_ON, {"until": rest.isoformat()})
    return None


def _joins_at(
    zone: ZoneSettings,
    before: ZoneState,
    room: ZoneState,
    on: Action,
    now: datetime,
) -> datetime | None:
    """Return when a unit joins one that runs, None while that one keeps up."""
    out = room.keeping.excursion if room.keeping else None
    started = before.compressor_started_at
    if out is None or started is None or out.low is not (on is Action.WINTER):
        return None
    patience = timedelta(seconds=zone.equipment[0].joins_after_seconds)
    at = max(out.since, started) + patience
    if now < at:
        return at
    slope = room.learned.trend.slope(started) if room.learned else None
    if slope is None or room.last_temperature is None:
        return at
    nears = slope if on is Action.WINTER else -slope
    left = _short_kelvin(zone, room.last_temperature)
    if left is None:
        return at
    if nears > 0.0 and left / nears * 3600.0 < patience.total_seconds():
        # It will be there by then.
        return None
    return at


def beside(zone: ZoneSettings) -> ZoneSettings:
    """Return a unit's settings as it works beside another: to the middle of the band.

    Without a hysteresis, since the first unit holds the room from there.
    """
    return replace(
        zone,
        hysteresis_celsius=0.0,
        winter=_nearer(zone.winter, heating=True),
        summer=_nearer(zone.summer, heating=False),
    )


def storing(zone: ZoneSettings) -> ZoneSettings:
    """Return a unit's settings as it works in the place of another: in the upper half.

    It may not hold the room through a cold night by itself, so it stores what it can.
    """
    return replace(
        zone,
        winter=_nearer(zone.winter, heating=False),
        summer=_nearer(zone.summer, heating=True),
    )


def _nearer(profile: Profile | None, *, heating: bool) -> Profile | None:
    if profile is None or profile.min_temp > profile.max_temp:
        return profile
    middle = (profile.min_temp + profile.max_temp) / 2.0
    if heating:
        return profile.within(profile.min_temp, middle)
    return profile.within(middle, profile.max_temp)
