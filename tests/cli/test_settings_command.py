"""`settings`, and the page of the documentation that it prints."""

import json
from pathlib import Path

import pytest

from switchbot_automation.settings import settings_table

PAGE = Path(__file__).parents[2] / "examples" / "settings.md"


def test_the_page_in_the_repository_is_what_the_command_prints(invoke):
    result = invoke("settings", "--markdown")
    assert result.exit_code == 0
    assert PAGE.read_text(encoding="utf-8") == result.stdout, (
        f"run: switchbot-automation settings --markdown > examples/{PAGE.name}"
    )


def test_the_page_has_one_whole_row_for_each_setting(invoke):
    lines = invoke("settings", "--markdown").stdout.splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    names = [row.split("`")[1] for row in rows]
    assert names == [spec.name for spec in settings_table()]
    for row in rows:
        cells = [cell.strip() for cell in row.replace("\\|", "").split("|")[1:-1]]
        name, kind, _unit, default, _range, meaning = cells
        assert kind, name
        assert default, name
        assert len(meaning) > 5, name


def test_a_number_says_its_unit_and_range():
    bare = [
        spec.name
        for spec in settings_table()
        if spec.name.endswith(("_seconds", "_minutes", "_celsius", "_temp"))
        and not (spec.unit and spec.range)
    ]
    assert bare == []


def test_words_narrow_the_list_down(invoke):
    result = invoke("settings", "hysteresis", "--json")
    (line,) = result.stdout.splitlines()
    found = {each["name"]: each for each in json.loads(line)}
    assert found["hysteresis_celsius"]["default"] == 0.3
    assert found["hysteresis_celsius"]["bounds"] == [0, 5]
    assert len(found) < 10


@pytest.mark.parametrize("how", ["", "--json", "--markdown"])
def test_what_is_nowhere_ends_with_1(invoke, how):
    assert invoke("settings", "flux capacitor", *how.split()).exit_code == 1


def test_a_person_gets_a_table(invoke):
    shown = invoke("settings", "optimum")
    assert shown.exit_code == 0
    assert "optimum_start" in shown.stdout
    assert "true or false" in shown.stdout
