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
    instant,
    json_option,
    logging_options,
    print_json,
    print_table,
)
from switchbot_store.config import StoreConfig
from switchbot_store.conflicts import POLICIES, read_conflicts
from switchbot_store.errors import StoreConfigError
from switchbot_store.failover import FailoverStore
from switchbot_store.journal import read_pending

if TYPE_CHECKING:
    from switchbot_store.journal import PendingWrite


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
    config = StoreConfig.from_env()
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
    try:
        with store:
            done = store.resync()
            status = store.status()
            conflicts = len(store.conflicts()) - before
    except StoreConfigError as error:
        if error.variable != "STORE_DIRECTORY":
            raise
        raise click.ClickException(
            f"{error}. A running program carries its writes over by itself"
        ) from error
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
        click.echo(f"Carried over: {counted(carried, 'write')}")
        if conflicts:
            click.echo(f"{counted(conflicts, 'conflict')}: `switchbot-store conflicts`")
        if not done:
            click.echo(f"Still pending: {status.pending}; {status.last_error}")
    if not done:
        ctx.exit(FAILURE)


@click.command()
@json_option("Print a list of objects, documents included.")
@click.option("--show", "key", help="Print the documents of this key that lost.")
@logging_options()
def conflicts(key: str | None, as_json: bool) -> None:
    """List the documents that lost because two places wrote.

    Each is kept in the directory; `set` brings one back.
    """
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
        click.echo("No conflicts")
        return
    print_table(
        "Documents that lost",
        ("key", "from", "written", "kept", "settled", "why"),
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
        click.echo("Nothing is pending")
    else:
        print_table(
            "Pending",
            ("key", "written", "writes", "would be"),
            (
                (row["key"], instant(row["written_at"]), str(row["count"]), row["fate"])
                for row in rows
            ),
        )


def _row(write: PendingWrite, revision: str) -> dict[str, Any]:
    if revision == write.revision:
        fate = "found there already"
    elif revision in write.accepted:
        fate = "deleted" if write.encoded is None else "written"
    else:
        fate = "a conflict: somebody else wrote meanwhile"
    return {
        "key": write.key,
        "written_at": write.written_at,
        "count": write.count,
        "fate": fate,
    }
