"""A file is read many lines at once, and says what it says line by line."""

import random
from datetime import datetime, timedelta

import pytest

from switchbot_store.history.phone_app import export
from switchbot_store.history.phone_app.export import AppExport

HEADER = "Date,Temperature_Celsius(℃),Relative_Humidity(%)"
NASTY = (
    "",
    "no line at all",
    "2026-03-29 02:30,21.5",
    "2026-03-08 25:61,21.5,40",
    "1970-01-01 00:00,21.5,40",
    "2026-W13-7T02:30,21.5,40",
    "2026-03-29 02:30+02:00,21.5,40",
    "Sep 1, 2026, 07:56,21.5,40",
    '"2026-03-29 04:00",21.5,40',
    HEADER,
    "Timestamp,Relative_Humidity(%),Temperature_Fahrenheit(℉)",
    "2026-03-29 04:00,999,40",
    "x" * 70_000,
    f"2026-03-29 05:00,21.5,40,{'y' * 65_500}",
)


def _lines(chance, form):
    """Return rows around a change of clocks, some of them out of order or twice."""
    moment = datetime(2026, *chance.choice(((3, 28), (10, 24), (6, 1))), 20)  # noqa: DTZ001 - a wall clock
    for _ in range(300):
        moment += timedelta(minutes=chance.choice((0, 1, 1, 1, 5, 60)))
        if chance.random() < 0.02:
            moment -= timedelta(minutes=3)
        yield f"{moment:{form}},{chance.randint(200, 220) / 10},{chance.randint(40, 42)}"
        if chance.random() < 0.02:
            yield chance.choice(NASTY)


def _read(path):
    file = AppExport(path, zone="living", timezone="Europe/Paris", date_order="day")
    rows = [row for block in file.blocks() for row in block.rows]
    return rows, file.report


@pytest.mark.parametrize(
    "form", ["%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M:%S", "%d/%m/%Y %H:%M"]
)
@pytest.mark.parametrize("seed", range(4))
def test_the_size_of_a_block_changes_nothing(tmp_path, monkeypatch, seed, form):
    chance = random.Random(seed)
    path = tmp_path / "export.csv"
    lines = list(_lines(chance, form))
    end = chance.choice(("", "\n", "\r\n"))
    path.write_text("\n".join((HEADER, *lines)) + end, encoding="utf-8")
    with monkeypatch.context() as line_by_line:
        line_by_line.setattr(export, "_BLOCK_CHARACTERS", 1)
        line_by_line.setattr(export, "_all_plain", lambda *_: None)
        alone, told = _read(path)
    assert told.rows == len(alone) > 150
    for size in (50, 777, 16 * 1024):
        monkeypatch.setattr(export, "_BLOCK_CHARACTERS", size)
        rows, report = _read(path)
        assert rows == alone
        assert report == told


def test_blocks_have_as_many_rows_as_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "BLOCK_ROWS", 40)
    path = tmp_path / "export.csv"
    path.write_text(
        "\n".join(
            (
                HEADER,
                *(f"2026-06-01 {n // 60:02}:{n % 60:02},21,40" for n in range(100)),
            )
        ),
        encoding="utf-8",
    )
    file = AppExport(path, zone="living", timezone="UTC")
    assert [len(block) for block in file.blocks()] == [40, 40, 20]
