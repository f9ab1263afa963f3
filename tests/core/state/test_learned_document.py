"""What a zone has learned, in its state document."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.core.control.trend import Trend
from switchbot_automation.core.state.zone import Learned, ZoneState

NOON = datetime(2026, 1, 12, 11, tzinfo=UTC)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("readings", "steering", "warm_up", "softening", "starts"),
                    *("reports", "version"),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(json_values)
def test_no_document_is_too_damaged(value):
    state = ZoneState.from_document({"learned": value})
    if state.learned is not None:
        assert Learned.from_document(state.learned.to_document()) == state.learned


@given(
    st.lists(
        st.tuples(st.floats(0.5, 2000.0), st.floats(-20.0, 45.0)),
        min_size=1,
        max_size=40,
    )
)
def test_readings_at_any_gaps_are_kept_few_and_come_back_unchanged(gaps):
    trend, at = Trend(), NOON
    for seconds, temperature in gaps:
        at += timedelta(seconds=seconds)
        trend = trend.with_reading(at, temperature)
    assert len(trend.readings) <= 10
    assert trend.last == (at, gaps[-1][1])
    assert Trend.from_list(trend.to_list()) == trend
    slope = trend.slope()
    assert slope is None or -20.0 <= slope <= 20.0


@pytest.mark.parametrize("gap", [30, 60, 300, 900])
def test_the_slope_of_a_steady_drift_is_found_at_any_gap(gap):
    trend = Trend()
    for second in range(0, 5400, gap):
        temperature = round(20.0 + 1.2 * second / 3600, 1)
        trend = trend.with_reading(NOON + timedelta(seconds=second), temperature)
    assert trend.slope() == pytest.approx(1.2, abs=0.3)


def test_a_clock_set_back_starts_anew():
    trend = (
        Trend().with_reading(NOON, 20.0).with_reading(NOON - timedelta(hours=1), 21.0)
    )
    assert trend.readings == ((NOON - timedelta(hours=1), 21.0),)
