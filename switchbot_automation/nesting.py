"""How deep may lie in one another what comes from outside. Pure.

What reads a document goes down the stack with every level of it, and Python ends a stack
by raising anywhere. So depth is asked first, without going down.
"""

from __future__ import annotations

from typing import Any, Final

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
