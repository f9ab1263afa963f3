"""The one instant at which the engine wants to be called again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from switchbot_automation.engine.events import NextWakeupChanged
from switchbot_automation.engine.wakeup import next_look

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from switchbot_automation.clock import Clock
    from switchbot_automation.engine.documents import Documents
    from switchbot_automation.engine.events import Listeners
    from switchbot_automation.engine.meters import Meters
    from switchbot_automation.engine.pacing import Quota
    from switchbot_automation.engine.push import Pushes
    from switchbot_automation.engine.tick import ZoneTick

_RETRY_SETTINGS_SECONDS: Final = 120.0
_SOONEST: Final = timedelta(seconds=1)


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
        self, ticks: Sequence[ZoneTick], now: datetime, quota: Quota
    ) -> datetime:
        """Return when a tick that looked at `now` wants the next one."""
        wanted: datetime | None = None
        for tick in ticks:
            zone, look_at = tick.zone, tick.decision.look_at
            self._meters.note(zone, now, tick.blocked_until, look_at)
            look = next_look(
                zone,
                self._documents.book(zone.name).state,
                now,
                tick.blocked_until,
                look_at,
                read_at=self._meters.next_read(zone, now, quota),
                quota=quota,
            )
            if wanted is None or look < wanted:
                wanted = look
        if wanted is None:
            wanted = now + timedelta(seconds=_RETRY_SETTINGS_SECONDS)
        ended = self._clock.now()
        if self._pushes.wake or wanted <= ended:
            # What was pushed came when this tick was past reading the meters.
            return ended + _SOONEST
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
