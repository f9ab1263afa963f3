"""`history status`, `export`, `adopt`, `clean` and `move`."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from switchbot_store.cli import opening
from switchbot_store.cli.commands.history_ranges import (
    RangeOptions,
    open_service,
    range_options,
)
from switchbot_store.cli.output import (
    Misuse,
    counted,
    echo,
    instant,
    json_option,
    logging_options,
    print_json,
    print_table,
    progress_bar,
    warn,
    whole,
)
from switchbot_store.config import StoreConfig
from switchbot_store.errors import StoreConfigError, StoreDataError
from switchbot_store.factory import SPILL_NAME
from switchbot_store.files.places import is_there
from switchbot_store.history.present import present
from switchbot_store.history.query.export import format_of
from switchbot_store.languages import error_words
from switchbot_store.languages import translated as _

if TYPE_CHECKING:
    from switchbot_store.backup.archive import Progress
    from switchbot_store.history.model import HistoryBackend
    from switchbot_store.history.service import HistoryService

_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)
_SPAN = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*(s|h|d|y)")
_SPANS = {
    "s": timedelta(seconds=1),
    "h": _HOUR,
    "d": timedelta(days=1),
    "y": timedelta(days=365),
}
SCHEMA_SHARE = 0.8
"""Of the time that adopting takes, what goes to the table and not to its summary."""


@click.command()
@json_option("Print one object with `zones`, `spilled` and `quarantine_bytes`.")
@logging_options()
def status(as_json: bool) -> None:
    """Tell what there is of each zone, and what waits for the database."""
    config = StoreConfig.from_env()
    with open_service(config) as service:
        zones = _zones(service)
        name = service.backend.name
    spilled = opening.spilled_rows(config)
    quarantine = (config.directory / SPILL_NAME).with_suffix(".quarantine.jsonl")
    size = quarantine.stat().st_size if is_there(quarantine) else 0
    if as_json:
        print_json(
            {
                "backend": name,
                "zones": zones,
                "spilled": spilled,
                "quarantine_bytes": size,
                "retention_days": config.history_retention_days,
            }
        )
        return
    print_table(
        _(
            "History in {where}; rows are kept {days:g} days, their hours for ever",
            where=name,
            days=config.history_retention_days,
        ),
        (
            _("zone"),
            _("readings"),
            _("from"),
            _("to"),
            _("temperature"),
            _("humidity"),
        ),
        [
            (
                *(zone["zone"], whole(zone["count"])),
                *(instant(zone["first"]), instant(zone["last"])),
                *(_span(zone["temperature"], "°C"), _span(zone["humidity"], "%")),
            )
            for zone in zones
        ],
    )
    if spilled:
        warn(
            _(
                "{rows} in {file} wait",
                rows=counted(spilled, "row"),
                file=config.directory / SPILL_NAME,
            )
        )
    if size:
        warn(
            _(
                "{file} has rows that could not be stored, with the reasons",
                file=quarantine,
            )
        )


def _zones(service: HistoryService) -> list[dict[str, Any]]:
    # By the day, so that whole hours come from the summary and the count is quick.
    now = datetime.now(UTC) + _HOUR
    found: dict[str, dict[str, Any]] = {}
    for row in service.query(_EVER, now, bucket="day", timezone="UTC").rows:
        zone = found.setdefault(
            row.zone,
            {
                "zone": row.zone,
                "count": 0,
                "first": row.timestamp,
                "last": None,
                "temperature": None,
                "humidity": None,
            },
        )
        zone["count"] += row["count"]
        for name in ("temperature", "humidity"):
            ends = [*(zone[name] or ()), row[f"min_{name}"], row[f"max_{name}"]]
            known = [end for end in ends if end is not None]
            zone[name] = [min(known), max(known)] if known else None
    for name, zone in found.items():
        newest = service.latest(1, zone=name)
        zone["last"] = newest[0].timestamp if newest else None
        oldest = next(service.pages(_EVER, now, zone=name, page_rows=1), None)
        if oldest and oldest[0].timestamp - zone["first"] < timedelta(days=1):
            zone["first"] = oldest[0].timestamp
    return list(found.values())


def _span(ends: list[float] | None, unit: str) -> str:
    if ends is None:
        return ""
    return _("{low:.1f} to {high:.1f} {unit}", low=ends[0], high=ends[1], unit=unit)


@click.command()
@click.argument(
    "file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path)
)
@range_options(default_span=None)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(("csv", "jsonl", "parquet")),
    help="Default: what FILE's suffix says.",
)
@click.option("--fields", help="Columns, by commas; default: all.")
@click.option(
    "--device", metavar="ID", help="What this device said, not a zone's rows."
)
@click.option("--attribute", help="Of what devices said only this, as CO2.")
@click.option(
    "--spreadsheet",
    is_flag=True,
    help="Put an apostrophe before texts that a spreadsheet would take for formulas.",
)
@logging_options()
def export(  # noqa: PLR0917  # click passes every one by name
    file: Path,
    range_: RangeOptions,
    format_name: str | None,
    fields: str | None,
    device: str | None,
    attribute: str | None,
    spreadsheet: bool,
) -> None:
    """Write recorded rows to FILE, or - for standard output, in constant memory.

    Timestamps are ISO 8601 in UTC. FILE appears when it is whole.
    """
    to_stdout = str(file) == "-"
    names = None if fields is None else [each.strip() for each in fields.split(",")]
    with open_service(StoreConfig.from_env()) as service:
        start, end = range_.resolved(service)
        try:
            target = sys.stdout.buffer if to_stdout else file
            name = format_of(target, format_name)
            if service.readings is not None and (device or attribute):
                rows = service.readings.export(
                    target,
                    start,
                    end,
                    device_id=device,
                    attribute=attribute,
                    format=name,
                    spreadsheet=spreadsheet,
                )
            else:
                rows = service.export(
                    target,
                    start,
                    end,
                    zone=range_.zone,
                    fields=names,
                    format=name,
                    spreadsheet=spreadsheet,
                )
        except StoreConfigError as error:
            raise Misuse(f"--{error.variable}: {error_words(error)}") from error
    if not to_stdout:
        echo(
            _(
                "{file}: {what}, {size:,} bytes",
                file=file,
                what=counted(rows, "row"),
                size=file.stat().st_size,
            )
        )


@click.command()
@json_option("Print one object with `hours`; progress goes to stderr.")
@logging_options()
def adopt(as_json: bool) -> None:
    """Take over the table of an existing dashboard, in place.

    Its columns are widened, rows of one instant are moved apart by a microsecond, and
    the hourly summary is built. The dashboard may go on writing and reading meanwhile;
    stopped in the middle, by Ctrl-C too, it goes on where it was. Does nothing the
    second time.
    """
    config = StoreConfig.from_env().whole
    with progress_bar(as_json=as_json) as progress:
        if config.backend == "postgres":
            bring_up_to_date(config, progress)
        with opening.history(config, creating=False) as backend:
            hours = summarise(backend, progress, begin=SCHEMA_SHARE)
            oldest = backend.oldest()
    if as_json:
        print_json({"hours": hours, "oldest": oldest})
    else:
        echo(
            _(
                "Adopted: rows since {at}, {hours} summarised",
                at=instant(oldest),
                hours=counted(hours, "hour"),
            )
        )


@click.command()
@json_option("Print one object with `deleted`.")
@logging_options()
def clean(as_json: bool) -> None:
    """Delete the rows older than HISTORY_RETENTION_DAYS now.

    Their hourly summary stays. A running program does this by itself once a day. Days
    are counted back from the newest rows; nothing is deleted by a clock that is in
    doubt.
    """
    config = StoreConfig.from_env()
    with open_service(config) as service, progress_bar() as progress:
        summarise(service.backend, progress)
        progress(1, _("deleting old rows"))
        deleted = service.cleanup()
        doubt = service.status().clock_doubt
    if as_json:
        print_json({"deleted": deleted, "clock_doubt": doubt})
    else:
        echo(_("{rows} deleted", rows=counted(deleted, "row")))
    if doubt:
        warn(_("nothing is deleted by a clock that is in doubt: {doubt}", doubt=doubt))


@click.command()
@range_options(default_span=None)
@click.option(
    "--by",
    "by",
    required=True,
    metavar="SPAN",
    help="What the clock was behind: 56y, 3650d, 6h, 90s; negative if it was ahead.",
)
@json_option("Print one object with `moved`.")
@logging_options()
def move(range_: RangeOptions, by: str, as_json: bool) -> None:
    """Move rows that a wrong clock stamped to where they belong.

    Those between --from and --to, as the wrong clock had it, and those set aside since
    the clock stood before this program. Stopped in the middle, what was moved stays.
    """
    found = _SPAN.fullmatch(by.strip().lower())
    if found is None:
        raise Misuse(_("--by: {text!r} is no span, as 3650d, -6h or 90s", text=by))
    config = StoreConfig.from_env()
    quarantine = (config.directory / SPILL_NAME).with_suffix(".quarantine.jsonl")
    with open_service(config, quarantine=quarantine) as service:
        start, end = range_.resolved(service)
        try:
            span = float(found[1]) * _SPANS[found[2]]
            moved = service.move(start, end, span, zone=range_.zone)
        except (StoreConfigError, StoreDataError, OverflowError) as error:
            raise Misuse(f"--by: {error_words(error)}") from error
    if as_json:
        print_json({"moved": moved})
    else:
        echo(_("{rows} moved by {span}", rows=counted(moved, "row"), span=span))


def bring_up_to_date(config: StoreConfig, progress: Progress) -> list[int]:
    """Migrate, however long it takes; return the versions applied.

    `progress` goes from 0 to `SCHEMA_SHARE`.
    """
    from switchbot_store.postgres.schema.migrations import migrate  # noqa: PLC0415 - the driver only for who wants PostgreSQL

    opening.require_postgres(config, _("the schema"))
    progress(0, _("schema"))
    try:
        return migrate(
            config.conninfo or "",
            progress=lambda part, what: progress(part * SCHEMA_SHARE, what),
        )
    except KeyboardInterrupt:
        warn(_("stopped; what was done stays, and the next time it goes on from there"))
        raise


def summarise(
    backend: HistoryBackend, progress: Progress, *, begin: float = 0.0
) -> int:
    """Bring the hourly summary up to date; return how many hours were.

    `progress` goes from `begin` to 1.
    """
    until = present(backend, datetime.now(UTC)).hours_until
    total = 0
    done = 0
    while until is not None and (hours := backend.roll_up(now=until)):
        if not total:
            total = max(1, (until - (backend.oldest() or until)) // _HOUR)
        done += hours
        progress(begin + (1 - begin) * min(1.0, done / total), _("hourly summary"))
    return done
