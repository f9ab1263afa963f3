"""What of a room's equipment has nothing to do or never ends is said by check-config."""

import pytest

from switchbot_automation.model import Device, DeviceList
from switchbot_automation.settings.account import account_findings
from switchbot_automation.settings.findings import findings
from switchbot_automation.settings.read import read_settings
from tests.equipment.homes import AIRCON, OUTDOORS, roomed


def unit(kind, number=2, **more):
    return {"kind": kind, "device_id": f"B0E9FE00000{number}", **more}


def said(document):
    """The errors and the warnings of a document, by their paths."""
    found = findings(document, read_settings)
    return (
        {each.path: str(each) for each in found.errors},
        {each.path: str(each) for each in found.warnings},
    )


HUMID, DRY, AIR = {"min_percent": 40}, {"max_percent": 60}, {"max_co2_ppm": 900}
FAHRENHEIT = {
    "unit": "fahrenheit",
    "winter": {"min_temp": 68, "max_temp": 71, "target_temp": 70},
    "summer": {"min_temp": 73, "max_temp": 78, "target_temp": 76},
}
HEAT_PUMP = {"heat_pump_min_outdoor_celsius": 14, "outdoor_device_id": OUTDOORS}


@pytest.mark.parametrize(
    ("entries", "more", "path", "words"),
    [
        (
            [unit("humidifier")],
            {},
            "equipment[1]",
            "nothing to do without humidity.min",
        ),
        ([unit("humidifier")], {"humidity": DRY}, "equipment[1]", "humidity.min"),
        ([unit("dehumidifier")], {}, "equipment[1]", "without humidity.max_percent"),
        ([unit("purifier")], {}, "equipment[1]", "nothing to do without air"),
        ([], {"humidity": HUMID}, "humidity.min_percent", "without a humidifier"),
        (
            [],
            {"humidity": DRY | {"dry_mode": False}},
            "humidity.max_percent",
            "without a dehumidifier",
        ),
        ([unit("humidifier")], {"humidity": {}}, "humidity", "wants nothing"),
        ([unit("humidifier")], {"air": AIR}, "air", "without a fan or a purifier"),
        # Once begun it would never be enough.
        (
            [unit("fan")],
            {"air": {"max_co2_ppm": 1000, "hysteresis_ppm": 600}},
            "air",
            "is enough at 400 ppm",
        ),
        (
            [unit("humidifier")],
            {"humidity": {"min_percent": 70, "hysteresis_percent": 15}},
            "humidity.min_percent",
            "up to 85 %, where mould grows",
        ),
        (
            [unit("dehumidifier")],
            {"humidity": {"max_percent": 30, "hysteresis_percent": 20}},
            "humidity.max_percent",
            "is enough at 10 %",
        ),
        (
            [unit("heater", channel=1), unit("dehumidifier")],
            {"humidity": DRY},
            "equipment[2].channel",
            "say which, 1 or 2",
        ),
        ([unit("heater")], HEAT_PUMP | FAHRENHEIT, next(iter(HEAT_PUMP)), "57.2 °F"),
        (
            [{"kind": "fan", "device_id": "b0:e9:fe:00:00:02"}],
            {"air": AIR},
            "equipment[1].device_id",
            "'B0E9FE000002'",
        ),
    ],
)
def test_what_does_nothing_or_never_ends_is_said_where_it_stands(
    entries, more, path, words
):
    errors, warnings = said(roomed(AIRCON, *entries, **more))
    assert errors == {}
    assert words in warnings.pop(path)
    assert set(warnings) <= {"equipment[1]"}


def test_a_limit_for_a_heat_pump_needs_a_heat_pump():
    limit = HEAT_PUMP | {"heat_pump_min_outdoor_celsius": -5}
    _errors, warnings = said(roomed(unit("heater"), unit("thermostat", 3), **limit))
    path, word = next(iter(limit)), "nothing in equipment heats by a compressor"
    assert word in warnings[path]


@pytest.mark.parametrize(
    ("entries", "more"),
    [
        ([unit("humidifier")], {"humidity": HUMID | DRY}),
        ([unit("dehumidifier")], {"humidity": DRY}),
        ([unit("dehumidifier")], {"humidity": {"max_dew_point_celsius": 12}}),
        # By the air conditioner's dry mode.
        ([], {"humidity": DRY}),
        ([unit("purifier")], {"air": AIR}),
        # It moves the air of a warm room.
        ([unit("fan")], {}),
        ([unit("curtain")], {}),
        ([unit("heater")], HEAT_PUMP),
        (
            [unit("heater")],
            HEAT_PUMP | {"heat_pump_min_outdoor_celsius": -5} | FAHRENHEIT,
        ),
        (
            [unit("heater", channel=1), unit("dehumidifier", channel=2)],
            {"humidity": DRY},
        ),
    ],
)
def test_nothing_is_said_of_what_works(entries, more):
    assert said(roomed(AIRCON, *entries, **more)) == ({}, {})


def test_what_a_whole_home_wants_is_somebody_s_where_any_room_has_a_unit_for_it():
    document = roomed(AIRCON, humidity=HUMID)
    del document["equipment"]
    office = {
        "meter_device_id": "C271111EC0AC",
        "equipment": [AIRCON | {"device_id": "02-202008110034-14"}],
    }
    living = {"equipment": [AIRCON, unit("humidifier")]}
    home = document | {"zones": {"living": living, "office": office}}
    assert said(home) == ({}, {})
    _errors, warnings = said(document | {"zones": {"office": office}})
    assert "without a humidifier" in warnings["humidity.min_percent"]


@pytest.mark.parametrize(
    ("equipment", "paths"),
    [
        ([{"type": "heater", "device_id": "B0E9FE000002"}], {"kind", "type"}),
        ([unit("termostat")], {"kind"}),
        ([unit("heater", channel=3)], {"channel"}),
        ([unit("heater"), unit("heater")], {"device_id"}),
        (["B0E9FE000002"], {"equipment[0]"}),
        (unit("heater"), {"equipment"}),
        ([unit("shade"), AIRCON], {"kind"}),
    ],
)
def test_a_slip_in_equipment_is_told_alone(equipment, paths):
    """Each was told of a way out that nobody lacked, as well."""
    errors, _warnings = said(roomed() | {"equipment": equipment, "humidity": HUMID})
    assert {path.rpartition(".")[2] for path in errors} == paths


def test_what_cannot_be_read_is_not_said_to_be_missing():
    wrong = roomed(AIRCON, unit("humidifier"), humidity={"min_percent": "much"})
    errors, warnings = said(wrong)
    assert set(errors) == {"humidity.min_percent"}
    assert warnings == {}


def test_a_kind_that_is_nearly_one_is_proposed_and_a_key_that_is_like_none_is_not():
    errors, _warnings = said(roomed(unit("termostat")))
    assert "did you mean 'thermostat'?" in errors["equipment[0].kind"]
    errors, _warnings = said(roomed({"type": "heater", "device_id": "B0E9FE000002"}))
    assert "did you mean" not in errors["equipment[0].type"]
    assert "device_id, " in errors["equipment[0].type"]


def listed(meter_type):
    return DeviceList(
        devices=(
            Device(
                "C271111EC0AB", "meter", meter_type, "FA7310762361", cloud_service=True
            ),
            Device("B0E9FE000002", "fan", "Circulator Fan", None, cloud_service=True),
            Device("FA7310762361", "hub", "Hub Mini", None, cloud_service=True),
        ),
        remotes=(),
    )


def test_the_account_knows_what_a_meter_says_and_which_one_is_outdoors():
    document = roomed(unit("fan"), air=AIR, outdoor_device_id="FA7310762361")
    errors, warnings = account_findings(document, listed("Meter"), ())
    assert [str(each) for each in errors] == [
        "outdoor_device_id: 'hub' gives no temperature"
    ]
    assert [str(each) for each in warnings] == [
        "air: 'meter' gives no CO2, so that nothing is kept by it"
    ]
    del document["outdoor_device_id"]
    assert account_findings(document, listed("MeterPro(CO2)"), ()) == ([], [])
    gone = document | {"outdoor_device_id": "D40E84863006"}
    (error,), _warnings = account_findings(gone, listed("MeterPro(CO2)"), ())
    assert "the account has no device 'D40E84863006'" in str(error)
