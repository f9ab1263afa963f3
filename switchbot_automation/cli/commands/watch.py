"""`watch`: the devices as a table that keeps itself up to date."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import click
from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table

from switchbot_automation.cli.commands.account import account_from_environment, connect
from switchbot_automation.cli.output import (
    OK,
    json_option,
    logging_options,
    print_json,
    timestamp,
)
from switchbot_automation.cli.readings import COLUMNS, Row, look, targets
from switchbot_automation.cli.stopping import stop_requested
from switchbot_automation.cli.targets import can_be_read
from switchbot_automation.errors import CloudError
from switchbot_automation.languages import error_words
from switchbot_automation.languages import translated as _

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from switchbot_automation import SwitchBotClient
    from switchbot_automation.cli.commands.account import CloudAccount
    from switchbot_automation.model import Device, Remote

_SHORTEST_SECONDS = 2.0
_DAY_SECONDS = 86_400


@click.command()
@click.argument("devices", nargs=-1, metavar="[DEVICE]...")
@click.option(
    "--every",
    "period_seconds",
    type=click.FloatRange(min=_SHORTEST_SECONDS),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How often each device is asked, one call each of the account's 10000 a day.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    help="End after asking so many times (default: never).",
)
@json_option("Print one object a round with `at`, `devices` and `calls_today`.")
@logging_options("error")
@click.pass_context
def watch(
    ctx: click.Context,
    devices: tuple[str, ...],
    period_seconds: float,
    rounds: int | None,
    as_json: bool,
) -> None:
    """Watch DEVICE after DEVICE (names or ids; default: all that can be read).

    Until Ctrl-C or SIGTERM. What changed since the round before is marked with `*`. A
    cloud that is away is said in the table's caption and asked again.
    """
    account = account_from_environment()
    ctx.exit(asyncio.run(_watch(account, devices, period_seconds, rounds, as_json)))


async def _watch(
    account: CloudAccount,
    wanted: Sequence[str],
    period_seconds: float,
    rounds: int | None,
    as_json: bool,
) -> int:
    with stop_requested() as stop:
        async with connect(account) as client:
            watching = asyncio.create_task(
                _rounds(client, wanted, period_seconds, rounds, as_json)
            )
            either: set[asyncio.Future[Any]] = {watching, stop}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not watching.done():
                watching.cancel()
                await asyncio.wait({watching})
                return stop.result()
            watching.result()
        return OK


async def _rounds(
    client: SwitchBotClient,
    wanted: Sequence[str],
    period_seconds: float,
    rounds: int | None,
    as_json: bool,
) -> None:
    entries = [each for each in await targets(client, wanted) if can_be_read(each)]
    view = _JsonView() if as_json else _TableView(len(entries), period_seconds)
    rows: list[Row] = []
    with view:
        done = 0
        while rounds is None or done < rounds:
            if done:
                await asyncio.sleep(period_seconds)
            rows, problem = await _round(client, entries, rows)
            view.show(rows, problem, client.quota.used)
            done += 1


async def _round(
    client: SwitchBotClient, entries: list[Device | Remote], before: list[Row]
) -> tuple[list[Row], str | None]:
    """Return the new rows, or those before and why there are no new ones."""
    try:
        return await look(client, entries), None
    except CloudError as error:
        if not before:
            raise
        return before, error_words(error)


class _JsonView(nullcontext[None]):
    """One line a round."""

    def show(self, rows: list[Row], problem: str | None, calls: int) -> None:
        """Print the round."""
        line: dict[str, Any] = {
            "at": timestamp(datetime.now(UTC)),
            "devices": [row.as_json() for row in rows],
            "calls_today": calls,
            "error": problem,
        }
        print_json(line)


class _TableView:
    """A table that is drawn again in its place; on no terminal, one after another."""

    def __init__(self, devices: int, period_seconds: float) -> None:
        self._console = Console(highlight=False, markup=False)
        self._live = Live(console=self._console, auto_refresh=False)
        self._calls_a_day = round(devices * _DAY_SECONDS / period_seconds)
        self._before: dict[str, str] = {}

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self._live.stop()

    def show(self, rows: list[Row], problem: str | None, calls: int) -> None:
        """Draw the round."""
        at = f"{datetime.now():%H:%M:%S}"  # noqa: DTZ005  # for a person
        table = Table(
            title=_("Devices at {at}", at=at),
            title_justify="left",
            caption=problem
            or _(
                "{calls} calls today; watching takes {a_day} a day",
                calls=calls,
                a_day=self._calls_a_day,
            ),
            caption_justify="left",
            box=box.SIMPLE_HEAD,
        )
        for column in COLUMNS[:-1]:
            table.add_column(_(column), overflow="fold")
        table.add_column("", overflow="fold")
        for row in rows:
            changed = self._before.get(row.device_id, row.text) != row.text
            table.add_row(*row.cells()[:-1], "*" if changed else "")
            self._before[row.device_id] = row.text
        draw: Callable[..., None] = self._console.print
        if self._console.is_terminal:
            self._live.update(table, refresh=True)
        else:
            draw(table)
