"""How long a year takes: simulated tick by tick, and backtested from minute data."""

from __future__ import annotations

import asyncio
import copy
import math
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING

from measuring import Figure

from switchbot_automation import backtest
from switchbot_automation.simulation import default_settings, simulate
from switchbot_store import HistorySample, HistoryService, SqliteHistory

if TYPE_CHECKING:
    from collections.abc import Iterator

START = datetime(2026, 1, 5, tzinfo=UTC)
WAYS = {
    "the dashboard's profile": {},
    "predictive_polling": {"predictive_polling": True},
    "control: modulate, optimum_start": {"control": "modulate", "optimum_start": True},
}
GOAL_SECONDS = 60.0
# What the dashboard's profile is meant to take, which reads a meter every minute.
GOALS = {"the dashboard's profile": 30.0}


def measure(*, quick: bool) -> list[Figure]:
    days = 30 if quick else 365
    goal = None if quick else GOAL_SECONDS
    figures = []
    for name, extra in WAYS.items():
        report = asyncio.run(simulate(default_settings() | extra, days=days, seed=1))
        what = f"{days} simulated days, {name}"
        figures += [
            Figure(what, report.wall_seconds, "s", goal and GOALS.get(name, goal)),
            Figure("... ticks of the engine", report.ticks, ""),
        ]
    with TemporaryDirectory() as directory:
        seconds, differs = _backtest(Path(directory) / "history.sqlite3", days)
    what = f"backtest of {days} days of minutes"
    figures.append(Figure(what, seconds, "s", goal))
    figures.append(Figure("... both decide alike for the first", differs, "h"))
    return figures


def _backtest(path: Path, days: int) -> tuple[float, float]:
    """Return how long it took, and when the two settings parted."""
    settings = default_settings()
    candidate = copy.deepcopy(settings)
    candidate["winter"]["min_temp"] = 20.5
    with HistoryService(SqliteHistory(path), batch_size=5000) as history:
        for number, sample in enumerate(_minutes(days), 1):
            history.record(sample)
            if number % 50_000 == 0:
                history.flush()  # nobody else records faster than a disk writes
        history.flush()
        end = START + timedelta(days=days)
        told: list[float] = []
        began = perf_counter()
        report = backtest(
            history, settings, candidate, START, end, on_progress=told.append
        )
        seconds = perf_counter() - began
    if report.first_divergence is None or told[-1] != 1.0:
        raise RuntimeError("the two were meant to part, and to tell how far they are")
    return seconds, (report.first_divergence - START) / timedelta(hours=1)


def _minutes(days: int) -> Iterator[HistorySample]:
    """Yield a room with heavy walls, a year's weather and a unit that throttles."""
    chance = random.Random(5)
    room, wall, heat, weather, on = 19.0, 18.0, 0.0, 0.0, False
    for minute in range(days * 1440):
        of_day = minute % 1440
        weather += chance.gauss(0, 0.05) - weather / 1440
        season = -7 * math.cos(2 * math.pi * minute / 1440 / 365)
        outdoor = 8 + season + 4 * math.sin((of_day / 60 - 9) / 12 * math.pi) + weather
        asked = min(1.0, max(0.0, (23 - room) / 2)) if on else 0.0
        heat += (asked - heat) / 10
        room += (wall - room) / 60 + heat * 0.35 + (outdoor - room) / 900
        wall += (room - wall) / 1500 + (outdoor - wall) / 3000
        shown = round(room, 1)
        inside = 330 <= of_day < 1320
        on = inside and shown < 22.3 and (on or shown <= 19.7)
        yield HistorySample(
            START + timedelta(minutes=minute),
            temperature=shown,
            assumed_aircon_power="on" if on else "off",
            last_action="setAll(23,5,3,on)" if on else "turnOff",
        )
