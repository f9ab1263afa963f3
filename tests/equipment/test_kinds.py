"""What every kind of equipment has to hold, and what each of them is told and shows."""

from __future__ import annotations

import pytest

from switchbot_automation.cloud.catalog.catalog import device_types, validate_command
from switchbot_automation.core.state.unit import power_of, set_all_parameter
from switchbot_automation.equipment.table import KINDS
from switchbot_automation.errors import SettingsError
from switchbot_automation.model import Action, Device, DeviceList, Power
from switchbot_automation.settings.account import account_findings
from switchbot_automation.settings.read import check_settings, parse_settings

WINTER = {"min_temp": 20.0, "max_temp": 21.0, "target_temp": 20.5}
SUMMER = {"min_temp": 23.0, "max_temp": 26.0, "target_temp": 24.5}
DEVICE = "B0E9FE000001"


def document(kind, **more):
    entry = {"kind": kind, "device_id": DEVICE, **more}
    return {"equipment": [entry], "winter": WINTER, "summer": SUMMER}


def zone_of(kind, **more):
    """The settings of the unit, which is that of the zone where it heats or cools."""
    zones = parse_settings(document(kind, **more)).zones.values()
    return next(zone for zone in zones if zone.aircon_device_id == DEVICE)


def products(kind):
    """Every product that has the command which devices of that kind take."""
    categories = KINDS[kind].categories
    return [
        product
        for product in device_types()
        if product.command(KINDS[kind].takes)
        and (not categories or product.category in categories)
        and not any(product.command(word) for word in KINDS[kind].lacks)
    ]


@pytest.mark.parametrize("word", KINDS)
def test_what_a_kind_is_told_its_products_take(word):
    kind = KINDS[word]
    assert kind.can(Action.OFF)
    assert kind.does
    for product in products(word):
        two = product.name == "Relay Switch 2PM"
        zone = zone_of(word, channel=2) if two else zone_of(word)
        for action in (*kind.does, Action.OFF):
            setting = set_all_parameter(zone, action)
            command, parameter = kind.command(action, setting, zone.unit_channel)
            spelling = product.device_type or product.name
            validate_command(spelling, command, parameter, infrared=product.infrared)


@pytest.mark.parametrize("word", KINDS)
def test_what_is_only_on_or_off_goes_off_with_its_window(word):
    """Else it would go on all night as the end of the window happens to find it."""
    kind = KINDS[word]
    ends = kind.fails == "off" and not kind.sets
    assert ends is (word in {"heater", "humidifier", "dehumidifier", "purifier", "fan"})
    assert zone_of(word).turn_off_outside_windows is ends
    said = document(word) | {"turn_off_outside_windows": not ends}
    zones = parse_settings(said).zones.values()
    assert {zone.turn_off_outside_windows for zone in zones} == {not ends}


@pytest.mark.parametrize("word", ["thermostat", "heater"])
@pytest.mark.parametrize("action", [Action.SUMMER, Action.FAN])
def test_what_only_heats_is_asked_for_nothing_else(word, action):
    assert not zone_of(word).can(action)
    errors = check_settings(
        document(word) | {"automation_enabled": True, "mode": "summer"}
    )
    assert errors == []
    with_summer = parse_settings(
        document(word) | {"automation_enabled": True, "mode": "summer"}
    ).default
    assert with_summer.without_way == (Action.SUMMER,)


@pytest.mark.parametrize("word", KINDS)
def test_what_a_device_does_not_say_nobody_concludes(word):
    for fields in ({}, {"mode": None, "power": 7}, {"mode": 99}, {"mode": "x"}):
        assert power_of(KINDS[word].shown(fields, 0)) is None


@pytest.mark.parametrize(
    ("fields", "channel", "power"),
    [
        ({"switchStatus": 1, "power": 0.0}, 0, Power.ON),
        ({"switchStatus": 0, "power": 1}, 0, Power.OFF),
        ({"power": "on", "weight": 0.0}, 0, Power.ON),
        ({"power": "off"}, 0, Power.OFF),
        ({"switch1Status": 1, "switch2Status": 0}, 2, Power.OFF),
        ({"switch1Status": 1, "switch2Status": 0}, 1, Power.ON),
        ({"switchStatus": 1, "online": False}, 0, None),
    ],
)
def test_a_relay_is_read_by_its_own_word_and_not_by_its_watts(fields, channel, power):
    assert power_of(KINDS["heater"].shown(fields, channel)) is power


@pytest.mark.parametrize(
    ("mode", "power"),
    [(2, Power.OFF), (1, Power.ON), (0, Power.ON), (5, Power.ON), ("manual", Power.ON)],
)
def test_a_thermostat_is_read_by_its_mode(mode, power):
    shown = KINDS["thermostat"].shown({"mode": mode, "temperature": 23.4}, 0)
    assert power_of(shown) is power
    assert shown.get("temperature") != 23.4  # the air at the radiator is no setpoint


def test_a_kind_brings_its_times_and_the_document_has_the_last_word():
    heater = zone_of("heater")
    assert (heater.proportions, heater.max_starts_per_hour) == (True, 3)
    assert heater.power_meter_device_id == DEVICE
    assert not heater.unit_readable
    own = parse_settings(document("heater") | {"max_starts_per_hour": 2}).default
    assert own.max_starts_per_hour == 2
    plain = parse_settings(document("heater") | {"control": "switch"}).default
    assert not plain.proportions
    blind = zone_of("heater", measures_power=False)
    assert blind.unit_readable
    assert not blind.power_meter_device_id


def test_a_zone_of_an_air_conditioner_beside_one_of_another_kind():
    settings = parse_settings(
        {
            "zones": {
                "bath": {"equipment": document("thermostat")["equipment"]},
                "office": {"aircon_device_id": "02-202601010000-01"},
            },
            "winter": WINTER,
        }
    )
    assert settings.zones["bath"].kind.word == "thermostat"
    assert settings.zones["office"].kind.word == "aircon"
    # What one kind presumes is none of the other's.
    assert settings.zones["office"].control == "switch"


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        ({"kind": "oven", "device_id": DEVICE}, "equipment[0].kind"),
        ({"kind": "heater"}, "equipment[0].device_id"),
        (
            {"kind": "thermostat", "device_id": DEVICE, "channel": 1},
            "equipment[0].channel",
        ),
        (
            {"kind": "aircon", "device_id": DEVICE, "cycle_seconds": 600},
            "equipment[0].cycle_seconds",
        ),
    ],
)
def test_what_is_no_equipment_is_refused_where_it_stands(entry, path):
    with pytest.raises(SettingsError) as caught:
        parse_settings({"equipment": [entry]})
    assert caught.value.path == path


def test_a_unit_is_named_in_one_place():
    with pytest.raises(SettingsError, match="is short for equipment"):
        parse_settings(document("thermostat") | {"aircon_device_id": "X"})


def findings(device_type, part):
    listed = DeviceList(
        (Device(DEVICE, "Bath", device_type, None, cloud_service=True),), ()
    )
    errors, _warnings = account_findings(part, listed, ())
    return [(error.path, str(error)) for error in errors]


@pytest.mark.parametrize(
    ("device_type", "word"),
    [
        ("Smart Radiator Thermostat", "thermostat"),
        ("Plug Mini (EU)", "heater"),
        ("Relay Switch 1PM", "heater"),
    ],
)
def test_what_is_no_air_conditioner_is_pointed_to_its_kind(device_type, word):
    ((path, words),) = findings(device_type, {"aircon_device_id": DEVICE})
    assert path == "aircon_device_id"
    assert f'"kind": "{word}", "device_id": "{DEVICE}"' in words
    assert "equipment" in words
    assert findings(device_type, document(word)) == []


@pytest.mark.parametrize(
    ("device_type", "entry", "path"),
    [
        ("Meter", {"kind": "thermostat"}, "equipment[0].kind"),
        ("Color Bulb", {"kind": "heater"}, "equipment[0].kind"),
        ("Bot", {"kind": "heater"}, "equipment[0].kind"),
        ("Relay Switch 2PM", {"kind": "heater"}, "equipment[0].channel"),
        ("Plug Mini (JP)", {"kind": "heater", "channel": 1}, "equipment[0].channel"),
        ("Plug", {"kind": "heater"}, "equipment[0].measures_power"),
    ],
)
def test_a_device_of_another_kind_is_refused_before_anything_is_sent(
    device_type, entry, path
):
    found = findings(device_type, {"equipment": [{"device_id": DEVICE, **entry}]})
    assert [where for where, _words in found] == [path]


def test_a_device_that_the_account_does_not_have_is_named():
    found = findings("Meter", {"equipment": [{"kind": "heater", "device_id": "Z"}]})
    assert found[0][0] == "equipment[0].device_id"


@pytest.mark.parametrize("word", ["curtain", "shade"])
def test_a_cover_that_went_as_far_as_it_was_told_shades(word):
    kind = KINDS[word]
    for level in range(101):
        went = {}
        for action in (Action.SHADE, Action.OFF):
            _command, place = kind.command(action, None, level)
            position = int(str(place).rsplit(",", 1)[-1])
            went[action] = kind.shown({"slidePosition": position}, level)["power"]
        assert went == {Action.SHADE: "on", Action.OFF: "off"}, level
