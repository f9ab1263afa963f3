"""A house that was left for days is warm when somebody comes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from switchbot_automation.simulation import default_settings, simulate

EVERY_DAY = list(range(7))
HOME = ZoneInfo("Europe/Paris")
BACK = datetime(2026, 1, 18, 6, 30, tzinfo=HOME).astimezone(UTC)


async def away(house, **changes):
    """From Wednesday to Saturday at 12 to 14 °C; the plain week's window on Sunday."""
    vacation = {"days": EVERY_DAY, "from": "2026-01-14", "until": "2026-01-17"}
    windows = [
        {**vacation, "start": start, "end": end, "preset": "vacation"}
        for start, end in (("00:00", "12:00"), ("12:00", "00:00"))
    ]
    low = {"min_temp": 12, "max_temp": 14, "target_temp": 16}
    document = default_settings("winter")
    document |= {
        "presets": {"vacation": {"winter": low}},
        "time_windows": [*windows, *document["time_windows"]],
        **changes,
    }
    report = await simulate(document, season="winter", house=house, seed=2, days=6.5)
    series = report.series
    return [
        (at - BACK, room, meter)
        for at, room, meter in zip(series.times, series.room, series.meter, strict=True)
    ]


@pytest.mark.parametrize(
    ("house", "way"),
    [
        # What takes minutes, since it learns for weeks, is of the slow session.
        pytest.param("default", {}, id="default", marks=pytest.mark.slow),
        pytest.param("heavy", {}, id="heavy", marks=pytest.mark.slow),
        pytest.param("heavy", {"control": "modulate"}, id="heavy, steered"),
    ],
)
async def test_the_room_is_in_its_band_when_the_window_opens(house, way):
    """A unit that defrosts takes a kelvin from the air of a cold house, so half an hour."""
    lived = await away(house, optimum_start=True, **way)
    half = timedelta(minutes=30)
    opening = [meter for at, _, meter in lived if -half <= at < half]
    # Its band begins at 20; a unit that was told to keep it starts at 19.7.
    assert sum(opening) / len(opening) >= 19.7
    assert max(opening) >= 20.0
    # It was really left cold, and not kept warm all the while for it.
    cold = [room for at, room, _ in lived if at < -timedelta(hours=16)]
    assert min(cold) < 14.5
    assert max(cold[-60:]) < 15.0


async def test_without_the_setting_nothing_is_begun_within_the_vacation():
    lived = await away("default")
    before = [room for at, room, _ in lived if -timedelta(days=1) <= at < timedelta(0)]
    assert max(before) < 15.0
