"""What the engine tells its listeners after a tick or a person's command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchbot_automation.engine.events import (
    CommandHandled,
    DecisionMade,
    DeviceUnresponsive,
    StoreDegraded,
    StoreRecovered,
)
from switchbot_automation.engine.observe import describe
from switchbot_automation.model import ReasonCode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from switchbot_automation.clock import Clock
    from switchbot_automation.engine.documents import Documents
    from switchbot_automation.engine.events import Listeners
    from switchbot_automation.model import Command, ZoneDecision


class Announcer:
    """Turns what happened into events; remembers only whether the store took part."""

    def __init__(
        self, listeners: Listeners, documents: Documents, clock: Clock
    ) -> None:
        self._listeners = listeners
        self._documents = documents
        self._clock = clock
        self._degraded = False

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
        for command in commands:
            self._listeners.emit(CommandHandled(now, command))
            if command.reasons[:1] and (
                command.reasons[0].code is ReasonCode.DEVICE_UNRESPONSIVE
            ):
                self._listeners.emit(DeviceUnresponsive(now, command))

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
