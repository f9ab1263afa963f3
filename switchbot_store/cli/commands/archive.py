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
    echo,
    json_option,
    logging_options,
    print_json,
    print_table,
    progress_bar,
    warn,
    whole,
    yes_option,
)
from switchbot_store.config import StoreConfig
from switchbot_store.languages import translated as _

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
        echo(
            _(
                "{file}: {what}, {size:,} bytes",
                file=file,
                what=in_words(counts),
                size=file.stat().st_size,
            )
        )
    if missing:
        raise click.ClickException(
            _(
                "{documents} could not be backed up: {keys}; mend or delete what is there",
                documents=counted(len(missing), "document"),
                keys=", ".join(missing),
            )
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

    Rows come first and replace nothing, then all documents at once. Where it is killed
    in between, documents are as they were or as FILE has them, `health` and `doctor` say
    so, and restoring FILE again completes it.
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
    if plan.changed and not ask(_("Replace the changed documents?"), yes=yes):
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
    written = {
        "documents": counted(done.documents, "document"),
        "rows": counted(done.rows, "row"),
        "hours": counted(done.hours, "hour"),
    }
    if not (plan.counts.readings or plan.counts.reading_hours):
        echo(
            _(
                "Restored: {documents}, {rows} and {hours} of history that were not"
                " there",
                **written,
            )
        )
        return
    echo(
        _(
            "Restored: {documents}, {rows} and {hours} of history, {readings} and"
            " {reading_hours} of devices that were not there",
            **written,
            readings=counted(done.readings, "reading"),
            reading_hours=counted(done.reading_hours, "hour"),
        )
    )


def back_up_as_it_is(look: Inspection, file: Path, progress: Progress) -> Counts | None:
    """Back a database of any schema up without changing it; None if it is empty."""
    with look.snapshot() as snapshot:
        if snapshot.empty:
            return None
        counts = back_up_source(snapshot, file, progress=progress)
        left_out = snapshot.left_out
    if left_out:
        warn(
            _(
                "{rows} that no history could keep left out of it",
                rows=counted(left_out, "row"),
            )
        )
    return counts


def in_words(counts: Counts) -> str:
    """Return what a backup holds."""
    words = _(
        "{documents}, {rows}, {hours} without rows",
        documents=counted(counts.documents, "document"),
        rows=counted(counts.rows, "row"),
        hours=counted(counts.hours, "hour"),
    )
    if not (counts.readings or counts.reading_hours):
        return words
    of_devices = _(
        "{readings} of devices, {hours} without readings",
        readings=counted(counts.readings, "reading"),
        hours=counted(counts.reading_hours, "hour"),
    )
    return f"{words}, {of_devices}"


def warn_of_waiting(config: StoreConfig) -> None:
    """Say what the store itself does not have yet, so that the backup has it not."""
    writes, rows = opening.pending_writes(config), opening.spilled_rows(config)
    if writes:
        warn(
            _(
                "{writes} in the journal of {directory} not yet carried over: run"
                " `switchbot-store resync` first, then back up again",
                writes=counted(writes, "write"),
                directory=config.directory,
            )
        )
    if rows:
        warn(
            _(
                "{rows} in the spill of {directory} left out",
                rows=counted(rows, "row"),
                directory=config.directory,
            )
        )


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
        opening.history(config, creating=False) as rows,
        opening.readings_there(config) as said,
    ):
        source = StoreSource(store, rows, said)
        counts = back_up_source(source, file, progress=progress)
    return counts, source.missing


def _show(plan: RestorePlan) -> None:
    counts, none = plan.counts, _("none")
    print_table(
        _(
            "Backup of {at} ({source}), checksum right",
            at=plan.created_at,
            source=plan.source,
        ),
        ("", ""),
        (
            (_("new documents"), ", ".join(plan.added) or none),
            (_("changed documents"), ", ".join(plan.changed) or none),
            ("  " + _("written later in the store"), ", ".join(plan.newer) or none),
            (_("equal documents"), ", ".join(plan.unchanged) or none),
            (_("the store's own, which stay"), ", ".join(plan.kept) or none),
            (_("rows of history"), whole(counts.rows)),
            (_("hours without rows"), whole(counts.hours)),
            (_("readings of devices"), whole(counts.readings)),
            (_("hours without readings"), whole(counts.reading_hours)),
        ),
    )
