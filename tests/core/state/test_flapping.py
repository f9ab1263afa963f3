"""A contact that flaps: how long its window has to be closed until the pause is over. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.core.state.around import after_sign, open_until
from switchbot_automation.core.state.zone import MOST_FLAPS, ZoneState
from switchbot_automation.settings.model import Openings

NOON = datetime(2026, 1, 12, 12, tzinfo=UTC)
OPENINGS = Openings(("D",))
CALM = timedelta(minutes=15)


def heard(minutes, openings=OPENINGS):
    """The sign after a window that is opened and closed in turn, for so many minutes each."""
    signs, at = after_sign({}, "D", active=False, at=NOON, openings=openings), NOON
    for turn, each in enumerate(minutes):
        at += timedelta(minutes=each)
        signs = after_sign(signs, "D", active=turn % 2 == 0, at=at, openings=openings)
    return signs["D"], at


def resumes_after(sign, at, openings=OPENINGS):
    """For how long after `at` a closed window still pauses."""
    pauses, until = open_until(sign, openings, at)
    return until - at if pauses else timedelta()


def test_who_airs_twice_waits_a_minute():
    sign, at = heard([30, 10, 5, 10])
    assert resumes_after(sign, at) == timedelta(minutes=1)


def test_a_contact_that_flaps_waits_longer_each_time_and_a_calm_quarter_ends_it():
    waits = []
    for turns in range(1, 8):
        sign, at = heard([30] + [4] * (2 * turns - 1))
        waits.append(resumes_after(sign, at) / timedelta(minutes=1))
    assert waits == [1, 1, 1, 2, 4, 8, 15]
    sign, at = heard([30] + [4] * 13 + [16, 4])
    assert resumes_after(sign, at) == timedelta(minutes=1)


def test_a_door_that_is_never_open_for_long_does_not_flap():
    sign, at = heard([30] + [0.5] * 31 + [5, 5])
    assert sign.flaps == 0
    assert resumes_after(sign, at) == timedelta(minutes=1)


@given(
    st.lists(st.floats(0.1, 60.0), max_size=30),
    st.integers(0, 3600),
    st.integers(0, 600),
)
def test_a_pause_ends_whatever_came_before(minutes, resume, pause):
    openings = Openings(("D",), pause_after_seconds=pause, resume_after_seconds=resume)
    sign, at = heard(minutes if len(minutes) % 2 == 0 else minutes[1:], openings)
    usual = timedelta(seconds=resume)
    assert resumes_after(sign, at, openings) <= max(usual, CALM)
    assert 0 <= sign.flaps <= MOST_FLAPS


@given(st.lists(st.floats(0.1, 20.0), max_size=30))
def test_it_is_remembered_over_a_restart(minutes):
    sign, _at = heard(minutes)
    document = {"surroundings": {"signs": {"D": sign.to_document()}}}
    assert ZoneState.from_document(document).surroundings.signs["D"] == sign
