"""The one instant at which the engine wants to be called again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from switchbot_automation.core.step import rest
from switchbot_automation.engine.documents.documents import BookStates
from switchbot_automation.engine.tell.events import NextWakeupChanged

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from switchbot_automation.clock import Clock
    from switchbot_automation.core.pace import Quota
    from switchbot_automation.core.step import ZoneTick
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.engine.observe.meters import Meters
    from switchbot_automation.engine.observe.pushed import Pushes
    from switchbot_automation.engine.tell.events import Listeners

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
        self._states = BookStates(documents)
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
        also: Iterable[datetime | None],
    ) -> datetime:
        """Return when a tick that looked at `now` wants the next one.

        `also` are the instants at which others than the zones want it.
        """
        ended = self._clock.now()
        wanted = rest(ticks, self._states, self._meters.notes, now, quota, ended=ended)
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
