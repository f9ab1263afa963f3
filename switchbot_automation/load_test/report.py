"""What a load test came to, and whether that is good enough."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from switchbot_automation.languages import later

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Target:
    """One figure with the limit it has to keep to; `unit` goes for both."""

    name: str
    value: float
    limit: float
    unit: str

    @property
    def met(self) -> bool:
        """Whether it does."""
        return self.value <= self.limit


@dataclass(frozen=True, slots=True)
class LoadSeries:
    """What the plot shows, each against seconds since the beginning."""

    tick_at: tuple[float, ...] = ()
    tick_seconds: tuple[float, ...] = ()
    request_at: tuple[float, ...] = ()
    request_seconds: tuple[float, ...] = ()
    vital_at: tuple[float, ...] = ()
    memory_megabytes: tuple[float, ...] = ()
    lag_seconds: tuple[float, ...] = ()
    connections_at: tuple[float, ...] = ()
    connections: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadReport:
    """The figures of one run; durations in seconds, memory in megabytes.

    `tick_mean_seconds` is of the ticks while nothing was away, the percentiles of all:
    a tick that meets a silent cloud lasts until its call is given up.
    `rows_expected` were recorded by ticks, `rows_found` lie in the history afterwards;
    `documents_lost` counts writes that are neither stored nor journalled.
    `memory_drift_megabytes` is how much more the last fifth took than the second one.
    """

    duration_seconds: float
    users: int
    zones: int
    tick_interval_seconds: float
    store: str
    machine: str
    ticks: int
    tick_mean_seconds: float
    tick_mean_in_faults_seconds: float
    tick_p50_seconds: float
    tick_p95_seconds: float
    tick_p99_seconds: float
    requests: int
    requests_failed: int
    failures: Mapping[str, int]
    request_p50_seconds: float
    request_p95_seconds: float
    request_p99_seconds: float
    cpu_percent: float
    memory_megabytes: float
    memory_drift_megabytes: float
    lag_p99_seconds: float
    lag_worst_seconds: float
    connections_most: int
    rows_expected: int
    rows_found: int
    documents_lost: int
    faults: tuple[Mapping[str, Any], ...] = ()
    series: LoadSeries = field(default_factory=LoadSeries, repr=False, compare=False)

    @property
    def error_percent(self) -> float:
        """The share of requests that failed."""
        return 100.0 * self.requests_failed / self.requests if self.requests else 0.0

    @property
    def lost(self) -> int:
        """Rows and documents that are gone, or rows that are there twice."""
        return abs(self.rows_expected - self.rows_found) + self.documents_lost

    @property
    def targets(self) -> tuple[Target, ...]:
        """The figures that have to keep to a limit."""
        return (
            Target(later("average tick"), 1000.0 * self.tick_mean_seconds, 100.0, "ms"),
            Target(later("memory"), self.memory_megabytes, 100.0, "MB"),
            Target(later("memory drift"), self.memory_drift_megabytes, 10.0, "MB"),
            Target("CPU", self.cpu_percent, 10.0, "%"),
            Target(later("database connections"), self.connections_most, 9, ""),
            Target(later("errors"), self.error_percent, 0.5, "%"),
            Target(later("rows and documents lost"), self.lost, 0, ""),
        )

    @property
    def passed(self) -> bool:
        """Whether every target is met."""
        return all(target.met for target in self.targets)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON, without the series."""
        document = asdict(self)
        document.pop("series")
        document["failures"] = dict(self.failures)
        document["faults"] = [dict(fault) for fault in self.faults]
        document["targets"] = [
            {**asdict(target), "met": target.met} for target in self.targets
        ]
        document["passed"] = self.passed
        return document


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that a share of all does not exceed, 0.0 of none."""
    ordered = sorted(values)
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]


def mean(values: Sequence[float]) -> float:
    """Return the mean, 0.0 of none."""
    return sum(values) / len(values) if values else 0.0
