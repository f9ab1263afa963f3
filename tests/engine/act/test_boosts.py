"""More of what a room is doing for a while: once, by whichever of its units it is asked."""

import pytest

from switchbot_automation.engine.act.boosts import Boosts

ROOM = {"name": "den", "lead": None, "season": "winter", "wish": None}


def wanted(low, **more):
    return {**ROOM, "wanted": {"low": low, "high": low + 2.0}, **more}


def boosted(low=20.0):
    boosts = Boosts()
    assert boosts.band(wanted(low), 2.0) == (low + 2.0, low + 4.0)
    return boosts


@pytest.mark.parametrize(
    "unit", [{}, {"name": "den 1", "lead": "den"}, {"name": "den 2", "lead": "den"}]
)
def test_a_room_of_several_units_is_boosted_once(unit):
    """A boost of the stove's card and one of the heat pump's were 4 K."""
    again = boosted().band(wanted(22.0, wish={}, **unit), 2.0)
    assert again == (22.0, 24.0)


def test_another_room_is_another():
    band = boosted().band(wanted(22.0, wish={}, name="bath"), 2.0)
    assert band == (24.0, 26.0)


def test_what_is_over_is_begun_anew():
    assert boosted().band(wanted(22.0), 2.0) == (24.0, 26.0)


def test_summer_is_cooled():
    boosts, warm = Boosts(), wanted(24.0, season="summer")
    assert boosts.band(warm, 2.0) == (22.0, 24.0)
    again = wanted(22.0, season="summer", wish={})
    assert boosts.band(again, 2.0) == (22.0, 24.0)
