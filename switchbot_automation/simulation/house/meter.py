"""A thermometer as the cloud shows it: late, rounded and only now and then.

The body of the meter follows the air with a lag; every now and then it sends its value,
rounded to 0.1 K, and the cloud repeats that value until the next one. Recordings of a
real one showed changes 61 to 465 seconds apart, half of them within 165.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchbot_automation.simulation.house.chance import seeded
from switchbot_automation.simulation.house.weather import relative_humidity

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class MeterParameters:
    """One meter. Durations in seconds, `noise` and `offset` in kelvin.

    `delay_seconds` is how long a report takes to where it can be read.
    """

    lag_seconds: float = 300.0
    report_min_seconds: float = 60.0
    report_max_seconds: float = 210.0
    noise: float = 0.02
    offset: float = 0.0
    battery: int = 87
    delay_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class MeterReport:
    """What the meter last sent. `seconds` counts from the start of the world."""

    seconds: float
    temperature: float
    humidity: int


class Meter:
    """A meter stepped by what it hangs in. `report` is None before the first one.

    `on_report` is asked before a report is stored; returning False loses it, which is
    how a dead or frozen sensor looks to the cloud.
    """

    def __init__(
        self,
        parameters: MeterParameters,
        step_seconds: float,
        *,
        temperature: float,
        seed: int | str,
        on_report: Callable[[MeterReport], bool] | None = None,
    ) -> None:
        self.parameters = parameters
        self.report: MeterReport | None = None
        self.on_report = on_report
        self._follow = 1.0 - math.exp(-step_seconds / parameters.lag_seconds)
        self._body = temperature
        self._random = seeded(seed, "meter")
        self._next = 0.0
        self._under_way: deque[MeterReport] = deque()

    @property
    def body_temperature(self) -> float:
        """The temperature of the meter itself, in degrees Celsius."""
        return self._body

    def step(self, seconds: float, air: float, moisture: float) -> None:
        """Follow the air for one step that ends at `seconds`; send if it is time."""
        self._body += self._follow * (air - self._body)
        if seconds >= self._next:
            self._send(seconds, moisture)
        late = self.parameters.delay_seconds
        while self._under_way and self._under_way[0].seconds + late <= seconds:
            self._arrives(self._under_way.popleft())

    def _send(self, seconds: float, moisture: float) -> None:
        parameters = self.parameters
        self._next = seconds + self._random.uniform(
            parameters.report_min_seconds, parameters.report_max_seconds
        )
        value = self._body + parameters.offset
        value += self._random.gauss(0.0, parameters.noise)
        report = MeterReport(
            seconds=seconds,
            temperature=round(value, 1),
            humidity=round(relative_humidity(moisture, self._body)),
        )
        if parameters.delay_seconds and self.report is not None:
            self._under_way.append(report)
        else:
            self._arrives(report)

    def _arrives(self, report: MeterReport) -> None:
        if self.on_report is None or self.on_report(report):
            self.report = report
