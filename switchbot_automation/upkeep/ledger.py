"""The book of upkeep: what each device and unit came to, and what a person was told.

Pure: instants are given. One document holds it; whatever is damaged in that is left out.
Fields as in the SwitchBot API v1.1: `battery` in percent; `filterElement` of humidifiers
with `usedHours` and `effectiveUsageHours`; `usedElectricity` in watt minutes since midnight
(of a Relay Switch 2PM for each switch); `weight` or `power` in watts.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from switchbot_automation.instants import stored_instant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

BATTERY: Final = "battery"
FILTER: Final = "filter"
_MOST_DEVICES: Final = 500
_MOST_DAYS: Final = 31
# Longer than between two looks at a unit nothing is known: it is not counted.
_LONGEST_LOOK: Final = timedelta(hours=1)
# What changes all the time is written now and then.
_WRITTEN_EVERY: Final = timedelta(minutes=15)
# A battery's level goes up and down by some percent with the weather.
_RECOVERED_PERCENT: Final = 5.0
_HOUR: Final = 3600.0
_PERCENT: Final = 100.0
_WATT_MINUTES: Final = 60.0
_ENERGY: Final = ("usedElectricity", "switch1UsedElectricity", "switch2UsedElectricity")
POWER: Final = ("weight", "power", "switch1Power", "switch2Power")
"""What devices call the watts that they draw."""
_METERED: Final = frozenset({*_ENERGY, *POWER})
UPKEEP: Final = _METERED | {"battery", "filterElement"}
"""What says something of upkeep; `facts_of` anything else knows nothing."""


class Facts(NamedTuple):
    """What one answer says: percent, hours, watt hours of the day, watts; None: nothing."""

    battery: float | None = None
    filter_used_hours: float | None = None
    filter_life_hours: float | None = None
    energy_wh: float | None = None
    power_watts: float | None = None

    def __bool__(self) -> bool:
        return self is not _NOTHING and any(each is not None for each in self)


_NOTHING: Final = Facts()


def facts_of(values: Mapping[str, Any]) -> Facts:
    """Return what a device's believed values say of its upkeep.

    >>> facts_of({"battery": 80, "usedElectricity": 90}).energy_wh
    1.5
    >>> facts_of({"filterElement": {"usedHours": 12, "effectiveUsageHours": 240}})[1:3]
    (12.0, 240.0)
    """
    if UPKEEP.isdisjoint(values):
        return _NOTHING
    battery = number(values.get("battery"))
    element = values.get("filterElement")
    used = life = None
    if isinstance(element, dict):
        used = number(element.get("usedHours"))
        life = number(element.get("effectiveUsageHours"))
    metered = not _METERED.isdisjoint(values)
    return Facts(
        battery if battery is not None and 0 <= battery <= _PERCENT else None,
        used if used is not None and used >= 0 else None,
        life if life is not None and life > 0 else None,
        _sum(values, _ENERGY, 1 / _WATT_MINUTES) if metered else None,
        _sum(values, POWER, 1.0) if metered else None,
    )


def _sum(
    values: Mapping[str, Any], names: tuple[str, ...], factor: float
) -> float | None:
    found = [number(values[name]) for name in names if name in values]
    known = [each for each in found if each is not None and each >= 0]
    return sum(known) * factor if known else None


def number(value: object) -> float | None:
    """Return a finite number, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


class UpkeepNews(NamedTuple):
    """Something a person is told once: `what` is `BATTERY` or `FILTER` of a device or unit.

    `value` is percent or hours, `limit` what the settings say of it.
    """

    name: str
    what: str
    value: float
    limit: float


@dataclass(slots=True)
class DeviceBook:
    """What is known of one device; instants are aware UTC, days those of the home."""

    battery: float | None = None
    battery_at: datetime | None = None
    filter_used_hours: float | None = None
    filter_life_hours: float | None = None
    energy_wh: dict[str, float] = field(default_factory=dict)
    energy_day: str | None = None
    energy_at: datetime | None = None
    day_began_at: datetime | None = None
    power_watts: float | None = None
    power_at: datetime | None = None
    told: set[str] = field(default_factory=set)


@dataclass(slots=True)
class UnitBook:
    """What a zone's unit came to: `since_done_seconds` counts from the last upkeep."""

    running_seconds: float = 0.0
    since_done_seconds: float = 0.0
    starts: int = 0
    starts_by_day: dict[str, int] = field(default_factory=dict)
    running_by_day: dict[str, float] = field(default_factory=dict)
    done_at: datetime | None = None
    on: bool | None = None
    seen_at: datetime | None = None
    told: set[str] = field(default_factory=set)


class UpkeepLedger:
    """Keeps the book. `changed` says whether there is something worth writing.

    >>> from datetime import UTC, datetime, timedelta
    >>> from switchbot_automation.upkeep.ledger import facts_of
    >>> at, book = datetime(2026, 1, 12, tzinfo=UTC), UpkeepLedger()
    >>> book.saw("C1", facts_of({"battery": 9}), at, at.date())
    >>> [(each.name, each.what, each.value) for each in book.news(battery_below=10)]
    [('C1', 'battery', 9.0)]
    """

    def __init__(self) -> None:
        self.devices: dict[str, DeviceBook] = {}
        self.units: dict[str, UnitBook] = {}
        self.changed: bool = False
        self._written_at: datetime | None = None

    # --- what happened -----------------------------------------------------------------

    def saw(self, device_id: str, facts: Facts, at: datetime, day: date) -> None:
        """Take what a device said at an instant, on a day of the home."""
        if not facts:
            return
        book = self.devices.get(device_id)
        if book is None:
            if len(self.devices) >= _MOST_DEVICES:
                return
            book = self.devices[device_id] = DeviceBook()
            self.changed = True
        if facts.battery is not None:
            self.changed |= facts.battery != book.battery
            book.battery, book.battery_at = facts.battery, at
        if facts.filter_used_hours is not None:
            self.changed |= facts.filter_used_hours != book.filter_used_hours
            book.filter_used_hours = facts.filter_used_hours
            book.filter_life_hours = facts.filter_life_hours or book.filter_life_hours
        self._add_energy(book, facts, at, day)

    def _add_energy(
        self, book: DeviceBook, facts: Facts, at: datetime, day: date
    ) -> None:
        today = day.isoformat()
        if facts.energy_wh is not None:
            # A counter of the day, which begins anew at midnight: a late answer must not
            # take back what it was.
            _raise_to(
                book.energy_wh, _counted_day(book, facts, at, today), facts.energy_wh
            )
        elif facts.power_watts is not None and None not in (
            book.power_watts,
            book.power_at,
        ):
            hours = _span(book.power_at, at) / _HOUR
            _add(book.energy_wh, today, (book.power_watts or 0.0) * hours)
        if facts.power_watts is not None:
            book.power_watts, book.power_at = facts.power_watts, at

    def ran(self, zone: str, at: datetime, day: date, *, on: bool | None) -> None:
        """Take whether a zone's unit runs at an instant; None where nobody knows."""
        book = self.units.setdefault(zone, UnitBook())
        today = day.isoformat()
        if book.on and book.seen_at is not None:
            seconds = _span(book.seen_at, at)
            book.running_seconds += seconds
            book.since_done_seconds += seconds
            _add(book.running_by_day, today, seconds)
        if on and book.on is False:
            book.starts += 1
            _add(book.starts_by_day, today, 1)
        self.changed |= on is not book.on
        # What is unknown in between is no start: it may have run on.
        book.on = on if on is not None or book.on is None else book.on
        book.seen_at = at if on is not None else None

    def done(self, name: str, at: datetime) -> bool:
        """Begin anew with a unit's hours or a device's filter; whether there is such a one."""
        unit, device = self.units.get(name), self.devices.get(name)
        if unit is not None:
            unit.since_done_seconds, unit.done_at = 0.0, at
            unit.told.clear()
        if device is not None:
            device.told.clear()
        self.changed |= unit is not None or device is not None
        return unit is not None or device is not None

    # --- what a person is told ---------------------------------------------------------

    def news(
        self, *, battery_below: float = 0, filter_after_hours: float = 0
    ) -> list[UpkeepNews]:
        """Return what a person was not told yet; 0 for a limit tells nothing of it.

        What was told is told again only once it was well in between.
        """
        found = []
        for name, book in self.devices.items():
            level = book.battery
            if battery_below and level is not None:
                if level < battery_below and BATTERY not in book.told:
                    found.append(UpkeepNews(name, BATTERY, level, battery_below))
                elif level >= battery_below + _RECOVERED_PERCENT:
                    self._forget(book, BATTERY)
            used, life = book.filter_used_hours, book.filter_life_hours
            limit = filter_after_hours or 0
            if limit and life is not None:
                limit = min(limit, life)
            found += self._filter_news(name, book, used, limit)
        for name, unit in self.units.items():
            hours = unit.since_done_seconds / _HOUR
            found += self._filter_news(name, unit, hours, filter_after_hours)
        return found

    def _filter_news(
        self, name: str, book: DeviceBook | UnitBook, hours: float | None, limit: float
    ) -> Iterator[UpkeepNews]:
        if not limit or hours is None:
            return
        if hours >= limit and FILTER not in book.told:
            yield UpkeepNews(name, FILTER, hours, limit)
        elif hours < limit:
            self._forget(book, FILTER)

    def _forget(self, book: DeviceBook | UnitBook, what: str) -> None:
        if what in book.told:
            book.told.discard(what)
            self.changed = True

    def told(self, news: UpkeepNews) -> None:
        """Note that a person was told."""
        books = (self.devices.get(news.name), self.units.get(news.name))
        device, unit = books
        book = device if news.what == BATTERY else (unit or device)
        if book is not None:
            book.told.add(news.what)
            self.changed = True

    # --- the document ------------------------------------------------------------------

    def due(self, at: datetime) -> bool:
        """Tell whether to write now: at once what matters, the rest now and then."""
        known = bool(self.devices or self.units)
        if self.changed:
            return known
        return known and (
            self._written_at is None or at - self._written_at >= _WRITTEN_EVERY
        )

    def to_document(self, at: datetime) -> dict[str, Any]:
        """Return the document; from here on nothing is `changed`."""
        self.changed, self._written_at = False, at
        return {
            "devices": {name: _device(book) for name, book in self.devices.items()},
            "units": {name: _unit(book) for name, book in self.units.items()},
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> UpkeepLedger:
        """Read a document, however damaged."""
        ledger = cls()
        for name, each in _parts(document, "devices"):
            ledger.devices[name] = DeviceBook(
                battery=_at_least_zero(each.get("battery")),
                battery_at=stored_instant(each.get("battery_at")),
                filter_used_hours=_at_least_zero(each.get("filter_used_hours")),
                filter_life_hours=_at_least_zero(each.get("filter_life_hours")),
                energy_wh=_by_day(each.get("energy_wh")),
                told=_words(each.get("told")),
            )
        for name, each in _parts(document, "units"):
            on = each.get("on")
            ledger.units[name] = UnitBook(
                running_seconds=_at_least_zero(each.get("running_seconds")) or 0.0,
                since_done_seconds=_at_least_zero(each.get("since_done_seconds"))
                or 0.0,
                starts=int(_at_least_zero(each.get("starts")) or 0),
                starts_by_day={
                    day: int(count)
                    for day, count in _by_day(each.get("starts_by_day")).items()
                },
                running_by_day=_by_day(each.get("running_by_day")),
                done_at=stored_instant(each.get("done_at")),
                on=on if isinstance(on, bool) else None,
                told=_words(each.get("told")),
            )
        return ledger


def _device(book: DeviceBook) -> dict[str, Any]:
    return _known(
        battery=book.battery,
        battery_at=book.battery_at and book.battery_at.isoformat(),
        filter_used_hours=book.filter_used_hours,
        filter_life_hours=book.filter_life_hours,
        energy_wh={day: round(wh, 3) for day, wh in book.energy_wh.items()},
        told=sorted(book.told),
    )


def _unit(book: UnitBook) -> dict[str, Any]:
    return _known(
        running_seconds=round(book.running_seconds),
        since_done_seconds=round(book.since_done_seconds),
        starts=book.starts,
        starts_by_day=dict(book.starts_by_day),
        running_by_day={day: round(each) for day, each in book.running_by_day.items()},
        done_at=book.done_at and book.done_at.isoformat(),
        on=book.on,
        told=sorted(book.told),
    )


def _known(**parts: Any) -> dict[str, Any]:
    return {
        name: each
        for name, each in parts.items()
        if each is not None and each not in ({}, [])
    }


def _counted_day(book: DeviceBook, facts: Facts, at: datetime, today: str) -> str:
    """Return the day that a counter says something of.

    Just after midnight an answer may still be that of the day before: the cloud has not
    heard of the new one, or the device's own clock is behind. It has not fallen then.
    """
    (before, book.energy_day), seen_at = (book.energy_day, today), book.energy_at
    book.energy_at = at
    if before != today:
        looked = seen_at is not None and at - seen_at < _LONGEST_LOOK
        book.day_began_at = at if looked else None
    began, earlier = book.day_began_at, max(book.energy_wh, default=today)
    late = began is not None and at - began < _LONGEST_LOOK
    if late and earlier < today and (facts.energy_wh or 0.0) >= book.energy_wh[earlier]:
        return earlier
    return today


def _span(before: datetime | None, at: datetime) -> float:
    """Return the seconds between two looks; none where they lie too far apart."""
    if before is None or not timedelta() <= at - before <= _LONGEST_LOOK:
        return 0.0
    return (at - before).total_seconds()


def _add(days: dict[str, Any], day: str, value: float) -> None:
    days[day] = days.get(day, 0) + value
    _cut(days)


def _raise_to(days: dict[str, float], day: str, value: float) -> None:
    days[day] = max(days.get(day, 0.0), value)
    _cut(days)


def _cut(days: dict[str, Any]) -> None:
    if len(days) <= _MOST_DAYS:
        return  # at every tick but the first of a day
    for old in sorted(days)[:-_MOST_DAYS]:
        del days[old]


def _parts(
    document: Mapping[str, Any], name: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    found = document.get(name)
    if isinstance(found, Mapping):
        for key, each in list(found.items())[:_MOST_DEVICES]:
            if isinstance(key, str) and isinstance(each, Mapping):
                yield key, each


def _at_least_zero(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= sys.float_info.max else None


def _by_day(value: object) -> dict[str, float]:
    if not isinstance(value, Mapping):
        return {}
    days = {
        day: number
        for day, each in value.items()
        if isinstance(day, str) and (number := _at_least_zero(each)) is not None
    }
    _cut(days)
    return days


def _words(value: object) -> set[str]:
    if not isinstance(value, list):
        return set()
    return {each for each in value if each in (BATTERY, FILTER)}
