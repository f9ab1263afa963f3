"""How deep may lie in one another what comes from outside. Pure.

What reads a document goes down the stack with every level of it, and Python ends a stack
by raising anywhere. So depth is asked first, without going down.
"""

from __future__ import annotations

from typing import Any, Final

MOST_LEVELS: Final = 100
"""Far more than any document has, far less than any reader of one stands."""

# A cycle that leads to itself by two ways doubles with every level.
_MOST_PARTS: Final = 2_000_000


def is_too_deep(value: Any, levels: int = MOST_LEVELS) -> bool:
    """Tell whether a JSON value has objects and lists in one another beyond `levels`.

    >>> is_too_deep({"zones": {"office": [1]}}), is_too_deep([[[]]], levels=2)
    (False, True)
    """
    layer = [value]
    for _ in range(levels + 1):
        below: list[Any] = []
        for each in layer:
            if isinstance(each, dict):
                below.append(each.values())
            elif isinstance(each, list | tuple):
                below.append(each)
        if not below:
            return False
        if sum(map(len, below)) > _MOST_PARTS:
            return True
        layer = [child for children in below for child in children]
    return True
