"""A home in degrees Fahrenheit is told so by check-config, replay and backtest."""

import json

import pytest

from switchbot_automation.simulation import default_settings

HOME = default_settings("winter") | {
    "unit": "fahrenheit",
    "winter": {"min_temp": 68, "max_temp": 72, "target_temp": 70, "fan_speed": 3},
    "summer": {"min_temp": 74, "max_temp": 79, "target_temp": 76, "fan_speed": 3},
    "hysteresis_celsius": 0.0,
}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(HOME))
    return path


def test_check_config_says_where_it_turns_on_and_off(invoke, file):
    result = invoke("check-config", file)
    assert result.exit_code == 0, result.output + result.stderr
    assert "on 68 °F, off 72 °F" in result.stdout
    assert "°C" not in result.stdout


def test_replay_tells_the_room_and_why(invoke, file, tmp_path):
    readings = tmp_path / "readings.csv"
    rows = [f"2026-01-12T08:{minute:02}:00Z,{t},40" for minute, t in ((0, 21), (9, 19))]
    readings.write_text("\n".join(["timestamp,temperature_c,humidity_pct", *rows, ""]))
    result = invoke("replay", readings, "--settings", file)
    assert result.exit_code == 0, result.output + result.stderr
    assert "66.2 °F" in result.stdout
    assert "°C" not in result.stdout


def test_backtest_names_the_band(invoke, file, tmp_path):
    readings = tmp_path / "readings.csv"
    rows = [
        f"2026-01-{12 + minute // 1440:02}T{minute // 60 % 24:02}:{minute % 60:02}:00Z,21,40"
        for minute in range(0, 4 * 1440, 30)
    ]
    readings.write_text("\n".join(["timestamp,temperature_c,humidity_pct", *rows, ""]))
    result = invoke("backtest", file, "--settings", file, "--readings", readings)
    assert result.exit_code == 0, result.output + result.stderr
    assert "band 68 to 72 °F" in result.stdout


def test_a_simulation_names_the_band(invoke, file):
    result = invoke("simulate", "--settings", file, "--days", "0.05")
    assert result.exit_code == 0, result.output + result.stderr
    assert "inside 68 to 72 °F" in result.stdout
    assert "°C" not in result.stdout


def test_the_unit_may_stand_in_the_file_of_variables(invoke, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("SWITCHBOT_UNIT=furlongs\n")
    # Named here, so that it is as it was afterwards.
    refused = invoke("settings", env={"SWITCHBOT_UNIT": None})
    assert refused.exit_code == 2
    assert "SWITCHBOT_UNIT: one of" in refused.stderr


def test_what_keeps_the_air_is_said_to_start_by_no_temperature(invoke, tmp_path):
    """A humidifier was said to turn on at 68 °F, as its room does."""
    humid = {
        "humidity": {"min_percent": 40},
        "equipment": [
            {"kind": "thermostat", "device_id": "B0E9FE000002"},
            {"kind": "humidifier", "device_id": "B0E9FE000003"},
        ],
    }
    document = {key: each for key, each in HOME.items() if key != "aircon_device_id"}
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(document | humid))
    result = invoke("check-config", path)
    assert result.exit_code == 0, result.output + result.stderr
    (row,) = [line for line in result.stdout.splitlines() if "default 2" in line]
    assert "no temperatures" in row
    assert "°F" not in row
