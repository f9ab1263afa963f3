"""`cloud`: a SwitchBot account for somebody without one."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
from pathlib import Path
from typing import Any

import click

from switchbot_automation.cli.output import (
    Misuse,
    echo,
    json_option,
    logging_options,
    print_json,
)
from switchbot_automation.cli.stopping import stop_requested
from switchbot_automation.languages import translated as _
from switchbot_automation.simulation import FakeSwitchBotCloud, new_settings
from switchbot_automation.simulation.server.broker import SimulatedBroker
from switchbot_store.files.durable import make_directory

_SEASONS = ("winter", "summer")
_DEFAULT_PORT = 8123
_FASTEST = 3600.0


@click.command()
@click.option(
    "--port",
    default=_DEFAULT_PORT,
    show_default=True,
    type=click.IntRange(0, 65_535),
    help="Where to listen on 127.0.0.1; 0 takes a free port.",
)
@click.option(
    "--season",
    default="winter",
    show_default=True,
    type=click.Choice(_SEASONS),
    help="Which weather.",
)
@click.option("--seed", default=0, show_default=True, help="Another home, same kind.")
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0, _FASTEST, min_open=True),
    help="How many seconds pass in the home during one second here.",
)
@click.option(
    "--settings-out",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write settings that fit the simulated devices, unless the file exists.",
)
@click.option(
    "--mqtt",
    "with_broker",
    is_flag=True,
    help="Push events by a broker of its own as well, for SWITCHBOT_PUSH=mqtt.",
)
@json_option("Print base_url, token and secret as one object.")
@logging_options("warning")
@click.pass_context
def cloud(
    ctx: click.Context,
    *,
    port: int,
    season: str,
    seed: int,
    speed: float,
    settings_out: Path | None,
    with_broker: bool,
    as_json: bool,
) -> None:
    """Serve a simulated SwitchBot cloud with one home, until Ctrl-C or SIGTERM.

    Prints the variables that make `run`, `once`, `devices` and `scenes` use it. The
    token and secret are made up and the same every time.
    """
    written = settings_out is not None and _write_settings(settings_out, season)
    broker = _broker() if with_broker else None
    server = FakeSwitchBotCloud(
        port=port, season=season, seed=seed, speed=speed, broker=broker
    )
    variables = {
        "SWITCHBOT_TOKEN": server.token,
        "SWITCHBOT_SECRET": server.secret,
    }
    if broker is not None:
        variables["SWITCHBOT_PUSH"] = "mqtt"
    if settings_out is not None:
        variables["SWITCHBOT_SETTINGS_PATH"] = str(settings_out.absolute())

    def announce() -> None:
        if as_json:
            print_json(
                {
                    "base_url": server.base_url,
                    "token": server.token,
                    "secret": server.secret,
                }
            )
            return
        if settings_out is not None:
            what = _("written") if written else _("was there already, left as it is")
            echo(f"# {settings_out}: {what}")
        echo("# " + _("In the shell that is to use this cloud:"))
        for name, value in {"SWITCHBOT_BASE_URL": server.base_url, **variables}.items():
            echo(f"export {name}={shlex.quote(value)}")
        echo("# " + _("Serving until Ctrl-C."), err=True)

    ctx.exit(asyncio.run(_serve(server, broker, announce)))


def _broker() -> SimulatedBroker:
    try:
        return SimulatedBroker()
    except ModuleNotFoundError as error:
        raise Misuse(
            _(
                "--mqtt makes certificates with cryptography, of the extra `mqtt`: pip"
                " install 'switchbot-automation[mqtt]'"
            )
        ) from error


async def _serve(
    server: FakeSwitchBotCloud, broker: SimulatedBroker | None, announce: Any
) -> int:
    with stop_requested() as stop:
        try:
            if broker is not None:
                await broker.start()
            await server.start()
        except OSError as error:
            raise click.ClickException(
                _("cannot listen: {why}", why=error.strerror or error)
            ) from error
        try:
            announce()
            return await stop
        finally:
            await server.stop()
            if broker is not None:
                await broker.stop()


def _write_settings(path: Path, season: str) -> bool:
    """Write settings that act at any hour, for somebody who wants to see it act."""
    every_day = [0, 1, 2, 3, 4, 5, 6]
    document = {
        **new_settings(season),
        "poll_interval_seconds": 15,
        "time_windows": [
            {"days": every_day, "start": "00:00", "end": "12:00"},
            {"days": every_day, "start": "12:00", "end": "00:00"},
        ],
    }
    try:
        # It becomes the store's own, and webhooks' keys are written into it later.
        make_directory(str(path.parent))
        created = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(created, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
            file.write(json.dumps(document, indent=2) + "\n")
    except FileExistsError:
        return False
    except OSError as error:
        raise Misuse(f"{path}: {error.strerror}") from error
    return True
