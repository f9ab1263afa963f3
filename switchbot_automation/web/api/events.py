"""Server-sent events: `GET /api/events`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiohttp import web

from switchbot_automation.languages import worded
from switchbot_automation.web.guard import RequestRefusedError, Who, who_asks
from switchbot_automation.web.request import VARY, site_of, takes_gzip
from switchbot_automation.web.shared_gzip import SharedGzip

if TYPE_CHECKING:
    from switchbot_automation.web.live import Queue

# Proxies end what is silent for a minute; a browser that went away is noticed too.
HEARTBEAT_SECONDS: Final = 15.0
WRITE_SECONDS: Final = 10.0

_COMMENT = b": still here\n\n"


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

    def ended() -> bool:
        return was_known and who_asks(site_of(request), request) is Who.NOBODY

    def gone() -> bool:
        return request.transport is None or request.transport.is_closing()

    was_known = who_asks(site_of(request), request) is not Who.NOBODY
    seen = request.headers.get("Last-Event-ID", "")[:40]
    queue, missed = live.join(seen, changes=changes, gone=gone)
    try:
        await response.prepare(request)
        # The home comes last and is the same for all who come; what was missed is not.
        for first in (b"retry: 3000\n\n" + b"".join(missed[:-1]), missed[-1]):
            await _write(response, first, packed)
        while True:
            frame = await _next(queue)
            if frame is None or ended():
                break
            await _write(response, frame, packed)
        await _write(response, None, packed)
    except (ConnectionError, TimeoutError):
        # It went away, or does not read: nobody is left to be told.
        if request.transport is not None:
            request.transport.abort()
    finally:
        live.leave(queue)
    return response


async def _next(queue: Queue) -> bytes | None:
    """Return what is told next, or that the server is still here; None for the end."""
    try:
        async with asyncio.timeout(HEARTBEAT_SECONDS):
            return await queue.get()
    except TimeoutError:
        return _COMMENT


async def _write(
    response: web.StreamResponse, data: bytes | None, packed: SharedGzip | None
) -> None:
    """Write a piece, compressed where `packed` is; None for the end."""
    if packed is not None:
        data = packed.end() if data is None else packed.add(data)
    if data is not None:
        async with asyncio.timeout(WRITE_SECONDS):
            await response.write(data)
