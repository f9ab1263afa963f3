"""Finding out, in an outage, when the primary is back."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Final

from switchbot_store.errors import StoreClosedError, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

_SHORTEST_SECONDS: Final = 0.5
_LONGEST_SECONDS: Final = 1.0
_EAGER_SECONDS: Final = 120.0
_SLOWEST_SECONDS: Final = 30.0
_GROWTH: Final = 1.6

PATIENT_SECONDS: Final = 15.0
"""A database that wakes up lets the first connection wait this long."""
_QUICK_SECONDS: Final = 2.0
_MOST_AT_ONCE: Final = 5

_RANDOM: Final = random.SystemRandom()
"""Spreads attempts; who seeded the module's generator wants it undisturbed."""


class Pace:
    """When to try next: every 0.5 to 1 s for two minutes, then up to 30 s apart."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._began_at = 0.0
        self._pause = _LONGEST_SECONDS
        self._next_at = 0.0

    def begin(self) -> None:
        """Start with an attempt at once."""
        self._began_at = self._next_at = self._monotonic()
        self._pause = _LONGEST_SECONDS

    def left(self) -> float:
        """Return the seconds until the next attempt, 0 when it is due."""
        return max(0.0, self._next_at - self._monotonic())

    def took_one(self) -> None:
        """Plan the attempt after one that is made now."""
        now = self._monotonic()
        if now - self._began_at < _EAGER_SECONDS:
            pause = _RANDOM.uniform(_SHORTEST_SECONDS, _LONGEST_SECONDS)
        else:
            self._pause = min(self._pause * _GROWTH, _SLOWEST_SECONDS)
            pause = self._pause * _RANDOM.uniform(0.5, 1.0)
        self._next_at = now + pause


class Attempts:
    """Attempts to reach the primary, each on a thread of its own.

    The first is patient, for a database that is waking up. While it waits, quick ones
    go on: a connection once swallowed by the network never answers, the next one may.
    `wake` is called when `answered` or `last_error` changed. `last_error` is a
    StoreError, or a mistake in the code, which is no outage.
    """

    def __init__(
        self, probe: Callable[[float], None], wake: Callable[[], None]
    ) -> None:
        self._probe = probe
        self._wake = wake
        self._lock = threading.Lock()
        self._under_way = 0
        self._patient = False
        self._epoch = 0
        self.answered = False
        self.last_error: Exception | None = None

    def begin(self) -> None:
        """Forget the answers of attempts made before."""
        with self._lock:
            self._epoch += 1
            self.answered = False
            self.last_error = None

    def launch(self) -> None:
        """Make an attempt, unless many are waiting already."""
        with self._lock:
            if self._under_way >= _MOST_AT_ONCE:
                return
            patient = not self._patient
            self._patient = True
            self._under_way += 1
            epoch = self._epoch
        threading.Thread(
            target=self._attempt,
            args=(patient, epoch),
            name="store probe",
            daemon=True,
        ).start()

    def attempt_here(self) -> None:
        """Make a quick attempt on this thread."""
        self._ask(_QUICK_SECONDS, self._epoch)

    def _attempt(self, patient: bool, epoch: int) -> None:
        try:
            self._ask(PATIENT_SECONDS if patient else _QUICK_SECONDS, epoch)
        finally:
            with self._lock:
                self._under_way -= 1
                self._patient = self._patient and not patient
            self._wake()

    def _ask(self, seconds: float, epoch: int) -> None:
        try:
            self._probe(seconds)
        except StoreClosedError:
            return
        except OSError as error:
            self._met(StoreUnavailableError(f"the primary failed: {error!r}"), epoch)
        except Exception as error:  # noqa: BLE001 - `last_error` is told and raised
            self._met(error, epoch)
        else:
            with self._lock:
                if epoch == self._epoch:
                    self.answered = True

    def _met(self, error: Exception, epoch: int) -> None:
        with self._lock:
            if epoch == self._epoch:
                self.last_error = error
