"""A resting room that goes on by itself: the weather's doing, or that of a unit that works on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest

from switchbot_automation.core.control.steer import Steering
from switchbot_automation.core.doubt import attend
from switchbot_automation.core.state.evidence import has_rested
from switchbot_automation.core.state.zone import (
    AirconSetting,
    Evidence,
    Learned,
    SensorRecord,
    Surroundings,
    ZoneState,
)
from switchbot_automation.model import Action, Power
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation import default_settings

MIDNIGHT = datetime(2026, 10, 14, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HEATS = parse_settings(default_settings("winter") | {"timezone": "UTC"})
COOLS = parse_settings(default_settings("summer") | {"timezone": "UTC"})
SEASONS = MappingProxyType({"winter": HEATS.default, "summer": COOLS.default})
# What each room is at where it is two kelvin past the end of its band.
PAST = MappingProxyType({"winter": 24.3, "summer": 20.7})


def course_of(now, temperatures, apart=10 * MINUTE):
    """Return them as the room's course, so far apart, the last one now."""
    first = now - (len(temperatures) - 1) * apart
    return tuple(
        ((first + number * apart).timestamp(), one)
        for number, one in enumerate(temperatures)
    )


def going_on(season, now, *, by=0.6, past=0.0):
    """Return the last hour of a room that went on by so much, so far beyond `PAST`."""
    sign = 1.0 if season == "winter" else -1.0
    last = PAST[season] + sign * past
    return [round(last - sign * by * (1.0 - step / 6.0), 2) for step in range(7)]


def at_rest(season, now, temperatures, *, outdoors=None, **evidence):
    """Return a room whose unit was told to rest five hours ago, after it had run."""
    stopped = now - timedelta(hours=5)
    kept = Evidence(course=course_of(now, temperatures), said=Action.OFF, **evidence)
    record = SensorRecord(
        since=now, good_at=now, temperature=temperatures[-1], changed_at=now
    )
    around = Surroundings(outdoor=outdoors, outdoor_at=outdoors and now)
    return ZoneState(
        power=Power.OFF,
        action=Action.OFF,
        last_action_at=stopped,
        compressor_started_at=stopped - timedelta(hours=3),
        compressor_stopped_at=stopped,
        last_temperature=temperatures[-1],
        last_read_at=now,
        sensing=record,
        surroundings=around,
        evidence=kept,
    )


def looked_at(season, state, now, **settings):
    """Return its state after a look; no plug is there to be asked."""
    zone = replace(SEASONS[season], power_meter_device_id="", **settings)
    states = {zone.name: state}
    with pytest.raises(StopIteration):
        next(attend(zone, states, now, None))
    return states[zone.name]


def is_doubted(season, hour, *, rested=True, held=None, by=0.6, past=0.0, **around):
    now = MIDNIGHT + timedelta(hours=hour)
    state = at_rest(
        season,
        now,
        going_on(season, now, by=by, past=past),
        rested_at=now - timedelta(hours=2) if rested else None,
        held=held,
        **around,
    )
    return looked_at(season, state, now).evidence.doubt is not None


@pytest.mark.parametrize(
    ("season", "hour", "outdoors"),
    [
        # The sun, and what it left in the walls.
        ("winter", 14, None),
        ("winter", 19, 8.0),
        # The night.
        ("summer", 3, None),
        ("summer", 23, None),
        # What is known of outdoors says more than the clock.
        ("winter", 23, 25.0),
        ("summer", 14, 15.0),
    ],
)
def test_where_the_weather_takes_it_a_room_that_was_seen_to_rest_is_no_doubt(
    season, hour, outdoors
):
    assert not is_doubted(season, hour, outdoors=outdoors)
    # One that was never seen to rest may work on.
    assert is_doubted(season, hour, outdoors=outdoors, rested=False)


@pytest.mark.parametrize(
    ("season", "hour", "outdoors"),
    [
        ("winter", 3, None),
        ("winter", 22, 5.0),
        ("summer", 14, None),
        ("summer", 3, 28.0),
    ],
)
def test_where_no_weather_takes_it_somebody_has_started_it(season, hour, outdoors):
    assert is_doubted(season, hour, outdoors=outdoors)
    assert is_doubted(season, hour, outdoors=outdoors, held=22.0)


@pytest.mark.parametrize(("season", "hour"), [("winter", 14), ("summer", 3)])
def test_no_weather_is_as_fast_or_goes_as_far_as_a_unit_set_to_its_most(season, hour):
    assert is_doubted(season, hour, by=1.5)
    assert is_doubted(season, hour, past=3.1)


@pytest.mark.parametrize(
    ("season", "hour", "held", "doubted"),
    [
        ("winter", 14, 22.5, False),
        ("winter", 14, 23.0, True),
        ("winter", 14, 30.0, True),
        ("summer", 3, 22.5, False),
        ("summer", 3, 22.0, True),
        ("summer", 3, 16.0, True),
    ],
)
def test_one_that_works_on_takes_its_room_no_further_than_it_was_set_to(
    season, hour, held, doubted
):
    assert is_doubted(season, hour, rested=False, held=held) is doubted


@pytest.mark.parametrize(
    ("temperatures", "rested"),
    [
        ((22.3, 22.2, 22.0, 22.0, 21.9, 21.8), True),
        # A meter's step or two is none, nor a dip for as long as a unit thaws itself.
        ((22.3, 22.3, 22.2, 22.2, 22.1, 22.1), False),
        ((22.3, 22.3, 22.3, 22.3, 21.5, 22.2), False),
        # It goes on: what it was before says nothing.
        ((21.7, 21.9, 22.1, 22.3, 22.5, 22.7), False),
    ],
)
def test_a_room_was_seen_to_rest_once_it_went_back_for_half_an_hour(
    temperatures, rested
):
    for season in SEASONS:
        now = MIDNIGHT + timedelta(hours=3)
        seen = temperatures if season == "winter" else [45.0 - t for t in temperatures]
        state = looked_at(season, at_rest(season, now, [*seen]), now)
        assert has_rested(state) is rested
        # Another start ends that.
        again = state._replace(compressor_started_at=now + MINUTE)
        assert not has_rested(again)


def test_what_was_seen_of_a_rest_outlives_a_restart():
    now = MIDNIGHT + timedelta(hours=3)
    kept = Evidence(rested_at=now, held=22.5, hot_at=now)
    assert Evidence.from_document(kept.to_document()) == kept
    early = now - timedelta(hours=1)
    assert kept.not_later_than(early).rested_at == early


# --- while it works ----------------------------------------------------------------------


def at_work(now, temperatures, *, setpoint=None, learned=None, **evidence):
    """Return a unit that has heated for five hours, and was felt in its room."""
    started = now - timedelta(hours=5)
    state = at_rest("winter", now, temperatures, **evidence)
    kept = state.evidence._replace(
        course=course_of(now, temperatures, 5 * MINUTE),
        said=Action.WINTER,
        room_at=started + timedelta(minutes=30),
        best=temperatures[0],
    )
    setting = None if setpoint is None else f"{setpoint:g},5,3,on"
    state = state._replace(
        power=Power.ON,
        action=Action.WINTER,
        last_action_at=started,
        compressor_started_at=started,
        compressor_stopped_at=None,
        parameter=setting,
        evidence=kept,
        learned=learned,
    )
    assert state.setting == AirconSetting.parse(setting)
    return state


def falling(begin, end, count=24):
    return [round(begin + (end - begin) * n / (count - 1), 2) for n in range(count)]


def test_a_unit_that_idled_at_its_setpoint_has_the_time_of_a_start():
    now = MIDNIGHT + timedelta(hours=6)
    course = [*[21.2] * 12, *falling(21.2, 19.2, 12)]
    over = at_work(now, course, setpoint=20.5)
    assert looked_at("winter", over, now).evidence.doubt is None
    # It was never there, or it is long ago: then it should have been felt.
    never = at_work(now, course, setpoint=23.0)
    assert looked_at("winter", never, now).evidence.doubt is not None
    late = [*falling(20.6, 19.6, 8), *falling(19.5, 19.2, 16)]
    long_ago = at_work(now, late, setpoint=20.5)
    assert looked_at("winter", long_ago, now).evidence.doubt is not None


def test_what_its_own_sensor_reads_otherwise_counts_for_that():
    now = MIDNIGHT + timedelta(hours=6)
    course = [*[20.6] * 12, *falling(20.6, 19.2, 12)]
    learned = Learned(steering=Steering(heating=1.5))
    warm = at_work(now, course, setpoint=21.5, learned=learned)
    assert looked_at("winter", warm, now).evidence.doubt is None
    plain = at_work(now, course, setpoint=21.5)
    assert looked_at("winter", plain, now).evidence.doubt is not None


@pytest.mark.parametrize(
    ("minutes", "doubted"), [(10, False), (44, False), (50, True), (None, True)]
)
def test_a_radiator_that_is_warm_heats_whatever_its_room_does(minutes, doubted):
    now = MIDNIGHT + timedelta(hours=6)
    hot_at = None if minutes is None else now - minutes * MINUTE
    state = at_work(now, falling(20.6, 19.2), setpoint=24.0, hot_at=hot_at)
    found = looked_at("winter", state, now)
    assert (found.evidence.doubt is not None) is doubted


@pytest.mark.parametrize(
    ("kind", "plug", "doubted"),
    [
        ("heater", Power.ON, False),
        ("heater", Power.OFF, True),
        ("heater", Power.UNKNOWN, True),
        # One without refrigerant draws its watts as well.
        ("aircon", Power.ON, True),
    ],
)
def test_all_that_a_heater_draws_is_heat(kind, plug, doubted):
    document = default_settings("winter") | {"timezone": "UTC"}
    device = document.pop("aircon_device_id")
    if kind == "heater":
        document.pop("summer")
        document["equipment"] = [{"kind": "heater", "device_id": "6055F9000001"}]
    else:
        document["aircon_device_id"] = device
    zone = parse_settings(document).default
    zone = replace(zone, power_meter_device_id="")
    now = MIDNIGHT + timedelta(hours=6)
    state = at_work(now, falling(20.6, 19.2), plug=plug, plug_at=now - MINUTE)
    states = {zone.name: state}
    with pytest.raises(StopIteration):
        next(attend(zone, states, now, None))
    assert (states[zone.name].evidence.doubt is not None) is doubted


# --- while it thaws itself ----------------------------------------------------------------


def is_doubted_at_work(temperatures, **more):
    now = MIDNIGHT + timedelta(hours=6)
    state = at_work(now, temperatures, setpoint=24.0, **more)
    return looked_at("winter", state, now).evidence.doubt is not None


@pytest.mark.parametrize(
    ("dip", "doubted"),
    [
        # A draughty house, seen through the meter's lag.
        ((18.6, 17.6, 17.4), False),
        ((18.6, 17.6, 17.4, 17.5), False),
        # It comes back.
        ((18.6, 17.6, 17.4, 17.4, 17.5, 17.7), False),
        # No unit thaws itself for as long as that.
        ((18.6, 17.6, 17.4, 17.3, 17.2, 17.1), True),
    ],
)
def test_a_unit_that_thaws_itself_is_given_its_time(dip, doubted):
    course = [*[19.4] * (24 - len(dip)), *dip]
    assert is_doubted_at_work(course) is doubted


def test_a_dip_between_two_looks_was_not_watched_for_as_long():
    """The looks are a quarter of an hour apart where the room is to be well."""
    now = MIDNIGHT + timedelta(hours=6)
    state = at_work(now, falling(19.0, 19.6), setpoint=24.0)
    minutes = [*range(130, 30, -5), 26, 12, 5, 0]
    values = [*falling(18.8, 19.5, 20), 19.6, 18.9, 18.7, 18.7]
    course = tuple(
        ((now - each * MINUTE).timestamp(), value)
        for each, value in zip(minutes, values, strict=True)
    )
    state = state._replace(
        last_temperature=18.7,
        evidence=state.evidence._replace(course=course, best=19.6),
    )
    assert looked_at("winter", state, now).evidence.doubt is None


@pytest.mark.parametrize("season", ["winter", "summer"])
@pytest.mark.parametrize(("by", "rests"), [(2.0, False), (1.0, True)])
def test_a_room_that_goes_on_at_an_hour_of_no_sun_has_not_rested_any_more(
    season, by, rests
):
    """A hand turned it on at night; by day the sun was blamed for all that it then did."""
    hour = 2 if season == "winter" else 14
    now = MIDNIGHT + timedelta(hours=hour)
    past = -4.0 if season == "winter" else 4.0  # within its band, or on its way there
    last = PAST[season] + past
    sign = 1.0 if season == "winter" else -1.0
    went = [round(last - sign * by * (1.0 - step / 6.0), 2) for step in range(7)]
    state = at_rest(season, now, went, rested_at=now - timedelta(hours=2))
    assert has_rested(state)
    state = looked_at(season, state, now)
    assert has_rested(state) is rests
    # Seen by day that it goes on past its band, it is told to stop.
    later = now + timedelta(hours=10)
    if season == "winter":
        kept = state.evidence._replace(course=course_of(later, going_on(season, later)))
        sensing = state.sensing._replace(changed_at=later)
        noon = state._replace(
            evidence=kept, sensing=sensing, last_temperature=24.3, last_read_at=later
        )
        assert (looked_at(season, noon, later).evidence.doubt is None) is rests
