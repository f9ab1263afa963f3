import struct
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from switchbot_automation.simulation.plot import draw
from switchbot_automation.simulation.report import SimulationSeries

START = datetime(2026, 3, 27, 23, tzinfo=UTC)


def series(days, **changes):
    count = max(2, int(days * 96))
    values = {
        "times": [START + timedelta(minutes=15 * i) for i in range(count)],
        "room": [21 + i % 7 / 4 for i in range(count)],
        "meter": [21.0] * count,
        "outdoor": [5 + i % 96 / 20 for i in range(count)],
        "conditioning": [i % 8 < 3 for i in range(count)],
        "in_window": [True] * count,
        "band_low": 21.0,
        "band_high": 23.0,
        "windows": [(START, START + timedelta(days=days))],
        "timezone": ZoneInfo("Europe/Paris"),
    }
    return SimulationSeries(**(values | changes))


def size_of_png(data):
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


@pytest.mark.parametrize("days", [0.02, 1, 7, 60])
def test_any_number_of_days_becomes_a_png_of_the_same_size(tmp_path, days):
    path = tmp_path / "days.png"
    draw(series(days), path, title="Days", season="winter")
    assert size_of_png(path.read_bytes()) == (1600, 900)


def test_what_is_drawn_changes_the_picture(tmp_path):
    drawn = {}
    for name, season, changes in (
        ("as it is", "winter", {}),
        ("cooling", "summer", {}),
        ("never on", "winter", {"conditioning": [False] * 96}),
        ("another band", "winter", {"band_low": 22.0, "band_high": 24.0}),
        ("no window", "winter", {"windows": []}),
    ):
        draw(series(1, **changes), tmp_path / name, title="A day", season=season)
        drawn[name] = (tmp_path / name).read_bytes()
    assert len(set(drawn.values())) == len(drawn)


def test_a_place_that_cannot_be_written_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        draw(series(1), tmp_path / "nowhere" / "week.png", title="", season="winter")
