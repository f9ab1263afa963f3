"""Blocks of rows written while the next one is being read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Future

    from switchbot_store.history.model import HistorySample


def written(
    blocks: Iterable[Sequence[HistorySample]],
    write: Callable[[Sequence[HistorySample]], int],
) -> int:
    """Hand each block to `write`, in order; return the sum of its answers.

    Two blocks are in memory at most. What `write` raises is raised here, and nothing
    further is read.
    """
    total = 0
    pending: Future[int] | None = None
    with ThreadPoolExecutor(1, thread_name_prefix="history-import") as writer:
        for block in blocks:
            if pending is not None:
                total += pending.result()
            pending = writer.submit(write, block)
        return total if pending is None else total + pending.result()
