"""Rooms that nobody chose, two of them; many are `python -m tests.control.draws`."""

from __future__ import annotations

import pytest

from tests.cases import slow_after
from tests.control.draws import drawn
from tests.control.living import live


def test_a_number_is_the_same_room_whoever_draws_it():
    assert drawn(7) == drawn(7)
    assert len({str(drawn(number)) for number in range(50)}) == 50


@pytest.mark.parametrize(("number", "most"), slow_after(1, [(29, 5.0), (0, 20.0)]))
async def test_a_strong_unit_in_light_air_is_not_started_over_and_over(number, most):
    """A wide band, or one that is moved for the night: both were overrun by turns."""
    kept = await live(drawn(number, 1.0), seed=number, control="auto")
    assert kept.percent_out <= most
    assert kept.starts <= 6.0
