"""Which event loop the commands run on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

_T = TypeVar("_T")


def on_a_loop(work: Coroutine[Any, Any, _T]) -> _T:
    """Do work on a loop that watches sockets, as MQTT and PostgreSQL's driver need it.

    Windows' own does not, and has another beside it that does.
    """
    watching = hasattr(asyncio, "ProactorEventLoop")
    factory = asyncio.SelectorEventLoop if watching else None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(work)
