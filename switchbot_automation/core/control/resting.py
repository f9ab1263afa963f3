"""How fast a room leaves its band while its unit rests, and a rest in which it does not. Pure.

An infrared unit that missed its OFF holds the room where it asked to be: in the band, where
nobody looks for a fault. What shows it is that the room does not cool (in summer: warm up) as it
did at that time of day whenever the unit rested. So the least of such rates is learned for
each three hours of the day, and of each rest it is added up what the room should have
lost by now at least. Where that is a kelvin, and the room lost less than a quarter of it, the
rest is in question; where it lost half of it the OFF was heard, and is asked about no more: what
comes later is the sun, a stove, or a hand at the remote. A room that the sun takes further has
to lose as much from there; once it is back, what a unit that works on would hold it at shows.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from switchbot_automation.core.control.trend import number

if TYPE_CHECKING:
    from collections.abc import Iterable

_VERSION = 1
_PARTS, _PART_SECONDS, _DAY_SECONDS = 8, 10_800.0, 86_400.0
# A room that was watched for less says more of its meter's steps.
_LEAST_LEARNED_SECONDS, _LONGEST_GAP_SECONDS = 3600.0, 2700.0
# The air follows its walls in the first minutes, whatever the weather.
_SETTLES_SECONDS = 1800.0
_DAYS_KNOWN = 3
_FASTER, _SLOWER = 0.25, 0.6
_JUDGED_KELVIN, _IN_VAIN, _HEARD = 1.0, 0.25, 0.5
# A night is a kelvin milder than the one or two before now and then, hardly two.
_THIN_KELVIN = 2.0
_LET_GO_KELVIN = 0.5
# So much further than its unit held it is more than a unit's own cycle of rest and work.
_LEFT_KELVIN = 1.0
# So far back, and it goes back.
_BACK_KELVIN = 0.3
# So far a room goes on while its unit rests, and is more than a meter's step.
_FURTHER_KELVIN = 0.3
_MOST_RATE, _MOST_TRIES, _MOST_DAYS = 20.0, 9, 99


class Rest(NamedTuple):
    """A rest that is watched. Seconds are POSIX seconds, temperatures degrees Celsius.

    `told` is when the unit was told, `begun` the temperature once the air had settled, None
    before; `peak` where the room has gone on to since, None where it has not, and `back` that
    it comes back from there; `held` what it was when OFF was told again. `worked` is the least
    that it was held at in the last hour of its unit's work, None where nobody saw that hour.
    `should` is how many kelvin the room was to lose since at least. A part of the day begins at
    `part_at`, at `part_from`; `lost` are the rates of parts that are over, by part, which count
    once the rest is no question. `heard`: it is none. `tries`: how often it was one since the
    room was seen to leave its band. `thin`: some of what it was to lose was seen on few days yet.
    `stood_at`: since when the room has not gone back, which is measured from the furthest that
    it was since, `stood`.
    """

    told: float
    at: float
    last: float
    begun: float | None = None
    should: float = 0.0
    part_at: float = 0.0
    part_from: float = 0.0
    lost: tuple[tuple[int, float], ...] = ()
    heard: bool = False
    tries: int = 0
    held: float | None = None
    thin: bool = False
    stood_at: float = 0.0
    stood: float | None = None
    peak: float | None = None
    back: bool = False
    worked: float | None = None


class Resting(NamedTuple):
    """What is known of a zone at rest: by part of the day, kelvin an hour and on how many days."""

    heating: bool = True
    known: tuple[tuple[float, int], ...] = ((0.0, 0),) * _PARTS
    rest: Rest | None = None

    def after(
        self,
        told: float,
        at: float,
        temperature: float,
        *,
        heating: bool,
        worked: Iterable[float] = (),
    ) -> Resting:
        """Return it after a look at `at` at a unit that rests since it was `told` to.

        `worked` is where the room was in the last hour of its unit's work.
        """
        if heating is not self.heating:
            anew = Resting(heating)
            return anew.after(told, at, temperature, heating=heating, worked=worked)
        rest = self.rest
        if rest is None or rest.told != told or at <= rest.at:
            least = (min if heating else max)(worked, default=None)
            begins = Rest(told, at, temperature, worked=least)
            if rest is None or rest.heard or not rest.tries:
                return self.over()._replace(rest=begins)
            again = begins._replace(
                lost=rest.lost, tries=rest.tries, held=temperature, worked=rest.worked
            )
            return self._replace(rest=again)
        gap = at - rest.at > _LONGEST_GAP_SECONDS
        rest = self._stands(rest._replace(stood=None) if gap else rest, at, temperature)
        if rest.begun is None or gap:
            settled = at - told >= _SETTLES_SECONDS
            fresh = rest._replace(at=at, last=temperature, begun=None, should=0.0)
            if settled:
                fresh = fresh._replace(
                    peak=None,
                    back=False,
                    begun=temperature,
                    part_at=at,
                    part_from=temperature,
                )
            return self._replace(rest=fresh)
        rate, days = self.known[_part(at)]
        should = rest.should + rate * (at - rest.at) / 3600.0
        begun, thin = rest.begun, rest.thin or days < _DAYS_KNOWN
        if not days:
            # Nobody knows what these hours do; what was before them is not held against it.
            should, begun, thin = 0.0, temperature, False
            rest = rest._replace(peak=None, back=False)
        elif rest.back:
            # By and by it is where its unit would hold it, and shows it there.
            should, thin = 0.0, False
            rest = rest._replace(back=self.away(begun, temperature) < 0.0)
        elif self.heating and self.gone(temperature) <= -_FURTHER_KELVIN:
            # The sun, or a unit that works on: what it loses, it loses from there. A night
            # cools every room, and would hide a cooler that works on for half the day.
            should, thin = 0.0, False
            rest = rest._replace(peak=temperature)
        rest = rest._replace(
            at=at, last=temperature, should=should, begun=begun, thin=thin
        )
        if _part(at) == _part(rest.part_at):
            return self._replace(rest=rest)
        return _counted(self, _parted(self, rest))

    def _stands(self, rest: Rest, at: float, temperature: float) -> Rest:
        if rest.stood is None or self.away(rest.stood, temperature) >= _BACK_KELVIN:
            return rest._replace(stood_at=at, stood=temperature)
        if self.away(rest.stood, temperature) < 0.0:
            return rest._replace(stood=temperature)
        return rest

    def stands_for(self, now: float) -> float:
        """Return for how many seconds the room has not gone back in this rest; POSIX seconds.

        A resting room in its season goes back by more than a meter's step within hours.
        """
        rest = self.rest
        return 0.0 if rest is None or rest.stood is None else now - rest.stood_at

    def gone(self, temperature: float) -> float:
        """Return by how many kelvin the room came back since the rest began, or its peak."""
        rest = self.rest
        begun = None if rest is None else rest.begun
        if rest is None or begun is None:
            return 0.0
        return self.away(begun if rest.peak is None else rest.peak, temperature)

    def away(self, before: float, temperature: float) -> float:
        """Return by how many kelvin that is the unit's work undone."""
        return before - temperature if self.heating else temperature - before

    def looked(self, temperatures: Iterable[float]) -> Resting:
        """Return it with the rest judged by the room's temperatures of the last half hour.

        The least that it is gone counts: a defrost takes a room away for some minutes.
        """
        rest = self.rest
        if rest is None or rest.heard:
            return self
        temperatures = [*temperatures]
        if self._left(temperatures):
            return self._let_go(rest)
        gone = min(map(self.gone, temperatures), default=0.0)
        if rest.should < _JUDGED_KELVIN or gone < _HEARD * rest.should:
            # One that was held and goes as soon as OFF is told again shows it at once.
            if rest.held is None or not temperatures:
                return self
            away = [self.away(rest.held, each) for each in temperatures]
            if min(away) < _LET_GO_KELVIN:
                return self
        if rest.peak is not None and not rest.tries:
            # The weather took it there, and takes it back: that is no rest of the unit's yet.
            back = rest._replace(peak=None, back=True, should=0.0)
            return self._replace(rest=back)
        return self._let_go(rest)

    def _left(self, temperatures: list[float]) -> bool:
        """Tell whether the room is and stays beyond where its unit held it."""
        rest = self.rest
        if rest is None or rest.worked is None or rest.begun is None:
            return False
        away = [self.away(rest.worked, each) for each in temperatures]
        return min(away, default=0.0) >= _LEFT_KELVIN

    def _let_go(self, rest: Rest) -> Resting:
        # What was seen before OFF was told again is the fault's, not the room's.
        lost = () if rest.tries else rest.lost
        return _counted(self, rest._replace(heard=True, tries=0, held=None, lost=lost))

    def in_vain(self, temperatures: Iterable[float]) -> bool:
        """Tell whether the room lost next to nothing of what it was to lose by now."""
        rest = self.rest
        if rest is None or rest.heard:
            return False
        if rest.should < (_THIN_KELVIN if rest.thin else _JUDGED_KELVIN):
            return False
        gone = min(map(self.gone, temperatures), default=rest.should)
        return gone <= _IN_VAIN * rest.should

    def tried(self) -> Resting:
        """Return it once that was held against the rest, which begins anew."""
        rest = self.rest
        if rest is None:
            return self
        lost, tries = _parted(self, rest).lost, rest.tries + 1
        fresh = Rest(
            rest.told, rest.at, rest.last, lost=lost, tries=tries, worked=rest.worked
        )
        return self._replace(rest=fresh)

    def given_up(self) -> Resting:
        """Return it once to tell OFF again had changed nothing: so does the room now."""
        rest = self.rest
        if rest is None:
            return self
        ended = _parted(self, rest)._replace(heard=True)
        return _counted(self, ended._replace(tries=0) if rest.thin else ended)

    def over(self) -> Resting:
        """Return it once the unit rests no more, or something else takes the room away."""
        rest = self.rest
        if rest is None:
            return self
        if rest.tries:
            return self._replace(rest=None)
        ended = _parted(self, rest)._replace(heard=True)
        return _counted(self, ended)._replace(rest=None)

    def to_document(self) -> dict[str, Any]:
        """Return it as a document."""
        document: dict[str, Any] = {
            "version": _VERSION,
            "heating": self.heating,
            # One text each: lists of lists would be most of what a tick writes.
            "known": " ".join(f"{rate:g}/{days}" for rate, days in self.known),
        }
        if self.rest is not None:
            rest = self.rest
            document["rest"] = {
                **rest._asdict(),
                "lost": " ".join(f"{part}/{rate:g}" for part, rate in rest.lost),
            }
        return document

    @classmethod
    def from_document(cls, value: Any) -> Resting | None:
        """Read a document; None for none, another version or garbage."""
        if not isinstance(value, dict) or value.get("version") != _VERSION:
            return None
        known = [
            (max(0.0, min(_MOST_RATE, rate)), max(0, min(_MOST_DAYS, round(days))))
            for rate, days in _pairs(value.get("known"))
        ]
        if len(known) != _PARTS:
            return None
        return cls(
            value.get("heating") is not False, tuple(known), _rest(value.get("rest"))
        )


def _parted(resting: Resting, rest: Rest) -> Rest:
    """Return the rest with the part of the day that is over put aside."""
    seconds, lost = rest.at - rest.part_at, rest.lost
    if rest.part_at and seconds >= _LEAST_LEARNED_SECONDS:
        away = rest.part_from - rest.last
        rate = (away if resting.heating else -away) / (seconds / 3600.0)
        lost = (*lost, (_part(rest.part_at), round(rate, 3)))[-_PARTS:]
    return rest._replace(part_at=rest.at, part_from=rest.last, lost=lost)


def _counted(resting: Resting, rest: Rest) -> Resting:
    """Return it in that rest, with what was put aside learned where that is no question."""
    if not rest.lost or not rest.heard:
        return resting._replace(rest=rest)
    known = list(resting.known)
    for part, rate in rest.lost:
        least, days = known[part]
        share = _FASTER if rate > least else _SLOWER
        moved = rate if not days else least + (rate - least) * share
        known[part] = (
            round(max(0.0, min(_MOST_RATE, moved)), 3),
            min(_MOST_DAYS, days + 1),
        )
    return resting._replace(known=tuple(known), rest=rest._replace(lost=()))


def _part(at: float) -> int:
    return int(at % _DAY_SECONDS // _PART_SECONDS)


def _rest(value: Any) -> Rest | None:
    if not isinstance(value, dict):
        return None
    found = [number(value.get(name)) for name in ("told", "at", "last")]
    if any(each is None for each in found):
        return None
    told, at, last = (each or 0.0 for each in found)
    return Rest(
        told,
        at,
        last,
        begun=number(value.get("begun"), -200.0, 200.0),
        should=number(value.get("should"), 0.0, 1e3) or 0.0,
        part_at=number(value.get("part_at"), 0.0) or 0.0,
        part_from=number(value.get("part_from"), -200.0, 200.0) or 0.0,
        lost=tuple(
            (round(part), rate)
            for part, rate in _pairs(value.get("lost"))
            if 0 <= round(part) < _PARTS
        ),
        heard=value.get("heard") is True,
        tries=round(number(value.get("tries"), 0, _MOST_TRIES) or 0),
        held=number(value.get("held"), -200.0, 200.0),
        thin=value.get("thin") is True,
        stood_at=number(value.get("stood_at"), 0.0) or 0.0,
        stood=number(value.get("stood"), -200.0, 200.0),
        peak=number(value.get("peak"), -200.0, 200.0),
        back=value.get("back") is True,
        worked=number(value.get("worked"), -200.0, 200.0),
    )


def _pairs(value: Any) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    for each in value.split(" ") if isinstance(value, str) and value else ():
        try:
            first, second = map(float, each.split("/"))
        except ValueError:
            return []
        if not (math.isfinite(first) and math.isfinite(second)):
            return []
        found.append((first, second))
    return found
