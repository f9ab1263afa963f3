"""A picture of a simulated week; needs the extra `plot`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchbot_automation.backtest.plotting import (
    BAND,
    INK,
    calm,
    label_times,
    matplotlib,
)

if TYPE_CHECKING:
    from pathlib import Path

    from switchbot_automation.simulation.report import SimulationSeries

_ROOM = "#c0392b"
_OUTDOOR = "#2f6f9f"
_HEAT = "#e67e22"
_COOL = "#2e86c1"


def draw(series: SimulationSeries, path: Path, *, title: str, season: str) -> None:
    """Draw the series into a PNG file of 1600 by 900 pixels.

    `season`, winter or summer, says whether a running unit heats or cools. Raises
    PlotUnavailableError without matplotlib, OSError when the file cannot be written.
    """
    # The Figure class alone needs no display and leaves pyplot's global state be.
    figure = matplotlib("figure").Figure(
        figsize=(12.8, 7.2), dpi=125, layout="constrained"
    )
    figure.get_layout_engine().set(h_pad=0.06, hspace=0.02)
    room, power, outdoor = figure.subplots(
        3, 1, sharex=True, gridspec_kw={"height_ratios": (6, 0.55, 2.4)}
    )
    _draw_room(room, series, title)
    _draw_power(power, series, season)
    _draw_outdoor(outdoor, series)
    for axes in (room, power, outdoor):
        calm(axes)
    for axes in (room, power):
        axes.tick_params(axis="x", which="both", length=0)
    label_times(outdoor, series.times[0], series.times[-1], series.timezone)
    figure.align_ylabels((room, outdoor))
    figure.savefig(path, format="png", facecolor="white")


def _draw_room(axes: Any, series: SimulationSeries, title: str) -> None:
    low, high = series.band_low, series.band_high
    for index, (start, end) in enumerate(series.windows):
        axes.fill_between(
            [start, end],
            low,
            high,
            color=BAND,
            alpha=0.28,
            linewidth=0,
            label=f"comfort band {low:g} to {high:g} °C" if index == 0 else None,
        )
    axes.plot(series.times, series.room, color=_ROOM, linewidth=1.6, label="room")
    axes.set_title(title, loc="left", pad=14, fontsize=15, weight="bold", color=INK)
    axes.set_ylabel("room °C", color=INK)
    axes.margins(y=0.08)
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=2,
        frameon=False,
        fontsize=10,
        labelcolor=INK,
        borderaxespad=0.2,
    )


def _draw_power(axes: Any, series: SimulationSeries, season: str) -> None:
    heats = season == "winter"
    axes.fill_between(
        series.times,
        0,
        [1 if on else 0 for on in series.conditioning],
        step="post",
        color=_HEAT if heats else _COOL,
        linewidth=0,
    )
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.text(
        -0.008,
        0.5,
        "heating" if heats else "cooling",
        color=INK,
        transform=axes.transAxes,
        ha="right",
        va="center",
    )
    axes.set_facecolor("#f3f4f6")


def _draw_outdoor(axes: Any, series: SimulationSeries) -> None:
    axes.plot(series.times, series.outdoor, color=_OUTDOOR, linewidth=1.4)
    axes.set_ylabel("outdoor °C", color=INK)
    axes.margins(y=0.12)
