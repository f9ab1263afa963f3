"""Serve the application by itself, for programs that have no web server."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from switchbot_automation.languages import worded
from switchbot_automation.web.access_log import RedactingAccessLogger, quiet_logger
from switchbot_automation.web.app import create_app
from switchbot_automation.web.guard import Entrance, is_own_name, network_of
from switchbot_automation.web.porch import Porch
from switchbot_automation.web.request import ENTRANCE, dress

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Callable

    from aiohttp.typedefs import Handler

    from switchbot_automation.engine import AutomationEngine

_ACCESS: Final = logging.getLogger("aiohttp.access")
MOST_CONNECTIONS: Final = 1000
_KEEP_ALIVE_SECONDS = 75.0
_SHUTDOWN_SECONDS = 3.0
# So long the rest of a body that was refused is read, for the answer to arrive.
_LINGERING_SECONDS = 1.0
MOST_STRANGERS: Final = 500
"""Connections, half as many from one address; fewer where few files may be open."""
MOST_OF_ONE_SENDER: Final = 32
"""Connections of who knows no more than one URL of events; of all of them half of all."""


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

    `port` 0 takes a free one. There are at most `MOST_CONNECTIONS`. A connection whose first request is not complete after
    `first_request_seconds` is closed. Of connections whose requests all came from
    strangers there are at most `MOST_STRANGERS`, and half as many from one address; of who
    sends events there are at most `MOST_OF_ONE_SENDER`. The oldest makes room for the next.

    Raises OSError where nobody may listen there, ValueError for an address beyond this
    machine without a token, where nobody would be answered.
    """
    refuse_unseen(host, known=options.get("token") or options.get("host_authenticates"))
    app = create_app(engine, **options)
    async with serve_app(app, host, port, first_request_seconds) as address:
        yield address


@asynccontextmanager
async def serve_app(
    app: web.Application,
    host: str,
    port: int,
    first_request_seconds: float = 10.0,
    *,
    access_log: bool = True,
) -> AsyncIterator[str]:
    """Serve an application with an entrance of its own as `serve` does, and as bounded.

    `access_log`: whether there is a line for each request. Raises OSError where nobody may listen there.
    """
    entrance = app[ENTRANCE]
    options: dict[str, Any] = {
        "access_log": _ACCESS if access_log else None,
        "access_log_class": RedactingAccessLogger,
        "logger": quiet_logger(),
        "keepalive_timeout": _KEEP_ALIVE_SECONDS,
        "lingering_time": _LINGERING_SECONDS,
    }
    door = _Door(entrance, first_request_seconds, options)
    entrance.strangers.door = door.known
    app.middlewares.insert(0, door.middleware)
    runner = web.AppRunner(app, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        async with door.open(runner, host, port) as address:
            yield address
    finally:
        await runner.cleanup()


def refuse_unseen(host: str, *, known: object) -> None:
    """Raise ValueError for an address beyond this machine where nobody is `known`."""
    if not (known or is_own_name(f"[{host}]" if ":" in host else host)):
        raise ValueError(
            worded(
                "{host}: beyond this machine nobody is answered without a token",
                host=host,
            )
        )


class _Visit(web.RequestHandler):
    """A connection, of which what is no HTTP is not told either by what it is served."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what no application hears of, under the headers of all answers."""
        response = super().handle_error(request, status, exc, message)
        dress(response)
        return response


class _Door:
    """Lets connections in, and strangers out again to make room for the next.

    A connection is a stranger's until a request of it was somebody's who is known. They
    have `seconds`, and few places: the oldest makes room, never the newest, so that
    whoever is known gets in however many knock. aiohttp waits for a first request for
    ever, and has no places. Who knows a URL of events has few places too, and nobody
    else's: it says what devices measured, and nothing of who else is answered.
    """

    def __init__(self, site: Entrance, seconds: float, options: dict[str, Any]) -> None:
        self._site = site
        self._seconds = seconds
        self._options = options
        self._most = min(MOST_STRANGERS, _files() // 4)
        self._strangers: dict[web.RequestHandler, str] = {}
        self._senders: dict[web.RequestHandler, str] = {}
        self._answering: set[web.RequestHandler] = set()

    @asynccontextmanager
    async def open(
        self, runner: web.AppRunner, host: str, port: int
    ) -> AsyncIterator[str]:
        server = runner.server
        if server is None:
            raise RuntimeError("the runner was not set up")
        loop = asyncio.get_running_loop()
        tasks: set[asyncio.Task[Any]] = set()

        def known_one() -> web.RequestHandler:
            return _Visit(server, loop=loop, **self._options)

        def connect() -> asyncio.Protocol:
            protocol = known_one()
            loop.call_soon(self._meet, protocol)
            return protocol

        def let_in(visitor: socket.socket, known: bool) -> None:
            if self._full(server):
                visitor.close()
                return
            make = known_one if known else connect
            task = loop.create_task(_connected(loop, make, visitor))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        porch = Porch(self._site, let_in, seconds=self._seconds, most=self._most)
        bound = await porch.open(host, port)
        try:
            shown = f"[{host}]" if ":" in host else host
            yield f"http://{shown}:{bound}/"
        finally:
            porch.close()

    def _full(self, server: web.Server) -> bool:
        """Tell whether all places of those who are known are taken.

        A connection that was told to close stays in aiohttp's list until the loop comes to
        it, and is no stranger's any more: a flood of strangers is no reason to refuse.
        """
        known = len(server.connections) - len(self._strangers)
        if known < MOST_CONNECTIONS:
            return False
        open_ones = sum(
            each not in self._strangers
            and each.transport is not None
            and not each.transport.is_closing()
            for each in server.connections
        )
        return open_ones >= MOST_CONNECTIONS

    def _meet(self, protocol: web.RequestHandler) -> None:
        loop = asyncio.get_running_loop()
        if protocol.transport is None:
            # It is made before its transport is, by a callback or two.
            loop.call_soon(self._greet, protocol)
        else:
            self._greet(protocol)

    def _greet(self, protocol: web.RequestHandler) -> None:
        if protocol.transport is None:
            return  # it went away at once
        peer = protocol.transport.get_extra_info("peername")
        address = network_of(str(peer[0])) if isinstance(peer, tuple) else ""
        self._strangers[protocol] = address
        asyncio.get_running_loop().call_later(self._seconds, self._let_go, protocol)
        if len(self._strangers) > self._most:
            self._make_room(self._strangers, self._most, None)
        of_one = sum(each == address for each in self._strangers.values())
        if of_one > max(1, self._most // 2):
            self._make_room(self._strangers, max(1, self._most // 2), address)

    def _make_room(
        self, places: dict[web.RequestHandler, str], most: int, whose: str | None
    ) -> None:
        """Let the oldest go until there are `most`, of all or of one address or sender."""
        for gone in [each for each in places if each.transport is None]:
            del places[gone]
        those = [each for each, of in places.items() if whose in {None, of}]
        surplus = len(those) - most
        # The newest stays, and whoever is just being answered goes last.
        del those[-1:]
        those.sort(key=self._answering.__contains__)
        for each in those[: max(0, surplus)]:
            self._close(each)

    def _let_go(self, protocol: web.RequestHandler) -> None:
        if protocol not in self._strangers:
            return
        if protocol in self._answering:
            loop = asyncio.get_running_loop()
            loop.call_later(self._seconds, self._let_go, protocol)
        else:
            self._close(protocol)

    def _close(self, protocol: web.RequestHandler) -> None:
        self._strangers.pop(protocol, None)
        self._senders.pop(protocol, None)
        protocol.force_close()

    def known(self, request: web.BaseRequest, sender: str | None) -> None:
        """Note that a request came from somebody known, or from a `sender` of events."""
        protocol = request.protocol
        self._strangers.pop(protocol, None)
        before = self._senders.pop(protocol, None)
        if sender is None:
            return
        self._senders[protocol] = sender
        if before != sender:
            self._make_room(self._senders, MOST_OF_ONE_SENDER, sender)
            self._make_room(self._senders, max(1, MOST_CONNECTIONS // 2), None)

    @web.middleware
    async def middleware(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        """Note who is being answered."""
        protocol = request.protocol
        self._answering.add(protocol)
        try:
            return await handler(request)
        finally:
            self._answering.discard(protocol)


async def _connected(
    loop: asyncio.AbstractEventLoop,
    connect: Callable[[], asyncio.Protocol],
    visitor: socket.socket,
) -> None:
    try:
        await loop.connect_accepted_socket(connect, visitor)
    except OSError:
        visitor.close()  # it went away meanwhile


def _files() -> int:
    """Return how many files and sockets this process may have open."""
    try:
        import resource  # noqa: PLC0415 - absent on Windows
    except ImportError:
        return MOST_STRANGERS * 4
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else MOST_STRANGERS * 4
