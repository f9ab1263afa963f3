import asyncio
import json
import os
import signal

import pytest

from switchbot_automation.simulation import default_settings, new_settings
from switchbot_store import (
    HistoryService,
    JsonStore,
    PostgresHistory,
    PostgresStore,
    SqliteHistory,
)

KEYS = [
    "days",
    "season",
    "seed",
    "ticks",
    "api_calls_per_day",
    "commands_per_day",
    "starts_per_day",
    "max_starts_in_an_hour",
    "percent_out_of_band",
    "degree_minutes_per_day",
    "kwh_per_day",
    "wall_seconds",
]


def report_of(result):
    assert result.exit_code == 0, result.output + result.stderr
    (line,) = result.stdout.splitlines()
    return json.loads(line)


def test_json_is_one_object_with_exactly_the_figures(invoke):
    report = report_of(
        invoke("simulate", "--days", 1, "--season", "summer", "--seed", 4, "--json")
    )
    assert list(report) == KEYS
    assert (report["days"], report["season"], report["seed"]) == (1, "summer", 4)
    assert report["ticks"] > 50
    assert report["starts_per_day"] >= 1


def test_a_seed_is_a_week_and_another_seed_another(invoke):
    def figures(seed):
        report = report_of(invoke("simulate", "--days", 1, "--seed", seed, "--json"))
        return {key: report[key] for key in KEYS if key not in {"seed", "wall_seconds"}}

    assert figures(1) == figures(1)
    assert figures(1) != figures(2)


@pytest.mark.parametrize("season", ["winter", "summer"])
def test_a_week_is_spent_inside_the_band_most_of_the_time(invoke, season):
    report = report_of(invoke("simulate", "--season", season, "--json"))
    assert report["days"] == 7
    assert report["percent_out_of_band"] < 25
    assert report["api_calls_per_day"] < 10_000


def test_a_person_gets_a_table_and_nothing_else(invoke):
    shown = invoke("simulate", "--days", 0.2)
    assert shown.exit_code == 0
    assert shown.stderr == ""
    for word in (
        "Comfort",
        "Time out of band",
        "Degree-minutes",
        "Starts",
        "API calls",
        "Energy",
    ):
        assert word in shown.output


def test_the_season_follows_the_settings_unless_given(invoke, tmp_path):
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(default_settings("summer")))
    arguments = ("simulate", "--days", 0.1, "--settings", file, "--json")
    assert report_of(invoke(*arguments))["season"] == "summer"
    assert report_of(invoke(*arguments, "--season", "winter"))["season"] == "winter"


def test_wrong_settings_are_misuse_with_their_path(invoke, tmp_path):
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(default_settings("winter") | {"mode": "spring"}))
    result = invoke("simulate", "--settings", file)
    assert result.exit_code == 2
    assert "mode: " in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--days", 0),
        ("--days", "many"),
        ("--season", "autumn"),
        ("--store", "redis://localhost"),
        ("--store", "json:"),
        ("--plot", "no/such/directory/week.png"),
    ],
)
def test_misuse_ends_with_2_before_any_work(invoke, arguments):
    assert invoke("simulate", *arguments).exit_code == 2


def test_a_store_keeps_what_the_engine_wrote_and_is_used_once(invoke, tmp_path):
    directory = tmp_path / "kept"
    arguments = ("simulate", "--days", 0.1, "--store", f"json:{directory}")
    assert invoke(*arguments).exit_code == 0
    with JsonStore(directory) as store:
        assert store.get("settings") == new_settings("winter")
        assert store.get("state")["assumed_aircon_power"] == "off"
        before = store.get_entry("state")
    with HistoryService(SqliteHistory(directory / "history.sqlite3")) as history:
        (newest,) = history.latest()
    assert newest["temperature"] == before.data["last_temperature"]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["kept"]

    again = invoke(*arguments)
    assert again.exit_code == 2
    assert "already holds settings" in again.stderr
    with JsonStore(directory) as store:
        assert store.get_entry("state").revision == before.revision


def test_a_postgresql_store_likewise(invoke, database_url):
    arguments = ("simulate", "--days", 0.1, "--store", database_url, "--json")
    report_of(invoke(*arguments))
    with PostgresStore(database_url) as store:
        assert store.get("settings") == new_settings("winter")
        assert store.get("state")["last_tick"]
    with HistoryService(PostgresHistory(database_url)) as history:
        # A row that repeats a decision only leads to the one that tells it.
        told = [row["metadata"] for row in history.latest(500)]
        told = [each["outcome"] for each in told if "outcome" in each]
        assert told[-1] == "already_off"
    again = invoke(*arguments)
    assert again.exit_code == 2
    assert "already holds settings" in again.stderr


def test_a_database_that_is_away_is_no_reason_to_write_elsewhere(
    invoke, tmp_path, monkeypatch, unused_tcp_port
):
    monkeypatch.chdir(tmp_path)
    url = f"postgresql://someone:PASSWORD@127.0.0.1:{unused_tcp_port}/db"
    result = invoke("simulate", "--days", 0.1, "--store", url)
    assert result.exit_code == 1
    assert "PASSWORD" not in result.output + result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_plot_is_drawn_beside_the_figures(invoke, tmp_path):
    picture = tmp_path / "week.png"
    result = invoke("simulate", "--days", 0.2, "--plot", picture, "--json")
    assert report_of(result)["ticks"] > 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_plot_without_the_extra_names_it(invoke, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    result = invoke("simulate", "--plot", tmp_path / "week.png")
    assert result.exit_code == 2
    assert "pip install 'switchbot-automation[plot]'" in result.stderr


async def test_a_terminal_sees_a_bar_and_ctrl_c_ends_it_with_130(start):
    ours, theirs = os.openpty()
    try:
        running = await start("simulate", "--days", 366, "--json", stderr=theirs)
        os.close(theirs)
        loop = asyncio.get_running_loop()
        seen = b""
        while b"Simulating" not in seen:
            seen += await loop.run_in_executor(None, os.read, ours, 4096)
        code, out, _ = await running.end(signal.SIGINT)
    finally:
        os.close(ours)
    assert code == 130
    assert out == ""
