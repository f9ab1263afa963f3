"""Two settings over one recording: on its readings, then in the room fitted to it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from switchbot_automation.backtest.dry_home import DryHome, instant
from switchbot_automation.backtest.errors import BacktestError
from switchbot_automation.backtest.life import DryLife, band_of, unknown_effect
from switchbot_automation.backtest.recording import (
    COOL,
    HEAT,
    HOLD_SECONDS,
    OFF,
    PagedHistory,
    ZoneRecording,
    gridded,
    record_history,
    record_readings,
)
from switchbot_automation.backtest.report import BacktestReport
from switchbot_automation.backtest.room_model import fit_room, recorded_effects
from switchbot_automation.core.decide import concerned
from switchbot_automation.errors import UnknownZoneError
from switchbot_automation.languages import worded
from switchbot_automation.settings.model import Settings
from switchbot_automation.settings.read import parse_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from switchbot_automation.backtest.room_model import RoomModel
    from switchbot_automation.settings.model import ZoneSettings

LEAST_DAYS = 3.0
RATED_WATTS = 800.0

_DAY = 86400.0


def backtest(
    history: PagedHistory | Iterable[Any],
    settings: Mapping[str, Any] | Settings,
    candidate: Mapping[str, Any] | Settings,
    start: datetime,
    end: datetime,
    *,
    zone: str | None = None,
    rated_watts: float = RATED_WATTS,
    on_progress: Callable[[float], None] | None = None,
) -> BacktestReport:
    """Say what `candidate` would have made of ``[start, end)``, beside `settings`.

    `history` is a `HistoryService` (or the asyncio view of one), or an iterable of
    readings with an aware `at` and a `temperature`, as `replay.read_readings` gives
    them. Both settings are documents or parsed. `zone` None is the default zone.
    `rated_watts` is what the unit draws at full output. `on_progress` is called with
    the share done, 0 to 1. Blocks for seconds; from asyncio use a thread.

    Raises BacktestError, which says why, with less than three days of readings, where
    the history does not show what the unit does, or where the room model is wrong by
    more than half a kelvin; SettingsError, UnknownZoneError and StoreError.
    """
    current, other = _parsed(settings), _parsed(candidate)
    name = zone or current.default.name
    for each in (current, other):
        if name not in each.zones:
            raise UnknownZoneError(name, each.zones)
    if start.tzinfo is None or end.tzinfo is None or start >= end:
        raise BacktestError(worded("start and end must be aware, and start before end"))
    recording = _record(history, name, start, end, current.zones[name])
    days = recording.observed_seconds / _DAY
    if days < LEAST_DAYS:
        first, last = (
            instant.astimezone(current.zones[name].timezone) for instant in (start, end)
        )
        raise BacktestError(
            worded(
                "there are {days:.1f} days of readings between "
                "{year}-{month:02}-{day:02} and "
                "{last_year}-{last_month:02}-{last_day:02}; less than "
                "{least_days:g} say nothing about a room",
                days=days,
                year=first.year,
                month=first.month,
                day=first.day,
                last_year=last.year,
                last_month=last.month,
                last_day=last.day,
                least_days=LEAST_DAYS,
            ),
            observed_days=days,
        )
    yardstick = current.zones[name]
    band = band_of(yardstick)
    inferred = not recording.knows_unit
    if inferred:
        _infer_unit(recording, current, name)
    grid = gridded(recording)
    others = _Others(history, start, end)
    members = {
        each
        for settings_of in (current, other)
        for each in concerned(settings_of, name)
        if each != name
    }
    unrecorded = tuple(sorted(each for each in members if not others.recorded(each)))
    runs = [
        DryLife(
            DryHome(
                each,
                name,
                instant(recording.times[0]),
                recording.unit[0],
                shown=others.shown,
            ),
            recording,
            grid,
            yardstick,
            rated_watts,
        )
        for each in (current, other)
    ]
    progress = _Progress(on_progress, recording.times[0], recording.times[-1])
    diverged = _together(runs, recording.times[-1], progress)
    model = None
    if diverged is not None:
        model = fit_room(grid)
        _check_known(model, runs)
        recorded = recorded_effects(model, grid)
        for index, run in enumerate(runs):
            run.enter(model, recorded, diverged)
            progress.part(diverged, index, len(runs))
            run.advance(recording.times[-1], progress.at)
    for run in runs:
        run.finish(recording.times[-1])
    progress.done()
    return BacktestReport(
        zone=name,
        start=start.astimezone(UTC),
        end=end.astimezone(UTC),
        readings=len(recording.times),
        observed_days=days,
        current=runs[0].figures(),
        candidate=runs[1].figures(),
        first_divergence=None if diverged is None else instant(diverged),
        model=model,
        unit_inferred=inferred,
        unrecorded_zones=unrecorded,
        band=band,
        rated_watts=rated_watts,
        current_course=runs[0].course,
        candidate_course=runs[1].course,
    )


def _parsed(settings: Mapping[str, Any] | Settings) -> Settings:
    return settings if isinstance(settings, Settings) else parse_settings(settings)


def _record(
    history: PagedHistory | Iterable[Any],
    zone: str,
    start: datetime,
    end: datetime,
    settings: ZoneSettings,
) -> ZoneRecording:
    history = getattr(history, "service", history)  # the asyncio view of a service
    season = COOL if settings.mode == "summer" else HEAT
    if hasattr(history, "pages"):
        paged = cast("PagedHistory", history)
        return record_history(paged, zone, start, end, season)
    readings = cast("Iterable[Any]", history)
    return record_readings(each for each in readings if start <= each.at < end)


def _infer_unit(recording: ZoneRecording, settings: Settings, zone: str) -> None:
    """Fill in what the unit did: what the current settings would have had it do."""
    dry = DryHome(settings, zone, instant(recording.times[0]), OFF)
    index, last = 0, recording.times[-1]
    changes: list[tuple[float, int]] = []
    while (now := dry.wakes_at.timestamp()) <= last:
        while index + 1 < len(recording.times) and recording.times[index + 1] <= now:
            index += 1
        fresh = now - recording.times[index] <= HOLD_SECONDS
        dry.step(recording.temperatures[index] if fresh else None)
        if not changes or changes[-1][1] != dry.unit:
            changes.append((now, dry.unit))
    at = 0
    for index, time in enumerate(recording.times):
        while at + 1 < len(changes) and changes[at + 1][0] <= time:
            at += 1
        recording.unit[index] = changes[at][1] if changes else OFF


class _Others:
    """What was recorded of the zones that share the zone's outdoor unit, read once each."""

    def __init__(
        self, history: PagedHistory | Iterable[Any], start: datetime, end: datetime
    ) -> None:
        self._history = getattr(history, "service", history)
        self._range = start, end
        self._recordings: dict[str, ZoneRecording] = {}

    def recorded(self, zone: str) -> bool:
        """Tell whether there are any readings of a zone."""
        return bool(self._of(zone).times)

    def shown(self, zone: str, at: datetime) -> float | None:
        """Return what a zone's meter showed at an instant, None for nothing."""
        recording, seconds = self._of(zone), at.timestamp()
        index = recording.index_at(seconds)
        if index < 0 or seconds - recording.times[index] > HOLD_SECONDS:
            return None
        return recording.temperatures[index]

    def _of(self, zone: str) -> ZoneRecording:
        if zone not in self._recordings:
            found = ZoneRecording.empty()
            if hasattr(self._history, "pages"):
                paged = cast("PagedHistory", self._history)
                found = record_history(paged, zone, *self._range, HEAT)
            self._recordings[zone] = found
        return self._recordings[zone]


def _check_known(model: RoomModel, runs: list[DryLife]) -> None:
    """Refuse what the history holds no trace of."""
    for run in runs:
        zone = run.dry.zone
        season = COOL if run.dry.mode == "summer" else HEAT
        if season not in model.effects:
            raise unknown_effect(season)
        if zone.steers and not model.effects[season].throttles:
            raise BacktestError(
                worded(
                    "this history does not show how the unit answers to its "
                    "setpoint, which control: {control} lives by; what is missing "
                    "are hours in which the unit ran on with the room near its "
                    "setpoint, as control: auto lets it",
                    control=zone.control,
                )
            )


class _Progress:
    """Tells how far it is, in steps of a hundredth."""

    def __init__(
        self, tell: Callable[[float], None] | None, start: float, end: float
    ) -> None:
        self._tell = tell
        self._start, self._end = start, end
        self._low, self._high = 0.0, 1.0
        self._told = -1

    def part(self, start: float, index: int, parts: int) -> None:
        """Begin one of the parts that are left from `start` on."""
        low = (start - self._start) / max(1.0, self._end - self._start)
        each = (1.0 - low) / parts
        self._start = start
        self._low, self._high = low + index * each, low + (index + 1) * each

    def at(self, seconds: float) -> None:
        """Tell if it is worth telling."""
        if self._tell is None:
            return
        share = (seconds - self._start) / max(1.0, self._end - self._start)
        percent = int(100 * (self._low + share * (self._high - self._low)))
        if percent > self._told:
            self._told = percent
            self._tell(percent / 100)

    def done(self) -> None:
        """Tell that it is over."""
        if self._tell is not None and self._told < 100:  # noqa: PLR2004 - percent
            self._tell(1.0)


def _together(runs: list[DryLife], until: float, progress: _Progress) -> float | None:
    """Tick both on the recorded readings; return when they first differ, if ever."""
    while (now := min(run.wakes_at for run in runs)) <= until:
        for run in runs:
            if run.wakes_at == now:
                run.tick(now)
        progress.at(now)
        if runs[0].dry.told != runs[1].dry.told:
            return now
    return None
