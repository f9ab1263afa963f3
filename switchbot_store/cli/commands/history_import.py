"""`history import`: what the phone app has collected."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from switchbot_store.cli import opening
from switchbot_store.cli.commands.history_upkeep import summarise
from switchbot_store.cli.output import (
    FAILURE,
    Misuse,
    counted,
    dry_run_option,
    echo,
    instant,
    json_option,
    logging_options,
    print_json,
    progress_bar,
    warn,
)
from switchbot_store.config import StoreConfig
from switchbot_store.errors import StoreConfigError, StoreDataError
from switchbot_store.factory import FILE_NAME
from switchbot_store.history.model import RowKey
from switchbot_store.history.phone_app.export import AppExport
from switchbot_store.history.phone_app.overlap import written
from switchbot_store.languages import error_words
from switchbot_store.languages import translated as _

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from switchbot_store.history.model import HistoryBackend, HistorySample
    from switchbot_store.history.phone_app.export import ExportReport
    from switchbot_store.history.phone_app.local_time import ClockChange

_MICROSECOND = timedelta(microseconds=1)
_LISTED = 10
_PAGE_ROWS = 20_000
_READING_PART = 0.9
"""How much of the bar reading takes; the rest is the hourly summary."""


@click.command("import")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    metavar="FILE...",
)
@click.option(
    "--zone", default="default", show_default=True, help="The zone that gets the rows."
)
@click.option(
    "--timezone",
    required=True,
    metavar="TZ",
    help="Where the phone was, such as Europe/Paris: the files do not tell.",
)
@click.option(
    "--date-order",
    type=click.Choice(("day", "month")),
    help="What comes first in 03/08/2025, where nothing in the file tells.",
)
@dry_run_option("Read everything and tell what would be new; change nothing.")
@json_option("Print one object with `added` and, for each of `files`, what it held.")
@logging_options()
@click.pass_context
def import_command(  # noqa: PLR0917 - click passes them by name
    ctx: click.Context,
    files: tuple[Path, ...],
    zone: str,
    timezone: str,
    date_order: Any,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Import the CSV files that the phone app exported, of one meter.

    Celsius or Fahrenheit, any encoding and every form of date that the app has. Rows
    that are there already stay as they are, so importing twice adds nothing. Bad lines
    are listed and left out; the exit code is 1 when a file had no good one.
    """
    config = StoreConfig.from_env()
    if config.backend == "memory":
        raise Misuse(_("STORE_BACKEND is 'memory': nothing would stay"))
    exports = [_export(path, zone, timezone, date_order) for path in files]
    done = []
    with ExitStack() as stack:
        backend = _backend(config, stack, dry_run=dry_run)
        progress = stack.enter_context(progress_bar())
        total = sum(path.stat().st_size for path in files) or 1
        before = 0
        for export in exports:

            def show(
                read: int, before: int = before, name: str = export.path.name
            ) -> None:
                progress(_READING_PART * (before + read) / total, name)

            take = _counting(backend) if dry_run else _writing(backend)
            added = written(export.blocks(show), take)
            done.append((export, added))
            before += export.path.stat().st_size
        if not dry_run and backend is not None:
            # Now, not behind somebody's first chart.
            summarise(backend, progress, begin=_READING_PART)
    if as_json:
        print_json(
            {
                "dry_run": dry_run,
                "zone": zone,
                "timezone": timezone,
                "added": sum(added for _export, added in done),
                "files": [_row(export, added) for export, added in done],
            }
        )
    else:
        for export, added in done:
            _show(export, added, dry_run=dry_run)
        _warn_of_retention(config, [export.report for export, _added in done])
    if any(not export.report.rows for export, _added in done):
        ctx.exit(FAILURE)


def _export(path: Path, zone: str, timezone: str, date_order: Any) -> AppExport:
    try:
        return AppExport(path, zone=zone, timezone=timezone, date_order=date_order)
    except StoreConfigError as error:
        raise Misuse(f"--timezone: {error_words(error)}") from error
    except StoreDataError as error:
        raise Misuse(f"{path}: {error_words(error)}") from error
    except OSError as error:
        raise Misuse(f"{path}: {error.strerror}") from error


def _backend(
    config: StoreConfig, stack: ExitStack, *, dry_run: bool
) -> HistoryBackend | None:
    """Return where the rows go; None if a dry run finds no place made yet."""
    if dry_run and config.backend == "postgres":
        if opening.inspection(config).missing_migrations():
            return None
    elif dry_run and not (config.directory / FILE_NAME).exists():
        return None
    return stack.enter_context(opening.history(config))


def _writing(
    backend: HistoryBackend | None,
) -> Callable[[Sequence[HistorySample]], int]:
    assert backend is not None  # noqa: S101 - only a dry run may lack one
    return lambda block: backend.write(block, now=datetime.now(UTC))


def _counting(
    backend: HistoryBackend | None,
) -> Callable[[Sequence[HistorySample]], int]:
    if backend is None:
        return len
    return lambda block: len(block) - _present(backend, block)


def _present(backend: HistoryBackend, block: Sequence[HistorySample]) -> int:
    """Return how many of the rows are there already."""
    moments = {sample.timestamp for sample in block}
    zone = block[0].zone
    end = max(moments) + _MICROSECOND
    found, after = 0, None
    while True:
        rows = backend.rows(min(moments), end, zone=zone, after=after, limit=_PAGE_ROWS)
        found += sum(row.timestamp in moments for row in rows)
        if len(rows) < _PAGE_ROWS:
            return found
        after = RowKey(rows[-1].timestamp, zone)


def _row(export: AppExport, added: int) -> dict[str, Any]:
    report = export.report
    return {
        "file": str(export.path),
        "rows": report.rows,
        "added": added,
        "already_there": report.rows - added,
        "repeated_lines": report.repeated,
        "unit": report.unit,
        "first": report.first,
        "last": report.last,
        "bad": report.bad,
        "bad_lines": [asdict(line) for line in report.bad_lines],
        "clock_changes": [asdict(change) for change in report.clock_changes],
    }


def _show(export: AppExport, added: int, *, dry_run: bool) -> None:
    report = export.report
    found = {
        "file": export.path,
        "rows": counted(report.rows, "row"),
        "first": instant(report.first),
        "last": instant(report.last),
        "new": added,
        "old": report.rows - added,
    }
    told = (
        _(
            "{file}: {rows} from {first} to {last}: {new} would be added, {old} there"
            " already",
            **found,
        )
        if dry_run
        else _(
            "{file}: {rows} from {first} to {last}: {new} added, {old} there already",
            **found,
        )
    )
    echo(told)
    if report.unit == "fahrenheit":
        echo("  " + _("converted from degrees Fahrenheit"))
    if report.repeated:
        lines = counted(report.repeated, "line")
        echo("  " + _("{lines} said the same twice", lines=lines))
    for change in report.clock_changes:
        echo(f"  {_in_words(change)}")
    if report.bad:
        _list_bad(report, export.path)


def _warn_of_retention(config: StoreConfig, reports: Sequence[ExportReport]) -> None:
    """Say so now if rows are older than what is kept, not when they are gone."""
    days = config.history_retention_days
    edge = datetime.now(UTC) - timedelta(days=days)
    if days and any(report.first and report.first < edge for report in reports):
        warn(
            _(
                "rows before {edge:%Y-%m-%d} are older than HISTORY_RETENTION_DAYS"
                " ({days:g}): of them the hourly summary will stay; raise it to keep"
                " more",
                edge=edge,
                days=days,
            )
        )


def _in_words(change: ClockChange) -> str:
    if change.kind == "skipped":
        return _(
            "{date}: {rows} in the hour that the clock skipped, taken as before the"
            " change; is --timezone right?",
            date=change.date,
            rows=counted(change.earlier, "row"),
        )
    return _(
        "{date}: the clock went back; by their order {earlier} of the rows in the"
        " repeated hour are of its first pass, {later} of its second",
        date=change.date,
        earlier=change.earlier,
        later=change.later,
    )


def _list_bad(report: ExportReport, path: Path) -> None:
    warn(_("{file}: {lines} left out:", file=path, lines=counted(report.bad, "line")))
    for line in report.bad_lines[:_LISTED]:
        told = _(
            "line {number}: {reason}: {text!r}",
            number=line.number,
            reason=line.reason,
            text=line.text,
        )
        echo(f"  {told}", err=True)
    numbers = [str(line.number) for line in report.bad_lines[_LISTED:]]
    if numbers:
        more = ", ..." if report.bad > len(report.bad_lines) else ""
        told = _("and lines {numbers}", numbers=", ".join(numbers) + more)
        echo(f"  {told}", err=True)
