"""Meters that report seldom: how they are known, and what their reports are taken for."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.core.control.band import advise, after_observation, aim_of
from switchbot_automation.core.control.reports import Reports
from switchbot_automation.core.state.zone import ZoneState
from switchbot_automation.model import Action, Power
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation import default_settings

BEGIN = datetime(2026, 1, 12, 6, tzinfo=UTC)
HOUR = 3600.0


def looked(course, *, every, looks, hours=8.0, reports=None):
    """Return it after looks at a meter that reports `course` each `every` seconds.

    `looks` are the seconds between two looks, by turns.
    """
    reports, at, number = reports or Reports(), 0.0, 0
    while at < hours * HOUR:
        reported = at - at % every
        reports = reports.after(1.7e9 + at, round(course(reported), 1))
        at, number = at + looks[number % len(looks)], number + 1
    return reports


def swings(seconds):
    """Go up and down by 2 K, at a kelvin an hour."""
    hours = seconds / HOUR % 4.0
    return 20.0 + min(hours, 4.0 - hours)


intervals = st.lists(st.floats(60.0, 600.0), min_size=1, max_size=5)


@given(intervals)
def test_one_that_reports_each_half_hour_is_known_however_often_it_is_looked_at(looks):
    apart = looked(swings, every=1800.0, looks=looks).apart
    assert 1800.0 <= apart <= 3000.0


@given(st.floats(30.0, 300.0), st.lists(st.floats(60.0, 1500.0), min_size=1))
def test_one_that_reports_soon_is_not_taken_for_it(every, looks):
    assert looked(swings, every=every, looks=[*looks, 300.0]).apart == 0.0


@given(st.floats(0.0, 0.3))
def test_nor_is_a_room_that_stands_still(rate):
    reports = looked(lambda s: 20.0 + rate * s / HOUR, every=60.0, looks=[300.0])
    assert reports.apart == 0.0


def test_one_that_begins_to_report_soon_is_believed_at_once():
    reports = looked(swings, every=1800.0, looks=[300.0])
    at = reports.last
    for minutes in (5, 10, 15):
        reports = reports.after(at + 60.0 * minutes, 20.0 + minutes / 100)
    assert reports.apart == 0.0


@pytest.mark.parametrize(
    "value",
    [
        *(None, [], [20.0, 1.0, 1.0, 0.0, "1/2"], [20.0, 1.0, 1.0, 0.0, "1/nan/3"]),
        *(["x", 1.0, 1.0, 0.0, ""], [20.0, 1.0, 1.0, 0.0, None]),
    ],
)
def test_garbage_counts_as_nothing_seen(value):
    assert Reports.from_list(value) == Reports()


def test_it_comes_back_from_its_document_as_it_was():
    reports = looked(swings, every=1800.0, looks=[300.0])
    assert Reports.from_list(reports.to_list()) == reports


ZONE = parse_settings(
    default_settings("winter")
    | {"control": "modulate", "aircon_device_id": "02-202008110034-13"}
).default


def lived(course, every, *, told, hours=8.0, setpoint="23,5,3,on"):
    """Return the state of a room whose unit was `told` something so many hours in."""
    state = ZoneState(
        power=Power.ON,
        action=Action.WINTER,
        parameter=setpoint,
        compressor_started_at=BEGIN,
        last_action_at=BEGIN,
    )
    for minutes in range(0, int(60 * hours), 5):
        at = BEGIN + timedelta(minutes=minutes)
        if minutes >= 60 * told:
            state = state._replace(last_action_at=BEGIN + timedelta(hours=told))
        seconds = 60.0 * minutes
        said = round(course(seconds - seconds % every), 1)
        state = after_observation(
            ZONE, state._replace(last_temperature=said, last_read_at=at), at
        )
    return state


def test_a_report_that_is_read_again_is_no_reading():
    """What had been said six times counted as a room that stood still."""
    learned = lived(swings, 1800.0, told=0.0).learned
    assert learned is not None
    gaps = [
        later - earlier
        for (earlier, _), (later, _) in zip(
            learned.trend.readings, learned.trend.readings[1:], strict=False
        )
    ]
    assert min(gaps[-2:]) >= timedelta(minutes=30)
    assert abs(learned.trend.slope() or 0.0) == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize(("every", "waits"), [(60.0, False), (1800.0, True)])
def test_what_was_said_before_an_order_does_not_judge_it(every, waits):
    """It was raised again for a temperature that the raise before could not have changed."""

    def cold(seconds):
        return swings(seconds) - 2.5

    aim, told = aim_of(ZONE), 7.52
    assert aim is not None
    state = lived(cold, every, told=told, hours=7.99)
    now = BEGIN + timedelta(hours=7.92)
    advice = advise(ZONE, aim, state, state.last_temperature, now)
    assert (advice.setpoint == 23.0) is waits


def test_where_a_room_has_gone_since_the_last_report_is_reckoned_with():
    """It is stopped, or started, by where it is and not by where it was half an hour ago."""
    aim = aim_of(ZONE)
    assert aim is not None

    def falls(seconds):
        return 24.0 - 0.8 * (seconds / HOUR)

    state = lived(falls, 1800.0, told=0.0, hours=4.1)
    state = state._replace(power=Power.OFF, action=Action.OFF, parameter="default")
    at = BEGIN + timedelta(hours=4)
    said = 20.8
    assert state.last_temperature == said
    soon = advise(ZONE, aim, state, said, at)
    later = advise(ZONE, aim, state, said, at + timedelta(minutes=28))
    assert soon.setpoint is None
    assert later.setpoint is not None
