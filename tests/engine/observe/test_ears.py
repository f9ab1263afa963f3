"""Two ways to one meter: heard by Bluetooth, and told by the cloud."""

from types import MappingProxyType

import pytest

from switchbot_automation import AutomationEngine
from switchbot_automation.bluetooth import ScannerDouble, ears
from switchbot_automation.errors import CloudTimeoutError
from switchbot_automation.model import CommandResult, DeviceList, DeviceStatus
from switchbot_automation.reasons import ReasonCode
from switchbot_automation.simulation import SimulatedClock
from switchbot_store import MemoryStore

METER, ADDRESS = "C0FFEE000017", "C0:FF:EE:00:00:17"
ROOM = {
    "automation_enabled": True,
    "mode": "winter",
    "meter_device_id": METER,
    "aircon_device_id": "02-202601010000-01",
    "winter": {"min_temp": 20, "max_temp": 22, "target_temp": 23},
    "plugins": {
        "ear": {"sensor": "bluetooth", "device_id": ADDRESS, "scan": "host"},
    },
}


class Cloud:
    """An account of one meter, which counts what it is asked."""

    def __init__(self, clock):
        self.clock, self.temperature, self.asked, self.away = clock, 21.0, 0, False

    async def devices(self):
        return DeviceList((), ())

    async def status(self, device_id):
        self.asked += 1
        if self.away:
            raise CloudTimeoutError("the internet is away")
        fields = {"temperature": self.temperature, "humidity": 40, "battery": 90}
        return DeviceStatus(
            device_id, "Meter", MappingProxyType(fields), self.clock.now()
        )

    async def command(
        self, device_id, command, parameter="default", command_type="command"
    ):
        return CommandResult(device_id, self.clock.now())

    async def scenes(self):
        return []

    async def run_scene(self, scene_id):
        return CommandResult(scene_id, self.clock.now())


class House:
    def __init__(self):
        self.clock = SimulatedClock()
        self.cloud = Cloud(self.clock)
        store = MemoryStore(now=self.clock.now)
        store.set("settings", ROOM)
        self.radio = ScannerDouble().make(ears().hear)
        self.radio.running = True
        self.engine = AutomationEngine(self.cloud, store, clock=self.clock)

    def hear(self, celsius, humidity=40):
        tenths = round(celsius * 10)
        body = b"T\x00d" + bytes([tenths % 10, 0x80 | tenths // 10, humidity])
        self.radio.say(ADDRESS, service=body)

    async def look(self, after=300):
        self.clock.advance(after)
        await self.engine.run_once()
        zone = self.engine.overview()["zones"][0]
        return zone["temperature"]

    async def told(self):
        health = await self.engine.health()
        return health["plugins"]["heard"][METER]


@pytest.fixture
async def house():
    house = House()
    async with house.engine:
        yield house


async def test_a_confirmed_ear_answers_at_no_call_for_half_an_hour(house):
    house.hear(21.2)
    assert await house.look() == 21.2
    assert house.cloud.asked == 1, "to confirm it"
    for celsius in (21.3, 21.4, 21.5, 21.6):
        house.hear(celsius)
        assert await house.look() == celsius
    assert house.cloud.asked == 1
    assert (await house.told())["confirmed_seconds_ago"] == 1200
    house.cloud.temperature = 21.5
    for _ in range(4):
        await house.look()
    assert house.cloud.asked == 2


async def test_it_works_while_the_internet_is_away(house):
    house.cloud.away = True
    for celsius in (21.2, 21.3, 21.4, 21.5):
        house.hear(celsius)
        assert await house.look() == celsius
    assert house.cloud.asked <= 2
    assert (await house.told())["cloud_away"]
    house.cloud.away = False
    for _ in range(7):
        await house.look()
    assert not (await house.told())["cloud_away"]


async def test_a_contradiction_is_told_and_what_goes_on_from_before_counts(house):
    house.hear(21.0)
    assert await house.look() == 21.0
    house.cloud.temperature = 12.0
    for _ in range(6):
        await house.look()
    said = await house.told()
    assert "21 °C" in said["contradicted"]
    assert "12 °C" in said["contradicted"]
    asked = house.cloud.asked
    house.hear(21.1)
    assert await house.look() == 21.1
    assert house.cloud.asked == asked + 1, "as long as they differ the cloud is asked"
    house.cloud.temperature = 21.3
    assert await house.look() == 21.1
    assert (await house.told())["contradicted"] == ""


async def test_an_ear_that_hears_another_device_from_the_start_does_not_count(house):
    house.hear(4.0)
    assert await house.look() == 21.0
    assert await house.look() == 21.0
    assert (await house.told())["contradicted"]
    house.cloud.away = True
    before = house.cloud.asked
    await house.look()
    assert house.cloud.asked > before
    assert house.engine.overview()["zones"][0]["temperature"] != 4.0


async def test_the_sensor_itself_is_a_meter_of_a_zone_too(house):
    document = ROOM | {"meter_device_id": "plugin:ear"}
    await house.engine.run_once()
    await house.engine.apply_settings(document)
    asked = house.cloud.asked
    house.hear(20.4)
    assert await house.look() == 20.4
    assert house.cloud.asked == asked


ALL_DAY = [{"days": list(range(7)), "start": "00:00", "end": "23:59"}]
DOOR, DOOR_ADDRESS = "C0FFEE000018", "C0:FF:EE:00:00:18"


def door(*, is_open):
    """Manufacturer data of a contact sensor."""
    return bytes(7) + bytes([is_open << 4]) + bytes(5)


@pytest.mark.parametrize("by_id", [True, False])
async def test_a_door_that_is_heard_to_open_wants_a_tick_at_once(house, by_id):
    part = {
        "sensor": "bluetooth",
        "device_id": DOOR_ADDRESS,
        "type": "Contact Sensor",
        "scan": "host",
    }
    sensor = DOOR if by_id else "plugin:door"
    openings = {"sensors": [sensor], "pause_after_seconds": 0}
    await house.engine.run_once()
    plugins = ROOM["plugins"] | {"door": part}
    await house.engine.apply_settings(
        ROOM | {"plugins": plugins, "openings": openings, "time_windows": ALL_DAY}
    )
    house.radio.say(DOOR_ADDRESS, manufacturer=door(is_open=False))
    await house.look(after=30)
    house.clock.advance(10)
    assert house.engine.next_wakeup > house.clock.now()
    house.radio.say(DOOR_ADDRESS, manufacturer=door(is_open=True))
    assert house.engine.next_wakeup <= house.clock.now()
    report = await house.engine.run_once()
    codes = {each.code for each in report.decisions[0].reasons}
    assert ReasonCode.OPENING_OPEN in codes


async def test_what_is_contradicted_wants_no_tick(house):
    house.hear(4.0)
    await house.look()
    assert (await house.told())["contradicted"]
    house.clock.advance(10)
    due = house.engine.next_wakeup
    house.hear(35.0)
    assert house.engine.next_wakeup == due


async def test_an_ear_that_was_never_compared_neither_answers_nor_wants_a_tick(house):
    """Nothing was heard when the cloud was asked; then another device under that address."""
    meter, address = "C0FFEE000019", "C0:FF:EE:00:00:19"
    part = {"sensor": "bluetooth", "device_id": address, "scan": "host"}
    document = ROOM | {"meter_device_id": meter, "plugins": {"ear": part}}
    await house.engine.run_once()
    await house.engine.apply_settings(document)
    assert await house.look() == 21.0
    house.clock.advance(10)
    due = house.engine.next_wakeup
    house.radio.say(address, service=b"T\x00d" + bytes([0, 0x80 | 35, 40]))
    assert house.engine.next_wakeup == due
    assert await house.look() == 21.0
    health = await house.engine.health()
    assert "35 °C" in health["plugins"]["heard"][meter]["contradicted"]


async def test_a_sensor_that_left_the_settings_speaks_no_more(house):
    house.hear(21.0)
    await house.look()
    heard = []
    house.engine.subscribe(heard.append)
    await house.engine.apply_settings({k: v for k, v in ROOM.items() if k != "plugins"})
    await house.look()
    heard.clear()
    house.hear(30.0)
    assert heard == []


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ({"sensor": "bluetooth"}, "device_id"),
        ({"sensor": "bluetooth", "device_id": "nobody"}, "Bluetooth address"),
        ({"sensor": "bluetooth", "device_id": METER, "type": "Bot"}, "Contact Sensor"),
        ({"sensor": "bluetooth", "device_id": METER, "scan": "loud"}, "scan"),
    ],
)
async def test_a_wrong_part_is_refused_by_name(house, part, says):
    with pytest.raises(Exception, match=says) as raised:
        await house.engine.apply_settings(ROOM | {"plugins": {"ear": part}})
    assert "plugins.ear" in str(raised.value)
