"""What lies around the zones, taken in: openings, presence, offsets, sudden losses.

Runs only for zones whose settings ask for any of it. A sensor that sends events is asked
only when none came for a while; nothing is asked that the day's calls do not allow.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from switchbot_automation.core.requests import Around
from switchbot_automation.core.state.around import OUTDOOR_SECONDS
from switchbot_automation.core.state.zone import EMPTY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from switchbot_automation.clock import Clock
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.engine.observe.foretold import Foretold
    from switchbot_automation.engine.observe.gateway import Observer
    from switchbot_automation.engine.observe.meters import Meters
    from switchbot_automation.engine.observe.offsets import Offsets
    from switchbot_automation.engine.observe.pushed import Pushes
    from switchbot_automation.settings.model import ZoneSettings

_AT_ONCE = 4


class Survey:
    """Takes in for the ticks of one engine what is around its zones."""

    def __init__(
        self,
        documents: Documents,
        observer: Observer,
        *,
        meters: Meters,
        pushes: Pushes,
        offsets: Offsets,
        foretold: Foretold,
        clock: Clock,
    ) -> None:
        self._documents = documents
        self._observer = observer
        self._meters = meters
        self._pushes = pushes
        self._offsets = offsets
        self._foretold = foretold
        self._clock = clock
        self._asked_at: dict[str, float] = {}
        self._asking = asyncio.Semaphore(_AT_ONCE)

    async def look(self, zones: Iterable[ZoneSettings], now: datetime) -> Around:
        """Return what is new around these zones since this was last asked."""
        zones = tuple(zones)
        signs = self._pushes.told_signs()
        signs += await self._asked(zones, now)
        offsets = {}
        for zone in zones:
            for wanted in zone.offsets:
                kelvin, told = self._offsets.of(wanted.source, zone.name, now)
                if kelvin is not None:
                    offsets[wanted.source, zone.name] = kelvin, told
        self._offsets.taken()
        sources = {each for zone in zones for each in zone.series} - {""}
        series = await self._foretold.known(sources) if sources else {}
        return Around(tuple(signs), offsets, series)

    async def _asked(
        self, zones: Iterable[ZoneSettings], now: datetime
    ) -> list[tuple[str, Mapping[str, Any], datetime, bool]]:
        """Ask the sensors that are due, each once for all zones."""
        due = self._due(zones, now)
        if not due:
            return []
        seconds = self._clock.monotonic()
        self._asked_at.update(dict.fromkeys(due, seconds))
        found = await asyncio.gather(*(self._ask(each) for each in due))
        at = self._clock.now()
        return [
            (device_id, fields, at, False)
            for device_id, fields in zip(due, found, strict=True)
            if fields is not None
        ]

    async def _ask(self, device_id: str) -> Mapping[str, Any] | None:
        async with self._asking:
            return await self._observer.fields_of(device_id)

    def _due(self, zones: Iterable[ZoneSettings], now: datetime) -> list[str]:
        quota = self._meters.quota()
        seconds = self._clock.monotonic()
        due: dict[str, None] = {}
        for zone in zones:
            state = self._documents.states[zone.name]
            around = state.surroundings or EMPTY
            outdoor = zone.outdoor_device_id
            if outdoor:
                # Frost is kept off with the automation off, too.
                wait = quota.stretched(OUTDOOR_SECONDS)
                told_at = around.outdoor_at
                told = told_at is not None and (
                    0 <= (now - told_at).total_seconds() < wait
                )
                asked = self._asked_at.get(outdoor)
                if not told and (asked is None or seconds - asked >= wait):
                    due[outdoor] = None
            if not zone.automation_enabled:
                continue
            signs = around.signs
            for kind, part in (("opening", zone.openings), ("presence", zone.presence)):
                for device_id in part.sensors if part else ():
                    wait = quota.stretched(
                        float(part.poll_interval_seconds if part else 0)
                    )
                    sign = signs.get(f"{kind}:{device_id}")
                    heard = sign is not None and (
                        0 <= (now - sign.heard_at).total_seconds() < wait
                    )
                    asked = self._asked_at.get(device_id)
                    if not heard and (asked is None or seconds - asked >= wait):
                        due[device_id] = None
        return list(due)
