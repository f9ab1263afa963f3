"""`check-config`: every problem of a settings document at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from switchbot_automation.cli.output import (
    USAGE,
    Misuse,
    json_option,
    load_document,
    logging_options,
    print_json,
    print_table,
)
from switchbot_automation.core.control.band import edges_of
from switchbot_automation.core.control.season import AUTO
from switchbot_automation.errors import SettingsError
from switchbot_automation.settings.checks import needs_events, unheard_notices
from switchbot_automation.settings.read import parse_settings, read_settings
from switchbot_automation.settings.table.zone import SEASONS

if TYPE_CHECKING:
    from switchbot_automation.settings.model import Settings, ZoneSettings


@click.command("check-config")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@json_option(
    "Print one object with `ok`, `errors` (path, message), `zones`, perhaps `notes`."
)
@logging_options("warning")
@click.pass_context
def check_config(ctx: click.Context, file: Path, as_json: bool) -> None:
    """Check the settings document in FILE without touching anything.

    Every problem is named with its place in the document, a text that is no JSON with
    line and column; the exit code is then 2.
    """
    try:
        document = load_document(file)
    except Misuse as misuse:
        if not as_json:
            raise
        document, errors = {}, [SettingsError(misuse.message)]
    else:
        read, errors = read_settings(document)
        if read is not None:
            errors += unheard_notices(read)
    settings = None if errors else parse_settings(document)
    notes = [] if settings is None else list(needs_events(settings))
    if as_json:
        print_json(
            {
                "ok": not errors,
                "errors": [
                    {"path": error.path, "message": str(error)} for error in errors
                ],
                **({"notes": notes} if notes else {}),
                "zones": [] if settings is None else sorted(settings.zones),
            }
        )
    elif settings is None:
        for error in errors:
            click.echo(f"{file}: {error}", err=True)
    else:
        _print_zones(settings)
        for note in notes:
            click.echo(f"note: {note}", err=True)
    ctx.exit(USAGE if errors else 0)


def _print_zones(settings: Settings) -> None:
    print_table(
        "The settings can be used",
        ("zone", "automation", "season", "on and off at", "windows", "sent by"),
        (_row(zone) for zone in settings.zones.values()),
    )


def _row(zone: ZoneSettings) -> tuple[str, ...]:
    windows = ", ".join(f"{w.start:%H:%M}-{w.end:%H:%M}" for w in zone.time_windows)
    return (
        zone.name,
        "on" if zone.automation_enabled else "off",
        zone.mode,
        _thresholds(zone),
        f"{windows} {zone.timezone}" if windows else "none: it never acts",
        ", ".join(zone.cascade),
    )


def _thresholds(zone: ZoneSettings) -> str:
    """Say where the season starts and stops the unit; of `auto`, where either does."""
    seasons = SEASONS if zone.mode == AUTO else (zone.mode,)
    found = [edges_of(replace(zone, mode=season)) for season in seasons]
    lines = [f"on {each.on:g} °C, off {each.off:g} °C" for each in found if each]
    return "\n".join(lines) or "no temperatures"
