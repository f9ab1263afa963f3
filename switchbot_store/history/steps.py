"""How much of the rollup one step takes on: less where it took long."""

from __future__ import annotations

from typing import Final

_MOST_HOURS: Final = 240
_LEAST_HOURS: Final = 24
"""Below it what each step costs besides its hours is more than they are. Only one that was
cut off at its deadline is tried with less."""
_LONG_SECONDS: Final = 0.5
_SHORT_SECONDS: Final = 0.1


class StepSize:
    """The hours of one step: halved when it took long, doubled when it did not.

    How long an hour takes depends on how many zones and rows it has, and on the machine;
    so that every step ends in time none of it is supposed.

    >>> size = StepSize()
    >>> size.took(2.0), size.hours, size.took(0.01), size.hours
    (None, 120, None, 240)
    >>> [size.halve() for _ in range(9)]
    [True, True, True, True, True, True, True, False, False]
    """

    def __init__(self) -> None:
        self.hours: int = _MOST_HOURS

    def took(self, seconds: float) -> None:
        """Take how long a step of that many hours took, in seconds."""
        if seconds > _LONG_SECONDS:
            if self.hours >= 2 * _LEAST_HOURS:
                self.hours //= 2
        elif seconds < _SHORT_SECONDS:
            self.hours = min(_MOST_HOURS, 2 * self.hours)

    def halve(self) -> bool:
        """Take on half as much; False where it cannot be less."""
        if self.hours == 1:
            return False
        self.hours //= 2
        return True
