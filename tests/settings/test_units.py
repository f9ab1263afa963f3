"""Degrees Fahrenheit: typed and read by a person, kept in degrees Celsius."""

from copy import deepcopy
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation import SettingsError, parse_settings
from switchbot_automation.explain import words
from switchbot_automation.explain.words import reason_words, upkeep_words
from switchbot_automation.languages import (
    CELSIUS,
    FAHRENHEIT,
    LANGUAGES,
    from_celsius,
    measuring,
    speaking,
    to_celsius,
)
from switchbot_automation.settings import check_settings
from switchbot_automation.settings.findings import warnings
from switchbot_automation.settings.scale import in_celsius, in_unit_of
from switchbot_automation.upkeep.ledger import UpkeepNews

HALVES = st.integers(-200, 800).map(lambda number: number / 2)


@given(HALVES, st.sampled_from([CELSIUS, FAHRENHEIT]))
def test_half_degrees_come_back_as_they_were_typed(typed, unit):
    assert from_celsius(to_celsius(typed, unit), unit) == typed


@given(HALVES)
def test_half_degrees_come_back_also_after_the_engine_rounded_them(typed):
    assert round(from_celsius(round(to_celsius(typed), 3)), 1) == typed


@given(st.floats(-60, 130))
def test_what_is_shown_is_what_a_thermometer_says(celsius):
    assert from_celsius(celsius) == pytest.approx(celsius * 9 / 5 + 32, abs=0.006)


DOCUMENT = {
    "unit": "fahrenheit",
    "winter": {"min_temp": 68.5, "max_temp": 71, "target_temp": 72, "fan_speed": 2},
    "frost_floor_celsius": 6,
    "presets": {"away": {"winter": {"min_temp": 60, "max_temp": 62}}},
    "zones": {"office": {"summer": {"min_temp": 75, "max_temp": 78.5, "target_temp": 76}}},
    "rules": [
        {
            "id": "hot",
            "triggers": [
                {"trigger": "numeric_state", "zone": "office", "above": 77},
                {"trigger": "numeric_state", "device": "C1", "attribute": "CO2", "above": 900},
                {"trigger": "numeric_state", "zone": "office", "attribute": "humidity", "above": 77},
            ],
            "conditions": {
                "condition": "not",
                "conditions": [{"condition": "numeric_state", "zone": "office", "below": 50}],
            },
            "actions": [{"action": "command", "zone": "office", "command": "set_temperature", "parameter": 75.2}],
        }
    ],
}  # fmt: skip


def test_a_document_in_fahrenheit_means_what_one_in_celsius_does():
    settings = parse_settings(DOCUMENT)
    office = settings.zones["office"]
    assert settings.unit == "fahrenheit"
    assert office.winter.min_temp == pytest.approx(20.277778)
    assert office.summer.max_temp == pytest.approx(25.833333)
    assert office.presets["away"].winter.max_temp == pytest.approx(16.666667)
    assert office.frost_floor_celsius == 6, "its name says its unit"
    (rule,) = settings.rules
    assert [each.above for each in rule.triggers] == [25, 900, 77]
    assert "celsius=24.0" in repr(rule)
    assert "below=10.0" in repr(rule)


def test_a_document_stays_as_it_was_typed():
    before = deepcopy(DOCUMENT)
    parse_settings(DOCUMENT)
    assert before == DOCUMENT
    assert in_celsius(DOCUMENT)["zones"]["office"]["summer"][
        "min_temp"
    ] == pytest.approx(23.888889)
    assert in_celsius({"winter": {"min_temp": 68}}) == {"winter": {"min_temp": 68}}


def test_what_a_program_changes_is_written_in_the_document_s_degrees():
    keys = {"winter": {"min_temp": 20.0, "max_temp": 21.5}, "preset": "away"}
    assert in_unit_of(DOCUMENT, keys) == {
        "winter": {"min_temp": 68.0, "max_temp": 70.7},
        "preset": "away",
    }
    assert in_unit_of({}, keys) == keys


@pytest.mark.parametrize("value", [20, 96, 49.9])
def test_a_wrong_value_is_refused_in_its_own_degrees(value):
    document = deepcopy(DOCUMENT)
    document["zones"]["office"]["summer"]["min_temp"] = value
    (error,) = check_settings(document)
    assert error.path == "zones.office.summer.min_temp"
    assert f"{value:g} is not from 50 to 95 °F" in str(error)
    with pytest.raises(SettingsError):
        parse_settings(document)


def test_an_unknown_unit_is_refused():
    (error,) = check_settings({"unit": "kelvin"})
    assert "celsius, fahrenheit" in str(error)


def test_the_same_home_in_either_unit_is_the_same_but_for_the_unit():
    old = {"winter": {"min_temp": 20, "max_temp": 22, "target_temp": 23}}
    new = {
        "unit": "fahrenheit",
        "winter": {"min_temp": 68, "max_temp": 71.6, "target_temp": 73.4},
    }
    celsius, fahrenheit = parse_settings(old), parse_settings(new)
    assert celsius.zones["default"].winter == fahrenheit.zones["default"].winter


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_with_degrees_is_told_in_fahrenheit(language):
    told = 0
    for code, templates in words.REASON_WORDS.items():
        for template in (templates,) if isinstance(templates, str) else templates:
            if "°C" not in template:
                continue
            names = [
                part.split("}")[0].split(":")[0] for part in template.split("{")[1:]
            ]
            values = dict.fromkeys(names, 20.0)
            with speaking(language), measuring(FAHRENHEIT):
                text = reason_words({"code": code, **values}, UTC)
            assert "°C" not in text, code
            assert "°F" in text, code
            assert "68" in text, code
            told += 1
    assert told >= 10


def test_a_text_without_degrees_is_as_it_was():
    news = UpkeepNews("Meter", "battery", 9.0, 20.0)
    told = upkeep_words("Meter", news)
    with measuring(FAHRENHEIT):
        assert upkeep_words("Meter", news) == told


UNIT_ON_AIR = {
    "unit": "fahrenheit",
    "timezone": "UTC",
    "meter_device_id": "C271111EC0AB",
    "aircon_device_id": "02-202008110034-13",
    "automation_enabled": True,
    "mode": "auto",
    "winter": {"min_temp": 68, "max_temp": 71, "target_temp": 70},
    "summer": {"min_temp": 73, "max_temp": 79, "target_temp": 76},
    "presets": {"away": {"winter": {"min_temp": 62, "target_temp": 64}}},
}


def in_both_units(**more):
    document = UNIT_ON_AIR | more
    return document, in_celsius(document) | {"unit": "celsius"}


def test_what_may_be_written_for_an_air_conditioner_may_be_in_either_unit():
    for document in in_both_units():
        assert check_settings(document) == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"winter": {"min_temp": 68, "max_temp": 71, "target_temp": 95}}, "write 86"),
        ({"winter": {"min_temp": 52, "max_temp": 63, "target_temp": 56}}, "write 60.8"),
        (
            {"winter": {"min_temp": 72, "max_temp": 71, "target_temp": 71}},
            "72 is above max_temp, 71",
        ),
        ({"heat_ceiling_celsius": 20}, "winter.max_temp, 71 °F"),
        (
            {"presets": {"away": {"winter": {"min_temp": 73}}}},
            "73 to 71, with what `winter`",
        ),
    ],
)
def test_what_is_refused_is_told_in_the_degrees_that_were_written(more, said):
    fahrenheit, celsius = in_both_units(**more)
    told = check_settings(fahrenheit)
    assert said in str(told[0])
    assert [each.path for each in told] == [
        each.path for each in check_settings(celsius)
    ]


def test_what_never_brings_a_room_into_its_band_is_told_in_degrees_that_were_written():
    band = {"min_temp": 72, "max_temp": 75, "target_temp": 70}
    document, _same = in_both_units(winter=band, control="switch")
    settings = parse_settings(document)
    assert any(
        "set to 70 °F the unit can never bring the room to 72 to 75 °F" in str(each)
        for each in warnings(document, settings)
    )


@pytest.mark.parametrize(
    "over",
    [
        {"hysteresis_celsius": 0.5},
        {"winter": {"min_temp": 66}},
        {"unit": "fahrenheit", "presets": {"away": {"winter": {"min_temp": 60}}}},
    ],
)
def test_a_shadow_is_in_the_degrees_of_its_document_and_converted_once(over):
    fahrenheit, celsius = in_both_units(shadow=over)
    celsius["shadow"].pop("unit", None)
    shadows = [parse_settings(each).shadow for each in (fahrenheit, celsius)]
    assert shadows[0].zones == shadows[1].zones
    (error,) = check_settings(UNIT_ON_AIR | {"shadow": {"winter": {"min_temp": 18}}})
    assert error.path == "shadow.winter.min_temp"
    assert "18 is not from 50 to 95 °F" in str(error)


def test_the_options_of_a_part_that_another_wrote_are_in_its_own_words():
    options = {"min_temp": 50, "winter": {"target_temp": 1}}
    document = UNIT_ON_AIR | {"plugins": {"mine": {"type": "x", "options": options}}}
    assert in_celsius(document)["plugins"] == document["plugins"]
    assert list(in_celsius(document)) == list(document)


@pytest.mark.parametrize("unit", [CELSIUS, FAHRENHEIT])
@pytest.mark.parametrize("number", [10**400, float("nan"), float("inf"), -(10**400)])
def test_what_no_float_holds_is_refused_and_nothing_breaks(unit, number):
    rule = {
        "id": "a",
        "triggers": [{"trigger": "numeric_state", "zone": "default", "above": number}],
        "actions": [{"action": "notify", "message": "x"}],
    }
    for more in ({"winter": {"min_temp": number}}, {"rules": [rule]}):
        assert check_settings({"unit": unit} | more)
