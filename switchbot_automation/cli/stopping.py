"""Ctrl-C and SIGTERM: how each kind of work is ended cleanly."""

from __future__ import annotations

import asyncio
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

from switchbot_automation.cli.output import INTERRUPTED, OK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

# A closed terminal hangs up; that must cost no row of the history either.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C end work that hardly ever waits.

    asyncio's own handler cancels the main task, which a simulation notices only at its
    end: it never gives the loop a turn. With any other handler in place asyncio leaves
    the signal alone (`asyncio.Runner`).
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def stop_requested() -> Iterator[asyncio.Future[int]]:
    """Give a future that a first Ctrl-C, SIGTERM or SIGHUP completes with the exit code.

    Until the end of the context further SIGTERMs change nothing, since supervisors
    repeat them; a second Ctrl-C ends the process at once, should the clean end take too
    long for the person who waits.
    """
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[int] = loop.create_future()
    # `nohup` has the hang-up ignored on purpose.
    nohup = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    numbers = [each for each in _SIGNALS if not (nohup and each == signal.SIGHUP)]

    def requested(number: signal.Signals) -> None:
        if not stop.done():
            stop.set_result(INTERRUPTED if number == signal.SIGINT else OK)
        loop.remove_signal_handler(signal.SIGINT)

    for number in numbers:
        loop.add_signal_handler(number, requested, number)
    try:
        yield stop
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
