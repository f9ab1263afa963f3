"""What a two-level price brings: the same room with and without it, and with one that is wrong.

`nox -s control -- --price` prints the table. Every way has the same weather, band and control.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from switchbot_automation.engine import AutomationEngine
from switchbot_automation.simulation.faults import Call
from switchbot_automation.simulation.market import SimulatedMarket
from switchbot_store import MemoryStore
from tests.control.cases import CASES
from tests.control.living import built, judged, room_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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
    """Let the real engine live in the room."""
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
        for way in WAYS
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
