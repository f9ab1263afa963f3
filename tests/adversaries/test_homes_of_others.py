"""Homes that nobody here had seen: what the engine is told there is undone, or not so.

What has to hold of each: the room is kept, or within an hour of its being out health is
degraded by the cause that it is, and stays so; nobody is sent more commands than is bearable.
"""

import asyncio
from dataclasses import replace

import pytest

from switchbot_automation.model import ManualAction, ReasonCode
from switchbot_automation.simulation.home import RoomSpec
from switchbot_automation.simulation.house.aircon import AirconMode
from switchbot_automation.simulation.house.weather import Climate
from tests.adversaries import adversaries as of
from tests.adversaries.adversaries import Episode
from tests.adversaries.home import RoomPlan
from tests.adversaries.invariants import bearable, faults
from tests.adversaries.life import Household, Life
from tests.adversaries.test_relays import ALWAYS, Heated
from tests.cases import slow_after
from tests.equipment.homes import COLD, DEVICE, MILD, Home, roomed

STRUCK = 300
CODE = {
    "undone": ReasonCode.UNIT_SET_OTHERWISE,
    "runs on": ReasonCode.UNIT_RUNS_ON,
    "stays warm": ReasonCode.RADIATOR_STAYS_WARM,
    "does not follow": ReasonCode.ROOM_DOES_NOT_FOLLOW,
}


PLAIN = RoomPlan()


def lived(script, *, hours, plan=PLAIN, outdoors=4.0):
    life = Life(Household((plan,), outdoors=outdoors), script)
    asyncio.run(life.live(hours=hours))
    return life


def causes(life):
    """Return minute by minute of the looks why health is degraded, None: it is not."""
    found: dict[int, object] = {}
    for sample in life.chronicle.samples:
        room = sample.health["zones"]["living"]["room"]
        first = room["reasons"][0] if room["advice"] else None
        found[sample.minute] = first
    return found


def first_told(life, code):
    return min(minute for minute, each in causes(life).items() if each == code)


def every(adversary, minutes, times, begin=240):
    return [Episode(adversary, 0, begin + minutes * each, 1) for each in range(times)]


# --- what is told does not last ---------------------------------------------------------


@pytest.mark.parametrize(
    ("adversary", "minutes"),
    slow_after(
        1,
        [
            (of.RemoteMode(AirconMode.FAN), 40),
            (of.RemoteMode(AirconMode.COOL), 60),
            (of.RemoteSetpoint(16.0), 60),
        ],
    ),
)
def test_a_hand_that_sets_it_otherwise_again_and_again_is_told_of(adversary, minutes):
    times = 300 // minutes
    life = lived(every(adversary, minutes, times), hours=14)
    # The fourth time is no chance any more; a unit that thaws itself does it three times.
    assert first_told(life, CODE["undone"]) <= 240 + 3 * minutes + 30
    assert faults(life.chronicle) == []
    # It is over once nobody does it any more.
    assert set(causes(life).values()) >= {CODE["undone"], None}
    assert causes(life)[14 * 60] is None


@pytest.mark.slow  # it lives three days
def test_a_weak_unit_that_thaws_itself_is_undone_by_nobody():
    household = Household(
        (RoomPlan(house="light"),), windows="night preset", outdoors=-2.0, seed=5
    )
    life = Life(household)
    asyncio.run(life.live(days=3))
    assert CODE["undone"] not in causes(life).values()


# --- what was told to stop and works on ---------------------------------------------------


async def test_a_welded_relay_in_hard_cold_is_told_of_by_its_short_rests():
    home = Heated("Plug Mini (US)", 0, climate=COLD)
    await home.live(2)
    home.weld(on=True)
    await home.watched(3)
    rests = [each.minute for each in home.looks if each.believed == "off"]
    told = [
        each.minute
        for each in home.looks
        if each.health["zones"]["default"]["room"]["reasons"][0] == CODE["runs on"]
    ]
    assert told[0] <= rests[0] + 60
    assert told[-1] == home.looks[-1].minute


async def test_a_relay_that_obeys_again_is_told_of_no_more():
    home = Heated("Plug Mini (US)", 0, climate=COLD)
    await home.live(2)
    home.weld(on=True)
    await home.watched(2)
    assert home.looks[-1].health["status"] != "ok"
    home.panel.welded = False
    await home.watched(2)
    assert home.looks[-1].health["status"] == "ok"


async def _radiator(climate, wanted, hours):
    document = roomed({"kind": "thermostat", "device_id": DEVICE}, time_windows=ALWAYS)
    spec = RoomSpec(aircon_id=DEVICE, equipment="thermostat")
    home = Home(document, rooms=[spec], climate=climate)
    await home.live(4)
    if wanted is not None:
        home.unit().seized = wanted
    looks = []
    for _look in range(hours * 6):
        await home.live(1 / 6)
        room = (await home.engine.health())["zones"]["default"]["room"]
        looks.append((home.house.air, room["reasons"], room.get("advice") or None))
    return home, looks


async def test_a_valve_stuck_open_is_told_of_and_told_to_close_once_more():
    home, looks = await _radiator(Climate(yearly_mean=14.0), 1.0, 8)
    told = [
        number for number, each in enumerate(looks) if each[1][0] == CODE["stays warm"]
    ]
    beyond = [n for n, each in enumerate(looks) if "room_beyond_reach" in each[1]]
    # It is given 45 minutes to cool, and half an hour to be warm by chance.
    assert told[0] <= beyond[0] + 9
    assert told == list(range(told[0], len(looks)))
    assert sum("off" in str(each.action) for each in home.sent) <= 4


async def test_a_valve_stuck_closed_is_told_of():
    _home, looks = await _radiator(MILD, 0.0, 3)
    cold = next(number for number, each in enumerate(looks) if each[0] < 19.0)
    told = next(number for number, each in enumerate(looks) if each[2])
    assert told <= cold + 6


async def test_one_whose_radiator_seems_warm_by_turns_is_not_told_to_close_each_time():
    document = roomed({"kind": "thermostat", "device_id": DEVICE}, time_windows=ALWAYS)
    spec = RoomSpec(aircon_id=DEVICE, equipment="thermostat")
    home = Home(document, rooms=[spec], climate=Climate(yearly_mean=34.0))
    honest = home.cloud.status

    async def status(device_id):
        found = await honest(device_id)
        if device_id != DEVICE:
            return found
        # Clouds come and go before the sun.
        sunny = int(home.clock.monotonic()) // 1500 % 2
        celsius = round(home.cloud.room.house.air + (2.0 if sunny else 0.5), 1)
        return replace(found, fields=dict(found.fields, temperature=celsius))

    home.cloud.status = status
    await home.live(0.1)
    await home.engine.act("default", ManualAction.OFF)
    await home.engine.resume("default")
    await home.live(16)
    offs = [each for each in home.sent if str(each.action) == "off"]
    assert len(offs) == 1


async def test_a_radiator_in_the_sun_of_spring_is_no_stuck_valve():
    """ "Cut its power" was said of it for hours, where a window to the south had warmed both."""
    document = roomed({"kind": "thermostat", "device_id": DEVICE}, time_windows=ALWAYS)
    spec = RoomSpec(aircon_id=DEVICE, equipment="thermostat")
    home = Home(document, rooms=[spec], climate=Climate(yearly_mean=34.0))
    honest = home.cloud.status

    async def status(device_id):
        found = await honest(device_id)
        if device_id != DEVICE:
            return found
        sunny = 10 <= home.clock.now().hour < 13
        celsius = round(home.cloud.room.house.air + (1.3 if sunny else 0.2), 1)
        return replace(found, fields=dict(found.fields, temperature=celsius))

    home.cloud.status = status
    await home.live(0.1)
    await home.engine.act("default", ManualAction.OFF)
    await home.engine.resume("default")
    await home.live(9)
    rooms = []
    for _look in range(15):
        await home.live(1 / 3)
        health = await home.engine.health()
        rooms.append(health["zones"]["default"]["room"])
    assert any("room_beyond_reach" in each["reasons"] for each in rooms)
    assert {each.get("advice") or None for each in rooms} == {None}


async def test_a_valve_that_works_is_not_told_of():
    _home, looks = await _radiator(MILD, None, 20)
    assert {each[2] for each in looks} == {None}


# --- where the words are of another place -------------------------------------------------


@pytest.mark.parametrize(
    ("adversary", "plan"),
    slow_after(
        1,
        [
            (of.ContactStuckClosed(), RoomPlan(contact=True)),
            (of.MeterCarried(), RoomPlan()),
            (of.MeterCarried(celsius=15.0), RoomPlan()),
        ],
    ),
)
def test_what_takes_a_room_away_at_once_is_not_called_a_weak_unit(adversary, plan):
    life = lived([Episode(adversary, 0, STRUCK, 10**5)], hours=16, plan=plan)
    told = first_told(life, CODE["does not follow"])
    assert told <= STRUCK + 70
    later = [why for minute, why in causes(life).items() if minute >= told]
    assert ReasonCode.UNIT_AT_CAPACITY not in later
    assert later.count(None) <= 3


def test_a_meter_whose_battery_gives_out_costs_few_commands():
    life = lived([Episode(of.MeterDying(), 0, STRUCK, 10**5)], hours=24)
    assert bearable(life.chronicle, life.room) == []
    assert first_told(life, ReasonCode.TEMPERATURE_JUMPED) <= STRUCK + 240


@pytest.mark.parametrize("control", slow_after(1, ["switch", "modulate", "auto"]))
def test_a_room_that_a_unit_of_one_speed_swings_is_told_of(control):
    """It goes two kelvin past its band between two looks: what began so far out was no swing."""
    plan = RoomPlan(house="light", begins_at=21.0)
    life = Life(Household((plan,), control=control, outdoors=8.0, seed=3))
    unit = life.room.unit
    strong = unit.parameters.heating_capacity * 2.0
    unit.parameters = replace(
        unit.parameters,
        heating_capacity=strong,
        minimum_fraction=1.0,
        thermo_off_error=99.0,
    )
    asyncio.run(life.live(hours=32))
    rooms = [each.health["zones"]["living"]["room"] for each in life.chronicle.samples]
    swings = [str(ReasonCode.ROOM_SWINGS) in each["reasons"] for each in rooms]
    # Half of its time is a quarter of a day after some eighteen hours.
    assert all(swings[24 * 6 :])
    assert all(
        each["advice"] for each, is_so in zip(rooms, swings, strict=True) if is_so
    )
