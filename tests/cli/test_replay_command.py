import json
from itertools import pairwise
from pathlib import Path

import pytest

from switchbot_automation.simulation import default_settings

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
HEADER = "timestamp,temperature_c,humidity_pct"
SETTINGS = default_settings("winter") | {
    "hysteresis_celsius": 0.0,
    "min_on_seconds": 0,
    "min_off_seconds": 0,
    "command_cooldown_seconds": 60,
}


@pytest.fixture
def readings(tmp_path):
    """Write rows of (minute after 08:00 UTC, temperature)."""

    def write(*rows):
        lines = [f"2026-01-12T08:{m:02}:00Z,{t},40" for m, t in rows]
        path = tmp_path / "readings.csv"
        path.write_text("\n".join([HEADER, *lines, ""]))
        return path

    return write


@pytest.fixture
def settings(tmp_path):
    def write(document):
        path = tmp_path / "settings.json"
        path.write_text(json.dumps(document))
        return path

    return write


def lines_of(result):
    assert result.exit_code == 0, result.output + result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_real_readings_give_the_decisions_of_that_afternoon(invoke):
    recording = SHARED / "meter_readings_40min.csv"
    if not recording.exists():
        pytest.skip(f"needs the recording of a real meter in {recording}")
    shown = lines_of(
        invoke(
            "replay", recording, "--settings", recording.with_suffix(".json"), "--json"
        )
    )
    at = {outcome: [] for outcome in ("summer_on", "summer_off")}
    for line in shown:
        if line["outcome"] in at:
            at[line["outcome"]].append(line["at"])
    assert at["summer_off"] == ["2026-06-15T10:11:07.910Z"]
    assert at["summer_on"] == ["2026-06-15T10:27:22.918Z"]
    assert [line["command"] for line in shown if line["command"]] == ["off", "summer"]
    # The unit had been switched on 6 s before the recording began.
    assert shown[0]["outcome"] == "cooldown"


def test_readings_give_the_decisions_of_an_afternoon(invoke, readings, settings):
    cooled = [round(23.7 - 0.1 * n, 1) for n in range(19)]
    warmer = [round(22.0 + 0.1 * n, 1) for n in range(18)]
    rows = list(zip(range(60), [*cooled, *warmer], strict=False))
    document = default_settings("summer") | {
        "hysteresis_celsius": 0.0,
        "min_on_seconds": 420,
        "min_off_seconds": 60,
        "summer": {
            "min_temp": 22.0,
            "max_temp": 23.5,
            "target_temp": 22.5,
            "ac_mode": 2,
        },
    }
    recording = readings(*rows)
    shown = lines_of(
        invoke("replay", recording, "--settings", settings(document), "--json")
    )
    changes = [
        (line["at"][11:16], line["outcome"]) for line in shown if line["command"]
    ]
    off, on = "08:17", "08:34"
    assert changes[-2:] == [(off, "summer_off"), (on, "summer_on")]


def test_each_change_is_one_object_with_its_reasons(invoke, readings, settings):
    shown = lines_of(
        invoke(
            *("replay", readings((0, 19), (2, 19.5), (4, 21), (6, 22.5), (8, 22.4))),
            *("--settings", settings(SETTINGS), "--json"),
        )
    )
    assert shown[0]["outcome"] == "winter_on"
    for line in shown:
        assert list(line) == ["at", "zone", "outcome", "reasons", "command"]
        assert line["zone"] == "default"
        assert line["reasons"]
    assert [(line["at"], line["command"]) for line in shown if line["command"]] == [
        ("2026-01-12T08:00:00.000Z", "winter"),
        ("2026-01-12T08:06:00.000Z", "off"),
    ]
    assert "temp_below_on_threshold" in shown[0]["reasons"]
    outcomes = [line["outcome"] for line in shown]
    assert all(a != b for a, b in pairwise(outcomes))


def test_the_state_may_come_with_the_settings_or_in_its_own_file(
    invoke, readings, settings, tmp_path
):
    rows = readings((0, 19), (1, 19), (2, 19))
    state = {
        "assumed_aircon_power": "off",
        "last_action": "turnOff",
        "last_action_at": "2026-01-12T07:59:30+00:00",
    }
    without = lines_of(
        invoke("replay", rows, "--settings", settings(SETTINGS), "--json")
    )
    assert without[0]["command"] == "winter"

    together = settings({"about": "x", "settings": SETTINGS, "state": state})
    held = lines_of(invoke("replay", rows, "--settings", together, "--json"))
    assert [line["outcome"] for line in held][:2] == ["cooldown", "winter_on"]

    own = tmp_path / "state.json"
    own.write_text(json.dumps(state))
    apart = lines_of(
        invoke(
            *("replay", rows, "--settings", settings(SETTINGS)),
            *("--state", own, "--json"),
        )
    )
    assert apart == held


def test_settings_without_devices_and_with_webhooks_are_decided_all_the_same(
    invoke, readings, settings
):
    document = {k: v for k, v in SETTINGS.items() if not k.endswith("device_id")}
    document["webhooks"] = {"winter": "https://hooks.invalid/on/SECRETKEY"}
    shown = lines_of(
        invoke("replay", readings((0, 19)), "--settings", settings(document), "--json")
    )
    assert shown[0]["command"] == "winter"


def test_more_rows_than_a_days_calls_are_all_fed(invoke, settings, tmp_path):
    recording = tmp_path / "dense.csv"
    rows = [
        f"2026-01-12T{8 + n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}Z,21,40"
        for n in range(10_500)
    ]
    rows.append("2026-01-12T11:00:00Z,19,40")
    recording.write_text("\n".join([HEADER, *rows]))
    shown = lines_of(
        invoke("replay", recording, "--settings", settings(SETTINGS), "--json")
    )
    assert shown[-1]["outcome"] == "winter_on"
    assert shown[-1]["at"] == "2026-01-12T11:00:00.000Z"


def test_bad_rows_are_named_by_line_and_the_rest_is_replayed(
    invoke, readings, settings
):
    rows = readings((0, 19), (1, "warm"), (2, 22.5))
    result = invoke("replay", rows, "--settings", settings(SETTINGS), "--json")
    assert result.exit_code == 1
    assert f"{rows}:3: temperature_c 'warm' is not a number" in result.stderr
    assert "1 rows were left out" in result.stderr
    commands = [json.loads(line)["command"] for line in result.stdout.splitlines()]
    assert commands[:2] == ["winter", "off"]


def test_a_file_of_nothing_but_bad_rows_is_not_listed_to_its_end(
    invoke, readings, settings
):
    rows = readings(*[(n, "x") for n in range(60)])
    result = invoke("replay", rows, "--settings", settings(SETTINGS))
    assert result.exit_code == 1
    assert "... and 40 more rows" in result.stderr
    assert "no row could be read" in result.stderr


def test_what_cannot_be_a_recording_is_misuse(invoke, settings, tmp_path):
    file = settings(SETTINGS)
    for result in (
        invoke("replay", tmp_path / "none.csv", "--settings", file),
        invoke("replay", file, "--settings", file),
        invoke("replay", file),
    ):
        assert result.exit_code == 2
        assert "Traceback" not in result.output + result.stderr


def test_wrong_settings_are_misuse_with_their_path(invoke, readings, settings):
    wrong = settings(SETTINGS | {"min_on_seconds": "soon"})
    result = invoke("replay", readings((0, 19)), "--settings", wrong)
    assert result.exit_code == 2
    assert "min_on_seconds" in result.stderr


def test_readings_may_come_from_standard_input(invoke, readings, settings):
    rows = readings((0, 19)).read_text()
    result = invoke(
        "replay", "-", "--settings", settings(SETTINGS), "--json", input=rows
    )
    assert lines_of(result)[0]["command"] == "winter"


def test_a_spreadsheets_byte_order_mark_is_no_part_of_a_name(
    invoke, readings, settings
):
    rows = readings((0, 19))
    rows.write_bytes(b"\xef\xbb\xbf" + rows.read_bytes())
    result = invoke("replay", rows, "--settings", settings(SETTINGS), "--json")
    assert lines_of(result)[0]["command"] == "winter"


def test_a_person_gets_a_table_in_the_rooms_own_time(invoke, readings, settings):
    result = invoke("replay", readings((0, 19)), "--settings", settings(SETTINGS))
    assert result.exit_code == 0
    assert "2026-01-12 09:00:00" in result.output
    assert "19.0 °C is at or below 20.0 °C" in " ".join(result.output.split())
    assert "1 readings, 1 changes of decision, 1 commands" in result.output


def test_the_table_is_in_the_language_of_the_terminal(invoke, readings, settings):
    arguments = ("replay", readings((0, 19)), "--settings", settings(SETTINGS))
    result = invoke(*arguments, env={"SWITCHBOT_LANGUAGE": "de", "COLUMNS": "200"})
    told = " ".join(result.output.split())
    assert "19,0 °C Heizung eingeschaltet Heizen" in told
    assert "19,0 °C liegt bei oder unter 20,0 °C, wo es einschaltet" in told
    assert "winter" not in told
