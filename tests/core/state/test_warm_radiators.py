"""A radiator's own thermometer, which says more of its valve than its mode does."""

from datetime import UTC, datetime, timedelta

import pytest

from switchbot_automation.core.state.evidence import (
    NONE,
    beside_radiator,
    stays_warm,
    warm_for_nothing,
)
from switchbot_automation.core.state.zone import Evidence, ZoneState
from switchbot_automation.model import Power

STOPPED = datetime(2026, 1, 12, 12, tzinfo=UTC)


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


def warm(state, minute):
    return stays_warm(state.evidence or NONE, STOPPED + timedelta(minutes=minute))


def test_one_that_stays_warm_is_found_once_it_should_be_cold():
    state = seen(rests(), 24.0, 10, 40, 50, 85)
    assert not warm(state, 79)
    assert warm(state, 80)


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
    assert not warm(seen(state, 24.5, 125, 200), 200)
    assert warm(seen(state, 26.5, 125, 200), 200)
    assert warm(seen(state, 24.5, 11000, 11050), 11050)


def test_it_comes_back_from_its_document():
    evidence = seen(rests(), 24.5, 50).evidence._replace(
        defied=2, usual=1.5, usual_at=STOPPED, mended=(STOPPED,), mending=STOPPED
    )
    assert Evidence.from_document(evidence.to_document()) == evidence
