"""The engine a host embeds: it owns no scheduler and no user interface."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from switchbot_automation.clock import SystemClock
from switchbot_automation.cloud.quota import QuotaLedger
from switchbot_automation.engine.act import Actuator
from switchbot_automation.engine.command import Commander
from switchbot_automation.engine.documents import Documents
from switchbot_automation.engine.events import (
    CommandHandled,
    DecisionMade,
    Listeners,
    NextWakeupChanged,
    SettingsApplied,
    SettingsRejected,
    StoreDegraded,
    StoreRecovered,
)
from switchbot_automation.engine.observe import Observer, describe
from switchbot_automation.engine.record import Recorder, home_keys
from switchbot_automation.engine.tick import Tick
from switchbot_automation.engine.wakeup import next_look
from switchbot_automation.model import (
    DEFAULT_ZONE,
    Outcome,
    Reason,
    ReasonCode,
    TickReport,
    ZoneDecision,
)
from switchbot_store import StoreInterface, ThreadedStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from types import TracebackType

    from switchbot_automation.clock import Clock
    from switchbot_automation.engine.act import WebhookSender
    from switchbot_automation.engine.events import Event
    from switchbot_automation.engine.record import AsyncHistory
    from switchbot_automation.engine.tick import ZoneTick
    from switchbot_automation.model import CloudApi, Command
    from switchbot_automation.settings_model import Settings
    from switchbot_store import AsyncStore

_LOGGER = logging.getLogger(__name__)

_RETRY_SETTINGS_SECONDS = 120.0
_SOONEST = timedelta(seconds=1)


class AutomationEngine:
    """Keeps every zone of the settings as they say, one tick at a time.

    `client` is any `CloudApi`. `store` is a `StoreInterface`, which is then called on a
    private thread, or an `AsyncStore`; whoever opened it closes it. `quota` is the
    ledger shared with the client; without one the engine counts its calls itself.
    Without a `webhook_sender` the webhook rung does not exist.

    Use it as an async context manager. `run_once` and the other methods share one lock.
    """

    def __init__(
        self,
        client: CloudApi,
        store: StoreInterface | AsyncStore,
        *,
        history: AsyncHistory | None = None,
        clock: Clock | None = None,
        quota: QuotaLedger | None = None,
        webhook_sender: WebhookSender | None = None,
        settings_key: str = "settings",
        state_key: str = "state",
    ) -> None:
        self._clock: Clock = clock or SystemClock()
        self._wrapped = (
            ThreadedStore(store) if isinstance(store, StoreInterface) else None
        )
        self._store: AsyncStore = self._wrapped or store  # type: ignore[assignment] # narrowed by the isinstance above
        self._quota = quota or QuotaLedger(clock=self._clock)
        self._documents = Documents(self._store, settings_key, state_key)
        observer = Observer(client, self._clock, None if quota else self._quota)
        actuator = Actuator(client, observer, self._clock, webhook_sender)
        self._commander = Commander(self._documents, actuator, self._clock)
        self._tick = Tick(self._documents, observer, self._commander, self._clock)
        self._recorder = Recorder(self._documents, history)
        self._listeners = Listeners()
        self._lock = asyncio.Lock()
        self._next_wakeup = self._clock.now()
        self._loaded = False
        self._degraded = False
        self._report: TickReport | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._wrapped is not None:
            await self._wrapped.detach()

    @property
    def clock(self) -> Clock:
        """The clock it lives by; whoever waits for `next_wakeup` should too."""
        return self._clock

    @property
    def next_wakeup(self) -> datetime:
        """When to call `run_once` again, aware UTC; before the first tick, at once."""
        return self._next_wakeup

    def subscribe(self, listener: Callable[[Event], object]) -> Callable[[], None]:
        """Tell `listener` of every event from now on; return what ends that.

        Called on the event loop; it must not block. An exception it raises is logged.
        """
        return self._listeners.subscribe(listener)

    async def run_once(self, trigger: str = "scheduler") -> TickReport:
        """Run one tick and report. Returns without waiting for a later instant.

        No failure of the cloud, the store or the history is raised: they are outcomes
        and reasons of the report. `trigger` is a word for the report and the history.
        """
        async with self._lock:
            return await self._run(trigger)

    async def _run(self, trigger: str) -> TickReport:
        started = self._clock.monotonic()
        now = self._clock.now()
        settings = await self._load(now)
        if settings is None:
            ticks: list[ZoneTick] = []
            decisions: tuple[ZoneDecision, ...] = (self._without_settings(),)
        else:
            ticks = await self._tick.run(settings, now)
            decisions = tuple(tick.decision for tick in ticks)
        commands = tuple(command for tick in ticks for command in tick.commands)
        await self._recorder.record(ticks, trigger, now, self._quota.used)
        await self._documents.save(home_keys(now, self._quota))
        self._watch_store()
        wakeup = self._wanted_wakeup(ticks, now)
        report = TickReport(
            trigger=trigger,
            outcome=_overall(decisions),
            decisions=decisions,
            commands=commands,
            next_wakeup=wakeup,
            duration_seconds=self._clock.monotonic() - started,
        )
        self._report = report
        self._tell(now, decisions, commands)
        self._set_wakeup(wakeup)
        return report

    async def _load(self, now: datetime) -> Settings | None:
        error = self._documents.settings_error
        if await self._documents.load():
            revision = self._documents.settings_revision
            self._listeners.emit(SettingsApplied(revision))
        rejected = self._documents.settings_error
        if rejected is not None and rejected is not error:
            self._listeners.emit(SettingsRejected(rejected.path, str(rejected)))
        if not self._loaded and self._documents.reachable:
            self._loaded = True
            self._quota.restore(self._documents.home.stored)
        settings = self._documents.settings
        for zone in settings.zones.values() if settings else ():
            book = self._documents.book(zone.name)
            book.state = book.state.not_later_than(now)
            self._commander.recover(zone, now)
        return settings

    def _without_settings(self) -> ZoneDecision:
        error = self._documents.settings_error
        if error is not None:
            reason = Reason(ReasonCode.SETTINGS_INVALID, {"path": error.path})
        else:
            reason = Reason(ReasonCode.SETTINGS_UNAVAILABLE)
        return ZoneDecision(DEFAULT_ZONE, Outcome.INVALID_SETTINGS, reasons=(reason,))

    def _watch_store(self) -> None:
        error = self._documents.store_error
        if (error is not None) is self._degraded:
            return
        self._degraded = error is not None
        now = self._clock.now()
        if error is None:
            self._listeners.emit(StoreRecovered(now))
        else:
            self._listeners.emit(StoreDegraded(now, describe(error)))

    def _wanted_wakeup(self, ticks: list[ZoneTick], now: datetime) -> datetime:
        wanted = min(
            (
                next_look(
                    tick.zone,
                    self._documents.book(tick.zone.name).state,
                    now,
                    tick.blocked_until,
                )
                for tick in ticks
            ),
            default=now + timedelta(seconds=_RETRY_SETTINGS_SECONDS),
        )
        ended = self._clock.now()
        return wanted if wanted > ended else ended + _SOONEST

    def _set_wakeup(self, wakeup: datetime) -> None:
        """Publish the next wake-up; whoever sleeps until a later one must hear of it."""
        sooner = wakeup < self._next_wakeup
        self._next_wakeup = wakeup
        if sooner:
            self._listeners.emit(NextWakeupChanged(wakeup))

    def _tell(
        self,
        now: datetime,
        decisions: tuple[ZoneDecision, ...],
        commands: tuple[Command, ...],
    ) -> None:
        if not self._listeners:
            return
        for decision in decisions:
            self._listeners.emit(DecisionMade(now, decision))
        for command in commands:
            self._listeners.emit(CommandHandled(now, command))


# From harmless to grave; where zones differ, the gravest word stands for the tick.
_SEVERITY = {
    word: rank
    for rank, word in enumerate(
        (
            Outcome.DISABLED,
            Outcome.OUTSIDE_WINDOW,
            Outcome.ALREADY_OFF,
            Outcome.NO_ACTION,
            Outcome.NOOP,
            Outcome.OFF_REPEAT_PENDING,
            Outcome.COOLDOWN,
            Outcome.FAN_NEUTRAL_ZONE,
            Outcome.TURNED_OFF_OUTSIDE_WINDOW,
            Outcome.WINTER_OFF,
            Outcome.SUMMER_OFF,
            Outcome.WINTER_ON,
            Outcome.SUMMER_ON,
            Outcome.MISSING_METER,
            Outcome.INVALID_TEMPERATURE,
            Outcome.INVALID_MODE,
            Outcome.INVALID_PROFILE,
            Outcome.INVALID_THRESHOLDS,
            Outcome.API_ERROR,
            Outcome.INVALID_SETTINGS,
        )
    )
}


def _overall(decisions: tuple[ZoneDecision, ...]) -> Outcome:
    for decision in decisions:
        if decision.zone == DEFAULT_ZONE:
            return decision.outcome
    return max((each.outcome for each in decisions), key=_SEVERITY.__getitem__)
