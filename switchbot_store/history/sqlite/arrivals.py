"""In which order rows came, and through how much time: what one clock alone cannot falsify.

A file has no clock of its own, and this host's may be wrong for weeks: rows that came with it
look then as rows of a later year do. So it is noted, for each hour that rows are of, how much
time rows had been coming when the last of them came: *lived* time, the sum of the steps from
row to row, of which one that goes back, or beyond `_STEP`, counts nothing. What came within
the last `span` of it is younger than that, whatever any clock says.

That is of rows as they are recorded. Of those that are brought from elsewhere, stamped more
than a day from what the clock says, nothing is known, and nothing noted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

_HOUR: Final = 3_600_000_000
_STEP: Final = 3 * _HOUR
"""No engine looks more seldom; a clock put forward by less than this counts as time."""
_PRESENT: Final = 24 * _HOUR
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS state_history_arrivals (
    hour INTEGER PRIMARY KEY,
    lived INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS state_history_lived (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    newest INTEGER NOT NULL,
    lived INTEGER NOT NULL
);
"""
_STATE: Final = "SELECT newest, lived FROM state_history_lived"
_SET_STATE: Final = "INSERT OR REPLACE INTO state_history_lived VALUES (1, ?, ?)"
_NOTE: Final = """
INSERT INTO state_history_arrivals VALUES (?, ?)
ON CONFLICT (hour) DO UPDATE SET lived = max(lived, excluded.lived)
"""
# A file of an earlier release: its hours came one after the other, as far as is known.
_BEGIN: Final = """
INSERT OR IGNORE INTO state_history_arrivals
SELECT bucket, 3600000000 * row_number() OVER (ORDER BY bucket) FROM (
    SELECT DISTINCT bucket FROM state_history_hourly WHERE count > 0 AND bucket < ?)
"""
_BEGUN: Final = "SELECT coalesce(max(lived), 0) FROM state_history_arrivals"
_FIRST_SINCE: Final = "SELECT min(hour) FROM state_history_arrivals WHERE lived > ?"
_FORGET: Final = "DELETE FROM state_history_arrivals WHERE hour < ?"


def note(connection: sqlite3.Connection, stamps: Iterable[int], now: int) -> None:
    """Note rows that came together, in the transaction that adds them."""
    ordered = sorted({stamp for stamp in stamps if abs(now - stamp) <= _PRESENT})
    if not ordered:
        return
    state = connection.execute(_STATE).fetchone()
    if state is None:
        connection.execute(_BEGIN, (ordered[0] - ordered[0] % _HOUR,))
        (begun,) = connection.execute(_BEGUN).fetchone()
        state = ordered[0], begun
    newest, lived = state
    hours: dict[int, int] = {}
    for stamp in ordered:
        if 0 < stamp - newest <= _STEP:
            lived += stamp - newest
        newest = stamp
        hours[stamp - stamp % _HOUR] = lived
    connection.executemany(_NOTE, hours.items())
    connection.execute(_SET_STATE, (newest, lived))


def edge(connection: sqlite3.Connection, span: int) -> int | None:
    """Return before which instant no row is of what came within `span`; None: no row is."""
    state = connection.execute(_STATE).fetchone()
    if state is None:
        return None
    (first,) = connection.execute(_FIRST_SINCE, (state[1] - span,)).fetchone()
    return None if first is None else int(first)


def forget(connection: sqlite3.Connection, before: int) -> None:
    """Forget the hours whose rows are deleted."""
    connection.execute(_FORGET, (before,))
