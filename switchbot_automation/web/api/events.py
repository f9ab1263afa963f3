"""Server-sent events: `GET /api/events`."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from switchbot_automation.web.request import RequestRefusedError, site_of

# Proxies end what is silent for a minute; a browser that went away is noticed too.
HEARTBEAT_SECONDS: Final = 15.0
WRITE_SECONDS: Final = 10.0

_COMMENT = b": still here\n\n"


async def events(request: web.Request) -> web.StreamResponse:
    """Send every event of the engine as it happens, and the whole home after each tick.

    `Last-Event-ID` brings what was missed meanwhile. Whoever does not read in time is
    let go.
    """
    live = site_of(request).live
    if live.full:
        raise RequestRefusedError(
            503, "too_many_listeners", "try again", headers={"Retry-After": "10"}
        )
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/event-stream; charset=utf-8",
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
        }
    )

    def gone() -> bool:
        return request.transport is None or request.transport.is_closing()

    seen = request.headers.get("Last-Event-ID", "")[:40]
    queue, missed = live.join(seen, gone=gone)
    try:
        await response.prepare(request)
        await _write(response, b"retry: 3000\n\n" + b"".join(missed))
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    frame = await queue.get()
            except TimeoutError:
                frame = _COMMENT
            if frame is None:
                break
            await _write(response, frame)
    except (ConnectionError, TimeoutError):
        # It went away, or does not read: nobody is left to be told.
        if request.transport is not None:
            request.transport.abort()
    finally:
        live.leave(queue)
    return response


async def _write(response: web.StreamResponse, data: bytes) -> None:
    async with asyncio.timeout(WRITE_SECONDS):
        await response.write(data)
