"""Upkeep at work: hears what devices say, keeps the book, tells a person once.

What is heard is what zones and rules look at anyway: it costs no call. The readings go to
the history by device and attribute, the book into a document of its own.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, runtime_checkable
from zoneinfo import ZoneInfo

from switchbot_automation.core.state.said import said_by_event
from switchbot_automation.engine.cancellation import broken_off
from switchbot_automation.engine.tell.events import UpkeepNotice
from switchbot_automation.explain.words import upkeep_words
from switchbot_automation.languages import chosen, measuring, speaking, spoken
from switchbot_automation.model import Power
from switchbot_automation.outside.wording import error_words
from switchbot_automation.upkeep.ledger import UPKEEP, UpkeepLedger, facts_of
from switchbot_automation.upkeep.readings import readings_of
from switchbot_store import DeviceReading

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from switchbot_automation.clock import Clock
    from switchbot_automation.cloud.events.events import WebhookEvent
    from switchbot_automation.core.state.said import Statement
    from switchbot_automation.engine.documents.documents import Documents
    from switchbot_automation.engine.tell.events import Listeners
    from switchbot_automation.model import DeviceStatus
    from switchbot_automation.rules.definition.context import Notifier
    from switchbot_automation.settings.model import Settings, ZoneSettings
    from switchbot_automation.upkeep.ledger import UpkeepNews

_LOGGER = logging.getLogger(__name__)

_SECONDS: Final = 10.0
_AGAIN: Final = timedelta(minutes=10)
_MOST_WAITING: Final = 5000
_UTC: Final = ZoneInfo("UTC")
_RUNS: Final = {Power.ON: True, Power.OFF: False}


@runtime_checkable
class TakesReadings(Protocol):
    """A history that keeps what devices said; `ThreadedHistory` is one."""

    async def record_readings(self, readings: Iterable[DeviceReading]) -> None:
        """Take readings of devices."""
        ...


class _Today(NamedTuple):
    """A day by the clock of the home that settings are of, and the instants around it."""

    of: Settings | None
    day: date
    begins: datetime
    ends: datetime


class UpkeepWatch:
    """Keeps the book of upkeep of one engine."""

    def __init__(
        self,
        documents: Documents,
        clock: Clock,
        listeners: Listeners,
        notifier: Notifier | None,
    ) -> None:
        self._documents = documents
        self._clock = clock
        self._listeners = listeners
        self._notifier = notifier
        self._read: object = None
        self._ledger = UpkeepLedger()
        self._names: dict[str, str] = {}
        self._waiting: list[tuple[datetime, str, Mapping[str, Any]]] = []
        self._asked: object = None
        self._takes: TakesReadings | None = None
        self._not_before: datetime | None = None
        self._today: _Today | None = None
        self.error: Exception | None = None
        """Why the history did not take readings the last time; None where it did."""

    # --- what is heard -----------------------------------------------------------------

    def saw(self, status: DeviceStatus, said: Statement) -> None:
        """Take what a device answered, whoever asked it."""
        self._take(status.device_id, said.values, status.received_at)

    def heard(self, event: WebhookEvent, said: Statement | None = None) -> None:
        """Take what a device pushed, in its status's words: `said`, where that is known."""
        if said is None:
            said = said_by_event(event.context, new=event.values, read=event.reading)
        self._take(event.device_id, said.values, event.sampled_at)

    def listed(self, names: Mapping[str, str]) -> None:
        """Take the devices' names by id, for what a person is told."""
        self._names = dict(names)

    def _take(self, device_id: str, values: Mapping[str, Any], at: datetime) -> None:
        if not UPKEEP.isdisjoint(values):  # meters say most, and nothing of it
            self._own().saw(device_id, facts_of(values), at, self._day(at))
        if len(self._waiting) < _MOST_WAITING:
            self._waiting.append((at, device_id, values))

    async def ticked(self, now: datetime) -> None:
        """Take whether each zone's unit runs, and tell a person what is new of any.

        What cannot be delivered is tried again later.
        """
        settings = self._documents.life.settings
        if settings is None:
            return
        ledger, day = self._own(), self._day(now)
        for name in settings.zones:
            runs = _RUNS.get(self._documents.states[name].power)
            ledger.ran(name, now, day, on=runs)
        if self._not_before is not None and now < self._not_before:
            return
        for news in ledger.news(
            battery_below=settings.battery_below,
            filter_after_hours=settings.filter_after_hours,
        ):
            with (
                speaking(chosen(settings.language, spoken())),
                measuring(settings.unit),
            ):
                delivered = await self._deliver(news, now)
            if not delivered:
                self._not_before = now + _AGAIN
                return
            ledger.told(news)

    def done(self, name: str, now: datetime) -> bool:
        """Begin anew after an upkeep of a zone's unit or of a device; whether it is known."""
        return self._own().done(name, now)

    # --- what becomes of it ------------------------------------------------------------

    async def _deliver(self, news: UpkeepNews, now: datetime) -> bool:
        name = self._names.get(news.name) or news.name
        if self._notifier is not None:
            title, text = upkeep_words(name, news)
            try:
                async with asyncio.timeout(_SECONDS):
                    await self._notifier.notify(text, title=title)
            except Exception as error:  # noqa: BLE001 - any notifier, also a host's own
                _LOGGER.warning(
                    "%s: a notice could not be delivered: %s", name, error_words(error)
                )
                return False
        self._listeners.emit(
            UpkeepNotice(now, news.name, name, news.what, news.value, news.limit)
        )
        return True

    async def keep(self, history: object, now: datetime) -> None:
        """Hand the readings to the history, and the book to what is written next.

        A history that fails is noted, never raised; its readings are not kept twice.
        """
        place, side, ledger = self._place(history), self._documents.upkeep, self._own()
        if side.revision is not None and ledger.due(now):
            side.data = self._read = ledger.to_document(now)
        waiting, self._waiting = self._waiting, []
        if not waiting or place is None:
            return
        try:
            await place.record_readings(
                DeviceReading(at, device_id, name, value)
                for at, device_id, values in waiting
                for name, value in readings_of(values).items()
            )
        except asyncio.CancelledError as error:
            self._not_taken(broken_off(error))
        except Exception as error:  # noqa: BLE001 - any history, also a host's own
            self._not_taken(error)
        else:
            self.error = None

    def _not_taken(self, error: Exception) -> None:
        if self.error is None:
            _LOGGER.warning("history does not take readings: %s", error)
        self.error = error

    def _place(self, history: object) -> TakesReadings | None:
        """Return a history that takes readings, None for any other."""
        if history is not self._asked:
            # Not at every tick: of a protocol each method is looked for.
            self._asked = history
            self._takes = history if isinstance(history, TakesReadings) else None
        return self._takes

    def report(self) -> dict[str, Any]:
        """Return the book, JSON-able: devices and units by name, with what is due."""
        ledger = self._own()
        settings = self._documents.life.settings
        return report_of(ledger, self._names, settings)

    def _own(self) -> UpkeepLedger:
        """Return the book, read anew where another engine wrote it."""
        data = self._documents.upkeep.data
        if data is not self._read:
            self._read = data
            if data:
                self._ledger = UpkeepLedger.from_document(data)
        return self._ledger

    def _day(self, at: datetime) -> date:
        """Return the home's day of an instant; asked for every answer of a device."""
        settings, known = self._documents.life.settings, self._today
        if (
            known is not None
            and known.of is settings
            and known.begins <= at < known.ends
        ):
            return known.day
        zones = settings.zones.values() if settings else ()
        home = next((zone.timezone for zone in zones), _UTC)
        day = at.astimezone(home).date()
        begins, ends = (
            datetime.combine(each, time(), home).astimezone(UTC)
            for each in (day, day + timedelta(days=1))
        )
        self._today = _Today(settings, day, begins, ends)
        return day


def report_of(
    ledger: UpkeepLedger, names: Mapping[str, str], settings: Settings | None
) -> dict[str, Any]:
    """Return the book as the page and the API show it.

    `battery` in percent, hours in hours, `energy_wh` and starts by the home's day.
    `zones` are the rooms for which a device is asked. `rooms` has every device that one
    has, heard of or not, and what it is there for. `needs` is ``battery``, ``filter`` or both, by the settings' limits.
    """
    below = settings.battery_below if settings else 0
    after = settings.filter_after_hours if settings else 0
    devices = []
    for device_id, book in sorted(ledger.devices.items()):
        needs = []
        if below and book.battery is not None and book.battery < below:
            needs.append("battery")
        limit = min(after, book.filter_life_hours or after)
        used = book.filter_used_hours
        if after and used is not None and used >= limit:
            needs.append("filter")
        devices.append(
            {
                "device_id": device_id,
                "name": names.get(device_id, ""),
                "zones": [
                    name
                    for name, zone in (settings.zones if settings else {}).items()
                    if device_id in zone.devices
                ],
                "battery": book.battery,
                "battery_at": book.battery_at and book.battery_at.isoformat(),
                "filter_used_hours": used,
                "filter_life_hours": book.filter_life_hours,
                "energy_wh": {
                    day: round(wh, 1) for day, wh in sorted(book.energy_wh.items())
                },
                "needs": needs,
            }
        )
    units = []
    for zone, unit in sorted(ledger.units.items()):
        hours = unit.since_done_seconds / 3600
        units.append(
            {
                "zone": zone,
                "running_hours": round(unit.running_seconds / 3600, 2),
                "hours_since_upkeep": round(hours, 2),
                "upkeep_at": unit.done_at and unit.done_at.isoformat(),
                "starts": unit.starts,
                "starts_by_day": dict(sorted(unit.starts_by_day.items())),
                "running_hours_by_day": {
                    day: round(each / 3600, 2)
                    for day, each in sorted(unit.running_by_day.items())
                },
                "needs": ["filter"] if after and hours >= after else [],
            }
        )
    return {
        "battery_below": below,
        "filter_after_hours": after,
        "devices": devices,
        "units": units,
        "rooms": [
            {"zone": name, "devices": _devices_of(zone, names)}
            for name, zone in (settings.zones if settings else {}).items()
        ],
    }


def _devices_of(zone: ZoneSettings, names: Mapping[str, str]) -> list[dict[str, Any]]:
    uses: dict[str, list[str]] = {}
    for device_id, use in zone.uses:
        uses.setdefault(device_id, []).append(use)
    return [
        {"device_id": device_id, "name": names.get(device_id, ""), "uses": of_it}
        for device_id, of_it in uses.items()
    ]
