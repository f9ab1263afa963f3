"""What a service manager is told: that it runs, that it still lives, that it stops.

The protocol is systemd's `sd_notify(3)`: a datagram of ``NAME=value`` lines to the socket
that `NOTIFY_SOCKET` names. Without that variable nothing is done.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

_LOGGER = logging.getLogger(__name__)

_MICROSECONDS: Final = 1_000_000
# As systemd's manual advises: twice in the time after which it gives up.
_TWICE: Final = 2


@asynccontextmanager
async def told_to_the_manager(
    is_live: Callable[[], Awaitable[bool]],
) -> AsyncIterator[None]:
    """Say that the service is ready, that it lives while `is_live`, then that it stops.

    A service whose ticks stopped coming is not called live any more, so that systemd starts
    it anew after its `WatchdogSec`.
    """
    _notify("READY=1")
    watchdog = asyncio.create_task(_alive(is_live)) if _interval() else None
    try:
        yield
    finally:
        _notify("STOPPING=1")
        if watchdog is not None:
            watchdog.cancel()
            # What went wrong with it is raised here; until then nothing was told.
            with suppress(asyncio.CancelledError):
                await watchdog


async def _alive(is_live: Callable[[], Awaitable[bool]]) -> None:
    while seconds := _interval():
        if await is_live():
            _notify("WATCHDOG=1")
        else:
            _LOGGER.error("no tick comes any more; the service manager is not told OK")
        await asyncio.sleep(seconds)


def _interval() -> float:
    """Return how often the manager wants to hear, in seconds; 0 for never."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    for_us = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    if not (microseconds.isascii() and microseconds.isdigit() and for_us):
        return 0.0
    return int(microseconds) / _MICROSECONDS / _TWICE


def _notify(text: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # Linux's abstract names
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        try:
            out.sendto(text.encode(), address)
        except OSError as error:
            _LOGGER.warning("the service manager is not reached: %s", error.strerror)
