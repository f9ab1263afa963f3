"""What is known around a zone besides its temperature: openings, presence, offsets. Pure.

Each is a fact with the instants at which it changed and was last heard, so that delays
and expiry are a matter of comparing, also after a restart. What was not heard for too
long is unknown, and unknown neither pauses anything nor sends anybody away.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from switchbot_automation.core.state.zone import KEPT_READINGS, Sign, Surroundings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchbot_automation.core.state.zone import ZoneState
    from switchbot_automation.settings.model import OffsetInput, Openings, ZoneSettings

# Within this a room has to lose what counts as a sudden loss.
_LOSS_SECONDS = 600.0
# SwitchBot API v1.1, contact sensor: `timeOutNotClose` is open for long.
_OPEN = frozenset({"open", "opened", "timeoutnotclose"})
_CLOSED = frozenset({"close", "closed"})
_DOORS = frozenset({"openstate", "doorstate", "doorstatus"})
_DETECTED = {"detected": True, "not_detected": False}
# A garage door's, where 0 is open and 1 is closed.
_DOOR_STATUS = {0: True, 1: False}


# --- what comes in -----------------------------------------------------------------


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
) -> Mapping[str, Sign]:
    """Return the signs with what a sensor showed at an instant.

    Word of an instant before the last one is dropped. With `openings`: what opens again
    before the pause for it was over has been open all along.
    """
    before = signs.get(device_id)
    if before is not None and at < before.heard_at:
        return signs
    if before is None:
        return {**signs, device_id: Sign(active, at, at, at)}
    moved_at = at if active or before.active else before.moved_at
    if before.active is active:
        return {**signs, device_id: replace(before, heard_at=at, moved_at=moved_at)}
    since, held = at, (at - before.since).total_seconds()
    if openings and active and _resuming(before, openings, at):
        since = before.since - timedelta(seconds=before.held_seconds)
        held = 0.0
    return {**signs, device_id: Sign(active, since, at, moved_at, held)}


def after_temperature(
    around: Surroundings,
    openings: Openings,
    temperature: float,
    at: datetime,
    *,
    heating: bool,
) -> Surroundings:
    """Return the surroundings with a reading, which may show a sudden loss."""
    seconds = at.timestamp()
    if around.readings and seconds <= around.readings[-1][0]:
        return around
    kept = [each for each in around.readings if seconds - each[0] <= _LOSS_SECONDS]
    kept.append((seconds, temperature))
    best = (max if heating else min)(each[1] for each in kept)
    lost = best - temperature if heating else temperature - best
    if lost >= openings.drop_kelvin:
        # What was lost is counted once: another pause needs another loss.
        return replace(around, readings=((seconds, temperature),), suspected_at=at)
    return replace(around, readings=tuple(kept[-KEPT_READINGS:]))


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
        return True, sign.since + timedelta(seconds=openings.resume_after_seconds)
    return False, None


def _resuming(sign: Sign, openings: Openings, now: datetime) -> bool:
    """Return whether something is closed that was open, and paused, a moment ago."""
    resumes = sign.since + timedelta(seconds=openings.resume_after_seconds)
    paused = sign.held_seconds > openings.pause_after_seconds
    return not sign.active and paused and now < resumes


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
