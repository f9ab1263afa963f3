"""A picture of a load test: ticks, requests, memory and connections over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from switchbot_automation.load_test.report import LoadReport


def draw(report: LoadReport, path: Path) -> None:
    """Write a PNG or SVG, by the ending. Raises OSError; ImportError without matplotlib."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra

    figure = Figure(figsize=(11, 8), layout="constrained")
    rows = figure.subplots(4, 1, sharex=True)
    series = report.series
    panels = (
        (
            rows[0],
            series.tick_at,
            [1000 * each for each in series.tick_seconds],
            "tick, ms",
        ),
        (
            rows[1],
            series.request_at,
            [1000 * each for each in series.request_seconds],
            "request, ms",
        ),
        (rows[2], series.vital_at, series.memory_megabytes, "memory, MB"),
        (rows[3], series.connections_at, series.connections, "connections"),
    )
    for axes, at, values, label in panels:
        points = label in {"tick, ms", "request, ms"}
        axes.plot(at, values, "." if points else "-", markersize=2, color="#1f6f8b")
        axes.set_ylabel(label)
        axes.grid(visible=True, alpha=0.3)
        if points:
            axes.set_yscale("log")
        for fault in report.faults:
            begin = fault["at_seconds"]
            colour = "#c0392b" if fault["what"] == "database" else "#e08e0b"
            axes.axvspan(begin, begin + fault["for_seconds"], color=colour, alpha=0.18)
    for fault in report.faults:
        rows[0].annotate(
            f"{fault['what']}\n{fault['how']}",
            (fault["at_seconds"], 1.02),
            xycoords=("data", "axes fraction"),
            fontsize=7,
        )
    rows[-1].set_xlabel("seconds")
    figure.suptitle(
        f"{report.users} users, {report.zones} zone{'s' if report.zones > 1 else ''},"
        f" a tick each {report.tick_interval_seconds:g} s"
    )
    figure.savefig(path, dpi=110)
