"""What was recorded of one zone: temperatures at instants, and what the unit did.

Kept in arrays: a year of minutes is half a million readings. Instants are POSIX seconds.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from switchbot_automation.backtest.errors import BacktestError
from switchbot_automation.languages import worded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

GRID_SECONDS = 300.0
"""The step that the room model and the figures are counted in."""

HOLD_SECONDS = 3600.0
"""How long a reading counts; what is longer is a gap, as in the history itself."""

UNKNOWN, OFF, HEAT, COOL = -1, 0, 1, 2

_SET_ALL = re.compile(r"setAll\(\s*([0-9.]+)\s*,\s*(\d)\s*,")
_MODES = {2: COOL, 5: HEAT}
_FAN_MODE = 4
_PAGE = timedelta(days=31)
_FIELDS = ("temperature", "assumed_aircon_power", "last_action")


class PagedHistory(Protocol):
    """A history that can be read in pages; `HistoryService` is one."""

    def pages(
        self,
        start: datetime,
        end: datetime,
        *,
        zone: str | None = None,
        fields: Sequence[str] | None = None,
    ) -> Iterator[Sequence[Mapping[str, Any]]]:
        """Yield the recorded rows of a range."""
        ...


@dataclass(slots=True)
class ZoneRecording:
    """One zone's readings, ascending, and what its unit did from each one on.

    `unit` holds `UNKNOWN`, `OFF`, `HEAT` or `COOL`. `setpoints` is what the unit had
    been told, NaN where that is not known.
    """

    times: array[float]
    temperatures: array[float]
    unit: array[int]
    setpoints: array[float]

    @classmethod
    def empty(cls) -> ZoneRecording:
        """Return one without readings."""
        return cls(array("d"), array("d"), array("b"), array("d"))

    def add(
        self, at: float, temperature: float, unit: int, setpoint: float = float("nan")
    ) -> None:
        """Add a reading; one that is not later than the last is left out."""
        if self.times and at <= self.times[-1]:
            return
        self.times.append(at)
        self.temperatures.append(temperature)
        self.unit.append(unit)
        self.setpoints.append(setpoint)

    @property
    def observed_seconds(self) -> float:
        """How long there were readings, gaps left out."""
        return sum(
            gap
            for earlier, later in zip(self.times, self.times[1:], strict=False)
            if (gap := later - earlier) <= HOLD_SECONDS
        )

    @property
    def knows_unit(self) -> bool:
        """Whether it was recorded what the unit did."""
        known = sum(1 for each in self.unit if each != UNKNOWN)
        return known > 0.5 * len(self.unit)

    @property
    def usual_setpoint(self) -> float | None:
        """The setpoint that was in the middle of all told, None where none was."""
        known = sorted(each for each in self.setpoints if each == each)  # noqa: PLR0124 - NaN differs from itself
        return known[len(known) // 2] if known else None

    @property
    def resolution(self) -> float:
        """The meter's step in kelvin: 0.1, or 0.01 where hundredths were seen."""
        few = self.temperatures[:1000]
        tenths = all(abs(each * 10 - round(each * 10)) < 1e-6 for each in few)  # noqa: PLR2004 - rounding of floats
        return 0.1 if tenths else 0.01

    def index_at(self, at: float) -> int:
        """Return the index of the last reading at or before an instant, -1 for none."""
        return bisect_right(self.times, at) - 1


def record_history(
    history: PagedHistory,
    zone: str | None,
    start: datetime,
    end: datetime,
    season: int,
) -> ZoneRecording:
    """Read a zone's rows of ``[start, end)``.

    `season`, `HEAT` or `COOL`, is what the unit does where a row only says "on".
    """
    recording = ZoneRecording.empty()
    remembered: dict[str | None, tuple[int, float]] = {}
    for page in history.pages(start, end, zone=zone, fields=_FIELDS):
        for row in page:
            temperature = row["temperature"]
            if temperature is None:
                continue
            did = row["last_action"]
            if did not in remembered:
                remembered[did] = _meant(did, season)
            unit, setpoint = remembered[did]
            power = row["assumed_aircon_power"]
            if power != "on":
                unit = OFF if power == "off" else UNKNOWN
            recording.add(row["timestamp"].timestamp(), temperature, unit, setpoint)
    return recording


def record_readings(readings: Iterable[Any]) -> ZoneRecording:
    """Take readings with `at` and `temperature`: nothing is known of the unit."""
    recording = ZoneRecording.empty()
    for reading in readings:
        if not isinstance(reading.at, datetime) or reading.at.tzinfo is None:
            raise BacktestError(worded("a reading's `at` must be an aware datetime"))
        recording.add(reading.at.timestamp(), reading.temperature, UNKNOWN)
    return recording


def _meant(last_action: str | None, season: int) -> tuple[int, float]:
    """Return what a running unit does by the last action's words, and its setpoint."""
    text = last_action or ""
    told = _SET_ALL.search(text)
    if told:
        mode = int(told.group(2))
        unit = OFF if mode == _FAN_MODE else _MODES.get(mode, season)
        return unit, float(told.group(1))
    if "fan" in text:
        return OFF, float("nan")
    if "winter" in text:
        return HEAT, float("nan")
    return (COOL if "summer" in text else season), float("nan")


@dataclass(slots=True)
class Grid:
    """The recording in equal steps: means of the time between readings.

    `temperatures` is NaN within gaps. `heat` and `cool` are the shares of each step that
    the unit ran; `shifts` by how many kelvin its setpoint was not the usual one, 0 where
    nobody knows.
    """

    start: float
    temperatures: array[float]
    heat: array[float]
    cool: array[float]
    shifts: array[float]

    def __len__(self) -> int:
        return len(self.temperatures)


def gridded(recording: ZoneRecording) -> Grid:
    """Cut a recording into steps of `GRID_SECONDS`; temperatures are interpolated."""
    times, values, unit = recording.times, recording.temperatures, recording.unit
    start = times[0] - times[0] % GRID_SECONDS + GRID_SECONDS
    count = max(0, int((times[-1] - start) // GRID_SECONDS) + 1)
    nan = float("nan")
    grid = Grid(
        start,
        array("d", [nan]) * count,
        array("d", [0.0]) * count,
        array("d", [0.0]) * count,
        array("d", [0.0]) * count,
    )
    usual = recording.usual_setpoint
    left = 0
    for step in range(count):
        at = start + step * GRID_SECONDS
        while times[left + 1] < at if left + 1 < len(times) else False:
            left += 1
        told = recording.setpoints[left]
        if usual is not None and told == told:  # noqa: PLR0124 - NaN differs from itself
            grid.shifts[step] = told - usual
        right = min(left + 1, len(times) - 1)
        gap = times[right] - times[left]
        if gap <= HOLD_SECONDS:
            share = (at - times[left]) / gap if gap > 0.0 else 0.0
            grid.temperatures[step] = values[left] + share * (
                values[right] - values[left]
            )
    _spread_unit(recording.times, unit, grid)
    return grid


def _spread_unit(times: array[float], unit: array[int], grid: Grid) -> None:
    """Share out how long the unit ran among the steps."""
    count = len(grid)
    for index in range(len(times) - 1):
        did = unit[index]
        if did not in (HEAT, COOL):
            continue
        begin = times[index]
        end = min(times[index + 1], begin + HOLD_SECONDS)
        shares = grid.heat if did == HEAT else grid.cool
        step = max(0, int((begin - grid.start) // GRID_SECONDS))
        while step < count:
            low = grid.start + step * GRID_SECONDS
            if low >= end:
                break
            covered = min(end, low + GRID_SECONDS) - max(begin, low)
            if covered > 0.0:
                shares[step] = min(1.0, shares[step] + covered / GRID_SECONDS)
            step += 1
