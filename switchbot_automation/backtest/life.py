"""One of two settings, lived through: a dry zone and the room it has its effect on."""

from __future__ import annotations

import math
from array import array
from datetime import timedelta
from typing import TYPE_CHECKING

from switchbot_automation.backtest.dry_home import instant
from switchbot_automation.backtest.errors import BacktestError
from switchbot_automation.backtest.recording import (
    COOL,
    GRID_SECONDS,
    HOLD_SECONDS,
    OFF,
)
from switchbot_automation.backtest.report import Course, Figures
from switchbot_automation.languages import worded
from switchbot_automation.schedule.windows import in_window, next_boundary

if TYPE_CHECKING:
    from collections.abc import Callable

    from switchbot_automation.backtest.dry_home import DryHome
    from switchbot_automation.backtest.recording import Grid, ZoneRecording
    from switchbot_automation.backtest.room_model import Effect, RoomModel
    from switchbot_automation.settings.model import ZoneSettings

_DAY = 86400.0
# Lengths of time whose exponentials are worth keeping: wake-ups are mostly equal.
_REMEMBERED = 5000


def band_of(zone: ZoneSettings) -> tuple[float, float]:
    """Return the temperatures a zone wants to lie between. Raises BacktestError."""
    seasons = {"winter": zone.winter, "summer": zone.summer}
    chosen = seasons.values() if zone.mode == "auto" else [seasons.get(zone.mode)]
    profiles = [each for each in chosen if each is not None]
    if not profiles:
        raise BacktestError(
            worded(
                "the current settings name no {mode} temperatures to judge comfort by",
                mode=zone.mode,
            )
        )
    # By whichever season it is kept, between the two it is left alone.
    return (
        min(each.min_temp for each in profiles),
        max(each.max_temp for each in profiles),
    )


def unknown_effect(unit: int) -> BacktestError:
    """Return the refusal of what the history holds no trace of."""
    word = "cooling" if unit == COOL else "heating"
    return BacktestError(
        worded("this history holds no {word} to learn from", word=word)
    )


class _Spans:
    """Whether an instant lies in a window; asked in order of time."""

    def __init__(self, zone: ZoneSettings) -> None:
        self._zone = zone
        self._until = -math.inf
        self._inside = False

    def contain(self, seconds: float) -> bool:
        if seconds >= self._until or seconds < self._until - _DAY:
            at, zone = instant(seconds), self._zone
            self._inside = in_window(zone.time_windows, at, zone.timezone) is not None
            after = next_boundary(zone.time_windows, at, zone.timezone)
            later = at + timedelta(days=1)
            self._until = min(after or later, later).timestamp()
        return self._inside


class DryLife:
    """One of the two settings: a dry zone, and the room it lives in."""

    def __init__(
        self,
        dry: DryHome,
        recording: ZoneRecording,
        grid: Grid,
        yardstick: ZoneSettings,
        rated_watts: float,
    ) -> None:
        self.dry = dry
        self._recording = recording
        self._grid = grid
        self._band = band_of(yardstick)
        self._spans = _Spans(yardstick)
        self._rated_watts = rated_watts
        self._index = 0
        self._model: RoomModel | None = None
        self._own: list[float] = []
        self._recorded = array("d")
        self._gains: dict[float, list[float]] = {}
        self._deviation = 0.0
        self._resolution = recording.resolution
        self._step = 0
        self._at = recording.times[0]
        self._ran, self._kind = 0.0, OFF
        self._kinds = array("b")
        self._on_seconds = self._energy = 0.0
        self._minutes = self._in_band = self._degree_minutes = 0.0
        self._nominal = recording.usual_setpoint
        nothing = array("d")
        self.course: Course = Course(nothing, array("d"), array("d"))

    @property
    def wakes_at(self) -> float:
        """When the zone wants its next tick, POSIX seconds."""
        return self.dry.wakes_at.timestamp()

    def enter(self, model: RoomModel, recorded: list[array[float]], at: float) -> None:
        """Live in the model from `at` on, beginning as the record stands.

        `recorded` is what `recorded_effects` gives.
        """
        self._live(at)
        self._throttle_so_far(model)
        self._model = model
        self._own = [part[self._step] for part in recorded]
        self._recorded = array("d", map(sum, zip(*recorded, strict=True)))

    def _throttle_so_far(self, model: RoomModel) -> None:
        """Judge the energy up to now as that to come: by what the room let it draw."""
        saved = 0.0
        for index, running in enumerate(self.course.running):
            effect = model.effects.get(self._kinds[index])
            if running and effect is not None:
                share = effect.share(self.course.room[index], 0.0)
                saved += (1.0 - share) * running * GRID_SECONDS * self._rated_watts
        self._energy -= saved

    def advance(self, until: float, tell: Callable[[float], None]) -> None:
        """Tick at every wake-up until then; `tell` hears of each."""
        while (now := self.wakes_at) <= until:
            self.tick(now)
            tell(now)

    def tick(self, now: float) -> None:
        """Tick once, at the zone's wake-up."""
        self._live(now)
        self.dry.step(self._shown(now))

    def finish(self, until: float) -> None:
        """Live on to the end of the record."""
        self._live(until)

    def _shown(self, now: float) -> float | None:
        times = self._recording.times
        while self._index + 1 < len(times) and times[self._index + 1] <= now:
            self._index += 1
        if now - times[self._index] > HOLD_SECONDS:
            return None
        temperature = self._recording.temperatures[self._index]
        if self._model is None:
            return temperature
        shown = (temperature + self._deviation) / self._resolution
        return round(round(shown) * self._resolution, 2)

    # --- the room ------------------------------------------------------------------

    def _live(self, until: float) -> None:
        """Let time pass, step by step of the grid, with the unit as it is."""
        grid = self._grid
        while self._at < until:
            edge = grid.start + self._step * GRID_SECONDS
            to = min(until, edge)
            if to > self._at:
                self._pass(to - self._at)
                self._at = to
            if to >= edge:
                self._close_step()
                if self._step + 1 >= len(grid):
                    self._at = until
                    return
                self._step += 1

    def _pass(self, seconds: float) -> None:
        unit = self.dry.unit
        if unit != OFF:
            self._ran += seconds
            self._kind = unit
            self._on_seconds += seconds
        model = self._model
        if model is None:
            if unit != OFF:
                self._energy += seconds * self._rated_watts
            return
        gains = self._gains.get(seconds)
        if gains is None:
            gains = [1.0 - math.exp(-seconds / tau) for tau in model.taus]
            if len(self._gains) < _REMEMBERED:
                self._gains[seconds] = gains
        own = self._own
        effect = model.effects.get(unit)
        if effect is None and unit != OFF:
            raise unknown_effect(unit)
        if effect is None:
            for part, gain in enumerate(gains):
                own[part] -= gain * own[part]
        else:
            self._push(effect, own, gains, seconds)
        step, at = self._step, self._at + seconds
        recorded = self._recorded[step]
        if step:
            # Within a step the record's effect is on its way from edge to edge.
            left = (self._grid.start + step * GRID_SECONDS - at) / GRID_SECONDS
            recorded += left * (self._recorded[step - 1] - recorded)
        self._deviation = sum(own) - recorded

    def _push(
        self, effect: Effect, own: list[float], gains: list[float], seconds: float
    ) -> None:
        room = self._grid.temperatures[self._step] + self._deviation
        share = effect.share(room, self._setpoint_shift())
        for part, gain in enumerate(gains):
            own[part] += gain * (share * effect.p[part] - own[part])
        self._energy += seconds * self._rated_watts * share

    def _setpoint_shift(self) -> float:
        setpoint = self.dry.setpoint
        if setpoint is None or self._nominal is None:
            return 0.0
        return setpoint - self._nominal

    def _close_step(self) -> None:
        grid, step = self._grid, self._step
        at = grid.start + step * GRID_SECONDS
        room = grid.temperatures[step] + self._deviation
        self.course.times.append(at)
        self.course.room.append(room)
        self.course.running.append(min(1.0, self._ran / GRID_SECONDS))
        self._kinds.append(self._kind)
        self._ran, self._kind = 0.0, OFF
        if room != room or not self._spans.contain(at):  # noqa: PLR0124 - NaN differs from itself
            return
        minutes = GRID_SECONDS / 60.0
        low, high = self._band
        away = max(low - room, room - high, 0.0)
        self._minutes += minutes
        self._degree_minutes += away * minutes
        if away <= 0.0:
            self._in_band += minutes

    def figures(self) -> Figures:
        """Return what it came to."""
        share = 100.0 * self._in_band / self._minutes if self._minutes else 100.0
        return Figures(
            degree_minutes=self._degree_minutes,
            percent_in_band=share,
            starts=self.dry.starts,
            on_hours=self._on_seconds / 3600.0,
            energy_kwh=self._energy / 3.6e6,
            api_calls=self.dry.calls,
            commands=self.dry.commands,
            fail_safe_events=self.dry.blind,
        )
