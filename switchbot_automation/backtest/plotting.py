"""What every picture shares; needs the extra `plot` (matplotlib).

matplotlib is imported when a picture is drawn, never before: it costs a second and tens
of megabytes that a running engine has no use for.
"""

from __future__ import annotations

import importlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from switchbot_automation.languages import worded

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

INK = "#2b2f36"
_QUIET = "#8a919c"
_GRID = "#e4e7eb"
BAND = "#7fb77e"


class PlotUnavailableError(ImportError):
    """matplotlib is not installed; the message names the extra."""


def require() -> None:
    """Find out whether a picture can be drawn. Raises PlotUnavailableError."""
    matplotlib("figure")


def matplotlib(module: str) -> Any:
    """Return a module of matplotlib. Raises PlotUnavailableError."""
    try:
        return importlib.import_module(f"matplotlib.{module}")
    except ModuleNotFoundError as error:
        raise PlotUnavailableError(
            worded(
                "a plot needs the extra `plot`: pip install "
                "'switchbot-automation[plot]'"
            )
        ) from error


def calm(axes: Any) -> None:
    """Take away of an axis what does not help to read it."""
    axes.grid(visible=True, axis="x", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    if len(axes.get_yticks()) > 1:
        axes.grid(visible=True, axis="y", color=_GRID, linewidth=0.8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_QUIET)
    axes.tick_params(colors=INK, labelsize=10)


def label_times(axes: Any, start: datetime, end: datetime, zone: tzinfo) -> None:
    """Label an axis of time with as many hours or days as fit, in `zone`."""
    dates = matplotlib("dates")
    days = (end - start).total_seconds() / 86_400
    if days <= 1.5:  # noqa: PLR2004  # a day or so reads in hours
        axes.xaxis.set_major_locator(dates.HourLocator(byhour=range(0, 24, 3), tz=zone))
        axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M", tz=zone))
    elif days <= 14:  # noqa: PLR2004  # as many names of days as fit
        axes.xaxis.set_major_locator(dates.DayLocator(tz=zone))
        axes.xaxis.set_major_formatter(dates.DateFormatter("%a %d %b", tz=zone))
        axes.xaxis.set_minor_locator(dates.HourLocator(byhour=(6, 12, 18), tz=zone))
    else:
        axes.xaxis.set_major_locator(dates.AutoDateLocator(tz=zone))
        axes.xaxis.set_major_formatter(dates.DateFormatter("%d %b", tz=zone))
    for label in axes.get_xticklabels():
        label.set_horizontalalignment("left")
    # Short of the end by a second, or the following day's name would stick out.
    axes.set_xlim(start, end - timedelta(seconds=1))
    axes.set_xlabel(f"time in {zone}", color=_QUIET, fontsize=9)
