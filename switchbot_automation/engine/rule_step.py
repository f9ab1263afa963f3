"""The rules' place in a tick, which costs a home without rules nothing.

Not even memory: the package that runs them is imported by the first settings with some.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from switchbot_automation.cloud.events.events import WebhookEvent
    from switchbot_automation.core.step import ZoneTick
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.rules.running.runner import Rules
    from switchbot_automation.settings.model import Settings

_SOONEST: Final = timedelta(seconds=1)


class RuleStep:
    """Hands over to the rules, made by `make` once there are some or somebody asks."""

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
        settings = self._documents.settings
        return bool(settings and settings.rules) and self.rules.take(event)

    async def step(
        self, settings: Settings, ticks: list[ZoneTick], now: datetime
    ) -> tuple[list[ZoneTick], datetime | None]:
        """Do what is due now; return the ticks with what was done, and the next look."""
        if not settings.rules and self._made is None:
            return ticks, None
        return await self.rules.step(settings, ticks, now)

    def health(self) -> Mapping[str, Any]:
        """Return how the rules fare, JSON-able."""
        settings = self._documents.settings
        if self._made is None and not (settings and settings.rules):
            return {"count": 0, "running": 0, "failed": []}
        return self.rules.health()


def sooner(wakeup: datetime, wanted: datetime | None, now: datetime) -> datetime:
    """Return the earlier of two wake-ups, the rules' one not before it can be kept."""
    return wakeup if wanted is None else min(wakeup, max(wanted, now + _SOONEST))
