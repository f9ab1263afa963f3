"""What is known around a zone besides its temperature: openings, presence, offsets. Pure.

Each is a fact with the instants at which it changed and was last heard, so that delays
and expiry are a matter of comparing, also after a restart. What was not heard for too
long is unknown, and unknown neither pauses anything nor sends anybody away.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from switchbot_automation.engine.state_values import instant, number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchbot_automation.settings_model import OffsetInput, Openings, Settings

_NONE: Mapping[str, Any] = MappingProxyType({})
# Within this a room has to lose what counts as a sudden loss.
_LOSS_SECONDS = 600.0
_KEPT_READINGS = 60
# SwitchBot API v1.1, contact sensor: `timeOutNotClose` is open for long.
_OPEN = frozenset({"open", "timeoutnotclose"})
_CLOSED = frozenset({"close", "closed"})


@dataclass(frozen=True, slots=True)
class Sign:
    """What a contact, motion or presence sensor showed, aware UTC.

    `active`: open, or something moves. `since`: when that began. `heard_at`: when it was
    last said. `moved_at`: when it was last active. `held_seconds`: how long what was
    before it had lasted.
    """

    active: bool
    since: datetime
    heard_at: datetime
    moved_at: datetime
    held_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class OffsetValue:
    """What a source last gave, in kelvin, until when it holds."""

    kelvin: float
    until: datetime


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known around one zone.

    `signs` by device id, `offsets` by source. `readings` of the last minutes, as POSIX
    seconds and degrees Celsius, are kept where a sudden loss is looked for;
    `suspected_at` is when there was one. `joined` and `missed` are the start of the
    occurrence of a window, by its name, that is in force or came too late, as dates.
    """

    signs: Mapping[str, Sign] = field(default_factory=lambda: _NONE)
    offsets: Mapping[str, OffsetValue] = field(default_factory=lambda: _NONE)
    readings: tuple[tuple[float, float], ...] = ()
    suspected_at: datetime | None = None
    joined: Mapping[str, str] = field(default_factory=lambda: _NONE)
    missed: Mapping[str, str] = field(default_factory=lambda: _NONE)

    def to_document(self) -> dict[str, Any]:
        """Return it as a document, without what is empty."""
        document: dict[str, Any] = {
            "signs": {
                device_id: {
                    "active": sign.active,
                    "since": _written(sign.since),
                    "heard_at": _written(sign.heard_at),
                    "moved_at": _written(sign.moved_at),
                    "held_seconds": sign.held_seconds,
                }
                for device_id, sign in self.signs.items()
            },
            "offsets": {
                source: {"kelvin": value.kelvin, "until": _written(value.until)}
                for source, value in self.offsets.items()
            },
            "readings": [list(each) for each in self.readings],
            "suspected_at": _written(self.suspected_at) if self.suspected_at else None,
            "joined": dict(self.joined),
            "missed": dict(self.missed),
        }
        return {key: value for key, value in document.items() if value}

    @classmethod
    def from_document(cls, value: Any) -> Surroundings | None:
        """Read a document, however damaged; None where there is none."""
        if not isinstance(value, dict):
            return None
        signs = {key: _sign(each) for key, each in _items(value.get("signs"))}
        offsets = {key: _offset(each) for key, each in _items(value.get("offsets"))}
        return cls(
            signs={key: each for key, each in signs.items() if each},
            offsets={key: each for key, each in offsets.items() if each},
            readings=_readings(value.get("readings")),
            suspected_at=instant(value.get("suspected_at")),
            joined=_days(value.get("joined")),
            missed=_days(value.get("missed")),
        )

    def not_later_than(self, now: datetime) -> Surroundings:
        """Pull instants from the future back to `now`, after the clock was set back."""
        late = {
            key: replace(
                sign,
                since=min(sign.since, now),
                heard_at=min(sign.heard_at, now),
                moved_at=min(sign.moved_at, now),
            )
            for key, sign in self.signs.items()
            if sign.heard_at > now
        }
        suspected = self.suspected_at
        ahead = self.readings and self.readings[-1][0] > now.timestamp()
        if not late and not ahead and (suspected is None or suspected <= now):
            return self
        return replace(
            self,
            signs={**self.signs, **late},
            readings=() if ahead else self.readings,
            suspected_at=min(suspected, now) if suspected else None,
        )


EMPTY = Surroundings()


def watched(settings: Settings | None) -> frozenset[str]:
    """Return the sensors around all zones, besides their meters."""
    if settings is None or not settings.overlaid:
        return frozenset()
    parts = [
        part
        for name in settings.overlaid & settings.zones.keys()
        for part in (settings.zones[name].openings, settings.zones[name].presence)
    ]
    return frozenset(one for part in parts if part for one in part.sensors)


# --- what comes in -----------------------------------------------------------------


def shown_by(fields: Mapping[str, Any], *, opening: bool) -> bool | None:
    """Return what a status or an event says: open, or somebody there; None for neither.

    A contact sensor tells both, each for itself.
    """
    state = fields.get("openState")
    if opening and isinstance(state, str):
        word = state.lower()
        return True if word in _OPEN else False if word in _CLOSED else None
    for key in ("moveDetected", "detected", "detectionState"):
        value = fields.get(key)
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.upper() in ("DETECTED", "NOT_DETECTED"):
            return value.upper() == "DETECTED"
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
    return replace(around, readings=tuple(kept[-_KEPT_READINGS:]))


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


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _items(value: Any) -> list[tuple[str, dict[str, Any]]]:
    found = value.items() if isinstance(value, dict) else ()
    return [(key, each) for key, each in found if isinstance(each, dict)]


def _sign(value: dict[str, Any]) -> Sign | None:
    since, heard_at = instant(value.get("since")), instant(value.get("heard_at"))
    active = value.get("active")
    if since is None or heard_at is None or not isinstance(active, bool):
        return None
    held = number(value.get("held_seconds")) or 0.0
    moved_at = instant(value.get("moved_at")) or heard_at
    return Sign(active, since, heard_at, moved_at, max(0.0, min(held, 1e9)))


def _offset(value: dict[str, Any]) -> OffsetValue | None:
    kelvin, until = number(value.get("kelvin")), instant(value.get("until"))
    if kelvin is None or until is None:
        return None
    return OffsetValue(kelvin, until)


def _days(value: Any) -> dict[str, str]:
    """Return the days by window, each as ISO 8601 writes it."""
    found = value.items() if isinstance(value, dict) else ()
    return {key: each for key, each in found if _is_day(each)}


def _is_day(value: Any) -> bool:
    try:
        return bool(date.fromisoformat(value).isoformat() == value)
    except (TypeError, ValueError):
        return False


def _readings(value: Any) -> tuple[tuple[float, float], ...]:
    found = []
    for each in value[-_KEPT_READINGS:] if isinstance(value, list) else ():
        pair = [number(one) for one in each] if isinstance(each, list) else []
        if len(pair) == 2 and None not in pair:  # noqa: PLR2004 - an instant and a temperature
            found.append((float(pair[0] or 0.0), float(pair[1] or 0.0)))
    ordered = sorted(found)
    return tuple(each for each in ordered if math.isfinite(each[1]))
