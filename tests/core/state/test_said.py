"""What a status or an event says, and whether it can be believed."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from switchbot_automation.cloud.catalog.catalog import (
    device_types,
    find_by_webhook_type,
    read_event,
)
from switchbot_automation.core.state.said import (
    believable,
    in_celsius,
    said_by_event,
    said_by_every_field,
    said_by_status,
    unit_told,
)
from switchbot_automation.model import DeviceStatus
from tests.cases import drawn

NOW = datetime(2026, 1, 12, 12, tzinfo=UTC)
EVENTS_OF = {
    word: find_by_webhook_type(word)[0]
    for product in device_types()
    for word in product.webhook_types
}
ZEROS = {"temperature": 0, "humidity": 0, "battery": 0}


def status(kind, **fields):
    return said_by_status(DeviceStatus("D", kind, fields, NOW))


@pytest.mark.parametrize("hub", [None, "", "000000000000", "AABBCCDDEEFF"])
@pytest.mark.parametrize("kind", ["Meter", "WoIOSensor", "MeterPro", "", "Unheard Of"])
def test_zeros_are_of_no_air_whatever_hub_they_name(kind, hub):
    said = status(kind, **ZEROS, hubDeviceId=hub)
    assert set(said.doubts) == {"temperature", "humidity", "battery"}
    assert set(said.doubts.values()) == {"all_zeros"}
    assert not {"temperature", "humidity", "battery"} & set(said.values)


@pytest.mark.parametrize("kind", ["Blind Tilt", "Curtain3", "Unheard Of"])
def test_a_firmware_of_zero_is_no_measurement(kind):
    """A closed Blind Tilt says its place and its version, and both are 0."""
    said = status(kind, slidePosition=0, version=0, hubDeviceId="000000000000")
    assert said.doubts == {}
    assert said.values["slidePosition"] == 0


def test_what_such_a_meter_still_measures_counts():
    said = status("MeterPro(CO2)", **ZEROS, CO2=613)
    assert said.values["CO2"] == 613
    assert "temperature" not in said.values


def test_freezing_is_no_fault():
    assert status("Meter", temperature=0, humidity=71, battery=80).doubts == {}


@pytest.mark.parametrize("word", [{"onlineStatus": "offline"}, {"online": False}])
def test_the_last_values_of_a_device_that_is_offline_count_no_more(word):
    said = status("Hub 3", temperature=17.2, humidity=50, moveDetected=False, **word)
    assert said.whole == "device_offline"
    assert not {"temperature", "humidity", "moveDetected"} & set(said.values)
    assert {"online", "onlineStatus"} & set(said.values)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("17.5", "temperature_not_a_number"),
        (True, "temperature_not_a_number"),
        (float("nan"), "temperature_not_a_number"),
        (-127.0, "temperature_implausible"),
        (500, "temperature_implausible"),
    ],
)
@pytest.mark.parametrize("kind", ["Meter", ""])
def test_a_temperature_that_is_none_is_named(kind, value, why):
    said = status(kind, temperature=value, humidity=40)
    assert said.doubts == {"temperature": why}
    assert said.values["humidity"] == 40


def test_a_number_that_a_meter_cannot_measure_is_left_out():
    said = status("MeterPro(CO2)", temperature=21.0, humidity=45, CO2=40000)
    assert said.doubts == {"CO2": "value_implausible"}


def test_an_event_is_judged_by_the_whole_of_it():
    context = {"deviceType": "MeterPro(CO2)", **ZEROS, "CO2": 613, "scale": "CELSIUS"}
    said = said_by_event(context, new={"temperature": 0})
    assert said.values == {}
    assert said.doubts["temperature"] == "all_zeros"


@pytest.mark.parametrize("listed", ["", "own word"])
@pytest.mark.parametrize("kind", sorted(EVENTS_OF))
def test_an_event_that_was_read_already_says_what_it_says_when_read_anew(kind, listed):
    fields = {each.name: 1 for each in EVENTS_OF[kind].webhook_fields}
    context = {"deviceType": kind, "odd": 3, "temperature": 21.5, **fields}
    read, device_type = read_event(context), listed and kind
    assert read.product is not None
    said = {**read.unknown, **read.values}
    for new in (None, said, dict(list(said.items())[::2])):
        anew = said_by_event(context, device_type=device_type, new=new)
        known = said_by_event(context, device_type=device_type, new=new, read=read)
        assert known == anew


def test_an_event_of_another_scale_needs_a_unit():
    context = {"deviceType": "WoMeter", "temperature": 70.5, "scale": "FAHRENHEIT"}
    assert said_by_event(context).doubts == {"temperature": "scale_unknown"}
    assert said_by_event(context, unit="fahrenheit").values["temperature"] == 21.4
    context["temperature"] = 21.4
    assert said_by_event(context, unit="celsius").values["temperature"] == 21.4


@given(st.floats(-25, 60), st.floats(-1.5, 1.5))
def test_the_unit_is_found_by_the_answer_or_not_at_all(room, moved):
    told = round(room * 1.8 + 32.0, 1)
    assert unit_told(told, room + moved) in ("fahrenheit", None)
    assert unit_told(room, room + moved) in ("celsius", None)
    assert abs(in_celsius(told, "fahrenheit") - room) < 0.2
    if abs(told - room) > 8:
        assert unit_told(told, room + moved) == "fahrenheit"


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)
)
FIELDS = st.dictionaries(
    st.sampled_from(
        [
            "temperature",
            "humidity",
            "battery",
            "CO2",
            "onlineStatus",
            "online",
            "scale",
            "openState",
            "x",
        ]
    ),
    VALUES,
)


@given(
    FIELDS, st.sampled_from(["Meter", "Hub 3", "Contact Sensor", "MeterPro(CO2)", ""])
)
def test_nothing_that_comes_is_both_believed_and_doubted(fields, kind):
    for said in (
        status(kind, **fields),
        said_by_event({"deviceType": kind, **fields}, device_type=kind),
    ):
        assert not set(said.values) & set(said.doubts)
        temperature = said.values.get("temperature")
        assert temperature is None or -60 <= temperature <= 100
    kept = believable(fields)
    assert kept.items() <= fields.items() or any(v != v for v in fields.values())  # noqa: PLR0124 - not a number


# --- what is plain is found in one look ------------------------------------------------

THERMOMETERS = sorted(
    {
        product.device_type
        for product in device_types()
        if any(field.name == "temperature" for field in product.status)
    }
)
NAMES = ("temperature", "humidity", "battery", "version", "hubDeviceId", "deviceType")
ODD_NAMES = (
    "Temperature",
    "HUMIDITY",
    "scale",
    "online",
    "onlineStatus",
    "CO2",
    "news",
)
VALUES = st.one_of(
    st.sampled_from([21.5, 21, 50, 0, 0.0, 1e-10, -61, 150, 1e16, "", "21", "V4.2"]),
    st.sampled_from([None, True, False, [], {}, "offline", float("nan")]),
    st.floats(-80, 120),
    st.integers(-80, 120),
)


PLAIN = st.fixed_dictionaries(
    {"temperature": st.one_of(st.floats(5, 35), st.integers(5, 35))},
    optional={
        "humidity": st.integers(1, 99),
        "battery": st.integers(1, 100),
        "version": st.just("V4.2"),
        "hubDeviceId": st.just("AABBCCDDEEFF"),
    },
)
ODD = st.dictionaries(st.sampled_from(NAMES + ODD_NAMES), VALUES, max_size=1)


@settings(max_examples=drawn(150, many=400))
@given(st.sampled_from([*THERMOMETERS, "Unheard Of"]), PLAIN, ODD)
def test_what_is_plain_of_a_status_is_what_a_look_at_every_field_finds(
    kind, plain, odd
):
    answer = DeviceStatus("D", kind, plain | odd, NOW)
    said, thorough = said_by_status(answer), said_by_every_field(answer)
    assert repr(dict(said.values)) == repr(dict(thorough.values))
    assert dict(said.doubts) == dict(thorough.doubts)
