"""A picture of a backtest: both rooms and when their units run. Needs the extra `plot`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from switchbot_automation.backtest.plotting import (
    BAND,
    INK,
    calm,
    label_times,
    matplotlib,
)

if TYPE_CHECKING:
    from datetime import tzinfo
    from pathlib import Path

    from switchbot_automation.backtest import BacktestReport

_CURRENT = "#5d6d7e"
_CANDIDATE = "#c0392b"
_MOST_POINTS = 4000


def draw_backtest(report: BacktestReport, path: Path, tz: tzinfo) -> None:
    """Draw both courses, one above the other, into a PNG file of 1280 by 720 pixels.

    Times are in `tz`. Raises PlotUnavailableError without matplotlib, OSError when the
    file cannot be written.
    """
    figure = matplotlib("figure").Figure(
        figsize=(12.8, 7.2), dpi=100, layout="constrained"
    )
    figure.get_layout_engine().set(h_pad=0.05, hspace=0.02)
    axes = figure.subplots(
        4, 1, sharex=True, gridspec_kw={"height_ratios": (4, 0.6, 4, 0.6)}
    )
    both = (
        ("current", _CURRENT, report.current_course, report.current),
        ("candidate", _CANDIDATE, report.candidate_course, report.candidate),
    )
    low, high = report.band
    for index, (name, colour, course, figures) in enumerate(both):
        every = max(1, len(course.times) // _MOST_POINTS)
        times = [datetime.fromtimestamp(at, UTC) for at in course.times[::every]]
        room, running = axes[2 * index], axes[2 * index + 1]
        room.axhspan(low, high, color=BAND, alpha=0.25, linewidth=0)
        room.plot(times, course.room[::every], color=colour, linewidth=1.2)
        room.set_ylabel("room °C", color=INK)
        room.set_title(
            f"{name}: {figures.percent_in_band:.1f} % in the band, "
            f"{figures.starts} starts, {figures.on_hours:.0f} h, "
            f"{figures.energy_kwh:.0f} kWh",
            loc="left",
            fontsize=12,
            color=INK,
        )
        if report.first_divergence is not None:
            room.axvline(report.first_divergence, color=INK, linewidth=0.8, ls=":")
        running.fill_between(
            times, 0, course.running[::every], step="post", color=colour, linewidth=0
        )
        running.set_ylim(0, 1)
        running.set_yticks([])
    axes[0].sharey(axes[2])
    for each in axes:
        calm(each)
    first, last = (report.current_course.times[at] for at in (0, -1))
    if report.first_divergence is not None:
        early = report.first_divergence.timestamp() < (first + last) / 2
        _mark(axes[0], report.first_divergence, "left" if early else "right")
    label_times(
        axes[3],
        datetime.fromtimestamp(first, UTC),
        datetime.fromtimestamp(last, UTC),
        tz,
    )
    figure.savefig(path, format="png", facecolor="white")


def _mark(axes: Any, at: datetime, side: str) -> None:
    axes.annotate(
        " they differ from here on; what follows is a model ",
        (at, 1.0),
        xycoords=("data", "axes fraction"),
        ha=side,
        va="top",
        fontsize=9,
        color=INK,
    )
