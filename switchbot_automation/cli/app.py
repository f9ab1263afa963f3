"""The group of commands: loads each one when asked for, turns errors into exit codes."""

from __future__ import annotations

import importlib
import logging
import os
from difflib import get_close_matches
from typing import Any, NamedTuple

import click

from switchbot_automation.cli.output import (
    INTERRUPTED,
    Misuse,
    choose_home,
    home_option,
)
from switchbot_automation.errors import (
    AutomationError,
    SettingsError,
    UnknownZoneError,
)
from switchbot_automation.languages import ENGLISH, of_environment, speak, speaking
from switchbot_automation.languages import translated as _
from switchbot_automation.units import CELSIUS, UNITS, measuring
from switchbot_store import StoreConfigError, StoreError
from switchbot_store.cli.dotenv_file import load_env_file

_LOGGER = logging.getLogger(__name__)


class _Entry(NamedTuple):
    module: str
    summary: str


# One module a group of commands, imported when one of them runs: `--help` stays quick and
# `replay` never imports an HTTP client.
COMMANDS = {
    "init": _Entry("init", "Set a home up: account, rooms, settings."),
    "doctor": _Entry("diagnosis", "Find the usual mistakes and say what to change."),
    "simulate": _Entry("simulate", "Watch the engine keep a simulated room for days."),
    "replay": _Entry("replay", "Run the engine over recorded readings, dry."),
    "explain": _Entry("explain", "Say why it is on or off, or was at an instant."),
    "backtest": _Entry("backtest", "Compare other settings over recorded history."),
    "run": _Entry("live", "Run the engine against the SwitchBot cloud."),
    "once": _Entry("live", "Run one tick against the SwitchBot cloud."),
    "status": _Entry("status", "Show the rooms, and what every device says."),
    "watch": _Entry("watch", "Show what the devices say, again and again."),
    "act": _Entry("act", "Do with a room what a person wants."),
    "send": _Entry("send", "Send a command to a device."),
    "devices": _Entry("account", "List the account's devices and remotes."),
    "scenes": _Entry("account", "List the account's manual scenes."),
    "webhook": _Entry("webhook", "Look after the URL that events are posted to."),
    "check-config": _Entry("check", "Check a settings document."),
    "settings": _Entry("settings", "List every setting with its default and meaning."),
    "cloud": _Entry("cloud", "Serve a simulated SwitchBot cloud on loopback."),
    "load-test": _Entry("load_test", "Put the whole system under load."),
    "rules": _Entry("rules", "Check, run and trace the rules of the settings."),
    "fleet": _Entry("fleet", "Look after many homes by workers of a queue."),
    "completion": _Entry("completion", "Print the completion script of a shell."),
}

_EPILOG = (
    "Exit codes: 0 all went well, 1 it ran and failed, 2 it was asked wrongly or a "
    "setting is wrong, 130 Ctrl-C."
)


_FOR_A_PROGRAM = f"{__name__}.for_a_program"


class _CommandLine(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's signature
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module = importlib.import_module(
            f"switchbot_automation.cli.commands.{entry.module}"
        )
        command = getattr(module, cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)  # noqa: S101  # narrows getattr's Any
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = get_close_matches(args[0], COMMANDS, n=1, cutoff=0.5)
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
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, entry.summary) for name, entry in COMMANDS.items()]
            )

    def invoke(self, ctx: click.Context) -> Any:
        # A program reads JSON, in English whatever this person speaks.
        for_a_program = "--json" in ctx.args
        ctx.meta[_FOR_A_PROGRAM] = for_a_program
        language = ENGLISH if for_a_program else of_environment(os.environ)
        with speaking(language), measuring(_unit_wanted()):
            return self._invoke(ctx)

    def _invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo(err=True)
            ctx.exit(INTERRUPTED)
        except (SettingsError, StoreConfigError, UnknownZoneError) as error:
            raise Misuse(_words(error)) from error
        except (AutomationError, StoreError) as error:
            _LOGGER.debug("the command failed", exc_info=True)
            raise click.ClickException(_words(error)) from error


def _unit_wanted() -> str:
    """Return the unit of SWITCHBOT_UNIT, that of no settings. Raises UsageError."""
    wanted = os.environ.get("SWITCHBOT_UNIT", "").strip().lower() or CELSIUS
    if wanted not in UNITS:
        raise click.UsageError(
            _("SWITCHBOT_UNIT: one of {units}", units=", ".join(UNITS))
        )
    return wanted


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


@click.group(
    cls=_CommandLine,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(
    package_name="switchbot-automation", prog_name="switchbot-automation"
)
@home_option
@click.pass_context
def application(ctx: click.Context, home: str | None) -> None:
    """Keep a room comfortable with SwitchBot devices, and see why it did what it did.

    Variables that the environment lacks are read from `.env` in this directory, or from
    the file that SWITCHBOT_ENV_FILE names. The language is that of SWITCHBOT_LANGUAGE
    (en, fr, ja, de), else of LC_ALL, LC_MESSAGES or LANG; JSON is never translated.
    """
    load_env_file()
    choose_home(home)
    if not ctx.meta[_FOR_A_PROGRAM]:
        speak(of_environment(os.environ))
