"""A chart as a PNG or SVG file; needs the extra `plot` (matplotlib).

matplotlib is imported when a picture is drawn, never before: it costs a second and tens
of megabytes that a running home has no use for.
"""

from __future__ import annotations

import importlib
import warnings
from typing import TYPE_CHECKING, Any, Final

from switchbot_store.errors import HistoryError, StoreConfigError
from switchbot_store.languages import worded

if TYPE_CHECKING:
    from pathlib import Path

    from switchbot_store.history.query.chart import Chart, Curve

FORMATS: Final = (".png", ".svg")
_INK: Final = "#2b2f36"
_QUIET: Final = "#8a919c"
_GRID: Final = "#e4e7eb"
_TEMPERATURE: Final = "#c0392b"
_HUMIDITY: Final = "#2f6f9f"
_AIRCON: Final = "#e08e2b"
_GAP: Final = "#eceef1"


def require() -> None:
    """Find out whether a picture can be drawn. Raises StoreConfigError."""
    _matplotlib("figure")


def draw(chart: Chart, path: Path) -> None:
    """Draw the chart into a file, of the kind that its suffix says.

    Raises StoreConfigError without matplotlib, HistoryError when the file cannot be
    written.
    """
    # The Figure class alone needs no display and leaves pyplot's global state be.
    figure = _matplotlib("figure").Figure(
        figsize=(12, 6.4), dpi=100, layout="constrained"
    )
    figure.get_layout_engine().set(h_pad=0.06, hspace=0.02)
    panels = [
        (curve, label, colour, height)
        for curve, label, colour, height in (
            (chart.temperature, "temperature °C", _TEMPERATURE, 4),
            (chart.humidity, "humidity %", _HUMIDITY, 2.4),
        )
        if curve.known
    ]
    heights = [height for *_, height in panels]
    if chart.aircon is not None:
        heights.append(1.5)
    axes = figure.subplots(
        len(heights),
        1,
        sharex=True,
        squeeze=False,
        gridspec_kw={"height_ratios": heights},
    )[:, 0]
    for axis, (curve, label, colour, _) in zip(axes, panels, strict=False):
        _draw_curve(axis, curve, label, colour)
    if chart.aircon is not None:
        _draw_aircon(axes[-1], chart)
    for axis in axes:
        for start, end in chart.gaps:
            axis.axvspan(start, end, color=_GAP, linewidth=0, zorder=0)
        _calm(axis)
    title = f"{chart.zone}, {_span(chart)}"
    axes[0].set_title(title, loc="left", fontsize=14, weight="bold", color=_INK)
    axes[0].set_title(_note(chart), loc="right", fontsize=9, color=_QUIET)
    _label_times(axes[-1], chart)
    figure.align_ylabels(axes)
    try:
        with warnings.catch_warnings():
            # A zone may have a name in letters that the font lacks: boxes then.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            kind = path.suffix[1:].lower()
            smaller = {"pil_kwargs": {"optimize": True}} if kind == "png" else {}
            figure.savefig(path, format=kind, facecolor="white", **smaller)
    except OSError as error:
        raise HistoryError(
            worded("the picture cannot be written: {error}", error=error)
        ) from error


def _matplotlib(module: str) -> Any:
    try:
        return importlib.import_module(f"matplotlib.{module}")
    except ModuleNotFoundError as error:
        raise StoreConfigError(
            worded(
                "a picture needs matplotlib: pip install "
                "'switchbot-automation[plot]'; without -o the chart is drawn in "
                "the terminal"
            ),
            variable="-o",
        ) from error


def _draw_curve(axis: Any, curve: Curve, label: str, colour: str) -> None:
    axis.fill_between(
        curve.times, curve.low, curve.high, color=colour, alpha=0.22, linewidth=0
    )
    axis.plot(curve.times, curve.mean, color=colour, linewidth=1.3)
    axis.set_ylabel(label, color=_INK)
    axis.margins(y=0.08)


def _draw_aircon(axis: Any, chart: Chart) -> None:
    aircon = chart.aircon
    assert aircon is not None  # noqa: S101 - the caller looked
    scale = 24 if aircon.by_day else 100
    axis.bar(
        aircon.times,
        [scale * share for share in aircon.shares],
        width=aircon.width,
        align="edge",
        color=_AIRCON,
        linewidth=0,
    )
    axis.set_ylim(0, scale if not aircon.by_day else None)
    axis.set_ylabel("AC on, h/day" if aircon.by_day else "AC on, %", color=_INK)


def _calm(axis: Any) -> None:
    axis.grid(visible=True, color=_GRID, linewidth=0.8)
    axis.set_axisbelow(True)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axis.spines[side].set_color(_QUIET)
    axis.tick_params(colors=_INK, labelsize=10)


def _label_times(axis: Any, chart: Chart) -> None:
    dates = _matplotlib("dates")
    locator = dates.AutoDateLocator(tz=chart.timezone)
    axis.xaxis.set_major_locator(locator)
    axis.xaxis.set_major_formatter(
        dates.ConciseDateFormatter(locator, tz=chart.timezone)
    )
    axis.set_xlim(chart.start, chart.end)


def _span(chart: Chart) -> str:
    return f"{chart.start:%Y-%m-%d} to {chart.end:%Y-%m-%d}"


def _note(chart: Chart) -> str:
    words = [f"{chart.count:,} readings", "line: mean, band: lowest to highest"]
    if chart.gaps:
        words.append("grey: no readings")
    return f"{'; '.join(words)}; {chart.timezone.key} time"
