"""What became of the rows, and when to try again after a failure."""

from __future__ import annotations

import logging
import random
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from switchbot_store.errors import StoreError
from switchbot_store.history.model import HistoryStatus
from switchbot_store.languages import reworded

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_LOGGER = logging.getLogger(__name__)
_FIRST_RETRY_SECONDS: Final = 1.0
_LAST_RETRY_SECONDS: Final = 30.0


class WriterHealth:
    """Counts and remembers for `HistoryService.status`; thread-safe.

    The first failure and the recovery are logged, not each attempt between.
    """

    def __init__(
        self,
        backend: str,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._now = now
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._status = HistoryStatus(backend)
        self._retry_at: float | None = None
        self._retry_seconds = _FIRST_RETRY_SECONDS

    def status(self, *, buffered: int, spilled: int) -> HistoryStatus:
        """Return the status with these two counts of the moment."""
        with self._lock:
            return replace(self._status, buffered=buffered, spilled=spilled)

    @property
    def retry_at(self) -> float | None:
        """When to try again, on the monotonic clock; None while all is well."""
        return self._retry_at

    @property
    def may_try(self) -> bool:
        """Whether an attempt is worth it now."""
        retry_at = self._retry_at
        return retry_at is None or self._monotonic() >= retry_at

    def failed(self, error: Exception) -> None:
        """Note that rows could not move on, for an outage or a mistake in the code."""
        with self._lock:
            if self._status.degraded_since is None:
                self._status = replace(self._status, degraded_since=self._now())
                if isinstance(error, StoreError | OSError):
                    _LOGGER.warning(
                        "history is kept back until it can be written: %s", error
                    )
                else:
                    _LOGGER.error(
                        "a mistake in the code of the history; rows are kept, and"
                        " `flush` raises it",
                        exc_info=error,
                    )
            text = f"{type(error).__name__}: {error}"
            self._status = replace(self._status, last_error=text)
            # Jitter: hosts that lost one database should not come back as one.
            pause = self._retry_seconds * random.uniform(0.75, 1.25)  # noqa: S311 - no secret
            self._retry_at = self._monotonic() + pause
            self._retry_seconds = min(2 * self._retry_seconds, _LAST_RETRY_SECONDS)

    def disk_failed(self, error: Exception) -> None:
        """Note that the local spill cannot be used, while the backend may well be."""
        with self._lock:
            if self._status.spill_error is None:
                _LOGGER.warning("the spill of the history cannot be used: %s", error)
            self._status = replace(self._status, spill_error=reworded(error))

    def disk_worked(self) -> None:
        """Note that the spill took rows."""
        if self._status.spill_error is not None:
            with self._lock:
                self._status = replace(self._status, spill_error=None)

    def succeeded(self) -> None:
        """Note that rows reached the backend."""
        with self._lock:
            if self._status.degraded_since is not None:
                _LOGGER.warning(
                    "history is written again, which it was not since %s",
                    self._status.degraded_since,
                )
            self._status = replace(
                self._status,
                degraded_since=None,
                last_error=None,
                last_flush=self._now(),
            )
            self._retry_at = None
            self._retry_seconds = _FIRST_RETRY_SECONDS

    def has_nothing_to_retry(self) -> None:
        """Note that no row waits, so that nobody wakes up for one."""
        with self._lock:
            self._retry_at = None

    def wrote(self, rows: int) -> None:
        """Count rows that the backend has."""
        with self._lock:
            self._status = replace(self._status, written=self._status.written + rows)

    def drained(self, rows: int) -> None:
        """Count rows that left the spill for the backend."""
        with self._lock:
            self._status = replace(self._status, drained=self._status.drained + rows)

    def quarantined(self) -> None:
        """Count a row set aside."""
        with self._lock:
            self._status = replace(
                self._status, quarantined=self._status.quarantined + 1
            )

    def dropped(self, rows: int, why: str) -> None:
        """Count rows given up, loudly."""
        _LOGGER.error("%s rows of history were lost, the oldest first: %s", rows, why)
        with self._lock:
            self._status = replace(self._status, dropped=self._status.dropped + rows)
