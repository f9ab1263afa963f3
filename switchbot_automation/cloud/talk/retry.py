"""When a call is tried again, and how long to wait before. Pure.

Full jitter over an exponential ceiling, as AWS recommends for many clients of one
service: the waits of several programs spread instead of marching in step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently.

    `attempts` counts the first one too. The n-th wait is drawn from 0 to
    `base_seconds` * 2**(n-1), at most `ceiling_seconds`. A server that asks for more
    patience than `longest_wait_seconds` is not asked again by this call.
    """

    attempts: int = 3
    base_seconds: float = 0.5
    ceiling_seconds: float = 8.0
    longest_wait_seconds: float = 60.0

    def __post_init__(self) -> None:
        """Refuse a policy that would never call."""
        if self.attempts < 1:
            message = f"attempts must be at least 1, not {self.attempts}"
            raise ValueError(message)

    def wait_seconds(
        self, failures: int, retry_after_seconds: float | None, random: Random
    ) -> float | None:
        """Return the seconds to wait after that many failures, None to give up."""
        if failures >= self.attempts:
            return None
        ceiling = min(self.ceiling_seconds, self.base_seconds * 2.0 ** (failures - 1))
        jittered = random.uniform(0.0, ceiling)
        if retry_after_seconds is None:
            return jittered
        if retry_after_seconds > self.longest_wait_seconds:
            return None
        return max(jittered, retry_after_seconds)
