"""A radiator that was seen to be warm, and is cold while it is to heat."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from switchbot_automation.core.state.evidence import beside_radiator, cold_for
from switchbot_automation.core.state.zone import Evidence, ZoneState
from switchbot_automation.model import Action, Power

START = datetime(2026, 1, 12, tzinfo=UTC)


def heating(celsius, *, since=START, evidence=None):
    """A room at 19 °C whose radiator is to heat since then, and is at `celsius`."""
    state = ZoneState(
        power=Power.ON,
        action=Action.WINTER,
        compressor_started_at=since,
        last_temperature=19.0,
        evidence=evidence,
    )
    return beside_radiator(state, celsius, START + timedelta(hours=1))


def test_one_that_is_cold_is_so_from_when_it_was_seen_and_runs():
    warm = heating(21.0)
    now = START + timedelta(hours=2)
    cold = beside_radiator(warm, 19.1, now)
    assert cold_for(warm, now) is None
    assert cold_for(cold, now + timedelta(hours=1)) == timedelta(hours=1)
    later = now + timedelta(minutes=15)
    begun = cold._replace(compressor_started_at=later)
    assert cold_for(begun, now + timedelta(hours=1)) == timedelta(minutes=45)
    assert cold_for(beside_radiator(cold, 20.5, later), later) is None


def test_one_that_was_never_seen_to_be_warm_may_not_show_it():
    cold = heating(17.0)
    assert cold.evidence.cold_since is not None
    assert cold_for(cold, START + timedelta(days=1)) is None


def test_nor_is_it_cold_where_it_rests():
    known = Evidence(hot_at=START, cold_since=START)
    rests = ZoneState(power=Power.OFF, evidence=known)
    assert cold_for(rests, START + timedelta(hours=3)) is None


def test_it_is_kept_over_a_restart():
    known = Evidence(hot_at=START, cold_since=START, idled_at=START)
    assert Evidence.from_document(known.to_document()) == known
