"""What a backtest foretells comes true when the same house is simulated again."""

import asyncio
import copy
from datetime import UTC, datetime

import pytest

from switchbot_automation import backtest
from switchbot_automation.simulation import default_settings, simulate
from switchbot_store import HistoryService, SqliteHistory

DAYS, SEED = 10, 3
RANGE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)


def changed(season, **temperatures):
    document = copy.deepcopy(default_settings(season))
    document[season].update(temperatures)
    return document


CHANGES = {
    "another setpoint": ("winter", changed("winter", target_temp=22)),
    "a narrower band": ("winter", changed("winter", min_temp=20.5, max_temp=21.5)),
    "no hysteresis": (
        "summer",
        {**default_settings("summer"), "hysteresis_celsius": 0},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGES)
def test_hours_starts_and_comfort_are_foretold(tmp_path, name):
    season, candidate = CHANGES[name]
    current = default_settings(season)

    def lived(settings, history=None):
        return asyncio.run(
            simulate(settings, days=DAYS, season=season, seed=SEED, history=history)
        )

    path = tmp_path / "history.sqlite3"
    with HistoryService(SqliteHistory(path), batch_size=1000) as history:
        lived(current, history)
        history.flush()
        report = backtest(history, current, candidate, *RANGE)
    truth = lived(candidate)
    inside = [
        report.band[0] <= each <= report.band[1]
        for each, counts in zip(truth.series.meter, truth.series.in_window, strict=True)
        if counts
    ]
    foretold = report.candidate
    hours = sum(truth.series.conditioning) / 60
    assert foretold.on_hours == pytest.approx(hours, rel=0.25)
    starts = truth.starts_per_day * DAYS
    assert foretold.starts == pytest.approx(starts, rel=0.35, abs=3)
    percent = 100 * sum(inside) / len(inside)
    assert foretold.percent_in_band == pytest.approx(percent, abs=6)
