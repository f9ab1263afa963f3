"""How soon the next attempt at the primary is made, by a clock of the test's own."""

import pytest

from switchbot_store.failover.keeper import Pace


class Moved:
    """A monotonic clock that stands still until it is moved."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture(autouse=True)
def pace():
    """As hosts have it: here it is the subject."""


@pytest.fixture
def clock():
    return Moved()


def pauses(pace, clock, seconds):
    """Return the pauses between attempts of so long an outage."""
    pace.begin()
    assert pace.left() == 0.0
    end, found = clock.now + seconds, []
    while clock.now < end:
        pace.took_one()
        found.append(pace.left())
        clock.now += found[-1]
        assert pace.left() == pytest.approx(0.0, abs=1e-6)
    return found


def test_for_two_minutes_an_attempt_is_made_within_every_second(clock):
    found = pauses(Pace(clock), clock, 119)
    assert min(found) == pytest.approx(0.75, abs=0.25 + 1e-6)
    assert max(found) == pytest.approx(0.75, abs=0.25 + 1e-6)


def test_a_long_outage_is_asked_after_every_half_minute_at_the_latest(clock):
    found = pauses(Pace(clock), clock, 3600)
    assert max(found) <= 30.001
    assert min(found[-20:]) >= 14.999


def test_the_next_outage_begins_anew(clock):
    pace = Pace(clock)
    pauses(pace, clock, 3600)
    assert max(pauses(pace, clock, 60)) <= 1.001
