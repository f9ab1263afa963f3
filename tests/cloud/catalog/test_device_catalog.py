"""The catalogue: every product found by any of its names, every command checked."""

import subprocess
import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.cloud.catalog import catalog, is_infrared_id
from switchbot_automation.errors import (
    BadParameterError,
    UnsupportedCommandError,
)


def test_every_product_of_the_api_is_there():
    products = catalog.device_types()
    assert len(products) == 109
    assert sum(product.infrared for product in products) == 14
    # Not documented, and taken from py-switchbot-api: three of Lock Vision (Pro), three of
    # each of the four purifiers, and all of the products it alone has; nor are those of
    # two neon ropes, which hsakoh/switchbot-mqtt has.
    assert sum(len(product.commands) for product in products) == 350 + 12 + 13 + 2


def test_a_product_is_made_when_it_is_asked_for_and_once(monkeypatch):
    made, read = [], catalog.read_product
    monkeypatch.setattr(
        catalog, "read_product", lambda entry: made.append(entry["name"]) or read(entry)
    )
    catalog._catalog.cache_clear()
    (product,) = catalog.find("MeterPlus")
    assert made == [product.name]
    assert catalog.find("meter plus")[0] is product
    assert catalog.find_by_webhook_type("WoMeterPlus")[0] is product
    assert len(catalog.device_types()) == len(made) == len(set(made))


@pytest.mark.parametrize("product", catalog.device_types(), ids=lambda p: p.name)
def test_each_product_is_found_by_each_of_its_names(product):
    spellings = (product.device_type, *product.aliases, product.name)
    for spelling in filter(None, spellings):
        assert product in catalog.find(spelling)
        assert product in catalog.find(spelling.upper().replace(" ", ""))
        assert product in catalog.find(spelling, infrared=product.infrared)
    for webhook_type in product.webhook_types:
        assert product in catalog.find_by_webhook_type(webhook_type)


@pytest.mark.parametrize(
    ("keys", "presumed"),
    [
        (("curtainDevicesIds", "calibrate", "group", "master", "openDirection"), "Curtain"),
        (("curtainDevicesIds", "calibrate", "group", "master"), ""),
        (("group", "master", "groupName", "lockDevicesIds"), "Smart Lock"),
        (("keyList",), ""),
        (("keyList", "lockDeviceId"), "Keypad"),
        (("somethingNew",), ""),
        ((), ""),
    ],
)  # fmt: skip
def test_a_type_that_was_left_out_is_known_by_what_only_one_kind_has(keys, presumed):
    assert catalog.presumed_type([*keys, "unheardOf"]) == presumed


def test_what_is_presumed_of_a_product_takes_the_product_s_own_commands():
    for product in catalog.device_types():
        presumed = catalog.presumed_type(product.list_fields)
        if presumed:
            names = [spec.name for spec in catalog.lookup(presumed).commands]
            assert names == [spec.name for spec in product.commands]


@pytest.mark.parametrize(
    ("fields", "presumed"),
    [
        (("temperature", "humidity", "battery", "CO2"), "MeterPro(CO2)"),
        (("moveDetected", "brightness", "battery", "openState"), "Contact Sensor"),
        (("Detected", "lightLevel"), "Presence Sensor"),
        (("nebulizationEfficiency",), "Humidifier"),
        (("switch1Status", "switch2Status"), "Relay Switch 2PM"),
        # A meter, a weather station or a hub: they do not take the same commands.
        (("temperature", "humidity", "battery"), ""),
        (("power", "version", "battery"), ""),
        (("latestImage", "neverHeardOf"), ""),
        (("deviceId", "deviceType", "hubDeviceId"), ""),
        ((), ""),
    ],
)
def test_a_type_that_was_left_out_is_known_by_a_status_that_one_kind_gives(
    fields, presumed
):
    assert catalog.presumed_by_status(fields) == presumed


def test_what_a_status_tells_of_a_product_is_one_with_its_commands_and_fields():
    told = 0
    for product in catalog.device_types():
        presumed = catalog.presumed_by_status(field.name for field in product.status)
        if presumed:
            told += 1
            meant = catalog.lookup(presumed, infrared=False)
            assert [spec.name for spec in meant.commands] == [
                spec.name for spec in product.commands
            ]
            assert {field.name for field in meant.status} == {
                field.name for field in product.status
            }
    assert told > 50


def test_a_thermostat_takes_tenths_of_a_degree():
    spec = catalog.lookup("Smart Radiator Thermostat").command(
        "setManualModeTemperature"
    )
    assert spec.schema.step == 0.1
    assert spec.schema.check("20.1", "it") == 20.1


def test_a_type_shared_by_a_remote_and_a_device_is_told_apart():
    assert catalog.lookup("Fan", infrared=True).category == "fan"
    assert catalog.lookup("Fan", infrared=True).infrared
    assert catalog.lookup("Fan", infrared=False).name == "Standing Circulator Fan"


def test_learned_remotes_of_any_type_are_recognised():
    for spelling in ("DIY Projector", "DIY Air Conditioner", "DIY Streamer"):
        assert catalog.lookup(spelling).infrared
    assert catalog.lookup("DIY Robot Lawnmower") is None
    assert catalog.lookup("") is None


@pytest.mark.parametrize(
    ("device_id", "is_remote"),
    [
        ("02-202008110034-13", True),
        ("01-202312120559-97432654", True),
        ("C271111EC0AB", False),
        ("6055F92FCFD2", False),
        ("T02-20250101-01", False),
        ("11-22-33-44-55-66", False),
        ("", False),
    ],
)
def test_the_id_of_a_remote_is_known_by_its_form(device_id, is_remote):
    assert is_infrared_id(device_id) is is_remote


@pytest.mark.parametrize(
    ("command", "command_type", "device_type", "expected"),
    [
        ("turnOff", "command", None, True),
        ("setAll", "command", None, True),
        ("turnOn", "command", "Relay Switch 2PM", True),
        ("toggle", "command", None, False),
        ("toggle", "command", "Plug Mini (US)", False),
        ("press", "command", "Bot", False),
        ("volumeAdd", "command", "TV", False),
        ("createKey", "command", "Keypad Touch", False),
        ("turnOn", "customize", "TV", False),
        ("turnOn", "command", "Others", False),
        ("neverHeardOf", "command", None, False),
        ("turnOff", "command", "Never Heard Of", True),
    ],
)
def test_idempotence_is_the_catalogue_s_word(
    command, command_type, device_type, expected
):
    told = catalog.is_idempotent(command, command_type, device_type=device_type)
    assert told is expected


ACCEPTED = [
    ("Bot", "press", "default", "default"),
    ("Bot", "press", None, "default"),
    ("Color Bulb", "setBrightness", "50", 50),
    ("Color Bulb", "setBrightness", 50.0, 50),
    ("Color Bulb", "setColor", "255:0:10", "255:0:10"),
    ("Color Bulb", "setColor", [255, 0, 10], "255:0:10"),
    ("Curtain", "setPosition", "0,ff,80", "0,ff,80"),
    ("Curtain", "setPosition", "0, ff, 80", "0,ff,80"),
    ("Curtain", "setPosition", (0, "ff", 80), "0,ff,80"),
    ("Blind Tilt", "setPosition", "up;60", "up;60"),
    ("Roller Shade", "setPosition", 0, 0),
    ("Relay Switch 2PM", "turnOn", 1, "1"),
    ("Relay Switch 2PM", "setMode", "1;0", "1;0"),
    ("Humidifier", "setMode", "AUTO", "auto"),
    ("Humidifier", "setMode", "102", 102),
    ("Humidifier", "setMode", 66, 66),
    ("Humidifier2", "setMode", '{"mode": 5, "targetHumidify": "50"}', None),
    ("Humidifier2", "setChildLock", "true", True),
    ("Air Purifier VOC", "setChildLock", "1", 1),
    ("Battery Circulator Fan", "setNightLightMode", 1, "1"),
    ("Air Conditioner", "setAll", "26,1,3,on", "26,1,3,on"),
    ("DIY Air Conditioner", "setAll", "26.0,5,3,on", "26.0,5,3,on"),
    ("TV", "SetChannel", "15", 15),
    ("Weather Station", "customQuote", "Bring a coat", "Bring a coat"),
    ("AI Art Frame", "uploadImage", {"imageUrl": "https://x/y.png"}, None),
    ("Smart Lock", "unlock", "default", "default"),
    ("Curtain 4", "setPosition", "0,ff,80", "0,ff,80"),
    ("Curtain4", "pause", "default", "default"),
    ("RGBICWW Light Bars", "setColorTemperature", "2700", 2700),
    ("RGBICWW Light Bars", "setColor", "255:0:10", "255:0:10"),
    ("AI Art Frame Luma", "next", "default", "default"),
    ("Air Purifier PM2.5", "setBrightness", 40, 40),
    ("Air Purifier Table VOC", "setLightColor", "1:2:3", "1:2:3"),
    ("Air Purifier VOC", "setLightSensor", "on", "on"),
    ("RGBIC Neon Rope Light", "setColorTemperature", "2700", 2700),
    ("RGBIC Neon Wire Rope Light", "setColorTemperature", 6500, 6500),
    ("Circulator Fan", "setWindMode", "baby", "baby"),
    ("Battery Circulator Fan 2 Pro", "setWindMode", "BABY", "baby"),
    ("Smart Radiator Thermostat", "setManualModeTemperature", "20.5", 20.5),
    ("Smart Radiator Thermostat", "setManualModeTemperature", 21.0, 21),
    ("Smart Radiator Thermostat", "setManualModeTemperature", "21", 21),
]


@pytest.mark.parametrize(("device_type", "command", "given_", "sent"), ACCEPTED)
def test_a_right_parameter_takes_the_cloud_s_form(device_type, command, given_, sent):
    checked = catalog.validate_command(device_type, command, given_)
    if sent is not None:
        assert checked == sent
        assert type(checked) is type(sent)
    else:
        assert isinstance(checked, dict)


def test_an_object_typed_as_text_becomes_an_object():
    text = '{"mode": 5, "targetHumidify": "50"}'
    checked = catalog.validate_command("Humidifier2", "setMode", text)
    assert checked == {"mode": 5, "targetHumidify": 50}


REFUSED = [
    ("Bot", "press", "hard", "no parameter"),
    ("Color Bulb", "setBrightness", 0, "from 1 to 100"),
    ("Color Bulb", "setBrightness", True, "from 1 to 100"),
    ("Color Bulb", "setBrightness", "bright", "from 1 to 100"),
    ("Color Bulb", "setColor", "256:0:0", "each part 0 to 255"),
    ("Curtain", "setPosition", "80", "index,mode,position"),
    ("Curtain", "setPosition", "0,2,80", "mode one of 0, 1, ff"),
    ("Curtain", "setPosition", 80, "index,mode,position"),
    ("Blind Tilt", "setPosition", "up;61", "steps of 2"),
    ("Relay Switch 2PM", "turnOn", "default", "one of 1, 2"),
    ("Humidifier", "setMode", 101.5, "auto, 101, 102, 103, or a whole number"),
    ("Humidifier2", "setMode", {"targetHumidify": 5}, "with mode"),
    ("Humidifier2", "setMode", {"mode": 5, "speed": 1}, "without speed"),
    ("Humidifier2", "setMode", "5", "an object with mode"),
    ("Humidifier2", "setChildLock", 1, "true or false"),
    ("Air Conditioner", "setAll", "45,1,3,on", "temperature from 16 to 30"),
    ("Air Conditioner", "setAll", "26,6,3,on", "mode one of 0, 1, 2, 3, 4, 5"),
    ("Air Conditioner", "setAll", "26,1,3", "temperature,mode,fan,power"),
    ("AI Art Frame", "uploadImage", {"imageUrl": "x", "imageBase64": "y"}, "or"),
    ("Weather Station", "customQuote", "", "a text"),
    ("Smart Radiator Thermostat", "setManualModeTemperature", 3.9, "from 4 to 35"),
    ("Smart Radiator Thermostat", "setManualModeTemperature", True, "from 4 to 35"),
    ("Smart Radiator Thermostat", "setManualModeTemperature", "warm", "from 4 to 35"),
    ("Air Purifier VOC", "setLightColor", None, "a parameter"),
    ("Air Conditioner", "setAll", "31,1,3,on", "none is documented"),
]


@pytest.mark.parametrize(("device_type", "command", "given_", "says"), REFUSED)
def test_a_wrong_parameter_says_what_is_wanted(device_type, command, given_, says):
    with pytest.raises(BadParameterError) as raised:
        catalog.validate_command(device_type, command, given_)
    assert says in str(raised.value)
    assert raised.value.maybe_sent is False


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("Bot", "turnOm"), "did you mean 'turnOn'"),
        (("Bot", "TurnOn"), "did you mean 'turnOn'"),
        (("Meter", "turnOn"), "takes no commands"),
        (("Hummidifier", "turnOn"), "did you mean 'Humidifier'"),
        (("", "turnOn"), "no device type"),
        (("Bot", "Sleep", "default", "customize"), "has no command"),
        (("TV", " ", "default", "customize"), "exact name"),
        (("Others", "turnOn"), "its learned buttons"),
    ],
)
def test_an_unknown_command_or_type_says_what_there_is(arguments, says):
    with pytest.raises(UnsupportedCommandError) as raised:
        catalog.validate_command(*arguments)
    assert says in str(raised.value)
    assert raised.value.maybe_sent is False


def test_a_learned_button_may_have_any_name():
    checked = catalog.validate_command("DIY TV", "Sleep 30'", "default", "customize")
    assert checked == "default"


KEY = {"name": "guest", "type": "permanent", "password": "12345678"}


def test_a_passcode_of_limited_time_needs_its_times():
    assert catalog.validate_command("Keypad", "createKey", KEY) == KEY
    with pytest.raises(BadParameterError, match="startTime and endTime"):
        catalog.validate_command("Keypad", "createKey", KEY | {"type": "timeLimit"})


@pytest.mark.parametrize("password", ["12345", "1234567890123", "12345a"])
def test_a_wrong_passcode_is_refused_without_being_repeated(password):
    with pytest.raises(BadParameterError) as raised:
        catalog.validate_command("Keypad", "createKey", KEY | {"password": password})
    assert "password" in str(raised.value)
    assert password not in str(raised.value)


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(["mode", "action", "param", "name", "id"]), children
        )
    ),
    max_leaves=6,
)
_COMMANDS = [
    (product.device_type, spec.name, spec.command_type)
    for product in catalog.device_types()
    for spec in product.commands
]


@given(st.sampled_from(_COMMANDS), _ANYTHING)
def test_whatever_is_accepted_is_accepted_again_unchanged(command, parameter):
    device_type, name, command_type = command
    once = None
    with suppress(BadParameterError):
        once = catalog.validate_command(device_type, name, parameter, command_type)
    if once is not None:
        again = catalog.validate_command(device_type, name, once, command_type)
        assert again == once


def test_the_catalogue_the_ledger_and_the_answers_need_no_http_library():
    code = (
        "import sys; from switchbot_automation.cloud import catalog, quota;"
        "from switchbot_automation.cloud.talk import answers, retry;"
        "assert catalog.lookup('Bot'); assert 'aiohttp' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
