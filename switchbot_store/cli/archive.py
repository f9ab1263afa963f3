"""`backup` and `restore`: documents and history in one file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from switchbot_store.backup.archive import (
    Progress,
    RestorePlan,
    StoreSource,
    back_up_source,
    plan_restore,
)
from switchbot_store.backup.archive import restore as restore_backup
from switchbot_store.cli import opening
from switchbot_store.cli.output import (
    ask,
    counted,
    dry_run_option,
    json_option,
    logging_options,
    print_json,
    print_table,
    progress_bar,
    warn,
    yes_option,
)
from switchbot_store.config import StoreConfig

if TYPE_CHECKING:
    from switchbot_store.backup.format import Counts
    from switchbot_store.doctor import Inspection

_FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@click.command()
@_FILE
@json_option("Print one object with the counts.")
@logging_options()
def backup(file: Path, as_json: bool) -> None:
    """Write every document and the whole history to FILE.

    The file is JSON Lines, gzipped, with a checksum; it appears when it is whole and
    can be restored into any backend. A document that cannot be read, or that no store
    could keep, is left out: the exit code is then 1.
    """
    config = StoreConfig.from_env()
    with progress_bar() as progress:
        counts, missing = _back_up(config, file, progress)
    warn_of_waiting(config)
    if as_json:
        size = file.stat().st_size
        print_json({"file": str(file), "bytes": size, **asdict(counts)})
    else:
        click.echo(f"{file}: {in_words(counts)}, {file.stat().st_size:,} bytes")
    if missing:
        raise click.ClickException(
            f"{counted(len(missing), 'document')} could not be backed up:"
            f" {', '.join(missing)}; mend or delete what is there"
        )


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@dry_run_option("Verify the file and show what would change.")
@yes_option()
@json_option("Print one object with the plan, and with what was written.")
@logging_options()
def restore(file: Path, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Bring the documents and the history in FILE back.

    The whole file is verified first. Documents that FILE does not have stay, and so do
    rows; restoring twice does no harm. At a terminal it asks before documents change.
    """
    config = StoreConfig.from_env()
    with opening.reading(config) as store, progress_bar() as progress:
        plan = plan_restore(store, file, progress=progress)
    if not as_json:
        _show(plan)
    if dry_run:
        if as_json:
            print_json({"dry_run": True, **asdict(plan)})
        return
    if plan.changed and not ask("Replace the changed documents?", yes=yes):
        raise click.Abort
    with (
        opening.documents(config) as store,
        opening.history(config) as rows,
        opening.readings(config) as said,
        progress_bar() as progress,
    ):
        done = restore_backup(store, rows, file, readings=said, progress=progress)
    if as_json:
        print_json({"dry_run": False, **asdict(plan), "restored": asdict(done)})
        return
    written = counted(done.documents, "document")
    of_devices = ""
    if plan.counts.readings or plan.counts.reading_hours:
        of_devices = (
            f", {counted(done.readings, 'reading')} and"
            f" {counted(done.reading_hours, 'hour')} of devices"
        )
    click.echo(
        f"Restored: {written}, {counted(done.rows, 'row')} and"
        f" {counted(done.hours, 'hour')} of history{of_devices} that were not there"
    )


def back_up_as_it_is(look: Inspection, file: Path, progress: Progress) -> Counts | None:
    """Back a database of any schema up without changing it; None if it is empty."""
    with look.snapshot() as snapshot:
        if snapshot.empty:
            return None
        counts = back_up_source(snapshot, file, progress=progress)
        left_out = snapshot.left_out
    if left_out:
        warn(f"{counted(left_out, 'row')} that no history could keep left out of it")
    return counts


def in_words(counts: Counts) -> str:
    """Return what a backup holds."""
    words = f"{counted(counts.documents, 'document')}, {counted(counts.rows, 'row')}"
    words = f"{words}, {counted(counts.hours, 'hour')} without rows"
    if not (counts.readings or counts.reading_hours):
        return words
    said, summed = counted(counts.readings, "reading"), counts.reading_hours
    return f"{words}, {said} of devices, {counted(summed, 'hour')} without readings"


def warn_of_waiting(config: StoreConfig) -> None:
    """Say what the store itself does not have yet, so that the backup has it not."""
    writes, rows = opening.pending_writes(config), opening.spilled_rows(config)
    if writes:
        warn(
            f"{counted(writes, 'write')} in the journal of {config.directory} not yet"
            " carried over: run `switchbot-store resync` first, then back up again"
        )
    if rows:
        warn(f"{counted(rows, 'row')} in the spill of {config.directory} left out")


def _back_up(
    config: StoreConfig, file: Path, progress: Progress
) -> tuple[Counts, list[str]]:
    """Return what was backed up, and the keys of documents that could not be."""
    if config.backend == "postgres":
        look = opening.inspection(config)
        if look.missing_migrations():
            counts = back_up_as_it_is(look, file, progress)
            if counts is not None:
                return counts, []
    with (
        opening.documents(config) as store,
        opening.history(config) as rows,
        opening.readings_there(config) as said,
    ):
        source = StoreSource(store, rows, said)
        counts = back_up_source(source, file, progress=progress)
    return counts, source.missing


def _show(plan: RestorePlan) -> None:
    counts = plan.counts
    print_table(
        f"Backup of {plan.created_at} ({plan.source}), checksum right",
        ("", ""),
        (
            ("new documents", ", ".join(plan.added) or "none"),
            ("changed documents", ", ".join(plan.changed) or "none"),
            ("  written later in the store", ", ".join(plan.newer) or "none"),
            ("equal documents", ", ".join(plan.unchanged) or "none"),
            ("the store's own, which stay", ", ".join(plan.kept) or "none"),
            ("rows of history", f"{counts.rows:,}"),
            ("hours without rows", f"{counts.hours:,}"),
            ("readings of devices", f"{counts.readings:,}"),
            ("hours without readings", f"{counts.reading_hours:,}"),
        ),
    )
