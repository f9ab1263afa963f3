"""What is hard to control, a few days of each; all of it is `nox -s control -- --case all`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from switchbot_automation.simulation.house.aircon import AirconParameters
from switchbot_automation.simulation.scenarios import HOUSES
from tests.control.cases import CASES, Case
from tests.control.living import live
from tests.control.peers import Fixed, Hysteresis, Pi, lived_by


def some(name, days, judged_from=0.0):
    return replace(CASES[name], days=days, judged_from=judged_from)


@pytest.mark.parametrize("name", ["target at the low end", "settles 3.5 K below"])
async def test_a_room_that_stays_short_of_its_band_is_asked_more_for(name):
    case = some(name, 2.5, 1.0)
    plain = lived_by(case, Hysteresis(share=False))
    kept = await live(case, control="switch")
    assert kept.percent_out <= plain.percent_out - 60.0
    assert kept.commands <= 5.0


async def test_a_weak_unit_is_begun_in_the_night_and_asked_no_more_than_it_has():
    case = some("weak unit, deep cold", 5.0, 2.0)
    kept = await live(case, control="auto")
    assert kept.percent_out <= lived_by(case, Pi(share=False)).percent_out / 2
    assert kept.commands <= 8.0
    assert kept.starts <= 2.0


async def test_orders_whose_answers_are_lost_are_not_undone():
    kept = await live(some("answers lost", 3.0), seed=22, control="auto")
    assert kept.starts <= 2.0
    assert kept.commands <= 8.0
    assert kept.percent_out <= 2.0


@pytest.mark.parametrize("name", ["meter 15 min late", "meter sends each 15 min"])
async def test_a_late_meter_makes_it_no_busier(name):
    kept = await live(some(name, 3.0), control="auto")
    assert kept.commands <= 8.0
    assert kept.percent_out <= 2.0


async def test_a_late_meter_is_known_where_no_answer_comes():
    """What it said of before an order was held against the order: stopped, told again, started."""
    kept = await live(some("late, answers lost", 3.0, 1.0), control="auto")
    assert kept.percent_out <= 2.0
    assert kept.starts <= 1.5
    assert kept.commands <= 9.0


async def test_a_heated_floor_is_begun_hours_earlier_and_its_relay_is_spared():
    case = some("screed of 4.5 cm", 4.0, 2.0)
    kept = await live(case, control="auto")
    assert kept.percent_out <= 0.6
    assert kept.commands <= 48.0
    others = [Hysteresis(share=True), Pi(share=True), Fixed(0.5, 21.0, share=True)]
    assert min(lived_by(case, each).percent_out for each in others) > 5.0


async def test_a_unit_that_does_not_throttle_is_turned_on_and_off():
    """However little is asked it gives all it has: each setpoint was a beep for nothing."""
    aircon = AirconParameters(minimum_fraction=1.0, thermo_off_error=99.0)
    case = Case("one speed", replace(HOUSES["default"], aircon=aircon), days=2.5)
    kept = await live(replace(case, judged_from=1.0), seed=5, control="auto")
    assert kept.percent_out <= 65.0  # 82 steered
    assert kept.degree_minutes <= 500.0  # 1400 steered
    assert kept.commands <= 40.0


@pytest.mark.parametrize("setpoint", [16.0, 20.0])
async def test_a_setpoint_that_its_band_lies_beyond_is_no_sign_of_a_strong_unit(
    setpoint,
):
    case = some("target at the low end", 2.0)
    band = {"min_temp": 21.0, "max_temp": 22.0, "target_temp": 21.0}
    within = await live(case, control="auto", winter=band)
    beyond = band | {"target_temp": setpoint}
    kept = await live(case, control="auto", winter=beyond)
    assert kept.percent_out <= within.percent_out + 1.0
