"""Rows of history that repeat a decision, and the row that tells it.

A decision is written once, into the row of the look that made it, and once more an hour
while it stands. The rows in between say no more than how long before them that row was
recorded, ``{"run": 120000000}`` in microseconds, and what differs from it: a row that
repeats takes a third of the room so. Rows of releases before tell all of it themselves.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from switchbot_automation.core.state.values import encode_instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

_TELLING: Final = 16
"""The last row that tells a decision is pointed at; a few more where two engines record."""
_MICROSECOND: Final = timedelta(microseconds=1)
_MOVED: Final = (timedelta(), _MICROSECOND, -_MICROSECOND)
"""Where the row may be: either timestamp moved on by a microsecond if it was taken."""


def repeating(recorded_at: datetime, now: datetime) -> int:
    """Return what a row of `now` says of the row that tells its decision."""
    return (now - recorded_at) // _MICROSECOND


def told_at(row: Mapping[str, Any]) -> datetime | None:
    """Return when the row was recorded that tells this one's decision.

    None for a row that tells it itself, or that has none.
    """
    metadata = row.get("metadata")
    back = metadata.get("run") if isinstance(metadata, dict) else None
    if type(back) is not int:
        return None
    try:
        at: datetime = row["timestamp"] - back * _MICROSECOND
    except OverflowError:
        return None
    return at


def said(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a decision every row of it repeats: trigger, outcome, codes."""
    kept = {
        name: metadata[name]
        for name in ("trigger", "outcome", "shadow")
        if name in metadata
    }
    kept["reasons"] = [
        {"code": each["code"]}
        for each in metadata.get("reasons") or ()
        if "code" in each
    ]
    return kept


def in_full(row: Mapping[str, Any], telling: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row that repeats with the decision of the row that tells it."""
    own, whole = row["metadata"], telling["metadata"]
    of_run = whole.get("run")
    since = of_run.get("since") if isinstance(of_run, dict) else None
    at = encode_instant(telling["timestamp"])
    run = {"trace": at, "since": since or at}
    return {**row, "metadata": {**said(whole), **own, "run": run}}


class Decisions:
    """Gives a zone's rows their decisions, as they come, ascending."""

    def __init__(self) -> None:
        self._telling: dict[datetime, Mapping[str, Any]] = {}

    def of(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        """Yield the next rows; one whose telling row did not come stays as it is."""
        for row in rows:
            at = told_at(row)
            if at is not None:
                found = (self._telling.get(at + each) for each in _MOVED)
                whole = next((each for each in found if each is not None), None)
                yield row if whole is None else in_full(row, whole)
                continue
            metadata = row.get("metadata")
            if isinstance(metadata, dict) and "trace" in metadata:
                self._take(row)
            yield row

    def _take(self, row: Mapping[str, Any]) -> None:
        self._telling[row["timestamp"]] = row
        if len(self._telling) > _TELLING:
            # In the order in which they came: the oldest goes.
            del self._telling[next(iter(self._telling))]


def with_decisions(
    rows: Iterable[Mapping[str, Any]],
) -> Iterator[Mapping[str, Any]]:
    """Yield a zone's rows, ascending, each with its decision; see `Decisions`."""
    return Decisions().of(rows)
