"""How late a meter tells, seen where its unit was started."""

from __future__ import annotations

import pytest

from switchbot_automation.core.control.lateness import NEVER_STARTED, Lateness

START, LOOKS = 1e9, 300


def started(late, *, pace=6.0, rests=7200, lateness=NEVER_STARTED, begin=START):
    """Look each five minutes from `rests` before a start on; the room came down by a kelvin."""
    for after in range(-rests, 5401, LOOKS):
        shown = after - late - 120  # the unit begins to give after two minutes
        x = 17.0 + max(-shown, 0) / 7200 + pace * max(shown, 0) / 3600
        since = begin if after >= 0 else None
        lateness = lateness.after(begin + after, round(x, 1), since)
    return lateness


@pytest.mark.parametrize("late", [780, 900, 1500])
@pytest.mark.parametrize("pace", [1.5, 6.0, 15.0])
def test_a_late_meter_is_found_out_by_one_start_whatever_the_pace(late, pace):
    assert started(late, pace=pace).seconds == pytest.approx(late, abs=150)


@pytest.mark.parametrize("pace", [0.5, 1.5, 6.0, 15.0])
def test_a_room_that_comes_up_slowly_is_not_taken_for_a_late_meter(pace):
    assert started(0, pace=pace).seconds == 0.0


def test_one_order_that_was_heard_late_does_not_make_a_meter_late():
    heard_late = started(1500, lateness=started(0), begin=START + 86400)
    assert heard_late.seconds == 0.0
    again = started(0, lateness=heard_late, begin=START + 2 * 86400)
    assert again.seconds == 0.0


def test_the_same_start_told_again_is_one_start():
    lateness = NEVER_STARTED
    for after in range(0, 3601, LOOKS):
        x = 17.0 + 6.0 * max(after - 1020, 0) / 3600
        told = START + (600 if after >= 600 else 0)
        lateness = lateness.after(START + after, round(x, 1), told)
    assert lateness.seconds == pytest.approx(900, abs=150)


def test_a_start_after_a_short_rest_tells_nothing():
    known = started(900)
    lateness = known.after(START + 7200, 21.0, None)
    lateness = started(0, rests=0, lateness=lateness, begin=START + 8400)
    assert lateness.found == known.found


def test_what_was_found_survives_the_document():
    lateness = started(900)
    assert Lateness.from_list(lateness.to_list()) == lateness


@pytest.mark.parametrize(
    "garbage", [None, [], [1, 2, 3], ["a"] * 4, [0, 0, 0, 0, -1], [0, 0, 0, 0, None]]
)
def test_garbage_counts_as_nothing_seen(garbage):
    assert Lateness.from_list(garbage) == NEVER_STARTED
