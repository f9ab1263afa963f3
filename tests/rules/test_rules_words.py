"""One thing under several words, on both sides of a comparison; and what is no value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.cloud.catalog.words import folded, name_among, same, truth
from switchbot_automation.model import Device, DeviceList, DeviceStatus

ROOMS = {"temperature": 21.0, "humidity": 50, "battery": 90}
WORDS = [
    *(True, False, 0, 1, 1.0, 21, "21.0", "on", "off", "ON", "detected"),
    *("NOT_DETECTED", "lock", "LOCKED", "open", "opened", "close", "closed", "x", ""),
]


class Home:
    """A house with one more device, whose status and events are given."""

    def __init__(self, house, name, device_type, fields):
        self.house, self.type, self.fields = house, device_type, fields
        self.answer = house.cloud.status
        listed = house.cloud.devices

        async def devices():
            there = await listed()
            more = Device("E00000000009", name, device_type, None, cloud_service=True)
            return DeviceList((*there.devices, more), there.remotes)

        async def status(device_id):
            if device_id != "E00000000009":
                return await self.answer(device_id)
            house.cloud.calls.append(f"status {device_id}")
            return DeviceStatus(device_id, device_type, self.fields, house.clock.now())

        house.cloud.devices, house.cloud.status = devices, status

    async def runs(self, trigger, event=None, event_type="", fields=None, ticks=3):
        """Return how often a rule ran that asks for something."""
        self.house.rules(
            {
                "id": "it",
                "triggers": trigger,
                "actions": {"action": "notify", "message": "$value"},
            }
        )
        await self.house.tick()
        self.fields = fields or self.fields
        if event is not None:
            await self.house.push("E00000000009", event_type or self.type, **event)
        for _ in range(ticks):
            await self.house.tick(after=310)
        return len(self.house.told.messages)


def becomes(name, attribute, *to):
    return {
        "trigger": "state",
        "device": name,
        "attribute": attribute,
        "to": list(to),
    }


LOCKS = {"lockState": "unlocked", "doorState": "closed", "battery": 95}
CASES = [
    ("Smart Lock Ultra", LOCKS, ("lockState", "locked"), {"lockState": "LOCKED"}),
    ("Smart Lock Ultra", LOCKS, ("lockState", "LOCKED"), {"lockState": "locked"}),
    ("Smart Lock Ultra", LOCKS, ("lockState", "lock"), {"lockState": "LOCKED"}),
    ("Smart Lock Ultra", LOCKS, ("doorState", "open"), {"doorState": "OPENED"}),
    ("Smart Lock Ultra", LOCKS, ("doorState", "opened"), {"doorState": "open"}),
    (
        "Presence Sensor",
        {"Detected": False, "battery": 90},
        ("detected", "on"),
        {"detectionState": "DETECTED"},
    ),
    (
        "RGBICWW Floor Lamp",
        {"power": "on", "online": True},
        ("onlineStatus", "offline"),
        {"online": False, "powerState": "ON"},
    ),
    (
        "RGBICWW Floor Lamp",
        {"power": "on", "online": True},
        ("powerState", "OFF"),
        {"online": True, "powerState": "OFF"},
    ),
    (
        "Climate Panel",
        {**ROOMS, "brightness": "dim"},
        ("brightness", "BRIGHT"),
        {**ROOMS, "brightness": "bright", "scale": "CELSIUS"},
    ),
    (
        "Garage Door Opener",
        {"doorStatus": 0, "online": True},
        ("doorStatus", "1"),
        {"doorStatus": 1},
    ),
]


@pytest.mark.parametrize(("kind", "before", "asked", "event"), CASES)
async def test_a_word_is_heard_in_any_of_its_spellings(
    house, kind, before, asked, event
):
    home = Home(house, "It", kind, before)
    assert await home.runs(becomes("It", *asked), event, ticks=0) == 0
    await house.tick(after=2)
    assert len(house.told.messages) == 1


@pytest.mark.parametrize(
    ("kind", "before", "attribute", "value"),
    [
        ("Smart Lock Ultra", LOCKS, "lockState", "LOCKED"),
        ("Smart Lock Ultra", LOCKS, "doorState", "opened"),
        (
            "RGBICWW Floor Lamp",
            {"power": "on", "online": True},
            "onlineStatus",
            "offline",
        ),
    ],
)
async def test_a_status_is_read_so_too(house, kind, before, attribute, value):
    spelled = "online" if attribute == "onlineStatus" else attribute
    after = {**before, spelled: False if spelled == "online" else value}
    home = Home(house, "It", kind, before)
    assert await home.runs(becomes("It", attribute, value), fields=after) == 1


async def test_a_webhook_trigger_takes_either_word(house):
    home = Home(house, "It", "Smart Lock Ultra", LOCKS)
    trigger = {"trigger": "webhook", "device": "It", "values": {"LockState": "lock"}}
    await home.runs(trigger, {"lockState": "LOCKED"}, "Lock Ultra", ticks=0)
    await house.tick(after=2)
    assert len(house.told.messages) == 1


# --- what is no value ----------------------------------------------------------------------

LOST = [
    {"temperature": 0, "humidity": 0, "battery": 0, "CO2": 613},
    {"temperature": 0, "humidity": 0, "battery": 0, "hubDeviceId": "000000000000"},
    {"temperature": 0, "humidity": 0, "battery": 0},
    {"temperature": 4.0, "humidity": 50, "battery": 90, "onlineStatus": "offline"},
    {},
    {"temperature": "4.0.1", "humidity": 50, "battery": 90},
]


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("pushed", [False, True])
async def test_no_rule_acts_on_a_meter_that_is_lost(house, lost, pushed):
    home = Home(house, "It", "MeterPro(CO2)", {**ROOMS, "CO2": 800})
    cold = {
        "trigger": "numeric_state",
        "device": "It",
        "attribute": "temperature",
        "below": 5,
    }
    event = {"scale": "CELSIUS", **lost} if pushed else None
    assert await home.runs(cold, event, fields=lost, ticks=4) == 0


async def test_a_meter_that_is_lost_takes_its_last_value_with_it(house):
    home = Home(house, "It", "MeterPro(CO2)", {**ROOMS, "CO2": 800})
    cool = {"condition": "numeric_state", "device": "It", "below": 25}
    opened = becomes("Front door", "openState", "open")
    # A trigger looks at it too, so that it was read a moment ago and is not read again.
    hot = {**cool, "trigger": "numeric_state", "attribute": "temperature", "above": 60}
    del hot["condition"], hot["below"]
    rule = {
        "id": "it",
        "triggers": [opened, hot],
        "conditions": {**cool, "attribute": "temperature"},
    }
    house.rules({**rule, "actions": {"action": "notify", "message": "x"}})
    for _ in range(2):
        await house.tick(after=60)
    gone = {"temperature": 0, "humidity": 0, "battery": 0, "scale": "CELSIUS"}
    home.fields = gone
    await house.push("E00000000009", "MeterPro(CO2)", **gone)
    await house.push("D00000000001", "WoContact", openState="open")
    await house.tick(after=1)
    assert house.outcomes == ["conditions_unknown"]


# --- the words themselves ------------------------------------------------------------------


@given(st.sampled_from(WORDS), st.sampled_from(WORDS))
def test_to_mean_the_same_holds_both_ways(left, right):
    assert same(left, right) == same(right, left)
    assert same(left, left)
    if same(left, right) and isinstance(left, str) and isinstance(right, str):
        assert folded(left) == folded(right)


@given(st.text(max_size=20))
def test_a_word_is_itself_in_any_case_and_no_other_one(word):
    assert same(word, word.strip())
    assert not same(f"x{word}", f"y{word}")
    assert truth(f"x{word}") is None


@given(st.lists(st.text("abc", min_size=1, max_size=4), unique_by=str.casefold))
def test_a_name_is_found_among_names_however_it_is_written(names):
    for name in names:
        assert name_among(name.upper(), names) == name
    assert name_among("nothing", names) is None
