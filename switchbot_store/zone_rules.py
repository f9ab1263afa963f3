"""Which rules of the timezones count: the newer of the system's and those of `tzdata`.

Python reads the operating system's rules and looks at the package `tzdata` only where
there are none, however old they are. Countries change their clocks at some weeks'
notice, and a system that is seldom updated then has every window an hour off. Whoever
needs a timezone, schedules and history alike, asks `zone_of`.
"""

from __future__ import annotations

import re
import zoneinfo
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib import import_module
from io import BytesIO
from pathlib import Path
from pkgutil import get_data
from typing import TYPE_CHECKING, Final, Literal
from zoneinfo import ZoneInfo

from switchbot_store.languages import worded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_VERSION: Final = re.compile(r"(\d{4})([a-z]+)")
_VERSION_FILES: Final = ("tzdata.zi", "+VERSION", "VERSION")
"""Where the systems say of what release their rules are."""
_VERSION_CHARACTERS: Final = 100
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
# From here on either kind of rules repeats itself year by year.
_LAST: Final = datetime(2040, 1, 1, tzinfo=UTC)
_AHEAD: Final = timedelta(days=5 * 366)
# No clock is changed and changed back within a week.
_STEP: Final = timedelta(days=7)
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class ZoneRules:
    """The releases of the rules that are there, as ``2026a``, and which are in use.

    `system` is None where the operating system has none or does not say which;
    `installed` is None without the package `tzdata`.

    >>> from switchbot_store.zone_rules import zone_rules
    >>> zone_rules().in_use in ("system", "tzdata")
    True
    """

    system: str | None
    installed: str | None
    in_use: Literal["system", "tzdata"]

    def __str__(self) -> str:
        """Say in English which are in use, and what else there is."""
        return str(self.told())

    def told(self) -> str:
        """Return that for who tells it in the language that is spoken."""
        ours = (
            worded("tzdata {release}", release=self.installed)
            if self.installed
            else worded("tzdata, which is not installed")
        )
        theirs = (
            worded("the operating system's {release}", release=self.system)
            if self.system
            else worded("the operating system's of an unknown release")
        )
        used, other = (ours, theirs) if self.in_use == "tzdata" else (theirs, ours)
        return worded("{used} (and not {other})", used=used, other=other)


class _NewerZone(ZoneInfo):
    """A timezone by the rules of `tzdata`; copies and pickles as others do."""

    def __reduce__(self) -> tuple[Callable[[str], ZoneInfo], tuple[str]]:
        return zone_of, (self.key,)


def zone_rules() -> ZoneRules:
    """Return which rules there are and which are in use."""
    return _rules(_path())


def zone_of(name: str) -> ZoneInfo:
    """Return the timezone of an IANA name, the same object every time.

    Raises what `ZoneInfo` raises: KeyError, ValueError, OSError.

    >>> from switchbot_store.zone_rules import zone_of
    >>> zone_of("Europe/Paris").key
    'Europe/Paris'
    """
    plain = ZoneInfo(name)  # raises for what is none
    newer = _newer_zone(name, _path())
    # Asked for each time, since timezones are equal only to themselves: a host that
    # empties their cache would otherwise hold others than these.
    return plain if newer is None else newer


def differs_from(name: str, now: datetime) -> datetime | None:
    """Return from when on, in UTC, the rules not in use would read another time.

    None if they do not within five years of `now`, or there are no others. Raises as
    `zone_of`.
    """
    return _differs_from(name, now.astimezone(UTC).date().toordinal(), _path())


def _path() -> tuple[str, ...]:
    return tuple(zoneinfo.TZPATH)


@lru_cache(maxsize=4)
def _rules(path: Sequence[str]) -> ZoneRules:
    installed = None
    with suppress(ImportError):
        installed = getattr(import_module("tzdata"), "IANA_VERSION", None)
    bases = [Path(base) for base in path if Path(base).is_dir()]
    system = next(filter(None, map(_system_version, bases)), None)
    newer = installed is not None and (
        system is None or _order(installed) > _order(system)
    )
    return ZoneRules(system, installed, "tzdata" if newer else "system")


def _system_version(base: Path) -> str | None:
    for name in _VERSION_FILES:
        try:
            with (base / name).open(encoding="ascii", errors="replace") as file:
                found = _VERSION.search(file.read(_VERSION_CHARACTERS))
        except OSError:
            continue
        if found:
            return found[0]
    return None


def _order(version: str) -> tuple[int, int, str]:
    found = _VERSION.match(version)
    return (int(found[1]), len(found[2]), found[2]) if found else (0, 0, "")


@lru_cache(maxsize=1024)
def _newer_zone(name: str, path: Sequence[str]) -> ZoneInfo | None:
    if _rules(path).in_use == "system":
        return None
    theirs, ours = _system_zone(name, path), _installed_zone(name)
    if theirs is None or ours is None:
        return None  # there is but one
    # Where both say the same, hosts that compare timezones keep what they know.
    return None if _first_difference(theirs, ours, _FIRST, _LAST) is None else ours


def _system_zone(name: str, path: Sequence[str]) -> ZoneInfo | None:
    for base in path:
        file = Path(base, name)
        if file.is_file():
            with suppress(ValueError, OSError), file.open("rb") as opened:
                return ZoneInfo.from_file(opened, key=name)
    return None


def _installed_zone(name: str) -> ZoneInfo | None:
    with suppress(ImportError, ValueError, OSError):
        rules = get_data("tzdata", f"zoneinfo/{name}")
        if rules is not None:
            return _NewerZone.from_file(BytesIO(rules), key=name)
    return None


@lru_cache(maxsize=1024)
def _differs_from(name: str, day: int, path: Sequence[str]) -> datetime | None:
    zone_of(name)
    theirs, ours = _system_zone(name, path), _installed_zone(name)
    if theirs is None or ours is None:
        return None
    begin = datetime.fromordinal(day).replace(tzinfo=UTC)
    return _first_difference(theirs, ours, begin, begin + _AHEAD)


def _first_difference(
    one: ZoneInfo, other: ZoneInfo, begin: datetime, end: datetime
) -> datetime | None:
    """Return the first instant, to a second, at which two clocks read otherwise."""

    def read(at: datetime) -> tuple[timedelta | None, timedelta | None]:
        return at.astimezone(one).utcoffset(), at.astimezone(other).utcoffset()

    before = read(begin)
    if before[0] != before[1]:
        return begin
    low = begin
    while low < end:
        high = low + _STEP
        now = read(high)
        if now != before:
            first, second = (_change(zone, low, high) for zone in (one, other))
            if first != second:
                return min(first, second)
            if now[0] != now[1]:
                return first
        low, before = high, now
    return None


def _change(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """Return when a clock is changed between two instants, `high` if it is not."""
    before = low.astimezone(zone).utcoffset()
    while high - low > _SECOND:
        middle = (low + (high - low) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high
