"""The meters of one engine: reading them, and what the day's calls leave for that.

Which of them are due `core.step` says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchbot_automation.cloud.talk.quota import QuotaLedger
from switchbot_automation.core.predict import (
    Note,
    Quota,
)
from switchbot_automation.core.state.around import watched
from switchbot_automation.engine.tell.events import QuotaLevelChanged

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from switchbot_automation.clock import Clock
    from switchbot_automation.core.state.records import Reading
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.engine.observe.gateway import Observer
    from switchbot_automation.engine.observe.pushed import Pushes
    from switchbot_automation.engine.tell.events import Listeners
    from switchbot_automation.model import CloudApi
    from switchbot_automation.settings.model import Settings, ZoneSettings


class Meters:
    """Reads for the ticks of one engine."""

    def __init__(
        self,
        documents: Documents,
        observer: Observer,
        clock: Clock,
        ledger: QuotaLedger,
        pushes: Pushes,
    ) -> None:
        self._documents = documents
        self._observer = observer
        self._clock = clock
        self._ledger = ledger
        self._pushes = pushes
        self.notes: dict[str, Note] = {}
        """What the ticks left for each zone's next reading, see `core.step.rest`."""
        self._counted_for: Settings | None = None
        self._count = 1

    def quota(self, settings: Settings | None) -> Quota:
        """Return the day's calls as they are now, for the meters of the settings."""
        if settings is not self._counted_for:
            zones = settings.zones.values() if settings else ()
            meters = {meter for zone in zones for meter in zone.meters}
            meters |= watched(settings)
            self._counted_for, self._count = settings, max(1, len(meters))
        return Quota(*self._ledger.standing(), self._count)

    def told(self, settings: Settings) -> set[str]:
        """Return the zones of which their meters' events say something new."""
        return {
            name
            for name, zone in settings.zones.items()
            if self._pushes.speak_for(zone)
        }

    async def read(
        self, zones: Iterable[ZoneSettings], *, force: bool = False
    ) -> dict[str, Reading]:
        """Read these zones' meters, as far as the day's calls allow."""
        self._pushes.wake = False
        return await self._observer.read_meters(zones, force=force)

    def forget_instants(self) -> None:
        """Forget when anything is due: the clock those instants were read on was set."""
        self.notes.clear()

    def forget(self, zones: Iterable[str]) -> None:
        """Forget what was left for zones that the settings no longer have."""
        for name in self.notes.keys() - set(zones):
            del self.notes[name]


def ledger_of(client: CloudApi) -> QuotaLedger | None:
    """Return the ledger that a client counts in by itself."""
    ledger = getattr(client, "quota", None)
    return ledger if isinstance(ledger, QuotaLedger) else None


class QuotaWatch:
    """Keeps the ledger in step with the state document and tells of its level."""

    def __init__(
        self, ledger: QuotaLedger, meters: Meters, listeners: Listeners
    ) -> None:
        self._ledger = ledger
        self._meters = meters
        self._listeners = listeners
        self._restored = False
        self._told = "normal"

    def take(
        self, document: Mapping[str, Any], settings: Settings | None, *, read: bool
    ) -> None:
        """Take in the home's state document; `read` says that the store gave it.

        The first one is this engine's own from before; later ones hold what others on
        the account have spent.
        """
        if read and not self._restored:
            self._restored = True
            self._ledger.restore(document)
        else:
            self._ledger.merge(document)
        if settings is not None:
            self._ledger.keep_for_commands(settings.quota_reserve)
            self._meters.forget(settings.zones)

    def level(self, settings: Settings | None) -> str:
        """Return how scarce the day's calls are; see `pacing.Quota.level`."""
        return self._level(self._meters.quota(settings), settings)

    def tell(self, quota: Quota, settings: Settings | None) -> None:
        """Tell the listeners if the level is another one than before."""
        level = self._level(quota, settings)
        if level != self._told:
            self._told = level
            self._listeners.emit(QuotaLevelChanged(level, quota.remaining))

    @staticmethod
    def _level(quota: Quota, settings: Settings | None) -> str:
        return quota.level(settings.api_quota_warning_threshold if settings else 0)
