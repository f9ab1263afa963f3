"""Statuses and events in the catalogue's terms."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.cloud.catalog import catalog
from switchbot_automation.cloud.catalog.catalog import (
    in_status_words,
    read_event,
    read_status,
)
from switchbot_automation.model import DeviceStatus
from switchbot_automation.simulation.account.products import one_of_each

NOW = datetime(2026, 1, 12, tzinfo=UTC)


def status(device_type, **fields):
    return DeviceStatus("A1", device_type, fields, NOW)


def test_a_meter_reads_in_its_units():
    reading = read_status(
        status(
            "Meter",
            deviceId="A1",
            deviceType="Meter",
            hubDeviceId="FA7310762361",
            temperature=21.5,
            humidity="48",
            battery=44,
            version="V0.6",
        )
    )
    assert dict(reading.values) == {
        "temperature": 21.5,
        "humidity": 48,
        "battery": 44,
        "version": "V0.6",
    }
    assert reading.doubts == ()
    assert dict(reading.unknown) == {}
    units = {field.name: field.unit for field in reading.product.status}
    assert units["temperature"] == "°C"


@pytest.mark.parametrize(
    ("device_type", "field", "raw", "value"),
    [
        ("Presence Sensor", "detected", True, {"Detected": True}),
        ("Smart Lock", "lockState", "LOCKED", {"lockState": "lock"}),
        ("Smart Lock", "lockState", "unlocked", {"lockState": "unlock"}),
        ("Smart Lock", "doorState", "opened", {"doorState": "open"}),
        ("Smart Lock", "lockState", "Jammed", {"lockState": "jammed"}),
        ("Smart Lock", "lockState", "halfLocked", {"lockState": "halfLocked"}),
        ("Smart Lock Ultra", "lockState", "HALF_LOCKED", {"lockState": "halfLocked"}),
        (
            "Lock Lite",
            "lockState",
            "LATCH_BOLT_LOCKED",
            {"lockState": "latchBoltLocked"},
        ),
        ("Lock Vision", "lockState", "locking", {"lockState": "locking"}),
        ("Climate Panel", "brightness", "Bright", {"brightness": "bright"}),
        ("Climate Panel", "brightness", 40, {"brightness": 40}),
        ("Relay Switch 1", "power", 0, {"power": 0}),
        ("Relay Switch 1", "usedElectricity", "120", {"usedElectricity": 120}),
        (
            "Circulator Fan",
            "chargingStatus",
            "CHARGING",
            {"chargingStatus": "charging"},
        ),
        ("Ceiling Light", "online", True, {"onlineStatus": "online"}),
        ("Garage Door Opener", "onlineStatus", "online", {"online": True}),
        ("Humidifier2", "version", 7, {"version": 7}),
        ("Blind Tilt", "version", "17", {"version": 17}),
        ("Bot", "power", "ON", {"power": "on"}),
        ("Curtain", "moving", 0, {"moving": False}),
        ("Curtain", "calibrate", "true", {"calibrate": True}),
        ("Curtain", "slidePosition", 99.0, {"slidePosition": 99}),
    ],
)
def test_loose_names_and_types_become_the_catalogue_s(device_type, field, raw, value):
    reading = read_status(status(device_type, **{field: raw}))
    assert dict(reading.values) == value
    assert reading.doubts == ()


@pytest.mark.parametrize(
    ("device_type", "field", "raw"),
    [
        ("Curtain", "moving", 57),
        ("Curtain", "slidePosition", 1.5),
        ("Curtain", "slidePosition", True),
        ("Meter", "temperature", None),
        ("Meter", "temperature", "warm"),
        ("Meter", "temperature", "nan"),
        ("Bot", "power", ["on"]),
    ],
)
def test_what_cannot_be_meant_is_left_out_and_named(device_type, field, raw):
    reading = read_status(status(device_type, **{field: raw}))
    assert dict(reading.values) == {}
    assert field in reading.doubts[0]


@pytest.mark.parametrize(
    ("device_type", "field", "raw"),
    [
        ("Smart Lock", "lockState", "quarterLocked"),
        ("MeterPro(CO2)", "CO2", 60_000),
        ("Meter", "humidity", 250),
        ("Water Detector", "status", 3),
    ],
)
def test_what_is_merely_odd_is_kept_and_named(device_type, field, raw):
    reading = read_status(status(device_type, **{field: raw}))
    assert dict(reading.values) == {field: raw}
    assert "known values" in reading.doubts[0]


NO_AIR = "0 °C and 0 % are no air"


@pytest.mark.parametrize("hub", ["000000000000", "", None, "FA7310762361", ...])
@pytest.mark.parametrize(
    ("device_type", "more"),
    [
        ("Meter", {"battery": 0}),
        ("Meter", {}),
        ("WoIOSensor", {"battery": 0}),
        ("MeterPro(CO2)", {"battery": 0, "CO2": 613}),
        ("A meter of tomorrow", {"battery": 0}),
    ],
)
def test_a_meter_that_nobody_hears_is_doubted(device_type, more, hub):
    """SwitchBotAPI#448, #484, #371: whatever the hub is said to be, and CO2 is real."""
    fields = {"temperature": 0, "humidity": 0, **more}
    if hub is not ...:
        fields["hubDeviceId"] = hub
    assert any(
        NO_AIR in doubt for doubt in read_status(status(device_type, **fields)).doubts
    )
    event = read_event(fields, device_type=device_type)
    assert any(NO_AIR in doubt for doubt in event.doubts)


@given(
    st.fixed_dictionaries(
        {
            "temperature": st.integers(-20, 40) | st.sampled_from([0, 0.0]),
            "humidity": st.sampled_from([0, 1, 55, 99]),
            "battery": st.sampled_from([0, 20, 100]),
        }
    )
)
def test_only_what_no_air_and_no_battery_can_be_is_doubted(said):
    reading = read_status(status("Meter", hubDeviceId="FA7310762361", **said))
    assert bool(reading.doubts) is not any(said.values()) or said["battery"] == 0


@pytest.mark.parametrize(
    ("device_type", "more", "hub", "doubted"),
    [
        ("Bot", {"battery": 0}, "000000000000", False),
        ("Curtain", {"battery": 0, "slidePosition": 0}, "FA7310762361", True),
        ("Curtain", {"battery": 80, "slidePosition": 0}, "FA7310762361", False),
        ("Strip Light", {"brightness": 0, "colorTemperature": 0}, "FA73", False),
    ],
)
def test_zeros_alone_are_no_doubt_where_a_battery_may_be_empty(
    device_type, more, hub, doubted
):
    reading = read_status(status(device_type, hubDeviceId=hub, **more))
    assert any("every number is zero" in each for each in reading.doubts) is doubted


@pytest.mark.parametrize(
    ("device_type", "said", "name", "value"),
    [
        ("RGBICWW Floor Lamp", {"online": False}, "onlineStatus", "offline"),
        ("RGBICWW Floor Lamp", {"online": True}, "onlineStatus", "online"),
        ("RGBICWW Floor Lamp", {"onlineStatus": "offline"}, "onlineStatus", "offline"),
        ("Garage Door Opener", {"onlineStatus": "offline"}, "online", False),
        ("Hub 3", {"onlineStatus": "Offline"}, "onlineStatus", "offline"),
        ("Hub 3", {"online": "offline"}, "onlineStatus", "offline"),
        ("Relay Switch 2PM", {"online": False}, "online", False),
    ],
)
def test_online_and_online_status_are_one_thing(device_type, said, name, value):
    """SwitchBotAPI#481: a status and an event say it by either name."""
    for reading in (
        read_status(status(device_type, **said)),
        read_event(said, device_type=device_type),
    ):
        words = in_status_words(reading)
        assert words[name] == value
        offline = any("it is offline" in doubt for doubt in reading.doubts)
        assert offline is (value in ("offline", False))


def test_an_unknown_type_may_be_offline_too():
    reading = read_status(status("Robot Lawnmower", onlineStatus="offline", blades=3))
    assert any("it is offline" in doubt for doubt in reading.doubts)


def test_a_text_that_only_python_takes_for_a_number_is_none():
    reading = read_status(status("Meter", temperature="2_1", humidity="50"))
    assert reading.values.get("temperature") is None
    assert reading.values["humidity"] == 50


@pytest.mark.parametrize(
    ("raw", "value"), [("bright", "bright"), ("DIM", "dim"), (40, 40), ("40", 40)]
)
def test_a_panel_s_brightness_is_a_word_or_a_number(raw, value):
    """SwitchBotAPI#445: documented as 1 to 100, live bright or dim."""
    reading = read_status(status("Climate Panel", brightness=raw))
    assert reading.values["brightness"] == value
    assert reading.doubts == ()
    told = read_event({"brightness": "bright"}, device_type="Climate Panel")
    assert in_status_words(told)["brightness"] == "bright"


@pytest.mark.parametrize(
    ("said", "means"), [("OPEN", "OPENED"), ("opened", "OPENED"), ("close", "CLOSED")]
)
def test_an_event_may_say_a_word_in_the_status_s_form(said, means):
    reading = read_event({"doorState": said}, device_type="Smart Lock Ultra")
    assert dict(reading.values) == {"doorState": means}
    assert reading.doubts == ()


def test_what_an_event_is_not_known_to_tell_is_read_as_the_status_has_it():
    reading = read_event({"moving": 0, "odd": 1}, device_type="Curtain")
    assert dict(reading.values) == {"moving": False}
    assert dict(reading.unknown) == {"odd": 1}
    assert dict(read_event({"moving": 57}, device_type="Curtain").unknown) == {
        "moving": 57
    }


def test_an_unknown_type_keeps_its_fields_aside():
    reading = read_status(status("Robot Lawnmower", blades=3))
    assert reading.product is None
    assert dict(reading.unknown) == {"blades": 3}


def test_a_partial_event_reads_only_what_it_has():
    context = {
        "deviceType": "Relay Switch 2PM",
        "deviceMac": "B0E9FEA5D7F0",
        "switch2Status": 1,
        "timeOfSample": 1_700_000_000_000,
    }
    reading = read_event(context)
    assert reading.product.name == "Relay Switch 2PM"
    assert dict(reading.values) == {"switch2Status": 1}


def test_the_listed_type_outranks_the_event_s_own_word():
    context = {"deviceType": "WoMeter", "deviceMac": "A1", "temperature": 20.5}
    assert read_event(context).product.name == "Meter"
    assert read_event(context, device_type="MeterPlus").product.name == "Meter Plus"


_RAW = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["on", "OFF", "000000000000"]),
    lambda children: st.lists(children, max_size=2),
    max_leaves=3,
)
_TYPES = [p.device_type for p in catalog.device_types() if not p.infrared]
_NAMES = sorted({f.name for p in catalog.device_types() for f in p.status})


@given(
    st.sampled_from(_TYPES),
    st.dictionaries(st.sampled_from([*_NAMES, "hubDeviceId", "x"]), _RAW, max_size=8),
)
def test_any_status_reads_without_a_crash_and_with_the_right_types(device_type, fields):
    reading = read_status(DeviceStatus("A1", device_type, fields, NOW))
    kinds = {
        "boolean": bool,
        "integer": int,
        "number": (int, float),
        "string": str,
        "object": dict,
    }
    fields = {f.name: f for f in reading.product.status} if reading.product else {}
    for name, value in reading.values.items():
        kind = kinds[fields[name].type]
        assert isinstance(value, kind) or value in fields[name].values
    read_event(fields, device_type=device_type)


@pytest.mark.parametrize(
    ("device_type", "told", "status"),
    [
        ("Color Bulb", {"powerState": "ON"}, {"power": "on"}),
        ("Smart Lock", {"lockState": "LOCKED"}, {"lockState": "lock"}),
        ("Smart Lock", {"doorState": "OPENED"}, {"doorState": "open"}),
        (
            "Smart Lock Ultra",
            {"lockState": "LATCH_BOLT_LOCKED"},
            {"lockState": "latchBoltLocked"},
        ),
        ("Motion Sensor", {"detectionState": "DETECTED"}, {"moveDetected": True}),
        ("Contact Sensor", {"detectionState": "NOT_DETECTED"}, {"moveDetected": False}),
        ("Presence Sensor", {"detectionState": "DETECTED"}, {"Detected": True}),
        ("Water Detector", {"detectionState": 1}, {"status": 1}),
        ("Strip Light 3", {"online": True}, {"onlineStatus": "online"}),
        ("RGBICWW Ceiling Light", {"brightness": 40}, {"mainLightBrightness": 40}),
        ("Bot", {"power": "on", "battery": 100}, {"power": "on", "battery": 100}),
        ("Keypad", {"eventName": "createKey"}, {"eventName": "createKey"}),
    ],
)
def test_an_event_is_told_in_the_words_of_the_status(device_type, told, status):
    reading = read_event(told, device_type=device_type)
    assert status.items() <= in_status_words(reading).items()


def test_every_event_of_the_simulated_cloud_says_what_its_status_says():
    """Both vocabularies of each product, against one another."""
    compared = 0
    for device in one_of_each("FA7310762361"):
        context = None if device.infrared else device.event(device.fields())
        if context is None:
            continue
        told = in_status_words(read_event(context, device_type=device.device_type))
        status = read_status(
            DeviceStatus(device.device_id, device.device_type, device.status(), NOW)
        )
        for name, value in status.values.items():
            # A panel's brightness is a number or a word, and both mean it.
            if name in told and type(told[name]) is type(value):
                assert told[name] == value, (device.name, name)
                compared += 1
    assert compared > 200
