"""The ways of control in the simulated house; the table of 20 seeds is `nox -s control`."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from statistics import fmean

import pytest

from switchbot_automation.simulation import default_settings, simulate
from switchbot_automation.simulation.house.aircon import AirconParameters
from switchbot_automation.simulation.house.meter import MeterParameters
from switchbot_automation.simulation.scenarios import HOUSES
from switchbot_store import MemoryStore
from tests.cases import slow_after

STEERED = {"control": "modulate", "optimum_start": True}


@pytest.fixture(params=slow_after(1, [2, 4]), ids="{} days".format)
def days(request):
    """So many show in every run what the slow session sees over more."""
    return request.param


async def both(season, house, *, seed=2, days=4, way=STEERED, **changes):
    """Return the report of the plain profile and that of another way of control."""
    document = default_settings(season) | changes
    plain = await simulate(document, season=season, house=house, seed=seed, days=days)
    other = await simulate(
        document | way, season=season, house=house, seed=seed, days=days
    )
    return plain, other


@pytest.mark.parametrize("house", slow_after(1, ["offset", "default"]))
async def test_a_steered_winter_room_is_seldom_out_of_band(house, days):
    plain, steered = await both("winter", house, days=days)
    assert steered.percent_out_of_band <= plain.percent_out_of_band / 3
    assert steered.starts_per_day <= 3
    assert steered.api_calls_per_day <= 150


async def test_a_steered_summer_room_stays_in_band(days):
    plain, steered = await both("summer", "default", days=days)
    assert steered.percent_out_of_band <= 0.1
    assert steered.starts_per_day <= 3
    assert steered.api_calls_per_day <= 150
    assert steered.kwh_per_day <= 1.08 * plain.kwh_per_day


async def test_a_slow_meter_and_a_unit_that_misreads_by_far_are_coped_with(days):
    house = replace(
        HOUSES["default"],
        aircon=AirconParameters(return_offset_heating=4.0),
        meter=MeterParameters(
            lag_seconds=900.0, report_min_seconds=60.0, report_max_seconds=600.0
        ),
    )
    plain, steered = await both("winter", house, days=days)
    assert plain.percent_out_of_band > 50
    assert steered.percent_out_of_band <= plain.percent_out_of_band / 3
    assert steered.starts_per_day <= 3


@pytest.mark.parametrize(
    ("season", "offset", "most"), [("winter", -1.0, 3.0), ("summer", 2.0, 1.0)]
)
async def test_a_unit_that_gives_more_than_was_asked_for_is_not_started_again_and_again(
    season, offset, most
):
    house = replace(
        HOUSES["default"],
        aircon=AirconParameters(
            return_offset_heating=offset, return_offset_cooling=offset
        ),
    )
    plain, steered = await both(season, house, days=3)
    assert plain.percent_out_of_band > 20
    # One seed says little: of forty winters the mean is 1.9 %, the worst 4.4.
    kept = [steered] + [
        await simulate(
            default_settings(season) | STEERED,
            season=season,
            house=house,
            seed=seed,
            days=3,
        )
        for seed in (3, 4, 5)
    ]
    assert fmean(each.percent_out_of_band for each in kept) <= most
    assert max(each.starts_per_day for each in kept) <= 3


async def test_a_light_room_that_fell_back_after_the_sun_had_gone_runs_through():
    plain, switched = await both("winter", "light", seed=0, way={"control": "switch"})
    assert plain.starts_per_day > 6
    # The first day teaches it, from then on it is the window that ends a run.
    assert switched.starts_per_day <= 1.5
    assert switched.percent_out_of_band <= plain.percent_out_of_band / 3


@pytest.mark.parametrize(
    ("season", "asked"), slow_after(1, [("summer", 21.0), ("winter", 26.0)])
)
async def test_a_light_room_does_not_short_cycle(season, asked, days):
    profile = default_settings(season)[season] | {"target_temp": asked}
    plain, switched = await both(
        season, "light", way={"control": "switch"}, days=days, **{season: profile}
    )
    assert switched.starts_per_day <= plain.starts_per_day / 2
    assert switched.max_starts_in_an_hour <= 6
    assert switched.percent_out_of_band <= plain.percent_out_of_band


async def test_a_cooled_light_room_with_a_narrow_band_does_not_short_cycle():
    profile = default_settings("summer")["summer"] | {
        "min_temp": 23.5,
        "max_temp": 25.5,
    }
    plain, switched = await both(
        "summer", "light", way={"control": "switch"}, summer=profile
    )
    assert plain.starts_per_day > 8
    assert switched.starts_per_day <= plain.starts_per_day / 2
    assert switched.percent_out_of_band <= plain.percent_out_of_band


async def test_a_dashboard_s_document_is_run_as_the_dashboard_would():
    document = default_settings("winter")
    plain, same = await both(
        "winter",
        "light",
        days=2,
        way={"control": "switch", "overshoot_learning": False},
    )
    assert plain == same
    store = MemoryStore()
    await simulate(document, days=1, store=store)
    assert "learned" not in store.get("state")


async def test_optimum_start_alone_has_the_room_in_band_when_the_window_opens():
    document = default_settings("winter") | {"optimum_start": True}
    series = (await simulate(document, season="winter", seed=2, days=4)).series
    opening = [
        room
        for at, room in zip(series.times, series.room, strict=True)
        for opens, _ in series.windows
        if opens <= at < opens + timedelta(minutes=15)
    ]
    assert len(opening) == 60
    assert min(opening) >= series.band_low


async def test_a_room_that_is_kept_well_is_not_taken_for_a_dead_meter():
    """A steered room stands still for hours; a step of the setpoint tells it apart."""
    _, steered = await both("winter", "default", days=1)
    assert steered.starts_per_day == 1
