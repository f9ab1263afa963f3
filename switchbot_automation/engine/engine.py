"""The engine a host embeds: it owns no scheduler and no user interface."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Self, cast

from switchbot_automation.clock import SystemClock
from switchbot_automation.cloud.quota import QuotaLedger
from switchbot_automation.cloud.webhook import RefusedWebhook
from switchbot_automation.engine.act import Actuator
from switchbot_automation.engine.clock_watch import ClockWatch, after_jump
from switchbot_automation.engine.command import Commander
from switchbot_automation.engine.configure import (
    Configurator,
    SettingsChange,
    differences,
    what_if,
)
from switchbot_automation.engine.control import after_season, in_season
from switchbot_automation.engine.documents import Documents
from switchbot_automation.engine.events import (
    ClockJumped,
    CommandHandled,
    DecisionMade,
    DeviceUnresponsive,
    Listeners,
    NextWakeupChanged,
    SettingsApplied,
    SettingsRejected,
    StoreDegraded,
    StoreRecovered,
    WebhookReceived,
)
from switchbot_automation.engine.explain import (
    Explainer,
    Explanation,
    explain_without_inputs,
    timezone_in,
)
from switchbot_automation.engine.health import health_report
from switchbot_automation.engine.leader import Leadership
from switchbot_automation.engine.manual import act_for_person, check_hold, end_of_hold
from switchbot_automation.engine.meters import Meters
from switchbot_automation.engine.observe import Observer, describe
from switchbot_automation.engine.push import Pushes
from switchbot_automation.engine.quota_watch import QuotaWatch, ledger_of
from switchbot_automation.engine.record import Recorder
from switchbot_automation.engine.state import encode_instant
from switchbot_automation.engine.tick import Tick, overall_outcome
from switchbot_automation.engine.wakeup import next_look
from switchbot_automation.errors import SettingsError, UnknownZoneError
from switchbot_automation.model import (
    DEFAULT_ZONE,
    ManualAction,
    Outcome,
    Reason,
    ReasonCode,
    TickReport,
    ZoneDecision,
)
from switchbot_store import StoreInterface, ThreadedHistory, ThreadedStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from types import TracebackType

    from switchbot_automation.clock import Clock
    from switchbot_automation.cloud.webhook import WebhookEvent
    from switchbot_automation.engine.act import WebhookSender
    from switchbot_automation.engine.events import Event
    from switchbot_automation.engine.record import AsyncHistory
    from switchbot_automation.engine.tick import ZoneTick
    from switchbot_automation.model import CloudApi, Command
    from switchbot_automation.settings_model import Settings
    from switchbot_store import AsyncStore, HistoryService

_LOGGER = logging.getLogger(__name__)

_RETRY_SETTINGS_SECONDS = 120.0
_SOONEST = timedelta(seconds=1)

# Somebody wants to know now: meters are read though none is due.
_FORCING = frozenset({"manual", "once", "refresh", "replay"})


class AutomationEngine:
    """Keeps every zone of the settings as they say, one tick at a time.

    `client` is any `CloudApi`. `store` is a `StoreInterface`, which is then called on a
    private thread, or an `AsyncStore`; whoever opened it closes it. The same goes for
    `history`, a `HistoryService` or the asyncio view of one. `quota` is
    the ledger shared with the client, by default the client's own; where there is none
    the engine counts its calls itself.
    Without a `webhook_sender` the webhook rung does not exist.

    Use it as an async context manager. `run_once` and the other methods share one lock.
    """

    def __init__(
        self,
        client: CloudApi,
        store: StoreInterface | AsyncStore,
        *,
        history: HistoryService | ThreadedHistory | AsyncHistory | None = None,
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
        shared = quota or ledger_of(client)
        self._quota = shared or QuotaLedger(clock=self._clock)
        self._documents = Documents(self._store, settings_key, state_key)
        self._pushes = Pushes(self._documents, self._clock)
        observer = Observer(
            client, self._clock, self._quota, self._pushes, counts=shared is None
        )
        self._meters = Meters(
            self._documents, observer, self._clock, self._quota, self._pushes
        )
        actuator = Actuator(client, observer, self._clock, webhook_sender)
        self._leadership = Leadership(self._clock)
        self._commander = Commander(
            self._documents, actuator, self._clock, self._leadership
        )
        self._tick = Tick(
            self._documents, observer, self._meters, self._commander, self._clock
        )
        self._own_history = _threaded(history)
        self._history = cast("AsyncHistory | None", self._own_history or history)
        self._recorder = Recorder(self._documents, self._history)
        self._explainer = Explainer(
            self._documents.life.settings_of,
            lambda zone: timezone_in(self._documents.settings, zone),
            _asked(self._history),
            self._recorder.runs,
        )
        self._configurator = Configurator(self._documents)
        self._listeners = Listeners()
        self._lock = asyncio.Lock()
        self._next_wakeup = self._clock.now()
        self._degraded = False
        self._report: TickReport | None = None
        self._last_tick: datetime | None = None
        self._quota_watch = QuotaWatch(self._quota, self._meters, self._listeners)
        self._clock_watch = ClockWatch()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._leadership.token and self._documents.reachable:
            await self._documents.release(self._leadership.released)
        if self._wrapped is not None:
            await self._wrapped.detach()
        if self._own_history is not None:
            await self._own_history.detach()

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
        and reasons of the report. `trigger` is a word for the report and the history;
        ``manual``, ``once``, ``refresh`` and ``replay`` also read meters not yet due.
        """
        async with self._lock:
            return await self._run(trigger)

    async def _run(self, trigger: str) -> TickReport:
        started = self._clock.monotonic()
        now = self._clock.now()
        settings = await self._load(now, claim=True)
        if settings is None:
            ticks: list[ZoneTick] = []
            decisions: tuple[ZoneDecision, ...] = (self._without_settings(),)
        else:
            force = trigger in _FORCING
            ticks = await self._tick_or_take_back(settings, now, force=force)
            decisions = tuple(tick.decision for tick in ticks)
            decisions = decisions or (self._without_settings(),)
        commands = tuple(command for tick in ticks for command in tick.commands)
        quota = self._quota.to_document()
        if self._leadership.leads:
            used = quota["api_requests_total"]
            await self._recorder.record(ticks, trigger, now, used)
            lead = self._leadership.to_document(
                settings.zones.values() if settings else ()
            )
            await self._documents.save(
                {"last_tick": encode_instant(now), **quota, **lead}
            )
        else:
            self._documents.drop()
            await self._documents.save(quota)
        self._watch_store()
        self._quota_watch.tell(self._documents.settings)
        wakeup = self._wanted_wakeup(ticks, now)
        report = TickReport(
            trigger=trigger,
            outcome=overall_outcome(decisions),
            decisions=decisions,
            commands=commands,
            next_wakeup=wakeup,
            duration_seconds=self._clock.monotonic() - started,
        )
        self._report, self._last_tick = report, now
        self._tell(now, decisions, commands)
        self._set_wakeup(wakeup)
        return report

    async def _tick_or_take_back(
        self, settings: Settings, now: datetime, *, force: bool
    ) -> list[ZoneTick]:
        """Tick; if new settings make that fail, tick with those before."""
        try:
            ticks = await self._tick.run(settings, now, force=force)
        except Exception as error:
            if not self._documents.life.on_trial:
                raise
            rejected = await self._configurator.take_back(error)
            self._listeners.emit(SettingsRejected(rejected.path, str(rejected)))
            before = self._documents.settings
            if before is None:
                return []
            return await self._tick.run(before, now, force=force)
        self._documents.life.settle()
        return ticks

    async def act(
        self,
        zone: str,
        action: ManualAction | str,
        hold: timedelta | datetime | str | None = None,
    ) -> Command:
        """Do what a person asks for and return the command with how far it came.

        `action`: ``on`` (the season's), ``winter``, ``summer``, ``fan``, ``off``, or
        ``quick_off``, which also stores ``automation_enabled: false``. OFF is never
        blocked. ON during the minimum off time comes back ``blocked`` with
        `blocked_until`, and is sent by the tick of that instant unless something newer
        came. `hold`: for how long, or until which instant, the automation leaves the
        zone alone, or ``until_next_change`` of its windows, ``permanent``, ``none``;
        None does what `manual_hold_seconds` says. It outlives a restart.

        Raises UnknownZoneError; ValueError for another action or a hold in the past;
        SettingsError when no usable settings were ever read.
        """
        wanted = ManualAction(action)
        async with self._lock:
            now = self._clock.now()
            check_hold(hold, now)
            settings = await self._load(now)
            if settings is None:
                raise self._documents.settings_error or SettingsError(
                    "the settings could not be read yet"
                )
            if zone not in settings.zones:
                raise UnknownZoneError(zone, settings.zones)
            command = await act_for_person(
                self._documents,
                self._commander,
                settings.zones[zone],
                wanted,
                end_of_hold(hold, settings.zones[zone], now),
            )
            await self._documents.save(self._quota.to_document())
            self._watch_store()
            self._tell(now, (), (command,))
            due = command.blocked_until
            if due is not None and due < self._next_wakeup:
                self._set_wakeup(due)
            return command

    async def handle_webhook(
        self, payload: Mapping[str, Any]
    ) -> WebhookEvent | RefusedWebhook:
        """Take an event that the cloud pushed; return it, or why it was refused.

        Nothing it holds is raised. What a zone's meter says becomes its reading at the
        next tick, which is wanted at once where a threshold was crossed. Listeners hear
        of every event that was taken, of whatever device. Does not wait for a tick.
        """
        event, zones = self._pushes.take(payload)
        if isinstance(event, RefusedWebhook):
            return event
        self._listeners.emit(WebhookReceived(event, zones))
        if self._pushes.wake:
            self._set_wakeup(min(self._next_wakeup, self._clock.now()))
        return event

    async def apply_settings(
        self, document: Mapping[str, Any], dry_run: bool = False
    ) -> SettingsChange:
        """Check a settings document, store it, and say what it changes.

        It takes effect at the next tick, which is wanted at once; should that tick
        fail, the document before is put back. A dry run stores nothing and, with a
        history, also tells what the change would have meant lately. Raises
        SettingsError, and StoreError when it cannot be stored; then nothing changed.
        """
        now = self._clock.now()
        async with self._lock:
            if not dry_run:
                change = await self._configurator.apply(document, now)
                self._set_wakeup(min(self._next_wakeup, self._clock.now()))
                return change
            before, after = await self._configurator.rehearse(document, now)
        changes = differences(before, after)
        history = _asked(self._history)
        if history is None:
            return SettingsChange(changes, dry_run=True)
        found = await what_if(history.service, before, after, now)
        return SettingsChange(changes, True, *found)  # noqa: FBT003 - it is a dry run

    async def explain(
        self, zone: str | None = None, at: datetime | None = None
    ) -> Explanation:
        """Say why a zone is as it is now, or why it was so `at` an aware instant.

        `zone` None is the default zone, else the first. What was before the last tick
        is answered from the history. Raises UnknownZoneError; StoreError when the
        history cannot be asked.
        """
        asked_at = at or self._clock.now()
        settings = self._documents.settings
        if zone is not None and settings and zone not in settings.zones:
            raise UnknownZoneError(zone, settings.zones)
        if settings is None and self._report and self._last_tick:
            made = self._report.decisions[0]
            return explain_without_inputs(made, self._last_tick, asked_at)
        name = zone or (settings.default.name if settings else DEFAULT_ZONE)
        return await self._explainer.explain(name, asked_at)

    async def health(self) -> dict[str, Any]:
        """Return how the engine fares, JSON-able; see `health_report`. No I/O."""
        return health_report(
            documents=self._documents,
            recorder=self._recorder,
            quota=self._quota,
            level=self._quota_watch.level(self._documents.settings),
            store=self._store.status(),
            report=self._report,
            last_tick=self._last_tick,
            next_wakeup=self._next_wakeup,
            now=self._clock.now(),
        )

    async def _load(self, now: datetime, *, claim: bool = False) -> Settings | None:
        error = self._documents.settings_error
        if await self._documents.load():
            revision = self._documents.settings_revision
            self._listeners.emit(SettingsApplied(revision))
        rejected = self._documents.settings_error
        if rejected is not None and rejected is not error:
            self._listeners.emit(SettingsRejected(rejected.path, str(rejected)))
        settings = self._documents.settings
        stored, reachable = self._documents.home.stored, self._documents.reachable
        self._quota_watch.take(stored, settings, read=reachable)
        if reachable and self._leadership.look(stored, claim=claim):
            self._documents.taken_over()
        jump = self._clock_watch.jump(now, self._clock.monotonic())
        if jump:
            self._meters.forget_instants()
            self._listeners.emit(ClockJumped(now, jump))
        for zone in settings.zones.values() if settings else ():
            book = self._documents.book(zone.name)
            state = after_jump(book.state, jump, now)
            book.state = after_season(zone, state.not_later_than(now), now)
            self._commander.recover(zone, now)
        return settings and in_season(settings, self._documents.book, now)

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
        quota = self._meters.quota(self._documents.settings)
        for tick in ticks:
            review_at = tick.decision.look_at
            self._meters.note(tick.zone.name, tick.blocked_until, review_at)
        wanted = min(
            (
                next_look(
                    tick.zone,
                    self._documents.book(tick.zone.name).state,
                    now,
                    tick.blocked_until,
                    tick.decision.look_at,
                    read_at=self._meters.next_read(tick.zone, now, quota),
                    quota=quota,
                )
                for tick in ticks
            ),
            default=now + timedelta(seconds=_RETRY_SETTINGS_SECONDS),
        )
        ended = self._clock.now()
        if self._pushes.wake:
            # It came while this tick was past reading the meters.
            return ended + _SOONEST
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
            if command.reasons[:1] and (
                command.reasons[0].code is ReasonCode.DEVICE_UNRESPONSIVE
            ):
                self._listeners.emit(DeviceUnresponsive(now, command))


def _asked(history: AsyncHistory | None) -> ThreadedHistory | None:
    """Return the history if it answers questions, not only takes rows."""
    return history if isinstance(history, ThreadedHistory) else None


def _threaded(
    history: HistoryService | ThreadedHistory | AsyncHistory | None,
) -> ThreadedHistory | None:
    """Wrap a synchronous history, which must not be waited for on the event loop."""
    if history is None or iscoroutinefunction(history.record):
        return None
    return ThreadedHistory(cast("HistoryService", history))
