"""`migrate`: the schema of the database, with a backup offered first."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from switchbot_store.cli import opening
from switchbot_store.cli.commands.archive import back_up_as_it_is, in_words
from switchbot_store.cli.commands.history_upkeep import (
    SCHEMA_SHARE,
    bring_up_to_date,
    summarise,
)
from switchbot_store.cli.output import (
    confirmed,
    dry_run_option,
    echo,
    json_option,
    logging_options,
    print_json,
    progress_bar,
    warn,
)
from switchbot_store.config import StoreConfig
from switchbot_store.languages import translated as _
from switchbot_store.postgres.schema.migrations import use_trigger

if TYPE_CHECKING:
    from switchbot_store.doctor import Inspection


@click.command()
@dry_run_option("Print what would be applied.")
@click.option(
    "--backup",
    "backup_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Back the database up to this file first.",
)
@click.option("--no-backup", is_flag=True, help="Do not offer a backup.")
@click.option(
    "--trigger/--no-trigger",
    default=None,
    help="Whether a trigger makes revisions for those who write by SQL.",
)
@json_option(
    "Print one object with `missing`, `applied` and `backup`; progress goes to stderr."
)
@logging_options()
def migrate(
    *,
    dry_run: bool,
    backup_file: Path | None,
    no_backup: bool,
    trigger: bool | None,
    as_json: bool,
) -> None:
    """Bring the database's schema up to date, and the hourly summary of its history.

    There is no way down: a backup is offered first, and restoring it is the way back.
    Opening a store and a history does the same by themselves. A dashboard may go on
    writing and reading meanwhile. Stopped in the middle, by Ctrl-C too, it goes on from
    there the next time. A distributed table takes no trigger: --no-trigger is for good,
    until --trigger.
    """
    config = StoreConfig.from_env().whole
    opening.require_postgres(config, "migrate")
    inspection = opening.inspection(config)
    missing = inspection.missing_migrations()
    saved = None
    if missing and not dry_run and not no_backup:
        saved = _back_up(inspection, backup_file)
    applied: list[int] = []
    if missing and not dry_run:
        with progress_bar(as_json=as_json) as progress:
            applied = bring_up_to_date(config, progress)
            with opening.history(config) as backend:
                # Rather than behind somebody's first chart.
                summarise(backend, progress, begin=SCHEMA_SHARE)
    if trigger is not None and not dry_run:
        use_trigger(config.conninfo or "", wanted=trigger)
    if as_json:
        print_json(
            {
                "database": inspection.description,
                "missing": missing,
                "applied": applied,
                "backup": None if saved is None else str(saved),
            }
        )
        return
    if not missing:
        echo(_("{database}: up to date", database=inspection.description))
    else:
        for name in missing:
            echo(
                _("{migration}: would be applied", migration=name)
                if dry_run
                else _("{migration}: applied", migration=name)
            )


def _back_up(look: Inspection, chosen: Path | None) -> Path | None:
    with look.snapshot() as snapshot:
        if snapshot.empty:
            return None
    file = chosen or _offered()
    if file is None:
        return None
    with progress_bar() as progress:
        counts = back_up_as_it_is(look, file, progress)
    if counts is not None:
        echo(f"{file}: {in_words(counts)}", err=True)
    return file


def _offered() -> Path | None:
    if not _at_terminal():
        warn(_("no backup is made; --backup FILE makes one, --no-backup says so"))
        return None
    name = f"switchbot-store-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.backup"
    if not confirmed(
        _("Back the database up to {file} first?", file=name), default=True
    ):
        return None
    return Path(name)


def _at_terminal() -> bool:
    return sys.stdin.isatty()
