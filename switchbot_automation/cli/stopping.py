"""Ctrl-C and SIGTERM: how each kind of work is ended cleanly."""

from __future__ import annotations

import asyncio
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

from switchbot_automation.cli.output import INTERRUPTED, OK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import FrameType

# A closed terminal hangs up; that must cost no row of the history either.
_HANG_UP = getattr(signal, "SIGHUP", None)  # not on Windows
_SIGNALS = tuple(filter(None, (signal.SIGINT, signal.SIGTERM, _HANG_UP)))


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
    nohup = _HANG_UP and signal.getsignal(_HANG_UP) == signal.SIG_IGN
    numbers = [each for each in _SIGNALS if not (nohup and each == _HANG_UP)]

    def requested(number: signal.Signals) -> None:
        if not stop.done():
            stop.set_result(INTERRUPTED if number == signal.SIGINT else OK)
        release(signal.SIGINT)

    release = _listen(loop, numbers, requested)
    try:
        yield stop
    finally:
        for number in numbers:
            release(number)


def _listen(
    loop: asyncio.AbstractEventLoop,
    numbers: Iterable[signal.Signals],
    requested: Callable[[signal.Signals], None],
) -> Callable[[signal.Signals], object]:
    """Have the loop told of signals; return what gives one back to who had it."""
    try:
        for number in numbers:
            loop.add_signal_handler(number, requested, number)
    except NotImplementedError:
        # Windows' loop takes none; the interpreter does, between two steps of its own.
        before = {
            number: signal.signal(
                number,
                lambda number, _frame: loop.call_soon_threadsafe(
                    requested, signal.Signals(number)
                ),
            )
            for number in numbers
        }
        return lambda number: signal.signal(number, before[number])
    return loop.remove_signal_handler
