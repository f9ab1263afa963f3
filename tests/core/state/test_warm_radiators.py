"""A radiator's own thermometer, which says more of its valve than its mode does."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from switchbot_automation.core.state.evidence import (
    NONE,
    after_stop,
    beside_radiator,
    defies,
    is_told_warm,
    stays_warm,
    unit_belief,
    warm_again,
    warm_for_nothing,
)
from switchbot_automation.core.state.zone import Evidence, ZoneState
from switchbot_automation.model import Power
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation import default_settings

STOPPED = datetime(2026, 1, 12, 20, tzinfo=UTC)


def rests(**more):
    return ZoneState(
        power=Power.OFF,
        last_action_at=STOPPED,
        compressor_stopped_at=STOPPED,
        last_temperature=22.0,
        **more,
    )


def seen(state, celsius, *minutes):
    for minute in minutes:
        state = beside_radiator(state, celsius, STOPPED + timedelta(minutes=minute))
    return state


def warm(state, minute, **more):
    at = STOPPED + timedelta(minutes=minute)
    return stays_warm(state.evidence or NONE, at, UTC, **more)


def test_one_that_stays_warm_is_found_once_it_should_be_cold():
    state = seen(rests(), 24.0, 10, 40, 50, 65)
    assert not warm(state, 79)
    assert warm(state, 80)


def test_heavy_iron_that_cools_is_not_held_for_an_open_valve():
    state = rests()
    for minute in range(15, 300, 15):
        kelvin = round(8.0 * math.exp(-minute / 60.0), 1)
        state = seen(state, 22.0 + kelvin, minute)
        assert not warm(state, minute), minute
        assert not warm(state, minute + 14), minute
    # Once it is cold no more, it is.
    assert warm(seen(state, 23.5, 300, 330), 330)


def test_one_that_nobody_looks_at_any_more_may_have_cooled():
    state = seen(rests(), 24.0, 50, 85)
    assert warm(state, 205)
    assert not warm(state, 206)
    # Nor was it warm all the while because it is when somebody looks again.
    state = seen(state, 24.0, 600)
    assert not warm(state, 629)
    assert warm(state, 630)


def test_a_warm_pipe_in_a_room_that_is_kept_is_no_doubt_of_its_unit():
    """For hours health said that the unit was contradicted, where the sun shone on it."""
    zone = parse_settings(default_settings("winter")).zones["default"]
    belief = unit_belief(
        zone, seen(rests(), 24.0, 50, 85), STOPPED + timedelta(hours=2)
    )
    assert not belief.uncertain


def test_one_at_the_limit_is_not_told_to_close_by_turns():
    """Warm and cool by turns, it was told so every time."""
    at = STOPPED + timedelta(minutes=90)
    state = warm_again(seen(rests(), 24.0, 50, 85), at)
    state = seen(state, 22.5, 95)
    state = seen(state, 24.0, 100, 140)
    assert is_told_warm(state, at)
    assert is_told_warm(state, at + timedelta(days=2))
    heated = state._replace(compressor_started_at=at + timedelta(minutes=1))
    assert is_told_warm(heated, at + timedelta(hours=5))
    assert not is_told_warm(heated, at + timedelta(hours=6))


def test_one_stop_is_one_however_often_it_is_looked_at():
    """A repair that the cloud did not take left it to be looked at anew, and counted thrice."""
    state = rests()
    for _look in range(5):
        state = after_stop(state, STOPPED, shown=False)
    assert not defies(state.evidence)
    for hour in (1, 2):
        state = after_stop(state, STOPPED + timedelta(hours=hour), shown=False)
    assert defies(state.evidence)
    assert not defies(after_stop(state, STOPPED, shown=True).evidence)


def test_what_the_sun_may_do_shows_nothing_of_a_valve():
    """It was told of within half an hour at noon, beside a south window."""
    looks = range(0, 1000, 30)
    by_day = seen(rests(), 24.0, *(860 + each for each in looks))
    assert by_day.evidence.warmth.since.hour == 10
    assert not warm(by_day, 860 + 239)
    assert warm(by_day, 860 + 240)


def test_by_day_a_boiler_that_comes_and_goes_is_not_the_sun():
    """Each time it cooled its four hours began anew: it was told of at ten in the evening."""
    state, told = rests(), []
    for number in range(40):
        minute = 800 + 10 * number
        kelvin = 1.4 if number % 6 == 5 else 2.6
        state = seen(state, 22.0 + kelvin, minute)
        document = (state.evidence or NONE).to_document()
        state = state._replace(evidence=Evidence.from_document(document))
        told += [10 * number] if warm(state, minute) else []
    assert 240 <= told[0] <= 300


def test_what_was_warm_in_the_future_was_so_now_at_the_latest():
    state = seen(rests(), 24.0, 850)
    state = seen(state, 23.2, 860)
    before = STOPPED + timedelta(minutes=700)
    warmth = state.evidence.not_later_than(before).warmth
    assert (warmth.first, warmth.since, warmth.seen_at) == (before, before, before)


@pytest.mark.parametrize(("outdoors", "told"), [(4.0, True), (15.0, False)])
def test_no_radiator_is_hot_where_it_is_warm_outdoors(outdoors, told):
    state = seen(rests(), 24.0, 50, 80)
    assert warm(state, 85, outdoors=outdoors) is told


@pytest.mark.parametrize("celsius", [22.0, 22.9, None])
def test_one_that_is_as_warm_as_its_room_is_not(celsius):
    assert not warm(seen(rests(), celsius, 50, 90, 300), 300)


def test_to_be_told_to_close_once_more_is_no_new_stop():
    state = seen(rests(), 24.0, 50)
    again = STOPPED + timedelta(minutes=60)
    state = state._replace(last_action_at=again, compressor_stopped_at=again)
    assert warm(seen(state, 24.0, 65, 85), 85)


def test_what_the_sun_was_found_to_do_counts_for_nothing_for_a_week():
    state = seen(rests(), 24.5, 50, 120)
    state = warm_for_nothing(state, STOPPED + timedelta(minutes=120))
    assert not warm(seen(state, 24.5, 125, 170, 200), 200)
    assert warm(seen(state, 26.5, 125, 170, 200), 200)
    assert warm(seen(state, 24.5, 10500, 10550), 10550)


def test_it_comes_back_from_its_document():
    evidence = seen(rests(), 24.5, 50).evidence._replace(
        defied=2,
        defied_at=STOPPED,
        warm_told_at=STOPPED,
        usual=1.5,
        usual_at=STOPPED,
        mended=(STOPPED,),
        mending=STOPPED,
    )
    assert Evidence.from_document(evidence.to_document()) == evidence
