"""Infrared units that missed their OFF and hold the room in its band, where nobody looks.

The room's rests before are what shows it; here they are known, as after some days.
"""

from datetime import datetime, timedelta

import pytest

from switchbot_automation.core.control.resting import Resting
from switchbot_automation.engine.tell.events import DeviceUnresponsive
from tests.adversaries import adversaries as of
from tests.adversaries.adversaries import Episode
from tests.adversaries.home import RoomPlan
from tests.adversaries.life import EVERY_DAY, Household, Life
from tests.cases import slow_after

UNTIL_FOUR = [{"days": EVERY_DAY, "start": "00:00", "end": "04:00"}]
FOUR = 4 * 60


async def life_of(
    house, *, control="auto", deaf_minutes=0, days=4, loses=0.3, begin=FOUR - 5, more=()
):
    """Return a life in a room that loses so many kelvin an hour at rest, from midnight on.

    That was seen on so many days.
    """
    script = [Episode(of.BurstsLost(99), 0, begin, deaf_minutes)]
    rooms = (RoomPlan(house=house, begins_at=20.5),)
    more = (("time_windows", UNTIL_FOUR), *more)
    household = Household(rooms, control=control, seed=3, more=more)
    life = Life(household, script if deaf_minutes else [])
    await life.live(minutes=30)
    document = dict(life.store.get("state/living"))
    resting = Resting(known=((loses, days),) * 8)
    document["evidence"] = {"resting": resting.to_document()}
    life.store.set("state/living", document)
    life.restart()
    return life


def stops(life):
    """Return the minutes after four o'clock at which the unit was told OFF."""
    at_four = life.home.start + timedelta(minutes=FOUR)
    return [
        round((each.at - at_four).total_seconds() / 60)
        for each in life.home.attempts
        if each.word == "turnOff"
    ]


def told(life, kind):
    return [event for event in life.chronicle.notices if isinstance(event, kind)]


@pytest.mark.parametrize(
    ("house", "control"),
    slow_after(1, [("default", "auto"), ("light", "switch"), ("sunny", "modulate")]),
)
async def test_a_lost_stop_is_made_good_within_hours(house, control):
    life = await life_of(house, control=control, deaf_minutes=30)
    await life.live(hours=10)
    assert not life.room.unit.settings.power
    first, again = stops(life)
    assert first <= 1
    assert again - first < 6 * 60
    zone = (await life.engine.health())["zones"]["living"]
    assert not zone["unit"]["uncertain"]


async def test_a_unit_that_heard_its_stop_is_not_told_again():
    life = await life_of("default")
    await life.live(hours=10)
    assert len(stops(life)) == 1


async def test_who_sleeps_hears_no_stop_before_the_quiet_hours_are_over():
    quiet = {"start": "05:00", "end": "13:00"}
    more = (("command_quiet_hours", quiet),)
    life = await life_of("default", deaf_minutes=30, more=more)
    await life.live(hours=13)
    first, again = stops(life)
    assert first <= 1
    assert 9 * 60 <= again <= 9 * 60 + 5
    assert told(life, DeviceUnresponsive) == []


async def test_on_the_second_day_a_lost_stop_is_told_again_once_and_no_more_made_of_it():
    life = await life_of("default", deaf_minutes=20 * 60, days=1)
    await life.live(hours=16)
    assert life.room.unit.settings.power
    assert len(stops(life)) == 2
    assert told(life, DeviceUnresponsive) == []
    zone = (await life.engine.health())["zones"]["living"]
    assert not zone["unit"]["uncertain"]


async def test_where_six_repairs_were_told_already_nobody_hears_a_seventh():
    """A rest that looks like none had a bound of its own, beside that of all repairs."""
    life = await life_of("default", deaf_minutes=20 * 60, days=1)
    await life.live(hours=11)
    document = dict(life.store.get("state/living"))
    at = life.clock.now()
    lately = [(at - timedelta(minutes=10 * each)).isoformat() for each in range(6)]
    document["evidence"] |= {"repairs": lately}
    life.store.set("state/living", document)
    life.restart()
    await life.live(hours=8)
    _first, again = stops(life)
    assert again > 12 * 60
    kept = life.store.get("state/living")["evidence"]["repairs"]
    told_at = life.home.start + timedelta(minutes=FOUR + again)
    assert abs(datetime.fromisoformat(kept[-1]) - told_at) < timedelta(minutes=2)


async def test_one_that_hears_no_stop_at_all_is_told_twice_more_and_then_told_of():
    life = await life_of("default", deaf_minutes=20 * 60)
    await life.live(hours=20)
    assert life.room.unit.settings.power
    assert len(stops(life)) == 3
    assert len(told(life, DeviceUnresponsive)) == 1
    zone = (await life.engine.health())["zones"]["living"]
    assert zone["unit"]["contradicted_by"] == "room"
    life.room.remote(power=False)
    await life.live(hours=5)  # past midnight, when it is told to heat
    zone = (await life.engine.health())["zones"]["living"]
    assert zone["unit"]["contradicted_by"] is None
