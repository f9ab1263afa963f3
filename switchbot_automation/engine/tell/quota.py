"""The engine's side of the day's calls: shared with others, kept for commands, told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from switchbot_automation.cloud.talk.quota import QuotaLedger
from switchbot_automation.engine.tell.events import QuotaLevelChanged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from switchbot_automation.core.predict import Quota
    from switchbot_automation.engine.observe.meters import Meters
    from switchbot_automation.engine.tell.events import Listeners
    from switchbot_automation.model import CloudApi
    from switchbot_automation.settings.model import Settings


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
