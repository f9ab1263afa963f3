"""How much whoever is not trusted with more may send: how often, how much, how deep. Pure.

What reads a document goes down the stack with every level of it, and Python ends a stack
by raising anywhere. So depth is asked first, without going down.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_KEYS: Final = 4096
"""So many keys are remembered."""


class Allowance:
    """So many at once by each key and by all, and so many again with every second.

    `all_at_once` None sets no limit for all together. Keys that were not heard of for
    longest are forgotten beyond `most_keys`, so a flood of them costs no memory.

    >>> seconds = iter([0.0, 0.0, 0.0, 0.0, 60.0])
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


MOST_LEVELS: Final = 100
"""Far more than any document has, far less than any reader of one stands."""

# What is in more than one place is written once for each: a cycle that leads to itself by
# two ways doubles with every level.
_MOST_PARTS: Final = 2_000_000


def is_too_deep(value: Any, levels: int = MOST_LEVELS) -> bool:
    """Tell whether a JSON value has objects and lists in one another beyond `levels`.

    >>> is_too_deep({"zones": {"office": [1]}}), is_too_deep([[[]]], levels=2)
    (False, True)
    """
    around = [value]
    layer: dict[int, Any] = {id(around): around}
    ways = {id(around): 1}
    for _ in range(levels + 1):
        below: dict[int, Any] = {}
        ways_below: dict[int, int] = {}
        parts = 0
        for key, each in layer.items():
            children = each.values() if isinstance(each, dict) else each
            parts += ways[key] * len(children)
            for child in children:
                if isinstance(child, dict | list | tuple):
                    below[id(child)] = child
                    ways_below[id(child)] = ways_below.get(id(child), 0) + ways[key]
        if parts > _MOST_PARTS:
            return True
        if not below:
            return False
        layer, ways = below, ways_below
    return True


MOST_VALUES: Final = 250_000
"""Of a document: several times what a thousand rooms have, each with windows of its own."""


def is_too_large(value: Any, most: int = MOST_VALUES) -> bool:
    """Tell whether a JSON value has more than `most` values in it, on all levels.

    What stands in several places counts in each; it looks no further than `most`.

    >>> is_too_large({"zones": {"office": [1]}}), is_too_large([[1, 2], 3], most=3)
    (False, True)
    """
    left, found = [value], 0
    while left:
        each = left.pop()
        if not isinstance(each, dict | list | tuple):
            continue
        found += len(each)
        if found > most:
            return True
        left.extend(each.values() if isinstance(each, dict) else each)
    return False
