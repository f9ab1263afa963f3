"""How a fleet fares, from what its visits left: counts, and who is worst."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from switchbot_automation.fleet.summary import LEFT
from switchbot_automation.instants import stored_instant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from switchbot_store import StoreInterface

_PAGE: Final = 500
_LATE: Final = timedelta(minutes=3)
"""Three times the longest that a wake-up may be late: nobody visits that home."""
# The worst first.
LATE: Final = "late"
_RANKS: Final = (LATE, "error", "degraded", "ok")


class HomeSummary(NamedTuple):
    """How one home fared at its last visit, and whether the next is overdue.

    `what` is ``late``, ``error``, ``degraded`` or ``ok``; instants are aware UTC.
    """

    home: str
    what: str
    at: datetime | None
    next_wakeup: datetime | None
    late_seconds: float
    rooms: int
    not_kept: tuple[dict[str, Any], ...]
    problem: str | None

    @property
    def since(self) -> str | None:
        """Since when, as stored; of several rooms the earliest."""
        found = [each["since"] for each in self.not_kept if each.get("since")]
        return min(found, default=None)


def summary_of(home: str, document: dict[str, Any], now: datetime) -> HomeSummary:
    """Return what a visit's document says of its home; what cannot be read is absent."""
    wakeup = stored_instant(document.get("next_wakeup"))
    what = document.get("status")
    if wakeup is None or now - wakeup > _LATE:
        what = LATE
    elif what not in _RANKS:
        what = "error"
    rooms = document.get("not_kept")
    count = document.get("rooms")
    late = document.get("late_seconds")
    problem = document.get("problem")
    return HomeSummary(
        home,
        str(what),
        stored_instant(document.get("at")),
        wakeup,
        float(late) if isinstance(late, int | float) else 0.0,
        count if isinstance(count, int) else 0,
        tuple(each for each in rooms if isinstance(each, dict))
        if isinstance(rooms, list)
        else (),
        problem if isinstance(problem, str) else None,
    )


def summaries(store: StoreInterface, now: datetime) -> Iterator[HomeSummary]:
    """Read what the visits left, some hundred homes in one statement.

    `store` is the whole one. Raises StoreUnavailableError.
    """
    end = f"/{LEFT}"
    keys = [key for key in store.keys_with("homes/") if key.endswith(end)]
    for start in range(0, len(keys), _PAGE):
        for key, entry in store.get_many(keys[start : start + _PAGE]).items():
            home = key.removeprefix("homes/").removesuffix(end)
            yield summary_of(home, entry.data, now)


def fleet_overview(
    store: StoreInterface, now: datetime, *, worst: int = 10
) -> dict[str, Any]:
    """Return counts over all homes that were ever visited, and the worst of them.

    As large for a hundred thousand homes as for one. Raises StoreUnavailableError.
    """
    counts: Counter[str] = Counter(dict.fromkeys(_RANKS, 0))
    lateness: list[float] = []
    rooms = unkept = homes = 0
    found: list[HomeSummary] = []
    for each in summaries(store, now):
        homes += 1
        counts[each.what] += 1
        lateness.append(each.late_seconds)
        rooms += each.rooms
        unkept += len(each.not_kept)
        if each.what != "ok":
            found.append(each)
            if len(found) > 4 * worst + 100:
                found = sorted(found, key=_badness)[:worst]
    lateness.sort()
    return {
        "homes": homes,
        "counts": {
            **{name: counts[name] for name in _RANKS},
            "rooms": rooms,
            "rooms_not_kept": unkept,
        },
        "late_seconds": {
            name: _quantile(lateness, share)
            for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
        },
        "worst": [
            {
                "home": each.home,
                "what": each.what,
                "since": each.since,
                "problem": each.problem,
                "rooms": [room.get("zone") for room in each.not_kept],
            }
            for each in sorted(found, key=_badness)[:worst]
        ],
    }


def rooms_not_kept(store: StoreInterface, now: datetime) -> Iterator[dict[str, Any]]:
    """Return every room that is not kept or needs a person, with its home.

    Raises StoreUnavailableError.
    """
    for each in summaries(store, now):
        for room in each.not_kept:
            yield {"home": each.home, **room}


def _badness(each: HomeSummary) -> tuple[int, str, str]:
    return _RANKS.index(each.what), each.since or "9999", each.home


def _quantile(ordered: list[float], share: float) -> float | None:
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)
