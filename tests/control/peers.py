"""What others would do in the same room: hysteresis, TPI, PI, and the best in hindsight.

Each looks at the meter once a minute and needs no cloud; what it would cost in calls is
not counted. The one in hindsight is the bound: of many fixed leads and setpoints the
best, which nobody can know beforehand.
"""

from __future__ import annotations

import copy
import itertools
import math
from dataclasses import dataclass, replace
from datetime import timedelta
from statistics import fmean
from typing import TYPE_CHECKING, Protocol

from switchbot_automation.schedule.windows import in_window, next_start
from switchbot_automation.simulation.house.aircon import AirconMode, AirconSettings
from tests.control.living import built, judged, room_settings, worst_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from switchbot_automation.settings.model import ZoneSettings
    from switchbot_automation.simulation.home import Room
    from tests.control.cases import Case
    from tests.control.living import Figures

_LOOK = timedelta(seconds=60)
_HOUR = timedelta(hours=1)
# The share of the power a kelvin below the target is worth, and one to the outdoors, as
# thermostats in Home Assistant begin with.
_TPI_INSIDE, _TPI_OUTSIDE = 0.6, 0.01
_CYCLE_SECONDS = 1800.0
# Slow enough for a room: a setpoint kelvin a kelvin, and in four hours as much again.
_GAIN, _RESET_SECONDS = 1.0, 4 * 3600.0


@dataclass(frozen=True, slots=True)
class Look:
    """What a controller sees once a minute; `ahead` is how long until the window opens."""

    seconds: float
    meter: float
    outdoor: float
    inside: bool
    ahead: timedelta | None
    low: float
    high: float
    heating: bool
    asked: float

    @property
    def target(self) -> float:
        """A third of the band inside the end that is lost without the unit."""
        third = (self.high - self.low) / 3.0
        return self.low + third if self.heating else self.high - third

    def wanted(self, lead: timedelta) -> bool:
        """Tell whether the window is open or opens within `lead`."""
        return self.inside or (self.ahead is not None and self.ahead <= lead)


class Peer(Protocol):
    """A controller: a setpoint in whole degrees, or a share of the power, None for off."""

    def look(self, seen: Look) -> float | None:
        """Return what is wanted now."""
        ...


class Hysteresis:
    """On below the band, off above it, at the setpoint that was asked for."""

    def __init__(self, *, share: bool) -> None:
        self._on, self._share = False, share

    def look(self, seen: Look) -> float | None:
        """See `Peer`."""
        sign = 1.0 if seen.heating else -1.0
        near, far = (seen.low, seen.high) if seen.heating else (-seen.high, -seen.low)
        if sign * seen.meter <= near - 0.3:
            self._on = True
        elif sign * seen.meter >= far + 0.3:
            self._on = False
        if not seen.inside:
            self._on = False
        if not self._on:
            return None
        return 1.0 if self._share else seen.asked


class Tpi:
    """A share of a cycle by the distance to the target and to the outdoors."""

    def look(self, seen: Look) -> float | None:
        """See `Peer`."""
        if not seen.wanted(_HOUR):
            return None
        sign = 1.0 if seen.heating else -1.0
        share = _TPI_INSIDE * sign * (seen.target - seen.meter)
        share += _TPI_OUTSIDE * sign * (seen.target - seen.outdoor)
        return min(1.0, max(0.0, share)) or None


class Pi:
    """Proportional and integral, from an hour before the window on."""

    def __init__(self, *, share: bool) -> None:
        self._integral, self._share = 0.0, share

    def look(self, seen: Look) -> float | None:
        """See `Peer`."""
        if not seen.wanted(_HOUR):
            return None
        error = seen.target - seen.meter
        step = error * _LOOK.total_seconds() / _RESET_SECONDS
        least, most = (-1.0, 1.0) if self._share else (-4.0, 6.0)
        self._integral = min(most, max(least, self._integral + _GAIN * step))
        told = _GAIN * error + self._integral
        if self._share:
            return min(1.0, max(0.0, told)) or None
        return float(min(30, max(16, round(seen.target + told))))


class Fixed:
    """On from `lead` before the window to its end, at one setpoint."""

    def __init__(self, lead: float, setpoint: float, *, share: bool) -> None:
        self._lead, self._setpoint = timedelta(hours=lead), setpoint
        self._share = share

    def look(self, seen: Look) -> float | None:
        """See `Peer`; a floor is switched at the setpoint, without any dead band."""
        if not seen.wanted(self._lead):
            return None
        if self._share:
            return 1.0 if seen.meter < self._setpoint else None
        return self._setpoint


def peers(case: Case) -> dict[str, Callable[[], Iterator[Peer]]]:
    """Return who is tried, by name; of several the best counts."""
    share = case.heater

    def hindsight() -> Iterator[Peer]:
        for lead, setpoint in itertools.product(case.leads, case.setpoints()):
            yield Fixed(lead, setpoint, share=share)

    return {
        "hysteresis": lambda: iter([Hysteresis(share=share)]),
        "PI, 1 h lead": lambda: iter([Pi(share=share)]),
        "TPI": lambda: iter([Tpi()]),
        "hindsight": hindsight,
    }


def lived_by(case: Case, peer: Peer, *, seed: int = 0) -> Figures:
    """Let a peer look after every room of a case, each by one of its own; the worst counts."""
    case = replace(case, sensors=False)
    _, settings = room_settings(case)
    with built(case, settings, seed) as (clock, home):
        looked_after = [
            _LookedAfter(case, zone, home.rooms[zone.name], copy.deepcopy(peer))
            for zone in settings.zones.values()
        ]
        end = home.start + timedelta(days=case.days)
        while clock.now() < end:
            home.advance()
            for each in looked_after:
                each.look(home.elapsed, clock.now())
            clock.advance(_LOOK.total_seconds())
        home.advance()
        found = [judged(case, each.zone, each.room, home) for each in looked_after]
    told = fmean(each.commands for each in looked_after)
    return worst_of(found, commands=told / (case.days - case.judged_from))


class _LookedAfter:
    """One room with the peer that looks after it."""

    def __init__(self, case: Case, zone: ZoneSettings, room: Room, peer: Peer) -> None:
        self.zone, self.room, self.commands = zone, room, 0
        self._case, self._peer = case, peer
        self._profile = case.document()[case.season]
        self._told: float | None = None

    def look(self, seconds: float, now: datetime) -> None:
        """Look at the meter, and tell the unit what is wanted if it is something new."""
        case, zone, profile = self._case, self.zone, self._profile
        report = self.room.house.meter.report
        opens = next_start(zone.time_windows, now, zone.timezone)
        seen = Look(
            seconds=seconds,
            meter=math.nan if report is None else report.temperature,
            outdoor=self.room.house.conditions.temperature,
            inside=in_window(zone.time_windows, now, zone.timezone) is not None,
            ahead=None if opens is None else opens - now,
            low=profile["min_temp"],
            high=profile["max_temp"],
            heating=case.season == "winter",
            asked=profile["target_temp"],
        )
        wanted = self._peer.look(seen)
        if case.heater or isinstance(self._peer, Tpi):
            cycle = seconds % _CYCLE_SECONDS / _CYCLE_SECONDS
            on = wanted is not None and cycle < wanted
            wanted = (1.0 if case.heater else seen.asked) if on else None
        if wanted != self._told:
            self.commands += seconds >= case.judged_from * 86400.0
            self._told = wanted
            tell(self.room, seconds, wanted, heating=seen.heating)


def tell(room: Room, seconds: float, wanted: float | None, *, heating: bool) -> None:
    """Tell the unit of a room what is wanted: a setpoint, or that a heater is on."""
    source = room.house.source
    if source is not None:
        source.turn(seconds, on=wanted is not None)  # type: ignore[attr-defined] # a panel or a floor
        return
    mode = AirconMode.HEAT if heating else AirconMode.COOL

    def change(before: AirconSettings) -> AirconSettings:
        if wanted is None:
            return replace(before, power=False)
        return AirconSettings(power=True, setpoint=wanted, mode=mode, fan=3)

    room.house.command(seconds, change)


def best(case: Case, name: str, *, seed: int = 0) -> Figures:
    """Return what a peer came to, of several the one that is out the least."""
    return least_out(lived_by(case, peer, seed=seed) for peer in peers(case)[name]())


def least_out(found: Iterable[Figures]) -> Figures:
    """Return the figures that are out the least, of those the ones that take the least."""
    return min(found, key=lambda each: (round(each.percent_out, 2), each.kwh))
