"""The group of commands: loads each one when asked for, turns errors into exit codes."""

from __future__ import annotations

import importlib
import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from switchbot_store.cli.dotenv_file import load_env_file
from switchbot_store.cli.output import (
    Interrupted,
    Misuse,
    choose_home,
    errors_as_json,
    home_option,
)
from switchbot_store.errors import StoreConfigError, StoreError
from switchbot_store.languages import ENGLISH, of_environment, speak, speaking

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOGGER = logging.getLogger(__name__)


class _Entry(NamedTuple):
    module: str
    summary: str


# One module a group of commands, imported when one of them runs: `--help` stays quick and
# a store of files never imports a database driver. A group, such as `history`, is the
# attribute of that name in its module, a `click.Group`.
COMMANDS = {
    "health": _Entry("health", "Tell how every store and the history fare."),
    "doctor": _Entry("diagnosis", "Find the usual mistakes and say what to change."),
    "get": _Entry("documents", "Print a document, or list the keys."),
    "set": _Entry("documents", "Write a document."),
    "edit": _Entry("documents", "Edit a document with $EDITOR."),
    "backup": _Entry("archive", "Write documents and history to one file."),
    "restore": _Entry("archive", "Bring a backup back."),
    "homes": _Entry("homes", "List, export and delete homes of a store of many."),
    "import": _Entry("importing", "Bring JSON files into PostgreSQL."),
    "migrate": _Entry("schema", "Bring the database's schema up to date."),
    "partition": _Entry("partition", "Move documents and history into parts."),
    "resync": _Entry("reconciling", "Carry over what was written while away."),
    "conflicts": _Entry("reconciling", "List what lost when two places wrote."),
    "ops": _Entry("operating", "Ask PostgreSQL what ails it."),
    "history": _Entry("history", "Import, draw, export and look after readings."),
}

_EPILOG = (
    "Where the store is comes from the environment: STORE_BACKEND, POSTGRES_URL, "
    "STORE_DIRECTORY and others. Exit codes: 0 all went well, 1 it ran and failed or "
    "something is not well, 2 it was asked wrongly or a setting is wrong, 130 Ctrl-C. "
    "With --json an error is one object on stderr: error, message and perhaps hint."
)


_FOR_A_PROGRAM = f"{__name__}.for_a_program"


class _CommandLine(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's signature
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module = importlib.import_module(f"switchbot_store.cli.{entry.module}")
        # `import` and `set` are taken in Python.
        command = getattr(module, f"{cmd_name}_command", None) or getattr(
            module, cmd_name
        )
        assert isinstance(command, click.Command)  # noqa: S101  # narrows getattr's Any
        return command

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002  # click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, entry.summary) for name, entry in COMMANDS.items()]
            )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_FOR_A_PROGRAM] = "--json" in args
        with self._audience(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        with self._audience(ctx):
            return self._invoke(ctx)

    @staticmethod
    @contextmanager
    def _audience(ctx: click.Context) -> Iterator[None]:
        """Speak to who asks: a person, or a program.

        A program reads JSON, its errors too, in English whatever this person speaks.
        """
        if ctx.meta[_FOR_A_PROGRAM]:
            with speaking(ENGLISH), errors_as_json(ctx):
                yield
        else:
            with speaking(of_environment(os.environ)):
                yield

    def _invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Interrupted("interrupted") from error
        except StoreConfigError as error:
            raise Misuse(_words(error)) from error
        except StoreError as error:
            _LOGGER.debug("the command failed", exc_info=True)
            raise click.ClickException(_words(error)) from error


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


@click.group(
    cls=_CommandLine,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="switchbot-automation", prog_name="switchbot-store")
@home_option
@click.pass_context
def application(ctx: click.Context, home: str | None) -> None:
    """Look after the settings, state and history of a home.

    Variables that the environment lacks are read from `.env` in this directory, or from
    the file that SWITCHBOT_ENV_FILE names. The language is that of SWITCHBOT_LANGUAGE
    (en, fr, ja, de), else of LC_ALL, LC_MESSAGES or LANG; JSON is never translated.
    """
    load_env_file()
    choose_home(home)
    if not ctx.meta[_FOR_A_PROGRAM]:
        speak(of_environment(os.environ))
