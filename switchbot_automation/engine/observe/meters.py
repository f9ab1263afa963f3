"""The meters of one engine: reading them, and what the day's calls leave for that.

Which of them are due `core.step` says.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

from switchbot_automation.cloud.talk.quota import QuotaLedger
from switchbot_automation.core.pace import Note, Quota
from switchbot_automation.core.state.meter import Reading
from switchbot_automation.core.state.said import reading_of
from switchbot_automation.engine.tell.events import QuotaLevelChanged
from switchbot_automation.errors import (
    AuthError,
    BadParameterError,
    ClockSkewError,
    CloudServerError,
    CloudTimeoutError,
    HubOfflineError,
    QuotaExhaustedError,
    RateLimitedError,
)
from switchbot_automation.model import PLUGIN_PREFIX, ReasonCode
from switchbot_automation.outside.wording import error_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from switchbot_automation.clock import Clock
    from switchbot_automation.cloud.talk.quota import Standing
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.engine.observe.gateway import Observer
    from switchbot_automation.engine.observe.pushed import Pushes
    from switchbot_automation.engine.tell.events import Listeners
    from switchbot_automation.model import CloudApi
    from switchbot_automation.settings.model import Settings, ZoneSettings


# No per-second limit is documented, but bursts are refused (SwitchBotAPI#213).
_READS_AT_ONCE = 8
_MOST_AT_ONCE = 1000

# What is the cloud's is not the meter's. One that does not answer its hub is the meter's.
_CAUSES: tuple[tuple[tuple[type[Exception], ...], ReasonCode], ...] = (
    ((AuthError,), ReasonCode.TOKEN_REFUSED),
    ((ClockSkewError,), ReasonCode.CLOCK_REFUSED),
    ((HubOfflineError,), ReasonCode.HUB_OFFLINE),
    ((BadParameterError,), ReasonCode.DEVICE_NOT_FOUND),
    (
        (CloudTimeoutError, CloudServerError, RateLimitedError, OSError),
        ReasonCode.CLOUD_UNREACHABLE,
    ),
)

_ACCOUNT = re.compile(r"[0-9a-f]{32}")


class Meters:
    """Reads for the ticks of one engine."""

    def __init__(
        self,
        documents: Documents,
        observer: Observer,
        clock: Clock,
        ledger: QuotaLedger,
        *,
        pushes: Pushes,
        at_once: int = _READS_AT_ONCE,
    ) -> None:
        self._at_once = at_once
        self._documents = documents
        self._observer = observer
        self._clock = clock
        self._ledger = ledger
        self._pushes = pushes
        self.notes: dict[str, Note] = {}
        """What the ticks left for each zone's next reading, see `core.step.rest`."""

    def quota(
        self, now: datetime | None = None, standing: Standing | None = None
    ) -> Quota:
        """Return the day's calls as they are now, for the devices of the settings.

        Who has just asked the clock hands the instant on as `now`, who has just asked the
        ledger what it said as `standing`.
        """
        devices = len(self._documents.life.devices.all)
        return Quota(*(standing or self._ledger.standing(now)), max(1, devices))

    def told(self, settings: Settings) -> set[str]:
        """Return the zones of which their meters' events say something new."""
        if not self._pushes.heard:
            return set()
        return {
            name
            for name, zone in settings.zones.items()
            if self._pushes.speak_for(zone)
        }

    async def read(
        self, zones: Iterable[ZoneSettings], *, force: bool = False
    ) -> dict[str, Reading]:
        """Read every zone's meter, each meter once. Returns readings by zone.

        Only as far as the day's calls allow. A meter whose events say it all is not
        asked, unless forced.
        """
        self._pushes.wake = False
        zones = list(zones)
        meters = dict.fromkeys(meter for zone in zones for meter in zone.meters)
        found: dict[str, Reading] = {}
        turns = iter(meters)
        if len(meters) <= 1:
            await self._read_in_turn(turns, found, force)
        else:
            at_once = min(self._at_once, len(meters))
            await asyncio.gather(
                *(self._read_in_turn(turns, found, force) for _ in range(at_once))
            )
        none = Reading(problem=ReasonCode.NO_METER)
        return {
            zone.name: Reading(each={each: found[each] for each in zone.meters})
            if len(zone.meters) > 1
            else found.get(zone.meter_device_id, none)
            for zone in zones
        }

    async def _read_in_turn(
        self, turns: Iterator[str], found: dict[str, Reading], force: bool
    ) -> None:
        """Read one meter after the other, of those whose turn it still is."""
        for device_id in turns:
            found[device_id] = await self._read_meter(device_id, force)

    async def _read_meter(self, device_id: str, force: bool) -> Reading:
        heard = device_id in self._pushes.heard
        pushed = self._pushes.answer(device_id, force=force) if heard else None
        if pushed is not None:
            return pushed
        try:
            answer = await self._observer.read(device_id)
            if answer is None:
                return Reading(problem=ReasonCode.QUOTA_RESERVE)
            reading = reading_of(*answer)
        except QuotaExhaustedError as error:
            return Reading(problem=ReasonCode.QUOTA_RESERVE, error=error_words(error))
        except Exception as error:  # noqa: BLE001 - any client, also a host's own
            return Reading(
                received_at=self._clock.now(),
                problem=_why_unread(device_id, error),
                error=error_words(error),
            )
        if heard:
            self._pushes.asked(device_id, reading)
        return reading


def _why_unread(device_id: str, error: Exception) -> ReasonCode:
    """Return why a meter gave nothing: what a person can do about it hangs on that."""
    if not device_id.startswith(PLUGIN_PREFIX):
        for kinds, why in _CAUSES:
            if isinstance(error, kinds):
                return why
    return ReasonCode.METER_UNREACHABLE


def ledger_of(client: CloudApi) -> QuotaLedger | None:
    """Return the ledger that a client counts in by itself."""
    ledger = getattr(client, "quota", None)
    return ledger if isinstance(ledger, QuotaLedger) else None


def reads_at_once(client: CloudApi) -> int:
    """Return how many readings a client says its cloud takes at once."""
    said = getattr(client, "reads_at_once", None)
    if isinstance(said, int) and 1 <= said <= _MOST_AT_ONCE:
        return said
    return _READS_AT_ONCE


def account_of(client: CloudApi) -> str | None:
    """Return the name of the account that a client speaks for, None if it says none."""
    account = getattr(client, "account", None)
    if isinstance(account, str) and _ACCOUNT.fullmatch(account):
        return account
    return None


class QuotaWatch:
    """Keeps the ledger in step with the state document and tells of its level."""

    def __init__(
        self, ledger: QuotaLedger, meters: Meters, listeners: Listeners
    ) -> None:
        self._ledger = ledger
        self._meters = meters
        self._listeners = listeners
        self._told = "normal"

    def take(
        self,
        document: Mapping[str, Any],
        settings: Settings | None,
        now: datetime,
        *,
        read: bool,
    ) -> Quota:
        """Take in the home's state document; `read` says that the store gave it.

        Returns the day's calls as they are `now`.

        The first one that the ledger sees is from before; later ones hold what others on
        the account have spent. Several engines may share the ledger, so `now` has to be
        just asked of the clock.
        """
        if settings is not None:
            self._ledger.keep_for_commands(settings.quota_reserve)
        standing = self._ledger.take(document, read=read, now=now)
        return self._meters.quota(now, standing)

    def level(self, settings: Settings | None) -> str:
        """Return how scarce the day's calls are; see `Quota.level`."""
        return self._meters.quota().level(
            settings.api_quota_warning_threshold if settings else 0
        )

    def tell(self, settings: Settings | None, now: datetime) -> Quota:
        """Tell the listeners if the level is another one than before.

        Returns the day's calls as they are `now`, just asked of the clock.
        """
        quota = self._meters.quota(now)
        level = quota.level(settings.api_quota_warning_threshold if settings else 0)
        if level != self._told:
            self._told = level
            self._listeners.emit(QuotaLevelChanged(level, quota.remaining))
        return quota
