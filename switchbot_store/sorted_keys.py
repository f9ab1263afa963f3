"""The keys of documents in order, so that those that begin alike are found at once."""

from __future__ import annotations

import threading
from bisect import bisect_left
from itertools import islice, takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class SortedKeys:
    """Which keys there are, each once.

    What one home among thousands asks for costs what it finds, not what there is. Any
    thread may call.

    >>> from switchbot_store.sorted_keys import SortedKeys
    >>> keys = SortedKeys(["homes/2/state", "homes/1/state"])
    >>> keys.add("homes/1/settings")
    >>> keys.beginning("homes/1/")
    ['homes/1/settings', 'homes/1/state']
    """

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self._keys = sorted(set(keys))
        self._lock = threading.Lock()

    def add(self, key: str) -> None:
        """Have this key too."""
        with self._lock:
            place = bisect_left(self._keys, key)
            if self._keys[place : place + 1] != [key]:
                self._keys.insert(place, key)

    def discard(self, key: str) -> None:
        """Have this key no more."""
        with self._lock:
            place = bisect_left(self._keys, key)
            if self._keys[place : place + 1] == [key]:
                del self._keys[place]

    def beginning(self, prefix: str) -> list[str]:
        """Return the sorted keys that begin so."""
        with self._lock:
            if not prefix:
                return self._keys.copy()
            first = bisect_left(self._keys, prefix)
            following = islice(self._keys, first, None)
            return list(takewhile(lambda key: key.startswith(prefix), following))
