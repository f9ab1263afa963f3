"""How long a visit waits for a cloud: for one that answered nobody lately, not for long."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENT_SECONDS: Final = 30.0
"""So long a visit waits in all for what it reads; its job is others' after 120 s."""
_HURRIED_SECONDS: Final = 0.0
_AGAIN_SECONDS: Final = 60.0
"""So often one visit to a silent account waits as long as to any: it may be slow by now."""
_ACCOUNTS: Final = 4096


class Patience:
    """Which accounts are silent, by what visits of this process heard last.

    An account's homes all ask one cloud: where that hangs, each of them would have a
    visit wait for it, until none is left for the homes of others.

    >>> seconds = iter([0.0, 1.0, 61.0, 61.0])
    >>> patience = Patience(monotonic=lambda: next(seconds))
    >>> patience.heard("hotel", answered=False)
    >>> [patience.seconds("hotel") for _ in range(3)], patience.seconds("flat")
    ([0.0, 30.0, 0.0], 30.0)
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._silent: OrderedDict[str, float] = OrderedDict()

    def seconds(self, account: str) -> float:
        """Return how long the next visit waits for an account's cloud."""
        again_at = self._silent.get(account)
        if again_at is None:
            return _PATIENT_SECONDS
        now = self._monotonic()
        if now < again_at:
            return _HURRIED_SECONDS
        self._silent[account] = now + _AGAIN_SECONDS
        return _PATIENT_SECONDS

    def heard(self, account: str, *, answered: bool | None) -> None:
        """Note whether it answered last; None where nothing was asked."""
        if answered:
            self._silent.pop(account, None)
        elif answered is not None and account not in self._silent:
            self._silent[account] = self._monotonic() + _AGAIN_SECONDS
            if len(self._silent) > _ACCOUNTS:
                self._silent.popitem(last=False)
