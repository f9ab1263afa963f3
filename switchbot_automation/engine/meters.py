"""Which meters are worth a call this tick, and what is known of the others.

A zone that is read by prediction answers from its last reading until the next one is
due; every other one is read at every tick. Neither spends what commands may need.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from switchbot_automation.engine.observe import after_reading
from switchbot_automation.engine.pacing import (
    FLOOR_SECONDS,
    TOO_OLD,
    Note,
    Quota,
    after_new_reading,
    counted_from,
    next_read,
    predictive,
    too_old,
)
from switchbot_automation.engine.sensors import believed, seen
from switchbot_automation.engine.snapshot import Reading
from switchbot_automation.engine.surroundings import watched
from switchbot_automation.model import ReasonCode

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from switchbot_automation.clock import Clock
    from switchbot_automation.cloud.quota import QuotaLedger
    from switchbot_automation.engine.documents import Documents
    from switchbot_automation.engine.observe import Observer
    from switchbot_automation.engine.push import Pushes
    from switchbot_automation.engine.state import ZoneState
    from switchbot_automation.settings_model import Settings, ZoneSettings

# Wake-ups that nearly coincide are one, and a clock that is read twice has moved.
_TOGETHER = timedelta(seconds=2)

_NO_NOTE = Note()


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
        self._notes: dict[str, Note] = {}
        # Whose last reading answered the last tick, since none was due.
        self._waiting: set[str] = set()
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

    async def read(
        self, settings: Settings, now: datetime, *, force: bool = False
    ) -> tuple[dict[str, Reading], frozenset[str]]:
        """Read what is due; return every zone's reading, and whose are new.

        `force`: read all of them, as far as the day's calls allow. A meter that several
        zones share is read once, for all of them.
        """
        zones = settings.zones.values()
        foretold = [] if force else [zone for zone in zones if predictive(zone)]
        waiting: set[str] = set()
        if foretold:
            quota = self.quota(settings)
            waiting = {
                zone.name
                for zone in foretold
                if self._due(zone, now, quota) > now + _TOGETHER
                and not self._pushes.speak_for(zone)
            }
        self._waiting = waiting
        due = {zone.meter_device_id for zone in zones if zone.name not in waiting}
        self._pushes.wake = False
        asked = [zone for zone in zones if zone.meter_device_id in due]
        found = await self._observer.read_meters(asked, force=force)
        readings: dict[str, Reading] = {}
        new = set()
        for zone in zones:
            book = self._documents.book(zone.name)
            reading = found.get(zone.name)
            if reading is None or reading.problem is ReasonCode.QUOTA_RESERVE:
                if reading is not None:
                    looked = seen(zone, book.state.sensing, now)
                    book.state = book.state._replace(sensing=looked)
                if too_old(zone, book.state, now):
                    book.state = _given_up(book.state)
                kept = remembered(book.state)
                if reading is None or kept.temperature is not None:
                    reading = kept
            else:
                before = book.state
                if reading.problem is not ReasonCode.NO_METER:
                    reading, record = believed(zone, before.sensing, reading, now)
                    book.state = before._replace(sensing=record)
                book.state = after_reading(book.state, reading)
                if predictive(zone) and reading.problem is None:
                    book.state = after_new_reading(before, book.state, zone)
                new.add(zone.name)
            readings[zone.name] = reading
        return readings, frozenset(new)

    def note(
        self,
        zone: ZoneSettings,
        now: datetime,
        blocked_until: datetime | None,
        review_at: datetime | None,
    ) -> None:
        """Remember what a tick left for the zone's next reading; see `next_read`."""
        if not predictive(zone):
            return  # it is read at every tick
        read_at = self._documents.book(zone.name).state.last_read_at
        since = counted_from(zone, read_at, now)
        before = self._notes.get(zone.name, _NO_NOTE)
        self._notes[zone.name] = before.after(since, blocked_until, review_at)

    def next_read(
        self, zone: ZoneSettings, now: datetime, quota: Quota
    ) -> datetime | None:
        """Return when a zone that is read by prediction is read next.

        `now`, the instant of the tick, or earlier where the tick itself made it due.
        None for a zone that is read at every tick, and for one without a meter.
        """
        if not predictive(zone) or not zone.meter_device_id:
            return None
        # The reading of this tick came after the tick had begun.
        ended = max(now, self._clock.now())
        due = self._due(zone, ended, quota)
        if due > now or zone.name in self._waiting:
            return due
        return now + timedelta(seconds=quota.stretched(FLOOR_SECONDS))

    def _due(self, zone: ZoneSettings, now: datetime, quota: Quota) -> datetime:
        note = self._notes.get(zone.name, _NO_NOTE)
        return next_read(
            zone,
            self._documents.book(zone.name).state,
            now,
            quota=quota,
            blocked_until=note.blocked_until,
            review_at=note.review_at,
        )

    def forget_instants(self) -> None:
        """Forget when anything is due: the clock those instants were read on was set."""
        self._notes.clear()

    def forget(self, zones: Iterable[str]) -> None:
        """Forget what was left for zones that the settings no longer have."""
        for name in self._notes.keys() - set(zones):
            del self._notes[name]


def _given_up(state: ZoneState) -> ZoneState:
    """Return the state without belief in a temperature that nobody renewed."""
    if state.last_temperature_stale:
        return state
    return state._replace(
        last_temperature_stale=True, last_temperature_stale_reason=TOO_OLD
    )


def remembered(state: ZoneState) -> Reading:
    """Return what the last reading gave, good or bad."""
    if state.last_temperature_stale:
        old = state.last_temperature_stale_reason == TOO_OLD
        return Reading(
            received_at=state.last_read_at,
            problem=ReasonCode.READING_TOO_OLD if old else ReasonCode.METER_UNREACHABLE,
            error=None if old else state.last_error,
        )
    problem = ReasonCode.NO_READING if state.last_temperature is None else None
    return Reading(
        state.last_temperature, state.last_humidity, state.last_read_at, problem
    )
