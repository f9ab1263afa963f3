"""How a fleet fares, from what its visits left: counts, and who is worst."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from switchbot_automation.fleet.summary import LEFT
from switchbot_automation.instants import stored_instant
from switchbot_automation.languages import (
    error_words,
    packed,
    reworded,
    unpacked,
    worded,
)
from switchbot_store.homes import read_each

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from switchbot_store import StoreInterface

_PAGE: Final = 500
_LATE: Final = timedelta(minutes=3)
"""Three times the longest that a wake-up may be late: nobody visits that home."""
LATE: Final = "late"
OK: Final = "ok"
RANKS: Final = (LATE, "error", "degraded", OK)
"""What a home may be, the worst first."""
WRONG: Final = "wrong"
NOT_KEPT: Final = "not_kept"
SHARED: Final = "shared"
KINDS: Final = (WRONG, *RANKS[:-1], NOT_KEPT, SHARED)
"""Homes that want to be looked at: all of them, by what they are, by their rooms, by
units that another home commands as well."""


class HomeSummary(NamedTuple):
    """How one home fared at its last visit, and whether the next is overdue.

    `what` is ``late``, ``error``, ``degraded`` or ``ok``; instants are aware UTC. `units`
    are those it commands, as `units_of` names them, and `shared` those of them that
    another home commands too, with that home, which only a survey of all homes can tell.
    """

    home: str
    what: str
    at: datetime | None
    next_wakeup: datetime | None
    late_seconds: float
    rooms: int
    not_kept: tuple[dict[str, Any], ...]
    problem: str | None
    units: tuple[str, ...] = ()
    shared: tuple[tuple[str, str], ...] = ()

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
    elif what not in RANKS:
        what = "error"
    rooms = document.get("not_kept")
    count = document.get("rooms")
    late = document.get("late_seconds")
    units = document.get("units")
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
        _problem_of(document.get("problem")),
        tuple(each for each in units if isinstance(each, str))
        if isinstance(units, list)
        else (),
    )


def _problem_of(stored: Any) -> str | None:
    """Return what a visit said is wrong, in words that a person's language can tell."""
    try:
        problem = unpacked(stored)
        error_words(problem)
    except (ValueError, TypeError, LookupError, AttributeError, OSError, ImportError):
        return None
    return problem


def summaries(store: StoreInterface, now: datetime) -> Iterator[HomeSummary]:
    """Read what the visits left, some hundred homes in one statement.

    A home that has settings and no visit left anything of is late, once its settings are
    older than a visit may be late. `store` is the whole one. Raises StoreUnavailableError.
    """
    left, settings = f"/{LEFT}", "/settings"
    keys = store.keys_with("homes/")
    visited = [key for key in keys if key.endswith(left)]
    known = {key.removesuffix(left) for key in visited}
    unvisited = [
        key
        for key in keys
        if key.endswith(settings)
        and key.count("/") == settings.count("/") + 1
        and key.removesuffix(settings) not in known
    ]
    for start in range(0, len(visited), _PAGE):
        entries, unread = read_each(store, visited[start : start + _PAGE])
        for key, entry in entries.items():
            home = key.removeprefix("homes/").removesuffix(left)
            yield summary_of(home, entry.data, now)
        yield from _unread(unread, left, now)
    for start in range(0, len(unvisited), _PAGE):
        entries, unread = read_each(store, unvisited[start : start + _PAGE])
        yield from _unread(unread, settings, now)
        for key, entry in entries.items():
            since = entry.updated_at
            if entry.revision and (since is None or now - since > _LATE):
                home = key.removeprefix("homes/").removesuffix(settings)
                problem = packed(worded("no worker has come to an end with it yet"))
                yield summary_of(home, {"problem": problem}, now)


def _unread(
    problems: Mapping[str, Exception], name: str, now: datetime
) -> Iterator[HomeSummary]:
    """Tell of homes of which a document cannot be read: nobody can visit them."""
    for key, error in problems.items():
        home = key.removeprefix("homes/").removesuffix(name)
        yield summary_of(home, {"problem": packed(reworded(error))}, now)


class FleetSurvey(NamedTuple):
    """How all homes fare, and the worst of each kind.

    `counts` are homes by what they are, `rooms` and `rooms_not_kept` all their rooms.
    `late_seconds` has the quantiles ``p50``, ``p99`` and ``max``. `worst` has under each
    of `KINDS` the homes of that kind, the worst first and a bounded number of them;
    `sizes` says how many there are. Of two homes that command one unit the one is of the kind
    ``shared`` and names the other: they work against each other.
    """

    at: datetime
    homes: int
    counts: dict[str, int]
    rooms: int
    rooms_not_kept: int
    late_seconds: dict[str, float | None]
    worst: dict[str, list[HomeSummary]]
    sizes: dict[str, int]


def survey(store: StoreInterface, now: datetime, *, most: int = 500) -> FleetSurvey:
    """Return how all homes fare; as large for a hundred thousand of them as for one.

    `store` is the whole one; `most` homes of each kind are kept. Raises
    StoreUnavailableError.
    """
    counts: Counter[str] = Counter(dict.fromkeys(RANKS, 0))
    sizes: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
    worst: dict[str, list[HomeSummary]] = {kind: [] for kind in KINDS}
    lateness: list[float] = []
    commanded_by: dict[str, str] = {}
    rooms = unkept = homes = 0
    for each in summaries(store, now):
        others = [
            (unit, commanded_by.setdefault(unit, each.home)) for unit in each.units
        ]
        each = each._replace(  # noqa: PLW2901 - the same home, with what others show
            shared=tuple(pair for pair in others if pair[1] != each.home)
        )
        homes += 1
        counts[each.what] += 1
        lateness.append(each.late_seconds)
        rooms += each.rooms
        unkept += len(each.not_kept)
        for kind in _kinds_of(each):
            sizes[kind] += 1
            worst[kind].append(each)
            if len(worst[kind]) > 2 * most + 100:
                worst[kind] = sorted(worst[kind], key=_badness)[:most]
    lateness.sort()
    return FleetSurvey(
        now,
        homes,
        dict(counts),
        rooms,
        unkept,
        {
            name: _quantile(lateness, share)
            for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
        },
        {kind: sorted(found, key=_badness)[:most] for kind, found in worst.items()},
        dict(sizes),
    )


def _kinds_of(each: HomeSummary) -> Iterator[str]:
    if each.what != OK or each.not_kept or each.shared:
        yield WRONG
    if each.what != OK:
        yield each.what
    if each.not_kept:
        yield NOT_KEPT
    if each.shared:
        yield SHARED


def fleet_overview(
    store: StoreInterface, now: datetime, *, worst: int = 10
) -> dict[str, Any]:
    """Return counts over all homes, and the worst of them.

    As large for a hundred thousand homes as for one. Raises StoreUnavailableError.
    """
    found = survey(store, now, most=worst)
    return {
        "homes": found.homes,
        "counts": {
            **found.counts,
            "rooms": found.rooms,
            "rooms_not_kept": found.rooms_not_kept,
            "shared": found.sizes[SHARED],
        },
        "late_seconds": found.late_seconds,
        "worst": [
            {
                "home": each.home,
                "what": each.what,
                "since": each.since,
                "problem": each.problem,
                "rooms": [room.get("zone") for room in each.not_kept],
            }
            for each in found.worst[WRONG]
            if each.what != OK
        ],
        "shared": [
            {"home": each.home, "unit": unit.partition("/")[2], "with": other}
            for each in found.worst[SHARED]
            for unit, other in each.shared
        ],
    }


def rooms_not_kept(
    store: StoreInterface,
    now: datetime,
    *,
    late: Callable[[HomeSummary], object] = lambda _home: None,
) -> Iterator[dict[str, Any]]:
    """Return every room that is not kept or needs a person, with its home.

    Of a home that is late nobody knows: its rooms are as they were at its last visit.
    `late` is called with it. Raises StoreUnavailableError.
    """
    for each in summaries(store, now):
        if each.what == LATE:
            late(each)
        for room in each.not_kept:
            yield {"home": each.home, **room}


def _badness(each: HomeSummary) -> tuple[int, str, str]:
    return RANKS.index(each.what), each.since or "9999", each.home


def _quantile(ordered: list[float], share: float) -> float | None:
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)
