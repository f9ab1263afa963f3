"""A dead meter, a restart, a lost, a refused and a half-heard command, over every kind.

Each kind stands where a room has it: what heats as the first unit, all else beside an air
conditioner. What has to hold of all of them:

- a command that was lost is seen to be, where its device tells, and is sent again;
- what is refused for good is not sent for ever, and health says so;
- a restart neither repeats what was told nor forgets it;
- without its meter it ends as its kind says that it fails.
"""

from __future__ import annotations

import pytest

from switchbot_automation.equipment.table import KINDS
from switchbot_automation.simulation import Fault
from switchbot_automation.simulation.comfort import most_starts_in_an_hour
from tests.cases import slow_after
from tests.equipment.homes import AIRCON, DEVICE, STARTS, Home, roomed

_WET = {"humidity": {"min_percent": 80, "max_percent": 95}}
_DRY = {"humidity": {"max_percent": 25}}
_STALE = {"air": {"max_co2_ppm": 500, "hysteresis_ppm": 20}}
_SUMMER = {
    "season": "summer",
    "summer": {"min_temp": 18, "max_temp": 25, "target_temp": 24},
}
# Where each has something to do from the morning on.
PLACES = {
    "aircon": {},
    "thermostat": {},
    "heater": {},
    "humidifier": _WET,
    "dehumidifier": _DRY,
    "purifier": _STALE,
    "fan": _STALE,
    "curtain": _SUMMER,
    "blind": _SUMMER,
    "shade": _SUMMER,
}
FIRST = ("aircon", "thermostat", "heater")
# So long after midnight UTC every one of them has been told to work.
MORNING = 8


def home_of(kind, **more):
    place = dict(PLACES[kind])
    device = AIRCON["device_id"] if kind == "aircon" else DEVICE
    entry = {"kind": kind, "device_id": device}
    entries = [entry] if kind in FIRST else [AIRCON, entry]
    home = Home(roomed(*entries, **place, **more), season=place.get("season", "winter"))
    home.device, home.kind = device, KINDS[kind]
    home.zone = "default" if kind in FIRST else "default 2"
    return home


def works(home):
    """Whether the unit really does what it is for."""
    unit = home.unit(home.device)
    settings = getattr(unit, "settings", None)
    if settings is not None:
        return settings.power
    if hasattr(unit, "setpoint"):
        return unit.setpoint is not None
    return unit.on


async def believed(home):
    """Whether the engine holds that it works."""
    health = await home.engine.health()
    return health["zones"][home.zone]["assumed_aircon_power"] == "on"


def of_unit(home, sent):
    return [each for each in sent if each.zone == home.zone]


# One of each way to be told and to tell: infrared, by a relay, by a setpoint, by a mode, by
# a place; the others share theirs with one of these.
HARDEST = ("aircon", "heater", "thermostat", "humidifier", "curtain")


@pytest.fixture(
    params=slow_after(len(HARDEST), (*HARDEST, *sorted(set(PLACES) - set(HARDEST))))
)
def kind(request):
    return request.param


def test_every_kind_has_its_place():
    assert set(PLACES) == set(KINDS)


@pytest.mark.parametrize("kind", PLACES)
async def test_it_works_where_it_is_wanted(kind):
    home = home_of(kind)
    await home.live(MORNING)
    assert of_unit(home, home.sent)
    assert home.unit(home.device).starts


async def test_a_lost_command_is_seen_and_sent_again(kind):
    home = home_of(kind)
    with home.cloud.faults.inject(Fault.LOST, device_id=home.device, times=1):
        await home.live(MORNING + 1)
    # What is infrared tells nothing; that its room does not follow takes it longer.
    assert home.unit(home.device).starts or kind == "aircon"
    assert len(of_unit(home, home.sent)) <= 36


async def test_a_lost_stop_does_not_run_on(kind):
    home = home_of(kind)
    await home.live(21)  # an hour before its windows close, in UTC
    with home.cloud.faults.inject(Fault.LOST, device_id=home.device, times=1):
        await home.live(3)
    if home.kind.fails != "stays" and kind != "aircon":
        assert not works(home)  # its windows are closed


async def test_a_restart_neither_repeats_nor_forgets(kind):
    home = home_of(kind)
    await home.live(MORNING)
    before, starts = await believed(home), len(home.unit(home.device).starts)
    home.restart()
    report = await home.engine.run_once()
    assert await believed(home) is before
    assert (
        not [each for each in of_unit(home, report.commands) if each.action != "off"]
        or len(home.unit(home.device).starts) == starts
    )
    for _each in range(6):
        home.restart()
        await home.live(0.05)
    assert len(home.unit(home.device).starts) - starts <= 1


async def test_a_command_refused_for_good_is_not_sent_for_ever(kind):
    home = home_of(kind)
    with home.cloud.faults.inject(Fault.DEVICE_ERROR, device_id=home.device):
        sent = await home.live(MORNING + 6)
        health = await home.engine.health()
    at = [
        (each.sent_at - STARTS["winter"]).total_seconds()
        for each in of_unit(home, sent)
    ]
    assert most_starts_in_an_hour(at) <= 12
    assert len(at) <= 72
    assert health["status"] != "ok"
    # And once it is heard again it is told, without anybody's help.
    await home.live(9)
    assert home.unit(home.device).starts or not works(home)


async def test_without_its_meter_it_fails_as_its_kind_says(kind):
    home = home_of(kind)
    await home.live(MORNING)
    worked = works(home)
    meter = home.cloud.room.spec.meter_id
    with home.cloud.faults.inject(Fault.OFFLINE, device_id=meter):
        await home.live(6)
        if home.kind.fails == "stays":
            assert works(home) is worked
        elif home.kind.fails == "low setpoint":
            assert home.unit(home.device).setpoint == 7.0
        else:
            assert not works(home)


async def test_an_answer_that_was_lost_leaves_no_false_belief(kind):
    home = home_of(kind)
    with home.cloud.faults.inject(Fault.ANSWER_LOST, device_id=home.device, times=2):
        await home.live(MORNING + 1)
    assert await believed(home) is works(home)


# What tells its power, its place or its mode when it is asked, and has no plug.
TELLING = [
    *("thermostat", "humidifier", "purifier", "curtain"),
    *("fan", "blind", "shade"),
]


@pytest.mark.parametrize("kind", slow_after(4, TELLING))
async def test_what_says_itself_that_it_does_not_obey_is_told_of(kind):
    """Its word was believed each time, so that nobody counted how often it was told."""
    home = home_of(kind)
    looks = []

    async def look():
        health = await home.engine.health()
        looks.append((health["status"], health["zones"][home.zone]["unit"]))

    with home.cloud.faults.inject(Fault.LOST, device_id=home.device):
        while not of_unit(home, home.sent):
            await home.live(0.25)
        await home.live(1)
        for _half in range(8):
            await home.live(0.5)
            await look()
    sent = of_unit(home, home.sent)
    assert {status for status, _unit in looks} == {"degraded"}
    assert all(unit["uncertain"] for _status, unit in looks)
    assert len(sent) <= 8
    # Once it hears again it is told again, and what was said of it is over; its room is
    # once it is back in its band.
    while not works(home):
        await home.live(0.25)
    await home.live(1)
    await look()
    assert not looks[-1][1]["uncertain"]
    await home.live(3)
    await look()
    assert looks[-1] == ("ok", {**looks[-1][1], "uncertain": False})


async def test_an_empty_tank_is_told_of_and_a_filled_one_ends_it():
    """It is on, its status says so, and the air gets drier: health was `ok` all day."""
    home = home_of("humidifier")
    home.unit(DEVICE).empty = True
    await home.live(MORNING)
    health = await home.engine.health()
    room = health["zones"][home.zone]["room"]
    assert health["status"] == "degraded"
    assert room["status"] == "not_kept"
    assert room["reasons"][0] == "tank_empty"
    assert "fill it" in room["advice"]
    home.unit(DEVICE).empty = False
    await home.live(2)
    assert (await home.engine.health())["status"] == "ok"


@pytest.mark.parametrize("kind", FIRST)
async def test_a_contact_that_flaps_wears_nothing_out(kind):
    """Its magnet is loose: every four minutes it is opened and closed."""
    contact = "D00000000001"
    home = home_of(kind, openings={"sensors": [contact]})
    home.cloud.add_device("Contact Sensor", contact)
    home.cloud.happen(contact, openState="close")
    await home.live(MORNING - 1)

    async def event(word):
        context = {"deviceType": "WoContact", "deviceMac": contact, "openState": word}
        at = round(home.clock.now().timestamp() * 1000)
        event = {"eventType": "changeReport", "eventVersion": "1"}
        context |= {"timeOfSample": at}
        await home.engine.handle_webhook(event | {"context": context})
        home.cloud.happen(contact, openState=word)

    before = len(of_unit(home, home.sent))
    for turn in range(30):
        await event("close" if turn % 2 else "open")
        await home.live(4 / 60)
    at = [
        (each.sent_at - STARTS["winter"]).total_seconds()
        for each in of_unit(home, home.sent)[before:]
    ]
    assert most_starts_in_an_hour(at) <= 12
