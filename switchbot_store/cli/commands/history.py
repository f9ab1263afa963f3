"""`history`: what belongs to the rows of a home."""

from __future__ import annotations

import click

from switchbot_store.cli.commands.history_import import import_command
from switchbot_store.cli.commands.history_plot import plot
from switchbot_store.cli.commands.history_upkeep import (
    adopt,
    clean,
    export,
    move,
    status,
)


@click.group()
def history() -> None:
    """Import, draw, export and look after the history of readings."""


for _command in (import_command, plot, export, status, adopt, clean, move):
    history.add_command(_command)
