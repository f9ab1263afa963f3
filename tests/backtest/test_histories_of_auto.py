"""A history that `control: auto` made: its setpoint moves, and the room model with it."""

from __future__ import annotations

import asyncio
from array import array
from copy import deepcopy
from datetime import UTC, datetime, timedelta

import pytest

from switchbot_automation import backtest
from switchbot_automation.backtest.recording import (
    GRID_SECONDS,
    HEAT,
    ZoneRecording,
    gridded,
    record_history,
)
from switchbot_automation.backtest.room_model import fit_room, recorded_effects
from switchbot_automation.simulation import default_settings, simulate
from switchbot_store import HistoryService, MemoryStore, SqliteHistory

START, DAYS = datetime(2026, 1, 12, tzinfo=UTC), 4
SETTINGS = default_settings("winter") | {"control": "auto"}


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    path = tmp_path_factory.mktemp("auto") / "history.sqlite3"
    with HistoryService(SqliteHistory(path), batch_size=500) as service:
        asyncio.run(simulate(SETTINGS, days=DAYS, store=MemoryStore(), history=service))
        yield service


def test_other_settings_are_foretold_over_days_that_auto_kept(history):
    candidate = deepcopy(SETTINGS)
    candidate["winter"] |= {"min_temp": 20.7, "max_temp": 22.7, "target_temp": 22.0}
    report = backtest(history, SETTINGS, candidate, START, START + timedelta(days=DAYS))
    assert report.model is not None
    assert report.model.effects[HEAT].throttles
    assert report.model.error_kelvin < 0.5
    assert report.candidate.energy_kwh > report.current.energy_kwh


def recorded(setpoints):
    """Hours at these setpoints, five minutes a reading."""
    recording = ZoneRecording.empty()
    for step in range(12 * len(setpoints)):
        recording.add(1.7e9 + 300.0 * step, 20.0, HEAT, setpoints[step // 12])
    return recording


def test_what_was_told_is_known_of_every_step():
    nan = float("nan")
    grid = gridded(recorded([22.0, 23.0, nan, 23.0, 24.0]))
    hour = int(3600 / GRID_SECONDS)
    told = [grid.shifts[hour * each + hour // 2] for each in range(5)]
    assert told == [-1.0, 0.0, 0.0, 0.0, 1.0]
    assert gridded(recorded([nan])).shifts == array("d", [0.0]) * 11


def test_a_unit_that_is_told_more_gives_more_at_the_same_temperature(history):
    """The knee at which it throttles moves with its setpoint."""
    recording = ZoneRecording.empty()
    for page in history.pages(START, START + timedelta(days=DAYS)):
        for row in page:
            recording.add(row["timestamp"].timestamp(), row["temperature"], HEAT, 23.0)
    grid = gridded(recording)
    model = fit_room_of(history)
    usual = recorded_effects(model, grid)
    grid.shifts = array("d", [1.0]) * len(grid)
    more = recorded_effects(model, grid)
    assert sum(part[-1] for part in more) > sum(part[-1] for part in usual)


def fit_room_of(history):
    end = START + timedelta(days=DAYS)
    return fit_room(gridded(record_history(history, None, START, end, HEAT)))
