"""A backtest, a shadow and an explanation of the past see the presets too."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from switchbot_automation import backtest
from switchbot_automation.backtest.dry_home import DryHome
from switchbot_automation.engine import AutomationEngine
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation import default_settings
from switchbot_store import HistorySample, HistoryService, SqliteHistory

START = datetime(2026, 1, 5, tzinfo=UTC)
SETTINGS = default_settings("winter")
PRESETS = {"presets": {"eco": {"setback_kelvin": 3}}}


@pytest.fixture
def history(tmp_path):
    with HistoryService(SqliteHistory(tmp_path / "h.sqlite3"), batch_size=5000) as made:
        yield made


def recorded(days):
    dry = DryHome(parse_settings(SETTINGS), "default", START, 0)
    room, warmth = 18.0, 0.0
    for step in range(days * 288):
        at = START + timedelta(minutes=5 * step)
        outdoor = 6 + 4 * math.sin((at.hour - 9) / 24 * 2 * math.pi)
        for _minute in range(5):
            warmth += ((12.0 if dry.unit else 0.0) - warmth) / 30
            room += (outdoor + 5 - room) / 480 + warmth * 0.012
        while dry.wakes_at <= at:
            dry.step(round(room, 1))
        yield HistorySample(
            at,
            temperature=round(room, 1),
            assumed_aircon_power="on" if dry.unit else "off",
        )


def test_a_backtest_of_a_preset_saves_what_the_preset_saves(history):
    for sample in recorded(8):
        history.record(sample)
    history.flush()
    windows = [{**each, "preset": "eco"} for each in SETTINGS["time_windows"]]
    candidate = {**SETTINGS, **PRESETS, "time_windows": windows}
    report = backtest(history, SETTINGS, candidate, START, START + timedelta(days=8))
    assert report.candidate.on_hours < 0.9 * report.current.on_hours


async def test_a_shadow_with_a_preset_is_decided_with_it(room):
    home = room({"shadow": PRESETS | {"preset": "eco"}})
    await home.tick()
    assert home.running
    told = (await home.engine.explain()).shadow
    assert told["outcome"] != "winter_on"
    assert "preset" in told["because"]


async def test_the_past_is_explained_with_the_presets_of_then(room, history):
    home = room(PRESETS | {"preset": "eco"})
    home.engine = AutomationEngine(home, home.store, history=history, clock=home.clock)
    then = home.clock.now()
    await home.live(minutes=5)
    home.restart()
    other = AutomationEngine(home, home.store, history=history, clock=home.clock)
    home.clock.advance(60)
    await other.run_once()
    told = await other.explain(at=then + timedelta(minutes=1))
    assert "preset" in [reason["code"] for reason in told.reasons]
    assert told.changes
    for engine in (home.engine, other):
        await engine.__aexit__(None, None, None)
