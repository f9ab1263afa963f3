"""How `PostgresHistory` rolls hours and blocks up and deletes old rows.

See `switchbot_store.history.postgres.rows_sql` for the angle brackets.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, LiteralString

from switchbot_store.history.model import BLOCK, HOLD_SECONDS, HOUR, block_of
from switchbot_store.history.postgres.buckets_sql import (
    BLOCK_OF,
    FEW,
    FINISHED,
    ROW_TEXTS,
    sums_of,
)
from switchbot_store.history.postgres.rows_sql import HOUR_OF, ZONES, composed

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

# Hours are rolled up by parts of the zones. Who holds a part's row computes the hours and
# blocks of its zones alone; where somebody holds it already, others take another part.
_PART_OF: Final[LiteralString] = "hashtext(zone) & 15"
HOLD_PARTS: Final = composed(
    """
    SELECT part FROM state_history_parts
    WHERE part IN (SELECT <PART> FROM unnest(%(zones)s::text[]) AS given(zone))
    ORDER BY part FOR UPDATE
    """,
    part=_PART_OF,
)
HOLD_ALL_PARTS: Final = "SELECT part FROM state_history_parts ORDER BY part FOR UPDATE"
STATE: Final = """
SELECT nullif(r.through, '-infinity'), p.farthest,
    r.through IS NULL, p.nearest IS DISTINCT FROM r.through,
    EXISTS (SELECT FROM state_history_late l WHERE l.bucket < r.through)
FROM (SELECT min(through) AS nearest, nullif(max(through), '-infinity') AS farthest
      FROM state_history_parts) AS p
LEFT JOIN state_history_rollup r ON true
"""
"""Up to when all zones are rolled up, and any; whether nobody knows; whether that is to
be published; whether hours before wait."""
BEGIN_ANEW: Final = (
    "UPDATE state_history_parts SET through = '-infinity'",
    """
    INSERT INTO state_history_rollup (singleton, through) VALUES (true, '-infinity')
    ON CONFLICT (singleton) DO NOTHING
    """,
)
"""Where somebody made the tables anew, and with them what was known."""
PUBLISH: Final = """
UPDATE state_history_rollup SET through = parts.nearest
FROM (SELECT min(through) AS nearest FROM state_history_parts) AS parts
WHERE through < parts.nearest
"""
"""After each step, by itself: whoever is the last to do so sees what all have done."""
# So many parts that a step has some hundred zones, and one at least: of a single home
# all at once.
TAKE_PARTS: Final = """
SELECT part, nullif(through, '-infinity') FROM state_history_parts
WHERE through < %(edge)s
ORDER BY through, part
LIMIT greatest(1, 16 * %(zones_at_once)s
    / greatest(1, (SELECT count(*) FROM state_history_zones)))
FOR UPDATE SKIP LOCKED
"""
ZONES_OF_PARTS: Final = composed(
    """
    SELECT zone FROM state_history_zones WHERE <PART> = ANY (%(parts)s)
    """,
    part=_PART_OF,
)
SET_THROUGH: Final = """
UPDATE state_history_parts SET through = %(through)s WHERE part = ANY (%(parts)s)
"""
TAKE_LATE: Final = composed(
    """
    WITH wanted AS MATERIALIZED (
        SELECT zone, bucket, <PART> AS part FROM state_history_late
        WHERE bucket < %(through)s ORDER BY bucket, zone LIMIT %(limit)s
    ), held AS MATERIALIZED (
        SELECT part FROM state_history_parts
        WHERE part IN (SELECT part FROM wanted) ORDER BY part FOR UPDATE SKIP LOCKED
    )
    DELETE FROM state_history_late WHERE (zone, bucket) IN (
        SELECT zone, bucket FROM wanted WHERE part IN (SELECT part FROM held)
    ) RETURNING zone, bucket
    """,
    part=_PART_OF,
)
FORGET_LATE: Final = """
DELETE FROM state_history_late
WHERE zone = ANY (%(zones)s) AND bucket >= %(start)s AND bucket < %(end)s
"""
FORGET_HOURS: Final = """
WITH hours AS (
    SELECT * FROM unnest(%(zones)s::text[], %(hours)s::timestamptz[]) AS u(zone, bucket)
), blocks AS (
    DELETE FROM state_history_blocks b USING hours h
    WHERE b.zone = h.zone AND b.bucket <= h.bucket
        AND b.bucket > h.bucket - interval '6 hours'
)
DELETE FROM state_history_hourly s USING hours h
WHERE s.zone = h.zone AND s.bucket = h.bucket AND s.frozen IS NOT TRUE
"""
"""Hours whose rows were moved away, with the blocks that they were summed up in."""
_ROLLED_COLUMNS: Final = (
    "count, temperature, min_temperature, max_temperature, temperature_seconds,"
    " humidity, min_humidity, max_humidity, humidity_seconds, aircon_on_seconds,"
    " assumed_aircon_power, last_action, timezone, api_requests_today, error_count,"
    " last_temperature_stale"
)
_BLOCK_COLUMNS: Final = (
    "count, last_hour, min_temperature, max_temperature, temperature_weighed,"
    " temperature_seconds, min_humidity, max_humidity, humidity_weighed,"
    " humidity_seconds, aircon_on_seconds, api_requests_today, error_count,"
    " last_temperature_stale"
)
_BLOCK_SUMS: Final = """
    sum(h.count)::bigint, max(h.bucket) FILTER (WHERE h.count > 0),
    min(h.min_temperature), max(h.max_temperature),
    sum(h.temperature * h.temperature_seconds), sum(h.temperature_seconds),
    min(h.min_humidity), max(h.max_humidity),
    sum(h.humidity * h.humidity_seconds), sum(h.humidity_seconds),
    sum(h.aircon_on_seconds), max(h.api_requests_today),
    least(sum(h.error_count), 9223372036854775807)::bigint, bool_or(h.last_temperature_stale)
"""
_GIVEN: Final = """
unnest(%(zones)s::text[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
    AS r(zone, lo, hi)
"""
_BUCKET_OF: Final = HOUR_OF.replace("{}", "since")
# Whoever copied the tables may have left their defaults and NOT NULL behind: what a new
# hour is, the statement says, and one of which it is not known has its rows yet.
ROLL_UP: Final = composed(
    """
    INSERT INTO state_history_hourly AS stored (zone, bucket, frozen, <COLUMNS>)
    WITH ranges AS (SELECT * FROM <GIVEN>), <SUMS>
    SELECT s.zone, s.bucket, false, <FINISHED>
    FROM sums s LEFT JOIN LATERAL (<TEXTS>) AS texts ON true
    ON CONFLICT (zone, bucket) DO UPDATE SET (<COLUMNS>) = (<EXCLUDED>)
    WHERE stored.frozen IS NOT TRUE
    """,
    given=_GIVEN,
    sums=sums_of(
        None,
        # Every hour here is over: the present cuts nothing short.
        now="'infinity'::timestamptz",
        hold="%(hold)s",
        bucket_since=_BUCKET_OF,
        bucket_end=f"{_BUCKET_OF} + interval '1 hour'",
        # Unlike in a query, an hour without a sample counts: the next sum may need it.
        carry=f"{_BUCKET_OF} + interval '1 hour'",
    ),
    texts=ROW_TEXTS,
    finished=", ".join(
        [FINISHED.get(name, f"texts.{name}") for name in _ROLLED_COLUMNS.split(", ")]
    ),
    columns=_ROLLED_COLUMNS,
    excluded=f"excluded.{_ROLLED_COLUMNS.replace(', ', ', excluded.')}",
)
# After each change of hours, in the same transaction: a block is the sum of its hours.
# By key for each zone, as the hours of all zones lie mixed.
SUM_UP: Final = composed(
    """
    INSERT INTO state_history_blocks AS stored (zone, bucket, <COLUMNS>)
    SELECT s.*
    FROM <GIVEN>
    CROSS JOIN LATERAL (
        SELECT h.zone, <BLOCK>, <SUMS> FROM state_history_hourly h
        WHERE h.zone = r.zone AND h.bucket >= r.lo AND h.bucket < r.hi
        GROUP BY 1, 2 <FEW>
    ) AS s
    ON CONFLICT (zone, bucket) DO UPDATE SET (<COLUMNS>) = (<EXCLUDED>)
    """,
    given=_GIVEN,
    few=FEW,
    block=BLOCK_OF.replace("{}", "h.bucket"),
    columns=_BLOCK_COLUMNS,
    excluded=f"excluded.{_BLOCK_COLUMNS.replace(', ', ', excluded.')}",
    sums=_BLOCK_SUMS,
)
# A row that repeats a decision says how long before it the row was recorded that tells it,
# an hour at most; either may have been moved by a microsecond. Foreign rows say anything.
_TOLD_BY: Final = """
r."timestamp" >= least(
    %(before)s, (SELECT through FROM state_history_rollup)) - interval '1 hour'
AND EXISTS (
    SELECT FROM state_history l
    WHERE l.zone = r.zone
        AND l."timestamp" >= least(
            %(before)s, (SELECT through FROM state_history_rollup))
        AND l."timestamp" <= r."timestamp" + interval '1 hour'
        AND CASE WHEN jsonb_typeof(l.metadata -> 'run') = 'number'
            AND l."timestamp" <= r."timestamp" + interval '1 hour' THEN
            (l.metadata ->> 'run')::numeric
                - extract(epoch FROM l."timestamp" - r."timestamp") * 1000000
                BETWEEN -1 AND 1 END
)
"""
# What goes, and the hours that can no longer be computed: a reading holds into the next.
# Nobody waits for the disk: what a crash brings back goes the next time. A place is one
# of every partition: only with its key it says which row.
PURGE: Final = composed(
    """
    WITH RECURSIVE <ZONES>,
    victims AS (
        SELECT s.* FROM zones z CROSS JOIN LATERAL (
            SELECT r.ctid AS place, r.zone, r."timestamp", <HOUR> AS hour
            FROM state_history r
            WHERE r.zone = z.zone
                AND r."timestamp" < least(
                    %(before)s, (SELECT through FROM state_history_rollup))
                AND (NOT EXISTS (SELECT FROM state_history_late) OR (r.zone, <HOUR>)
                    NOT IN (SELECT zone, bucket FROM state_history_late))
                AND NOT (<TOLD_BY>)
            ORDER BY r."timestamp" LIMIT %(limit)s
        ) s LIMIT %(limit)s
    ),
    frozen AS (
        UPDATE state_history_hourly SET frozen = true WHERE ctid = ANY (ARRAY(
            SELECT found.place
            FROM (SELECT DISTINCT zone, hour FROM victims) v
            CROSS JOIN (VALUES (interval '0'), (interval '1 hour')) AS step(width)
            CROSS JOIN LATERAL (
                SELECT h.ctid AS place FROM state_history_hourly h
                WHERE h.zone = v.zone AND h.bucket = v.hour + step.width
                    AND h.bucket < (SELECT through FROM state_history_rollup)
                    AND (h.zone, h.bucket) NOT IN (
                        SELECT zone, bucket FROM state_history_late)
                LIMIT 1 -- by key, each
            ) AS found))
            AND (zone, bucket) IN (
                SELECT zone, hour + step.width
                FROM victims CROSS JOIN (VALUES (interval '0'), (interval '1 hour'))
                    AS step(width))
            AND frozen IS NOT TRUE
    )
    DELETE FROM state_history
    WHERE ctid = ANY (ARRAY(SELECT place FROM victims))
        AND (zone, "timestamp") IN (SELECT zone, "timestamp" FROM victims)
        AND EXISTS (SELECT FROM state_history_rollup)
        AND (SELECT set_config('synchronous_commit', 'off', true)) = 'off'
    """,
    zones=ZONES,
    hour=HOUR_OF.replace("{}", 'r."timestamp"'),
    told_by=_TOLD_BY,
)


def range_values(
    ranges: Collection[tuple[str, datetime, datetime]],
) -> dict[str, object]:
    """Return the parameters of `ROLL_UP` and `SUM_UP`."""
    return {
        "zones": [zone for zone, _, _ in ranges],
        "starts": [start for _, start, _ in ranges],
        "ends": [end for _, _, end in ranges],
        "hold": timedelta(seconds=HOLD_SECONDS),
    }


def whole_blocks(
    ranges: Collection[tuple[str, datetime, datetime]],
) -> set[tuple[str, datetime, datetime]]:
    """Return the ranges widened to the blocks of their hours, each once."""
    return {
        (zone, block_of(start), block_of(end - HOUR) + BLOCK)
        for zone, start, end in ranges
    }
