"""`history plot`: readings as a picture, or in the terminal."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from switchbot_store.cli.history_ranges import (
    RangeOptions,
    open_service,
    range_options,
)
from switchbot_store.cli.output import FAILURE, Misuse, logging_options, warn
from switchbot_store.config import StoreConfig
from switchbot_store.history.query import picture
from switchbot_store.history.query.chart import POINTS, gather
from switchbot_store.history.query.terminal_chart import render

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
            raise Misuse(f"{output}: a picture is a .png or .svg file")
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
        click.echo("\n".join(render(chart, _width())))
    else:
        picture.draw(chart, output)
        click.echo(f"{output}: {output.stat().st_size:,} bytes")


def _width() -> int:
    return min(_WIDEST, shutil.get_terminal_size((100, 24)).columns)


def _nothing(service: HistoryService, zone: str, start: datetime, end: datetime) -> str:
    ever = datetime(1970, 1, 1, tzinfo=UTC)
    zones = [row.zone for row in service.query(ever, end, points=1).rows]
    there = f"; there are readings of {', '.join(sorted(set(zones)))}" if zones else ""
    return (
        f"no readings of zone {zone!r} from {start:%Y-%m-%d %H:%M} to"
        f" {end:%Y-%m-%d %H:%M}{there}"
    )
