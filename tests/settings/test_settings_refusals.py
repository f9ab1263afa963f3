from __future__ import annotations

import difflib
import math
import time

import pytest

from switchbot_automation.errors import SettingsError
from switchbot_automation.settings import (
    check_settings,
    parse_settings,
    settings_table,
)
from switchbot_automation.settings.salvage import salvage
from switchbot_automation.settings.spec import Kind

WINTER = {"min_temp": 19.0, "max_temp": 21.0, "target_temp": 22.0}
SUMMER = {"min_temp": 23.0, "max_temp": 26.0, "target_temp": 24.0}
SECRET = "s3cr3t-key"
HOOK = f"https://maker.ifttt.com/trigger/x/with/key/{SECRET}"


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


# --- what is refused --------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "path", "near"),
    [
        ({"hysteresis": 1}, "hysteresis", "hysteresis_celsius"),
        ({"Mode": "winter"}, "Mode", "mode"),
        ({"ifttt_webhook": {}}, "ifttt_webhook", "ifttt_webhooks"),
        ({"winter": {"min_tmp": 3}}, "winter.min_tmp", "min_temp"),
        ({"zones": {"a": {"sumer": {}}}}, "zones.a.sumer", "summer"),
        ({"webhooks": {"of": HOOK}}, "webhooks.of", "off"),
        ({"aircon_scenes": {"wintr": ""}}, "aircon_scenes.wintr", "winter"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_name(document, path, near):
    error = problem(document)
    assert error.path == path
    assert f"did you mean {near!r}" in str(error)


BOUNDED = [spec for spec in settings_table() if spec.kind in {Kind.WHOLE, Kind.NUMBER}]


def nested(spec, value):
    if spec.section == "groups{}":
        group = {"zones": ["default"], spec.key: value}
        return {"groups": {"duct": group}}
    if spec.section == "sensors[]":
        return {"sensors": [{"device_id": "METER", spec.key: value}]}
    if spec.section == "price.windows[]":
        hours = {"start": "22:00", "end": "06:00", spec.key: value}
        return {"price": {"windows": [hours], "otherwise": 1}}
    if spec.section == "presets{}.curve[]":
        point = {"after_minutes": 0, "winter_kelvin": 0, spec.key: value}
        return {"presets": {"away": {"curve": [point]}}}
    if spec.section == "time_windows[].curve[]":
        point = {"after_minutes": 0, "winter_kelvin": 0, spec.key: value}
        return {"time_windows": [NEEDED["time_windows"] | {"curve": [point]}]}
    inside, one = {spec.key: value}, spec.section.removesuffix("[]")
    if one in NEEDED:
        entry = NEEDED[one] | inside
        if spec.key == "level":
            entry |= {"kind": "curtain"}
        return {**AWAY, one: [entry] if spec.section.endswith("[]") else entry}
    if spec.section.startswith("presets{}"):
        season = spec.section.partition(".")[2]
        return {"presets": {"away": {season: inside} if season else inside}}
    return {spec.section: inside} if spec.section else inside


AWAY = {"presets": {"away": {}}}
NEEDED = {
    "time_windows": {"days": [0], "start": "06:00", "end": "09:00"},
    "presence": {"sensors": ["MOTION"], "preset": "away"},
    "offsets": {"source": "price"},
    "equipment": {"kind": "heater", "device_id": "PLUG"},
}


def path_of(spec):
    named = spec.name.replace("groups{}", "groups.duct")
    return named.replace("presets{}", "presets.away").replace("[]", "[0]")


@pytest.mark.parametrize("spec", BOUNDED, ids=lambda spec: spec.name)
def test_a_number_outside_its_range_is_refused_naming_path_value_and_range(spec):
    low, high = spec.bounds
    for value in (low - 1, high + 1, low - 0.5):
        error = problem(nested(spec, value))
        assert error.path == path_of(spec)
        assert f"{low:g} to {high:g}" in str(error)
        assert f"got {value!r}" in str(error)


@pytest.mark.parametrize("spec", BOUNDED, ids=lambda spec: spec.name)
def test_both_ends_of_a_range_are_accepted(spec):
    for value in spec.bounds:
        errors = check_settings(nested(spec, value))
        # 5 in summer and 2 in winter are in range and refused for what they do.
        paths = [error.path.removeprefix("presets.away.") for error in errors]
        assert paths in ([], ["summer.ac_mode"])


@pytest.mark.parametrize("spec", BOUNDED, ids=lambda spec: spec.name)
@pytest.mark.parametrize("value", [True, False, None, "60", math.nan, math.inf, [], {}])
def test_what_is_no_number_is_refused_as_one(spec, value):
    error = problem(nested(spec, value))
    assert error.path == path_of(spec)
    assert "expected a" in str(error)


def test_a_whole_number_has_no_fraction():
    assert "whole number" in str(problem({"off_repeat_count": 1.5}))


@pytest.mark.parametrize("value", [0, 1, "true", None])
def test_a_flag_is_true_or_false_alone(value):
    assert problem({"automation_enabled": value}).path == "automation_enabled"


@pytest.mark.parametrize(
    "document",
    [
        {"mode": "autumn"},
        {"mode": None},
        {"trigger_mode": "scene"},
        {"meter_device_id": "a b"},
        {"meter_device_id": 3},
        {"aircon_device_id": "x" * 51},
        {"winter": []},
        {"winter": None},
        {"zones": []},
        {"zones": {"office": None}},
        {"time_windows": {}},
        {"time_windows": [3]},
        {"aircon_scenes": "T02"},
        {"aircon_scenes": {"off": None}},
        {"webhooks": []},
        {"webhook_allowed_hosts": ["http://host"]},
        {"webhook_allowed_hosts": ["host:80"]},
        {"webhook_allowed_hosts": "host"},
        {"cascade": []},
        {"cascade": ["scene", "scene"]},
        {"cascade": ["scenes"]},
        {"cascade": "scene"},
    ],
)
def test_a_value_of_another_kind_is_refused(document):
    assert problem(document).path.startswith(next(iter(document)))


@pytest.mark.parametrize("document", [None, [], "x", 3])
def test_a_document_that_is_no_object_is_refused(document):
    assert problem(document).path == ""


def test_however_many_keys_are_unknown_only_so_many_are_looked_for(monkeypatch):
    """A megabyte of them held up the home for minutes: each is like a hundred others."""
    looked = []

    def counted(*arguments, find=difflib.get_close_matches):
        looked.append(arguments)
        return find(*arguments)

    monkeypatch.setattr(difflib, "get_close_matches", counted)
    many = {f"mode{number}": 1 for number in range(50)}
    rule = {"id": "r", "triggers": {"trigger": "time", "at": "07:00"}, "actions": []}
    rules = [rule | many | {"id": f"r{number}"} for number in range(40)]
    zones = {f"zone {number}": many for number in range(40)}
    for document in (many, {"zones": zones}, {"rules": rules}):
        looked.clear()
        with pytest.raises(SettingsError) as caught:
            parse_settings(document)
        assert "did you mean" in str(caught.value)
        assert len(looked) <= 50
    assert len(check_settings({"zones": zones})) == 2000
    looked.clear()
    assert "did you mean" not in str(check_settings({"x" * 100_000: 1})[0])
    assert not looked


MANY = {f"mode{number}": 1 for number in range(51)}


@pytest.mark.parametrize(
    ("document", "path"),
    [
        (MANY, ""),
        ({"zones": {"a": {}, "b": MANY}}, "zones.b"),
        ({"winter": MANY}, "winter"),
        ({"webhooks": MANY}, "webhooks"),
        ({"rules": [MANY]}, "rules[0]"),
        ({"shadow": MANY}, "shadow"),
    ],
)
def test_more_unknown_names_than_slips_are_one_problem(document, path):
    error = problem(document)
    assert error.path.startswith(path)
    assert "51 unknown settings, the first of them 'mode0'" in str(error)
    assert len(check_settings(document)) < 5


@pytest.mark.parametrize(
    ("key", "most"),
    [
        ("zones", 5000),
        ("groups", 5000),
        ("presets", 100),
        ("notifiers", 100),
        ("plugins", 5000),
    ],
)
def test_no_more_names_are_looked_at_than_the_largest_home_has(key, most):
    named = {f"n{number}": {} for number in range(most)}
    assert "names, got" not in str(check_settings({key: named}))
    (error,) = check_settings({key: named | {"one more": {}}})
    assert error.path == key
    assert f"at most {most} names, got {most + 1}" in str(error)


@pytest.mark.parametrize(
    "document",
    [
        {"plugins": {"a": {"sensor": "b", "list": [0] * 250_000}}},
        {"rules": [[0] * 300] * 900},
        {"zones": {"a": {f"k{number}": [0] * 5000 for number in range(50)}}},
    ],
)
def test_no_document_is_read_that_has_more_values_than_the_largest_home(document):
    for each in (document, {"shadow": document}):
        (error,) = check_settings(each)
        assert "more than 250000 values" in str(error)
        assert salvage(each) is None


def test_no_document_is_read_that_would_end_the_stack():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    (error,) = check_settings({"plugins": {"a": deep}})
    assert "more than 100 levels" in str(error)
    while deep:
        deep = deep.pop()


def test_thousands_of_parts_that_cannot_be_read_are_set_aside_in_seconds():
    """By the path of each the key was sought among all others."""
    zones = {f"zone {number}": {"newer": 1} for number in range(1500)}
    started = time.thread_time()
    found = salvage({"zones": zones})
    assert len(found.parts) == 1500
    assert time.thread_time() - started < 5.0


def test_what_has_more_wrong_in_it_than_a_home_has_parts_is_not_set_aside():
    zones = {f"zone {number}": {"newer": 1, "newest": 1} for number in range(2501)}
    assert salvage({"zones": zones}) is None


def test_an_unknown_timezone_is_refused_with_the_nearest_name():
    error = problem({"timezone": "Europe/Pariss"})
    assert error.path == "timezone"
    assert "'Europe/Paris'" in str(error)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "/etc", "Europe", "x" * 500])
def test_what_is_no_timezone_name_is_refused(name):
    assert problem({"timezone": name}).path == "timezone"


@pytest.mark.parametrize(
    ("window", "path"),
    [
        ({"days": [1], "start": "08:00"}, "time_windows[0].end"),
        ({"days": [1], "start": "8:00", "end": "09:00"}, "time_windows[0].start"),
        ({"days": [1], "start": "08:00", "end": "24:00"}, "time_windows[0].end"),
        ({"days": [7], "start": "08:00", "end": "09:00"}, "time_windows[0].days[0]"),
        ({"days": [True], "start": "08:00", "end": "09:00"}, "time_windows[0].days[0]"),
        ({"days": [], "start": "08:00", "end": "09:00"}, "time_windows[0].days"),
        ({"days": [1], "start": "sunset", "end": "sunset"}, "time_windows[0]"),
    ],
)
def test_a_window_that_cannot_be_read_is_refused(window, path):
    assert problem({"time_windows": [window]}).path == path


def test_a_window_that_starts_when_it_ends_says_how_to_have_a_whole_day():
    window = {"days": [1], "start": "sunset", "end": "sunset"}
    place = {"latitude": 48.8, "longitude": 2.3}
    told = str(problem({"time_windows": [window], **place}))
    assert "00:00-00:00" in told
    assert "both sunset" in told
    assert (
        check_settings({"time_windows": [{**window, "start": "00:00"}], **place}) == []
    )


@pytest.mark.parametrize("season", ["winter", "summer"])
def test_a_minimum_above_the_maximum_is_refused(season):
    error = problem({season: {"min_temp": 25, "max_temp": 20}})
    assert error.path == f"{season}.min_temp"
    assert check_settings({season: {"min_temp": 20, "max_temp": 20}}) == []


@pytest.mark.parametrize(
    ("season", "mode", "does"), [("summer", 5, "heats"), ("winter", 2, "cools")]
)
def test_a_season_that_does_the_opposite_is_refused(season, mode, does):
    error = problem({season: {"ac_mode": mode}})
    assert error.path == f"{season}.ac_mode"
    assert does in str(error)


@pytest.mark.parametrize("mode", ["winter", "summer"])
def test_an_enabled_document_needs_its_modes_temperatures(mode):
    enabled = {"automation_enabled": True, "mode": mode}
    other = "summer" if mode == "winter" else "winter"
    given = {"winter": WINTER, "summer": SUMMER}
    assert check_settings({**enabled, mode: given[mode]}) == []
    assert len(check_settings({**enabled, other: given[other]})) == 3
    for key in WINTER:
        partial = {name: value for name, value in given[mode].items() if name != key}
        assert problem({**enabled, mode: partial}).path == f"{mode}.{key}"
    assert check_settings({"mode": mode, mode: {"min_temp": 20}}) == []


def test_a_target_outside_the_band_is_accepted():
    warm = {"winter": {**WINTER, "target_temp": 26}}
    assert parse_settings(warm).default.winter.target_temp == 26


@pytest.mark.parametrize(
    ("old", "new", "values"),
    [
        ("action_on_cooldown_seconds", "min_on_seconds", (60, 61)),
        ("action_off_cooldown_seconds", "min_off_seconds", (60, 61)),
        ("ifttt_webhooks", "webhooks", ({"off": HOOK}, {"off": f"{HOOK}2"})),
    ],
)
def test_two_names_of_one_setting_must_agree(old, new, values):
    error = problem({old: values[0], new: values[1]})
    assert error.path == old
    assert new in str(error)


def test_cascade_and_trigger_mode_together_are_refused():
    document = {"cascade": ["command"], "trigger_mode": "direct"}
    assert problem(document).path == "trigger_mode"
