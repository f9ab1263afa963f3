"""Whether the primary answers, and what is done in the background about it.

`healthy` turns false with the first call that fails, and true again when the primary
answers a probe, has taken every pending write and shown its documents to the mirror.
While it is true, nothing here asks the primary anything, but for a look, some seconds
after others asked it something, at whether it still has all that it had.

An error that is neither a StoreError nor the operating system's is a mistake in the
code and no outage: `mistake` holds it until the primary works or is found away, and
whoever wants to write meanwhile gets it raised, so that nothing is put into the journal
because of it.
"""

from __future__ import annotations

import logging
import random
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from switchbot_store.errors import (
    MigrationError,
    StoreClosedError,
    StoreConfigError,
    StoreError,
    StoreUnavailableError,
)
from switchbot_store.languages import reworded, worded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from switchbot_store.failover.lineage import Lineage
    from switchbot_store.failover.local import LocalCopy
    from switchbot_store.failover.mirror import Mirrored
    from switchbot_store.failover.primary import Primary
    from switchbot_store.failover.resync import Resync


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
        self.answered: bool = False
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
        thread = threading.Thread(
            target=self._attempt,
            args=(patient, epoch),
            name="store probe",
            daemon=True,
        )
        try:
            thread.start()
        except RuntimeError:
            # The system has no thread left: this one is the way back to the primary.
            self._over(patient)
            self._ask(_QUICK_SECONDS, epoch)

    def attempt_here(self, seconds: float = _QUICK_SECONDS) -> None:
        """Make a quick attempt on this thread."""
        self._ask(min(seconds, _QUICK_SECONDS), self._epoch)

    def _attempt(self, patient: bool, epoch: int) -> None:
        try:
            self._ask(PATIENT_SECONDS if patient else _QUICK_SECONDS, epoch)
        finally:
            self._over(patient)
            self._wake()

    def _over(self, patient: bool) -> None:
        with self._lock:
            self._under_way -= 1
            self._patient = self._patient and not patient

    def _ask(self, seconds: float, epoch: int) -> None:
        try:
            self._probe(seconds)
        except StoreClosedError:
            return
        except OSError as error:
            self._met(
                StoreUnavailableError(
                    worded("the primary failed: {error!r}", error=error)
                ),
                epoch,
            )
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


class _Refusal:
    """What a first contact is refused with: raised by who waits, told where nobody does."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._waited_for = True
        self._error: Exception | None = None

    def is_waited_for(self, error: Exception) -> bool:
        """Leave the error to whoever waits; return False where nobody does any more."""
        with self._turn:
            self._error = error
            return self._waited_for

    def raise_or_leave(self) -> None:
        """Raise what came by now; wait no longer."""
        with self._turn:
            self._waited_for = False
        if self._error is not None:
            raise self._error


_LOGGER = logging.getLogger(__name__)
_ROUNDS: Final = 20
_LAST_ROUND_SECONDS: Final = 1.0
_MIRROR_SECONDS: Final = 0.25
_MIRROR_RETRY_SECONDS: Final = 30.0
_TAKE_SECONDS: Final = 1.0
_MEND_SECONDS: Final = 5.0
_IDLE_SECONDS: Final = 3600.0
_LOOK_SECONDS: Final = 5.0
"""So late a program finds out that a document which it does not read is lost."""
_JOIN_SECONDS: Final = 2.0
_STUMBLE_SECONDS: Final = 1.0


class Keeper:
    """The background of one `FailoverStore`.

    `carry_seconds` is how often plain writes of profile `economy` are carried over,
    None for never: then nothing is pending while healthy. Carrying is due at whole
    multiples of it since the epoch, so that others can join in.
    """

    def __init__(
        self,
        primary: Primary,
        local: LocalCopy,
        resync: Resync,
        *,
        carry_seconds: float | None,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._primary = primary
        self._local = local
        self._journal = local.journal
        self._mirror = local.mirror
        self._resync = resync
        self.lineage: Lineage = resync.lineage
        self._safe = resync.safe
        self._carry_seconds = carry_seconds
        self._now = now
        self.monotonic = monotonic
        self._state = threading.Lock()
        self._turned = threading.Condition(self._state)
        """Told when `healthy` turned true, or an attempt at it failed."""
        self._recovering = threading.Lock()
        self._pace = Pace(monotonic)
        self._attempts = Attempts(primary.probe, self.wake)
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._carry_at: float | None = None
        self._mirror_at: float | None = None
        self._mend_at: float | None = None
        self._look_at: float | None = None
        self.healthy: bool = False
        self.degraded_since: datetime | None = None
        self.last_error: str | None = None
        self.mistake: Exception | None = None
        self.last_resync: datetime | None = None

    # life

    def start(self, patience_seconds: float) -> None:
        """Meet the primary, waiting that long for it; go on without it if need be.

        Raises StoreConfigError or MigrationError when it refuses by then, and any
        mistake in its code as it is; StoreUnavailableError where the system has no
        thread left.
        """
        refusal = _Refusal()
        met = threading.Event()

        def meet() -> None:
            try:
                self._recover()
            except (StoreConfigError, MigrationError, StoreClosedError) as error:
                if not refusal.is_waited_for(error):
                    self.degrade(error)
            except StoreError as error:
                self.degrade(error)
            except OSError as error:
                self.degrade(
                    StoreUnavailableError(
                        worded("the primary failed: {error!r}", error=error)
                    )
                )
            except Exception as error:  # noqa: BLE001 - it is raised, or told as one
                if not refusal.is_waited_for(error):
                    self._mistook(error)
            finally:
                met.set()

        _begin(threading.Thread(target=meet, name="store first contact", daemon=True))
        met.wait(patience_seconds)
        refusal.raise_or_leave()
        if not met.is_set():
            self.degrade(
                StoreUnavailableError(worded("the primary did not answer yet"))
            )

    def run(self) -> None:
        """Do in a thread what `step` does.

        Raises StoreUnavailableError where the system has none left.
        """
        thread = threading.Thread(target=self._work, name="store failover", daemon=True)
        _begin(thread)
        self._thread = thread

    def close(self) -> None:
        """End the thread; bounded."""
        self._closing = True
        self._woken.set()
        if self._thread is not None:
            self._thread.join(_JOIN_SECONDS)

    # what callers report

    def degrade(self, error: StoreError) -> None:
        """Note that the primary did not take part in a call."""
        with self._state:
            self.last_error = reworded(error)
            self.mistake = None
            if not self.healthy and self.degraded_since is not None:
                return
            self.healthy = False
            self.degraded_since = self._now()
            self._attempts.begin()
            self._pace.begin()
        _LOGGER.warning(
            "the primary store is away; writes %s (%s)",
            "go to the journal"
            if self._local.held
            else f"are refused, since {self._local.trouble}",
            error,
        )
        self.wake()

    def raise_mistake(self) -> None:
        """Raise what is wrong with the primary's code, if that keeps it from working."""
        mistake = self.mistake
        if mistake is not None:
            # Where it arose was logged; each raising would make the traceback longer.
            raise mistake.with_traceback(None)

    def took(self, documents: Mapping[str, Mirrored | None], told: int) -> None:
        """Keep in the mirror what the primary took; None for what it deleted.

        `told` is how long the file of other processes was before it was asked.

        Plans what follows on that, as `mirror_changed` and `primary_answered` do.
        """
        self._local.took(documents, told)
        if self._mirror_at is None or self._look_at is None:
            self.mirror_changed()
            self.primary_answered()

    def primary_answered(self) -> None:
        """Plan a look at what it holds, soon: a database at rest is left to sleep.

        Where the journal is carried over by the clock, that is when it is looked at.
        """
        if self._carry_seconds is None and self._look_at is None:
            self._look_at = self.monotonic() + _LOOK_SECONDS
            self.wake()

    def mirror_changed(self) -> None:
        """Plan to write the mirror's files."""
        if self._mirror_at is None:
            self._mirror_at = self.monotonic() + _MIRROR_SECONDS
            self.wake()

    def journal_grew(self) -> None:
        """Plan to carry the journal over, where that is done by the clock."""
        if self._carry_seconds is not None and self._carry_at is None:
            past = self._now().timestamp() % self._carry_seconds
            self._carry_at = self.monotonic() + self._carry_seconds - past
            self.wake()

    def wake(self) -> None:
        """Let the thread look at what is due."""
        self._woken.set()

    # what is done

    def carry(self, *, timeout_seconds: float | None = None) -> None:
        """Carry over what is pending while healthy.

        Degrades instead of raising, but for a mistake in the code.
        """
        with self._noting():
            self._drain(timeout_seconds)

    def look_now(self) -> None:
        """Try at once whether the primary is back, and recover if it is."""
        self._attempts.attempt_here()
        self._look_for_primary(here=True)

    def is_there(self, seconds: float) -> bool:
        """Ask the primary now, for a write that it alone could take; tell whether it can.

        Then it has all that was pending. Waits so long at most.
        """
        if seconds <= 0:
            return False
        if self.healthy:
            self.carry(timeout_seconds=seconds)
            return self.healthy
        until = self.monotonic() + seconds
        self._attempts.attempt_here(seconds)
        if self._thread is None and self._attempts.answered:
            self._look_for_primary(here=True)
        self.wake()
        with self._turned:
            self._turned.wait_for(
                lambda: self.healthy or self._closing or not self._attempts.answered,
                max(0.0, until - self.monotonic()),
            )
            return self.healthy

    def step(self, *, here: bool = True) -> float:
        """Do what is due and return the seconds until something will be.

        `here` makes attempts on this thread rather than beside it.
        """
        if not self.healthy:
            self._look_for_primary(here=here)
        elif self._is_due(self._carry_at):
            self._carry_at = None
            self.carry()
            self._refresh()
        elif self.lineage.look_again or self._is_due(self._look_at):
            self._look_at = None
            self._refresh()
        if self._mirror.dirty:
            self.mirror_changed()
        if self._is_due(self._mirror_at):
            self._write_mirror()
        if self._local.trouble is not None:
            self._look_at_disk()
        return self._pause()

    def _work(self) -> None:
        while not self._closing:
            try:
                pause = self.step(here=False)
            except Exception as error:
                # Whatever it is, this thread is the way back to the primary.
                if error is not self.mistake:  # else logged already
                    _LOGGER.exception("the failover's background stumbled")
                pause = _STUMBLE_SECONDS
            self._woken.wait(pause)
            self._woken.clear()

    def _look_at_disk(self) -> None:
        """Take the directory once it is free; see whether a disk takes writes again."""
        if self._mend_at is None:
            self._mend_at = self.monotonic() + self._mend_seconds()
        if not self._is_due(self._mend_at):
            return
        held = self._local.held
        mended = self._local.mend()
        if not mended:
            self._mend_at = self.monotonic() + self._mend_seconds()
        if self._local.held and not held:
            _LOGGER.info("the journal of %s is this process's", self._journal.directory)
            if self.healthy:
                # What its former owner acknowledged, and what it missed since.
                self.carry()
                self._refresh()
        if mended and self._mirror.dirty:
            self._mirror_at = self.monotonic()  # what it missed meanwhile
        if mended and self.healthy:
            with self._noting():
                self._safe.take_back()

    def _mend_seconds(self) -> float:
        return _TAKE_SECONDS if self._local.owner else _MEND_SECONDS

    def _look_for_primary(self, *, here: bool) -> None:
        if not self._attempts.answered and not self._pace.left():
            self._pace.took_one()
            if here:
                self._attempts.attempt_here()
            else:
                self._attempts.launch()
        error = self._attempts.last_error
        if error is not None and not self._attempts.answered:
            if not isinstance(error, StoreError):
                self._mistook(error)
                raise error
            self.last_error, self.mistake = reworded(error), None
        if self._attempts.answered and not self._closing:
            with self._noting():
                self._recover()

    def _recover(self) -> None:
        with self._recovering:
            if self.healthy:
                return
            self._primary.renew()
            self._primary.store.open()
            self.lineage.meet()
            self._safe.recover()
            if self._carry_seconds is not None:
                # Reads come from the mirror, so that has to be right before.
                self._resync.refresh()
            self._drain()
            if self._carry_seconds is None:
                self._resync.refresh()

    def _drain(self, timeout_seconds: float | None = None) -> None:
        """Carry over until nothing is pending, then be healthy."""
        with self._resync.turn:
            carried = bool(self._journal.pending)
            for _ in range(_ROUNDS):
                if not self._journal.pending:
                    break
                self._resync.round(timeout_seconds=timeout_seconds)
            # Before the journal forgets it: the mirror may soon be all there is.
            self._secure_mirror()
            with self._journal.lock:
                if self._journal.pending:
                    # Writers outran the rounds; now they wait, briefly.
                    self._resync.round(timeout_seconds=_LAST_ROUND_SECONDS)
                    self._secure_mirror()
                if not self._journal.clear():
                    raise StoreUnavailableError(worded("new writes outran the replay"))
                if self._journal.outdated:
                    self._safe.note_carried()
                self._recovered(carried=carried)

    def _recovered(self, *, carried: bool) -> None:
        with self._state:
            degraded_since, self.degraded_since = self.degraded_since, None
            self.healthy = True
            self.mistake = None
            self._carry_at = None
            if carried or degraded_since:
                self.last_resync = self._now()
            self._turned.notify_all()
        if degraded_since:
            _LOGGER.warning("the primary store is back, nothing is pending")

    def _failed(self, error: StoreError) -> None:
        if isinstance(error, StoreClosedError) and self._closing:
            return
        self.degrade(error)
        with self._state:
            self.last_error = reworded(error)
            self._attempts.begin()
            self._pace.took_one()
            self._turned.notify_all()

    def _mistook(self, error: Exception) -> None:
        """Note that the primary's code, or ours that uses it, is wrong."""
        text = f"{type(error).__name__}: {error}"
        with self._state:
            known = self.mistake is not None and self.last_error == text
            self.mistake, self.last_error = error, text
            self.healthy = False
            self.degraded_since = self.degraded_since or self._now()
            self._attempts.begin()
            self._pace.took_one()
            self._turned.notify_all()
        if not known:
            _LOGGER.error(
                "a mistake in the primary store's code; writes raise it", exc_info=error
            )

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """Degrade for what is an outage; raise what is a mistake."""
        try:
            yield
        except StoreError as error:
            self._failed(error)
        except OSError as error:
            self._failed(
                StoreUnavailableError(
                    worded("the primary failed: {error!r}", error=error)
                )
            )
        except Exception as error:
            self._mistook(error)
            raise

    def _refresh(self) -> None:
        """See what others wrote, while the database is awake anyway."""
        if self.healthy:
            with self._noting():
                self._resync.refresh()

    def _write_mirror(self) -> None:
        self._mirror_at = None
        try:
            self._mirror.write_behind()
        except StoreUnavailableError as error:
            self._local.failed(reworded(error))
            self._mirror_at = self.monotonic() + _MIRROR_RETRY_SECONDS

    def _secure_mirror(self) -> None:
        try:
            self._mirror.make_durable()
        except StoreUnavailableError as error:
            self._local.failed(reworded(error))

    def _is_due(self, at: float | None) -> bool:
        return at is not None and self.monotonic() >= at

    def _pause(self) -> float:
        if self._local.trouble is None:
            self._mend_at = None
        elif self._mend_at is None:
            self._mend_at = self.monotonic() + self._mend_seconds()
        look_at = self._look_at if self.healthy else None
        planned = (self._carry_at, self._mirror_at, self._mend_at, look_at)
        times = [at for at in planned if at is not None]
        now = self.monotonic()
        pause = min((at - now for at in times), default=_IDLE_SECONDS)
        if not self.healthy:
            pause = min(pause, 0.0 if self._attempts.answered else self._pace.left())
        return max(0.0, pause)


def _begin(thread: threading.Thread) -> None:
    try:
        thread.start()
    except RuntimeError as error:
        raise StoreUnavailableError(
            worded("the store cannot begin: {error}", error=error)
        ) from error
