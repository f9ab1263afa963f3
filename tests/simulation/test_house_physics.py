from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from switchbot_automation.simulation.house.aircon import (
    Aircon,
    AirconMode,
    AirconParameters,
    AirconSettings,
)
from switchbot_automation.simulation.house.house import (
    STEP_SECONDS,
    House,
    HouseParameters,
    _exact_step,
)
from switchbot_automation.simulation.house.occupancy import OccupancyParameters
from switchbot_automation.simulation.house.weather import Climate, Weather
from switchbot_automation.simulation.scenarios import HOUSES

START = datetime(2026, 1, 12, tzinfo=UTC)
NOBODY = OccupancyParameters(people=0, base_load=0.0, evening_load=0.0)
DARK = HouseParameters(solar_aperture=0.0, occupancy=NOBODY)
STILL = Climate(yearly_amplitude=0, daily_amplitude=0, front_deviation=0)
HOUR, DAY = 3600, 86400


def make_house(parameters=DARK, *, start=START, climate=None, seed=0, record=False):
    weather = Weather(climate or Climate(), start, seed=seed)
    return House(parameters, weather, start, seed=seed, record=record)


def heat(setpoint=22.0, mode=AirconMode.HEAT):
    return lambda _settings: AirconSettings(
        power=True, setpoint=setpoint, mode=mode, fan=4
    )


def off(settings):
    return replace(settings, power=False)


@pytest.mark.parametrize("name", HOUSES)
def test_stored_energy_is_what_came_in_less_what_went_out(name):
    parameters = replace(HOUSES[name], solar_aperture=0.0, occupancy=NOBODY)
    house = make_house(parameters)
    house.command(0, heat())
    stored = (
        -parameters.air_capacity * house.air - parameters.mass_capacity * house.mass
    )
    net = given = 0.0
    for step in range(1, 6 * HOUR // STEP_SECONDS):
        outdoor = house.conditions.temperature
        before = house.air - outdoor, house.mass - outdoor
        house.advance_to(step * STEP_SECONDS)
        after = house.air - outdoor, house.mass - outdoor
        given += STEP_SECONDS * house.aircon.heat
        net += STEP_SECONDS * (
            house.aircon.heat
            - parameters.window_loss * (before[0] + after[0]) / 2
            - parameters.wall_loss * (before[1] + after[1]) / 2
        )
    stored += (
        parameters.air_capacity * house.air + parameters.mass_capacity * house.mass
    )
    assert given > 1e7
    assert net == pytest.approx(stored, abs=1e-4 * given)


def test_without_heat_the_room_drifts_to_the_outdoor_temperature():
    house = make_house(replace(DARK, initial_temperature=24.0), climate=STILL)
    house.advance_to(30 * DAY)
    assert house.air == pytest.approx(STILL.yearly_mean, abs=0.05)
    assert house.mass == pytest.approx(STILL.yearly_mean, abs=0.05)


def test_two_steps_are_one_of_twice_the_length():
    a11, a12, a21, a22, out1, out2, b11, b12, b21, b22 = _exact_step(DARK, 30)
    double = _exact_step(DARK, 60)
    squared = (
        a11 * a11 + a12 * a21,
        a11 * a12 + a12 * a22,
        a21 * a11 + a22 * a21,
        a21 * a12 + a22 * a22,
        a11 * out1 + a12 * out2 + out1,
        a21 * out1 + a22 * out2 + out2,
        a11 * b11 + a12 * b21 + b11,
        a11 * b12 + a12 * b22 + b12,
        a21 * b11 + a22 * b21 + b21,
        a21 * b12 + a22 * b22 + b22,
    )
    assert squared == pytest.approx(double, rel=1e-9)


def test_heating_warms_to_near_the_setpoint_and_cooling_cools():
    winter = make_house()
    winter.command(0, heat(22.0))
    winter.advance_to(8 * HOUR)
    assert 20.0 < winter.air < 23.0
    summer = make_house(start=datetime(2026, 7, 6, tzinfo=UTC))
    summer.command(0, heat(23.0, AirconMode.COOL))
    summer.advance_to(15 * HOUR)
    assert 21.5 < summer.air < 24.5
    assert summer.aircon.heat <= 0


def test_the_compressor_cycles_in_a_room_that_needs_less_than_its_least():
    house = make_house(
        replace(HOUSES["light"], initial_temperature=21.0),
        climate=replace(STILL, yearly_mean=14.0),
    )
    house.command(0, heat(23.0))
    house.advance_to(24 * HOUR)
    assert house.aircon.compressor_starts > 3
    assert len(house.aircon.starts) == 1


def test_a_compressor_rests_even_if_the_remote_asks_at_once():
    unit = Aircon(AirconParameters(), 30)
    on = AirconSettings(power=True, setpoint=25.0, mode=AirconMode.HEAT)
    unit.apply(on, 0, 18.0)
    unit.step(18.0)
    assert unit.compressor_running
    unit.apply(AirconSettings(power=False), 60, 18.0)
    unit.apply(on, 61, 18.0)
    rested = []
    for _ in range(10):
        unit.step(18.0)
        rested.append(unit.compressor_running)
    assert rested.index(True) * 30 == pytest.approx(150, abs=30)
    assert unit.starts == [0, 61]


def test_only_blowing_neither_heats_nor_counts_as_a_start():
    house = make_house()
    house.command(0, heat(25.0, AirconMode.FAN))
    house.advance_to(HOUR)
    assert house.aircon.heat == 0.0
    assert house.aircon.starts == []
    assert house.aircon.power_draw == house.parameters.aircon.fan_power


def test_auto_mode_heats_a_cold_room_and_cools_a_warm_one():
    for initial, sign in ((15.0, 1), (29.0, -1)):
        house = make_house(replace(DARK, initial_temperature=initial))
        house.command(0, heat(22.0, AirconMode.AUTO))
        house.advance_to(600)
        assert house.aircon.heat * sign > 500


def test_frost_is_melted_with_heat_from_the_room():
    cold = replace(STILL, yearly_mean=0.0)
    house = make_house(replace(DARK, initial_temperature=15.0), climate=cold)
    house.command(0, heat(25.0))
    taken = []
    for step in range(3 * HOUR // STEP_SECONDS):
        house.advance_to(step * STEP_SECONDS)
        taken.append(house.aircon.heat < 0)
    assert 8 <= sum(taken) <= 30
    never = replace(DARK, aircon=AirconParameters(defrost=False))
    house = make_house(replace(never, initial_temperature=15.0), climate=cold)
    house.command(0, heat(25.0))
    for step in range(1, 3 * HOUR // STEP_SECONDS):
        house.advance_to(step * STEP_SECONDS)
        assert house.aircon.heat >= 0


def test_heat_costs_more_electricity_in_the_cold():
    used = []
    for outdoor in (-5.0, 5.0, 15.0):
        unit = Aircon(AirconParameters(defrost=False), 30)
        unit.set_outdoor(outdoor)
        unit.apply(
            AirconSettings(power=True, setpoint=30.0, mode=AirconMode.HEAT, fan=4),
            0,
            18.0,
        )
        for _ in range(120):
            unit.step(18.0)
        used.append(unit.power_draw / unit.heat)
    assert used == sorted(used, reverse=True)
    assert all(0.12 < share < 0.6 for share in used)


def test_energy_is_the_sum_of_the_power_drawn():
    house = make_house()
    house.command(HOUR, heat())
    house.command(5 * HOUR, off)
    total = 0.0
    for step in range(1, 8 * HOUR // STEP_SECONDS + 1):
        house.advance_to(step * STEP_SECONDS)
        total += house.aircon.power_draw * STEP_SECONDS
    assert house.aircon.energy == pytest.approx(total)
    assert 1.0 < total / 3.6e6 < 6.0


def test_sun_and_people_warm_a_room():
    bright = make_house(HouseParameters(), start=datetime(2026, 7, 6, tzinfo=UTC))
    dark = make_house(DARK, start=datetime(2026, 7, 6, tzinfo=UTC))
    for house in (bright, dark):
        house.advance_to(18 * HOUR)
    assert bright.air > dark.air + 0.5


def test_cooling_dries_the_air():
    damp = datetime(2026, 7, 6, tzinfo=UTC)
    cooled, left = (make_house(HouseParameters(), start=damp) for _ in range(2))
    cooled.command(0, heat(20.0, AirconMode.COOL))
    for house in (cooled, left):
        house.advance_to(12 * HOUR)
    assert cooled.moisture < left.moisture - 0.3


def test_a_command_takes_effect_at_its_instant_and_in_the_order_given():
    house = make_house()
    house.command(600, heat(30.0))
    house.command(300, off)  # given later, so it is obeyed later
    house.advance_to(HOUR)
    assert not house.aircon.settings.power
    assert house.aircon.starts == [600]


COMMANDS = st.lists(
    st.tuples(st.integers(0, 6 * HOUR), st.sampled_from([heat(), heat(26.0), off])),
    max_size=6,
)


@settings(max_examples=40, deadline=None)
@given(
    looks=st.lists(st.floats(0, 6 * HOUR), max_size=60),
    commands=COMMANDS,
    seed=st.integers(0, 5),
)
def test_the_same_commands_give_the_same_room_however_often_it_is_looked_at(
    looks, commands, seed
):
    ends = []
    for instants in ([], sorted(looks)):
        house = make_house(HouseParameters(), seed=seed)
        for at, change in commands:
            house.command(at, change)
        for instant in instants:
            house.advance_to(instant)
        house.advance_to(6 * HOUR)
        ends.append((house.air, house.mass, house.moisture, house.meter.report))
    assert ends[0] == ends[1]


def test_seeds_give_different_weeks_and_the_same_seed_the_same():
    def week(seed):
        house = make_house(HouseParameters(), seed=seed, record=True)
        house.advance_to(7 * DAY)
        return house.recording.room, house.recording.outdoor, house.recording.meter

    assert week(1) == week(1)
    assert week(1) != week(2)


def test_the_recording_has_one_value_a_minute_and_no_leaps():
    house = make_house(HouseParameters(), record=True)
    house.command(HOUR, heat())
    house.advance_to(DAY)
    recording = house.recording
    assert len(recording.room) == len(recording.conditioning) == 24 * 60 + 1
    assert max(abs(b - a) for a, b in pairwise(recording.room)) < 1.0
    assert list(recording.conditioning[:60]) == [0] * 60
    assert recording.conditioning[62] == 1


@settings(max_examples=25, deadline=None)
@given(
    parameters=st.builds(
        HouseParameters,
        air_capacity=st.floats(6e4, 2e6),
        mass_capacity=st.floats(5e5, 1e8),
        coupling=st.floats(20, 900),
        window_loss=st.floats(3, 200),
        wall_loss=st.floats(0, 150),
        solar_aperture=st.floats(0, 8),
        volume=st.floats(15, 400),
        air_changes_per_hour=st.floats(0, 4),
    ),
    month=st.integers(1, 12),
    seed=st.integers(0, 99),
)
def test_any_plausible_house_stays_plausible(parameters, month, seed):
    # No house is a greenhouse: noon's sun and everybody at home lift it by 25 K at most.
    most = 300.0 * parameters.solar_aperture + 400.0
    assume(most < 25.0 * (parameters.window_loss + parameters.wall_loss))
    start = datetime(2026, month, 1, tzinfo=UTC)
    house = make_house(parameters, start=start, seed=seed, record=True)
    house.command(6 * HOUR, heat(21.0, AirconMode.AUTO))
    house.advance_to(2 * DAY)
    recording = house.recording
    assert all(-30 < value < 60 for value in recording.room)
    assert 0 <= house.meter.report.humidity <= 100
    assert house.aircon.energy >= 0
