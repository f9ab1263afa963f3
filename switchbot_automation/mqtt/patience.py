"""How long to wait before the next attempt at a broker. No I/O.

Attempts count up until a connection has stood for a while: one that is cut at once is no
success, however often it is made.
"""

from __future__ import annotations

import random as random_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

STEADY_SECONDS: Final = 60.0
"""A connection that stood for so long was one; the next failure is the first again."""


class Patience:
    """Waits that double from `first_seconds` to `longest_seconds`, spread over their half.

    >>> from random import Random
    >>> patience = Patience(1.0, 60.0, random=Random(1))
    >>> [round(patience.after_failure()) for _ in range(8)]
    [1, 2, 4, 5, 12, 23, 50, 54]
    """

    def __init__(
        self,
        first_seconds: float,
        longest_seconds: float,
        *,
        random: Random | None = None,
    ) -> None:
        self._first = first_seconds
        self._longest = longest_seconds
        self._random = random or random_module.Random()  # noqa: S311 - only spreads waits
        self.failures: int = 0

    def after_failure(self) -> float:
        """Count a failure; return the seconds to wait."""
        doublings = min(self.failures, 32)
        self.failures += 1
        wait = min(self._longest, self._first * 2.0**doublings)
        return wait * self._random.uniform(0.5, 1.0)

    def succeeded(self) -> None:
        """Begin anew."""
        self.failures = 0
