"""The live tick: `core.step` with the cloud between its stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from switchbot_automation.core.requests import (
    Answered,
    AskUnit,
    LookAround,
    ReadMeters,
    ReadPlug,
    Send,
)
from switchbot_automation.core.step import tick
from switchbot_automation.engine.documents.documents import BookStates

if TYPE_CHECKING:
    from datetime import datetime

    from switchbot_automation.clock import Clock
    from switchbot_automation.core.requests import Request
    from switchbot_automation.core.step import ZoneTick
    from switchbot_automation.engine.act.commander import Commander
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.engine.observe.around import Survey
    from switchbot_automation.engine.observe.gateway import Observer
    from switchbot_automation.engine.observe.meters import Meters
    from switchbot_automation.settings.model import Settings

# What the home's document holds of no zone.
_HOME_KEYS = frozenset({"last_tick"})


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
    ) -> None:
        self._documents = documents
        self._states = BookStates(documents)
        self._observer = observer
        self._meters = meters
        self._commander = commander
        self._survey = survey
        self._clock = clock

    async def run(
        self, settings: Settings, now: datetime, *, force: bool = False
    ) -> list[ZoneTick]:
        """Observe, decide, gate and act once for every zone.

        `settings` are those in force. `force`: read also the meters that are not due.
        """
        going = tick(
            settings,
            self._states,
            now,
            notes=self._meters.notes,
            quota=self._meters.quota(settings),
            told=self._meters.told(settings),
            new=self._never_stored(settings),
            force=force,
        )
        request = next(going)
        while True:
            answer = await self._answer(request, settings, now)
            try:
                request = going.send(Answered(answer, self._clock.now()))
            except StopIteration as ended:
                ticks: list[ZoneTick] = ended.value
                return ticks

    async def _answer(
        self, request: Request, settings: Settings, now: datetime
    ) -> object:
        match request:
            case Send(order):
                return await self._commander.carry_out(order)
            case ReadMeters(zones, force):
                return await self._meters.read(zones, force=force)
            case AskUnit(zone, forced):
                last = self._states[zone.name].last_aircon_poll_at
                return await self._observer.look_at_unit(zone, last, forced=forced)
            case ReadPlug(zone):
                return await self._observer.fields_of(zone.power_meter_device_id)
            case LookAround(zones):
                return await self._survey.look(zones, settings, now)

    def _never_stored(self, settings: Settings) -> set[str]:
        return {
            name
            for name in settings.zones
            if not self._documents.book(name).stored.keys() - _HOME_KEYS
        }
