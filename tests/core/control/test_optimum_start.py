"""When to begin for a window."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.core.control.band import after_observation, aim_of
from switchbot_automation.core.control.steer import Steering, Trial
from switchbot_automation.core.control.warm_up import (
    EARLIEST,
    Episode,
    Pace,
    Paces,
    WarmUp,
    Watch,
    plan_start,
)
from switchbot_automation.core.state.zone import Learned, ZoneState
from switchbot_automation.model import Action, Power
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation import default_settings

OPENS = datetime(2026, 1, 12, 5, 30, tzinfo=UTC)
temperatures = st.floats(5.0, 40.0)
paces = st.builds(
    Pace, st.floats(60.0, 7200.0), st.floats(0.0, 7200.0), st.integers(1, 1000)
)
of_season = st.builds(
    Paces, st.just(Pace()) | paces, st.just(Pace()) | paces, st.just(Pace()) | paces
)
warm_ups = st.builds(
    WarmUp, of_season, of_season, walls=st.none() | st.floats(-20.0, 50.0)
)
instants = st.timedeltas(timedelta(), timedelta(days=4000)).map(OPENS.__add__)
episodes = st.builds(
    Episode,
    instants,
    temperatures,
    temperatures,
    st.floats(0.0, 60.0),
)


def plan(warm_up, temperature, left, *, slope=0.0, heating=True, goal=20.3, out=None):
    return plan_start(
        warm_up,
        heating=heating,
        goal=goal,
        temperature=temperature,
        slope=slope,
        now=OPENS - timedelta(seconds=left),
        opens=OPENS,
        outdoor=out,
    )


@given(
    warm_ups,
    temperatures,
    st.floats(1.0, 86400.0),
    st.none() | st.floats(-20.0, 20.0),
    st.floats(0.0, 1800.0),
)
def test_asked_again_of_the_same_reading_it_wants_the_next_one_at_the_same_time(
    warm_up, temperature, left, slope, later
):
    def asked(at):
        return plan_start(
            warm_up,
            heating=True,
            goal=20.3,
            temperature=temperature,
            slope=slope,
            now=at,
            opens=OPENS,
            since=read_at,
        )

    read_at = OPENS - timedelta(seconds=left)
    first, again = asked(read_at), asked(read_at + timedelta(seconds=later))
    assert again.begin or again.look_at == first.look_at
    assert again.begin or not first.begin or left <= later


@given(
    warm_ups,
    temperatures,
    st.floats(1.0, 3 * 86400.0),
    st.none() | st.floats(-20.0, 20.0),
    st.booleans(),
    st.none() | st.floats(-30.0, 45.0),
)
def test_it_never_begins_earlier_than_allowed_and_always_looks_again(
    warm_up, temperature, left, slope, heating, outdoor
):
    found = plan(warm_up, temperature, left, slope=slope, heating=heating, out=outdoor)
    now = OPENS - timedelta(seconds=left)
    if left > EARLIEST.total_seconds():
        assert not found.begin
    if not found.begin:
        assert now < found.look_at <= OPENS
        assert (found.look_at - now).total_seconds() <= 1800


@given(warm_ups, st.floats(1.0, 86400.0))
def test_a_room_in_its_band_is_left_alone(warm_up, left):
    assert not plan(warm_up, 21.0, left).begin


@given(warm_ups, st.floats(5.0, 20.0), st.floats(0.0, 10.0), st.floats(1.0, 20000.0))
def test_a_colder_room_never_begins_later(warm_up, temperature, colder, left):
    if plan(warm_up, temperature, left).begin:
        assert plan(warm_up, temperature - colder, left).begin


def test_it_looks_again_before_it_is_too_late():
    """However it drifts within what it drifted before, a look comes in time."""
    warm_up = WarmUp(heating=Paces(Pace(1200.0, 100.0, 5)))
    now, temperature = OPENS - timedelta(hours=8), 20.0
    while True:
        left = (OPENS - now).total_seconds()
        found = plan(warm_up, temperature, left, slope=-0.4)
        if found.begin:
            break
        assert now < OPENS
        temperature -= 0.4 * (found.look_at - now).total_seconds() / 3600
        now = found.look_at
    needed = (20.3 - temperature) * 1200.0
    assert needed <= left <= needed + 3000.0


def warmed(warm_up, kelvin_an_hour, *, begin=17.0, goal=20.3):
    """Let a room rise at a pace, read every five minutes; return what was learned."""
    started = OPENS - timedelta(hours=3)
    before, at, temperature = (started, begin), started, begin
    while temperature < goal + 0.5:
        at += timedelta(minutes=5)
        temperature += kelvin_an_hour / 12
        seen = Watch(
            heating=True,
            goal=goal,
            at=at,
            temperature=temperature,
            running_since=started,
            before=before,
        )
        warm_up = warm_up.watched(seen)
        before = (at, temperature)
    return warm_up


@pytest.mark.parametrize("kelvin_an_hour", [1.5, 4.0])
def test_it_learns_how_fast_a_room_warms(kelvin_an_hour):
    warm_up = WarmUp()
    for _ in range(6):
        warm_up = warmed(warm_up, kelvin_an_hour)
    took = 3600 * 3.3 / kelvin_an_hour
    lead = plan(warm_up, 17.0, 60.0).lead_seconds
    assert warm_up.heating.near.runs == 6
    assert took <= lead <= 1.3 * took + 1000


# --- the distance -----------------------------------------------------------------


@given(of_season, st.floats(0.1, 30.0), st.floats(0.0, 30.0), st.floats(0.0, 30.0))
def test_colder_walls_never_take_less_time(known, kelvin, depth, deeper):
    took = known.seconds(kelvin, depth)
    assert known.seconds(kelvin, depth + deeper) >= took
    assert known.seconds(2 * kelvin, depth) >= took


def after_days(warm_up, days, temperature, *, heating=True):
    for _hour in range(24 * days):
        warm_up = warm_up.felt(temperature, 20.3, 3600.0, heating=heating)
    return warm_up


def test_a_room_left_for_days_is_begun_hours_earlier_than_after_a_night():
    warm_up = after_days(WarmUp(heating=Paces(Pace(400.0, 50.0, 9))), 2, 21.0)
    night = plan(warm_up, 13.0, 60.0).lead_seconds
    assert night < 5400
    away = plan(after_days(warm_up, 4, 13.0), 13.0, 60.0).lead_seconds
    assert 6 * 3600 < away <= EARLIEST.total_seconds()


def test_what_returns_took_is_what_the_next_is_given():
    warm_up = after_days(WarmUp(heating=Paces(Pace(400.0, 50.0, 9))), 4, 13.0)
    leads = [plan(warm_up, 13.0, 60.0).lead_seconds]
    learned = warm_up
    for _ in range(8):
        learned = warmed(after_days(learned, 4, 13.0), 3.0, begin=13.0)
        again = plan(after_days(learned, 4, 13.0), 13.0, 60.0)
        leads.append(again.lead_seconds)
    assert learned.heating.near == warm_up.heating.near
    assert learned.heating.farthest.runs == 8
    took = 3600 * 7.3 / 3.0
    assert leads == sorted(leads, reverse=True)
    assert took <= leads[-1] <= 1.3 * took + 1000
    # And a night is what it was.
    warm = after_days(learned, 9, 21.0)
    assert plan(warm, 17.0, 60.0) == plan(after_days(warm_up, 9, 21.0), 17.0, 60.0)


def test_the_season_of_the_daily_way_is_that_of_the_rare_one():
    """What was learned of a return in October is too little once each night takes longer."""
    known = Paces(near=Pace(2000.0, 200.0, 5), farthest=Pace(900.0, 50.0, 9))
    assert known.seconds(8.0, 7.0) == pytest.approx(8.0 * 2200.0, rel=0.01)


def test_a_short_way_before_cold_walls_teaches_nothing():
    warm_up = after_days(WarmUp(), 4, 13.0)
    assert warmed(warm_up, 3.0, begin=19.6).heating == Paces()


def test_of_a_room_seen_for_the_first_time_the_walls_are_taken_to_be_warm():
    found = WarmUp().felt(12.0, 20.3, 0.0, heating=True)
    assert found.depth(20.3, heating=True) == 0.0
    found = WarmUp().felt(30.0, 25.0, 0.0, heating=False)
    assert found.depth(25.0, heating=False) == 0.0


def test_a_document_from_before_distances_were_told_apart_is_the_near_one():
    kept = {"seconds_per_kelvin": 900.0, "deviation": 90.0, "runs": 7}
    episode = {"at": OPENS.timestamp(), "temperature": 17.0, "goal": 20.3}
    found = WarmUp.from_document({"version": 1, "heating": kept, "episode": episode})
    assert found.heating == Paces(Pace(900.0, 90.0, 7))
    assert found.episode == Episode(OPENS, 17.0, 20.3, 0.0)
    assert (found.walls, found.begun) == (None, None)
    assert plan(found, 17.3, 60.0).lead_seconds == 480.0 + 420.0 + 3.0 * 990.0


def test_a_slower_day_counts_at_once_and_a_faster_one_by_and_by():
    usual = Pace(1000.0, 100.0, 10)
    slower, faster = usual.after(2000.0), usual.after(500.0)
    assert slower.seconds_per_kelvin - 1000 > 1000 - faster.seconds_per_kelvin


def test_a_warm_up_that_was_cut_off_teaches_nothing():
    started = OPENS - timedelta(hours=1)
    episode = Episode(started, 17.0, 20.3)
    warm_up = WarmUp(episode=episode)
    stopped = Watch(
        heating=True,
        goal=20.3,
        at=OPENS,
        temperature=18.0,
        running_since=None,
        before=(OPENS - timedelta(minutes=5), 18.1),
    )
    assert warm_up.watched(stopped) == WarmUp()


def test_a_warm_up_that_was_told_anew_is_measured_from_there():
    """An hour at a setpoint that was too weak says nothing of how fast the room is."""
    started, told = OPENS - timedelta(hours=2), OPENS - timedelta(hours=1)
    document = default_settings("winter") | {"optimum_start": True}
    zone = parse_settings(document).default
    state = ZoneState(
        power=Power.ON,
        action=Action.WINTER,
        parameter="23,5,3,on",
        compressor_started_at=started,
        last_action_at=started,
    )
    readings = [(0, 17.0), (5, 17.0), (30, 18.9), (60, 19.0)]
    readings += [(65, 19.0), (80, 19.7), (97, 20.36), (102, 20.5)]
    for minute, temperature in readings:
        at = started + timedelta(minutes=minute)
        if at > told:
            state = state._replace(last_action_at=told, parameter="24,5,3,on")
        state = after_observation(
            zone, state._replace(last_temperature=temperature), at
        )
    assert state.learned is not None
    pace = state.learned.warm_up.heating.near
    assert pace.runs == 1
    assert pace.seconds_per_kelvin == pytest.approx(1800 / 1.36, rel=0.02)


def test_a_unit_is_judged_by_the_band_that_its_room_is_brought_up_for():
    """In the night's band it is long warm enough; for the day its unit has no more to give."""
    night = {"min_temp": 16.0, "max_temp": 18.0, "target_temp": 19.0}
    zone = parse_settings(default_settings("winter") | {"winter": night}).default
    zone = replace(zone, control="auto", aircon_device_id="02-202008110034-13")
    own = aim_of(zone)
    assert own is not None
    day = replace(own, low=20.0, high=22.0, asked=23.0)

    def learned(toward):
        trial = Trial(setpoint=26.0, level=17.9, offset=2.0, seconds=2900.0, again=True)
        at = OPENS - timedelta(minutes=5)
        told = at - timedelta(seconds=2900)
        state = ZoneState(
            power=Power.ON,
            action=Action.WINTER,
            parameter="28,5,3,on",
            compressor_started_at=told,
            last_action_at=told,
            learned=Learned(steering=Steering(heating=2.0, trial=trial)),
        )
        for each in (at, OPENS):
            state = after_observation(
                zone, state._replace(last_temperature=18.0), each, toward=toward
            )
        assert state.learned is not None
        return state.learned.steering

    assert learned(day).full_seconds > 0.0
    assert learned(None).full_seconds == 0.0


def test_colder_outdoors_it_begins_earlier():
    warm_up = WarmUp(heating=Paces(Pace(1200.0, 100.0, 5)))
    mild, cold = (plan(warm_up, 17.0, 60.0, out=out).lead_seconds for out in (10, -15))
    assert cold > mild


@given(
    st.builds(
        WarmUp,
        of_season,
        of_season,
        st.none() | episodes,
        st.none() | st.floats(-50.0, 60.0),
        st.none() | instants,
    )
)
def test_what_is_learned_survives_the_document_unchanged(warm_up):
    assert WarmUp.from_document(warm_up.to_document()) == warm_up


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"version": 9},
        {"version": 1, "heating": 5, "episode": "now"},
        {"version": 1, "heating": {"seconds_per_kelvin": 1e9, "runs": 3}},
        {"version": 1, "episode": {"at": float("inf"), "temperature": 1, "goal": 2}},
    ],
)
def test_garbage_counts_as_nothing_learned(document):
    assert WarmUp.from_document(document) == WarmUp()


def test_a_room_that_was_there_already_when_its_goal_was_lowered_is_measured():
    begun = datetime(2026, 1, 12, 6, 0, tzinfo=UTC)
    at = begun + timedelta(minutes=30)
    known = WarmUp(episode=Episode(begun, 19.0, 19.5))
    seen = Watch(
        heating=True,
        goal=19.5,
        at=at,
        temperature=20.0,
        running_since=begun,
        before=(at - timedelta(minutes=5), 20.0),
    )
    assert known.watched(seen).heating.near.runs == 1
