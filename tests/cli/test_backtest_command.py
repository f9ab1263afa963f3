"""`backtest` over simulated days that are really stored, and over a bare CSV."""

import copy
import json
import random
import re
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from switchbot_store import HistoryService, SqliteHistory
from switchbot_store.cli.app import application as store_application

WEEK = ("--from", "2026-01-12", "--to", "2026-01-17")


@pytest.fixture
def candidate(home, tmp_path):
    """Write the settings of the home with other temperatures; return the file."""

    def write(**temperatures):
        document = copy.deepcopy(home.settings)
        document["winter"].update(temperatures)
        file = tmp_path / "candidate.json"
        file.write_text(json.dumps(document))
        return file

    return write


def compare(invoke, home, *arguments):
    return invoke("backtest", *arguments, env={"STORE_DIRECTORY": str(home.directory)})


def test_both_stand_side_by_side_with_the_models_error(invoke, home, candidate):
    result = compare(invoke, home, candidate(min_temp=20.5), *WEEK)
    assert result.exit_code == 0, result.output + result.stderr
    for word in ("current", "candidate", "compressor starts", "energy", "API calls"):
        assert word in result.stdout
    assert re.search(
        r"They first differ at \w{3} 2026-01-\d\d \d\d:\d\d;", result.stdout
    )
    assert "the model was wrong by 0." in result.stdout


def test_json_and_a_plot(invoke, home, candidate, tmp_path):
    picture = tmp_path / "both.png"
    result = compare(
        invoke, home, candidate(target_temp=22), *WEEK, "--plot", picture, "--json"
    )
    assert result.exit_code == 0, result.output + result.stderr
    (line,) = result.stdout.splitlines()
    report = json.loads(line)
    assert report["model"]["error_kelvin"] <= 0.5
    assert report["candidate"]["energy_kwh"] < report["current"]["energy_kwh"]
    assert report["observed_days"] == pytest.approx(5.0, abs=0.1)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_same_settings_need_no_model(invoke, home, candidate):
    result = compare(invoke, home, candidate(), *WEEK)
    assert result.exit_code == 0
    assert "The two never decide differently" in result.stdout


def test_less_than_three_days_are_refused_with_1(invoke, home, candidate):
    dates = ("--from", "2026-01-12", "--to", "2026-01-14")
    result = compare(invoke, home, candidate(min_temp=20.5), *dates)
    assert result.exit_code == 1
    assert "2.0 days of readings between 2026-01-12 and 2026-01-14" in result.stderr
    assert result.stdout == ""


def test_a_model_beyond_half_a_kelvin_is_refused_with_1(
    invoke, home, candidate, tmp_path
):
    chance = random.Random(1)
    lines = ["timestamp,temperature_c,humidity_pct"]
    with HistoryService(SqliteHistory(home.directory / "history.sqlite3")) as history:
        start = datetime(2026, 1, 12, tzinfo=UTC)
        for row in history.query(start, start + timedelta(days=5)).rows:
            noisy = row["temperature"] + chance.gauss(0, 0.8)
            lines.append(f"{row['timestamp'].isoformat()},{noisy:.1f},50")
    file = tmp_path / "wild.csv"
    file.write_text("\n".join(lines) + "\n")
    result = compare(invoke, home, candidate(min_temp=20.5), "--readings", file)
    assert result.exit_code == 1
    assert "half an hour ahead; beyond 0.5 K its answers would be pretence" in (
        result.stderr
    )
    assert result.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("--from", "2026-01-20", "--to", "2026-01-12"),
        ("--from", "last week"),
        ("--plot", "no/such/directory/both.png"),
        ("--settings", "no-such-file.json"),
    ],
)
def test_misuse_ends_with_2(invoke, home, candidate, arguments):
    assert compare(invoke, home, candidate(), *arguments).exit_code == 2


def test_a_wrong_candidate_is_misuse_with_its_path(invoke, home, candidate):
    result = compare(invoke, home, candidate(min_temp="warm"), *WEEK)
    assert result.exit_code == 2
    assert "winter.min_temp" in result.stderr


def test_a_store_without_settings_asks_for_the_current_ones(
    invoke, candidate, tmp_path
):
    env = {"STORE_DIRECTORY": str(tmp_path / "empty")}
    result = invoke("backtest", candidate(), *WEEK, env=env)
    assert result.exit_code == 2
    assert "--settings" in result.stderr


async def test_nothing_is_stored_and_a_process_of_its_own_agrees(
    start, home, candidate
):
    before = {f.name: f.read_bytes() for f in home.directory.glob("*.json")}
    running = await start(
        "backtest",
        candidate(min_temp=20.5),
        *WEEK,
        "--json",
        env={"STORE_DIRECTORY": str(home.directory)},
    )
    code, out, err = await running.ended()
    assert (code, err) == (0, "")
    assert json.loads(out)["current"]["starts"] > 0
    assert {f.name: f.read_bytes() for f in home.directory.glob("*.json")} == before


def test_what_the_phone_app_exported_is_history_enough(
    invoke, home, candidate, tmp_path
):
    lines = ["Date,Temperature_Celsius(℃),Relative_Humidity(%)"]
    with HistoryService(SqliteHistory(home.directory / "history.sqlite3")) as history:
        start = datetime(2026, 1, 12, tzinfo=UTC)
        for row in history.query(start, start + timedelta(days=5)).rows:
            local = row["timestamp"] + timedelta(hours=1)
            lines.append(f"{local:%Y-%m-%d %H:%M},{row['temperature']},45")
    exported = tmp_path / "Meter_data.csv"
    exported.write_text("\n".join(lines) + "\n", encoding="utf-8")
    env = {"STORE_DIRECTORY": str(tmp_path / "phone")}
    imported = CliRunner().invoke(
        store_application,
        ["history", "import", "--timezone", "Europe/Paris", str(exported)],
        env=env,
    )
    assert imported.exit_code == 0, imported.output
    current = tmp_path / "current.json"
    current.write_text(json.dumps(home.settings))
    result = invoke(
        "backtest",
        *(candidate(min_temp=20.5), *WEEK, "--settings", current, "--json"),
        env=env,
    )
    assert result.exit_code == 0, result.output + result.stderr
    report = json.loads(result.stdout)
    assert report["unit_inferred"]
    assert report["model"]["error_kelvin"] <= 0.5
    assert report["candidate"]["degree_minutes"] != report["current"]["degree_minutes"]
