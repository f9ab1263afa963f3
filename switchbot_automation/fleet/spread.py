"""Work of many homes that needs no cloud, on the workers of Dask.

What travels is plain: a document with what is asked goes out, one with what was found
comes back, and an error with its words. Whatever the number of workers, each home's result
is the same, and so is the order.
"""

from __future__ import annotations

import asyncio
import logging
import math
from contextlib import closing, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.backtest import backtest
from switchbot_automation.errors import AutomationError, SettingsError
from switchbot_automation.fleet.shared_store import for_a_fleet
from switchbot_automation.languages import reworded, worded
from switchbot_automation.simulation import simulate
from switchbot_store import (
    HistoryError,
    HomeStore,
    StoreConfig,
    StoreDataError,
    get_history,
    get_store,
)
from switchbot_store.codec import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Document = dict[str, Any]
    Work = Callable[[Document], Document]
    Spread = Callable[[Work, Sequence[Document]], Iterator[Document]]

_CHUNKS_A_WORKER: Final = 8
_MOST_IN_A_CHUNK: Final = 50
_AHEAD: Final = 4
"""So many chunks a worker are on their way: what waits is here, and not in the cluster."""
# A worker's own loop looks at it every few milliseconds, a sampler of its stack among that,
# and takes the interpreter from the one piece of work there is: a third more processor for
# each, and three times as much here.
_LET_WORK: Final = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.worker.memory.monitor-interval": "1s",
}
_NOT_OF_A_HOME: Final = frozenset({"days", "season", "seed"})
_OF_ONE_HOME: Final = (AutomationError, StoreDataError, UnreadableError, HistoryError)


@contextmanager
def spreading(workers: int = 0, cluster: str | None = None) -> Iterator[Spread]:
    """Give a function that does one piece of work for each of many documents, in order.

    `workers` processes of this machine do it, 0 for this process itself; `cluster` is the
    address of a Dask scheduler, whose workers need this package. Raises SettingsError
    where the extra `fleet` is missing, OSError where the scheduler does not answer.
    """
    if not workers and cluster is None:
        yield map
        return
    try:
        from dask import config  # noqa: PLC0415 - the extra `fleet`
        from dask.distributed import Client, LocalCluster  # noqa: PLC0415 - likewise
    except ImportError as error:
        raise SettingsError(
            worded("install switchbot-automation[fleet] ({error})", error=error)
        ) from error

    # It tells of every connection; what goes wrong is raised here.
    logging.getLogger("distributed").setLevel(logging.WARNING)

    def spread(work: Work, documents: Sequence[Document]) -> Iterator[Document]:
        count = max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
        size = math.ceil(len(documents) / (count * _CHUNKS_A_WORKER))
        size = min(max(1, size), _MOST_IN_A_CHUNK)
        chunks = [
            list(documents[start : start + size])
            for start in range(0, len(documents), size)
        ]
        going: list[Any] = []
        for number in range(len(chunks)):
            while len(going) < count * _AHEAD and number + len(going) < len(chunks):
                chunk = chunks[number + len(going)]
                going.append(client.submit(_all_of, work, chunk, pure=False))
            yield from going.pop(0).result()

    if cluster is not None:
        with Client(cluster) as client:  # type: ignore[no-untyped-call] # distributed's
            yield spread
        return
    with (
        config.set(_LET_WORK),
        LocalCluster(  # type: ignore[no-untyped-call] # distributed ships no types
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            # Whatever port is free: None would ask for one that others may have.
            dashboard_address="127.0.0.1:0",
        ) as made,
        Client(made) as client,  # type: ignore[no-untyped-call] # likewise
    ):
        yield spread


def _all_of(work: Work, documents: list[Document]) -> list[Document]:
    return [work(document) for document in documents]


# --- simulate ----------------------------------------------------------------------------


def simulate_home(asked: Document) -> Document:
    """Simulate one home: `settings`, `days`, `season`, `seed`; return its figures."""
    report = asyncio.run(
        simulate(
            asked["settings"],
            days=asked["days"],
            season=asked["season"],
            seed=asked["seed"],
        )
    ).to_dict()
    del report["wall_seconds"]  # the machine's, and never the same
    return report


def simulate_homes(
    spread: Spread,
    settings: Document,
    homes: int,
    *,
    days: float,
    season: str,
    seed: int = 0,
    on_progress: Callable[[float], None] | None = None,
) -> list[Document]:
    """Simulate so many homes, each with a seed of its own from `seed` on.

    Returns their figures in the order of the seeds. Raises what `simulate` raises.
    """
    asked = [
        {"settings": settings, "days": days, "season": season, "seed": seed + number}
        for number in range(homes)
    ]
    found = []
    for each in spread(simulate_home, asked):
        found.append(each)
        if on_progress is not None:
            on_progress(len(found) / homes)
    return found


def over_homes(reports: Sequence[Document]) -> Document:
    """Return mean, median, the worst of twenty and the worst of each figure.

    >>> over_homes([{"seed": 1, "ticks": 10}, {"seed": 2, "ticks": 30}])["ticks"]
    {'mean': 20.0, 'p50': 30, 'p95': 30, 'max': 30}
    """
    figures = {}
    for name in reports[0] if reports else ():
        values = sorted(each[name] for each in reports if _is_figure(name, each))
        if values:
            figures[name] = {
                "mean": round(math.fsum(values) / len(values), 3),
                "p50": values[len(values) // 2],
                "p95": values[min(len(values) - 1, int(0.95 * len(values)))],
                "max": values[-1],
            }
    return figures


def _is_figure(name: str, report: Document) -> bool:
    return name not in _NOT_OF_A_HOME and isinstance(report.get(name), int | float)


# --- backtest ----------------------------------------------------------------------------


def backtest_home(asked: Document) -> Document:
    """Backtest a candidate over one home's own history, in the store of the environment.

    `asked` has `home`, `start` and `end`, and `candidate`: a whole document, or `changes`
    laid over the home's own. Returns `home`, and `report` or `problem`.
    """
    home = asked["home"]
    config = for_a_fleet(StoreConfig.from_env())
    with get_store(config) as whole, closing(get_history(config)) as history:
        try:
            current = HomeStore(whole, home).get("settings")
            if not current:
                return {"home": home, "problem": worded("it has no settings")}
            candidate = asked.get("candidate") or {**current, **asked["changes"]}
            report = backtest(
                history.of_home(home),
                current,
                candidate,
                datetime.fromisoformat(asked["start"]),
                datetime.fromisoformat(asked["end"]),
            )
        except _OF_ONE_HOME as error:
            return {"home": home, "problem": reworded(error)}
    return {"home": home, "report": report.to_dict()}


def backtest_homes(
    spread: Spread,
    homes: Sequence[str],
    start: datetime,
    end: datetime,
    *,
    candidate: Document | None = None,
    changes: Document | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> list[Document]:
    """Backtest a candidate, or `changes` of each home's settings, over many homes.

    Returns what `backtest_home` returns, in their order; a home of which nothing can be
    said has a `problem` and holds nobody up.
    """
    if (candidate is None) == (changes is None):
        raise ValueError(worded("either a candidate or changes"))
    asked = [
        {
            "home": home,
            "start": start.isoformat(),
            "end": end.isoformat(),
            **({"candidate": candidate} if candidate is not None else {}),
            **({"changes": changes} if changes is not None else {}),
        }
        for home in homes
    ]
    found = []
    for each in spread(backtest_home, asked):
        found.append(each)
        if on_progress is not None:
            on_progress(len(found) / len(homes))
    return found
