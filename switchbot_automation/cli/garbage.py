"""What the garbage collector leaves alone while `run`, or a fleet's worker, runs."""

from __future__ import annotations

import asyncio
import gc
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from switchbot_automation.engine.tell.events import DecisionMade

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from switchbot_automation.engine import AutomationEngine
    from switchbot_automation.engine.tell.events import Event


@asynccontextmanager
async def what_stays_left_alone(engine: AutomationEngine) -> AsyncIterator[None]:
    """Search for garbage in what came after the first tick only, while the context lasts.

    The modules and what was made of the settings are there until the end. To go through
    them holds the event loop for as long as a whole tick of a small home, every few ticks,
    and finds nothing.
    """
    planned: list[asyncio.Handle] = []

    def hear(event: Event) -> None:
        if isinstance(event, DecisionMade):
            end()
            # After the tick, which made most of what stays.
            loop = asyncio.get_running_loop()
            planned.append(loop.call_soon(leave_alone))

    end = engine.subscribe(hear)
    try:
        yield
    finally:
        end()
        for each in planned:
            each.cancel()
        gc.unfreeze()


def leave_alone() -> None:
    """Search for garbage in what comes from now on only, until this process ends."""
    gc.collect()
    gc.freeze()
