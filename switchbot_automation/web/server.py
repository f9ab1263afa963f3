"""Serve the application by itself, for programs that have no web server."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import web

from switchbot_automation.web.access_log import RedactingAccessLogger
from switchbot_automation.web.app import create_app
from switchbot_automation.web.guard import is_own_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from switchbot_automation.engine import AutomationEngine

_KEEP_ALIVE_SECONDS = 75.0
_SHUTDOWN_SECONDS = 3.0


@asynccontextmanager
async def serve(
    engine: AutomationEngine,
    host: str = "127.0.0.1",
    port: int = 8080,
    **options: Any,
) -> AsyncIterator[str]:
    """Serve `create_app(engine, **options)` and give its address, as a context.

    `port` 0 takes a free one. Raises OSError where nobody may listen there, ValueError
    for an address beyond this machine without a token, which would answer nobody.
    """
    if not (
        is_own_name(host) or options.get("token") or options.get("host_authenticates")
    ):
        raise ValueError(
            f"{host}: beyond this machine nobody is answered without a token"
        )
    runner = web.AppRunner(
        create_app(engine, **options),
        access_log_class=RedactingAccessLogger,
        keepalive_timeout=_KEEP_ALIVE_SECONDS,
        shutdown_timeout=_SHUTDOWN_SECONDS,
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        bound = runner.addresses[0][1]
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{bound}/"
    finally:
        await runner.cleanup()
