"""A room as its meter shows it: air, walls, and a unit with so much to give. Pure.

Two nodes, in effort degrees (see `steer`) and hours::

    air'   = a (walls - air) + b u + c + g s        walls' = e (air - walls)

`u` is the share of its power that the unit gives, 0 to 1, `s` what is forecast of the sun now,
in kW/m2 with the sign of the effort, 0 where nothing is. `a` is how fast the air follows
the walls, `b` the unit's capacity as kelvin an hour, `g` what a kilowatt of sun on a square
metre does to it, `c` what weather, people and the sun that nobody forecast add up
to. `a`, `b` and `g` are physical, never below zero. A heated floor is a part of the first node:
air and screed come up together, slowly, which is a small `b`.

Nobody measures the walls. But with `e` given they follow from the air; then the first line is
linear in `a`, `b`, `c`, `g`. So there is a small bank of models, each with its own `e`, and each
learns its four numbers by a Kalman filter for parameters that drift (recursive least squares
with a known drift):

    between two readings `h` hours apart, with x = (walls - air, u, 1, s) in their middle,
        y = (air1 - air0) / h = x . (a, b, c, g) + noise
    P <- P + Q,   z = x P x + R,   k = P x / z,
    (a, b, c, g) <- (a, b, c, g) + k (y - x . (a, b, c, g)),   P <- P - k (P x)

Where `s` is always 0, `g` and what it has in common with the others stay as they began, and
`a`, `b`, `c` are what they would be without it.

with R the variance of what a meter's step of a tenth makes of a slope, and Q how much weather
changes within `h`. The middle makes it the trapezoidal rule, and `foreseen` solves the same
rule forward, so it is right for any step. The model whose forecasts were off the least is
asked. How far it is off is kept too, as its uncertainty.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from switchbot_automation.core.control.trend import number

if TYPE_CHECKING:
    from collections.abc import Sequence

_VERSION = 1
_HOUR = 3600.0
# Readings nearer than this say more of the meter's steps than of the room; after a gap
# longer than that nobody knows what was between.
_STEP_HOURS, _GAP_HOURS = 0.5, 1.0
# Walls of plasterboard, brick and stone, per hour.
_WALLS = (1.0 / 5.0, 1.0 / 12.0, 1.0 / 30.0)
_BOUNDS = ((0.05, 8.0), (0.1, 40.0), (-15.0, 15.0))
_FIRST = (1.0, 5.0, -0.5)
_FIRST_VARIANCE = (1.0, 16.0, 2.0)
# Squares of what each may change within an hour: the weather is what does.
_DRIFT = (4e-4, 4e-3, 4e-2)
_NOISE_KELVIN = 0.09
_FORGETS_HOURS, _WORST_HOURS = 30.0, 48.0
# Hours with the unit at full power, and at rest, before it is believed.
_ENOUGH_FULL, _ENOUGH_REST = 1.5, 4.0
# The forecast has to be above the goal by this, and by so many of its usual errors.
_MARGIN, _ERRORS, _MOST_MARGIN = 0.1, 1.0, 0.6
# A unit keeps the room at its setpoint once it is there.
_STOPS_BEYOND = 0.5
_LOOK_HOURS = 0.25
_FASTEST_WALLS = 10.0
# Below so many kelvin an hour it is a floor, or a unit far too small.
_SLOW = 2.5
_KEPT_DIGITS = 5
# So many a model, and with what was learned of the sun; see `TwoNodes.to_document`.
_KEPT_NUMBERS = (13, 18)
# What sun does to a room: from nothing to a glasshouse, K an hour for a kW/m2; the square of
# what is not known of it at first, and of what blinds and seasons change within an hour.
_SUN_BOUNDS = (0.0, 20.0)
_SUN_VARIANCE, _SUN_DRIFT = 9.0, 4e-4
# It is known where so little is left of that, and surely more than nothing.
_SUN_KNOWN = 1.5


@dataclass(frozen=True, slots=True)
class SunGain:
    """What a kW/m2 of sun does to a room, in kelvin an hour, and how sure that is.

    `shared` is its covariance with a, b and c.
    """

    gain: float = 0.0
    variance: float = _SUN_VARIANCE
    shared: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def known(self) -> bool:
        """Whether it was seen for long enough, and to be more than nothing."""
        deviation = math.sqrt(max(0.0, self.variance))
        return deviation <= _SUN_KNOWN and self.gain > deviation


@dataclass(frozen=True, slots=True)
class Model:
    """One of the bank. `walls` in effort degrees, `error` in kelvin an hour, squared.

    `spread` is the upper half of the covariance, row by row. `worst` is the least that
    weather, sun and people came to of late, which is what a cold morning is foreseen by.
    """

    e: float
    walls: float
    numbers: tuple[float, float, float] = _FIRST
    spread: tuple[float, float, float, float, float, float] = (
        _FIRST_VARIANCE[0], 0.0, 0.0, _FIRST_VARIANCE[1], 0.0, _FIRST_VARIANCE[2],
    )  # fmt: skip
    error: float = 0.25
    worst: float = _FIRST[2]
    sun: SunGain = SunGain()

    def lived(
        self,
        before: float,
        air: float,
        hours: float,
        share: float,
        *,
        learns: bool,
        sun: float = 0.0,
    ) -> Model:
        """Return it after `hours` in which the air came from `before` to `air`.

        `sun` is what was forecast of it meanwhile, in kW/m2 of effort.
        """
        middle = (before + air) / 2.0
        walls = middle + (self.walls - middle) * math.exp(-self.e * hours)
        moved = replace(self, walls=walls)
        if not learns:
            return moved
        x = ((self.walls + walls) / 2.0 - middle, share, 1.0, sun)
        return moved.after((air - before) / hours, x, hours)

    def after(
        self, y: float, x: tuple[float, float, float, float], hours: float
    ) -> Model:
        """Return it after the air moved by `y` kelvin an hour; see the module."""
        a, b, c = self.numbers
        paa, pab, pac, pbb, pbc, pcc = self.spread
        paa, pbb, pcc = (
            paa + _DRIFT[0] * hours,
            pbb + _DRIFT[1] * hours,
            pcc + _DRIFT[2] * hours,
        )
        sun = self.sun
        pag, pbg, pcg = sun.shared
        # Unseen sun leaves what is known of it as it was.
        shone = x[3] != 0.0 or pcg != 0.0
        pgg = sun.variance + _SUN_DRIFT * hours if shone else sun.variance
        x0, x1, x2, x3 = x
        g0 = paa * x0 + pab * x1 + pac * x2 + pag * x3
        g1 = pab * x0 + pbb * x1 + pbc * x2 + pbg * x3
        g2 = pac * x0 + pbc * x1 + pcc * x2 + pcg * x3
        g3 = pag * x0 + pbg * x1 + pcg * x2 + pgg * x3
        noise = (_NOISE_KELVIN / hours) ** 2
        s = x0 * g0 + x1 * g1 + x2 * g2 + x3 * g3 + noise
        off = y - (a * x0 + b * x1 + c * x2 + sun.gain * x3)
        k0, k1, k2, k3 = g0 / s, g1 / s, g2 / s, g3 / s
        if shone:
            sun = SunGain(
                max(_SUN_BOUNDS[0], min(_SUN_BOUNDS[1], sun.gain + k3 * off)),
                pgg - k3 * g3,
                (pag - k0 * g3, pbg - k1 * g3, pcg - k2 * g3),
            )
        found = (a + k0 * off, b + k1 * off, c + k2 * off)
        keep = math.exp(-hours / _FORGETS_HOURS)
        kept = [
            max(low, min(high, each))
            for each, (low, high) in zip(found, _BOUNDS, strict=True)
        ]
        eased = self.worst + (kept[2] - self.worst) * (
            1.0 - math.exp(-hours / _WORST_HOURS)
        )
        return replace(
            self,
            worst=min(kept[2], eased),
            numbers=(kept[0], kept[1], kept[2]),
            spread=(
                paa - k0 * g0, pab - k0 * g1, pac - k0 * g2,
                pbb - k1 * g1, pbc - k1 * g2, pcc - k2 * g2,
            ),
            error=keep * self.error + (1.0 - keep) * off * off,
            sun=sun,
        )  # fmt: skip

    def onward(
        self,
        air: float,
        walls: float,
        share: float,
        hours: float,
        *,
        cautious: bool = True,
        sun: float = 0.0,
    ) -> tuple[float, float]:
        """Return air and walls after one step at a share of the power.

        `cautious`: with the weather at its worst of late, not as it is now. `sun` is what
        is forecast of it, in kW/m2 of effort.
        """
        a, b, c = self.numbers
        c += self.sun.gain * sun
        if cautious:
            # What takes a night to come up evens the weather of that night out.
            c += (0.5 if b < _SLOW else 1.0) * min(0.0, self.worst - c)
        gain = b * share + c
        half = a * hours / 2.0
        later = (air + 2.0 * half * walls - half * air + hours * gain) / (1.0 + half)
        middle = (air + later) / 2.0
        return later, middle + (walls - middle) * math.exp(-self.e * hours)


class Foreseen(NamedTuple):
    """How long before a window a unit has to begin, in seconds; 0.0: it need not.

    `short_kelvin` is what is still missing when the window opens, where even all the time
    there is does not do.
    """

    seconds: float
    short_kelvin: float = 0.0


@dataclass(frozen=True, slots=True)
class TwoNodes:
    """The bank of a season. `full` and `rest` are hours learned from.

    `air` and `at` (POSIX seconds) are where the present step began, `share` what the unit
    gave since, in seconds at full power, None where nobody knows.
    """

    models: tuple[Model, ...] = ()
    full: float = 0.0
    rest: float = 0.0
    air: float | None = None
    at: float = 0.0
    share: float | None = 0.0

    @property
    def known(self) -> bool:
        """Whether it was seen at full power and at rest for long enough."""
        return self.full >= _ENOUGH_FULL and self.rest >= _ENOUGH_REST

    @property
    def best(self) -> Model | None:
        """The model that was off the least."""
        return min(self.models, key=lambda each: each.error, default=None)

    @property
    def capacity(self) -> float | None:
        """How fast the unit brings the room up, in kelvin an hour, None while unknown."""
        model = self.best
        return None if model is None or not self.known else model.numbers[1]

    def after(
        self, at: float, air: float, on_seconds: float | None, sun: float = 0.0
    ) -> TwoNodes:
        """Return it after a reading.

        `on_seconds` is for how long the unit gave all it has since the reading before,
        None where it gave something in between. `sun` is what was forecast of it since
        the present step began, in kW/m2 of effort.
        """
        if self.air is None or not self.models or at <= self.at:
            return self._begun(at, air)
        hours = (at - self.at) / _HOUR
        if hours > _GAP_HOURS and on_seconds != 0.0:
            # Of a unit that rests a long gap tells as well as a short one.
            on_seconds = None
        share = None
        if self.share is not None and on_seconds is not None:
            share = self.share + on_seconds
        if hours < _STEP_HOURS:
            return replace(self, share=share)
        learns = share is not None
        power = 0.5 if share is None else max(0.0, min(1.0, share / (at - self.at)))
        before = self.air
        models = tuple(
            each.lived(before, air, hours, power, learns=learns, sun=sun)
            for each in self.models
        )
        return replace(
            self,
            models=models,
            full=min(99.0, self.full + (power * hours if learns else 0.0)),
            rest=min(99.0, self.rest + ((1.0 - power) * hours if learns else 0.0)),
            air=air,
            at=at,
            share=0.0,
        )

    def _begun(self, at: float, air: float) -> TwoNodes:
        models = self.models or tuple(Model(e, walls=air) for e in _WALLS)
        return replace(self, models=models, air=air, at=at, share=0.0)

    def share_for(self, air: float, target: float, hours: float) -> float | None:
        """Return the share of its power that brings the room to a target in so many hours.

        0.0 to 1.0, None while too little is known. What is foreseen is a straight line in
        the share, so two of them say it.
        """
        model = self.best
        if model is None or not self.known:
            return None
        rests, runs = (
            model.onward(air, model.walls, share, hours, cautious=False)[0]
            for share in (0.0, 1.0)
        )
        return max(0.0, min(1.0, (target - rests) / max(1e-6, runs - rests)))

    def lifted(
        self, air: float, held: float, sun: Sequence[float], hours: float
    ) -> float | None:
        """Return how far the sun carries a room whose unit keeps it at `held` at least.

        `sun` is what is forecast of it, in kW/m2 of effort, of spans of `hours` each; the
        warmest that the air gets meanwhile. None where what the sun does is not known.
        """
        model = self.best
        if model is None or self.rest < _ENOUGH_REST or not model.sun.known:
            return None
        here = most = max(air, held)
        walls = model.walls
        for each in sun:
            for _ in range(max(1, round(hours / _LOOK_HOURS))):
                here, walls = model.onward(
                    here, walls, 0.0, _LOOK_HOURS, cautious=False, sun=each
                )
                here = max(here, held)
                most = max(most, here)
        return most

    def foreseen(
        self,
        air: float,
        goal: float,
        left_seconds: float,
        longest_seconds: float,
        harder: float = 0.0,
    ) -> Foreseen | None:
        """Return how long before a window the unit has to begin, None while unknown.

        The window opens in `left_seconds`; until it begins the room goes on as it is. At
        most `longest_seconds`, and all that is left where that is too short. `harder` is
        how much more sun works against the unit than of late, in kW/m2.
        """
        model = self.best
        if model is None or not self.known:
            return None
        against = -harder if model.sun.known else 0.0
        noise = (_NOISE_KELVIN / _STEP_HOURS) ** 2
        off = _ERRORS * math.sqrt(max(0.0, model.error - noise)) * _LOOK_HOURS
        wanted = goal
        goal += min(_MOST_MARGIN, _MARGIN + off)
        steps = max(
            1, math.ceil(min(left_seconds, longest_seconds) / _HOUR / _LOOK_HOURS)
        )
        hours = min(left_seconds, longest_seconds) / _HOUR / steps
        here = (air, model.walls)
        before = max(0.0, left_seconds - longest_seconds) / _HOUR
        for _ in range(math.ceil(before)):
            here = model.onward(*here, 0.0, before / math.ceil(before), sun=against)
        resting = [here]
        for _ in range(steps):
            resting.append(model.onward(*resting[-1], 0.0, hours, sun=against))
        if resting[-1][0] >= goal:
            return Foreseen(0.0)

        def reached(first: int) -> float:
            state = resting[first]
            for _ in range(first, steps):
                state = model.onward(*state, 1.0, hours, sun=against)
                state = (min(state[0], goal + _STOPS_BEYOND), state[1])
            return state[0]

        late, early = steps, 0
        most = reached(early)
        if most < goal:
            return Foreseen(steps * hours * _HOUR, max(0.0, wanted - most))
        while late - early > 1:
            middle = (late + early) // 2
            if reached(middle) >= goal:
                early = middle
            else:
                late = middle
        return Foreseen((steps - early) * hours * _HOUR)

    def to_document(self) -> dict[str, Any]:
        """Return it as a document."""

        def short(values: tuple[float, ...]) -> list[float]:
            return [float(f"{each:.{_KEPT_DIGITS}g}") for each in values]

        return {
            "version": _VERSION,
            "air": self.air,
            "at": self.at,
            "share": self.share,
            "hours": short((self.full, self.rest)),
            "models": [
                short(
                    (
                        *(m.e, m.walls, *m.numbers),
                        *(*m.spread, m.error, m.worst),
                        *_sun_kept(m.sun),
                    )
                )
                for m in self.models
            ],
        }

    @classmethod
    def from_document(cls, document: Any) -> TwoNodes:
        """Read a document; another version or garbage counts as nothing learned."""
        if not isinstance(document, dict) or document.get("version") != _VERSION:
            return cls()
        air, at = number(document.get("air"), -200.0, 200.0), number(document.get("at"))
        hours, models = document.get("hours"), document.get("models")
        if air is None or at is None or not isinstance(models, list):
            return cls()
        read = [_read_model(each) for each in models]
        kept = tuple(each for each in read if each is not None)
        if len(kept) != len(models) or not isinstance(hours, list) or len(hours) != 2:  # noqa: PLR2004 - a pair
            return cls()
        full, rest = (number(each, 0.0, 99.0) for each in hours)
        if full is None or rest is None:
            return cls()
        return cls(kept, full, rest, air, at, number(document.get("share"), 0.0, 1e7))


UNKNOWN = TwoNodes()
"""A room of which nothing is known yet."""


def _sun_kept(sun: SunGain) -> tuple[float, ...]:
    """Return what is written of it: nothing where none was forecast."""
    if sun == SunGain():
        return ()
    return (sun.gain, sun.variance, *sun.shared)


def _read_model(value: Any) -> Model | None:
    if not isinstance(value, list) or len(value) not in _KEPT_NUMBERS:
        return None
    found = [number(each, -1e6, 1e6) for each in value]
    e, walls, *rest = (0.0 if each is None else each for each in found)
    if None in found or not 0.0 < e <= _FASTEST_WALLS:
        return None
    sun = SunGain()
    if len(value) == max(_KEPT_NUMBERS):
        *rest, gain, variance, ag, bg, cg = rest
        if not _SUN_BOUNDS[0] <= gain <= _SUN_BOUNDS[1] or variance < 0.0:
            return None
        sun = SunGain(gain, variance, (ag, bg, cg))
    a, b, c, *spread = rest
    for each, (low, high) in zip((a, b, c), _BOUNDS, strict=True):
        if not low <= each <= high:
            return None
    p = (spread[0], spread[1], spread[2], spread[3], spread[4], spread[5])
    if min(p[0], p[3], p[5], spread[6]) < 0.0:
        return None
    own = (p[0], p[3], p[5])
    # No two have more in common than either varies; it was written with five digits.
    for shared, variance in zip(sun.shared, own, strict=True):
        if shared * shared > 1.01 * variance * sun.variance:
            return None
    return Model(e, walls, (a, b, c), p, spread[6], spread[7], sun)
