"""From `record` to the backend: a buffer, a thread that empties it, a spill.

A row is in one of three places until it reaches the backend: the buffer (in memory),
the rows in flight (being written), or the spill (on disk). While rows wait in the
spill, newer ones queue behind them, so that they arrive in order.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

import orjson

from switchbot_store.errors import (
    HistoryError,
    StoreClosedError,
    StoreDataError,
    StoreError,
    StoreUnavailableError,
)
from switchbot_store.history.ingest.samples import DistinctTimestamps, normalised
from switchbot_store.languages import worded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from switchbot_store.history.ingest.delivery import Delivery, WriterHealth
    from switchbot_store.history.ingest.spill import HistorySpill
    from switchbot_store.history.model import HistorySample, HistoryStatus

_LOGGER = logging.getLogger(__name__)
_EXIT_SECONDS: Final = 5.0
_READERS_SPILL_ROWS: Final = 5000
_READERS_TURN_SECONDS: Final = 1.0
_MANY_ROWS: Final = 100
"""More than an engine records between two flushes: somebody brings a history along."""


@dataclass(frozen=True, slots=True)
class WriterLimits:
    """When to flush, and how much memory may hold; see `HistoryService`."""

    batch_size: int
    flush_interval_seconds: float
    max_buffered_rows: int
    max_buffered_bytes: int


class AfterFlush(Protocol):
    """Takes whether rows were `late`, of hours that are over, and `many` at once."""

    def __call__(self, late: bool, *, many: bool = False) -> bool:
        """Look after the history; tell whether to be called again at once."""
        ...


class HistoryWriter:
    """The writing half of `HistoryService`.

    `after_flush` is called when rows reached the backend: on the flushing thread, or on
    the writer's own where a reader flushed.
    """

    def __init__(
        self,
        delivery: Delivery,
        health: WriterHealth,
        limits: WriterLimits,
        *,
        spill: HistorySpill | None,
        journal: bool,
        monotonic: Callable[[], float],
        after_flush: AfterFlush,
    ) -> None:
        self._delivery = delivery
        self._health = health
        self._limits = limits
        self._spill = spill
        self._journal = journal
        self._monotonic = monotonic
        self._after_flush = after_flush
        self._start_afresh()

    def _start_afresh(self) -> None:
        """Make everything that a forked child must not share with its parent."""
        self._process_id = os.getpid()
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._buffer: deque[HistorySample] = deque()
        self._buffered_bytes = 0
        self._in_flight: list[HistorySample] = []
        self._refused: list[tuple[HistorySample, str]] = []
        self._distinct = DistinctTimestamps()
        self._waiting = 0  # rows since the last flush, in the buffer or the journal
        self._waiting_since = 0.0
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self._closing = False
        self._when_late: Callable[[], None] | None = None
        self._late_rows = 0  # since the upkeep heard last that they were many
        self._upkeep_owed: tuple[bool, bool] | None = None
        """What the thread is to tell the upkeep: are rows late, are they many."""

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closing

    @property
    def _spilled(self) -> int:
        return 0 if self._spill is None else self._spill.rows

    def status(self) -> HistoryStatus:
        """Describe the writer."""
        with self._changed:
            buffered = len(self._buffer) + len(self._in_flight) + len(self._refused)
        return self._health.status(buffered=buffered, spilled=self._spilled)

    def record(self, sample: HistorySample) -> None:
        """Take a sample; see `HistoryService.record`."""
        if self._process_id != os.getpid():
            self._start_afresh()
        try:
            kept = normalised(sample)
        except StoreDataError as error:
            if error.path in ("timestamp", "zone", ""):
                raise
            self._refuse(sample, str(error))
            return
        with self._changed:
            timestamp = self._distinct.assign(kept.zone, kept.timestamp)
            self._check_open()
            if timestamp is not kept.timestamp:
                kept = replace(kept, timestamp=timestamp)
            if not self._journal:
                self._keep(kept)
                self._announce()
                return
        # The lock is not held over the disk write.
        stored = self._spilled_now([kept])
        with self._changed:
            if not stored:
                self._keep(kept)
            self._announce()

    def _refuse(self, sample: HistorySample, reason: str) -> None:
        """Keep an impossible row for the quarantine, which takes a disk write."""
        with self._changed:
            self._check_open()
            self._refused.append((sample, reason))
            self._announce()

    def _check_open(self) -> None:
        if self._closing:
            raise StoreClosedError(worded("the history was closed"))

    def _keep(self, sample: HistorySample) -> None:
        """Put a row in the buffer; when it is full the oldest goes."""
        self._buffer.append(sample)
        self._buffered_bytes += _size_of(sample)
        dropped = 0
        while len(self._buffer) > self._limits.max_buffered_rows or (
            self._buffered_bytes > self._limits.max_buffered_bytes
            and len(self._buffer) > 1
        ):
            self._buffered_bytes -= _size_of(self._buffer.popleft())
            dropped += 1
        if dropped:
            self._health.dropped(dropped, "the buffer is full")

    def _announce(self) -> None:
        """Wake the thread when there is something new for it to do or wait for."""
        self._waiting += 1
        if self._waiting == 1:
            self._waiting_since = self._monotonic()
        if self._thread is None:
            self._start_thread()
        elif self._waiting == 1 or self._due_in() == 0:
            self._changed.notify_all()

    def start(self) -> None:
        """Open the spill; rows of a former process there are drained at once.

        One that cannot be opened holds up nothing: the backend may well be there.
        """
        if self._spill is None:
            return
        try:
            self._spill.open()
        except StoreUnavailableError as error:
            self._health.disk_failed(error)
            return
        with self._changed:
            if self._spill.rows and self._thread is None and not self._closing:
                self._waiting = max(self._waiting, self._limits.batch_size)
                self._start_thread()

    def _start_thread(self) -> None:
        # A daemon: a backend that hangs must not keep the process from ending.
        thread = threading.Thread(target=self._work, name="history writer", daemon=True)
        atexit.unregister(self._at_exit)
        atexit.register(self._at_exit)
        try:
            thread.start()
        except RuntimeError as error:
            # The rows wait in memory: the next one asks anew, and whoever flushes writes.
            _LOGGER.warning("rows of history wait for a thread: %s", error)
        else:
            self._thread = thread

    def _at_exit(self) -> None:
        """Write what a host that forgot to close would lose."""
        if self._process_id != os.getpid():
            return
        try:
            self.close(_EXIT_SECONDS)
        except StoreError as error:
            _LOGGER.error("at exit: %s", error)  # noqa: TRY400 - the message says it all

    def _due_in(self) -> float | None:
        """Return the seconds until the thread has to act; None: not at all."""
        if self._upkeep_owed is not None:
            return 0.0
        now = self._monotonic()
        retry_at = self._health.retry_at
        # After a failure the disk is safer than memory, the backend can wait.
        if self._waiting and (retry_at is None or self._spill is not None):
            if self._waiting >= self._limits.batch_size:
                return 0.0
            due = self._waiting_since + self._limits.flush_interval_seconds
            return max(0.0, (due if retry_at is None else min(due, retry_at)) - now)
        return None if retry_at is None else max(0.0, retry_at - now)

    def _work(self) -> None:
        try:
            if self._spill is not None:
                self._quietly(self._spill.open)
            while self._wait_until_due():
                self._quietly(self._cycle)
            self._quietly(lambda: self._cycle(force=True))
        finally:
            with self._changed:
                self._ended.set()
                when_late = self._when_late
            if when_late is not None:
                self._quietly(when_late)

    def _wait_until_due(self) -> bool:
        """Sleep until there is work; False: the service is closing."""
        with self._changed:
            while not self._closing:
                seconds = self._due_in()
                if seconds == 0:
                    return True
                self._changed.wait(seconds)
            return False

    def _quietly(self, function: Callable[[], object]) -> None:
        try:
            function()
        except StoreError as error:
            _LOGGER.debug("%s; the rows are kept", error)
        except Exception as error:
            # A backend of somebody else's: its bug must not end the thread.
            _LOGGER.exception("history could not be written")
            self._health.failed(error)

    def flush(self) -> None:
        """Write everything now; see `HistoryService.flush`."""
        try:
            self._cycle(force=True)
        except StoreError as error:
            with self._changed:
                held = len(self._buffer)
            if held:
                raise HistoryError(
                    worded(
                        "{held} rows of history could not be written: {error}",
                        held=held,
                        error=error,
                    ),
                    unwritten=held,
                ) from error

    def try_flush(self) -> None:
        """Write what waits if that is worth trying; a failure is only noted.

        For readers, who wait neither for a long spill to drain nor long for a write.
        """
        waits = self._buffer or self._refused or self._in_flight or self._spilled
        if waits and self._health.may_try and self._spilled <= _READERS_SPILL_ROWS:
            self._quietly(lambda: self._cycle(turn_seconds=_READERS_TURN_SECONDS))

    def _cycle(self, *, force: bool = False, turn_seconds: float = -1) -> None:
        """Move rows onwards once. Raises the StoreError that stopped it.

        Without a turn within `turn_seconds` (-1: however long it takes) nothing is done.
        """
        if not self._writing.acquire(timeout=turn_seconds):
            return
        try:
            with self._changed:
                refused, self._refused = self._refused, []
                self._in_flight = list(self._buffer)
                self._buffer.clear()
                self._buffered_bytes = 0
                self._waiting = 0
            moved = len(self._in_flight) + self._spilled
            for sample, reason in refused:
                self._delivery.set_aside(sample, reason)
            try:
                late = self._move(self._in_flight, force=force)
                many = self._are_many(moved) if late else False
            finally:
                self._put_back()
                self._plan_retry()
        finally:
            self._writing.release()
        self._look_after(late, many=many, waited_for=turn_seconds >= 0)

    def _are_many(self, moved: int) -> bool:
        """Tell whether late rows, of one flush or of several, want their hours at once."""
        self._late_rows += moved
        if self._late_rows < _MANY_ROWS:
            return False
        self._late_rows = 0
        return True

    def _look_after(self, late: bool | None, *, many: bool, waited_for: bool) -> None:
        """Have hours summarised, which nobody who reads waits for: the thread does it."""
        with self._changed:
            owed, self._upkeep_owed = self._upkeep_owed, None
        if owed is not None:
            late, many = late or owed[0], many or owed[1]
        if late is None:
            return
        if not waited_for:
            if not self._after_flush(late, many=many):
                return
            late, many = False, False
        with self._changed:
            self._upkeep_owed = late, many
            if self._closing:
                return
            if self._thread is None:
                self._start_thread()
            self._changed.notify_all()

    def _move(self, rows: list[HistorySample], *, force: bool) -> bool | None:
        """Bring rows to the backend or the spill; they leave the list as they do.

        Returns None when nothing reached the backend, else whether rows of hours
        that are over were among them.
        """
        may_try = force or self._health.may_try
        if rows and self._spill is not None and (self._spilled or not may_try):
            self._into_spill(rows)
        if not may_try:
            return None
        if not rows and not self._spilled:
            self._health.has_nothing_to_retry()
            return None
        late = False
        try:
            if self._spill is not None and self._spilled:
                late = self._delivery.drain(self._spill)
            # Also those that a full disk kept out of the spill.
            late = self._delivery.write(rows) or late
        except Exception as error:
            self._health.failed(error)
            if rows and self._spill is not None:
                self._into_spill(rows)
            raise
        self._health.succeeded()
        self._try_disk()
        return late

    def _try_disk(self) -> None:
        """Ask a disk that refused rows again: nothing else would before the next outage."""
        if self._spill is None or self._health.disk_is_well:
            return
        try:
            self._spill.try_out()
        except StoreError as error:
            self._health.disk_failed(error)
        else:
            self._health.disk_worked()

    def _into_spill(self, rows: list[HistorySample]) -> None:
        if self._spilled_now(rows):
            rows.clear()

    def _spilled_now(self, rows: Sequence[HistorySample]) -> bool:
        """Put rows into the spill; False: it cannot take them, keep them here."""
        if self._spill is None:
            return False
        try:
            dropped = self._spill.append(rows)
        except StoreError as error:
            self._health.disk_failed(error)
            return False
        self._health.disk_worked()
        if dropped:
            self._health.dropped(dropped, "the spill is full")
        return True

    def _put_back(self) -> None:
        """Return what did not arrive to the front of the buffer."""
        with self._changed:
            if not self._in_flight:
                return
            newer = list(self._buffer)
            self._buffer.clear()
            self._buffered_bytes = 0
            for sample in [*self._in_flight, *newer]:
                self._keep(sample)
            self._in_flight = []

    def _plan_retry(self) -> None:
        """Let the thread know when to try again: another thread may have failed."""
        if self._health.retry_at is not None:
            with self._changed:
                self._changed.notify_all()

    def close(
        self, timeout_seconds: float, when_late: Callable[[], None] | None = None
    ) -> None:
        """Write or spill everything; see `HistoryService.close`.

        A thread that is not done by then opens again what the caller closes; it calls
        `when_late` when it ends.
        """
        with self._changed:
            if self._closing:
                return
            self._closing = True
            thread = self._thread
            atexit.unregister(self._at_exit)
            self._changed.notify_all()
        if self._process_id == os.getpid():
            if thread is not None:
                self._ended.wait(timeout_seconds)
            elif self._buffer:  # the system had no thread for them
                self._quietly(lambda: self._cycle(force=True))
        with self._changed:
            if not self._ended.is_set():
                self._when_late = when_late
            # The thread may hang in the backend with rows in its hands. Those that
            # did arrive are known there by their key and will not arrive twice.
            left = [*self._in_flight, *self._buffer]
        if left and not self._spilled_now(left):
            raise HistoryError(
                worded(
                    "{number} rows of history could not be written ({last_error})",
                    number=len(left),
                    last_error=self.status().last_error or self.status().spill_error,
                ),
                unwritten=len(left),
            )


def _size_of(sample: HistorySample) -> int:
    """Return about how many bytes of memory the sample takes."""
    size = 600  # the object, its datetime and its numbers
    if sample.last_action:
        size += len(sample.last_action)
    if sample.metadata:
        size += 4 * len(orjson.dumps(sample.metadata))
    return size
