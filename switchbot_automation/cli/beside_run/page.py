"""`run --web HOST:PORT`: the page beside the engine."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from switchbot_automation.languages import error_words
from switchbot_automation.languages import translated as _

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from switchbot_automation.engine import AutomationEngine

TOKEN = "SWITCHBOT_WEB_TOKEN"  # noqa: S105 - the variable's name
OLD_TOKEN = "SWITCHBOT_WEB_OLD_TOKEN"  # noqa: S105 - likewise
WEBHOOK_SECRET = "SWITCHBOT_WEBHOOK_SECRET"  # noqa: S105 - likewise
ALLOWED_HOSTS = "SWITCHBOT_WEBHOOK_ALLOWED_HOSTS"

_LAST_PORT = 65535


class Address(NamedTuple):
    """Where to listen."""

    host: str
    port: int


def address_of(
    _ctx: click.Context, _param: click.Parameter, value: str | None
) -> Address | None:
    """Read ``HOST:PORT``, ``:PORT`` or ``PORT``; without a host, this machine alone."""
    if value is None:
        return None
    host, _colon, port = value.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) <= _LAST_PORT):
        raise click.BadParameter(
            _("{value!r} is not HOST:PORT, such as 127.0.0.1:8080", value=value)
        )
    return Address(host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port))


def tokens() -> list[str] | None:
    """Return the page's tokens in the environment, the new one first; None without any."""
    return [each for each in map(os.environ.get, (TOKEN, OLD_TOKEN)) if each] or None


@asynccontextmanager
async def page_of(
    engine: AutomationEngine, address: Address | None, **options: Any
) -> AsyncIterator[str | None]:
    """Serve the page while the context lasts; None and nothing without an address.

    The token, the webhook's secret and the hosts that settings may newly allow come from
    the environment. Raises
    click.UsageError where nobody can listen there or nobody would be answered.
    """
    if address is None:
        yield None
        return
    from switchbot_automation.web import serve  # noqa: PLC0415 - 2 MB that a `run` without a page spares

    serving = serve(
        engine,
        *address,
        token=tokens(),
        webhook_secret=os.environ.get(WEBHOOK_SECRET) or None,
        webhook_allowed_hosts=os.environ.get(ALLOWED_HOSTS, "")
        .replace(",", " ")
        .split(),
        **options,
    )
    try:
        url = await serving.__aenter__()
    except ValueError as error:
        raise click.UsageError(f"--web: {error_words(error)} ({TOKEN})") from error
    except OSError as error:
        raise click.UsageError(f"--web: {error.strerror or error}") from error
    try:
        yield url
    finally:
        await serving.__aexit__(None, None, None)
