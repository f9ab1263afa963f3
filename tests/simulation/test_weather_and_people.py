from __future__ import annotations

from datetime import UTC, datetime
from statistics import fmean, pstdev

import pytest

from switchbot_automation.simulation.house.occupancy import (
    Occupancy,
    OccupancyParameters,
)
from switchbot_automation.simulation.house.weather import (
    Climate,
    Weather,
    relative_humidity,
    saturation_moisture,
)

WINTER, SUMMER = datetime(2026, 1, 12, tzinfo=UTC), datetime(2026, 7, 6, tzinfo=UTC)
HOUR, DAY = 3600, 86400


def temperatures(start, days=14, seed=0, climate=None):
    weather = Weather(climate or Climate(), start, seed=seed)
    return [weather.at(hour * HOUR).temperature for hour in range(24 * days)]


def test_winter_is_cold_and_summer_warm():
    winter = fmean(t for seed in range(10) for t in temperatures(WINTER, seed=seed))
    summer = fmean(t for seed in range(10) for t in temperatures(SUMMER, seed=seed))
    assert 0 < winter < 7
    assert 21 < summer < 27


def test_a_fixed_season_ignores_the_calendar():
    pinned = Climate(day_of_year=15)
    assert fmean(temperatures(SUMMER, climate=pinned)) == pytest.approx(
        fmean(temperatures(WINTER, climate=pinned)), abs=0.5
    )


def test_afternoons_are_warmer_than_nights():
    values = temperatures(SUMMER, days=30)
    nights, afternoons = values[3::24], values[14::24]
    assert fmean(afternoons) - fmean(nights) > 5


def test_fronts_make_weeks_differ():
    assert pstdev(fmean(temperatures(WINTER, days=7, seed=s)) for s in range(12)) > 0.8


def test_the_sun_stands_in_the_south_at_noon_and_below_the_horizon_at_night():
    weather = Weather(Climate(), SUMMER)
    noon, midnight = weather.at(11.7 * HOUR), weather.at(DAY - 0.3 * HOUR)
    east, north, up = noon.sun
    assert north < 0
    assert abs(east) < 0.1
    assert up == pytest.approx(0.90, abs=0.03)  # 45.8 N, three weeks after the solstice
    assert midnight.sun[2] < 0
    assert midnight.beam == midnight.diffuse == 0


def test_it_rises_in_the_east():
    sun = Weather(Climate(), SUMMER).at(6 * HOUR).sun
    assert sun[0] > 0.5


def test_the_weather_does_not_depend_on_how_often_it_was_asked():
    asked, fresh = (
        Weather(Climate(), WINTER, seed=3),
        Weather(Climate(), WINTER, seed=3),
    )
    for hour in range(200):
        asked.at(hour * 1234)
    assert asked.at(500_000) == fresh.at(500_000)


def test_humidity_is_a_hundred_at_saturation():
    assert relative_humidity(saturation_moisture(20.0), 20.0) == pytest.approx(100)
    assert saturation_moisture(20.0) == pytest.approx(14.7, abs=0.2)  # g/kg, any table
    assert relative_humidity(7.35, 20.0) == pytest.approx(50, abs=1)


def test_people_are_away_at_noon_on_a_workday_and_home_at_night():
    home = Occupancy(OccupancyParameters(), WINTER, "Europe/Paris")
    assert [home.at(hour * HOUR).people for hour in (2, 11, 20)] == [2, 0, 2]
    assert home.at(20 * HOUR).heat > home.at(2 * HOUR).heat > home.at(11 * HOUR).heat


def test_households_differ_by_seed_but_repeat():
    def hours(seed):
        home = Occupancy(OccupancyParameters(), WINTER, "Europe/Paris", seed=seed)
        return [home.at(minute * 600).people for minute in range(6 * 24 * 7)]

    assert hours(1) == hours(1)
    assert hours(1) != hours(2)
