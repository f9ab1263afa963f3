"""What a backtest found: figures for current and candidate, side by side."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from switchbot_automation.languages import later

if TYPE_CHECKING:
    from array import array
    from datetime import datetime

    from switchbot_automation.backtest.room_model import RoomModel

_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What one of the two came to over the whole range.

    Comfort is judged inside the windows and against the band of the current settings,
    the same yardstick for both: `degree_minutes` adds up by how many kelvin the room was
    outside, `percent_in_band` the share of time it was not. `energy_kwh` assumes
    `BacktestReport.rated_watts` at full output. `fail_safe_events` counts how often the
    room was lost sight of.
    """

    degree_minutes: float
    percent_in_band: float
    starts: int
    on_hours: float
    energy_kwh: float
    api_calls: int
    commands: int
    fail_safe_events: int

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            key: round(value, 3) if isinstance(value, float) else value
            for key, value in asdict(self).items()
        }


@dataclass(frozen=True, slots=True)
class Course:
    """One of the two as it went, a step of five minutes each: for a plot.

    `times` are POSIX seconds, `room` Celsius (NaN in gaps), `running` the share of the
    step that the unit ran.
    """

    times: array[float]
    room: array[float]
    running: array[float]


@dataclass(frozen=True, slots=True)
class BacktestReport:
    """What would have been.

    Up to `first_divergence` both are judged on the recorded readings themselves; from
    then on both live in the fitted `model`, whose `error_kelvin` on readings it was not
    fitted to tells how far that can be trusted. `first_divergence` None: they never
    differ, and no model was needed. `unit_inferred`: the history did not say what the
    unit did, so the current settings told it. `unrecorded_zones` share the zone's outdoor
    unit, but nothing was recorded of them: they are taken to ask for nothing.

    >>> from datetime import UTC, datetime, timedelta
    >>> from types import SimpleNamespace
    >>> from switchbot_automation import backtest
    >>> from switchbot_automation.simulation import default_settings
    >>> start = datetime(2026, 1, 12, tzinfo=UTC)
    >>> times = [start + timedelta(minutes=10 * n) for n in range(4 * 144)]
    >>> mild = [SimpleNamespace(at=at, temperature=21.0) for at in times]
    >>> settings = default_settings()
    >>> wider = {**settings, "hysteresis_celsius": 0.5}
    >>> report = backtest(mild, settings, wider, start, times[-1])
    >>> print(report.current.starts, report.candidate.starts, report.first_divergence)
    0 0 None
    """

    zone: str
    start: datetime
    end: datetime
    readings: int
    observed_days: float
    current: Figures
    candidate: Figures
    first_divergence: datetime | None
    model: RoomModel | None
    unit_inferred: bool
    unrecorded_zones: tuple[str, ...]
    band: tuple[float, float]
    rated_watts: float
    current_course: Course
    candidate_course: Course

    @property
    def error_kelvin(self) -> float | None:
        """The model's hold-out error half an hour ahead, None without a model."""
        return self.model.error_kelvin if self.model else None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON, without the courses."""
        model = self.model
        return {
            "zone": self.zone,
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "readings": self.readings,
            "observed_days": round(self.observed_days, 2),
            "band_celsius": list(self.band),
            "first_divergence": (
                self.first_divergence.isoformat() if self.first_divergence else None
            ),
            "unit_inferred": self.unit_inferred,
            "unrecorded_zones": list(self.unrecorded_zones),
            "rated_watts": self.rated_watts,
            "current": self.current.to_dict(),
            "candidate": self.candidate.to_dict(),
            "model": None
            if model is None
            else {
                "error_kelvin": round(model.error_kelvin, 3),
                "error_hour_kelvin": round(model.error_hour_kelvin, 3),
                "error_without_unit_kelvin": round(model.error_without_unit_kelvin, 3),
                "fitted_days": round(model.fitted_days, 2),
                "held_out_days": round(model.held_out_days, 2),
                "time_constants_hours": [round(tau / _HOUR, 3) for tau in model.taus],
            },
        }

    def rows(self) -> list[tuple[str, str, str]]:
        """Return name, current and candidate of each figure, in words."""
        return [
            (name, form.format(getattr(self.current, key)), form.format(other))
            for name, key, form in _ROWS
            if (other := getattr(self.candidate, key)) is not None
        ]


_ROWS = (
    (later("outside the band, in windows"), "degree_minutes", "{:,.0f} K min"),
    (later("in the band, in windows"), "percent_in_band", "{:.1f} %"),
    (later("compressor starts"), "starts", "{:,}"),
    (later("running"), "on_hours", "{:,.1f} h"),
    (later("energy, estimated"), "energy_kwh", "{:,.1f} kWh"),
    (later("API calls"), "api_calls", "{:,}"),
    (later("commands"), "commands", "{:,}"),
    (later("fail-safe events"), "fail_safe_events", "{:,}"),
)
