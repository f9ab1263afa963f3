"""Several meters in one room, of which some lie: each is judged for itself."""

from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from switchbot_automation.core.state.meter import (
    Reading,
    after_reading,
    believed,
    doubts_of_meters,
    judged,
    still_limit,
    with_meters_seen,
    with_sensing,
)
from switchbot_automation.core.state.zone import ZoneState
from switchbot_automation.model import ReasonCode
from switchbot_automation.settings.read import parse_settings
from tests.cases import drawn

from .conftest import NOON

HOURS = 3600
NAMES = ("M1", "M2", "M3")


def zone_of(count, fusion="median", **changes):
    sensors = [{"device_id": name} for name in NAMES[:count]]
    return parse_settings(
        {"sensors": sensors, "sensor_fusion": fusion} | changes
    ).default


def lived(zone, course, every=timedelta(minutes=2)):
    """Judge what the meters gave, one mapping after the other; the last of all."""
    records, now, reading = {}, NOON, Reading()
    for step, given_now in enumerate(course):
        now = NOON + step * every
        found = {
            name: Reading(each[0], each[1], now)
            if isinstance(each, tuple)
            else Reading(received_at=now, problem=each)
            for name, each in given_now.items()
        }
        reading, records = judged(zone, records, found, now)
    state = with_meters_seen(ZoneState(), records)
    return reading, doubts_of_meters(zone, state)


def falling(step):
    return (round(21.5 - 0.02 * step + 0.1 * (step % 2), 1), 50 + step % 3)


@pytest.mark.parametrize("fusion", ["median", "weighted", "fallback"])
@pytest.mark.parametrize("count", [2, 3])
def test_one_that_repeats_its_last_value_is_left_behind(fusion, count):
    """The room falls by half a kelvin an hour; the dead one says 22.0 for ever."""
    zone = zone_of(count, fusion)
    course = [
        {NAMES[0]: (22.0, 44)} | {name: falling(step) for name in NAMES[1:count]}
        for step in range(400)
    ]
    reading, doubts = lived(zone, course)
    assert abs(reading.temperature - falling(399)[0]) <= 0.2
    assert {name: why for name, (why, _since) in doubts.items()} == {
        "M1": ReasonCode.SENSOR_FROZEN
    }
    since = doubts["M1"][1]
    assert since - NOON <= timedelta(hours=3)


def test_one_that_moves_again_is_believed_after_a_few_words():
    zone = zone_of(2)
    dead = [{"M1": (22.0, 44), "M2": falling(step)} for step in range(200)]
    alive = [{"M1": falling(step), "M2": falling(step)} for step in range(200, 206)]
    assert "M1" in lived(zone, dead + alive[:1])[1]
    assert lived(zone, dead + alive)[1] == {}


@pytest.mark.parametrize("fusion", ["median", "weighted", "fallback"])
def test_two_that_disagree_are_not_averaged(fusion):
    """The list has the best first; the mean of a room and a sill is neither."""
    course = [
        {"M1": (20.0 + 0.1 * (i % 2), 50), "M2": (27.0, 30 + i)} for i in range(9)
    ]
    reading, doubts = lived(zone_of(2, fusion), course)
    assert reading.temperature in (20.0, 20.1)
    assert doubts["M2"] == (ReasonCode.METERS_DISAGREE, NOON)
    reading, doubts = lived(zone_of(2, "weighted", sensor_disagree_kelvin=0), course)
    assert 23.0 < reading.temperature < 24.0
    assert doubts == {}


@pytest.mark.parametrize(
    "problem",
    [
        ReasonCode.ALL_ZEROS,
        ReasonCode.DEVICE_OFFLINE,
        ReasonCode.METER_UNREACHABLE,
        ReasonCode.NO_READING,
    ],
)
@pytest.mark.parametrize("fusion", ["median", "weighted", "fallback"])
def test_one_that_gives_nothing_is_named_and_the_other_counts(fusion, problem):
    course = [{"M1": problem, "M2": falling(i)} for i in range(5)]
    reading, doubts = lived(zone_of(2, fusion), course)
    assert reading.temperature == falling(4)[0]
    assert doubts == {"M1": (problem, NOON)}


def test_where_none_is_believed_all_count_that_gave_one():
    course = [{"M1": (20.0, 50), "M2": (20.4, 50)} for _ in range(400)]
    reading, doubts = lived(zone_of(2, sensor_frozen_seconds=3600), course)
    assert set(doubts) == {"M1", "M2"}
    assert reading.temperature == 20.2


@settings(max_examples=drawn(20, many=60), deadline=None)
@given(
    st.integers(2, 3),
    st.sampled_from(["median", "weighted", "fallback"]),
    st.lists(
        st.lists(
            st.one_of(
                st.none(), st.floats(-30, 60), st.just(ReasonCode.DEVICE_OFFLINE)
            ),
            min_size=3,
            max_size=3,
        ),
        min_size=1,
        max_size=30,
    ),
)
@example(2, "median", [[each, None, None] for each in (0.0, 3.0, 0.0, 3.0, 0.0)])
def test_what_is_fused_was_said_by_somebody(count, fusion, rows):
    zone = zone_of(count, fusion)
    course = [
        {
            name: (each, 40)
            if isinstance(each, float)
            else each or ReasonCode.NO_READING
            for name, each in zip(NAMES[:count], row, strict=False)
        }
        for row in rows
    ]
    reading, doubts = lived(zone, course)
    usable = {
        name: each[0]
        for name, each in course[-1].items()
        if isinstance(each, tuple) and -10 <= each[0] <= 50
    }
    if reading.temperature is None:
        # What jumps and comes back again and again is no temperature.
        jumped = ReasonCode.TEMPERATURE_JUMPED
        assert all(doubts[name][0] is jumped for name in usable)
    else:
        least, most = min(usable.values()), max(usable.values())
        assert least - 0.01 <= reading.temperature <= most + 0.01
    assert set(doubts) <= set(NAMES[:count])


# --- one meter, the unit at rest ----------------------------------------------------------


def test_how_long_a_meter_stands_still_is_learned():
    zone = parse_settings({"meter_device_id": "M1"}).default
    assert zone.sensor_frozen_seconds == 14400
    record, now = None, NOON
    for step in range(1000):
        now = NOON + timedelta(minutes=2 * step)
        reading = Reading(21.0 + 0.1 * (step // 20 % 2), 50.0, now)
        _reading, record = believed(zone, record, reading, now)
        if step == 180:
            # Watched for a quarter of the day, it may stand still four times as long.
            assert still_limit(zone, record) == pytest.approx(4 * 7200.0)
        if step < 180:
            assert still_limit(zone, record) == 3 * 14400
    assert still_limit(zone, record) == 7200.0
    fresh = believed(zone, None, Reading(21.0, 50.0, NOON), NOON)[1]
    assert still_limit(zone, fresh) == 3 * 14400


def test_a_meter_that_stands_still_while_the_unit_rests_is_doubted_in_time():
    zone = parse_settings({"meter_device_id": "M1"}).default
    record, doubted_at = None, None
    for step in range(2000):
        now = NOON + timedelta(minutes=2 * step)
        dead = step >= 900
        temperature = 21.0 if dead else 21.0 + 0.1 * (step // 10 % 2)
        _reading, record = believed(zone, record, Reading(temperature, 50.0, now), now)
        if record.doubt and doubted_at is None:
            doubted_at = step
    assert record.doubt is ReasonCode.SENSOR_FROZEN
    assert 900 < doubted_at <= 900 + 75
    found = doubts_of_meters(zone, with_sensing(ZoneState(), record))
    assert found["M1"][0] is ReasonCode.SENSOR_FROZEN


async def test_it_is_said_of_a_resting_zone_and_forbids_nothing(flat):
    await flat.live(13 * HOURS)
    report = await flat.tick(21.0)
    assert "sensor_frozen" in [str(each.code) for each in report.decisions[0].reasons]
    assert (await flat.tick(19.0)).outcome == "winter_on"


# --- the last reading and the last attempt ------------------------------------------------


async def test_no_reading_since_does_not_move_with_the_attempts(flat):
    await flat.tick(21.0)
    read_at = flat.state["last_read_at"]
    flat.reads(None)
    await flat.live(2 * HOURS)
    assert flat.state["last_read_at"] == read_at
    assert flat.state["last_asked_at"] > read_at
    assert (await flat.engine.health())["zones"]["default"]["last_read_at"] == read_at


@pytest.mark.parametrize(
    "answer", [{"temperature": 0, "humidity": 0, "battery": 0}, {}, "17.5"]
)
async def test_a_meter_that_never_gave_a_temperature_is_not_well(flat, answer):
    flat.reads(answer if isinstance(answer, dict) else {"temperature": answer})
    await flat.live(1 * HOURS)
    health = await flat.engine.health()
    assert health["zones"]["default"]["temperature_stale"]
    assert health["status"] == "degraded"


def test_an_older_releases_state_is_paced_by_its_last_reading():
    state = ZoneState.from_document({"last_read_at": "2026-01-12T11:00:00+00:00"})
    assert state.asked_at == state.last_read_at
    silent = Reading(received_at=NOON, problem=ReasonCode.METER_UNREACHABLE)
    after = after_reading(state, silent, None)
    assert (after.last_read_at, after.asked_at) == (state.last_read_at, NOON)
