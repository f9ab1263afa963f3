"""`explain` over simulated days that are really stored."""

import json
import re
import shutil
from types import SimpleNamespace

import pytest

from switchbot_store import JsonStore


def explained(invoke, home, *arguments):
    return invoke("explain", *arguments, env={"STORE_DIRECTORY": str(home.directory)})


def test_a_past_instant_is_told_in_words_on_the_zones_clock(invoke, home):
    result = explained(invoke, home, "--at", "2026-01-14T06:31")
    assert result.exit_code == 0, result.output
    when, sentence, *rest = result.stdout.splitlines()
    assert when == "Wed 2026-01-14 06:30:00 (Europe/Paris)"
    assert sentence.startswith("default: winter_on, because the window 06:30-23:00")
    assert "is at or below 19.7 °C, where it turns on" in sentence
    assert any(line.startswith("Smallest change: ") for line in rest)


def test_json_is_one_object_with_reasons_and_changes(invoke, home):
    result = explained(invoke, home, "--at", "2026-01-14T05:31Z", "--json")
    assert result.exit_code == 0
    (line,) = result.stdout.splitlines()
    told = json.loads(line)
    assert told["outcome"] == "winter_on"
    assert told["decided_at"] == "2026-01-14T05:30:00+00:00"
    assert [each["code"] for each in told["because"]] == [
        "in_window",
        "temp_below_on_threshold",
        "gate_open",
    ]
    assert told["commands"][0]["rungs"][0]["ok"]
    assert told["would_have_changed_if"]
    assert told["nearly_stopped_by"]
    assert told["text"]


def test_a_home_in_fahrenheit_reads_every_temperature_in_it(invoke, home, tmp_path):
    """The room and how far a threshold was were said in Celsius, and called Fahrenheit."""
    asked = ("--at", "2026-01-14T06:31")
    usual = explained(invoke, home, *asked).stdout
    directory = tmp_path / "home"
    shutil.copytree(home.directory, directory)
    with JsonStore(directory) as store:
        settings = store.get("settings")
        for season in ("winter", "summer"):
            profile = settings[season]
            for name in ("min_temp", "max_temp", "target_temp"):
                profile[name] = profile[name] * 1.8 + 32
        store.set("settings", settings | {"unit": "fahrenheit"})
    told = explained(invoke, SimpleNamespace(directory=directory), *asked).stdout
    assert "°C" not in told
    wanted = [
        float(value) * 1.8 + (32 if sign == "°C" else 0)
        for value, sign in re.findall(r"(-?[\d.]+) (°C|K)(?!\w)", usual)
    ]
    # What is named after its unit in the settings is told in it.
    kept = [float(each) for each in re.findall(r"([\d.]+) K(?!\w)", told)]
    wanted = [each for each in wanted if each / 1.8 not in kept]
    assert len(wanted) > 4
    shown = [float(each) for each in re.findall(r"(-?[\d.]+) °F", told)]
    assert shown == pytest.approx(wanted, abs=0.02)


def test_nothing_recorded_is_said_and_ends_with_1(invoke, home):
    result = explained(invoke, home, "--at", "2020-01-01")
    assert result.exit_code == 1
    assert "nothing is recorded" in result.stdout


def test_who_asks_too_early_is_told_when_to_ask_again(invoke, tmp_path):
    asked = {"STORE_DIRECTORY": str(tmp_path)}
    result = invoke("explain", env=asked)
    assert result.exit_code == 1
    assert "within a minute: ask again then" in result.stdout
    assert re.search(r"recorded of \w{3} [\d-]{10} [\d:]{8} UTC\.", result.stdout)
    # Of an instant that a person names nothing will be recorded any more.
    past = invoke("explain", "--at", "2020-01-01", env=asked)
    assert "ask again" not in past.stdout


def test_an_instant_that_is_none_is_misuse(invoke, home):
    result = explained(invoke, home, "--at", "breakfast")
    assert result.exit_code == 2
    assert "expected a time as 03:12 or ISO 8601" in result.stderr


def test_an_unknown_zone_is_named_with_those_there_are(invoke, home):
    result = explained(invoke, home, "--zone", "attic", "--at", "06:31")
    assert result.exit_code == 2
    assert "attic" in result.stderr
    assert "default" in result.stderr


async def test_a_process_of_its_own_answers_without_an_account(start, home):
    running = await start(
        "explain",
        *("--at", "2026-01-14T23:00:30"),
        env={"STORE_DIRECTORY": str(home.directory)},
    )
    code, out, err = await running.ended()
    assert (code, err) == (0, "")
    assert "turned_off_outside_window, because no window is open" in out
