"""Serve the application by itself, for programs that have no web server."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from switchbot_automation.web.access_log import RedactingAccessLogger
from switchbot_automation.web.app import create_app
from switchbot_automation.web.guard import is_own_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp.typedefs import Handler

    from switchbot_automation.engine import AutomationEngine

MOST_CONNECTIONS: Final = 1000
_KEEP_ALIVE_SECONDS = 75.0
_SHUTDOWN_SECONDS = 3.0
# So long the rest of a body that was refused is read, for the answer to arrive.
_LINGERING_SECONDS = 1.0


@asynccontextmanager
async def serve(
    engine: AutomationEngine,
    host: str = "127.0.0.1",
    port: int = 8080,
    *,
    first_request_seconds: float = 10.0,
    **options: Any,
) -> AsyncIterator[str]:
    """Serve `create_app(engine, **options)` and give its address, as a context.

    `port` 0 takes a free one. A connection whose first request is not complete after
    `first_request_seconds` is closed, and one beyond `MOST_CONNECTIONS` at once.

    Raises OSError where nobody may listen there, ValueError for an address beyond this
    machine without a token, where nobody would be answered.
    """
    if not (
        is_own_name(f"[{host}]" if ":" in host else host)
        or options.get("token")
        or options.get("host_authenticates")
    ):
        raise ValueError(
            f"{host}: beyond this machine nobody is answered without a token"
        )
    app = create_app(engine, **options)
    door = _Door(first_request_seconds)
    app.middlewares.insert(0, door.middleware)
    runner = web.AppRunner(
        app,
        access_log_class=RedactingAccessLogger,
        keepalive_timeout=_KEEP_ALIVE_SECONDS,
        shutdown_timeout=_SHUTDOWN_SECONDS,
        lingering_time=_LINGERING_SECONDS,
    )
    await runner.setup()
    try:
        async with door.open(runner, host, port) as address:
            yield address
    finally:
        await runner.cleanup()


class _Door:
    """Lets connections in, and those out again that never ask for anything.

    aiohttp waits for a first request for ever.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._silent: set[asyncio.Protocol] = set()

    @asynccontextmanager
    async def open(
        self, runner: web.AppRunner, host: str, port: int
    ) -> AsyncIterator[str]:
        server = runner.server
        if server is None:
            raise RuntimeError("the runner was not set up")
        loop = asyncio.get_running_loop()

        def connect() -> asyncio.Protocol:
            protocol = server()
            self._silent.add(protocol)
            full = len(server.connections) >= MOST_CONNECTIONS
            loop.call_later(0 if full else self._seconds, self._let_go, protocol)
            return protocol

        listening = await loop.create_server(connect, host, port, backlog=256)
        try:
            bound = listening.sockets[0].getsockname()[1]
            shown = f"[{host}]" if ":" in host else host
            yield f"http://{shown}:{bound}/"
        finally:
            listening.close()

    def _let_go(self, protocol: web.RequestHandler) -> None:
        if protocol in self._silent:
            self._silent.discard(protocol)
            protocol.force_close()

    @web.middleware
    async def middleware(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        """Note that a request came in whole."""
        self._silent.discard(request.protocol)
        return await handler(request)
