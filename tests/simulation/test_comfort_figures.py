from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.schedule.windows import TimeWindow, in_window
from switchbot_automation.simulation.comfort import (
    BLAME_MINUTES,
    measure_comfort,
    most_starts_in_an_hour,
    window_spans,
)

BAND = (20.0, 22.0)


def measure(room, *, on=None, inside=None, heating=True):
    return measure_comfort(
        room,
        on or [0] * len(room),
        inside or [True] * len(room),
        BAND,
        heating=heating,
    )


def test_the_band_s_edges_are_inside_it():
    assert measure([20.0, 22.0, 21.0]).out_of_band == 0


def test_cold_minutes_count_in_winter_from_the_first():
    comfort = measure([19.0, 19.5, 20.5], inside=[False, True, True])
    assert (comfort.minutes, comfort.out_of_band) == (2, 1)
    assert comfort.degree_minutes == pytest.approx(0.5)
    assert comfort.percent_out_of_band == 50


def test_the_sun_is_not_blamed_on_a_heater_but_its_overshoot_is():
    assert measure([23.0] * 10).out_of_band == 0
    on = [1] + [0] * (BLAME_MINUTES + 9)
    comfort = measure([23.0] * len(on), on=on)
    assert comfort.out_of_band == BLAME_MINUTES + 1


def test_a_cool_night_is_not_blamed_on_a_cooler():
    assert measure([19.0] * 10, heating=False).out_of_band == 0
    assert measure([19.0] * 10, on=[1] * 10, heating=False).out_of_band == 10
    assert measure([23.0] * 10, heating=False).out_of_band == 10


def test_no_minutes_are_no_discomfort():
    assert measure([5.0], inside=[False]).percent_out_of_band == 0


def test_spans_follow_the_wall_clock_over_a_change():
    paris = ZoneInfo("Europe/Paris")
    nights = [TimeWindow(frozenset(range(7)), time(22), time(6))]
    spans = window_spans(
        nights,
        paris,
        datetime(2026, 3, 28, 12, tzinfo=UTC),
        datetime(2026, 3, 30, 12, tzinfo=UTC),
    )
    assert [(b - a).total_seconds() / 3600 for a, b in spans] == [7, 8]


def test_spans_are_cut_at_both_ends_and_empty_without_windows():
    day = [TimeWindow(frozenset(range(7)), time(6), time(20))]
    start, end = (
        datetime(2026, 1, 12, 12, tzinfo=UTC),
        datetime(2026, 1, 12, 13, tzinfo=UTC),
    )
    assert window_spans(day, UTC, start, end) == [(start, end)]
    assert window_spans([], UTC, start, end) == []
    for begin, stop in window_spans(day, UTC, start, end):
        assert in_window(day, begin, UTC)
        assert begin < stop


@given(st.lists(st.floats(0, 86400), max_size=40).map(sorted))
def test_most_starts_equals_a_count_by_hand(starts):
    by_hand = max(
        (sum(0 <= other - start < 3600 for other in starts) for start in starts),
        default=0,
    )
    assert most_starts_in_an_hour(starts) == by_hand
