"""A heater on a plug that rules switch: it is off in time, whatever becomes of the rules."""

import asyncio
import importlib.util
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switchbot_automation.errors import CloudServerError
from switchbot_automation.model import Device, DeviceList, DeviceStatus
from switchbot_automation.rules.running.guards import GIVEN_UP, Guard
from switchbot_automation.rules.running.memory import Memory
from switchbot_automation.settings.read import check_settings
from tests.cases import drawn

_SPEC = importlib.util.spec_from_file_location(
    "house_with_a_heater", Path(__file__).with_name("conftest.py")
)
ruled_house = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(ruled_house)

MONDAY = datetime(2026, 1, 12, 12, tzinfo=UTC)
METER, PLUG = "A00000000001", "B00000000002"
COLD = {
    "trigger": "numeric_state",
    "device": "Room",
    "attribute": "temperature",
    "below": 18,
}
WARM = {**{key: each for key, each in COLD.items() if key != "below"}, "above": 20}


def command(word, device="Heater", **more):
    return {"action": "command", "device": device, "command": word, **more}


def rule(name, trigger, *actions, **parts):
    return {"id": name, "triggers": trigger, "actions": list(actions), **parts}


ON = rule("on", COLD, command("turnOn"))
OFF = rule("off", WARM, command("turnOff"))


def with_heater(house):
    """Return a house whose heater is a plug; `house.room` is what its meter says."""
    house.room = {"temperature": 19.0, "humidity": 50, "battery": 90}
    answer, listed = house.cloud.status, house.cloud.devices

    async def devices():
        there = await listed()
        more = (
            Device(METER, "Room", "Meter", None, cloud_service=True),
            Device(PLUG, "Heater", "Plug Mini (US)", None, cloud_service=True),
        )
        return DeviceList((*there.devices, *more), there.remotes)

    async def status(device_id):
        if device_id != METER:
            return await answer(device_id)
        house.cloud.calls.append(f"status {device_id}")
        if isinstance(house.room, Exception):
            raise house.room
        return DeviceStatus(METER, "Meter", house.room, house.clock.now())

    house.cloud.devices, house.cloud.status = devices, status
    return house


@pytest.fixture
def heated(house):
    return with_heater(house)


def room(temperature):
    return {"temperature": temperature, "humidity": 50, "battery": 90}


async def cooled(house):
    """Have the rule turn the heater on."""
    await house.tick()
    house.room = room(17.0)
    await house.tick(after=310)
    assert house.cloud.sent[-1:] == ["turnOn"]


@pytest.mark.parametrize(
    "lost",
    [
        CloudServerError("171: hub offline"),
        {"temperature": 0, "humidity": 0, "battery": 0},
        {**room(17.0), "onlineStatus": "offline"},
        {},
    ],
)
async def test_it_is_off_once_the_sensor_it_hangs_on_is_given_up(heated, lost):
    heated.rules(ON, OFF)
    await cooled(heated)
    heated.room = lost
    await heated.live(600)
    assert heated.cloud.sent == ["turnOn"]
    await heated.live(GIVEN_UP.total_seconds() + 900)
    assert heated.cloud.sent == ["turnOn", "turnOff"]
    (title, message) = heated.told.messages[-1]
    assert title == "Turned off"
    assert "temperature of Room" in message
    await heated.live(7200)
    assert heated.cloud.sent == ["turnOn", "turnOff"]
    assert "guards" not in heated.document


async def test_a_sensor_that_comes_back_in_time_changes_nothing(heated):
    heated.rules(ON, OFF)
    await cooled(heated)
    for _ in range(6):
        heated.room = CloudServerError("171: hub offline")
        await heated.live(900)
        heated.room = room(17.5)
        await heated.live(900)
    assert heated.cloud.sent == ["turnOn"]


async def test_it_hangs_on_the_condition_of_a_rule_by_the_clock(heated):
    cold = {key: each for key, each in COLD.items() if key != "trigger"}
    once = {"trigger": "time", "at": "12:10"}
    condition = {"condition": "numeric_state", **cold}
    heated.room = room(17.0)
    heated.rules(rule("on", once, command("turnOn"), conditions=condition))
    await heated.live(900)
    assert heated.cloud.sent == ["turnOn"]
    # It is read although no trigger looks at it, so it is not given up by mistake.
    await heated.live(3 * 3600)
    assert heated.cloud.sent == ["turnOn"]
    heated.room = CloudServerError("171: hub offline")
    await heated.live(3600)
    assert heated.cloud.sent[-1] == "turnOff"


@pytest.mark.parametrize("gone", ["deleted", "disabled", "restarted", "edited"])
async def test_it_is_off_whatever_becomes_of_the_rule(heated, gone):
    heated.rules(ON, OFF)
    await cooled(heated)
    if gone == "deleted":
        heated.rules()
    elif gone == "disabled":
        heated.rules({**ON, "enabled": False}, OFF)
    elif gone == "edited":
        heated.rules({**ON, "alias": "Heating"}, OFF)
    else:
        heated.restarted()
    heated.room = CloudServerError("171: hub offline")
    await heated.live(4000)
    assert heated.cloud.sent == ["turnOn", "turnOff"]


async def test_the_off_is_tried_again_until_it_is_taken(heated):
    heated.rules(ON, OFF)
    await cooled(heated)
    heated.room = CloudServerError("171: hub offline")
    heated.cloud.broken["command"] = CloudServerError("161: device offline")
    await heated.live(7200)
    assert heated.cloud.sent == ["turnOn"]
    heated.restarted()
    del heated.cloud.broken["command"]
    await heated.live(1200)
    assert heated.cloud.sent == ["turnOn", "turnOff"]


@pytest.mark.parametrize(
    "action",
    [
        command("turnOn", sensor_lost="keep"),
        command("turnOn", device="Lamp"),
        command("setBrightness", device="Lamp", parameter=40),
    ],
)
async def test_what_may_stay_on_stays_on(heated, action):
    heated.rules(rule("on", COLD, action))
    await heated.tick()
    heated.room = room(17.0)
    await heated.tick(after=310)
    heated.room = CloudServerError("171: hub offline")
    await heated.live(7200)
    assert "turnOff" not in heated.cloud.sent
    assert len(heated.cloud.sent) == 1


@pytest.mark.parametrize(
    ("kind", "off"),
    [
        ("Bot", False),
        ("Circulator Fan", False),
        ("Relay Switch 1PM", True),
        ("Humidifier", True),
        ("Toaster 3000", True),
    ],
)
async def test_what_is_turned_off_is_what_could_do_harm(heated, kind, off):
    listed = heated.cloud.devices

    async def devices():
        found = await listed()
        there = [each for each in found.devices if each.device_id != PLUG]
        heater = Device(PLUG, "Heater", kind, None, cloud_service=True)
        return DeviceList((*there, heater), found.remotes)

    heated.cloud.devices = devices
    heated.rules(rule("on", COLD, command("turnOn", unchecked=True)))
    await cooled(heated)
    heated.room = CloudServerError("171: hub offline")
    await heated.live(7200)
    assert ("turnOff" in heated.cloud.sent) is off


async def test_a_rule_that_a_person_runs_hangs_on_its_sensor_too(heated):
    heated.rules(ON, OFF)
    await heated.tick()
    await heated.engine.run_rule("on")
    assert heated.cloud.sent == ["turnOn"]
    heated.room = CloudServerError("171: hub offline")
    await heated.live(4000)
    assert heated.cloud.sent == ["turnOn", "turnOff"]


async def test_a_zone_is_a_sensor_too(heated):
    cold = {"trigger": "numeric_state", "zone": "default", "below": 18}
    heated.rules(rule("on", cold, command("turnOn")), automation_enabled=False)
    await heated.tick()
    heated.cloud.temperature = 17.0
    await heated.tick(after=61)
    assert heated.cloud.sent == ["turnOn"]
    heated.cloud.temperature = None
    await heated.live(3 * 3600)
    assert heated.cloud.sent == ["turnOn", "turnOff"]


# --- for at most --------------------------------------------------------------------------


def limited(**more):
    return rule("on", COLD, command("turnOn", for_at_most={"hours": 2}, **more))


@pytest.mark.parametrize("restart", [False, True])
async def test_it_is_on_for_at_most_so_long(heated, restart):
    heated.rules(limited())
    await cooled(heated)
    await heated.live(7000)
    assert heated.cloud.sent == ["turnOn"]
    if restart:
        heated.restarted()
    await heated.live(400)
    assert heated.cloud.sent == ["turnOn", "turnOff"]


async def test_another_on_makes_it_no_longer(heated):
    again = {"trigger": "time_pattern", "minutes": "/10"}
    act = command("turnOn", for_at_most={"hours": 2}, sensor_lost="keep")
    heated.rules(rule("on", again, act))
    await heated.live(600 + 7200 - 5)
    assert set(heated.cloud.sent) == {"turnOn"}
    await heated.live(10)
    assert "turnOff" in heated.cloud.sent


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("back", [1800, 5400, 3 * 3600, 40 * 86400])
async def test_a_clock_that_is_set_back_makes_it_no_longer(heated, back, restart):
    """Also where it shows an instant at which the heater was on already."""
    heated.rules(limited())
    await cooled(heated)
    began = heated.clock.monotonic()
    offs = []
    heated.cloud.on_send = lambda: offs.append(heated.clock.monotonic() - began)
    await heated.live(6000)
    heated.clock.jump(-back)
    await heated.tick()
    if restart:
        heated.restarted()
        await heated.tick()
    await heated.live(1500)
    assert heated.cloud.sent == ["turnOn", "turnOff"]
    assert 7100 <= offs[0] <= 7300


async def test_an_off_ends_it_and_the_next_on_begins_anew(heated):
    heated.rules(limited(), OFF)
    await cooled(heated)
    await heated.live(3600)
    heated.room = room(21.0)
    await heated.live(600)
    assert heated.cloud.sent == ["turnOn", "turnOff"]
    heated.room = room(17.0)
    await heated.live(6000)
    assert heated.cloud.sent == ["turnOn", "turnOff", "turnOn"]
    await heated.live(2000)
    assert heated.cloud.sent == ["turnOn", "turnOff", "turnOn", "turnOff"]


async def test_an_on_that_may_have_arrived_counts(heated):
    heated.rules(limited())
    await heated.tick()
    heated.room = room(17.0)
    heated.cloud.broken["command"] = CloudServerError("500", maybe_sent=True)
    await heated.tick(after=310)
    assert heated.document["guards"][0]["device"] == "Heater"


def test_it_is_for_what_turns_a_device_on():
    for action in (
        command("turnOff", for_at_most={"hours": 1}),
        {"action": "command", "zone": "default", "command": "on"}
        | {"for_at_most": {"hours": 1}},
        command("turnOn", for_at_most={"hours": 0}),
        command("turnOn", sensor_lost="perhaps"),
    ):
        assert check_settings({"rules": [rule("it", COLD, action)]}), action


# --- of its kind ---------------------------------------------------------------------------


@settings(
    max_examples=drawn(10, many=30),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.floats(12, 26), st.none()),
            st.integers(1, 9),
            st.booleans(),
        ),
        min_size=3,
        max_size=14,
    )
)
def test_no_heater_is_on_for_long_without_a_value_nor_longer_than_it_may(life):
    asyncio.run(lived(with_heater(ruled_house.RuledHouse()), life))


async def lived(house, life):
    house.rules(limited(), OFF)
    on_since = unknown_since = None
    now = house.clock.now
    for temperature, fives, restart in life:
        unknown = temperature is None
        house.room = CloudServerError("171") if unknown else room(temperature)
        unknown_since = (unknown_since or now()) if unknown else None
        if restart:
            house.restarted()
        for _ in range(fives):
            sent = len(house.cloud.sent)
            await house.live(300)
            for word in house.cloud.sent[sent:]:
                on_since = now() if word == "turnOn" else None
            if on_since is not None:
                assert now() - on_since <= timedelta(hours=2, minutes=10)
            if on_since is not None and unknown_since is not None:
                assert now() - max(on_since, unknown_since) <= timedelta(minutes=40)


@given(
    st.builds(
        Guard,
        st.text("ab", min_size=1),
        st.text("ab", min_size=1),
        st.text("ab", min_size=1),
        st.timedeltas(timedelta(0), timedelta(days=9000)).map(MONDAY.__add__),
    ),
    st.one_of(st.none(), st.integers(), st.text(), st.lists(st.integers())),
)
def test_what_is_kept_is_read_back_and_what_is_damaged_is_none(guard, damage):
    document = guard.to_document()
    assert Guard.from_document(document) == guard
    for key in ("rule", "run", "device", "since"):
        assert Guard.from_document({**document, key: None}) is None
    assert Guard.from_document(damage) is None
    read = Memory.from_document({"guards": [document, damage]})
    assert read.guards == (guard,)
    assert Memory.from_document(read.to_document()) == read
