"""Whether the watts of a plug are to be believed, by what the room does. Pure.

A plug may measure nothing, have a broken meter, or measure another appliance on the same
strip. To take its word would be to tell a heater that warms its room that it does not, and
one that rests to rest, several times a cycle for ever. So where it contradicts what a unit
was told, the room is asked: one that warmed each time its unit was told to heat, and cooled
each time it was told to stop, did what it was told. A relay that is welded and a heater that
is dead leave no such trace. Nor is one disbelieved that draws at first and then stops by its
own thermostat, the relay still on: of a plug that never says "on" while its unit rests, a
moment of work shows that it measures.

    found = misread.heard(Power.OFF, at)            # what the plug said
    found = found.turned(Action.OFF, 20.4, at, settles=minute, heats=True)
    found.stands(now)                               # False until the room showed it often
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from switchbot_automation.core.state.values import (
    encode_instant,
    enum,
    instant,
    integer,
    number,
)
from switchbot_automation.model import Action, Power

# One turn counts so much at most, and is forgotten by so much at each that follows.
_MOST_KELVIN, _FORGETS = 0.3, 0.9
# So much in sum of what it gained while told to work, and lost while told to rest.
_SHOWN_KELVIN = 0.4
# So many turns in a row the plug has to have said as much as was told.
_AGREES = 4
# So many rests in a row have to agree after one that did not, until a moment of work counts.
_RESTS = 2
# What the room did for so long since nobody asked the plug contradicts nothing it said.
_UNHEARD = timedelta(minutes=20)
# What was learned so long ago says nothing of a plug today.
_LASTS = timedelta(days=7)


class Misread(NamedTuple):
    """What a plug said between the orders of its unit, and what the room did meanwhile.

    `says` is what its watts said last, at `at`. `told` is what the unit was told at
    `turned_at`, when the room was at `turned_from` degrees Celsius. `worked` and `rested` are
    what the room gained of late while the unit was told to work, and lost while told to rest,
    in kelvin its way. `agrees` counts the turns in a row in which the plug said as much as was
    told, and `since` is from when on the plug is not believed, None while it is. `drew`: it
    said "on" since the last order; `rests` counts the rests in a row that it showed. Instants
    are aware UTC.
    """

    says: Power = Power.UNKNOWN
    at: datetime | None = None
    told: Action | None = None
    turned_at: datetime | None = None
    turned_from: float | None = None
    worked: float = 0.0
    rested: float = 0.0
    agrees: int = _AGREES
    since: datetime | None = None
    drew: bool = False
    rests: int = _RESTS

    def stands(self, now: datetime) -> bool:
        """Tell whether the plug is not to be believed at `now`."""
        at = self.turned_at
        return self.since is not None and at is not None and now - at < _LASTS

    def heard(self, says: Power, at: datetime) -> Misread:
        """Return it after the plug answered."""
        drew = self.drew or says is Power.ON
        return self._replace(says=says, at=at, drew=drew)

    def turned(
        self,
        told: Action,
        temperature: float | None,
        at: datetime,
        *,
        settles: timedelta,
        heats: bool,
    ) -> Misread:
        """Return it after the unit took an order that is another one than the last.

        `settles`: after so long the plug has to show it. `heats`: its work warms the room.
        """
        after = self._judged(temperature, at, settles, heats=heats)
        return after._replace(
            told=told, turned_at=at, turned_from=temperature, drew=False
        )

    def _judged(
        self,
        temperature: float | None,
        at: datetime,
        settles: timedelta,
        *,
        heats: bool,
    ) -> Misread:
        heard_at, begin, before = self.at, self.turned_at, self.turned_from
        if heard_at is None or begin is None or heard_at < begin + settles:
            return self
        if self.says is Power.UNKNOWN or self.told is None:
            return self
        if at - heard_at > _UNHEARD:
            return self
        rests = self.told is Action.OFF
        agreed = (self.says is Power.OFF) is rests
        if not rests and self.drew and self.rests >= _RESTS:
            agreed = True
        agrees = self.agrees + 1 if agreed else 0
        quiet = self.rests + 1 if rests and agreed else 0 if rests else self.rests
        if agrees >= _AGREES:
            return Misread(self.says, heard_at, rests=quiet)
        found = self._replace(agrees=agrees, rests=quiet)
        if temperature is None or before is None:
            return found
        gained = (temperature - before) * (1.0 if heats is not rests else -1.0)
        gained = max(-_MOST_KELVIN, min(_MOST_KELVIN, gained))
        worked, rested = found.worked, found.rested
        if rests:
            rested = round(rested * _FORGETS + gained, 3)
        else:
            worked = round(worked * _FORGETS + gained, 3)
        since = found.since
        if since is None and min(worked, rested) >= _SHOWN_KELVIN:
            since = at
        elif min(worked, rested) <= 0.0:
            since = None
        return found._replace(worked=worked, rested=rested, since=since)

    def to_document(self) -> dict[str, Any]:
        """Return it as a document."""
        return {
            "says": str(self.says),
            "told": None if self.told is None else str(self.told),
            "turned_from": self.turned_from,
            "worked": self.worked,
            "rested": self.rested,
            "agrees": self.agrees,
            "drew": self.drew,
            "rests": self.rests,
        } | {
            name: encode_instant(at)
            for name, at in (
                ("at", self.at),
                ("turned_at", self.turned_at),
                ("since", self.since),
            )
            if at is not None
        }

    @classmethod
    def from_document(cls, value: Any) -> Misread | None:
        """Read a document, however damaged; None where there is none."""
        if not isinstance(value, dict):
            return None
        agrees, rests = integer(value.get("agrees")), integer(value.get("rests"))
        return cls(
            says=enum(Power, value.get("says")) or Power.UNKNOWN,
            at=instant(value.get("at")),
            told=enum(Action, value.get("told")),
            turned_at=instant(value.get("turned_at")),
            turned_from=number(value.get("turned_from")),
            worked=number(value.get("worked")) or 0.0,
            rested=number(value.get("rested")) or 0.0,
            agrees=_AGREES if agrees is None else max(0, agrees),
            since=instant(value.get("since")),
            drew=value.get("drew") is True,
            rests=_RESTS if rests is None else max(0, rests),
        )

    def not_later_than(self, now: datetime) -> Misread:
        """Pull instants from the future back to `now`, after the clock was set back."""
        if all(at is None or at <= now for at in (self.at, self.turned_at, self.since)):
            return self
        return self._replace(
            at=None if self.at is None else min(self.at, now),
            turned_at=None if self.turned_at is None else min(self.turned_at, now),
            since=None if self.since is None else min(self.since, now),
        )
