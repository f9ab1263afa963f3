"""What lies around the zones, taken in: openings, presence, offsets, sudden losses.

Runs only for zones whose settings ask for any of it. A sensor that sends events is asked
only when none came for a while; nothing is asked that the day's calls do not allow.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from switchbot_automation.core.overlay import after_windows, overlaid
from switchbot_automation.core.state.around import (
    after_sign,
    after_temperature,
    shown_by,
)
from switchbot_automation.core.state.records import EMPTY, OffsetValue, Surroundings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from switchbot_automation.clock import Clock
    from switchbot_automation.core.state.records import Reading
    from switchbot_automation.core.state.zone import ZoneState
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.engine.observe.gateway import Observer
    from switchbot_automation.engine.observe.meters import Meters
    from switchbot_automation.engine.observe.offsets import Offsets
    from switchbot_automation.engine.observe.pushed import Pushes
    from switchbot_automation.settings.model import Settings, ZoneSettings

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
        clock: Clock,
    ) -> None:
        self._documents = documents
        self._observer = observer
        self._meters = meters
        self._pushes = pushes
        self._offsets = offsets
        self._clock = clock
        self._asked_at: dict[str, float] = {}
        self._asking = asyncio.Semaphore(_AT_ONCE)

    async def take(
        self, settings: Settings, readings: Mapping[str, Reading], now: datetime
    ) -> Settings:
        """Take in what is new, and return the settings that are in force with it."""
        zones = [
            zone for name, zone in settings.zones.items() if name in settings.overlaid
        ]
        told = self._pushes.told_signs()
        told += await self._asked(zones, settings, now)
        for zone in zones:
            book = self._documents.book(zone.name)
            before = book.state.surroundings or EMPTY
            after = self._after(zone, before, readings.get(zone.name), told, now)
            if after != before:
                book.state = book.state._replace(surroundings=after)
        self._offsets.taken()
        return overlaid(settings, self._state_of, self._clock.now())

    def _state_of(self, zone: str) -> ZoneState:
        return self._documents.book(zone).state

    def _after(
        self,
        zone: ZoneSettings,
        around: Surroundings,
        reading: Reading | None,
        told: Iterable[tuple[str, Mapping[str, Any], datetime]],
        now: datetime,
    ) -> Surroundings:
        signs = around.signs
        for device_id, fields, at in told:
            signs = _with_sign(zone, signs, device_id, fields, min(at, now))
        around = replace(
            around, signs=signs, offsets=self._offset_values(zone, around, now)
        )
        openings = zone.openings
        if (
            openings is not None
            and openings.drop_kelvin
            and reading is not None
            and reading.temperature is not None
            and reading.received_at is not None
        ):
            around = after_temperature(
                around,
                openings,
                reading.temperature,
                reading.received_at,
                heating=zone.mode == "winter",
            )
        return after_windows(zone, around, now) if zone.automation_enabled else around

    def _offset_values(
        self, zone: ZoneSettings, around: Surroundings, now: datetime
    ) -> Mapping[str, OffsetValue]:
        values = around.offsets
        for wanted in zone.offsets:
            kelvin, told = self._offsets.of(wanted.source, zone.name, now)
            if kelvin is None:
                continue
            before, lasts = values.get(wanted.source), wanted.expires_seconds
            # The same number again is written only once half of its time is over.
            if (
                told
                or before is None
                or before.kelvin != kelvin
                or (before.until - now).total_seconds() < lasts / 2
            ):
                until = now + timedelta(seconds=lasts)
                values = {**values, wanted.source: OffsetValue(kelvin, until)}
        return values

    async def _asked(
        self, zones: Iterable[ZoneSettings], settings: Settings, now: datetime
    ) -> list[tuple[str, Mapping[str, Any], datetime]]:
        """Ask the sensors that are due, each once for all zones."""
        due = self._due(zones, settings, now)
        if not due:
            return []
        seconds = self._clock.monotonic()
        self._asked_at.update(dict.fromkeys(due, seconds))
        found = await asyncio.gather(*(self._ask(each) for each in due))
        at = self._clock.now()
        return [
            (device_id, fields, at)
            for device_id, fields in zip(due, found, strict=True)
            if fields is not None
        ]

    async def _ask(self, device_id: str) -> Mapping[str, Any] | None:
        async with self._asking:
            return await self._observer.fields_of(device_id)

    def _due(
        self, zones: Iterable[ZoneSettings], settings: Settings, now: datetime
    ) -> list[str]:
        quota = self._meters.quota(settings)
        seconds = self._clock.monotonic()
        due: dict[str, None] = {}
        for zone in zones:
            if not zone.automation_enabled:
                continue
            signs = (self._state_of(zone.name).surroundings or EMPTY).signs
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


def _with_sign(
    zone: ZoneSettings,
    signs: Mapping[str, Any],
    device_id: str,
    fields: Mapping[str, Any],
    at: datetime,
) -> Mapping[str, Any]:
    openings, presence = zone.openings, zone.presence
    if openings is not None and device_id in openings.sensors:
        active = shown_by(fields, opening=True)
        if active is not None:
            key = f"opening:{device_id}"
            signs = after_sign(signs, key, active=active, at=at, openings=openings)
    if presence is not None and device_id in presence.sensors:
        active = shown_by(fields, opening=False)
        if active is not None:
            signs = after_sign(signs, f"presence:{device_id}", active=active, at=at)
    return signs
