"""`history`: what belongs to the rows of a home."""

from __future__ import annotations

import click

from switchbot_store.cli.history_import import import_command
from switchbot_store.cli.history_plot import plot


@click.group()
def history() -> None:
    """Import, draw, export and look after the history of readings."""


history.add_command(import_command)
history.add_command(plot)
