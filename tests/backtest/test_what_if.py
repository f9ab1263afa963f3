"""Other settings over one's own history: honest figures, honest refusals."""

import json
import math
import random
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from switchbot_automation import backtest
from switchbot_automation.backtest import BacktestError
from switchbot_automation.backtest.dry_home import DryHome
from switchbot_automation.errors import UnknownZoneError
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation import default_settings
from switchbot_store import HistorySample, HistoryService, SqliteHistory

START = datetime(2026, 1, 5, tzinfo=UTC)
SETTINGS = default_settings("winter")


def recorded(days, *, heats=True, noise=0.0, minutes=5):
    """Yield instant, temperature and power of a room its settings look after."""
    rng = random.Random(1)
    dry = DryHome(parse_settings(SETTINGS), "default", START, 0)
    room, warmth = 18.0, 0.0
    for step in range(int(days * 1440 / minutes)):
        at = START + timedelta(minutes=minutes * step)
        hour = at.hour + at.minute / 60
        outdoor = 6 + 4 * math.sin((hour - 9) / 24 * 2 * math.pi)
        for _minute in range(minutes):
            warmth += ((12.0 if dry.unit and heats else 0.0) - warmth) / 30
            room += (outdoor + 5 - room) / 480 + warmth * 0.012
        shown = round(room + rng.gauss(0, noise), 1)
        while dry.wakes_at <= at:
            dry.step(shown)
        yield at, shown, "on" if dry.unit else "off"


@pytest.fixture
def history(tmp_path):
    with HistoryService(SqliteHistory(tmp_path / "h.sqlite3"), batch_size=5000) as made:
        yield made


def fill(history, rows, *, power=True):
    for at, shown, did in rows:
        history.record(
            HistorySample(
                at, temperature=shown, assumed_aircon_power=did if power else None
            )
        )
    history.flush()


def ask(history, candidate, days=5, **options):
    end = START + timedelta(days=days)
    return backtest(history, SETTINGS, candidate, START, end, **options)


def test_settings_that_never_differ_need_no_model(history):
    fill(history, recorded(4))
    report = ask(history, dict(SETTINGS))
    assert (report.first_divergence, report.model) == (None, None)
    assert report.current == report.candidate


def test_a_curve_is_run_through_as_its_days_would_have_been(history):
    fill(history, recorded(5))
    midday = [
        {"at": at, "winter_kelvin": kelvin}
        for at, kelvin in (("10:00", 0), ("13:00", -3), ("17:00", 0))
    ]
    windows = [{**each, "curve": midday} for each in SETTINGS["time_windows"]]
    report = ask(history, {**SETTINGS, "time_windows": windows})
    assert report.candidate.energy_kwh < report.current.energy_kwh
    # Nothing differs before the first midday, which is an hour earlier in UTC.
    assert timedelta(hours=9) <= report.first_divergence - START <= timedelta(hours=16)


def test_a_warmer_band_runs_longer_from_where_they_first_differ(history):
    fill(history, recorded(8))
    warmer = {**SETTINGS, "winter": {**SETTINGS["winter"], "min_temp": 21.0}}
    told = []
    report = ask(history, warmer, days=8, on_progress=told.append)
    assert report.error_kelvin <= 0.5
    assert report.candidate.on_hours > report.current.on_hours
    assert report.candidate.energy_kwh > report.current.energy_kwh
    assert START < report.first_divergence < START + timedelta(days=2)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert json.loads(json.dumps(report.to_dict()))["model"]["held_out_days"] > 1


def test_a_history_of_temperatures_alone_says_that_the_unit_was_inferred(history):
    fill(history, recorded(5), power=False)
    report = ask(history, {**SETTINGS, "hysteresis_celsius": 0.8})
    assert report.unit_inferred


def test_readings_without_a_history_are_enough():
    rows = [SimpleNamespace(at=a, temperature=t) for a, t, _ in recorded(5)]
    assert ask(rows, {**SETTINGS, "hysteresis_celsius": 0.8}).unit_inferred


def test_less_than_three_days_are_refused(history):
    fill(history, recorded(2.9))
    with pytest.raises(BacktestError, match=r"2\.9 days of readings") as refused:
        ask(history, {**SETTINGS, "hysteresis_celsius": 0.8})
    assert refused.value.observed_days < 3


def test_a_room_the_model_cannot_follow_is_refused(history):
    fill(history, recorded(5, noise=1.5))
    with pytest.raises(BacktestError):
        ask(history, {**SETTINGS, "hysteresis_celsius": 0.8})


def test_a_unit_that_does_nothing_is_refused(history):
    fill(history, recorded(5, heats=False))
    later = [{**each, "start": "09:00"} for each in SETTINGS["time_windows"]]
    with pytest.raises(BacktestError, match="does not show"):
        ask(history, {**SETTINGS, "time_windows": later})


def test_an_unknown_zone_is_named(history):
    with pytest.raises(UnknownZoneError, match="attic"):
        ask(history, SETTINGS, zone="attic")
