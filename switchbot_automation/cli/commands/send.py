"""`send`: one command to one device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import orjson

from switchbot_automation.cli.commands.account import ask
from switchbot_automation.cli.output import (
    Misuse,
    echo,
    json_option,
    logging_options,
    print_json,
    timestamp,
)
from switchbot_automation.cli.targets import (
    CUT_OFF,
    find_target,
    is_cut_off,
    told_type,
    type_of,
)
from switchbot_automation.cloud.catalog.catalog import find, validate_command
from switchbot_automation.errors import BadParameterError, UnsupportedCommandError
from switchbot_automation.explain.words import word_of
from switchbot_automation.languages import error_words
from switchbot_automation.languages import translated as _
from switchbot_automation.model import Remote

if TYPE_CHECKING:
    from switchbot_automation import SwitchBotClient
    from switchbot_automation.model import Device


@click.command()
@click.argument("device")
@click.argument("command")
@click.argument("parameter", default="default")
@click.option(
    "--button", is_flag=True, help="COMMAND is the exact name of a learned button."
)
@click.option(
    "--unchecked",
    is_flag=True,
    help="Send what the catalogue does not know; a PARAMETER that is JSON goes as such.",
)
@click.option("--dry-run", is_flag=True, help="Check everything, send nothing.")
@json_option("Print one object: what was sent, and whether it was accepted.")
@logging_options("warning")
def send(  # noqa: PLR0917  # click passes every one by name
    device: str,
    command: str,
    parameter: str,
    button: bool,
    unchecked: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Send COMMAND to DEVICE, which is a name or an id.

    Command and PARAMETER are checked against the catalogue before the call is spent:
    what does not fit ends with 2 and says what does. Accepted by the cloud does not mean
    carried out by the device. An object is given as JSON:

    \b
      switchbot-automation send "Living room air conditioner" setAll 24,5,1,on
      switchbot-automation send Vacuum startClean '{"action": "sweep", ...}'
      switchbot-automation send "Old fan" "Turbo" --button
    """  # noqa: D301  # \b is click's mark for lines that stay

    async def answer(client: SwitchBotClient) -> dict[str, Any]:
        target = find_target(await client.devices(), device)
        kind = "customize" if button else "command"
        product = type_of(target) if unchecked else await told_type(client, target)
        value = (
            _as_given(parameter)
            if unchecked
            else _checked(target, product, command, parameter, kind)
        )
        sent: dict[str, Any] = {
            "device_id": target.device_id,
            "name": target.name,
            "command": command,
            "parameter": ("***" if _is_sensitive(target, product, command) else value),
            "command_type": kind,
            "status": "checked",
            "warning": _(CUT_OFF) if is_cut_off(target) else None,
        }
        if dry_run:
            return sent
        result = await client.command(target.device_id, command, value, kind)
        return sent | {
            "status": "accepted",
            "accepted_at": timestamp(result.accepted_at),
            "command_id": result.command_id,
        }

    sent = ask(answer)
    if sent["warning"]:
        name = sent["name"] or sent["device_id"]
        problem = f"{name}: {sent['warning']}"
        echo(_("warning: {problem}", problem=problem), err=True)
    if as_json:
        print_json(sent)
        return
    parameter_shown = "" if sent["parameter"] == "default" else f" {sent['parameter']}"
    values = {
        "status": word_of("status", sent["status"]),
        "command": f"{command}{parameter_shown}",
        "device": sent["name"] or sent["device_id"],
    }
    told = _("{status}: {command} to {device}", **values)
    if sent.get("command_id"):
        number = sent["command_id"]
        told = _("{told}; its result comes by webhook as {id}", told=told, id=number)
    echo(told)


def _checked(
    target: Device | Remote,
    kind_of_device: str,
    command: str,
    parameter: str,
    kind: str,
) -> Any:
    """Return the parameter to send. Raises Misuse."""
    infrared = isinstance(target, Remote)
    if not find(kind_of_device, infrared=infrared):
        known = repr(kind_of_device) if kind_of_device else _("no type")
        raise Misuse(
            _(
                "{device} is of {type}, which the catalogue does not have; --unchecked "
                "sends the command all the same",
                device=target.name or target.device_id,
                type=known,
            )
        )
    try:
        return validate_command(
            kind_of_device, command, parameter, kind, infrared=infrared
        )
    except (BadParameterError, UnsupportedCommandError) as error:
        raise Misuse(error_words(error)) from error


def _as_given(parameter: str) -> Any:
    try:
        return orjson.loads(parameter)
    except orjson.JSONDecodeError:
        return parameter


def _is_sensitive(target: Device | Remote, kind_of_device: str, command: str) -> bool:
    specs = [
        product.command(command)
        for product in find(kind_of_device, infrared=isinstance(target, Remote))
    ]
    return any(
        spec is not None and spec.sensitive and spec.hint != "default" for spec in specs
    )
