"""Advertisements, byte by byte, through the real parser."""

import asyncio
import time
from types import SimpleNamespace

import pytest
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from hypothesis import given
from hypothesis import strategies as st
from switchbot import SwitchbotModel

from switchbot_automation.bluetooth import Ears, ScannerDouble, listen
from switchbot_automation.bluetooth.parsing import MODELS
from switchbot_automation.bluetooth.sensor import BluetoothSensor, _scan, _Scanning
from switchbot_automation.cloud.catalog import catalog
from switchbot_automation.core.state.said import said_by_status
from switchbot_automation.errors import PluginError
from switchbot_automation.model import DeviceStatus

ADDRESS, ID = "C2:71:11:1E:C0:AB", "C271111EC0AB"


def climate(celsius, humidity):
    tenths = round(abs(celsius) * 10)
    sign = 0x80 if celsius >= 0 else 0
    return bytes([tenths % 10, sign | tenths // 10, humidity])


def meter(celsius, humidity, battery=100, letter="T"):
    """Service data of a meter: model, flags, battery, climate."""
    return letter.encode() + bytes([0, battery]) + climate(celsius, humidity)


def outdoor(celsius, humidity, co2=None):
    """Manufacturer data of an outdoor meter or, with CO2, of a Meter Pro CO2."""
    body = bytes(6) + bytes([1, 90]) + climate(celsius, humidity) + bytes(2)
    return body + (b"" if co2 is None else co2.to_bytes(2, "big"))


def contact(*, is_open=False, late=False, moves=False, light=False):
    flags = moves << 7 | light << 6 | late << 5 | is_open << 4
    return bytes(7) + bytes([flags]) + bytes(5)


def motion(*, moves, light):
    return bytes(7) + bytes([moves << 6 | light << 5])


def hub3(celsius, humidity, *, inserted=True):
    """Manufacturer data of a Hub 3, whose sensor sits in its cable: light 5, nothing moves."""
    light_and_sensor = 5 | (not inserted) << 5
    body = bytes(6) + bytes([1, 0, 0, 0, 0, 0, light_and_sensor])
    return body + climate(celsius, humidity) + bytes(1)


class Hand:
    seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Hand()


@pytest.fixture
async def air(clock):
    """Ears that listen to a scanner without a radio."""
    double = ScannerDouble()
    async with listen(Ears(clock), make=double.make) as heard:
        yield double, heard
    assert not double.running


async def test_a_meter_that_names_its_model_needs_nothing_else(air):
    double, heard = air
    double.say(ADDRESS, service=meter(-8.6, 53, 88))
    found = heard.heard(ID)
    assert found.device_type == "Meter"
    assert found.fields == {"temperature": -8.6, "humidity": 53, "battery": 88}
    assert found.rssi == -60
    assert heard.heard("c2:71:11:1e:c0:ab") == found


async def test_a_battery_stays_known_when_a_packet_has_none(air, clock):
    double, heard = air
    heard.expect(ID, "WoIOSensor")
    letter = b"w" + bytes([0, 77])
    double.say(ADDRESS, service=letter, manufacturer=outdoor(24.6, 53))
    assert heard.heard(ID).fields["battery"] == 77
    clock.seconds = 30
    double.say(ADDRESS, manufacturer=outdoor(25.1, 54))
    found = heard.heard(ID)
    assert found.fields == {"temperature": 25.1, "humidity": 54, "battery": 77}
    clock.seconds = 100
    assert heard.heard(ID).age_seconds == 70


@pytest.mark.parametrize(
    ("device_type", "manufacturer", "fields"),
    [
        ("WoIOSensor", outdoor(24.6, 53), {"temperature": 24.6, "humidity": 53}),
        (
            "MeterPro(CO2)",
            outdoor(27.7, 36, 725),
            {"temperature": 27.7, "humidity": 36, "CO2": 725},
        ),
        (
            "Contact Sensor",
            contact(is_open=True, light=True),
            {"openState": "open", "brightness": "bright", "moveDetected": False},
        ),
        (
            "Contact Sensor",
            contact(late=True, moves=True),
            {"openState": "timeOutNotClose", "brightness": "dim", "moveDetected": True},
        ),
        (
            "Contact Sensor",
            contact(),
            {"openState": "close", "brightness": "dim", "moveDetected": False},
        ),
        (
            "Motion Sensor",
            motion(moves=True, light=False),
            {"moveDetected": True, "brightness": "dim"},
        ),
    ],
)
async def test_a_known_type_is_heard_passively_in_the_status_s_words(
    air, device_type, manufacturer, fields
):
    double, heard = air
    double.say(ADDRESS, manufacturer=manufacturer)
    assert heard.heard(ID) is None, "nobody said what it is"
    heard.expect(ID, device_type)
    double.say(ADDRESS, manufacturer=manufacturer)
    assert heard.heard(ID).fields == fields
    status = DeviceStatus(ID, device_type, fields, None)
    assert dict(said_by_status(status).values) == fields


async def test_a_packet_that_says_what_it_is_counts_more_than_what_was_expected(air):
    double, heard = air
    heard.expect(ID, "Motion Sensor")
    double.say(ADDRESS, service=meter(21.0, 40))
    assert heard.heard(ID).device_type == "Meter"


@pytest.mark.parametrize(
    ("service", "manufacturer"),
    [
        (meter(0.0, 0), None),
        (None, bytes(5)),
        (b"", b""),
        (b"\xff\xff\xff", None),
        (None, None),
    ],
)
async def test_what_is_no_air_or_no_packet_says_nothing(air, service, manufacturer):
    double, heard = air
    heard.expect(ID, "Meter")
    double.say(ADDRESS, service=service, manufacturer=manufacturer)
    assert heard.heard(ID) is None


async def test_a_hub_whose_sensor_is_pulled_out_has_no_air_any_more(air):
    double, heard = air
    told = []
    heard.expect(ID, "Hub 3")
    heard.subscribe(told.append)
    double.say(ADDRESS, manufacturer=hub3(21.3, 45))
    assert heard.heard(ID).fields["temperature"] == 21.3
    for _ in range(2):
        double.say(ADDRESS, manufacturer=hub3(21.3, 45, inserted=False))
        assert heard.heard(ID).fields == {"lightLevel": 5, "moveDetected": False}
    double.say(ADDRESS, manufacturer=hub3(19.0, 50))
    assert heard.heard(ID).fields["temperature"] == 19.0
    assert told == [ID, ID, ID]


@given(st.lists(st.binary(min_size=17, max_size=20), min_size=1), st.booleans())
def test_whatever_a_hub_says_its_air_is_there_with_its_sensor_alone(packets, inserted):
    heard = Ears()
    heard.expect(ID, "Hub 3")
    double = ScannerDouble().make(heard.hear)
    double.running = True
    for packet in packets:
        double.say(ADDRESS, manufacturer=packet)
    last = hub3(21.3, 45, inserted=inserted)
    double.say(ADDRESS, manufacturer=last)
    assert ("temperature" in heard.heard(ID).fields) is inserted
    assert ("humidity" in heard.heard(ID).fields) is inserted


async def test_two_devices_of_equal_bytes_do_not_share_what_is_heard(air):
    double, heard = air
    double.say(ADDRESS, service=meter(21.0, 40))
    double.say("AA:00:00:00:00:01", service=meter(21.0, 40))
    double.say(ADDRESS, service=meter(22.0, 40))
    assert heard.heard("AA0000000001").fields["temperature"] == 21.0
    heard.heard(ID).fields["temperature"] = 99
    assert heard.heard(ID).fields["temperature"] == 22.0


async def test_bleak_s_own_packets_are_read_as_they_are():
    """What a host's Bluetooth, as Home Assistant's, hands on."""
    packet = AdvertisementData(
        "WoSensorTH",
        {2409: bytes(6)},
        {"0000fd3d-0000-1000-8000-00805f9b34fb": meter(19.3, 41, 42)},
        [],
        None,
        -71,
        (),
    )
    heard = Ears()
    assert heard.hear(BLEDevice(ADDRESS, "x", None), packet)
    assert heard.heard(ID).fields["temperature"] == 19.3
    assert heard.heard(ID).rssi == -71


async def test_each_field_has_its_own_age_and_an_old_measurement_is_none(air, clock):
    """A CO2 beyond what the parser believes is left out of a packet that has the climate."""
    double, heard = air
    heard.expect(ID, "MeterPro(CO2)")
    letter = b"5" + bytes([0, 77])
    double.say(ADDRESS, service=letter, manufacturer=outdoor(24.6, 53, 725))
    clock.seconds = 500
    double.say(ADDRESS, manufacturer=outdoor(24.5, 53, 20_000))
    found = heard.heard(ID)
    assert found.age_seconds == 0
    assert found.ages_seconds == {
        "temperature": 0,
        "humidity": 0,
        "CO2": 500,
        "battery": 500,
    }
    assert found.within(600)["CO2"] == 725
    assert found.within(400) == {"temperature": 24.5, "humidity": 53, "battery": 77}


def test_ears_count_the_time_that_the_host_slept():
    if not hasattr(time, "CLOCK_BOOTTIME"):
        pytest.skip("this system has no clock that counts it")
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    heard = Ears()
    heard.hear(
        SimpleNamespace(address=ADDRESS), AdvertisementData("", {}, {}, [], None, 0, ())
    )
    assert before <= heard.heard_at <= time.clock_gettime(time.CLOCK_BOOTTIME)


@pytest.mark.parametrize("size", range(5, 8))
async def test_a_board_that_says_its_address_is_not_taken_for_a_device(size):
    """Company 741 is Espressif's, by which the parser tells a Humidifier too."""
    packet = AdvertisementData("", {741: bytes(size)}, {}, [], None, -71, ())
    heard = Ears()
    assert not heard.hear(BLEDevice(ADDRESS, "x", None), packet)
    assert heard.heard(ID) is None


async def test_who_subscribes_hears_of_what_is_new_alone(air):
    double, heard = air
    told = []
    end = heard.subscribe(told.append)
    for celsius in (21.0, 21.0, 21.1):
        double.say(ADDRESS, service=meter(celsius, 40))
    end()
    double.say(ADDRESS, service=meter(30.0, 40))
    assert told == [ID, ID]


async def test_a_radio_that_fails_says_so_as_a_plug_in_does():
    class Broken(ScannerDouble):
        async def start(self):
            raise OSError("no adapter")

    with pytest.raises(PluginError, match="no adapter"):
        async with listen(Ears(), make=Broken().make):
            pass


async def test_a_radio_that_is_gone_when_it_is_left_spoils_nothing():
    class Gone(ScannerDouble):
        async def stop(self):
            raise EOFError("the system bus is gone")

    async with listen(Ears(), make=Gone().make) as heard:
        pass
    assert heard.heard_at is None


async def test_a_mistake_of_who_made_the_scanner_is_not_the_radio_s():
    class Wrong(ScannerDouble):
        async def start(self):
            raise TypeError("a mistake")

    with pytest.raises(TypeError):
        async with listen(Ears(), make=Wrong().make):
            pass


class Nights:
    """Sleeps that end at once: each lets something be heard, or nothing."""

    def __init__(self, *acts):
        self.acts, self.seconds = list(acts), []

    async def __call__(self, seconds):
        self.seconds.append(seconds)
        if not self.acts:
            raise asyncio.CancelledError
        self.acts.pop(0)()


async def test_a_scan_that_hears_nobody_is_begun_anew():
    """Where the system's Bluetooth was restarted a scanner stays silent for ever."""
    made = []

    def make(take):
        made.append(ScannerDouble().make(take))
        return made[-1]

    def heard():
        made[-1].say(ADDRESS, service=meter(21.0, 40))

    nights = Nights(heard, heard, lambda: None, heard)
    with pytest.raises(asyncio.CancelledError):
        await _scan(active=True, make=make, sleep=nights)
    assert len(made) == 2, "once, and not while something was heard"
    assert not any(each.running for each in made)


async def test_a_scanner_that_cannot_begin_is_tried_again():
    class Broken(ScannerDouble):
        async def start(self):
            raise OSError("no adapter")

    tried = []

    def make(_take):
        tried.append(len(tried))
        return Broken() if len(tried) < 3 else ScannerDouble()

    with pytest.raises(asyncio.CancelledError):
        await _scan(active=True, make=make, sleep=Nights(*[lambda: None] * 2))
    assert tried == [0, 1, 2]


async def test_what_opens_is_told_at_once_and_what_drifts_now_and_then(clock):
    heard = Ears(clock)
    sensor = BluetoothSensor(
        {
            "device_id": ID,
            "type": "Contact Sensor",
            "scan": "host",
            "max_age_seconds": 600,
        },
        heard,
    )
    double = ScannerDouble().make(heard.hear)
    double.running = True
    told = []
    end = sensor.subscribe(told.append)
    for is_open in (False, True, True, False):
        double.say(ADDRESS, manufacturer=contact(is_open=is_open))
    assert [each["openState"] for each in told] == ["close", "open", "close"]
    end()
    double.say(ADDRESS, manufacturer=contact(is_open=True))
    assert len(told) == 3


async def test_a_meter_s_tenths_are_told_every_half_minute_at_most(clock):
    heard = Ears(clock)
    sensor = BluetoothSensor(
        {"device_id": ID, "type": "Meter", "scan": "host", "max_age_seconds": 600},
        heard,
    )
    double = ScannerDouble().make(heard.hear)
    double.running = True
    told = []
    sensor.subscribe(told.append)
    for second in range(120):
        clock.seconds = second
        double.say(ADDRESS, service=meter(21.0 + second % 2 / 10, 40))
        double.say("AA:00:00:00:00:01", service=meter(5.0 + second, 40))
    assert 4 <= len(told) <= 5
    assert {each["temperature"] for each in told} <= {21.0, 21.1}


async def test_a_double_that_nobody_listens_to_says_nothing():
    with pytest.raises(RuntimeError):
        ScannerDouble().say(ADDRESS, service=meter(21.0, 40))


@given(st.binary(max_size=40) | st.none(), st.binary(max_size=40) | st.none())
def test_whatever_bytes_there_are_nothing_is_raised(service, manufacturer):
    for device_type in ("", *MODELS):
        heard = Ears()
        heard.expect(ID, device_type)
        double = ScannerDouble().make(heard.hear)
        double.running = True
        double.say(ADDRESS, service=service, manufacturer=manufacturer)
        found = heard.heard(ID)
        if found is not None:
            assert found.fields


def test_every_sensor_of_the_table_is_one_of_the_catalogue_and_of_the_parser():
    for device_type, model in MODELS.items():
        assert catalog.lookup(device_type, infrared=False) is not None
        assert model in SwitchbotModel.__members__


class OneRadio:
    """A radio of one scan at a time, that takes a while to begin one and to let it go."""

    def __init__(self):
        self.on, self.made, self.ended = None, [], 0

    def make(self, _take):
        self.made.append(RadioScanner(self))
        return self.made[-1]

    async def rest(self, *, until=lambda: False):
        """Let tasks run for as long as they have something to do, or until then."""
        for _turn in range(50):
            if until():
                break
            await asyncio.sleep(0)


class RadioScanner:
    def __init__(self, radio):
        self.radio = radio

    async def start(self):
        assert self.radio.on is None, "the radio is in use"
        self.radio.on = self
        await asyncio.sleep(0)

    async def stop(self):
        for _turn in range(8):
            await asyncio.sleep(0)
        assert self.radio.on is self
        self.radio.on = None
        self.radio.ended += 1


async def passive_then_active(scanning, radio):
    scanning.want(active=False)
    await radio.rest()
    scanning.want(active=True)


async def asked_for_more_while_it_begins(scanning, radio):
    scanning.want(active=False)
    await radio.rest(until=lambda: radio.on is not None)
    scanning.want(active=True)


async def closed_and_wanted_anew(scanning, radio):
    scanning.want(active=True)
    await radio.rest()
    scanning.closed()
    scanning.added()
    scanning.want(active=True)


async def closed_while_it_waits_and_wanted_anew(scanning, radio):
    await passive_then_active(scanning, radio)
    await asyncio.sleep(0)
    scanning.closed()
    scanning.added()
    scanning.want(active=True)


@pytest.mark.parametrize(
    "story",
    [
        passive_then_active,
        asked_for_more_while_it_begins,
        closed_and_wanted_anew,
        closed_while_it_waits_and_wanted_anew,
    ],
)
async def test_a_scan_begins_once_the_one_before_has_let_the_radio_go(story):
    """Else BlueZ refuses it, as in progress, and nothing is heard for five minutes."""
    radio = OneRadio()
    scanning = _Scanning(radio.make)
    scanning.added()
    await story(scanning, radio)
    await radio.rest()
    assert radio.on is radio.made[-1]
    assert radio.ended == len(radio.made) - 1 == 1
    # The same again changes nothing, and whoever wants less gets what is there.
    scanning.want(active=True)
    scanning.want(active=False)
    await radio.rest()
    assert radio.on is radio.made[-1]
    scanning.closed()
    await radio.rest()
    assert radio.on is None
