"""Sensors of plug-ins that say by themselves what they see, beside being read."""

import pytest

from switchbot_automation.plugins import API_VERSION, Plugin, registry

METER, WINDOW = "plugin:lounge", "plugin:window"


class Sensor:
    """Reads what a test says of it; counts how often."""

    def __init__(self, fields):
        self.fields = fields
        self.reads = 0

    async def read(self):
        self.reads += 1
        if self.fields is None:
            raise OSError("nothing is there")
        return dict(self.fields)


@pytest.fixture
def sensors():
    """The thermometer and the contact, as a host brings them."""
    registry.cache_clear()
    made = {
        "lounge": Sensor({"temperature": 21.0, "humidity": 50}),
        "window": Sensor({"openState": "close"}),
    }
    for name, sensor in made.items():
        registry().add(
            "sensors",
            f"host-{name}",
            Plugin(dict, lambda _config, sensor=sensor: sensor, API_VERSION),
        )
    yield made
    registry.cache_clear()


@pytest.fixture
async def room(house, sensors):
    """A room that is measured and watched by the host's sensors, once looked at."""
    house.configure(
        meter_device_id=METER,
        openings={"sensors": [WINDOW], "pause_after_seconds": 0},
        plugins={name: {"sensor": f"host-{name}"} for name in sensors},
    )
    await house.tick()
    assert house.state["last_temperature"] == 21.0
    # Both were read, and are read again when that is due.
    house.clock.advance(10)
    assert house.engine.next_wakeup > house.clock.now()
    return house


def is_wanted(house):
    return house.engine.next_wakeup <= house.clock.now()


async def why(house):
    report = await house.tick()
    return {reason.code for reason in report.decisions[0].reasons}


async def test_a_window_that_says_it_opened_pauses_its_room_at_once(room, sensors):
    sensors["window"].fields = {"openState": "open"}
    await room.engine.heard("window", {"openState": "open"})
    assert is_wanted(room)
    assert "opening_open" in await why(room)
    # Asked no further time: what was said is what is known.
    assert sensors["window"].reads == 1


async def test_a_contact_that_opens_and_closes_within_seconds_is_heard_each_time(room):
    for state in ("open", "close", "open"):
        room.clock.advance(1)
        await room.engine.heard("window", {"openState": state})
    assert "opening_open" in await why(room)


async def test_a_thermometer_that_says_it_is_cold_starts_the_unit_at_once(
    room, sensors
):
    await room.engine.heard("lounge", {"temperature": 18.2, "humidity": 40})
    assert is_wanted(room)
    report = await room.tick()
    assert report.decisions[0].outcome == "winter_on"
    assert room.state["last_temperature"] == 18.2
    assert sensors["lounge"].reads == 1


async def test_what_changes_nothing_wants_no_look(room):
    # The first word of a contact is news, whatever it is.
    await room.engine.heard("window", {"openState": "close"})
    await room.tick()
    room.clock.advance(10)
    await room.engine.heard("window", {"openState": "close"})
    await room.engine.heard("lounge", {"temperature": 21.1})
    await room.engine.heard("elsewhere", {"temperature": 3.0})
    assert not is_wanted(room)


async def test_however_often_it_was_right_it_goes_on_being_read(room, sensors):
    # The cloud's meters are asked ever less; here nothing is saved, and silence is seen.
    for tenths in range(1, 9):
        temperature = 21 + tenths / 10
        sensors["lounge"].fields = {"temperature": temperature}
        await room.engine.heard("lounge", {"temperature": temperature})
        await room.tick()
        await room.tick(after=120)
    reads = sensors["lounge"].reads
    sensors["lounge"].fields = None
    await room.tick(after=120)
    assert sensors["lounge"].reads == reads + 1
    assert room.state["last_temperature_stale"]


async def test_a_rule_waits_for_what_a_sensor_says(house, sensors):
    rule = {
        "id": "aired",
        "triggers": {
            "trigger": "state",
            "device": WINDOW,
            "attribute": "openState",
            "to": "open",
        },
        "actions": {"action": "command", "zone": "default", "command": "on"},
    }
    house.configure(
        meter_device_id=METER,
        plugins={name: {"sensor": f"host-{name}"} for name in sensors},
        rules=[rule],
    )
    await house.tick()
    await house.engine.heard("window", {"openState": "close"})
    assert not (await house.tick()).commands
    house.clock.advance(10)
    await house.engine.heard("window", {"openState": "open"})
    assert is_wanted(house)
    (command,) = (await house.tick()).commands
    assert [(each.code, each.detail["rule"]) for each in command.reasons] == [
        ("rule", "aired")
    ]
