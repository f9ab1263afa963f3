"""`homes`: all that one home among many has."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import click

from switchbot_store.backup import delete_home, export_home, list_homes
from switchbot_store.cli import opening
from switchbot_store.cli.commands.archive import in_words, warn_of_waiting
from switchbot_store.cli.output import (
    Misuse,
    ask,
    counted,
    echo,
    json_option,
    logging_options,
    print_json,
    yes_option,
)
from switchbot_store.config import StoreConfig
from switchbot_store.factory import get_history, get_store
from switchbot_store.homes import checked_home, prefixes_of
from switchbot_store.languages import translated as _

_HOME = click.argument("home")


@click.group()
def homes() -> None:
    """List, export and delete the homes of a store that has many."""


@homes.command("list")
@json_option("Print an array of names.")
@logging_options()
def list_command(as_json: bool) -> None:
    """Print the name of every home of which anything is there."""
    config = StoreConfig.from_env().whole
    with (
        opening.documents(config) as store,
        opening.history(config, creating=False) as rows,
    ):
        found = list_homes(store, rows)
    if as_json:
        print_json(found)
    elif found:
        echo("".join(f"{each}\n" for each in found), nl=False)
    else:
        echo(_("there is no home"), err=True)


@homes.command()
@_HOME
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@json_option("Print one object with the counts.")
@logging_options()
def export(home: str, file: Path, as_json: bool) -> None:
    """Write the documents and the history of HOME to FILE.

    It is a backup: `switchbot-store --home OTHER restore FILE` brings it back.

    Under another name OTHER's engine commands nothing until the key `home` in the document
    `state` is OTHER, too: `switchbot-store --home OTHER edit state`.
    """
    config = StoreConfig.from_env().whole
    with (
        opening.documents(config) as store,
        opening.history(config, creating=False) as rows,
        opening.readings_there(config) as said,
    ):
        if not (
            any(map(store.keys_with, prefixes_of(checked_home(home))))
            or rows.zones(f"{home}/")
            or (said is not None and said.of_home(home).latest())
        ):
            # Else a backup of a home that is deleted would be written over by nothing.
            raise click.ClickException(
                _("there is nothing of the home {home!r}", home=home)
            )
        counts = export_home(store, rows, home, file, readings=said)
    warn_of_waiting(config)
    if as_json:
        print_json({"file": str(file), "home": home, **asdict(counts)})
    else:
        echo(f"{file}: {in_words(counts)}")


@homes.command()
@_HOME
@yes_option()
@json_option("Print one object with `documents` and `rows`.")
@logging_options()
def delete(home: str, yes: bool, as_json: bool) -> None:
    """Delete all that HOME has, for good, and make sure that nothing is left.

    Stop the program that keeps the store's directory first. Backups stay.
    """
    config = StoreConfig.from_env().whole
    checked_home(home)
    if not yes and not sys.stdin.isatty():
        raise Misuse(_("it cannot be undone: without a terminal to ask, give --yes"))
    if not ask(_("Delete everything of the home {home!r}?", home=home), yes=yes):
        raise click.Abort
    with (
        get_store(config) as store,
        closing(get_history(config, creating=False)) as history,
    ):
        if store.status().journal == "waiting":
            raise click.ClickException(
                _(
                    "{why}: stop the program that runs there first",
                    why=store.status().local_error,
                )
            )
        removed = delete_home(store, history, home)
    if as_json:
        print_json(removed._asdict())
    else:
        echo(
            _(
                "{home}: {documents} and {rows} deleted",
                home=home,
                documents=counted(removed.documents, "document"),
                rows=counted(removed.rows, "row"),
            )
        )
