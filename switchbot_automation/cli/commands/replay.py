"""`replay`: the engine over recorded readings."""

from __future__ import annotations

import asyncio
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from switchbot_automation.cli.output import (
    Misuse,
    echo,
    json_option,
    load_document,
    logging_options,
    print_json,
    print_table,
    timestamp,
)
from switchbot_automation.cli.stopping import interruptible
from switchbot_automation.explain.trace import reasons_as_json
from switchbot_automation.explain.words import reason_words, word_of
from switchbot_automation.languages import (
    error_words,
    from_celsius,
    measure,
    measured_in,
    number_words,
    symbol,
)
from switchbot_automation.languages import translated as _
from switchbot_automation.settings.read import parse_settings
from switchbot_automation.simulation import replay as recorded

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import TextIO
    from zoneinfo import ZoneInfo

# A file in the wrong format has as many bad rows as rows.
_BAD_ROWS_SHOWN = 20


@click.command()
@click.argument(
    "readings", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path)
)
@click.option(
    "--settings",
    "settings_file",
    required=True,
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A settings document, or an object with `settings` and `state`.",
)
@click.option(
    "--state",
    "state_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The state before the first reading.",
)
@json_option("Print one object a line: at, zone, outcome, reasons, command.")
@logging_options("warning")
def replay(
    readings: Path, settings_file: Path, state_file: Path | None, as_json: bool
) -> None:
    """Run the engine over READINGS, a CSV file, and print each change of decision.

    READINGS has the columns timestamp (ISO 8601 with an offset), temperature_c and
    humidity_pct; `-` reads standard input. Every row is fed at its own instant; nothing
    is commanded, and each command counts as accepted. Rows that cannot be read are
    named, left out, and make the exit code 1.
    """
    settings, state = _documents(settings_file, state_file)
    parsed = parse_settings(settings)
    measure(parsed.unit)
    zone = parsed.default.timezone
    recording = read_recording(readings)
    for row in recording.bad_rows[:_BAD_ROWS_SHOWN]:
        echo(f"{readings}:{row.line}: {row.message}", err=True)
    if len(recording.bad_rows) > _BAD_ROWS_SHOWN:
        more = len(recording.bad_rows) - _BAD_ROWS_SHOWN
        echo(_("... and {more} more rows", more=more), err=True)
    if not recording.readings:
        raise click.ClickException(_("{path}: no row could be read", path=readings))
    with interruptible():
        changes = asyncio.run(_replay(recording, settings, state, as_json=as_json))
    if not as_json:
        _print_changes(changes, zone)
        echo(
            _(
                "{readings} readings, {changes} changes of decision, {commands} commands",
                readings=len(recording.readings),
                changes=len(changes),
                commands=sum(change.command is not None for change in changes),
            )
        )
    if recording.bad_rows:
        raise click.ClickException(
            _(
                "{path}: {count} rows were left out",
                path=readings,
                count=len(recording.bad_rows),
            )
        )


def _documents(
    settings_file: Path, state_file: Path | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    document = load_document(settings_file)
    state: dict[str, Any] = {}
    if isinstance(document.get("settings"), dict):
        document, state = document["settings"], document.get("state") or {}
    if state_file is not None:
        state = load_document(state_file)
    return document, state


def read_recording(path: Path) -> recorded.RecordedReadings:
    """Read a CSV of readings; `-` is standard input. Raises Misuse."""
    source: AbstractContextManager[TextIO]
    try:
        if str(path) == "-":
            source = nullcontext(sys.stdin)
        else:
            # Spreadsheets put a byte-order mark before the first column's name.
            source = path.open(encoding="utf-8-sig", newline="")
        with source as lines:
            return recorded.read_readings(lines)
    except OSError as error:
        raise Misuse(f"{path}: {error.strerror}") from error
    except (recorded.ReadingsError, UnicodeDecodeError) as error:
        raise Misuse(f"{path}: {error_words(error)}") from error


async def _replay(
    recording: recorded.RecordedReadings,
    settings: dict[str, Any],
    state: dict[str, Any],
    *,
    as_json: bool,
) -> list[recorded.DecisionChange]:
    changes = []
    async for change in recorded.replay(recording.readings, settings, state):
        changes.append(change)
        if as_json:
            print_json(
                {
                    "at": timestamp(change.at),
                    "zone": change.zone,
                    "outcome": change.outcome,
                    "reasons": [reason.code for reason in change.reasons],
                    "command": change.command,
                }
            )
    return changes


def _print_changes(changes: list[recorded.DecisionChange], zone: ZoneInfo) -> None:
    print_table(
        _("Changes of decision (times in {timezone})", timezone=zone.key),
        (_("at"), _("zone"), _("room"), _("decided"), _("command"), _("because")),
        (
            (
                f"{change.at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
                change.zone,
                f"{number_words(from_celsius(change.temperature, measured_in()), '.1f')} {symbol()}",
                word_of("outcome", change.outcome),
                word_of("action", change.command) if change.command else "",
                _("; ").join(
                    reason_words(reason, zone, change.at)
                    for reason in reasons_as_json(change.reasons)
                ),
            )
            for change in changes
        ),
    )
