"""The triggers. Each is pure: what it has to remember comes in and goes out.

Unknown neither arms nor fires: it is no value that another could be a change from, and
while it lasts nothing fires. A `for` that was running when the value got lost goes on
if it is back within `GAP`, and begins anew after that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from switchbot_automation.cloud.catalog.words import name_among, same
from switchbot_automation.instants import stored_instant
from switchbot_automation.rules.definition.clock import (
    next_cron,
    next_in_pattern,
    next_sun,
    next_time,
)
from switchbot_automation.rules.definition.model import LATEST, Look
from switchbot_automation.schedule.windows import in_window, next_boundary

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import time

    from switchbot_automation.rules.definition.context import Home, Subject

GAP = timedelta(minutes=10)
"""How long a value may be unknown without ending a `for`; a read now and then fails."""

_NONE = timedelta(0)
# A time of day comes back within a week, whatever the clock was set to meanwhile.
_FARTHEST = timedelta(days=9)
# Where the sun stays up or down for months, whether it still does.
_AGAIN = timedelta(hours=12)


def among(value: Any, wanted: tuple[Any, ...]) -> bool:
    """Tell whether a value is one of those wanted; none wanted means any."""
    return not wanted or any(same(value, each) for each in wanted)


def number_of(value: Any) -> float | None:
    """Return a value as a finite number, None if it is none."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


@dataclass(frozen=True, slots=True)
class _Held:
    """How far a `for` has come, with what to remember of it."""

    memory: dict[str, Any]
    due_at: datetime
    done: bool


def _hold(memory: Mapping[str, Any], needed: timedelta, now: datetime) -> _Held:
    """Go on with a `for` that `memory` has the beginning of, or begin it now."""
    since = stored_instant(memory.get("since")) or now
    lost = stored_instant(memory.get("unknown"))
    # A clock that was set back must not make the wait longer than it is.
    since = min(since, now)
    if lost is not None and now - lost > GAP:
        since = now
    kept = {key: each for key, each in memory.items() if key != "unknown"}
    due_at = since + needed
    return _Held({**kept, "since": since.isoformat()}, due_at, now >= due_at)


def _unknown(memory: Mapping[str, Any], now: datetime) -> Look:
    """Leave everything as it is, but for when a running `for` lost its value."""
    if "since" in memory and "unknown" not in memory:
        return Look({**memory, "unknown": now.isoformat()})
    return Look(memory)


@dataclass(frozen=True, slots=True)
class StateTrigger:
    """Fires when a value becomes another one, and stays it `lasting`.

    `not_before` and `not_after` are values it must not have been, or become. `leaves`: it
    is asked only what the value was, so that `lasting` counts, as in Home Assistant, for
    as long as it is not that again, whatever it becomes meanwhile. `unchecked`, here and
    below: the catalogue may not know of it.
    """

    subject: Subject
    before: tuple[Any, ...] = ()
    after: tuple[Any, ...] = ()
    lasting: timedelta = _NONE
    not_before: tuple[Any, ...] = ()
    not_after: tuple[Any, ...] = ()
    unchecked: bool = False
    leaves: bool = False

    def _meant(self, last: Any, value: Any) -> bool:
        return (
            among(last, self.before)
            and among(value, self.after)
            and not (self.not_before and among(last, self.not_before))
            and not (self.not_after and among(value, self.not_after))
        )

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """What it looks at."""
        return (self.subject,)

    def look(self, memory: Mapping[str, Any], home: Home, now: datetime) -> Look:
        """Compare with the last value that was known; the first one is no change."""
        value = home.value(self.subject)
        if value is None:
            return _unknown(memory, now)
        if "last" not in memory:
            return Look({"last": value})
        last = memory["last"]
        if not same(value, last):
            if self._meant(last, value):
                memory = {"last": value, "from": last, "since": now.isoformat()}
            elif self.leaves and "since" in memory and not same(value, memory["from"]):
                memory = {**memory, "last": value}
            else:
                return Look({"last": value})
        if "since" not in memory:
            return Look(memory)
        held = _hold(memory, self.lasting, now)
        if not held.done:
            return Look(held.memory, due_at=held.due_at)
        change = {"of": str(self.subject), "from": memory["from"], "to": value}
        return Look({"last": value}, fired={**change, "value": value})


@dataclass(frozen=True, slots=True)
class NumericTrigger:
    """Fires when a number gets beyond a limit it was not beyond, and stays `lasting`.

    Both limits given: when it gets between them. The limits themselves are not beyond.
    """

    subject: Subject
    above: float | None = None
    below: float | None = None
    lasting: timedelta = _NONE
    unchecked: bool = False

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """What it looks at."""
        return (self.subject,)

    def look(self, memory: Mapping[str, Any], home: Home, now: datetime) -> Look:
        """Fire once it is beyond, having been seen on the other side before."""
        value = number_of(home.value(self.subject))
        if value is None:
            return _unknown(memory, now)
        if not beyond(value, self.above, self.below):
            return Look({"armed": True})
        if memory.get("armed") is not True:
            return Look({"armed": False})
        held = _hold(memory, self.lasting, now)
        if not held.done:
            return Look(held.memory, due_at=held.due_at)
        return Look({"armed": False}, {"of": str(self.subject), "value": value})


def beyond(value: float, above: float | None, below: float | None) -> bool:
    """Tell whether a value lies beyond the limits, or between them if there are two."""
    return (above is None or value > above) and (below is None or value < below)


@dataclass(frozen=True, slots=True)
class TimeTrigger:
    """Fires when the clock reads one of some times, on some days."""

    times: tuple[time, ...]
    days: frozenset[int]

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Nothing but the clock."""
        return ()

    def look(self, memory: Mapping[str, Any], home: Home, now: datetime) -> Look:
        """Fire once its instant has come, unless that was too long ago."""
        due = stored_instant(memory.get("due"))
        if due is None or due - now > _FARTHEST:
            due = next_time(self.times, self.days, now, home.timezone)
            return Look({"due": due.isoformat()}, due_at=due)
        if now < due:
            return Look(memory, due_at=due)
        following = next_time(self.times, self.days, now, home.timezone)
        fired = {"time": due.astimezone(home.timezone).isoformat()}
        return Look(
            {"due": following.isoformat()},
            fired if now - due <= LATEST else None,
            following,
        )


@dataclass(frozen=True, slots=True)
class PatternTrigger:
    """Fires whenever the clock fits a pattern; `hours` None is every hour."""

    hours: frozenset[int] | None
    minutes: frozenset[int]
    second: int

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Nothing but the clock."""
        return ()

    def look(self, memory: Mapping[str, Any], home: Home, now: datetime) -> Look:
        """Fire once its instant has come, unless that was too long ago."""
        due = stored_instant(memory.get("due"))
        if due is not None and now < due <= now + _FARTHEST:
            return Look(memory, due_at=due)
        following = next_in_pattern(
            self.hours, self.minutes, self.second, now, home.timezone
        )
        fired = None
        if due is not None and _NONE <= now - due <= LATEST:
            fired = {"time": due.astimezone(home.timezone).isoformat()}
        return Look({"due": following.isoformat()}, fired, following)


@dataclass(frozen=True, slots=True)
class SunTrigger:
    """Fires at, or so long after, sunrise or sunset; not where the sun does neither."""

    event: str
    offset: timedelta = _NONE

    @property
    def by_sun(self) -> bool:
        """It needs a place."""
        return True

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Nothing but the sun."""
        return ()

    def look(self, memory: Mapping[str, Any], home: Home, now: datetime) -> Look:
        """Fire once its instant has come, unless that was too long ago."""
        place = home.settings.default
        if place.latitude is None or place.longitude is None:
            return Look(memory)
        where = (place.latitude, place.longitude)
        # The settings may have another place by now.
        due = (
            stored_instant(memory.get("due"))
            if memory.get("at") == list(where)
            else None
        )
        if due is not None and now < due <= now + _FARTHEST:
            return Look(memory, due_at=due)
        following = next_sun(self.event, self.offset, where, now, home.timezone)
        fired = None
        if due is not None and _NONE <= now - due <= LATEST:
            fired = {
                "time": due.astimezone(home.timezone).isoformat(),
                "event": self.event,
            }
        if following is None:
            return Look({}, fired, now + _AGAIN)
        return Look({"due": following.isoformat(), "at": list(where)}, fired, following)


@dataclass(frozen=True, slots=True)
class CronTrigger:
    """Fires at the instants of a cron expression, on the home's clock."""

    expression: str

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Nothing but the clock."""
        return ()

    def look(self, memory: Mapping[str, Any], home: Home, now: datetime) -> Look:
        """Fire once its instant has come, unless that was too long ago."""
        due = stored_instant(memory.get("due"))
        fired = None
        if due is None or now >= due:
            following = next_cron(self.expression, now, home.timezone)
            if due is not None and now - due <= LATEST:
                fired = {"time": due.astimezone(home.timezone).isoformat()}
            due = following
        return Look({"due": due.isoformat()} if due else {}, fired, due)


@dataclass(frozen=True, slots=True)
class WindowTrigger:
    """Fires when a zone's window starts or ends; `event` is ``start`` or ``end``."""

    zone: str
    event: str

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Nothing but the clock."""
        return ()

    def look(self, memory: Mapping[str, Any], home: Home, now: datetime) -> Look:
        """Fire once being in a window has changed, unless that was too long ago."""
        zone = home.settings.zones[self.zone]
        windows, tz = zone.time_windows, zone.timezone
        inside = in_window(windows, now, tz)
        due = next_boundary(windows, now, tz)
        memory_now = {"inside": inside is not None}
        if memory.get("inside") in (None, inside is not None):
            return Look(memory_now, due_at=due)
        crossed = next_boundary(windows, now - LATEST, tz)
        wanted = (inside is not None) is (self.event == "start")
        recent = crossed is not None and crossed <= now
        fired = {"zone": self.zone, "window": self.event}
        return Look(memory_now, fired if wanted and recent else None, due)


@dataclass(frozen=True, slots=True)
class WebhookTrigger:
    """Fires at an event that a device pushed, with the values that are asked for."""

    device: str
    values: Mapping[str, tuple[Any, ...]]
    event_type: str = ""
    unchecked: bool = False

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Nothing that would have to be read."""
        return ()

    def look(self, memory: Mapping[str, Any], home: Home, now: datetime) -> Look:  # noqa: ARG002 - an event is its own instant
        """Fire if the event being looked at is meant."""
        event = home.event
        if (
            event is None
            or self.device not in event.names
            or (self.event_type and self.event_type != event.event_type)
        ):
            return Look(memory)
        told = {}
        for name, wanted in self.values.items():
            found = [
                values[spelled]
                for values in (event.values, event.said)
                if (spelled := name_among(name, values)) is not None
                and among(values[spelled], wanted)
            ]
            if not found:
                return Look(memory)
            told[name] = found[0]
        return Look(memory, {"device": self.device, "values": told})
