"""Recorded rows in files."""

import csv
import io
import json
import os
import re
import subprocess
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import pytest
from pyarrow import parquet

from switchbot_store import (
    HistoryError,
    HistorySample,
    HistoryService,
    SqliteHistory,
    StoreConfigError,
    StoreUnavailableError,
    ThreadedHistory,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2027, 1, 1, tzinfo=UTC)
SAMPLES = [
    HistorySample(
        START + timedelta(minutes=number, microseconds=number),
        zone="a, b" if number % 2 else "é",
        temperature=number / 3 if number % 5 else None,
        assumed_aircon_power="on",
        last_action='say "x"\n',
        api_requests_today=number,
        last_temperature_stale=number % 3 == 0,
        metadata={"n": [number], "x": None} if number % 4 else None,
    )
    for number in range(50)
]


@pytest.fixture
def service(tmp_path):
    backend = SqliteHistory(tmp_path / "history.sqlite3")
    with HistoryService(backend, batch_size=1000) as opened:
        for sample in SAMPLES:
            opened.record(sample)
        yield opened


def test_csv_holds_every_row(service, tmp_path):
    path = tmp_path / "rows.csv"
    assert service.export(path, START, END) == 50
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row, sample in zip(rows, SAMPLES, strict=True):
        assert datetime.fromisoformat(row["timestamp"]) == sample.timestamp
        assert row["zone"] == sample.zone
        assert row["last_action"] == sample.last_action
        assert row["last_temperature_stale"] in ("true", "false")
        temperature = float(row["temperature"]) if row["temperature"] else None
        assert temperature == sample.temperature
        metadata = json.loads(row["metadata"]) if row["metadata"] else None
        assert metadata == sample.metadata
    assert [file.name for file in tmp_path.glob("rows*")] == ["rows.csv"]


def test_json_lines_hold_every_row(service):
    buffer = io.BytesIO()
    assert service.export(buffer, START, END, format="jsonl") == 50
    lines = buffer.getvalue().decode().splitlines()
    for line, sample in zip(lines, SAMPLES, strict=True):
        row = json.loads(line)
        row["timestamp"] = datetime.fromisoformat(row["timestamp"])
        assert row == asdict(sample)


@pytest.mark.parametrize("format_name", ["csv", "jsonl"])
def test_timestamps_have_one_form(service, format_name):
    """Also where there are no microseconds: mixed forms load as text elsewhere."""
    buffer = io.BytesIO()
    service.export(buffer, START, END, fields=["temperature"], format=format_name)
    stamps = re.findall(r"2026-[^\",]*", buffer.getvalue().decode())
    assert [datetime.strptime(each, "%Y-%m-%dT%H:%M:%S.%f%z") for each in stamps] == [
        sample.timestamp for sample in SAMPLES
    ]


def test_parquet_holds_every_row(service, tmp_path):
    path = tmp_path / "rows.parquet"
    assert service.export(path, START, END) == 50
    for row, sample in zip(parquet.read_table(path).to_pylist(), SAMPLES, strict=True):
        if row["metadata"] is not None:
            row["metadata"] = json.loads(row["metadata"])
        assert row == asdict(sample)


def test_a_part_is_exported(service, tmp_path):
    path = tmp_path / "part.ndjson"
    end = START + timedelta(minutes=10)
    assert service.export(path, START, end, zone="é", fields=["temperature"]) == 5
    first = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
    assert list(first) == ["timestamp", "zone", "temperature"]


async def test_it_can_be_awaited(service, tmp_path):
    history = ThreadedHistory(service)
    assert await history.export(tmp_path / "rows.csv", START, END) == 50
    await history.detach()


@pytest.mark.parametrize("name", ["rows", "rows.xlsx"])
def test_an_unknown_format_is_refused(service, tmp_path, name):
    with pytest.raises(StoreConfigError, match="csv, jsonl, parquet"):
        service.export(tmp_path / name, START, END)


def test_a_file_that_cannot_be_written_is_an_error(service, tmp_path):
    with pytest.raises(HistoryError):
        service.export(tmp_path / "nowhere" / "rows.csv", START, END)


def test_an_export_that_fails_leaves_the_former_file(service, tmp_path, monkeypatch):
    path = tmp_path / "rows.csv"
    path.write_text("former")
    pages = iter([service.query(START, END).rows])

    def broken(*_, **__):
        yield next(pages)
        raise StoreUnavailableError("gone")

    monkeypatch.setattr(service, "pages", broken)
    with pytest.raises(StoreUnavailableError):
        service.export(path, START, END)
    assert path.read_text() == "former"
    assert [file.name for file in tmp_path.glob("rows*")] == ["rows.csv"]


def test_a_pipe_is_written_to_and_stays_a_pipe(service, tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with subprocess.Popen(["cat", path], stdout=subprocess.PIPE) as reader:
        assert service.export(path, START, END, format="csv") == 50
        written, _ = reader.communicate(timeout=60)
    assert len(written.splitlines()) >= 50
    assert path.is_fifo()


def test_memory_stays_flat(tmp_path):
    backend = SqliteHistory(tmp_path / "history.sqlite3")
    for first in range(0, 30_000, 5000):
        backend.write(
            [
                HistorySample(START + timedelta(seconds=number), temperature=20.0)
                for number in range(first, first + 5000)
            ],
            now=START,
        )

    def peak(end):
        tracemalloc.start()
        try:
            service.export(tmp_path / "rows.jsonl", START, end)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    with HistoryService(backend) as service:
        peak(START + timedelta(seconds=10_000))
        short = peak(START + timedelta(seconds=10_000))
        assert peak(END) < 1.2 * short


def test_without_pyarrow_parquet_says_what_to_install():
    program = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "import io\n"
        "from switchbot_store.history.query.export import write_pages\n"
        "write_pages([], io.BytesIO(), ['zone'], 'parquet')\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert "StoreConfigError" in answer.stderr
    assert "switchbot-automation[parquet]" in answer.stderr


def test_an_export_is_its_owners_alone_whatever_the_umask(service, tmp_path):
    path = tmp_path / "rows.csv"
    before = os.umask(0)
    try:
        service.export(path, START, END)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_somebody_laid_in_the_way_is_not_written_through(service, tmp_path):
    """Neither a link at the name of the export, nor one at any that can be guessed."""
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    path = tmp_path / "rows.csv"
    path.symlink_to(victim)
    (tmp_path / "rows.csv.partial").symlink_to(victim)
    service.export(path, START, END)
    assert victim.read_text() == "untouched"
    assert not path.is_symlink()


def test_two_exports_to_one_name_leave_a_whole_one(service, tmp_path):
    path = tmp_path / "rows.csv"
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda _: service.export(path, START, END), range(8)))
    assert counts == [50] * 8
    with path.open(newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 50
    assert [file.name for file in tmp_path.glob("*rows*")] == ["rows.csv"]


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1+cmd",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "  =1",
        "\u00a0=1",
        "\uff1d1",
        "|calc",
        "%0A=1",
    ],
)
def test_no_cell_is_one_that_a_spreadsheet_runs(tmp_path, text):
    backend = SqliteHistory(tmp_path / "history.sqlite3")
    sample = HistorySample(START, zone=text, temperature=-5.5, last_action=text)
    with HistoryService(backend) as history:
        history.record(sample)
        history.flush()
        rows = []
        for spreadsheet in (True, False):
            buffer = io.BytesIO()
            history.export(buffer, START, END, format="csv", spreadsheet=spreadsheet)
            lines = io.StringIO(buffer.getvalue().decode(), newline="")
            rows += csv.DictReader(lines)
    assert rows[0]["zone"].startswith("'")
    assert rows[0]["zone"] == rows[0]["last_action"]
    assert rows[0]["zone"].replace("'", "") == text
    assert rows[0]["temperature"] == "-5.5"
    assert rows[1]["zone"] == text


@pytest.mark.parametrize("between", [";", "\t", "\n", "|"])
@pytest.mark.parametrize(
    "text",
    ["room{}=1+1", "room{} =1", 'room{}"=1"', "{}=1", "a{}b{}\uff1d1", "a{}{}=1"],
)
def test_no_cell_is_run_however_a_spreadsheet_tells_cells_apart(
    tmp_path, text, between
):
    """Where numbers have a comma, as in German and French, cells are between semicolons."""
    backend = SqliteHistory(tmp_path / "history.sqlite3")
    sample = HistorySample(START, zone=text.replace("{}", between))
    with HistoryService(backend) as history:
        history.record(sample)
        history.flush()
        buffer = io.BytesIO()
        history.export(buffer, START, END, format="csv", spreadsheet=True)
    written = buffer.getvalue().decode()
    for cell in written.split(between):
        assert not cell.lstrip(' "').startswith(("=", "\uff1d")), written
