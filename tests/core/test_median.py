"""The middle of some values."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.core.median import median

DEGREES = st.floats(-50, 100, allow_nan=False)


@given(st.lists(DEGREES, min_size=1, max_size=12))
def test_it_is_what_the_standard_library_says_in_any_order(values):
    assert median(values) == statistics.median(values)
    assert median(reversed(values)) == statistics.median(values)


def test_of_nothing_there_is_none():
    with pytest.raises(ValueError, match="nothing"):
        median([])
