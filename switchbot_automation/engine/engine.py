"""The engine a host embeds: it owns no scheduler and no user interface."""

from __future__ import annotations

import asyncio
import logging
import math
import os
from contextlib import (
    AbstractContextManager,
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
    contextmanager,
)
from contextvars import ContextVar
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self, cast
from zlib import crc32

from switchbot_automation.clock import SystemClock
from switchbot_automation.cloud.events.events import CHANGE_REPORT, RefusedWebhook
from switchbot_automation.core.control.season import AUTO
from switchbot_automation.core.overlay import in_force
from switchbot_automation.core.pace import Note
from switchbot_automation.core.state.said import of_own_scale
from switchbot_automation.core.state.values import encode_instant
from switchbot_automation.core.state.wishes import asks_otherwise, degrees
from switchbot_automation.core.step import overall_outcome, with_commands
from switchbot_automation.engine.act.wishes import (
    act_for_person,
    check_hold,
    end_of_hold,
    end_of_quiet,
    hold_for_person,
    quiet_for_person,
    skip_for_person,
    skip_no_window,
    wish_for_person,
)
from switchbot_automation.engine.assembly import assemble
from switchbot_automation.engine.cancellation import is_waited_for
from switchbot_automation.engine.configure import what_if
from switchbot_automation.engine.documents.documents import Documents
from switchbot_automation.engine.documents.keys import claim, keys_of
from switchbot_automation.engine.documents.leader import KEY
from switchbot_automation.engine.observe.meters import account_of
from switchbot_automation.engine.tell import shared
from switchbot_automation.engine.tell.events import (
    WebhookReceived,
)
from switchbot_automation.engine.tell.health import health_report, quota_report
from switchbot_automation.engine.tell.overview import (
    BySettings,
    at_once,
    in_turns,
    overview,
    zone_overview,
)
from switchbot_automation.engine.tell.record import (
    Recorder,
    askable,
    history_of,
    one_home,
    threaded,
)
from switchbot_automation.engine.tick import Performance
from switchbot_automation.errors import EngineClosedError, UnknownZoneError
from switchbot_automation.explain.explain import Explainer, timezone_in
from switchbot_automation.instants import stored_instant
from switchbot_automation.languages import AUTO as LANGUAGE_AUTO
from switchbot_automation.languages import CELSIUS, worded
from switchbot_automation.model import (
    PLUGIN_PREFIX,
    ManualAction,
    ReasonCode,
    TickReport,
)
from switchbot_automation.plugins import installed
from switchbot_store import AsyncHomeStore, HomeStore, StoreInterface, ThreadedStore

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterator,
        Callable,
        Generator,
        Iterator,
        Mapping,
    )
    from datetime import datetime
    from types import TracebackType

    from switchbot_automation.clock import Clock
    from switchbot_automation.cloud.events.events import WebhookEvent
    from switchbot_automation.cloud.talk.quota import QuotaLedger
    from switchbot_automation.core.state.zone import SkippedWindow
    from switchbot_automation.core.step import ZoneTick
    from switchbot_automation.engine.act.cascade import HookSender
    from switchbot_automation.engine.configure import SettingsChange
    from switchbot_automation.engine.observe.offsets import Offsets
    from switchbot_automation.engine.observe.pushed import Taken
    from switchbot_automation.engine.tell.events import Event
    from switchbot_automation.engine.tell.record import AsyncHistory
    from switchbot_automation.explain.explain import Explanation
    from switchbot_automation.model import CloudApi, Command
    from switchbot_automation.rules.definition.context import Notifier
    from switchbot_automation.rules.running.runner import Rules
    from switchbot_automation.series import Series
    from switchbot_automation.settings.model import Settings, ZoneSettings
    from switchbot_store import AsyncStore, Entry, HistoryService, ThreadedHistory

_LOGGER = logging.getLogger(__name__)

# Somebody wants to know now: meters are read though none is due.
_FORCING = frozenset({"manual", "once", "refresh", "replay"})
_BY_PERSON = frozenset({"manual", "refresh"})
# What a program asks for by these it gets from this very engine, whoever leads.
_UNLED = _FORCING - _BY_PERSON
_WANTED = "_wanted"
_STOPS = frozenset({ManualAction.OFF, ManualAction.QUICK_OFF})
# Longer than a cascade of commands with all its timeouts is likely to take.
_LAST_TURN_SECONDS = 30.0
# What was promised and is so late shows that whoever leads does not tick any more.
_OVERDUE = timedelta(seconds=15)
_FOLLOWS_EVERY = timedelta(seconds=60)
_SOON = timedelta(seconds=1)


class AutomationEngine:
    """Keeps every zone of the settings as they say, one tick at a time.

    `client` is any `CloudApi`. `store` is a `StoreInterface`, which is then called on a
    private thread, or an `AsyncStore`; whoever opened it closes it. The same goes for
    `history`, a `HistoryService` or the asyncio view of one. `quota` is
    the ledger shared with the client, by default the client's own; where there is none
    the engine counts its calls itself.
    `offsets` takes the sources of numbers that move a band, as a price.
    Of several engines on one store the one that started last leads, unless
    `watches_while` says at its start that it should leave the lead to the one before; it
    is asked at every tick then, and takes over once it says no or that one fell silent.
    `home` names one home among many of a store: its documents are ``homes/<home>/settings``
    and so on, its rows those of the zones ``<home>/<zone>``, while everything reported has
    bare names; the day's calls are counted by account. By default that of the view that
    `store` is, if any. Raises StoreConfigError for names and keys that cannot be.
    Without a `webhook_sender` there are no webhooks, and no notices of the settings'
    `notifiers`; `notifier` is told beside those.

    Use it as an async context manager, once: it belongs to the event loop it is entered
    on. `run_once` and the other methods share one lock, and raise EngineClosedError once
    it was closed, and in a fork of the process that uses it.

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
        home: str | None = None,
        watches_while: Callable[[], bool] = lambda: False,
    ) -> None:
        self._clock: Clock = clock or SystemClock()
        self._home = home = one_home(home, store, history)
        keys = keys_of(settings_key, state_key, home)
        whole = store.store if isinstance(store, HomeStore | AsyncHomeStore) else store
        self._wrapped = (
            ThreadedStore(whole) if isinstance(whole, StoreInterface) else None
        )
        shared: AsyncStore = self._wrapped or whole  # type: ignore[assignment] # narrowed by the isinstance above
        claim(shared, keys, home)
        self._store = shared if home is None else AsyncHomeStore(shared, home)
        account = None if home is None else account_of(client)
        self._documents = Documents(
            self._store,
            keys,
            home=home,
            quota_key=None if account is None else f"accounts/{account}/quota",
        )
        self._parts = parts = assemble(
            client,
            self._documents,
            self._clock,
            quota=quota,
            webhook_sender=webhook_sender,
            notifier=notifier,
            watches=watches_while,
        )
        self.offsets: Offsets = parts.offsets
        self._rules = RuleStep(parts.make_rules, self._documents)
        history = history_of(home, history)
        self._own_history = threaded(history)
        self._history = cast("AsyncHistory | None", self._own_history or history)
        self._recorder = Recorder(self._documents, self._history)
        life = self._documents.life
        self._explainer = Explainer(
            life.settings_of,
            lambda zone: timezone_in(life.settings, zone),
            askable(self._history),
            self._recorder.runs,
        )
        self._performance = Performance()
        self._lifetime = Lifetime()
        self._by_settings = BySettings()
        self._turns = Turns()
        self._in_force: Settings | None = None
        self._hurries = ExitStack()
        self._report: TickReport | None = None
        self._last_tick: datetime | None = None
        self._told_wakeup: datetime | None = None
        self._wanted = ""
        self._beside: dict[str, Callable[[], Mapping[str, Any]]] = {}

    async def __aenter__(self) -> Self:
        self._lifetime.open()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._lifetime.close():
            return
        await self._let_finish()
        if self._parts.leadership.token and self._documents.reachable:
            await self._documents.release(self._parts.leadership.released)
        self._parts.plugged.close()
        # Then nothing of it leads back to itself, and all of it is free once it is left,
        # not at the next search for garbage: of a fleet's homes some hundred lie there else.
        self._parts.observer.let_go()
        if self._wrapped is not None:
            await self._wrapped.detach()
        if self._own_history is not None:
            await self._own_history.detach()

    async def _let_finish(self) -> None:
        """Wait for a turn that is under way: what it does must be stored, not lost."""
        try:
            async with asyncio.timeout(_LAST_TURN_SECONDS), self._turns.take():
                pass
        except (TimeoutError, _WaitsForItselfError):
            _LOGGER.warning("closed while a tick or a command was still under way")
        self._parts.leadership.end()

    @property
    def home(self) -> str | None:
        """The home it keeps, None for the only one of its store."""
        return self._home

    @property
    def clock(self) -> Clock:
        """The clock it lives by; whoever waits for `next_wakeup` should too."""
        return self._clock

    @property
    def store(self) -> AsyncStore:
        """Where its documents are, for what a host keeps beside them."""
        return self._store

    @property
    def next_wakeup(self) -> datetime:
        """When to call `run_once` again, aware UTC; before the first tick, at once."""
        return self._parts.agenda.next_wakeup

    def spread_first_look(self, seconds: float) -> None:
        """Let the first look wait for this home's share of so many seconds.

        Of many homes of one process not all look at once then. The share is that of the
        home's name. Nothing after the first look, nor for the only home of its store.
        """
        if self._home is not None and self._last_tick is None:
            share = crc32(self._home.encode()) / 2**32
            wait = timedelta(seconds=share * seconds)
            self._parts.agenda.publish(self._clock.now() + wait)

    def subscribe(self, listener: Callable[[Event], object]) -> Callable[[], None]:
        """Tell `listener` of every event from now on; return what ends that.

        Called on the event loop; it must not block. What it raises is logged,
        SystemExit too. Raises TypeError for an async function.
        """
        return self._parts.listeners.subscribe(listener)

    async def run_once(self, trigger: str = "scheduler") -> TickReport:
        """Run one tick and report. Returns without waiting for a later instant.

        No failure of the cloud, the store or the history is raised: they are outcomes
        and reasons of the report. `trigger` is a word for the report and the history;
        ``manual``, ``once``, ``refresh`` and ``replay`` also read meters not yet due;
        where another process leads, ``manual`` and ``refresh`` are handed on to it.
        """
        # As `_turn`, but at every tick.
        self._lifetime.check()
        async with self._turns.take():
            self._lifetime.check()
            try:
                return await self._run(trigger)
            finally:
                self._parts.commander.settle()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Take the lock for what may command and then writes what came of it."""
        async with self._alone():
            try:
                yield
            finally:
                self._parts.commander.settle()

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Take the lock, unless the engine is not for use here, or closed meanwhile."""
        self._lifetime.check()
        async with self._turns.take():
            self._lifetime.check()
            yield

    @asynccontextmanager
    async def _turn_of_off(self) -> AsyncIterator[bool]:
        """Take the lock, or go in the midst of a tick; whether it is that."""
        self._lifetime.check()
        async with self._turns.take_or_overtake() as within:
            self._lifetime.check()
            try:
                yield within
            finally:
                if not within:
                    self._parts.commander.settle()

    async def _run(self, trigger: str) -> TickReport:
        parts, documents = self._parts, self._documents
        started, now = self._clock.monotonic(), self._clock.now()
        settings = await parts.preparation.load(now, started, claim=True)
        if settings is not None and not parts.leadership.leads:
            leads = self._take_lead_of_silent(now)
            if not leads and trigger not in _UNLED:
                return await self._follow(settings, trigger, now, started)
        parts.plugged.adopt(self.offsets, self._say)
        self._take_passed_on()
        trigger, self._wanted = self._wanted or trigger, ""
        rules_at: datetime | None = None
        ticks: list[ZoneTick] = []
        strays: tuple[Command, ...] = ()
        if settings is not None:
            if trigger in _BY_PERSON:
                parts.observer.try_anew()
            self._in_force = settings
            with ExitStack() as self._hurries:
                ticks, strays, rules_at = await self._commanded(settings, trigger, now)
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
        if parts.leadership.leads and parts.leadership.has_others(seconds):
            told = shared.to_document(decisions, now, wakeup, parts.leadership.token)
            await documents.tell(told)
        self._report, self._last_tick, self._told_wakeup = report, now, None
        parts.announcer.tell(now, commands, decisions)
        self._performance.note(seconds, report.duration_seconds)
        parts.agenda.publish(wakeup)
        return report

    async def _commanded(
        self, settings: Settings, trigger: str, now: datetime
    ) -> tuple[list[ZoneTick], tuple[Command, ...], datetime | None]:
        """Observe, decide and act; what may take long, and what an OFF may overtake.

        Returns the zones' ticks, the commands of no zone, and when a rule is due next.
        """
        parts, documents = self._parts, self._documents
        rules_at: datetime | None = None
        strays: tuple[Command, ...] = ()
        self._turns.open()
        try:
            forces = trigger in _FORCING
            quota = parts.preparation.quota
            ticks = await parts.tick.run(settings, now, quota, force=forces)
            if parts.leadership.leads:
                if documents.left.units:
                    strays = await parts.left_units.turn_off(now)
                ticks, rules_at = await self._rules.step(settings, ticks, now)
                if strays:
                    ticks, strays = with_commands(ticks, strays)
                if settings.rules or any(tick.tells for tick in ticks):
                    await parts.notices.tell(now)
                await parts.upkeep.ticked(now)
        finally:
            await self._turns.close()
        return ticks, strays, rules_at

    async def look(self) -> bool:
        """Take in what other processes stored; return whether to do so again in a second.

        Cheap, and never asks the cloud: one read of the store, none in a home that one
        process looks after. What a person asked of another process wakes the engine that
        leads; one that follows shows what that one says. `SchedulerService` does this;
        a host with a scheduler of its own calls it once a second.
        """
        self._lifetime.check()
        leadership = self._parts.leadership
        if leadership.looks and not self._turns.taken:
            async with self._alone():
                await self._look()
        return leadership.looks and self._documents.reachable

    async def _look(self) -> None:
        parts, documents = self._parts, self._documents
        led, before, told = parts.leadership.leads, self._known(), documents.told.stored
        started, now = self._clock.monotonic(), self._clock.now()
        settings = await parts.preparation.load(now, started)
        if settings is None or not documents.reachable:
            return
        if not parts.leadership.leads:
            self._take_lead_of_silent(now)
        self._take_passed_on()
        news = self._known() != before
        if parts.leadership.leads:
            if news or not led:
                parts.agenda.bring_forward()
        elif news or led or documents.told.stored is not told:
            await self._follow(settings, "look", now, started)
        else:
            documents.drop()

    def _known(self) -> tuple[object, ...]:
        """Return what another process may have changed that matters at once."""
        documents = self._documents
        return (
            documents.life.revision,
            documents.rules.stored,
            *[
                (
                    name,
                    state.power,
                    state.action,
                    state.last_action_at,
                    state.hold_until,
                    state.pending_manual,
                    state.wish,
                    state.switch,
                    state.skipped,
                    state.quiet_until,
                )
                for name, state in documents.states.items()
            ],
        )

    def _take_lead_of_silent(self, now: datetime) -> bool:
        """Lead in place of an engine that let pass what a person was promised, if so."""
        documents = self._documents
        ticked = stored_instant(documents.home.stored.get("last_tick"))
        for state in documents.states.values():
            wish = state.pending_manual
            if (
                wish is not None
                and wish.due_at + _OVERDUE < now
                and (ticked is None or ticked < wish.due_at)
            ):
                self._parts.leadership.take(documents.home.stored)
                documents.taken_over()
                documents.follows = False
                return True
        return False

    async def _follow(
        self, settings: Settings, trigger: str, now: datetime, started: float
    ) -> TickReport:
        """Show what the engine that leads says. Asks the cloud for nothing."""
        parts, documents = self._parts, self._documents
        if trigger in _BY_PERSON:
            # What was read here would not count; who leads reads, a second later.
            await documents.pass_on({_WANTED: trigger})
        holder = documents.home.stored.get(KEY) or {}
        told = documents.told.stored
        if told.get("token") != holder.get("token"):
            told = {}
        # Before anything is said: what is stored is who leads's word, not another life's.
        documents.drop()
        ticks = shared.followed(settings, documents.states, told, now)
        revision = documents.life.revision_in_force
        for each in ticks:
            self._recorder.runs.look(each, trigger, revision, now)
        quota = parts.quota.to_document()
        await documents.save({**quota, **parts.leadership.mark(now)})
        decisions = tuple(each.decision for each in ticks)
        wishes = [
            state.pending_manual.due_at + _OVERDUE
            for state in documents.states.values()
            if state.pending_manual is not None
        ]
        wakeup = max(min([now + _FOLLOWS_EVERY, *wishes]), now + _SOON)
        report = TickReport(
            trigger=trigger,
            outcome=overall_outcome(decisions),
            decisions=decisions,
            commands=(),
            next_wakeup=wakeup,
            duration_seconds=self._clock.monotonic() - started,
        )
        self._report = report
        self._last_tick = shared.told_at(told, "at") or stored_instant(
            documents.home.stored.get("last_tick")
        )
        self._told_wakeup = shared.told_at(told, "next_wakeup")
        parts.announcer.tell(now, (), decisions)
        parts.agenda.publish(wakeup)
        return report

    @property
    def _shown_wakeup(self) -> datetime:
        """When the home is looked after again, by whoever leads."""
        return self._told_wakeup or self._parts.agenda.next_wakeup

    async def _keep(
        self,
        ticks: list[ZoneTick],
        strays: tuple[Command, ...],
        trigger: str,
        now: datetime,
    ) -> None:
        """Record what a tick came to, and store what changed by it."""
        parts, documents = self._parts, self._documents
        quota = parts.quota.to_document(self._clock.now())
        if not parts.leadership.leads:
            documents.drop()
            await documents.save(quota)
            return
        used = quota["api_requests_total"]
        await self._recorder.record(ticks, strays, trigger, now, used)
        await parts.upkeep.keep(self._history, now)
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
        ``quick_off``, which also switches the zone's automation off, until `resume`. In
        settings that are in a file nothing is written for that; elsewhere
        ``automation_enabled: false`` is stored as well. OFF is never blocked, and waits
        for nothing but the call to the cloud that is its own: where a tick is at work, it
        goes out in its midst. ON during the minimum off time comes back ``blocked`` with
        `blocked_until`, and is sent by the tick of that instant unless something newer
        came. So does ON that turns an outdoor unit around which other zones share, for
        the group's `changeover_gap_seconds`; its reason `GROUP_OTHERS_WAIT` names the
        zones that have to do without and until when at the latest: who waits as long
        as `max_wait_seconds` gets the unit back and the hold ends. `hold`: for how long, or until which instant, the automation leaves the
        zone alone, or ``until_next_change`` of its windows, ``until_end_of_day`` by the
        zone's clock, ``permanent``, ``none``;
        None does what `manual_hold_seconds` says, without it until that change, at most
        a day. It outlives a restart, and ends early where what it kept is over: a command
        that failed holds nothing, nor one that waited an hour longer than it was told or
        that safety stopped.

        Raises UnknownZoneError; ValueError for another action or a hold in the past;
        SettingsError when no usable settings were ever read.
        """
        wanted = ManualAction(action)
        quick = wanted is ManualAction.QUICK_OFF
        async with AsyncExitStack() as stack:
            within = False
            with self._parts.observer.hurried():
                if wanted in _STOPS:
                    within = await stack.enter_async_context(self._turn_of_off())
                else:
                    await stack.enter_async_context(self._turn())
            if within:
                # What else it changes the tick stores, so that must not take long.
                self._hurries.enter_context(self._parts.observer.hurried())
            now = self._clock.now()
            check_hold(hold, now)
            settings = self._in_force if within else None
            if settings is None:
                settings = await self._parts.preparation.in_force(now, of=zone)
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
            if not within:
                await self._documents.save_wish(zone, self._parts.quota.to_document())
            else:
                # The rest the tick stores; what a person is answered is stored before.
                room = found.lead or zone
                units = (room, *settings.units.get(room, ())) if quick else ()
                for name in dict.fromkeys((zone, *units)):
                    await self._parts.commander.keep(name)
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
                await stack.enter_async_context(self._alone())
            now = self._clock.now()
            check_hold(hold, now)
            found = await self._parts.preparation.zone(zone, now)
            hold_for_person(self._documents, found, end_of_hold(hold, found, now))
            await self._documents.save_wish(zone, self._parts.quota.to_document())
            self._parts.agenda.bring_forward()

    async def resume(self, zone: str) -> None:
        """Let the automation look after a zone again; ends a quick-off and any wish.

        It does so too where the settings say that the automation is off, until they are
        changed; in settings that are in a file nothing is written. The next tick is due
        at once.

        Raises UnknownZoneError; SettingsError for a zone that cannot be looked after with
        the settings it has, and when no usable ones were ever read.
        """
        async with AsyncExitStack() as stack:
            with self._parts.observer.hurried():
                await stack.enter_async_context(self._alone())
            now = self._clock.now()
            found = await self._parts.preparation.zone(zone, now)
            hold_for_person(self._documents, found, None)
            skip_no_window(self._documents, found)
            quiet_for_person(self._documents, found, None)
            if not found.automation_enabled:
                await self._documents.switch(found.lead or zone, now, on=True)
            await self._documents.save_wish(zone, self._parts.quota.to_document())
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
        what the settings want (as None), ``until_end_of_day``, or ``permanent``. It outlives a restart, ends
        with the next wish, `act` or `hold`, and the next tick, due at once, keeps it.

        Raises UnknownZoneError; ValueError for a band or an end that cannot be, or a zone
        whose automation is off; SettingsError when no usable settings were ever read.
        """
        await self._wish(zone, until, band=(degrees(low), degrees(high)))

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

    async def quiet_fan(
        self, zone: str, until: timedelta | datetime | float | str | None = None
    ) -> None:
        """Let the fan of a zone's air conditioner run low for a time.

        `until` is as for `set_temperature`; ``none`` ends it at once. A unit that runs is told
        by the next tick, due at once. It stands beside every other wish, outlives a restart,
        and ends with `resume` as well. A fan that a learned button, a scene or a webhook sets
        stays as that has it, so it is refused as well where nothing else starts the unit.

        Raises UnknownZoneError; ValueError for an end that cannot be, a zone whose automation
        is off, or whose equipment is told no fan speed; SettingsError when no usable settings
        were ever read.

            await engine.quiet_fan("bedroom", "until_end_of_day")
        """
        async with self._wished(zone, until) as (found, now):
            end = end_of_quiet(self._documents, found, until, now)
            quiet_for_person(self._documents, found, end)

    async def skip_next_window(self, zone: str) -> SkippedWindow:
        """Do without the next time window of a zone, once; return which one.

        That is the next one to begin: one that is in force goes on. It ends with the window
        that is skipped, outlives a restart and every other wish, and is taken back by
        `resume`. Asked again before the window begins it stays as it is, so a button may be
        pressed twice. Where windows overlap, another one that is open then stays in force.

        Raises UnknownZoneError; ValueError for a zone without windows that begin, or whose
        automation is off; SettingsError when no usable settings were ever read.

            skipped = await engine.skip_next_window("office")
            print(skipped.window, skipped.day)  # 07:00-09:00 2026-01-13
        """
        async with self._wished(zone) as (found, now):
            return skip_for_person(self._documents, found, now)

    async def _wish(
        self, zone: str, until: timedelta | datetime | float | str | None, **what: Any
    ) -> None:
        async with self._wished(zone, until) as (found, now):
            wish_for_person(self._documents, found, until, now, **what)

    @asynccontextmanager
    async def _wished(
        self, zone: str, until: timedelta | datetime | float | str | None = None
    ) -> AsyncIterator[tuple[ZoneSettings, datetime]]:
        """Give a zone as its settings say, and the instant; keep what was wished of it.

        The next tick is due at once then. Nothing is kept where the block raises.
        """
        async with AsyncExitStack() as stack:
            with self._parts.observer.hurried():
                await stack.enter_async_context(self._alone())
            now = self._clock.now()
            check_hold(until, now)
            await self._parts.preparation.zone(zone, now)
            settings = self._documents.life.settings
            assert settings is not None  # noqa: S101 - the zone was found in them
            yield settings.zones[zone], now
            await self._documents.save_wish(zone, self._parts.quota.to_document())
            self._parts.agenda.bring_forward()

    async def run_rule(
        self, rule_id: str, *, dry_run: bool = False, conditions: bool = True
    ) -> Mapping[str, Any]:
        """Run a rule now, whatever its triggers say; return the trace of what was done.

        A dry run checks every step and does none; `conditions` false asks none. After a
        delay the ticks carry it on. Raises SettingsError for no such rule.
        """
        async with self._alone():
            settings = await self._parts.preparation.in_force(self._clock.now())
            trace = await self._rules.rules.run_rule(
                settings, rule_id, dry_run=dry_run, conditions=conditions
            )
            await self._documents.save(self._parts.quota.to_document())
            self._parts.agenda.bring_forward()
            return trace

    def rule_traces(self, rule_id: str | None = None) -> list[dict[str, Any]]:
        """Return what a rule, or every rule, did lately, the newest first. No I/O."""
        self._lifetime.check_open()
        return self._rules.rules.traces(rule_id)

    async def handle_webhook(
        self, payload: Mapping[str, Any]
    ) -> WebhookEvent | RefusedWebhook:
        """Take an event that the cloud pushed; return it, or why it was refused.

        Nothing it holds is raised. What a zone's meter says becomes its reading at the
        next tick, which is wanted at once where a threshold was crossed. Listeners hear
        of every event that was taken, of whatever device. Does not wait for a tick.
        """
        self._lifetime.check()
        event, concerns = self._take_event(payload)
        if isinstance(event, RefusedWebhook) or self._parts.leadership.leads:
            return event
        settings = self._documents.life.settings
        if concerns or (settings is not None and settings.rules):
            await self._documents.pass_on(payload)
        return event

    def _take_event(
        self, payload: Mapping[str, Any]
    ) -> tuple[WebhookEvent | RefusedWebhook, bool]:
        """Take an event in; return it and whether it is of a device of the settings."""
        taken = self._parts.pushes.take(payload)
        event = taken.event
        if isinstance(event, RefusedWebhook):
            return event, False
        self._parts.listeners.emit(WebhookReceived(event, taken.zones))
        if self._parts.leadership.leads and self._took(event, taken):
            self._parts.agenda.bring_forward()
        return event, taken.concerns

    async def heard(
        self, sensor: str, fields: Mapping[str, Any]
    ) -> WebhookEvent | RefusedWebhook:
        """Take what a plug-in's sensor says by itself; as `handle_webhook` takes events.

        `sensor` is its name among the settings' `plugins`, `fields` are what its `read`
        would return now, of which those that changed are enough. It goes on being read
        when it is due: what is said saves the wait, and no reading.

            await engine.heard("lounge window", {"openState": "open"})
        """
        return await self.handle_webhook(
            self._event_of(f"{PLUGIN_PREFIX}{sensor}", fields)
        )

    def _event_of(self, device_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "eventType": CHANGE_REPORT,
            "context": {
                **of_own_scale(fields),
                "deviceMac": device_id,
                # Rounded up: what is told after a reading is not older than it.
                "timeOfSample": math.ceil(self.clock.now().timestamp() * 1000),
            },
        }

    def _say(self, names: tuple[str, ...], fields: Mapping[str, Any]) -> None:
        """Take what a plug-in's sensor says by itself, on the engine's loop.

        `names` are those that it may have in the settings. Nothing is raised. An engine
        that only follows leaves it to the one that leads, which has the sensor too.
        """
        ears, pushes = self._parts.observer.ears, self._parts.pushes
        try:
            self._lifetime.check()
            if not self._parts.leadership.leads:
                return
            for name in [each for each in names if pushes.concerns(each)] or names[:1]:
                if ears is None or not ears.doubts(name, fields):
                    self._take_event(self._event_of(name, fields))
        except Exception:
            _LOGGER.exception("what %s said by itself was not taken", names[0])

    def tell_series(self, source: str, series: Series | None) -> None:
        """Take a series that the host knows, as prices of the hours to come. No I/O.

        `source` is the name by which zones have it, as their `price.source`; `series` takes
        the place of what was told before, None says that nothing is known any more. It is
        kept in memory: after a restart it has to be told again. The next tick is wanted at
        once. Raises TypeError for what is no `series.Series`.

            engine.tell_series("day-ahead", Series(points, ends=ends, issued_at=now))
        """
        self._lifetime.check_open()
        self._parts.foretold.tell(source, series)

    def events_missed(self) -> None:
        """Know that events may have been lost: what they left unsaid counts for nothing.

        Meters that their events had spoken for are asked when they are due next. No I/O.
        """
        self._lifetime.check_open()
        self._parts.pushes.forget_heard()

    def show_in_health(
        self, name: str, report: Callable[[], Mapping[str, Any]]
    ) -> None:
        """Have what a host runs beside the engine told in `health`, under its name.

        `report` is asked at each `health`, does no I/O and returns what JSON can hold; its
        `problem`, unless None, makes the home's status ``degraded``.
        """
        self._beside[name] = report

    def _took(self, event: WebhookEvent, taken: Taken) -> bool:
        """Hand an event to rules and upkeep; tell whether it wants a tick."""
        wanted = self._rules.take(event)
        if taken.concerns or wanted:
            self._parts.upkeep.heard(event, taken.said)
        return wanted or self._parts.pushes.wake

    def upkeep(self) -> dict[str, Any]:
        """Return batteries, filters, hours, starts and energy a day. No I/O.

        See `engine/tell/upkeep.py`'s `report_of`.
        """
        self._lifetime.check_open()
        return self._parts.upkeep.report()

    async def upkeep_done(self, name: str) -> bool:
        """Note that a zone's unit, or a device, was looked after: its hours begin anew.

        Returns whether it is known. Raises EngineClosedError.
        """
        async with self._alone():
            known = self._parts.upkeep.done(name, self._clock.now())
            if known:
                await self._parts.upkeep.keep(None, self._clock.now())
                await self._documents.save(self._parts.quota.to_document())
            return known

    def _take_passed_on(self) -> None:
        """Take the events that other processes left here."""
        for payload in self._documents.inbox.empty():
            if not self._parts.leadership.leads:
                continue
            wanted = payload.get(_WANTED)
            if wanted in _BY_PERSON:
                self._wanted = str(wanted)
                self._parts.agenda.bring_forward()
                continue
            self._take_event(payload)

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
        async with self._alone():
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
        self._lifetime.check()
        told = (self._report, self._last_tick)
        now = self._clock.now() if at is None else at
        return await self._explainer.answer(
            self._documents.life.settings, zone, now, told
        )

    async def health(self, *, plugins: bool = True) -> dict[str, Any]:
        """Return how the engine fares, JSON-able; see `health_report`. No I/O.

        To tell of the `plugins` that are installed all of them are loaded; without them
        ``plugins`` is empty, and the rest the same.
        """
        self._lifetime.check()
        of_home = {} if self._home is None else {"home": self._home}
        return of_home | health_report(
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
            plugins=await self._plugins() if plugins else {},
            beside={name: dict(report()) for name, report in self._beside.items()},
        )

    def quota(self) -> dict[str, Any]:
        """Return the day's calls as `health` does, without looking at any zone. No I/O."""
        self._lifetime.check_open()
        level = self._parts.quota_watch.level(self._documents.life.settings)
        return quota_report(self._parts.quota, level)

    def memory(self) -> dict[str, Any]:
        """Return what the engine after this one would have to find out anew, JSON-able.

        Which decision stands since when, so that it points to its trace instead of
        writing it again, and when meters are wanted next. No I/O.
        """
        notes = {
            zone: [each and encode_instant(each) for each in note.instants]
            for zone, note in self._parts.meters.notes.items()
        }
        return {"runs": self._recorder.runs.to_document(), "notes": notes}

    def remember(self, memory: Any) -> None:
        """Take what `memory` of the engine before this one returned, before a tick.

        What cannot be read is found out anew.
        """
        if not isinstance(memory, dict):
            return
        self._recorder.runs.take(memory.get("runs"))
        notes = memory.get("notes")
        for zone, note in notes.items() if isinstance(notes, dict) else ():
            if isinstance(note, list) and len(note) == len(Note().instants):
                since, blocked, review, wanted = map(stored_instant, note)
                self._parts.meters.notes[zone] = Note(since, blocked, review, wanted)

    def share_settings(self, parse: Callable[[Mapping[str, Any]], Settings]) -> None:
        """Let `parse` make settings of documents, as one who has made them before.

        It does what `switchbot_automation.settings.parse_settings` does. No I/O.
        """
        self._documents.life.parse = parse

    def leave_calls(self) -> None:
        """Let others write down the account's calls, who share its client's count. No I/O."""
        self._documents.counts = False

    def settled_later(self) -> AbstractContextManager[None]:
        """Let others of the process wait for what is sent in a block until it is left.

        For a store that writes only then what came of it. No I/O.
        """
        return self._parts.commander.settled_later()

    @property
    def cloud_answered(self) -> bool | None:
        """Whether the cloud answered anything that it was asked; None before that. No I/O."""
        return self._parts.observer.answered

    @contextmanager
    def patient(self, seconds: float) -> Iterator[None]:
        """Let the block wait so many seconds, and two, for a cloud that is silent.

        What is asked after that is given up, as an unknown reading. Commands are not: it
        would be unknown what became of them.
        """
        with ExitStack() as stack:
            hurried = self._parts.observer.hurried
            loop = asyncio.get_running_loop()
            timer = loop.call_later(seconds, lambda: stack.enter_context(hurried()))
            try:
                yield
            finally:
                timer.cancel()

    @property
    def language(self) -> str:
        """The setting `language`; ``auto`` while there are no settings. No I/O."""
        settings = self._documents.life.settings
        return settings.language if settings is not None else LANGUAGE_AUTO

    async def _plugins(self) -> dict[str, Any]:
        report = await (await installed()).report_beside()
        ears = self._parts.observer.ears
        heard = ears.report() if ears is not None else {}
        series = self._parts.foretold.report(self._clock.now())
        found = {"heard": heard, "series": series}
        return {**report, **{name: each for name, each in found.items() if each}}

    @property
    def unit(self) -> str:
        """The setting `unit`, ``celsius`` while there are no settings. No I/O."""
        settings = self._documents.life.settings
        return settings.unit if settings is not None else CELSIUS

    def overview(self) -> dict[str, Any]:
        """Return every zone as it is now, JSON-able; see `overview`. No I/O."""
        return at_once(self._looked_over())

    async def overview_in_turns(self) -> dict[str, Any]:
        """Return `overview`, letting others have their turn on the event loop. No I/O.

        For homes of very many zones: each is as it is when it is looked at.
        """
        return await in_turns(self._looked_over())

    def _looked_over(self) -> Generator[None, None, dict[str, Any]]:
        self._lifetime.check_open()
        return overview(
            self._documents,
            self._report,
            self._last_tick,
            self._shown_wakeup,
            self._clock.now(),
            store=self._store.status(),
            by_settings=self._by_settings,
        )

    def zone_overview(self, zone: str) -> dict[str, Any]:
        """Return one zone as `overview` does. No I/O. Raises UnknownZoneError."""
        found, now = self.zone_in_force(zone), self._clock.now()
        return zone_overview(
            self._documents, self._report, found, now, by_settings=self._by_settings
        )

    def zone_in_force(self, zone: str) -> ZoneSettings:
        """Return a zone's settings with its season and what lies over them just now.

        No I/O. Raises UnknownZoneError.
        """
        self._lifetime.check_open()
        settings = self._documents.life.settings
        if settings is None or zone not in settings.zones:
            raise UnknownZoneError(zone, settings.zones if settings else ())
        found = settings.zones[zone]
        wishes = asks_otherwise(self._documents.states[found.lead or zone])
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


# --- who may use it now, and whose turn it is ------------------------------------------


class Lifetime:
    """The process and the loop that one engine belongs to, and whether it is over.

    An engine that nobody entered belongs to the process that uses it first, so that one
    made before a fork may be opened after it.
    """

    def __init__(self) -> None:
        self._process_id: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    def open(self) -> None:
        """Begin on the running loop. Raises RuntimeError the second time."""
        self.check_open()
        if self._loop is not None:
            raise RuntimeError("the engine was entered already; make another one")
        self._loop = asyncio.get_running_loop()

    def check_open(self) -> None:
        """Raise EngineClosedError if it was closed or belongs to another process."""
        if self._closed:
            raise EngineClosedError(worded("the engine was closed; make another one"))
        here = os.getpid()
        if self._process_id is None:
            self._process_id = here
        elif self._process_id != here:
            raise EngineClosedError(
                worded(
                    "the engine belongs to process {process_id}, of which {here} is a fork; make another one after the fork",
                    process_id=self._process_id,
                    here=here,
                )
            )

    def check(self) -> None:
        """Raise also RuntimeError on another event loop than it was entered on."""
        self.check_open()
        if self._loop is not None and self._loop is not asyncio.get_running_loop():
            raise RuntimeError(
                "the engine was entered on another event loop; await it there"
                " (from another thread: EngineThread.call)"
            )

    def close(self) -> bool:
        """End it; tell whether that is for this process to do, and was not done."""
        ends = not self._closed and self._process_id in {None, os.getpid()}
        self._closed = True
        return ends


class _WaitsForItselfError(RuntimeError):
    """Who has the turn waits for this call, which asks for the turn."""


_turns_had: ContextVar[tuple[Turns, ...]] = ContextVar("_turns_had", default=())


class Turns:
    """One after the other, in the order they came.

    A tick that has sent for the cloud may take long. Between its `open` and its `close` a
    person's OFF does not wait for its end.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._open = asyncio.Event()
        self._inside = 0
        self._left = asyncio.Event()

    @property
    def taken(self) -> bool:
        """Whether somebody is at work."""
        return self._lock.locked()

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Wait for the turn, and have it. Raises RuntimeError where that never comes."""
        self._refuse_itself()
        async with self._lock:
            with self._had():
                yield

    @contextmanager
    def _had(self) -> Iterator[None]:
        before = _turns_had.get()
        _turns_had.set((*before, self))
        try:
            yield
        finally:
            _turns_had.set(before)

    def _refuse_itself(self) -> None:
        """Refuse who would wait for the end of what waits for their own."""
        if self.taken and self in _turns_had.get() and is_waited_for():
            raise _WaitsForItselfError(
                worded(
                    "the engine is at work and waits for this very call; start a task "
                    "for what it shall do next, and do not await that here"
                )
            )

    def open(self) -> None:
        """Let in who may overtake, until `close`."""
        self._open.set()

    async def close(self) -> None:
        """Let nobody in any more, once the last who overtook is done."""
        try:
            while self._inside:
                self._left.clear()
                await self._left.wait()
        finally:
            self._open.clear()

    @asynccontextmanager
    async def take_or_overtake(self) -> AsyncIterator[bool]:
        """Have the turn, or be in the midst of a tick, whatever comes first.

        Yields whether it is in a tick's midst: what is done there is the tick's to store.
        """
        while not self._open.is_set():
            self._refuse_itself()
            if await self._first():
                try:
                    with self._had():
                        yield False
                finally:
                    self._lock.release()
                return
        self._inside += 1
        try:
            yield True
        finally:
            self._inside -= 1
            self._left.set()

    async def _first(self) -> bool:
        """Wait until the turn is ours, and tell so, or until a tick may be overtaken."""
        turn = asyncio.ensure_future(self._lock.acquire())
        opened = asyncio.ensure_future(self._open.wait())
        try:
            await asyncio.wait((turn, opened), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if turn.done():
                self._lock.release()
            else:
                turn.cancel()
            raise
        finally:
            opened.cancel()
        if turn.done():
            return True
        turn.cancel()
        return False
