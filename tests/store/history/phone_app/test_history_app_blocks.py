"""A file is read many lines at once, and says what it says line by line."""

import random
import sys
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from switchbot_store.history.meter_columns import MeterColumns
from switchbot_store.history.model import keys_of, late_hours
from switchbot_store.history.phone_app import export
from switchbot_store.history.phone_app.export import AppExport
from switchbot_store.history.postgres.copy_text import copy_lines

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
    rows = [sample for block in file.blocks() for sample in block]
    return rows, file.report


def _line_by_line(path, monkeypatch):
    with monkeypatch.context() as line_by_line:
        line_by_line.setattr(export, "_BLOCK_CHARACTERS", 1)
        line_by_line.setattr(export, "_all_plain", lambda *_: None)
        return _read(path)


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
    alone, told = _line_by_line(path, monkeypatch)
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


@pytest.mark.parametrize("form", ["%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M:%S"])
@pytest.mark.parametrize("seed", range(6))
def test_columns_say_what_the_lines_say(tmp_path, monkeypatch, seed, form):
    chance = random.Random(seed)
    path = tmp_path / "export.csv"
    lines = list(_lines(chance, form))
    lines = lines[::-1] if seed % 3 == 2 else lines
    path.write_text("\n".join((HEADER, *lines)) + "\n", encoding="utf-8")
    alone, told = _line_by_line(path, monkeypatch)
    monkeypatch.setattr(export, "_LARGE_BYTES", 0)
    monkeypatch.setattr(export, "_BLOCK_CHARACTERS", 60)
    for size in (900, 130):
        monkeypatch.setattr(export, "_MANY_CHARACTERS", size)
        assert _read(path) == (alone, told)
    file = AppExport(path, zone="living", timezone="Europe/Paris")
    blocks = [each for each in file.blocks() if isinstance(each, MeterColumns)]
    assert sum(map(len, blocks)) > 20
    now = datetime(2027, 1, 1, tzinfo=UTC)
    for block in blocks:
        samples = list(block)
        assert [block[0], *block[1:-1], block[-1]][: len(samples)] == samples
        assert b"".join(copy_lines(block)) == b"".join(copy_lines(samples))
        hours = late_hours(keys_of(block), now)
        assert hours == late_hours(keys_of(samples), now) != set()


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/St_Johns", "UTC"])
def test_columns_of_a_year_lie_where_its_lines_lie(tmp_path, monkeypatch, zone):
    """Through both changes of clocks, in texts of thousands of lines."""
    path = tmp_path / "export.csv"
    start = datetime(2026, 1, 1, tzinfo=UTC)
    moments = [start + timedelta(minutes=40 * n) for n in range(13_000)]
    lines = (
        f"{each.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M},{n % 97 / 4},{n % 50}"
        for n, each in enumerate(moments)
    )
    path.write_text("\n".join((HEADER, *lines)), encoding="utf-8")
    monkeypatch.setattr(export, "_LARGE_BYTES", 0)
    file = AppExport(path, zone="living", timezone=zone)
    blocks = list(file.blocks())
    assert [each.timestamp for block in blocks for each in block] == moments
    in_columns = sum(len(each) for each in blocks if isinstance(each, MeterColumns))
    assert in_columns > 10_000


def test_without_the_extra_a_large_file_is_read_too(tmp_path, monkeypatch):
    path = tmp_path / "export.csv"
    path.write_text(f"{HEADER}\n2026-06-01 07:56,21,40\n", encoding="utf-8")
    monkeypatch.setattr(export, "_LARGE_BYTES", 0)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (sample,), report = _read(path)
    assert (sample.temperature, report.rows) == (21, 1)
