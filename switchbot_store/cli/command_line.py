"""What both command lines are: one way to load, speak, fail and end.

Commands are loaded when asked for, errors of the libraries become exit codes, a person is
told in the language of the terminal, and a program, which asked for `--json`, in JSON.
"""

from __future__ import annotations

import gc
import importlib
import logging
import os
import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import click
from click.exceptions import NoArgsIsHelpError

from switchbot_store.cli.dotenv_file import load_env_file
from switchbot_store.cli.help_pages import in_language
from switchbot_store.cli.mistakes import for_a_program, tell_program
from switchbot_store.cli.output import (
    FAILURE,
    INTERRUPTED,
    OK,
    USAGE,
    HintedError,
    Misuse,
    echo,
)
from switchbot_store.languages import (
    ENGLISH,
    catalogue,
    error_words,
    of_environment,
    speak,
    speaking,
    spoken,
)
from switchbot_store.languages import translated as _

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LOGGER = logging.getLogger(__name__)

_FOR_A_PROGRAM = f"{__name__}.for_a_program"


class Verb(NamedTuple):
    """Where a command is, below the package of the command line, and what it does."""

    module: str
    summary: str


class CommandLine(click.Group):
    """A command line of this distribution.

    One module a group of commands, imported when one of them runs: `--help` stays quick and
    what a command does not need is not imported. A group, such as `history`, is the
    attribute of that name in its module, a `click.Group`.
    """

    entries: ClassVar[Mapping[str, Verb]]
    package: ClassVar[str]
    """Where the modules of the commands are."""
    catalogues: ClassVar[Sequence[str]]
    """Where the translations of its `--help` are looked for."""
    misused: ClassVar[tuple[type[Exception], ...]]
    """Errors of the library that say that it was asked wrongly."""
    failed: ClassVar[tuple[type[Exception], ...]]
    """The roots of all the others."""

    def main(  # type: ignore[override]  # its overloads say only when it never returns
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        *,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command; with `standalone_mode` it ends in SystemExit."""
        told_as_json = for_a_program(sys.argv[1:] if args is None else args)
        _write_all_there_is(told_as_json)
        # What is spoken in here ends with it: the file of variables may choose another.
        with speaking(_language(told_as_json)):
            try:
                ended = super().main(args, prog_name, standalone_mode=False, **extra)
            except (click.ClickException, click.Abort) as error:
                if not standalone_mode:
                    raise
                if isinstance(error, click.ClickException):
                    self._tell(error, told_as_json)
                    sys.exit(error.exit_code)
                # At a question click ends with the same whether it was Ctrl-C or the end
                # of what is typed; what it came of stays with it.
                if isinstance(error.__context__, KeyboardInterrupt):
                    _tell_of_interrupt(told_as_json)
                    sys.exit(INTERRUPTED)
                _tell_of_abort(told_as_json)
                sys.exit(FAILURE)
            if not standalone_mode:
                return ended
            sys.exit(ended if isinstance(ended, int) else OK)

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Begin: with the variables of the file, in the language that they ask for."""
        problem = None
        try:
            load_env_file()
        except Misuse as error:
            problem = error  # whoever asks for `--help` gets it all the same
        told_as_json = for_a_program(args)
        speak(_language(told_as_json))
        shown = in_language(self, self.words)
        context = super(CommandLine, shown).make_context(
            info_name, args, parent, **extra
        )
        if problem is not None:
            raise problem
        context.meta[_FOR_A_PROGRAM] = told_as_json
        return context

    def words(self, message: str) -> str:
        """Return a message of `--help` in the language that is spoken."""
        for package in self.catalogues:
            told = catalogue(package, spoken()).gettext(message)
            if told != message:
                return told
        return message

    def way_out(self, error: Exception) -> str:  # noqa: ARG002  # for who has one
        """Return what a person can do about an error of the library; empty for none."""
        return ""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Return the words of the commands, in the order of `--help`."""
        return list(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's signature
        """Load a command; None for a word that is none."""
        entry = self.entries.get(cmd_name)
        if entry is None:
            return None
        module = importlib.import_module(f"{self.package}.{entry.module}")
        if not gc.isenabled():  # `main` of this process
            gc.freeze()
            gc.enable()
        name = cmd_name.replace("-", "_")
        # `import` and `set` are taken in Python.
        command = getattr(module, f"{name}_command", None) or getattr(module, name)
        assert isinstance(command, click.Command)  # noqa: S101  # narrows getattr's Any
        return in_language(command, self.words)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is asked for. Raises UsageError with the nearest word."""
        if args and args[0] not in self.entries and not args[0].startswith("-"):
            from difflib import get_close_matches  # noqa: PLC0415 - only a typo needs it

            near = get_close_matches(args[0], self.entries, n=1, cutoff=0.5)
            what = _("No such command {name!r}.", name=args[0])
            if near:
                what += " " + _("Did you mean {name!r}?", name=near[0])
            raise click.UsageError(what, ctx)
        return super().resolve_command(ctx, args)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002  # click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        """Write what each command does, without loading one."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, self.words(entry.summary))
                    for name, entry in self.entries.items()
                ]
            )

    def invoke(self, ctx: click.Context) -> Any:
        """Run what is asked for. Raises click's errors in the place of the library's."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            _tell_of_interrupt(ctx.meta[_FOR_A_PROGRAM])
            ctx.exit(INTERRUPTED)
        except self.misused as error:
            raise Misuse(_words(error)) from error
        except self.failed as error:
            _LOGGER.debug("the command failed", exc_info=True)
            way_out = self.way_out(error)
            if way_out:
                raise HintedError(_words(error), way_out) from error
            raise click.ClickException(_words(error)) from error
        except OSError as error:
            if error.filename is None:
                raise
            _LOGGER.debug("the command failed", exc_info=True)
            told = f"{error.filename}: {error.strerror or type(error).__name__}"
            raise click.ClickException(told) from error

    def _tell(self, error: click.ClickException, told_as_json: bool) -> None:
        message = _in_words(error)
        if isinstance(error, NoArgsIsHelpError):
            echo(message, err=True)
            return
        if told_as_json:
            way_out = _help_of(error)
            hint = error.hint if isinstance(error, HintedError | Misuse) else ""
            if way_out and not hint:
                hint = f"try: {way_out}"
            tell_program(self._kind(error), message, hint)
            return
        if isinstance(error, click.UsageError) and error.ctx is not None:
            echo(error.ctx.get_usage(), err=True)
            way_out = _help_of(error)
            tried = _("Try '{command}' for help.", command=way_out) if way_out else ""
            echo(f"{tried}\n" if tried else "", err=True)
        if isinstance(error, HintedError):
            message = error.told()
        echo(_("Error: {what}", what=message), err=True)
        if isinstance(error, Misuse) and error.hint:
            echo(error.hint, err=True)

    def _kind(self, error: click.ClickException) -> str:
        cause = error.__cause__
        if cause is not None and isinstance(cause, self.misused + self.failed):
            return type(cause).__name__
        return "UsageError" if error.exit_code == USAGE else "CommandError"


def _language(told_as_json: bool) -> str:
    """Return what is spoken: a program reads English, whatever this person speaks."""
    return ENGLISH if told_as_json else of_environment(os.environ)


def _write_all_there_is(told_as_json: bool) -> None:
    """Let no text end a command whose letters the terminal's encoding lacks.

    In JSON they stay what they are, whatever a locale says; a person gets them marked.
    """
    for stream in (sys.stdout, sys.stderr):
        if not isinstance(stream, TextIOWrapper):
            continue
        if told_as_json:
            stream.reconfigure(encoding="utf-8")
        elif stream.errors == "strict":
            stream.reconfigure(errors="replace")


def _tell_of_interrupt(told_as_json: bool) -> None:
    if told_as_json:
        tell_program("Interrupted", "interrupted")
    else:
        echo(err=True)  # closes the terminal's ^C


def _tell_of_abort(told_as_json: bool) -> None:
    if told_as_json:
        tell_program("Aborted", "a question was not answered")
    else:
        echo(_("Aborted!"), err=True)


def _words(error: Exception) -> str:
    return error_words(error) or type(error).__name__


def _in_words(error: click.ClickException) -> str:
    """Return what click says of an option or argument in the language that is spoken."""
    if spoken() == ENGLISH:
        return error.format_message()
    if isinstance(error, click.NoSuchOption):
        what = _("There is no option {name!r}.", name=error.option_name)
        if error.possibilities:
            what += " " + _("Did you mean {name!r}?", name=error.possibilities[0])
        return what
    if not isinstance(error, click.BadParameter) or error.param is None:
        return error.format_message()
    what = error.param.get_error_hint(error.ctx)
    if isinstance(error, click.MissingParameter):
        return _("{what} is missing.", what=what)
    return f"{what}: {error.message}"


def _help_of(error: click.ClickException) -> str:
    """Return the command that tells how what was asked wrongly is asked."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None or context.command.get_help_option(context) is None:
        return ""
    return f"{context.command_path} {context.help_option_names[-1]}"
