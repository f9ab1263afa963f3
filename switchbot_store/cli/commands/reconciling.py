"""`resync` and `conflicts`: what was written while PostgreSQL was away."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from switchbot_store.cli import opening
from switchbot_store.cli.output import (
    FAILURE,
    counted,
    dry_run_option,
    echo,
    instant,
    json_option,
    logging_options,
    print_json,
    print_table,
)
from switchbot_store.config import StoreConfig
from switchbot_store.errors import StoreConflictError
from switchbot_store.failover.conflicts import POLICIES, read_conflicts
from switchbot_store.failover.journal import read_pending
from switchbot_store.failover.lineage import IDENTITY_KEY, left_behind
from switchbot_store.failover.store import FailoverStore
from switchbot_store.languages import later
from switchbot_store.languages import translated as _

if TYPE_CHECKING:
    from switchbot_store.handover import PendingWrite
    from switchbot_store.model import Document

_TAKEN = later(
    "the database has a document {key!r} by now, which is left as it is;"
    " `switchbot-store conflicts --show {key}` prints the one that lost, and"
    " `switchbot-store set {key}` writes it"
)


@click.command()
@dry_run_option("Show what would be carried over.")
@click.option(
    "--policy",
    type=click.Choice(list(POLICIES)),
    default="newest",
    show_default=True,
    help="Which document to keep where both sides wrote.",
)
@json_option("Print one object with what was, or would be, carried over.")
@logging_options()
@click.pass_context
def resync(ctx: click.Context, dry_run: bool, policy: str, as_json: bool) -> None:
    """Carry what the local journal has over to PostgreSQL, now.

    A program that runs does this by itself within a second of PostgreSQL being back,
    and its directory is then in use; this is for when none runs.
    """
    config = StoreConfig.from_env().whole
    opening.require_postgres(config, "resync")
    pending = read_pending(str(config.directory))
    if dry_run:
        _show(config, pending, as_json=as_json)
        return
    before = len(read_conflicts(str(config.directory)))
    store = FailoverStore(
        opening.postgres(config),
        config.directory,
        paths=config.paths,
        policy=policy,
        background=False,
    )
    with store:
        if store.status().journal == "waiting":
            raise click.ClickException(
                _(
                    "{why}. A running program carries its writes over by itself",
                    why=store.status().local_error,
                )
            )
        done = store.resync()
        status = store.status()
        conflicts = len(store.conflicts()) - before
    carried = sum(write.count for write in pending.values()) - status.pending
    if as_json:
        print_json(
            {
                "carried_over": carried,
                "pending": status.pending,
                "conflicts": conflicts,
                "last_error": status.last_error,
            }
        )
    else:
        echo(_("Carried over: {writes}", writes=counted(carried, "write")))
        if conflicts:
            lost = counted(conflicts, "conflict")
            echo(_("{conflicts}: see `switchbot-store conflicts`", conflicts=lost))
        if not done:
            echo(
                _(
                    "Still pending: {number}; {why}",
                    number=status.pending,
                    why=status.last_error,
                )
            )
    if not done:
        ctx.exit(FAILURE)


@click.group(invoke_without_command=True)
@json_option("Print a list of objects, documents included.")
@click.option("--show", "key", help="Print the documents of this key that lost.")
@logging_options()
@click.pass_context
def conflicts(ctx: click.Context, key: str | None, as_json: bool) -> None:
    """List the documents that lost: two places wrote, or the database was another.

    Each is kept in the directory; `conflicts restore` brings back what the database
    does not have, and `set` any other.
    """
    if ctx.invoked_subcommand is not None:
        return
    found = read_conflicts(str(StoreConfig.from_env().directory))
    if key is not None:
        found = [conflict for conflict in found if conflict.key == key]
    if as_json or key is not None:
        rows = [asdict(conflict) for conflict in found]
        if as_json:
            print_json(rows)
        else:
            for row in rows:
                print_json(row)
        return
    if not found:
        echo(_("No conflicts"))
        return
    print_table(
        _("Documents that lost"),
        (_("key"), _("from"), _("written"), _("kept"), _("settled"), _("why")),
        (
            (
                conflict.key,
                conflict.origin,
                instant(conflict.updated_at),
                conflict.kept,
                instant(conflict.settled_at),
                conflict.reason,
            )
            for conflict in found
        ),
    )


@conflicts.command()
@click.argument("key", required=False)
@dry_run_option("Show what would be brought back.")
@json_option("Print one object with `restored`, a list of keys.")
@logging_options()
def restore(key: str | None, dry_run: bool, as_json: bool) -> None:
    """Write the kept document KEY to the database, if that has none of this name.

    Without KEY: each that was in force when the database was lost, emptied or changed
    for another. A program that runs takes them up by itself.
    """
    config = StoreConfig.from_env().whole
    with opening.documents(config) as store:
        there = store.keys()
        identity = str(store.get(IDENTITY_KEY).get("id", ""))
        lost = left_behind(str(config.directory), there=there, identity=identity)
        found = {name: entry.data for name, entry in lost.items()}
        if key is not None:
            found = {key: found.get(key) or _newest_lost(config, key)}
        for name, data in found.items():
            if name in there:
                raise click.ClickException(_(_TAKEN, key=name))
            if dry_run:
                continue
            try:
                store.compare_and_set(name, data, "")
            except StoreConflictError as error:
                raise click.ClickException(_(_TAKEN, key=name)) from error
    if as_json:
        print_json({"dry_run": dry_run, "restored": list(found)})
    elif not found:
        echo(_("Nothing is missing in the database"))
    else:
        names = ", ".join(found)
        echo(
            _("Would be brought back: {names}", names=names)
            if dry_run
            else _("Brought back: {names}", names=names)
        )


def _newest_lost(config: StoreConfig, key: str) -> Document:
    lost = [each for each in read_conflicts(str(config.directory)) if each.key == key]
    if not lost:
        raise click.ClickException(
            _(
                "no document {key!r} is kept; `switchbot-store conflicts` lists what"
                " is",
                key=key,
            )
        )
    return lost[-1].data


def _show(
    config: StoreConfig, pending: dict[str, PendingWrite], *, as_json: bool
) -> None:
    revisions = opening.inspection(config).facts(tuple(pending)).revisions
    rows = [
        _row(write, revisions[key][0] if key in revisions else "")
        for key, write in pending.items()
    ]
    if as_json:
        print_json({"dry_run": True, "writes": rows})
    elif not rows:
        echo(_("Nothing is pending"))
    else:
        print_table(
            _("Pending"),
            (_("key"), _("written"), _("writes"), _("would be")),
            (
                (row["key"], instant(row["written_at"]), str(row["count"]), row["fate"])
                for row in rows
            ),
        )


def _row(write: PendingWrite, revision: str) -> dict[str, Any]:
    if revision == write.revision:
        fate = _("found there already")
    elif revision in write.accepted:
        fate = _("deleted") if write.encoded is None else _("written")
    else:
        fate = _("a conflict: somebody else wrote meanwhile")
    return {
        "key": write.key,
        "written_at": write.written_at,
        "count": write.count,
        "fate": fate,
    }
