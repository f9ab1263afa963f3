"""The table in `README.md` names tests that are there, and every trial has a row."""

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (HERE / "README.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| no. ")
]
TRIALS = {
    *("01", "02", "03", "04", "05", "06", "07", "10", "11", "12", "13", "13b", "13c"),
    *("14", "15", "16", "17", "18", "19", "20", "21", "22", "23", "24", "25", "30"),
    *("40", "41", "42", "43", "44", "45", "50", "60", "61", "70", "71", "72"),
    *(
        "73",
        "74",
        "75",
        "76",
        "77",
        "78",
        "79",
        "80",
        "81",
        "82",
        "83",
        "84",
        "85",
        "86",
        "87",
        "88",
        "89",
        "90",
        "91",
        "92",
        "93",
    ),
    "all",
}


def test_every_trial_has_a_row():
    assert {number for number, *_ in ROWS} == TRIALS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} {row[1]}")
def test_the_test_of_a_row_is_there(row):
    place, _, name = row[3].strip("`").partition("::")
    tree = ast.parse((HERE / place).read_text(encoding="utf-8"))
    assert name in {
        each.name
        for each in ast.walk(tree)
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
    }
