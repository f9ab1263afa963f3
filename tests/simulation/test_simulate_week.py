"""The real engine and the simulated home together."""

from __future__ import annotations

import json
from itertools import pairwise
from statistics import fmean

import pytest

from switchbot_automation.errors import SettingsError
from switchbot_automation.simulation import (
    HouseParameters,
    default_settings,
    new_settings,
    simulate,
)
from switchbot_automation.simulation.scenarios import HOUSES
from switchbot_store import MemoryStore, ThreadedStore
from tests.cases import slow_after

KEYS = [
    "days",
    "season",
    "seed",
    "ticks",
    "api_calls_per_day",
    "commands_per_day",
    "starts_per_day",
    "max_starts_in_an_hour",
    "percent_out_of_band",
    "degree_minutes_per_day",
    "kwh_per_day",
    "wall_seconds",
]


@pytest.mark.parametrize("season", ["winter", "summer"])
@pytest.mark.parametrize("seed", slow_after(1, [7, 0]))
async def test_the_engine_keeps_the_room_in_band_most_of_the_week(season, seed):
    report = await simulate(season=season, seed=seed)
    assert report.percent_out_of_band < 15
    assert report.starts_per_day <= 8
    assert report.max_starts_in_an_hour <= 6
    assert report.api_calls_per_day < 1000
    assert 0.2 < report.kwh_per_day < 15


async def test_the_report_has_exactly_the_documented_figures():
    report = await simulate(days=1)
    figures = report.to_dict()
    assert list(figures) == KEYS
    assert json.loads(json.dumps(figures)) == figures
    assert figures["days"] == 1
    assert report.wall_seconds > 0


async def test_the_same_seed_gives_the_same_days_and_another_seed_others():
    first, again, other = [await simulate(days=2, seed=seed) for seed in (3, 3, 4)]
    assert first == again
    assert list(first.series.room) == list(again.series.room)
    assert list(first.series.outdoor) != list(other.series.outdoor)


async def test_the_series_tells_the_same_as_the_figures():
    report = await simulate(days=2)
    series = report.series
    assert len(series.times) == len(series.room) == len(series.in_window)
    assert {(b - a).total_seconds() for a, b in pairwise(series.times)} == {60.0}
    starts = [
        time
        for time, (before, on) in zip(
            series.times[1:], pairwise(series.conditioning), strict=True
        )
        if on and not before
    ]
    assert len(starts) == report.starts_per_day * 2
    minutes = [
        (temperature, on)
        for temperature, inside, on in zip(
            series.room, series.in_window, series.conditioning, strict=True
        )
        if inside
    ]
    assert len(minutes) == 2 * 16.5 * 60
    cold = sum(temperature < series.band_low for temperature, _ in minutes)
    hot = sum(temperature > series.band_high and on for temperature, on in minutes)
    share = 100 * (cold + hot) / len(minutes)
    assert share <= report.percent_out_of_band <= share + 5
    assert [w[0].astimezone(series.timezone).hour for w in series.windows] == [6, 6]


async def test_a_room_nobody_heats_is_out_of_band():
    settings = default_settings("winter") | {"automation_enabled": False}
    report = await simulate(settings, days=1)
    assert report.percent_out_of_band == 100
    assert report.starts_per_day == report.commands_per_day == 0
    assert report.degree_minutes_per_day > 1000


async def test_scenes_of_the_settings_exist_and_do_what_the_profile_says():
    settings = default_settings("winter") | {
        "aircon_scenes": {"winter": "S-warm", "off": "S-off"},
        "cascade": ["scene", "command"],
    }
    by_scene = await simulate(settings, days=2)
    by_command = await simulate(default_settings("winter"), days=2)
    assert by_scene.starts_per_day >= 1
    assert list(by_scene.series.room) == list(by_command.series.room)


@pytest.mark.parametrize("house", sorted(HOUSES))
async def test_every_named_house_is_looked_after(house):
    report = await simulate(days=2, house=house)
    assert report.starts_per_day >= 0.5
    afternoon = report.series.room[38 * 60 : 44 * 60]
    assert 18.5 < fmean(afternoon) < 23.5


async def test_a_house_of_one_s_own():
    icy = HouseParameters(window_loss=400.0, initial_temperature=5.0)
    report = await simulate(days=1, house=icy)
    assert report.percent_out_of_band > 90


async def test_several_zones_each_have_a_room():
    settings = default_settings("winter")
    zones = {
        "default": {},
        "office": {"meter_device_id": "AAAAAAAAAAA2", "aircon_device_id": "02-1-12"},
    }
    two = await simulate(settings | {"zones": zones}, days=1)
    one = await simulate(settings, days=1)
    assert two.starts_per_day >= 2
    assert two.kwh_per_day > 1.5 * one.kwh_per_day


@pytest.mark.parametrize("wrap", [lambda store: store, ThreadedStore])
async def test_settings_and_state_end_up_in_the_given_store(wrap):
    memory = MemoryStore()
    await simulate(days=0.5, store=wrap(memory))
    assert memory.get("settings") == new_settings("winter")
    assert memory.get("state")


async def test_a_store_that_holds_settings_is_left_alone():
    store = MemoryStore()
    store.set("settings", {"automation_enabled": False})
    with pytest.raises(SettingsError, match="already holds settings"):
        await simulate(days=1, store=store)
    assert store.get("settings") == {"automation_enabled": False}
    assert store.keys() == ["settings"]


async def test_unknown_seasons_and_houses_and_bad_settings_are_refused():
    with pytest.raises(SettingsError, match="autumn"):
        await simulate(season="autumn")
    with pytest.raises(SettingsError, match="castle"):
        await simulate(house="castle")
    with pytest.raises(SettingsError, match="mode"):
        await simulate(default_settings() | {"mode": "spring"})


async def test_progress_goes_up_to_one():
    shares = []
    await simulate(days=1, on_progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) <= 101
