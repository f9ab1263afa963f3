"""The two-node model of a room, against a room whose numbers are known."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.core.control.room_model import Foreseen, TwoNodes
from switchbot_automation.core.control.warm_up import WarmUp

HOUR = 3600.0


class Simulated:
    """air' = a (walls - air) + b u + c, walls' = e (air - walls), a minute at a time."""

    def __init__(self, a, b, c, e, air=20.0):
        self.a, self.b, self.c, self.e = a, b, c, e
        self.air = self.walls = air
        self.seconds = 0.0

    def live(self, hours, share):
        for _ in range(round(hours * 60)):
            air = self.a * (self.walls - self.air) + self.b * share + self.c
            self.walls += self.e * (self.air - self.walls) / 60
            self.air += air / 60
            self.seconds += 60


def nights(house, days, *, noise=0.0, seed=1):
    """Eight hours at rest, and at full power until a thermostat takes over."""
    room, chance = TwoNodes(), random.Random(seed)
    for _ in range(days):
        for quarter in range(96):
            on = quarter >= 32
            full = on and house.air < 20.0
            # A thermostat holds it from then on, at nobody knows how much.
            hold = (house.a * (house.air - house.walls) - house.c) / house.b
            house.live(0.25, 1.0 if full else hold if on else 0.0)
            gave = 900.0 if full else None if on else 0.0
            seen = round(house.air + chance.gauss(0.0, noise), 1)
            room = room.after(house.seconds, seen, gave)
    return room


HOUSES = [
    pytest.param((1.5, 6.0, -1.5, 1 / 12), id="brick"),
    pytest.param((1.0, 2.5, -1.5, 1 / 12), id="weak unit"),
    pytest.param((0.2, 1.2, -0.4, 1 / 12), id="screed"),
    pytest.param((0.8, 5.0, -1.2, 1 / 30), id="stone"),
]


@pytest.mark.parametrize("numbers", HOUSES)
def test_what_it_foresees_of_a_morning_comes_true(numbers):
    house = Simulated(*numbers)
    room = nights(house, 6, noise=0.05)
    assert room.known
    left = 8 * HOUR
    foreseen = room.foreseen(house.air, 20.0, left, 14 * HOUR)
    assert 0.0 < foreseen.seconds < left
    assert foreseen.short_kelvin == 0.0
    # It begins when it said, and is there by the opening, not much too early.
    house.live((left - foreseen.seconds) / HOUR, 0.0)
    took = 0.0
    while house.air < 20.0:
        house.live(1 / 60, 1.0)
        took += 60.0
    assert took <= foreseen.seconds
    # As cautious as a weather that changes and a meter of tenths make it.
    assert foreseen.seconds <= 2.6 * took + 1800.0


def test_nothing_is_foreseen_before_it_was_seen_at_full_power_and_at_rest():
    assert TwoNodes().foreseen(15.0, 20.0, HOUR, HOUR) is None
    rests = TwoNodes()
    for quarter in range(100):
        rests = rests.after(900.0 * quarter, 18.0, 0.0)
    assert not rests.known
    assert rests.capacity is None


def test_what_cannot_be_reached_in_time_is_begun_at_once_and_says_by_how_much():
    house = Simulated(1.0, 2.5, -1.5, 1 / 12)
    room = nights(house, 6)
    foreseen = room.foreseen(10.0, 20.0, 2 * HOUR, 14 * HOUR)
    assert foreseen.seconds == 2 * HOUR
    assert foreseen.short_kelvin > 0.5


def test_a_room_that_stays_warm_need_not_be_begun_for():
    room = nights(Simulated(1.5, 6.0, -1.5, 1 / 12), 6)
    assert room.foreseen(24.0, 15.0, HOUR, 14 * HOUR) == Foreseen(0.0)


def test_a_colder_room_is_begun_no_later():
    room = nights(Simulated(1.5, 6.0, -1.5, 1 / 12), 6)
    leads = [
        room.foreseen(air, 20.0, 10 * HOUR, 14 * HOUR).seconds
        for air in (19.0, 17.0, 15.0, 13.0)
    ]
    assert leads == sorted(leads)


def test_a_unit_that_gives_nobody_knows_how_much_teaches_nothing():
    room = nights(Simulated(1.5, 6.0, -1.5, 1 / 12), 3)
    later = room
    for quarter in range(1, 40):
        later = later.after(room.at + 900.0 * quarter, 21.0, None)
    assert [m.numbers for m in later.models] == [m.numbers for m in room.models]


def test_it_outlives_a_restart():
    room = nights(Simulated(1.0, 2.5, -1.5, 1 / 12), 4)
    again = TwoNodes.from_document(room.to_document())
    foreseen = room.foreseen(15.0, 20.0, 9 * HOUR, 14 * HOUR)
    assert again.foreseen(15.0, 20.0, 9 * HOUR, 14 * HOUR) == pytest.approx(
        foreseen, rel=0.02
    )
    assert foreseen.seconds > 0.0
    kept = WarmUp(heated_room=room).to_document()
    assert WarmUp.from_document(kept).heated_room.known


# --- the sun -------------------------------------------------------------------------------


def sun_of(hour):
    return max(0.0, 0.5 * math.sin(math.pi * (hour % 24 - 8) / 9)) * (
        8 <= hour % 24 < 17
    )


def sunny_days(days, *, gain=4.0, told=1.0, unit=False):
    """A room at rest in the sun, and what it learned; a unit may keep it from getting cold."""
    house, room = Simulated(1.0, 6.0, -0.6, 1 / 12), TwoNodes()
    for half in range(48 * days):
        sun = sun_of(half / 2 + 0.25)
        held = unit and house.air < 20.0
        house.c = -0.6 + gain * sun
        house.live(0.5, 0.5 if held else 0.0)
        gave = None if held else 0.0
        room = room.after(house.seconds, round(house.air, 1), gave, told * sun)
    return house, room


@pytest.mark.parametrize("told", [1.0, 0.5, 2.0])
def test_it_learns_what_the_sun_does_in_the_terms_of_its_forecast(told):
    house, room = sunny_days(6, told=told)
    # It is midnight; foreseen is the next day, from eight on.
    model = room.best
    assert model.sun.known
    house.c = -0.6
    house.live(8.0, 0.0)
    start, most = house.air, house.air
    room = room.after(house.seconds, house.air, 0.0)
    for half in range(18):
        house.c = -0.6 + 4.0 * sun_of(8.25 + half / 2)
        house.live(0.5, 0.0)
        most = max(most, house.air)
    ahead = [told * sun_of(8.5 + each) for each in range(9)]
    assert room.lifted(start, start - 9.0, ahead, 1.0) == pytest.approx(most, abs=0.6)
    assert room.lifted(start, most + 1.0, ahead, 1.0) >= most + 1.0


def test_a_room_without_a_window_learns_that_the_sun_does_nothing():
    _, room = sunny_days(6, gain=0.0)
    assert room.lifted(20.0, 15.0, [0.8] * 3, 1.0) is None


def test_without_a_forecast_nothing_is_known_nor_kept_of_the_sun():
    _, room = sunny_days(4, told=0.0)
    assert room.lifted(20.0, 15.0, [0.8] * 3, 1.0) is None
    assert {len(each) for each in room.to_document()["models"]} == {13}


def test_what_the_sun_does_outlives_a_restart():
    _, room = sunny_days(4)
    again = TwoNodes.from_document(room.to_document())
    ahead = [0.4, 0.5, 0.5]
    assert again.lifted(20.0, 20.0, ahead, 1.0) == pytest.approx(
        room.lifted(20.0, 20.0, ahead, 1.0), abs=0.01
    )
    damaged = room.to_document()
    damaged["models"] = [[*each[:15], 1e5, *each[16:]] for each in damaged["models"]]
    assert TwoNodes.from_document(damaged) == TwoNodes()


def test_cooling_is_begun_earlier_for_a_sunnier_day_and_never_later():
    house, room = Simulated(1.0, -6.0, 0.4, 1 / 12, air=26.0), TwoNodes()
    for half in range(48 * 6):
        sun, cools = sun_of(half / 2 + 0.25), half % 48 >= 34 and house.air > 24.0
        house.c = 0.4 + 4.0 * sun
        house.live(0.5, 1.0 if cools else 0.0)
        gave = 1800.0 if cools else 0.0
        room = room.after(house.seconds, -round(house.air, 1), gave, -sun)
    left = 5 * HOUR
    leads = [
        room.foreseen(-27.0, -25.0, left, left, harder).seconds
        for harder in (0.0, 0.1, 0.3)
    ]
    assert 0.0 < leads[0] < leads[2]
    assert leads == sorted(leads)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=14)
            | st.dictionaries(
                st.sampled_from(["version", "air", "at", "share", "hours", "models"]),
                inner,
            )
        ),
        max_leaves=30,
    )
)
def test_a_damaged_document_is_read_as_something_usable(value):
    document = value if isinstance(value, dict) else {"models": value}
    room = TwoNodes.from_document({"version": 1, "air": 20.0, "at": 0.0, **document})
    room.after(1e9, 20.0, 0.0)
    room.foreseen(15.0, 20.0, HOUR, HOUR)


@given(
    st.lists(
        st.tuples(
            st.floats(1.0, 1e5),
            st.floats(-50.0, 60.0),
            st.none() | st.floats(0.0, 1e5),
            st.just(0.0) | st.floats(-1.5, 1.5),
        ),
        max_size=60,
    )
)
def test_whatever_is_read_its_numbers_stay_physical(readings):
    room, at = TwoNodes(), 0.0
    for seconds, air, gave, sun in readings:
        at += seconds
        room = room.after(at, air, gave, sun)
    for model in room.models:
        a, b, _c = model.numbers
        assert a > 0.0
        assert b > 0.0
        assert 0.0 <= model.sun.gain <= 20.0
        assert model.sun.variance >= 0.0
    foreseen = room.foreseen(15.0, 20.0, 9 * HOUR, 14 * HOUR)
    assert foreseen is None or 0.0 <= foreseen.seconds <= 9 * HOUR
