"""What the engine tells its listeners after a tick or a person's command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchbot_automation.core.protect.safety import Level, assess
from switchbot_automation.engine.observe.gateway import describe
from switchbot_automation.engine.tell.events import (
    CommandHandled,
    DecisionMade,
    DeviceUnresponsive,
    SafetyLevelChanged,
    StoreDegraded,
    StoreRecovered,
)
from switchbot_automation.model import ReasonCode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from switchbot_automation.clock import Clock
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.engine.tell.events import Listeners
    from switchbot_automation.model import Command, ZoneDecision


class Announcer:
    """Turns what happened into events.

    Remembers only whether the store took part, and each zone's level of safety.
    """

    def __init__(
        self, listeners: Listeners, documents: Documents, clock: Clock
    ) -> None:
        self._listeners = listeners
        self._documents = documents
        self._clock = clock
        self._degraded = False
        self._levels: dict[str, Level] = {}

    def tell(
        self,
        now: datetime,
        commands: Sequence[Command],
        decisions: Sequence[ZoneDecision] = (),
    ) -> None:
        """Tell of what was decided and done at `now`, and of the store."""
        self._tell_of_store()
        if not self._listeners:
            return
        for decision in decisions:
            self._listeners.emit(DecisionMade(now, decision))
            self._tell_of_safety(now, decision)
        for command in commands:
            self._listeners.emit(CommandHandled(now, command))
            if command.reasons[:1] and (
                command.reasons[0].code is ReasonCode.DEVICE_UNRESPONSIVE
            ):
                self._listeners.emit(DeviceUnresponsive(now, command))

    def _tell_of_safety(self, now: datetime, decision: ZoneDecision) -> None:
        settings = self._documents.settings
        zone = settings.zones.get(decision.zone) if settings else None
        level, reason = Level.FRESH, None
        if decision.emergency:
            # What it stopped is off by now, and is told of as recovering next.
            level, reason = Level.OFF, decision.reasons[0]
        elif zone is not None and zone.automation_enabled:
            found = assess(zone, self._documents.book(zone.name).state, now)
            if found is not None:
                level, reason = found.level, found.reason
        if level is self._levels.get(decision.zone, Level.FRESH):
            return
        self._levels[decision.zone] = level
        word = level.name.lower()
        self._listeners.emit(SafetyLevelChanged(now, decision.zone, word, reason))

    def _tell_of_store(self) -> None:
        error = self._documents.store_error
        if (error is not None) is self._degraded:
            return
        self._degraded = error is not None
        now = self._clock.now()
        if error is None:
            self._listeners.emit(StoreRecovered(now))
        else:
            self._listeners.emit(StoreDegraded(now, describe(error)))
