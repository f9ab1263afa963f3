"""The pure controller that steers a setpoint."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import median

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from switchbot_automation.core.control.steer import (
    DRIVEN,
    OFFSET_BOUNDS,
    Aim,
    Situation,
    Steering,
    Trial,
    is_full,
    steer,
)
from switchbot_automation.core.control.steer_learning import learn
from switchbot_automation.core.decide import decide
from switchbot_automation.core.home import Snapshot, ZoneSnapshot
from switchbot_automation.core.state.meter import Reading
from switchbot_automation.core.state.zone import Doubt, Evidence, Learned, ZoneState
from switchbot_automation.model import (
    HIGHEST_SETPOINT,
    LOWEST_SETPOINT,
    Action,
    Power,
)
from switchbot_automation.settings import parse_settings
from switchbot_automation.simulation import default_settings

temperatures = st.floats(5.0, 40.0)
slopes = st.none() | st.floats(-20.0, 20.0)
offsets = st.none() | st.floats(*OFFSET_BOUNDS)
steerings = st.builds(
    Steering,
    offsets,
    offsets,
    st.floats(0.0, 0.6),
    told=st.none() | st.floats(-30.0, 30.0),
    turned=st.sampled_from([-1.0, 0.0, 1.0]),
    reversals=st.floats(0.0, 5.0),
)
WINTER = Aim(heating=True, low=20.0, high=22.0, asked=23.0)


@st.composite
def aims(draw):
    low = draw(st.floats(15.0, 26.0))
    return Aim(
        heating=draw(st.booleans()),
        low=low,
        high=low + draw(st.floats(0.0, 6.0)),
        asked=draw(st.floats(16.0, 30.0)),
        step=draw(st.sampled_from([0.5, 1.0])),
    )


@st.composite
def situations(draw):
    running = draw(st.booleans())
    return Situation(
        temperature=draw(temperatures),
        slope=draw(slopes),
        running=running,
        setpoint=draw(st.none() | st.integers(16, 30).map(float)) if running else None,
        settled_seconds=draw(st.floats(0.0, 1e6) | st.just(math.inf)),
        least=draw(st.none() | temperatures),
        level=draw(st.none() | temperatures),
        spared=draw(st.booleans()),
        sunlit=draw(st.none() | st.floats(-50.0, 60.0)),
    )


@given(aims(), steerings, situations())
def test_a_setpoint_can_always_be_sent(aim, steering, seen):
    setpoint = steer(aim, steering, seen).setpoint
    if setpoint is not None:
        assert LOWEST_SETPOINT <= setpoint <= HIGHEST_SETPOINT
        assert setpoint % aim.step == 0


@given(aims(), steerings, situations())
def test_the_next_look_is_neither_at_once_nor_forgotten(aim, steering, seen):
    assert 300 <= steer(aim, steering, seen).look_seconds <= 1500


@given(aims(), steerings, situations(), st.integers(16, 30), st.floats(0.0, 419.0))
def test_a_setpoint_is_left_alone_right_after_a_command(
    aim, steering, seen, setpoint, since
):
    seen = replace(seen, running=True, setpoint=float(setpoint), settled_seconds=since)
    assert steer(aim, steering, seen).setpoint == seen.setpoint


@given(aims(), steerings, temperatures, slopes, st.floats(0.0, 10.0))
def test_a_room_further_off_never_turns_on_into_off(aim, steering, warm, slope, more):
    seen = Situation(warm, slope, running=False)
    worse = Situation(warm - aim.sign * more, slope, running=False)
    if steer(aim, steering, seen).setpoint is not None:
        assert steer(aim, steering, worse).setpoint is not None


@given(aims(), steerings, situations(), st.floats(0.01, 10.0))
def test_a_start_is_not_wasted_once_the_day_has_had_its_share(
    aim, steering, seen, short
):
    temperature = aim.sign * (aim.far - short)
    seen = replace(seen, running=True, spared=True, temperature=temperature)
    assert steer(aim, steering, seen).setpoint is not None


@given(aims(), temperatures, steerings)
@example(
    Aim(heating=False, low=15.0, high=15.0, asked=16.0, step=0.5),
    15.0,
    Steering(cooling=1.0),
)
def test_a_constant_temperature_gives_at_most_one_start_or_stop(aim, room, steering):
    running, setpoint, since, changes = False, None, math.inf, 0
    for _ in range(60):
        seen = Situation(room, 0.0, running, setpoint, since, room, room)
        steering = learn(aim, steering, seen, 600.0)
        advice = steer(aim, steering, seen)
        if (advice.setpoint is not None) is not running:
            changes += 1
        since = since + 600.0 if advice.setpoint == setpoint else 0.0
        running, setpoint = advice.setpoint is not None, advice.setpoint
    assert changes <= 1


@given(aims(), steerings, st.lists(situations(), max_size=30), st.floats(0.0, 1e5))
def test_what_is_learned_stays_within_bounds(aim, steering, seen, elapsed):
    for one in seen:
        steering = learn(aim, steering, one, elapsed)
    low, high = OFFSET_BOUNDS
    for heating in (True, False):
        offset = steering.offset(heating=heating)
        assert offset is None or low <= offset <= high
    assert -0.2 <= steering.caution <= 0.6


@given(steerings)
def test_what_is_learned_survives_the_document_unchanged(steering):
    assert Steering.from_document(steering.to_document()) == steering


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"version": 2, "heating": 1.0},
        {"version": 1, "heating": "warm", "caution": True},
        {"version": 1, "heating": 99.0, "cooling": -99, "caution": -1},
        {"version": 1, "heating": None, "cooling": [1]},
    ],
)
def test_garbage_counts_as_nothing_learned(document):
    assert Steering.from_document(document) == Steering()


def test_the_unit_s_own_sensor_is_learned_and_the_setpoint_follows():
    """A unit that reads 3 K too warm: 23 keeps the room at 20, so 24 is asked for."""
    running, steering, setpoint, since, room = True, Steering(), 23.0, 0.0, 20.0
    for _ in range(40):
        seen = Situation(room, 0.0, running, setpoint, since, room, room)
        steering = learn(WINTER, steering, seen, 900.0)
        advice = steer(WINTER, steering, seen)
        since = since + 900.0 if advice.setpoint == setpoint else 0.0
        setpoint = advice.setpoint
        room = setpoint - 3.0
    assert steering.heating == pytest.approx(3.0, abs=0.1)
    assert room == 21.0


def test_a_low_reading_amid_good_ones_changes_nothing():
    steering = Steering(heating=1.6)
    dip = Situation(19.2, -3.0, running=True, setpoint=23.0, least=19.2, level=21.4)
    assert steer(WINTER, steering, dip).setpoint == 23.0


def test_the_unit_rests_where_the_sun_holds_the_room():
    steering = Steering(heating=1.6)
    sun = Situation(21.7, 0.3, running=True, setpoint=22.0, least=21.6, level=21.7)
    assert steer(WINTER, steering, sun).setpoint is None


def stopped_at(steering, seen, *, after, temperature):
    """Let the unit be put to rest, then read the room; return what is known then."""
    assert steer(WINTER, steering, seen).setpoint is None
    steering = learn(WINTER, steering, seen, 300.0)
    rest = Situation(temperature, -1.0, running=False, settled_seconds=after)
    return learn(WINTER, steering, rest, 300.0)


def test_a_room_that_falls_back_at_once_was_held_by_its_unit():
    """It reads its air a kelvin colder than the meter: at 22 it keeps the room at 23."""
    over = Situation(23.0, 0.0, running=True, setpoint=22.0, least=22.9, level=23.0)
    steering = Steering(heating=1.9)
    assert stopped_at(steering, over, after=1500.0, temperature=20.4).heating == -1.0
    sun = stopped_at(steering, over, after=4500.0, temperature=20.4)
    assert sun.heating == pytest.approx(1.9, abs=0.1)
    held = stopped_at(steering, over, after=1500.0, temperature=22.8)
    assert held.heating == pytest.approx(1.9, abs=0.1)


WIDE = Aim(heating=True, low=19.0, high=22.0, asked=24.0)


@pytest.mark.parametrize(("slope", "known"), [(-3.0, -1.0), (-1.0, 3.0), (None, 3.0)])
def test_a_room_that_falls_fast_was_held_by_its_unit_however_wide_its_band(
    slope, known
):
    over = Situation(24.0, 0.0, running=True, setpoint=23.0, least=23.9, level=24.0)
    assert steer(WIDE, Steering(heating=3.0), over).setpoint is None
    noted = learn(WIDE, Steering(heating=3.0), over, 300.0)
    rest = Situation(22.4, slope, running=False, settled_seconds=1800.0)
    found = learn(WIDE, noted, rest, 300.0).heating
    assert found == pytest.approx(known, abs=0.2)


def test_a_room_that_fell_before_its_unit_was_stopped_was_not_held_by_it():
    """As after the night's band has begun: what it was told before is gone by then."""
    over = Situation(23.2, -0.8, running=True, setpoint=22.0, least=23.2, level=23.4)
    known = stopped_at(Steering(heating=1.9), over, after=1500.0, temperature=20.4)
    assert known.heating == pytest.approx(1.9, abs=0.1)


def test_a_unit_that_the_sun_has_put_to_rest_is_stopped_without_another_step():
    steering = Steering(heating=1.6)
    sun = Situation(21.6, 1.0, running=True, setpoint=22.0, least=21.4, level=21.6)
    assert steer(WIDE, steering, sun).setpoint is None
    stays = replace(sun, slope=0.1)
    assert steer(WIDE, steering, stays).setpoint is not None


def test_a_room_that_comes_back_into_its_band_is_left_alone():
    steering = Steering(heating=1.9)
    back = Situation(22.3, -1.0, running=True, setpoint=22.0, least=22.3, level=22.5)
    assert steer(WINTER, steering, back).setpoint == 22.0
    assert steer(WINTER, steering, replace(back, slope=0.0)).setpoint is None
    # On its way to the night's band it would be told less with every look.
    night = Situation(20.9, -2.0, running=True, setpoint=20.0, settled_seconds=600.0)
    aim = Aim(heating=True, low=18.0, high=19.5, asked=20.0)
    assert steer(aim, Steering(heating=0.7), night).setpoint == 20.0


def test_a_room_that_swings_is_answered_by_its_middle_and_late():
    low = Situation(19.5, -3.0, running=True, setpoint=23.0, settled_seconds=1500.0)
    low = replace(low, least=19.5, level=19.7, most=21.7)
    steady, swings = Steering(heating=1.9), Steering(heating=1.9, reversals=2.0)
    assert steer(WINTER, steady, low).setpoint == 24.0
    assert steer(WINTER, swings, low).setpoint == 23.0
    cold = replace(low, most=20.1)
    assert steer(WINTER, swings, cold).setpoint == 23.0
    assert steer(WINTER, swings, replace(cold, settled_seconds=6000.0)).setpoint == 24.0
    hot = replace(low, temperature=22.2, least=21.9, level=22.2, most=22.5)
    hot = replace(hot, setpoint=24.0, settled_seconds=6000.0, slope=0.0)
    assert steer(WINTER, swings, hot).setpoint == 23.0


def test_turning_back_and_forth_is_counted_and_forgotten_within_hours():
    steering = Steering(heating=1.9)
    for setpoint in (23.0, 24.0, 23.0, 24.0, 23.0):
        seen = Situation(21.0, 0.0, running=True, setpoint=setpoint)
        steering = learn(WINTER, steering, seen, 600.0)
    assert 2.5 < steering.reversals <= 3.0
    for _ in range(24):
        steering = learn(WINTER, steering, seen, 1800.0)
    assert steering.reversals < 0.5
    up = Steering(heating=1.9)
    for setpoint in (21.0, 22.0, 23.0, 24.0):
        seen = Situation(19.0, 0.0, running=True, setpoint=setpoint)
        up = learn(WINTER, up, seen, 600.0)
    assert up.reversals == 0.0


def test_a_room_within_its_band_that_falls_back_is_believed_by_half():
    within = Situation(21.9, 0.0, running=True, setpoint=22.0, least=21.9, level=21.9)
    known = stopped_at(Steering(heating=1.9), within, after=1500.0, temperature=20.4)
    assert known.heating == pytest.approx((0.1 + 1.9) / 2, abs=0.1)


def test_once_the_day_has_had_its_starts_less_is_asked_for_instead_of_stopping():
    over = Situation(
        23.0,
        0.0,
        running=True,
        setpoint=22.0,
        settled_seconds=1800.0,
        least=22.9,
        level=23.0,
        spared=True,
    )
    # What rests by itself already is told nothing more.
    assert steer(WINTER, Steering(heating=1.9), over).setpoint == 22.0
    weaker = replace(over, temperature=22.1, least=22.0, level=22.1)
    # Else at once so little that it rests, not a beep for every step.
    assert steer(WINTER, Steering(heating=1.9), weaker).setpoint == 21.0
    assert steer(WINTER, Steering(heating=0.5), weaker).setpoint == 20.0


# A unit that works on however little is asked: one speed alone, or its sensor elsewhere.
UNTHROTTLED = {
    True: (Aim(heating=True, low=18.0, high=20.0, asked=19.0), LOWEST_SETPOINT),
    False: (Aim(heating=False, low=24.0, high=26.0, asked=25.0), HIGHEST_SETPOINT),
}


@pytest.mark.parametrize("heating", [True, False])
def test_a_unit_that_can_be_asked_no_less_is_stopped_whatever_the_day_has_had(heating):
    aim, least = UNTHROTTLED[heating]
    stays = Situation(
        20.4 if heating else 23.6,
        0.1 if heating else -0.1,
        running=True,
        setpoint=least,
        settled_seconds=1800.0,
        level=20.4 if heating else 23.6,
        spared=True,
    )
    believed = Steering(heating=-4.0, cooling=-4.0)
    assert steer(aim, believed, stays).setpoint is None
    # What could be told to rest is, and a room that comes back is left alone.
    told = replace(stays, setpoint=least + aim.sign)
    assert steer(aim, believed, told).setpoint is not None
    falls = replace(stays, slope=-0.3 * aim.sign)
    assert steer(aim, believed, falls).setpoint is not None
    short = 20.2 if heating else 23.8
    within = replace(stays, temperature=short, level=short)
    assert steer(aim, believed, within).setpoint is not None


@pytest.mark.parametrize("spared", [True, False])
@pytest.mark.parametrize("heating", [True, False])
def test_a_unit_that_never_throttles_is_not_waited_for(heating, spared):
    aim = UNTHROTTLED[heating][0]
    rises = Situation(
        aim.sign * (aim.far + 0.1),
        4.0 * aim.sign,
        running=True,
        setpoint=aim.sign * (aim.far - 6.0),
        settled_seconds=600.0,
        spared=spared,
    )
    heats = replace(rises, setpoint=max(LOWEST_SETPOINT, rises.setpoint))
    if heating:  # no unit takes a setpoint so far below this band
        aim = replace(aim, low=21.0, high=23.0)
        heats = replace(rises, temperature=23.1, setpoint=17.0)
    believed = Steering(heating=-2.0, cooling=-2.0)
    assert steer(aim, believed, heats).setpoint is None
    for at_rest in (
        replace(heats, slope=0.2 * aim.sign),
        replace(heats, settled_seconds=300.0),
        replace(heats, setpoint=heats.setpoint + 2.0 * aim.sign),
    ):
        assert steer(aim, believed, at_rest).setpoint is not None


def drive(steering, *, heating, falls):
    """Return what is known after a run past its band, and a rest after it."""
    sign, aim = (1.0 if heating else -1.0), UNTHROTTLED[heating][0]
    if heating:
        aim = replace(aim, low=21.0, high=23.0)
    runs = Situation(
        aim.sign * (aim.far + 0.1),
        4.0 * sign,
        running=True,
        setpoint=aim.sign * (aim.far - 6.0),
        settled_seconds=600.0,
    )
    steering = learn(aim, steering, runs, 300.0)
    for minutes in range(5, 60, 5):
        slope = -3.0 * sign if falls else 0.1 * sign
        rests = replace(runs, running=False, setpoint=None, slope=slope)
        rests = replace(rests, settled_seconds=60.0 * minutes)
        steering = learn(aim, steering, rests, 300.0)
    return steering


@pytest.mark.parametrize("heating", [True, False])
def test_a_unit_that_drives_its_room_twice_does_not_throttle(heating):
    once = drive(Steering(), heating=heating, falls=True)
    assert 0.0 < once.driven < DRIVEN
    twice = drive(once, heating=heating, falls=True)
    assert twice.driven >= DRIVEN
    assert Steering.from_document(twice.to_document()) == twice
    # The sun drives it as well, and goes on once the unit rests.
    sunny = drive(once, heating=heating, falls=False)
    assert sunny.driven < DRIVEN
    assert not sunny.drives
    # After a week it is tried again whether it still does.
    aim = UNTHROTTLED[heating][0]
    rests = Situation((aim.low + aim.high) / 2.0, 0.0, running=False)
    for _hour in range(24 * 6):
        twice = learn(aim, twice, rests, 3600.0)
    assert twice.driven >= DRIVEN
    for _hour in range(24 * 2):
        twice = learn(aim, twice, rests, 3600.0)
    assert twice.driven < DRIVEN


@pytest.mark.parametrize("heating", [True, False])
def test_a_room_held_over_its_band_is_asked_a_step_less(heating):
    """Whole degrees settle it at 21.3 or at 20.3; more than is needed is not enough."""
    sign, zero = (1.0, 0.0) if heating else (-1.0, 44.0)

    def celsius(effort):
        return zero + sign * effort

    low, high = sorted(map(celsius, (20.0, 21.0)))
    aim = Aim(heating=heating, low=low, high=high, asked=celsius(22.0))
    steering = Steering().with_offset(0.7, heating=heating)
    at, inside = celsius(21.3), celsius(20.9)
    over = Situation(
        at, 0.0, running=True, setpoint=celsius(22.0), least=at, level=at, most=at
    )

    def effort(seen):
        setpoint = steer(aim, steering, seen).setpoint
        assert setpoint is not None
        return (setpoint - zero) * sign

    assert effort(over) == 21.0
    assert effort(replace(over, settled_seconds=600.0)) == 22.0
    assert effort(replace(over, slope=-sign * 0.3)) == 22.0
    assert effort(replace(over, temperature=inside, level=inside)) == 22.0
    one_reading = replace(over, level=inside)
    assert effort(one_reading) == 22.0


@pytest.mark.parametrize("heating", [True, False])
def test_a_unit_that_is_let_rest_and_missed_at_once_is_asked_a_step_less(heating):
    """Too strong a setpoint and rest by turns are too fast for anything else to be learned."""

    def at(degrees):
        return degrees if heating else 44.0 - degrees

    edges = sorted([at(20.0), at(21.0)])
    aim = Aim(heating=heating, low=edges[0], high=edges[1], asked=at(31.0))
    steering = Steering(heating=2.3, cooling=2.3)
    over = Situation(at(21.0), None, running=True, setpoint=at(23.0), spared=True)
    over = replace(over, settled_seconds=1500.0)
    assert steer(aim, steering, over).setpoint == at(21.0)
    noted = learn(aim, steering, replace(over, slope=0.0), 300.0)
    assert noted.offset(heating=heating) == 2.3
    rests = Situation(
        at(20.0), at(0.0) - at(1.0), running=True, setpoint=at(21.0), spared=True
    )
    rests = replace(rests, settled_seconds=1200.0)
    missed = learn(aim, noted, rests, 300.0)
    assert steer(aim, missed, rests).setpoint == at(22.0)
    # What stays warm at rest had the sun, and what did so for long tells nothing.
    sunny = replace(rests, temperature=at(20.9), slope=0.0)
    assert learn(aim, noted, sunny, 300.0).offset(heating=heating) == 2.3
    late = replace(rests, settled_seconds=2800.0)
    assert learn(aim, noted, late, 300.0).offset(heating=heating) >= 2.0


def test_a_setpoint_far_off_the_band_is_no_word_of_the_unit():
    narrow = Aim(heating=True, low=20.0, high=21.0, asked=31.0)
    assert narrow.offset(Steering()) == 3.0
    assert replace(narrow, asked=23.0).offset(Steering()) == 2.5


def test_a_room_that_dips_is_settled_further_inside():
    dip = Situation(20.3, 0.0, running=True, setpoint=22.0, least=20.3, level=20.8)
    assert learn(WINTER, Steering(heating=1.1), dip, 300.0).caution > 0.0


def test_a_room_that_stands_still_for_hours_is_settled_less_far_inside():
    """One that settles a step lower within its band is left there, not raised again."""
    still = Situation(21.4, 0.0, running=True, setpoint=23.0, least=21.4, level=21.4)
    lower = replace(still, temperature=20.4, setpoint=22.0, least=20.4, level=20.4)
    steering = Steering(heating=1.6)
    assert steer(WINTER, steering, lower).setpoint == 23.0
    for _ in range(30):
        steering = learn(WINTER, steering, still, 900.0)
    assert -0.2 <= steering.caution < -0.05
    assert steer(WINTER, steering, lower).setpoint == 22.0
    # A dip is believed at once, and counts from what is usual.
    dip = replace(lower, temperature=19.7, least=19.7, level=20.2)
    assert learn(WINTER, steering, dip, 300.0).caution > steering.caution + 0.1


def test_a_room_that_is_still_coming_up_does_not_dip():
    coming = Situation(19.5, 0.2, running=True, setpoint=22.0, least=19.4, level=20.2)
    assert learn(WINTER, Steering(heating=1.1), coming, 300.0).caution == 0.0


def test_a_room_that_falls_further_is_believed_and_one_that_comes_up_is_waited_for():
    cold = Situation(19.6, -1.5, running=True, setpoint=22.0, least=19.6, level=19.7)
    assert learn(WINTER, Steering(heating=0.6), cold, 600.0).heating > 0.6
    coming = replace(cold, slope=1.5)
    assert learn(WINTER, Steering(heating=0.6), coming, 600.0).heating == 0.6


def test_a_setpoint_is_not_taken_back_before_the_room_shows_that_less_is_enough():
    """At 24 the room is at 21: whatever was believed, 23 would lose it."""
    seen = Situation(21.0, 0.0, running=True, setpoint=24.0, least=20.9, level=21.0)
    assert steer(WINTER, Steering(heating=0.6), seen).setpoint == 24.0
    warmer = replace(seen, temperature=22.0, least=21.9, level=22.0)
    assert steer(WINTER, Steering(heating=0.6), warmer).setpoint < 24.0


def test_the_unit_comes_back_before_the_band_is_lost():
    steering = Steering(heating=1.6)
    falling = Situation(20.7, -2.0, running=False)
    assert steer(WINTER, steering, falling).setpoint is not None


def test_a_meter_that_stands_still_is_asked_for_a_sign_of_life_within_the_band():
    steering = Steering(heating=1.6)
    still = Situation(21.4, 0.0, running=True, setpoint=23.0, level=21.4, suspect=True)
    assert steer(WINTER, steering, still).setpoint == 22.0
    asked = replace(still, setpoint=22.0, settled_seconds=600.0)
    assert steer(WINTER, steering, asked).setpoint == 22.0


@given(
    temperature=st.floats(20.4, 24.0),
    running=st.booleans(),
    told_seconds=st.floats(0.0, 7200.0),
    later=st.floats(0.0, 7200.0),
)
def test_a_room_asked_for_again_is_never_to_be_read_later(
    temperature, running, told_seconds, later
):
    """The wait counts from the reading, not from whoever asks."""
    settings = parse_settings(default_settings("winter") | {"control": "modulate"})
    read_at = datetime(2026, 1, 12, 12, tzinfo=UTC)
    told_at = read_at - timedelta(seconds=told_seconds)
    state = ZoneState(
        power=Power.ON if running else Power.OFF,
        action=Action.WINTER if running else Action.OFF,
        parameter="22,5,3,on" if running else None,
        last_action_at=told_at,
        compressor_started_at=told_at if running else None,
        compressor_stopped_at=None if running else told_at,
    )
    reading = Reading(temperature, received_at=read_at)
    snapshot = Snapshot({"default": ZoneSnapshot(reading, state)})
    first, again = (
        decide(snapshot, settings, at).zones[0].look_at
        for at in (read_at, read_at + timedelta(seconds=later))
    )
    assert read_at < first <= read_at + timedelta(seconds=1500)
    # Once what was sent has settled it may be a change of the setpoint, and its pace.
    assert again == first or (running and again <= read_at + timedelta(seconds=900))


# --- a unit that reads otherwise, and one that has no more to give -------------------------


def tried(rises, *, slope=0.0, hours=2, shows=False, full=0.0):
    """Raise the setpoint from 23 to 24, and let the room rise by so much in an hour.

    Then it is told so again, for each hour more, and stays where it is.
    """
    steering = Steering(heating=2.0, full_seconds=full)
    seen = Situation(
        19.0, slope, running=True, setpoint=23.0, settled_seconds=3600.0, level=19.0
    )
    steering = learn(WINTER, steering, seen, 300.0)
    for minutes in range(5, 65 * hours, 5):
        air = 19.0 + rises * min(60, minutes) / 60
        seen = Situation(
            air,
            rises,
            running=True,
            setpoint=24.0,
            settled_seconds=60.0 * (minutes % 65),
            level=air,
            most=air,
            shows=shows,
        )
        steering = learn(WINTER, steering, seen, 300.0)
    return steering


def test_a_unit_whose_room_does_not_follow_a_raise_gives_all_it_has():
    steering = tried(0.1)
    assert steering.full_seconds > 0.0
    # And what the room stayed short of is not taken for its sensor's offset.
    assert steering.heating == pytest.approx(2.0, abs=0.1)


def test_one_whose_room_follows_reads_otherwise():
    assert tried(0.8).full_seconds == 0.0


def test_one_whose_room_follows_was_wrongly_thought_to_have_no_more():
    assert tried(0.8, full=50_000.0).full_seconds == 0.0


def test_a_unit_that_may_not_have_heard_is_told_once_more_before_it_counts_as_spent():
    steering = tried(0.1, hours=1)
    assert steering.full_seconds == 0.0
    told = Situation(
        19.1, 0.1, running=True, setpoint=24.0, settled_seconds=3600.0, level=19.1
    )
    assert steering.heating == 2.0
    near = replace(WINTER, low=18.0, high=20.0)
    advice = steer(near, steering, told)
    assert (advice.setpoint, advice.again) == (24.0, True)
    just_told = replace(told, settled_seconds=300.0)
    assert not steer(near, steering, just_told).again
    assert Steering.from_document(steering.to_document()) == steering
    # What says itself at which setpoint it runs has heard it.
    assert tried(0.1, hours=1, shows=True).full_seconds > 0.0


@pytest.mark.parametrize("doubted", [False, True])
def test_what_is_in_doubt_is_told_again_by_the_doubt_alone(doubted):
    """A full bucket behind a plug: each of both told it again, seven times in six hours."""
    settings = parse_settings(
        default_settings("winter")
        | {"control": "modulate"}
        | {"winter": {"min_temp": 18.0, "max_temp": 20.0, "target_temp": 23.0}}
    )
    read_at = datetime(2026, 1, 12, 12, tzinfo=UTC)
    told_at = read_at - timedelta(seconds=3600)
    doubt = Doubt("plug", told_at, Action.WINTER, 4, read_at + timedelta(hours=3))
    state = ZoneState(
        power=Power.ON,
        action=Action.WINTER,
        parameter="24,5,3,on",
        last_action_at=told_at,
        compressor_started_at=told_at,
        last_temperature=19.1,
        evidence=Evidence(doubt=doubt if doubted else None),
        learned=Learned(steering=tried(0.1, hours=1)),
    )
    reading = Reading(19.1, received_at=read_at)
    snapshot = Snapshot({"default": ZoneSnapshot(reading, state)})
    decided = decide(snapshot, settings, read_at).zones[0]
    assert decided.action is (None if doubted else Action.WINTER)


def test_a_unit_that_cannot_be_told_again_yet_is_not_spent_meanwhile():
    """A raise that was missed before the quiet hours counted as one without effect."""
    steering = tried(0.1, hours=1)
    night = Situation(
        19.1, 0.0, running=True, setpoint=24.0, settled_seconds=3600.0, level=19.1
    )
    for _look in range(24):
        steering = learn(WINTER, steering, night, 1200.0)
        night = replace(night, settled_seconds=night.settled_seconds + 1200.0)
        assert steering.full_seconds == 0.0
    near = replace(WINTER, low=18.0, high=20.0)
    assert steer(near, steering, night).again
    # Told in the morning, it has as long as ever to show itself.
    for minutes in range(10, 60, 10):
        assert steering.full_seconds == 0.0
        told = replace(night, settled_seconds=60.0 * minutes - 5.0)
        steering = learn(WINTER, steering, told, 600.0)
    assert steering.full_seconds > 0.0


@given(st.integers(60, 1500))
@example(300)
def test_a_room_that_does_not_follow_is_told_once_more_however_often_it_is_read(apart):
    """Told anew with each raise that was read slowly, a weak unit beeped all morning."""
    steering, setpoint, told_at, orders = Steering(heating=2.0), 23.0, -3600.0, []
    near = replace(WINTER, low=20.5)
    for now in range(0, 12 * 3600, apart):
        since = now - told_at
        looks = int(since // apart)
        seen = Situation(
            19.5,
            0.0,
            running=True,
            setpoint=setpoint,
            settled_seconds=since,
            # So soon after a command nothing is known of its course.
            level=19.5 if looks > 1 else None,
            most=19.5 if looks > 3 else None,
        )
        steering = learn(near, steering, seen, float(apart))
        advice = steer(near, steering, seen)
        if advice.setpoint != setpoint or advice.again:
            setpoint, told_at = advice.setpoint, now
            orders.append((advice.setpoint, advice.again))
    assert [again for _, again in orders].count(True) <= 1
    assert len(orders) <= 5
    assert steering.full_seconds > 0.0


def test_what_may_not_have_heard_its_start_teaches_no_offset():
    cold = Situation(
        19.5, -0.2, running=True, setpoint=22.0, settled_seconds=2400.0, level=19.5
    )
    steering = Steering(heating=1.0)
    assert learn(WINTER, steering, cold, 600.0).heating > 1.2
    deaf = replace(cold, followed=False)
    assert learn(WINTER, steering, deaf, 600.0).heating == 1.0


@pytest.mark.parametrize("heating", [True, False])
def test_a_unit_that_was_asked_for_nothing_and_not_missed_is_stopped(heating):
    """However often it was started today: it is not wanted again soon."""
    sign, zero = (1.0, 0.0) if heating else (-1.0, 44.0)
    low, high = sorted(zero + sign * each for each in (20.0, 22.0))
    aim = Aim(heating=heating, low=low, high=high, asked=zero + sign * 23.0)
    at = zero + sign * 22.1
    idle = Situation(
        at,
        0.0,
        running=True,
        setpoint=zero + sign * 20.0,
        settled_seconds=2700.0,
        least=at,
        level=at,
        spared=True,
    )
    steering = Steering().with_offset(0.5, heating=heating)
    assert steer(aim, steering, idle).setpoint is None
    for missed in (
        replace(idle, settled_seconds=2600.0),
        replace(idle, slope=-sign * 0.3),
        replace(idle, temperature=zero + sign * 21.8),
        replace(idle, setpoint=zero + sign * 22.0),
    ):
        assert steer(aim, steering, missed).setpoint is not None
    # Nor does it show anything of the offset while it rests.
    rests = replace(idle, level=zero + sign * 22.1, settled_seconds=2600.0)
    assert learn(aim, steering, rests, 600.0).offset(heating=heating) == 0.5


def test_one_high_reading_of_a_unit_that_cycles_stops_nothing():
    top = Situation(
        22.1, 0.4, running=True, setpoint=21.0, least=20.5, level=21.4, most=22.1
    )
    steering = Steering(heating=0.0)
    assert steer(WINTER, steering, top).setpoint is not None
    assert steer(WINTER, steering, replace(top, level=22.0)).setpoint is None


def test_what_the_room_would_have_risen_anyway_is_no_answer():
    assert tried(0.7, slope=0.6).full_seconds > 0.0


def test_a_unit_that_gives_all_it_has_is_asked_no_more_of():
    cold = Situation(
        19.0, 0.0, running=True, setpoint=25.0, settled_seconds=7200.0, level=19.0
    )
    weak = Steering(heating=2.0, full_seconds=3600.0)
    assert steer(WINTER, weak, cold).setpoint == 25.0
    assert steer(WINTER, Steering(heating=2.0), cold).setpoint > 25.0
    assert is_full(weak, 25.0, 2.0, 19.0)
    assert not is_full(weak, 23.0, 2.0, 20.5)


def test_two_steps_are_asked_for_before_it_is_seen_whether_the_room_follows():
    cold = Situation(
        19.0, 0.0, running=True, setpoint=25.0, settled_seconds=1200.0, level=19.0
    )
    watching = Steering(heating=2.0, trial=Trial(23.0, 19.0, 2.0, seconds=1200.0))
    assert steer(WINTER, watching, cold).setpoint == 25.0


def kept_by_a_unit_that_cycles(aim, believed, *, bias, hours=16.0):
    """Return the share of the last four hours that a room is out of its band.

    Its unit works until its own sensor, `bias` beside the meter, is past its setpoint, and
    rests until the room has come back to it; `believed` is the offset that was learned
    before. Everything in effort degrees, with a load of a kelvin an hour.
    """
    steering = Steering().with_offset(believed, heating=aim.heating)
    # It was told long ago what would settle the room now, if that were true.
    air, told_at, works = aim.near + 0.9, -120.0, False
    setpoint: float | None = math.ceil(aim.near + aim.inside + believed)
    readings, out = [], []
    for minute in range(int(60 * hours)):
        here = air + bias
        if setpoint is None or here >= setpoint + 0.8:
            works = False
        elif here < setpoint:
            works = True
        air += (2.5 * works - 1.0) / 60.0
        out.append(not aim.near - 0.2 <= air <= aim.far + 0.2)
        if minute % 5:
            continue
        readings.append((minute, round(air, 1)))
        told = [x for at, x in readings if at >= max(told_at, minute - 30.0)]
        settled = len(told) > 2 and minute - told_at >= 10.0
        seen = Situation(
            aim.sign * air,
            aim.sign * (told[-1] - told[0]) / (len(told) - 1) * 12 if settled else None,
            running=setpoint is not None,
            setpoint=None if setpoint is None else aim.sign * setpoint,
            settled_seconds=60.0 * (minute - told_at),
            least=aim.sign * min(told) if settled else None,
            level=aim.sign * median(told) if settled else None,
            most=aim.sign * max(told) if settled else None,
        )
        steering = learn(aim, steering, seen, 300.0)
        advice = steer(aim, steering, seen)
        wanted = None if advice.setpoint is None else aim.sign * advice.setpoint
        if wanted != setpoint or advice.again:
            setpoint, told_at = wanted, float(minute)
    last = out[-240:]
    return sum(last) / len(last)


@pytest.mark.parametrize("heating", [True, False])
@pytest.mark.parametrize("believed", [-4.0, -3.0, -1.5, 0.0, 2.0, 4.0])
@pytest.mark.parametrize("bias", [-1.5, 0.0, 2.0])
def test_a_unit_that_rests_by_its_own_sensor_is_not_taken_for_spent(
    heating, believed, bias
):
    """One left its room over its band all afternoon: what it would settle was believed.

    Its setpoint was met by its own sensor, so that the room followed no change of it; it
    counted as a unit that gives all it has, and was asked for no more.
    """
    low, high = (20.0, 23.0) if heating else (24.0, 27.0)
    aim = Aim(heating=heating, low=low, high=high, asked=high)
    assert kept_by_a_unit_that_cycles(aim, believed, bias=bias) <= 0.1


@pytest.mark.parametrize(
    "again", [Steering(trial=Trial(23.0, 19.0, 2.0), full_seconds=9.0)]
)
def test_a_trial_outlives_a_restart(again):
    assert Steering.from_document(again.to_document()) == again
    assert Steering.from_document({**again.to_document(), "trial": {}}).trial is None


def test_a_unit_that_runs_at_nobody_knows_what_is_stopped_before_the_band_is_lost():
    seen = Situation(21.9, 0.3, running=True, setpoint=None)
    assert steer(WINTER, Steering(), seen).setpoint is None
    assert steer(WINTER, Steering(), replace(seen, temperature=21.0)).setpoint == 23.0
    # But not again and again: then only where the band is lost.
    assert steer(WINTER, Steering(), replace(seen, spared=True)).setpoint is not None


def test_a_cold_room_is_begun_a_step_stronger_where_its_band_bears_that():
    """Only by what was learned of the unit, and where the zone leaves it to the engine."""
    cold = Situation(17.0, None, running=False, hurries=True)
    known = Steering(heating=2.5)
    assert steer(WINTER, known, cold).setpoint == 24.0
    assert steer(WINTER, known, replace(cold, hurries=False)).setpoint == 23.0
    assert steer(WINTER, known, replace(cold, temperature=19.1)).setpoint == 23.0
    assert steer(WINTER, Steering(), cold).setpoint == 23.0
    # It would settle above the band: 25 - 3.1 is too near its end.
    assert steer(WINTER, Steering(heating=3.1), cold).setpoint == 24.0
    # One that reads the room is soon asked for less again.
    assert steer(WINTER, Steering(heating=1.5), cold).setpoint == 22.0


def test_a_unit_that_runs_at_nobody_knows_what_is_told_a_step_less_where_that_will_do():
    """A step less would leave the room where its unit need not wake."""
    seen = Situation(21.3, -0.2, running=True, setpoint=None)
    assert steer(WINTER, Steering(), seen).setpoint == 23.0
    for temperature in (21.4, 21.8):
        warm = replace(seen, temperature=temperature)
        assert steer(WINTER, Steering(), warm).setpoint == 22.0


# --- before the sun ------------------------------------------------------------------------

SETTLED = Situation(
    21.4, 0.0, running=True, setpoint=23.0, settled_seconds=7200.0, level=21.4
)
READS_WARMER = Steering(heating=1.6)


def test_a_room_is_kept_a_step_lower_before_the_sun_would_carry_it_over():
    assert steer(WINTER, READS_WARMER, SETTLED).setpoint == 23.0
    sunny = replace(SETTLED, sunlit=22.5)
    advice = steer(WINTER, READS_WARMER, sunny)
    assert (advice.setpoint, advice.why, advice.sunlit) == (22.0, "sun_ahead", 22.5)
    # And stays so until the sun is no more ahead, though it would usually settle higher.
    low = replace(sunny, setpoint=22.0, temperature=20.4, level=20.4)
    assert steer(WINTER, READS_WARMER, low).setpoint == 22.0
    assert steer(WINTER, READS_WARMER, replace(low, sunlit=21.0)).setpoint == 23.0
    assert steer(WINTER, READS_WARMER, replace(low, sunlit=None)).setpoint == 23.0


@pytest.mark.parametrize("sunlit", [21.7, None])
def test_sun_that_leaves_a_room_in_its_band_changes_nothing(sunlit):
    kept = steer(WINTER, READS_WARMER, replace(SETTLED, sunlit=sunlit))
    assert kept == steer(WINTER, READS_WARMER, SETTLED)


@given(steerings, situations(), st.floats(-50.0, 60.0))
def test_whatever_sun_is_forecast_a_unit_is_asked_for_what_keeps_its_room(
    steering, seen, sunlit
):
    without = steer(WINTER, steering, replace(seen, sunlit=None))
    told = steer(WINTER, steering, replace(seen, sunlit=sunlit))
    assert (told.setpoint is None) == (without.setpoint is None)
    if told.setpoint is not None and told.setpoint != without.setpoint:
        settles = told.setpoint - WINTER.offset(steering)
        lowest = min(seen.setpoint or told.setpoint, told.setpoint)
        assert settles >= WINTER.low or lowest == seen.setpoint


def test_a_room_that_dips_is_kept_that_much_further_inside():
    dips = replace(READS_WARMER, caution=0.5)
    assert steer(WINTER, dips, replace(SETTLED, sunlit=22.5)).setpoint == 23.0


def test_a_raise_that_was_taken_back_is_no_trial():
    """Else the next one would be judged at once, by a room that had no time to follow."""
    steering = Steering(heating=2.0)
    for setpoint, minutes in ((23.0, 60), (24.0, 5), (24.0, 30), (23.0, 5), (24.0, 5)):
        seen = Situation(
            19.0,
            0.0,
            running=True,
            setpoint=setpoint,
            settled_seconds=60.0 * minutes,
            level=19.0,
        )
        steering = learn(WINTER, steering, seen, 1200.0)
    assert steering.full_seconds == 0.0
