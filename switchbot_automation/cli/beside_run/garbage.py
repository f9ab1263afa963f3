"""What the garbage collector leaves alone while `run`, or a fleet's worker, runs.

What is free by then goes back to the system.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from switchbot_automation.engine.tell.events import DecisionMade

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from switchbot_automation.engine import AutomationEngine
    from switchbot_automation.engine.tell.events import Event

# By the variable that sets it for any program: the parameter's number in glibc, and bytes.
_HEAP: Final = {
    "MALLOC_ARENA_MAX": (-8, 1),
    "MALLOC_TRIM_THRESHOLD_": (-1, 256 * 1024),
    "MALLOC_MMAP_THRESHOLD_": (-3, 256 * 1024),
}


@asynccontextmanager
async def what_stays_left_alone(engine: AutomationEngine) -> AsyncIterator[None]:
    """Search for garbage in what came after the first tick only, while the context lasts.

    What reading the modules took and freed is given back then: no later tick needs as much.
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
    gc.unfreeze()  # what the command left alone when it began
    gc.collect()
    gc.freeze()
    _give_back()


def _give_back() -> None:
    """Return to the system what is free between what is used, where the C library can.

    glibc alone keeps such pages, 2 to 3 MB once all is imported, until it is told
    (https://man7.org/linux/man-pages/man3/malloc_trim.3.html).
    """
    trim = _of_the_c_library("malloc_trim")
    if trim is not None:
        trim(0)


def share_one_heap() -> None:
    """Let the threads to come take of one heap, and large pieces go back once they are free.

    glibc gives each thread a heap of its own, of which none has much use here, and takes
    larger and larger pieces from the heap once one was freed, which then never shrinks
    (https://man7.org/linux/man-pages/man3/mallopt.3.html). What is set in the environment
    stands.
    """
    option = _of_the_c_library("mallopt")
    if option is None:
        return
    for name, (parameter, value) in _HEAP.items():
        if name not in os.environ:
            option(parameter, value)


def _of_the_c_library(name: str) -> Callable[..., int] | None:
    if os.name != "posix":
        return None
    found: Callable[..., int] | None = getattr(ctypes.CDLL(None), name, None)
    return found
