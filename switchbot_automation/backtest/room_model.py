"""Linear equations, in plain Python: the models here have ten unknowns.

How a room answers to its unit, fitted to what was recorded. Plain Python.

The room's own course (weather, sun, people) is not modelled: a backtest replays the
recorded one. What has to be known is the difference that the unit makes::

    T(t) = own(t) + sum_i x_i(t)      tau_i dx_i/dt = p_i u s(T) - x_i
    s(T) = 1 - k max(0, T - K)        never below 0

with u the share of time the unit runs, a quick part (air, meter), a slower and a slow one
(furniture, walls), and, where the record shows it, an inverter that throttles once the
room is past a knee K, which moves with its setpoint. For given time constants, knee and
slope the p are linear: least squares over the changes of temperature within one and
within four hours, in which the room's own slow course all but cancels and a tenth of a
kelvin of rounding drowns. A daily curve of two harmonics takes up
the rest. Time constants, knee and slope are found on a lattice.

Four fifths of the record are fitted; on the last fifth the error of predicting half an
hour and an hour ahead is measured; the former decides whether the model is any good.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, replace
from itertools import compress, product
from operator import mul, sub
from typing import TYPE_CHECKING

from switchbot_automation.backtest.errors import BacktestError
from switchbot_automation.backtest.recording import COOL, GRID_SECONDS, HEAT, Grid
from switchbot_automation.languages import worded

if TYPE_CHECKING:
    from collections.abc import Sequence


def solved(
    matrix: list[list[float]], right: list[float]
) -> tuple[list[float], list[list[float]]]:
    """Return the solution and the inverse, by elimination with pivots."""
    size = len(right)
    rows = [
        [*matrix[i], right[i], *(1.0 if i == j else 0.0 for j in range(size))]
        for i in range(size)
    ]
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(rows[row][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        lead = rows[column][column]
        rows[column] = [value / lead for value in rows[column]]
        for other in range(size):
            factor = rows[other][column]
            if other != column and factor:
                rows[other] = [
                    value - factor * above
                    for value, above in zip(rows[other], rows[column], strict=True)
                ]
    return [row[size] for row in rows], [row[size + 1 :] for row in rows]


LARGEST_ERROR_KELVIN = 0.5

_HOUR = 3600.0
_DAY = 86400.0
_STEPS_AN_HOUR = int(_HOUR / GRID_SECONDS)
_HORIZONS = (_STEPS_AN_HOUR, 4 * _STEPS_AN_HOUR)
_TAUS = tuple(
    product((300.0, 600.0, 1200.0), (2400.0, 4800.0), (4 * _HOUR, 16 * _HOUR))
)
_PARTS = 3
# How far short of the temperature it usually holds a unit begins to throttle, in kelvin,
# and what is left of its power there.
_THROTTLES = tuple(product((0.4, 0.8, 1.5, 3.0), (0.15, 0.35, 0.6, 0.8)))
_USUAL_THROTTLE = (1.5, 0.35)
_UNTHROTTLED = (0.0, 1.0)
# Of unthrottled a little less is asked: it is the simpler explanation.
_WORTH_THROTTLING = 0.99
_FITTED_SHARE = 0.8
_MOST_STEPS = 30 * 24 * _STEPS_AN_HOUR
_LEAST_RUNNING_STEPS = 2 * _STEPS_AN_HOUR
_RIDGE = 1e-3
_LEAST_EFFECT_KELVIN = 0.15
# By how many times the standard error an effect has to stand out.
_DOUBTS = 2.0
_USUAL_DEVIATION = 20.0


@dataclass(frozen=True, slots=True)
class Effect:
    """What a running unit does: `p` in kelvin, one for each part, at full power.

    Past the temperature `knee`, the season's way, it loses the share `slope` of its
    power with each kelvin.
    """

    p: tuple[float, ...]
    knee: float
    slope: float
    heats: bool

    def share(self, temperature: float, setpoint_shift: float) -> float:
        """Return the share of its power that it gives, 0 to 1; NaN is taken for the knee.

        `setpoint_shift` is by how many kelvin the setpoint differs from the usual one.
        """
        past = temperature - self.knee - setpoint_shift
        if not self.heats:
            past = -past
        return max(0.0, 1.0 - self.slope * past) if past > 0.0 else 1.0

    @property
    def throttles(self) -> bool:
        """Whether the record shows that it throttles near its setpoint."""
        return self.slope > 0.0


@dataclass(frozen=True, slots=True)
class RoomModel:
    """A fitted room.

    `taus` in seconds. `effects` by `HEAT` and `COOL`, as far as each was seen to run.
    `error_kelvin` is the hold-out error half an hour ahead, `error_hour_kelvin` an hour
    ahead, `error_without_unit_kelvin` half an hour ahead as if there were no unit, all
    root mean square; `fitted_days` and `held_out_days` say on how much.
    """

    taus: tuple[float, ...]
    effects: dict[int, Effect]
    error_kelvin: float
    error_hour_kelvin: float
    error_without_unit_kelvin: float
    fitted_days: float
    held_out_days: float


def fit_room(grid: Grid) -> RoomModel:
    """Fit the model. Raises BacktestError where the record does not show enough."""
    seen = [
        unit
        for unit, shares in ((HEAT, grid.heat), (COOL, grid.cool))
        if sum(shares) >= _LEAST_RUNNING_STEPS
    ]
    if not seen:
        raise BacktestError(
            worded(
                "the air conditioner ran less than two hours in this history; "
                "what it does to the room cannot be learned from it"
            )
        )
    split = int(_FITTED_SHARE * len(grid))
    fitted = range(max(0, split - _MOST_STEPS), split)
    held_out = range(split, len(grid))
    best = _best_fit(_Fitting(grid, seen, fitted))
    bare = _Fit(_Fitting(grid, [], fitted), best.taus, _UNTHROTTLED)
    error = best.root_mean_square(held_out, _STEPS_AN_HOUR // 2)
    if not error <= LARGEST_ERROR_KELVIN:
        raise BacktestError(
            worded(
                "a room model fitted to this history is wrong by {error_kelvin:.2f} K "
                "half an hour ahead; beyond {largest_error_kelvin} K its answers "
                "would be pretence",
                error_kelvin=error,
                largest_error_kelvin=LARGEST_ERROR_KELVIN,
            ),
            error_kelvin=error,
        )
    best.check()
    steps_a_day = _DAY / GRID_SECONDS
    return RoomModel(
        taus=best.taus,
        effects=best.effects(),
        error_kelvin=error,
        error_hour_kelvin=best.root_mean_square(held_out, _STEPS_AN_HOUR),
        error_without_unit_kelvin=bare.root_mean_square(held_out, _STEPS_AN_HOUR // 2),
        fitted_days=len(fitted) / steps_a_day,
        held_out_days=len(held_out) / steps_a_day,
    )


def _best_fit(fitting: _Fitting) -> _Fit:
    """Search the lattice one direction after the other."""
    free = min(
        (_Fit(fitting, taus, _UNTHROTTLED) for taus in _TAUS), key=lambda fit: fit.error
    )
    best = min(
        (_Fit(fitting, taus, _USUAL_THROTTLE) for taus in _TAUS),
        key=lambda fit: fit.error,
    )
    for _round in range(2):
        best = min(
            (_Fit(fitting, best.taus, throttle) for throttle in _THROTTLES),
            key=lambda fit: fit.error,
        )
        best = min(
            (_Fit(fitting, taus, best.throttle) for taus in _TAUS),
            key=lambda fit: fit.error,
        )
    return best if best.error < _WORTH_THROTTLING * free.error else free


def recorded_effects(model: RoomModel, grid: Grid) -> list[array[float]]:
    """Return for each part what the recorded unit had done by each step, in kelvin."""
    found = []
    for part, tau in enumerate(model.taus):
        driven = array("d", [0.0]) * len(grid)
        for unit, effect in model.effects.items():
            shares = grid.heat if unit == HEAT else grid.cool
            p = effect.p[part]
            for step, share in enumerate(shares):
                if share:
                    room = grid.temperatures[step]
                    shown = effect.share(room, grid.shifts[step])
                    driven[step] += share * p * shown
        found.append(filtered(driven, tau))
    return found


def filtered(driven: Sequence[float], tau: float) -> array[float]:
    """Return a first-order lag of what drives it, both a step apart."""
    keep = math.exp(-GRID_SECONDS / tau)
    gain = 1.0 - keep
    value = 0.0
    found = array("d", [0.0]) * len(driven)
    for index, drive in enumerate(driven):
        # The value at the beginning of the step, before its share counts.
        found[index] = value
        value = keep * value + gain * drive
    return found


class _Fitting:
    """What every fit to the steps `fitted` of a grid shares."""

    def __init__(self, grid: Grid, units: list[int], fitted: range) -> None:
        self.grid = grid
        self.units = units
        self.fitted = fitted
        self.held = _held(grid, units)
        self.harmonics: list[array[float]] = []
        for harmonic in (1, 2):
            turn = 2.0 * math.pi * harmonic / _DAY
            phases = [
                turn * (grid.start + index * GRID_SECONDS) for index in range(len(grid))
            ]
            self.harmonics.append(array("d", map(math.sin, phases)))
            self.harmonics.append(array("d", map(math.cos, phases)))


class _Fit:
    """Least squares for one choice of time constants and throttle.

    `throttle` is one of `_THROTTLES`. `error` is the mean square of what is left.
    """

    def __init__(
        self,
        fitting: _Fitting,
        taus: tuple[float, ...],
        throttle: tuple[float, float],
    ) -> None:
        self.taus = taus
        self.throttle = throttle
        self._grid = fitting.grid
        self._units = fitting.units
        self._effects = [self._shape(fitting, unit) for unit in fitting.units]
        self._columns = self._regressors(fitting)
        self._solve(fitting.fitted)

    def _shape(self, fitting: _Fitting, unit: int) -> Effect:
        """Return the unit's effect, its gains not known yet."""
        short, left = self.throttle
        knee = fitting.held[unit] + (-short if unit == HEAT else short)
        slope = (1.0 - left) / short if short else 0.0
        return Effect((0.0,) * _PARTS, knee, slope, unit == HEAT)

    def _regressors(self, fitting: _Fitting) -> list[array[float]]:
        grid = fitting.grid
        columns: list[array[float]] = []
        for unit, effect in zip(self._units, self._effects, strict=True):
            shares: Sequence[float] = grid.heat if unit == HEAT else grid.cool
            if effect.throttles:
                shares = [
                    share * effect.share(room, shift) if share else 0.0
                    for share, room, shift in zip(
                        shares, grid.temperatures, grid.shifts, strict=True
                    )
                ]
            columns += [filtered(shares, tau) for tau in self.taus]
        return columns + fitting.harmonics

    def _solve(self, fitted: range) -> None:
        size = len(self._columns)
        matrix = [[0.0] * size for _ in range(size)]
        right = [0.0] * size
        total, count = 0.0, 0
        for horizon in _HORIZONS:
            rows, change = self._changes(fitted, horizon, every=3)
            count += len(change)
            total += sum(map(mul, change, change))
            for i, row in enumerate(rows):
                right[i] += sum(map(mul, row, change))
                for j in range(i + 1):
                    matrix[i][j] += sum(map(mul, row, rows[j]))
        for i in range(size):
            for j in range(i):
                matrix[j][i] = matrix[i][j]
            matrix[i][i] += _RIDGE * (1.0 + matrix[i][i])
        if count < 2 * size:
            raise BacktestError(
                worded("too few of the readings follow each other closely")
            )
        self.gains, inverse = self._solved_with_the_season(matrix, right)
        explained = sum(map(mul, self.gains, right))
        self.error = max(0.0, total - explained) / count
        # Changes overlap, so they say less than as many that do not.
        overlap = max(_HORIZONS) / 3
        self._doubt = [
            math.sqrt(max(self.error * overlap * each, 0.0)) for each in inverse
        ]

    def _solved_with_the_season(
        self, matrix: list[list[float]], right: list[float]
    ) -> tuple[list[float], list[float]]:
        """Return gains and the inverse's diagonal, without parts against the season.

        Only the slow one: in the quicker ones it is the delay of unit, room and meter.
        """
        signs = [1.0 if unit == HEAT else -1.0 for unit in self._units]
        kept = list(range(len(right)))
        while True:
            found, inverse = solved(
                [[matrix[i][j] for j in kept] for i in kept], [right[i] for i in kept]
            )
            worst = min(
                (
                    (signs[column // _PARTS] * gain, column)
                    for column, gain in zip(kept, found, strict=True)
                    if column < _PARTS * len(signs) and column % _PARTS == _PARTS - 1
                ),
                default=(0.0, 0),
            )
            if worst[0] >= 0.0:
                break
            kept.remove(worst[1])
        gains, doubts = [0.0] * len(right), [0.0] * len(right)
        for index, column in enumerate(kept):
            gains[column] = found[index]
            doubts[column] = inverse[index][index]
        return gains, doubts

    def _changes(
        self, steps: range, horizon: int, every: int = 1
    ) -> tuple[list[list[float]], list[float]]:
        """Return what changed within a horizon: of every regressor, of the room."""
        early = slice(steps.start, max(steps.start, steps.stop - horizon), every)
        late = slice(early.start + horizon, early.stop + horizon, every)
        temperatures = self._grid.temperatures
        change = list(map(sub, temperatures[late], temperatures[early]))
        known = [each == each for each in change]  # noqa: PLR0124 - NaN differs from itself
        rows = [
            list(compress(map(sub, each[late], each[early]), known))
            for each in self._columns
        ]
        return rows, list(compress(change, known))

    def root_mean_square(self, steps: range, horizon: int) -> float:
        """Return the error of predicting `horizon` steps ahead."""
        rows, misses = self._changes(steps, horizon)
        if not misses:
            return math.inf
        for gain, row in zip(self.gains, rows, strict=True):
            misses = [
                miss - gain * each for miss, each in zip(misses, row, strict=True)
            ]
        return math.sqrt(sum(map(mul, misses, misses)) / len(misses))

    def effects(self) -> dict[int, Effect]:
        """Return what each unit does."""
        return {
            unit: replace(
                shape, p=tuple(self.gains[index * _PARTS : (index + 1) * _PARTS])
            )
            for index, (unit, shape) in enumerate(
                zip(self._units, self._effects, strict=True)
            )
        }

    def check(self) -> None:
        """Raise BacktestError unless the units are seen to do what they are for."""
        shares = [1.0 - math.exp(-_HOUR / tau) for tau in self.taus]
        for index, unit in enumerate(self._units):
            sign = 1.0 if unit == HEAT else -1.0
            of_unit = slice(index * _PARTS, (index + 1) * _PARTS)
            effect = sign * sum(map(mul, self.gains[of_unit], shares))
            doubt = math.hypot(*map(mul, self._doubt[of_unit], shares))
            word = "heats" if unit == HEAT else "cools"
            if effect < max(_LEAST_EFFECT_KELVIN, _DOUBTS * doubt):
                raise BacktestError(
                    worded(
                        "this history does not show that the air conditioner {word}: an "
                        "hour of it makes {effect_kelvin:+.2f} K, give or take {doubt_kelvin:.2f} K",
                        word=word,
                        effect_kelvin=sign * effect,
                        doubt_kelvin=min(doubt, _USUAL_DEVIATION),
                    )
                )


def _held(grid: Grid, units: list[int]) -> dict[int, float]:
    """Return the temperature that each unit usually holds."""
    held = {}
    for unit in units:
        shares = grid.heat if unit == HEAT else grid.cool
        seen = sorted(
            each
            for share, each in zip(shares, grid.temperatures, strict=True)
            if share and each == each  # noqa: PLR0124 - NaN differs from itself
        )
        held[unit] = seen[len(seen) // 2] if seen else 0.0
    return held
