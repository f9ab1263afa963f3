"""A meter that jumps and comes back, as no room does, is not acted on at its first word."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.core.state.meter import Reading, believed, leaps_often
from switchbot_automation.core.state.zone import SensorRecord
from switchbot_automation.model import ReasonCode
from switchbot_automation.settings.read import parse_settings

from .conftest import NOON

EVERY = timedelta(minutes=2)


def zone_of(**changes):
    return parse_settings({"meter_device_id": "M1"} | changes).default


def judged(zone, temperatures, every=EVERY):
    """Return what became of each temperature, and the record after the last."""
    record, found = None, []
    for step, temperature in enumerate(temperatures):
        now = NOON + step * every
        reading, record = believed(zone, record, Reading(temperature, 50.0, now), now)
        found.append(reading.temperature)
    return found, record


@pytest.mark.parametrize("kelvin", [-15.0, -4.0, 4.0, 15.0, 60.0])
def test_every_third_reading_is_far_off(kelvin):
    said = [21.0 + (kelvin if step % 3 == 0 else 0.0) for step in range(3, 60)]
    found, record = judged(zone_of(), [21.0, *said])
    acted_on = [each for each in found if each not in (21.0, None)]
    assert len(acted_on) <= 2
    assert record.doubt is not None
    assert SensorRecord.from_document(record.to_document()) == record


def test_it_is_believed_again_once_it_was_quiet_for_half_a_day():
    zone = zone_of()
    said = [21.0, 30.0] * 10
    calm = [21.0 + 0.1 * (step % 2) for step in range(30 * 13)]
    assert judged(zone, said)[1].doubt is ReasonCode.TEMPERATURE_JUMPED
    assert judged(zone, [*said, *calm])[1].doubt is None


def test_what_it_says_twice_counts_also_of_such_a_meter():
    found, record = judged(zone_of(), [*[21.0, 30.0] * 4, 21.0, 26.0, 26.2])
    assert leaps_often(record, NOON + 10 * EVERY)
    assert found[-2:] == [None, 26.2]


def test_a_single_leap_is_no_habit():
    found, record = judged(zone_of(), [21.0, 21.1, 30.0, 21.1, 21.2])
    assert record.doubt is None
    assert found[2] == 30.0


@pytest.mark.parametrize("up", [1.0, -1.0])
def test_a_light_room_that_a_strong_unit_drives_is_no_meter_that_jumps(up):
    """Three kelvin within one look while it works, and back by itself once it rests."""
    cycle = [0.0, 3.2, 4.6, 3.0, 1.6, 0.7]
    said = [round(20.0 + up * each, 1) for each in cycle * 12]
    found, record = judged(zone_of(), said, timedelta(minutes=3))
    assert found == said
    assert record.doubt is None
    # One that falls back in a single look is no room.
    jumps = [20.0, 20.0 + 4.6 * up, 20.0 + 4.6 * up] * 12
    assert judged(zone_of(), jumps, timedelta(minutes=3))[1].doubt is not None


def test_where_any_value_may_follow_any_other_nothing_is_doubted():
    found, record = judged(zone_of(sensor_slew_kelvin=0), [21.0, 35.0] * 30)
    assert None not in found
    assert record.doubt is None


@given(
    steps=st.lists(st.floats(-1.2, 1.2), max_size=200),
    minutes=st.sampled_from([1, 2, 5, 20]),
)
def test_no_room_that_goes_its_way_is_doubted(steps, minutes):
    """However it wanders by up to a kelvin a look, as with airing and a strong unit."""
    temperatures, now = [21.0], 21.0
    for step in steps:
        now = min(45.0, max(-5.0, round(now + step, 1)))
        temperatures.append(now)
    found, record = judged(zone_of(), temperatures, timedelta(minutes=minutes))
    assert found == temperatures
    assert record.doubt is None


async def test_such_a_meter_does_not_switch_its_unit_on_and_off(flat):
    before = 0
    for step in range(180):
        if step == 10:
            before = len(flat.cloud.words)
        true = 19.0 + 0.1 * (step // 20 % 2)
        await flat.tick(true if step % 3 else 34.0, after=120)
    # The room does not follow its unit, which is told again now and then.
    later = flat.cloud.words[before:]
    assert "turnOff" not in later
    assert len(later) <= 6
