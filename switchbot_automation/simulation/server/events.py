"""Delivery of events as the cloud does it: over HTTP, once and unsigned; by a broker."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from switchbot_automation.simulation.home import SimulatedHome
    from switchbot_automation.simulation.server.broker import Broker

_LOGGER = logging.getLogger(__name__)
_PERIOD_SECONDS = 1.0
_TIMEOUT = aiohttp.ClientTimeout(total=5.0)


class EventDelivery:
    """Sends a home's due events to the URL that its account set up, and to a broker.

    An event that does not arrive is not sent again, as users found.
    """

    def __init__(self, home: SimulatedHome, broker: Broker | None = None) -> None:
        self._home = home
        self._broker = broker
        if broker is not None:
            # Whether anybody listens there, only the broker knows.
            home.push.wanted = True
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Keep the home up to date and deliver every second, in a task."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="switchbot-events")

    async def stop(self) -> None:
        """End the task."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def deliver(self) -> int:
        """Send what is due now; return how many a webhook took."""
        self._home.advance()
        events = self._home.push.due_events()
        if self._broker is not None:
            for event in events:
                await self._broker.publish(event)
        webhook = self._home.push.webhook
        if not events or webhook is None or not webhook["enable"]:
            return 0
        arrived = 0
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            for event in events:
                try:
                    async with session.post(webhook["url"], json=event) as response:
                        arrived += response.ok
                except (aiohttp.ClientError, TimeoutError) as error:
                    _LOGGER.info("an event did not arrive: %s", type(error).__name__)
        return arrived

    async def _run(self) -> None:
        while True:
            await self.deliver()
            await asyncio.sleep(_PERIOD_SECONDS)
