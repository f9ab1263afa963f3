"""What takes long is done beside the event loop, which others wait for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from switchbot_automation.outside.bounds import is_too_large

if TYPE_CHECKING:
    from collections.abc import Callable

_P = ParamSpec("_P")
_T = TypeVar("_T")

# As many as are gone through within some milliseconds, whatever is done with them.
_AT_ONCE = 200


async def aside(
    document: Any, work: Callable[_P, _T], *args: _P.args, **options: _P.kwargs
) -> _T:
    """Do some work: at once where the `document` that it is about is small, else in a thread.

    The language and the degrees that are spoken are the same there.
    """
    if is_too_large(document, _AT_ONCE):
        return await asyncio.to_thread(work, *args, **options)
    return work(*args, **options)
