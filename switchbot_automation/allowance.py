"""How much of something whoever is not trusted with more may have in a while. No clock."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_KEYS: Final = 4096
"""So many keys are remembered."""


class Allowance:
    """So many at once by each key and by all, and so many again with every second.

    `all_at_once` None sets no limit for all together. Keys that were not heard of for
    longest are forgotten beyond `most_keys`, so a flood of them costs no memory.

    >>> seconds = iter([0.0, 0.0, 0.0, 60.0])
    >>> budget = Allowance(2, 1 / 60, now=lambda: next(seconds))
    >>> [budget.take("192.0.2.1") for _ in range(4)]
    [True, True, False, True]
    """

    def __init__(
        self,
        at_once: float,
        per_second: float,
        *,
        now: Callable[[], float],
        all_at_once: float | None = None,
        all_per_second: float = 0.0,
        most_keys: int = MOST_KEYS,
    ) -> None:
        self._most_keys = most_keys
        self._at_once = at_once
        self._per_second = per_second
        self._all_at_once = all_at_once
        self._all_per_second = all_per_second
        self._now = now
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._left_of_all = (all_at_once or 0.0, now())

    def take(self, key: str) -> bool:
        """Take one; false where none is left, and then nothing is taken."""
        now = self._now()
        left, at = self._left.pop(key, (self._at_once, now))
        left = min(self._at_once, left + (now - at) * self._per_second)
        good = left >= 1.0 and self._take_of_all(now)
        self._left[key] = (left - good, now)
        if len(self._left) > self._most_keys:
            self._left.popitem(last=False)
        return good

    def has_any(self, key: str) -> bool:
        """Tell whether one would be left by the key; of all together nothing is said."""
        left, at = self._left.get(key, (self._at_once, 0.0))
        earned = (self._now() - at) * self._per_second if key in self._left else 0.0
        return min(self._at_once, left + earned) >= 1.0

    def _take_of_all(self, now: float) -> bool:
        if self._all_at_once is None:
            return True
        left, at = self._left_of_all
        left = min(self._all_at_once, left + (now - at) * self._all_per_second)
        good = left >= 1.0
        self._left_of_all = (left - good, now)
        return good
