"""What comes before a tick observes: settings, states and counters as they stand now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchbot_automation.core.overlay import after_season, in_force
from switchbot_automation.core.state.zone import after_jump
from switchbot_automation.engine.clock_watch import ClockWatch
from switchbot_automation.engine.tell.events import (
    ClockJumped,
    SettingsApplied,
    SettingsRejected,
)
from switchbot_automation.errors import SettingsError, UnknownZoneError
from switchbot_automation.model import (
    DEFAULT_ZONE,
    Outcome,
    Reason,
    ReasonCode,
    ZoneDecision,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from switchbot_automation.clock import Clock
    from switchbot_automation.core.state.zone import ZoneState
    from switchbot_automation.engine.act.commander import Commander
    from switchbot_automation.engine.act.left_units import LeftUnits
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.engine.documents.leader import Leadership
    from switchbot_automation.engine.observe.meters import Meters, QuotaWatch
    from switchbot_automation.engine.tell.events import Listeners
    from switchbot_automation.settings.model import Settings, ZoneSettings


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
        wake: Callable[[], None],
    ) -> None:
        self._documents = documents
        self._commander = commander
        self._leadership = leadership
        self._meters = meters
        self._quota_watch = quota_watch
        self._left_units = left_units
        self._wake = wake
        self._listeners = listeners
        self._clock = clock
        self._clock_watch = ClockWatch()

    async def load(self, now: datetime, *, claim: bool = False) -> Settings | None:
        """Read the documents, bring the states up to `now`, and return the settings.

        None while no usable ones were ever read. `claim`: a tick, which leads where
        nobody does.
        """
        await self._read()
        settings = self._documents.settings
        stored, reachable = self._documents.home.stored, self._documents.reachable
        self._quota_watch.take(stored, settings, read=reachable)
        if reachable and self._leadership.look(stored, claim=claim):
            self._documents.taken_over()
        jump = self._clock_watch.jump(now, self._clock.monotonic())
        if jump:
            self._meters.forget_instants()
            self._listeners.emit(ClockJumped(now, jump))
        self._left_units.bring_up_to(now, jump)
        if settings is not None:
            await self._settle(settings, now, ticks=claim)
        for zone in settings.zones.values() if settings else ():
            book = self._documents.book(zone.name)
            state = after_jump(book.state, jump, now)
            book.state = after_season(zone, state.not_later_than(now), now)
            self._commander.recover(zone, now)
        return settings and in_force(settings, self._state_of, now)

    async def _settle(self, settings: Settings, now: datetime, *, ticks: bool) -> None:
        """Give what is known of each device to the zone that has it now.

        Stored before anything is sent: a crash must not lose a unit that was left.
        """
        moved = self._left_units.settle(settings, now)
        if not moved:
            return
        self._meters.forget_instants()
        if self._leadership.leads and self._documents.reachable:
            await self._documents.keep()
        if not ticks:
            self._wake()

    def _state_of(self, zone: str) -> ZoneState:
        return self._documents.book(zone).state

    async def in_force(self, now: datetime) -> Settings:
        """Load, and raise SettingsError when no usable settings were ever read."""
        settings = await self.load(now)
        if settings is None:
            raise self._documents.settings_error or SettingsError(
                "the settings could not be read yet"
            )
        return settings

    async def zone(self, name: str, now: datetime) -> ZoneSettings:
        """Load, and return one zone's settings for who asks about it.

        Raises UnknownZoneError; SettingsError when no usable ones were ever read.
        """
        settings = await self.in_force(now)
        if name not in settings.zones:
            raise UnknownZoneError(name, settings.zones)
        return settings.zones[name]

    async def _read(self) -> None:
        before = self._documents.settings_error
        if await self._documents.load():
            self._listeners.emit(SettingsApplied(self._documents.settings_revision))
        rejected = self._documents.settings_error
        if rejected is not None and rejected is not before:
            self._listeners.emit(SettingsRejected(rejected.path, str(rejected)))

    def without_settings(self) -> ZoneDecision:
        """Decide nothing, because there are no settings, and say why."""
        error = self._documents.settings_error
        if error is not None:
            reason = Reason(ReasonCode.SETTINGS_INVALID, {"path": error.path})
        else:
            reason = Reason(ReasonCode.SETTINGS_UNAVAILABLE)
        return ZoneDecision(DEFAULT_ZONE, Outcome.INVALID_SETTINGS, reasons=(reason,))
