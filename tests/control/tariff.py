"""What a two-level price brings: the same room with and without it, and with one that is wrong.

`nox -s control -- --price` prints the table. Every way has the same weather, band and control.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.simulation.faults import Call
from switchbot_automation.simulation.market import SimulatedMarket
from switchbot_store import MemoryStore
from tests.control.cases import CASES
from tests.control.living import built, judged, room_settings
from tests.control.peers import tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from switchbot_automation.series import Series
    from tests.control.cases import Case

_DAY = [{"days": list(range(7)), "start": "00:00", "end": "00:00"}]
_WIDE = {"time_windows": _DAY, "winter": {"max_temp": 23.0}}
ROOMS: dict[str, Case] = {
    "usual": replace(CASES["usual"], changes=_WIDE),
    "floor": replace(
        CASES["screed of 4.5 cm"],
        changes={**CASES["screed of 4.5 cm"].changes, "time_windows": _DAY},
    ),
}
WAYS = ("none", "told", "floor's lead", "missing", "stale", "upside down")
"""Whether there is a price, and whether it is right."""
HINDSIGHT = "hindsight"
"""The cheapest of some fixed schedules, of those that were out of band no more: the bound."""
_LEAD_HOURS = (0, 2, 4, 8)
# A unit reads its own warm air, so its setpoints are not what a room has.
_KEPT: Mapping[str, Sequence[Sequence[float]]] = {
    "usual": ((22, 23), (22, 23, 24), (22, 23)),
    "floor": ((20.3, 20.6, 20.9), (21.2, 21.6), (20.3,)),
}
_LEADS = {"floor's lead": 14400}
_SOURCE = "market"


@dataclass(frozen=True, slots=True)
class Bill:
    """What a room came to, of the days that count, a day."""

    cost: float
    percent_out: float
    starts: float
    commands: float


@dataclass(frozen=True, slots=True)
class Told:
    """One room that is told a price in one way, for so many days from `begins` on.

    `cheap` is what a kWh costs in cheap hours; it is 0.30 in the others.
    """

    room: str
    way: str
    days: float = 7.0
    begins: float = 2.0
    seed: int = 0
    cheap: float = 0.15


def bill(job: Told) -> Bill:
    """Let the real engine live in the room, or who knows all beforehand."""
    if job.way == HINDSIGHT:
        alone = asyncio.run(lived(replace(job, way="none")))
        return bound(job, alone.percent_out)
    return asyncio.run(lived(job))


async def lived(job: Told) -> Bill:
    """Return what it came to; the market's real price is paid whatever was told."""
    case = replace(ROOMS[job.room], days=job.days, judged_from=job.begins)
    price: dict[str, Any] = {"source": _SOURCE}
    if job.way in _LEADS:
        price["lead_seconds"] = _LEADS[job.way]
    more: dict[str, Any] = {"control": "auto"}
    if job.way != "none":
        more["price"] = price
    document, settings = room_settings(case, **more)
    with built(case, settings, job.seed) as (clock, home):
        store = MemoryStore(now=clock.now)
        store.set("settings", document)
        engine = AutomationEngine(home, store, clock=clock)
        market = SimulatedMarket(clock, cheap=job.cheap)
        (room,) = home.rooms.values()
        end = home.start + timedelta(days=job.days)
        counted = home.start + timedelta(days=job.begins)
        cost = before = 0.0
        async with engine:
            while (now := clock.now()) < end:
                series = _said(job.way, await market.read())
                if series is not None:
                    engine.tell_series(_SOURCE, series)
                await engine.run_once()
                used, before = room.unit.energy - before, room.unit.energy
                if now > counted:
                    cost += used / 3.6e6 * market.price(now)
                wanted = (engine.next_wakeup - now).total_seconds()
                left = (end - now).total_seconds()
                clock.advance(min(left, 600.0, max(1.0, wanted)))
        home.advance()
        found = judged(case, settings.default, room, home)
    days = job.days - job.begins
    return Bill(
        cost / days,
        found.percent_out,
        found.starts,
        home.account.calls[Call.COMMAND] / job.days,
    )


@dataclass(frozen=True, slots=True)
class Schedule:
    """Told beforehand: what is kept in cheap hours, before dear ones, and in them."""

    lead: int
    usual: float
    stores: float
    coasts: float

    def at(self, market: SimulatedMarket, now: datetime, cheap: float) -> float:
        """Return what is kept at an instant; dear is what costs more than that."""
        if market.price(now) > cheap:
            return self.coasts
        hours = (now + timedelta(hours=each + 1) for each in range(self.lead))
        soon = any(market.price(each) > cheap for each in hours)
        return self.stores if soon else self.usual


def schedules(room: str) -> list[Schedule]:
    """Return those among which the cheapest is the bound."""
    usual, stores, coasts = _KEPT[room]
    return [
        Schedule(lead, *kept)
        for lead in _LEAD_HOURS
        for kept in product(usual, stores, coasts)
        if lead or kept[1] == stores[0]
    ]


def billed(job: Told, schedule: Schedule) -> Bill:
    """Let a schedule look after the room by the minute, with no dead band."""
    case = replace(ROOMS[job.room], days=job.days, judged_from=job.begins)
    _, settings = room_settings(case)
    cost = before = 0.0
    with built(case, settings, job.seed) as (clock, home):
        market = SimulatedMarket(clock, cheap=job.cheap)
        (room,) = home.rooms.values()
        end = home.start + timedelta(days=job.days)
        counted = home.start + timedelta(days=job.begins)
        told: float | None = None
        commands = 0
        while (now := clock.now()) < end:
            home.advance()
            used, before = room.unit.energy - before, room.unit.energy
            cost += used / 3.6e6 * market.price(now) * (now > counted)
            wanted: float | None = schedule.at(market, now, job.cheap)
            report = room.house.meter.report
            if case.heater:
                wanted = 1.0 if report and report.temperature < wanted else None
            if wanted != told:
                commands, told = commands + 1, wanted
                tell(room, home.elapsed, wanted, heating=True)
            clock.advance(60.0)
        home.advance()
        found = judged(case, settings.default, room, home)
    days = job.days - job.begins
    return Bill(cost / days, found.percent_out, found.starts, commands / job.days)


def bound(job: Told, out: float) -> Bill:
    """Return the cheapest schedule of those that were out no more than that, per cent."""
    found = [billed(job, each) for each in schedules(job.room)]
    within = [each for each in found if each.percent_out <= out]
    least = min(each.percent_out for each in found)
    within = within or [each for each in found if each.percent_out <= least]
    return min(within, key=lambda each: each.cost)


def _said(way: str, series: Series) -> Series | None:
    """Return what is told of the true prices."""
    if way in ("none", "missing"):
        return None
    if way == "stale":
        return replace(series, issued_at=series.issued_at - timedelta(days=3))
    if way == "upside down":
        return replace(series, points=tuple((at, -one) for at, one in series.points))
    return series


def print_prices(spread: Callable[..., Any], days: float, seeds: Iterable[int]) -> None:
    """Print every room told in every way."""
    jobs = [
        Told(room, way, days, seed=seed)
        for room in ROOMS
        for way in (*WAYS, HINDSIGHT)
        for seed in seeds
        if way != "floor's lead" or room == "floor"
    ]
    head = f"{'room':<8}{'price':<14}{'seed':>4}{'cost':>9}{'out %':>8}"
    sys.stdout.write(f"{head}{'starts':>8}{'commands':>10}\n")
    base: dict[tuple[str, int], float] = {}
    for job, found in zip(jobs, spread(bill, jobs), strict=True):
        first = base.setdefault((job.room, job.seed), found.cost)
        sys.stdout.write(
            f"{job.room:<8}{job.way:<14}{job.seed:>4}"
            f"{100 * (found.cost / first - 1):>+8.1f}%{found.percent_out:>8.2f}"
            f"{found.starts:>8.2f}{found.commands:>10.1f}\n"
        )
