"""What is known around a zone besides its temperature: openings, presence, offsets. Pure.

Each is a fact with the instants at which it changed and was last heard, so that delays
and expiry are a matter of comparing, also after a restart. What was not heard for too
long is unknown, and unknown neither pauses anything nor sends anybody away.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from switchbot_automation.core.state.values import number
from switchbot_automation.core.state.zone import (
    KEPT_READINGS,
    MOST_FLAPS,
    Sign,
    Surroundings,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchbot_automation.core.state.zone import ZoneState
    from switchbot_automation.settings.model import OffsetInput, Openings, ZoneSettings

# Within this a room has to lose what counts as a sudden loss.
_LOSS_SECONDS = 600.0
# A level that a loss is measured from may be a little older: meters send minutes late.
_LEVEL_SECONDS = 900.0
_KEPT_SECONDS = 1800.0
# So long after a start, a stop or another setpoint the room follows that.
_SETTLES_SECONDS = 480.0
# So long it follows a stop ever less: what it lost before is no surprise.
_RESTS_SECONDS = 2700.0
# A unit that heats takes heat from the room to melt its ice, for four minutes as a rule.
# Seen through a meter's lag the fall is over after eight; what an open window takes goes on.
_DEFROST_SECONDS = 480.0
_LATE_SECONDS = 240.0
_LATE_WEIGHT = 0.8
DEFROST_KELVIN: Final = 3.4
"""From so much on a loss while the unit heats is none of its own: more than any defrost
took in the coldest weeks of a draughty house."""
_DEEPEST_KELVIN = 4.5
# Where there is no ice to melt: what a unit that heats lets a room fall by itself.
_WORKS_KELVIN = 1.1
ICES_BELOW_CELSIUS: Final = 8.0
"""A heat pump's coil is some kelvin colder than the air outdoors, and gathers ice below about
45 °F, 7 °C (people who repair them, as aaaeinc.com/2017/11/29/defrost-cycle); a meter outdoors
may be off by a kelvin."""
_DIP_MARGIN = 1.05
_DIP_HALVES_SECONDS = 14 * 86400.0
_FALLS_KELVIN = 0.3
_LEVEL_KELVIN = 0.2
# How soon a room that falls is looked at again, so that a short opening is not missed.
_LOOK_SECONDS = 60.0
# A window that opens again within so long, more often in a row than anybody airs, flaps.
_CALM, _FLAPS, _FLAP_WAITS = timedelta(minutes=15), 3, timedelta(minutes=2)
# A motion sensor shows a movement for about so long.
_SHOWN_SECONDS = 90.0
# So long a sensor counts as one that tells by itself, unless an answer contradicts it.
_TELLS = timedelta(days=30)
# SwitchBot API v1.1, contact sensor: `timeOutNotClose` is open for long.
_OPEN = frozenset({"open", "opened", "timeoutnotclose"})
_CLOSED = frozenset({"close", "closed"})
_DOORS = frozenset({"openstate", "doorstate", "doorstatus"})
_DETECTED = {"detected": True, "not_detected": False}
# A garage door's, where 0 is open and 1 is closed.
_DOOR_STATUS = {0: True, 1: False}


OUTDOOR_SECONDS: Final = 900.0
"""How often a meter outdoors is asked, where it does not tell by itself."""
OUTDOOR_LASTS: Final = timedelta(hours=3)
"""For how long what was heard of it counts."""
OUTDOOR_SETTLES: Final = timedelta(hours=1)
"""So long a meter outdoors is not to have said that it is too cold before that is over: wind
and sun move one to and fro."""
_OUTDOOR_KELVIN = 0.2
# No weather is beyond; a meter that says so is broken or lies in the sun.
_COLDEST_OUTDOORS, _WARMEST_OUTDOORS = -60.0, 60.0


# --- what comes in -----------------------------------------------------------------


def after_outdoor(around: Surroundings, celsius: object, at: datetime) -> Surroundings:
    """Return what is known around a zone with a temperature outdoors, heard at `at`.

    What says nothing new is not written again within half an hour.
    """
    heard, before = number(celsius), around.outdoor
    if heard is None or not _COLDEST_OUTDOORS <= heard <= _WARMEST_OUTDOORS:
        return around
    last = around.outdoor_at
    if last is not None and before is not None:
        same = abs(heard - before) < _OUTDOOR_KELVIN
        if at < last or (same and at < last + timedelta(minutes=30)):
            return around
    least, least_at = around.outdoor_least, around.outdoor_least_at
    if (
        least is None
        or least_at is None
        or heard <= least
        or not timedelta(0) <= at - least_at <= OUTDOOR_SETTLES
    ):
        least, least_at = heard, at
    return replace(
        around,
        outdoor=heard,
        outdoor_at=at,
        outdoor_least=least,
        outdoor_least_at=least_at,
    )


def outdoor_least_of(around: Surroundings | None, now: datetime) -> float | None:
    """Return the least that was heard from outdoors of late, None where nothing was."""
    if around is None or around.outdoor_least_at is None:
        return None
    lasts = now - around.outdoor_least_at <= OUTDOOR_SETTLES
    return around.outdoor_least if lasts else None


def as_of_room(state: ZoneState, room: ZoneState) -> ZoneState:
    """Return a unit's state as one that knows of its room's surroundings, never kept."""
    return state if state is room else state._replace(surroundings=room.surroundings)


def outdoor_of(around: Surroundings | None, now: datetime) -> float | None:
    """Return the temperature outdoors in degrees Celsius, None while nobody knows it."""
    if around is None or around.outdoor is None or around.outdoor_at is None:
        return None
    return around.outdoor if now - around.outdoor_at <= OUTDOOR_LASTS else None


def shown_by(fields: Mapping[str, Any], *, opening: bool) -> bool | None:
    """Return what a status or an event says: open, or somebody there; None for neither.

    A contact sensor tells both, each for itself; a lock tells of its door, a garage door
    of itself. Neither the case of a name nor that of a word counts: documents write
    `Detected` where the cloud says `detected`.
    """
    said = {str(name).casefold(): value for name, value in fields.items()}
    if opening and not _DOORS.isdisjoint(said):
        return _door(said)
    for key in ("movedetected", "detected", "detectionstate"):
        value = said.get(key)
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.casefold() in _DETECTED:
            return _DETECTED[value.casefold()]
    return None


def _door(said: Mapping[str, Any]) -> bool | None:
    """Return whether it is open, None where it says neither: motion is no door."""
    status = said.get("doorstatus")
    if isinstance(status, int) and not isinstance(status, bool):
        return _DOOR_STATUS.get(status)
    for state in (said.get("openstate"), said.get("doorstate")):
        word = state.replace("_", "").casefold() if isinstance(state, str) else ""
        if word in _OPEN or word in _CLOSED:
            return word in _OPEN
    return None


def after_sign(
    signs: Mapping[str, Sign],
    device_id: str,
    *,
    active: bool,
    at: datetime,
    openings: Openings | None = None,
    told: bool = False,
    momentary: bool = False,
) -> Mapping[str, Sign]:
    """Return the signs with what a sensor showed at an instant.

    Word of an instant before the last one is dropped. With `openings`: what opens again
    before the pause for it was over has been open all along. `told`: an event said it,
    nobody asked; `momentary`: what it shows is over after a minute, so that asking now
    and then misses most of it.
    """
    before = signs.get(device_id)
    if before is not None and at < before.heard_at:
        return signs
    told_at, watched = _watched(before, at, active, told=told, momentary=momentary)
    if before is None:
        first = Sign(active, at, at, at, 0.0, told_at, watched)
        return {**signs, device_id: first}
    before = replace(before, told_at=told_at, watched_since=watched)
    moved_at = at if active or before.active else before.moved_at
    if before.active is active:
        return {**signs, device_id: replace(before, heard_at=at, moved_at=moved_at)}
    since, held = at, (at - before.since).total_seconds()
    flaps = before.flaps
    if openings and active:
        flaps = _flaps(before, openings, at)
        if _resuming(before, openings, at):
            since = before.since - timedelta(seconds=before.held_seconds)
            held = 0.0
    return {
        **signs,
        device_id: Sign(active, since, at, moved_at, held, told_at, watched, flaps),
    }


def _flaps(before: Sign, openings: Openings, at: datetime) -> int:
    """Return how often in a row a window that opens at `at` has flapped."""
    if at - before.since >= _CALM:
        return 0
    paused = before.held_seconds > openings.pause_after_seconds
    return min(before.flaps + paused, MOST_FLAPS)


def _watched(
    before: Sign | None, at: datetime, active: bool, *, told: bool, momentary: bool
) -> tuple[datetime | None, datetime | None]:
    """Return when a sensor last told by itself, and since when nothing was missed."""
    told_at = at if told else before.told_at if before else None
    since = before.watched_since if before else None
    if told or not momentary:
        return told_at, since or at
    if active and told_at is not None and before is not None and not before.active:
        # It moved, and no event said so: they get lost.
        told_at = None
    if told_at is not None and at - told_at <= _TELLS:
        return told_at, since or at
    close = before is not None and (
        (at - before.heard_at).total_seconds() <= _SHOWN_SECONDS
    )
    return told_at, (since or at) if close else None


def is_momentary(fields: Mapping[str, Any]) -> bool:
    """Tell whether what a sensor shows is a movement, over in a minute, and no state."""
    return any(str(name).casefold() == "movedetected" for name in fields)


def after_temperature(
    around: Surroundings,
    openings: Openings,
    temperature: float,
    at: datetime,
    *,
    heating: bool,
    running: bool,
    changed_at: datetime | None,
    ices: bool = True,
) -> Surroundings:
    """Return the surroundings with a reading, which may show a sudden loss.

    `running`: the unit works, or may; `ices`: it may have to melt its ice; `changed_at`: when it was last started, stopped or
    told otherwise. While the room follows that, nothing is concluded. While the unit
    heats, a fall that is over within minutes is the melting of its ice.
    """
    seconds = at.timestamp()
    if around.readings and seconds <= around.readings[-1][0]:
        return around
    course = _with_point(around.readings, seconds, temperature)
    around = replace(around, readings=course)
    settled = changed_at.timestamp() + _SETTLES_SECONDS if changed_at else 0.0
    sign = 1.0 if heating else -1.0
    lately = [
        (then, sign * one)
        for then, one in course
        if then >= max(settled, seconds - _LEVEL_SECONDS)
    ]
    if not lately:
        return around
    if heating and running:
        lost, judged = _lost_while_heating(lately, seconds)
        least = defrost_limit(around, at) if ices else _WORKS_KELVIN
        limit = max(openings.drop_kelvin, least)
        if not judged and lost < _DEEPEST_KELVIN:
            return around
        if lost < limit:
            return _with_dip(around, lost, at)
    else:
        lost = _lost(lately, seconds)
        rested = changed_at is None or (
            seconds - changed_at.timestamp() > _RESTS_SECONDS
        )
        if not rested:
            before = [
                sign * one
                for then, one in course
                if max(settled, seconds - 2 * _LOSS_SECONDS)
                <= then
                <= seconds - _LOSS_SECONDS
            ]
            if seconds < settled + 2 * _LOSS_SECONDS or not before:
                return around
            lost -= max(before) - min(before)
        if lost < openings.drop_kelvin:
            return around
    # What was lost is counted once: another pause needs another loss.
    return replace(around, readings=((seconds, temperature),), suspected_at=at)


def defrost_limit(around: Surroundings, now: datetime) -> float:
    """Return how much a room that is heated may lose without being open, in kelvin.

    What a defrost takes, or more where this room was seen to fall further and recover.
    """
    return max(DEFROST_KELVIN, min(_DEEPEST_KELVIN, _dip(around, now) * _DIP_MARGIN))


def falls_until(around: Surroundings, now: datetime) -> datetime | None:
    """Return when a room that is falling is to be looked at again, None for others."""
    if not around.readings:
        return None
    newest, temperature = around.readings[-1]
    lately = [one for then, one in around.readings if newest - then <= _LEVEL_SECONDS]
    if max(abs(one - temperature) for one in lately) < _FALLS_KELVIN:
        return None
    at = datetime.fromtimestamp(newest, now.tzinfo) + timedelta(seconds=_LOOK_SECONDS)
    return at if at > now else None


def _with_point(
    course: tuple[tuple[float, float], ...], seconds: float, temperature: float
) -> tuple[tuple[float, float], ...]:
    """Return the room's course with one more point; a level is its two ends."""
    kept = [each for each in course if seconds - each[0] <= _KEPT_SECONDS]
    if len(kept) > 1 and kept[-1][1] == kept[-2][1] == temperature:
        lasted = seconds - kept[-2][0]
        if lasted < _LOSS_SECONDS / 2:
            kept.pop()
    kept.append((seconds, temperature))
    return tuple(kept[-KEPT_READINGS:])


def _lost(lately: list[tuple[float, float]], seconds: float) -> float:
    """Return what was lost within ten minutes; warmer is more."""
    within = [one for then, one in lately if seconds - then <= _LOSS_SECONDS]
    return max(within) - lately[-1][1]


def _lost_while_heating(
    lately: list[tuple[float, float]], seconds: float
) -> tuple[float, bool]:
    """Return what a heated room lost and is losing, and whether a defrost were over."""
    level, now = max(one for _then, one in lately), lately[-1][1]
    lost = level - now
    last = max(i for i, each in enumerate(lately) if each[1] >= level - _LEVEL_KELVIN)
    began = lately[last][0]
    if last + 1 < len(lately):
        (then, high), (after, low) = lately[last], lately[last + 1]
        share = (high - (level - _LEVEL_KELVIN)) / (high - low) if high > low else 0.0
        began = then + (after - then) * share
    if lost < _FALLS_KELVIN or seconds - began < _DEFROST_SECONDS:
        return lost, False
    late = max(0.0, _at(lately, seconds - _LATE_SECONDS) - now)
    return lost + _LATE_WEIGHT * late, True


def _at(course: list[tuple[float, float]], seconds: float) -> float:
    """Return the temperature of a course at an instant between its points."""
    for (then, before), (later, after) in pairwise(course):
        if then <= seconds <= later:
            return before + (after - before) * (seconds - then) / (later - then)
    return course[0][1]


def _dip(around: Surroundings, now: datetime) -> float:
    if around.dip_at is None:
        return 0.0
    age = max(0.0, (now - around.dip_at).total_seconds())
    return float(around.dip * 0.5 ** (age / _DIP_HALVES_SECONDS))


def _with_dip(around: Surroundings, lost: float, at: datetime) -> Surroundings:
    if lost <= _dip(around, at):
        return around
    return replace(around, dip=round(lost, 2), dip_at=at)


# --- what follows ------------------------------------------------------------------


def open_until(
    sign: Sign | None, openings: Openings, now: datetime
) -> tuple[bool, datetime | None]:
    """Return whether an opening pauses its zone, and when that changes by itself."""
    if sign is None:
        return False, None
    unknown_at = sign.heard_at + timedelta(seconds=openings.unknown_after_seconds)
    if sign.active:
        if now >= unknown_at:
            return False, None
        begins = sign.since + timedelta(seconds=openings.pause_after_seconds)
        return (True, unknown_at) if now >= begins else (False, begins)
    if _resuming(sign, openings, now):
        return True, sign.since + _resumes_after(sign, openings)
    return False, None


def _resuming(sign: Sign, openings: Openings, now: datetime) -> bool:
    """Return whether something is closed that was open, and paused, a moment ago."""
    resumes = sign.since + _resumes_after(sign, openings)
    paused = sign.held_seconds > openings.pause_after_seconds
    return not sign.active and paused and now < resumes


def _resumes_after(sign: Sign, openings: Openings) -> timedelta:
    """Return how long it has to be closed: longer each time for one that flaps.

    A contact whose magnet is loose would start and stop the unit all day.
    """
    usual = timedelta(seconds=openings.resume_after_seconds)
    if sign.flaps < _FLAPS:
        return usual
    longer = max(usual, _FLAP_WAITS) * 2.0 ** (sign.flaps - _FLAPS)
    return max(usual, min(longer, _CALM))


class SignBelief(NamedTuple):
    """What is believed of a window or of somebody's presence, by which sensor.

    `about` is ``opening`` or ``presence``. `active`: open, or somebody is there; None:
    unknown, since nothing was heard for too long. `since` is when that began and
    `heard_at` when it was last said, aware UTC; both None where it was never heard.
    """

    about: str
    device_id: str
    active: bool | None
    since: datetime | None
    heard_at: datetime | None


def sign_beliefs(
    zone: ZoneSettings, state: ZoneState, now: datetime
) -> tuple[SignBelief, ...]:
    """Return what is believed around a zone at `now`, sensor by sensor."""
    around = state.surroundings
    parts = (("opening", zone.openings), ("presence", zone.presence))
    found = []
    for about, part in parts:
        for device_id in part.sensors if part else ():
            sign = around.signs.get(f"{about}:{device_id}") if around else None
            if sign is None or part is None:
                found.append(SignBelief(about, device_id, None, None, None))
                continue
            lasts = timedelta(seconds=part.unknown_after_seconds)
            active = sign.active if now - sign.heard_at < lasts else None
            belief = SignBelief(about, device_id, active, sign.since, sign.heard_at)
            found.append(belief)
    return tuple(found)


def offset_of(
    wanted: OffsetInput, around: Surroundings, now: datetime
) -> tuple[float, datetime | None]:
    """Return what a source adds now, in kelvin, within its limit, and until when."""
    value = around.offsets.get(wanted.source)
    if value is None or now >= value.until:
        return 0.0, None
    limit = wanted.limit_kelvin
    return max(-limit, min(limit, value.kelvin)), value.until


# --- reading documents -------------------------------------------------------------


def with_surroundings(state: ZoneState, around: Surroundings) -> ZoneState:
    """Return the state with what is known around the zone."""
    return state._replace(surroundings=around)
