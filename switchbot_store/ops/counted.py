"""Over what span did the server count what its statistics say?

They begin anew when somebody resets them, when a backend or the machine crashes, and with
a new database; a standby counts for itself and goes on counting when it is promoted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psycopg

from switchbot_store.languages import worded

if TYPE_CHECKING:
    from switchbot_store.ops.target import Session

# A crash zeroes everything and leaves no date with the database; those of the whole
# server get one then. The subtransaction pages are made one after another as transaction
# ids are used up, 2048 to a page of 8 kB: they tell how many there were.
_SINCE: Final = """
SELECT
    current_setting('track_counts')::bool AS counted,
    extract(epoch FROM clock_timestamp() - greatest(
        d.stats_reset, coalesce(b.stats_reset, clock_timestamp()), l.stats_reset
    ))::float8 AS seconds,
    (l.blks_zeroed + %(margin)s) * current_setting('block_size')::int / 4 AS transactions,
    age(own.xmin) - age(pg_snapshot_xmin(pg_current_snapshot())::xid) AS database_ago,
    CASE WHEN current_setting('track_commit_timestamp')::bool THEN
        extract(epoch FROM clock_timestamp() - pg_xact_commit_timestamp(own.xmin))::float8
    END AS database_seconds,
    (SELECT count(*) FROM pg_stat_replication)::int
        + (SELECT count(*) FROM pg_replication_slots WHERE slot_type = 'physical')::int
        AS standbys
FROM pg_stat_database d
JOIN pg_database own ON own.oid = d.datid
CROSS JOIN pg_stat_bgwriter b
LEFT JOIN pg_stat_slru l ON l.name IN ('Subtrans', 'subtransaction')
WHERE d.datname = current_database()
"""
_MARGIN_PAGES: Final = 16
"""Sessions tell what they counted some seconds late."""
_TIMELINE: Final = "SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8) AS name"
# The file is written when a standby is promoted, and kept.
_PROMOTED: Final = """
SELECT extract(epoch FROM clock_timestamp() - max(modification))::float8 AS seconds
FROM pg_ls_waldir() WHERE name = %s
"""
_FIRST: Final = "00000001"


@dataclass(frozen=True, slots=True)
class CountedSpan:
    """How long the counts of this database go back, in seconds; None where unknown.

    `transactions` is how many transaction ids were used since, at the most: what has an
    older one was there all the time. `standbys` is how many count for themselves.
    """

    seconds: float | None
    transactions: int | None = None
    standbys: int = 0
    why_not: str = ""
    fix: str = ""


def counted_span(session: Session) -> CountedSpan:
    """Return over what span the counts of this database can be judged."""
    if session.standby:
        return CountedSpan(
            None,
            why_not=worded(
                "this is a standby: it counts what is asked of itself alone"
            ),
            fix=worded("ask the primary"),
        )
    row = session.row(_SINCE, {"margin": _MARGIN_PAGES})
    if not row["counted"]:
        return CountedSpan(
            None,
            why_not=worded("nobody counts scans"),
            fix=worded("SET track_counts = on on the server"),
        )
    promoted = _promoted_seconds_ago(session)
    if isinstance(promoted, CountedSpan):
        return promoted
    transactions = row["transactions"]
    if transactions is None or row["database_ago"] <= transactions:
        # A database that is younger than its counts may be a copy of an older one.
        transactions = None
    made = row["database_seconds"]
    seconds = min(row["seconds"], promoted, float("inf") if made is None else made)
    return CountedSpan(max(0.0, seconds), transactions, row["standbys"])


def _promoted_seconds_ago(session: Session) -> float | CountedSpan:
    """Return when this server became a primary, without end if it always was one."""
    unknown = CountedSpan(
        None,
        why_not=worded(
            "this server was promoted, and since when it counts is not told"
        ),
        fix=worded("ask as a member of pg_monitor"),
    )
    try:
        with session.attempt():
            timeline = session.row(_TIMELINE)["name"]
            if timeline == _FIRST:
                return float("inf")
            row: dict[str, Any] = session.row(_PROMOTED, [f"{timeline}.history"])
    except (
        psycopg.errors.FeatureNotSupported,
        psycopg.errors.InsufficientPrivilege,
        psycopg.errors.ObjectNotInPrerequisiteState,
        psycopg.errors.UndefinedFunction,
    ):
        return unknown
    return unknown if row["seconds"] is None else float(row["seconds"])
