"""The conditions. Three-valued: what nobody knows neither holds nor does not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from switchbot_automation.rules.definition.triggers import among, beyond, number_of
from switchbot_automation.schedule.sun import SUNSET, sun_event
from switchbot_automation.schedule.windows import in_window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime, time

    from switchbot_automation.rules.definition.context import Home, Subject
    from switchbot_automation.rules.definition.model import Condition


def all_hold(
    conditions: tuple[Condition, ...], home: Home, now: datetime
) -> bool | None:
    """Tell whether all hold: no as soon as one does not, None if nobody knows."""
    found = [each.holds(home, now) for each in conditions]
    if False in found:
        return False
    return None if None in found else True


def flattened(parts: Iterable[Any]) -> Iterator[Any]:
    """Yield conditions, or triggers, and all those inside them."""
    for part in parts:
        yield part
        if isinstance(part, And | Or | Not):
            yield from flattened(part.conditions)


def _subjects(conditions: tuple[Condition, ...]) -> tuple[Subject, ...]:
    return tuple(subject for each in conditions for subject in each.subjects)


def _timed(conditions: tuple[Condition, ...]) -> tuple[Subject, ...]:
    return tuple(it for each in conditions for it in getattr(each, "timed", ()))


@dataclass(frozen=True, slots=True)
class And:
    """All of them hold."""

    conditions: tuple[Condition, ...]

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """What they look at."""
        return _subjects(self.conditions)

    @property
    def timed(self) -> tuple[Subject, ...]:
        """What they ask how long it has been what it is."""
        return _timed(self.conditions)

    def holds(self, home: Home, now: datetime) -> bool | None:
        """Tell whether all hold."""
        return all_hold(self.conditions, home, now)


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of them holds."""

    conditions: tuple[Condition, ...]

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """What they look at."""
        return _subjects(self.conditions)

    @property
    def timed(self) -> tuple[Subject, ...]:
        """What they ask how long it has been what it is."""
        return _timed(self.conditions)

    def holds(self, home: Home, now: datetime) -> bool | None:
        """Tell whether one holds."""
        found = [each.holds(home, now) for each in self.conditions]
        if True in found:
            return True
        return None if None in found else False


@dataclass(frozen=True, slots=True)
class Not:
    """None of them holds, as in Home Assistant."""

    conditions: tuple[Condition, ...]

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """What they look at."""
        return _subjects(self.conditions)

    @property
    def timed(self) -> tuple[Subject, ...]:
        """What they ask how long it has been what it is."""
        return _timed(self.conditions)

    def holds(self, home: Home, now: datetime) -> bool | None:
        """Tell whether none holds."""
        found = Or(self.conditions).holds(home, now)
        return None if found is None else not found


@dataclass(frozen=True, slots=True)
class StateCondition:
    """A value is one of those given, and was watched being it for `lasting`."""

    subject: Subject
    wanted: tuple[Any, ...]
    lasting: timedelta = timedelta(0)
    unchecked: bool = False

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """What it looks at."""
        return (self.subject,)

    @property
    def timed(self) -> tuple[Subject, ...]:
        """What it asks how long it has been what it is."""
        return (self.subject,) if self.lasting else ()

    def holds(self, home: Home, now: datetime) -> bool | None:
        """Compare it. Time that nobody watched does not count."""
        value = home.value(self.subject)
        if value is None:
            return None
        if not among(value, self.wanted):
            return False
        if not self.lasting:
            return True
        since = home.since.get(self.subject)
        return None if since is None else now - since >= self.lasting


@dataclass(frozen=True, slots=True)
class NumericCondition:
    """A number lies beyond a limit, or between two."""

    subject: Subject
    above: float | None = None
    below: float | None = None
    unchecked: bool = False

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """What it looks at."""
        return (self.subject,)

    def holds(self, home: Home, now: datetime) -> bool | None:  # noqa: ARG002 - the protocol's signature
        """Compare it."""
        value = number_of(home.value(self.subject))
        return None if value is None else beyond(value, self.above, self.below)


@dataclass(frozen=True, slots=True)
class TimeCondition:
    """The clock reads a time in ``[after, before)``, which may run past midnight.

    `days` are those of now, as in Home Assistant, not those of the evening before.
    """

    after: time | None
    before: time | None
    days: frozenset[int]

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Nothing but the clock."""
        return ()

    def holds(self, home: Home, now: datetime) -> bool | None:
        """Read the clock."""
        local = now.astimezone(home.timezone)
        if local.weekday() not in self.days:
            return False
        reads, after, before = local.time(), self.after, self.before
        if after is not None and before is not None and before <= after:
            return reads >= after or reads < before
        return (after is None or reads >= after) and (before is None or reads < before)


@dataclass(frozen=True, slots=True)
class WindowCondition:
    """A zone is inside one of its windows, or `inside` false, outside them all."""

    zone: str
    inside: bool = True

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Nothing but the clock."""
        return ()

    def holds(self, home: Home, now: datetime) -> bool | None:
        """Look at the zone's windows."""
        zone = home.settings.zones[self.zone]
        found = in_window(zone.time_windows, now, zone.timezone)
        return (found is not None) is self.inside


@dataclass(frozen=True, slots=True)
class SunCondition:
    """It is after, or before, the sun rises or sets on this day of the home's clock.

    Each is the event with an offset. Both given: both have to be. As in Home Assistant,
    "after sunset" ends at midnight, and with "before sunrise" it is the whole night.
    """

    after: tuple[str, timedelta] | None
    before: tuple[str, timedelta] | None

    @property
    def by_sun(self) -> bool:
        """It needs a place."""
        return True

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Nothing but the sun."""
        return ()

    def holds(self, home: Home, now: datetime) -> bool | None:
        """Ask the sun; unknown without a place."""
        place = home.settings.default
        if place.latitude is None or place.longitude is None:
            return None
        day = now.astimezone(home.timezone).date()

        def at(edge: tuple[str, timedelta]) -> datetime:
            event, offset = edge
            where = (place.latitude or 0.0, place.longitude or 0.0)
            return sun_event(event, day, home.timezone, *where) + offset

        late = self.after is None or now >= at(self.after)
        early = self.before is None or now < at(self.before)
        if self.after and self.before and self.after[0] == SUNSET != self.before[0]:
            # No part of one day lies behind its sunset and before its sunrise.
            return late or early
        return late and early


@dataclass(frozen=True, slots=True)
class TriggerCondition:
    """The run was started by one of the rule's triggers of these ids."""

    ids: tuple[str, ...]

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Nothing but the run's cause."""
        return ()

    def holds(self, home: Home, now: datetime) -> bool | None:  # noqa: ARG002 - the protocol's signature
        """Compare the id."""
        return str(home.cause.get("id", "")) in self.ids
