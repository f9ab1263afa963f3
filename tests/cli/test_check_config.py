import json
from pathlib import Path

import pytest

from switchbot_automation.model import DeviceList, Remote
from switchbot_automation.simulation import default_settings


@pytest.fixture
def file(tmp_path):
    return tmp_path / "settings.json"


def test_good_settings_are_summed_up(invoke, file):
    file.write_text(json.dumps(default_settings("winter")))
    checked = invoke("check-config", file)
    assert checked.exit_code == 0
    assert "on 19.7 °C, off 22.3 °C" in checked.output
    assert "06:30-23:00 Europe/Paris" in checked.output


def test_of_an_auto_zone_it_says_where_both_seasons_start_and_stop(invoke, file):
    document = default_settings("winter") | {
        "mode": "auto",
        "hysteresis_celsius": 0.3,
        "winter": {"min_temp": 20, "max_temp": 22, "target_temp": 23},
        "summer": {"min_temp": 24, "max_temp": 26, "target_temp": 23},
    }
    file.write_text(json.dumps(document))
    checked = invoke("check-config", file)
    assert checked.exit_code == 0, checked.stderr
    assert "on 19.7 °C, off 22.3 °C" in checked.output
    assert "on 26.3 °C, off 23.7 °C" in checked.output


def test_every_problem_is_named_with_its_place(invoke, file):
    document = default_settings("winter") | {"mode": "spring", "hysteresis": 0.3}
    file.write_text(json.dumps(document))
    checked = invoke("check-config", file)
    assert checked.exit_code == 2
    assert f"{file}: mode: " in checked.stderr
    assert f"{file}: hysteresis: " in checked.stderr
    assert "hysteresis_celsius" in checked.stderr


def test_json_says_the_same_to_a_program(invoke, file):
    file.write_text(json.dumps(default_settings("winter") | {"mode": "spring"}))
    checked = invoke("check-config", file, "--json")
    assert checked.exit_code == 2
    answer = json.loads(checked.stdout)
    assert answer["ok"] is False
    assert [error["path"] for error in answer["errors"]] == ["mode"]

    file.write_text("{}")
    answer = json.loads(invoke("check-config", file, "--json").stdout)
    rules = answer.pop("zone_rules")
    assert rules["in_use"] in ("system", "tzdata")
    assert answer == {"ok": True, "errors": [], "warnings": [], "zones": ["default"]}


def test_warnings_alone_are_no_failure(invoke, file):
    cold = {"min_temp": 24, "max_temp": 25, "target_temp": 19}
    file.write_text(json.dumps(default_settings("winter") | {"winter": cold}))
    checked = invoke("check-config", file)
    assert checked.exit_code == 0
    assert f"{file}: warning: winter.target_temp: " in checked.stderr
    assert "The settings can be used" in checked.stdout
    answer = json.loads(invoke("check-config", file, "--json").stdout)
    assert answer["ok"] is True
    assert [each["path"] for each in answer["warnings"]] == ["winter.target_temp"]


def test_the_account_is_asked_only_where_that_is_wanted(invoke, file, monkeypatch):
    asked = []

    def ask(_question):
        asked.append(1)
        return DeviceList((), (Remote("02-9", "AC", "TV", None),)), []

    monkeypatch.setattr("switchbot_automation.cli.commands.check.ask", ask)
    file.write_text(json.dumps(default_settings("winter")))
    assert invoke("check-config", file).exit_code == 0
    assert not asked
    checked = invoke("check-config", file, "--account")
    assert checked.exit_code == 2
    assert checked.stderr.count("the account has no device") == 2


def test_an_account_that_cannot_be_asked_hides_no_other_problem(invoke, file):
    file.write_text(json.dumps(default_settings("winter") | {"mode": "spring"}))
    checked = invoke("check-config", file, "--account", env={"SWITCHBOT_TOKEN": ""})
    assert checked.exit_code == 2
    assert f"{file}: mode: " in checked.stderr
    assert "the account cannot be asked: " in checked.stderr


@pytest.mark.parametrize("content", ["", "{", "[]", '"text"', "\xff"])
def test_what_is_no_json_object_is_misuse(invoke, file, content):
    file.write_bytes(content.encode("latin-1"))
    checked = invoke("check-config", file)
    assert checked.exit_code == 2
    assert str(file) in checked.stderr


@pytest.mark.parametrize("as_json", [False, True])
def test_a_forgotten_comma_is_named_with_line_and_column(invoke, file, as_json):
    text = json.dumps(default_settings("winter"), indent=2).replace(",", "", 1)
    file.write_text(text)
    with pytest.raises(json.JSONDecodeError) as slip:
        json.loads(text)
    where = f"{file}: not JSON: line {slip.value.lineno} column {slip.value.colno}: "
    checked = invoke("check-config", file, *["--json"][:as_json])
    assert checked.exit_code == 2
    if as_json:
        (error,) = json.loads(checked.stdout)["errors"]
        assert error["message"].startswith(where)
    else:
        assert where in checked.stderr


def test_a_mark_that_some_editors_leave_is_no_mistake(invoke, file):
    file.write_bytes(b"\xef\xbb\xbf{}")
    assert invoke("check-config", file).exit_code == 0


def test_a_missing_file_is_misuse(invoke, file):
    checked = invoke("check-config", file)
    assert checked.exit_code == 2
    assert "No such file" in checked.stderr


def test_a_webhooks_key_is_not_shown(invoke, file):
    url = "http://maker.ifttt.com/trigger/x/with/key/SECRETKEY"
    file.write_text(json.dumps({"webhooks": {"off": url}}))
    checked = invoke("check-config", file)
    assert checked.exit_code == 2
    assert "SECRETKEY" not in checked.output + checked.stderr


def test_settings_in_a_dashboards_words_are_good(invoke, file):
    hook = "https://maker.ifttt.com/trigger/made_up/with/key/MADE_UP"
    actions = ("winter", "summer", "fan", "off")
    dashboard = {
        "automation_enabled": True,
        "mode": "summer",
        "poll_interval_seconds": 45,
        "action_on_cooldown_seconds": 300,
        "action_off_cooldown_seconds": 90,
        "off_repeat_count": 1,
        "off_repeat_interval_seconds": 15,
        "turn_off_outside_windows": True,
        "timezone": "Asia/Tokyo",
        "api_quota_warning_threshold": 400,
        "meter_device_id": "D0C0FFEE0001",
        "aircon_device_id": "02-202601010000-77",
        "winter": {"min_temp": 19, "max_temp": 21, "target_temp": 22, "fan_speed": 2},
        "summer": {"min_temp": 24, "max_temp": 26.5, "target_temp": 24, "ac_mode": 2},
        "aircon_scenes": {action: f"made-up-{action}" for action in actions},
        "ifttt_webhooks": dict.fromkeys(actions, hook),
        "time_windows": [{"days": [5, 6], "start": "08:30", "end": "00:30"}],
    }
    file.write_text(json.dumps(dashboard))
    assert invoke("check-config", file).exit_code == 0


def test_a_dashboards_own_settings_are_good(invoke):
    shared = Path(__file__).parents[2].parent / "shared"
    file = shared / "data" / "dashboard_settings.json"
    if not file.exists():
        pytest.skip(f"needs the dashboard's settings in {file}")
    assert invoke("check-config", file).exit_code == 0


def test_a_rule_that_can_never_come_true_is_refused(invoke, file):
    rule = {
        "id": "it",
        "triggers": {"trigger": "state", "device": "M", "attribute": "temprature"},
        "actions": {"action": "notify", "message": "x"},
    }
    file.write_text(json.dumps({"rules": [rule]}))
    for command in (["rules", "check"], ["check-config"]):
        checked = invoke(*command, file)
        assert checked.exit_code == 2
        assert "did you mean 'temperature'?" in checked.stderr
        assert "notify reaches nobody" in checked.stderr
    reached = {"type": "ntfy", "url": "https://ntfy.sh/my-topic"}
    rule["triggers"]["attribute"] = "temperature"
    document = {"rules": [rule], "notifiers": {"phone": reached}}
    file.write_text(json.dumps(document))
    assert invoke("rules", "check", file).exit_code == 0
    del document["notifiers"]
    rule["actions"]["unchecked"] = True
    file.write_text(json.dumps(document))
    assert invoke("rules", "check", file).exit_code == 0


def test_presence_by_a_sensor_that_is_only_asked_is_told_of(invoke, file):
    document = default_settings("winter") | {
        "presets": {"away": {"setback_kelvin": 4}},
        "presence": {"sensors": ["E2MOTION0001"], "preset": "away"},
    }
    file.write_text(json.dumps(document))
    checked = invoke("check-config", file)
    assert checked.exit_code == 0
    assert "webhook setup" in checked.stderr
    (found,) = json.loads(invoke("check-config", file, "--json").stdout)["warnings"]
    assert "every 600 s" in found["message"]
    assert found["path"] == "presence.sensors"
    document["presence"]["poll_interval_seconds"] = 60
    file.write_text(json.dumps(document))
    assert json.loads(invoke("check-config", file, "--json").stdout)["warnings"] == []


@pytest.mark.parametrize(
    ("name", "good", "bad", "place"),
    [
        (
            "s.yaml",
            "# cold\nmode: winter\n",
            "mode: winter\n a: 1\n",
            "line 2 column 3",
        ),
        ("s.json5", "{mode: 'winter' /* cold */}", "{mode: 'winter'", "column 16"),
    ],
)
def test_a_file_in_another_language_is_checked_by_its_ending(
    invoke, tmp_path, name, good, bad, place
):
    path = tmp_path / name
    path.write_text(good)
    assert invoke("check-config", str(path)).exit_code == 0
    path.write_text(bad)
    told = invoke("check-config", str(path))
    assert told.exit_code == 2
    assert place in told.output


# --- as people write them by hand ------------------------------------------------------

# Name, text, where, and a word of what to change.
BY_HAND = [
    ("a.json", '{\n  "mode": "winter",\n  "mode": "summer"\n}', (3, 3), "second time"),
    ("a.json", '{"a": [{"b": 1}, {"b": 1, "\\u0062": 2}]}', (1, 27), "second time"),
    ("a.json", '// home\n{"mode": "winter"}', (1, 1), ".json5 or .yaml"),
    ("a.json", '{"mode": "winter", # cold\n}', (1, 20), ".json5 or .yaml"),
    ("a.json", "{'mode': 'winter'}", (1, 2), "double quotes"),
    ("a.json", "{\"mode\": 'winter'}", (1, 10), "double quotes"),
    ("a.json", '{"automation_enabled": True}', (1, 24), "small letters"),
    ("a.json", '{"poll_interval_seconds": NaN}', (1, 27), "no number"),
    ("a.json", '{"poll_interval_seconds": +20}', (1, 27), "no number"),
    ("a.json", '{"poll_interval_seconds": 1e999}', (1, 27), "larger"),
    ("a.json", '{"mode": winter}', (1, 10), "a value has to stand here"),
    ("a.yaml", "winter:\n\tmin_temp: 20\n", (2, 1), "a tab"),
    ("a.yaml", "mode: winter: cold\n", (1, 13), "a colon too many"),
    ("a.yaml", "mode: winter\n  control: auto\n", (2, 10), "a colon too many"),
    ("a.yaml", "a:\n  b: 1\n c: 2\n", (3, 2), "indent it"),
    ("a.yaml", "days: [1, 2\nmode: winter\n", (2, 5), "closing bracket"),
    ("a.yaml", 'mode: "winter\n', (2, 1), "closing quotation mark"),
    ("a.yaml", "mode: @winter\n", (1, 7), "put in quotes"),
    ("a.yaml", "mode: *winter\n", (1, 7), "was given to nothing"),
    ("a.yaml", "mode: winter\n---\nmode: summer\n", (2, 1), "a second document"),
    ("a.yaml", "meter_device_id: 1234E567890\n", (1, 18), "in quotes"),
    ("a.yaml", "meter_device_id: 0123\n", (1, 18), "in quotes"),
    ("a.json5", "{mode: 'winter',\n mode: 'summer'}", (1, 1), "'mode' stands twice"),
    ("a.json", '{“mode”: "winter"}', (1, 2), "typographic"),
    ("a.json5", "{mode: “winter”}", (1, 8), "typographic"),
    ("a.json", '{\u00a0"mode": "winter"}', (1, 2), "cannot be seen"),
    ("a.yaml", "winter:\n\u00a0 min_temp: 20\n", (2, 1), "cannot be seen"),
    ("a.yaml", "mode:\u00a0winter\n", (1, 5), "cannot be seen"),
    ("a.yaml", "mo\u200bde: winter\n", (1, 1), "cannot be seen"),
    ("a.yaml", "mode\uff1a winter\n", (1, 5), "full-width"),
    ("a.yaml", "# home\nmode=winter\n", (2, 1), "a colon is missing"),
    ("a.json", '{"winter": {"min_temp": 21,5}}', (1, 28), "21.5"),
    ("a.json5", "{winter: {min_temp: 21,5}}", (1, 25), "21.5"),
    ("a.yaml", "winter: {min_temp: 21,5, max_temp: 22}\n", (1, 23), "21.5"),
    ("a.json5", "{automation_enabled: True}", (1, 22), "small letters"),
    *((f"a.{ending}", "\n", (1, 1), "is empty") for ending in ("json", "json5", "yml")),
]


@pytest.mark.parametrize(("name", "text", "place", "words"), BY_HAND)
def test_a_slip_of_the_hand_is_told_with_its_place_and_what_to_change(
    invoke, tmp_path, name, text, place, words
):
    path = tmp_path / name
    path.write_text(text)
    ended = invoke("check-config", path)
    assert ended.exit_code == 2
    assert f"line {place[0]} column {place[1]}: " in ended.stderr
    assert words in ended.stderr
    for language in ("fr", "de", "ja"):
        told = invoke("check-config", path, env={"SWITCHBOT_LANGUAGE": language})
        assert words == "21.5" or words not in told.stderr.replace(
            ".json5 or .yaml", ""
        )


@pytest.mark.parametrize("name", ["a.json", "a.json5", "a.yaml"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_another_encoding_is_named_with_a_mark_or_without(
    invoke, tmp_path, name, encoding
):
    path = tmp_path / name
    path.write_bytes('{"mode": "winter", "zones": {"Küche": {}}}'.encode(encoding))
    ended = invoke("check-config", path)
    assert ended.exit_code == 2
    assert "line 1 column 1: " in ended.stderr
    assert "save it as UTF-8" in ended.stderr or "save the file as" in ended.stderr


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "meter_device_id: 6055123456789",
            "the number 6055123456789; put it in quotes",
        ),
        ("aircon_device_id: 12.5", "put it in quotes"),
    ],
)
def test_an_id_that_yaml_reads_as_a_number_wants_quotes(invoke, tmp_path, line, words):
    path = tmp_path / "a.yaml"
    path.write_text(f"{line}\n")
    ended = invoke("check-config", path)
    assert ended.exit_code == 2
    assert words in ended.output + ended.stderr


@pytest.mark.parametrize("text", ['{"mode": "winter"}', '\ufeff{"zones": {}}\r\n'])
def test_names_of_different_objects_are_not_the_same(invoke, tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    assert invoke("check-config", path).exit_code == 0


def test_what_keeps_the_air_is_not_said_to_be_kept_otherwise(invoke, file):
    """No `control` says anything to a humidifier."""
    document = default_settings() | {
        "aircon_device_id": "",
        "equipment": [
            {"kind": "thermostat", "device_id": "B0E9FE000002"},
            {"kind": "humidifier", "device_id": "B0E9FE000003"},
        ],
        "humidity": {"min_percent": 40},
    }
    file.write_text(json.dumps(document))
    result = invoke("check-config", file)
    assert result.exit_code == 0
    assert "Not kept by" not in result.stdout
