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
    counted,
    echo,
    json_option,
    logging_options,
    milliseconds,
    print_json,
    print_table,
)
from switchbot_automation.languages import filled
from switchbot_automation.languages import translated as _

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

        # In the process under load nobody would be told that it is missing.
        from switchbot_automation.load_test import subject  # noqa: F401, PLC0415
    except ImportError as error:
        raise click.ClickException(
            _(
                "{library} is missing: pip install 'switchbot-automation[load]'",
                library=error.name,
            )
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
    words = _(
        "{elapsed:5.0f} of {seconds:.0f} s  {ticks} ticks  {requests} requests,"
        " {failed} failed",
        elapsed=progress.elapsed_seconds,
        seconds=duration,
        ticks=progress.ticks,
        requests=asked.count,
        failed=asked.failed,
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
            _("a plot needs matplotlib: pip install 'switchbot-automation[plot]'")
        ) from error
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from error
    echo(_("Drawn: {path}", path=path), err=True)


def _print_report(report: LoadReport) -> None:
    def three(p50: float, p95: float, p99: float) -> str:
        values = {"p50": 1000 * p50, "p95": 1000 * p95, "p99": 1000 * p99}
        return filled("{p50:.1f} / {p95:.1f} / {p99:.1f} ms", values)

    print_table(
        _(
            "{seconds:g} s, {users} users, {zones} zones, a tick each {interval:g} s,"
            " {store}; {machine}",
            seconds=report.duration_seconds,
            users=report.users,
            zones=report.zones,
            interval=report.tick_interval_seconds,
            store=report.store,
            machine=report.machine,
        ),
        ("", "", ""),
        [
            (
                _("Ticks"),
                f"{report.ticks}",
                "p50 / p95 / p99: "
                + three(
                    report.tick_p50_seconds,
                    report.tick_p95_seconds,
                    report.tick_p99_seconds,
                ),
            ),
            (
                _("Requests"),
                f"{report.requests}",
                "p50 / p95 / p99: "
                + three(
                    report.request_p50_seconds,
                    report.request_p95_seconds,
                    report.request_p99_seconds,
                ),
            ),
            (
                _("Event loop late"),
                milliseconds(report.lag_p99_seconds),
                _(
                    "p99 of the worst in each second; {milliseconds:.0f} ms at most",
                    milliseconds=1000 * report.lag_worst_seconds,
                ),
            ),
            (
                _("History"),
                counted(report.rows_found, "row"),
                _(
                    "{rows} were recorded; {documents} documents lost",
                    rows=report.rows_expected,
                    documents=report.documents_lost,
                ),
            ),
            (
                _("Faults"),
                f"{len(report.faults)}",
                _(
                    "of database and cloud; a tick meanwhile took {milliseconds:.0f} ms"
                    " on average",
                    milliseconds=1000 * report.tick_mean_in_faults_seconds,
                ),
            ),
        ],
    )
    print_table(
        _("Targets"),
        ("", _("measured"), _("at most"), ""),
        [
            (
                _(target.name),
                f"{target.value:.2f} {target.unit}".strip(),
                f"{target.limit:g} {target.unit}".strip(),
                _("met") if target.met else _("MISSED"),
            )
            for target in report.targets
        ],
    )
    for why, count in sorted(report.failures.items()):
        echo(_("{number} requests: {why}", number=count, why=why), err=True)
