"""The engine a host embeds: it owns no scheduler and no user interface."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, cast

from switchbot_automation.clock import SystemClock
from switchbot_automation.cloud.events.events import RefusedWebhook
from switchbot_automation.core.control.season import AUTO
from switchbot_automation.core.overlay import in_force
from switchbot_automation.core.state.values import encode_instant
from switchbot_automation.core.step import overall_outcome, with_commands
from switchbot_automation.engine.act.wishes import (
    act_for_person,
    check_hold,
    end_of_hold,
    hold_for_person,
    wish_for_person,
)
from switchbot_automation.engine.assembly import assemble
from switchbot_automation.engine.configure import what_if
from switchbot_automation.engine.documents.documents import Documents
from switchbot_automation.engine.tell.events import (
    WebhookReceived,
)
from switchbot_automation.engine.tell.health import health_report
from switchbot_automation.engine.tell.overview import (
    overview,
    zone_overview,
)
from switchbot_automation.engine.tell.record import Recorder, askable, threaded
from switchbot_automation.engine.tick import Performance
from switchbot_automation.errors import UnknownZoneError
from switchbot_automation.explain.explain import Explainer, timezone_in
from switchbot_automation.model import (
    ManualAction,
    ReasonCode,
    TickReport,
)
from switchbot_automation.plugins import installed
from switchbot_store import StoreInterface, ThreadedStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from datetime import datetime, timedelta
    from types import TracebackType

    from switchbot_automation.clock import Clock
    from switchbot_automation.cloud.events.events import WebhookEvent
    from switchbot_automation.cloud.talk.quota import QuotaLedger
    from switchbot_automation.core.step import ZoneTick
    from switchbot_automation.engine.act.cascade import HookSender
    from switchbot_automation.engine.configure import SettingsChange
    from switchbot_automation.engine.tell.events import Event
    from switchbot_automation.engine.tell.record import AsyncHistory
    from switchbot_automation.explain.explain import Explanation
    from switchbot_automation.model import CloudApi, Command
    from switchbot_automation.rules.definition.context import Notifier
    from switchbot_automation.rules.running.runner import Rules
    from switchbot_automation.settings.model import Settings, ZoneSettings
    from switchbot_store import AsyncStore, Entry, HistoryService, ThreadedHistory

_LOGGER = logging.getLogger(__name__)

# Somebody wants to know now: meters are read though none is due.
_FORCING = frozenset({"manual", "once", "refresh", "replay"})
_BY_PERSON = frozenset({"manual", "refresh"})


class AutomationEngine:
    """Keeps every zone of the settings as they say, one tick at a time.

    `client` is any `CloudApi`. `store` is a `StoreInterface`, which is then called on a
    private thread, or an `AsyncStore`; whoever opened it closes it. The same goes for
    `history`, a `HistoryService` or the asyncio view of one. `quota` is
    the ledger shared with the client, by default the client's own; where there is none
    the engine counts its calls itself.
    `offsets` takes the sources of numbers that move a band, as a price.
    Without a `webhook_sender` there are no webhooks, and no notices of the settings'
    `notifiers`; `notifier` is told beside those.

    Use it as an async context manager. `run_once` and the other methods share one lock.

    >>> import asyncio
    >>> from switchbot_automation import AutomationEngine
    >>> from switchbot_automation.simulation import SimulatedHome, default_settings
    >>> from switchbot_store import MemoryStore
    >>> async def morning():
    ...     home, store = SimulatedHome(season="winter"), MemoryStore()
    ...     store.set("settings", default_settings("winter"))
    ...     async with AutomationEngine(home, store, clock=home.clock) as engine:
    ...         home.clock.advance(6 * 3600)
    ...         report = await engine.run_once()
    ...         command = await engine.act("default", "off", hold="permanent")
    ...         return report, command
    >>> report, command = asyncio.run(morning())
    >>> print(report.outcome, command.action, command.status)
    winter_on off accepted
    """

    def __init__(
        self,
        client: CloudApi,
        store: StoreInterface | AsyncStore,
        *,
        history: HistoryService | ThreadedHistory | AsyncHistory | None = None,
        clock: Clock | None = None,
        quota: QuotaLedger | None = None,
        webhook_sender: HookSender | None = None,
        notifier: Notifier | None = None,
        settings_key: str = "settings",
        state_key: str = "state",
    ) -> None:
        self._clock: Clock = clock or SystemClock()
        self._wrapped = (
            ThreadedStore(store) if isinstance(store, StoreInterface) else None
        )
        self._store: AsyncStore = self._wrapped or store  # type: ignore[assignment] # narrowed by the isinstance above
        self._documents = Documents(self._store, settings_key, state_key)
        self._parts = parts = assemble(
            client,
            self._documents,
            self._clock,
            quota=quota,
            webhook_sender=webhook_sender,
            notifier=notifier,
        )
        self.offsets = parts.offsets
        self._rules = RuleStep(parts.make_rules, self._documents)
        self._own_history = threaded(history)
        self._history = cast("AsyncHistory | None", self._own_history or history)
        self._recorder = Recorder(self._documents, self._history)
        self._explainer = Explainer(
            self._documents.life.settings_of,
            lambda zone: timezone_in(self._documents.life.settings, zone),
            askable(self._history),
            self._recorder.runs,
        )
        self._performance = Performance()
        self._lock = asyncio.Lock()
        self._report: TickReport | None = None
        self._last_tick: datetime | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._parts.leadership.token and self._documents.reachable:
            await self._documents.release(self._parts.leadership.released)
        self._parts.plugged.close()
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
        return self._parts.agenda.next_wakeup

    def subscribe(self, listener: Callable[[Event], object]) -> Callable[[], None]:
        """Tell `listener` of every event from now on; return what ends that.

        Called on the event loop; it must not block. An exception it raises is logged.
        """
        return self._parts.listeners.subscribe(listener)

    async def run_once(self, trigger: str = "scheduler") -> TickReport:
        """Run one tick and report. Returns without waiting for a later instant.

        No failure of the cloud, the store or the history is raised: they are outcomes
        and reasons of the report. `trigger` is a word for the report and the history;
        ``manual``, ``once``, ``refresh`` and ``replay`` also read meters not yet due.
        """
        async with self._turn():
            return await self._run(trigger)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Take the lock for what may command and then writes what came of it."""
        async with self._lock:
            try:
                yield
            finally:
                self._parts.commander.settle()

    async def _run(self, trigger: str) -> TickReport:
        parts, documents = self._parts, self._documents
        started, now = self._clock.monotonic(), self._clock.now()
        settings = await parts.preparation.load(now, started, claim=True)
        parts.plugged.adopt(self.offsets)
        rules_at: datetime | None = None
        ticks: list[ZoneTick] = []
        strays: tuple[Command, ...] = ()
        if settings is not None:
            if trigger in _BY_PERSON:
                parts.observer.try_anew()
            ticks = await parts.tick.run(settings, now, force=trigger in _FORCING)
            if parts.leadership.leads:
                if documents.left.units:
                    strays = await parts.left_units.turn_off(now)
                ticks, rules_at = await self._rules.step(settings, ticks, now)
                if strays:
                    ticks, strays = with_commands(ticks, strays)
                if settings.rules or any(tick.tells for tick in ticks):
                    await parts.notices.tell(now)
        decisions = tuple(tick.decision for tick in ticks) or (
            parts.preparation.without_settings(),
        )
        commands = tuple(command for tick in ticks for command in tick.commands)
        commands += strays
        await self._keep(ticks, strays, trigger, now)
        in_force = documents.life.settings
        left_at = parts.left_units.next_at if documents.left.units else None
        ended, seconds = self._clock.now(), self._clock.monotonic()
        left = parts.quota_watch.tell(in_force, ended)
        wakeup = parts.agenda.after_tick(
            ticks, now, left, ended=ended, also=(rules_at, left_at)
        )
        report = TickReport(
            trigger=trigger,
            outcome=overall_outcome(decisions),
            decisions=decisions,
            commands=commands,
            next_wakeup=wakeup,
            duration_seconds=seconds - started,
        )
        self._report, self._last_tick = report, now
        parts.announcer.tell(now, commands, decisions)
        self._performance.note(seconds, report.duration_seconds)
        parts.agenda.publish(wakeup)
        return report

    async def _keep(
        self,
        ticks: list[ZoneTick],
        strays: tuple[Command, ...],
        trigger: str,
        now: datetime,
    ) -> None:
        """Record what a tick came to, and store what changed by it."""
        parts, documents = self._parts, self._documents
        quota = parts.quota.to_document()
        if not parts.leadership.leads:
            documents.drop()
            await documents.save(quota)
            return
        used = quota["api_requests_total"]
        await self._recorder.record(ticks, strays, trigger, now, used)
        lead = parts.leadership.to_document(documents.life.settings)
        await documents.save({"last_tick": encode_instant(now), **quota, **lead})

    async def act(
        self,
        zone: str,
        action: ManualAction | str,
        hold: timedelta | datetime | float | str | None = None,
    ) -> Command:
        """Do what a person asks for and return the command with how far it came.

        `action`: ``on`` (the season's), ``winter``, ``summer``, ``fan``, ``off``, or
        ``quick_off``, which also stores ``automation_enabled: false``. OFF is never
        blocked. ON during the minimum off time comes back ``blocked`` with
        `blocked_until`, and is sent by the tick of that instant unless something newer
        came. So does ON that turns an outdoor unit around which other zones share, for
        the group's `changeover_gap_seconds`; its reason `GROUP_OTHERS_WAIT` names the
        zones that have to do without and until when at the latest: who waits as long
        as `max_wait_seconds` gets the unit back and the hold ends. `hold`: for how long, or until which instant, the automation leaves the
        zone alone, or ``until_next_change`` of its windows, ``permanent``, ``none``;
        None does what `manual_hold_seconds` says, without it until that change, at most
        a day. It outlives a restart.

        Raises UnknownZoneError; ValueError for another action or a hold in the past;
        SettingsError when no usable settings were ever read.
        """
        wanted = ManualAction(action)
        quick = wanted is ManualAction.QUICK_OFF
        async with AsyncExitStack() as stack:
            with self._parts.observer.hurried():
                await stack.enter_async_context(self._turn())
            now = self._clock.now()
            check_hold(hold, now)
            settings = await self._parts.preparation.in_force(now)
            found = settings.zones.get(zone)
            if found is None:
                raise UnknownZoneError(zone, settings.zones)
            command = await act_for_person(
                self._documents,
                self._parts.commander,
                found,
                wanted,
                # Quick-off leaves nothing that would have to be kept away.
                None if quick and hold is None else end_of_hold(hold, found, now),
                settings=settings,
                now=now,
            )
            await self._documents.save(self._parts.quota.to_document())
            self._parts.announcer.tell(now, (command,))
            if command.blocked_until is not None:
                self._parts.agenda.bring_forward(command.blocked_until)
            others = any(
                reason.code is ReasonCode.GROUP_OTHERS_WAIT
                for reason in command.reasons
            )
            if quick or others:
                # The settings changed, or zones have to make way.
                self._parts.agenda.bring_forward()
            return command

    async def hold(self, zone: str, hold: timedelta | datetime | float | str) -> None:
        """Let the automation leave a zone as it is; ``none`` ends that, at once.

        `hold` is as for `act`, and raises what it raises. Nothing is sent.
        """
        async with AsyncExitStack() as stack:
            with self._parts.observer.hurried():
                await stack.enter_async_context(self._lock)
            now = self._clock.now()
            check_hold(hold, now)
            found = await self._parts.preparation.zone(zone, now)
            hold_for_person(self._documents, found, end_of_hold(hold, found, now))
            await self._documents.save(self._parts.quota.to_document())
            self._parts.agenda.bring_forward()

    async def set_temperature(
        self,
        zone: str,
        low: float,
        high: float,
        until: timedelta | datetime | float | str | None = None,
    ) -> None:
        """Let a zone keep other temperatures for a time, whether a window is open or not.

        `low` and `high` are the band in degrees Celsius, 10 to 35; with mode ``auto`` they
        are where heating and where cooling begins. The setpoint moves as far as the middle
        of the band. `until`: for how long, until which instant, ``until_next_change`` of
        what the settings want (as None), or ``permanent``. It outlives a restart, ends
        with the next wish, `act` or `hold`, and the next tick, due at once, keeps it.

        Raises UnknownZoneError; ValueError for a band or an end that cannot be, or a zone
        whose automation is off; SettingsError when no usable settings were ever read.
        """
        await self._wish(zone, until, band=(float(low), float(high)))

    async def set_preset_mode(
        self,
        zone: str,
        preset: str,
        until: timedelta | datetime | float | str | None = None,
    ) -> None:
        """Put a preset of a zone in force for a time, whether a window is open or not.

        `preset` is one of the zone's setting `presets`; `until` and what is raised are as
        for `set_temperature`.
        """
        await self._wish(zone, until, preset=preset)

    async def _wish(
        self, zone: str, until: timedelta | datetime | float | str | None, **what: Any
    ) -> None:
        async with AsyncExitStack() as stack:
            with self._parts.observer.hurried():
                await stack.enter_async_context(self._lock)
            now = self._clock.now()
            check_hold(until, now)
            await self._parts.preparation.zone(zone, now)
            settings = self._documents.life.settings
            assert settings is not None  # noqa: S101 - the zone was found in them
            wish_for_person(self._documents, settings.zones[zone], until, now, **what)
            await self._documents.save(self._parts.quota.to_document())
            self._parts.agenda.bring_forward()

    async def run_rule(
        self, rule_id: str, *, dry_run: bool = False, conditions: bool = True
    ) -> Mapping[str, Any]:
        """Run a rule now, whatever its triggers say; return the trace of what was done.

        A dry run checks every step and does none; `conditions` false asks none. After a
        delay the ticks carry it on. Raises SettingsError for no such rule.
        """
        async with self._lock:
            settings = await self._parts.preparation.in_force(self._clock.now())
            trace = await self._rules.rules.run_rule(
                settings, rule_id, dry_run=dry_run, conditions=conditions
            )
            await self._documents.save(self._parts.quota.to_document())
            self._parts.agenda.bring_forward()
            return trace

    def rule_traces(self, rule_id: str | None = None) -> list[dict[str, Any]]:
        """Return what a rule, or every rule, did lately, the newest first. No I/O."""
        return self._rules.rules.traces(rule_id)

    async def handle_webhook(
        self, payload: Mapping[str, Any]
    ) -> WebhookEvent | RefusedWebhook:
        """Take an event that the cloud pushed; return it, or why it was refused.

        Nothing it holds is raised. What a zone's meter says becomes its reading at the
        next tick, which is wanted at once where a threshold was crossed. Listeners hear
        of every event that was taken, of whatever device. Does not wait for a tick.
        """
        event, zones = self._parts.pushes.take(payload)
        if isinstance(event, RefusedWebhook):
            return event
        self._parts.listeners.emit(WebhookReceived(event, zones))
        if self._rules.take(event) or self._parts.pushes.wake:
            self._parts.agenda.bring_forward()
        return event

    async def apply_settings(
        self,
        document: Mapping[str, Any],
        dry_run: bool = False,
        *,
        revision: str | None = None,
    ) -> SettingsChange:
        """Check a settings document, store it, and say what it changes.

        It takes effect at the next tick, which is wanted at once; should that tick
        fail, the document before is put back. A dry run stores nothing and, with a
        history, also tells what the change would have meant lately. Raises
        SettingsError, and StoreError when it cannot be stored, StoreConflictError where
        the stored document is not of `revision`, if given; then nothing changed.
        """
        now = self._clock.now()
        async with self._lock:
            if not dry_run:
                change = await self._parts.configurator.apply(document, now, revision)
                self._parts.agenda.bring_forward()
                return change
            before, after = await self._parts.configurator.rehearse(
                document, now, revision
            )
        return await what_if(askable(self._history), before, after, now)

    async def stored_settings(self) -> Entry:
        """Return the settings document as it is stored. Raises StoreError."""
        return await self._documents.stored_settings()

    async def explain(
        self, zone: str | None = None, at: datetime | None = None
    ) -> Explanation:
        """Say why a zone is as it is now, or why it was so `at` an aware instant.

        `zone` None is the default zone, else the first. What was before the last tick
        is answered from the history. Raises UnknownZoneError; StoreError when the
        history cannot be asked.
        """
        told, now = (self._report, self._last_tick), at or self._clock.now()
        return await self._explainer.answer(
            self._documents.life.settings, zone, now, told
        )

    async def health(self) -> dict[str, Any]:
        """Return how the engine fares, JSON-able; see `health_report`. No I/O."""
        return health_report(
            documents=self._documents,
            recorder=self._recorder,
            quota=self._parts.quota,
            level=self._parts.quota_watch.level(self._documents.life.settings),
            store=self._store.status(),
            report=self._report,
            last_tick=self._last_tick,
            next_wakeup=self._parts.agenda.next_wakeup,
            now=self._clock.now(),
            performance=self._performance.to_dict(self._clock.monotonic()),
            rules=self._rules.health(),
            left_units=self._parts.left_units.report(),
            refused=self._parts.observer.refusals,
            plugins=await (await installed()).report_beside(),
        )

    def overview(self) -> dict[str, Any]:
        """Return every zone as it is now, JSON-able; see `overview`. No I/O."""
        return overview(
            self._documents,
            self._report,
            self._last_tick,
            self._parts.agenda.next_wakeup,
            self._clock.now(),
            store=self._store.status(),
        )

    def zone_overview(self, zone: str) -> dict[str, Any]:
        """Return one zone as `overview` does. No I/O. Raises UnknownZoneError."""
        found, now = self.zone_in_force(zone), self._clock.now()
        return zone_overview(self._documents, self._report, found, now)

    def zone_in_force(self, zone: str) -> ZoneSettings:
        """Return a zone's settings with its season and what lies over them just now.

        No I/O. Raises UnknownZoneError.
        """
        settings = self._documents.life.settings
        if settings is None or zone not in settings.zones:
            raise UnknownZoneError(zone, settings.zones if settings else ())
        found = settings.zones[zone]
        wishes = self._documents.states[zone].wish is not None
        if found.mode != AUTO and zone not in settings.overlaid and not wishes:
            return found
        alone = replace(settings, zones={zone: found})
        now = self._clock.now()
        return in_force(alone, self._documents.states.__getitem__, now).zones[zone]


class RuleStep:
    """The rules' place in a tick, which costs a home without rules nothing.

    Not even memory: `make` imports the package that runs them, and is called once there
    are some or somebody asks.
    """

    def __init__(self, make: Callable[[], Rules], documents: Documents) -> None:
        self._make = make
        self._documents = documents
        self._made: Rules | None = None

    @property
    def rules(self) -> Rules:
        """The rules themselves."""
        if self._made is None:
            self._made = self._make()
        return self._made

    def take(self, event: WebhookEvent) -> bool:
        """Keep an event for the next tick; tell whether a rule may be waiting for it."""
        settings = self._documents.life.settings
        return bool(settings and settings.rules) and self.rules.take(event)

    async def step(
        self, settings: Settings, ticks: list[ZoneTick], now: datetime
    ) -> tuple[list[ZoneTick], datetime | None]:
        """Do what is due now; return the ticks with what was done, and the next look."""
        idle = self._made is None and not self._documents.rules.data
        if not settings.rules and idle:
            return ticks, None
        return await self.rules.step(settings, ticks, now)

    def health(self) -> Mapping[str, Any]:
        """Return how the rules fare, JSON-able."""
        settings = self._documents.life.settings
        if self._made is None and not (settings and settings.rules):
            return {"count": 0, "running": 0, "failed": [], "problems": []}
        return self.rules.health()
