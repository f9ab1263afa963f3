"""Server-sent events: `GET /api/events`."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from switchbot_automation.languages import worded
from switchbot_automation.web.guard import RequestRefusedError, Who, who_asks
from switchbot_automation.web.request import VARY, site_of, takes_gzip
from switchbot_automation.web.shared_gzip import SharedGzip

WRITE_SECONDS: Final = 10.0


async def events(request: web.Request) -> web.StreamResponse:
    """Send every event of the engine as it happens, and the whole home after each tick.

    With `changes=1` it is the whole home once, and after each tick `changes`: what of
    it is another, its zones by name; decisions are not told beside it, and it comes
    compressed to who takes that.
    `Last-Event-ID` brings what was missed meanwhile. Whoever does not read in time is
    let go, and whoever logged out is told nothing more.
    """
    live = site_of(request).live
    if live.full:
        raise RequestRefusedError(
            503,
            "too_many_listeners",
            worded("try again"),
            headers={"Retry-After": "10"},
        )
    changes = request.query.get("changes") == "1"
    packed = SharedGzip() if changes and takes_gzip(request) else None
    response = web.StreamResponse(
        headers={
            "Vary": VARY,
            "Content-Type": "text/event-stream; charset=utf-8",
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
        }
    )
    if packed is not None:
        response.headers["Content-Encoding"] = "gzip"
    stream = _Stream(request, response, packed)

    def ended() -> bool:
        return may_end and who_asks(site_of(request), request) is Who.NOBODY

    # Whether it is this machine, or a host's, stays as it is for as long as it is connected.
    may_end = who_asks(site_of(request), request) in {Who.BEARER, Who.SESSION}
    seen = request.headers.get("Last-Event-ID", "")[:40]
    queue, missed = live.join(seen, changes=changes, gone=stream.gone)
    try:
        await response.prepare(request)
        # The home comes last and is the same for all who come; what was missed is not.
        for first in (b"retry: 3000\n\n" + b"".join(missed[:-1]), missed[-1]):
            await stream.write(first)
        while (frame := await queue.get()) is not None and not ended():
            await stream.write(frame)
        await stream.write(None)
    except ConnectionError:
        # It went away, or does not read: nobody is left to be told.
        stream.cut()
    finally:
        live.leave(queue)
    return response


class _Stream:
    """What one listener is sent. A look each second at all of them sees who does not read.

    A time limit for each piece of each of them would cost more than to send it.
    """

    __slots__ = ("_packed", "_request", "_response", "_writing_since")

    def __init__(
        self,
        request: web.Request,
        response: web.StreamResponse,
        packed: SharedGzip | None,
    ) -> None:
        self._request = request
        self._response = response
        self._packed = packed
        self._writing_since: float | None = None

    async def write(self, data: bytes | None) -> None:
        """Send a piece, compressed to who takes that; None for the end.

        Raises ConnectionError where nobody is there any more.
        """
        if self._packed is not None:
            data = self._packed.end() if data is None else self._packed.add(data)
        if data is not None:
            self._writing_since = asyncio.get_running_loop().time()
            await self._response.write(data)
            self._writing_since = None

    def gone(self) -> bool:
        """Tell whether nobody is there; who does not read for 10 s is cut off."""
        since = self._writing_since
        now = asyncio.get_running_loop().time()
        if since is not None and now - since >= WRITE_SECONDS:
            self.cut()
        transport = self._request.transport
        return transport is None or transport.is_closing()

    def cut(self) -> None:
        """End the connection, and what is still to be sent."""
        if self._request.transport is not None:
            self._request.transport.abort()
