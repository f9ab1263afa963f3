"""One live tick: what comes before it, `core.step` with the cloud between its stages,
when the next one is wanted, and how long they take.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from switchbot_automation.core.decide import concerned, narrowed
from switchbot_automation.core.requests import (
    Answered,
    AskUnit,
    LookAround,
    ReadMeters,
    ReadPlug,
    Send,
    Together,
)
from switchbot_automation.core.state.refusals import with_readings
from switchbot_automation.core.step import arrive, rest, tick
from switchbot_automation.engine.tell.events import (
    ClockJumped,
    NextWakeupChanged,
    SettingsApplied,
    SettingsRejected,
)
from switchbot_automation.errors import SettingsError, UnknownZoneError
from switchbot_automation.languages import worded
from switchbot_automation.model import (
    DEFAULT_ZONE,
    Outcome,
    Reason,
    ReasonCode,
    ZoneDecision,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from switchbot_automation.clock import Clock
    from switchbot_automation.core.pace import Quota
    from switchbot_automation.core.requests import Request, Single
    from switchbot_automation.core.step import ZoneTick
    from switchbot_automation.engine.act.commander import Commander
    from switchbot_automation.engine.act.left_units import LeftUnits
    from switchbot_automation.engine.configure import Configurator
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.engine.documents.leader import Leadership
    from switchbot_automation.engine.observe.around import Survey
    from switchbot_automation.engine.observe.gateway import Observer
    from switchbot_automation.engine.observe.meters import Meters, QuotaWatch
    from switchbot_automation.engine.observe.pushed import Pushes
    from switchbot_automation.engine.tell.events import Listeners
    from switchbot_automation.settings.model import Settings, ZoneSettings

_LOGGER = logging.getLogger(__name__)

# A time server slews less than this between two ticks.
_TOLERATED_SECONDS: Final = 30.0
_RETRY_SETTINGS_SECONDS: Final = 120.0
_SOONEST: Final = timedelta(seconds=1)

WARNING_SECONDS: Final = 0.5
CRITICAL_SECONDS: Final = 1.0
_AVERAGED: Final = 10
_WINDOW_SECONDS: Final = 600.0
_MINUTE: Final = 60.0
# As many as the cloud is asked at the same time; more of them only wait there.
_AT_ONCE: Final = 8
# An engine is called once a second at most, see `Agenda`.
_KEPT_DURATIONS: Final = int(_WINDOW_SECONDS)


# --- before it ------------------------------------------------------------------------


_FOLLOWS = (
    "another process leads on this store: this one only watches, sends what a person asks"
    " of it, and takes over when that one ends"
)
_LEADS = "this process leads now: the other one ended or is silent"


class Preparation:
    """Loads the documents and takes in what others, or a leap of time, did to them."""

    def __init__(
        self,
        documents: Documents,
        listeners: Listeners,
        clock: Clock,
        *,
        commander: Commander,
        leadership: Leadership,
        meters: Meters,
        quota_watch: QuotaWatch,
        left_units: LeftUnits,
        observer: Observer,
        wake: Callable[[], None],
    ) -> None:
        self._observer = observer
        self._documents = documents
        self._commander = commander
        self._leadership = leadership
        self._meters = meters
        self._quota_watch = quota_watch
        self._left_units = left_units
        self._wake = wake
        self._listeners = listeners
        self._clock = clock
        self._wall: datetime | None = None
        self._monotonic = 0.0
        self.quota: Quota | None = None
        """The day's calls as the last load found them."""

    async def load(
        self,
        now: datetime,
        monotonic: float,
        *,
        claim: bool = False,
        of: str | None = None,
    ) -> Settings | None:
        """Read the documents, bring the states up to `now`, and return the settings.

        They are those in force. None while no usable ones were ever read. `monotonic`
        is `now` on the clock that nobody sets. `claim`: a tick, which leads where nobody
        does. `of`: the zone that is asked about; all others, but those that share its
        outdoor unit, may be left as they were and out of the settings in force.
        """
        jump = self._jump(now, monotonic)
        documents, life = self._documents, self._documents.life
        before = life.error
        only = None if jump or of is None else self._concerned(of)
        changed = await documents.load(only)
        settings = life.settings if documents.foreign is None else None
        stored, calls = documents.home.stored, documents.quota
        reachable = documents.reachable
        self._tell_of_settings(before, changed=changed)
        # The store may have taken its time.
        read_at, since = self._clock.now(), self._clock.monotonic()
        watch = self._quota_watch
        self.quota = watch.take(calls, settings, read_at, read=reachable)
        if reachable and self._leadership.look(stored, since, claim=claim):
            documents.taken_over()
        others = self._leadership.has_others(since)
        follows = not self._leadership.leads
        if follows is not documents.follows:
            # Who was told to watch was told of it by its host, who says so.
            told = follows and self._leadership.watching
            _LOGGER.log(
                logging.DEBUG if told else logging.INFO, _FOLLOWS if follows else _LEADS
            )
        documents.follows, documents.watches = follows, self._leadership.watching
        documents.in_company = follows or others
        if others:
            documents.expect_others()
        if documents.left.units:
            self._left_units.bring_up_to(now, jump)
        if settings is None:
            return None
        for name in self._meters.notes.keys() - settings.zones.keys():
            del self._meters.notes[name]
        if self._left_units.settle(settings, now):
            await self._keep_moved(ticks=claim)
        if only is not None and not changed:
            settings = narrowed(settings, only)
        in_force = arrive(settings, documents.states, now, jump_seconds=jump)
        self._commander.recover(settings, now)
        self._observer.remember(documents.states[name] for name in settings.zones)
        return in_force

    def _tell_of_settings(self, before: SettingsError | None, *, changed: bool) -> None:
        """Tell the listeners of settings that came into force, or could not."""
        life = self._documents.life
        if changed:
            if self._observer.refusals:
                self._observer.try_anew()
            self._listeners.emit(SettingsApplied(life.revision_in_force))
        if life.error is not None and life.error is not before:
            self._listeners.emit(SettingsRejected(life.error.path, str(life.error)))

    def _concerned(self, zone: str) -> tuple[str, ...] | None:
        """Return the zones that have a say in what is done to one; None: look at all."""
        settings = self._documents.life.settings
        if settings is None or zone not in settings.zones:
            return None
        return concerned(settings, zone)

    def _jump(self, wall: datetime, monotonic: float) -> float:
        """Return by how many seconds the wall clock was set since the last look.

        Positive: it was set forward. 0.0 the first time and for what is no jump.
        """
        before, elapsed = self._wall, monotonic - self._monotonic
        self._wall, self._monotonic = wall, monotonic
        if before is None:
            return 0.0
        jump = (wall - before).total_seconds() - elapsed
        if abs(jump) <= _TOLERATED_SECONDS:
            return 0.0
        _LOGGER.warning("the clock was set by %.0f s; due times are new", jump)
        self._meters.notes.clear()
        self._listeners.emit(ClockJumped(wall, jump))
        return jump

    async def _keep_moved(self, *, ticks: bool) -> None:
        """Store what is known of each device with the zone that has it now.

        Before anything is sent: a crash must not lose a unit that was left.
        """
        self._meters.notes.clear()
        if self._leadership.leads and self._documents.reachable:
            await self._documents.keep()
        if not ticks:
            self._wake()

    async def in_force(self, now: datetime, *, of: str | None = None) -> Settings:
        """Load, and raise SettingsError when no usable settings were ever read.

        `of`: see `load`.
        """
        settings = await self.load(now, self._clock.monotonic(), of=of)
        if settings is None:
            if self._documents.foreign is not None:
                raise SettingsError(self._documents.foreign, path="home")
            raise self._documents.life.error or SettingsError(
                worded("the settings could not be read yet")
            )
        return settings

    async def zone(self, name: str, now: datetime) -> ZoneSettings:
        """Load, and return one zone's settings for who asks about it.

        Raises UnknownZoneError; SettingsError when no usable ones were ever read.
        """
        settings = await self.in_force(now, of=name)
        if name not in settings.zones:
            raise UnknownZoneError(name, settings.zones)
        return settings.zones[name]

    def without_settings(self) -> ZoneDecision:
        """Decide nothing, because there are no settings, and say why."""
        error = self._documents.life.error
        if self._documents.foreign is not None:
            reason = Reason(ReasonCode.SETTINGS_INVALID, {"path": "home"})
        elif error is not None:
            reason = Reason(ReasonCode.SETTINGS_INVALID, {"path": error.path})
        else:
            reason = Reason(ReasonCode.SETTINGS_UNAVAILABLE)
        return ZoneDecision(DEFAULT_ZONE, Outcome.INVALID_SETTINGS, reasons=(reason,))


# --- the tick -------------------------------------------------------------------------


class Tick:
    """Runs ticks over its parts; keeps nothing of its own."""

    def __init__(
        self,
        documents: Documents,
        observer: Observer,
        meters: Meters,
        commander: Commander,
        clock: Clock,
        *,
        survey: Survey,
        configurator: Configurator,
        left_units: LeftUnits,
        listeners: Listeners,
    ) -> None:
        self._documents = documents
        self._observer = observer
        self._meters = meters
        self._commander = commander
        self._survey = survey
        self._clock = clock
        self._configurator = configurator
        self._left_units = left_units
        self._listeners = listeners

    async def run(
        self,
        settings: Settings,
        now: datetime,
        quota: Quota | None,
        *,
        force: bool = False,
    ) -> list[ZoneTick]:
        """Observe, decide, gate and act once for every zone.

        `settings` are those in force; where new ones make that fail, it is done with
        those before. `quota` is what is left of the day's calls. `force`: read also the
        meters that are not due.
        """
        try:
            ticks = await self._run(settings, now, quota, force=force)
        except Exception as error:
            if not self._documents.life.on_trial:
                raise
            rejected = await self._configurator.take_back(error)
            self._listeners.emit(SettingsRejected(rejected.path, str(rejected)))
            before = self._documents.life.settings
            if before is None:
                return []
            self._left_units.settle(before, now)
            return await self._run(before, now, quota, force=force)
        self._documents.life.settle()
        return ticks

    async def _run(
        self, settings: Settings, now: datetime, quota: Quota | None, *, force: bool
    ) -> list[ZoneTick]:
        self._commander.begin()
        going = tick(
            settings,
            self._documents.states,
            now,
            notes=self._meters.notes,
            new=self._documents.never_stored(settings.zones),
            told=self._meters.told(settings),
            quota=quota,
            force=force,
        )
        request = next(going)
        while True:
            answer = await self._answer(request, now)
            try:
                request = going.send(Answered(answer, self._clock.now()))
            except StopIteration as ended:
                if self._observer.refusals or any(
                    state.refusals for state in self._documents.states.values()
                ):
                    self._keep_refusals()
                ticks: list[ZoneTick] = ended.value
                return ticks

    def _keep_refusals(self) -> None:
        """Keep with each zone what the cloud refuses to say of its devices."""
        settings, states = self._documents.life.settings, self._documents.states
        for name, zone in settings.zones.items() if settings else ():
            before = states[name]
            if self._observer.refusals or before.refusals:
                after = with_readings(before, zone, self._observer.refusals)
                if after is not before:
                    states[name] = after

    async def _answer(self, request: Request, now: datetime) -> object:
        match request:
            case Send(order):
                return await self._commander.carry_out(order)
            case ReadMeters(zones, force):
                return await self._meters.read(zones, force=force)
            case AskUnit(zone, forced):
                last = self._documents.states[zone.name].last_aircon_poll_at
                return await self._observer.look_at_unit(zone, last, forced=forced)
            case ReadPlug(zone):
                return await self._observer.fields_of(zone.power_meter_device_id)
            case LookAround(zones):
                return await self._survey.look(zones, now)
            case Together(requests):
                return await self._answer_all(requests, now)

    async def _answer_all(
        self, requests: Iterable[Single], now: datetime
    ) -> list[Answered]:
        """Answer several, a few at once. What one of them raises, when all are over."""
        few = asyncio.Semaphore(_AT_ONCE)

        async def answered(request: Single) -> Answered:
            async with few:
                return Answered(await self._answer(request, now), self._clock.now())

        answers = await asyncio.gather(
            *(answered(each) for each in requests), return_exceptions=True
        )
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return cast("list[Answered]", answers)


# --- the next one ---------------------------------------------------------------------


class Agenda:
    """Finds and publishes the next wake-up; before the first tick that is at once."""

    def __init__(
        self,
        documents: Documents,
        meters: Meters,
        pushes: Pushes,
        listeners: Listeners,
        clock: Clock,
    ) -> None:
        self._documents = documents
        self._meters = meters
        self._pushes = pushes
        self._listeners = listeners
        self._clock = clock
        self.next_wakeup: datetime = clock.now()

    def after_tick(
        self,
        ticks: Sequence[ZoneTick],
        now: datetime,
        quota: Quota,
        *,
        ended: datetime,
        also: Iterable[datetime | None],
    ) -> datetime:
        """Return when a tick that looked at `now` and `ended` wants the next one.

        `also` are the instants at which others than the zones want it.
        """
        states, notes = self._documents.states, self._meters.notes
        wanted = rest(ticks, states, notes, now, quota, ended=ended)
        if wanted is None:
            wanted = now + timedelta(seconds=_RETRY_SETTINGS_SECONDS)
        if self._pushes.wake or wanted <= ended:
            # What was pushed came when this tick was past reading the meters.
            wanted = ended + _SOONEST
        for wish in also:
            if wish is not None:
                wanted = min(wanted, max(wish, ended + _SOONEST))
        return wanted

    def publish(self, wakeup: datetime) -> None:
        """Set the wake-up; whoever sleeps until a later one must hear of it."""
        sooner = wakeup < self.next_wakeup
        self.next_wakeup = wakeup
        if sooner:
            self._listeners.emit(NextWakeupChanged(wakeup))

    def bring_forward(self, wakeup: datetime | None = None) -> None:
        """Want a tick no later than `wakeup`, by default at once."""
        self.publish(min(self.next_wakeup, wakeup or self._clock.now()))


# --- how long they take ---------------------------------------------------------------


class Performance:
    """Durations of the last ticks. Instants are monotonic seconds."""

    def __init__(self) -> None:
        self._ticks: deque[tuple[float, float]] = deque(maxlen=_KEPT_DURATIONS)
        self._first: float | None = None
        self.count: int = 0

    def note(self, ended: float, duration_seconds: float) -> None:
        """Take a tick that is over."""
        if self._first is None:
            self._first = ended
        self._ticks.append((ended, duration_seconds))
        self.count += 1

    def to_dict(self, now: float) -> dict[str, Any]:
        """Return the figures as JSON; durations are None before the first tick.

        `status` is ``ok``, ``warning`` from an average of 0.5 s on, ``critical`` from
        1 s on. The average is over the last ten ticks, the rate over the last ten
        minutes.
        """
        durations = [seconds for _at, seconds in list(self._ticks)[-_AVERAGED:]]
        average = sum(durations) / len(durations) if durations else None
        return {
            "status": _performance_status(average),
            "last_tick_duration_ms": _milliseconds(
                durations[-1] if durations else None
            ),
            "avg_tick_duration_ms": _milliseconds(average),
            "ticks_per_minute": round(self._per_minute(now), 3),
            "ticks": self.count,
        }

    def _per_minute(self, now: float) -> float:
        if self._first is None:
            return 0.0
        # One tick a moment after the start is no thousand a minute.
        span = min(max(now - self._first, _MINUTE), _WINDOW_SECONDS)
        recent = sum(1 for at, _seconds in self._ticks if now - at <= span)
        return recent * _MINUTE / span


def _performance_status(average: float | None) -> str:
    if average is None or average < WARNING_SECONDS:
        return "ok"
    return "warning" if average < CRITICAL_SECONDS else "critical"


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
