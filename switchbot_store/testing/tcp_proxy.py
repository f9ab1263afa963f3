"""A loopback proxy in front of PostgreSQL that counts, delays and breaks."""

from __future__ import annotations

import asyncio
import contextlib
import selectors
import socket
import struct
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, TypeVar

from switchbot_store.testing.frontend_messages import (
    GSS_REQUEST,
    SSL_REQUEST,
    StatementReader,
    is_transaction_control,
)

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Coroutine

_Result = TypeVar("_Result")
_CHUNK = 1 << 16
_LINGER_RESET = struct.pack("ii", 1, 0)


@dataclass(eq=False)
class _Link:
    """One client's connection and its twin to the server."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    reader: StatementReader = field(default_factory=StatementReader)
    swallow: bool = False
    reset_at_reply: bool = False
    client_spoke_last: bool = False

    def reset(self) -> None:
        """Send RST to both sides."""
        for writer in (self.client, self.server):
            _reset(writer)


class TcpProxy:
    """Forwards 127.0.0.1:`port` to PostgreSQL; a context manager with its own thread.

    It answers requests for encryption itself ("no", unless `tls` is given), so it reads
    the protocol in the clear. Counters may be read at any time; `clear` resets them.

    target_port: of the server on `target_host`.
    delay_seconds: added in each direction; may be changed while running.
    tls: a server context to offer to clients; the way to the server stays plain.

    `database_url` is one as ``postgresql://user@127.0.0.1:5432/home``:

    >>> from urllib.parse import urlsplit
    >>> from switchbot_store import PostgresStore
    >>> from switchbot_store.testing import TcpProxy
    >>> port = urlsplit(database_url).port
    >>> with TcpProxy(port) as proxy:
    ...     through = database_url.replace(f":{port}", f":{proxy.port}")
    ...     with PostgresStore(through) as store:
    ...         store.set("settings", {"mode": "winter"})
    ...         proxy.clear()
    ...         store.get("settings"), proxy.round_trips
    ({'mode': 'winter'}, 1)
    """

    def __init__(
        self,
        target_port: int,
        *,
        target_host: str = "127.0.0.1",
        delay_seconds: float = 0.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.port = 0
        self.delay_seconds = delay_seconds
        self.statements: list[str] = []
        self.round_trips: int = 0
        self.connections: int = 0
        self._target = (target_host, target_port)
        self._tls = tls
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._listener: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._swallow = False
        self._cut_before: str | None = None
        self._lose_reply_to: str | None = None

    # life

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Listen; `port` is known afterwards."""
        # select() waits with microseconds, epoll rounds up to whole milliseconds.
        self._loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="tcp-proxy", daemon=True
        )
        self._thread.start()
        self.accept()

    def close(self) -> None:
        """Reset every connection and stop listening."""
        if self._loop is None or self._thread is None:
            return
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = self._thread = None

    # what was said

    @property
    def transaction_statements(self) -> list[str]:
        """BEGIN, COMMIT and their like among `statements`."""
        return [text for text in self.statements if is_transaction_control(text)]

    def clear(self) -> None:
        """Forget what was counted."""

        async def forget() -> None:
            self.statements = []
            self.round_trips = self.connections = 0

        self._call(forget())

    # faults

    def black_hole(self) -> None:
        """Swallow every byte of the present and of new connections, silently.

        The kernel acknowledges them, so that no end sees an error. A connection once
        swallowed stays so: part of its conversation is missing.
        """

        async def begin() -> None:
            self._swallow = True
            for link in self._links:
                link.swallow = True

        self._call(begin())

    def pass_through(self) -> None:
        """Let new connections work again after `black_hole`."""

        async def end() -> None:
            self._swallow = False

        self._call(end())

    def refuse(self) -> None:
        """Stop listening: new connections are refused, present ones go on."""

        async def unlisten() -> None:
            if self._listener is not None:
                # Not wait_closed(): since 3.12 that waits for present connections.
                self._listener.close()
                self._listener = None

        self._call(unlisten())

    def accept(self) -> None:
        """Listen, again on the same port after `refuse`."""

        async def listen() -> None:
            self._listener = await asyncio.start_server(
                self._serve, "127.0.0.1", self.port, reuse_address=True
            )
            self.port = self._listener.sockets[0].getsockname()[1]

        self._call(listen())

    def reset(self) -> None:
        """Send RST on every present connection, to both ends."""
        self._each(_Link.reset)

    def half_close(self) -> None:
        """Send FIN to every client and go on reading what it says."""
        self._each(lambda link: link.client.write_eof())

    def cut_before(self, text: str) -> None:
        """Reset at the next statement that contains `text`; the server never sees it."""
        self._cut_before = text

    def lose_reply_to(self, text: str) -> None:
        """Let the next statement with `text` happen, and reset instead of its reply."""
        self._lose_reply_to = text

    # inside: everything below runs on the proxy's own loop

    def _call(self, work: Coroutine[object, object, _Result]) -> _Result:
        if self._loop is None:
            work.close()
            raise RuntimeError("the proxy is not running")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def _each(self, fault: Callable[[_Link], None]) -> None:
        async def apply() -> None:
            for link in list(self._links):
                with contextlib.suppress(OSError):
                    fault(link)

        self._call(apply())

    async def _close(self) -> None:
        if self._listener is not None:
            self._listener.close()
        for link in list(self._links):
            link.reset()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(
        self, reader: asyncio.StreamReader, client: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        # Cancelled by close(): streams before Python 3.12 log a cancelled handler.
        expected = (OSError, asyncio.IncompleteReadError, asyncio.CancelledError)
        with contextlib.suppress(*expected):
            try:
                await self._converse(reader, client)
            finally:
                client.close()

    async def _converse(
        self, reader: asyncio.StreamReader, client: asyncio.StreamWriter
    ) -> None:
        startup = await self._negotiate(reader, client)
        server_reader, server = await asyncio.open_connection(*self._target)
        link = _Link(client, server, swallow=self._swallow)
        for writer in (client, server):
            connection: socket.socket = writer.get_extra_info("socket")
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._links.add(link)
        try:
            if not link.swallow:
                self._turn(link)
                self._later(server, startup)
            await _first_of(
                self._pump(reader, lambda data: self._from_client(link, data)),
                self._pump(server_reader, lambda data: self._from_server(link, data)),
            )
            # What was still on its way arrives before the end does.
            await asyncio.sleep(self.delay_seconds)
        finally:
            self._links.discard(link)
            server.close()

    async def _negotiate(
        self, reader: asyncio.StreamReader, client: asyncio.StreamWriter
    ) -> bytes:
        """Answer requests for encryption; return the startup (or cancel) packet."""
        while True:
            head = await reader.readexactly(8)
            length, code = struct.unpack("!II", head)
            if code not in (SSL_REQUEST, GSS_REQUEST):
                return head + await reader.readexactly(length - 8)
            if self._swallow:
                continue
            offered = self._tls if code == SSL_REQUEST else None
            self._later(client, b"S" if offered else b"N")
            if offered:
                await asyncio.sleep(2 * self.delay_seconds)
                await client.start_tls(offered)

    async def _pump(
        self, reader: asyncio.StreamReader, forward: Callable[[bytes], None]
    ) -> None:
        while data := await reader.read(_CHUNK):
            forward(data)

    def _from_client(self, link: _Link, data: bytes) -> None:
        if link.swallow:
            return
        self._turn(link)
        for statement in link.reader.feed(data):
            if self._cut_before and self._cut_before in statement:
                self._cut_before = None
                link.reset()
                return
            self.statements.append(statement)
            if self._lose_reply_to and self._lose_reply_to in statement:
                self._lose_reply_to = None
                link.reset_at_reply = True
        self._later(link.server, data)

    def _from_server(self, link: _Link, data: bytes) -> None:
        if link.swallow:
            return
        if link.reset_at_reply:
            link.reset()
            return
        link.client_spoke_last = False
        self._later(link.client, data)

    def _turn(self, link: _Link) -> None:
        if not link.client_spoke_last:
            link.client_spoke_last = True
            self.round_trips += 1

    def _later(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        if self.delay_seconds and self._loop is not None:
            self._loop.call_later(self.delay_seconds, _write, writer, data)
        else:
            _write(writer, data)


def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    if not writer.is_closing():
        writer.write(data)


def _reset(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket | None = writer.get_extra_info("socket")
    if connection is not None:  # a TLS transport that is closed already has none
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
    writer.transport.abort()


async def _first_of(*work: Awaitable[None]) -> None:
    """Run all until one ends, then cancel the rest."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
