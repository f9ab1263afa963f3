"""How a room answers to its unit, fitted to what was recorded. Plain Python.

The room's own course (weather, sun, people) is not modelled: a backtest replays the
recorded one. What has to be known is the difference that the unit makes::

    T(t) = own(t) + sum_i x_i(t)      tau_i dx_i/dt = u (p_i - q_i [T - K]) - x_i

with u the share of time the unit runs, a quick part (air, meter), a slower and a slow one
(furniture, walls), and, where the record shows it, an inverter that throttles once the room is past a knee K
(which moves with its setpoint). For given time constants and knee p and q are linear:
least squares over the changes of temperature within one and within four hours, in which
the room's own slow course all but cancels and a tenth of a kelvin of rounding drowns. A
daily curve of two harmonics takes up the rest. Time constants and knee are found on a
lattice.

Four fifths of the record are fitted; on the last fifth the error of predicting half an
hour and an hour ahead is measured; the former decides whether the model is any good.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from switchbot_automation.backtest.errors import BacktestError
from switchbot_automation.backtest.recording import COOL, GRID_SECONDS, HEAT, Grid

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGEST_ERROR_KELVIN = 0.5

_HOUR = 3600.0
_DAY = 86400.0
_STEPS_AN_HOUR = int(_HOUR / GRID_SECONDS)
_HORIZONS = (_STEPS_AN_HOUR, 4 * _STEPS_AN_HOUR)
_TAUS = tuple(
    product((300.0, 600.0, 1200.0), (2400.0, 4800.0), (4 * _HOUR, 16 * _HOUR))
)
_PARTS = 3
_THROTTLED_PARTS = 2
# How far short of the temperature it usually holds a unit begins to throttle, in kelvin.
_KNEES = (0.4, 0.8, 1.5, 3.0, 10.0)
_USUAL_KNEE = 2
_FITTED_SHARE = 0.8
_MOST_STEPS = 30 * 24 * _STEPS_AN_HOUR
_LEAST_RUNNING_STEPS = 2 * _STEPS_AN_HOUR
_RIDGE = 1e-3
_LEAST_EFFECT_KELVIN = 0.15
_LEAST_CONFIDENCE = 4.0
_USUAL_DEVIATION = 20.0


@dataclass(frozen=True, slots=True)
class Effect:
    """What a running unit does: `p` in kelvin, `q` without unit, one for each part.

    `knee` is the temperature from which on, the season's way, `q` counts.
    """

    p: tuple[float, ...]
    q: tuple[float, ...]
    knee: float
    heats: bool

    def push(self, part: int, temperature: float, setpoint_shift: float) -> float:
        """Return where the part is driven to, in kelvin; never against the season."""
        past = temperature - self.knee - setpoint_shift
        past = max(0.0, past) if self.heats else min(0.0, past)
        driven = self.p[part] - self.q[part] * past
        return driven if driven * self.p[part] > 0.0 else 0.0

    @property
    def throttles(self) -> bool:
        """Whether the record shows that it throttles near its setpoint."""
        return any(self.q)


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

    def hour_effect(self, unit: int) -> float:
        """Return by how many kelvin an hour of running changes the room."""
        effect = self.effects[unit]
        return sum(
            p * (1.0 - math.exp(-_HOUR / tau))
            for p, tau in zip(effect.p, self.taus, strict=True)
        )


def fit_room(grid: Grid) -> RoomModel:
    """Fit the model. Raises BacktestError where the record does not show enough."""
    seen = [
        unit
        for unit, shares in ((HEAT, grid.heat), (COOL, grid.cool))
        if sum(shares) >= _LEAST_RUNNING_STEPS
    ]
    if not seen:
        raise BacktestError(
            "the air conditioner ran less than two hours in this history; what it does "
            "to the room cannot be learned from it"
        )
    split = int(_FITTED_SHARE * len(grid))
    fitted = range(max(0, split - _MOST_STEPS), split)
    held_out = range(split, len(grid))
    best: _Fit | None = None
    knees = _knees(grid, seen)
    for taus in _TAUS:
        fit = _Fit(grid, seen, taus, knees[_USUAL_KNEE], fitted)
        if best is None or fit.error < best.error:
            best = fit
    if best is None:
        raise BacktestError("nothing could be fitted to this history")
    for knee in knees:
        fit = _Fit(grid, seen, best.taus, knee, fitted)
        best = fit if fit.error < best.error else best
    best.check()
    bare = _Fit(grid, [], best.taus, knees[_USUAL_KNEE], fitted)
    error = best.root_mean_square(held_out, _STEPS_AN_HOUR // 2)
    if not error <= LARGEST_ERROR_KELVIN:
        raise BacktestError(
            f"a room model fitted to this history is wrong by {error:.2f} K half an "
            f"hour ahead; beyond {LARGEST_ERROR_KELVIN} K its answers would be pretence",
            error_kelvin=error,
        )
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


def recorded_effects(model: RoomModel, grid: Grid) -> list[array[float]]:
    """Return for each part what the recorded unit had done by each step, in kelvin."""
    found = []
    for part, tau in enumerate(model.taus):
        driven = array("d", [0.0]) * len(grid)
        for unit, effect in model.effects.items():
            shares = grid.heat if unit == HEAT else grid.cool
            for step, share in enumerate(shares):
                if share:
                    room = grid.temperatures[step]
                    if room != room:  # noqa: PLR0124 - NaN differs from itself
                        room = effect.knee
                    driven[step] += share * effect.push(part, room, 0.0)
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


class _Fit:
    """Least squares for one pair of time constants, over the steps of `fitted`."""

    def __init__(
        self,
        grid: Grid,
        units: list[int],
        taus: tuple[float, ...],
        knees: dict[int, float],
        fitted: range,
    ) -> None:
        self.taus = taus
        self._grid = grid
        self._units = units
        self._knees = knees
        self._throttling = True
        self._columns = self._regressors()
        self._solve(fitted)
        if any(effect.q[0] + effect.q[1] < 0.0 for effect in self.effects().values()):
            # A unit that pushed harder the nearer it got would run away.
            self._throttling = False
            self._columns = self._regressors()
            self._solve(fitted)

    def _regressors(self) -> list[array[float]]:
        grid = self._grid
        columns: list[array[float]] = []
        for unit in self._units:
            shares = grid.heat if unit == HEAT else grid.cool
            columns += [filtered(shares, tau) for tau in self.taus]
            if self._throttling:
                past = self._past_knee(unit, shares)
                columns += [filtered(past, tau) for tau in self.taus[:_THROTTLED_PARTS]]
        for harmonic in (1, 2):
            turn = 2.0 * math.pi * harmonic / _DAY
            phases = [
                turn * (grid.start + index * GRID_SECONDS) for index in range(len(grid))
            ]
            columns.append(array("d", map(math.sin, phases)))
            columns.append(array("d", map(math.cos, phases)))
        return columns

    def _past_knee(self, unit: int, shares: array[float]) -> list[float]:
        knee, limit = self._knees[unit], (max if unit == HEAT else min)
        return [
            share * limit(0.0, each - knee) if share and each == each else 0.0  # noqa: PLR0124 - NaN differs from itself
            for share, each in zip(shares, self._grid.temperatures, strict=True)
        ]

    def _solve(self, fitted: range) -> None:
        size = len(self._columns)
        matrix = [[0.0] * size for _ in range(size)]
        right = [0.0] * size
        total = count = 0.0
        for horizon in _HORIZONS:
            for row, change in self._changes(fitted, horizon, every=3):
                count += 1
                total += change * change
                for i, value in enumerate(row):
                    if value:
                        right[i] += value * change
                        line = matrix[i]
                        for j in range(i + 1):
                            line[j] += value * row[j]
        for i in range(size):
            for j in range(i):
                matrix[j][i] = matrix[i][j]
            matrix[i][i] += _RIDGE * (1.0 + matrix[i][i])
        if count < 2 * size:
            raise BacktestError("too few of the readings follow each other closely")
        self.gains, inverse = _solved(matrix, right)
        explained = sum(
            gain * value for gain, value in zip(self.gains, right, strict=True)
        )
        self.error = max(0.0, total - explained) / count
        # Changes overlap, so they say less than as many that do not.
        overlap = max(_HORIZONS) / 3
        self._doubt = [
            math.sqrt(max(self.error * overlap * inverse[i][i], 0.0))
            for i in range(size)
        ]

    def _changes(self, steps: range, horizon: int, every: int = 1):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a hot loop's generator
        """Yield what changed within a horizon: of every regressor, of the room."""
        temperatures, columns = self._grid.temperatures, self._columns
        for index in range(steps.start, steps.stop - horizon, every):
            change = temperatures[index + horizon] - temperatures[index]
            if change == change:  # noqa: PLR0124 - NaN differs from itself
                yield [each[index + horizon] - each[index] for each in columns], change

    def root_mean_square(self, steps: range, horizon: int) -> float:
        """Return the error of predicting `horizon` steps ahead."""
        misses = self._misses(steps, horizon)
        if not misses:
            return math.inf
        return math.sqrt(sum(miss * miss for miss in misses) / len(misses))

    def _misses(self, steps: range, horizon: int) -> list[float]:
        """Return how far each prediction was off."""
        temperatures, columns = self._grid.temperatures, self._columns
        misses = []
        for index in range(steps.start, steps.stop - horizon):
            change = temperatures[index + horizon] - temperatures[index]
            if change == change:  # noqa: PLR0124 - NaN differs from itself
                for gain, each in zip(self.gains, columns, strict=True):
                    change -= gain * (each[index + horizon] - each[index])
                misses.append(change)
        return misses

    def effects(self) -> dict[int, Effect]:
        """Return what each unit does."""
        each = self._gains_a_unit
        found = {}
        for index, unit in enumerate(self._units):
            gains = self.gains[index * each : (index + 1) * each]
            q = [-gain for gain in gains[_PARTS:]] or [0.0] * _THROTTLED_PARTS
            found[unit] = Effect(
                tuple(gains[:_PARTS]),
                (*q, *(0.0 for _ in range(_PARTS - _THROTTLED_PARTS))),
                self._knees[unit],
                unit == HEAT,
            )
        return found

    @property
    def _gains_a_unit(self) -> int:
        return _PARTS + (_THROTTLED_PARTS if self._throttling else 0)

    def check(self) -> None:
        """Raise BacktestError unless the units are seen to do what they are for."""
        each = self._gains_a_unit
        for index, unit in enumerate(self._units):
            sign = 1.0 if unit == HEAT else -1.0
            gains = self.gains[index * each : index * each + _PARTS]
            shares = [1.0 - math.exp(-_HOUR / tau) for tau in self.taus]
            effect = sign * sum(
                gain * share for gain, share in zip(gains, shares, strict=True)
            )
            doubt = math.hypot(
                *(
                    self._doubt[index * each + part] * share
                    for part, share in enumerate(shares)
                )
            )
            word = "heats" if unit == HEAT else "cools"
            if effect < _LEAST_EFFECT_KELVIN or effect < doubt:
                raise BacktestError(
                    f"this history does not show that the air conditioner {word}: an "
                    f"hour of it makes {sign * effect:+.2f} K, give or take "
                    f"{min(doubt, _USUAL_DEVIATION):.2f} K"
                )


def _knees(grid: Grid, units: list[int]) -> list[dict[int, float]]:
    """Return for each of `_KNEES` the temperature of each unit."""
    held: dict[int, float] = {}
    for unit in units:
        shares = grid.heat if unit == HEAT else grid.cool
        seen = sorted(
            each
            for share, each in zip(shares, grid.temperatures, strict=True)
            if share and each == each  # noqa: PLR0124 - NaN differs from itself
        )
        held[unit] = seen[len(seen) // 2] if seen else 0.0
    return [
        {
            unit: middle - knee if unit == HEAT else middle + knee
            for unit, middle in held.items()
        }
        for knee in _KNEES
    ]


def _solved(
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
