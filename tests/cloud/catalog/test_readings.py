"""Statuses and events in the catalogue's terms."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.cloud.catalog import catalog
from switchbot_automation.cloud.catalog.readings import (
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
        ("Smart Lock", "lockState", "halfLocked"),
        ("MeterPro(CO2)", "CO2", 60_000),
        ("Meter", "humidity", 250),
        ("Water Detector", "status", 3),
    ],
)
def test_what_is_merely_odd_is_kept_and_named(device_type, field, raw):
    reading = read_status(status(device_type, **{field: raw}))
    assert dict(reading.values) == {field: raw}
    assert "known values" in reading.doubts[0]


def test_a_device_that_says_zero_to_everything_is_doubted():
    zeros = {"temperature": 0, "humidity": 0, "battery": 0}
    asleep = read_status(status("Meter", hubDeviceId="000000000000", **zeros))
    assert any("every number is zero" in doubt for doubt in asleep.doubts)
    frosty = read_status(status("Meter", hubDeviceId="FA7310762361", **zeros))
    assert frosty.doubts == ()


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
    types = {f.name: f.type for f in reading.product.status} if reading.product else {}
    for name, value in reading.values.items():
        assert isinstance(value, kinds[types[name]])
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
