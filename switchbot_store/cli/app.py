"""The command line `switchbot-store`: its commands, and which errors mean what."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import click

from switchbot_store.cli.command_line import CommandLine, Verb
from switchbot_store.cli.output import choose_home, home_option
from switchbot_store.errors import StoreConfigError, StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COMMANDS = {
    "health": Verb("health", "Tell how every store and the history fare."),
    "doctor": Verb("diagnosis", "Find the usual mistakes and say what to change."),
    "get": Verb("documents", "Print a document, or list the keys."),
    "set": Verb("documents", "Write a document."),
    "edit": Verb("documents", "Edit a document with $EDITOR."),
    "backup": Verb("archive", "Write documents and history to one file."),
    "restore": Verb("archive", "Bring a backup back."),
    "homes": Verb("homes", "List, export and delete homes of a store of many."),
    "import": Verb("importing", "Bring JSON files into PostgreSQL."),
    "migrate": Verb("schema", "Bring the database's schema up to date."),
    "partition": Verb("partition", "Move documents and history into parts."),
    "resync": Verb("reconciling", "Carry over what was written while away."),
    "conflicts": Verb("reconciling", "List what lost when two places wrote."),
    "ops": Verb("operating", "Ask PostgreSQL what ails it."),
    "history": Verb("history", "Import, draw, export and look after readings."),
}

_EPILOG = (
    "Where the store is comes from the environment: STORE_BACKEND, POSTGRES_URL, "
    "STORE_DIRECTORY and others. Exit codes: 0 all went well, 1 it ran and failed or "
    "something is not well, 2 it was asked wrongly or a setting is wrong, 130 Ctrl-C."
)


class _CommandLine(CommandLine):
    entries: ClassVar[Mapping[str, Verb]] = COMMANDS
    package: ClassVar[str] = "switchbot_store.cli.commands"
    catalogues: ClassVar[Sequence[str]] = ("switchbot_store.languages",)
    misused: ClassVar[tuple[type[Exception], ...]] = (StoreConfigError,)
    failed: ClassVar[tuple[type[Exception], ...]] = (StoreError,)


@click.group(
    cls=_CommandLine,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="switchbot-automation", prog_name="switchbot-store")
@home_option
def application(home: str | None) -> None:
    """Look after the settings, state and history of a home.

    Variables that the environment lacks are read from `.env` in this directory, or from
    the file that SWITCHBOT_ENV_FILE names. The language is that of SWITCHBOT_LANGUAGE
    (en, fr, ja, de), else of LC_ALL, LC_MESSAGES or LANG; JSON is never translated.
    """
    choose_home(home)
