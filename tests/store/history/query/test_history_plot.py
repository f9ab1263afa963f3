"""Pictures of the history, and in a terminal."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from matplotlib.image import imread

from switchbot_store import HistorySample, HistoryService, SqliteHistory
from switchbot_store.history.query.chart import gather
from switchbot_store.history.query.terminal_chart import render

START = datetime(2026, 1, 10, tzinfo=UTC)
WEEK = timedelta(days=7)
OUTAGE = range(2000, 4000)
"""Minutes without a reading."""


@pytest.fixture
def week(tmp_path):
    """Have a week of minutes with an outage; the unit ran every other hour."""
    backend = SqliteHistory(tmp_path / "config/history.sqlite3")
    samples = [
        HistorySample(
            START + timedelta(minutes=number),
            zone="living",
            temperature=20 + number % 1440 / 288,
            humidity=50.0,
            assumed_aircon_power="on" if number % 120 < 60 else "off",
            timezone="Europe/Paris",
        )
        for number in range(7 * 1440)
        if number not in OUTAGE
    ]
    backend.write(samples, now=START + WEEK)
    with HistoryService(backend) as service:
        yield service


def chart_of(week, end=START + WEEK, points=500):
    return gather(week, "living", START, end, points=points)


def test_an_outage_is_a_gap_in_every_curve(week):
    chart = chart_of(week)
    (gap,) = chart.gaps
    outage = START + OUTAGE[0] * timedelta(minutes=1)
    length = len(OUTAGE) * timedelta(minutes=1)
    assert abs(gap[0] - outage) <= timedelta(hours=1)
    assert abs(gap[1] - gap[0] - length) <= timedelta(hours=2)
    for curve in (chart.temperature, chart.humidity):
        unknown = [
            moment
            for moment, value in zip(curve.times, curve.mean, strict=True)
            if value != value  # noqa: PLR0124 - NaN
        ]
        assert len(unknown) == 1
        assert gap[0] - timedelta(hours=1) <= unknown[0] <= gap[1]
    assert chart.count == 7 * 1440 - len(OUTAGE)


def test_bands_hold_the_means_and_the_running_time_is_that_of_the_unit(week):
    chart = chart_of(week)
    for low, mean, high in zip(
        chart.temperature.low,
        chart.temperature.mean,
        chart.temperature.high,
        strict=True,
    ):
        assert not mean < low
        assert not mean > high
    recorded = (7 * 1440 - len(OUTAGE)) / 60
    assert chart.aircon.hours == pytest.approx(recorded / 2, abs=2)
    assert chart.timezone.key == "Europe/Paris"


def test_a_year_is_told_by_the_day(week):
    chart = gather(week, "living", START - timedelta(days=300), START + WEEK)
    assert chart.aircon.by_day
    assert 6 <= len([value for value in chart.temperature.mean if value == value]) <= 9  # noqa: PLR0124 - NaN
    assert chart.gaps[0][0] == START - timedelta(days=300)


def test_a_terminal_shows_the_curve_the_running_time_and_the_gap(week):
    lines = render(chart_of(week, points=160), 80)
    assert max(map(len, lines)) <= 90
    assert "living, 2026-01-10 01:00 to 2026-01-17 01:00 (Europe/Paris)" in lines[0]
    assert any("°C" in line for line in lines)
    (running,) = [line for line in lines if "AC on" in line]
    assert running.endswith(" h")
    axis = lines[-2]
    # A day and a bit of seven.
    assert 10 <= axis.count("·") <= 18
    left, _, right = axis.partition("·")
    assert "─" in left
    assert "─" in right
    curve = lines[2 : lines.index("", 2)]
    column = axis.index("·") + 5
    assert {line[column : column + 1] for line in curve} <= {" ", ""}


@pytest.mark.parametrize("suffix", ["png", "svg", "PNG"])
def test_a_picture_is_drawn(week, history, tmp_path, suffix):
    path = tmp_path / f"week.{suffix}"
    history(
        *("plot", "--zone", "living", "--from", "2026-01-10", "--to", "2026-01-17"),
        *("-o", path),
    )
    if suffix == "svg":
        assert ET.parse(path).getroot().tag.endswith("svg")
    else:
        pixels = imread(path, format="png")
        assert pixels.shape[:2] == (640, 1200)
        red = (pixels[:, :, 0] > 0.7) & (pixels[:, :, 1] < 0.4)
        columns = red.any(axis=0)
        # The curve of the temperature is broken once, by more than a tenth.
        drawn = columns.nonzero()[0]
        widest = max(drawn[1:] - drawn[:-1])
        assert widest > 100


def test_the_terminal_is_the_default(week, history):
    shown = history(
        *("plot", "--zone", "living", "--from", "2026-01-10", "--to", "2026-01-12")
    ).stdout
    assert "°C" in shown
    assert "AC on" in shown


def test_what_cannot_be_drawn_says_why(week, history, tmp_path):
    def told(*arguments, code):
        return history("plot", *arguments, code=code).stderr

    assert "readings of living" in told("--from", "2026-01-10", code=1)
    assert ".png or .svg" in told("-o", tmp_path / "x.jpeg", code=2)
    assert "30d" in told("--from", "yesterday", code=2)
    assert "not before" in told("--from", "1h", "--to", "2h", code=2)
    assert "timezone" in told("--from", "2026-01-10", "--timezone", "X/Y", code=2)
    nowhere = tmp_path / "nowhere/x.png"
    options = ("--zone", "living", "--from", "2026-01-10", "--to", "2026-01-12")
    assert "cannot be written" in told(*options, "-o", nowhere, code=1)


def test_without_matplotlib_it_says_what_to_install(tmp_path):
    program = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from switchbot_store.cli.app import application\n"
        "application.main(['history', 'plot', '-o', 'x.png'])\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert answer.returncode == 2
    assert "switchbot-automation[plot]" in answer.stderr
