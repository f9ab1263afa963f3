"""The conditions. Three-valued: what nobody knows neither holds nor does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from switchbot_automation.rules.definition.triggers import among, beyond, number_of
from switchbot_automation.schedule.windows import in_window

if TYPE_CHECKING:
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


def _subjects(conditions: tuple[Condition, ...]) -> tuple[Subject, ...]:
    return tuple(subject for each in conditions for subject in each.subjects)


@dataclass(frozen=True, slots=True)
class And:
    """All of them hold."""

    conditions: tuple[Condition, ...]

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """What they look at."""
        return _subjects(self.conditions)

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

    def holds(self, home: Home, now: datetime) -> bool | None:
        """Tell whether none holds."""
        found = Or(self.conditions).holds(home, now)
        return None if found is None else not found


@dataclass(frozen=True, slots=True)
class StateCondition:
    """A value is one of those given."""

    subject: Subject
    wanted: tuple[Any, ...]

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """What it looks at."""
        return (self.subject,)

    def holds(self, home: Home, now: datetime) -> bool | None:  # noqa: ARG002 - the protocol's signature
        """Compare it."""
        value = home.value(self.subject)
        return None if value is None else among(value, self.wanted)


@dataclass(frozen=True, slots=True)
class NumericCondition:
    """A number lies beyond a limit, or between two."""

    subject: Subject
    above: float | None = None
    below: float | None = None

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
