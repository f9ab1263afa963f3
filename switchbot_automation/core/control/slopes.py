"""How fast a room's temperature can come nearer to a threshold, learned a zone. Pure.

Kept apart for heating and cooling, for a unit that runs and one that rests, and for the
time just after it changed, when the air moves faster than the walls behind it. A slope
is never averaged: what counts is how fast it can get. A reading that came faster than
the bound widens it at once; calm ones narrow it by and by.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


_VERSION = 1

# Kelvin a minute. A recorded room stayed below the first after its unit was started;
# once a room has settled it takes its time.
FIRST_BOUND, FIRST_BOUND_SETTLED = 0.25, 0.12
LEAST_BOUND, GREATEST_BOUND = 0.03, 3.0

FRESH = timedelta(minutes=20)
"""How long after a start or stop the air moves faster than later on."""

_WIDENED = 1.25
_MARGIN = 2.0
_GOES_ON = 1.5
_NARROWS_SECONDS = 2700.0


class Regime(NamedTuple):
    """What the room is subject to: the season, the unit, and whether it just changed."""

    heating: bool
    running: bool
    fresh: bool

    @property
    def key(self) -> str:
        """Its name in the document."""
        season = "heating" if self.heating else "cooling"
        unit = "on" if self.running else "off"
        return f"{season}_{unit}_fresh" if self.fresh else f"{season}_{unit}"


@dataclass(frozen=True, slots=True)
class SlopeBounds:
    """The bounds by regime, kelvin a minute; a cautious one where nothing was learned.

    `recent` is the slope between the last two readings: a room that is falling fast goes
    on falling, whatever it did on calmer days.
    """

    known: Mapping[str, float] = field(default_factory=dict)
    recent: float = 0.0

    def expected(self, regime: Regime) -> float:
        """Return what to reckon with until the next reading, kelvin a minute."""
        going = min(GREATEST_BOUND, self.recent * _GOES_ON)
        return max(self.bound(regime), going)

    def bound(self, regime: Regime) -> float:
        """Return what was learned of how fast it can come nearer, kelvin a minute."""
        first = FIRST_BOUND if regime.fresh else FIRST_BOUND_SETTLED
        return self.known.get(regime.key, first)

    def after(self, regime: Regime, nearer: float, seconds: float) -> SlopeBounds:
        """Return them after the temperature came `nearer` kelvin in `seconds`."""
        if seconds <= 0.0:
            return self
        bound = self.bound(regime)
        slope = nearer / seconds * 60.0
        if slope > bound:
            wanted = min(GREATEST_BOUND, slope * _WIDENED)
        else:
            goal = min(bound, max(LEAST_BOUND, slope * _MARGIN))
            share = 1.0 - math.exp(-seconds / _NARROWS_SECONDS)
            wanted = bound + (goal - bound) * share
        known = {**self.known, regime.key: round(wanted, 4)}
        recent = max(0.0, min(GREATEST_BOUND, slope))
        return SlopeBounds(known, round(recent, 4))

    def calm(self) -> SlopeBounds:
        """Return them without the recent slope, which a start or a stop has ended."""
        return replace(self, recent=0.0) if self.recent else self

    def to_document(self) -> dict[str, Any]:
        """Return them as a document."""
        return {"version": _VERSION, "recent": self.recent, **self.known}

    @classmethod
    def from_document(cls, value: Any) -> SlopeBounds | None:
        """Read a document; None for none, another version or garbage."""
        if not isinstance(value, dict) or value.get("version") != _VERSION:
            return None
        keys = (
            Regime(heating, running, fresh).key
            for heating in (True, False)
            for running in (True, False)
            for fresh in (True, False)
        )
        return cls(
            {
                key: float(bound)
                for key in keys
                if isinstance(bound := value.get(key), int | float)
                and not isinstance(bound, bool)
                and LEAST_BOUND <= bound <= GREATEST_BOUND
            },
            _recent(value.get("recent")),
        )


def _recent(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return float(value) if 0.0 <= value <= GREATEST_BOUND else 0.0
