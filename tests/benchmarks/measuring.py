"""How every figure is taken: contenders interleaved, medians, ratios within one round."""

from __future__ import annotations

import gc
from dataclasses import asdict, dataclass
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class Figure:
    """One number, and the goal it has to stay below, if there is one."""

    name: str
    value: float
    unit: str
    goal: float | None = None

    @property
    def met(self) -> bool | None:
        return None if self.goal is None else self.value <= self.goal

    def as_json(self) -> dict:
        return {**asdict(self), "met": self.met}

    def as_line(self) -> str:
        goal = "" if self.goal is None else f"goal <= {self.goal:g}"
        verdict = {None: "", True: "met", False: "MISSED"}[self.met]
        value = f"{self.value:.2f}" if self.value < 1000 else f"{self.value:.0f}"
        return f"{self.name:<58} {value:>9} {self.unit:<11} {goal:<14} {verdict}"


class Rounds:
    """Medians of interleaved rounds, by contender, in seconds per operation."""

    def __init__(self, times: Mapping[str, list[float]]) -> None:
        self.times = times

    def microseconds(self, contender: str) -> float:
        return median(self.times[contender]) * 1e6

    def ratio(self, contender: str, base: str) -> float:
        """Return the median of the ratios within each round.

        Both contenders of a round meet the same disk and the same neighbours.
        """
        pairs = zip(self.times[contender], self.times[base], strict=True)
        return median(one / other for one, other in pairs)


def interleave(
    contenders: Mapping[str, Callable[[int], object]], *, rounds: int, operations: int
) -> Rounds:
    """Call each contender with 0, 1, 2... in slices, taking turns, in changing order."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    numbers = dict.fromkeys(contenders, 0)
    names = list(contenders)
    for name in names:  # caches, prepared statements and lazily opened files
        for _ in range(10):
            contenders[name](numbers[name])
            numbers[name] += 1
    for turn in range(rounds):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            times[name].append(_slice(contenders[name], numbers[name], operations))
            numbers[name] += operations
    return Rounds(times)


def _slice(call: Callable[[int], object], first: int, operations: int) -> float:
    spent = []
    gc.disable()
    try:
        for number in range(first, first + operations):
            began = perf_counter()
            call(number)
            spent.append(perf_counter() - began)
    finally:
        gc.enable()
    return median(spent)
