"""`devices` and `scenes`, and how every command reaches the account."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp
import click

from switchbot_automation import SwitchBotClient
from switchbot_automation.cli.output import (
    Misuse,
    echo,
    json_option,
    logging_options,
    print_json,
    print_table,
)
from switchbot_automation.cli.targets import (
    CUT_OFF,
    NOTHING_LISTED,
    is_cut_off,
    type_of,
)
from switchbot_automation.languages import translated as _

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

_T = TypeVar("_T")

DEFAULT_BASE_URL = "https://api.switch-bot.com"


@dataclass(frozen=True, slots=True)
class CloudAccount:
    """Whose devices, and where; the two secrets stay out of repr."""

    token: str = field(repr=False)
    secret: str = field(repr=False)
    base_url: str


def account_from_environment() -> CloudAccount:
    """Read SWITCHBOT_TOKEN, SWITCHBOT_SECRET and SWITCHBOT_BASE_URL.

    Raises Misuse naming what is missing.
    """
    missing = [
        name
        for name in ("SWITCHBOT_TOKEN", "SWITCHBOT_SECRET")
        if not os.environ.get(name)
    ]
    if missing:
        raise Misuse(
            _(
                "set {names}: the SwitchBot app shows both under developer options; "
                "`switchbot-automation cloud` simulates an account",
                names=_("{one} and {other}", one=missing[0], other=missing[1])
                if len(missing) > 1
                else missing[0],
            )
        )
    return CloudAccount(
        os.environ["SWITCHBOT_TOKEN"],
        os.environ["SWITCHBOT_SECRET"],
        os.environ.get("SWITCHBOT_BASE_URL") or DEFAULT_BASE_URL,
    )


@asynccontextmanager
async def connect(account: CloudAccount) -> AsyncIterator[SwitchBotClient]:
    """Give a client of the account with a session of its own."""
    async with aiohttp.ClientSession() as session:
        yield SwitchBotClient(
            session, account.token, account.secret, base_url=account.base_url
        )


def ask(question: Callable[[SwitchBotClient], Awaitable[_T]]) -> _T:
    """Ask the account one question. Raises Misuse, CloudError."""
    account = account_from_environment()

    async def answer() -> _T:
        async with connect(account) as client:
            return await question(client)

    return asyncio.run(answer())


@click.command()
@json_option("Print one object with `devices` and `remotes`.")
@logging_options("warning")
def devices(as_json: bool) -> None:
    """List the devices and infrared remotes of the account.

    Of a device whose cloud service is off the cloud knows nothing new, and what is sent
    to it is lost; so the list says.
    """
    found = ask(lambda client: client.devices())
    if not (found.devices or found.remotes):
        echo(_("warning: {problem}", problem=_(NOTHING_LISTED)), err=True)
    cut_off = [
        device.name or device.device_id for device in filter(is_cut_off, found.devices)
    ]
    for name in cut_off:
        problem = f"{name}: {_(CUT_OFF)}"
        echo(_("warning: {problem}", problem=problem), err=True)
    if as_json:
        print_json(
            {
                "devices": [
                    {
                        "device_id": device.device_id,
                        "name": device.name,
                        "device_type": device.device_type,
                        "hub_device_id": device.hub_device_id,
                        "cloud_service": device.cloud_service,
                    }
                    for device in found.devices
                ],
                "remotes": [
                    {
                        "device_id": remote.device_id,
                        "name": remote.name,
                        "remote_type": remote.remote_type,
                        "hub_device_id": remote.hub_device_id,
                    }
                    for remote in found.remotes
                ],
            }
        )
        return
    rows: list[tuple[str, ...]] = [
        (
            device.device_id,
            device.name,
            type_of(device) or _("unknown"),
            _("device, cloud service off") if is_cut_off(device) else _("device"),
        )
        for device in found.devices
    ]
    rows += [
        (remote.device_id, remote.name, remote.remote_type, _("remote"))
        for remote in found.remotes
    ]
    columns = (_("id"), _("name"), _("type"), _("kind"))
    print_table(_("Devices"), columns, rows)


@click.command()
@json_option("Print a list of objects with scene_id and name.")
@logging_options("warning")
def scenes(as_json: bool) -> None:
    """List the manual scenes of the account."""
    found = ask(lambda client: client.scenes())
    if as_json:
        listed: list[dict[str, Any]] = [
            {"scene_id": scene.scene_id, "name": scene.name} for scene in found
        ]
        print_json(listed)
        return
    columns = (_("id"), _("name"))
    print_table(_("Scenes"), columns, [(s.scene_id, s.name) for s in found])
