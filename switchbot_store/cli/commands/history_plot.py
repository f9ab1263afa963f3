"""`history plot`: readings as a picture, or in the terminal."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from switchbot_store.cli.commands.history_ranges import (
    RangeOptions,
    open_service,
    range_options,
)
from switchbot_store.cli.output import FAILURE, Misuse, echo, logging_options, warn
from switchbot_store.config import StoreConfig
from switchbot_store.history.query import picture
from switchbot_store.history.query.chart import POINTS, gather
from switchbot_store.history.query.terminal_chart import render
from switchbot_store.languages import translated as _

if TYPE_CHECKING:
    from switchbot_store.history.service import HistoryService

_WEEK = timedelta(days=7)
_WIDEST = 120


@click.command()
@range_options(default_span=_WEEK)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A .png or .svg file; without it the chart is drawn here.",
)
@logging_options()
@click.pass_context
def plot(ctx: click.Context, output: Path | None, range_: RangeOptions) -> None:
    """Draw temperature, humidity and how long the air conditioner was on.

    Gaps in the readings stay gaps: the line is broken and the stretch is marked.
    """
    if output is not None:
        if output.suffix.lower() not in picture.FORMATS:
            raise Misuse(_("{file}: a picture is a .png or .svg file", file=output))
        picture.require()
    with open_service(StoreConfig.from_env()) as service:
        start, end = range_.resolved(service)
        zone = range_.zone or "default"
        points = POINTS if output else 2 * _width()
        chart = gather(
            service, zone, start, end, timezone=range_.timezone, points=points
        )
        if chart is None:
            warn(_nothing(service, zone, start, end))
            ctx.exit(FAILURE)
    if output is None:
        echo("\n".join(render(chart, _width())))
    else:
        picture.draw(chart, output)
        echo(_("{file}: {size:,} bytes", file=output, size=output.stat().st_size))


def _width() -> int:
    return min(_WIDEST, shutil.get_terminal_size((100, 24)).columns)


def _nothing(service: HistoryService, zone: str, start: datetime, end: datetime) -> str:
    ever = datetime(1970, 1, 1, tzinfo=UTC)
    zones = [row.zone for row in service.query(ever, end, points=1).rows]
    asked = {"zone": zone, "start": start, "end": end}
    if not zones:
        return _(
            "no readings of zone {zone!r} from {start:%Y-%m-%d %H:%M} to"
            " {end:%Y-%m-%d %H:%M}",
            **asked,
        )
    return _(
        "no readings of zone {zone!r} from {start:%Y-%m-%d %H:%M} to"
        " {end:%Y-%m-%d %H:%M}; there are readings of {zones}",
        **asked,
        zones=", ".join(sorted(set(zones))),
    )
