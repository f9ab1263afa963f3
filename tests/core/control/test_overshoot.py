"""What `switch` learns from runs that ended too soon."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.core.control.overshoot import (
    MOST_KELVIN,
    MOST_RAISED_KELVIN,
    Run,
    Softening,
    is_at_limit,
    learn_softening,
    softened,
)
from switchbot_automation.core.control.steer import Aim

AIM = Aim(heating=True, low=20.0, high=22.0, asked=26.0)
HYSTERESIS = 0.3


def ended(at, *, after=1800.0, at_stop=22.4, furthest=22.9):
    return Run(at + 600.0, at - after, at, at_stop=at_stop, furthest=furthest)


def learned(softening, *runs):
    for run in runs:
        softening = learn_softening(AIM, softening, HYSTERESIS, run)
    return softening


def test_a_short_run_that_overran_the_band_asks_for_less():
    softening = learned(Softening(), ended(1e9))
    assert softened(AIM, softening) == 25.0
    assert softening.overshoot > 0


def test_one_stop_is_counted_once():
    once = learned(Softening(), ended(1e9))
    assert learned(once, ended(1e9), ended(1e9)) == once


@pytest.mark.parametrize(
    "run",
    [ended(1e9, after=5 * 3600.0), ended(1e9, at_stop=21.0)],
    ids=["a long run", "the end of a window"],
)
def test_other_stops_do_not_ask_for_less(run):
    assert learned(Softening(), run).heating == 0.0


@pytest.mark.parametrize(("minutes", "less"), [(30, 1.0), (90, 0.0)])
def test_after_a_long_run_it_is_the_rest_that_tells_whether_it_was_the_sun(
    minutes, less
):
    long = ended(1e9, after=5 * 3600.0)
    back = Run(1e9 + 60.0 * minutes, 1e9 - 5 * 3600.0, 1e9, latest=19.7)
    softening = learned(Softening(), long)
    assert learned(softening, replace(back, latest=20.5)) == softening or minutes > 60
    assert learned(softening, back).heating == less
    assert learned(softening, back, back).heating == less


def test_a_defrost_on_the_way_up_takes_nothing_back():
    dip = Run(1e9, 1e9 - 2700, None, latest=19.4, most=20.4, settled_seconds=2700.0,
              setpoint=23.0, slope=-1.0)  # fmt: skip
    assert learned(Softening(heating=3.0), dip).heating == 3.0


def test_a_softened_unit_that_keeps_the_room_too_cold_is_taken_back():
    cold = Run(1e9, 1e9 - 7200, None, most=19.9, settled_seconds=7200.0,
               setpoint=23.0, slope=0.0)  # fmt: skip
    assert learned(Softening(heating=3.0), cold).heating == 2.0


def test_a_room_that_is_still_coming_is_waited_for():
    coming = Run(1e9, 1e9 - 7200, None, most=19.0, settled_seconds=7200.0,
                 setpoint=23.0, slope=2.0)  # fmt: skip
    assert learned(Softening(heating=3.0), coming).heating == 3.0


@given(
    st.floats(0.0, MOST_KELVIN),
    st.lists(st.tuples(st.floats(60, 1e5), st.floats(15, 30), st.floats(15, 30))),
    st.booleans(),
)
def test_the_softening_stays_within_bounds(kelvin, runs, heating):
    aim = Aim(heating=heating, low=20.0, high=24.0, asked=26.0 if heating else 18.0)
    softening = Softening().by(kelvin, heating=heating)
    at = 1e9
    for after, at_stop, furthest in runs:
        at += 1e5
        run = ended(at, after=after, at_stop=at_stop, furthest=furthest)
        softening = learn_softening(aim, softening, HYSTERESIS, run)
        assert 0.0 <= softening.kelvin(heating=heating) <= MOST_KELVIN
        # Never so little that the room could not be kept.
        nearest = aim.near + (1.0 if heating else -1.0)
        assert aim.sign * softened(aim, softening) >= nearest
    assert Softening.from_document(softening.to_document()) == softening


@pytest.mark.parametrize("document", [{}, {"version": 7}, {"version": 1, "heating": 9}])
def test_garbage_counts_as_nothing_learned(document):
    assert Softening.from_document(document) == Softening()


# --- the other side -----------------------------------------------------------------------


def short(setpoint, *, at=1e9, most=19.4, slope=0.0):
    """A run that has settled below the band."""
    return Run(
        at,
        at - 7200.0,
        None,
        latest=most,
        most=most,
        settled_seconds=3000.0,
        setpoint=setpoint,
        slope=slope,
    )


LOW = replace(AIM, asked=20.0)


def test_a_room_that_settles_below_its_band_is_asked_more_for():
    softening = learn_softening(LOW, Softening(), HYSTERESIS, short(20.0))
    assert softened(LOW, softening) == 21.0
    again = learn_softening(LOW, softening, HYSTERESIS, short(21.0))
    assert softened(LOW, again) == 22.0


@pytest.mark.parametrize(
    "run",
    [
        short(20.0, most=20.0),
        short(20.0, slope=0.8),
        replace(short(20.0), settled_seconds=1200.0),
        short(23.0),
    ],
    ids=["in the band", "still coming", "just told", "told otherwise"],
)
def test_others_are_not(run):
    assert learn_softening(LOW, Softening(), HYSTERESIS, run) == Softening()


def test_more_is_asked_for_within_limits():
    softening = Softening()
    for _ in range(20):
        softening = learn_softening(
            LOW, softening, HYSTERESIS, short(softened(LOW, softening))
        )
    assert softening.heating == -MOST_RAISED_KELVIN
    assert softened(LOW, softening) == 26.0
    assert is_at_limit(LOW, softening)
    assert not is_at_limit(LOW, Softening())
    hot = replace(AIM, asked=29.0)
    assert softened(hot, Softening(heating=-4.0)) == 30.0
    cold = Aim(heating=False, low=23.0, high=26.0, asked=17.0)
    assert softened(cold, Softening(cooling=-4.0)) == 16.0


def test_what_was_raised_is_taken_back_where_the_room_is_overrun():
    raised = Softening(heating=-3.0)
    assert learned(raised, ended(1e9)).heating > -3.0


def test_no_more_is_asked_for_where_the_meter_or_the_unit_may_be_dead():
    seen = short(20.0)
    assert learn_softening(LOW, Softening(), HYSTERESIS, seen).heating < 0.0
    dead = replace(seen, shown=False)
    assert learn_softening(LOW, Softening(), HYSTERESIS, dead) == Softening()
