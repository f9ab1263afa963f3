"""`webhook`: the account's single URL for events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from switchbot_automation.cli.commands.account import ask
from switchbot_automation.cli.output import (
    FAILURE,
    OK,
    HintedError,
    Misuse,
    echo,
    json_option,
    logging_options,
    print_json,
    timestamp,
)
from switchbot_automation.cloud.events.account import release_webhook, take_webhook
from switchbot_automation.errors import WebhookConflictError
from switchbot_automation.languages import error_words, later
from switchbot_automation.languages import translated as _
from switchbot_automation.outside.urls import mask_url

if TYPE_CHECKING:
    from datetime import datetime

    from switchbot_automation import SwitchBotClient


@click.group()
def webhook() -> None:
    """Look after the URL that the cloud posts the devices' events to.

    An account has one. Whoever knows its path can pretend to be the cloud, so paths are
    not shown unless asked for.
    """


@webhook.command()
@click.option("--show", is_flag=True, help="Show the whole URL, its path included.")
@json_option("Print a list of objects; it is empty where there is none.")
@logging_options("warning")
@click.pass_context
def query(ctx: click.Context, show: bool, as_json: bool) -> None:
    """Show where the events go; the exit code is 1 where there is no webhook."""

    async def answer(client: SwitchBotClient) -> list[dict[str, Any]]:
        urls = await client.query_webhook()
        details = await client.query_webhook_details(urls) if urls else ()
        return [
            {
                "url": each.url if show else mask_url(each.url),
                "enabled": each.enabled,
                "created_at": _instant(each.created_at),
                "updated_at": _instant(each.updated_at),
            }
            for each in details
        ]

    found = ask(answer)
    if as_json:
        print_json(found)
    elif not found:
        echo(_("there is no webhook"))
    for each in () if as_json else found:
        state = _("enabled") if each["enabled"] else _("switched off")
        told = f"{each['url']} {state}"
        if each["created_at"]:
            told = _("{what} since {instant}", what=told, instant=each["created_at"])
        echo(told)
    ctx.exit(OK if found else FAILURE)


@webhook.command()
@click.argument("url")
@click.option("--replace", is_flag=True, help="Take the place of somebody else's URL.")
@json_option("Print one object with `result`.")
@logging_options("warning")
def setup(url: str, replace: bool, as_json: bool) -> None:
    """Have events posted to URL.

    Refused with exit code 1 where another URL is set up, as it may be Home Assistant's,
    unless --replace says so.
    """
    _usable(url)

    async def answer(client: SwitchBotClient) -> str:
        try:
            return await take_webhook(client, url, replace=replace)
        except WebhookConflictError as error:
            hint = "--replace silences whoever listens there"
            if replace:
                hint = (
                    "`webhook delete URL` does that; look for it where Home Assistant,"
                    " homebridge or another program was given it"
                )
            raise HintedError(error_words(error), hint) from error

    _say(ask(answer), url, as_json)


@webhook.command()
@click.argument("url")
@click.option("--enable/--disable", required=True, help="Switch it on or off.")
@json_option("Print one object with `result`.")
@logging_options("warning")
def update(url: str, enable: bool, as_json: bool) -> None:
    """Switch the webhook of URL on or off."""
    _usable(url)

    async def answer(client: SwitchBotClient) -> str:
        present = await client.query_webhook()
        if url not in present:
            raise click.ClickException(
                _(
                    "that is not the account's webhook, which is {urls}",
                    urls=", ".join(map(mask_url, present)) or _("none"),
                )
            )
        await client.update_webhook(url, enable=enable)
        return "enabled" if enable else "disabled"

    _say(ask(answer), url, as_json)


@webhook.command()
@click.argument("url", required=False)
@click.option("--any", "anyone_s", is_flag=True, help="Delete whatever URL is there.")
@json_option("Print one object with `result`.")
@logging_options("warning")
def delete(url: str | None, anyone_s: bool, as_json: bool) -> None:
    """Delete the webhook of URL; with --any, whatever is there."""
    if (url is None) is not anyone_s:
        raise Misuse(_("give either a URL or --any"))

    async def answer(client: SwitchBotClient) -> str:
        if url is not None:
            return "deleted" if await release_webhook(client, url) else "none"
        present = await client.query_webhook()
        for each in present:
            await client.delete_webhook(each)
        return "deleted" if present else "none"

    _say(ask(answer), url, as_json)


def _usable(url: str) -> None:
    if mask_url(url) == "…" or not url.startswith(("http://", "https://")):
        raise Misuse(_("expected a full URL, https://host/path"))
    if url.startswith("http://"):
        echo(
            _("warning: over http anybody on the way can read and forge events"),
            err=True,
        )


def _say(result: str, url: str | None, as_json: bool) -> None:
    if as_json:
        print_json({"result": result, "url": mask_url(url) if url else None})
    else:
        echo(_(_SENTENCES[result]))


_SENTENCES = {
    "created": later("events are posted there from now on"),
    "replaced": later(
        "events are posted there from now on, and to the other URL no more"
    ),
    "enabled": later("the webhook is switched on"),
    "disabled": later("the webhook is switched off"),
    "unchanged": later("events are posted there already"),
    "deleted": later("the webhook is deleted"),
    "none": later("there was no webhook"),
}


def _instant(at: datetime | None) -> str | None:
    return timestamp(at) if at else None
