"""`load-test`: the whole system under load, with live progress and a report."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from switchbot_automation.cli.output import (
    FAILURE,
    OK,
    json_option,
    logging_options,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from switchbot_automation.load_test import FaultPlan, LoadReport
    from switchbot_automation.load_test.run import Progress

_STANDARD = "standard"


@click.command("load-test")
@click.option(
    "--duration",
    default=3600.0,
    show_default=True,
    type=click.FloatRange(1.0),
    help="Seconds under load.",
)
@click.option(
    "--concurrent-users", default=10, show_default=True, type=click.IntRange(0, 1000)
)
@click.option(
    "--tick-interval",
    default=30.0,
    show_default=True,
    type=click.FloatRange(0.05),
    help="Seconds between two ticks.",
)
@click.option("--zones", default=1, show_default=True, type=click.IntRange(1, 1000))
@click.option(
    "--store",
    metavar="URL",
    help="postgresql://... or json:DIRECTORY, without settings in it; by default a"
    " PostgreSQL is started for the test.",
)
@click.option(
    "--faults",
    metavar="standard|FILE",
    help="Stop and freeze the database and the cloud meanwhile: as a JSON list says of"
    " objects with what, how, at_seconds and for_seconds, or each kind once.",
)
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), help="PNG or SVG."
)
@json_option("Print the report as one object.")
@logging_options("error")
@click.pass_context
def load_test(
    ctx: click.Context,
    *,
    duration: float,
    concurrent_users: int,
    tick_interval: float,
    zones: int,
    store: str | None,
    faults: str | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Put engine, store, history and page under load, and judge how they fare.

    They run in a process of their own against a simulated cloud; nothing real is
    touched. The exit code is 1 when a target was missed.
    """
    try:
        from switchbot_automation import load_test as load  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise click.ClickException(
            f"{error.name} is missing: pip install 'switchbot-automation[load]'"
        ) from error
    plan = load.LoadPlan(
        duration_seconds=duration,
        users=concurrent_users,
        tick_interval_seconds=tick_interval,
        zones=zones,
        store=store,
        faults=_faults(faults, duration),
    )
    with Live(console=Console(stderr=True), transient=True) as live:

        def show(progress: Progress) -> None:
            live.update(Text(_line(progress, duration)))

        watched = show if live.console.is_terminal else None
        report = asyncio.run(load.load_test(plan, watched))
    if plot is not None:
        _plot(report, plot)
    if as_json:
        print_json(report.to_dict())
    else:
        _print_report(report)
    ctx.exit(OK if report.passed else FAILURE)


def _faults(given: str | None, duration: float) -> FaultPlan:
    from switchbot_automation.load_test import FaultPlan  # noqa: PLC0415 - an extra

    if given is None:
        return FaultPlan()
    if given == _STANDARD:
        return FaultPlan.standard(duration)
    return FaultPlan.from_file(Path(given))


def _line(progress: Progress, duration: float) -> str:
    asked = progress.requests
    words = (
        f"{progress.elapsed_seconds:5.0f} of {duration:.0f} s  {progress.ticks} ticks"
        f"  {asked.count} requests, {asked.failed} failed"
    )
    if progress.vitals is not None:
        words += f"  {progress.vitals['resident_bytes'] / 1e6:.0f} MB"
    if progress.fault is not None:
        words += f"  {progress.fault.what}: {progress.fault.how}"
    return words


def _plot(report: LoadReport, path: Path) -> None:
    from switchbot_automation.load_test.plot import draw  # noqa: PLC0415 - an extra

    try:
        draw(report, path)
    except ImportError as error:
        raise click.ClickException(
            "a plot needs matplotlib: pip install 'switchbot-automation[plot]'"
        ) from error
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from error
    click.echo(f"Drawn: {path}", err=True)


def _print_report(report: LoadReport) -> None:
    def three(p50: float, p95: float, p99: float) -> str:
        return " / ".join(f"{1000 * each:.1f}" for each in (p50, p95, p99)) + " ms"

    print_table(
        f"{report.duration_seconds:g} s, {report.users} users, {report.zones} zones, a tick"
        f" each {report.tick_interval_seconds:g} s, {report.store}; {report.machine}",
        ("", "", ""),
        [
            (
                "Ticks",
                f"{report.ticks}",
                "p50 / p95 / p99: "
                + three(
                    report.tick_p50_seconds,
                    report.tick_p95_seconds,
                    report.tick_p99_seconds,
                ),
            ),
            (
                "Requests",
                f"{report.requests}",
                "p50 / p95 / p99: "
                + three(
                    report.request_p50_seconds,
                    report.request_p95_seconds,
                    report.request_p99_seconds,
                ),
            ),
            (
                "Event loop late",
                f"{1000 * report.lag_p99_seconds:.1f} ms",
                (
                    f"p99 of the worst in each second; {1000 * report.lag_worst_seconds:.0f}"
                    " ms at most"
                ),
            ),
            (
                "History",
                f"{report.rows_found} rows",
                (
                    f"{report.rows_expected} were recorded; {report.documents_lost} documents"
                    " lost"
                ),
            ),
            (
                "Faults",
                f"{len(report.faults)}",
                (
                    "of database and cloud; a tick meanwhile took"
                    f" {1000 * report.tick_mean_in_faults_seconds:.0f} ms on average"
                ),
            ),
        ],
    )
    print_table(
        "Targets",
        ("", "measured", "at most", ""),
        [
            (
                target.name,
                f"{target.value:.2f} {target.unit}".strip(),
                f"{target.limit:g} {target.unit}".strip(),
                "met" if target.met else "MISSED",
            )
            for target in report.targets
        ],
    )
    for why, count in sorted(report.failures.items()):
        click.echo(f"{count} requests: {why}", err=True)
