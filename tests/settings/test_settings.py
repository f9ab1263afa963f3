from __future__ import annotations

import ast
import copy
import json
from dataclasses import fields
from datetime import time
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbot_automation.errors import SettingsError
from switchbot_automation.model import Action
from switchbot_automation.schedule.windows import TimeWindow
from switchbot_automation.settings import (
    check_settings,
    model,
    parse_settings,
    settings_table,
)
from switchbot_automation.settings.change import Change, differences
from switchbot_automation.settings.model import (
    GroupSettings,
    OffsetInput,
    Openings,
    Presence,
    Profile,
    Sensor,
    Settings,
    ZoneSettings,
)

WINTER = {"min_temp": 19.0, "max_temp": 21.0, "target_temp": 22.0}
SUMMER = {"min_temp": 23.0, "max_temp": 26.0, "target_temp": 24.0}
SECRET = "s3cr3t-key"
HOOK = f"https://maker.ifttt.com/trigger/x/with/key/{SECRET}"
DASHBOARD = {
    "automation_enabled": True,
    "mode": "winter",
    "poll_interval_seconds": 30,
    "hysteresis_celsius": 0.3,
    "command_cooldown_seconds": 60,
    "action_on_cooldown_seconds": 420,
    "action_off_cooldown_seconds": 61,
    "off_repeat_count": 2,
    "off_repeat_interval_seconds": 12,
    "turn_off_outside_windows": True,
    "timezone": "Europe/Paris",
    "api_quota_warning_threshold": 251,
    "meter_device_id": "C271111EC0AB",
    "aircon_device_id": "02-202008110034-13",
    "winter": {**WINTER, "fan_speed": 3, "ac_mode": 5},
    "summer": {**SUMMER, "fan_speed": 2, "ac_mode": 2},
    "aircon_scenes": {"winter": "T02-20250101-01", "off": "T02-20250101-04", "fan": ""},
    "ifttt_webhooks": {"winter": HOOK, "off": HOOK.replace("/x/", "/y/"), "fan": ""},
    "time_windows": [{"days": [0, 1, 2, 3, 4, 5, 6], "start": "10:00", "end": "01:00"}],
}


def problem(document) -> SettingsError:
    """The only problem of a document; its message names the path and no secret."""
    errors = check_settings(document)
    assert len(errors) == 1, [str(error) for error in errors]
    assert SECRET not in str(errors[0]) + repr(errors[0])
    assert str(errors[0]).startswith(errors[0].path)
    with pytest.raises(SettingsError) as caught:
        parse_settings(document)
    assert str(caught.value) == str(errors[0])
    return errors[0]


def zone(document) -> ZoneSettings:
    settings = parse_settings(document)
    assert list(settings.zones) == ["default"]
    return settings.default


# --- what is accepted -------------------------------------------------------------


def test_every_value_of_a_flat_document_arrives():
    settings = parse_settings(DASHBOARD)
    assert settings.api_quota_warning_threshold == 251
    assert settings.default == ZoneSettings(
        name="default",
        timezone=ZoneInfo("Europe/Paris"),
        automation_enabled=True,
        mode="winter",
        poll_interval_seconds=30,
        hysteresis_celsius=0.3,
        command_cooldown_seconds=60,
        min_on_seconds=420,
        min_off_seconds=61,
        off_repeat_count=2,
        off_repeat_interval_seconds=12,
        turn_off_outside_windows=True,
        meter_device_id="C271111EC0AB",
        aircon_device_id="02-202008110034-13",
        winter=Profile(19.0, 21.0, 22.0, 3, 5),
        summer=Profile(23.0, 26.0, 24.0, 2, 2),
        scenes={Action.WINTER: "T02-20250101-01", Action.OFF: "T02-20250101-04"},
        webhooks={Action.WINTER: HOOK, Action.OFF: HOOK.replace("/x/", "/y/")},
        time_windows=(TimeWindow(frozenset(range(7)), time(10), time(1)),),
    )


def test_an_empty_document_is_valid_and_disabled():
    settings = parse_settings({})
    assert check_settings({}) == []
    assert not settings.default.automation_enabled
    assert settings.default.winter is None
    assert settings.default.time_windows == ()


def test_absent_keys_have_the_forms_defaults_not_the_old_engines():
    default = zone({"winter": WINTER, "summer": SUMMER})
    assert default.hysteresis_celsius == 0.3
    assert default.command_cooldown_seconds == 180
    assert default.winter.ac_mode == 5
    assert default.winter.fan_speed == 3
    assert default.timezone == ZoneInfo("Europe/Paris")


def test_defect_e_a_summer_without_ac_mode_cools():
    assert zone({"summer": SUMMER}).summer.ac_mode == 2


def test_the_table_is_the_only_home_of_a_default():
    with_default = {spec.key for spec in settings_table() if spec.default is not None}
    with_default.remove("quota_reserve")  # `auto` is None to the engine
    given = [
        node
        for node in ast.walk(ast.parse(Path(model.__file__).read_text()))
        if isinstance(node, ast.AnnAssign) and node.value is not None
    ]
    taken = [node for node in given if "_ZONE" in ast.unparse(node.value)]
    assert len(taken) > 40
    assert [
        node.target.id
        for node in given
        if node.target.id in with_default
        and not any(isinstance(each, ast.Subscript) for each in ast.walk(node.value))
    ] == []


def test_every_field_of_a_zone_is_in_the_table():
    renamed = {"scenes": "aircon_scenes"}
    named = [each.name for each in fields(ZoneSettings) if each.init]
    names = {renamed.get(name, name) for name in named}
    keys = {spec.name for spec in settings_table() if not spec.section}
    worked_out = {"name", "overlay", "lead", "without_unit", "backed_up", "air_left"}
    worked_out |= {"unit_tells"}
    assert names - worked_out == keys - {
        "api_quota_warning_threshold",
        "battery_below",
        "filter_after_hours",
        "groups",
        "language",
        "notifiers",
        "plugins",
        "quota_reserve",
        "rules",
        "shadow",
        "trigger_mode",
        "unit",
        "zones",
    }


def test_a_whole_number_may_come_as_a_float_without_a_fraction():
    document = json.loads('{"poll_interval_seconds": 60.0, "hysteresis_celsius": 1}')
    default = zone(document)
    assert default.poll_interval_seconds == 60
    assert type(default.poll_interval_seconds) is int
    assert type(default.hysteresis_celsius) is float


def test_the_document_is_not_changed_and_need_not_be_a_dict():
    document = copy.deepcopy(DASHBOARD)
    parse_settings(MappingProxyType(document))
    assert document == DASHBOARD


@pytest.mark.parametrize(
    ("mode", "cascade"), [("direct", ("scene", "command")), ("ifttt", ("webhook",))]
)
def test_the_old_trigger_mode_is_a_cascade(mode, cascade):
    assert zone({"trigger_mode": mode}).cascade == cascade


def test_seconds_of_a_window_are_read():
    window = {"days": [6, 6], "start": "00:00:30", "end": "23:59:59"}
    assert zone({"time_windows": [window]}).time_windows == (
        TimeWindow(frozenset({6}), time(0, 0, 30), time(23, 59, 59)),
    )


@pytest.mark.parametrize("old", ["ifttt_webhooks", "webhooks"])
def test_both_names_of_webhooks_are_read(old):
    assert zone({old: {"off": HOOK}}).webhooks == {Action.OFF: HOOK}


def test_both_names_of_a_setting_may_agree():
    document = {"action_on_cooldown_seconds": 60, "min_on_seconds": 60}
    assert zone(document).min_on_seconds == 60


# --- zones ------------------------------------------------------------------------


def test_zones_override_what_stands_beside_them():
    settings = parse_settings(
        {
            "automation_enabled": True,
            "winter": WINTER,
            "aircon_scenes": {"winter": "w", "off": "o"},
            "action_on_cooldown_seconds": 60,
            "zones": {
                "office": {
                    "winter": {"min_temp": 17},
                    "aircon_scenes": {"off": "office-off"},
                    "min_on_seconds": 90,
                    "timezone": "Asia/Tokyo",
                },
                "bedroom": {"automation_enabled": False},
            },
        }
    )
    office, bedroom = settings.zones["office"], settings.zones["bedroom"]
    assert list(settings.zones) == ["office", "bedroom"]
    assert settings.default is office
    assert office.winter == Profile(17, 21, 22, 3, 5)
    assert office.scenes == {Action.OFF: "office-off"}
    assert office.min_on_seconds == 90
    assert office.timezone == ZoneInfo("Asia/Tokyo")
    assert office.name == "office"
    assert bedroom.winter == Profile(19, 21, 22, 3, 5)
    assert bedroom.scenes == {Action.WINTER: "w", Action.OFF: "o"}
    assert bedroom.min_on_seconds == 60
    assert not bedroom.automation_enabled


def test_the_zone_named_default_is_the_default():
    settings = parse_settings({"zones": {"office": {}, "default": {}}})
    assert settings.default.name == "default"


def test_a_zone_may_complete_the_temperatures_of_an_enabled_home():
    document = {"automation_enabled": True, "zones": {"office": {"winter": WINTER}}}
    assert check_settings(document) == []


def test_a_zone_that_lacks_temperatures_is_named_by_who_asked_for_them():
    enabled = {"automation_enabled": True}
    by_zone = check_settings({"zones": {"office": enabled, "bath": {}}})
    assert [error.path for error in by_zone] == [
        "zones.office.winter.min_temp",
        "zones.office.winter.max_temp",
        "zones.office.winter.target_temp",
    ]
    by_home = check_settings({**enabled, "zones": {"office": {}, "bath": {}}})
    assert [error.path for error in by_home] == [
        "winter.min_temp",
        "winter.max_temp",
        "winter.target_temp",
    ]


@pytest.mark.parametrize("key", ["zones", "api_quota_warning_threshold"])
def test_what_is_for_the_whole_home_is_refused_in_a_zone(key):
    error = problem({"zones": {"office": {key: {}}}})
    assert error.path == f"zones.office.{key}"
    assert "top" in str(error)


@pytest.mark.parametrize("name", ["", " office", "a\nb", "x" * 101])
def test_a_zone_needs_a_sensible_name(name):
    assert "1 to 100" in str(problem({"zones": {name: {}}}))


# --- several problems at once -----------------------------------------------------


def test_all_problems_are_found_and_the_first_is_raised():
    document = {
        "mode": "autumn",
        "poll_interval_seconds": 5,
        "time_windows": [{"days": [9], "start": "x", "end": "08:00"}],
        "zones": {"office": {"modee": "winter"}},
    }
    assert [error.path for error in check_settings(document)] == [
        "mode",
        "poll_interval_seconds",
        "time_windows[0].days[0]",
        "time_windows[0].start",
        "zones.office.modee",
    ]
    with pytest.raises(SettingsError, match=r"^mode:") as caught:
        parse_settings(document)
    assert caught.value.path == "mode"


def test_a_problem_beside_the_zones_is_said_once():
    document = {
        "winter": {"min_temp": 25, "max_temp": 20},
        "zones": {f"room {number}": {} for number in range(5)},
    }
    assert problem(document).path == "winter.min_temp"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([spec.key for spec in settings_table()])
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(document=ANYTHING)
def test_no_document_makes_it_fail_otherwise(document):
    errors = check_settings(document)
    assert all(isinstance(error, SettingsError) for error in errors)
    if errors:
        with pytest.raises(SettingsError):
            parse_settings(document)
    else:
        assert parse_settings(document).zones


# --- the table --------------------------------------------------------------------


def test_the_table_documents_every_setting():
    table = settings_table()
    names = [spec.name for spec in table]
    assert len(names) == len(set(names))
    for spec in table:
        assert spec.meaning.endswith(".")
        assert (spec.bounds is None) or spec.range
        if spec.section:
            assert spec.section.removesuffix("[]").removesuffix("{}") in names
    aliases = {alias: spec.name for spec in table for alias in spec.aliases}
    assert aliases == {
        "ifttt_webhooks": "webhooks",
        "action_on_cooldown_seconds": "min_on_seconds",
        "action_off_cooldown_seconds": "min_off_seconds",
    }


def test_whoever_makes_settings_without_a_document_gets_the_tables_defaults():
    paris = ZoneInfo("Europe/Paris")
    bare = Settings({"default": ZoneSettings("default", paris)})
    assert parse_settings({}) == bare
    full = parse_settings(
        {
            "sensors": [{"device_id": "m"}],
            "presets": {"away": {}},
            "openings": {},
            "presence": {"sensors": ["p"], "preset": "away"},
            "offsets": [{"source": "price"}],
            "groups": {"roof": {"zones": ["default"]}},
        }
    )
    zone = full.default
    assert zone.sensors == (Sensor("m"),)
    assert zone.openings == Openings()
    assert zone.presence == Presence(("p",), "away")
    assert zone.offsets == (OffsetInput("price"),)
    assert full.groups == {"roof": GroupSettings("roof", ("default",))}


# --- differences ------------------------------------------------------------------


def test_what_differs_is_listed_and_nothing_else():
    changed = copy.deepcopy(DASHBOARD)
    changed["winter"]["min_temp"] = 18
    changed["api_quota_warning_threshold"] = 100
    del changed["summer"]["fan_speed"]
    changed["aircon_scenes"]["fan"] = "f"
    changed["ifttt_webhooks"]["off"] = "https://example.com/other"
    changed["ifttt_webhooks"]["winter"] = HOOK.replace("s3cr3t", "other")
    changed["zones"] = {"attic": {}}
    assert differences(DASHBOARD, DASHBOARD) == ()
    changes = differences(DASHBOARD, changed)
    assert changes == (
        Change("api_quota_warning_threshold", 251, 100),
        Change("winter.min_temp", 19.0, 18),
        Change("summer.fan_speed", 2, None),
        Change("aircon_scenes.fan", "", "f"),
        Change(
            "ifttt_webhooks.winter",
            "https://maker.ifttt.com/…",
            "https://maker.ifttt.com/…",
        ),
        Change(
            "ifttt_webhooks.off",
            "https://maker.ifttt.com/…",
            "https://example.com/…",
        ),
        Change("zones", None, {"attic": {}}),
    )
    assert SECRET not in repr(changes)
