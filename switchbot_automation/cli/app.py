"""The command line `switchbot-automation`: its commands, and which errors mean what."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar

import click

from switchbot_automation.cli.output import choose_home, home_option
from switchbot_automation.cli.ways_out import way_out
from switchbot_automation.errors import (
    AutomationError,
    CloudError,
    SettingsError,
    UnknownZoneError,
)
from switchbot_automation.languages import CELSIUS, UNITS, measuring
from switchbot_automation.languages import translated as _
from switchbot_store import StoreConfigError, StoreError
from switchbot_store.cli.command_line import CommandLine, Verb

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COMMANDS = {
    "init": Verb("init", "Set a home up: account, rooms, settings."),
    "doctor": Verb("diagnosis", "Find the usual mistakes and say what to change."),
    "simulate": Verb("simulate", "Watch the engine keep a simulated room for days."),
    "replay": Verb("replay", "Run the engine over recorded readings, dry."),
    "explain": Verb("explain", "Say why it is on or off, or was at an instant."),
    "backtest": Verb("backtest", "Compare other settings over recorded history."),
    "run": Verb("live", "Run the engine against the SwitchBot cloud."),
    "once": Verb("live", "Run one tick against the SwitchBot cloud."),
    "status": Verb("status", "Show the rooms, and what every device says."),
    "watch": Verb("watch", "Show what the devices say, again and again."),
    "act": Verb("act", "Do with a room what a person wants."),
    "send": Verb("send", "Send a command to a device."),
    "devices": Verb("account", "List the account's devices and remotes."),
    "scenes": Verb("account", "List the account's manual scenes."),
    "webhook": Verb("webhook", "Look after the URL that events are posted to."),
    "check-config": Verb("check", "Check a settings document."),
    "settings": Verb("settings", "List every setting with its default and meaning."),
    "cloud": Verb("cloud", "Serve a simulated SwitchBot cloud on loopback."),
    "load-test": Verb("load_test", "Put the whole system under load."),
    "rules": Verb("rules", "Check, run and trace the rules of the settings."),
    "fleet": Verb("fleet", "Look after many homes by workers of a queue."),
    "completion": Verb("completion", "Print the completion script of a shell."),
}

_EPILOG = (
    "Exit codes: 0 all went well, 1 it ran and failed, 2 it was asked wrongly or a "
    "setting is wrong, 130 Ctrl-C."
)


class _CommandLine(CommandLine):
    entries: ClassVar[Mapping[str, Verb]] = COMMANDS
    package: ClassVar[str] = "switchbot_automation.cli.commands"
    # Of options that both command lines have the other one has the words.
    catalogues: ClassVar[Sequence[str]] = (
        "switchbot_automation.languages",
        "switchbot_store.languages",
    )
    misused: ClassVar[tuple[type[Exception], ...]] = (
        SettingsError,
        StoreConfigError,
        UnknownZoneError,
    )
    failed: ClassVar[tuple[type[Exception], ...]] = (AutomationError, StoreError)

    def way_out(self, error: Exception) -> str:
        # Of a command that may have come about nobody should be told to send it again.
        if isinstance(error, CloudError) and not error.maybe_sent:
            return way_out(error)
        return ""

    def invoke(self, ctx: click.Context) -> Any:
        with measuring(_unit_wanted()):
            return super().invoke(ctx)


def _unit_wanted() -> str:
    """Return the unit of SWITCHBOT_UNIT, that of no settings. Raises UsageError."""
    wanted = os.environ.get("SWITCHBOT_UNIT", "").strip().lower() or CELSIUS
    if wanted not in UNITS:
        raise click.UsageError(
            _("SWITCHBOT_UNIT: one of {units}", units=", ".join(UNITS))
        )
    return wanted


@click.group(
    cls=_CommandLine,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(
    package_name="switchbot-automation", prog_name="switchbot-automation"
)
@home_option
def application(home: str | None) -> None:
    """Keep a room comfortable with SwitchBot devices, and see why it did what it did.

    Variables that the environment lacks are read from `.env` in this directory, or from
    the file that SWITCHBOT_ENV_FILE names. The language is that of SWITCHBOT_LANGUAGE
    (en, fr, ja, de), else of LC_ALL, LC_MESSAGES or LANG; JSON is never translated.
    """
    choose_home(home)
