"""What keeps years of rows small and fast: the rollup and the retention."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from switchbot_store.errors import StoreError
from switchbot_store.history.model import CLOSING_SECONDS, hour_of
from switchbot_store.history.present import Present, leap_of, present
from switchbot_store.processes.locks import ProcessLock

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from switchbot_store.history.model import HistoryBackend

_LOGGER = logging.getLogger(__name__)
_PURGE_ROWS: Final = 1000
"""Small enough that no statement holds a writer up for ten milliseconds."""
_STEPS_AT_ONCE: Final = 20
_TURN_SECONDS: Final = 1.0
"""After which rows that wait are written before more hours are summarised."""
_ROLLUP_PAUSE_SECONDS: Final = 60.0
_FIRST_CLEANING_SECONDS: Final = 300.0
_DAY_SECONDS: Final = 86400.0


class Upkeep:
    """Brings the rollup up to date and deletes what is older than `retention`.

    What is old is counted from the newest rows, and only while the clocks agree: see
    `switchbot_store.history.present`. Where the place has no clock, by the order too in
    which rows came (`HistoryBackend.came_before`). By itself it deletes no more a day than a
    `leap_of` the recorded time, so that whatever is wrong is wrong slowly.

    `clock_doubt` says why the host's clock was not believed, the last time it was
    needed; None when it was. `interrupted` tells that the service is closing: work stops between two steps and
    is taken up again by the next process.
    """

    def __init__(
        self,
        backend: HistoryBackend,
        *,
        retention: timedelta | None,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        interrupted: Callable[[], bool],
    ) -> None:
        self._backend = backend
        self._retention = retention
        self._now = now
        self._monotonic = monotonic
        self._interrupted = interrupted
        self._lock = ProcessLock()
        self._done_through = self._closed_hour()
        self._owed = False
        self._behind = False
        self._next_rollup = monotonic() + _ROLLUP_PAUSE_SECONDS
        self._next_cleaning = monotonic() + _FIRST_CLEANING_SECONDS
        self._leap = leap_of(retention)
        self.clock_doubt: str | None = None

    def after_flush(self, late: bool, *, many: bool = False) -> bool:
        """Do what is due; tell whether there is more to do at once.

        `late` says that rows of hours that are over were written, `many` that they were
        many: those are summarised now, since who recorded a year wants to see it.
        Asks the backend nothing unless an hour ended or late rows came, so that a
        flush is one statement and a database may sleep between two.
        """
        if not self._lock.acquire(blocking=False):
            return False
        try:
            self._owed = self._owed or late
            self._behind = self._behind or (late and many)
            hour = self._closed_hour()
            now = self._monotonic()
            # Another hour, not a later one: a clock that was ahead may have been put right.
            owed = self._owed or hour != self._done_through
            more = False
            if owed and (self._behind or now >= self._next_rollup):
                more = self._roll_up_some(hour, now)
            if not (more or self._retention is None or now < self._next_cleaning):
                self._next_cleaning = now + _DAY_SECONDS
                self._clean_some()
        except StoreError as error:
            _LOGGER.warning("the rollup or retention will be tried again: %s", error)
            return False
        finally:
            self._lock.release()
        return more

    def roll_up(self, progress: Callable[[int], None] | None = None) -> int:
        """Bring the rollup up to date; see `HistoryService.roll_up`."""
        done = 0
        with self._lock:
            until = self._present().hours_until
            while until is not None and (hours := self._backend.roll_up(now=until)):
                done += hours
                if progress is not None:
                    progress(done)
        return done

    def clean(self) -> int:
        """Roll up, then delete; see `HistoryService.cleanup`."""
        self.roll_up()
        with self._lock:
            return self._purge(self._present(), None, lambda: False)

    def _present(self) -> Present:
        found = present(self._backend, self._now(), leap=self._leap)
        if found.doubt is not None and self.clock_doubt is None:
            _LOGGER.warning("history deletes nothing by this clock: %s", found.doubt)
        elif found.doubt is None and self.clock_doubt is not None:
            _LOGGER.warning("history believes this host's clock again")
        self.clock_doubt = found.doubt
        return found

    def _closed_hour(self) -> datetime:
        return hour_of(self._now() - timedelta(seconds=CLOSING_SECONDS))

    def _roll_up_some(self, hour: datetime, now: float) -> bool:
        """Summarise hours through that one; tell whether there are more."""
        self._next_rollup = now + _ROLLUP_PAUSE_SECONDS
        until = self._present().hours_until
        for _ in range(_STEPS_AT_ONCE):
            if self._interrupted():
                return False
            if until is None or self._backend.roll_up(now=until) == 0:
                self._done_through, self._owed, self._behind = hour, False, False
                return False
            if self._behind and self._monotonic() > now + _TURN_SECONDS:
                break
        # What is not done after so many steps is a backlog, however its rows came.
        self._behind = True
        return True

    def _clean_some(self) -> None:
        """Delete as much as goes by itself in a day."""
        found = self._present()
        if found.hours_until is None:
            return
        while not self._interrupted() and self._backend.roll_up(now=found.hours_until):
            pass
        oldest = self._backend.oldest()
        at_most = None if oldest is None else hour_of(oldest + self._leap)
        self._purge(found, at_most, self._interrupted)

    def _purge(
        self,
        found: Present,
        at_most: datetime | None,
        interrupted: Callable[[], bool],
    ) -> int:
        """Delete what is too old, and nothing from `at_most` on."""
        deleted = 0
        if self._retention is None or found.rows_until is None:
            return deleted
        before = min(
            found.rows_until - self._retention,
            self._backend.came_before(self._retention),
        )
        if at_most is not None:
            before = min(before, at_most)
        while not interrupted():
            gone = self._backend.purge(before, limit=_PURGE_ROWS)
            if gone == 0:
                break
            deleted += gone
        if deleted:
            _LOGGER.info("%s rows of history before %s were deleted", deleted, before)
        return deleted
